// What a time server says, and what one may say that is none of ours.
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from '@jest/globals'
import { askTime } from '../../../src/adapters/node/sntp.ts'

const NOON = Date.UTC(2026, 10, 24, 12)
const open: Socket[] = []
afterEach(() => {
  for (const socket of open.splice(0)) socket.close()
})

/** An NTP timestamp of an instant, in whatever era it is. */
function stamp(packet: Buffer, at: number, instant: number): void {
  const seconds = instant / 1000 + 2_208_988_800
  packet.writeUInt32BE(Math.floor(seconds) % 2 ** 32, at)
  packet.writeUInt32BE(Math.floor((seconds % 1) * 2 ** 32), at + 4)
}

/** A server that is `offMs` ahead of the asker's clock, which stands still but for `elapsedMs` a question. */
async function ask(
  offMs: number,
  change: (answer: Buffer) => Buffer | Buffer[] = (answer) => answer,
  start = NOON,
  elapsedMs = 40,
) {
  const server = createSocket('udp4')
  open.push(server)
  server.bind(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.on('message', (question, from) => {
    const answer = Buffer.alloc(48)
    answer[0] = 0x24
    answer[1] = 2
    answer.writeInt32BE(655, 4)
    answer.writeUInt32BE(1311, 8)
    question.copy(answer, 24, 40, 48)
    stamp(answer, 32, start + elapsedMs / 2 + offMs)
    stamp(answer, 40, start + elapsedMs / 2 + offMs)
    for (const each of [change(answer)].flat()) server.send(each, from.port, from.address)
  })
  let asked = 0
  const reading = await askTime(
    { host: '127.0.0.1', port },
    { now: () => start, monotonicMs: () => (asked++ === 0 ? 0 : elapsedMs), timeoutMs: 1_000 },
  )
  return { ...reading, server: reading.server.replace(String(port), 'PORT') }
}

test('the offset is what has to be added to our clock', async () => {
  expect(await ask(2_500)).toEqual({
    server: '127.0.0.1:PORT',
    offsetMs: expect.closeTo(2_500, 2),
    delayMs: expect.closeTo(40, 2),
    rootDelayMs: expect.closeTo(9.99, 1),
    rootDispersionMs: expect.closeTo(20, 0),
    stratum: 2,
  })
  expect(await ask(-750)).toMatchObject({ offsetMs: expect.closeTo(-750, 2) })
})

test('it is right beyond 2036 too, when the seconds of NTP begin anew', async () => {
  expect(await ask(1_000, undefined, Date.UTC(2036, 1, 7, 6, 28, 15, 900))).toMatchObject({
    offsetMs: expect.closeTo(1_000, 2),
  })
})

const flip = (at: number, value: number) => (answer: Buffer) => {
  answer[at] = value
  return answer
}

test.each<[problem: string, change: (answer: Buffer) => Buffer | Buffer[]]>([
  ['no answer in time', flip(24, 0xff)],
  ['no answer in time', (answer) => answer.subarray(0, 47)],
  ['no answer in time', () => []],
  ['an answer in mode 3', flip(0, 0x23)],
  ['the server is not synchronised itself', flip(0, 0xe4)],
  ['the server is not synchronised itself', flip(1, 16)],
  ['the server refuses: RATE', (answer) => (answer.write('RATE\u0007', 12, 'latin1'), flip(1, 0)(answer))],
  ['the answer left before the question came, or after it was here', flip(40, 0)],
])('%s', async (problem, change) => {
  expect(await ask(0, change)).toEqual({ server: '127.0.0.1:PORT', problem })
})

test('a forged answer beside the true one is passed over', async () => {
  expect(await ask(10, (answer) => [flip(31, (answer[31] ?? 0) ^ 1)(Buffer.from(answer)), answer])).toMatchObject({
    offsetMs: expect.closeTo(10, 2),
  })
})

test('nobody there', async () => {
  const reading = await askTime(
    { host: '127.0.0.1', port: 1 },
    { now: Date.now, monotonicMs: () => performance.now(), timeoutMs: 300 },
  )
  expect(reading.problem).toBeDefined()
})
