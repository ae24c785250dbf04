// Networks as orders name them: refused here before they are signed into a lock, so that compiling a lock never fails.

const OCTET = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)'
const IPV4 = new RegExp(`^${OCTET}(?:\\.${OCTET}){3}$`)
const NETWORK = /^([0-9A-Fa-f:.]{2,45})(?:\/(0|[1-9]\d{0,2}))?$/

/**
 * Whether the text is a network in CIDR notation (RFC 4632, RFC 4291 2.3), or an address, which is a network of one. IPv4
 * in dotted decimal without leading zeros, as two programs read those differently; no zones.
 */
export function isNetwork(text: string): boolean {
  const [, address = '', bits] = NETWORK.exec(text) ?? []
  const prefix = bits === undefined ? undefined : Number(bits)
  if (IPV4.test(address)) return prefix === undefined || prefix <= 32
  const groups = parseIpv6(address)
  if (groups === undefined || (prefix !== undefined && prefix > 128)) return false
  // An IPv4-mapped network is one of IPv4: a prefix that reaches into the 96 bits before it means nothing.
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff
  return !isMapped || prefix === undefined || prefix >= 96
}

/** The eight groups of an IPv6 address; undefined where the text is none. */
function parseIpv6(text: string): readonly number[] | undefined {
  const [head = '', tail, more] = text.split('::')
  if (more !== undefined || !text.includes(':')) return undefined
  const first = groupsOf(head, tail === undefined)
  const last = tail === undefined ? [] : groupsOf(tail, true)
  if (first === undefined || last === undefined) return undefined
  const missing = 8 - first.length - last.length
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined
  return [...first, ...Array.from({ length: missing }, () => 0), ...last]
}

function groupsOf(text: string, isEnd: boolean): readonly number[] | undefined {
  if (text === '') return []
  const groups: number[] = []
  const parts = text.split(':')
  for (const [index, part] of parts.entries()) {
    if (/^[0-9A-Fa-f]{1,4}$/.test(part)) groups.push(parseInt(part, 16))
    else if (isEnd && index === parts.length - 1 && IPV4.test(part)) {
      const [a = 0, b = 0, c = 0, d = 0] = part.split('.').map(Number)
      groups.push(a * 256 + b, c * 256 + d)
    } else return undefined
  }
  return groups
}
