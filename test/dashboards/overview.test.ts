// The overview dashboard: its shape, and each of its expressions asked of a real Prometheus that scrapes a real target.
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { missingPrograms, PROMTOOL, startPrometheus, type Prometheus } from '../support/prometheus.ts'
import { startTarget, type Target } from './target.ts'

interface Query {
  readonly datasource: unknown
  readonly expr: string
  readonly legendFormat: string
}
interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description?: string
  readonly datasource?: unknown
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number }
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } }
  readonly targets?: readonly Query[]
}
interface Dashboard {
  readonly uid: string
  readonly id: null
  readonly schemaVersion: number
  readonly title: string
  readonly tags: readonly string[]
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly type: string; readonly query: unknown }[]
  }
  readonly annotations: { readonly list: readonly { readonly expr: string }[] }
  readonly panels: readonly Panel[]
}

const directory = resolve(import.meta.dirname, '../../dashboards')
const dashboards = readdirSync(directory)
  .filter((file) => file.endsWith('.json'))
  .map((file) => ({ file, dashboard: JSON.parse(readFileSync(resolve(directory, file), 'utf8')) as Dashboard }))
const panelsOf = (dashboard: Dashboard): readonly Panel[] => dashboard.panels.filter(({ type }) => type !== 'row')
const expressionsOf = (dashboard: Dashboard): readonly string[] =>
  panelsOf(dashboard).flatMap(({ targets }) => targets?.map(({ expr }) => expr) ?? [])

/** As Grafana would, with everything selected and a window that a second's scrapes fill soon. */
function fillIn(expression: string): string {
  return expression
    .replaceAll('$__rate_interval', '4s')
    .replaceAll('$__range', '10s')
    .replaceAll('$__interval', '4s')
    .replaceAll(/\$(job|instance|route)\b/g, '.*')
}

test('every dashboard has a uid of its own', () => {
  expect(dashboards.map(({ file }) => file)).toContain('overview.json')
  expect(new Set(dashboards.map(({ dashboard }) => dashboard.uid)).size).toBe(dashboards.length)
})

describe.each(dashboards)('$file', ({ file, dashboard }) => {
  test('is a classic model that imports into Grafana 10 to 13', () => {
    expect(dashboard).toMatchObject({ uid: `portcullis-${file.replace('.json', '')}`, id: null, tags: ['portcullis'] })
    expect(dashboard.schemaVersion).toBeGreaterThanOrEqual(39)
    expect(dashboard.schemaVersion).toBeLessThanOrEqual(42)
    expect(dashboard).not.toHaveProperty('__inputs')
  })

  test('takes its data source from a variable, in every panel, query, variable and annotation', () => {
    const wanted = { type: 'prometheus', uid: '${datasource}' }
    expect(dashboard.templating.list[0]).toMatchObject({ name: 'datasource', type: 'datasource', query: 'prometheus' })
    for (const panel of panelsOf(dashboard)) {
      expect(panel.datasource).toEqual(wanted)
      for (const { datasource } of panel.targets ?? []) expect(datasource).toEqual(wanted)
    }
    const asked = dashboard.templating.list.slice(1).filter(({ type }) => type === 'query')
    for (const each of [...asked, ...dashboard.annotations.list]) expect(each).toMatchObject({ datasource: wanted })
  })

  test('has a title, a description, a unit, a query and a legend in every panel', () => {
    for (const { title, description, fieldConfig, targets = [] } of panelsOf(dashboard)) {
      expect([title, description]).toEqual([expect.stringMatching(/./), expect.stringMatching(/^[A-Z0-9].{20,}\.$/)])
      expect([title, fieldConfig?.defaults.unit]).toEqual([title, expect.stringMatching(/./)])
      expect([title, targets.length]).not.toEqual([title, 0])
      for (const { legendFormat } of targets) expect([title, legendFormat]).toEqual([title, expect.stringMatching(/./)])
    }
  })

  test('has no two panels of one id, one title or one place, and none beyond the grid', () => {
    const ids = dashboard.panels.map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    const titles = dashboard.panels.map(({ title }) => title)
    expect(new Set(titles).size).toBe(titles.length)
    const taken = new Set<string>()
    for (const { title, gridPos } of dashboard.panels) {
      expect([title, gridPos.x + gridPos.w <= 24]).toEqual([title, true])
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect([title, x, y, taken.has(`${x},${y}`)]).toEqual([title, x, y, false])
          taken.add(`${x},${y}`)
        }
      }
    }
  })

  test('rates over $__rate_interval, never over a fixed time, and never irate', () => {
    for (const expression of expressionsOf(dashboard)) {
      expect(expression).not.toMatch(/\birate\(/)
      for (const [, window] of expression.matchAll(/\[([^\]]*)\]/g))
        expect(['$__rate_interval', '$__range']).toContain(window)
    }
  })

  test('can be narrowed to a job and a gateway in every expression, and to a route where there is one', () => {
    for (const expression of expressionsOf(dashboard)) {
      for (const [, name, selector] of expression.matchAll(/(portcullis_\w+)\{([^}]*)\}/g)) {
        expect([name, selector]).toEqual([name, expect.stringContaining('job=~"$job",instance=~"$instance"')])
        if (/_http_request|_upstream_|_throttled_|_people_read_/.test(name ?? ''))
          expect([name, selector]).toEqual([name, expect.stringContaining('route=~"$route"')])
      }
    }
  })

  test('groups by nothing that has no bound', () => {
    const bounded = new Set([
      'le',
      'route',
      'method',
      'code',
      'decision',
      'mode',
      'state',
      'result',
      'detector',
      'instance',
      'otp',
    ])
    const grouped = expressionsOf(dashboard).flatMap((expression) =>
      [...expression.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, names = '']) => names.split(/, */)),
    )
    expect(grouped.filter((name) => !bounded.has(name))).toEqual([])
  })
})

const missing = missingPrograms()
if (missing.length > 0)
  console.warn(`SKIPPED: dashboards against Prometheus; absent: ${missing.join(', ')} (Debian package prometheus)`)

;(missing.length > 0 ? describe.skip : describe)('with a real Prometheus', () => {
  let target: Target
  let prometheus: Prometheus
  let exposition = ''

  beforeAll(async () => {
    target = await startTarget()
    prometheus = await startPrometheus(target.address)
    // A rate needs two scrapes that have seen traffic.
    const enough = await prometheus.queryUntil(
      'count_over_time(portcullis_build_info[30s])',
      ([first]) => (first?.value ?? 0) >= 4,
      25_000,
    )
    expect(enough[0]?.value).toBeGreaterThanOrEqual(4)
    exposition = await (await fetch(`http://${target.address}/metrics`)).text()
  })

  afterAll(async () => {
    await prometheus?.stop()
    await target?.stop()
  })

  const panels = dashboards.flatMap(({ file, dashboard }) =>
    panelsOf(dashboard).map((panel) => ({ name: `${file}: ${panel.title}`, panel })),
  )
  test.each(panels)('$name has data, and every number is one', async ({ panel }) => {
    for (const { expr } of panel.targets ?? []) {
      const isThere = (samples: readonly { value: number }[]): boolean =>
        samples.some(({ value }) => Number.isFinite(value))
      const samples = await prometheus.queryUntil(fillIn(expr), isThere, 10_000)
      expect([expr, samples.length]).not.toEqual([expr, 0])
      expect([expr, isThere(samples)]).toEqual([expr, true])
    }
  })

  test('every annotation marks what has happened: locks and a reload', async () => {
    const asked = new Set(dashboards.flatMap(({ dashboard }) => dashboard.annotations.list.map(({ expr }) => expr)))
    expect(asked.size).toBe(2)
    for (const expr of asked) {
      const marked = await prometheus.queryUntil(fillIn(expr), (samples) => samples.length > 0, 15_000)
      expect([expr, marked.length]).not.toEqual([expr, 0])
    }
  })

  test('every metric that a dashboard names is one that the gateway has', () => {
    const known = new Set(exposition.split('\n').flatMap((line) => /^(\w+)[{ ]/.exec(line)?.[1] ?? []))
    const named = dashboards.flatMap(({ dashboard }) => JSON.stringify(dashboard).match(/portcullis_\w+/g) ?? [])
    expect(named.length).toBeGreaterThan(20)
    expect([...new Set(named)].filter((name) => !known.has(name))).toEqual([])
  })

  test('no label of the gateway has a value that a request could choose', () => {
    const values = [...exposition.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(
      ([, name = '', value = '']) => [name, value] as const,
    )
    const of = (name: string): readonly string[] => values.filter(([label]) => label === name).map(([, value]) => value)
    expect(of('code').filter((code) => !/^([1-5]\d\d|none|overflow)$/.test(code))).toEqual([])
    expect(of('method').filter((method) => !/^[A-Z]{3,7}$/.test(method))).toEqual([])
    expect(of('way').filter((way) => !['number', 'account'].includes(way))).toEqual([])
    const own = [
      'route',
      'way',
      'method',
      'code',
      'decision',
      'mode',
      'state',
      'result',
      'detector',
      'otp',
      'le',
      'version',
      'node',
    ]
    const lines = exposition.split('\n').filter((line) => /^portcullis_(?!nodejs_|process_)/.test(line))
    const used = new Set(lines.flatMap((line) => [...line.matchAll(/(\w+)="/g)].map(([, name = '']) => name)))
    expect([...used].filter((name) => !own.includes(name))).toEqual([])
  })

  test('promtool finds nothing to complain of in what the gateway counts', () => {
    const { stdout, stderr } = spawnSync(PROMTOOL, ['check', 'metrics'], { input: exposition, encoding: 'utf8' })
    // The client names its own metrics of the process as it likes.
    expect(
      `${stdout}${stderr}`.split('\n').filter((line) => line !== '' && !/portcullis_(nodejs|process)_/.test(line)),
    ).toEqual([])
  })
})
