// The journal is made smaller at a start, and while it runs; killed at any point it is the one before or the one after.
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, watch, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compactJournal } from '../../../src/adapters/file/compact-journal.ts'
import { nodeDisk, openJournalFile, rewriteJournalFile } from '../../../src/adapters/file/journal-file.ts'
import { openOrderJournal } from '../../../src/adapters/file/order-journal.ts'
import { applyEntry, EMPTY_LEDGER } from '../../../src/core/ledger.ts'
import type { LedgerEntry } from '../../../src/core/ledger-entry.ts'
import { silentLogger } from '../../support/control-ports.ts'

let dir: string
let file: string

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'compact-'))
  file = join(dir, 'orders.journal')
})
afterEach(() => {
  rmSync(dir, { recursive: true })
})

const GUARD = { responders: [], approvals: 2 }
const raise = (epoch: number): LedgerEntry => ({ type: 'epoch', epoch, at: epoch })
const freeze = (id: string): LedgerEntry => ({ type: 'freeze', id, at: 1, guard: GUARD })
const ledgerOf = (entries: readonly LedgerEntry[]) => entries.reduce(applyEntry, EMPTY_LEDGER)
const open = () => openOrderJournal({ dir, logger: silentLogger })

test('what machines have written is let go at the next start, and the ledger is the same; what comes then is behind it', async () => {
  const entries = [
    freeze('freeze-1'),
    ...Array.from({ length: 600 }, (_, index) => raise(10 + index)),
    freeze('freeze-2'),
  ]
  rewriteJournalFile(
    file,
    entries.map((entry) => JSON.stringify(entry)),
  )
  const before = statSync(file).size
  const journal = await open()
  expect(journal.entries.map(({ type }) => type)).toEqual(['freeze', 'epoch', 'freeze'])
  expect(ledgerOf(journal.entries)).toEqual(ledgerOf(entries))
  await journal.append(freeze('freeze-3'))
  await journal.close()
  expect(statSync(file).size).toBeLessThan(before)
  const again = await open()
  expect(again.entries.map((entry) => ('id' in entry ? entry.id : entry.type))).toEqual([
    'freeze-1',
    'epoch',
    'freeze-2',
    'freeze-3',
  ])
  await again.close()
})

test('it stays bounded while the gateway runs', async () => {
  const journal = await open()
  await journal.append(freeze('freeze-1'))
  for (let from = 0; from < 1400; from += 100)
    await Promise.all(Array.from({ length: 100 }, (_, index) => journal.append(raise(from + index + 10))))
  await journal.close()
  // Not 1,401: those of the first 1,024 are gone but for one.
  expect(openJournalFile(file).entries.length).toBeLessThan(700)
  const again = await open()
  expect(ledgerOf(again.entries).epoch).toBe(1409)
  await again.close()
})

test('a write that fails at any point, and what is then left beside it, leaves the journal as it was', () => {
  const entries = [freeze('freeze-1'), ...Array.from({ length: 300 }, (_, index) => raise(index + 10))]
  rewriteJournalFile(
    file,
    entries.map((entry) => JSON.stringify(entry)),
  )
  const whole = readFileSync(file)
  const payloads = ['{"type":"epoch","epoch":1,"at":1}', '{"type":"epoch","epoch":2,"at":1}']
  for (let fails = 0; fails < 4; fails += 1) {
    let writes = 0
    const disk = {
      ...nodeDisk,
      write: (fd: number, bytes: Uint8Array, position: number): number => {
        if (writes++ === fails) throw new Error('ENOSPC')
        return nodeDisk.write(fd, bytes, position)
      },
    }
    expect(() => {
      rewriteJournalFile(file, payloads, disk)
    }).toThrow('ENOSPC')
    expect(existsSync(`${file}.new`)).toBe(true)
    expect(readFileSync(file).equals(whole)).toBe(true)
  }
  // As a kill between two writes leaves it: the next start neither reads nor minds it.
  writeFileSync(`${file}.new`, whole.subarray(0, 5000))
  expect(compactJournal(file)).toBe(true)
  expect(openJournalFile(file).entries).toHaveLength(2)
})

test('kill -9 while it is made smaller: no acknowledged entry is lost, and nothing is damaged', async () => {
  const child = new URL('../../support/compact-journal-child.ts', import.meta.url).pathname
  let acknowledged = 0
  for (let round = 0; round < 8; round++) {
    // Enough that each start makes it smaller, and the kill comes at another moment of it.
    const filler = Array.from({ length: 400 }, () => JSON.stringify(raise(Math.max(1, acknowledged))))
    rewriteJournalFile(file, filler)
    const running = spawn(process.execPath, [child, dir], { stdio: ['ignore', 'pipe', 'inherit'] })
    const closed = once(running, 'close')
    // A kill at the start of the journal's thread falls into the rewriting; later ones behind it.
    const watcher = watch(dir, () => {
      if (round % 2 === 0) running.kill('SIGKILL')
    })
    for await (const line of createInterface(running.stdout)) {
      acknowledged = Number(line)
      running.kill('SIGKILL')
    }
    await closed
    watcher.close()
    const journal = await open()
    expect(ledgerOf(journal.entries).epoch).toBeGreaterThanOrEqual(acknowledged)
    await journal.close()
  }
})
