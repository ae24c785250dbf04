// An order desk over memory fakes, with three responders: a night desk that locks, and two commanders.
import { createOrderVerifier } from '../../src/adapters/jose/order-verifier.ts'
import { createOrderDesk, type DeskDeps, type OrderDesk } from '../../src/control/order-desk.ts'
import type { LedgerEntry } from '../../src/core/ledger-entry.ts'
import type { Responder } from '../../src/core/responder.ts'
import type { Route } from '../../src/core/route.ts'
import type { OrderJournal } from '../../src/ports/order-journal.ts'
import {
  createFakeClock,
  createFakeDataPlane,
  createFakeJournal,
  createFakeLogger,
  createFakeRandomness,
  createFakeTrail,
  createRoute,
  type CallLog,
} from './control-ports.ts'
import { createPerson, LOCK_ALL, publicPart, signOrder, type Person, type SignOptions } from './control-signing.ts'

export const people = {
  desk: createPerson('night-desk', 'responder'),
  lead: createPerson('lead', 'commander'),
  chief: createPerson('chief', 'commander'),
  viewer: createPerson('wall', 'viewer'),
  auditor: createPerson('auditor', 'auditor'),
}

export const ROUTES: readonly Route[] = [
  createRoute('record.read', { tags: ['pii'] }),
  createRoute('record.write', { tags: ['pii'], methods: ['POST'] }),
  createRoute('facilities', { session: 'none', upstream: 'directory' }),
]

export interface Rig {
  readonly log: CallLog
  readonly clock: ReturnType<typeof createFakeClock>
  readonly journal: ReturnType<typeof createFakeJournal>
  readonly trail: ReturnType<typeof createFakeTrail>
  readonly dataPlane: ReturnType<typeof createFakeDataPlane>
  readonly logger: ReturnType<typeof createFakeLogger>
  readonly settings: { routes: readonly Route[]; responders: readonly Responder[]; approvals: number }
  readonly desk: OrderDesk
  sign(who: Person, order: unknown, options?: SignOptions): string
  order(who: Person, order: unknown, options?: SignOptions): ReturnType<OrderDesk['submit']>
  /** The order's answer where it is accepted; throws where it is not. */
  accept(
    who: Person,
    order: unknown,
  ): Promise<Extract<Awaited<ReturnType<OrderDesk['submit']>>, { outcome: 'accepted' }>>
  lockAll(): Promise<string>
  /** The desk that a restart would make of what the journal kept. */
  restart(): Promise<Rig>
}

export interface RigOptions extends Partial<Pick<DeskDeps, 'limitMs' | 'retryMs' | 'reportLimitMs' | 'isRecovered'>> {
  readonly entries?: readonly LedgerEntry[]
  /** In place of the fake one. */
  readonly journal?: OrderJournal
  readonly isStarted?: boolean
}

export async function createRig(options: RigOptions = {}): Promise<Rig> {
  const { entries, journal, isStarted = true, ...limits } = options
  const log: CallLog = []
  const fakes = {
    clock: createFakeClock(),
    journal: createFakeJournal(log, entries),
    trail: createFakeTrail(log),
    dataPlane: createFakeDataPlane(log),
    logger: createFakeLogger(),
  }
  const settings = { routes: ROUTES, responders: Object.values(people).map(publicPart), approvals: 2 }
  const desk = await createOrderDesk({
    ...fakes,
    ...(journal === undefined ? {} : { journal }),
    verifier: createOrderVerifier(),
    randomness: createFakeRandomness(),
    settings: () => settings,
    limitMs: 40,
    retryMs: 5,
    reportLimitMs: 40,
    ...limits,
  })
  if (isStarted) await desk.start()
  // What the workers show of the start has been said.
  await new Promise((resolve) => setImmediate(resolve))
  log.length = 0
  const sign: Rig['sign'] = (who, order, signing) => signOrder(who, order, fakes.clock.now(), signing)
  const order: Rig['order'] = (who, what, signing) => desk.submit(sign(who, what, signing), 'api')
  const accept: Rig['accept'] = async (who, what) => {
    const result = await order(who, what)
    if (result.outcome !== 'accepted') throw new Error(JSON.stringify(result))
    return result
  }
  return {
    ...fakes,
    log,
    settings,
    desk,
    sign,
    order,
    accept,
    lockAll: async () => (await accept(people.desk, LOCK_ALL)).id,
    restart: () => createRig({ ...options, entries: fakes.journal.kept }),
  }
}
