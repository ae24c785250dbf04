// The rules: promtool's own tests of them, a runbook for each alert, and every expression asked of a real Prometheus with a gateway before it.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { dashboardFiles } from '../../scripts/generate-dashboards.ts'
import { missingPrograms, PROMTOOL, startPrometheus, type Prometheus } from '../support/prometheus.ts'
import { startTarget, type Target } from './target.ts'

const root = path.resolve(import.meta.dirname, '../..')
const file = path.join(root, 'dashboards/rules/portcullis.rules.yaml')
interface Rule {
  readonly record?: string
  readonly alert?: string
  readonly expr: string
  readonly labels?: { readonly severity: string }
  readonly annotations?: { readonly summary: string; readonly description: string; readonly runbook_url: string }
}
const rules = (parse(readFileSync(file, 'utf8')) as { groups: { rules: Rule[] }[] }).groups.flatMap(
  (group) => group.rules,
)
const alerts = rules.filter(({ alert }) => alert !== undefined)

test('the boards that stand in the repository are those that the code makes', () => {
  for (const [name, text] of dashboardFiles())
    expect([name, readFileSync(path.join(root, 'dashboards', name), 'utf8') === text]).toEqual([name, true])
})

test.each(alerts.map((rule) => [rule.alert, rule] as const))(
  '%s has a severity, words, and a runbook that exists',
  (_name, rule) => {
    expect(['warning', 'critical']).toContain(rule.labels?.severity)
    expect(rule.annotations?.summary).toMatch(/./)
    expect(rule.annotations?.description).toMatch(/./)
    expect(existsSync(path.join(root, rule.annotations?.runbook_url ?? ''))).toBe(true)
  },
)

test('each alert is made to fire by a test of promtool, and nothing else does', () => {
  interface Case {
    readonly alert_rule_test?: readonly { readonly alertname: string; readonly exp_alerts?: readonly unknown[] }[]
  }
  const { tests } = parse(readFileSync(file.replace('.rules.', '.test.'), 'utf8')) as { tests: readonly Case[] }
  const fired = tests.flatMap(({ alert_rule_test: cases = [] }) =>
    cases.filter(({ exp_alerts: alerts = [] }) => alerts.length > 0).map(({ alertname }) => alertname),
  )
  expect([...new Set(fired)].sort()).toEqual(alerts.map(({ alert }) => alert).sort())
})

const missing = missingPrograms()
if (missing.length > 0) console.warn(`SKIPPED: rules against Prometheus; absent: ${missing.join(', ')}`)

;(missing.length > 0 ? describe.skip : describe)('with promtool and a real Prometheus', () => {
  let target: Target
  let prometheus: Prometheus
  beforeAll(async () => {
    target = await startTarget()
    prometheus = await startPrometheus(target.address)
    await prometheus.queryUntil(
      'count_over_time(portcullis_build_info[30s])',
      ([first]) => (first?.value ?? 0) >= 4,
      25_000,
    )
  })
  afterAll(async () => {
    await prometheus?.stop()
    await target?.stop()
  })

  test.each(['check', 'test'])('promtool %s rules finds nothing wrong', (verb) => {
    const asked = verb === 'check' ? file : file.replace('.rules.', '.test.')
    const { status, stdout, stderr } = spawnSync(PROMTOOL, [verb, 'rules', asked], { encoding: 'utf8' })
    expect([status, `${stdout}${stderr}`]).toEqual([0, expect.stringContaining('SUCCESS')])
  })

  test('what is recorded is not empty, and every other expression can be asked', async () => {
    for (const { record, expr } of rules) {
      // Recorded rates look back on minutes; seconds are enough to see that there is something.
      const asked = expr.replaceAll(/\[(5m|1h)\]/g, '[10s]').replaceAll(/portcullis:(\w+):rate\w+/g, 'vector(0)')
      const found = await prometheus.queryUntil(asked, (samples) => record === undefined || samples.length > 0, 15_000)
      expect([expr, found.length > 0 || record === undefined]).toEqual([expr, true])
    }
  })

  test('every metric that a rule names is there', async () => {
    const names = new Set(rules.flatMap(({ expr }) => expr.match(/portcullis_\w+/g) ?? []))
    for (const name of names) {
      const found = await prometheus.queryUntil(`count(${name})`, (samples) => samples.length > 0, 5_000)
      expect([name, found.length]).toEqual([name, 1])
    }
  })
})
