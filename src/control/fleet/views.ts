// The fleet as the API shows it: who is there, who has proven what, and who is missing since when.
import type { WorkerHeartbeat } from '../../core/fleet-messages.ts'
import { sumResiduals, type Residual } from '../../core/residual.ts'
import type { Heard, MemberState } from '../../core/fleet-roster.ts'
import type { FleetCertificate, FleetProofView, GatewayView, MissingGateway } from '../../ports/control-api.ts'
import { formatInstant } from '../instants.ts'
import type { FleetParts } from './fleet.ts'
import { momentOf } from './link.ts'
import type { ShownProof } from './proofs.ts'

/** A member is missing once it was not heard for as long as it may trust its own view: of one that is no neighbour, as of the last look. */
export function stateOf(parts: FleetParts, gateway: string): MemberState {
  const { deps, roster, look } = parts
  const isNeighbour = roster.neighbours.includes(gateway)
  return roster.stateOf(
    gateway,
    isNeighbour ? momentOf(deps.clock) : (look.readAt ?? momentOf(deps.clock)),
    deps.leaseMs,
  )
}

export function gatewayViews(parts: FleetParts): readonly GatewayView[] {
  const { roster } = parts
  const names = [...new Set([roster.own, ...roster.members.map(({ gateway }) => gateway)])]
  return names.map((name) => gatewayView(parts, name))
}

function gatewayView(parts: FleetParts, name: string): GatewayView {
  const { deps, roster, link, table } = parts
  const state = stateOf(parts, name)
  const address = roster.member(name)?.address
  const common = {
    ...{ name, state },
    ...(address === undefined ? {} : { address }),
    ...(parts.book.isByOldSecret(name) ? { voucher: 'old' as const } : {}),
  }
  if (name === roster.own) {
    const { epoch } = deps.desk.ledger
    const { workers } = deps.dataPlane
    const leaseRemainingMs = Math.floor(link.leaseRemainingMs)
    const condition = deps.condition?.() ?? {}
    return {
      ...common,
      ...condition,
      epoch,
      leaseRemainingMs,
      workers,
      table: table(),
      proven: areCurrent(workers, epoch),
    }
  }
  const heard = roster.heard(name)
  if (heard === undefined) return { ...common, epoch: 0, leaseRemainingMs: 0, workers: [], proven: false }
  const { epoch, lease, workers, table: theirs, condition = {} } = heard.heartbeat
  return {
    ...common,
    ...condition,
    epoch,
    leaseRemainingMs: state === 'live' ? lease : 0,
    workers,
    table: theirs,
    lastSeen: formatInstant(heard.moment.wallMs),
    proven: state === 'live' && theirs === table() && areCurrent(workers, epoch),
  }
}

function areCurrent(workers: readonly WorkerHeartbeat[], epoch: number): boolean {
  return workers.every((worker) => worker.alive && worker.epoch >= epoch)
}

/** Members by state, and how many of those that count have proven the table that is in force here. */
export function countGateways(parts: FleetParts): Readonly<Record<MemberState | 'proven', number>> {
  const counts = { live: 0, missing: 0, left: 0, forgotten: 0, proven: 0 }
  for (const { state, proven } of gatewayViews(parts)) {
    if (state !== undefined) counts[state] += 1
    if (proven) counts.proven += 1
  }
  return counts
}

/** Resolves once every member that counts has proven the order, or at the limit. Never rejects. */
export async function proofWithin(parts: FleetParts, order: string, limitMs: number): Promise<FleetProofView> {
  const { proofs, deps } = parts
  const startedMs = parts.acceptedMs.get(order) ?? deps.clock.monotonicMs()
  const isDone = createProvenCheck(parts, order)
  let stop = (): void => undefined
  let timer: NodeJS.Timeout | undefined
  await new Promise<void>((resolve) => {
    const check = (): void => {
      if (isDone()) resolve()
    }
    stop = proofs.onProof(order, check)
    timer = setTimeout(resolve, limitMs).unref()
    check()
  })
  stop()
  clearTimeout(timer)
  // What was told may have been lost on the way; what was kept is there.
  if (!isDone()) await Promise.all([proofs.gather(order), parts.look.refresh()])
  return proofView(parts, order, startedMs)
}

/**
 * Whether every member that counts has proven the order. Asked at each proof, so it looks no further than the first that has not:
 * of a thousand members each proof would else cost a look at a thousand.
 */
function createProvenCheck(parts: FleetParts, order: string): () => boolean {
  let names = countingNames(parts)
  let at = 0
  return () => {
    const known = parts.proofs.known(order)
    const skip = (): void => {
      while (at < names.length && known.get(names[at] ?? '')?.isWhole === true) at += 1
    }
    skip()
    const missing = names[at]
    if (missing !== undefined && (missing === parts.roster.own || parts.roster.counts(missing))) return false
    // All of those; or this one has left since. Who has come since counts as well.
    names = countingNames(parts)
    at = 0
    skip()
    return at >= names.length
  }
}

function countingNames({ roster }: FleetParts): readonly string[] {
  return [roster.own, ...roster.peers.map(({ gateway }) => gateway)]
}

function proofView(parts: FleetParts, order: string, startedMs: number): FleetProofView {
  const { proofs, deps } = parts
  const known = proofs.known(order)
  const names = countingNames(parts)
  const proven = names.filter((name) => known.get(name)?.isWhole === true)
  const missing = names.filter((name) => !proven.includes(name))
  const lastMs = Math.max(startedMs, ...proven.map((name) => known.get(name)?.heardMs ?? 0))
  return {
    proven: proven.flatMap((name) => workersOf(known.get(name)).map((worker) => `${name}/${worker}`)),
    missing,
    elapsedMs: Math.round((missing.length === 0 ? lastMs : deps.clock.monotonicMs()) - startedMs),
    residual: residualOf([known]),
    gateways: { proven: proven.length, total: names.length },
    missingGateways: missing.map((name) => missingGatewayOf(parts, name)),
  }
}

function residualOf(shown: readonly ReadonlyMap<string, ShownProof>[]): Residual {
  const statements = shown.flatMap((known) => [...known.values()].flatMap((each) => each.statements))
  // A worker that has shown two orders of one epoch at once tells the same twice.
  const told = new Map(
    statements.map((each) => [`${each.gateway}/${each.worker} ${each.at} ${each.epoch}`, each.residual]),
  )
  return sumResiduals([...told.values()].flatMap((residual) => residual ?? []))
}

function workersOf(shown: ShownProof | undefined): readonly string[] {
  return shown?.statements.map(({ worker }) => worker) ?? []
}

/**
 * By when a member that does not answer has ended its own lease: that began, at the latest, with the request that was heard last.
 * A later one would stand in the store, and would have been read here, as long as the store was read here.
 */
export function missingGatewayOf(parts: FleetParts, name: string): MissingGateway {
  const { roster } = parts
  const address = roster.member(name)?.address
  const heard = roster.heard(name)
  const common = { name, state: stateOf(parts, name), ...(address === undefined ? {} : { address }) }
  if (heard === undefined) return common
  const fenced = fencedOf(parts, name, heard)
  return { ...common, lastSeen: formatInstant(heard.moment.wallMs), ...(fenced === undefined ? {} : { fenced }) }
}

function fencedOf(parts: FleetParts, name: string, { moment }: Heard): MissingGateway['fenced'] {
  const { deps, roster, link, look } = parts
  const endsMs = moment.wallMs + deps.leaseMs
  const read = roster.neighbours.includes(name) ? link.answeredAt : look.readAt
  // Where this gateway itself reaches no store, others may well hear that one.
  if (read === undefined) return undefined
  const silentMs = read.monotonicMs - moment.monotonicMs
  if (silentMs >= deps.leaseMs && read.wallMs >= endsMs) return { since: formatInstant(endsMs) }
  return silentMs > deps.leaseMs / 4 && link.isInContact ? { by: formatInstant(endsMs) } : undefined
}

/** What each member has shown of the orders that were answered with the epoch; undefined where there are none. */
export async function fleetCertificate(parts: FleetParts, epoch: number): Promise<FleetCertificate | undefined> {
  const { deps, proofs } = parts
  const { accepted, held, released } = deps.desk.ledger
  const answered = [...accepted].filter(([, at]) => at === epoch).map(([id]) => id)
  if (answered.length === 0) return undefined
  await parts.look.refresh()
  const gathered = await Promise.all(answered.map(async (order) => [order, await proofs.gather(order)] as const))
  // A proposal or a word about an incident is answered with the epoch that stands, and has nothing that a canary could show.
  const shown = gathered.filter(([order, known]) => known.size > 0 || held.has(order) || released.has(order))
  if (shown.length === 0) return undefined
  const orders = shown.map(([order]) => order)
  const names = countingNames(parts)
  const isProven = (name: string): boolean => shown.every(([, known]) => known.get(name)?.isWhole === true)
  const views = orders.map((order) => proofView(parts, order, parts.acceptedMs.get(order) ?? Infinity))
  const elapsed = Math.max(...views.map(({ elapsedMs }) => elapsedMs))
  return {
    orders,
    proven: names.filter(isProven),
    missing: names.filter((name) => !isProven(name)).map((name) => missingGatewayOf(parts, name)),
    ...(Number.isFinite(elapsed) && names.every(isProven) ? { elapsedMs: elapsed } : {}),
    residual: residualOf(shown.map(([, known]) => known)),
    proofs: shown.flatMap(([, known]) => [...known.values()].flatMap(({ texts }) => texts)),
  }
}
