// The carrier of counts over a real Redis: what one gateway has counted is applied by the others, once and as of when it was; what
// nobody of the fleet has said is nothing; and without the store each is told to keep to its share.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { createFleetSeal } from '../../../src/adapters/node/fleet-seal.ts'
import { openRedisCountStore } from '../../../src/adapters/redis/count-store.ts'
import {
  COUNTED_BYTES_MAX,
  createCountCarrier,
  type CountCarrier,
  type Counted,
} from '../../../src/control/people/count-carrier.ts'
import { canonicalJson } from '../../../src/core/canonical-json.ts'
import { BODY_BYTES_MAX } from '../../../src/core/fleet-limits.ts'
import type { FleetSeal } from '../../../src/ports/fleet-seal.ts'
import { createFakeClock, type FakeClock } from '../../support/fake-clock.ts'
import { createFakeLogger } from '../../support/control-ports.ts'
import { makeSigner } from '../../support/fleet-rig.ts'
import { missingRedis, startRedis, type RedisServer } from '../../support/redis-server.ts'

const missing = missingRedis()
if (missing !== undefined) console.warn(`SKIPPED: the carrier of counts was not tried, since ${missing}`)
const withRedis = missing === undefined ? describe : describe.skip

const FLEET = 'counts'
const STREAM = `portcullis:{${FLEET}}:counts`
const SECRET = 'a secret of a fleet in a test, and long enough'
const SECOND = 1_800_000_000

interface Member {
  readonly carrier: CountCarrier
  readonly seal: FleetSeal
  readonly toSend: Counted[]
  readonly applied: { readonly text: string; readonly then: number }[]
  readonly sharers: number[]
  readonly logger: ReturnType<typeof createFakeLogger>
  readonly store: ReturnType<typeof openRedisCountStore>
}

withRedis('counts of a fleet', () => {
  let redis: RedisServer
  let clock: FakeClock
  const members: Member[] = []
  const second = (): number => SECOND + Math.floor((clock.monotonicMs() - 1_000) / 1_000)

  function join(signer = makeSigner(), secret = SECRET, gateways = 2, keyId = 'k1'): Member {
    const seal = createFleetSeal({ fleet: FLEET, secrets: () => [secret], signer })
    const store = openRedisCountStore({ url: redis.url, fleet: FLEET, timeoutMs: 5_000, fraction: () => 0.5 })
    const [toSend, applied, sharers]: [Counted[], Member['applied'], number[]] = [[], [], []]
    const logger = createFakeLogger()
    const carrier = createCountCarrier({
      ...{ store, seal, second, keyId, logger, lostAfterMs: 1_000 },
      monotonicMs: () => clock.monotonicMs(),
      collect: () => toSend.splice(0),
      apply: ({ bytes }, then) => void applied.push({ text: Buffer.from(bytes).toString(), then }),
      gateways: () => gateways,
      onSharers: (count) => void sharers.push(count),
    })
    const member = { carrier, seal, logger, toSend, applied, sharers, store }
    members.push(member)
    return member
  }
  const deltas = (text: string): Counted => ({ kind: 'deltas', bytes: Buffer.from(text) })

  beforeAll(async () => {
    redis = await startRedis()
  })
  afterAll(async () => {
    for (const { store } of members) store.close()
    await redis.stop()
  })
  beforeEach(async () => {
    clock = createFakeClock()
    await redis.command('FLUSHALL')
  })

  test('reach the others, once, as of when they were counted; none applies its own', async () => {
    const [one, two] = [join(), join()]
    await two.carrier.look()
    await one.carrier.look()
    one.toSend.push(deltas('a'), { kind: 'sketches', bytes: Buffer.from('b') })
    await one.carrier.look()
    clock.advance(7_000)
    await two.carrier.look()
    await two.carrier.look()
    await one.carrier.look()
    expect(two.applied).toEqual([
      { text: 'a', then: SECOND },
      { text: 'b', then: SECOND },
    ])
    expect(one.applied).toEqual([])
  })

  test('who joins, or has forgotten, is told what there was of the last day, its own too', async () => {
    const signer = makeSigner()
    const one = join(signer)
    await one.carrier.look()
    one.toSend.push(deltas('yesterday'))
    await one.carrier.look()
    clock.advance(86_401_000)
    // More than one page.
    one.toSend.push(...Array.from({ length: 300 }, (_none, index) => deltas(String(index))))
    await one.carrier.look()
    const again = join(signer)
    await again.carrier.look()
    expect(again.applied).toHaveLength(300)
    expect(again.applied[0]).toEqual({ text: '0', then: SECOND + 86_401 })
    expect(again.sharers).toEqual([1])
  })

  test('nobody else is believed: no secret, another fleet, another type, another shape, the future', async () => {
    const [one, stranger] = [join(), join(makeSigner(), 'the secret of somebody else, and long enough')]
    await one.carrier.look()
    stranger.toSend.push(deltas('forged'))
    await stranger.carrier.look()
    const { seal } = join()
    const words = { at: SECOND, keyId: 'k1', kind: 'deltas', counted: 'YQ==' }
    const bodies = [
      'nothing',
      seal.seal('heartbeat', canonicalJson(words)),
      seal.seal('counts', canonicalJson({ ...words, kind: 'other' })),
      seal.seal('counts', canonicalJson({ ...words, at: 'now' })),
      seal.seal('counts', canonicalJson({ ...words, counted: Buffer.alloc(COUNTED_BYTES_MAX + 1).toString('base64') })),
      'x'.repeat(BODY_BYTES_MAX + 1),
      seal.seal('counts', canonicalJson({ ...words, at: SECOND + 500 })),
    ]
    for (const body of bodies) await redis.command('XADD', STREAM, '*', 'body', body)
    await redis.command('XADD', STREAM, '*', 'other', 'field', 'body', 'x')
    await one.carrier.look()
    expect(one.applied).toEqual([{ text: 'a', then: SECOND }])
  })

  test('who names people by another key is not counted, and that is said once', async () => {
    const [one, other] = [join(), join(makeSigner(), SECRET, 2, 'k2')]
    await one.carrier.look()
    for (const text of ['a', 'b']) {
      other.toSend.push(deltas(text))
      await other.carrier.look()
      await one.carrier.look()
    }
    expect(one.applied).toEqual([])
    expect(one.logger.lines.filter((line) => line.includes('audit.pseudonyms.keyFile'))).toHaveLength(1)
  })

  test('the largest message fits', async () => {
    const [one, two] = [join(), join()]
    await two.carrier.look()
    one.toSend.push({ kind: 'deltas', bytes: Buffer.alloc(COUNTED_BYTES_MAX, 65) })
    await one.carrier.look()
    await two.carrier.look()
    expect(two.applied.map(({ text }) => text.length)).toEqual([COUNTED_BYTES_MAX])
  })

  test('without the store each keeps to its share once it has been silent for a lease, and what was counted comes late', async () => {
    const [one, two] = [join(), join()]
    expect([one.carrier.isTogether, one.sharers]).toEqual([false, []])
    await one.carrier.look()
    await two.carrier.look()
    expect([one.carrier.isTogether, one.sharers]).toEqual([true, [1]])
    // What is there is no stream: as good as silent.
    await redis.command('SET', STREAM, 'x')
    one.toSend.push(deltas('late'))
    clock.advance(900)
    await one.carrier.look()
    expect(one.sharers).toEqual([1])
    clock.advance(200)
    await one.carrier.look()
    expect([one.carrier.isTogether, one.sharers]).toEqual([false, [1, 2]])
    await redis.command('DEL', STREAM)
    clock.advance(5_000)
    await one.carrier.look()
    await two.carrier.look()
    expect([one.carrier.isTogether, one.sharers]).toEqual([true, [1, 2, 1]])
    expect(two.applied).toEqual([{ text: 'late', then: SECOND }])
  })

  test('a gateway that finds no store at its start keeps to its share from the first', async () => {
    await redis.command('SET', STREAM, 'x')
    const one = join(makeSigner(), SECRET, 3)
    await one.carrier.look()
    expect(one.sharers).toEqual([3])
  })

  test('the stream is kept short', async () => {
    const one = join()
    await one.carrier.look()
    await redis.command('EVAL', `for n = 1, 25000 do redis.call('XADD', KEYS[1], '*', 'body', 'x') end`, 1, STREAM)
    one.toSend.push(deltas('a'))
    await one.carrier.look()
    expect(await redis.command('XLEN', STREAM)).toBeLessThan(20_500)
  })
})
