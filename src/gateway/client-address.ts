// Who is really calling: the socket's peer, or what trusted proxies say of it.
import type { IncomingMessage } from 'node:http'
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
  request: IncomingMessage,
  addresses: Addresses,
  isTrustedProxy: (address: string) => boolean,
): ClientAddress {
  const peer = addresses.parse(request.socket.remoteAddress ?? '') ?? 'unix'
  if (peer === 'unix' || !isTrustedProxy(peer)) return { address: peer, peer, viaTrustedProxy: false }
  const hops = hopsOf(request.headers['x-forwarded-for'])
  let client = peer
  for (let index = hops.length - 1; index >= 0; index--) {
    const hop = addresses.parse(hops[index] ?? '')
    if (hop === undefined) break
    client = hop
    if (!isTrustedProxy(hop)) break
  }
  return { address: client, peer, viaTrustedProxy: true }
}

function hopsOf(value: string | string[] | undefined): readonly string[] {
  if (value === undefined) return []
  return (Array.isArray(value) ? value.join(',') : value).split(',').map((hop) => hop.trim())
}
