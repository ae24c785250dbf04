// Keys of recorded detail: one a person and day, all of them needed, gone when they are erased, and nothing written that opens a box.
import { appendFileSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { createDetailReader } from '../../src/audit/detail/detail-reader.ts'
import { createDetailMemory, DetailSealer } from '../../src/audit/detail/detail-sealer.ts'
import { dropDays, eraseKeys, readDay } from '../../src/audit/detail/key-slots.ts'
import { nodeFiles } from '../../src/audit/files.ts'
import { createPlace, removePlaces } from './trail.ts'

afterAll(removePlaces)

const DAY = 86_400_000
const NOON = Date.parse('2026-03-04T12:00:00Z')

function open(writer = 'worker-1', over: { dir?: string; memory?: SharedArrayBuffer } = {}) {
  const dir = over.dir ?? join(createPlace().root, 'keys')
  const memory = over.memory ?? createDetailMemory()
  const problems: string[] = []
  const sealer = new DetailSealer({
    ...{ dir, writer, erasures: new Int32Array(memory) },
    onFailure: (problem) => problems.push(problem),
  })
  const seal = (names: readonly string[], time = NOON, id = 'r1') => ({
    id,
    time,
    detail: sealer.seal(names, time, `{"of":"${names.join()}"}`, id),
  })
  const erase = async (erasing: Parameters<typeof eraseKeys>[2]): Promise<number> => {
    Atomics.add(new Int32Array(memory), 0, 1)
    return eraseKeys(nodeFiles, dir, erasing)
  }
  return {
    dir,
    memory,
    problems,
    sealer,
    seal,
    erase,
    read: async (record: unknown) => (await createDetailReader(dir)).open(record),
  }
}

test('a person has one key a day, and what it has sealed opens with it alone', async () => {
  const { seal, read, dir, sealer } = open()
  const [first, again, other, tomorrow] = [seal(['a']), seal(['a']), seal(['b']), seal(['a'], NOON + DAY)]
  await sealer.durable()
  expect(first.detail?.keys).toEqual(again.detail?.keys)
  expect(new Set([first, other, tomorrow].flatMap(({ detail }) => detail?.keys)).size).toBe(3)
  expect(first.detail?.box).not.toBe(again.detail?.box)
  expect(await Promise.all([first, other, tomorrow].map(read))).toEqual([{ of: 'a' }, { of: 'b' }, { of: 'a' }])
  expect(readdirSync(dir)).toEqual(['2026-03-04', '2026-03-05'])
  // The box of one record does not pass for another's.
  expect(await read({ ...first, id: 'r2' })).toBe('unreadable')
  expect(await read({ ...first, detail: { ...first.detail, keys: other.detail?.keys } })).toBe('unreadable')
  const box = first.detail?.box ?? ''
  expect(await read({ ...first, detail: { ...first.detail, box: `${box.slice(0, -4)}AAAA` } })).toBe('unreadable')
})

test('of a record about two people either erases it', async () => {
  const { seal, read, erase } = open()
  const [both, mine, theirs] = [seal(['a', 'b']), seal(['a']), seal(['b'])]
  expect(await read(both)).toEqual({ of: 'a,b' })
  expect(await erase({ names: new Set(['b']) })).toBe(1)
  expect(await Promise.all([both, mine, theirs].map(read))).toEqual(['erased', { of: 'a' }, 'erased'])
})

test('an erased key is no longer on the disk, and is not used again by who had it in memory', async () => {
  const { seal, read, erase, dir } = open()
  const before = seal(['a'])
  const [slot] = await readDay(nodeFiles, dir, '2026-03-04')
  const key = Buffer.from(slot?.key ?? '').toString('latin1')
  expect(key).toHaveLength(32)
  const file = join(dir, '2026-03-04', 'worker-1.keys')
  expect(readFileSync(file, 'latin1')).toContain(key)
  expect(await erase({})).toBe(1)
  expect(readFileSync(file, 'latin1')).not.toContain(key)
  const after = seal(['a'])
  expect(after.detail?.keys).not.toEqual(before.detail?.keys)
  expect([await read(before), await read(after)]).toEqual(['erased', { of: 'a' }])
  // Erased once is erased: it counts no more.
  expect([await erase({ isRehearsal: true }), await erase({})]).toEqual([1, 1])
  expect(await erase({})).toBe(0)
})

test('days are erased as asked, and dropped as a whole when they are over', async () => {
  const { seal, read, erase, dir } = open()
  const days = [0, 1, 2, 3].map((n) => seal(['a'], NOON + n * DAY))
  expect(await erase({ from: '2026-03-05', to: '2026-03-06' })).toBe(2)
  expect(await Promise.all(days.map(read))).toEqual([{ of: 'a' }, 'erased', 'erased', { of: 'a' }])
  expect(await dropDays(nodeFiles, dir, '2026-03-07')).toBe(1)
  expect(readdirSync(dir)).toEqual(['2026-03-07'])
  expect(await Promise.all(days.map(read))).toEqual(['erased', 'erased', 'erased', { of: 'a' }])
})

test('a record that is told of after midnight has the keys of the day before', async () => {
  const { seal, read } = open()
  const record = seal(['a'], Date.parse('2026-03-04T23:59:59.999Z'))
  expect(await read({ ...record, time: Date.parse('2026-03-05T00:00:01Z') })).toEqual({ of: 'a' })
})

test('two writers of one day, and one that comes back after a crash in the middle of a slot', async () => {
  const first = open()
  const record = first.seal(['a'])
  await first.sealer.close()
  appendFileSync(join(first.dir, '2026-03-04', 'worker-1.keys'), 'PKEYtorn')
  const second = open('worker-1', first)
  const third = open('worker-2', first)
  const more = [second.seal(['a']), third.seal(['a'])]
  expect(await Promise.all([record, ...more].map(first.read))).toEqual([{ of: 'a' }, { of: 'a' }, { of: 'a' }])
  expect(await first.erase({ names: new Set(['a']) })).toBe(3)
})

test('no key, no detail: a directory that cannot be written is told, and what was lost is no secret', async () => {
  const { seal, problems, read } = open('worker-1', { dir: join(import.meta.filename, 'keys') })
  expect(seal(['a']).detail).toBeUndefined()
  expect(problems).toHaveLength(1)
  await expect(read({})).rejects.toThrow()
  const { read: fine, seal: make } = open()
  make(['a'])
  expect(await fine({ id: 'x', time: NOON, detail: { keys: [], lost: 'keys' } })).toBe('lost')
  expect(await fine({ id: 'x', time: NOON })).toBeUndefined()
})
