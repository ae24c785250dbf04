// How our sums and readings become metrics of the client library.
import { Counter, Gauge, Histogram, type Registry } from '@prometheus-io/client'
import { LOCK_MODES } from '../../core/lock.ts'
import { bucketsOf, FAMILIES, PREFIX, type FamilyName } from './families.ts'
import type { GaugeReadings } from './metrics-registry.ts'
import type { SummedSeries } from './slab-sums.ts'

export function registerFamily(registry: Registry, metric: FamilyName, read: () => readonly SummedSeries[]): void {
  const { help, labels } = FAMILIES[metric]
  const config = { name: PREFIX + metric, help, labelNames: [...labels] as string[], registers: [] }
  const buckets = bucketsOf(metric)
  if (buckets !== undefined) {
    registerHistogram(registry, config, buckets, read)
    return
  }
  const counter = new Counter({
    ...config,
    collect() {
      this.reset()
      for (const series of read()) this.inc(series.labels, series.values[0] ?? 0)
    },
  })
  registry.registerMetric(counter)
}

/** The client's histogram can only observe; these values have been observed elsewhere, so its reading is replaced by ours. */
function registerHistogram(
  registry: Registry,
  config: { readonly name: string; readonly help: string; readonly labelNames: string[]; readonly registers: [] },
  buckets: readonly number[],
  read: () => readonly SummedSeries[],
): void {
  const histogram = new Histogram({ ...config, buckets: [...buckets] })
  const get = async () => ({
    name: config.name,
    help: config.help,
    type: 'histogram' as const,
    aggregator: 'sum' as const,
    values: read().flatMap((series) => histogramValues(config.name, buckets, series)),
  })
  registry.registerMetric(Object.assign(histogram, { get, getForPromString: get }))
}

function histogramValues(name: string, buckets: readonly number[], { labels, values }: SummedSeries) {
  let count = 0
  const lines = [...buckets, '+Inf'].map((le, index) => {
    count += values[index] ?? 0
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: count }
  })
  return [
    ...lines,
    { metricName: `${name}_sum`, labels, value: values[buckets.length + 1] ?? 0 },
    { metricName: `${name}_count`, labels, value: count },
  ]
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
  gauge(
    registry,
    'audit_checkpoint_age_seconds',
    'Age of the last signed checkpoint.',
    () => read().checkpointAgeSeconds,
  )
  gauge(registry, 'config_last_reload_successful', 'Whether the last reload of the config was taken: 1 or 0.', () =>
    read().reloadOk ? 1 : 0,
  )
  labelled(registry, 'locks_active', 'Locks in force, by mode.', 'mode', () =>
    LOCK_MODES.map((mode) => [mode, read().locksByMode[mode]]),
  )
  labelled(registry, 'fleet_gateways', 'Gateways of the fleet, by whether they have proven the epoch.', 'state', () =>
    Object.entries(read().gateways),
  )
  const build = new Gauge({
    name: `${PREFIX}build_info`,
    help: 'Always 1; what is running.',
    labelNames: ['version', 'node'],
    registers: [registry],
  })
  build.set({ version, node: process.versions.node }, 1)
  registry.registerMetric(
    new Counter({
      name: `${PREFIX}audit_gaps_total`,
      help: 'Records known to be lost from the audit trail: always 0.',
      registers: [],
      collect() {
        this.reset()
        this.inc(read().auditGaps)
      },
    }),
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
