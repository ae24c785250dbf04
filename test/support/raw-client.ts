// A caller that writes exactly the bytes that it is given, and reads what comes back byte by byte.
import net from 'node:net'

export interface RawResponse {
  readonly status: number
  readonly reason: string
  readonly version: string
  /** Names in lower case and values in turn, repeated ones kept. */
  readonly fields: readonly (readonly [name: string, value: string])[]
  readonly body: Buffer
  /** False where the connection ended before the body did. */
  readonly complete: boolean
  readonly chunked: boolean
}

export interface RawClient {
  readonly socket: net.Socket
  /** All that has come so far. */
  readonly received: Buffer
  write(bytes: string | Buffer): void
  /** The next response, interim ones (1xx) included; its body is none where it answers HEAD. */
  response(options?: { readonly head?: boolean }): Promise<RawResponse>
  /** Resolves once at least so many bytes have come, or the connection has ended. */
  atLeast(bytes: number): Promise<void>
  /** Resolves once the text has come; rejects where the connection ended before. */
  until(text: string): Promise<void>
  /** How the connection ended: by FIN or by RST. */
  readonly ended: Promise<'end' | 'reset'>
  readonly isOpen: boolean
  pause(): void
  resume(): void
  close(): void
}

export function field(response: RawResponse, name: string): string | undefined {
  return response.fields.find(([each]) => each === name.toLowerCase())?.[1]
}

export function problemOf(response: RawResponse): Record<string, unknown> {
  return JSON.parse(response.body.toString('utf8')) as Record<string, unknown>
}

/** Half-open: the caller goes on sending when the other side has ended. */
export async function connectRaw(to: number | string, allowHalfOpen = false): Promise<RawClient> {
  const where = typeof to === 'number' ? { port: to, host: '127.0.0.1' } : { path: to }
  const socket = net.connect({ ...where, allowHalfOpen })
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', reject)
  })
  let received = Buffer.alloc(0)
  let at = 0
  let over: 'end' | 'reset' | undefined
  const waiting = new Set<() => void>()
  const wake = (): void => {
    for (const each of [...waiting]) each()
  }
  socket.on('data', (chunk) => {
    received = Buffer.concat([received, chunk as Buffer])
    wake()
  })
  const ended = new Promise<'end' | 'reset'>((resolve) => {
    const end = (how: 'end' | 'reset') => () => {
      over ??= how
      resolve(how)
      wake()
    }
    socket.once('end', end('end'))
    socket.once('error', end('reset'))
    socket.once('close', end('reset'))
  })
  /** Resolves with the first value that `find` gives, asked again with every arrival. */
  const when = <T>(find: () => T | undefined): Promise<T> =>
    new Promise((resolve) => {
      const check = (): void => {
        const found = find()
        if (found === undefined) return
        waiting.delete(check)
        resolve(found)
      }
      waiting.add(check)
      check()
    })
  return {
    socket,
    get received() {
      return received
    },
    get isOpen() {
      return over === undefined
    },
    ended,
    write: (bytes) => void (typeof bytes === 'string' ? socket.write(bytes, 'latin1') : socket.write(bytes)),
    response: async ({ head = false } = {}) => {
      const found = await when(() => parseResponse(received.subarray(at), head, over))
      if (found === 'none') throw new Error(`no response: the connection ended (${String(over)})`)
      at += found.length
      return found.response
    },
    atLeast: async (bytes) => {
      await when(() => (received.length >= bytes || over !== undefined ? true : undefined))
    },
    until: async (text) => {
      await when(() => (received.includes(text) || over !== undefined ? true : undefined))
      if (!received.includes(text)) throw new Error(`the connection ended (${String(over)}) before: ${text}`)
    },
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    close: () => void socket.destroy(),
  }
}

type Parsed = { readonly response: RawResponse; readonly length: number } | 'none' | undefined

function parseResponse(bytes: Buffer, isHead: boolean, over: string | undefined): Parsed {
  const headEnd = bytes.indexOf('\r\n\r\n')
  if (headEnd === -1) return over === undefined ? undefined : 'none'
  const [statusLine = '', ...lines] = bytes.toString('latin1', 0, headEnd).split('\r\n')
  const [, version = '', code = '', reason = ''] = /^HTTP\/(\S+) (\d+) ?(.*)$/.exec(statusLine) ?? []
  if (version === '') throw new Error(`not a status line: ${statusLine}`)
  const fields = lines.map((line) => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const
  })
  const status = Number(code)
  const value = (name: string): string | undefined => fields.find(([each]) => each === name)?.[1]
  const rest = bytes.subarray(headEnd + 4)
  const chunked = value('transfer-encoding') === 'chunked'
  const made = (body: Buffer, complete: boolean, used: number): Parsed => ({
    response: { status, reason, version, fields, body, complete, chunked },
    length: headEnd + 4 + used,
  })
  if (isHead || status < 200 || status === 204 || status === 304) return made(Buffer.alloc(0), true, 0)
  if (chunked) {
    const found = dechunk(rest)
    if (found !== undefined) return made(found.body, true, found.length)
    return over === undefined ? undefined : made(rest, false, rest.length)
  }
  const length = value('content-length')
  if (length === undefined) return over === undefined ? undefined : made(rest, over === 'end', rest.length)
  if (rest.length >= Number(length)) return made(Buffer.from(rest.subarray(0, Number(length))), true, Number(length))
  return over === undefined ? undefined : made(Buffer.from(rest), false, rest.length)
}

/** A chunked body, strictly, with no extensions; undefined where more must come. */
export function dechunk(bytes: Buffer): { readonly body: Buffer; readonly length: number } | undefined {
  const parts: Buffer[] = []
  let at = 0
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd === -1) return undefined
    const size = parseInt(bytes.toString('latin1', at, lineEnd), 16)
    const start = lineEnd + 2
    if (bytes.length < start + size + 2) return undefined
    if (size === 0) {
      const trailersEnd = bytes.indexOf('\r\n\r\n', lineEnd)
      if (trailersEnd === -1) return undefined
      return { body: Buffer.concat(parts), length: trailersEnd + 4 }
    }
    parts.push(bytes.subarray(start, start + size))
    at = start + size + 2
  }
}
