// A freeze tells what it came too late for: in its answer, in status, in the signed certificate, in the trail, and on the terminal.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import {
  DEFAULT_ROUTES,
  eventually,
  LOCK_ALL,
  runCommand,
  signOrder,
  startGateway,
  startRawUpstream,
  type GatewayProcess,
  type Upstream,
} from '../support/gateway-process.ts'

let upstream: Upstream
let gateway: GatewayProcess
const sockets: net.Socket[] = []

beforeAll(async () => {
  // A download goes on and on; a write is taken whole and never answered.
  upstream = await startRawUpstream((socket, head) => {
    if (head.startsWith('GET')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nsome')
  })
  gateway = await startGateway({ upstreamPort: upstream.port, routes: DEFAULT_ROUTES })
})
afterAll(async () => {
  for (const socket of sockets) socket.destroy()
  await gateway.cleanUp()
  await upstream.close()
})

function send(text: string): { received: () => string } {
  const socket = net.connect(gateway.port, '127.0.0.1')
  sockets.push(socket)
  let received = ''
  socket.on('data', (chunk: Buffer) => (received += chunk.toString()))
  socket.on('error', () => undefined)
  socket.write(text)
  return { received: () => received }
}

test('two in flight: both cut, one of them perhaps executed', async () => {
  const download = send('GET /api/v2/facilities HTTP/1.1\r\nHost: x\r\n\r\n')
  const write = send('POST /api/v2/records HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody')
  expect(
    await eventually(async () => download.received().endsWith('some') && upstream.received().includes('body')),
  ).toBe(true)
  // What was written in the turn before the lock may have left after it: here it has not, whatever the machine does.
  for (let n = 0; n < 8; n++) await gateway.get('/api/v2/nothing')
  const who = gateway.people[0]
  if (who === undefined) throw new Error()
  const answer = await gateway.order(signOrder(who, LOCK_ALL), '?wait=5s')
  const { id, epoch, proof } = (await answer.json()) as { id: string; epoch: number; proof: { residual: unknown } }
  const told = { inFlight: 2, cut: 2, finished: 0, bytesAfter: 0, maybeExecuted: 1 }
  expect(proof.residual).toEqual(told)
  expect(await eventually(async () => write.received().startsWith('HTTP/1.1 503'))).toBe(true)
  const status = (await (await gateway.api('/api/v1/status')).json()) as { locks: { id: string; residual: unknown }[] }
  expect(status.locks.find((lock) => lock.id === id)?.residual).toEqual(told)
  const certificate = (await (await gateway.api(`/api/v1/certificates/${epoch}`)).json()) as {
    residual: unknown
    key: string
  }
  expect(certificate.residual).toEqual(told)
  const file = path.join(gateway.home, 'certificate.json')
  writeFileSync(file, JSON.stringify(certificate))
  const responder = `${who.name}=${who.key}`
  const verified = await runCommand(['certificate', 'verify', file, '--key', certificate.key, '--responder', responder])
  expect(verified.stdout).toMatch(new RegExp(`signed by ${who.name}, .*\\n +\\{"kind":"lock","scope":\\{"all":true\\}`))
  expect([verified.code, verified.stdout]).toEqual([
    0,
    expect.stringMatching(
      /too late {4}2 in flight: 2 cut, 1 of them MAYBE EXECUTED: sent whole, and not to be recalled; 0 finished/,
    ),
  ])
  expect(await gateway.stop()).toBe(0)
  const trail = path.join(gateway.home, 'data/audit')
  const texts = readdirSync(trail, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .map((each) => readFileSync(path.join(each.parentPath, each.name), 'latin1'))
    .join('')
  expect(texts).toMatch(/"kind":"proof"[^}]*[^]*"maybeExecuted":1/)
})
