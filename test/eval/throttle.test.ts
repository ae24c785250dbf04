// The short form of npm run eval:throttle: one seed, without the arms of others.
import { describe, expect, test } from '@jest/globals'
import { edgarMorning, hasTraffic, nasa } from './logs.ts'
import { poison } from './poisoning.ts'
import { ROWS } from './rows.ts'
import { createGuard } from '../../src/throttle/replay/guard.ts'

if (!hasTraffic)
  console.warn(
    'skipped: the real logs of ../shared/traffic are not here, so the targets of npm run eval:throttle are not tested',
  )
const LOGS = hasTraffic
  ? ([
      ['NASA August', () => nasa('nasa-http-19950801.tsv.gz')],
      ['EDGAR', edgarMorning],
    ] as const)
  : []
const arm = () => createGuard({ size: { sessions: 4_000, addresses: 4_000 } })

/** On the second log only what hangs on the log at all. */
const OF_THE_LOG = /distributed-real|flash/
/** The slow ones differ in their pace alone. */
const IN_FULL_ALONE = /^slower$|^slowest$|^distributed-few$|^fast$/

describe.each(LOGS)('%s', (name, read) => {
  const log = read()
  const rows = ROWS.filter((row) => (name === 'EDGAR' ? OF_THE_LOG.test(row.name) : !IN_FULL_ALONE.test(row.name)))
  test.each(rows.map((row) => [row.name, row] as const))('%s', (_row, row) => {
    const found = row.play(log, 1, arm)
    expect({ found: row.tell(found), reached: row.reached(found) }).toEqual({ found: row.tell(found), reached: true })
  })
})

test('two weeks of poisoning at most double a limit', () => {
  const { growth, leakedAfter } = poison(1)
  expect(growth).toBeGreaterThan(1)
  expect(growth).toBeLessThanOrEqual(2)
  expect(leakedAfter).toBeLessThanOrEqual(25)
})
