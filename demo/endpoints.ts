// What the registry answers, endpoint by endpoint; openapi.yaml says the same in its own language.
// None of them asks who is calling: the registry believes whoever reaches it, and leaves that question to the gateway.
import { createAppointmentBook, type AppointmentBook } from './appointments.ts'
import { listSlots } from './facilities.ts'
import { isDemoMobile, maskIdNumber, maskMobile } from './identifiers.ts'
import type { OtpDesk } from './otp-desk.ts'
import type { Citizen, Population } from './population.ts'
import { failure, type Answer, type Endpoint } from './router.ts'
import { drawCertificate, watchSlots } from './streams.ts'
import type { TokenDesk } from './tokens.ts'

export type RegistryParts = {
  population: Population
  otp: OtpDesk
  tokens: TokenDesk
  now: () => number
  certificatePaceMs: number
  eventPaceMs: number
}

const ok = (body: unknown): Answer => ({ status: 200, body })

export function createEndpoints(parts: RegistryParts): Endpoint[] {
  const book = createAppointmentBook(parts.population, parts.now)
  return [
    ...authEndpoints(parts),
    ...citizenEndpoints(parts, book),
    ...publicEndpoints(parts, book),
    partnerEndpoint(parts),
  ]
}

/** The text fields of a JSON body: undefined unless every one of them is there. */
function readFields<K extends string>(body: unknown, names: readonly K[]): Record<K, string> | undefined {
  if (typeof body !== 'object' || body === null) return undefined
  const fields: Record<string, unknown> = { ...body }
  return names.every((name) => typeof fields[name] === 'string') ? (fields as Record<K, string>) : undefined
}

function authEndpoints({ population, otp, tokens }: RegistryParts): Endpoint[] {
  return [
    {
      operation: 'generateOTP',
      method: 'POST',
      path: '/api/v2/auth/generateOTP',
      answer({ body }) {
        const fields = readFields(body, ['mobile'])
        if (fields === undefined || !isDemoMobile(fields.mobile))
          return failure(400, 'mobile: a number of the demo block')
        // A number that nobody registered gets the same answer, so that this door does not tell who is registered.
        return ok({ txnId: otp.start(fields.mobile) })
      },
    },
    {
      operation: 'confirmOTP',
      method: 'POST',
      path: '/api/v2/auth/confirmOTP',
      async answer({ body }) {
        const fields = readFields(body, ['txnId', 'otp'])
        if (fields === undefined) return failure(400, 'txnId and otp are needed')
        const result = otp.confirm(fields.txnId, fields.otp)
        if (result.kind === 'exhausted') return failure(429, 'too many attempts: ask for a new code')
        const household = result.kind === 'confirmed' ? population.households.get(result.mobile) : undefined
        if (household === undefined) return failure(401, 'wrong or expired code')
        return ok({ token: await tokens.issue(household) })
      },
    },
  ]
}

function citizenEndpoints({ population, certificatePaceMs }: RegistryParts, book: AppointmentBook): Endpoint[] {
  const withCitizen = (id: string | undefined, answer: (citizen: Citizen) => Answer): Answer => {
    const citizen = population.citizens.get(id ?? '')
    return citizen === undefined ? failure(404, 'no such beneficiary') : answer(citizen)
  }
  return [
    {
      operation: 'readBeneficiary',
      method: 'GET',
      path: '/api/v2/beneficiaries/{beneficiaryId}',
      answer: ({ params }) => withCitizen(params.beneficiaryId, (citizen) => ok(ownRecord(citizen))),
    },
    {
      operation: 'listAppointments',
      method: 'GET',
      path: '/api/v2/appointments/{beneficiaryId}',
      answer: ({ params }) =>
        withCitizen(params.beneficiaryId, ({ beneficiaryId }) => ok({ appointments: book.list(beneficiaryId) })),
    },
    {
      operation: 'bookAppointment',
      method: 'POST',
      path: '/api/v2/appointments',
      answer({ body }) {
        const fields = readFields(body, ['beneficiaryId', 'facilityId', 'slotId'])
        if (fields === undefined) return failure(400, 'beneficiaryId, facilityId and slotId are needed')
        const { beneficiaryId, facilityId, slotId } = fields
        return withCitizen(beneficiaryId, () => {
          const appointment = book.reserve(beneficiaryId, facilityId, slotId)
          return appointment === undefined ? failure(409, 'no place in that slot') : { status: 201, body: appointment }
        })
      },
    },
    {
      operation: 'downloadCertificate',
      method: 'GET',
      path: '/api/v2/certificates/{beneficiaryId}',
      answer: ({ params, signal }) =>
        withCitizen(params.beneficiaryId, (citizen) => ({
          type: 'application/json',
          stream: drawCertificate(citizen, certificatePaceMs, signal),
        })),
    },
  ]
}

function publicEndpoints({ population, now, eventPaceMs }: RegistryParts, book: AppointmentBook): Endpoint[] {
  return [
    {
      operation: 'listFacilities',
      method: 'GET',
      path: '/api/v2/facilities',
      answer({ query }) {
        const district = query.get('district')
        const all = [...population.facilities.values()]
        return ok({ facilities: district === null ? all : all.filter((facility) => facility.district === district) })
      },
    },
    {
      operation: 'listSlots',
      method: 'GET',
      path: '/api/v2/facilities/{facilityId}/slots',
      answer({ params: { facilityId = '' } }) {
        if (!population.facilities.has(facilityId)) return failure(404, 'no such facility')
        return ok({ facilityId, slots: listSlots(facilityId, now(), book.booked) })
      },
    },
    {
      operation: 'watchSlots',
      method: 'GET',
      path: '/api/v2/events',
      answer: ({ signal }) => ({
        type: 'text/event-stream',
        stream: watchSlots({ population, now, booked: book.booked }, eventPaceMs, signal),
      }),
    },
  ]
}

/** The careless door: for a partner key (any) it gives a household's whole record for a bare mobile number, no code asked. */
function partnerEndpoint({ population }: RegistryParts): Endpoint {
  return {
    operation: 'partnerLookup',
    method: 'GET',
    path: '/api/v2/partner/lookup/{mobile}',
    answer({ params: { mobile = '' }, headers }) {
      if (headers['x-partner-key'] === undefined) return failure(401, 'X-Partner-Key is needed')
      const household = population.households.get(mobile)
      if (household === undefined) return failure(404, 'nobody is registered with this number')
      return ok({ mobile, beneficiaries: household.members.map((member) => ({ ...member, generated: true })) })
    },
  }
}

/** What a citizen sees of their own record: contact and identity numbers masked. */
function ownRecord({ mobile, idNumber, ...rest }: Citizen) {
  return { ...rest, mobile: maskMobile(mobile), idNumber: maskIdNumber(idNumber), generated: true }
}
