import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { createLocalJWKSet, decodeProtectedHeader, exportJWK, generateKeyPair, jwtVerify } from 'jose'
import { createPopulation } from '../../demo/population.ts'
import { startRegistry } from '../../demo/registry.ts'
import { askForCode, json, logIn, openRegistry, post, type TestRegistry } from './support.ts'

const population = createPopulation(1)
const household = [...population.households.values()].find(({ members }) => members.length >= 2)
if (household === undefined) throw new Error('no household of two')
const { mobile, members, subject } = household
const citizen = members[0]
if (citizen === undefined) throw new Error('no citizen')
const { beneficiaryId } = citizen

let registry: TestRegistry
let api: string
beforeEach(async () => {
  registry = await openRegistry()
  api = `${registry.url}/api/v2`
})
afterEach(() => registry.close())

describe('one-time codes', () => {
  test('the code goes to the phone and to the log, with the number masked, and never into the answer', async () => {
    const answer = await json(post(`${api}/auth/generateOTP`, { mobile }))
    expect(Object.keys(answer)).toEqual(['txnId'])
    const { messages } = await json(fetch(`${registry.smsUrl}/inbox/${mobile}`))
    const code = /\d{6}/.exec(String(messages))?.[0] ?? 'none'
    expect(registry.logged.join()).toContain(code)
    expect(registry.logged.join()).not.toContain(mobile)
    expect(JSON.stringify(answer)).not.toContain(code)
  })

  test('an inbox is emptied by reading it', async () => {
    await post(`${api}/auth/generateOTP`, { mobile })
    expect((await json(fetch(`${registry.smsUrl}/inbox/${mobile}`))).messages).toHaveLength(1)
    expect((await json(fetch(`${registry.smsUrl}/inbox/${mobile}`))).messages).toEqual([])
  })

  test('the token verifies against the JWKS and says how, when and for whom the code was confirmed', async () => {
    const token = await logIn(registry, mobile)
    const { payload } = await jwtVerify(token, createLocalJWKSet(registry.jwks), {
      issuer: 'https://otp.registry.example',
      audience: 'registry',
      algorithms: ['ES256'],
      currentDate: new Date(registry.clock.nowMs),
    })
    const seconds = registry.clock.nowMs / 1000
    expect(payload).toMatchObject({ sub: subject, iat: seconds, auth_time: seconds, exp: seconds + 900 })
    expect(payload.amr).toEqual(['otp', 'sms'])
    expect(payload.beneficiary_ids).toEqual(members.map((member) => member.beneficiaryId))
    expect(payload.sid).toMatch(/^[0-9a-f-]{36}$/)
    expect(JSON.stringify(payload)).not.toContain(mobile)
    expect(registry.jwks.keys[0]).not.toHaveProperty('d')
  })

  test('a code is good once, and for three minutes', async () => {
    const first = await askForCode(registry, mobile)
    expect((await post(`${api}/auth/confirmOTP`, first)).status).toBe(200)
    expect((await post(`${api}/auth/confirmOTP`, first)).status).toBe(401)
    const second = await askForCode(registry, mobile)
    registry.clock.nowMs += 180_001
    expect((await post(`${api}/auth/confirmOTP`, second)).status).toBe(401)
  })

  test('the fourth attempt is refused even with the right code', async () => {
    const { txnId, otp } = await askForCode(registry, mobile)
    const wrong = otp === '000000' ? '000001' : '000000'
    for (let attempt = 0; attempt < 3; attempt++) {
      expect((await post(`${api}/auth/confirmOTP`, { txnId, otp: wrong })).status).toBe(401)
    }
    expect((await post(`${api}/auth/confirmOTP`, { txnId, otp })).status).toBe(429)
  })

  test('a number that nobody registered gets the same answer, and one outside the demo block is refused', async () => {
    const stranger = '5550099999'
    expect(Object.keys(await json(post(`${api}/auth/generateOTP`, { mobile: stranger })))).toEqual(['txnId'])
    expect((await json(fetch(`${registry.smsUrl}/inbox/${stranger}`))).messages).toEqual([])
    expect((await post(`${api}/auth/generateOTP`, { mobile: '5'.repeat(10) })).status).toBe(400)
  })

  test('a given signing key makes sessions that outlive a restart', async () => {
    const signingKey = await exportJWK((await generateKeyPair('ES256', { extractable: true })).privateKey)
    const before = await openRegistry({ signingKey })
    const token = await logIn(before, mobile)
    await before.close()
    const after = await openRegistry({ signingKey })
    await after.close()
    expect(decodeProtectedHeader(token).kid).toBe(after.jwks.keys[0]?.kid)
    await jwtVerify(token, createLocalJWKSet(after.jwks), { currentDate: new Date(after.clock.nowMs) })
  })
})

describe('records', () => {
  test('anyone who reaches the registry is believed; the own record is masked and marked as generated', async () => {
    const response = await fetch(`${api}/beneficiaries/${beneficiaryId}`)
    expect(response.headers.get('x-demo-data')).toBe('generated')
    const record = await json(response)
    expect(record).toMatchObject({ beneficiaryId, name: citizen.name, generated: true })
    expect(JSON.stringify(record)).not.toContain(mobile)
    expect(JSON.stringify(record)).not.toContain(citizen.idNumber)
  })

  test('the partner endpoint gives the whole household for a bare number, once there is any key', async () => {
    expect((await fetch(`${api}/partner/lookup/${mobile}`)).status).toBe(401)
    const answer = await json(fetch(`${api}/partner/lookup/${mobile}`, { headers: { 'x-partner-key': 'anything' } }))
    expect(answer.beneficiaries).toEqual(members.map((member) => ({ ...member, generated: true })))
  })

  test('a booking takes a place, shows in the list, replaces the earlier one and is refused when the slot is full', async () => {
    const facilityId = [...population.facilities.keys()][0] ?? ''
    const slots = async (): Promise<{ slotId: string; available: number }[]> =>
      (await json(fetch(`${api}/facilities/${facilityId}/slots`))).slots as { slotId: string; available: number }[]
    const [first, second] = await slots()
    const book = (who: string, slotId: string | undefined): Promise<Response> =>
      post(`${api}/appointments`, { beneficiaryId: who, facilityId, slotId })
    expect((await book(beneficiaryId, first?.slotId)).status).toBe(201)
    expect((await slots())[0]?.available).toBe((first?.available ?? 0) - 1)
    expect((await book(beneficiaryId, second?.slotId)).status).toBe(201)
    expect((await slots())[0]?.available).toBe(first?.available)
    const { appointments } = await json(fetch(`${api}/appointments/${beneficiaryId}`))
    expect(appointments).toMatchObject([{ slotId: second?.slotId }])

    const others = [...population.citizens.keys()].filter((id) => id !== beneficiaryId).slice(0, 40)
    const statuses = await Promise.all(others.map(async (id) => (await book(id, second?.slotId)).status))
    expect(statuses.filter((status) => status === 201)).toHaveLength(39)
    expect(statuses.filter((status) => status === 409)).toHaveLength(1)
  })
})

describe('streams', () => {
  test('a certificate arrives in pieces, and the whole is one JSON document', async () => {
    const slow = await openRegistry({ certificatePaceMs: 1 })
    const response = await fetch(`${slow.url}/api/v2/certificates/${beneficiaryId}`)
    const pieces: Uint8Array[] = []
    for await (const piece of response.body ?? []) pieces.push(piece)
    await slow.close()
    expect(pieces.length).toBeGreaterThan(8)
    const certificate = JSON.parse(Buffer.concat(pieces).toString()) as Record<string, unknown>
    expect(certificate).toMatchObject({ beneficiaryId, generated: true })
    expect(Buffer.from(String(certificate.image), 'base64').toString()).toMatch(/^generated demo certificate/)
    expect(Buffer.concat(pieces).length).toBeGreaterThan(500_000)
  })

  test('slot events go on until the registry closes, which cuts them', async () => {
    const response = await fetch(`${api}/events`)
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    let text = ''
    const read = async (): Promise<void> => {
      for await (const piece of response.body ?? []) {
        text += Buffer.from(piece).toString()
        if (text.includes('id: 3\n')) await registry.close()
      }
    }
    await expect(read()).rejects.toThrow()
    expect(text).toMatch(/^id: 1\nevent: slot\ndata: \{"facilityId":"FAC-\d+".*\}\n\nid: 2\n/)
  })
})

describe('the server', () => {
  test('a body that is not JSON or too long is 400; another method is 405; HEAD goes with GET', async () => {
    const garbage = await fetch(`${api}/auth/confirmOTP`, { method: 'POST', body: '{' })
    expect(garbage.status).toBe(400)
    expect((await post(`${api}/auth/confirmOTP`, { txnId: 'x'.repeat(20_000), otp: '1' })).status).toBe(400)
    expect((await fetch(`${api}/facilities`, { method: 'DELETE' })).status).toBe(405)
    for (const path of ['facilities', 'events', `certificates/${beneficiaryId}`]) {
      expect((await fetch(`${api}/${path}`, { method: 'HEAD' })).status).toBe(200)
    }
  })

  test('it counts requests by operation', async () => {
    await (await fetch(`${api}/facilities`)).text()
    await (await fetch(`${api}/nothing`)).text()
    expect(registry.stats).toMatchObject({
      requests: 2,
      byOperation: { listFacilities: 1, unknown: 1 },
      citizens: 2000,
    })
  })

  test('a taken port is an error, and the SMS port is free again afterwards', async () => {
    const free = await openRegistry()
    const smsPort = Number(new URL(free.smsUrl).port)
    await free.close()
    await expect(startRegistry({ port: registry.port, smsPort })).rejects.toThrow(/EADDRINUSE/)
    const again = await openRegistry({ smsPort })
    await again.close()
  })
})
