// What Redis answers, judged before it is used: whoever can write to it can make every one of these anything at all.
import { checkFleetTexts, isFleetBody, isFleetName } from '../../core/fleet-text.ts'
import type { Exchange, FleetEntry, StoredProof } from '../../ports/fleet-store.ts'

// Of 64 bits each; a length of 20 could be more than that.
const CURSOR = /^\d{1,19}-\d{1,19}$/
const GENERATION = /^[\w-]{1,64}$/

export function isCursor(text: unknown): text is string {
  return typeof text === 'string' && CURSOR.test(text)
}

/** Throws an Error of one line: what this gateway writes is in order, or never written. */
export function checkTexts(names: readonly string[], bodies: readonly string[]): void {
  const problem = checkFleetTexts(names, bodies)
  if (problem !== undefined) throw new Error(problem)
}

/** Called with what was dropped and why it was. */
export type OnDropped = (what: string) => void

/** `[name, text, name, text, ...]`: those that are of the right shape. */
export function parsePairs(reply: unknown, what: string, onDropped: OnDropped): (readonly [string, string])[] {
  const list = parseList(reply)
  const pairs: (readonly [string, string])[] = []
  for (let at = 0; at + 1 < list.length; at += 2) {
    const name = list[at]
    const text = list[at + 1]
    if (isFleetName(name) && isFleetBody(text)) pairs.push([name, text])
    else onDropped(what)
  }
  return pairs
}

export function parseEntries(reply: unknown, onDropped: OnDropped): FleetEntry[] {
  return parsePairs(reply, 'entry', onDropped).map(([id, body]) => ({ id, body }))
}

/** Throws an Error of one line where the answer is no exchange. `names`: whose heartbeats were asked for, in that order. */
export function parseExchange(reply: unknown, names: readonly string[], onDropped: OnDropped): Exchange {
  const [generation, version, lost, cursor, more, entries, beats, time] = parseList(reply)
  const rosterVersion = Number(version)
  const isCursorLost = lost === 1
  if (typeof generation !== 'string' || !GENERATION.test(generation) || !Number.isSafeInteger(rosterVersion))
    throw unknownShape('EXCHANGE')
  if (!isCursorLost && !isCursor(cursor)) throw unknownShape('EXCHANGE')
  const heartbeats = new Map<string, string>()
  for (const [index, beat] of parseList(beats).entries()) {
    const name = names[index]
    if (beat === '' || name === undefined) continue
    if (isFleetBody(beat)) heartbeats.set(name, beat)
    else onDropped('heartbeat')
  }
  return {
    generation,
    rosterVersion,
    cursor: isCursorLost ? '' : (cursor as string),
    entries: isCursorLost ? [] : parseEntries(entries, onDropped),
    isMore: !isCursorLost && more === 1,
    isCursorLost,
    heartbeats,
    ...parseTime(time),
  }
}

/** Seconds with a fraction, as Redis says it. */
function parseTime(time: unknown): { readonly timeMs?: number } {
  return typeof time === 'string' && /^\d{1,11}\.\d{6}$/.test(time) ? { timeMs: Number(time) * 1000 } : {}
}

export type Message =
  | { readonly kind: 'entry'; readonly entry: FleetEntry }
  | { readonly kind: 'proof'; readonly proof: StoredProof }
  | { readonly kind: 'told'; readonly text: string }
  | { readonly kind: 'roster' }

/** `entry <id> <body>`, `proof <order> <gateway> <body>`, `told <text>` or `roster`; undefined where it is none of them. */
export function parseMessage(text: string): Message | undefined {
  if (text === 'roster') return { kind: 'roster' }
  const entry = /^entry (\S{1,256}) (.*)$/s.exec(text)
  if (isFleetName(entry?.[1]) && isFleetBody(entry[2]))
    return { kind: 'entry', entry: { id: entry[1], body: entry[2] } }
  const proof = /^proof (\S{1,256}) (\S{1,256}) (.*)$/s.exec(text)
  if (isFleetName(proof?.[1]) && isFleetName(proof[2]) && isFleetBody(proof[3]))
    return { kind: 'proof', proof: { order: proof[1], gateway: proof[2], body: proof[3] } }
  const told = text.startsWith('told ') ? text.slice(5) : undefined
  if (isFleetBody(told)) return { kind: 'told', text: told }
  return undefined
}

export function parseCount(reply: unknown, most: number): number {
  if (typeof reply !== 'number' || !Number.isSafeInteger(reply) || reply < 0 || reply > most)
    throw unknownShape('APPEND')
  return reply
}

export function parseList(reply: unknown): readonly unknown[] {
  if (!Array.isArray(reply)) throw unknownShape('a script')
  return reply
}

export function unknownShape(what: string): Error {
  return new Error(`Redis gave an answer to ${what} that has an unknown shape`)
}
