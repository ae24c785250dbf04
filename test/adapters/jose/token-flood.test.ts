// Load that means harm, and load that meets a rotation: known sessions stay known, the thread stays free, nobody honest is refused.
import { stat } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { makeKey, makeToken, openVerifier, sessionOf } from './token-support.ts'

const key = makeKey('ES256', 'k1')
const next = makeKey('ES256', 'k2')

/** Well-formed, of a key that is known, each another, and signed by nobody. */
function inventions(count: number): readonly string[] {
  const [head = '', body = ''] = makeToken(key).split('.')
  return Array.from({ length: count }, (_, n) => {
    const mark = Buffer.alloc(64, 1)
    mark.writeUInt32BE(n, 4)
    return `${head}.${body}.${mark.toString('base64url')}`
  })
}

test('a flood of inventions is answered 503 beyond a bound, evicts nobody and leaves the thread free', async () => {
  const { verify } = openVerifier([key.jwk], { cache: { entriesMax: 100 } })
  const known = Array.from({ length: 100 }, (_, n) => makeToken(key, { sid: `s${String(n)}` }))
  const sessions = await Promise.all(known.map(async (token) => sessionOf(await verify(token)).session))
  const answers: ReturnType<typeof verify>[] = []
  const flood = inventions(20_000)
  const before = process.threadCpuUsage()
  for (let n = 0; n < flood.length; n += 1_000) {
    for (const token of flood.slice(n, n + 1_000)) answers.push(verify(token))
    // In the midst of it each known one is answered in its own turn.
    const at = n / 1_000
    expect(verify(known[at] ?? '')).toMatchObject({ session: { session: sessions[at] } })
    await new Promise((resolve) => setImmediate(resolve))
  }
  const all = await Promise.all(answers)
  const { user, system } = process.threadCpuUsage(before)
  const used = user + system
  const refused = all.map((each) => ('refused' in each ? each.refused : 'session'))
  expect(new Set(refused)).toEqual(new Set(['invalid', 'unavailable']))
  // Verified here, each would take this thread a hundred microseconds more.
  expect(used / flood.length).toBeLessThan(80)
  known.forEach((token, at) => {
    expect(verify(token)).toMatchObject({ session: { session: sessions[at] } })
  })
})

test('an honest new token waits behind at most the bound', async () => {
  const { verify } = openVerifier([key.jwk], { pendingMax: 16 })
  const flood = inventions(16).map((token) => verify(token))
  expect(await verify(makeToken(key))).toHaveProperty('refused', 'unavailable')
  await Promise.all(flood)
  expect(await verify(makeToken(key))).toHaveProperty('session')
})

test('what else needs the pool of threads waits behind a few, not behind the flood', async () => {
  const { verify } = openVerifier([key.jwk])
  await verify(makeToken(key))
  let done = 0
  const flood = inventions(1_000).map(async (token) => {
    await verify(token)
    done += 1
  })
  await new Promise((resolve) => setImmediate(resolve))
  await stat(import.meta.filename)
  expect(done).toBeLessThan(200)
  await Promise.all(flood)
})

describe('a rotation in mid-load', () => {
  let server: Server
  let keys: readonly object[] = [key.jwk]
  let url = ''
  beforeAll(async () => {
    server = createServer((_request, response) => {
      setTimeout(() => response.end(JSON.stringify({ keys })), 20)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/jwks.json`
  })
  afterAll(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })

  test('refuses nobody: the new key is fetched once for all who wait, the old one counts until it is gone', async () => {
    const { verify, verifier, clock } = openVerifier([], { issuer: { jwks: { url } } })
    const of = (by: typeof key, count: number, name: string) =>
      Array.from({ length: count }, (_, n) => makeToken(by, { sid: `${name}${String(n)}` }))
    const before = of(key, 50, 'a')
    for (const token of before) expect(await verify(token)).toHaveProperty('session')
    keys = [key.jwk, next.jwk]
    clock.now += 31_000
    const mixed = of(key, 200, 'b').flatMap((token, n) => [token, ...of(next, 1, `c${String(n)}-`)])
    const answers = await Promise.all(mixed.map((token) => verify(token)))
    expect(answers.filter((each) => 'refused' in each)).toEqual([])
    keys = [next.jwk]
    clock.now += 300_000
    await verifier.refresh()
    expect(await verify(before[0] ?? '')).toHaveProperty('refused', 'invalid')
    expect(verify(mixed[1] ?? '')).toHaveProperty('session')
  })
})
