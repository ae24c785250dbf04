// The names in Redis: all under one hash tag, so that a cluster keeps a fleet on one node and a script may use them together.

export interface Keys {
  /** Hash: `generation`, and `roster`, which is its version. */
  readonly meta: string
  /** Stream: the ids of all entries in the order of appending, which makes it the index of `bodies`. */
  readonly orders: string
  /** Hash: id -> body. The snapshot; each body stands here alone. */
  readonly bodies: string
  /** Hash: gateway -> record. */
  readonly roster: string
  /** Hash: gateway -> last heartbeat. */
  readonly heartbeats: string
  /** Hash: gateway -> proof; one for each order, with an expiry. */
  proofsOf(order: string): string
  /** Channel of all gateways. */
  readonly news: string
  /** Channel of one gateway. */
  channelOf(gateway: string): string
}

export function createKeys(fleet: string): Keys {
  if (fleet === '') throw new Error('the fleet has no name: its keys in Redis are under it')
  // A brace in the name would move the hash tag.
  const prefix = `portcullis:{${encodeURIComponent(fleet)}}:`
  return {
    meta: `${prefix}meta`,
    orders: `${prefix}orders`,
    bodies: `${prefix}bodies`,
    roster: `${prefix}roster`,
    heartbeats: `${prefix}heartbeats`,
    proofsOf: (order) => `${prefix}proofs:${order}`,
    news: `${prefix}news`,
    channelOf: (gateway) => `${prefix}to:${gateway}`,
  }
}
