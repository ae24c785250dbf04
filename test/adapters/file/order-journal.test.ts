import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { openOrderJournal } from '../../../src/adapters/file/order-journal.ts'
import { flagsEntry, freezeEntry, silentLogger } from '../../support/control-ports.ts'

let dir: string

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'journal-'))
})
afterEach(() => {
  rmSync(dir, { recursive: true })
})

const open = (thread?: URL) =>
  openOrderJournal({ dir, logger: silentLogger, ...(thread === undefined ? {} : { thread }) })

async function entriesAtNextOpen() {
  const journal = await open()
  await journal.close()
  return journal.entries
}

test('what was acknowledged is there at the next open, in its order', async () => {
  const journal = await open()
  expect(journal.entries).toEqual([])
  await Promise.all([1, 2, 3, 4].map((number) => journal.append(flagsEntry(number), number === 3 ? 10_000 : undefined)))
  await journal.close()
  expect(await entriesAtNextOpen()).toEqual([1, 2, 3, 4].map(flagsEntry))
})

test('damage refuses to open, in one line that names file and offset', async () => {
  const journal = await open()
  await journal.append(flagsEntry(1))
  await journal.close()
  const file = join(dir, 'orders.journal')
  const bytes = readFileSync(file)
  bytes[4100] = (bytes[4100] ?? 0) ^ 1
  writeFileSync(file, bytes)
  await expect(open()).rejects.toThrow(/^\S+orders[.]journal: damaged at offset 4096: [^\n]+$/)
})

test('after its end every append is rejected', async () => {
  const journal = await open()
  await journal.close()
  await expect(journal.append(flagsEntry(1))).rejects.toThrow("the order journal's thread has ended")
})

describe('while the disk hangs', () => {
  const held = new URL('../../support/control-held-journal-thread.ts', import.meta.url)

  test('an entry with a limit is withdrawn in time and never counts, and one without is kept', async () => {
    const journal = await open(held)
    const hold = join(dir, 'orders.journal.hold')
    writeFileSync(hold, '')
    const lock = journal.append(flagsEntry(1))
    const release = journal.append(flagsEntry(2), 40)
    await expect(release).rejects.toThrow('not durable within 40 ms: withdrawn')
    rmSync(hold)
    await lock
    await journal.append(flagsEntry(3), 10_000)
    await journal.close()
    expect(await entriesAtNextOpen()).toEqual([flagsEntry(1), flagsEntry(3)])
  })

  test('an entry that hangs in its own write is withdrawn as well, whether the disk recovers or the process dies', async () => {
    const journal = await open(held)
    const hold = join(dir, 'orders.journal.hold')
    writeFileSync(hold, '')
    const isHeld = waitFor(join(dir, 'orders.journal.held'))
    const isWithdrawn = expect(journal.append(flagsEntry(2), 1_000)).rejects.toThrow('withdrawn')
    await isHeld
    await isWithdrawn
    // The bytes are in the kernel's hands: a process that dies now leaves them to the next.
    expect(readFileSync(join(dir, 'orders.journal')).includes('"at":2')).toBe(true)
    expect(await entriesAtNextOpen()).toEqual([])
    rmSync(hold)
    await journal.close()
    expect(await entriesAtNextOpen()).toEqual([])
  })
})

async function waitFor(file: string): Promise<void> {
  const watcher = watch(dir)
  try {
    while (!existsSync(file)) await once(watcher, 'change')
  } finally {
    watcher.close()
  }
}

test('kill -9 at any moment: an entry that was acknowledged is there afterwards, and nothing is damaged', async () => {
  const child = new URL('../../support/control-journal-child.ts', import.meta.url).pathname
  let acknowledged = -1
  let random = 0x2545f491
  for (let round = 0; round < 15; round++) {
    const running = spawn(process.execPath, [child, dir], { stdio: ['ignore', 'pipe', 'inherit'] })
    const closed = once(running, 'close')
    // A small generator of its own, so that a failure can be had again.
    random = (random * 1_103_515_245 + 12_345) % 2_147_483_648
    const killAt = acknowledged + 1 + (random % 40)
    for await (const line of createInterface(running.stdout)) {
      acknowledged = Number(line)
      if (acknowledged >= killAt && !running.killed) running.kill('SIGKILL')
    }
    await closed
    const entries = await entriesAtNextOpen()
    expect(entries.length).toBeGreaterThan(acknowledged)
    expect(entries).toEqual(entries.map((_, index) => freezeEntry(index)))
    acknowledged = entries.length - 1
  }
})
