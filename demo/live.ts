// The demo's live view: what the gateway decided since the last look, read from its own metrics.
import { setTimeout as delay } from 'node:timers/promises'

type Series = { route: string; decision: string; value: number }

const LINE = /^portcullis_http_requests_total\{(.*)\} (\d+(?:\.\d+)?)/

/** The request counters of a metrics page. */
export function parseDecisions(metrics: string): Series[] {
  return metrics.split('\n').flatMap((line) => {
    const found = LINE.exec(line)
    if (found === null) return []
    const label = (name: string): string => new RegExp(`(?:^|,)${name}="([^"]*)"`).exec(found[1] ?? '')?.[1] ?? ''
    return [{ route: label('route'), decision: label('decision'), value: Number(found[2]) }]
  })
}

/** One line of what has changed: passed requests as one number, refusals by route. Undefined where nothing has. */
export function describeChange(
  before: readonly Series[],
  after: readonly Series[],
  isHoleOpen: boolean,
): string | undefined {
  const sums = new Map<string, number>()
  const add = (series: readonly Series[], sign: number): void => {
    for (const { route, decision, value } of series) {
      const key = `${decision} ${route}`
      sums.set(key, (sums.get(key) ?? 0) + sign * value)
    }
  }
  add(before, -1)
  add(after, 1)
  const changed = [...sums].filter(([, count]) => count > 0).sort(([a], [b]) => (a < b ? -1 : 1))
  if (changed.length === 0) return undefined
  const passed = changed.filter(([key]) => key.startsWith('allow '))
  const refused = changed.filter(([key]) => !key.startsWith('allow '))
  const total = passed.reduce((sum, [, count]) => sum + count, 0)
  const lookups = passed.find(([key]) => key === 'allow partner.lookup')?.[1] ?? 0
  const how = isHoleOpen ? 'for a bare mobile number' : 'by an OTP to its own number'
  const leak = lookups > 0 ? `  (${String(lookups)} of them a whole record ${how})` : ''
  return [
    `passed ${String(total).padStart(3)}${leak}`,
    ...refused.map(([key, count]) => `${key} ${String(count)}`),
  ].join('  ')
}

/** Prints a line a second while something happens, until `stopping`. A gateway that is away is waited for. */
export async function watchDecisions(
  metricsUrl: string,
  isHoleOpen: () => boolean,
  print: (line: string) => void,
  stopping: AbortSignal,
): Promise<void> {
  let before: Series[] | undefined
  while (!stopping.aborted) {
    try {
      const after = parseDecisions(await (await fetch(metricsUrl, { signal: stopping })).text())
      const line = before === undefined ? undefined : describeChange(before, after, isHoleOpen())
      if (line !== undefined) print(line)
      before = after
    } catch {
      // Stopping, or the gateway is being restarted.
    }
    await delay(1000, undefined, { signal: stopping }).catch(() => undefined)
  }
}
