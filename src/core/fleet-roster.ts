// The members of a fleet. Nobody is forgotten by silence: a member that is not heard is missing until it leaves by its own signature
// or a commander's order (docs/decisions/0010).
import { elapsedMs, type Moment } from './fleet-lease.ts'
import type { Heartbeat, Member } from './fleet-messages.ts'
import type { Instant } from './time.ts'

export type MemberState = 'live' | 'missing' | 'left' | 'forgotten'

export interface Heard {
  readonly heartbeat: Heartbeat
  /** When it was read here. */
  readonly moment: Moment
}

/** Heartbeats of this many members on each side of a ring are read at each beat, so that a beat costs the same in a large fleet. */
const NEIGHBOURS_EACH_SIDE = 4

export class FleetRoster {
  readonly own: string
  readonly #members = new Map<string, Member>()
  readonly #forgottenAt = new Map<string, Instant>()
  readonly #heard = new Map<string, Heard>()
  /** Asked for several times a beat, and changed when somebody joins. */
  #ring: { readonly peers: readonly Member[]; readonly neighbours: readonly string[] } | undefined

  constructor(own: string, members: readonly Member[] = []) {
    this.own = own
    for (const member of members) this.take(member)
  }

  /** Whether it says something newer: a member counts its records itself, and an old one never takes a newer one's place. */
  take(member: Member): boolean {
    const before = this.#members.get(member.gateway)
    if (before !== undefined && before.seq >= member.seq) return false
    this.#members.set(member.gateway, member)
    this.#ring = undefined
    return true
  }

  /** By a commander's order of `at`; the member comes back by a record of its own that is later. */
  forget(gateway: string, at: Instant): void {
    this.#forgottenAt.set(gateway, Math.max(at, this.#forgottenAt.get(gateway) ?? 0))
    this.#ring = undefined
  }

  /** Whether it is later than what was heard of the member before: a store may repeat old ones. */
  hear(heartbeat: Heartbeat, moment: Moment): boolean {
    const before = this.#heard.get(heartbeat.gateway)?.heartbeat
    if (before !== undefined && !isLater(heartbeat, before)) return false
    this.#heard.set(heartbeat.gateway, { heartbeat, moment })
    return true
  }

  heard(gateway: string): Heard | undefined {
    return this.#heard.get(gateway)
  }

  get members(): readonly Member[] {
    return [...this.#members.values()]
  }

  member(gateway: string): Member | undefined {
    return this.#members.get(gateway)
  }

  /** Whether the member is still one: it has neither left nor been forgotten. */
  counts(gateway: string): boolean {
    const member = this.#members.get(gateway)
    if (member === undefined) return gateway === this.own
    return member.state === 'live' && !this.isForgotten(gateway)
  }

  isForgotten(gateway: string): boolean {
    const forgottenAt = this.#forgottenAt.get(gateway)
    return forgottenAt !== undefined && forgottenAt >= (this.#members.get(gateway)?.at ?? 0)
  }

  /** Members that count, without this one. */
  get peers(): readonly Member[] {
    return this.#around.peers
  }

  get #around(): { readonly peers: readonly Member[]; readonly neighbours: readonly string[] } {
    if (this.#ring !== undefined) return this.#ring
    const peers = this.members.filter(({ gateway }) => gateway !== this.own && this.counts(gateway))
    const names = peers.map(({ gateway }) => gateway)
    this.#ring = { peers, neighbours: neighboursOf(this.own, names) }
    return this.#ring
  }

  /** Then the store's own echo renews the lease: there is nobody else to ask. */
  get isAlone(): boolean {
    return this.peers.length === 0
  }

  stateOf(gateway: string, now: Moment, withinMs: number): MemberState {
    if (!this.counts(gateway)) return this.isForgotten(gateway) ? 'forgotten' : 'left'
    if (gateway === this.own) return 'live'
    const heard = this.#heard.get(gateway)
    return heard !== undefined && elapsedMs(heard.moment, now) <= withinMs ? 'live' : 'missing'
  }

  /** Those whose heartbeats this one reads, and that read this one's: a ring by name, in which neighbourhood goes both ways. */
  get neighbours(): readonly string[] {
    return this.#around.neighbours
  }
}

function neighboursOf(own: string, peers: readonly string[]): readonly string[] {
  const ring = [own, ...peers].sort()
  const at = ring.indexOf(own)
  if (ring.length <= 2 * NEIGHBOURS_EACH_SIDE + 1) return ring.filter((gateway) => gateway !== own)
  const distances = distancesOf(ring.length).flatMap((distance) => [distance, -distance])
  return [...new Set(distances.map((distance) => ring[(at + distance + ring.length) % ring.length] ?? own))]
}

/**
 * Near and far, each a like multiple of the one before: what one member knows has reached a thousand after a dozen beats, by
 * those next to each other it would take more than a hundred (Stoica et al., "Chord", 2001: fingers). Both ways the same.
 */
function distancesOf(size: number): readonly number[] {
  // Beyond half of the ring one side would meet the other.
  const farthest = Math.floor((size - 1) / 2)
  let last = 0
  return Array.from({ length: NEIGHBOURS_EACH_SIDE }, (_, index) => {
    const left = NEIGHBOURS_EACH_SIDE - 1 - index
    last = Math.min(farthest - left, Math.max(last + 1, Math.round(size ** (index / NEIGHBOURS_EACH_SIDE))))
    return last
  })
}

function isLater(a: Heartbeat, b: Heartbeat): boolean {
  return a.run > b.run || (a.run === b.run && a.beat > b.beat)
}
