// An upstream that says to each request what the case wants, and to every other one the truth.
import net, { type AddressInfo } from 'node:net'
import { turn } from './ticks.ts'
import type { AnswerCase } from './answers.ts'
import { valuesOf } from './message-lines.ts'
import { markersOf } from './recording-upstream.ts'
import { RequestReading, type ReadRequest } from './request-reading.ts'

export interface HostileUpstream {
  readonly port: number
  /** From now on; resolves when all of it has been said. */
  plan(one: AnswerCase): void
  /** Says what the case has to say to an idle connection. */
  sayLate(): void
  /** Whether something is still to be said. */
  readonly isTalking: boolean
  close(): Promise<void>
}

export async function startHostileUpstream(): Promise<HostileUpstream> {
  const sockets = new Set<net.Socket>()
  let planned: AnswerCase | undefined
  let last: net.Socket | undefined
  let talking = 0
  const take = async (socket: net.Socket, request: ReadRequest): Promise<void> => {
    const marker = markersOf(request)
    if (planned === undefined || marker !== planned.marker) {
      const body = `truth for ${marker}`
      socket.write(
        `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\nX-Id: ${valuesOf(request.fields, 'x-request-id').join()}\r\n\r\n${body}`,
      )
      return
    }
    const one = planned
    last = socket
    talking += 1
    for (const piece of one.pieces) {
      if (socket.destroyed) break
      socket.write(piece)
      await turn()
    }
    if (one.then === 'end') socket.end()
    if (one.then === 'reset') socket.resetAndDestroy()
    talking -= 1
  }
  const server = net.createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined)
    const reading = new RequestReading('upstream', { onEnd: (request) => void take(socket, request) })
    socket.on('data', (chunk) => {
      reading.push(chunk as Buffer)
    })
  })
  server.listen(0, '127.0.0.1')
  await new Promise<void>((resolve) => server.once('listening', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    plan: (one) => {
      planned = one
      last = undefined
    },
    sayLate: () => {
      if (planned?.late !== undefined && last?.destroyed === false) last.write(planned.late)
    },
    get isTalking() {
      return talking > 0
    },
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
