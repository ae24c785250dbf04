import { expect, test } from '@jest/globals'
import { changedSections } from '../../src/config/changed-sections.ts'

const CONFIG = `
gateway: { listen: 127.0.0.1:8080, workers: 1 }
upstreams: { registry: { url: "http://127.0.0.1:9000" }, other: { url: "http://127.0.0.1:9001" } }
control:
  listen: 127.0.0.1:9080
  responders: [{ name: lead, role: commander, key: AAAA }]
session: { issuers: [{ issuer: https://a.example }] }
routes:
  - { id: a.read, path: /a, upstream: registry }
  - { id: b.read, path: /b, upstream: registry }
`

test.each<readonly [string, string, string, readonly string[]]>([
  ['a value', 'workers: 1', 'workers: 2', ['gateway.workers']],
  ['one route of several', 'path: /b', 'path: /c', ['routes.b.read']],
  ['a route that is gone', '  - { id: a.read, path: /a, upstream: registry }\n', '', ['routes.a.read']],
  ['a route that is new', 'routes:', 'routes:\n  - { id: c.read }', ['routes.c.read']],
  ['one of several upstreams', ':9001', ':9002', ['upstreams.other']],
  ['what has no name, as a whole', 'AAAA', 'BBBB', ['control.responders']],
  ['a section that is new', 'routes:', 'log: { level: debug }\nroutes:', ['log.level']],
  ['a section of which one text is all', 'routes:', 'defaults:\nroutes:', ['defaults']],
  [
    'comments and order alone',
    '{ listen: 127.0.0.1:8080, workers: 1 }',
    '{ workers: 1, listen: 127.0.0.1:8080 } # tidied',
    [],
  ],
])('tells %s by name alone', (_what, from, to, expected) => {
  const next = CONFIG.replace(from, to)
  expect(next).not.toBe(CONFIG)
  expect(changedSections(CONFIG, next)).toEqual(expected)
})
