import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FENCE, nodeDisk, openJournalFile, type Disk } from '../../../src/adapters/file/journal-file.ts'
import { HEADER_BYTES } from '../../../src/adapters/file/journal-frames.ts'

let dir: string
let file: string

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'journal-'))
  file = join(dir, 'orders.journal')
})
afterEach(() => {
  rmSync(dir, { recursive: true })
})

function payloadsIn(path = file): readonly string[] {
  const journal = openJournalFile(path)
  journal.close()
  return journal.entries.map((entry) => entry.payload)
}

function write(...payloads: readonly string[]): void {
  const journal = openJournalFile(file)
  for (const payload of payloads) journal.append(payload)
  journal.close()
}

test('entries are there at the next open, in their order', () => {
  write('one', 'two')
  write('three ग')
  expect(payloadsIn()).toEqual(['one', 'two', 'three ग'])
})

test('the file is for its owner alone, filled ahead with zeros, and grows in chunks', () => {
  write('one')
  expect(statSync(file).mode & 0o777).toBe(0o600)
  const before = statSync(file).size
  expect(before).toBe(HEADER_BYTES + 1024 * 1024)
  const large = 'x'.repeat(700_000)
  write(large, large, large)
  expect(payloadsIn()).toEqual(['one', large, large, large])
  expect((statSync(file).size - before) % (1024 * 1024)).toBe(0)
})

test('an append inside the room that is there changes no size: nothing but the data has to reach the disk', () => {
  const journal = openJournalFile(file)
  const before = statSync(file).size
  for (let index = 0; index < 100; index++) journal.append('x'.repeat(1000))
  expect(statSync(file).size).toBe(before)
  journal.close()
})

test('a link in the place of the journal is not followed', () => {
  write('one')
  symlinkSync(file, join(dir, 'link'))
  expect(() => openJournalFile(join(dir, 'link'))).toThrow(/ELOOP|symbolic/)
})

describe('a torn last entry', () => {
  test('is dropped, wherever it was torn, and the next entry takes its place', () => {
    write('one', 'two')
    const before = readFileSync(file)
    write('three, which was never acknowledged')
    const after = readFileSync(file)
    const end = frameEnd(after)
    const start = frameEnd(before)
    for (let cut = start + 1; cut < end; cut++) {
      const torn = Buffer.from(before)
      after.copy(torn, start, start, cut)
      writeFileSync(file, torn)
      expect(payloadsIn()).toEqual(['one', 'two'])
      write('four')
      expect(payloadsIn()).toEqual(['one', 'two', 'four'])
    }
  })

  test('is kept where it was whole: it reached the disk and was only not acknowledged', () => {
    write('one', 'two')
    const before = readFileSync(file)
    write('three')
    const after = readFileSync(file)
    before.copy(after, 512, 512, 1024)
    writeFileSync(file, after)
    expect(payloadsIn()).toEqual(['one', 'two', 'three'])
  })
})

/** Where the acknowledged frames end, by the mark. */
function frameEnd(bytes: Buffer): number {
  return Number(bytes.readBigUInt64LE(512))
}

describe('other damage refuses to open and names file and offset', () => {
  test('a flipped bit in any acknowledged byte, the last entry and the header included', () => {
    write('one', 'two')
    const whole = readFileSync(file)
    for (let at = 0; at < frameEnd(whole); at += at < HEADER_BYTES ? 61 : 1) {
      const flipped = Buffer.from(whole)
      flipped[at] = (flipped[at] ?? 0) ^ 4
      writeFileSync(file, flipped)
      expect(() => openJournalFile(file)).toThrow(/orders[.]journal: damaged at offset \d+: /)
    }
  })

  test('a file that is shorter than what was acknowledged', () => {
    write('one', 'two')
    const end = frameEnd(readFileSync(file))
    for (const length of [0, 1, 100, HEADER_BYTES - 1, HEADER_BYTES, HEADER_BYTES + 1, end - 1]) {
      copyFileSync(file, join(dir, 'cut'))
      truncateSync(join(dir, 'cut'), length)
      expect(() => openJournalFile(join(dir, 'cut'))).toThrow(/cut: damaged at offset \d+: /)
    }
  })

  test('an entry that was cut out of the middle', () => {
    write('one')
    const first = frameEnd(readFileSync(file))
    write('two')
    const second = frameEnd(readFileSync(file))
    write('six')
    const whole = readFileSync(file)
    writeFileSync(file, Buffer.concat([whole.subarray(0, first), whole.subarray(second)]))
    expect(() => openJournalFile(file)).toThrow(/damaged at offset/)
  })

  test('another file', () => {
    writeFileSync(file, 'not a journal'.repeat(1000))
    expect(() => openJournalFile(file)).toThrow(/damaged at offset 0: the header is not that of an order journal/)
  })
})

/** A disk that fails or is interrupted at its nth sync. */
function faultyDisk(atSync: number, fault: () => void): Disk & { syncs: number } {
  const disk = {
    syncs: 0,
    write: nodeDisk.write,
    datasync: (fd: number) => {
      disk.syncs++
      if (disk.syncs === atSync) fault()
      nodeDisk.datasync(fd)
    },
  }
  return disk
}

const failing = (): never => {
  throw new Error('EIO: i/o error')
}

test('an entry that failed is not there, and the next takes its place', () => {
  const journal = openJournalFile(file, faultyDisk(2, failing))
  journal.append('one')
  expect(() => journal.append('two, and it is longer than the next')).toThrow('EIO')
  expect(payloadsIn()).toEqual(['one'])
  journal.append('three')
  journal.close()
  expect(payloadsIn()).toEqual(['one', 'three'])
})

test('a disk that writes in small parts is written to the end', () => {
  const small: Disk = { ...nodeDisk, write: (fd, bytes, at) => nodeDisk.write(fd, bytes.subarray(0, 7), at) }
  const journal = openJournalFile(file, small)
  journal.append('a text of more than seven bytes')
  journal.close()
  expect(payloadsIn()).toEqual(['a text of more than seven bytes'])
})

describe('an entry with a fence', () => {
  const newFence = () => new Int32Array(new SharedArrayBuffer(4))
  const withdraw = (fence: Int32Array) => Atomics.store(fence, 0, FENCE.withdrawn)

  test('counts once both its writes are durable, and can then no longer be withdrawn', () => {
    const journal = openJournalFile(file)
    const fence = newFence()
    journal.appendFenced('release', fence)
    journal.close()
    expect(fence[0]).toBe(FENCE.kept)
    expect(payloadsIn()).toEqual(['release'])
  })

  test('that was withdrawn before its turn is never written', () => {
    const disk = faultyDisk(0, failing)
    const journal = openJournalFile(file, disk)
    const fence = newFence()
    withdraw(fence)
    expect(() => journal.appendFenced('release', fence)).toThrow('withdrawn')
    expect(disk.syncs).toBe(0)
    journal.close()
  })

  test('that is withdrawn while the disk hangs counts for nothing, also where the process dies in that moment', () => {
    const fence = newFence()
    const disk = faultyDisk(1, () => {
      withdraw(fence)
      // What a process killed here would leave behind.
      copyFileSync(file, join(dir, 'killed'))
    })
    const journal = openJournalFile(file, disk)
    expect(() => journal.appendFenced('release', fence)).toThrow('withdrawn')
    expect(disk.syncs).toBe(1)
    journal.append('later')
    journal.close()
    expect(payloadsIn(join(dir, 'killed'))).toEqual([])
    expect(payloadsIn()).toEqual(['later'])
  })

  test('that is withdrawn during its second write is voided by a third', () => {
    const fence = newFence()
    const journal = openJournalFile(
      file,
      faultyDisk(2, () => withdraw(fence)),
    )
    expect(() => journal.appendFenced('release', fence)).toThrow('withdrawn')
    journal.close()
    expect(payloadsIn()).toEqual([])
  })

  test('that could not be voided at once is voided before anything else is written', () => {
    const fence = newFence()
    const disk = faultyDisk(2, () => withdraw(fence))
    const journal = openJournalFile(file, {
      ...disk,
      datasync: (fd) => {
        if (disk.syncs === 2) {
          disk.syncs++
          failing()
        }
        disk.datasync(fd)
      },
    })
    expect(() => journal.appendFenced('release', fence)).toThrow('withdrawn')
    expect(payloadsIn()).toEqual(['release'])
    journal.append('lock')
    journal.close()
    expect(payloadsIn()).toEqual(['lock'])
  })

  test('whose second write fails counts for nothing, and is voided before anything else is written', () => {
    let isBroken = false
    const breaking: Disk = {
      write: nodeDisk.write,
      datasync: (fd) => {
        if (isBroken) failing()
        nodeDisk.datasync(fd)
      },
    }
    const journal = openJournalFile(file, {
      ...breaking,
      datasync: (fd) => {
        breaking.datasync(fd)
        isBroken = true
      },
    })
    expect(() => journal.appendFenced('release', newFence())).toThrow('EIO')
    expect(journal.settle()).toBe(false)
    expect(() => journal.append('lock')).toThrow('EIO')
    isBroken = false
    expect(journal.settle()).toBe(true)
    isBroken = false
    journal.append('lock')
    journal.close()
    expect(payloadsIn()).toEqual(['lock'])
  })

  test('keeps its place among the others', () => {
    const journal = openJournalFile(file)
    journal.append('lock')
    journal.appendFenced('release', newFence())
    journal.append('lock again')
    journal.close()
    expect(payloadsIn()).toEqual(['lock', 'release', 'lock again'])
  })
})
