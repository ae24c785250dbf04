// One contract for codes and counts, held by the store in memory and by a real Redis.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createMemoryOtpStore } from '../../src/adapters/memory/otp-store.ts'
import { openRedisOtpStore } from '../../src/adapters/redis/otp-store.ts'
import type { OtpStore } from '../../src/ports/otp.ts'
import { startRedis, type RedisServer } from '../support/redis-server.ts'

const NOW = 1_790_000_000_000
const LIMIT = { count: 3, periodMs: 60_000 }

describe.each(['memory', 'redis'] as const)('%s', (kind) => {
  let store: OtpStore
  let redis: RedisServer | undefined
  let nowMs = 1

  beforeAll(async () => {
    if (kind === 'memory') store = createMemoryOtpStore(() => nowMs)
    else {
      redis = await startRedis()
      store = openRedisOtpStore({ url: redis.url, fleet: 'f', timeoutMs: 2_000, fraction: () => 0.5 })
    }
  })

  afterAll(async () => {
    await store.close()
    await redis?.stop()
  })

  test('the right mark is taken once', async () => {
    await store.open('once', { mark: 'm', about: 'k.somebody' }, 60_000)
    expect(await store.try('once', 'wrong', 5)).toEqual({ is: 'wrong', about: 'k.somebody' })
    expect(await store.try('once', 'm', 5)).toEqual({ is: 'right', about: 'k.somebody' })
    expect(await store.try('once', 'm', 5)).toEqual({ is: 'absent' })
    expect(await store.try('never', 'm', 5)).toEqual({ is: 'absent' })
  })

  test('of fifty at once exactly one', async () => {
    await store.open('fifty', { mark: 'm', about: 'a' }, 60_000)
    const verdicts = await Promise.all(Array.from({ length: 50 }, () => store.try('fifty', 'm', 5)))
    expect(verdicts.filter(({ is }) => is === 'right')).toHaveLength(1)
  })

  test('beyond the tries the right one is wrong', async () => {
    await store.open('tries', { mark: 'm', about: 'a' }, 60_000)
    for (let n = 0; n < 5; n++) expect((await store.try('tries', `w${n}`, 5)).is).toBe('wrong')
    expect(await store.try('tries', 'm', 5)).toEqual({ is: 'exhausted', about: 'a' })
  })

  test('the fifth may still be right', async () => {
    await store.open('fifth', { mark: 'm', about: 'a' }, 60_000)
    for (let n = 0; n < 4; n++) await store.try('fifth', `w${n}`, 5)
    expect((await store.try('fifth', 'm', 5)).is).toBe('right')
  })

  test('it is gone in the end', async () => {
    await store.open('late', { mark: 'm', about: 'a' }, 20)
    nowMs += 21
    if (kind === 'redis') await until(async () => (await redis?.command('EXISTS', 'none')) !== undefined, 40)
    expect((await store.try('late', 'm', 5)).is).toBe('absent')
  })

  test('what is outstanding: neither used, nor tried too often, nor over', async () => {
    const before = await store.outstanding()
    const open = (name: string, ttlMs: number): Promise<void> => store.open(name, { mark: 'm', about: 'a' }, ttlMs)
    await open('short', 20)
    nowMs += 21
    if (kind === 'redis') await until(async () => (await redis?.command('EXISTS', 'none')) !== undefined, 40)
    for (const name of ['used', 'guessed', 'waiting']) await open(name, 60_000)
    expect(await store.outstanding()).toBe(before + 3)
    await store.try('used', 'm', 5)
    for (let n = 0; n < 4; n++) await store.try('guessed', 'w', 5)
    expect(await store.outstanding()).toBe(before + 2)
    await store.try('guessed', 'w', 5)
    expect(await store.outstanding()).toBe(before + 1)
  })

  test('counts fit until the limit, each by itself, and looking costs nothing', async () => {
    const one = { key: 'a', limit: LIMIT }
    expect(await store.count([{ ...one, peek: true }], NOW)).toEqual([0])
    for (let n = 0; n < 3; n++) expect(await store.count([one, { key: `b${n}`, limit: LIMIT }], NOW)).toEqual([0, 0])
    const [wait = 0, other] = await store.count([one, { key: 'c', limit: LIMIT }], NOW)
    expect([Math.round(wait), other]).toEqual([20_000, 0])
    expect((await store.count([{ ...one, peek: true }], NOW))[0]).toBeCloseTo(20_000, 0)
    expect(await store.count([one], NOW + 20_000)).toEqual([0])
    expect((await store.count([one], NOW + 20_000))[0]).toBeCloseTo(20_000, 0)
  })

  test('a step is used once', async () => {
    const firsts = await Promise.all(Array.from({ length: 20 }, () => store.once('step', 60_000)))
    expect(firsts.filter((each) => each)).toHaveLength(1)
    expect(await store.once('another', 60_000)).toBe(true)
  })
})

/** Real time passes: Redis has no other. */
async function until(holds: () => Promise<boolean>, ms: number): Promise<void> {
  const end = performance.now() + ms
  while (performance.now() < end) await holds()
}
