// What every connection to the fleet's Redis has in common: nothing waits without end, and nothing is sent twice by itself.
import type { RedisOptions } from 'ioredis'
import { screenedConnector, screenedSentinelConnector, type SentinelReplyLimits } from './connectors.ts'
import type { Credentials, RedisHost, RedisPlace } from './place.ts'
import type { ReplyLimits } from './reply-screen.ts'

export interface RedisTls {
  /** PEM of the authorities that are trusted in place of the system's. */
  readonly ca?: string
  /** PEM of this gateway's own certificate and key, where Redis asks for one. */
  readonly cert?: string
  readonly key?: string
  readonly serverName?: string
}

export interface RedisSettings {
  readonly place: RedisPlace
  readonly tls?: RedisTls
  /** Within this each call is answered or fails. */
  readonly timeoutMs: number
  /** A number from 0 up to 1, for jitter. */
  readonly fraction: () => number
}

/**
 * What one answer may be: the scripts stop adding at 4 MB of bodies, and a roster of 10,000 members is 20,000 items.
 * Depth is that of CLUSTER SLOTS and XRANGE, with room.
 */
const REPLY_LIMITS: ReplyLimits = { bytesMax: 32 * 1024 * 1024, itemsMax: 200_000, depthMax: 8 }
/** A message is an entry and some names; INFO comes first, and is a few kilobytes. */
const SUBSCRIPTION_LIMITS: ReplyLimits = { ...REPLY_LIMITS, bytesMax: 1024 * 1024, isSubscription: true }
/** Nothing that a Sentinel says is long. */
const SENTINEL_LIMITS: SentinelReplyLimits = {
  questions: { bytesMax: 1024 * 1024, itemsMax: 10_000, depthMax: 4 },
  events: SUBSCRIPTION_LIMITS,
}

const BACKOFF_FIRST_MS = 50
const BACKOFF_MAX_MS = 1000
/** A Sentinel that is away is needed by nobody while another answers. */
const SENTINEL_BACKOFF = 10

/** Doubles up to a second; the half of it is chance, so that a fleet does not come back as one. `attempt` counts from 1. */
export function backoffMs(attempt: number, fraction: () => number): number {
  const full = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** Math.min(attempt - 1, 10))
  return full / 2 + (full / 2) * fraction()
}

/** Options of one connection to a server, to the primary that Sentinels name, or to the cluster's node `at`. */
export function connectionOptions(settings: RedisSettings, limits = REPLY_LIMITS, at?: RedisHost): CommonOptions {
  const { place } = settings
  const common = { ...nodeOptions(settings, limits), ...(place.kind === 'cluster' ? {} : { db: place.db }) }
  if (place.kind !== 'sentinel') return { ...common, ...(at ?? (place.kind === 'server' ? place.at : place.nodes[0])) }
  const { sentinels, primary, sentinelCredentials } = place
  return {
    ...common,
    Connector: screenedSentinelConnector(limits, SENTINEL_LIMITS),
    sentinels: [...sentinels],
    name: primary,
    role: 'master',
    ...withPrefix(sentinelCredentials),
    sentinelCommandTimeout: settings.timeoutMs,
    sentinelRetryStrategy: (attempt) => backoffMs(attempt, settings.fraction),
    // A primary that still runs takes writes for some ten seconds after it was replaced: the Sentinels' word ends it at once.
    failoverDetector: true,
    sentinelReconnectStrategy: (attempt) => SENTINEL_BACKOFF * backoffMs(attempt, settings.fraction),
    // Asked anew for each connection: what one Sentinel says of its peers is not taken over.
    updateSentinels: false,
    ...(common.tls === undefined ? {} : { sentinelTLS: common.tls, enableTLSForSentinelMode: true }),
  }
}

/** `replyMapping` is for RESP3, and typed in two ways of which neither fits the other. */
type CommonOptions = Omit<RedisOptions, 'replyMapping'>

/** Options of the connection that subscribes; it is made anew by who uses it. */
export function subscriptionOptions(settings: RedisSettings, at?: RedisHost): CommonOptions {
  return { ...connectionOptions(settings, SUBSCRIPTION_LIMITS, at), retryStrategy: null }
}

/** Without a host: a cluster's nodes are connected to as they are found. */
export function nodeOptions(settings: RedisSettings, limits = REPLY_LIMITS): CommonOptions {
  const { place, timeoutMs } = settings
  return {
    Connector: screenedConnector(limits),
    ...place.credentials,
    ...(place.tls ? { tls: tlsOptions(settings.tls) } : {}),
    // Of the five types of RESP2 every byte can be judged before it is read.
    protocol: 2,
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResubscribe: false,
    autoResendUnfulfilledCommands: false,
    // Commands fail with the connection that they were sent over, instead of waiting for the next one.
    maxRetriesPerRequest: 0,
    commandTimeout: timeoutMs,
    connectTimeout: timeoutMs,
    // A peer that is gone without a word, or stopped: the connection is given up once it has owed an answer for so long.
    socketTimeout: 2 * timeoutMs,
    maxLoadingRetryTime: BACKOFF_MAX_MS,
    disableClientInfo: true,
    retryStrategy: (attempt) => backoffMs(attempt, settings.fraction),
    // A primary that has become a replica: connect anew, which asks the Sentinels again.
    reconnectOnError: (error) => error.message.includes('READONLY'),
  }
}

function tlsOptions({ ca, cert, key, serverName }: RedisTls = {}): NonNullable<RedisOptions['tls']> {
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(serverName === undefined ? {} : { servername: serverName }),
  }
}

function withPrefix({ username, password }: Credentials): RedisOptions {
  return {
    ...(username === undefined ? {} : { sentinelUsername: username }),
    ...(password === undefined ? {} : { sentinelPassword: password }),
  }
}
