// Where the fleet's Redis is, from its URL: one server, a primary that Sentinels name, or a cluster; each with or without TLS.

export interface RedisHost {
  readonly host: string
  readonly port: number
}

export interface Credentials {
  readonly username?: string
  readonly password?: string
}

interface SentinelPlace {
  readonly kind: 'sentinel'
  readonly sentinels: readonly RedisHost[]
  /** What the Sentinels call the primary. */
  readonly primary: string
  readonly db: number
  readonly sentinelCredentials: Credentials
}

export type RedisPlace = {
  readonly tls: boolean
  readonly credentials: Credentials
} & (
  | { readonly kind: 'server'; readonly at: RedisHost; readonly db: number }
  | SentinelPlace
  | { readonly kind: 'cluster'; readonly nodes: readonly RedisHost[] }
)

const FORM = /^(rediss?)(-sentinel|-cluster)?:\/\/(?:([^@/?#]*)@)?([^@/?#]+)(?:\/([^?#]*))?(?:\?([^#]*))?$/
const HOST = /^(?:\[([\da-fA-F:.]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/
const FORMS =
  'redis://[name:password@]host[:port][/database], redis-sentinel://host[:port],host[:port]/<primary>[/database] or redis-cluster://host[:port],host[:port]; rediss for TLS'

/**
 * The place that the URL names. Throws an Error of one line that says what is wrong and what would be right; never with the URL
 * itself, which may hold a password.
 */
export function parsePlace(url: string): RedisPlace {
  const found = FORM.exec(url)
  if (found === null) throw new Error(`the Redis URL has none of the forms ${FORMS}`)
  const [, scheme, kind, userInfo = '', hosts = '', path = '', query = ''] = found
  const common = { tls: scheme === 'rediss', credentials: parseUserInfo(userInfo) }
  if (kind === '-sentinel') return { ...common, kind: 'sentinel', ...parseSentinel(hosts, path, query) }
  if (query !== '') throw new Error('the Redis URL has a query, which only redis-sentinel:// may have')
  const at = parseHosts(hosts, 6379)
  if (kind === '-cluster') {
    if (path !== '' && path !== '0')
      throw new Error('the Redis URL names a database, and a cluster has only database 0')
    return { ...common, kind: 'cluster', nodes: at }
  }
  const [only, ...others] = at
  if (only === undefined || others.length > 0)
    throw new Error('the Redis URL names several hosts: use redis-cluster:// or redis-sentinel:// for that')
  return { ...common, kind: 'server', at: only, db: parseDatabase(path) }
}

function parseSentinel(hosts: string, path: string, query: string): Omit<SentinelPlace, 'kind'> {
  const [primary = '', db = '', ...more] = path.split('/')
  if (primary === '' || more.length > 0)
    throw new Error('the Redis URL lacks the name of the primary: redis-sentinel://host/<primary>[/database]')
  return {
    sentinels: parseHosts(hosts, 26_379),
    primary: decode(primary),
    db: parseDatabase(db),
    sentinelCredentials: parseSentinelQuery(query),
  }
}

function parseHosts(text: string, defaultPort: number): readonly RedisHost[] {
  return text.split(',').map((each) => {
    const found = HOST.exec(each)
    const host = found?.[1] ?? found?.[2]
    const port = Number(found?.[3] ?? defaultPort)
    if (host === undefined || port < 1 || port > 65_535)
      throw new Error('the Redis URL has a host that is none: host, host:port or [IPv6]:port, port from 1 to 65535')
    return { host, port }
  })
}

function parseDatabase(text: string): number {
  if (text === '') return 0
  if (!/^\d{1,4}$/.test(text)) throw new Error('the Redis URL has a database that is no number: /0, for example')
  return Number(text)
}

/** `name:password@`, `:password@` for the default user of Redis 5, percent-encoded where needed. */
function parseUserInfo(text: string): Credentials {
  const colon = text.indexOf(':')
  if (colon < 0) return text === '' ? {} : { username: decode(text) }
  return credentials(decode(text.slice(0, colon)), decode(text.slice(colon + 1)))
}

function parseSentinelQuery(query: string): Credentials {
  const given = new URLSearchParams(query)
  for (const name of given.keys()) {
    if (name !== 'sentinelUsername' && name !== 'sentinelPassword')
      throw new Error('the Redis URL has a query that is not known: sentinelUsername and sentinelPassword are')
  }
  return credentials(given.get('sentinelUsername') ?? '', given.get('sentinelPassword') ?? '')
}

function credentials(username: string, password: string): Credentials {
  return { ...(username === '' ? {} : { username }), ...(password === '' ? {} : { password }) }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new Error('the Redis URL has a percent sign that begins no encoding: write %25')
  }
}
