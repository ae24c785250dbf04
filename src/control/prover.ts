// Locks are proven by refusals that the workers show through their own servers; what was shown is kept as certificates.
import type { Lock } from '../core/lock.ts'
import { isWhole, modeAt } from '../core/lock.ts'
import { coveredRoutes } from '../core/lock-table.ts'
import { isSafeMethod } from '../core/policy.ts'
import { sumResiduals, type Residual } from '../core/residual.ts'
import type { Route } from '../core/route.ts'
import type { Instant } from '../core/time.ts'
import type { ClockReading } from '../core/worker-statement.ts'
import type { AuditTrail } from '../ports/audit-trail.ts'
import type { Clock } from '../ports/clock.ts'
import type { OrderAccepted } from '../ports/control-api.ts'
import type { CanaryProof, CanaryRoute, DataPlane, WorkerProof } from '../ports/data-plane.ts'
import type { Logger } from '../ports/logger.ts'
import { valueWithin } from './within.ts'

/** A canary a route and worker: enough to show it, few enough to be quick. */
const PROVEN_ROUTES_MAX = 20
/** Each class of routes has one even beyond that, up to this many. */
const PROVEN_CLASSES_MAX = 100
const CERTIFICATES_MAX = 256
const PROVE_LIMIT_MS = 5000
/** Workers that have not shown it in time are asked again. */
const TRIES_MAX = 3
const AGAIN_MS = 200
const PROOFS_IN_RECORD_MAX = 100

export type ProofView = NonNullable<OrderAccepted['proof']>

/** A certificate before it is signed. */
export interface ProvenEpoch {
  readonly epoch: number
  /** Ids of what landed with it. */
  readonly orders: readonly string[]
  readonly time: Instant
  readonly proofs: readonly CanaryProof[]
  /** What they came too late for. */
  readonly residual: Residual
  /** In the workers' own hand. */
  readonly texts: readonly string[]
}

export interface Landed {
  readonly epoch: number
  /** Ids of what landed. */
  readonly orders: readonly string[]
  /** What landed; empty for a revocation or a release. */
  readonly locks: readonly Lock[]
  readonly routes: readonly Route[]
  /** `monotonicMs` of the acceptance. */
  readonly startedMs: number
}

export interface Prover {
  /** Never rejects: what cannot be shown is missing. */
  prove(landed: Landed): Promise<ProofView>
  certificate(epoch: number): ProvenEpoch | undefined
}

export interface ProverDeps {
  readonly dataPlane: DataPlane
  readonly trail: AuditTrail
  readonly clock: Clock
  readonly logger: Logger
  /** Where this gateway's clock stands beside others, if that is known. */
  readonly clockReading?: () => ClockReading | undefined
}

export function createProver(deps: ProverDeps): Prover {
  const { dataPlane, clock, logger } = deps
  const certificates = new Map<number, ProvenEpoch>()
  const ask = (landed: Landed, routes: readonly CanaryRoute[]): Promise<readonly WorkerProof[]> => {
    const reading = deps.clockReading?.()
    const drill = drillOf(landed)
    const request = {
      ...{ orders: landed.orders, routes },
      ...(drill === undefined ? {} : { drill }),
      ...(reading === undefined ? {} : { clock: reading }),
    }
    return valueWithin(dataPlane.prove(request), PROVE_LIMIT_MS, [])
  }
  /** Of a start with nothing in force there is nothing to show. */
  const certify = ({ epoch, orders, locks }: Landed, shown: readonly WorkerProof[]): void => {
    if (orders.length + locks.length === 0) return
    const proofs = shown.flatMap(({ canaries }) => canaries)
    const texts = shown.map(({ text }) => text)
    keep(certificates, { epoch, orders, time: clock.now(), proofs, residual: residualOf(shown), texts })
  }
  return {
    async prove(landed) {
      const routes = canaryRoutes(landed, clock.now())
      const isMissing = (shown: readonly WorkerProof[]) => missingOf(dataPlane, landed, shown).length > 0
      let shown = await ask(landed, routes)
      certify(landed, shown)
      // On a host that is busy beyond its cores a worker may be late, and what is late is not lost: only what it has not shown.
      for (let tries = 1; tries < TRIES_MAX && isMissing(shown); tries += 1) {
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS))
        shown = withAgain(landed, shown, await ask(landed, routes))
        certify(landed, shown)
      }
      const residual = residualOf(shown)
      const proofs = shown.flatMap(({ canaries }) => canaries)
      if (routes.length > 0 || residual.inFlight > 0) recordProofs(deps, landed, proofs, residual)
      const proven = shown.filter((each) => isProven(landed, each)).map(({ worker }) => worker)
      const missing = missingOf(dataPlane, landed, shown)
      if (missing.length > 0) logger.error('workers have not proven the epoch', { epoch: landed.epoch, missing })
      const elapsedMs = Math.round(clock.monotonicMs() - landed.startedMs)
      return { proven, missing, elapsedMs, residual }
    },
    certificate: (epoch) => certificates.get(epoch),
  }
}

function isProven(landed: Landed, { epoch, canaries }: WorkerProof): boolean {
  return epoch >= landed.epoch && canaries.every((each) => each.refused && each.epoch >= landed.epoch)
}

function missingOf(
  { workers }: Pick<DataPlane, 'workers'>,
  landed: Landed,
  shown: readonly WorkerProof[],
): readonly string[] {
  const proven = shown.filter((each) => isProven(landed, each)).map(({ worker }) => worker)
  return workers.map(({ worker }) => worker).filter((worker) => !proven.includes(worker))
}

/** What was shown once stands: of the second time only those count who had not, and what they were too late for the first time is theirs still. */
function withAgain(
  landed: Landed,
  before: readonly WorkerProof[],
  again: readonly WorkerProof[],
): readonly WorkerProof[] {
  const news = again.filter(({ worker }) => !before.some((each) => each.worker === worker && isProven(landed, each)))
  const better = news.filter((each) => isProven(landed, each) || !before.some(({ worker }) => worker === each.worker))
  // The first text of such a worker may tell what it cut: it is kept beside the one that proves.
  return [...before, ...better]
}

function residualOf(shown: readonly WorkerProof[]): Residual {
  return sumResiduals(shown.flatMap(({ residual }) => residual ?? []))
}

/** In as many records as it takes: an audit entry has at most 32 KiB. */
function recordProofs(
  { trail, clock }: ProverDeps,
  { epoch, orders }: Landed,
  proofs: readonly CanaryProof[],
  residual: Residual,
): void {
  for (let from = 0; from === 0 || from < proofs.length; from += PROOFS_IN_RECORD_MAX) {
    const part = proofs.slice(from, from + PROOFS_IN_RECORD_MAX)
    trail.append({
      time: clock.now(),
      kind: 'proof',
      epoch,
      proofs: part.map(({ worker, route, status, refused }) => ({ worker, route, status, refused })),
      ...(orders[0] === undefined ? {} : { order: orders[0] }),
      ...(from === 0 ? { residual } : {}),
    })
  }
}

function keep(certificates: Map<number, ProvenEpoch>, certificate: ProvenEpoch): void {
  certificates.set(certificate.epoch, certificate)
  const [oldest] = certificates.keys()
  if (certificates.size > CERTIFICATES_MAX && oldest !== undefined) certificates.delete(oldest)
}

function drillOf({ locks }: Landed): string | undefined {
  return locks.find(({ source }) => source === 'drill')?.id
}

const STATIC_DIMENSIONS: readonly string[] = ['all', 'routes', 'tags', 'upstreams']

/** The routes on which every request is refused, so that a canary that nobody sent must be refused too; one of each class first. */
function canaryRoutes({ locks, routes }: Landed, now: Instant): readonly CanaryRoute[] {
  const shown = locks.filter(
    (lock) =>
      modeAt(lock, now) === 'deny' &&
      isWhole(lock, now) &&
      Object.keys(lock.scope).every((key) => STATIC_DIMENSIONS.includes(key)),
  )
  const covered = new Set(shown.flatMap((lock) => coveredRoutes(lock, routes)))
  const classes = new Map<string, Route[]>()
  for (const route of routes) {
    if (!covered.has(route.id)) continue
    const name = classOf(route)
    classes.set(name, [...(classes.get(name) ?? []), route])
  }
  const firsts = [...classes.values()].flatMap((each) => each.slice(0, 1)).slice(0, PROVEN_CLASSES_MAX)
  const others = [...classes.values()].flatMap((each) => each.slice(1)).slice(0, PROVEN_ROUTES_MAX - firsts.length)
  return [...firsts, ...(firsts.length < PROVEN_ROUTES_MAX ? others : [])].map((route) => ({
    route: route.id,
    stands: classes.get(classOf(route))?.length ?? 1,
  }))
}

/** Routes that the pipeline treats alike: what one of them shows, the others would. */
function classOf({ upstream, tags, policy, methods }: Route): string {
  const { session, stale, audit, lock } = policy
  return JSON.stringify([upstream, tags, session.level, stale, audit, lock, methods.every(isSafeMethod)])
}
