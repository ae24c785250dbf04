// Gateway by gateway, as each proves an order that was accepted here: what a responder watches after a freeze.
import type { FleetProofEvent } from '../../ports/live-views.ts'
import type { ControlDeps } from '../control-deps.ts'
import type { FleetParts } from '../fleet/fleet.ts'

/** Who has not proven it by then is seen in the status. */
const FOLLOW_MS = 30_000

/** Follows every order from its acceptance on. Returns how to stop. */
export function tellFleetProofs({ fleet, desk }: ControlDeps, tell: (event: FleetProofEvent) => void): () => void {
  if (fleet === undefined) return () => undefined
  const stops = new Set<() => void>()
  const stopDesk = desk.onChange((change) => {
    if (change.event === 'lock' || change.event === 'release') stops.add(follow(fleet, change.id, tell))
  })
  return () => {
    stopDesk()
    for (const stop of stops) stop()
  }
}

function follow(fleet: FleetParts, id: string, tell: (event: FleetProofEvent) => void): () => void {
  const { proofs, roster, acceptedMs, deps } = fleet
  const startedMs = acceptedMs.get(id) ?? deps.clock.monotonicMs()
  const told = new Set<string>()
  const check = (): void => {
    const names = [roster.own, ...roster.peers.map(({ gateway }) => gateway)]
    for (const [gateway, { isWhole, heardMs }] of proofs.known(id)) {
      if (!isWhole || told.has(gateway)) continue
      told.add(gateway)
      const elapsedMs = Math.max(0, Math.round(heardMs - startedMs))
      tell({ id, gateway, elapsedMs, proven: told.size, total: Math.max(names.length, told.size) })
    }
  }
  const stopProofs = proofs.onProof(id, check)
  const timer = setTimeout(stopProofs, FOLLOW_MS).unref()
  check()
  return () => {
    clearTimeout(timer)
    stopProofs()
  }
}
