// Locks are proven by refusals that the workers show through their own servers; what was shown is kept as certificates.
import type { Lock } from '../core/lock.ts'
import { isWhole, modeAt } from '../core/lock.ts'
import { coveredRoutes } from '../core/lock-table.ts'
import type { Route } from '../core/route.ts'
import type { Instant } from '../core/time.ts'
import type { AuditTrail } from '../ports/audit-trail.ts'
import type { Clock } from '../ports/clock.ts'
import type { OrderAccepted } from '../ports/control-api.ts'
import type { CanaryProof, DataPlane, WorkerReport } from '../ports/data-plane.ts'
import type { Logger } from '../ports/logger.ts'
import { valueWithin } from './within.ts'

/** A canary a route and worker: enough to show it, few enough to be quick. */
const PROVEN_ROUTES_MAX = 20
const CERTIFICATES_MAX = 256
const PROVE_LIMIT_MS = 5000
const PROOFS_IN_RECORD_MAX = 100

export type ProofView = NonNullable<OrderAccepted['proof']>

/** A certificate before it is signed. */
export interface ProvenEpoch {
  readonly epoch: number
  readonly time: Instant
  readonly proofs: readonly CanaryProof[]
}

export interface Landed {
  readonly epoch: number
  readonly order?: string
  /** What landed; empty for a revocation or a release. */
  readonly locks: readonly Lock[]
  readonly routes: readonly Route[]
  readonly reports: readonly WorkerReport[]
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
}

export function createProver(deps: ProverDeps): Prover {
  const { dataPlane, clock, logger } = deps
  const certificates = new Map<number, ProvenEpoch>()
  const canaries = async (landed: Landed): Promise<readonly CanaryProof[] | undefined> => {
    const routes = canaryRoutes(landed, clock.now())
    if (routes.length === 0) return undefined
    const proofs = await valueWithin(dataPlane.prove(routes, drillOf(landed)), PROVE_LIMIT_MS, [])
    keep(certificates, { epoch: landed.epoch, time: clock.now(), proofs })
    recordProofs(deps, landed, proofs)
    return proofs
  }
  return {
    async prove(landed) {
      const proofs = await canaries(landed)
      const proven = provenWorkers(landed, proofs)
      const missing = dataPlane.workers.map(({ worker }) => worker).filter((worker) => !proven.includes(worker))
      if (missing.length > 0) logger.error('workers have not proven the epoch', { epoch: landed.epoch, missing })
      return { proven, missing, elapsedMs: Math.round(clock.monotonicMs() - landed.startedMs) }
    },
    certificate: (epoch) => certificates.get(epoch),
  }
}

/** In as many records as it takes: an audit entry has at most 32 KiB. */
function recordProofs({ trail, clock }: ProverDeps, { epoch, order }: Landed, proofs: readonly CanaryProof[]): void {
  for (let from = 0; from === 0 || from < proofs.length; from += PROOFS_IN_RECORD_MAX) {
    const part = proofs.slice(from, from + PROOFS_IN_RECORD_MAX)
    trail.append({
      time: clock.now(),
      kind: 'proof',
      epoch,
      proofs: part.map(({ worker, route, status, refused }) => ({ worker, route, status, refused })),
      ...(order === undefined ? {} : { order }),
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

/** The routes on which every request is refused, so that a canary that nobody sent must be refused too. */
function canaryRoutes(landed: Landed, now: Instant): readonly string[] {
  const shown = landed.locks.filter(
    (lock) =>
      modeAt(lock, now) === 'deny' &&
      isWhole(lock, now) &&
      Object.keys(lock.scope).every((key) => STATIC_DIMENSIONS.includes(key)),
  )
  return [...new Set(shown.flatMap((lock) => coveredRoutes(lock, landed.routes)))].slice(0, PROVEN_ROUTES_MAX)
}

/** Where no canary can show it (a lock of one person, say), the worker's word on its epoch is what there is. */
function provenWorkers(landed: Landed, proofs: readonly CanaryProof[] | undefined): readonly string[] {
  if (proofs === undefined)
    return landed.reports.filter(({ epoch }) => epoch >= landed.epoch).map(({ worker }) => worker)
  const shown = (proof: CanaryProof): boolean => proof.refused && proof.epoch >= landed.epoch
  const workers = [...new Set(proofs.map(({ worker }) => worker))]
  return workers.filter((worker) => proofs.every((proof) => proof.worker !== worker || shown(proof)))
}
