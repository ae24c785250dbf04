// Against DNS rebinding: a page of another site that has its name point here still sends its own name, or its own origin.
import { isIP } from 'node:net'

export interface HostFacts {
  /** The Host header. */
  readonly host: string | undefined
  /** The Origin header, where there is one. */
  readonly origin: string | undefined
  /** The address that the connection came in on; absent on a unix socket. */
  readonly localAddress: string | undefined
  /** Names that the config allows, with or without a port. */
  readonly names: readonly string[]
}

/** What is wrong: `host` is answered 421, `origin` 403; undefined where the request may pass. */
export function checkHost(facts: HostFacts): 'host' | 'origin' | undefined {
  const host = facts.host?.toLowerCase()
  if (host === undefined || !isOwnHost(host, facts)) return 'host'
  return facts.origin === undefined || isOriginOf(facts.origin, host) ? undefined : 'origin'
}

const HOST = /^(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/

function isOwnHost(host: string, { localAddress, names }: HostFacts): boolean {
  if (!HOST.test(host)) return false
  const hostname = host.replace(/:\d{1,5}$/, '')
  if (names.some((name) => name.toLowerCase() === host || name.toLowerCase() === hostname)) return true
  // The port is not compared: a tunnel or a mapped port changes it, and a page's own port shows in its Origin.
  if (hostname === 'localhost') return true
  const address = hostname.replace(/^\[|\]$/g, '')
  if (isIP(address) === 0) return false
  // A name can be made to point here, an address cannot; behind a mapped address it is not the one that we see ourselves.
  return localAddress === undefined || !isLoopback(localAddress) || isLoopback(address)
}

function isLoopback(address: string): boolean {
  const folded = address.replace(/^::ffff:/, '')
  return folded === '::1' || folded.startsWith('127.')
}

/** Whether the text is the origin (RFC 6454) of a control plane that was asked for under `host`. */
export function isOriginOf(text: string, host: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, origin } = new URL(text)
  const own = `${protocol}//${host}`
  return (
    (protocol === 'http:' || protocol === 'https:') &&
    origin === text.toLowerCase() &&
    URL.canParse(own) &&
    origin === new URL(own).origin
  )
}
