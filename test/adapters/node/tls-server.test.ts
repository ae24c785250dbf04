// A listener with the options of tls-server.ts, against real clients.
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import tls from 'node:tls'
import { afterAll, afterEach, expect, test } from '@jest/globals'
import { serverTlsOptions } from '../../../src/adapters/node/tls-server.ts'
import { createAuthority } from '../../support/certificates.ts'

const home = mkdtempSync(path.join(os.tmpdir(), 'portcullis-tls-server-'))
const authority = createAuthority(home)
const stranger = createAuthority(home, 'stranger')
const own = authority.issue('own')
const rsa = authority.issue('rsa', { newkey: ['rsa:2048'] })
const client = authority.issue('client')
const foreign = stranger.issue('foreign')

let server: tls.Server
afterEach(async () => {
  const closed = once(server, 'close')
  server.close()
  await closed
})
afterAll(() => {
  rmSync(home, { recursive: true, force: true })
})

async function listen(options: tls.TlsOptions): Promise<void> {
  server = tls.createServer(options, (socket) => {
    socket.on('error', () => undefined)
    socket.end('hello')
  })
  server.on('tlsClientError', (_, socket) => socket.destroy())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
}

/** What the client gets: the greeting, or the code of the error that ended it. */
function ask(
  options: tls.ConnectionOptions = {},
): Promise<{ got: string; protocol?: string | undefined; serial?: string }> {
  const { port } = server.address() as net.AddressInfo
  return new Promise((resolve) => {
    const socket = tls.connect({ host: '127.0.0.1', port, ca: authority.cert, ...options })
    let got = ''
    socket.on('data', (chunk: Buffer) => (got += chunk.toString()))
    socket.on('end', () => {
      const { serialNumber: serial } = socket.getPeerCertificate()
      resolve({ got, protocol: socket.alpnProtocol === false ? undefined : (socket.alpnProtocol ?? undefined), serial })
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      resolve({ got: error.code ?? error.message })
    })
  })
}

test('speaks HTTP/1.1 alone: who wants another protocol is refused in the handshake', async () => {
  await listen(serverTlsOptions(own, 5_000))
  expect(await ask({ ALPNProtocols: ['h2', 'http/1.1'] })).toMatchObject({ got: 'hello', protocol: 'http/1.1' })
  expect(await ask()).toMatchObject({ got: 'hello', protocol: undefined })
  expect((await ask({ ALPNProtocols: ['h2'] })).got).toBe('ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL')
})

test('no old protocol, and no cipher without forward secrecy', async () => {
  await listen(serverTlsOptions(rsa, 5_000))
  const old = await ask({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' })
  expect(old.got).toMatch(/^ERR_SSL_|ECONNRESET/)
  // The ciphers alone keep old protocols out today; the bound does not lean on them.
  expect(serverTlsOptions(rsa, 5_000).minVersion).toBe('TLSv1.2')
  for (const cipher of ['AES128-GCM-SHA256', 'ECDHE-RSA-AES128-SHA', 'DHE-RSA-AES128-GCM-SHA256'])
    expect([cipher, (await ask({ maxVersion: 'TLSv1.2', ciphers: cipher })).got]).toEqual([
      cipher,
      expect.stringMatching(/HANDSHAKE_FAILURE/),
    ])
  expect((await ask({ maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' })).got).toBe('hello')
})

test('with authorities, only a client with a certificate of theirs comes in', async () => {
  await listen(serverTlsOptions({ ...own, ca: authority.cert }, 5_000))
  expect((await ask({ cert: client.cert, key: client.key })).got).toBe('hello')
  expect((await ask()).got).toMatch(/CERTIFICATE_REQUIRED/)
  expect((await ask({ cert: foreign.cert, key: foreign.key })).got).not.toContain('hello')
})

test('a certificate is changed under open connections, and its old sessions open nothing more', async () => {
  await listen(serverTlsOptions(own, 5_000))
  const before = await ask()
  server.setSecureContext(serverTlsOptions(rsa, 5_000))
  const after = await ask()
  expect([before.got, after.got]).toEqual(['hello', 'hello'])
  expect(after.serial).not.toBe(before.serial)
  expect(await ask({ ALPNProtocols: ['http/1.1'] })).toMatchObject({ protocol: 'http/1.1' })
  expect((await ask({ maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256' })).got).toMatch(/HANDSHAKE_FAILURE/)
})

test('a client that asks for new keys is not given them', async () => {
  await listen({ ...serverTlsOptions(own, 5_000) })
  server.removeAllListeners('secureConnection')
  server.on('secureConnection', (socket) => socket.on('error', () => undefined))
  const { port } = server.address() as net.AddressInfo
  const socket = tls.connect({ host: '127.0.0.1', port, ca: authority.cert, maxVersion: 'TLSv1.2' })
  await once(socket, 'secureConnect')
  const refused = once(socket, 'error') as Promise<[NodeJS.ErrnoException]>
  socket.renegotiate({}, () => undefined)
  const [error] = await refused
  expect(error.code).toMatch(/NO_RENEGOTIATION|ECONNRESET/)
  socket.destroy()
})

test('a handshake that does not come is ended in its time', async () => {
  await listen(serverTlsOptions(own, 50))
  const { port } = server.address() as net.AddressInfo
  const socket = net.connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  await once(socket, 'close')
})
