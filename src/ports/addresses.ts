/** Client addresses and networks, IPv4-mapped IPv6 folded into IPv4. */
export interface Addresses {
  /** The canonical spelling of an address (no port, no zone), or undefined where the text is none. */
  parse(text: string): string | undefined
  /** What a limit counts by: an IPv4 address itself, an IPv6 one by its /64, which one subscriber has whole. */
  aggregate(address: string): string
  /** A membership test over CIDRs, compiled once. Throws a TypeError that names a bad CIDR. */
  compile(cidrs: readonly string[]): (address: string) => boolean
}
