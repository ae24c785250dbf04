// Keys that say how the trail is searched, kept and sent on: what is right becomes absolute, what is wrong is said at once.
import { dirname, join } from 'node:path'
import { expect, test } from '@jest/globals'
import { createWitnessKey, formatWitnessKey } from '../../src/audit/cosignature.ts'
import { configOf, FILE, problemsOf, SAMPLE } from './sample.ts'

const withAudit = (audit: string): string => `${SAMPLE.replace(/^audit:.*\n(?: .*\n)*/m, '')}\naudit:\n${audit}\n`
const absolute = (path: string): string => join(dirname(FILE), path)

test('exports, holds and compression are read, with absolute paths', () => {
  const { audit } = configOf(
    withAudit(`  index: false
  compressAfter: 30d
  holds: [{ incident: INC-7, since: 2026-06-01 }, { incident: INC-8 }]
  exports:
    siem: { kind: webhook, url: "https://siem.example.in/in", secretFile: ./hook.secret, format: ocsf }
    stream: { kind: redis, urlFile: ./redis.url, key: audit }
    shipper: { kind: file, path: ./out.ndjson }`),
  )
  expect(audit).toMatchObject({
    index: false,
    compressAfterMs: 30 * 86_400_000,
    holds: [{ incident: 'INC-7', since: Date.UTC(2026, 5, 1) }, { incident: 'INC-8' }],
    exports: {
      siem: { kind: 'webhook', format: 'ocsf', url: 'https://siem.example.in/in', secretFile: absolute('hook.secret') },
      stream: { kind: 'redis', format: 'ndjson', urlFile: absolute('redis.url'), key: 'audit', lengthMax: 1_000_000 },
      shipper: { kind: 'file', format: 'ndjson', path: absolute('out.ndjson') },
    },
  })
})

test('what does not go together is said, each with what would be right', () => {
  const problems = problemsOf(
    withAudit(`  compressAfter: 1m
  holds: [{ since: 2026-06-01 }]
  exports:
    a: { kind: webhook, url: "https://me:hunter2@x/" }
    b: { kind: file, path: ./data/audit/out.ndjson, key: x }
    c: { kind: kafka }`),
  ).map(({ path, message }) => `${path}: ${message}`)
  expect(problems.join('\n')).not.toContain('hunter2')
  for (const part of [
    'audit.compressAfter: 1m is too short',
    'audit.holds[0].incident: is missing',
    'audit.exports.a.url: must be an http or https URL without credentials',
    'audit.exports.b.key: goes with kind: file'.replace('file', 'redis'),
    'audit.exports.c.kind: must be file, redis or webhook',
  ])
    expect(problems.join('\n')).toContain(part)
})

test('a secret is asked for, and nothing may be written into the trail itself', () => {
  const problems = problemsOf(
    withAudit(`  exports:
    a: { kind: webhook, url: "https://siem.example.in/" }
    b: { kind: file, path: ./data/audit/out.ndjson }`),
  ).map(({ path, message }) => `${path}: ${message}`)
  expect(problems).toEqual([
    'audit.exports.a.kind: needs secretFile beside it',
    expect.stringContaining('audit.exports.b.path: lies in audit.dir'),
  ])
})

const withRoute = (keys: string): string =>
  SAMPLE.replace(/^routes:\n {2}- id: [^\n]+\n/m, (head) => `${head}${keys}\n`)
const policyOf = (keys: string) => configOf(withRoute(keys)).routes[0]?.policy

test('levels have the names of Kubernetes; what is recorded beyond metadata is named', () => {
  expect(policyOf('    record: Metadata')?.detail).toBeUndefined()
  expect(policyOf('    record: None')).toMatchObject({ audit: 'off' })
  expect(policyOf('    record: { level: Request, request: [query.q, body./a] }')).toMatchObject({
    audit: 'strict',
    detail: {
      request: [
        { in: 'query', name: 'q' },
        { in: 'body', name: '/a' },
      ],
      response: [],
    },
  })
  expect(policyOf('    record: { level: RequestResponse, response: [/a/*/b] }')?.detail?.response).toEqual(['/a/*/b'])
})

test.each([
  ['record: Request', 'must be None or Metadata, or a mapping'],
  ['record: { level: Request }', 'needs request beside it'],
  ['record: { level: RequestResponse, request: [query.a] }', 'needs response beside it'],
  ['record: { level: Metadata, request: [query.a] }', 'goes with level: Request, not with Metadata'],
  ['record: { level: Request, request: [query.a], response: [/a] }', 'goes with level: RequestResponse'],
  ['record: { level: Request, request: [header.Authorization] }', 'where a credential stands'],
  ['record: { level: Request, request: [param.nobody] }', 'has no parameter {nobody}'],
  ['record: { level: Request, request: [query.a] }\n    audit: off', 'needs a record, and audit is off'],
  ['record: None\n    audit: strict', 'records nothing, and audit: strict asks for a record'],
])('%s is refused, with what would be right', (keys, message) => {
  expect(
    problemsOf(withRoute(`    ${keys}`))
      .map((problem) => problem.message)
      .join('\n'),
  ).toContain(message)
})

test('keys of detail lie beside the trail, never in it, and are kept as long as it by default', () => {
  expect(configOf(SAMPLE).audit.details).toEqual({
    dir: `${configOf(SAMPLE).audit.dir}.keys`,
    keepMs: 180 * 86_400_000,
  })
  expect(configOf(withAudit('  details: { keys: ./k, keep: 30d }')).audit.details).toEqual({
    dir: absolute('k'),
    keepMs: 30 * 86_400_000,
  })
  expect(problemsOf(withAudit('  details: { keys: ./data/audit/k }')).map(({ message }) => message)).toEqual([
    expect.stringContaining('lies in audit.dir'),
  ])
})

test.each([0x00, 0x1f, 0x20, 0x7f, 0xff])('the key of a witness may begin with any byte (%i)', (first) => {
  const key = formatWitnessKey(createWitnessKey('witness.example.in', Buffer.alloc(32, first)))
  const { witnesses } = configOf(withAudit(`  witnesses: [{ url: "http://w.example.in", key: "${key}" }]`)).audit
  expect(witnesses).toEqual([{ url: 'http://w.example.in', key }])
})
