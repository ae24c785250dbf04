// Metrics that are read when somebody asks: the state of locks, fleet, trail and config.
import { Counter, Gauge, type Registry } from '@prometheus-io/client'
import { LOCK_MODES, type LockMode } from '../../core/lock.ts'
import { PREFIX } from './families.ts'

/** The state of the gateway at the moment of a scrape. */
export interface GaugeReadings {
  readonly epoch: number
  readonly frozen: boolean
  readonly locksByMode: Readonly<Record<LockMode, number>>
  readonly leaseRemainingSeconds: number
  /** Undefined before the first checkpoint: then there is no series. */
  readonly checkpointAgeSeconds: number | undefined
  /** Of the trail's disk; undefined where it does not say. */
  readonly auditDiskFreeBytes: number | undefined
  /** Until the trail's disk is full at the pace of the last minute; undefined where it does not fill up: then there is no series. */
  readonly auditDiskFullSeconds: number | undefined
  /** By which time servers say that this clock is slow; undefined where none is asked, or answers: then there is no series. */
  readonly clockOffsetSeconds: number | undefined
  /** By which those time servers differ from one another; undefined where fewer than two answer: then there is no series. */
  readonly clockSpreadSeconds: number | undefined
  /** Of each witness, by its place in the config: since when there is something that it has not signed. */
  readonly witnessLagSeconds: readonly number[]
  /** By state; a gateway that has proven the epoch is counted as such beside its state. */
  readonly gateways: Readonly<Record<string, number>>
  /** This gateway's own, by state. */
  readonly workers: Readonly<Record<string, number>>
  readonly reloadOk: boolean
  /** When the config in force was taken, in seconds of Unix time; undefined before: then there is no series. */
  readonly configSince: number | undefined
  /** Since the last drill; undefined where there was none: then there is no series. */
  readonly drillAgeSeconds: number | undefined
  readonly incidentsOpen: number
  /** The least time to report an open incident, to CERT-In and to the Board; undefined where nothing is due: then there is no series. */
  readonly reportDueSeconds: number | undefined
  readonly boardDueSeconds: number | undefined
  /** Locks that somebody has forgotten. */
  readonly locksOverdue: number
  /** Undefined where the gateway gives no codes, or their store does not answer: then there is no series. */
  readonly otpOutstanding: number | undefined
  /** Targets that are checked, by their place among those of their upstream: a label holds no address. */
  /** Undefined while the trail is empty: then there is no series. */
  readonly oldestRecordAgeSeconds: number | undefined
  /** Of the exports that are configured. */
  readonly exports: readonly {
    readonly name: string
    readonly lag: number
    readonly failures: number
    readonly lost: number
  }[]
  readonly targets: readonly { readonly upstream: string; readonly target: number; readonly isUp: boolean }[]
}

export function registerGauges(registry: Registry, version: string, read: () => GaugeReadings): void {
  gauge(registry, 'lock_epoch', 'The epoch that this gateway enforces.', () => read().epoch)
  gauge(registry, 'frozen', 'Whether everything is locked: 1 or 0.', () => (read().frozen ? 1 : 0))
  gauge(
    registry,
    'lease_remaining_seconds',
    'How long the lock view may still be trusted without contact.',
    () => read().leaseRemainingSeconds,
  )
  registerTrail(registry, read)
  registerClock(registry, read)
  registerConfig(registry, read)
  gauge(registry, 'drill_age_seconds', 'How long ago the last drill was.', () => read().drillAgeSeconds)
  registerIncidents(registry, read)
  gauge(
    registry,
    'locks_overdue',
    'Locks, thaws and proposals that somebody has forgotten: past their time, without an end for a day, or waiting for a signature.',
    () => read().locksOverdue,
  )
  gauge(
    registry,
    'otp_outstanding',
    'Codes that can still be taken; with Redis, those of the whole fleet.',
    () => read().otpOutstanding,
  )
  labelled(registry, 'locks_active', 'Locks in force, by mode.', 'mode', () =>
    LOCK_MODES.map((mode) => [mode, read().locksByMode[mode]]),
  )
  labelled(
    registry,
    'workers',
    'Workers of this gateway: current enforce its epoch, behind do not yet, dead are being replaced.',
    'state',
    () => Object.entries(read().workers),
  )
  labelled(
    registry,
    'fleet_gateways',
    'Gateways of the fleet: proven, missing; in a fleet also live, left and forgotten.',
    'state',
    () => Object.entries(read().gateways),
  )
  registry.registerMetric(
    new Gauge({
      name: `${PREFIX}upstream_target_up`,
      help: 'Whether a target is up by its active checks, by upstream and place among its targets: 1 or 0.',
      labelNames: ['upstream', 'target'],
      registers: [],
      collect() {
        // A reload may have taken targets away.
        this.reset()
        for (const { upstream, target, isUp } of read().targets) this.set({ upstream, target }, isUp ? 1 : 0)
      },
    }),
  )
  const build = new Gauge({
    name: `${PREFIX}build_info`,
    help: 'Always 1; what is running.',
    labelNames: ['version', 'node'],
    registers: [registry],
  })
  build.set({ version, node: process.versions.node }, 1)
}

function registerConfig(registry: Registry, read: () => GaugeReadings): void {
  gauge(registry, 'config_last_reload_successful', 'Whether the last reload of the config was taken: 1 or 0.', () =>
    read().reloadOk ? 1 : 0,
  )
  gauge(
    registry,
    'config_last_reload_success_timestamp_seconds',
    'When the config in force was taken, at the start or by a reload, in seconds of Unix time.',
    () => read().configSince,
  )
}

function registerClock(registry: Registry, read: () => GaugeReadings): void {
  gauge(
    registry,
    'clock_offset_seconds',
    'By how much this clock is slow, as the configured time servers say.',
    () => read().clockOffsetSeconds,
  )
  gauge(
    registry,
    'clock_spread_seconds',
    'By how much the configured time servers differ from one another.',
    () => read().clockSpreadSeconds,
  )
}

function registerTrail(registry: Registry, read: () => GaugeReadings): void {
  gauge(
    registry,
    'audit_checkpoint_age_seconds',
    'Age of the last signed checkpoint.',
    () => read().checkpointAgeSeconds,
  )
  gauge(
    registry,
    'audit_disk_free_bytes',
    'Bytes that the disk of the trail still gives.',
    () => read().auditDiskFreeBytes,
  )
  gauge(
    registry,
    'audit_disk_full_seconds',
    'Until the disk of the trail is full, at the pace of the last minute.',
    () => read().auditDiskFullSeconds,
  )
  labelled(
    registry,
    'audit_witness_lag_seconds',
    'Since when there is something in the trail that a witness has not signed, by its place in the config.',
    'witness',
    () => read().witnessLagSeconds.map((lag, index) => [String(index), lag]),
  )
  gauge(
    registry,
    'audit_oldest_record_age_seconds',
    'Age of the oldest record that retention has left.',
    () => read().oldestRecordAgeSeconds,
  )
  labelled(registry, 'audit_export_lag_records', 'Sealed records that an export has not sent on.', 'export', () =>
    read().exports.map(({ name, lag }) => [name, lag]),
  )
  counted(registry, 'audit_export_failures_total', 'Attempts of an export that failed; they are made again.', () =>
    read().exports.map(({ name, failures }) => [name, failures]),
  )
  counted(registry, 'audit_export_lost_total', 'Records that retention deleted before an export sent them.', () =>
    read().exports.map(({ name, lost }) => [name, lost]),
  )
}

function registerIncidents(registry: Registry, read: () => GaugeReadings): void {
  gauge(registry, 'incidents_open', 'Incidents that nobody has closed.', () => read().incidentsOpen)
  gauge(
    registry,
    'incident_report_deadline_seconds',
    'Time left of the six hours to report the nearest open incident to CERT-In; below 0: overdue.',
    () => read().reportDueSeconds,
  )
  gauge(
    registry,
    'incident_board_deadline_seconds',
    'Time left of the seventy-two hours to give the Board the detail of the nearest open incident; below 0: overdue.',
    () => read().boardDueSeconds,
  )
}

function gauge(registry: Registry, name: string, help: string, read: () => number | undefined): void {
  const made = new Gauge({
    name: PREFIX + name,
    help,
    registers: [],
    collect() {
      const value = read()
      if (value === undefined) this.remove()
      else this.set(value)
    },
  })
  registry.registerMetric(made)
}

function labelled(
  registry: Registry,
  name: string,
  help: string,
  label: string,
  read: () => readonly (readonly [string, number])[],
): void {
  const made = new Gauge({
    name: PREFIX + name,
    help,
    labelNames: [label],
    registers: [],
    collect() {
      for (const [value, count] of read()) this.set({ [label]: value }, count)
    },
  })
  registry.registerMetric(made)
}

/** Counts that are kept elsewhere, by export. */
function counted(
  registry: Registry,
  name: string,
  help: string,
  read: () => readonly (readonly [string, number])[],
): void {
  registry.registerMetric(
    new Counter({
      name: PREFIX + name,
      help,
      labelNames: ['export'],
      registers: [],
      collect() {
        this.reset()
        for (const [value, count] of read()) this.inc({ export: value }, count)
      },
    }),
  )
}
