// Keys that say how the trail is searched, kept and sent on: what is right becomes absolute, what is wrong is said at once.
import { dirname, join } from 'node:path'
import { expect, test } from '@jest/globals'
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
