// The timers of a fleet: the beat, the look at the whole, and what is said when the lease ends or comes back.
import { standingOrders, START, type DeskChange } from '../ledger-keeper.ts'
import { settledWithin } from '../within.ts'
import type { FleetParts, LeaseChange } from './fleet.ts'

export interface FleetRounds {
  /** Beats sooner than it would. */
  poke(): void
  stop(): void
}

/** Three beats answer a nonce; so a lease stands on an answer that is half a lease old at most. */
const BEATS_A_LEASE = 8
/** Members that a word of the store makes beat sooner. */
const POKED_MAX = 32
/** While something is lacking: quicker, but no busy loop. */
const HUNGRY_BEATS_A_LEASE = 32
/**
 * The whole fleet is read once a lease, up to this size: in a larger one each costs everybody, and whoever asks has it read. At a
 * hundred members that read cost more than all beats together.
 */
const READ_WHOLE_MAX = 32

/** What a timer can wait: an hour is as good as never, and is looked at again. */
const TIMER_MS_MAX = 3_600_000

export function startFleetRounds(parts: FleetParts): FleetRounds {
  const { deps, link } = parts
  const state = {
    isStopped: false,
    problem: undefined as string | undefined,
    isFresh: undefined as boolean | undefined,
  }
  let timer: NodeJS.Timeout | undefined
  let isBeating = false

  const watch = (): void => {
    const isFresh = link.leaseRemainingMs > 0
    if (isFresh === state.isFresh) return
    state.isFresh = isFresh
    sayLease(parts, isFresh, state.problem)
  }
  const beat = async (): Promise<void> => {
    isBeating = true
    const startedMs = deps.clock.monotonicMs()
    // A lease that has ended is told before a beat can renew it, however short the time between.
    watch()
    try {
      await within(link.beat(), 2 * deps.leaseMs)
      if (state.problem !== undefined) deps.logger.info('the fleet store answers again')
      state.problem = undefined
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error)
      if (state.problem === undefined) deps.logger.error('THE FLEET STORE DOES NOT ANSWER', { problem })
      state.problem = problem
    }
    isBeating = false
    watch()
    const elapsedMs = deps.clock.monotonicMs() - startedMs
    const leastMs = deps.leaseMs / HUNGRY_BEATS_A_LEASE
    schedule(link.isHungry ? leastMs : Math.max(leastMs, deps.leaseMs / BEATS_A_LEASE - elapsedMs))
  }
  const schedule = (afterMs: number): void => {
    clearTimeout(timer)
    if (state.isStopped) return
    timer = setTimeout(() => void beat(), afterMs).unref()
  }
  const watching = setInterval(watch, deps.leaseMs / BEATS_A_LEASE).unref()
  let reading: NodeJS.Timeout | undefined
  const readLater = (waitedMs = 0): void => {
    // A quarter more or less: a fleet that was started at once does not read at once.
    const afterMs = Math.max(1, wholeEveryMs(parts) - waitedMs) * (0.75 + deps.randomness.fraction() / 2)
    const wait = (): void => {
      // Of a fleet that has grown meanwhile, each would else read all that have come.
      if (wholeEveryMs(parts) > 2 * (waitedMs + afterMs)) readLater(waitedMs + afterMs)
      else
        void readWhole(parts).finally(() => {
          readLater()
        })
    }
    reading = setTimeout(wait, Math.min(afterMs, TIMER_MS_MAX)).unref()
  }
  readLater()
  schedule(0)
  return {
    poke() {
      // Of a large fleet that starts at once, everybody would poke everybody: the next beat is soon enough.
      if (!isBeating && parts.roster.peers.length <= POKED_MAX) schedule(deps.leaseMs / HUNGRY_BEATS_A_LEASE)
    },
    stop() {
      state.isStopped = true
      clearTimeout(timer)
      clearInterval(watching)
      clearTimeout(reading)
    },
  }
}

/** A beat that never ended would be the last one: a store that breaks its own limit is given up too. */
async function within(beating: Promise<void>, limitMs: number): Promise<void> {
  if ((await settledWithin(beating, limitMs)) === 'late') throw new Error(`a beat has not ended in ${limitMs} ms`)
  await beating
}

function sayLease(parts: FleetParts, isFresh: boolean, problem: string | undefined): void {
  const { deps, link, table, roster } = parts
  const { epoch } = deps.desk.ledger
  const lacking = link.lacking.length
  const change: LeaseChange = { state: isFresh ? 'fresh' : 'stale', epoch, table: table(), lacking }
  deps.trail.append({ kind: 'lease', time: deps.clock.now(), ...change })
  for (const listener of parts.leaseListeners) listener(change)
  if (isFresh)
    deps.logger.info('the lease runs: routes serve by the locks alone', { epoch, peers: roster.peers.length })
  else
    deps.logger.error('THE LEASE HAS RUN OUT: each route does what its stale says', {
      epoch,
      lacking,
      peers: roster.peers.length,
      founded: parts.book.founded,
      ...(problem === undefined ? {} : { problem }),
    })
}

/** Those who are no neighbours; and what has been lacking for long is asked for in every way. */
async function readWhole(parts: FleetParts): Promise<void> {
  const { link, roster, intake, look } = parts
  try {
    // Also what opens, which nobody waits for: a release that a slow disk could not keep in time.
    if (intake.problems.length > 0) await intake.retry()
    if (link.lacking.length > 0) link.rewind()
    if (roster.isForgotten(roster.own)) {
      parts.join()
      await parts.compareRoster()
    }
    await look.refresh()
  } catch {
    // The beat says that the store does not answer.
  }
}

/** How often everybody's heartbeat is read by each: so that all of them together cost the store the same. */
function wholeEveryMs({ deps, roster }: Pick<FleetParts, 'deps' | 'roster'>): number {
  return deps.leaseMs * Math.max(1, (roster.members.length / READ_WHOLE_MAX) ** 2)
}

/** What the workers show goes to the fleet from now on. Returns how to stop. */
export function followProofs(parts: FleetParts): () => void {
  return parts.deps.desk.onChange((change) => {
    publish(parts, change)
  })
}

/** What the workers have shown of an order goes to the fleet. */
function publish({ deps, proofs }: FleetParts, change: DeskChange): void {
  if (change.event !== 'proof') return
  const { desk, shelf } = deps
  const texts = desk.certificate(change.epoch)?.texts ?? []
  if (texts.length === 0) return
  for (const order of change.id === START ? standingOrders(desk.ledger) : [change.id]) {
    const acceptedBy = shelf.gatewayOf(order)
    if (acceptedBy !== undefined) proofs.publish(order, texts, acceptedBy)
  }
}
