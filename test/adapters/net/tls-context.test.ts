// Connections to real listeners: plain, at a socket, and by TLS with an authority of the test's own.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import tls from 'node:tls'
import { afterAll, afterEach, describe, expect, test } from '@jest/globals'
import { createConnector, type UpstreamTls } from '../../../src/adapters/net/tls-context.ts'
import type { UpstreamFailure } from '../../../src/ports/upstream-client.ts'
import { createAuthority, openssl } from '../../support/certificates.ts'

const home = mkdtempSync(path.join(os.tmpdir(), 'portcullis-tls-context-'))
const authority = createAuthority(home)
const stranger = createAuthority(home, 'stranger')
const good = authority.issue('good')
const client = authority.issue('client')

interface Listener {
  readonly port: number
  /** What each connection that was accepted has said. */
  readonly heard: string[]
  readonly peers: net.Socket[]
}

const open: net.Server[] = []
afterEach(async () => {
  for (const server of open.splice(0)) await new Promise((resolve) => server.close(resolve))
})
afterAll(() => {
  rmSync(home, { recursive: true, force: true })
})

async function listen(make: (accept: (socket: net.Socket) => void) => net.Server, at?: string): Promise<Listener> {
  const heard: string[] = []
  const peers: net.Socket[] = []
  const server = make((socket) => {
    const index = heard.push('') - 1
    peers.push(socket)
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => {
      heard[index] += chunk.toString()
      socket.write('heard')
    })
  })
  server.on('tlsClientError', (_: Error, socket: net.Socket) => socket.destroy())
  await new Promise<void>((resolve) => {
    if (at === undefined) server.listen(0, '127.0.0.1', resolve)
    else server.listen(at, resolve)
  })
  open.push(server)
  return { port: at === undefined ? (server.address() as net.AddressInfo).port : 0, heard, peers }
}

const listenSecure = (options: tls.TlsOptions): Promise<Listener> =>
  listen((accept) => tls.createServer(options, accept))

/** The failure, or what the other side answered to one word. */
async function ask(target: string, secure?: UpstreamTls, timeoutMs = 5_000): Promise<string | UpstreamFailure> {
  const connector = createConnector(target, timeoutMs, secure)
  let socket: net.Socket | undefined
  const failure = await new Promise<UpstreamFailure | undefined>((resolve) => {
    socket = connector.connect(resolve)
  })
  if (failure !== undefined || socket === undefined) return failure ?? 'no socket'
  socket.write('word')
  const [answer] = (await once(socket, 'data')) as [Buffer]
  socket.destroy()
  return answer.toString()
}

describe('without TLS', () => {
  test('by TCP, over IPv4 and by name', async () => {
    const { port, heard } = await listen((accept) => net.createServer(accept))
    expect(await ask(`http://127.0.0.1:${port}`)).toBe('heard')
    expect(await ask(`http://localhost:${port}`)).toBe('heard')
    expect(heard).toEqual(['word', 'word'])
  })

  test('by a unix socket', async () => {
    const at = path.join(home, 'app.sock')
    const { heard } = await listen((accept) => net.createServer(accept), at)
    expect(await ask(`unix:${at}`)).toBe('heard')
    expect(heard).toEqual(['word'])
    expect(createConnector(`unix:${at}`, 1_000).host).toBe('localhost')
  })

  test('the Host field has the port where it is not the usual one', () => {
    expect(createConnector('http://registry.internal:9000', 1_000).host).toBe('registry.internal:9000')
    expect(createConnector('https://registry.internal', 1_000).host).toBe('registry.internal')
    expect(createConnector('http://[::1]:9000', 1_000).host).toBe('[::1]:9000')
  })

  test('where nobody listens it is refused', async () => {
    const { port } = await listen((accept) => net.createServer(accept))
    await new Promise((resolve) => open.pop()?.close(resolve))
    expect(await ask(`http://127.0.0.1:${port}`)).toEqual({
      failure: 'refused',
      detail: 'nobody listens there (ECONNREFUSED)',
    })
    expect(await ask(`unix:${path.join(home, 'nowhere.sock')}`)).toEqual({
      failure: 'refused',
      detail: 'there is no such socket (ENOENT)',
    })
  })

  test('a connection that the caller destroys has failed once, and nothing is thrown', async () => {
    const { port } = await listen((accept) => net.createServer(accept))
    const failures: (UpstreamFailure | undefined)[] = []
    const socket = createConnector(`http://127.0.0.1:${port}`, 1_000).connect((failure) => failures.push(failure))
    expect(failures).toEqual([])
    socket.destroy()
    await once(socket, 'close')
    expect(failures).toEqual([{ failure: 'reset', detail: 'the connection was closed before it was open' }])
  })

  test('an open connection has no listener of ours left', async () => {
    const { port } = await listen((accept) => net.createServer(accept))
    const socket = await new Promise<net.Socket>((resolve) => {
      const made: net.Socket = createConnector(`http://127.0.0.1:${port}`, 1_000).connect(() => {
        resolve(made)
      })
    })
    expect(['error', 'close', 'connect'].map((event) => socket.listeners(event))).toEqual([[], [], []])
    socket.destroy()
  })
})

describe('with TLS', () => {
  test('takes a certificate of the authority for the name or the address of the target', async () => {
    const { port, heard } = await listenSecure(good)
    expect(await ask(`https://localhost:${port}`, { ca: authority.cert })).toBe('heard')
    expect(await ask(`https://127.0.0.1:${port}`, { ca: authority.cert })).toBe('heard')
    expect(heard).toEqual(['word', 'word'])
  })

  test.each<readonly [string, () => { cert: string; key: string }, UpstreamTls, RegExp]>([
    ['an unknown authority', () => good, {}, /authority that is not believed|whole chain/],
    ['another authority', () => good, { ca: stranger.cert }, /authority that is not believed|whole chain/],
    [
      'an authority of the same name with another key',
      () => createAuthority(mkdtempSync(path.join(home, 'twin-')), 'authority').issue('good'),
      { ca: authority.cert },
      /not signed by the authority|authority that is not believed|whole chain/,
    ],
    [
      'another name',
      () => authority.issue('elsewhere', { names: ['DNS:elsewhere.example'] }),
      { ca: authority.cert },
      /stands for another name \(ERR_TLS_CERT_ALTNAME_INVALID\)/,
    ],
    [
      'an expired certificate',
      () => authority.issue('expired', { days: -1 }),
      { ca: authority.cert },
      /has expired \(CERT_HAS_EXPIRED\)/,
    ],
  ])('refuses %s before a byte of the request', async (_, issue, secure, detail) => {
    const { cert, key } = issue()
    const { port, heard } = await listenSecure({ cert, key })
    for (const host of ['localhost', '127.0.0.1'])
      expect(await ask(`https://${host}:${port}`, secure)).toEqual({
        failure: 'refused',
        detail: expect.stringMatching(detail),
      })
    expect(heard.join('')).toBe('')
  })

  test('refuses a certificate that signed itself, until it is named', async () => {
    const [certFile, keyFile] = [path.join(home, 'self.crt'), path.join(home, 'self.key')]
    const subject = ['-subj', '/CN=self', '-addext', 'subjectAltName=DNS:localhost']
    openssl(
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-keyout',
      keyFile,
      '-out',
      certFile,
      '-days',
      '2',
      ...subject,
    )
    const cert = readFileSync(certFile, 'utf8')
    const { port } = await listenSecure({ cert, key: readFileSync(keyFile, 'utf8') })
    expect(await ask(`https://localhost:${port}`)).toMatchObject({
      failure: 'refused',
      detail: expect.stringMatching(/signed by itself/),
    })
    expect(await ask(`https://localhost:${port}`, { ca: cert })).toBe('heard')
  })

  test.each([
    ['an environment that says not to verify', () => good, {}, []],
    [
      'a process that takes old protocols',
      () => ({ ...good, minVersion: 'TLSv1' as const, maxVersion: 'TLSv1.1' as const, ciphers: 'ALL:@SECLEVEL=0' }),
      { ca: authority.cert },
      ['--tls-min-v1.0', '--tls-cipher-list=ALL:@SECLEVEL=0'],
    ],
  ])('is as strict in %s', async (_, options, secure, flags) => {
    const { port } = await listenSecure(options())
    const url = new URL('../../../src/adapters/net/tls-context.ts', import.meta.url).href
    const script = `import { createConnector } from '${url}'
      createConnector('https://localhost:${port}', 5_000, ${JSON.stringify(secure)}).connect((failure) => {
        console.log(failure?.failure ?? 'connected')
        process.exit()
      })`
    const child = spawn(process.execPath, [...flags, '--input-type=module', '--eval', script], {
      env: { ...process.env, NODE_TLS_REJECT_UNAUTHORIZED: '0' },
    })
    let said = ''
    child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
    await once(child, 'close')
    expect(said).toBe('refused\n')
  })

  test('asks by SNI for the name, and holds the certificate to it', async () => {
    const asked: string[] = []
    const internal = authority.issue('internal', { names: ['DNS:registry.internal', 'IP:192.0.2.7'] })
    const { port } = await listenSecure({
      ...internal,
      SNICallback: (name, done) => {
        asked.push(name)
        done(null)
      },
    })
    const target = `https://127.0.0.1:${port}`
    const ca = authority.cert
    expect(await ask(target, { ca })).toMatchObject({ failure: 'refused' })
    expect(await ask(target, { ca, serverName: 'registry.internal' })).toBe('heard')
    expect(await ask(target, { ca, serverName: 'other.internal' })).toMatchObject({ failure: 'refused' })
    expect(await ask(target, { ca, serverName: '192.0.2.7' })).toBe('heard')
    // Never an address.
    expect(asked).toEqual(['registry.internal', 'other.internal'])
  })

  test('shows its certificate where it is asked for one (mutual TLS)', async () => {
    const { port, peers } = await listenSecure({
      ...good,
      ca: authority.cert,
      requestCert: true,
      rejectUnauthorized: true,
    })
    const target = `https://localhost:${port}`
    expect(await ask(target, { ca: authority.cert, cert: client.cert, key: client.key })).toBe('heard')
    expect((peers[0] as tls.TLSSocket).getPeerCertificate().subject.CN).toBe('client')
    // TLS 1.3: the refusal of our certificate comes after our side of the handshake is over.
    const connector = createConnector(target, 5_000, { ca: authority.cert })
    const socket: net.Socket = connector.connect(() => undefined)
    const closed = new Promise((resolve) => {
      socket.on('error', () => undefined).on('close', resolve)
    })
    await closed
    expect(peers).toHaveLength(1)
  })

  test('speaks HTTP/1.1 alone, by TLS 1.2 or 1.3', async () => {
    const h2 = await listenSecure({ ...good, ALPNProtocols: ['h2'] })
    expect(await ask(`https://localhost:${h2.port}`, { ca: authority.cert })).toMatchObject({ failure: 'refused' })
    const h1 = await listenSecure({ ...good, ALPNProtocols: ['h2', 'http/1.1'] })
    expect(await ask(`https://localhost:${h1.port}`, { ca: authority.cert })).toBe('heard')
    expect((h1.peers[0] as tls.TLSSocket).alpnProtocol).toBe('http/1.1')
    const old = await listenSecure({ ...good, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' })
    expect(await ask(`https://localhost:${old.port}`, { ca: authority.cert })).toMatchObject({ failure: 'refused' })
  })

  test('plain HTTP where TLS was awaited is refused', async () => {
    const { port } = await listen(() =>
      net.createServer((socket) => {
        socket
          .on('error', () => undefined)
          .resume()
          .end('HTTP/1.1 400 Bad Request\r\n\r\n')
      }),
    )
    expect(await ask(`https://localhost:${port}`, { ca: authority.cert })).toMatchObject({ failure: 'refused' })
  })

  test('a handshake that does not come is ended in its time', async () => {
    const peers: net.Socket[] = []
    const { port } = await listen(() =>
      net.createServer((socket) => {
        peers.push(socket.on('error', () => undefined).resume())
      }),
    )
    expect(await ask(`https://localhost:${port}`, { ca: authority.cert }, 50)).toEqual({
      failure: 'timeout',
      detail: 'no connection within 50 ms',
    })
    for (const peer of peers) if (!peer.destroyed) await new Promise((resolve) => peer.once('close', resolve))
  })

  test('texts that are no PEM are thrown back', () => {
    expect(() => createConnector('https://localhost:1', 1_000, { cert: 'x', key: 'y' })).toThrow()
  })
})
