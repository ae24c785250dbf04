// An SNTP server (RFC 4330) on a free port that tells this machine's own time, or one that is ahead of it.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'

export async function startTimeServer(aheadSeconds = 0): Promise<{ readonly port: number; close(): void }> {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const stamp = (answer: Buffer, at: number): void => {
    const seconds = Date.now() / 1000 + aheadSeconds + 2_208_988_800
    answer.writeUInt32BE(Math.floor(seconds) % 2 ** 32, at)
    answer.writeUInt32BE(Math.floor((seconds % 1) * 2 ** 32), at + 4)
  }
  socket.on('message', (question, from) => {
    const answer = Buffer.alloc(48)
    answer[0] = 0x24
    answer[1] = 2
    question.copy(answer, 24, 40, 48)
    stamp(answer, 32)
    stamp(answer, 40)
    socket.send(answer, from.port, from.address)
  })
  return { port: (socket.address() as AddressInfo).port, close: () => socket.close() }
}
