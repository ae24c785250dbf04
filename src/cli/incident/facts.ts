// What the trail itself says about an incident: counted record by record, nothing inferred, and what it cannot say left out.
import { readTrail } from '../../audit/reader.ts'
import { widenShape, type RecordShape } from '../../core/record-shape.ts'
import type { Instant } from '../../core/time.ts'
import { REFUSED_FROM } from '../../core/trail-query.ts'
import { MEANWHILE, meanwhileText } from './changes.ts'

interface TimelineEntry {
  readonly time: Instant
  /** Of the record that says so. */
  readonly index: number
  readonly what: string
}

/** What time servers said, in one record. */
export interface ClockEntry {
  readonly time: Instant
  readonly index: number
  /** The clock was off by more than is allowed, or nobody answered. */
  readonly alarm: boolean
}

export interface Facts {
  readonly incident: string
  readonly title?: string
  /** When somebody said it was noticed; absent: nobody has. */
  readonly noticedAt?: Instant
  /** When the first order that names it came; absent: none has. */
  readonly firstOrderAt?: Instant
  readonly closedAt?: Instant
  /** To which its orders were addressed: other gateways have trails of their own. Absent: a gateway that is alone. */
  readonly fleet?: string
  readonly timeline: readonly TimelineEntry[]
  readonly locks: number
  /** With which its locks landed here: each has a certificate. */
  readonly lockEpochs: readonly number[]
  /** Readings of time servers; those of the time of the report, and the nearest before and after it. */
  readonly clocks: readonly ClockEntry[]
  /** Between the acceptance of the first lock and its first proof in this trail, in milliseconds. */
  readonly firstProofMs?: number
  readonly requests: {
    readonly total: number
    readonly allowed: number
    readonly locked: number
    readonly refused: number
  }
  /** Of the requests that were let through, answered with less than 400, and name whose record it was. */
  readonly reads: number
  readonly readsWithoutOtp: number
  readonly people: number
  readonly peopleWithoutOtp: number
  readonly routes: readonly (readonly [string, number])[]
  readonly clients: readonly (readonly [string, number])[]
  readonly anomalies: number
  readonly gaps: number
  /** Entries of the trail that the report stands on, and the time they span. */
  readonly range: { readonly from: Instant; readonly to: Instant; readonly first?: number; readonly last?: number }
  readonly gateways: readonly string[]
}

export interface Span {
  readonly from?: Instant
  readonly to?: Instant
}

/** Before what was noticed, since what was noticed had begun before. */
const LOOK_BACK_MS = 24 * 3_600_000
const TOP = 10
/** A detector that never stops must not bury the orders; all of its findings are in the pack and in the count. */
const MEANWHILE_MAX = 500

interface Entry {
  readonly index: number
  readonly record: Readonly<Record<string, unknown>>
}

type Listed = Pick<Facts, 'timeline' | 'locks' | 'clocks' | 'lockEpochs'> &
  Partial<Pick<Facts, 'title' | 'noticedAt' | 'firstOrderAt' | 'closedAt' | 'firstProofMs' | 'fleet'>>

/** Reads the trail twice: for the incident's own records, and for what went through in its time. Rejects with an Error of one line. */
export async function readFacts(
  dir: string,
  incident: string,
  span: Span,
  tell: (count: number) => void,
): Promise<{ readonly facts: Facts; readonly shape: RecordShape }> {
  const { changes, ...own } = await readOwn(dir, incident)
  const start = Math.min(own.noticedAt ?? Infinity, own.firstOrderAt ?? Infinity)
  const from = span.from ?? (start === Infinity ? 0 : start - LOOK_BACK_MS)
  const to = span.to ?? own.closedAt ?? Infinity
  const shape: RecordShape = new Map()
  const counted = await countTraffic(dir, { from, to }, shape, tell)
  // Of an incident that nobody has named there is no time line.
  const meanwhile = own.timeline.length === 0 ? [] : changes.filter(({ time }) => time >= from && time <= to)
  const timeline = [...own.timeline, ...meanwhile.slice(0, MEANWHILE_MAX)].sort((a, b) => a.index - b.index)
  return { facts: { incident, ...own, timeline, clocks: aroundOf(own.clocks, from, to), ...counted }, shape }
}

function aroundOf(clocks: readonly ClockEntry[], from: Instant, to: Instant): readonly ClockEntry[] {
  const first = clocks.findLastIndex(({ time }) => time < from)
  const after = clocks.findIndex(({ time }) => time > to)
  return clocks.slice(Math.max(0, first), after < 0 ? undefined : after + 1)
}

async function* entriesOf(dir: string): AsyncGenerator<Entry> {
  for await (const [index, entry] of readTrail(dir))
    if (index !== undefined) yield { index, record: JSON.parse(entry.toString()) as Entry['record'] }
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
const timeOf = (record: Entry['record']): Instant => (typeof record.time === 'number' ? record.time : 0)

/** Of a record of these kinds alone the incident can say something; all else is not even parsed. */
const OWN = ['order', 'proof', 'clock', ...MEANWHILE].map((kind) => Buffer.from(`"kind":"${kind}"`))

async function readOwn(
  dir: string,
  incident: string,
): Promise<Listed & { readonly changes: readonly TimelineEntry[] }> {
  const timeline: TimelineEntry[] = []
  const changes: TimelineEntry[] = []
  const clocks: ClockEntry[] = []
  const locks = new Map<string, Instant>()
  const found: Draft = {}
  for await (const [index, entry] of readTrail(dir)) {
    if (index === undefined || !OWN.some((kind) => entry.includes(kind))) continue
    const record = JSON.parse(entry.toString()) as Entry['record']
    const change = meanwhileText(record)
    if (change !== undefined) changes.push({ time: timeOf(record), index, what: change })
    if (record.kind === 'clock') clocks.push({ time: timeOf(record), index, alarm: record.alarm === true })
    const what = takeOwn(record, incident, locks, found)
    if (what === undefined) continue
    timeline.push({ time: timeOf(record), index, what })
    const fleet = textOf(signedOf(record).aud)
    if (fleet !== '') found.fleet ??= fleet
  }
  return { ...found, lockEpochs: found.lockEpochs ?? [], timeline, changes, clocks, locks: locks.size }
}

type Draft = { -readonly [Key in keyof Listed]?: Listed[Key] }

/** What the record says of the incident; undefined where it says nothing. */
function takeOwn(
  record: Entry['record'],
  incident: string,
  locks: Map<string, Instant>,
  found: Draft,
): string | undefined {
  if (record.kind === 'proof') return takeProof(record, locks, found)
  if (record.kind !== 'order') return undefined
  const names = Array.isArray(record.locks) ? record.locks.filter((each) => typeof each === 'string') : []
  const isNamed = record.incident === incident
  if (!isNamed && !names.some((id) => locks.has(id)) && !locks.has(textOf(record.id))) return undefined
  if (isNamed && record.outcome === 'accepted') {
    if (record.order === 'lock') {
      locks.set(textOf(record.id), timeOf(record))
      if (typeof record.epoch === 'number') found.lockEpochs = [...(found.lockEpochs ?? []), record.epoch]
    }
    found.firstOrderAt ??= timeOf(record)
    if (record.order === 'incident') noteIncident(found, record, timeOf(record))
  }
  return orderText(record)
}

function takeProof(record: Entry['record'], locks: ReadonlyMap<string, Instant>, found: Draft): string | undefined {
  const lockedAt = locks.get(textOf(record.order))
  if (lockedAt === undefined) return undefined
  const proofs = Array.isArray(record.proofs) ? (record.proofs as readonly { readonly refused?: unknown }[]) : []
  const refused = proofs.filter((proof) => proof.refused === true).length
  found.firstProofMs ??= timeOf(record) - lockedAt
  return `proof: ${refused} of ${proofs.length} canaries were refused, epoch ${String(record.epoch)}`
}

function noteIncident(found: Draft, record: Entry['record'], time: Instant): void {
  if (record.action === 'open') {
    found.title ??= textOf(record.reason)
    const noticed = noticedOf(record) ?? found.noticedAt
    if (noticed !== undefined) found.noticedAt = Math.min(noticed, found.noticedAt ?? Infinity)
    delete found.closedAt
  }
  if (record.action === 'close') found.closedAt = time
}

interface Signed {
  readonly aud?: unknown
  readonly order?: { readonly noticedAt?: string }
}

/** The order itself stands in its record: what it says is signed. */
function signedOf({ jws }: Entry['record']): Signed {
  const [, payload = ''] = textOf(jws).split('.')
  try {
    return JSON.parse(Buffer.from(payload, 'base64url').toString()) as Signed
  } catch {
    return {}
  }
}

function noticedOf(record: Entry['record']): Instant | undefined {
  const noticed = Date.parse(signedOf(record).order?.noticedAt ?? '')
  return Number.isFinite(noticed) ? noticed : undefined
}

function orderText({ order, outcome, by, reason, action, channel }: Entry['record']): string {
  const who = textOf(by) === '' ? `by ${textOf(channel)}` : `by ${textOf(by)}`
  const what = textOf(action) === '' ? textOf(order) : `${textOf(order)} ${textOf(action)}`
  return `${what} ${textOf(outcome)} ${who}${textOf(reason) === '' ? '' : `: ${textOf(reason)}`}`
}

type Counted = Omit<Facts, 'incident' | keyof Listed>

async function countTraffic(
  dir: string,
  { from, to }: Required<Span>,
  shape: RecordShape,
  tell: (count: number) => void,
): Promise<Counted> {
  const tally = createTally()
  let [first, last]: [number | undefined, number | undefined] = [undefined, undefined]
  let count = 0
  for await (const { index, record } of entriesOf(dir)) {
    if (++count % 10_000 === 0) tell(count)
    widenShape(shape, record)
    const time = timeOf(record)
    if (time < from || time > to) continue
    first ??= index
    last = index
    tally.take(record)
  }
  return {
    ...tally.counted(),
    range: { from, to, ...(first === undefined ? {} : { first }), ...(last === undefined ? {} : { last }) },
  }
}

interface Tally {
  take(record: Entry['record']): void
  counted(): Omit<Counted, 'range'>
}

function createTally(): Tally {
  const requests = { total: 0, allowed: 0, locked: 0, refused: 0 }
  const [people, peopleWithoutOtp, gateways] = [new Set<string>(), new Set<string>(), new Set<string>()]
  const [routes, clients] = [new Map<string, number>(), new Map<string, number>()]
  const sums = { reads: 0, readsWithoutOtp: 0, anomalies: 0, gaps: 0 }
  const takeRead = (record: Entry['record'], subjects: readonly string[]): void => {
    sums.reads += 1
    if (record.otp !== true) sums.readsWithoutOtp += 1
    for (const subject of subjects) {
      people.add(subject)
      if (record.otp !== true) peopleWithoutOtp.add(subject)
    }
    add(routes, textOf(record.route))
    add(clients, textOf(record.application) || textOf(record.client))
  }
  const takeRequest = (record: Entry['record']): void => {
    requests.total += 1
    if (record.decision !== 'allow') {
      requests[record.decision === 'locked' ? 'locked' : 'refused'] += 1
      return
    }
    requests.allowed += 1
    // As `audit whose` has it: an answer that was an error has shown nobody's record.
    if (typeof record.status === 'number' && record.status >= REFUSED_FROM) return
    const subjects = Array.isArray(record.subjects) ? (record.subjects as readonly string[]) : []
    if (subjects.length > 0) takeRead(record, subjects)
  }
  return {
    take(record) {
      gateways.add(textOf(record.gateway))
      if (record.kind === 'anomaly') sums.anomalies += 1
      if (record.kind === 'gap') sums.gaps += 1
      if (record.kind === 'request' && record.phase === 'outcome') takeRequest(record)
    },
    counted: () => ({
      ...{ requests, ...sums },
      people: people.size,
      peopleWithoutOtp: peopleWithoutOtp.size,
      routes: topOf(routes),
      clients: topOf(clients),
      gateways: [...gateways].sort(),
    }),
  }
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

function topOf(counts: ReadonlyMap<string, number>): readonly (readonly [string, number])[] {
  return [...counts].toSorted((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, TOP)
}
