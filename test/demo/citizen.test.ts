import { describe, expect, test } from '@jest/globals'
import { createCitizen, type ActiveCitizen } from '../../demo/citizen.ts'
import { createCounts, type Call, type Reply } from '../../demo/gateway-client.ts'
import { createPopulation } from '../../demo/population.ts'
import { createRandom } from '../../demo/random.ts'
import { createScraper } from '../../demo/scraper.ts'

const population = createPopulation(1)
const [household] = population.households.values()
if (household === undefined) throw new Error('no household')

/** A gateway of one function: answers a login, then `status` to everything. */
function createGateway() {
  const gateway = {
    status: 200,
    retryAfterMs: 0,
    calls: [] as Call[],
    send: (call: Call): Promise<Reply> => answer(call),
  }
  const answer = async (call: Call): Promise<Reply> => {
    gateway.calls.push(call)
    const { status, retryAfterMs } = gateway
    if (status !== 200) return { status, retryAfterMs, body: undefined, cut: false }
    const body = { txnId: 'txn', token: 'token', slots: [], beneficiaries: [{}, {}] }
    return { status, retryAfterMs, body, cut: false }
  }
  return gateway
}

const phone = { readCode: async () => '123456', mobile: household.mobile }

function createTestCitizen(gateway: ReturnType<typeof createGateway>, clock: { nowMs: number }): ActiveCitizen {
  return createCitizen({
    ...phone,
    household: household as NonNullable<typeof household>,
    send: gateway.send,
    identity: { caller: 'citizen', address: '198.51.100.1' },
    facilityIds: [...population.facilities.keys()],
    random: createRandom(3),
    now: () => clock.nowMs,
    watchMs: 1,
  })
}

describe('a citizen', () => {
  test('logs in by one-time code, then visits with the token and only the own records', async () => {
    const gateway = createGateway()
    const citizen = createTestCitizen(gateway, { nowMs: 0 })
    for (let n = 0; n < 200; n++) await citizen.step()
    const paths = gateway.calls.map(({ path }) => path)
    expect(paths.slice(0, 2)).toEqual(['/api/v2/auth/generateOTP', '/api/v2/auth/confirmOTP'])
    expect(gateway.calls[1]?.body).toEqual({ txnId: 'txn', otp: '123456' })
    expect(gateway.calls[2]?.token).toBe('token')
    const own = new Set(household.members.map(({ beneficiaryId }) => beneficiaryId))
    for (const id of paths.join().match(/BEN-\d+/g) ?? []) expect(own.has(id)).toBe(true)
    for (const kind of ['beneficiaries', 'appointments', 'facilities', 'certificates', 'events', 'slots']) {
      expect(paths.some((path) => path.includes(kind))).toBe(true)
    }
  })

  test('waits longer after each refusal by a lock, never more than ten seconds, and goes on as soon as it is served', async () => {
    const gateway = createGateway()
    const clock = { nowMs: 0 }
    const citizen = createTestCitizen(gateway, clock)
    await citizen.step()
    gateway.status = 503
    const waits: number[] = []
    for (let n = 0; n < 8; n++) {
      await citizen.step()
      const refusedMs = clock.nowMs
      while (!citizen.isReady()) clock.nowMs += 25
      waits.push(clock.nowMs - refusedMs)
    }
    expect(waits[0]).toBeGreaterThanOrEqual(375)
    expect(waits[2]).toBeGreaterThan(waits[0] ?? 0)
    expect(waits[7]).toBeGreaterThanOrEqual(6000)
    expect(Math.max(...waits)).toBeLessThanOrEqual(10_025)
    gateway.status = 200
    await citizen.step()
    expect(citizen.isReady()).toBe(true)
  })

  test('obeys Retry-After, up to five seconds', async () => {
    for (const [retryAfterMs, expectedMs] of [
      [2000, 2000],
      [60_000, 5000],
    ] as const) {
      const gateway = Object.assign(createGateway(), { status: 503, retryAfterMs })
      const clock = { nowMs: 0 }
      const citizen = createTestCitizen(gateway, clock)
      await citizen.step()
      clock.nowMs = expectedMs - 1
      expect(citizen.isReady()).toBe(false)
      clock.nowMs = expectedMs
      expect(citizen.isReady()).toBe(true)
    }
  })

  test('keeps its code while the gateway is locked, and uses it afterwards', async () => {
    const gateway = createGateway()
    const citizen = createTestCitizen(gateway, { nowMs: 0 })
    await citizen.step()
    gateway.status = 503
    await citizen.step()
    gateway.status = 200
    await citizen.step()
    expect(gateway.calls.map(({ path }) => path.split('/').at(-1))).toEqual(['generateOTP', 'confirmOTP', 'confirmOTP'])
  })

  test('logs in anew when the session is refused', async () => {
    const gateway = createGateway()
    const citizen = createTestCitizen(gateway, { nowMs: 0 })
    await citizen.step()
    await citizen.step()
    gateway.status = 401
    await citizen.step()
    gateway.status = 200
    await citizen.step()
    expect(gateway.calls.at(-1)?.path).toBe('/api/v2/auth/generateOTP')
  })
})

describe('the scraper', () => {
  test('walks the block number by number, stands still while it is refused, and counts what it took', async () => {
    const gateway = createGateway()
    const counts = createCounts()
    const identity = { caller: 'scraper' as const, address: '203.0.113.66' }
    const scraper = createScraper({
      ...phone,
      send: gateway.send,
      identity,
      counts,
      partnerKey: 'key',
      targets: ['BEN-1', 'BEN-2'],
    })
    await scraper.lookUpNext()
    gateway.status = 503
    await scraper.lookUpNext()
    await scraper.lookUpNext()
    gateway.status = 200
    await scraper.lookUpNext()
    expect(gateway.calls.map(({ path }) => path.slice(-2))).toEqual(['00', '01', '01', '01'])
    expect(gateway.calls.every(({ partnerKey }) => partnerKey === 'key')).toBe(true)
    expect(counts.recordsTaken).toBe(4)
  })

  test('opens one session and tries the records of strangers with it, also where it is forbidden', async () => {
    const gateway = createGateway()
    const counts = createCounts()
    const identity = { caller: 'scraper' as const, address: '203.0.113.66' }
    const scraper = createScraper({
      ...phone,
      send: gateway.send,
      identity,
      counts,
      partnerKey: 'key',
      targets: ['BEN-1', 'BEN-2'],
    })
    await scraper.tryStranger()
    await scraper.tryStranger()
    gateway.status = 403
    await scraper.tryStranger()
    await scraper.tryStranger()
    const paths = gateway.calls.slice(2).map(({ path }) => path)
    expect(paths).toEqual(['/api/v2/beneficiaries/BEN-1', '/api/v2/beneficiaries/BEN-2'])
    expect(counts.recordsTaken).toBe(0)
  })
})
