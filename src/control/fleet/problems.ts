// What an operator should mend in a fleet.
import type { FleetParts } from './fleet.ts'
import { stateOf } from './views.ts'

export function fleetProblems(parts: FleetParts): readonly string[] {
  const { deps, book, link, roster, intake, table } = parts
  const { genesis, late } = deps.desk.ledger
  const missing = roster.peers.map(({ gateway }) => gateway).filter((name) => stateOf(parts, name) === 'missing')
  const differing = roster.peers.flatMap(({ gateway }) => {
    const heard = roster.heard(gateway)
    return heard !== undefined && stateOf(parts, gateway) === 'live' && heard.heartbeat.table !== table()
      ? [gateway]
      : []
  })
  return [
    ...(book.founded ? [] : [foundingText(genesis.size > 0)]),
    ...(link.isInContact ? [] : ['the fleet store does not answer: see to Redis, and to the way to it']),
    ...(link.lacking.length === 0
      ? []
      : [`orders that other gateways have are not here, so the lease stays out: ${link.lacking.length}`]),
    ...intake.problems,
    ...missing.map((name) => `${name} is missing: bring it back, or give it up with a forget order`),
    ...differing.map((name) => `${name} has another table: its config, or the time at which a release came, differs`),
    ...[...late].map(
      (id) => `release ${id} came here after its exp and opened nothing here: propose it anew, for all to open`,
    ),
  ]
}

function foundingText(hasGenesis: boolean): string {
  return hasGenesis
    ? 'this gateway waits for one founded peer to answer it, before it serves'
    : 'the fleet is not founded: a commander signs a genesis order once; until then each route does what its stale says'
}
