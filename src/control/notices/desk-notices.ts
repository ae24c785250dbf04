// What of the desk's changes is told outside: locks, releases, what waits for a signature, proofs that are missing, what was forgotten.
import { coveredRoutes } from '../../core/lock-table.ts'
import type { Lock } from '../../core/lock.ts'
import type { Notice, NoticeType } from '../../core/notice.ts'
import { findOverdue } from '../../core/overdue.ts'
import type { Proposal } from '../../core/proposal.ts'
import { keyNameOf } from '../../core/responder.ts'
import type { Route } from '../../core/route.ts'
import type { Clock } from '../../ports/clock.ts'
import { formatInstant } from '../instants.ts'
import type { DeskChange } from '../ledger-keeper.ts'
import type { OrderDesk } from '../order-desk.ts'

export interface DeskNoticesDeps {
  readonly desk: OrderDesk
  readonly clock: Clock
  readonly routes: () => readonly Route[]
  readonly gatewayName: string
  readonly fleet?: string
  /** Whether this gateway has accepted the order itself: of a fleet one tells. */
  readonly isOwn: (order: string) => boolean
  /** Origin of a control plane that people reach; absent: they know their own. */
  readonly control: () => string | undefined
  /** Gateways or workers that have not shown the order, once that can be said. */
  readonly missingOf: (change: Extract<DeskChange, { event: 'proof' }>) => Promise<readonly string[]>
  readonly tell: (notice: Notice) => void
}

export interface DeskNotices {
  /** For a timer: what was forgotten, once a day each. */
  nag(): void
  close(): void
}

const NAG_EVERY_MS = 24 * 3_600_000
const LOCKS_TOLD_MAX = 50

export function createDeskNotices(deps: DeskNoticesDeps): DeskNotices {
  const { desk, clock } = deps
  const pending = new Set(desk.pendingReleases(clock.now()).map(({ id }) => id))
  const refrozen = new Set(desk.ledger.refreezes.keys())
  const nagged = new Map<string, number>()
  // Of a release and of a start no proof is missed.
  const locking = new Set<string>()
  const tell = (type: NoticeType, about: string, data: Readonly<Record<string, unknown>>): void => {
    const { gatewayName: gateway, fleet } = deps
    const where = { gateway, ...(fleet === undefined ? {} : { fleet }), epoch: desk.ledger.epoch }
    deps.tell({ type, about, at: clock.now(), data: { ...where, ...data } })
  }
  const lookAtPending = (): void => {
    for (const proposal of desk.pendingReleases(clock.now())) {
      if (pending.has(proposal.id)) continue
      pending.add(proposal.id)
      if (deps.isOwn(proposal.id)) tell('release.pending', proposal.id, pendingData(deps, proposal))
    }
  }
  const stop = desk.onChange((change) => {
    switch (change.event) {
      case 'lock':
        locking.add(change.id)
        sayLock(deps, change, refrozen, tell)
        break
      case 'release':
        if (!deps.isOwn(change.id)) break
        if (change.withdrawnBy === undefined)
          tell('lock.released', change.id, { order: change.id, locks: change.locks })
        else tell('lock.withdrawn', change.id, { order: change.id, locks: change.locks, by: change.withdrawnBy })
        break
      case 'proof':
        if (locking.delete(change.id) && deps.isOwn(change.id))
          void deps.missingOf(change).then((missing) => {
            if (missing.length > 0)
              tell('proof.missing', change.id, { order: change.id, missing, ...statusCommand(deps) })
          })
        break
      case 'status':
        lookAtPending()
    }
  })
  return {
    nag() {
      const now = clock.now()
      for (const { lock, problem } of findOverdue(desk.ledger, now)) {
        if (now - (nagged.get(lock) ?? -Infinity) < NAG_EVERY_MS || !deps.isOwn(lock)) continue
        nagged.set(lock, now)
        tell('lock.overdue', `${lock} ${Math.floor(now / NAG_EVERY_MS)}`, { lock, problem, ...statusCommand(deps) })
      }
    },
    close: stop,
  }
}

type Tell = (type: NoticeType, about: string, data: Readonly<Record<string, unknown>>) => void

function sayLock(
  deps: DeskNoticesDeps,
  change: Extract<DeskChange, { event: 'lock' }>,
  refrozen: Set<string>,
  tell: Tell,
): void {
  const { desk } = deps
  const ended = desk.ledger.refreezes.get(change.id)
  if (ended !== undefined) {
    if (refrozen.has(change.id)) return
    refrozen.add(change.id)
    const { plan } = change.locks.find(({ thaw }) => thaw?.release === change.id)?.thaw ?? {}
    const owner = plan === undefined ? {} : { owner: plan.owner }
    tell('thaw.refrozen', change.id, {
      release: change.id,
      why: ended.why,
      locks: change.locks.map(({ id }) => id),
      ...owner,
    })
    return
  }
  const locks = change.locks.filter(({ source }) => source !== 'drill')
  if (locks.length === 0 || !deps.isOwn(change.id)) return
  tell('lock.landed', change.id, {
    locks: locks.slice(0, LOCKS_TOLD_MAX).map((lock) => lockData(deps, lock)),
    ...statusCommand(deps),
  })
}

/** Without its scope: that may name people. */
function lockData({ routes }: DeskNoticesDeps, lock: Lock): Readonly<Record<string, unknown>> {
  const { id, mode, source, reason, incident, by, until, since } = lock
  return {
    ...{ id, mode, source, reason, incident, since: formatInstant(since), covers: coveredRoutes(lock, routes()) },
    isEverything: lock.scope.all === true,
    ...(by === undefined ? {} : { by }),
    ...(until === undefined ? {} : { until: formatInstant(until) }),
  }
}

function pendingData(deps: DeskNoticesDeps, proposal: Proposal): Readonly<Record<string, unknown>> {
  const { id, order, locks, reason, signers, required, expiresAt } = proposal
  const control = deps.control()
  const at = control === undefined ? '' : ` --control ${control}`
  return {
    ...{ id, kind: order.kind, locks, reason, signed: signers.map(keyNameOf), required },
    ...(expiresAt === undefined ? {} : { until: formatInstant(expiresAt) }),
    approve: {
      command: `portcullis approve ${id}${at}`,
      ...(control === undefined ? {} : { link: `${control}/console/#/release?id=${encodeURIComponent(id)}` }),
    },
  }
}

function statusCommand({ control }: DeskNoticesDeps): Readonly<Record<string, string>> {
  const at = control()
  return { status: `portcullis status${at === undefined ? '' : ` --control ${at}`}` }
}
