// Orders from the store and from peers on their way in: each is looked at once, what cannot be taken yet is kept and tried again.
import type { FleetEntry } from '../../ports/fleet-store.ts'
import type { Logger } from '../../ports/logger.ts'
import { parseReceipt, parseRefreeze } from '../../core/fleet-messages.ts'
import type { RefreezeEntry } from '../../core/ledger-entry.ts'
import { isOpeningWriter, writerGateway, type OrderNumbers } from '../../core/order-numbers.ts'
import { BODY_BYTES_MAX } from '../../core/fleet-limits.ts'
import { recordableProblems } from '../refusals.ts'
import { parseEntryText } from './entry-text.ts'
import { inspectOrder, openReceipt, type ForeignOrder, type InspectDeps } from './inspect-order.ts'

export type ForeignChannel = 'redis' | 'peer'

export interface IntakeDeps extends InspectDeps {
  readonly numbers: OrderNumbers
  readonly logger: Logger
  /** Carries it out; false where it could not be kept: it is tried again. */
  readonly accept: (order: ForeignOrder, channel: ForeignChannel) => Promise<boolean>
  readonly refreeze: (entry: RefreezeEntry) => void
  /** An order that somebody put into the store by hand. */
  readonly submit: (jws: string) => Promise<void>
}

export interface Intake {
  /** Never rejects. Returns what is new here. */
  take(bodies: readonly string[], channel: ForeignChannel): Promise<readonly ForeignOrder[]>
  /** Tries again what a gateway of the fleet vouches for and could not be taken: a config may have been rolled out since. */
  retry(): Promise<void>
  /** What an operator should mend. */
  readonly problems: readonly string[]
}

const KEPT_MAX = 1000
const BY_HAND_MAX = 1000

interface State {
  readonly deps: IntakeDeps
  /** Vouched for, and not taken yet: by entry id. */
  readonly kept: Map<string, { readonly body: string; readonly why: string }>
  readonly byHand: Set<string>
  readonly running: Map<string, Promise<ForeignOrder | undefined>>
}

export function createIntake(deps: IntakeDeps): Intake {
  const state: State = { deps, kept: new Map(), byHand: new Set(), running: new Map() }
  const take: Intake['take'] = async (bodies, channel) => {
    const taken: ForeignOrder[] = []
    for (const body of bodies) {
      const order = await takeOnce(state, body, channel)
      if (order !== undefined) taken.push(order)
    }
    return taken
  }
  return {
    take,
    async retry() {
      const bodies = [...state.kept.values()].map(({ body }) => body)
      await take(bodies, 'redis')
    },
    get problems() {
      return [...state.kept].map(
        ([id, { why }]) =>
          `an order of the fleet cannot be taken here, so the lease stays out: ${id.slice(0, 12)}…: ${recordableProblems([why]).join('')}`,
      )
    },
  }
}

/** It only locks: the word of a gateway that the fleet secret vouches for is enough. */
function takeRefreeze({ seal, numbers, refreeze }: IntakeDeps, envelope: string): void {
  const said = parseRefreeze(seal.peek(envelope))
  if (said === undefined || numbers.has(said)) return
  const opened = seal.open('refreeze', envelope)
  const isOwn = opened?.gateway === said.gateway && said.gateway.endsWith(`-${writerGateway(said.writer)}`)
  if (!isOwn || isOpeningWriter(said.writer)) return
  const { writer, seq, epoch, release, at, why } = said
  refreeze({ type: 'refreeze', release, at, why, receipt: { writer, seq, epoch, text: envelope } })
}

/** The same order may come by store and peer at once. */
function takeOnce(state: State, body: string, channel: ForeignChannel): Promise<ForeignOrder | undefined> {
  const before = state.running.get(body)
  if (before !== undefined) return before.then(() => undefined)
  const taking = takeOne(state, body, channel)
    .catch((error: unknown) => {
      const message = error instanceof Error ? error.message : String(error)
      state.deps.logger.error('an order of the fleet could not be looked at', { error: message })
      return undefined
    })
    .finally(() => state.running.delete(body))
  state.running.set(body, taking)
  return taking
}

async function takeOne(state: State, body: string, channel: ForeignChannel): Promise<ForeignOrder | undefined> {
  const { deps, kept } = state
  const travelling = body.length > BODY_BYTES_MAX ? undefined : parseEntryText(body)
  if (travelling === undefined) return undefined
  if ('refreeze' in travelling) {
    takeRefreeze(deps, travelling.refreeze)
    return undefined
  }
  if (travelling.receipt === undefined) {
    await submitOnce(state, travelling.jws)
    return undefined
  }
  // Each order comes by news and by beat, and again with each contact: of what is here no signature is checked again.
  const said = parseReceipt(deps.seal.peek(travelling.receipt))
  if (said === undefined || deps.numbers.has(said)) return undefined
  const receipt = openReceipt(travelling.receipt, deps.seal)
  // Signed by nobody of the fleet: noise, of which nothing is kept.
  if (receipt === undefined) return undefined
  const id = `${receipt.order}/${receipt.writer}/${receipt.seq}`
  const inspected = await inspectOrder(travelling.jws, receipt, travelling.receipt, deps)
  if (!('refused' in inspected) && (await deps.accept(inspected, channel))) {
    kept.delete(id)
    return inspected
  }
  const why = 'refused' in inspected ? inspected.refused : 'it could not be made durable'
  keep(state, id, { body, why }, receipt.gateway)
  return undefined
}

function keep({ deps, kept }: State, id: string, what: { body: string; why: string }, gateway: string): void {
  if (!kept.has(id))
    deps.logger.error('AN ORDER OF THE FLEET CANNOT BE TAKEN HERE: the lease stays out until it can', {
      entry: id,
      gateway,
      problems: recordableProblems([what.why]),
    })
  if (kept.size < KEPT_MAX) kept.set(id, what)
}

async function submitOnce({ deps, byHand }: State, jws: string): Promise<void> {
  if (byHand.has(jws)) return
  if (byHand.size >= BY_HAND_MAX) byHand.clear()
  byHand.add(jws)
  await deps.submit(jws)
}

export function bodiesOf(entries: readonly FleetEntry[]): readonly string[] {
  return entries.map(({ body }) => body)
}
