// What each gateway of the fleet has shown of an order: signed by it, checked here, gathered until all have or the wait is over.
import { parseFleetProof, type FleetProof } from '../../core/fleet-messages.ts'

import type { Clock } from '../../ports/clock.ts'
import type { CanaryProof } from '../../ports/data-plane.ts'
import type { FleetSeal } from '../../ports/fleet-seal.ts'
import type { FleetStore, StoredProof } from '../../ports/fleet-store.ts'
import type { Logger } from '../../ports/logger.ts'
import { canonicalJson } from '../canonical-json.ts'

/** Of one gateway: its envelopes, and what they say. */
export interface ShownProof {
  readonly envelopes: readonly string[]
  readonly proofs: readonly FleetProof[]
  readonly isWhole: boolean
  /** When it was first whole here. */
  readonly heardMs: number
}

interface LocalProof {
  readonly order: string
  readonly epoch: number
  readonly table: string
  readonly workers: readonly string[]
  /** Workers that have shown it. */
  readonly proven: readonly string[]
  /** Undefined where no canary can show it. */
  readonly canaries: readonly CanaryProof[] | undefined
}

export interface FleetProofs {
  /** Signs and stores what this gateway's workers have shown, and tells the gateway that accepted the order. */
  publish(local: LocalProof, to: string | undefined): void
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
/** A gateway without a data plane serves nobody; it proves the table that it keeps. */
const NO_WORKER = 'control'

export function createFleetProofs({ store, seal, clock, logger }: FleetProofsDeps): FleetProofs {
  const byOrder = new Map<string, Map<string, ShownProof>>()
  const listeners = new Map<string, Set<() => void>>()
  const shownOf = (order: string): Map<string, ShownProof> => {
    const found = byOrder.get(order) ?? new Map<string, ShownProof>()
    byOrder.delete(order)
    byOrder.set(order, found)
    const [oldest] = byOrder.keys()
    if (byOrder.size > ORDERS_MAX && oldest !== undefined) byOrder.delete(oldest)
    return found
  }
  const hear = ({ order, gateway, body }: StoredProof): void => {
    const shown = openProofs(seal, order, gateway, body)
    if (shown === undefined) return
    const before = byOrder.get(order)?.get(gateway)
    // What was shown once was shown: an older or lesser copy takes nothing back.
    if (before?.isWhole === true || (before !== undefined && before.envelopes.length >= shown.envelopes.length)) return
    shownOf(order).set(gateway, { ...shown, heardMs: clock.monotonicMs() })
    for (const listener of listeners.get(order) ?? []) listener()
  }
  return {
    hear,
    publish(local, to) {
      const body = JSON.stringify(sealProofs(seal, clock, local))
      const proof = { order: local.order, gateway: seal.gateway, body }
      hear(proof)
      store.putProof(proof, to === undefined || to === seal.gateway ? [] : [to]).catch((error: unknown) => {
        logger.warn('a proof could not be given to the store', {
          order: local.order,
          error: error instanceof Error ? error.message : String(error),
        })
      })
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

function sealProofs(seal: FleetSeal, clock: Clock, local: LocalProof): readonly string[] {
  const { order, epoch, table } = local
  const isServing = local.workers.length > 0
  const workers = isServing ? local.workers : [NO_WORKER]
  const shown = isServing ? local.proven : [NO_WORKER]
  const canaries = isServing ? local.canaries : undefined
  return shown.map((worker) =>
    seal.seal(
      'proof',
      canonicalJson({
        gateway: seal.gateway,
        worker,
        workers,
        order,
        epoch,
        table,
        at: Math.round(clock.now()),
        proof: canaries === undefined ? 'table' : 'canary',
        canaries: (canaries ?? [])
          .filter((canary) => canary.worker === worker)
          .map(({ route, status, refused }) => ({ route, status, refused })),
      } satisfies FleetProof),
    ),
  )
}

/** Undefined where not every one is signed by that gateway and of that order. */
function openProofs(
  seal: FleetSeal,
  order: string,
  gateway: string,
  body: string,
): Omit<ShownProof, 'heardMs'> | undefined {
  const envelopes = parseTexts(body)
  if (envelopes === undefined) return undefined
  const proofs = envelopes.map((envelope) => {
    const opened = seal.open('proof', envelope)
    const proof = opened && parseFleetProof(opened.payload)
    return proof?.order === order && proof.gateway === gateway && opened?.gateway === gateway ? proof : undefined
  })
  const held = proofs.filter((proof) => proof !== undefined)
  const [first] = held
  if (first === undefined || held.length !== proofs.length) return undefined
  return { envelopes, proofs: held, isWhole: first.workers.every((worker) => isShown(held, worker)) }
}

function isShown(proofs: readonly FleetProof[], worker: string): boolean {
  const own = proofs.find((proof) => proof.worker === worker)
  return own !== undefined && (own.proof === 'table' || (own.canaries.length > 0 && own.canaries.every(isRefused)))
}

function isRefused({ refused }: FleetProof['canaries'][number]): boolean {
  return refused
}

const ENVELOPES_MAX = 1024

function parseTexts(body: string): readonly string[] | undefined {
  try {
    const value: unknown = JSON.parse(body)
    if (!Array.isArray(value) || value.length > ENVELOPES_MAX) return undefined
    return value.every((each): each is string => typeof each === 'string') ? value : undefined
  } catch {
    return undefined
  }
}
