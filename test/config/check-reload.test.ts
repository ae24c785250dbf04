import { describe, expect, test } from '@jest/globals'
import { checkReload, findRestartNeeded, snapshotOf, type GuardSnapshot } from '../../src/config/check-reload.ts'
import { parseSnapshot } from '../../src/config/guard-snapshot.ts'
import type { Lock } from '../../src/core/lock.ts'
import type { LockScope } from '../../src/core/scope.ts'
import { configOf, edited, KEYS, NOW, SAMPLE, type Edit } from './sample.ts'

const OTHER_KEY = 'GPYc4m7X4Sj2r4IRVZectJStL4chGKcShlgRhu5LASE'

function lock(scope: LockScope, fields: Partial<Lock> = {}): Lock {
  return {
    id: 'L1',
    scope,
    mode: 'deny',
    source: 'order',
    since: NOW,
    reason: 'leak',
    incident: 'INC-7',
    onExpiry: 'stay',
    status: 503,
    message: {},
    ...fields,
  }
}

const RUNNING = snapshotOf(configOf(SAMPLE))

function reload(scope: LockScope, edits: readonly Edit[], running: GuardSnapshot = RUNNING): readonly string[] {
  return checkReload(running, configOf(edited(...edits)), { locks: [lock(scope)] }).map(({ locks, path, message }) => {
    expect(locks).toContain('L1')
    expect(message).toContain('lock L1 must be released first')
    return `${path}: ${message.replace('; lock L1 must be released first', '')}`
  })
}

const CHIEF = `    - { name: chief, role: commander, key: ${KEYS[2]} }\n`
const NEW = `    - { name: newcomer, role: commander, key: ${OTHER_KEY} }\n`

describe('while a lock that was ordered is in force', () => {
  test.each<readonly [string, readonly Edit[], string]>([
    ['a responder is added', [[CHIEF, CHIEF + NEW]], 'control.responders: adds the responder "newcomer"'],
    ['a key is changed', [[KEYS[2], OTHER_KEY]], 'control.responders: changes the key of "chief"'],
    [
      'a role is raised',
      [['role: responder', 'role: commander']],
      'control.responders: changes the role of "desk" from responder to commander',
    ],
    [
      'a role is lowered',
      [[`role: commander, key: ${KEYS[2]}`, `role: auditor, key: ${KEYS[2]}`]],
      'control.responders: changes the role of "chief" from commander to auditor',
    ],
    [
      'a responder is removed',
      [[CHIEF, '']],
      'control.responders: removes the responder "chief" (whoever leaves is retired by a date, which is allowed)',
    ],
    ['the store is moved', [['dir: ./data\n', 'dir: ./elsewhere\n']], 'store: moves the store, where the locks are'],
    [
      'stale is loosened on one route',
      [['    tags: [pii]', '    stale: read-only']],
      'routes[record.read]: loosens stale of route "record.read" from frozen to read-only',
    ],
  ])('%s: refused, whatever the lock covers', (_, edits, problem) => {
    expect(reload({ all: true }, edits)).toEqual([problem])
    expect(reload({ userAgents: ['curl/*'] }, edits)).toContain(problem)
  })

  test('stale is loosened by a default: refused for each route that follows it', () => {
    expect(reload({ all: true }, [['  session: required', '  session: required\n  stale: serve']])).toHaveLength(3)
  })

  test('stale is loosened by a route of its own for a part of the paths: refused', () => {
    const inserted =
      '    subjects: [query.citizen]\n  - { id: other, path: /api/records/one, methods: [GET], stale: serve }'
    expect(reload({ all: true }, [['    subjects: [query.citizen]', inserted]])).toEqual([
      'routes[record.read]: loosens stale of route "record.read" from frozen to serve by its paths going to "other"',
    ])
  })

  test('approvals are lowered: refused', () => {
    const running = snapshotOf(configOf(edited(['releaseApprovals: 2', 'releaseApprovals: 3'])))
    expect(reload({ all: true }, [], running)).toEqual([
      'control.releaseApprovals: lowers the approvals that a release needs from 3 to 2',
    ])
  })

  test('a retirement is taken back or put off: refused', () => {
    const retired = (date: string): Edit => [`${KEYS[2]} }`, `${KEYS[2]}, retired: ${date} }`]
    const running = snapshotOf(configOf(edited(retired('2027-01-01'))))
    expect(reload({ all: true }, [], running)).toEqual(['control.responders: takes back that "chief" is retired'])
    expect(reload({ all: true }, [retired('2027-06-01')], running)).toHaveLength(1)
    expect(reload({ all: true }, [retired('2026-12-01')], running)).toEqual([])
  })

  test.each<readonly [string, readonly Edit[]]>([
    ['nothing is changed', []],
    ['a responder is retired', [[`${KEYS[2]} }`, `${KEYS[2]}, retired: 2026-12-01 }`]]],
    ['approvals are raised', [['releaseApprovals: 2', 'releaseApprovals: 3']]],
    [
      'a route is added',
      [['    subjects: [query.citizen]', '    subjects: [query.citizen]\n  - { id: new, path: /new, methods: [GET] }']],
    ],
    ['a route is renamed, and the lock covers all', [['id: facilities', 'id: places']]],
    [
      'a limit, a log level and a timeout are changed',
      [
        ['    tags: [pii]', '    tags: [pii]\n    throttle: { requests: 1/m }'],
        ['  lease: 2s', '  lease: 3s'],
      ],
    ],
    [
      'a parameter is renamed',
      [
        ['/{recordId}', '/{id}'],
        ['param.recordId', 'param.id'],
      ],
    ],
  ])('%s: let through', (_, edits) => {
    expect(reload({ all: true }, edits)).toEqual([])
  })
})

describe('a lock that would match fewer requests', () => {
  const covered = (what: string): string =>
    `routes[record.read]: takes GET "/api/records/{recordId}" (route "record.read") out of the lock: ${what}`

  test.each<readonly [string, LockScope, readonly Edit[], string]>([
    [
      'its route is removed',
      { routes: ['facilities'] },
      [['  - id: facilities\n    path: /api/facilities\n    methods: [GET]\n    session: none\n', '']],
      'routes[facilities]: removes GET "/api/facilities" (route "facilities"), which the lock covers',
    ],
    [
      'its route no longer takes the method',
      { routes: ['record.write'] },
      [['methods: [POST]', 'methods: [PUT]']],
      'routes[record.write]: removes POST "/api/records" (route "record.write"), which the lock covers',
    ],
    [
      'its route moves to another path',
      { routes: ['facilities'] },
      [['path: /api/facilities', 'path: /api/places']],
      'routes[facilities]: removes GET "/api/facilities" (route "facilities"), which the lock covers',
    ],
    [
      'its route is renamed',
      { routes: ['record.read'] },
      [['id: record.read', 'id: record.get']],
      covered('answered by route "record.get", it is no longer covered'),
    ],
    [
      'its tag is taken away',
      { tags: ['pii'] },
      [['tags: [pii]', 'tags: [public]']],
      covered('so changed, it is no longer covered'),
    ],
    [
      'its upstream is another',
      { upstreams: ['registry'] },
      [['    tags: [pii]', '    upstream: reports']],
      covered('so changed, it is no longer covered'),
    ],
    [
      'a route of its own answers one of its paths',
      { routes: ['record.read'] },
      [
        [
          '    subjects: [query.citizen]',
          '    subjects: [query.citizen]\n  - { id: side, path: /api/records/one, methods: [GET] }',
        ],
      ],
      covered('answered by route "side", it is no longer covered'),
    ],
    [
      'a session is no longer asked for, and it goes by who calls',
      { principals: ['p1'] },
      [
        [
          '    session: { level: required, maxAge: 15m, bind: { param.recordId: claim.record_ids } }',
          '    session: optional',
        ],
      ],
      covered('so changed, it asks less for a session, and the lock goes by who calls'),
    ],
    [
      'a subject is no longer read, and it goes by subject',
      { subjects: ['s1'] },
      [['    tags: [pii]', '    subjects: [header.x-citizen]']],
      covered('so changed, it no longer reads the subjects where it did, and the lock goes by subject'),
    ],
  ])('%s: refused', (_, scope, edits, problem) => {
    const problems = reload(scope, edits)
    expect(problems).toContain(problem)
    // HEAD goes with GET, and so does what is said of it.
    expect(new Set(problems.map((each) => each.replace(' HEAD ', ' GET '))).size).toBe(1)
  })

  test.each<readonly [string, LockScope, readonly Edit[]]>([
    [
      'another route is removed',
      { routes: ['record.read'] },
      [['  - id: facilities\n    path: /api/facilities\n    methods: [GET]\n    session: none\n', '']],
    ],
    [
      'another route answers one of its paths, with the tag that it goes by',
      { tags: ['pii'] },
      [
        [
          '    subjects: [query.citizen]',
          '    subjects: [query.citizen]\n  - { id: side, path: /api/records/one, methods: [GET], tags: [pii] }',
        ],
      ],
    ],
    [
      'its method is not the one that goes',
      { routes: ['record.write'], methods: ['DELETE'] },
      [['methods: [POST]', 'methods: [PUT]']],
    ],
    [
      'a session is asked for where none was, and it goes by who calls',
      { principals: ['p1'] },
      [['    session: none\n', '']],
    ],
    [
      'a parameter is renamed, and it goes by subject',
      { subjects: ['s1'] },
      [
        ['/{recordId}', '/{id}'],
        ['param.recordId', 'param.id'],
      ],
    ],
    [
      'more subjects are read, and it goes by subject',
      { subjects: ['s1'] },
      [['subjects: [query.citizen]', 'subjects: [query.citizen, query.other]']],
    ],
  ])('%s: let through', (_, scope, edits) => {
    expect(reload(scope, edits)).toEqual([])
  })

  test('the subjects of a route may change where it does not go by subject', () => {
    const edits: readonly Edit[] = [['    tags: [pii]', '    tags: [pii]\n    subjects: [header.x-citizen]']]
    expect(reload({ tags: ['pii'] }, edits)).toEqual([])
    expect(reload({ tags: ['pii'], subjects: ['s1'] }, edits)).toHaveLength(2)
  })

  test('a method that it does not name may go from a route whose other methods it names', () => {
    const running = snapshotOf(configOf(edited(['methods: [POST]', 'methods: [POST, PUT]'])))
    expect(reload({ routes: ['record.write'], methods: ['POST'] }, [], running)).toEqual([])
    expect(reload({ routes: ['record.write'], methods: ['PUT'] }, [], running)).toHaveLength(1)
  })

  test('the rest of a path that is split up is followed to each of its parts', () => {
    const before = snapshotOf(configOf(edited(['path: /api/facilities', 'path: "/files/{rest*}"'])))
    const split = (extra: string): readonly Edit[] => [
      ['path: /api/facilities', 'path: "/files/{rest*}"'],
      ['    subjects: [query.citizen]', `    subjects: [query.citizen]\n${extra}`],
    ]
    for (const path of ['/files', '/files/', '/files/{a}', '/files/{a}/{b}/c', '/files/{a}/{more*}']) {
      expect(
        reload(
          { routes: ['facilities'] },
          split(`  - { id: part, path: "${path}", methods: [GET], session: none }`),
          before,
        ),
      ).toContain(
        'routes[facilities]: takes GET "/files/{rest*}" (route "facilities") out of the lock: answered by route "part", it is no longer covered',
      )
    }
    expect(
      reload(
        { routes: ['facilities'] },
        split('  - { id: part, path: "/filed/{rest*}", methods: [GET], session: none }'),
        before,
      ),
    ).toEqual([])
    expect(
      reload({ routes: ['facilities'] }, split('  - { id: part, path: "/files/{a}", methods: [POST] }'), before),
    ).toContain('routes[facilities]: removes GET "/files/{rest*}" (route "facilities"), which the lock covers')
  })

  test('the key of the pseudonyms is moved while it names people: refused; else let through', () => {
    const edits: readonly Edit[] = [['  retention', '  pseudonyms: { keyFile: ./other.key }\n  retention']]
    expect(reload({ sessions: ['s1'] }, edits)).toEqual([
      'audit.pseudonyms.keyFile: moves the key of the pseudonyms that the lock names people by',
    ])
    expect(reload({ tags: ['pii'] }, edits)).toEqual([])
  })

  test('trusted proxies are changed while it goes by address: refused; else let through', () => {
    const edits: readonly Edit[] = [['[10.0.0.0/8]', '[10.0.0.0/8, 192.0.2.0/24]']]
    expect(reload({ cidrs: ['203.0.113.0/24'] }, edits)).toEqual([
      'gateway.trustedProxies: changes whose word on client addresses is taken, while the lock goes by address',
    ])
    expect(reload({ all: true }, edits)).toEqual([])
  })
})

describe('which locks count', () => {
  const next = configOf(edited([CHIEF, CHIEF + NEW]))

  test('those of FREEZE like those of orders; flags of files and of the config do not', () => {
    const against = (source: Lock['source']): number =>
      checkReload(RUNNING, next, { locks: [lock({ all: true }, { source })] }).length
    expect([against('order'), against('freeze'), against('file'), against('config')]).toEqual([1, 1, 0, 0])
  })

  test('with a clock, those that have opened by themselves do not', () => {
    const until = { until: NOW, onExpiry: 'open' as const }
    expect(checkReload(RUNNING, next, { locks: [lock({ all: true }, until)], now: NOW })).toEqual([])
    expect(checkReload(RUNNING, next, { locks: [lock({ all: true }, until)], now: NOW - 1 })).toHaveLength(1)
    expect(checkReload(RUNNING, next, { locks: [lock({ all: true }, { until: NOW })], now: NOW })).toHaveLength(1)
  })

  test('all of them are named', () => {
    const locks = ['A', 'B', 'C', 'D'].map((id) => lock({ all: true }, { id }))
    expect(checkReload(RUNNING, next, { locks })).toEqual([
      {
        locks: ['A', 'B', 'C', 'D'],
        path: 'control.responders',
        message: 'adds the responder "newcomer"; locks A, B, C and 1 more must be released first',
      },
    ])
  })

  test('without any, everything may change', () => {
    expect(checkReload(RUNNING, configOf('{}'), { locks: [] })).toEqual([])
  })
})

test('a snapshot survives its file, and a broken file is none', () => {
  const text = JSON.stringify(RUNNING)
  expect(parseSnapshot(text)).toEqual(RUNNING)
  expect(parseSnapshot(text.slice(0, -1))).toBeUndefined()
  expect(parseSnapshot('{}')).toBeUndefined()
})

test('what a running process cannot change is named', () => {
  const running = configOf(SAMPLE)
  expect(findRestartNeeded(running, configOf(edited(['lease: 2s', 'lease: 3s'])))).toEqual(['store.lease'])
  const next = configOf(
    edited(
      ['127.0.0.1:8080', '127.0.0.1:8081'],
      ['workers: 1', 'workers: 2'],
      ['127.0.0.1:9080', '127.0.0.1:9081'],
      ['dir: ./data\n', 'dir: ./d\n'],
      ['dir: ./data/audit', 'dir: ./a'],
    ),
  )
  expect(findRestartNeeded(running, next)).toEqual([
    'gateway.listen',
    'gateway.workers',
    'control.listen',
    'store.dir',
    'audit.dir',
    'audit.pseudonyms.keyFile',
  ])
})

test('a listener that begins or stops to speak TLS needs a restart; other files for it do not', () => {
  const secure = (name: string) =>
    configOf(edited(['workers: 1', `workers: 1\n  tls: { cert: ${name}.crt, key: ${name}.key }`]))
  expect(findRestartNeeded(configOf(SAMPLE), secure('a'))).toEqual(['gateway.tls'])
  expect(findRestartNeeded(secure('a'), configOf(SAMPLE))).toEqual(['gateway.tls'])
  expect(findRestartNeeded(secure('a'), secure('b'))).toEqual([])
})
