// The short form of `npm run fuzz`: what the upstream saw was authorised as exactly that.
import { expect, test } from '@jest/globals'
import { escaped } from './dice.ts'
import { fuzz } from './fuzz-run.ts'
import type { Kind } from './case.ts'

const CASES = 2_500

/** Always the same cases: a test that changes by itself tells nobody what broke. New ones are what `npm run fuzz` is for. */
async function play(only: Kind, first: number) {
  const failures: string[] = []
  const result = await fuzz({
    first,
    runs: CASES,
    only,
    onFailure: ({ seed, bytes, findings }) => {
      failures.push(`seed ${seed}: ${findings.map(({ rule }) => rule).join('; ')}: ${escaped(bytes)}`)
    },
  })
  return { failures, result }
}

test(`${CASES} conversations by a grammar: trail, three readings upstream, and answers agree`, async () => {
  const { failures, result } = await play('structured', 1_000_000)
  expect(failures).toEqual([])
  expect(result.cases.structured).toBe(CASES)
  // Enough of them get somewhere.
  expect(result.tally.seen).toBeGreaterThan(CASES / 4)
})

test(`${CASES} conversations taken apart blindly: the same holds`, async () => {
  const { failures, result } = await play('bytes', 2_000_000)
  expect(failures).toEqual([])
  expect(result.cases.bytes).toBe(CASES)
  expect(result.tally.seen).toBeGreaterThan(CASES / 4)
})

test(`${CASES} answers of a hostile upstream: the caller gets what was meant or an abort, the next exchange is unharmed`, async () => {
  const { failures, result } = await play('answers', 3_000_000)
  expect(failures).toEqual([])
  expect(result.cases.answers).toBe(CASES)
})
