// Counts of people over a fleet: what the workers have counted goes out in messages, what comes in goes into the memory that they share.
import { openRedisCountStore } from '../adapters/redis/count-store.ts'
import { createCountCarrier, COUNTED_BYTES_MAX, type Counted } from '../control/people/count-carrier.ts'
import { every } from '../control/every.ts'
import { readDeltas } from '../throttle/deltas.ts'
import { createEngine, type Engine } from '../throttle/engine.ts'
import { createSketchPost, type SketchPost } from '../throttle/sketch-post.ts'
import { redisUrl, tlsOf } from './redis-place.ts'
import type { Parts } from './parts.ts'

const LOOK_EVERY_MS = 250
/** Sketches of client stacks, which are counted by the hour. */
const SKETCHES_EVERY_MS = 5_000
/** Locks of cells name their thread: no worker's number is so high. */
const MAIN_THREAD = 0xfffe

/** Tells by how many each budget is to be divided; does nothing with the embedded store. */
export function joinCounts(parts: Parts, onSharers: (gateways: number) => void): void {
  const { clock, logger, people, fleet, pool, running, randomness, cleanUp } = parts
  const { redis, leaseMs } = running.config.store
  if (redis === undefined || fleet === undefined || pool === undefined) return
  const engine = createEngine(people.memory, MAIN_THREAD)
  const second = (): number => people.epochSeconds + Math.floor(clock.monotonicMs() / 1000)
  const store = openRedisCountStore({
    url: redisUrl(redis),
    ...tlsOf(redis),
    fleet: redis.fleet,
    timeoutMs: leaseMs / 2,
    fraction: () => randomness.fraction(),
  })
  const sketches = createSketchPost(engine)
  let sketchedMs = 0
  const { roster } = fleet.parts
  const carrier = createCountCarrier({
    ...{ store, logger, second, onSharers, keyId: parts.pseudonymKey.id },
    seal: fleet.parts.deps.seal,
    monotonicMs: () => clock.monotonicMs(),
    lostAfterMs: leaseMs,
    collect() {
      const counted = people.counted.splice(0).flatMap((words) => messagesOf('deltas', words))
      if (clock.monotonicMs() - sketchedMs < SKETCHES_EVERY_MS) return counted
      sketchedMs = clock.monotonicMs()
      return [...counted, ...messagesOf('sketches', sketches.collect(second()))]
    },
    apply(counted, then) {
      apply(counted, engine, sketches, { second: second(), then })
    },
    // Members that only carry orders count nobody.
    gateways: () =>
      1 + roster.peers.filter(({ gateway }) => roster.heard(gateway)?.heartbeat.workers.length !== 0).length,
  })
  cleanUp.defer(() => {
    store.close()
  })
  cleanUp.defer(every(LOOK_EVERY_MS, () => carrier.look(), logger))
}

/** A multiple of a delta's words and of a sketch's. */
const WORDS_AT_ONCE = 67 * 4 * Math.floor(COUNTED_BYTES_MAX / (67 * 16))

function messagesOf(kind: Counted['kind'], words: Int32Array): readonly Counted[] {
  const messages: Counted[] = []
  for (let from = 0; from < words.length; from += WORDS_AT_ONCE) {
    const part = words.subarray(from, from + WORDS_AT_ONCE)
    messages.push({ kind, bytes: new Uint8Array(part.buffer, part.byteOffset, part.byteLength) })
  }
  return messages
}

function apply(
  { kind, bytes }: Counted,
  engine: Engine,
  sketches: SketchPost,
  at: { readonly second: number; readonly then: number },
): void {
  const words = new Int32Array(bytes.buffer, 0, bytes.byteLength >> 2)
  if (kind === 'sketches') sketches.merge(words, at.second, at.then)
  else for (const delta of readDeltas(words)) engine.merge(delta, at.second, at.then)
}
