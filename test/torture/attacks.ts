// What somebody does to a finished log, and whether anybody can tell.
import { copyFileSync, cpSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  appendAll,
  copyPlace,
  createPlace,
  listFiles,
  openTestLog,
  openTestSealer,
  records,
  type Place,
} from '../audit/trail.ts'
import { fileOf, isFound, problemFiles, writeLog, type Kind } from './logs.ts'

export interface Outcome {
  readonly found: number
  readonly tried: number
  /** Of flipped bytes: the file was named too. */
  readonly located?: number
}

interface Attack {
  readonly name: string
  /** Changes a copy; several ways to do it, of which each is tried. Returns false where there is no such way. */
  readonly ways: (kind: Kind, place: Place) => readonly ((place: Place) => void)[]
}

/** Lines of the others' file, changed as a whole. */
function rewrite(change: (lines: string[]) => readonly string[]): (place: Place) => void {
  return (place) => {
    const lines = readFileSync(fileOf(place), 'utf8').split('\n').slice(0, -1)
    writeFileSync(
      fileOf(place),
      change(lines)
        .map((line) => `${line}\n`)
        .join(''),
    )
  }
}

const filesOf = (place: Place): string[] => listFiles(place.dir)
const eachFile = (place: Place, change: (path: string) => void): ((place: Place) => void)[] =>
  filesOf(place).map((file) => (copy) => {
    change(join(copy.dir, file))
  })

export const ATTACKS: readonly Attack[] = [
  {
    name: 'a record taken out of the middle',
    ways: (kind, place) =>
      kind === 'portcullis' ? [dropEntry(place)] : [rewrite((lines) => lines.filter((_, i) => i !== 50))],
  },
  {
    name: 'the last records cut off',
    ways: (kind, place) =>
      kind === 'portcullis'
        ? eachFile(place, (path) => {
            writeFileSync(path, readFileSync(path).subarray(0, statSync(path).size >> 1))
          })
        : [rewrite((lines) => lines.slice(0, -20))],
  },
  {
    name: 'a record written a second time',
    ways: (kind, place) =>
      kind === 'portcullis'
        ? eachFile(place, (path) => {
            writeFileSync(path, Buffer.concat([readFileSync(path), readFileSync(path)]))
          })
        : [rewrite((lines) => [...lines, lines[7] ?? ''])],
  },
  {
    name: 'two records in each other’s place',
    ways: (kind, place) =>
      kind === 'portcullis'
        ? [swapFiles(place)]
        : [rewrite((lines) => [lines[1] ?? '', lines[0] ?? '', ...lines.slice(2)])],
  },
  {
    name: 'a file deleted',
    ways: (_, place) =>
      eachFile(place, (path) => {
        rmSync(path)
      }),
  },
  {
    name: 'a file renamed',
    ways: (_, place) =>
      eachFile(place, (path) => {
        renameSync(path, `${path}.old`)
      }),
  },
  {
    name: 'a file copied beside itself',
    ways: (_, place) =>
      eachFile(place, (path) => {
        copyFileSync(path, `${path}-copy`)
      }),
  },
  { name: 'a second writer in the same place', ways: () => [] },
  { name: 'rolled back to yesterday’s backup', ways: () => [] },
  { name: 'another log put in its place', ways: () => [] },
]

function dropEntry(place: Place): (copy: Place) => void {
  const [file = ''] = filesOf(place).filter((each) => each.startsWith('tile/entries/'))
  return (copy) => {
    const path = join(copy.dir, file)
    const bytes = readFileSync(path)
    const length = 2 + bytes.readUInt16BE(0)
    writeFileSync(path, bytes.subarray(length))
  }
}

function swapFiles(place: Place): (copy: Place) => void {
  const [one = '', two = ''] = filesOf(place).filter((each) => each.startsWith('tile/entries/'))
  return (copy) => {
    renameSync(join(copy.dir, one), join(copy.dir, 'kept'))
    renameSync(join(copy.dir, two), join(copy.dir, one))
    renameSync(join(copy.dir, 'kept'), join(copy.dir, two))
  }
}

const ENTRIES = 300

export async function attack(kind: Kind, { name, ways }: Attack): Promise<Outcome> {
  const place = createPlace()
  const kept = await writeLog(kind, place, records('w1', 0, ENTRIES))
  if (name.startsWith('rolled back')) return { found: (await rollBack(kind)) ? 1 : 0, tried: 1 }
  if (name.startsWith('a second writer')) return { found: (await writeTwice(kind, place, kept)) ? 1 : 0, tried: 1 }
  if (name.startsWith('another log')) return { found: (await putAnother(kind, kept)) ? 1 : 0, tried: 1 }
  let found = 0
  const all = ways(kind, place)
  for (const change of all) {
    const copy = copyPlace(place)
    change(copy)
    if (await isFound(kind, copy, kept)) found += 1
    rmSync(copy.root, { recursive: true })
  }
  return { found, tried: all.length }
}

/** A backup of the shorter log is put back; what is kept elsewhere is of the longer one. */
async function rollBack(kind: Kind): Promise<boolean> {
  const [short, long] = [createPlace(), createPlace()]
  await writeLog(kind, short, records('w1', 0, 200))
  const kept = await writeLog(kind, long, records('w1', 0, 300))
  return isFound(kind, short, kept)
}

/** Two that write into one place, each from what it knows: lines end up among each other, as if one had written them. */
async function writeTwice(kind: Kind, place: Place, kept: string): Promise<boolean> {
  const lines = (run: number): string[] => records('w1', ENTRIES, 20, `,"run":${run}`)
  if (kind !== 'portcullis') {
    for (const run of [1, 2]) await writeLog(kind, place, lines(run))
    return isFound(kind, place, kept)
  }
  const [one, two] = [await openTestSealer(place), await openTestSealer(place)]
  for (const [run, sealer] of [one, two].entries()) {
    const log = await openTestLog(place, 'w1', {
      onDurable: (batch) => {
        sealer.add(batch)
      },
    })
    await appendAll(log, lines(run))
    // Whoever comes second finds that somebody else has signed.
    if ((await sealer.seal()).problem !== undefined) return true
  }
  return isFound(kind, place, kept)
}

async function putAnother(kind: Kind, kept: string): Promise<boolean> {
  const other = createPlace()
  await writeLog(kind, other, records('w1', 0, ENTRIES, ',"other":1'))
  return isFound(kind, other, kept)
}

/** Each `step`-th byte of every file with each of two bits flipped. */
export async function flip(kind: Kind, step: number, onByte: (done: number) => void): Promise<Outcome> {
  const place = createPlace()
  const kept = await writeLog(kind, place, records('w1', 0, 24))
  const copy = createPlace()
  cpSync(place.root, copy.root, { recursive: true })
  let [found, located, tried] = [0, 0, 0]
  for (const file of filesOf(place)) {
    const path = join(copy.dir, file)
    const bytes = readFileSync(path)
    for (let at = 0; at < bytes.length; at += step) {
      const changed = Buffer.from(bytes)
      changed[at] = (changed[at] ?? 0) ^ (tried % 2 === 0 ? 1 : 0x40)
      writeFileSync(path, changed)
      tried += 1
      const told = await problemFiles(kind, copy, kept)
      if (told.length > 0) found += 1
      if (told.includes(file)) located += 1
      onByte(tried)
    }
    writeFileSync(path, bytes)
  }
  if (readdirSync(copy.dir).length === 0) throw new Error('nothing was flipped')
  return { found, located, tried }
}
