import { describe, expect, test } from '@jest/globals'
import { configOf, edited, FILE, KEYS, NOW, problemsOf, type Edit } from './sample.ts'
import { parseConfig } from '../../src/config/parse-config.ts'

type Case = readonly [what: string, edits: readonly Edit[], at: string, path: string, message: RegExp]

const DESK = `- { name: desk, role: responder, key: ${KEYS[0]} }`
const LEAD = `- { name: lead, role: commander, key: ${KEYS[1]} }`
const CHIEF = `- { name: chief, role: commander, key: ${KEYS[2]} }`
const ISSUERS = `  issuers:
    - issuer: https://otp.example.in
      jwks: { file: ./jwks.json }
      algorithms: [ES256]
      audience: registry
`

const routes: readonly Case[] = [
  [
    'two routes with one id',
    [['id: record.write', 'id: record.read']],
    'record.read',
    'routes[1].id',
    /two routes are named "record.read", the other is routes\[0\]/,
  ],
  [
    'two routes with one shape and method',
    [['path: /api/facilities', 'path: "/api/records/{other}"']],
    '"/api/records/{other',
    'routes[2].path',
    /takes GET of the same shape as "\/api\/records\/\{recordId\}", which is routes\[0\]/,
  ],
  [
    'two routes of which one has the HEAD of the other',
    [['path: /api/facilities\n    methods: [GET]', 'path: /api/records/{x}\n    methods: [HEAD]']],
    '/api/records/{x}',
    'routes[2].path',
    /takes HEAD .* \(HEAD goes with GET\)/,
  ],
  [
    'two routes with the same path',
    [['path: /api/facilities\n    methods: [GET]', 'path: /api/records\n    methods: [PUT, POST]']],
    '/api/records',
    'routes[2].path',
    /takes POST of the same path, which is routes\[1\]/,
  ],
  [
    'a parameter that is a part of a segment',
    [['/{recordId}', '/{recordId}.pdf']],
    '/api/records/{record',
    'routes[0].path',
    /a parameter fills a whole segment/,
  ],
  [
    'a rest that is not last',
    [['/{recordId}', '/{recordId*}/x']],
    '/api/records/{record',
    'routes[0].path',
    /must be last/,
  ],
  [
    'a path without a slash',
    [['path: /api/facilities', 'path: api/facilities']],
    'api/facilities',
    'routes[2].path',
    /begins with a slash/,
  ],
  [
    'a path with a query',
    [['path: /api/facilities', 'path: /api/facilities?x=1']],
    '/api/facilities?x=1',
    'routes[2].path',
    /no query/,
  ],
  [
    'a path that is refused in every request',
    [['path: /api/facilities', 'path: /api/../facilities']],
    '/api/../facilities',
    'routes[2].path',
    /no request ever matches this: it has a dot segment/,
  ],
  [
    'a path in another spelling than requests have',
    [['path: /api/facilities', 'path: /api/%c3%a9']],
    '/api/%c3%a9',
    'routes[2].path',
    /in capitals/,
  ],
  [
    'an upstream that is not there',
    [['upstream: registry', 'upstream: regisrty']],
    'regisrty',
    'defaults.upstream',
    /there is no upstream "regisrty", did you mean "registry"\?/,
  ],
  [
    'no upstream anywhere',
    [
      ['  upstream: registry\n', ''],
      ['    subjects: [query.citizen]', '    upstream: registry'],
      ['    session: none', '    upstream: reports\n    session: none'],
    ],
    'id: record.read',
    'routes[0].upstream',
    /is missing: .*"registry", "reports"/,
  ],
  [
    'no methods',
    [['    methods: [POST]\n', '']],
    'id: record.write',
    'routes[1].methods',
    /is missing: it must be a list of methods/,
  ],
  ['TRACE', [['methods: [POST]', 'methods: [TRACE]']], 'TRACE]', 'routes[1].methods[0]', /TRACE is never forwarded/],
  [
    'a session asked for where nobody opens one',
    [
      [ISSUERS, '  issuers: []\n'],
      [
        '    session: { level: required, maxAge: 15m, bind: { param.recordId: claim.record_ids } }\n',
        '    session: none\n',
      ],
      ['    subjects: [query.citizen]', '    session: none'],
      ['    session: none\nsession', '    session: optional\nsession'],
    ],
    'optional',
    'routes[2].session',
    /asks for a session \(optional\), but session.issuers names nobody/,
  ],
  [
    'a bound parameter that the path has not',
    [['param.recordId: claim', 'param.recordid: claim']],
    'param.recordid: clai',
    'routes[0].session.bind["param.recordid"]',
    /has no parameter \{recordid\}, did you mean "recordId"\?/,
  ],
  [
    'a binding to a place that is none',
    [['param.recordId: claim', 'path.recordId: claim']],
    'path.recordId: claim',
    'routes[0].session.bind["path.recordId"]',
    /this name must say where the identifier stands/,
  ],
  [
    'a binding to no claim',
    [['claim.record_ids', 'record_ids']],
    'record_ids } }',
    'routes[0].session.bind["param.recordId"]',
    /must be a claim/,
  ],
  [
    'a binding where no session is asked for',
    [['level: required, maxAge: 15m', 'level: none']],
    'bind: { param.record',
    'routes[0].session.bind',
    /the level is none/,
  ],
  [
    'an age where no session is asked for',
    [['{ level: required, maxAge: 15m, bind: { param.recordId: claim.record_ids } }', '{ level: none, maxAge: 15m }']],
    'maxAge: 15m }',
    'routes[0].session.maxAge',
    /the level is none/,
  ],
  [
    'a subject in a parameter that the path has not',
    [['subjects: [query.citizen]', 'subjects: [query.citizen, param.id]']],
    'param.id]',
    'routes[1].subjects[1]',
    /the path "\/api\/records" has no parameter \{id\}: it has no parameters/,
  ],
  [
    'step-up where there is no session',
    [['    session: none', '    session: none\n    lock: step-up']],
    'step-up',
    'routes[2].lock',
    /step-up asks for a fresh one-time password, but the route "facilities" has session: none/,
  ],
  [
    'step-up by default where there is no session',
    [['  session: required', '  session: required\n  lock: step-up']],
    'step-up',
    'defaults.lock',
    /the route "facilities" has session: none/,
  ],
  [
    'a limit of none',
    [['    tags: [pii]', '    throttle: { requests: 0/m }']],
    '0/m }',
    'routes[0].throttle.requests',
    /to allow none, set lock: deny/,
  ],
  [
    'a limit without a period',
    [['    tags: [pii]', '    throttle: { requests: 60 }']],
    '60 }',
    'routes[0].throttle.requests',
    /as in 60\/m/,
  ],
  ['a tag with a comma', [['tags: [pii]', 'tags: ["a,b"]']], '"a,b"]', 'routes[0].tags[0]', /without comma/],
  [
    'an unknown key of a route',
    [['    tags: [pii]', '    tag: [pii]']],
    'tag: [pii]',
    'routes[0].tag',
    /is not known here, did you mean "tags"\?/,
  ],
  ['an unknown key of defaults', [['  session: required', '  id: x']], 'id: x', 'defaults.id', /is not known here/],
  [
    'an unknown key of a session',
    [['maxAge: 15m', 'maxage: 15m']],
    'maxage: 15m, bind: {',
    'routes[0].session.maxage',
    /did you mean "maxAge"\?/,
  ],
]

const people: readonly Case[] = [
  [
    'two responders with one name',
    [['name: lead', 'name: Desk']],
    'Desk, role: commande',
    'control.responders[1].name',
    /two responders are named "Desk"/,
  ],
  [
    'two responders with one key',
    [[KEYS[1], KEYS[0]]],
    'SzO7VZvANVpj6aws2QUK',
    'control.responders[1].key',
    /is the key of control.responders\[0\] too/,
  ],
  ['a key that is too short', [[KEYS[0], 'AAAA']], 'AAAA }', 'control.responders[0].key', /has 3 bytes, not the 32/],
  [
    'a key in base64',
    [[KEYS[0], '"9hg5pbpN/h+SuDu2F2+ujQ+e2ink3HjIhdhyzGwA8vU="']],
    '"9hg5pbpN/h+SuDu2F2+',
    'control.responders[0].key',
    /is base64, not base64url/,
  ],
  [
    'a key with stray bits at its end',
    [[KEYS[0], `${KEYS[0].slice(0, -1)}p`]],
    'SzO7VZvANVpj6aws2QUK',
    'control.responders[0].key',
    /is not base64url/,
  ],
  [
    'a key that is no point',
    [[KEYS[0], Buffer.from(`02${'00'.repeat(31)}`, 'hex').toString('base64url')]],
    'AgAAAAAAAAAAAAAAAAAA',
    'control.responders[0].key',
    /no point of the curve/,
  ],
  ['a key of low order', [[KEYS[0], 'A'.repeat(43)]], 'AAAAAAAAAAAAAAAAAAAA', 'control.responders[0].key', /low order/],
  [
    'releases by one person',
    [['releaseApprovals: 2', 'releaseApprovals: 1']],
    '1',
    'control.releaseApprovals',
    /from 2 to 100/,
  ],
  [
    'releases by more people than there are',
    [['releaseApprovals: 2', 'releaseApprovals: 4']],
    '4',
    'control.releaseApprovals',
    /needs 4 different people, but only 3 may sign/,
  ],
  [
    'releases by more commanders than there are',
    [
      ['releaseApprovals: 2', 'releaseApprovals: 3'],
      [CHIEF, CHIEF.replace('commander', 'responder')],
    ],
    '3',
    'control.releaseApprovals',
    /needs 2 commanders beside the one who proposes it, but there is 1/,
  ],
  [
    'releases by people of whom one has left',
    [
      ['releaseApprovals: 2', 'releaseApprovals: 3'],
      [CHIEF, CHIEF.replace(' }', ', retired: 2026-10-31 }')],
    ],
    '3',
    'control.releaseApprovals',
    /only 2 may sign/,
  ],
  [
    'auditors, who sign no release',
    [
      ['releaseApprovals: 2', 'releaseApprovals: 3'],
      [DESK, DESK.replace('responder', 'auditor')],
    ],
    '3',
    'control.releaseApprovals',
    /only 2 may sign/,
  ],
  [
    'nobody who may approve',
    [
      [LEAD, LEAD.replace('commander', 'responder')],
      [CHIEF, CHIEF.replace('commander', 'responder')],
    ],
    '- { name: desk, role',
    'control.responders',
    /no commander/,
  ],
  [
    'a date that is none',
    [[CHIEF, CHIEF.replace(' }', ', retired: 2026-02-30 }')]],
    '2026-02-30 }',
    'control.responders[2].retired',
    /"2026-02-30" is no date/,
  ],
  [
    'a role that is none',
    [['role: responder', 'role: boss']],
    'boss, key: SzO7VZvAN',
    'control.responders[0].role',
    /must be viewer, auditor, receiver, responder or commander, not "boss"/,
  ],
  [
    'a read token in clear',
    [['releaseApprovals: 2', 'releaseApprovals: 2\n  readToken: { sha256: hunter2 }']],
    'hunter2 }',
    'control.readToken.sha256',
    /never the token itself/,
  ],
  ['a symmetric algorithm', [['[ES256]', '[ES256, HS256]']], 'HS256]', 'session.issuers[0].algorithms[1]', /symmetric/],
  ['no algorithm', [['[ES256]', '[none]']], 'none]', 'session.issuers[0].algorithms[0]', /nobody has signed/],
  [
    'two issuers of one name',
    [[ISSUERS, ISSUERS + ISSUERS.replace('  issuers:\n', '')]],
    'https://otp.example.',
    'session.issuers[1].issuer',
    /stands twice/,
  ],
  [
    'keys from nowhere',
    [['{ file: ./jwks.json }', '{}']],
    '{}',
    'session.issuers[0].jwks',
    /must name a file or a url/,
  ],
  [
    'keys from two places',
    [['{ file: ./jwks.json }', '{ file: a, url: "https://a" }']],
    '{ file: a, url: "htt',
    'session.issuers[0].jwks',
    /not both/,
  ],
  [
    'keys over http',
    [['{ file: ./jwks.json }', '{ url: "http://otp.example.in/jwks" }']],
    '"http://otp.example.',
    'session.issuers[0].jwks.url',
    /must be https/,
  ],
  [
    'keys from no URL',
    [['{ file: ./jwks.json }', '{ url: jwks }']],
    'jwks }',
    'session.issuers[0].jwks.url',
    /https URL/,
  ],
  [
    'a level of the log that is none',
    [['locks:', '  \nlog: { level: verbose }\nlocks:']],
    'verbose }',
    'log.level',
    /must be error, warn, info or debug/,
  ],
]

const places: readonly Case[] = [
  [
    'a control plane off loopback without TLS',
    [['127.0.0.1:9080', '0.0.0.0:9080']],
    '0.0.0.0:9080',
    'control.listen',
    /needs control.tls/,
  ],
  [
    'one address for both planes',
    [['127.0.0.1:9080', '127.0.0.1:8080']],
    '127.0.0.1:8080',
    'control.listen',
    /is the address of gateway.listen/,
  ],
  [
    'one address for both planes, by another name',
    [['127.0.0.1:9080', 'localhost:8080']],
    'localhost:8080',
    'control.listen',
    /is the address of gateway.listen/,
  ],
  [
    'one port for both planes, of which one is everywhere',
    [['127.0.0.1:8080', '"[::]:9080"']],
    '127.0.0.1:9080',
    'control.listen',
    /is the address of gateway.listen \(\[::\]:9080\)/,
  ],
  [
    'one socket for both planes',
    [
      ['127.0.0.1:8080', 'unix:/run/a'],
      ['127.0.0.1:9080', 'unix:/run/a'],
    ],
    'unix:/run/a',
    'control.listen',
    /is the address of gateway.listen/,
  ],
  [
    'a unix socket with two workers',
    [
      ['127.0.0.1:8080', 'unix:/run/a'],
      ['workers: 1', 'workers: 2'],
    ],
    '2',
    'gateway.workers',
    /a unix socket has one worker, not 2/,
  ],
  [
    'a socket whose path is too long',
    [['127.0.0.1:8080', `unix:/${'x'.repeat(107)}`]],
    'unix:/xxxxxxxxxxxxxx',
    'gateway.listen',
    /longer than the 107 bytes/,
  ],
  ['no workers', [['workers: 1', 'workers: 0']], '0', 'gateway.workers', /from 1 to 128/],
  [
    'a port alone',
    [['listen: 127.0.0.1:8080', 'listen: ":8080"']],
    '":8080"',
    'gateway.listen',
    /names no host: write 127.0.0.1:8080/,
  ],
  [
    'a port that is none',
    [['127.0.0.1:8080', '127.0.0.1:70000']],
    '127.0.0.1:70000',
    'gateway.listen',
    /port 70000 is above 65535/,
  ],
  [
    'an IPv6 address without brackets',
    [['127.0.0.1:8080', '::1:8080']],
    '::1:8080',
    'gateway.listen',
    /stands in brackets/,
  ],
  [
    'an IPv4 address in short',
    [['127.0.0.1:8080', '127.1:8080']],
    '127.1:8080',
    'gateway.listen',
    /127.1 is no IPv4 address/,
  ],
  [
    'an address as a URL',
    [['127.0.0.1:8080', 'http://127.0.0.1:8080']],
    'http://127.0.0.1:808',
    'gateway.listen',
    /is a URL/,
  ],
  [
    'a network with bits behind its prefix',
    [['10.0.0.0/8', '10.1.0.0/8']],
    '10.1.0.0/8]',
    'gateway.trustedProxies[0]',
    /did you mean 10.0.0.0\/8\?/,
  ],
  [
    'an address for a network',
    [['10.0.0.0/8', '"fd00::1"']],
    '"fd00::1"]',
    'gateway.trustedProxies[0]',
    /write fd00::1\/128/,
  ],
  ['a network in short', [['10.0.0.0/8', '10/8']], '10/8]', 'gateway.trustedProxies[0]', /is no network/],
  [
    'trust in everybody',
    [['10.0.0.0/8', '0.0.0.0/0']],
    '0.0.0.0/0]',
    'gateway.trustedProxies[0]',
    /trusts every client/,
  ],
  [
    'an upstream that is the gateway',
    [['127.0.0.1:9000', '127.0.0.1:8080']],
    'http://127.0.0.1:808',
    'upstreams.registry.url',
    /the gateway would call itself/,
  ],
  [
    'an upstream that is the gateway by another name',
    [
      ['127.0.0.1:8080', '0.0.0.0:8080'],
      ['127.0.0.1:9000', 'localhost:8080'],
    ],
    'http://localhost:808',
    'upstreams.registry.url',
    /the gateway would call itself/,
  ],
  [
    'an upstream that is the control plane',
    [['http://10.0.0.2:9000', '"http://[::1]:9080"']],
    '"http://[::1]:9080"]',
    'upstreams.reports.targets[1]',
    /the control plane is never offered/,
  ],
  [
    'an upstream with a path',
    [['http://127.0.0.1:9000', 'http://127.0.0.1:9000/api']],
    'http://127.0.0.1:900',
    'upstreams.registry.url',
    /with no path or query/,
  ],
  [
    'an upstream with a query',
    [['http://127.0.0.1:9000', 'http://127.0.0.1:9000/?']],
    'http://127.0.0.1:900',
    'upstreams.registry.url',
    /with no path or query/,
  ],
  [
    'an upstream with credentials',
    [['http://127.0.0.1:9000', 'http://a:hunter2@127.0.0.1:9000']],
    'http://a:hunter2@127',
    'upstreams.registry.url',
    /^(?!.*hunter2).*must not hold credentials/,
  ],
  [
    'an upstream of another scheme',
    [['http://127.0.0.1:9000', 'ftp://127.0.0.1']],
    'ftp://127.0.0.1 }',
    'upstreams.registry.url',
    /must be http or https, not "ftp"/,
  ],
  [
    'an upstream without a scheme',
    [['http://127.0.0.1:9000', '127.0.0.1:9000']],
    '127.0.0.1:9000 }',
    'upstreams.registry.url',
    /with its scheme/,
  ],
  [
    'an upstream with two homes',
    [['{ url: http://127.0.0.1:9000 }', '{ url: http://127.0.0.1:9000, targets: [http://127.0.0.1:9001] }']],
    '{ url: http://127.0.',
    'upstreams.registry',
    /not both/,
  ],
  [
    'an upstream with none',
    [['{ url: http://127.0.0.1:9000 }', '{ connections: 3 }']],
    '{ connections: 3 }',
    'upstreams.registry',
    /must name its url/,
  ],
  [
    'a target twice',
    [['http://10.0.0.2:9000', 'http://10.0.0.1:9000/']],
    'http://10.0.0.1:9000',
    'upstreams.reports.targets[1]',
    /stands twice/,
  ],
  [
    'a timeout of zero',
    [['{ url: http://127.0.0.1:9000 }', '{ url: http://127.0.0.1:9000, connectTimeout: 0s }']],
    '0s }',
    'upstreams.registry.connectTimeout',
    /longer than zero/,
  ],
  ['a drain of zero', [['workers: 1', 'drainTimeout: 0ms']], '0ms', 'gateway.drainTimeout', /longer than zero/],
  ['a timeout that no timer holds', [['workers: 1', 'drainTimeout: 25d']], '25d', 'gateway.drainTimeout', /too long/],
  [
    'header fields that may take longer than the request',
    [['workers: 1', 'limits: { headersTimeout: 10m }']],
    '10m }',
    'gateway.limits.headersTimeout',
    /longer than requestTimeout/,
  ],
  [
    'a fleet without its Redis',
    [['dir: ./data\n', 'kind: redis\n']],
    'redis',
    'store.kind',
    /needs store.redis beside it/,
  ],
  [
    'a Redis beside the embedded store',
    [['dir: ./data\n', 'redis: { url: "redis://127.0.0.1", fleet: f, secretFile: ./s }\n']],
    'redis:',
    'store.redis',
    /goes with kind: redis/,
  ],
  [
    'a Redis that is no URL',
    [['dir: ./data\n', 'kind: redis\n  redis: { url: "127.0.0.1:6379", fleet: f, secretFile: ./s }\n']],
    '"127.0.0.1:6379"',
    'store.redis.url',
    /is no URL of a Redis/,
  ],
  [
    'a fleet with a brace in its name',
    [['dir: ./data\n', 'kind: redis\n  redis: { url: "redis://127.0.0.1", fleet: "a}b", secretFile: ./s }\n']],
    '"a}b"',
    'store.redis.fleet',
    /the name of the fleet/,
  ],
  [
    'TLS to a Redis without it',
    [['dir: ./data\n', 'kind: redis\n  redis: { url: "redis://127.0.0.1", fleet: f, secretFile: ./s, tls: {} }\n']],
    'tls: {}',
    'store.redis.tls',
    /goes with a URL of rediss/,
  ],
  [
    'a certificate for Redis without its key',
    [['dir: ./data\n', 'kind: redis\n  redis: { url: "rediss://h", fleet: f, secretFile: ./s, tls: { cert: c } }\n']],
    'tls: {',
    'store.redis.tls',
    /cert and key together/,
  ],
  [
    'the fleet secret in the trail',
    [['dir: ./data\n', 'kind: redis\n  redis: { url: "redis://h", fleet: f, secretFile: ./data/audit/s }\n']],
    './data/audit/s',
    'store.redis.secretFile',
    /lies in audit.dir/,
  ],
  [
    'a lease that a late timer loses',
    [['lease: 2s', 'lease: 99ms']],
    '99ms',
    'store.lease',
    /too short, the least is 100ms/,
  ],
  ['a lease beyond a minute', [['lease: 2s', 'lease: 61s']], '61s', 'store.lease', /too long, the most is 60s/],
  [
    'a trail among the orders',
    [['dir: ./data/audit', 'dir: ./data/orders']],
    './data/orders',
    'audit.dir',
    /orders directory/,
  ],
  [
    'a trail below the orders',
    [['dir: ./data/audit', 'dir: ./data/orders/x']],
    './data/orders/x',
    'audit.dir',
    /orders directory/,
  ],
  [
    'a trail around the store',
    [
      ['dir: ./data/audit', 'dir: .'],
      ['./locks.yaml', '/etc/locks.yaml'],
    ],
    '.',
    'audit.dir',
    /holds store.dir/,
  ],
  [
    'a key of pseudonyms in the trail',
    [['  retention: 180d', '  pseudonyms: { keyFile: ./data/audit/key }']],
    './data/audit/key }',
    'audit.pseudonyms.keyFile',
    /lies in audit.dir/,
  ],
  [
    'a locks file in the trail',
    [['./locks.yaml', './data/audit/locks.yaml']],
    './data/audit/locks.y',
    'locks.file',
    /lies in audit.dir/,
  ],
  ['a retention below what is asked for', [['180d', '179d']], '179d', 'audit.retention', /least is 180d: CERT-In/],
  ['a duration without a unit', [['lease: 2s', 'lease: 2']], '2', 'store.lease', /must be a duration, as in 500ms/],
  [
    'a key without a value',
    [['locks: { file: ./locks.yaml }', 'locks:']],
    'locks:',
    'locks',
    /is empty: it must be a mapping with file, or leave the key out/,
  ],
]

const edges: readonly Case[] = [
  [
    'a target longer than its header fields may ever be',
    [['workers: 1', 'limits: { urlBytes: 65KiB }']],
    '65KiB }',
    'gateway.limits.urlBytes',
    /must be a size from 256B to 64KiB/,
  ],
  [
    'no connections',
    [['workers: 1', 'limits: { connections: 0 }']],
    '0 }',
    'gateway.limits.connections',
    /from 1 to 1000000/,
  ],
  [
    'no request on a connection',
    [['workers: 1', 'limits: { requestsPerConnection: 0 }']],
    '0 }',
    'gateway.limits.requestsPerConnection',
    /from 1 to/,
  ],
  [
    'a rate without a unit of size',
    [['workers: 1', 'limits: { minimumRate: { bytes: slow } }']],
    'slow }',
    'gateway.limits.minimumRate.bytes',
    /must be a size from 0B to 1MiB/,
  ],
  [
    'an unknown key of a rate',
    [['workers: 1', 'limits: { minimumRate: { byte: 1B } }']],
    'byte: 1B',
    'gateway.limits.minimumRate.byte',
    /did you mean "bytes"\?/,
  ],
  [
    'TLS without a key',
    [['workers: 1', 'tls: { cert: a.crt }']],
    '{ cert: a.crt }',
    'gateway.tls.key',
    /is missing: it must be a path/,
  ],
  [
    'TLS that would verify nobody',
    [['workers: 1', 'tls: { cert: a.crt, key: a.key, insecure: true }']],
    'insecure: true',
    'gateway.tls.insecure',
    /is not known here; known are cert, key, clientCa/,
  ],
  [
    'a private key in the trail',
    [['workers: 1', 'tls: { cert: a.crt, key: ./data/audit/a.key }']],
    './data/audit/a.key }',
    'gateway.tls.key',
    /lies in audit.dir/,
  ],
  [
    'an authority in the trail',
    [['{ url: http://127.0.0.1:9000 }', '{ url: "https://127.0.0.1:9000", tls: { ca: ./data/audit/ca.crt } }']],
    './data/audit/ca.crt }',
    'upstreams.registry.tls.ca',
    /lies in audit.dir/,
  ],
  [
    'TLS to a target that is plain',
    [['{ url: http://127.0.0.1:9000 }', '{ url: http://127.0.0.1:9000, tls: { ca: ca.crt } }']],
    'tls: { ca: ca.crt }',
    'upstreams.registry.tls',
    /is for https targets alone, and http:\/\/127.0.0.1:9000 is none/,
  ],
  [
    'TLS to targets of which one is a socket',
    [
      [
        '{ url: http://127.0.0.1:9000 }',
        '{ targets: ["https://10.0.0.9", "unix:/run/app.sock"], tls: { ca: ca.crt } }',
      ],
    ],
    'tls: { ca: ca.crt }',
    'upstreams.registry.tls',
    /unix:\/run\/app.sock is none/,
  ],
  [
    'a certificate without its key',
    [['{ url: http://127.0.0.1:9000 }', '{ url: "https://127.0.0.1:9000", tls: { cert: me.crt } }']],
    'me.crt }',
    'upstreams.registry.tls.cert',
    /stands without key/,
  ],
  [
    'a key without its certificate',
    [['{ url: http://127.0.0.1:9000 }', '{ url: "https://127.0.0.1:9000", tls: { key: me.key } }']],
    'me.key }',
    'upstreams.registry.tls.key',
    /stands without cert/,
  ],
  [
    'no verification',
    [['{ url: http://127.0.0.1:9000 }', '{ url: "https://127.0.0.1:9000", tls: { rejectUnauthorized: false } }']],
    'rejectUnauthorized',
    'upstreams.registry.tls.rejectUnauthorized',
    /is not known here; known are ca, cert, key, serverName/,
  ],
  [
    'a server name that is a URL',
    [['{ url: http://127.0.0.1:9000 }', '{ url: "https://127.0.0.1:9000", tls: { serverName: "https://a.example" } }']],
    '"https://a.example"',
    'upstreams.registry.tls.serverName',
    /is no host name: write it without scheme and port/,
  ],
  [
    'a socket with two slashes',
    [['{ url: http://127.0.0.1:9000 }', '{ url: "unix:///run/app.sock" }']],
    '"unix:///run/app.soc',
    'upstreams.registry.url',
    /write unix:\/run\/app.sock/,
  ],
  [
    'a socket in the spelling of another tool',
    [['{ url: http://127.0.0.1:9000 }', '{ url: "http+unix://run" }']],
    '"http+unix://run"',
    'upstreams.registry.url',
    /a socket is written unix:\/run\/app.sock/,
  ],
  [
    'a socket without a path',
    [['{ url: http://127.0.0.1:9000 }', '{ url: "unix:" }']],
    '"unix:"',
    'upstreams.registry.url',
    /names no socket: write unix:\/run\/app.sock/,
  ],
  [
    'an upstream that is the gateway by its socket',
    [
      ['{ url: http://127.0.0.1:9000 }', '{ url: "unix:./run/gate.sock" }'],
      ['127.0.0.1:8080', 'unix:run/gate.sock'],
    ],
    '"unix:./run/gate.soc',
    'upstreams.registry.url',
    /the gateway would call itself/,
  ],
  [
    'more in flight than the connections carry',
    [['{ url: http://127.0.0.1:9000 }', '{ url: http://127.0.0.1:9000, connections: 4, maxInFlight: 5 }']],
    '5 }',
    'upstreams.registry.maxInFlight',
    /is more than the 4 connections that there may be/,
  ],
  [
    'nothing in flight',
    [['{ url: http://127.0.0.1:9000 }', '{ url: http://127.0.0.1:9000, maxInFlight: 0 }']],
    '0 }',
    'upstreams.registry.maxInFlight',
    /from 1 to 1000000/,
  ],
  [
    'a queue as a number',
    [['{ url: http://127.0.0.1:9000 }', '{ url: http://127.0.0.1:9000, queue: 10 }']],
    '10 }',
    'upstreams.registry.queue',
    /must be a mapping with requests, timeout/,
  ],
  [
    'a queue that waits no time',
    [['{ url: http://127.0.0.1:9000 }', '{ url: http://127.0.0.1:9000, queue: { timeout: 0s } }']],
    '0s }',
    'upstreams.registry.queue.timeout',
    /longer than zero/,
  ],
  [
    'a check of no path',
    [['{ url: http://127.0.0.1:9000 }', '{ url: http://127.0.0.1:9000, health: { interval: 1s } }']],
    '{ interval: 1s }',
    'upstreams.registry.health.path',
    /is missing: it must be a path, as in \/healthz/,
  ],
  [
    'a check of a URL',
    [['{ url: http://127.0.0.1:9000 }', '{ url: http://127.0.0.1:9000, health: { path: "http://x/up" } }']],
    '"http://x/up"',
    'upstreams.registry.health.path',
    /begins with a slash/,
  ],
  [
    'a check of two lines',
    [['{ url: http://127.0.0.1:9000 }', '{ url: http://127.0.0.1:9000, health: { path: "/up\\r\\nX: y" } }']],
    '"/up',
    'upstreams.registry.health.path',
    /has a character that no request line can carry/,
  ],
  [
    'checks without a pause',
    [
      [
        '{ url: http://127.0.0.1:9000 }',
        '{ url: http://127.0.0.1:9000, health: { path: /up, interval: 10ms, timeout: 10ms } }',
      ],
    ],
    '10ms, timeout',
    'upstreams.registry.health.interval',
    /too short, the least is 100ms/,
  ],
  [
    'a status that is none',
    [['{ url: http://127.0.0.1:9000 }', '{ url: http://127.0.0.1:9000, health: { path: /up, status: [99] } }']],
    '99] }',
    'upstreams.registry.health.status[0]',
    /from 200 to 599/,
  ],
  [
    'a health that no number of checks brings back',
    [['{ url: http://127.0.0.1:9000 }', '{ url: http://127.0.0.1:9000, health: { path: /up, healthyAfter: 0 } }']],
    '0 }',
    'upstreams.registry.health.healthyAfter',
    /from 1 to 100/,
  ],
  [
    'a name that is every name',
    [['  releaseApprovals', '  names: ["*.example.in"]\n  releaseApprovals']],
    '"*.example.in"',
    'control.names[0]',
    /names each host by itself/,
  ],
  [
    'a name that is a URL',
    [['  releaseApprovals', '  names: ["https://gate.example.in"]\n  releaseApprovals']],
    '"https://gate.example',
    'control.names[0]',
    /is no host name: write it without scheme and path/,
  ],
  [
    'a name with a port that is none',
    [['  releaseApprovals', '  names: ["gate.example.in:70000"]\n  releaseApprovals']],
    '"gate.example.in:7000',
    'control.names[0]',
    /port 70000 is above 65535/,
  ],
  [
    'a name that is not in a list',
    [['  releaseApprovals', '  names: gate.ops.svc\n  releaseApprovals']],
    'gate.ops.svc',
    'control.names',
    /must be a list of host names/,
  ],
]

describe.each([
  ['routes', routes],
  ['people', people],
  ['places', places],
  ['edges', edges],
])('of %s', (_, cases) => {
  test.each(cases)('%s is one problem at its place', (_what, edits, at, path, message) => {
    const text = edited(...edits)
    const problems = problemsOf(text)
    expect(problems).toEqual([expect.objectContaining({ path, message: expect.stringMatching(message) })])
    const [{ line, column } = { line: 0, column: 0 }] = problems
    expect(text.split('\n')[line - 1]?.slice(column - 1, column - 1 + at.length)).toBe(at)
  })
})

describe('what is right is not refused', () => {
  test.each<readonly [string, readonly Edit[]]>([
    ['a control plane off loopback with TLS', [['127.0.0.1:9080', '0.0.0.0:9080\n  tls: { cert: a.pem, key: b.pem }']]],
    ['a control plane at a unix socket', [['127.0.0.1:9080', 'unix:/run/control.sock']]],
    [
      'free ports for both planes',
      [
        ['127.0.0.1:8080', '127.0.0.1:0'],
        ['127.0.0.1:9080', '127.0.0.1:0'],
      ],
    ],
    [
      'a commander who leaves next year',
      [
        [CHIEF, CHIEF.replace(' }', ', retired: 2027-01-01 }')],
        ['releaseApprovals: 2', 'releaseApprovals: 3'],
      ],
    ],
    ['nobody who gives orders', [[`${DESK}\n    ${LEAD}\n    ${CHIEF}`, '[]']]],
    [
      'one shape with two methods',
      [['path: /api/facilities\n    methods: [GET]', 'path: /api/records/{other}\n    methods: [DELETE]']],
    ],
    ['keys over http on loopback', [['{ file: ./jwks.json }', '{ url: "http://127.0.0.1:9000/jwks" }']]],
    [
      'no issuer where no session is asked for',
      [
        [ISSUERS, '  issuers: []\n'],
        ['  session: required', '  session: none'],
        ['    session: { level: required, maxAge: 15m, bind: { param.recordId: claim.record_ids } }\n', ''],
      ],
    ],
    ['an upstream at the port of the gateway on another host', [['127.0.0.1:9000', '10.0.0.9:8080']]],
    [
      'upstreams at a socket, and by TLS',
      [
        ['{ url: http://127.0.0.1:9000 }', '{ url: "unix:/run/app.sock" }'],
        [
          '{ targets: [http://10.0.0.1:9000, http://10.0.0.2:9000] }',
          '{ targets: ["https://10.0.0.1", "https://10.0.0.2"], tls: { serverName: reports.internal }, maxInFlight: 256 }',
        ],
      ],
    ],
    ['a path with letters of any language', [['path: /api/facilities', 'path: /api/सुविधा']]],
  ])('%s', (_, edits) => {
    expect(problemsOf(edited(...edits))).toEqual([])
  })

  test('without a clock, whoever has a date has left', () => {
    const text = edited(
      [CHIEF, CHIEF.replace(' }', ', retired: 2027-01-01 }')],
      ['releaseApprovals: 2', 'releaseApprovals: 3'],
    )
    expect(parseConfig(text, { file: FILE, env: {} })).toMatchObject({
      problems: [{ path: 'control.releaseApprovals' }],
    })
    expect(parseConfig(text, { file: FILE, env: {}, now: NOW })).toHaveProperty('config')
  })
})

test('rules across fields are checked in the same run as the fields themselves', () => {
  const problems = problemsOf(
    edited(
      ['lease: 2s', 'lease: soon'],
      ['id: record.write', 'id: record.read'],
      ['127.0.0.1:9080', '0.0.0.0:9080'],
      ['methods: [POST]', 'methods: [POTS]'],
    ),
  )
  expect(problems.map((each) => each.path)).toEqual([
    'control.listen',
    'store.lease',
    'routes[1].id',
    'routes[1].methods[0]',
  ])
})

test('what is wrong by itself draws no second problem from a rule across fields', () => {
  expect(
    problemsOf(edited(['    session: none', '    session: non\n    lock: step-up'])).map((each) => each.path),
  ).toEqual(['routes[2].session'])
  expect(problemsOf(edited(['role: commander', 'role: comander'])).map((each) => each.path)).toEqual([
    'control.responders[1].role',
  ])
  expect(problemsOf(edited(['listen: 127.0.0.1:9080', 'listen: nine'])).map((each) => each.path)).toEqual([
    'control.listen',
  ])
})

test('an integer of YAML is no text and a text no list: each says what would be right', () => {
  expect(problemsOf(edited(['audience: registry', 'audience: 7']))[0]?.message).toBe(
    'must be the aud of tokens for this API',
  )
  expect(problemsOf(edited(['methods: [POST]', 'methods: POST']))[0]?.message).toBe(
    'must be a list of methods, as in [GET]',
  )
  expect(configOf(edited(['audience: registry', 'audience: "7"'])).session.issuers[0]?.audience).toBe('7')
})
