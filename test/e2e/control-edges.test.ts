// The edges of the control plane: the names that it answers to, and a certificate that is changed while it runs.
import { spawn, type ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import https from 'node:https'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { createAuthority, type Authority } from '../support/certificates.ts'
import { freePort } from '../support/free-port.ts'
import { eventually, MAIN, makePerson, NODE_FLAGS } from '../support/gateway-process.ts'

const TOKEN = 'read-token-of-the-tests'

let home: string
let port: number
let authority: Authority
let child: ChildProcess | undefined
let log = ''

beforeEach(async () => {
  home = mkdtempSync(path.join(os.tmpdir(), 'portcullis-control-edges-'))
  port = await freePort()
  authority = createAuthority(home)
  log = ''
})

afterEach(async () => {
  if (child !== undefined && child.exitCode === null && child.signalCode === null) {
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
  rmSync(home, { recursive: true, force: true })
})

const at = (name: string): string => path.join(home, name)

function put(name: string): void {
  writeFileSync(at('control.crt'), readFileSync(at(`${name}.crt`)))
  writeFileSync(at('control.key'), readFileSync(at(`${name}.key`)))
}

/** A member without a data plane: all that is tried here is its control plane. */
function start(names: string): ChildProcess {
  const people = [makePerson('lead', 'commander'), makePerson('chief', 'commander')]
  writeFileSync(
    at('portcullis.yaml'),
    `control:
  listen: "127.0.0.1:${port}"
  tls: { cert: ./control.crt, key: ./control.key }
  names: ${names}
  readToken: { sha256: ${createHash('sha256').update(TOKEN).digest('hex')} }
  responders: [${people.map(({ name, role, key }) => `{ name: ${name}, role: ${role}, key: "${key}" }`).join(', ')}]
`,
  )
  const started = spawn(process.execPath, [...NODE_FLAGS, MAIN, 'serve', '--config', at('portcullis.yaml')])
  const hear = (chunk: Buffer): void => {
    log += chunk.toString()
  }
  started.stdout.on('data', hear)
  started.stderr.on('data', hear)
  child = started
  return started
}

interface Answer {
  readonly status: number
  readonly body: string
  readonly serial: string
}

function ask(host: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = https.request(
      {
        host: '127.0.0.1',
        port,
        path: '/api/v1/status',
        ca: authority.cert,
        agent: false,
        headers: { host, authorization: `Bearer ${TOKEN}` },
        servername: 'localhost',
      },
      (response) => {
        const { serialNumber: serial } = (response.socket as import('node:tls').TLSSocket).getPeerCertificate()
        let body = ''
        response.on('data', (chunk: Buffer) => (body += chunk.toString()))
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, body, serial })
        })
      },
    )
    request.on('error', reject)
    request.end()
  })
}

const answers = (): Promise<boolean> =>
  eventually(
    () =>
      ask('localhost').then(
        () => true,
        () => false,
      ),
    15_000,
  )

test('it is asked by the names of the config and by no other, and takes a new certificate without a restart', async () => {
  for (const name of ['first', 'second']) authority.issue(name)
  put('first')
  start('[portcullis.ops.svc]')
  expect([await answers(), log]).toEqual([true, expect.anything()])
  const before = await ask('portcullis.ops.svc')
  expect([before.status, (await ask('portcullis.ops.svc:9443')).status]).toEqual([200, 200])
  expect((await ask('evil.example')).status).toBe(421)

  // Half of a pair: what is in use stays, and status says so.
  writeFileSync(at('control.key'), readFileSync(at('second.key')))
  const problem = `control.tls: ${at('control.key')} is the key of another certificate`
  expect(await eventually(async () => (await ask('localhost')).body.includes(problem), 15_000)).toBe(true)
  expect((await ask('localhost')).serial).toBe(before.serial)

  put('second')
  expect(await eventually(async () => (await ask('localhost')).serial !== before.serial, 15_000)).toBe(true)
  expect((await ask('localhost')).body).not.toContain('control.tls')
  expect(log).not.toContain('PRIVATE KEY')
})

test('it does not start with a certificate that is no good, and says which file is wrong', async () => {
  authority.issue('old', { days: -1 })
  put('old')
  const started = start('[]')
  const code = await new Promise((resolve) => started.once('close', resolve))
  expect(code).toBe(1)
  expect(log).toMatch(/control\.tls: \/.*control\.crt expired on 20\d\d-.*: renew it/)
})
