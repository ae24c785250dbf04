// How the demo's traffic calls the gateway: never throws, counts everything, knows no more than a browser would.
import { setTimeout as delay } from 'node:timers/promises'

export type Caller = 'citizen' | 'scraper'
export type Call = {
  caller: Caller
  method: 'GET' | 'POST'
  path: string
  /** The caller's address, as a load balancer before the gateway would report it. */
  address: string
  token?: string | undefined
  partnerKey?: string
  body?: unknown
  /** Leaves a stream that does not end after so many milliseconds. */
  watchMs?: number
}
/** Status 0: there was no answer. `cut`: the answer broke off before its end. */
export type Reply = { status: number; body: unknown; cut: boolean; retryAfterMs: number }
export type Send = (call: Call) => Promise<Reply>
/** Answers by status code; beside the codes stand "none" (no answer) and "cut". */
export type Counts = { sent: number; recordsTaken: number } & Record<Caller, Record<string, number>>

const timeoutMs = 15_000

export const createCounts = (): Counts => ({ sent: 0, recordsTaken: 0, citizen: {}, scraper: {} })

/** A refusal that passes by itself: no answer, throttled, locked, or an upstream in trouble. */
export const isPassing = ({ status, cut }: Reply): boolean => cut || status === 0 || status === 429 || status >= 500

/** A field of a JSON answer; undefined when the answer is no object or has no such field. */
export const readField = (body: unknown, name: string): unknown =>
  typeof body === 'object' && body !== null ? (body as Record<string, unknown>)[name] : undefined

/** Creates the one way out: at most `maxRequests` calls, each ended by `stopping` or after fifteen seconds. */
export function createSend(gateway: string, counts: Counts, stopping: AbortSignal, maxRequests: number): Send {
  return async (call) => {
    const reply: Reply = { status: 0, body: undefined, cut: false, retryAfterMs: 0 }
    if (stopping.aborted || counts.sent >= maxRequests) return reply
    counts.sent++
    let kind = 'none'
    try {
      const signal = AbortSignal.any([stopping, AbortSignal.timeout(timeoutMs)])
      const response = await fetch(new URL(call.path, gateway), { ...requestOf(call), signal })
      reply.status = response.status
      reply.retryAfterMs = (Number(response.headers.get('retry-after')) || 0) * 1000
      kind = String(response.status)
      if (call.watchMs === undefined) reply.body = parse(await response.text())
      else await watch(response, call.watchMs, stopping)
    } catch {
      if (reply.status !== 0) reply.cut = true
    }
    // What the end of the traffic itself cut short is no answer of the gateway's.
    if (reply.cut) kind = 'cut'
    if (!stopping.aborted) counts[call.caller][kind] = (counts[call.caller][kind] ?? 0) + 1
    return reply
  }
}

function requestOf(call: Call): RequestInit {
  const headers: Record<string, string> = { 'user-agent': `demo-${call.caller}/1`, 'x-forwarded-for': call.address }
  if (call.token !== undefined) headers.authorization = `Bearer ${call.token}`
  if (call.partnerKey !== undefined) headers['x-partner-key'] = call.partnerKey
  if (call.body === undefined) return { method: call.method, headers, redirect: 'manual' }
  headers['content-type'] = 'application/json'
  return { method: call.method, headers, redirect: 'manual', body: JSON.stringify(call.body) }
}

/** Reads a stream until it ends, breaks (which throws) or `watchMs` have passed. */
async function watch(response: Response, watchMs: number, stopping: AbortSignal): Promise<void> {
  const reader = response.body?.getReader()
  if (reader === undefined) return
  const timer = new AbortController()
  const left = delay(watchMs, 'left', { signal: AbortSignal.any([timer.signal, stopping]) }).catch(() => 'left')
  const read = async (): Promise<string> => {
    while (!(await reader.read()).done);
    return 'ended'
  }
  try {
    await Promise.race([read(), left])
  } finally {
    timer.abort()
    await reader.cancel().catch(() => undefined)
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Fetches the newest code from a phone's inbox in the SMS tray; undefined when none has come. */
export async function readCode(sms: string, mobile: string, stopping: AbortSignal): Promise<string | undefined> {
  try {
    const signal = AbortSignal.any([stopping, AbortSignal.timeout(timeoutMs)])
    const messages = readField(await (await fetch(new URL(`/inbox/${mobile}`, sms), { signal })).json(), 'messages')
    const newest: unknown = Array.isArray(messages) ? messages.at(-1) : undefined
    return typeof newest === 'string' ? /\b\d{6}\b/.exec(newest)?.[0] : undefined
  } catch {
    return undefined
  }
}
