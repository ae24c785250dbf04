// `npm run bench:session`: what the session stage costs. A known token, one among a million, a new one beside bare jose; and memory.
import { compactVerify, importJWK } from 'jose'
import { createSessionPacking } from '../../src/adapters/jose/pack-session.ts'
import { createTokenMemory } from '../../src/adapters/jose/token-memory.ts'
import { nameToken } from '../../src/adapters/jose/token-name.ts'
import type { Proven } from '../../src/adapters/jose/judge-token.ts'
import { makeKey, makeToken, openVerifier, type OpenOptions } from '../adapters/jose/token-support.ts'

const MILLION = 1_000_000
const NEW = 4_000
const KEEP = ['beneficiary_ids']

const key = makeKey('ES256', 'k1')
const options: OpenOptions = { claims: KEEP, cache: { entriesMax: MILLION } }
const median = (numbers: number[]): number => numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? NaN
const since = (start: bigint): number => Number(process.hrtime.bigint() - start)
const say = (what: string, value: string, limit: string): void => {
  console.log(`${what.padEnd(48)} ${value.padStart(14)}   ${limit}`)
}

async function knownToken(): Promise<void> {
  const { verify } = openVerifier([key.jwk], options)
  const tokens = Array.from({ length: 1000 }, (_, n) => makeToken(key, { sid: `s${String(n)}` }))
  for (const token of tokens) await verify(token)
  for (let warm = 0; warm < 50; warm++) for (const token of tokens) void verify(token)
  const times: number[] = []
  for (let round = 0; round < 200; round++) {
    for (const token of tokens) {
      const start = process.hrtime.bigint()
      void verify(token)
      times.push(since(start))
    }
  }
  say('known token, median', `${(median(times) / 1000).toFixed(2)} us`, 'at most 3 us')
}

async function newToken(): Promise<void> {
  const tokens = Array.from({ length: 2 * NEW }, (_, n) =>
    makeToken(key, { sid: `n${String(n)}`, sub: `p${String(n)}` }),
  )
  const { verify } = openVerifier([key.jwk], options)
  const bareKey = await importJWK(key.jwk, 'ES256')
  const [bare, ours]: [number[], number[]] = [[], []]
  // In turn, so that whatever else the machine does falls on both.
  for (let n = 0; n < NEW; n++) {
    let start = process.hrtime.bigint()
    await compactVerify(tokens[2 * n] as string, bareKey, { algorithms: ['ES256'] })
    bare.push(since(start))
    start = process.hrtime.bigint()
    await verify(tokens[2 * n + 1] as string)
    ours.push(since(start))
  }
  const [a, b] = [median(bare), median(ours)]
  say('new ES256 token, bare jose, median', `${(a / 1000).toFixed(0)} us`, '')
  say('new ES256 token, with session, median', `${(b / 1000).toFixed(0)} us`, '')
  say('new ES256 token beside bare jose', `${(b / a).toFixed(2)} x`, 'at most 1.3 x')
}

/** All that nothing holds goes back to the system, or what the loop below throws away would be counted as remembered. */
async function collect(): Promise<void> {
  await globalThis.gc?.({ type: 'major', execution: 'async', flavor: 'last-resort' })
}

/** The memory that the verifier has, filled with a million sessions as it makes them. */
async function million(): Promise<void> {
  const { verify } = openVerifier([key.jwk], options)
  const pattern = (await verify(makeToken(key))) as Proven
  await collect()
  const before = process.memoryUsage.rss()
  const memory = createTokenMemory<Proven>({ entriesMax: MILLION, ...createSessionPacking(KEEP) })
  const nameOf = (n: number): string => nameToken(`token ${String(n)}`)
  const pad = (n: number): string => String(n).padStart(22, '0')
  for (let n = 0; n < MILLION; n++) {
    const { session } = pattern
    const ids = [`b-${pad(n).slice(8)}`, `b-${pad(n + 1).slice(8)}`]
    const claims = Object.assign(Object.create(null) as object, { beneficiary_ids: ids }) as typeof session.claims
    const own = { ...session, principal: `abcdef.${pad(n)}`, session: `abcdef.${pad(n)}`, claims }
    memory.set(nameOf(n), { key: pattern.key, session: own })
  }
  await collect()
  const megabytes = (process.memoryUsage.rss() - before) / 1_048_576
  const times: number[] = []
  let found = 0
  for (let n = 0; n < MILLION; n += 5) {
    const name = nameOf(n)
    const start = process.hrtime.bigint()
    if (memory.get(name) !== undefined) found += 1
    times.push(since(start))
  }
  say('a million remembered sessions', `${megabytes.toFixed(0)} MiB`, 'below 300 MB')
  say('of them found again', `${((found / (MILLION / 5)) * 100).toFixed(1)} %`, 'all')
  say('one of a million, median, without its hash', `${(median(times) / 1000).toFixed(2)} us`, '')
}

await knownToken()
await newToken()
await million()
