// What each gateway of the fleet has shown of an order: signed by it, checked here, gathered until all have or the wait is over.
import { createProofReader, readOwnStatement, type OpenedProof } from '../../audit/worker-proof.ts'
import { parseFleetProof, type FleetProof } from '../../core/fleet-messages.ts'
import { isShown, type WorkerStatement } from '../../core/worker-statement.ts'
import type { Clock } from '../../ports/clock.ts'
import type { FleetSeal } from '../../ports/fleet-seal.ts'
import type { FleetStore, StoredProof } from '../../ports/fleet-store.ts'
import type { Logger } from '../../ports/logger.ts'
import { canonicalJson } from '../../core/canonical-json.ts'

/** Of one gateway: what its workers have signed, and what that says. */
export interface ShownProof {
  readonly texts: readonly string[]
  readonly statements: readonly WorkerStatement[]
  readonly isWhole: boolean
  /** When it was first whole here. */
  readonly heardMs: number
}

export interface FleetProofs {
  /** Stores what this gateway's workers have signed of the order, and tells the gateway that accepted it. */
  publish(order: string, texts: readonly string[], to: string | undefined): void
  hear(proof: StoredProof): void
  /** What is known of the order, with what the store has. Never rejects. */
  gather(order: string): Promise<ReadonlyMap<string, ShownProof>>
  known(order: string): ReadonlyMap<string, ShownProof>
  /** Calls at each new proof of the order; returns how to stop. */
  onProof(order: string, listener: () => void): () => void
}

export interface FleetProofsDeps {
  readonly store: FleetStore
  readonly seal: FleetSeal
  readonly clock: Clock
  readonly logger: Logger
}

const ORDERS_MAX = 256

export function createFleetProofs({ store, seal, clock, logger }: FleetProofsDeps): FleetProofs {
  const byOrder = new Map<string, Map<string, ShownProof>>()
  const listeners = new Map<string, Set<() => void>>()
  const read = createProofReader()
  const shownOf = (order: string): Map<string, ShownProof> => {
    const found = byOrder.get(order) ?? new Map<string, ShownProof>()
    byOrder.delete(order)
    byOrder.set(order, found)
    const [oldest] = byOrder.keys()
    if (byOrder.size > ORDERS_MAX && oldest !== undefined) byOrder.delete(oldest)
    return found
  }
  const hear = ({ order, gateway, body }: StoredProof): void => {
    if (byOrder.get(order)?.get(gateway)?.isWhole === true) return
    const shown = openProofs(seal, read, order, gateway, body)
    if (shown !== undefined) keep(order, gateway, shown)
  }
  const keep = (order: string, gateway: string, shown: Omit<ShownProof, 'heardMs'>): void => {
    const before = byOrder.get(order)?.get(gateway)
    // What was shown once was shown: an older or lesser copy takes nothing back.
    if (before !== undefined && (before.isWhole || before.texts.length > shown.texts.length)) return
    shownOf(order).set(gateway, { ...shown, heardMs: clock.monotonicMs() })
    for (const listener of listeners.get(order) ?? []) listener()
  }
  return {
    hear,
    publish(order, texts, to) {
      const words: FleetProof = { gateway: seal.gateway, order, shown: texts }
      const body = seal.seal('proof', canonicalJson(words))
      const proof = { order, gateway: seal.gateway, body }
      // Out first. Signatures that were made in this process are not checked in it: that is for whoever has them from elsewhere.
      store.putProof(proof, to === undefined || to === seal.gateway ? [] : [to]).catch((error: unknown) => {
        logger.warn('a proof could not be given to the store', {
          order,
          error: error instanceof Error ? error.message : String(error),
        })
      })
      const statements = texts.flatMap((text) => readOwnStatement(text) ?? [])
      if (statements.length > 0) keep(order, seal.gateway, { texts, statements, isWhole: isWholeOf(statements) })
    },
    async gather(order) {
      const stored = await store.proofs(order).catch(() => new Map<string, string>())
      for (const [gateway, body] of stored) hear({ order, gateway, body })
      return byOrder.get(order) ?? new Map<string, ShownProof>()
    },
    known: (order) => byOrder.get(order) ?? new Map<string, ShownProof>(),
    onProof(order, listener) {
      const all = listeners.get(order) ?? new Set()
      listeners.set(order, all.add(listener))
      return () => {
        all.delete(listener)
        if (all.size === 0) listeners.delete(order)
      }
    },
  }
}

/** Undefined where not every text is of that gateway and that order, by a worker that its key vouches for. */
function openProofs(
  seal: FleetSeal,
  read: (text: string) => OpenedProof | undefined,
  order: string,
  gateway: string,
  body: string,
): Omit<ShownProof, 'heardMs'> | undefined {
  const opened = seal.open('proof', body)
  const proof = opened && parseFleetProof(opened.payload)
  if (proof?.order !== order || proof.gateway !== gateway || opened?.gateway !== gateway) return undefined
  const statements = proof.shown.flatMap((text) => {
    const found = read(text)
    return found?.gatewayKey === opened.key && found.statement.orders.includes(order) ? [found.statement] : []
  })
  const [first] = statements
  if (first === undefined || statements.length !== proof.shown.length) return undefined
  return { texts: proof.shown, statements, isWhole: isWholeOf(statements) }
}

/** Each worker that the first names has shown it. */
function isWholeOf(statements: readonly WorkerStatement[]): boolean {
  const named = statements[0]?.workers ?? []
  return (
    statements.length > 0 && named.every((name) => statements.some((each) => each.worker === name && isShown(each)))
  )
}
