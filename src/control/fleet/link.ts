// The beat of a gateway in a fleet: says where it stands, takes what it lacks, and renews its lease by what peers answer.
import { ClockWatch } from '../../core/clock-watch.ts'
import { FleetLease, type Moment } from '../../core/fleet-lease.ts'
import { parseHeartbeat, type Heartbeat } from '../../core/fleet-messages.ts'
import { isOpeningWriter, writerGateway, type Have, type OrderNumbers } from '../../core/order-numbers.ts'
import type { ClockReading } from '../../core/worker-statement.ts'
import type { Clock, Randomness } from '../../ports/clock.ts'
import type { FleetSeal } from '../../ports/fleet-seal.ts'
import type { Exchange, FleetEntry, FleetStore } from '../../ports/fleet-store.ts'
import { canonicalJson } from '../../core/canonical-json.ts'
import type { MemberBook } from './member-book.ts'

export interface LinkDeps {
  readonly store: FleetStore
  readonly seal: FleetSeal
  readonly book: MemberBook
  readonly numbers: OrderNumbers
  readonly clock: Clock
  readonly randomness: Pick<Randomness, 'requestId'>
  readonly leaseMs: number
  /** What this gateway says of itself. */
  readonly own: () => Pick<Heartbeat, 'epoch' | 'table' | 'workers' | 'condition'>
  /** Whether a commander's genesis is among the orders that are here. */
  readonly hasGenesis: () => boolean
  /** Takes entries in, one after the other; never rejects. */
  readonly take: (entries: readonly FleetEntry[]) => Promise<void>
  /** The store may lack what is here: it was emptied, put back, or is new. */
  readonly redeliver: () => void
  /** A neighbour was heard: it may lack what is here. */
  readonly onPeer: (heartbeat: Heartbeat) => void
  /** Members that the store has and those that are known here: all, or those that were enrolled after that version. */
  readonly compareRoster: (since?: number) => Promise<void>
  readonly onLease: (ends: Moment | undefined) => void
}

export interface FleetLink {
  /** One beat. Rejects where the store did not answer: the lease then runs on, and out. */
  beat(): Promise<void>
  /** A heartbeat that was read elsewhere: it renews nothing, but the next beat misses what it names. */
  overhear(envelope: string): void
  /** Milliseconds that the view may still be trusted. */
  readonly leaseRemainingMs: number
  /** Orders that somebody has and that are not here, as `writer seq`; those that open are not among them. */
  readonly lacking: readonly string[]
  /** Whether the store has answered within half a lease. */
  readonly isInContact: boolean
  /** When it answered last. */
  readonly answeredAt: Moment | undefined
  /** Reads everything that the store has anew, with the next beat. */
  rewind(): void
  /** Another beat is wanted soon. */
  readonly isHungry: boolean
  /** Where this gateway's clock stands beside the store's and its neighbours'. */
  readonly clockReading: ClockReading | undefined
}

interface State {
  readonly lease: FleetLease
  readonly clocks: ClockWatch
  readonly named: Map<string, number>
  /** What was named in no step with the entries, and may be on its way: the next beat, which is one step, misses it. */
  readonly overheard: Have[]
  cursor: string
  generation: string | undefined
  rosterVersion: number | undefined
  beats: number
  isHungry: boolean
  answeredAt: Moment | undefined
}

export function createFleetLink(deps: LinkDeps): FleetLink {
  const state: State = {
    lease: new FleetLease(deps.leaseMs),
    clocks: new ClockWatch(),
    named: new Map(),
    overheard: [],
    cursor: '',
    generation: undefined,
    rosterVersion: undefined,
    beats: 0,
    isHungry: true,
    answeredAt: undefined,
  }
  return {
    beat: () => beat(state, deps),
    overhear(envelope) {
      const heartbeat = openHeartbeat(envelope, deps)
      if (heartbeat === undefined || !deps.book.roster.hear(heartbeat, momentOf(deps.clock))) return
      state.overheard.push(heartbeat.have)
    },
    get leaseRemainingMs() {
      return state.lease.remainingMs(momentOf(deps.clock))
    },
    get lacking() {
      return lacking(state, deps)
    },
    get isInContact() {
      return (
        state.answeredAt !== undefined && deps.clock.monotonicMs() - state.answeredAt.monotonicMs <= deps.leaseMs / 2
      )
    },
    get answeredAt() {
      return state.answeredAt
    },
    rewind() {
      state.cursor = ''
    },
    get isHungry() {
      return state.isHungry
    },
    get clockReading() {
      return state.clocks.reading
    },
  }
}

export function momentOf(clock: Clock): Moment {
  return { monotonicMs: clock.monotonicMs(), wallMs: clock.now() }
}

async function beat(state: State, deps: LinkDeps): Promise<void> {
  const { store, seal, book, randomness, clock } = deps
  const nonce = randomness.requestId()
  // Before the request leaves: whatever is older than it may have changed in the meantime.
  const sent = momentOf(clock)
  state.lease.sent(nonce, sent)
  for (const have of state.overheard.splice(0)) name(state, have)
  const heartbeat = ownHeartbeat(state, deps, nonce)
  const wanted = wantedNow(book.roster.neighbours, state.beats)
  const answer = await store.exchange({ gateway: seal.gateway, heartbeat, cursor: state.cursor, wanted })
  state.answeredAt = momentOf(clock)
  if (answer.timeMs !== undefined) state.clocks.hearStore(sent, state.answeredAt, answer.timeMs)
  await takeEntries(state, deps, answer)
  if (answer.rosterVersion !== state.rosterVersion) {
    await deps.compareRoster(state.rosterVersion)
    state.rosterVersion = answer.rosterVersion
  }
  // After the entries: an order that came with this answer is not missed.
  for (const gateway of wanted) judge(state, deps, answer.heartbeats.get(gateway))
  const isEchoed = answer.heartbeats.get(seal.gateway) === heartbeat
  if (isEchoed && book.roster.isAlone && book.founded && lacking(state, deps).length === 0) state.lease.answered(nonce)
  endIfLacking(state, deps)
}

/** Whose heartbeats each beat reads while they are so few; of more, every other one in turn: one answer in half a lease is enough. */
const READ_EACH_BEAT_MAX = 7

function wantedNow(neighbours: readonly string[], beats: number): readonly string[] {
  if (neighbours.length <= READ_EACH_BEAT_MAX) return neighbours
  return neighbours.filter((_, index) => index % 2 === beats % 2)
}

function ownHeartbeat(state: State, deps: LinkDeps, nonce: string): string {
  const { seal, book, numbers, clock } = deps
  state.beats += 1
  const { have, isPartial } = numbers.have
  const now = momentOf(clock)
  return seal.seal(
    'heartbeat',
    canonicalJson({
      gateway: seal.gateway,
      run: book.seq,
      beat: state.beats,
      at: Math.round(clock.now()),
      nonce,
      ...deps.own(),
      founded: book.founded,
      have,
      isPartial,
      seen: Object.fromEntries(
        book.roster.neighbours.flatMap((gateway) => {
          const heard = book.roster.heard(gateway)
          return heard === undefined ? [] : [[gateway, heard.heartbeat.nonce]]
        }),
      ),
      lease: Math.floor(state.lease.remainingMs(now)),
    } satisfies Heartbeat),
  )
}

async function takeEntries(state: State, deps: LinkDeps, answer: Exchange): Promise<void> {
  const isNew = answer.generation !== state.generation
  state.generation = answer.generation
  if (isNew) state.rosterVersion = undefined
  if (isNew || answer.isCursorLost) {
    const { cursor, pages } = await deps.store.snapshot()
    for await (const page of pages) await deps.take(page)
    state.cursor = cursor
    deps.redeliver()
    state.isHungry = true
    return
  }
  await deps.take(answer.entries)
  state.cursor = answer.cursor
  state.isHungry = answer.isMore
}

function openHeartbeat(envelope: string, { seal, book }: LinkDeps): Heartbeat | undefined {
  const opened = seal.open('heartbeat', envelope)
  const heartbeat = opened && parseHeartbeat(opened.payload)
  // Of a gateway that has left or was forgotten, or that never said that it is a member, nothing counts.
  return heartbeat?.gateway === opened?.gateway && heartbeat !== undefined && book.roster.counts(heartbeat.gateway)
    ? heartbeat
    : undefined
}

/** A neighbour's heartbeat: what it names that is not here ends the lease at once; otherwise it may renew it. */
function judge(state: State, deps: LinkDeps, envelope: string | undefined): void {
  const { book, seal, clock } = deps
  const heartbeat = envelope === undefined ? undefined : openHeartbeat(envelope, deps)
  if (heartbeat === undefined || heartbeat.gateway === seal.gateway) return
  if (!book.roster.hear(heartbeat, momentOf(clock))) return
  name(state, heartbeat.have)
  deps.onPeer(heartbeat)
  if (endIfLacking(state, deps) || !mayAnswer(heartbeat, deps)) return
  const nonce = heartbeat.seen[seal.gateway]
  const sent = nonce === undefined ? undefined : state.lease.sentAt(nonce)
  if (sent !== undefined) state.clocks.hearPeer(heartbeat.gateway, sent, momentOf(clock), heartbeat.at)
  // An answer to an own nonce is fresh: a founded peer stands behind the table that is here, and so this one is founded too.
  if (nonce !== undefined && (book.founded || deps.hasGenesis()) && state.lease.answered(nonce)) book.found()
}

/** Where it does not name every order, only the same table shows that nothing is missing. */
function mayAnswer({ founded, isPartial, table }: Heartbeat, deps: LinkDeps): boolean {
  return founded && (!isPartial || table === deps.own().table)
}

function name(state: State, have: Have): void {
  for (const [writer, through] of Object.entries(have))
    state.named.set(writer, Math.max(through, state.named.get(writer) ?? 0))
}

/** Also tells the workers where the lease stands. */
function endIfLacking(state: State, deps: LinkDeps): boolean {
  const isLacking = lacking(state, deps).length > 0
  if (isLacking) {
    state.lease.end()
    state.isHungry = true
  }
  deps.onLease(state.lease.ends)
  return isLacking
}

function lacking(state: State, { numbers, book }: LinkDeps): readonly string[] {
  return [...numbers.lackedOf(Object.fromEntries(state.named)), ...numbers.gaps]
    .filter(({ writer }) => !isOpeningWriter(writer) && !isWaived(writer, book))
    .map(({ writer, seq }) => `${writer} ${seq}`)
}

/** A forgotten gateway took what nobody else has with it; a commander has said so. */
function isWaived(writer: string, { roster }: MemberBook): boolean {
  const suffix = `-${writerGateway(writer)}`
  return roster.members.some(({ gateway }) => gateway.endsWith(suffix) && roster.isForgotten(gateway))
}
