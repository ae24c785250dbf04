// One check of one target: a GET over a connection of its own, made as the data plane makes them.
import http from 'node:http'
import type net from 'node:net'
import type { Connector } from './tls-context.ts'

/** Calls `run` once after `ms`; returns how to take it back. */
export type After = (ms: number, run: () => void) => () => void

export interface CheckSettings {
  /** Path and query. */
  readonly path: string
  /** From the connection to the last byte of the answer. */
  readonly timeoutMs: number
  /** Status codes that are good; absent: 200 to 299. */
  readonly statuses?: readonly number[]
}

/** Enough for a page of diagnostics; the rest is not waited for. */
const BODY_BYTES_MAX = 65_536
const HEAD_BYTES_MAX = 16_384

/**
 * `done` is called once: with why the check was bad, or with nothing. Returns how to end it early; then `done` is not called.
 * Redirects are not followed.
 */
export function checkTarget(
  connector: Connector,
  settings: CheckSettings,
  after: After,
  done: (problem?: string) => void,
): () => void {
  let isOver = false
  const finish = (problem?: string): void => {
    if (isOver) return
    end()
    done(problem)
  }
  const end = (): void => {
    isOver = true
    cancel()
    socket.destroy()
  }
  const cancel = after(settings.timeoutMs, () => {
    finish(`no whole answer within ${settings.timeoutMs} ms`)
  })
  const socket = connector.connect((failure) => {
    if (failure !== undefined) finish(failure.detail)
    else if (!isOver) ask(socket, connector.host, settings, finish)
  })
  return end
}

function ask(
  socket: net.Socket,
  host: string,
  { path, statuses }: CheckSettings,
  finish: (problem?: string) => void,
): void {
  const request = http.request({
    createConnection: () => socket,
    setHost: false,
    path,
    headers: { Host: host, 'User-Agent': 'portcullis-health', Accept: '*/*', Connection: 'close' },
    maxHeaderSize: HEAD_BYTES_MAX,
  })
  request.on('error', (error: NodeJS.ErrnoException) => {
    finish(`no answer that can be read (${error.code ?? error.message})`)
  })
  request.on('close', () => {
    finish('no answer')
  })
  request.on('response', (response) => {
    const status = response.statusCode ?? 0
    const isGood = statuses === undefined ? status >= 200 && status < 300 : statuses.includes(status)
    const verdict = isGood ? undefined : `answers ${status}`
    let bytes = 0
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > BODY_BYTES_MAX) finish(verdict)
    })
    response.on('end', () => {
      finish(verdict)
    })
    response.on('error', () => {
      finish('the answer was cut off')
    })
  })
  request.end()
}
