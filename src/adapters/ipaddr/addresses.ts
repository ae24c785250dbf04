// Addresses and networks by ipaddr.js, with the spellings refused that two readers might read differently.
import ipaddr from 'ipaddr.js'
import type { Addresses } from '../../ports/addresses.ts'
import { compileRanges, type AddressRange } from './ranges.ts'

const OCTET = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)'
const IPV4 = new RegExp(`^${OCTET}(?:\\.${OCTET}){3}$`)
const IPV4_PORT = new RegExp(`^(${OCTET}(?:\\.${OCTET}){3}):\\d{1,5}$`)
const BRACKETED = /^\[([^[\]]*:[^[\]]*)\](?::\d{1,5})?$/
/** The longest spelling of an IPv6 address, a zone and brackets and a port aside. */
const TEXT_MAX = 128

/**
 * IPv4 is taken in dotted decimal alone (RFC 6943, 3.1.1: `010.0.0.1`, `0x7f.1` and `127.1` are read differently by different
 * programs); IPv6 as RFC 4291 has it, written as RFC 5952 says. IPv4-mapped addresses are folded into IPv4, the deprecated
 * IPv4-compatible ones are not. A port or a zone is dropped, as proxies add them to X-Forwarded-For.
 */
export function createAddresses(): Addresses {
  return { parse: parseAddress, aggregate, compile }
}

function parseAddress(text: string): string | undefined {
  if (IPV4.test(text)) return text
  if (text.length > TEXT_MAX) return undefined
  // A listener on both families names its IPv4 peers so: worth a way around the parser.
  if (text.startsWith('::ffff:') && IPV4.test(text.slice(7))) return text.slice(7)
  const withoutPort = IPV4_PORT.exec(text)?.[1]
  if (withoutPort !== undefined) return withoutPort
  return parseBare(BRACKETED.exec(text)?.[1] ?? text)
}

function parseBare(text: string): string | undefined {
  if (IPV4.test(text)) return text
  const parts = parseIPv6(text)
  if (parts === undefined) return undefined
  return parts.isIPv4MappedAddress() ? parts.toIPv4Address().toString() : parts.toRFC5952String()
}

/** Without its zone. An IPv4 tail is turned into hex here: ipaddr.js takes leading zeros there, and makes `::1.2.3.4` a mapped address. */
function parseIPv6(text: string): ipaddr.IPv6 | undefined {
  const zone = text.indexOf('%')
  const address = zone === -1 ? text : text.slice(0, zone)
  const at = address.lastIndexOf(':') + 1
  const tail = address.slice(at)
  if (tail.includes('.') && !IPV4.test(tail)) return undefined
  const hex = tail.includes('.') ? address.slice(0, at) + hexOf(tail) : address
  return ipaddr.IPv6.isValid(hex) ? ipaddr.IPv6.parse(hex) : undefined
}

function hexOf(ipv4: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = ipv4.split('.').map(Number)
  return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`
}

/** Takes canonical addresses; what is none (a unix socket) counts by itself. */
function aggregate(address: string): string {
  if (!address.includes(':')) return address
  const parts = parseIPv6(address)
  if (parts === undefined) return address
  return `${new ipaddr.IPv6([...parts.parts.slice(0, 4), 0, 0, 0, 0]).toRFC5952String()}/64`
}

/** A bare address is a network of one; bits beyond the prefix are ignored; `::/0` means IPv6 and `0.0.0.0/0` means IPv4. */
function compile(cidrs: readonly string[]): (address: string) => boolean {
  return compileRanges(cidrs.map(parseNetwork), (address) => valueOf(parseAddress(address)))
}

const NETWORK = /^([0-9A-Fa-f:.]+)(?:\/(0|[1-9]\d{0,2}))?$/

function parseNetwork(cidr: string): AddressRange {
  const [, text = '', bits] = NETWORK.exec(cidr) ?? []
  const value = IPV4.test(text) || text.includes(':') ? valueOf(parseBare(text)) : undefined
  if (value === undefined) throw badNetwork(cidr)
  const width = typeof value === 'number' ? 32 : 128
  // The prefix of an IPv4-mapped network counts the 96 bits too that all of them share.
  const shared = text.includes(':') && width === 32 ? 96 : 0
  const prefix = bits === undefined ? width : Number(bits) - shared
  if (prefix < 0 || prefix > width) throw badNetwork(cidr)
  return typeof value === 'number' ? range4(value, prefix) : range6(value, prefix)
}

function badNetwork(cidr: string): TypeError {
  return new TypeError(`${JSON.stringify(cidr)} is no network: write 10.0.0.0/8 or 2001:db8::/32`)
}

function range4(value: number, prefix: number): AddressRange {
  const size = 2 ** (32 - prefix)
  const first = Math.floor(value / size) * size
  return { first, last: first + size - 1 }
}

function range6(value: bigint, prefix: number): AddressRange {
  const size = 1n << BigInt(128 - prefix)
  const first = (value / size) * size
  return { first, last: first + size - 1n }
}

/** A canonical IPv4 address as a number, an IPv6 one as a bigint. */
function valueOf(address: string | undefined): number | bigint | undefined {
  if (address === undefined) return undefined
  if (!address.includes(':')) return address.split('.').reduce((value, octet) => value * 256 + Number(octet), 0)
  return parseIPv6(address)?.parts.reduce((value, part) => (value << 16n) | BigInt(part), 0n)
}
