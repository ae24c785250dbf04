// An upstream that keeps every byte it gets, and answers as the test says.
import net from 'node:net'
import { dechunk } from './raw-client.ts'

export interface UpstreamRequestSeen {
  readonly method: string
  readonly target: string
  readonly head: string
  /** Names in lower case and values in turn, repeated ones kept. */
  readonly fields: readonly (readonly [name: string, value: string])[]
  readonly body: Buffer
}

export interface UpstreamConnection {
  readonly socket: net.Socket
  readonly bytes: Buffer
  readonly requests: readonly UpstreamRequestSeen[]
  /** Resolves when the gateway has ended the connection, in whatever way. */
  readonly closed: Promise<void>
  readonly isClosed: boolean
}

/** What is written for a request; undefined: nothing, the test writes by itself. */
export type Answer = (request: UpstreamRequestSeen, connection: UpstreamConnection) => string | Buffer | undefined

export interface RawUpstream {
  readonly port: number
  readonly connections: readonly UpstreamConnection[]
  /** Every whole request on every connection, in order of arrival. */
  readonly requests: readonly UpstreamRequestSeen[]
  /** All bytes that have ever come. */
  readonly seen: number
  answer: Answer
  /** Called with every arrival of bytes, before they are parsed. */
  onBytes: ((connection: UpstreamConnection) => void) | undefined
  /** Resolves once so many whole requests have come. */
  requested(count: number): Promise<void>
  /** Resolves once so many bytes have come. */
  sawBytes(count: number): Promise<void>
  /** Resolves once so many connections have been made. */
  connected(count: number): Promise<void>
  close(): Promise<void>
}

export const OK = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{"from":"real"}'

export function fieldOf(request: UpstreamRequestSeen | undefined, name: string): string | undefined {
  return request?.fields.find(([each]) => each === name.toLowerCase())?.[1]
}

export function fieldsOf(request: UpstreamRequestSeen | undefined, name: string): readonly string[] {
  return (request?.fields ?? []).filter(([each]) => each === name.toLowerCase()).map(([, value]) => value)
}

export async function startRawUpstream(answer: Answer = () => OK): Promise<RawUpstream> {
  const connections: Connection[] = []
  const requests: UpstreamRequestSeen[] = []
  const waiting = new Set<() => void>()
  let seen = 0
  const server = net.createServer({ noDelay: true, allowHalfOpen: false }, (socket) => {
    const connection = new Connection(socket)
    connections.push(connection)
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => {
      seen += chunk.length
      connection.bytes = Buffer.concat([connection.bytes, chunk as Buffer])
      upstream.onBytes?.(connection)
      for (const request of connection.parse()) {
        requests.push(request)
        const reply = upstream.answer(request, connection)
        if (reply !== undefined && !socket.destroyed) writeTo(socket, reply)
      }
      for (const check of [...waiting]) check()
    })
    for (const check of [...waiting]) check()
  })
  server.listen(0, '127.0.0.1')
  await new Promise<void>((resolve) => server.once('listening', resolve))
  const when = (holds: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const check = (): void => {
        if (!holds()) return
        waiting.delete(check)
        resolve()
      }
      waiting.add(check)
      check()
    })
  const upstream: RawUpstream = {
    port: (server.address() as net.AddressInfo).port,
    connections,
    requests,
    get seen() {
      return seen
    },
    answer,
    onBytes: undefined,
    requested: (count) => when(() => requests.length >= count),
    sawBytes: (count) => when(() => seen >= count),
    connected: (count) => when(() => connections.length >= count),
    close: async () => {
      for (const { socket } of connections) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
  return upstream
}

function writeTo(socket: net.Socket, bytes: string | Buffer): void {
  if (typeof bytes === 'string') socket.write(bytes, 'latin1')
  else socket.write(bytes)
}

class Connection implements UpstreamConnection {
  readonly socket: net.Socket
  readonly requests: UpstreamRequestSeen[] = []
  readonly closed: Promise<void>
  isClosed = false
  bytes = Buffer.alloc(0)
  #at = 0

  constructor(socket: net.Socket) {
    this.socket = socket
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.isClosed = true
        resolve()
      })
    })
  }

  /** Lenient as a careless upstream: bytes after a request are the next one, whatever they are. */
  *parse(): Generator<UpstreamRequestSeen> {
    for (;;) {
      const rest = this.bytes.subarray(this.#at)
      const headEnd = rest.indexOf('\r\n\r\n')
      if (headEnd === -1) return
      const head = rest.toString('latin1', 0, headEnd)
      const [line = '', ...lines] = head.split('\r\n')
      const fields = lines.map((each) => {
        const colon = each.indexOf(':')
        return [each.slice(0, colon).trim().toLowerCase(), each.slice(colon + 1).trim()] as const
      })
      const body = bodyOf(rest.subarray(headEnd + 4), fields)
      if (body === undefined) return
      this.#at += headEnd + 4 + body.length
      const [method = '', target = ''] = line.split(' ')
      const request = { method, target, head, fields, body: body.body }
      this.requests.push(request)
      yield request
    }
  }
}

function bodyOf(
  bytes: Buffer,
  fields: readonly (readonly [string, string])[],
): { readonly body: Buffer; readonly length: number } | undefined {
  const value = (name: string): string | undefined => fields.find(([each]) => each === name)?.[1]
  if (value('transfer-encoding') !== undefined) return dechunk(bytes)
  const length = Number(value('content-length') ?? 0)
  return bytes.length < length ? undefined : { body: Buffer.from(bytes.subarray(0, length)), length }
}
