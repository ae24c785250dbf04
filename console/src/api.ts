// The control plane as the page asks it: beside the page, whatever path both are served under, and always with the session's token.
import { translate } from './messages/messages.ts'
import { state } from './state.ts'
import { spanText } from './time.ts'

/** `…/console/` is served beside `…/api/v1/`, also behind a proxy's path prefix. */
const API = new URL('../api/v1/', document.baseURI)

export interface Problem {
  /** Of the answer; 0 where there was none. */
  readonly status: number
  /** The last part of the problem's type. */
  readonly code: string
  readonly detail: string
  /** Of a 429: when it may be asked again. */
  readonly retryAfterMs?: number
}

export type Answer<T> =
  { readonly ok: true; readonly status: number; readonly body: T } | { readonly ok: false; readonly problem: Problem }

const TIMEOUT_MS = 35_000

/** Never rejects. */
export async function ask<T>(
  path: string,
  body?: object,
  options: { readonly signal?: AbortSignal; readonly token?: string } = {},
): Promise<Answer<T>> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS)
  try {
    const response = await fetch(new URL(path, API), {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        ...authorization(options.token),
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      credentials: 'omit',
      cache: 'no-store',
      signal: options.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout]),
    })
    learnClock(response)
    if (response.ok) return { ok: true, status: response.status, body: (await bodyOf(response)) as T }
    return { ok: false, problem: await problemOf(response) }
  } catch {
    // What the browser says of it is in its own words, and in one language.
    const detail = translate(state.get().lang)('noAnswer')
    return { ok: false, problem: { status: 0, code: 'unreachable', detail } }
  }
}

async function bodyOf(response: Response): Promise<unknown> {
  const type = response.headers.get('Content-Type') ?? ''
  if (response.status === 204) return undefined
  if (type.includes('json')) return response.json()
  return type.startsWith('text/') ? response.text() : new Uint8Array(await response.arrayBuffer())
}

async function problemOf(response: Response): Promise<Problem> {
  const body = (await response.json().catch(() => undefined)) as { type?: unknown; detail?: unknown } | undefined
  const type = typeof body?.type === 'string' ? body.type : ''
  const retryAfterMs = retryAfterOf(response)
  return {
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    status: response.status,
    code: type.split(':').at(-1) || String(response.status),
    detail:
      retryAfterMs !== undefined
        ? asksTooMuch(retryAfterMs)
        : typeof body?.detail === 'string'
          ? body.detail
          : response.statusText,
  }
}

function asksTooMuch(retryAfterMs: number): string {
  const t = translate(state.get().lang)
  return t('asksTooMuch', { span: spanText(retryAfterMs, t) })
}

/** Milliseconds, of a 429 alone. */
function retryAfterOf(response: Response): number | undefined {
  if (response.status !== 429) return undefined
  const seconds = Number(response.headers.get('Retry-After'))
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : 1000
}

function authorization(token = state.get().session?.token): Record<string, string> {
  return token === undefined ? {} : { Authorization: `Bearer ${token}` }
}

/** Orders are judged by the gateway's clock, so they are signed by it too, whatever this machine's says. */
function learnClock(response: Response): void {
  const date = Date.parse(response.headers.get('Date') ?? '')
  if (Number.isFinite(date)) state.set({ clockOffsetMs: date + 500 - Date.now() })
}

/** The gateway's clock, as far as this page knows it. */
export function gatewayNow(): number {
  return Date.now() + state.get().clockOffsetMs
}

/** The stream was refused; 401: the session opens nothing more. */
export class Refused extends Error {
  readonly status: number
  readonly retryAfterMs: number | undefined

  constructor(response: Response) {
    super(`refused with ${response.status}`)
    this.status = response.status
    this.retryAfterMs = retryAfterOf(response)
  }
}

export interface ServerEvent {
  readonly event: string
  readonly data: unknown
}

/** Reads the stream until it ends or is left. By fetch, since an EventSource can show no token. Rejects with Refused or another Error. */
export async function readEvents(hear: (event: ServerEvent) => void, signal: AbortSignal): Promise<void> {
  const response = await fetch(new URL('events?live=1', API), {
    headers: { ...authorization(), Accept: 'text/event-stream' },
    credentials: 'omit',
    cache: 'no-store',
    signal,
  })
  if (!response.ok || response.body === null) throw new Refused(response)
  let rest = ''
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    const parts = (rest + value).split('\n\n')
    rest = parts.pop() ?? ''
    for (const part of parts) {
      const event = parseEvent(part)
      hear(event ?? { event: 'alive', data: undefined })
    }
  }
}

function parseEvent(text: string): ServerEvent | undefined {
  let event = ''
  let data = ''
  for (const line of text.split('\n')) {
    if (line.startsWith('event: ')) event = line.slice(7)
    else if (line.startsWith('data: ')) data += line.slice(6)
  }
  if (event === '') return undefined
  return { event, data: JSON.parse(data) as unknown }
}
