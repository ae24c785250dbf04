// The ledger as the API shows it (ports/control-api.ts).
import { isFrozen, coveredRoutes } from '../core/lock-table.ts'
import { tableOf, type Ledger } from '../core/ledger.ts'
import { modeAt, type Lock } from '../core/lock.ts'
import { findOverdue } from '../core/overdue.ts'
import { BOARD_MS, CERT_IN_MS, incidentsOf, type Incident } from '../core/incident.ts'
import { keyNameOf } from '../core/responder.ts'
import { isRetiredBy, type Enrolment } from '../core/roster.ts'
import type { Instant } from '../core/time.ts'
import type { DrillView, GatewayView, IncidentView, LockView, StatusView } from '../ports/control-api.ts'
import type { ControlDeps } from './control-deps.ts'
import { fleetProblems } from './fleet/problems.ts'
import { observedView } from './impact-view.ts'
import { gatewayViews } from './fleet/views.ts'
import { formatInstant } from './instants.ts'
import { openingsOf, pendingView } from './opening-views.ts'

export function lockView(deps: ControlDeps, lock: Lock): LockView {
  const { id, scope, source, onExpiry, reason, incident } = lock
  const epoch = deps.desk.ledger.held.get(id)?.epoch
  return {
    id,
    scope,
    mode: modeAt(lock, deps.clock.now()) ?? lock.mode,
    source,
    since: formatInstant(lock.since),
    onExpiry,
    reason,
    incident,
    covers: coveredRoutes(lock, deps.settings().routes),
    ...(lock.until === undefined ? {} : { until: formatInstant(lock.until) }),
    ...(lock.by === undefined ? {} : { by: lock.by }),
    ...(epoch === undefined ? {} : { epoch }),
    ...residualOf(deps, lock),
    ...observedOf(deps, lock),
    ...openingsOf(lock, deps.clock.now()),
  }
}

function residualOf({ desk }: ControlDeps, { id }: Lock): Pick<LockView, 'residual'> {
  const epoch = desk.ledger.held.get(id)?.epoch
  const certificate = epoch === undefined ? undefined : desk.certificate(epoch)
  return certificate === undefined ? {} : { residual: certificate.residual }
}

function observedOf({ impact }: ControlDeps, { id }: Lock): Pick<LockView, 'observed'> {
  const observed = impact?.observed(id)
  return observed === undefined ? {} : { observed: observedView(observed) }
}

/** Locks that refuse, or would: one that has opened by itself is not among them. */
export function locksInForce(ledger: Ledger, now: Instant): readonly Lock[] {
  return tableOf(ledger).locks.filter((lock) => modeAt(lock, now) !== undefined)
}

function fleetView(deps: ControlDeps): StatusView['fleet'] {
  if (deps.fleet === undefined) {
    const gateway = gatewayView(deps)
    return { gateways: [gateway], proven: gateway.proven ? 1 : 0, total: 1 }
  }
  const gateways = gatewayViews(deps.fleet)
  const counting = gateways.filter(({ state }) => state === 'live' || state === 'missing')
  return {
    gateways,
    proven: counting.filter(({ proven }) => proven).length,
    total: counting.length,
    name: deps.fleet.deps.fleet,
  }
}

function gatewayView({ dataPlane, desk, gatewayName, condition }: ControlDeps): GatewayView {
  const { workers, leaseRemainingMs } = dataPlane
  const { epoch } = desk.ledger
  return {
    name: gatewayName,
    epoch,
    leaseRemainingMs,
    workers,
    proven: workers.every((worker) => worker.alive && worker.epoch >= epoch),
    ...condition?.(),
  }
}

function drillView({ desk, clock }: ControlDeps): DrillView | undefined {
  const { drill } = desk.ledger
  if (drill === undefined) return undefined
  const proof = desk.drillProof?.id === drill.id ? desk.drillProof.proof : undefined
  return {
    id: drill.id,
    by: drill.by ?? '',
    at: formatInstant(drill.since),
    ageSeconds: (clock.now() - drill.since) / 1000,
    ...(proof === undefined ? {} : { proof }),
  }
}

function recoveryProblems({ desk, clock }: ControlDeps): readonly string[] {
  const { recovered, roster } = desk.ledger
  return recovered.filter(({ responder }) => !isRetiredBy(roster, responder, clock.now())).map(recoveryProblem)
}

function recoveryProblem({ responder, at }: Enrolment): string {
  return `${keyNameOf(responder)} was enrolled on this host at ${formatInstant(at)}, since keys had been lost: retire that key once others are enrolled`
}

/** The newest; the trail has them all. */
const INCIDENTS_SHOWN = 50

function incidentView(incident: Incident): IncidentView {
  const { id, title, noticedAt, openedBy, closedAt, certInAt, boardAt, locks } = incident
  return {
    id,
    state: incident.isOpen ? 'open' : 'closed',
    noticedAt: formatInstant(noticedAt),
    noticedFrom: incident.isNoticedGuessed ? 'order' : 'told',
    certInDue: formatInstant(noticedAt + CERT_IN_MS),
    boardDue: formatInstant(noticedAt + BOARD_MS),
    locks,
    reported: {
      ...(certInAt === undefined ? {} : { certIn: formatInstant(certInAt) }),
      ...(boardAt === undefined ? {} : { board: formatInstant(boardAt) }),
    },
    ...(title === undefined ? {} : { title }),
    ...(openedBy === undefined ? {} : { openedBy }),
    ...(closedAt === undefined ? {} : { closedAt: formatInstant(closedAt) }),
  }
}

export function statusView(deps: ControlDeps): StatusView {
  const { desk, clock } = deps
  const now = clock.now()
  const drill = drillView(deps)
  return {
    epoch: desk.ledger.epoch,
    frozen: isFrozen(tableOf(desk.ledger), now),
    now: formatInstant(now),
    locks: locksInForce(desk.ledger, now).map((lock) => lockView(deps, lock)),
    pendingReleases: desk.pendingReleases(now).map(pendingView),
    incidents: incidentsOf(desk.ledger).slice(-INCIDENTS_SHOWN).map(incidentView),
    fleet: fleetView(deps),
    audit: deps.audit(),
    ...(drill === undefined ? {} : { drill }),
    ...(deps.suggestions === undefined ? {} : { suggestions: deps.suggestions.views }),
    problems: [
      ...desk.problems,
      ...deps.problems(),
      ...(deps.fleet === undefined ? [] : fleetProblems(deps.fleet)),
      ...findOverdue(desk.ledger, now).map(({ problem }) => problem),
      ...recoveryProblems(deps),
    ],
  }
}
