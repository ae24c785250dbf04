// What the trail does not take is counted, and said by a record of its own as soon as it takes records again.
import { expect, test } from '@jest/globals'
import { createRecorder } from '../../src/audit/recorder.ts'
import type { WriteAheadLog } from '../../src/audit/write-ahead.ts'
import type { AuditRecord } from '../../src/core/audit-record.ts'

function open() {
  const entries: Record<string, unknown>[] = []
  const log = { healthy: true, hasRoom: true }
  let lost = 0
  let held = false
  const recorder = createRecorder({
    log: {
      get healthy() {
        return log.healthy
      },
      append(entry: string) {
        if (!log.hasRoom) return undefined
        if (entry.length > 32_768) throw new RangeError('too long')
        return entries.push(JSON.parse(entry) as Record<string, unknown>)
      },
      durable: () => Promise.resolve(),
    } as unknown as WriteAheadLog,
    gateway: 'gw',
    worker: 'w1',
    monotonicMs: () => 12.5,
    isHeld: () => held,
    onRecord: () => undefined,
    onLost: () => {
      lost += 1
    },
  })
  const record = (time: number, version = '1'): AuditRecord => ({ kind: 'start', time, version, epoch: 1 })
  return { entries, log, recorder, record, lost: () => lost, hold: (is: boolean) => void (held = is) }
}

test('wall and monotonic time stand in each record', () => {
  const { entries, recorder, record } = open()
  recorder.append(record(1_000))
  expect(entries).toEqual([
    { time: 1_000, mono: 12_500, seq: 0, gateway: 'gw', worker: 'w1', kind: 'start', version: '1', epoch: 1 },
  ])
})

test('losses are counted, and told once, before the next record', () => {
  const { entries, log, recorder, record, lost } = open()
  recorder.append(record(1))
  log.hasRoom = log.healthy = false
  for (const time of [2, 3, 4]) expect(recorder.append(record(time))).toBeUndefined()
  expect([entries.length, lost()]).toEqual([1, 3])
  log.hasRoom = true
  // It has room again, but what it takes may never be written: the gap is told when it is sound.
  recorder.tellLosses()
  expect(entries).toHaveLength(1)
  log.healthy = true
  recorder.append(record(9))
  recorder.tellLosses()
  expect(entries.slice(1)).toMatchObject([
    { kind: 'gap', seq: 1, time: 4, lost: 3, from: 2, to: 4, reason: 'the trail could not be written' },
    { kind: 'start', seq: 2, time: 9 },
  ])
  expect(lost()).toBe(3)
})

test('a record that is too long is lost by itself, and said so', () => {
  const { entries, recorder, record } = open()
  expect(recorder.append(record(1, 'x'.repeat(40_000)))).toBeUndefined()
  recorder.tellLosses()
  expect(entries).toMatchObject([{ kind: 'gap', lost: 1 }])
})

test('a trail that is held is not healthy, though its own log is', () => {
  const { recorder, hold } = open()
  expect(recorder.healthy).toBe(true)
  hold(true)
  expect(recorder.healthy).toBe(false)
})
