// What a fleet counts together, in a real Redis: one first use, one budget, put back where Redis came back empty, never open.
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { openRedisTally } from '../../src/adapters/redis/fleet-tally.ts'
import type { FleetTally } from '../../src/ports/fleet-tally.ts'
import { eventually } from '../support/gateway-process.ts'
import { missingRedis, startRedis, type RedisServer } from '../support/redis-server.ts'

const missing = missingRedis()
if (missing !== undefined) console.warn(`SKIPPED: what a fleet counts together was not tried, since ${missing}`)
const withRedis = missing === undefined ? describe : describe.skip

const nothing = (): undefined => undefined
/** Entries as the slab names them: the last digit is odd for people. */
const person = (n: number): string => `${n.toString(16).padStart(15, '0')}1`
const route = (n: number): string => `${n.toString(16).padStart(15, '0')}2`

withRedis('two gateways and a Redis', () => {
  let redis: RedisServer
  let one: FleetTally
  let two: FleetTally
  let told: string[]

  const open = (url = redis.url): FleetTally =>
    openRedisTally({
      url,
      fleet: 'f',
      timeoutMs: 1_000,
      fraction: () => 0.5,
      members: () => 2,
      logger: {
        debug: nothing,
        info: (text) => void told.push(text),
        warn: (text) => void told.push(text),
        error: nothing,
      },
    })

  beforeEach(async () => {
    told = []
    redis = await startRedis()
    one = open()
    two = open()
  })

  afterEach(async () => {
    await one.close()
    await two.close()
    await redis.stop()
  })

  const limits = { people: 3, routes: 2 }
  const spend = (tally: FleetTally, fresh: string[], held: string[] = [], otp = 'otp') =>
    tally.spend({ otp, held, fresh }, limits)

  test('a name is first once, for whichever gateway, until its time is over', async () => {
    const name = randomBytes(32)
    const uses = await Promise.all(Array.from({ length: 40 }, (_, n) => (n % 2 ? one : two).once(name, 60_000)))
    expect(uses.filter((use) => use === 'first')).toHaveLength(1)
    expect(uses.filter((use) => use === 'again')).toHaveLength(39)
    expect(await one.once(randomBytes(32), 60_000)).toBe('first')
    const short = randomBytes(32)
    expect(await one.once(short, 10)).toBe('first')
    expect(await eventually(async () => (await two.once(short, 10)) === 'first')).toBe(true)
  })

  test('one budget: what one has granted, the other has not to give', async () => {
    expect(await spend(one, [person(1), person(2), route(1)])).toEqual({ fits: true })
    expect(await spend(two, [person(3), route(1)])).toEqual({ fits: true })
    const refused = await spend(one, [person(4)])
    expect(refused).toMatchObject({ fits: false })
    expect(refused !== undefined && 'held' in refused ? [...refused.held].sort() : []).toEqual(
      [person(1), person(2), person(3), route(1)].sort(),
    )
    // People are spent, routes are not; and what was granted stays so.
    expect(await spend(two, [route(2)])).toEqual({ fits: true })
    expect(await spend(two, [person(1), route(2)])).toEqual({ fits: true })
    expect(await spend(two, [person(4)], [], 'another')).toEqual({ fits: true })
  })

  test('all or nothing', async () => {
    expect(await spend(one, [person(1), person(2), person(3), person(4)])).toMatchObject({ fits: false })
    expect(await spend(two, [person(5), person(6), person(7)])).toEqual({ fits: true })
  })

  test('exact, however many ask at once', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, (_, n) => spend(n % 2 ? one : two, [person(n)])))
    expect(answers.filter((answer) => answer?.fits === true)).toHaveLength(3)
  })

  test('an OTP that nobody has used for a day is forgotten', async () => {
    await spend(one, [person(1)])
    const [key] = (await redis.command('KEYS', '*otp:spent*')) as string[]
    const left = Number(await redis.command('PTTL', key ?? ''))
    expect(left).toBeGreaterThan(86_000_000)
    expect(left).toBeLessThanOrEqual(86_400_000)
  })

  test('a Redis that came back empty is told what was granted', async () => {
    expect(await spend(one, [person(1), person(2), person(3)])).toEqual({ fits: true })
    await redis.command('FLUSHALL')
    expect(await spend(one, [route(1)], [person(1), person(2), person(3)])).toEqual({ fits: true })
    expect(await spend(two, [person(4)])).toMatchObject({ fits: false })
  })

  test('no name of anybody stands in it', async () => {
    await spend(one, [person(1)], [], 'k.0123456789012345678901 1790000000')
    await one.once(Buffer.from('a proof'), 60_000)
    const dump = (await redis.dump()).toString('latin1')
    expect(dump).not.toContain('k.0123456789012345678901')
    expect(dump).not.toContain('1790000000')
  })

  test('one that does not answer: nothing is first, nothing is known, and it is told once', async () => {
    expect(await one.once(randomBytes(32), 1_000)).toBe('first')
    await redis.kill()
    expect(await one.once(randomBytes(32), 1_000)).toBe('full')
    expect(await eventually(async () => told.length === 2)).toBe(true)
    for (let n = 0; n < 5; n++) expect(await spend(one, [person(n)])).toBeUndefined()
    // Once by each of the two.
    expect(told).toHaveLength(2)
    await redis.start()
    expect(await eventually(async () => (await one.once(randomBytes(32), 1_000)) === 'first', 10_000)).toBe(true)
    expect(await eventually(async () => told.length === 4)).toBe(true)
  })

  test('the rights of docs/redis.md are enough', async () => {
    const docs = readFileSync(path.resolve(import.meta.dirname, '../../docs/redis.md'), 'utf8')
    const rights = /^ACL SETUSER gateway on >secret (.*)$/m.exec(docs)?.[1]?.replaceAll('cowin-prod', 'f') ?? ''
    await redis.command('ACL', 'SETUSER', 'gateway', 'on', '>secret', ...rights.split(' '))
    const bounded = open(redis.url.replace('redis://', 'redis://gateway:secret@'))
    expect(await bounded.once(randomBytes(32), 1_000)).toBe('first')
    expect(await spend(bounded, [person(1)])).toEqual({ fits: true })
    await bounded.close()
  })
})
