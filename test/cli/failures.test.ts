import { execFileSync } from 'node:child_process'
import { createServer, type Server } from 'node:net'
import type { AddressInfo } from 'node:net'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { startStandIn } from '../support/cli-control.ts'
import { deafPort, emptyFolder, run, type Outcome } from './support.ts'

const cwd = emptyFolder()
const env = { PORTCULLIS_TOKEN: 'reader' }
const status = (url: string, args: readonly string[] = []): Promise<Outcome> =>
  run(['status', '--control', url, ...args], { cwd, env })

async function withServer(onConnection: (server: Server) => void, use: (port: number) => Promise<void>): Promise<void> {
  const server = createServer()
  const open = new Set<import('node:net').Socket>()
  server.on('connection', (socket) => {
    open.add(socket)
    socket.on('error', () => undefined)
  })
  onConnection(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    await use((server.address() as AddressInfo).port)
  } finally {
    for (const socket of open) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  }
}

const standIn = (statusCode: number, type: string, body: string) =>
  startStandIn({
    keys: {},
    intercept: (_request, response) => {
      response.writeHead(statusCode, { 'content-type': type }).end(body)
      return true
    },
  })

describe('what goes wrong between here and the control plane is told in one clear line', () => {
  test('nothing listens', async () => {
    const url = `http://127.0.0.1:${await deafPort()}`
    const { code, stdout, stderr } = await status(url)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toBe(`${url} refuses the connection: is the gateway running, and is this its control.listen?\n`)
  })

  test('no such host', async () => {
    const { code, stderr } = await status('http://gateway.invalid:9080')
    expect(code).toBe(1)
    expect(stderr).toMatch(/cannot be found: .*gateway\.invalid/)
  })

  test('no answer within 5 s', async () => {
    await withServer(
      () => undefined,
      async (port) => {
        const { code, stderr } = await status(`http://127.0.0.1:${port}`)
        expect(code).toBe(1)
        expect(stderr).toBe(`http://127.0.0.1:${port} gave no answer within 5 s\n`)
      },
    )
  })

  test('the connection is closed without an answer', async () => {
    await withServer(
      (server) => server.on('connection', (socket) => socket.destroy()),
      async (port) => {
        const { code, stderr } = await status(`http://127.0.0.1:${port}`)
        expect(code).toBe(1)
        expect(stderr).toContain('closed the connection without an answer')
      },
    )
  })

  test('it is no HTTP', async () => {
    await withServer(
      (server) => server.on('connection', (socket) => socket.end('SSH-2.0-OpenSSH_9.9\r\n')),
      async (port) => {
        const { code, stderr } = await status(`http://127.0.0.1:${port}`)
        expect(code).toBe(1)
        expect(stderr).toContain('does not speak HTTP')
      },
    )
  })

  test('https is spoken to where http is', async () => {
    const control = await startStandIn({ keys: {} })
    const { code, stderr } = await status(control.url.replace('http:', 'https:'))
    await control.close()
    expect(code).toBe(1)
    expect(stderr).toContain('does not speak TLS: does it expect http://?')
  })

  test('the answer is a web page', async () => {
    const control = await standIn(200, 'text/html; charset=utf-8', '<p>hello</p>')
    const { code, stderr } = await status(control.url)
    await control.close()
    expect(code).toBe(1)
    expect(stderr).toBe(
      `${control.url} answered 200 with text/html; charset=utf-8 instead of JSON: it is no control plane of Portcullis; give the address of control.listen\n`,
    )
  })

  test('the JSON is cut off', async () => {
    const control = await standIn(200, 'application/json', '{"epoch":')
    const { code, stderr } = await status(control.url)
    await control.close()
    expect(code).toBe(1)
    expect(stderr).toContain('JSON that is broken')
  })

  test('the JSON is of something else', async () => {
    const control = await standIn(200, 'application/json', '{"hello":1}')
    const { code, stderr } = await status(control.url)
    await control.close()
    expect(code).toBe(1)
    expect(stderr).toContain('not of this version')
  })

  test('a refusal without a reason', async () => {
    const control = await standIn(500, 'application/problem+json', '{}')
    const { code, stderr } = await status(control.url)
    await control.close()
    expect(code).toBe(1)
    expect(stderr).toBe(`${control.url} refuses (500): no reason was given\n`)
  })

  test('its problem brings escapes along', async () => {
    const control = await standIn(
      403,
      'application/problem+json',
      JSON.stringify({ title: '\x1b[2Jno', detail: 'a\x1b[31mb\u202ec' }),
    )
    const { stderr } = await status(control.url)
    await control.close()
    expect(stderr).toBe(`${control.url} refuses (403 no): abc\n`)
  })
})

describe('a control plane with a certificate of a private authority', () => {
  const tls = certificate()
  const orSkip = tls === undefined ? test.skip : test

  orSkip('is refused where the authority is not named, and read where it is', async () => {
    const control = await startStandIn({ keys: {}, readToken: 'reader', ...(tls === undefined ? {} : { tls }) })
    const refused = await status(control.url)
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain('not trusted here')
    expect(refused.stderr).toContain('--ca FILE')
    expect(control.requests).toEqual([])
    const read = await status(control.url, ['--ca', 'control.crt'])
    await control.close()
    expect(read.code).toBe(0)
  })

  orSkip('is refused under a name that is not in it', async () => {
    const control = await startStandIn({ keys: {}, readToken: 'reader', ...(tls === undefined ? {} : { tls }) })
    const { code, stderr } = await status(control.url.replace('127.0.0.1', 'localhost'), ['--ca', 'control.crt'])
    await control.close()
    expect(code).toBe(1)
    expect(stderr).toContain('for other names than localhost')
  })
})

function certificate(): { key: string; cert: string } | undefined {
  try {
    const subject = ['-subj', '/CN=control', '-addext', 'subjectAltName=IP:127.0.0.1']
    const out = ['-keyout', 'control.pem', '-out', 'control.crt']
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-days',
        '2',
        ...subject,
        ...out,
      ],
      { cwd, stdio: 'ignore' },
    )
  } catch {
    console.warn('SKIPPED: openssl is not installed, so certificates of a private authority are not tried')
    return undefined
  }
  return { key: readFileSync(join(cwd, 'control.pem'), 'utf8'), cert: readFileSync(join(cwd, 'control.crt'), 'utf8') }
}
