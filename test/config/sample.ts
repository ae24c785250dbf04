// A whole configuration that is right, for tests that break one thing in it.
import type { Config } from '../../src/config/config.ts'
import { parseConfig } from '../../src/config/parse-config.ts'
import type { Problem } from '../../src/config/problem.ts'

// Made for these tests; their private halves were never kept.
export const KEYS = [
  'SzO7VZvANVpj6aws2QUKoDNoZP7dRZuOHKkYFdfAuOo',
  '9hg5pbpN_h_SuDu2F2-ujQ-e2ink3HjIhdhyzGwA8vU',
  '-BHtPoZkHlVJQLfc-A-mzhwU0ThmLXdGAf6Zl3DwymA',
] as const

/** 1 November 2026. */
export const NOW = Date.UTC(2026, 10, 1)
export const FILE = '/etc/portcullis/portcullis.yaml'

export const SAMPLE = `gateway:
  listen: 127.0.0.1:8080
  workers: 1
  trustedProxies: [10.0.0.0/8]
control:
  listen: 127.0.0.1:9080
  responders:
    - { name: desk, role: responder, key: ${KEYS[0]} }
    - { name: lead, role: commander, key: ${KEYS[1]} }
    - { name: chief, role: commander, key: ${KEYS[2]} }
  releaseApprovals: 2
store:
  dir: ./data
  lease: 2s
upstreams:
  registry: { url: http://127.0.0.1:9000 }
  reports: { targets: [http://10.0.0.1:9000, http://10.0.0.2:9000] }
defaults:
  upstream: registry
  session: required
routes:
  - id: record.read
    path: /api/records/{recordId}
    methods: [GET]
    tags: [pii]
    session: { level: required, maxAge: 15m, bind: { param.recordId: claim.record_ids } }
  - id: record.write
    path: /api/records
    methods: [POST]
    subjects: [query.citizen]
  - id: facilities
    path: /api/facilities
    methods: [GET]
    session: none
session:
  issuers:
    - issuer: https://otp.example.in
      jwks: { file: ./jwks.json }
      algorithms: [ES256]
      audience: registry
audit:
  dir: ./data/audit
  retention: 180d
locks: { file: ./locks.yaml }
`

export type Edit = readonly [from: string, to: string]

/** The sample with texts in it replaced; throws where one is not there, so that no test is about nothing. */
export function edited(...edits: readonly Edit[]): string {
  return edits.reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`the sample has no ${from}`)
    return text.replace(from, () => to)
  }, SAMPLE)
}

export function problemsOf(text: string, env: Readonly<Record<string, string>> = {}): readonly Problem[] {
  const result = parseConfig(text, { file: FILE, env, now: NOW })
  return 'problems' in result ? result.problems : []
}

export function configOf(text: string, env: Readonly<Record<string, string>> = {}): Config {
  const result = parseConfig(text, { file: FILE, env, now: NOW })
  if ('problems' in result)
    throw new Error(
      result.problems.map((each) => `${each.line}:${each.column}: ${each.path}: ${each.message}`).join('\n'),
    )
  return result.config
}
