// A document that is right becomes a Config: defaults resolved, paths absolute, policies complete.
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import type { RoutePolicy, Source } from '../core/policy.ts'
import { paramNames, type Route } from '../core/route.ts'
import type {
  CertificateFiles,
  Config,
  GatewayConfig,
  HealthConfig,
  IssuerConfig,
  LimitsConfig,
  Listen,
  RedisConfig,
  UpstreamConfig,
} from './config.ts'
import { forwardedClaimsOf, otpExtrasOf, sessionExtrasOf } from './build-session.ts'
import { DEFAULTS } from './defaults.ts'
import { budgetOf, judgedOf, otpOf, ownRoutes, withOwnIssuer, type ResponseDocument } from './build-otp.ts'
import { findEffective, sessionPolicyOf } from './effective.ts'
import { parseSource } from './scalars.ts'
import { placesOf } from './places.ts'
import { recordingOf } from './schema-record.ts'
import { exportsOf } from './schema-trail.ts'
import { throttleOf, throttlePolicyOf } from './build-throttle.ts'
import type { ConfigDocument } from './schema.ts'

/** Only for documents that passed the schema and every rule across its keys. */
export function buildConfig(document: ConfigDocument, file: string): Config {
  const places = placesOf(document, file)
  const listenAt = (listen: Listen): Listen => ('path' in listen ? { path: places.resolve(listen.path) } : listen)
  const { control, gateway, store } = document
  const otp = otpOf(document, places.storeDir, places.resolve)
  const budget = budgetOf(document.session.budget)
  return {
    file: resolve(file),
    ...(gateway === undefined ? {} : { gateway: gatewayOf(gateway, listenAt(gateway.listen), places.resolve) }),
    control: {
      listen: listenAt(control.listen),
      ...(control.tls === undefined ? {} : { tls: resolved(control.tls, places.resolve) }),
      names: [...new Set(control.names)],
      responders: control.responders.map(({ name, role, key, retired }) => ({
        name,
        role,
        key,
        ...(retired === undefined ? {} : { retiredAt: retired }),
      })),
      releaseApprovals: control.releaseApprovals,
      ...(control.readToken === undefined ? {} : { readTokenSha256: control.readToken.sha256 }),
      ...(control.alertmanager === undefined ? {} : { alertmanager: alertmanagerOf(control.alertmanager) }),
    },
    store: {
      dir: places.storeDir,
      leaseMs: store.lease,
      ...(store.redis === undefined ? {} : { redis: redisOf(store.redis, places.resolve) }),
    },
    upstreams: Object.fromEntries(
      Object.entries(document.upstreams).map(([name, upstream]) => [name, upstreamOf(upstream, places.resolve)]),
    ),
    routes: [...document.routes.map((route, index) => routeOf(document, route, index)), ...ownRoutes(otp)],
    session: {
      issuers: withOwnIssuer(
        document.session.issuers.map((issuer) => issuerOf(issuer, places.resolve)),
        otp,
        places.storeDir,
      ),
      clockToleranceMs: document.session.clockTolerance,
      countryCode: document.session.countryCode,
      ...(budget === undefined ? {} : { budget }),
      ...sessionExtrasOf(document.session, places.resolve),
    },
    ...(otp === undefined ? {} : { otp }),
    audit: {
      dir: places.auditDir,
      retentionMs: document.audit.retention,
      reserveBytes: document.audit.reserve,
      witnesses: document.audit.witnesses,
      clock: {
        servers: document.audit.clock.servers,
        everyMs: document.audit.clock.every,
        alarmMs: document.audit.clock.alarm,
      },
      pseudonymKeyFile: places.pseudonymKeyFile,
      details: { dir: places.detailKeysDir, keepMs: document.audit.details.keep ?? document.audit.retention },
      ...trailOf(document.audit, places.resolve),
    },
    notify: notifyOf(document.notify, places.resolve),
    ...(places.locksFile === undefined ? {} : { locksFile: places.locksFile }),
    ...(document.throttle === undefined ? {} : { throttle: throttleOf(document.throttle, places.resolve) }),
    log: { level: document.log.level },
  }
}

function trailOf(
  { index, compressAfter, holds, exports }: ConfigDocument['audit'],
  absolute: (path: string) => string,
): Pick<Config['audit'], 'index' | 'compressAfterMs' | 'holds' | 'exports'> {
  return {
    index,
    ...(compressAfter === undefined ? {} : { compressAfterMs: compressAfter }),
    holds: holds.map(({ incident, since }) => ({ incident, ...(since === undefined ? {} : { since }) })),
    exports: exportsOf(exports, absolute),
  }
}

function gatewayOf(
  gateway: NonNullable<ConfigDocument['gateway']>,
  listen: Listen,
  absolute: (path: string) => string,
): GatewayConfig {
  const { workers, tls } = gateway
  // A unix socket has one worker: two threads cannot share its path.
  const most = 'path' in listen ? 1 : availableParallelism()
  return {
    listen,
    workers: workers === 'auto' ? most : workers,
    trustedProxies: gateway.trustedProxies,
    ...(tls === undefined
      ? {}
      : {
          tls: {
            ...resolved(tls, absolute),
            ...(tls.clientCa === undefined ? {} : { clientCa: absolute(tls.clientCa) }),
          },
        }),
    limits: limitsOf(gateway.limits),
    drainTimeoutMs: gateway.drainTimeout,
  }
}

function alertmanagerOf({
  token,
  rules,
}: NonNullable<ConfigDocument['control']['alertmanager']>): NonNullable<Config['control']['alertmanager']> {
  return {
    tokenSha256: token.sha256,
    rules: rules.map(({ match, action, scope, mode = 'deny' }) => ({ match, action, scope: scope, mode })),
  }
}

function notifyOf(
  { webhooks, networks, console }: ConfigDocument['notify'],
  absolute: (path: string) => string,
): Config['notify'] {
  return {
    webhooks: webhooks.map(({ url, secretFile, events }) => ({
      ...{ url, secretFile: absolute(secretFile) },
      ...(events === undefined ? {} : { events }),
    })),
    networks,
    ...(console === undefined ? {} : { console }),
  }
}

function resolved({ cert, key }: CertificateFiles, absolute: (path: string) => string): CertificateFiles {
  return { cert: absolute(cert), key: absolute(key) }
}

function limitsOf(limits: NonNullable<ConfigDocument['gateway']>['limits']): LimitsConfig {
  return {
    headerBytesMax: limits.headerBytes,
    headersMax: limits.headerCount,
    urlBytesMax: limits.urlBytes,
    bodyBytesMax: limits.bodyBytes,
    headersTimeoutMs: limits.headersTimeout,
    requestTimeoutMs: limits.requestTimeout,
    idleTimeoutMs: limits.idleTimeout,
    minimumRate: { bytesPerSecond: limits.minimumRate.bytes, graceMs: limits.minimumRate.grace },
    connectionsMax: limits.connections,
    connectionsPerAddressMax: limits.connectionsPerAddress,
    requestsPerConnectionMax: limits.requestsPerConnection,
  }
}

function upstreamOf(upstream: ConfigDocument['upstreams'][string], absolute: (path: string) => string): UpstreamConfig {
  const { tls, health, queue } = upstream
  const targets = (upstream.targets ?? (upstream.url === undefined ? [] : [upstream.url])).map((target) =>
    target.startsWith('unix:') ? `unix:${absolute(target.slice('unix:'.length))}` : target,
  )
  return {
    targets,
    connectTimeoutMs: upstream.connectTimeout,
    headersTimeoutMs: upstream.headersTimeout,
    bodyTimeoutMs: upstream.bodyTimeout,
    connectionsMax: upstream.connections,
    inFlightMax: upstream.maxInFlight ?? upstream.connections * targets.length,
    queue: { requestsMax: queue.requests, timeoutMs: queue.timeout },
    ...(tls === undefined ? {} : { tls: upstreamTlsOf(tls, absolute) }),
    ...(health === undefined ? {} : { health: healthOf(health) }),
  }
}

function upstreamTlsOf(
  { ca, cert, key, serverName }: NonNullable<ConfigDocument['upstreams'][string]['tls']>,
  absolute: (path: string) => string,
): NonNullable<UpstreamConfig['tls']> {
  return {
    ...(ca === undefined ? {} : { ca: absolute(ca) }),
    ...(cert === undefined ? {} : { cert: absolute(cert) }),
    ...(key === undefined ? {} : { key: absolute(key) }),
    ...(serverName === undefined ? {} : { serverName }),
  }
}

function redisOf(
  redis: NonNullable<ConfigDocument['store']['redis']>,
  absolute: (path: string) => string,
): RedisConfig {
  const { url, fleet, secretFile, username, passwordFile, tls, advertise } = redis
  return {
    url,
    fleet,
    secretFile: absolute(secretFile),
    ...(username === undefined ? {} : { username }),
    ...(passwordFile === undefined ? {} : { passwordFile: absolute(passwordFile) }),
    ...(tls === undefined ? {} : { tls: upstreamTlsOf(tls, absolute) }),
    ...(advertise === undefined ? {} : { advertise }),
  }
}

function healthOf(health: NonNullable<ConfigDocument['upstreams'][string]['health']>): HealthConfig {
  const { path, interval, timeout, healthyAfter, unhealthyAfter, status } = health
  return {
    path,
    intervalMs: interval,
    timeoutMs: timeout,
    healthyAfter,
    unhealthyAfter,
    ...(status === undefined ? {} : { statuses: [...new Set(status)] }),
  }
}

function issuerOf(
  issuer: ConfigDocument['session']['issuers'][number],
  absolute: (path: string) => string,
): IssuerConfig {
  const { jwks } = issuer
  return {
    issuer: issuer.issuer,
    jwks: jwks.file === undefined ? { url: jwks.url ?? '' } : { file: absolute(jwks.file) },
    algorithms: [...new Set(issuer.algorithms)],
    audience: issuer.audience,
    otpAmr: [...new Set(issuer.otp.amr)],
    ...otpExtrasOf(issuer.otp),
    ...(issuer.otp.number === undefined ? {} : { otpNumber: issuer.otp.number.slice('claim.'.length) }),
  }
}

function routeOf(document: ConfigDocument, route: ConfigDocument['routes'][number], index: number): Route {
  const said = <K extends Parameters<typeof findEffective>[3]>(key: K) =>
    findEffective(document, route, index, key).value
  const session = sessionPolicyOf(said('session') ?? DEFAULTS.route.session)
  const subjects = said('subjects')?.flatMap((text) => (text === undefined ? [] : [parseSource(text)]))
  const bound = [...session.bind.map(({ source }) => source), ...(session.number ?? [])]
  const policy: RoutePolicy = {
    lock: said('lock') ?? DEFAULTS.route.lock,
    session,
    stale: said('stale') ?? DEFAULTS.route.stale,
    ...recordingOf(said('audit') ?? DEFAULTS.route.audit, said('record')),
    throttle: throttlePolicyOf(said('throttle')),
    subjects: subjects ?? defaultSubjects(route.path, bound),
    ...judgedOf([...(subjects ?? []), ...bound], said('bodyBytes'), said('response') as ResponseDocument),
    forwardAuthorization: said('forward')?.authorization ?? DEFAULTS.route.forwardAuthorization,
    ...forwardedClaimsOf(said('forward')?.claims),
    ...presumption(subjects, bound),
    ...spellingsOf(said('ignoreCase'), said('trailingSlash')),
    ...readingOf(said('pii')),
  }
  return {
    id: route.id,
    path: route.path,
    methods: methodsOf(said('methods')),
    upstream: said('upstream') ?? '',
    tags: distinct(said('tags')),
    policy,
  }
}

/** What is not the default, so that a route which says nothing compares equal to one from before these keys. */
function spellingsOf(
  ignoreCase: boolean | undefined,
  trailingSlash: 'exact' | 'either' | undefined,
): Pick<RoutePolicy, 'ignoreCase' | 'trailingSlash'> {
  return { ...(ignoreCase === true ? { ignoreCase } : {}), ...(trailingSlash === 'either' ? { trailingSlash } : {}) }
}

/** Absent where it is the default, as above. */
function readingOf(pii: boolean | undefined): Pick<RoutePolicy, 'pii'> {
  return pii === true ? { pii } : {}
}

/** HEAD goes with GET, so that it is said once. */
function methodsOf(methods: readonly (string | undefined)[] | undefined): readonly string[] {
  const all = distinct(methods)
  return all.includes('GET') ? all.filter((method) => method !== 'HEAD') : all
}

function distinct(names: readonly (string | undefined)[] | undefined): readonly string[] {
  return [...new Set(names?.filter((name) => name !== undefined))]
}

function presumption(subjects: unknown, bound: readonly unknown[]): Pick<RoutePolicy, 'subjectsPresumed'> {
  return subjects === undefined && bound.length === 0 ? { subjectsPresumed: true } : {}
}

/** What a session must own is whose record it is; where nothing is bound, each path parameter may name somebody. */
function defaultSubjects(path: string, bound: readonly Source[]): readonly Source[] {
  return bound.length > 0 ? bound : paramNames(path).map((name) => ({ in: 'param', name }))
}
