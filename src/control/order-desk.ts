// Where orders come in, from any channel: verified, judged by core/judge-order.ts, and carried out. One signature locks at
// once; what opens is judged one after the other.
import { judgeOrder } from '../core/judge-order.ts'
import type { KnownNames } from '../core/fleet-messages.ts'
import type { Guard, LedgerEntry, OrderChannel, RecoveryEntry, RefreezeEntry } from '../core/ledger-entry.ts'
import type { Ledger } from '../core/ledger.ts'
import type { Lock } from '../core/lock.ts'
import { coveredRoutes } from '../core/lock-table.ts'
import type { OrderRefusal } from '../core/order-refusal.ts'
import { pendingOf } from '../core/pending.ts'
import type { SeenCheckpoint, Statement } from '../core/order.ts'
import { parseStatement } from '../core/parse-statement.ts'
import type { Proposal } from '../core/proposal.ts'
import { isLocking, type Responder } from '../core/responder.ts'
import { respondersOf } from '../core/roster.ts'
import type { Route } from '../core/route.ts'
import { thawState } from '../core/thaw.ts'
import type { Instant } from '../core/time.ts'
import type { Randomness } from '../ports/clock.ts'
import type { ReleasePending } from '../ports/control-api.ts'
import type { OrderVerifier } from '../ports/order-verifier.ts'
import {
  checkAudience,
  isRecoveredHere,
  takeElsewhere,
  withReceipt,
  withRefreezeReceipt,
  type AcceptedElsewhere,
  type DeskFleet,
} from './desk-fleet.ts'
import { sayRecovered, sayWithdrawn } from './desk-openings.ts'
import { createFlagSetter } from './flag-setter.ts'
import { createLedgerKeeper, type DeskChange, type KeeperDeps, type LedgerKeeper } from './ledger-keeper.ts'
import { createOrderTexts } from './order-texts.ts'
import type { ProofView, ProvenEpoch } from './prover.ts'
import { createRefusals, type Refusals } from './refusals.ts'
import { ORDER_TYP, replayJournal } from './replay-journal.ts'
import { createTurns, type Turns } from './turns.ts'

/** What orders are judged against; read anew for each. */
export interface DeskSettings {
  readonly routes: readonly Route[]
  readonly responders: readonly Responder[]
  readonly approvals: number
}

export interface DeskDeps extends Omit<KeeperDeps, 'routes' | 'limitMs' | 'retryMs' | 'reportLimitMs'> {
  readonly verifier: OrderVerifier
  readonly randomness: Randomness
  readonly settings: () => DeskSettings
  /** Of this gateway's own trail. */
  readonly checkpoint?: () => SeenCheckpoint | undefined
  /** Whether this gateway's own key has signed the recovery; absent: none is taken. */
  readonly isRecovered?: (entry: RecoveryEntry) => boolean
  /** Whether the disk has only the room that is kept for what must be recorded. */
  readonly isTrailLow?: () => boolean
  /** Names that other members of the fleet know. */
  readonly knownElsewhere?: () => KnownNames
  /** Absent: the embedded store. */
  readonly fleet?: DeskFleet
  /** How long an answer waits for the disk: 250 ms (contract, 5). */
  readonly limitMs?: number
  readonly retryMs?: number
  readonly reportLimitMs?: number
}

export type OrderResult =
  | {
      readonly outcome: 'accepted'
      readonly id: string
      readonly epoch: number
      readonly covers: readonly string[]
      readonly durable: boolean
      /** Never rejects. */
      readonly proof: Promise<ProofView>
    }
  | ({ readonly outcome: 'pending' } & ReleasePending)
  | ({ readonly outcome: 'refused' } & OrderRefusal)
  /** What opens could not be made durable in time: nothing has changed. */
  | { readonly outcome: 'unavailable'; readonly problems: readonly string[] }

export interface OrderDesk {
  readonly ledger: Ledger
  /** Never rejects for what the order says. A second delivery is refused as a conflict, with the first answer. */
  submit(jws: string, channel: OrderChannel): Promise<OrderResult>
  /** What another gateway has accepted. False where it could not be kept: try again. */
  take(order: AcceptedElsewhere): Promise<boolean>
  /** Another gateway has ended a thaw plan early. */
  takeRefreeze(entry: RefreezeEntry): void
  /** A peer that has what is here counts further. */
  raiseEpoch(epoch: number): void
  /**
   * The whole set of locks that a source of flags holds. What is new holds at once; what is gone opens once that is recorded
   * and durable. False where it did not open: try again later.
   */
  setFlags(source: 'file' | 'config', locks: readonly Lock[]): Promise<boolean>
  /** Locks everything, unless a lock of FREEZE is in force. */
  freezeByFile(): Promise<void>
  /** Gives the table to the workers: called once, after the flags of config, locks file and FREEZE were looked at. */
  start(): Promise<void>
  /** Ends a thaw plan early: the locks of the release hold again, at once. */
  refreeze(release: string, why: string): Promise<void>
  /** Everybody of the config and of orders, with who has been retired and when. */
  readonly responders: readonly Responder[]
  /** What the workers have shown of the last drill; undefined where this gateway was started since. */
  readonly drillProof: DrillProof | undefined
  /** Returns how to stop listening. */
  onChange(listener: (change: DeskChange) => void): () => void
  /** The order as it was signed, a compact JWS; undefined where there is none with that id, or it is too long ago. */
  orderText(id: string): string | undefined
  /** What was proven of the last 256 epochs that locked. */
  certificate(epoch: number): ProvenEpoch | undefined
  /** What waits for signatures. */
  pendingReleases(now: Instant): readonly Proposal[]
  /** What an operator should mend. */
  readonly problems: readonly string[]
  close(): void
}

interface DrillProof {
  readonly id: string
  readonly proof: ProofView
}

interface Desk {
  readonly deps: DeskDeps
  readonly keeper: LedgerKeeper
  readonly turns: Turns
  readonly refusals: Refusals
}

/** An order whose signature holds. */
interface Signed {
  readonly id: string
  readonly jws: string
  readonly statement: Statement
  readonly order: Statement['order']
  readonly by: Responder
  readonly channel: OrderChannel
}

/** Replays the journal first. Rejects with an Error of one line where it does not hold. */
export async function createOrderDesk(deps: DeskDeps): Promise<OrderDesk> {
  const ledger = await replayJournal(deps.journal.entries, deps.verifier, deps.isRecovered ?? (() => false))
  const { limitMs = 250, retryMs = 1000, reportLimitMs = 1000 } = deps
  const texts = createOrderTexts(deps.journal.entries)
  const keeper = createLedgerKeeper(ledger, {
    ...deps,
    onEntry: texts.noting(deps.onEntry),
    limitMs,
    retryMs,
    reportLimitMs,
    routes: () => deps.settings().routes,
  })
  const turns = createTurns()
  const refusals = createRefusals(deps.trail, deps.clock, () => keeper.ledger.epoch, deps.isTrailLow)
  const desk: Desk = { deps, keeper, refusals, turns }
  let drillProof: DrillProof | undefined
  keeper.onChange((change) => {
    if (change.event !== 'proof' || change.id !== keeper.ledger.drill?.id) return
    const { id, proven, missing, elapsedMs } = change
    drillProof = { id, proof: { proven, missing, elapsedMs } }
  })
  return {
    get ledger() {
      return keeper.ledger
    },
    submit: (jws, channel) => submit(desk, jws, channel),
    take: (order) => takeElsewhere({ keeper, turns, now: deps.clock.now() }, order),
    takeRefreeze(entry) {
      keeper.land({ ...entry, heardAt: deps.clock.now() }, entry.release)
    },
    raiseEpoch(epoch) {
      if (epoch > keeper.ledger.epoch) keeper.land({ type: 'epoch', epoch, at: deps.clock.now() }, 'epoch')
    },
    setFlags: createFlagSetter({ keeper, turns, clock: deps.clock }),
    freezeByFile: () => freezeByFile(desk),
    refreeze: (release, why) => refreeze(desk, release, why),
    get responders() {
      return guardNow(desk).responders
    },
    get drillProof() {
      return drillProof
    },
    start() {
      sayRecovered(deps, keeper.ledger)
      return keeper.start()
    },
    onChange: (listener) => keeper.onChange(listener),
    orderText: (id) => texts.of(id),
    certificate: (epoch) => keeper.certificate(epoch),
    pendingReleases: (now) => pendingOf(keeper.ledger, now),
    get problems() {
      return keeper.behind === 0
        ? []
        : [`changes that hold but are not durable yet: ${keeper.behind}; see to the disk of the store directory`]
    },
    close() {
      refusals.flush()
      keeper.close()
    },
  }
}

async function submit(desk: Desk, jws: string, channel: OrderChannel): Promise<OrderResult> {
  const verified = await desk.deps.verifier.verify(jws, ORDER_TYP, guardNow(desk).responders)
  if ('refused' in verified) {
    return refuse(
      desk,
      { refused: verified.refused === 'malformed' ? 'bad' : verified.refused, problems: [verified.detail] },
      { channel },
    )
  }
  const { id, by } = verified
  const statement = parseStatement(verified.payload)
  if ('problems' in statement) return refuse(desk, { refused: 'bad', ...statement }, { id, by, channel })
  const { order } = statement
  const signed = { id, jws, statement, by, channel }
  if (statement.iss !== by.name)
    return refuse(
      desk,
      { refused: 'bad', problems: ['iss must be the name of the responder who signs'] },
      { ...signed, order },
    )
  const problem = desk.deps.fleet && checkAudience(statement, desk.deps.fleet.name)
  if (problem !== undefined) return refuse(desk, { refused: 'bad', problems: [problem] }, { ...signed, order })
  return isLocking(order.kind)
    ? lock(desk, { ...signed, order })
    : desk.turns(() => release(desk, { ...signed, order }))
}

/** Who is enrolled now, and what a lock that lands now is released by. */
function guardNow(desk: Desk): Guard {
  const { responders, approvals } = desk.deps.settings()
  return { responders: respondersOf(responders, desk.keeper.ledger.roster), approvals }
}

/** Up to `land` nothing is awaited: nothing comes between the judgement and the enforcement. */
async function lock(desk: Desk, signed: Signed): Promise<OrderResult> {
  const refusal = judge(desk, signed)
  if (refusal !== undefined) return refuse(desk, refusal, signed)
  const landing = desk.keeper.land(entryOf(desk, signed), signed.id)
  const { routes } = desk.deps.settings()
  const { order } = signed
  return {
    outcome: 'accepted',
    id: signed.id,
    epoch: landing.epoch,
    covers: reachOf(order, routes),
    durable: await landing.durable,
    proof: landing.proof,
  }
}

function reachOf(order: Statement['order'], routes: readonly Route[]): readonly string[] {
  if (order.kind === 'lock') return coveredRoutes(order, routes)
  if (order.kind === 'drill') return routes.map((route) => route.id)
  return routes.filter((route) => route.policy.session.level !== 'none').map((route) => route.id)
}

/** A proposal, an approval or a word on the fleet, in its turn: judged against what all before it have left. */
async function release(desk: Desk, signed: Signed): Promise<OrderResult> {
  const refusal = judge(desk, signed)
  if (refusal !== undefined) return refuse(desk, refusal, signed)
  const { keeper } = desk
  const before = keeper.ledger
  const opening = await keeper.open(entryOf(desk, signed), signed.id)
  if ('unavailable' in opening) return { outcome: 'unavailable', problems: [opening.unavailable] }
  const proposal = keeper.ledger.proposals.get(signed.order.kind === 'approve' ? signed.order.release : signed.id)
  if (proposal !== undefined && !proposal.done) {
    return { outcome: 'pending', id: proposal.id, approvals: proposal.signers.length, required: proposal.required }
  }
  sayWithdrawn(desk.deps.logger, signed, opening.epoch)
  const covers = new Set((proposal?.locks ?? []).flatMap((id) => coveredBy(before, id, desk.deps.settings().routes)))
  return {
    outcome: 'accepted',
    id: signed.id,
    epoch: opening.epoch,
    covers: [...covers],
    durable: true,
    proof: opening.proof,
  }
}

function coveredBy(ledger: Ledger, id: string, routes: readonly Route[]): readonly string[] {
  const held = ledger.held.get(id)
  return held === undefined ? [] : coveredRoutes(held.lock, routes)
}

function judge(desk: Desk, signed: Signed): OrderRefusal | undefined {
  const { clock, settings, checkpoint } = desk.deps
  const context = {
    ...{ now: clock.now(), routes: settings().routes, guard: guardNow(desk) },
    ...{ checkpoint: checkpoint?.(), elsewhere: desk.deps.knownElsewhere?.() },
  }
  return judgeOrder(desk.keeper.ledger, signed.id, signed.statement, signed.by, context)
}

function entryOf(desk: Desk, signed: Signed): LedgerEntry {
  const { id, jws, statement, by, channel } = signed
  const { clock, settings } = desk.deps
  const isOurs = isRecoveredHere(desk.keeper.ledger, by, settings().responders)
  return withReceipt(isOurs ? undefined : desk.deps.fleet, desk.keeper, {
    type: 'order',
    ...{ id, jws, statement, by, channel },
    at: clock.now(),
    guard: guardNow(desk),
  })
}

/** Answers a refusal and leaves its trail record; by file a second delivery is silent (contract, 4). */
function refuse(desk: Desk, refusal: OrderRefusal, order: Pick<Signed, 'channel'> & Partial<Signed>): OrderResult {
  const { id, by, channel } = order
  if (refusal.first === undefined || channel === 'api') {
    desk.refusals.record({
      order: order.order?.kind ?? 'unknown',
      channel,
      epoch: desk.keeper.ledger.epoch,
      problems: refusal.problems,
      ...(id === undefined ? {} : { id }),
      ...(by === undefined ? {} : { by: by.name }),
    })
  }
  return { outcome: 'refused', ...refusal }
}

async function freezeByFile(desk: Desk): Promise<void> {
  const { clock, randomness, logger } = desk.deps
  const now = clock.now()
  // One that is being thawed, or has been, holds no more than one that was released.
  const holds = ({ source, thaw }: Lock): boolean =>
    source === 'freeze' && (thaw === undefined || thawState(thaw, now).is === 'frozen')
  if ([...desk.keeper.ledger.held.values()].some(({ lock }) => holds(lock))) return
  const id = `freeze-${randomness.hex(8)}`
  const landing = desk.keeper.land({ type: 'freeze', id, at: now, guard: guardNow(desk) }, id)
  logger.warn('FROZEN by a file named FREEZE: it takes a two-person release to open', {
    lock: id,
    epoch: landing.epoch,
  })
  await landing.durable
}

async function refreeze({ deps, keeper }: Desk, release: string, why: string): Promise<void> {
  const proposal = keeper.ledger.proposals.get(release)
  if (proposal?.done !== true || keeper.ledger.refreezes.has(release)) return
  const entry = { type: 'refreeze', release, why, at: Math.round(deps.clock.now()) } as const
  const landing = keeper.land(withRefreezeReceipt(deps.fleet, keeper, entry), release)
  deps.logger.error('REFROZEN: the thaw plan of a release has been ended', { release, why, epoch: landing.epoch })
  await Promise.all([landing.durable, landing.proof])
}
