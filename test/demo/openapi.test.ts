import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { parse } from 'yaml'
import { createEndpoints } from '../../demo/endpoints.ts'
import { createOtpDesk } from '../../demo/otp-desk.ts'
import { createPopulation } from '../../demo/population.ts'
import { createTokenDesk } from '../../demo/tokens.ts'
import { askForCode, json, openRegistry, type TestRegistry } from './support.ts'

type Operation = {
  operationId: string
  tags: string[]
  security: Record<string, unknown>[]
  responses: Record<string, { $ref: string }>
}
type Schema = { type?: string; properties?: Record<string, unknown>; additionalProperties?: boolean }
type Document = {
  servers: { url: string }[]
  tags: { name: string }[]
  paths: Record<string, Record<string, Operation>>
  components: {
    securitySchemes: Record<string, unknown>
    schemas: Record<string, Schema>
    responses: Record<string, { content: Record<string, { schema: { $ref?: string } }> }>
  }
}

const document = parse(readFileSync(new URL('../../demo/openapi.yaml', import.meta.url), 'utf8')) as Document
const base = new URL(document.servers[0]?.url ?? '').pathname
const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item)
    .filter(([method]) => method !== 'parameters')
    .map(([method, operation]) => ({ path, method: method.toUpperCase(), ...operation })),
)

// A field that the document does not name is a mistake of one of the two, so every object is closed here.
for (const schema of Object.values(document.components.schemas)) schema.additionalProperties = false
const ajv = new Ajv2020({ strict: false, formats: { date: /^\d{4}-\d\d-\d\d$/, uuid: /^[\da-f-]{36}$/ } })
ajv.addSchema(document, 'registry')

const population = createPopulation(1)
const citizen = [...population.citizens.values()].find(({ doses }) => doses.length > 0)
if (citizen === undefined) throw new Error('no citizen with a dose')
const { beneficiaryId, mobile } = citizen
const facilityId = [...population.facilities.keys()][0] ?? ''

let registry: TestRegistry
beforeAll(async () => {
  registry = await openRegistry()
})
afterAll(() => registry.close())

type Sample = { method?: string; path: string; body?: unknown; headers?: Record<string, string> }

/** For each operation and each status that the document names, a request that is answered so. */
async function samplesOf(operationId: string): Promise<Record<string, Sample>> {
  const key = { 'x-partner-key': 'any' }
  const slots = (await json(fetch(`${registry.url}${base}/facilities/${facilityId}/slots`))).slots as {
    slotId: string
  }[]
  const booking = { beneficiaryId, facilityId, slotId: slots[0]?.slotId }
  const byPath = (path: string, known: string, unknown: string): Record<string, Sample> => ({
    '200': { path: path.replace('*', known) },
    '404': { path: path.replace('*', unknown) },
  })
  switch (operationId) {
    case 'generateOTP':
      return { '200': { path: '/auth/generateOTP', body: { mobile } }, '400': { path: '/auth/generateOTP', body: {} } }
    case 'confirmOTP': {
      const path = '/auth/confirmOTP'
      const spent = await askForCode(registry, mobile)
      const wrong = { txnId: spent.txnId, otp: 'wrong' }
      for (let n = 0; n < 3; n++) await send({ path, body: wrong })
      return {
        '200': { path, body: await askForCode(registry, mobile) },
        '400': { path, body: {} },
        '401': { path, body: { txnId: 'none', otp: '123456' } },
        '429': { path, body: wrong },
      }
    }
    case 'bookAppointment':
      return {
        '201': { path: '/appointments', body: booking },
        '400': { path: '/appointments', body: { beneficiaryId } },
        '404': { path: '/appointments', body: { ...booking, beneficiaryId: 'BEN-999999' } },
        '409': { path: '/appointments', body: { ...booking, slotId: 'none' } },
      }
    case 'partnerLookup': {
      const { 200: found, 404: missing } = byPath('/partner/lookup/*', mobile, '5550099999')
      return {
        '200': { path: '', ...found, headers: key },
        '401': { path: '', ...found },
        '404': { path: '', ...missing, headers: key },
      }
    }
    case 'listFacilities':
      return { '200': { path: '/facilities?district=Xorpur' } }
    case 'watchSlots':
      return { '200': { path: '/events' } }
    case 'listSlots':
      return byPath('/facilities/*/slots', facilityId, 'FAC-0000')
    default: {
      const path = operations.find((operation) => operation.operationId === operationId)?.path ?? ''
      return byPath(path.replace('{beneficiaryId}', '*'), beneficiaryId, 'BEN-999999')
    }
  }
}

const send = ({ path, body, headers = {}, method }: Sample): Promise<Response> =>
  fetch(`${registry.url}${base}${path}`, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: { ...headers, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })

describe('the document and the registry agree', () => {
  test.each(operations.map(({ operationId }) => operationId))(
    '%s is answered as described, status by status',
    async (id) => {
      const operation = operations.find(({ operationId }) => operationId === id)
      const samples = await samplesOf(id)
      expect(Object.keys(samples).sort()).toEqual(Object.keys(operation?.responses ?? {}).sort())
      for (const [status, sample] of Object.entries(samples)) {
        const before = registry.stats.byOperation[id] ?? 0
        const response = await send(sample)
        expect([id, response.status]).toEqual([id, Number(status)])
        expect(registry.stats.byOperation[id]).toBe(before + 1)
        const name = operation?.responses[status]?.$ref.split('/').at(-1) ?? ''
        const [type, media] = Object.entries(document.components.responses[name]?.content ?? {})[0] ?? []
        expect(response.headers.get('content-type')).toBe(type)
        if (type === 'application/json') {
          const validate = ajv.getSchema(`registry${media?.schema.$ref ?? ''}`)
          await validate?.(await response.json())
          expect([name, validate?.errors]).toEqual([name, null])
        } else await response.body?.cancel()
      }
    },
  )

  test('the registry has these operations and no other', async () => {
    const now = (): number => 0
    const otp = createOtpDesk(() => undefined, now)
    const tokens = await createTokenDesk(now)
    const endpoints = createEndpoints({ population, otp, tokens, now, certificatePaceMs: 0, eventPaceMs: 0 })
    const described = operations.map(({ operationId, method, path }) => `${operationId} ${method} ${base}${path}`)
    expect(endpoints.map(({ operation, method, path }) => `${operation} ${method} ${path}`).sort()).toEqual(
      described.sort(),
    )
  })

  test.each([
    '/',
    '/api',
    '/api/v2',
    '/api/v1/facilities',
    '/api/v2/facilities/',
    '/api/v2/Facilities',
    '/api/v2/beneficiaries',
    '/api/v2/beneficiaries/a/b',
    '/api/v2/beneficiaries/BEN%2D100000',
    '/api/v2/certificates',
    '/api/v2/partner/lookup',
    '/api/v2/auth',
    '/inbox/5550000001',
    '/jwks.json',
    '/openapi.yaml',
  ])('%s is answered 404', async (path) => {
    expect((await fetch(registry.url + path, { headers: { 'x-partner-key': 'any' } })).status).toBe(404)
  })

  test('every operation has known tags and names known security schemes; what is public needs none', () => {
    const tags = document.tags.map(({ name }) => name)
    const schemes = Object.keys(document.components.securitySchemes)
    for (const operation of operations) {
      expect(operation.tags.length).toBeGreaterThan(0)
      for (const tag of operation.tags) expect(tags).toContain(tag)
      for (const scheme of operation.security.flatMap((need) => Object.keys(need))) expect(schemes).toContain(scheme)
      const open = operation.tags.includes('public') || operation.tags.includes('auth')
      expect([operation.operationId, operation.security.length === 0]).toEqual([operation.operationId, open])
    }
  })
})
