// How the sums of the slabs become metrics of the client library.
import { Counter, Histogram, type Registry } from '@prometheus-io/client'
import { bucketsOf, FAMILIES, PREFIX, type FamilyName } from './families.ts'
import type { SummedSeries } from './slab-sums.ts'

export function registerFamily(registry: Registry, metric: FamilyName, read: () => readonly SummedSeries[]): void {
  const { help, labels } = FAMILIES[metric]
  const config = { name: PREFIX + metric, help, labelNames: [...labels] as string[], registers: [] as [] }
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
