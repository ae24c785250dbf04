// Memory fakes of the ports that the control plane uses, each with the controls that a test needs to fail, hold or watch it.
import { generateKeyPairSync, sign } from 'node:crypto'
import type { AuditRecord } from '../../src/core/audit-record.ts'
import type { LedgerEntry } from '../../src/core/ledger-entry.ts'
import type { LockTable } from '../../src/core/lock-table.ts'
import type { Route } from '../../src/core/route.ts'
import type { AuditTrail } from '../../src/ports/audit-trail.ts'
import type { Clock, Randomness } from '../../src/ports/clock.ts'
import { signShown } from '../../src/app/sign-shown.ts'
import { createWorkerKey, gatewayNameOf, vouch } from '../../src/audit/worker-proof.ts'
import type { CanaryProof, DataPlane, ProveRequest } from '../../src/ports/data-plane.ts'
import type { Signer } from '../../src/ports/signer.ts'
import type { Logger } from '../../src/ports/logger.ts'
import type { OrderJournal } from '../../src/ports/order-journal.ts'
import { toldBy } from './told.ts'

const silent = (): void => undefined
export const silentLogger: Logger = { debug: silent, info: silent, warn: silent, error: silent }

/** Keeps every line as `level message`. */
export function createFakeLogger(): Logger & { readonly lines: string[] } {
  const lines: string[] = []
  const at = (level: string) => (message: string) => void lines.push(`${level} ${message}`)
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

/** A journal entry that can be told from others by its number. */
export function flagsEntry(number: number): LedgerEntry {
  return { type: 'flags', source: 'file', locks: [], at: number }
}

/** One that is never let go: it counts for itself. */
export function freezeEntry(number: number): LedgerEntry {
  return { type: 'freeze', id: `freeze-${number}`, at: number, guard: { responders: [], approvals: 2 } }
}

/** 2026-01-02T03:04:05Z */
export const START = Date.UTC(2026, 0, 2, 3, 4, 5)

export function createFakeClock(): Clock & { advance(ms: number): void } {
  let passedMs = 0
  return {
    now: () => START + passedMs,
    monotonicMs: () => passedMs,
    advance: (ms) => void (passedMs += ms),
  }
}

export function createFakeRandomness(): Randomness {
  let count = 0
  return {
    requestId: () => `request-${String(++count).padStart(14, '0')}`,
    hex: (bytes) => (++count).toString(16).padStart(bytes * 2, '0'),
    fraction: () => 0.5,
  }
}

/** What the fakes were asked, in order. */
export type CallLog = string[]

export type FakeJournal = OrderJournal & {
  /** `hang`: nothing becomes durable until `resume`. `fail`: every append rejects. */
  mode: 'ok' | 'hang' | 'fail'
  readonly kept: LedgerEntry[]
  /** What hung is kept now, unless it was withdrawn. */
  resume(): void
}

export function createFakeJournal(log: CallLog, entries: readonly LedgerEntry[] = []): FakeJournal {
  const kept: LedgerEntry[] = [...entries]
  let hanging: (() => void)[] = []
  const journal: FakeJournal = {
    mode: 'ok',
    entries,
    kept,
    append(entry, limitMs) {
      log.push(`journal ${nameOf(entry)}`)
      if (journal.mode === 'fail') return Promise.reject(new Error('EIO: i/o error'))
      if (journal.mode === 'ok') {
        kept.push(entry)
        return Promise.resolve()
      }
      return new Promise((resolve, reject) => {
        let isWithdrawn = false
        if (limitMs !== undefined) {
          setTimeout(() => {
            isWithdrawn = true
            reject(new Error(`not durable within ${limitMs} ms: withdrawn`))
          }, limitMs).unref()
        }
        hanging.push(() => {
          if (isWithdrawn) return
          kept.push(entry)
          resolve()
        })
      })
    },
    resume() {
      journal.mode = 'ok'
      for (const each of hanging) each()
      hanging = []
    },
    close: () => Promise.resolve(),
  }
  return journal
}

function nameOf(entry: LedgerEntry): string {
  return entry.type === 'order' ? entry.statement.order.kind : entry.type
}

export type FakeTrail = AuditTrail & {
  /** `full`: no record is taken. `fail`: none becomes durable. `hang`: none does until `resume`. */
  mode: 'ok' | 'full' | 'fail' | 'hang'
  readonly records: AuditRecord[]
  resume(): void
}

export function createFakeTrail(log: CallLog): FakeTrail {
  const records: AuditRecord[] = []
  let hanging: (() => void)[] = []
  const trail: FakeTrail = {
    mode: 'ok',
    records,
    healthy: true,
    append(record) {
      log.push(`trail ${record.kind}${record.kind === 'order' ? ` ${record.order} ${record.outcome}` : ''}`)
      return trail.mode === 'full' ? undefined : records.push(record)
    },
    durable() {
      if (trail.mode === 'fail') return Promise.reject(new Error('EIO'))
      return trail.mode === 'hang' ? new Promise((resolve) => hanging.push(resolve)) : Promise.resolve()
    },
    onDurable: toldBy((ticket) => trail.durable(ticket)),
    resume() {
      trail.mode = 'ok'
      for (const each of hanging) each()
      hanging = []
    },
  }
  return trail
}

export type FakeDataPlane = DataPlane & {
  readonly tables: LockTable[]
  table: LockTable | undefined
  /** Workers that answer neither with a report nor with a proof. */
  readonly silent: Set<string>
  /** A data plane that cannot even be spoken to. */
  isBroken: boolean
  /** Routes whose canaries were asked for, where any were. */
  readonly proven: (readonly string[])[]
  /** All that was asked. */
  readonly asked: ProveRequest[]
  /** What the workers show in place of a refusal of each route. */
  shows: (proof: CanaryProof) => CanaryProof
  /** The drills whose canaries were asked for. */
  readonly drills: string[]
}

/** Signs for real: each worker has a key of its own, for which `signer` vouches. */
export function createFakeDataPlane(
  log: CallLog,
  names: readonly string[] = ['worker-1', 'worker-2'],
  signer: Pick<Signer, 'publicKeyRaw' | 'sign'> = createSigner(),
): FakeDataPlane {
  const keys = new Map(names.map((name) => [name, createWorkerKey()]))
  const gateway = gatewayNameOf(signer.publicKeyRaw)
  const plane: FakeDataPlane = {
    tables: [],
    table: undefined,
    silent: new Set(),
    isBroken: false,
    proven: [],
    drills: [],
    asked: [],
    shows: (proof) => proof,
    leaseRemainingMs: 1500,
    get workers() {
      return names.map((worker) => ({
        worker,
        alive: true,
        epoch: plane.silent.has(worker) ? 0 : (plane.table?.epoch ?? 0),
      }))
    },
    enforce(table) {
      if (plane.isBroken) throw new Error('the port is closed')
      log.push(`enforce ${table.epoch}`)
      plane.tables.push(table)
      plane.table = table
      return Promise.resolve(
        names.filter((name) => !plane.silent.has(name)).map((worker) => ({ worker, epoch: table.epoch, severed: 0 })),
      )
    },
    prove(request) {
      const { routes, drill } = request
      plane.asked.push(request)
      if (drill !== undefined) plane.drills.push(drill)
      if (routes.length > 0) {
        log.push(`prove ${routes.length}`)
        plane.proven.push(routes.map(({ route }) => route))
      }
      const { epoch = 0, hash = '' } = plane.table ?? {}
      const shown = names.flatMap((worker) => {
        const key = keys.get(worker)
        if (key === undefined || plane.silent.has(worker)) return []
        const canaries = routes.map(({ route, stands }) =>
          plane.shows({ worker, epoch, route, status: 503, refused: true, at: START, stands }),
        )
        const signed = signShown(
          key,
          { gateway, worker, workers: names, at: START },
          { epoch, hash },
          request,
          canaries,
        )
        return [{ worker, epoch, canaries, text: `${vouch(signer, worker, key.key)}.${signed}` }]
      })
      return Promise.resolve(shown)
    },
  }
  return plane
}

function createSigner(): Pick<Signer, 'publicKeyRaw' | 'sign'> {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  return {
    publicKeyRaw: Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url'),
    sign: (bytes) => sign(null, bytes, privateKey),
  }
}

export function createRoute(
  id: string,
  more: Partial<Omit<Route, 'policy'>> & {
    readonly session?: 'none' | 'required'
    readonly lock?: Route['policy']['lock']
  } = {},
): Route {
  const { session = 'required', lock = 'open', ...route } = more
  return {
    id,
    path: `/${id}`,
    methods: ['GET'],
    upstream: 'registry',
    tags: [],
    policy: {
      lock,
      session: { level: session, bind: [] },
      stale: 'frozen',
      audit: 'strict',
      throttle: {},
      subjects: [],
      forwardAuthorization: true,
    },
    ...route,
  }
}
