// One ordinary citizen: logs in, looks at the own household's records, books, and waits when refused.
import { isPassing, readField, type Reply } from './gateway-client.ts'
import { createLogin, type Phone } from './login.ts'
import type { Household } from './population.ts'
import type { Random } from './random.ts'

export type CitizenOptions = Omit<Phone, 'mobile'> & {
  household: Household
  facilityIds: readonly string[]
  random: Random
  /** Epoch milliseconds. */
  now: () => number
  /** How long the citizen watches the slot events. */
  watchMs: number
}
export type ActiveCitizen = {
  /** Neither waiting for an answer nor backing off. */
  isReady(): boolean
  /** Makes one call. Never throws. */
  step(): Promise<void>
}

// People come back: after a refusal first within a second, later each ten seconds or so, and never give up. They do
// not obey a Retry-After of minutes either, so that a release shows on the screen soon.
const firstWaitMs = 500
const longestWaitMs = 8000
const longestObeyedMs = 5000
const callsPerSession = 30

export function createCitizen(options: CitizenOptions): ActiveCitizen {
  const { household, facilityIds, random, now, watchMs, send, identity } = options
  const login = createLogin({ ...options, mobile: household.mobile })
  let waitUntilMs = 0
  let refusals = 0
  let busy = false
  let wanted: { facilityId: string; slotId: string } | undefined

  const get = (path: string, more: { watchMs?: number } = {}): Promise<Reply> =>
    send({ ...identity, ...more, method: 'GET', path: `/api/v2/${path}`, token: login.token() })
  const member = (): string => random.pick(household.members).beneficiaryId

  const seeSlots = async (): Promise<Reply> => {
    const facilityId = random.pick(facilityIds)
    const reply = await get(`facilities/${facilityId}/slots`)
    const slots = readField(reply.body, 'slots')
    const slotId = readField(
      Array.isArray(slots) && slots.length > 0 ? random.pick<unknown>(slots) : undefined,
      'slotId',
    )
    if (typeof slotId === 'string') wanted = { facilityId, slotId }
    return reply
  }
  const bookOrList = (): Promise<Reply> => {
    if (wanted === undefined) return get(`appointments/${member()}`)
    const body = { beneficiaryId: member(), ...wanted }
    wanted = undefined
    return send({ ...identity, method: 'POST', path: '/api/v2/appointments', token: login.token(), body })
  }
  // What is named more often is done more often.
  const visits: (() => Promise<Reply>)[] = [
    () => get(`beneficiaries/${member()}`),
    () => get(`beneficiaries/${member()}`),
    () => get(`beneficiaries/${member()}`),
    () => get(`appointments/${member()}`),
    () => get(`appointments/${member()}`),
    () => get('facilities'),
    seeSlots,
    seeSlots,
    bookOrList,
    () => get(`certificates/${member()}`),
    () => get('events', { watchMs }),
  ]

  const learn = (reply: Reply): void => {
    if (reply.status === 401 || random.below(callsPerSession) === 0) login.logOut()
    refusals = isPassing(reply) ? refusals + 1 : 0
    if (refusals === 0) return
    const growing = Math.min(longestWaitMs, firstWaitMs * 2 ** (refusals - 1)) * (0.75 + random.fraction() / 2)
    waitUntilMs = now() + Math.max(growing, Math.min(reply.retryAfterMs, longestObeyedMs))
  }

  return {
    isReady: () => !busy && now() >= waitUntilMs,
    async step() {
      busy = true
      const reply = login.token() === undefined ? await login.step() : await random.pick(visits)()
      if (reply !== undefined) learn(reply)
      busy = false
    },
  }
}
