// Addresses that a listener binds: "host:port", "[ipv6]:port", "unix:/path"; and which of them are one and the same.
import ipaddr from 'ipaddr.js'
import type { Listen } from './config.ts'

const HOST_PORT = /^(?:\[([^\]]+)\]|([^:[\]/\s]+)):(\d{1,5})$/
const NAME = /^(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}))*$/
/** Linux: sun_path holds 108 bytes with its final zero (unix(7)). */
const SOCKET_PATH_BYTES_MAX = 107

/** An address to listen at, or what is wrong with it. Port 0 stands for any free port. */
export function parseListen(text: string): Listen | { readonly problem: string } {
  if (text.startsWith('unix:')) return parseSocket(text.slice('unix:'.length))
  const found = HOST_PORT.exec(text)
  if (found === null) return { problem: explainNoListen(text) }
  const [, six, plain] = found
  const port = Number(found[3])
  if (port > 65_535) return { problem: `port ${port} is above 65535` }
  if (six !== undefined && !ipaddr.IPv6.isValid(six)) return { problem: `${six} is no IPv6 address` }
  if (plain !== undefined && !isHost(plain)) return { problem: `${plain} is no IPv4 address and no host name` }
  return { host: six ?? plain ?? '', port }
}

function parseSocket(path: string): Listen | { readonly problem: string } {
  if (path === '' || path.includes('\0')) return { problem: 'names no socket: write unix:/run/portcullis.sock' }
  if (Buffer.byteLength(path) <= SOCKET_PATH_BYTES_MAX) return { path }
  return { problem: `is longer than the ${SOCKET_PATH_BYTES_MAX} bytes that a socket's path may have` }
}

function explainNoListen(text: string): string {
  const port = /^:?(\d+)$/.exec(text)?.[1]
  if (port !== undefined) return `names no host: write 127.0.0.1:${port}, or 0.0.0.0:${port} for every address`
  if (text.includes('://')) return 'is a URL: write host:port alone'
  if (text.split(':').length > 2 && !text.includes('[')) return 'an IPv6 address stands in brackets, as in "[::1]:8080"'
  return 'must be host:port, as in 127.0.0.1:8080, "[::1]:8080" or unix:/run/portcullis.sock'
}

/** An IPv4 address in four parts, or a DNS name whose last label is not a number (`127.1` and `10` mean different things to different parsers). */
function isHost(text: string): boolean {
  if (/(?:^|\.)\d+$/.test(text)) return ipaddr.IPv4.isValidFourPartDecimal(text)
  return NAME.test(text)
}

/** Whether only this machine reaches the listener. */
export function isLoopback(listen: Listen): boolean {
  return 'path' in listen || isLoopbackHost(listen.host)
}

/** 127.0.0.0/8, ::1 (RFC 5735, RFC 4291), and the name that RFC 6761 reserves for them. */
export function isLoopbackHost(host: string): boolean {
  const bare = unbracket(host)
  if (bare === 'localhost') return true
  return ipaddr.isValid(bare) && ipaddr.process(bare).range() === 'loopback'
}

function isEveryAddress(host: string): boolean {
  const bare = unbracket(host)
  return ipaddr.isValid(bare) && ipaddr.process(bare).range() === 'unspecified'
}

/** Whether a connection to `target` could arrive at `listen`. Port 0 is nobody's. */
export function isReachedBy(listen: Listen, target: Listen): boolean {
  if ('path' in listen || 'path' in target) return 'path' in listen && 'path' in target && listen.path === target.path
  if (listen.port === 0 || listen.port !== target.port) return false
  if (sameHost(listen.host) === sameHost(target.host)) return true
  const [everywhere, other] = isEveryAddress(listen.host)
    ? [true, target.host]
    : [isEveryAddress(target.host), listen.host]
  return everywhere && (isLoopbackHost(other) || isEveryAddress(other))
}

/** Whether two listeners would want one port of one address. */
export function isSameListen(a: Listen, b: Listen): boolean {
  if ('path' in a || 'path' in b) return isReachedBy(a, b)
  return (
    a.port !== 0 &&
    a.port === b.port &&
    (sameHost(a.host) === sameHost(b.host) || isEveryAddress(a.host) || isEveryAddress(b.host))
  )
}

// Names for one loopback are one host: what listens on 127.0.0.1 is what localhost reaches.
function sameHost(host: string): string {
  const bare = unbracket(host).toLowerCase()
  if (bare === 'localhost' || bare === '::1') return '127.0.0.1'
  return ipaddr.isValid(bare) ? ipaddr.process(bare).toString() : bare
}

function unbracket(host: string): string {
  return host.replace(/^\[(.*)\]$/s, '$1')
}

export function formatListen(listen: Listen): string {
  if ('path' in listen) return `unix:${listen.path}`
  return `${listen.host.includes(':') ? `[${listen.host}]` : listen.host}:${listen.port}`
}
