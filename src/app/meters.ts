// The metrics of a gateway: the main thread counts in a slab of its own, as every worker does, and gauges are read at scrape.
import type { GaugeReadings } from '../adapters/prometheus/gauges.ts'
import { createMetricsRegistry, type MetricsRegistry } from '../adapters/prometheus/metrics-registry.ts'
import { createTelemetrySlab } from '../adapters/prometheus/telemetry-slab.ts'
import { createWorkerTelemetry } from '../adapters/prometheus/worker-telemetry.ts'
import type { Config } from '../config/config.ts'
import { incidentsOf, nearestDue } from '../core/incident.ts'
import { tableOf } from '../core/ledger.ts'
import { countByMode, EMPTY_TABLE, isFrozen } from '../core/lock-table.ts'
import { findOverdue } from '../core/overdue.ts'
import type { Changes } from '../control/live/changes.ts'
import type { FleetParts } from '../control/fleet/fleet.ts'
import { countGateways } from '../control/fleet/views.ts'
import type { OrderDesk } from '../control/order-desk.ts'
import type { Clock } from '../ports/clock.ts'
import type { DataPlane } from '../ports/data-plane.ts'
import type { Telemetry } from '../ports/telemetry.ts'
import type { TrailDesk } from './trail-desk.ts'
import { DETECTORS } from '../throttle/engine.ts'
import type { Trail } from './trail.ts'

/** What gauges are read from. */
interface Metered {
  readonly desk: OrderDesk
  readonly dataPlane: DataPlane
  readonly trail: Trail
  readonly clock: Clock
  readonly fleet: { readonly parts: FleetParts } | undefined
  readonly changes: Changes
  readonly otp: { readonly outstanding: number | undefined }
  /** Of the targets that are checked. */
  readonly targets?: () => GaugeReadings['targets']
  readonly trailDesk: Pick<TrailDesk, 'exports'>
  /** Time of the oldest record of the trail, epoch milliseconds. */
  readonly oldestRecord?: () => number | undefined
}

export interface Meters {
  /** The main thread's own counts. */
  readonly main: Telemetry
  readonly registry: MetricsRegistry
  /** Gauges show the gateway from now on; before, what an empty one would show. */
  attach(parts: Metered, lastReloadOk: () => boolean): void
}

/** The main thread's slab stands beside those of the workers, whose numbers begin at 0. */
const MAIN_THREAD = -1

interface Attached {
  readonly parts: Metered
  readonly lastReloadOk: () => boolean
}

const NO_LOCKS = countByMode(EMPTY_TABLE, 0)
const EMPTY: GaugeReadings = {
  epoch: 0,
  frozen: false,
  locksByMode: NO_LOCKS,
  leaseRemainingSeconds: 0,
  checkpointAgeSeconds: undefined,
  auditDiskFreeBytes: undefined,
  auditDiskFullSeconds: undefined,
  clockOffsetSeconds: undefined,
  clockSpreadSeconds: undefined,
  witnessLagSeconds: [],
  gateways: { proven: 0, missing: 1 },
  workers: {},
  reloadOk: true,
  configSince: undefined,
  drillAgeSeconds: undefined,
  incidentsOpen: 0,
  reportDueSeconds: undefined,
  boardDueSeconds: undefined,
  locksOverdue: 0,
  otpOutstanding: undefined,
  targets: [],
  oldestRecordAgeSeconds: undefined,
  exports: [],
}

function inSeconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1000
}

function readGauges({ parts, lastReloadOk }: Attached): GaugeReadings {
  const table = tableOf(parts.desk.ledger)
  const now = parts.clock.now()
  // For the next scrape: who is missing in a large fleet is known by asking.
  void parts.fleet?.parts.look.refresh()
  const oldest = parts.oldestRecord?.()
  const incidents = incidentsOf(parts.desk.ledger)
  const proven = parts.dataPlane.workers.every(({ alive, epoch }) => alive && epoch >= table.epoch)
  return {
    epoch: table.epoch,
    frozen: isFrozen(table, now),
    locksByMode: countByMode(table, now),
    leaseRemainingSeconds: (parts.fleet?.parts.link.leaseRemainingMs ?? parts.dataPlane.leaseRemainingMs) / 1000,
    checkpointAgeSeconds: (now - parts.trail.sealer.checkpointAt) / 1000,
    auditDiskFreeBytes: parts.trail.guard.freeBytes,
    auditDiskFullSeconds: parts.trail.guard.fullInSeconds,
    clockOffsetSeconds: parts.trail.evidence.clock.offsetSeconds,
    clockSpreadSeconds: parts.trail.evidence.clock.spreadSeconds,
    witnessLagSeconds: parts.trail.evidence.witnesses.lags,
    gateways:
      parts.fleet === undefined
        ? { proven: proven ? 1 : 0, missing: proven ? 0 : 1 }
        : countGateways(parts.fleet.parts),
    workers: countWorkers(parts.dataPlane.workers, table.epoch),
    reloadOk: lastReloadOk(),
    configSince: inSeconds(parts.changes.configSince),
    drillAgeSeconds: table.drill === undefined ? undefined : (now - table.drill.since) / 1000,
    incidentsOpen: incidents.filter(({ isOpen }) => isOpen).length,
    reportDueSeconds: inSeconds(nearestDue(incidents, 'certIn', now)),
    boardDueSeconds: inSeconds(nearestDue(incidents, 'board', now)),
    otpOutstanding: parts.otp.outstanding,
    locksOverdue: findOverdue(parts.desk.ledger, now).length,
    targets: parts.targets?.() ?? [],
    oldestRecordAgeSeconds: oldest === undefined ? undefined : (now - oldest) / 1000,
    exports: Object.entries(parts.trailDesk.exports).map(([name, state]) => ({ name, ...state })),
  }
}

function countWorkers(workers: DataPlane['workers'], epoch: number): GaugeReadings['workers'] {
  const count = { current: 0, behind: 0, dead: 0 }
  for (const worker of workers) count[worker.alive ? (worker.epoch >= epoch ? 'current' : 'behind') : 'dead'] += 1
  return count
}

export function createMeters(version: string, config: Config): Meters {
  let attached: Attached | undefined
  const registry = createMetricsRegistry({
    version,
    routes: config.routes,
    detectors: DETECTORS,
    readGauges: () => (attached === undefined ? EMPTY : readGauges(attached)),
  })
  const slab = createTelemetrySlab()
  registry.addSlab(MAIN_THREAD, slab)
  const main = createWorkerTelemetry(slab, (announcement) => {
    registry.addSeries(MAIN_THREAD, announcement)
  })
  return {
    main,
    registry,
    attach(parts, lastReloadOk) {
      attached = { parts, lastReloadOk }
      // The proofs of a start and of a release are of no lock's acceptance.
      const locking = new Set<string>()
      parts.desk.onChange((change) => {
        if (change.event === 'lock') locking.add(change.id)
        if (change.event !== 'proof' || !locking.delete(change.id)) return
        if (change.missing.length === 0 && change.proven.length > 0) registry.locked(change.elapsedMs / 1000)
      })
    },
  }
}
