// What bytes must come to, by the strict reader and the contract, held against what did come of them.
import { readRequests, valuesOf, type ReadRequest, type Reading } from './raw-reader.ts'
import { followerOf, isFollower, type Manner, type Patience, type Sighting, type VectorRig } from './raw-vectors.ts'

/**
 * `forward`: exactly the requests that the strict reader finds, and a refusal where it finds an offence behind them.
 * `refuse`: an answer of 4xx (501 and 505 count) or a close, and nothing at the upstream, though the reader may find it well formed.
 * `break`: the same, but it is the body that is refused: its request may have begun at the upstream, and was cut there.
 * `either`: one or the other, cleanly. `unfinished`: refused at once, or when its line, its head or its time has come to an end.
 */
export type Verdict = 'forward' | 'refuse' | 'break' | 'either' | 'unfinished'

/** Past it a case is not played byte by byte: it is about size, not about where a read ends. */
const DRIBBLE_MAX = 1_500

/**
 * Plays a case in every manner that fits it; gives what is wrong, with the exact bytes. `as` says in plain bytes what it is
 * taken for, where `either` is taken and the strict reader would not.
 */
export async function tryCase(
  rig: VectorRig,
  bytes: Buffer,
  verdict: Verdict,
  as: Buffer = bytes,
): Promise<readonly string[]> {
  const wrong: string[] = []
  const manners: readonly Manner[] =
    bytes.length > DRIBBLE_MAX ? ['alone', 'followed'] : ['alone', 'followed', 'dribbled']
  for (const manner of manners) {
    const read = (all: Buffer): Reading =>
      readRequests(manner === 'alone' ? all : Buffer.concat([all, followerOf(bytes)]))
    const found = await rig.play(bytes, manner, patienceOf(read(bytes), verdict, manner))
    const reading = read(found.requests.length > 0 ? as : bytes)
    for (const each of wrongsOf(reading, verdict, found)) wrong.push(`${manner}: ${each} | ${quoted(bytes)}`)
  }
  return wrong
}

function patienceOf({ end, requests }: Reading, verdict: Verdict, manner: Manner): Patience {
  if (end === 'partial' && (verdict === 'forward' || verdict === 'either')) return 'none'
  if (verdict === 'unfinished' && manner === 'alone') return 'none'
  if (manner !== 'alone' || end === 'offence' || end === 'closed') return 'end'
  return verdict === 'forward' ? requests.length : 1
}

function wrongsOf(reading: Reading, verdict: Verdict, found: Sighting): readonly string[] {
  const { end, where } = reading
  const refuses = verdict !== 'forward' && (verdict !== 'either' || found.requests.length === 0)
  const due = refuses ? [] : reading.requests.filter((each) => !isFollower(each))
  const mayBegin = verdict === 'break' || (where === 'body' && (end === 'offence' || !refuses))
  const wrong = [...wrongsUpstream(found, due, mayBegin)]
  const isWhole = end === 'clean' || end === 'closed'
  // What is refused for what it asks, and not for how it is framed, may leave its connection open.
  const followed = refuses ? isWhole && found.followed : reading.requests.some(isFollower)
  if (found.followed !== followed) wrong.push(`the request behind it was ${followed ? 'not ' : ''}forwarded`)
  if ((end === 'partial' && !refuses) || (verdict === 'unfinished' && found.manner === 'alone'))
    return found.endedBy === 'nobody' ? [...wrong, 'the connection was never ended'] : wrong
  const ends = found.manner !== 'alone' || (refuses ? !isWhole : end !== 'clean')
  return [...wrong, ...wrongsDownstream(found, due.length + Number(followed), refuses || end === 'offence', ends)]
}

function wrongsUpstream(found: Sighting, due: readonly ReadRequest[], mayBegin: boolean): readonly string[] {
  const wrong = [...found.strays]
  if (found.begun && !mayBegin) wrong.push('a part of it reached the upstream')
  const [came, expected] = [found.requests, due].map((requests) => JSON.stringify(requests.map(essenceOf)))
  if (came !== expected) wrong.push(`forwarded ${came?.slice(0, 200)} where ${expected?.slice(0, 200)} was due`)
  return wrong
}

function wrongsDownstream(found: Sighting, served: number, refused: boolean, ends: boolean): readonly string[] {
  const wrong: string[] = []
  const { statuses, outcomes, counted, endedBy } = found
  const refusals = statuses.filter((status) => status !== 200)
  if (statuses.length - refusals.length !== served)
    wrong.push(`${served} are to be served, answered ${statuses.join(' ')}`)
  // A close says enough to the caller, and leaves its record as well.
  const mute = refused && refusals.length === 0 && endedBy === 'gateway' ? 1 : 0
  if (refusals.length + mute !== Number(refused) || !refusals.every(isRefusal))
    wrong.push(`${refused ? 'one is' : 'none are'} to be refused, answered ${statuses.join(' ')}`)
  if (ends && endedBy !== 'gateway') wrong.push(`the connection was ended by ${endedBy}`)
  if (outcomes.length !== statuses.length + mute || counted !== outcomes.length)
    wrong.push(`${statuses.length} answers, ${outcomes.length} outcomes in the trail, ${counted} counted`)
  const rejected = outcomes.filter(({ decision, status }) => decision === 'rejected' && isRefusal(status ?? 0)).length
  if (rejected !== Number(refused)) wrong.push(`${rejected} records of a rejection`)
  return wrong
}

function isRefusal(status: number): boolean {
  return (status >= 400 && status < 500) || status === 501 || status === 505
}

/** Of this hop, or written by the gateway alone (contract, 3): compared on neither side. */
const NOT_COMPARED =
  /^(connection|keep-alive|proxy-connection|proxy-auth.*|te|trailer|transfer-encoding|content-length|upgrade|http2-settings|host|expect|authorization|forwarded|x-forwarded-.*|x-request-id|traceparent|x-http-method.*|x-method-override|x-original-.*|x-rewrite-url|proxy)$/

/** What both ends must agree on; an escape's case is the gateway's. */
function essenceOf(request: ReadRequest): unknown {
  const { method, target, fields, body } = request
  const nominated = valuesOf(request, 'connection').flatMap((value) =>
    value.split(',').map((each) => each.trim().toLowerCase()),
  )
  const kept = fields.filter(([name]) => !NOT_COMPARED.test(name.replaceAll('_', '-')) && !nominated.includes(name))
  return [method, originForm(target), kept, body.toString('latin1')]
}

function originForm(target: string): string {
  const path = /^https?:\/\/[^/?#]*(.*)$/i.exec(target)?.[1] ?? target
  const whole = path.startsWith('/') ? path : `/${path}`
  return whole.replaceAll(/%[0-9a-f]{2}/gi, (escape) => escape.toUpperCase())
}

/** As it would be typed: every byte that is no printable ASCII escaped. */
export function quoted(bytes: Buffer): string {
  const text = JSON.stringify(bytes.toString('latin1')).replaceAll(
    /[\x7f-\xff]/g,
    (char) => `\\x${char.charCodeAt(0).toString(16)}`,
  )
  return text.length > 400 ? `${text.slice(0, 300)}... (${bytes.length} bytes)` : text
}

/** Counts what was run, and says it at the end. */
export class Tally {
  #ran = 0
  #passed = 0
  readonly #name: string

  constructor(name: string) {
    this.#name = name
  }

  take(wrong: readonly string[]): readonly string[] {
    this.#ran += 1
    if (wrong.length === 0) this.#passed += 1
    return wrong
  }

  print(): void {
    console.info(`${this.#name}: ${this.#ran} cases ran, ${this.#passed} passed`)
  }
}
