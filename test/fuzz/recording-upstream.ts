// An upstream that reads each byte three times, by three readers, and answers with what it understood.
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import { valuesOf } from './message-lines.ts'
import { createNodeReader, type NodeReader } from './node-reading.ts'
import { RequestReading, type ReadRequest } from './request-reading.ts'

export interface SeenRequest {
  readonly id: string
  readonly request: ReadRequest
  /** How many of Node's readers have read the same. */
  agreed: number
}

export interface UpstreamEvents {
  /** A whole head has come. */
  onSeen(seen: SeenRequest): void
  /** What must never be: bytes that no narrow reading takes, or two readings that differ. */
  onFault(fault: string, bytes: Buffer): void
}

export interface RecordingUpstream {
  readonly port: number
  /** Node's readers whose reading has to agree. */
  readonly readers: number
  close(): Promise<void>
}

export const MARKER = 'X-Marker'

export async function startRecordingUpstream(events: UpstreamEvents): Promise<RecordingUpstream> {
  const readers = [createNodeReader(false), createNodeReader(true)]
  const sockets = new Set<net.Socket>()
  const server = net.createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined)
    record(socket, readers, events)
  })
  server.listen(0, '127.0.0.1')
  await new Promise<void>((resolve) => server.once('listening', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    readers: readers.length,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Bytes that are kept of a connection, to be shown with a fault. */
const SHOWN_MAX = 16_384

function record(socket: net.Socket, readers: readonly NodeReader[], events: UpstreamEvents): void {
  const seen: SeenRequest[] = []
  /** Of `seen`, those that every reader has passed are let go: the first one's place in the count. */
  let first = 0
  let shown: Buffer[] = []
  let isFaulty = false
  const fault = (text: string): void => {
    if (isFaulty) return
    isFaulty = true
    events.onFault(text, Buffer.concat(shown).subarray(-SHOWN_MAX))
    socket.destroy()
  }
  const reading = new RequestReading('upstream', {
    onHead(request) {
      const each = { id: valuesOf(request.fields, 'x-request-id').join(), request, agreed: 0 }
      seen.push(each)
      events.onSeen(each)
      if (isEarly(each)) answer(socket, each)
    },
    onEnd(request) {
      const each = seen.findLast((one) => one.request === request)
      if (each !== undefined && !isEarly(each)) answer(socket, each)
    },
  })
  const others = readers.map((reader, index) => {
    const name = index === 0 ? "Node's parser" : "Node's lenient parser"
    let count = 0
    return reader.read({
      onRequest(method, target, id) {
        const each = seen[count - first]
        count += 1
        if (each === undefined) fault(`${name} reads a request more: ${method} ${target}`)
        else if (each.request.method !== method || each.request.target !== target || each.id !== id)
          fault(
            `${name} reads ${method} ${target} (${String(id)}) for ${each.request.method} ${each.request.target} (${each.id})`,
          )
        else each.agreed += 1
        while (seen.length > 1 && seen[0]?.agreed === readers.length && seen[0].request.isComplete) {
          seen.shift()
          first += 1
        }
      },
      onFault: (text) => {
        fault(`${name} does not take it: ${text}`)
      },
    })
  })
  socket.on('data', (data) => {
    const chunk = data as Buffer
    if (reading.isBetween) shown = []
    shown.push(chunk)
    reading.push(chunk)
    if (reading.fault !== undefined) fault(`no request by a narrow reading: ${reading.fault}`)
    for (const other of others) other.push(Buffer.from(chunk))
  })
  socket.on('close', () => {
    for (const other of others) other.end()
  })
}

/** Which of its ways of answering the upstream takes: by the request's id, so that it needs no chance. */
function wayOf(seen: SeenRequest): number {
  return Number(/[0-9]+$/.exec(seen.id)?.[0] ?? 0) % 16
}

/** Answers before the body has come. */
function isEarly(seen: SeenRequest): boolean {
  return wayOf(seen) === 3 && seen.request.framing !== undefined && seen.request.framing !== 0
}

/** What the upstream understood, as it tells the caller. */
export function echoOf({ id, request }: SeenRequest): string {
  return JSON.stringify([id, markersOf(request), request.method, request.target])
}

export function markersOf(request: ReadRequest): string {
  return valuesOf(request.fields, MARKER.toLowerCase()).join()
}

function answer(socket: net.Socket, seen: SeenRequest): void {
  const way = wayOf(seen)
  const body = Buffer.from(echoOf(seen), 'latin1')
  const head = `Content-Type: text/plain\r\nX-Echo: ${body.toString('base64')}\r\n`
  const length = `Content-Length: ${body.length}\r\n`
  const isHead = seen.request.method === 'HEAD'
  const say = (status: string, fields: string, bytes: Buffer): void => {
    socket.write(Buffer.concat([Buffer.from(`HTTP/1.1 ${status}\r\n${head}${fields}\r\n`, 'latin1'), bytes]))
  }
  if (isHead) say('200 OK', length, Buffer.alloc(0))
  else if (way === 1 || way === 5) {
    const half = body.length >> 1
    say('200 OK', 'Transfer-Encoding: chunked\r\n', chunk(body.subarray(0, half)))
    socket.write(Buffer.concat([chunk(body.subarray(half)), Buffer.from('0\r\n\r\n')]))
  } else if (way === 2) {
    socket.write('HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n')
    say('200 OK', length, body)
  } else if (way === 4) say('204 No Content', '', Buffer.alloc(0))
  else if (way === 6) {
    say('200 OK', `${length}Connection: close\r\n`, body)
    socket.end()
  } else if (way === 7) {
    // Delimited by the connection's end alone.
    say('200 OK', '', body)
    socket.end()
  } else say('200 OK', length, body)
}

function chunk(bytes: Buffer): Buffer {
  if (bytes.length === 0) return bytes
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')])
}
