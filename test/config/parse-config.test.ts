import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { parseConfig } from '../../src/config/parse-config.ts'
import { formatProblems } from '../../src/config/problem.ts'
import { configOf, edited, FILE, KEYS, NOW, problemsOf, SAMPLE } from './sample.ts'

describe('ten mistakes in one file', () => {
  const text = `gatway: {}
gateway:
  listen: 8080
  workers: two
  limits: { bodyBytes: lots }
control:
  releaseApprovals: 1
store:
  lease: 90s
  lease: 3s
upstreams:
  registry: { url: "http://me:hunter2@10.0.0.1:9000" }
routes:
  - id: a
    path: /a/{x}.pdf
    methods: [get]
    upstream: regstry
    session: requird
`
  const expected = [
    [1, 1, 'gatway', 'is not known here, did you mean "gateway"?'],
    [3, 11, 'gateway.listen', 'must be host:port, as in 127.0.0.1:8080, "[::1]:8080" or unix:/run/portcullis.sock'],
    [4, 12, 'gateway.workers', 'must be a whole number from 1 to 128, or auto for one a core, not "two"'],
    [5, 24, 'gateway.limits.bodyBytes', 'must be a size from 0B to 1024GiB, as in 16KiB or 10MiB'],
    [7, 21, 'control.releaseApprovals', 'must be a whole number from 2 to 100'],
    [10, 3, '', 'lease stands twice in one mapping: keep one'],
    [
      12,
      20,
      'upstreams.registry.url',
      'must not hold credentials: they would end in logs; give the upstream another way to know the gateway',
    ],
    [
      15,
      11,
      'routes[0].path',
      'is no path template: "{x}.pdf": a parameter fills a whole segment, as in /records/{recordId}',
    ],
    [16, 15, 'routes[0].methods[0]', 'methods are written in capitals: GET'],
    [17, 15, 'routes[0].upstream', 'there is no upstream "regstry", did you mean "registry"?'],
    [
      18,
      14,
      'routes[0].session',
      'must be none, optional or required, or a mapping with level, maxAge and bind, not "requird"',
    ],
  ].map(([line, column, path, message]) => ({ line, column, path, message }))

  test('give a message each, with line and column, in the order of the file', () => {
    expect(problemsOf(text)).toEqual(expected)
  })

  test('are printed as file:line:column: path: message, and no credential with them', () => {
    const printed = formatProblems(problemsOf(text), 'portcullis.yaml')
    expect(printed.split('\n')).toHaveLength(11)
    expect(printed).toContain(
      'portcullis.yaml:17:15: routes[0].upstream: there is no upstream "regstry", did you mean "registry"?',
    )
    expect(printed).toContain('portcullis.yaml:10:3: lease stands twice')
    expect(printed).not.toContain('hunter2')
  })
})

describe('a right configuration', () => {
  test('is whole: defaults filled in, paths against the file, durations in milliseconds', () => {
    const config = configOf(SAMPLE)
    expect(config.file).toBe(FILE)
    expect(config.gateway).toMatchObject({
      listen: { host: '127.0.0.1', port: 8080 },
      workers: 1,
      trustedProxies: ['10.0.0.0/8'],
      drainTimeoutMs: 20_000,
    })
    expect(config.gateway?.limits).toEqual({
      headerBytesMax: 16_384,
      headersMax: 100,
      urlBytesMax: 8192,
      bodyBytesMax: 16_777_216,
      headersTimeoutMs: 10_000,
      requestTimeoutMs: 300_000,
      idleTimeoutMs: 65_000,
      minimumRate: { bytesPerSecond: 240, graceMs: 10_000 },
      connectionsMax: 10_000,
      connectionsPerAddressMax: 1000,
      requestsPerConnectionMax: 1000,
    })
    expect(config.gateway).not.toHaveProperty('tls')
    expect(config.control.names).toEqual([])
    expect(config.store).toEqual({ dir: '/etc/portcullis/data', leaseMs: 2000 })
    expect(config.audit).toEqual({
      dir: '/etc/portcullis/data/audit',
      retentionMs: 180 * 86_400_000,
      reserveBytes: 64 * 1_048_576,
      witnesses: [],
      clock: { servers: [], everyMs: 300_000, alarmMs: 1_000 },
      pseudonymKeyFile: '/etc/portcullis/data/pseudonym.key',
      index: true,
      holds: [],
      exports: {},
      details: { dir: '/etc/portcullis/data/audit.keys', keepMs: 180 * 86_400_000 },
    })
    expect(config.upstreams.reports).toEqual({
      targets: ['http://10.0.0.1:9000', 'http://10.0.0.2:9000'],
      connectTimeoutMs: 3000,
      headersTimeoutMs: 30_000,
      bodyTimeoutMs: 60_000,
      connectionsMax: 128,
      inFlightMax: 256,
      queue: { requestsMax: 1024, timeoutMs: 5000 },
    })
    expect(config.session.issuers).toEqual([
      {
        issuer: 'https://otp.example.in',
        jwks: { file: '/etc/portcullis/jwks.json' },
        algorithms: ['ES256'],
        audience: 'registry',
        otpAmr: ['otp', 'sms'],
      },
    ])
    expect(config.locksFile).toBe('/etc/portcullis/locks.yaml')
    expect(config.log.level).toBe('info')
  })

  test('gives each route its own keys, else those of defaults, else the strictest', () => {
    const [read, write, facilities] = configOf(
      edited(['  session: required\n', '  session: required\n  stale: read-only\n  lock: read-only\n']),
    ).routes
    expect(read).toEqual({
      id: 'record.read',
      path: '/api/records/{recordId}',
      methods: ['GET'],
      upstream: 'registry',
      tags: ['pii'],
      policy: {
        lock: 'read-only',
        session: {
          level: 'required',
          maxAgeMs: 900_000,
          bind: [{ source: { in: 'param', name: 'recordId' }, claim: 'record_ids' }],
        },
        stale: 'read-only',
        audit: 'strict',
        throttle: {},
        subjects: [{ in: 'param', name: 'recordId' }],
        forwardAuthorization: false,
      },
    })
    expect(write?.policy.session).toEqual({ level: 'required', bind: [] })
    expect(write?.policy.subjects).toEqual([{ in: 'query', name: 'citizen' }])
    expect(facilities?.policy.session).toEqual({ level: 'none', bind: [] })
    expect(configOf(SAMPLE).routes[2]?.policy).toMatchObject({ stale: 'frozen', audit: 'strict', lock: 'open' })
  })

  test('takes the bound places for the subjects, else every parameter of the path', () => {
    const bound = configOf(
      edited(['bind: { param.recordId: claim.record_ids }', 'bind: { header.X-Citizen: claim.sub }']),
    ).routes[0]
    expect(bound?.policy.subjects).toEqual([{ in: 'header', name: 'x-citizen' }])
    const free = configOf(
      edited(
        ['    session: { level: required, maxAge: 15m, bind: { param.recordId: claim.record_ids } }\n', ''],
        ['/{recordId}', '/{a}/{b*}'],
      ),
    ).routes[0]
    expect(free?.policy.subjects).toEqual([
      { in: 'param', name: 'a' },
      { in: 'param', name: 'b' },
    ])
    const none = configOf(edited(['tags: [pii]', 'subjects: []'])).routes[0]
    expect(none?.policy.subjects).toEqual([])
  })

  test('says HEAD once: it goes with GET', () => {
    expect(configOf(edited(['methods: [GET]', 'methods: [HEAD, GET, GET, OPTIONS]'])).routes[0]?.methods).toEqual([
      'GET',
      'OPTIONS',
    ])
    expect(configOf(edited(['methods: [GET]', 'methods: [HEAD]'])).routes[0]?.methods).toEqual(['HEAD'])
  })

  test('may be JSON, begin with a byte order mark, and have no data plane', () => {
    expect(configOf('{"log":{"level":"warn"}}').log.level).toBe('warn')
    expect(configOf('\uFEFF{"log":{"level":"warn"}}').log.level).toBe('warn')
    expect(configOf('log: {}').gateway).toBeUndefined()
  })

  test.each([
    ['127.0.0.1:0', { host: '127.0.0.1', port: 0 }],
    ['"[::1]:8081"', { host: '::1', port: 8081 }],
    ['localhost:8081', { host: 'localhost', port: 8081 }],
    ['unix:./run/gate.sock', { path: '/etc/portcullis/run/gate.sock' }],
  ])('listens at %s', (written, listen) => {
    expect(configOf(edited(['listen: 127.0.0.1:8080', `listen: ${written}`])).gateway?.listen).toEqual(listen)
  })

  test('has one worker a core with auto, and one at a unix socket', () => {
    expect(configOf(edited(['workers: 1', 'workers: auto'])).gateway?.workers).toBeGreaterThanOrEqual(1)
    expect(
      configOf(edited(['workers: 1', 'workers: auto'], ['127.0.0.1:8080', 'unix:/run/x.sock'])).gateway?.workers,
    ).toBe(1)
  })

  test('retires a responder from a date on', () => {
    const config = configOf(edited([`${KEYS[2]} }`, `${KEYS[2]}, retired: 2026-02-28 }`]))
    expect(config.control.responders[2]?.retiredAt).toBe(Date.UTC(2026, 1, 28))
  })

  test('has TLS by files against its own, and the names of its control plane in lower case and once', () => {
    const config = configOf(
      edited(
        ['  workers: 1', '  workers: 1\n  tls: { cert: tls/gate.crt, key: /run/gate.key, clientCa: ./clients.crt }'],
        [
          '  releaseApprovals',
          '  names: [Gate.OPS.svc, gate.ops.svc, "gate.example.in:9443", "[::1]:9080"]\n  releaseApprovals',
        ],
      ),
    )
    expect(config.gateway?.tls).toEqual({
      cert: '/etc/portcullis/tls/gate.crt',
      key: '/run/gate.key',
      clientCa: '/etc/portcullis/clients.crt',
    })
    expect(config.control.names).toEqual(['gate.ops.svc', 'gate.example.in:9443', '[::1]:9080'])
  })

  test('has upstreams by TLS and by socket, with checks and a bound on what is asked of them', () => {
    const { upstreams } = configOf(
      edited(
        [
          '{ url: http://127.0.0.1:9000 }',
          '{ url: "https://10.0.0.9", tls: { ca: ca.crt, cert: me.crt, key: me.key, serverName: Registry.Internal } }',
        ],
        [
          '{ targets: [http://10.0.0.1:9000, http://10.0.0.2:9000] }',
          '{ targets: ["unix:run/app.sock", "http://10.0.0.2:9000"], maxInFlight: 9, queue: { requests: 0, timeout: 1s }, health: { path: "/up?deep=1", status: [204, 204] } }',
        ],
      ),
    )
    expect(upstreams.registry).toMatchObject({
      targets: ['https://10.0.0.9'],
      inFlightMax: 128,
      tls: {
        ca: '/etc/portcullis/ca.crt',
        cert: '/etc/portcullis/me.crt',
        key: '/etc/portcullis/me.key',
        serverName: 'registry.internal',
      },
    })
    expect(upstreams.reports).toMatchObject({
      targets: ['unix:/etc/portcullis/run/app.sock', 'http://10.0.0.2:9000'],
      inFlightMax: 9,
      queue: { requestsMax: 0, timeoutMs: 1000 },
      health: {
        path: '/up?deep=1',
        intervalMs: 5000,
        timeoutMs: 2000,
        healthyAfter: 2,
        unhealthyAfter: 3,
        statuses: [204],
      },
    })
  })

  test.each([
    ['delay: 2s', true],
    ['delay: 2s, subjects: 5/h, people: observe', true],
    ['delay: 20s, subjects: 5/h', true],
    ['delay: 2s, subjects: 5/h', false],
    ['delay: 2s, people: enforce', false],
  ])('a delay is of a second or ten, where people are enforced: %s', (throttle, isRefused) => {
    const problems = problemsOf(edited(['tags: [pii]', `throttle: { ${throttle} }`]))
    expect(problems.map(({ path }) => path)).toEqual(isRefused ? ['routes[0].throttle.delay'] : [])
  })

  test.each([
    ['[25/h, 40/15m]', /contradict/],
    ['[25/h, 30/60m]', /same window/],
    ['200/10m', /15m, h or d/],
    ['5/10s', /shortest window/],
    ['50/2d', /longest window|15m, h or d/],
    ['[]', /at least one rate/],
  ])('refuses limits of people that contradict: %s', (subjects, why) => {
    const problems = problemsOf(edited(['tags: [pii]', `throttle: { subjects: ${subjects} }`]))
    expect(problems.map(({ message }) => message).join()).toMatch(why)
  })

  test('keeps limits and sizes as numbers', () => {
    const config = configOf(
      edited(
        ['tags: [pii]', 'throttle: { requests: 60/m, subjects: 5/10m }'],
        ['workers: 1', 'limits: { bodyBytes: 1024, headerBytes: 32KiB }'],
      ),
    )
    expect(config.routes[0]?.policy.throttle).toEqual({
      requests: { count: 60, periodMs: 60_000 },
      subjects: { count: 5, periodMs: 600_000 },
      budgets: [{ count: 5, periodMs: 600_000 }],
      people: 'enforce',
    })
    expect(config.gateway?.limits).toMatchObject({ bodyBytesMax: 1024, headerBytesMax: 32_768 })
  })
})

describe('text that is not YAML', () => {
  test('is one problem at its place, and nothing is guessed of what follows it', () => {
    expect(problemsOf('gateway:\n  listen: "127.0.0.1:1\nroutes: 3\n')).toEqual([
      { line: 2, column: 11, path: '', message: 'is not YAML: the quote that opens here is never closed' },
    ])
    expect(problemsOf('log: { lvl: info }\ngateway: { listen: [::1]:80 }\nrouts: 3').map((each) => each.line)).toEqual([
      1, 2,
    ])
  })

  test.each([
    ['a tab for indentation', 'gateway:\n\tlisten: x', 2, /spaces/],
    ['a second document', 'log: {}\n---\nlog: {}', 2, /one document/],
    ['a key that is a list', '? [a]\n: 1', 1, /plain text/],
    ['an unknown tag', 'log: { level: !secret info }', 1, /tag/],
    ['an alias to nothing', 'log: *nothing', 1, /alias/],
    [
      'aliases that unfold without end',
      `a: &a [1,1,1,1,1]\nb: &b [${'*a,'.repeat(60)}]\nc: [${'*b,'.repeat(60)}]`,
      1,
      /alias/,
    ],
    ['a key that changes what objects are', 'upstreams: { __proto__: { url: "http://x" } }', 1, /__proto__/],
    ['what nests without end', '['.repeat(100_000), 1, /nests too deeply/],
    ['nothing at all', '', 1, /is empty/],
    ['comments alone', '# todo\n', 1, /is empty/],
    ['a list', '- a', 1, /must be a mapping with gateway, control/],
    ['a number', '7', 1, /must be a mapping/],
  ])('%s is refused', (_, text, line, message) => {
    const problems = problemsOf(text)
    expect(problems.length).toBeGreaterThan(0)
    expect(problems.some((each) => each.line === line && message.test(each.message))).toBe(true)
  })

  test('is never a reason to throw', () => {
    const word = fc.constantFrom(
      'gateway',
      'routes',
      'listen',
      'session',
      'upstreams',
      'control',
      'responders',
      'store',
      '*a',
      '&a',
      '!!map',
      '<<',
      '__proto__',
      '\t',
      '- ',
      ': ',
      '\n',
      '\n  ',
      '{',
      '}',
      '[',
      ']',
      '"',
      "'",
      '|',
      '>',
      '%',
      '@',
      '#',
      '0',
      'null',
      '\u2028',
      '\uD800',
    )
    const yamlLike = fc
      .array(fc.oneof(word, fc.string({ unit: 'binary', maxLength: 4 })), { maxLength: 30 })
      .map((parts) => parts.join(''))
    const mutated = fc
      .tuple(fc.nat(SAMPLE.length), fc.nat(40), fc.string({ unit: 'binary', maxLength: 6 }))
      .map(([at, cut, put]) => SAMPLE.slice(0, at) + put + SAMPLE.slice(at + cut))
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), yamlLike, mutated), (text) => {
        const result = parseConfig(text, { file: FILE, env: {}, now: NOW })
        if ('problems' in result) {
          expect(result.problems.length).toBeGreaterThan(0)
          for (const each of result.problems) expect(each.line).toBeGreaterThan(0)
        }
      }),
      { numRuns: 400 },
    )
  })

  test('nor is any value of any key', () => {
    const paths = [
      'gateway.listen',
      'gateway.workers',
      'gateway.trustedProxies',
      'gateway.limits',
      'control',
      'control.responders',
      'store',
      'upstreams',
      'upstreams.registry',
      'defaults',
      'routes',
      'session',
      'session.issuers',
      'audit',
      'locks',
      'log',
    ]
    fc.assert(
      fc.property(fc.constantFrom(...paths), fc.json({ maxDepth: 4 }), (path, json) => {
        const keys = path.split('.')
        const text = `${keys.map((key) => `{ "${key}": `).join('')}${json}${' }'.repeat(keys.length)}`
        expect(() => parseConfig(text, { file: FILE, env: {} })).not.toThrow()
      }),
      { numRuns: 300 },
    )
  })
})

describe('the environment', () => {
  test('overrides single values, lists by index, and whole values as YAML', () => {
    const config = configOf(SAMPLE, {
      PORTCULLIS__STORE__LEASE: '5s',
      PORTCULLIS__GATEWAY__WORKERS: '2',
      PORTCULLIS__GATEWAY__TRUSTEDPROXIES: '[192.0.2.0/24]',
      PORTCULLIS__ROUTES__0__LOCK: 'deny',
      PORTCULLIS__ROUTES__1__METHODS: '[PUT, POST]',
      PORTCULLIS__UPSTREAMS__REGISTRY__URL: 'http://10.1.1.1:9000',
      PORTCULLIS__LOG__LEVEL: 'debug',
      PORTCULLIS__SESSION__ISSUERS__0__AUDIENCE: '123',
      PORTCULLIS__CONTROL__READTOKEN__SHA256: '0'.repeat(64),
      PORTCULLIS_CONTROL: 'http://127.0.0.1:9080',
      PATH: '/bin',
    })
    expect(config.store.leaseMs).toBe(5000)
    expect(config.gateway).toMatchObject({ workers: 2, trustedProxies: ['192.0.2.0/24'] })
    expect(config.routes[0]?.policy.lock).toBe('deny')
    expect(config.routes[1]?.methods).toEqual(['PUT', 'POST'])
    expect(config.upstreams.registry?.targets).toEqual(['http://10.1.1.1:9000'])
    expect(config.log.level).toBe('debug')
    expect(config.session.issuers[0]?.audience).toBe('123')
    expect(config.control.readTokenSha256).toBe('0'.repeat(64))
  })

  test('is matched without regard to case, and hyphens and dots of names are underscores in it', () => {
    const text = edited(['  reports:', '  old-reports.v1:'])
    expect(
      configOf(text, { PORTCULLIS__upstreams__OLD_REPORTS_V1__Connections: '7' }).upstreams['old-reports.v1']
        ?.connectionsMax,
    ).toBe(7)
  })

  test('appends to a list by the next index', () => {
    expect(
      configOf(SAMPLE, { PORTCULLIS__GATEWAY__TRUSTEDPROXIES__1: '192.0.2.0/24' }).gateway?.trustedProxies,
    ).toEqual(['10.0.0.0/8', '192.0.2.0/24'])
  })

  test('can be all of a configuration', () => {
    expect(configOf('', { PORTCULLIS__STORE__DIR: '/var/lib/portcullis' }).store.dir).toBe('/var/lib/portcullis')
  })

  test.each([
    [
      { PORTCULLIS__STOR__LEASE: '5s' },
      'PORTCULLIS__STOR__LEASE',
      'overrides no key: there is no "STOR", did you mean "store"?',
    ],
    [
      { PORTCULLIS__STORE__LEASE__X: '5s' },
      'PORTCULLIS__STORE__LEASE__X',
      'overrides no key: "X" stands below a single value',
    ],
    [{ PORTCULLIS__: 'x' }, 'PORTCULLIS__', /^overrides no key: there is no ""/],
    [
      { PORTCULLIS__ROUTES__9__LOCK: 'deny' },
      'PORTCULLIS__ROUTES__9__LOCK',
      'overrides no key: the list has 3 items, the next is 3',
    ],
    [
      { PORTCULLIS__ROUTES__READ__LOCK: 'deny' },
      'PORTCULLIS__ROUTES__READ__LOCK',
      'overrides no key: "READ" is no index: items of a list are counted from 0',
    ],
    [
      { PORTCULLIS__UPSTREAMS__REG__URL: 'http://x' },
      'PORTCULLIS__UPSTREAMS__REG__URL',
      /^overrides no key: there is no "REG"/,
    ],
    [{ PORTCULLIS__GATEWAY__WORKERS: '[' }, 'PORTCULLIS__GATEWAY__WORKERS', /^is not YAML/],
    [
      { PORTCULLIS__STORE__LEASE: '5s', PORTCULLIS__STORE__lease: '6s' },
      'PORTCULLIS__STORE__lease',
      'sets the same key as PORTCULLIS__STORE__LEASE: keep one',
    ],
    [
      { PORTCULLIS__STORE__LEASE: '5' },
      'PORTCULLIS__STORE__LEASE',
      'store.lease must be a duration, as in 500ms, 2s, 15m, 12h or 180d',
    ],
    [
      { PORTCULLIS__ROUTES__0__UPSTREAM: 'nowhere' },
      'PORTCULLIS__ROUTES__0__UPSTREAM',
      /^routes\[0\]\.upstream there is no upstream "nowhere"/,
    ],
    [
      { PORTCULLIS__GATEWAY__TRUSTEDPROXIES: '[10.0.0.1]' },
      'PORTCULLIS__GATEWAY__TRUSTEDPROXIES',
      /^gateway\.trustedProxies\[0\] is an address/,
    ],
  ])('names the variable that is wrong: %j', (env, path, message) => {
    const problems = problemsOf(SAMPLE, env as Record<string, string>)
    expect(problems).toEqual([
      { line: 0, column: 0, path, message: typeof message === 'string' ? message : expect.stringMatching(message) },
    ])
    expect(formatProblems(problems, 'p.yaml')).toMatch(new RegExp(`^environment: ${path}: `))
  })
})
