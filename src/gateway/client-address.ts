// Who is really calling: the socket's peer, or what trusted proxies say of it.
import type { Fields } from '../http1/fields.ts'
import type { Addresses } from '../ports/addresses.ts'

export interface ClientAddress {
  readonly address: string
  /** The other end of the socket. */
  readonly peer: string
  readonly viaTrustedProxy: boolean
}

/**
 * With no trusted proxy the peer is the client. Behind one, X-Forwarded-For is walked from right to left and ends at the
 * first hop that is not trusted or cannot be read: what stands left of it was written by the client itself.
 */
export function clientAddress(
  peer: string,
  fields: Fields,
  addresses: Addresses,
  isTrustedProxy: (address: string) => boolean,
): ClientAddress {
  if (peer === 'unix' || !isTrustedProxy(peer)) return { address: peer, peer, viaTrustedProxy: false }
  const hops = hopsOf(fields.joined('x-forwarded-for'))
  let client = peer
  for (let index = hops.length - 1; index >= 0; index--) {
    const hop = addresses.parse(hops[index] ?? '')
    if (hop === undefined) break
    client = hop
    if (!isTrustedProxy(hop)) break
  }
  return { address: client, peer, viaTrustedProxy: true }
}

function hopsOf(value: string | undefined): readonly string[] {
  return value === undefined ? [] : value.split(',').map((hop) => hop.trim())
}
