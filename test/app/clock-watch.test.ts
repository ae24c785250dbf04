// The clock against time servers of its own, over UDP: what is recorded, what is measured, and what is an alarm.
import { afterEach, expect, test } from '@jest/globals'
import { createClock } from '../../src/adapters/node/clock.ts'
import { createClockWatch, type ClockWatch } from '../../src/app/clock-watch.ts'
import type { AuditRecord } from '../../src/core/audit-record.ts'
import { silentLogger } from '../support/control-ports.ts'
import { createMemoryTrail } from '../support/memory-trail.ts'
import { startTimeServer } from '../support/time-server.ts'

const opened: { close(): void }[] = []
afterEach(() => {
  for (const each of opened.splice(0)) each.close()
})

async function lookAt(
  ...aheadSeconds: readonly number[]
): Promise<{ watch: ClockWatch; records: readonly AuditRecord[] }> {
  const servers = await Promise.all(aheadSeconds.map((ahead) => startTimeServer(ahead)))
  opened.push(...servers)
  const trail = createMemoryTrail()
  const watch = createClockWatch({
    clock: createClock(),
    trail,
    logger: silentLogger,
    config: () => ({
      servers: servers.map(({ port }) => ({ host: '127.0.0.1', port })),
      everyMs: 300_000,
      alarmMs: 30_000,
    }),
  })
  await watch.look()
  return { watch, records: trail.records }
}

test('servers that agree, with this clock and with one another, are no alarm', async () => {
  const { watch, records } = await lookAt(0, 0)
  expect(watch.problems).toEqual([])
  expect(watch.offsetSeconds).toBeCloseTo(0, 0)
  expect(watch.spreadSeconds).toBeCloseTo(0, 0)
  expect(records).toMatchObject([{ kind: 'clock', alarm: false, readings: [{}, {}] }])
})

test('two servers that differ are an alarm, whichever of them is right', async () => {
  for (const ahead of [600, -600]) {
    const { watch, records } = await lookAt(0, ahead)
    expect(watch.spreadSeconds).toBeCloseTo(600, -1)
    expect(watch.problems).toContainEqual(expect.stringMatching(/^clock: the time servers differ by \d{3}\.\d{3} s/))
    expect(records).toMatchObject([{ kind: 'clock', alarm: true }])
  }
})

test('one of three that lies is told, and the middle one is believed', async () => {
  const { watch } = await lookAt(0, 600, 0)
  expect(watch.offsetSeconds).toBeCloseTo(0, 0)
  expect(watch.problems).toEqual([expect.stringContaining('the time servers differ by')])
})

test('a clock that all servers say is off is an alarm, and one server differs from nobody', async () => {
  const { watch } = await lookAt(600)
  expect(watch.problems).toEqual([expect.stringMatching(/s slow by the time servers$/)])
  expect(watch.spreadSeconds).toBeUndefined()
})
