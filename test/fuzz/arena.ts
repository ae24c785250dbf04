// A data plane before a recording upstream: every exchange is filed by the address that called, and held against what was let through.
import type { RequestRecord } from '../../src/core/audit-record.ts'
import type { AuditTrail } from '../../src/ports/audit-trail.ts'
import { startDataPlane, type DataPlane, type DataPlaneOptions } from '../support/start-data-plane.ts'
import type { Finding, FuzzCase } from './case.ts'
import { createDice } from './dice.ts'
import { readingsOf } from './leniencies.ts'
import { markersOf, startRecordingUpstream, type RecordingUpstream, type SeenRequest } from './recording-upstream.ts'
import { toldBy } from '../support/told.ts'

/** One exchange as the trail tells it, and as the upstream saw it. */
export interface Filed {
  readonly id: string
  /** The last record of it. */
  last: RequestRecord
  hasOutcome: boolean
  /** It had leave to go to the upstream, whatever became of it then. */
  hadLeave: boolean
  readonly seen: SeenRequest[]
}

/** One case's caller, known by an address of its own. */
export interface Lane {
  readonly one: FuzzCase
  readonly address: string
  /** In the order in which the gateway took them. */
  readonly exchanges: Map<string, Filed>
  readonly findings: Finding[]
}

export interface Arena {
  readonly port: number
  /** Faults that belong to no lane. */
  readonly findings: Finding[]
  /** Lanes in which something was found after they had been judged. */
  readonly late: readonly Lane[]
  readonly readers: number
  readonly token: string
  /** Exchanges that are open in the gateway. */
  readonly open: number
  /** A lane from an address that nobody has called from for long. */
  enter(one: FuzzCase): Lane
  /** The lane has been judged; what is found in it from now on is `late`. */
  leave(lane: Lane): void
  close(): Promise<void>
}

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

/** The worst case: open routes, a catch-all among them, beside one that is locked by name, one by its tag, one that needs a session. */
const ROUTES = [
  { id: 'open', path: '/open', methods: METHODS },
  { id: 'strict', path: '/strict', methods: METHODS, audit: 'strict' },
  { id: 'vault', path: '/vault/{name*}', methods: METHODS },
  { id: 'sealed', path: '/sealed/keys', methods: METHODS, tags: ['keys'] },
  { id: 'records', path: '/api/v2/records/{recordId}', methods: METHODS, session: { level: 'required', bind: [] } },
  { id: 'rest', path: '/{rest*}', methods: METHODS },
] as const

/** What no spelling may reach without leave, in any reading of a path. */
const LOCKED = /^\/(?:vault(?:\/|$)|sealed\/keys\/?$)/i
const RECORDS = /^\/api\/v2\/records\/[^/]+\/?$/i

/** A machine with other work must not run into the gateway's limits of time: they have tests of their own. */
export const PATIENT = { connectTimeoutMs: 120_000, headersTimeoutMs: 120_000, bodyTimeoutMs: 120_000 }

/** `sabotage` breaks the gateway, to see that the judges notice. */
export async function startArena(sabotage: Partial<DataPlaneOptions> = {}): Promise<Arena> {
  const arena = new Files()
  const upstream = await startRecordingUpstream({
    onSeen: (seen) => {
      arena.see(seen)
    },
    onFault: (fault, bytes) => {
      arena.fault(fault, bytes)
    },
  })
  const plane = await startDataPlane({
    routes: ROUTES,
    upstream: upstream.port,
    pool: PATIENT,
    ...sabotage,
    gateway: (base) => ({
      ...sabotage.gateway?.(base),
      trail: arena.trail,
      // Each refusal is judged by its record.
      refusals: { isOwn: () => true, flush: () => undefined },
      // The rig's own keep everything, which a million cases would not leave room for.
      telemetry: { ...base.telemetry, settled: () => undefined },
      // As they are: what is recorded can be held against what was forwarded.
      pseudonyms: { of: (_kind, value) => value },
    }),
  })
  plane.lock({ routes: ['vault'] })
  plane.lock({ tags: ['keys'] })
  arena.plane = plane
  arena.upstream = upstream
  arena.token = plane.token()
  return arena
}

/** Linux answers on all of 127.0.0.0/8; elsewhere one caller calls at a time. */
export const CALLERS_MAX = process.platform === 'linux' ? 24 : 1
/** So many cases later an address is taken again: what an exchange still had to tell has been told by then. */
const ADDRESSES = CALLERS_MAX === 1 ? 1 : 2_000

class Files implements Arena {
  readonly findings: Finding[] = []
  readonly late: Lane[] = []
  readonly trail: AuditTrail
  readonly #lanes = new Map<string, Lane>()
  readonly #byId = new Map<string, Lane>()
  /** Seen ahead of any record of it. */
  readonly #early = new Map<string, readonly SeenRequest[]>()
  readonly #judged = new WeakSet<Lane>()
  #entered = 0
  plane!: DataPlane
  upstream!: RecordingUpstream
  token = ''

  constructor() {
    let tickets = 0
    const kept = (): Promise<void> => Promise.resolve()
    this.trail = {
      append: (record) => {
        if (record.kind === 'request') this.#file(record)
        tickets += 1
        return tickets
      },
      durable: kept,
      onDurable: toldBy(kept),
      healthy: true,
    }
  }

  get port(): number {
    return this.plane.port
  }

  get readers(): number {
    return this.upstream.readers
  }

  get open(): number {
    return this.plane.gateway.inFlight.size
  }

  enter(one: FuzzCase): Lane {
    const place = this.#entered % ADDRESSES
    this.#entered += 1
    const address = CALLERS_MAX === 1 ? '127.0.0.1' : `127.0.${1 + Math.floor(place / 250)}.${1 + (place % 250)}`
    const before = this.#lanes.get(address)
    if (before !== undefined) for (const id of before.exchanges.keys()) this.#byId.delete(id)
    const lane: Lane = { one, address, exchanges: new Map(), findings: [] }
    this.#lanes.set(address, lane)
    return lane
  }

  leave(lane: Lane): void {
    lane.findings.length = 0
    this.#judged.add(lane)
  }

  #file(record: RequestRecord): void {
    const lane = this.#lanes.get(record.client)
    if (lane === undefined) {
      this.findings.push({ rule: 'a record of nobody', detail: JSON.stringify(record) })
      return
    }
    this.#byId.set(record.id, lane)
    let filed = lane.exchanges.get(record.id)
    if (filed === undefined) {
      filed = { id: record.id, last: record, hasOutcome: false, hadLeave: false, seen: [] }
      lane.exchanges.set(record.id, filed)
    }
    filed.last = record
    filed.hasOutcome ||= record.phase === 'outcome'
    filed.hadLeave ||= hadLeave(record)
    const early = this.#early.get(record.id) ?? []
    this.#early.delete(record.id)
    for (const seen of early) this.#hold(seen, filed, lane)
  }

  /** The upstream has the whole head. Of a safe method the trail may tell later: before the answer leaves. */
  see(seen: SeenRequest): void {
    const lane = this.#byId.get(seen.id)
    const filed = lane?.exchanges.get(seen.id)
    if (lane !== undefined && filed !== undefined) this.#hold(seen, filed, lane)
    else this.#early.set(seen.id, [...(this.#early.get(seen.id) ?? []), seen])
  }

  /** What the upstream was asked must have been allowed, as exactly this. */
  #hold(seen: SeenRequest, filed: Filed, lane: Lane): void {
    const { method, target } = seen.request
    const { last } = filed
    const wrong = (rule: string): void => {
      lane.findings.push({ rule, detail: `${method} ${target}; recorded: ${JSON.stringify(last)}` })
      if (this.#judged.has(lane) && !this.late.includes(lane)) this.late.push(lane)
    }
    filed.seen.push(seen)
    if (!filed.hadLeave) wrong('seen and not allowed')
    if (last.method !== method) wrong('another method than was recorded')
    const path = target.replace(/\?.*$/s, '')
    if (withoutSlash(decoded(path)) !== withoutSlash(last.path)) wrong('another path than was recorded')
    const readings = readingsOf(path, createDice(target.length * 31 + Number(/[0-9]+$/.exec(seen.id)?.[0])))
    for (const reading of readings) {
      if (LOCKED.test(reading)) wrong(`a locked route was reached, by an upstream that reads ${reading}`)
      else if (RECORDS.test(reading) && (last.route !== 'records' || last.session === undefined))
        wrong(`a route that needs a session was reached without, by an upstream that reads ${reading}`)
      else continue
      break
    }
  }

  fault(fault: string, bytes: Buffer): void {
    this.findings.push({ rule: fault, detail: bytes.toString('latin1') })
  }

  async close(): Promise<void> {
    for (const [id, all] of this.#early)
      for (const { request } of all)
        this.findings.push({
          rule: 'seen without a record',
          detail: `${request.method} ${request.target} (${id}, marked ${markersOf(request)})`,
        })
    await this.plane.close()
    await this.upstream.close()
  }
}

/** An outcome that could not have come about without leave counts as well. */
function hadLeave({ decision, reason }: RequestRecord): boolean {
  return decision === 'allow' || reason === 'upstream' || reason === 'severed' || reason === 'aborted'
}

/** A slash at the end is no part of a rest. */
function withoutSlash(path: string): string {
  return path.replace(/\/$/, '')
}

/** As the trail keeps it: parameters are decoded. */
function decoded(path: string): string {
  try {
    return path.split('/').map(decodeURIComponent).join('/')
  } catch {
    return path
  }
}
