import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLocksFileWatch, type LocksFileWatch } from '../../src/control/watch-locks-file.ts'
import { makeFifo } from '../support/control-fifo.ts'
import { createRig, type Rig, type RigOptions } from '../support/control-desk.ts'

let dir: string
let file: string

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'locks-'))
  file = join(dir, 'locks.yaml')
})
afterEach(() => {
  rmSync(dir, { recursive: true })
})

interface Watching {
  readonly rig: Rig
  readonly watch: LocksFileWatch
  /** Ids and modes of the locks in force after `looks` looks. */
  after(looks: number): Promise<readonly string[]>
  inForce(): readonly string[]
}

async function createWatching(options?: RigOptions, from?: Rig): Promise<Watching> {
  const rig = from ?? (await createRig(options))
  const watch = createLocksFileWatch({
    path: file,
    desk: rig.desk,
    routes: () => rig.settings.routes,
    clock: rig.clock,
    logger: rig.logger,
  })
  const inForce = () =>
    (rig.dataPlane.table?.locks ?? []).map(({ id, mode }) => `${id.replace(/^file[.]/, '')} ${mode}`).sort()
  return {
    rig,
    watch,
    inForce,
    after: async (looks) => {
      for (let count = 0; count < looks; count++) await watch.look()
      return inForce()
    },
  }
}

const LOCKED = `freeze: true
reason: leak suspected
incident: INC-7
routes:
  record.read: deny
  facilities: read-only
tags:
  pii: step-up
`
const ALL = ['freeze deny', 'route.facilities read-only', 'route.record.read deny', 'tag.pii step-up']
const OPEN = 'freeze: false\nroutes: {}\ntags: {}\n'

/** Everything locked by the file, as it stands after a look. */
async function createLocked(): Promise<Watching> {
  writeFileSync(file, LOCKED)
  const watching = await createWatching()
  expect(await watching.after(1)).toEqual(ALL)
  return watching
}

test('what the file locks holds after one look, with its reason and incident', async () => {
  const { rig } = await createLocked()
  expect(rig.dataPlane.table?.locks[0]).toMatchObject({
    source: 'file',
    scope: { all: true },
    reason: 'leak suspected',
    incident: 'INC-7',
  })
})

test('an unchanged file makes no new epoch', async () => {
  const { rig, after } = await createLocked()
  await after(3)
  expect(rig.desk.ledger.epoch).toBe(1)
})

describe('the file opens', () => {
  test.each([
    ['by false, open and removed entries', OPEN, []],
    [
      'by an explicit open',
      LOCKED.replace('read: deny', 'read: open'),
      ALL.filter((each) => !each.includes('record.read')),
    ],
    [
      'by an entry removed from a mapping that still stands',
      LOCKED.replace('  record.read: deny\n', ''),
      ALL.filter((each) => !each.includes('record.read')),
    ],
    ['by a milder mode', LOCKED.replace('read: deny', 'read: read-only'), ALL.with(2, 'route.record.read read-only')],
    ['as one flow mapping without a newline', '{ "freeze": false, "routes": {}, "tags": {} }', []],
  ])('%s, at the second look that says so', async (_, text, left) => {
    const { after } = await createLocked()
    writeFileSync(file, text)
    expect(await after(1)).toEqual(ALL)
    expect(await after(1)).toEqual(left)
  })

  test('not by what it says for one look only', async () => {
    const { after } = await createLocked()
    for (let round = 0; round < 3; round++) {
      writeFileSync(file, OPEN)
      await after(1)
      writeFileSync(file, LOCKED)
      expect(await after(1)).toEqual(ALL)
    }
  })

  test('later where it could not be made durable, and says so', async () => {
    const { rig, watch, after } = await createLocked()
    writeFileSync(file, OPEN)
    rig.journal.mode = 'hang'
    expect(await after(2)).toEqual(ALL)
    expect(watch.problems.join()).toMatch(/could not be made durable yet/)
    const calls = rig.log.length
    await after(5)
    expect(rig.log).toHaveLength(calls)
    rig.journal.resume()
    rig.clock.advance(5000)
    expect(await after(1)).toEqual([])
    expect(watch.problems).toEqual([])
  })
})

const BROKEN: readonly [string, string][] = [
  ['emptied', ''],
  ['blank', '\n\n'],
  ['a comment alone', '# freeze: false\n'],
  ['null', 'null\n'],
  ['a list', '- freeze\n'],
  ['a text', 'freeze\n'],
  ['not YAML', 'freeze: {{{\n'],
  ['two documents', 'freeze: false\n---\nfreeze: false\n'],
  ['a key twice', 'freeze: false\nfreeze: false\n'],
  ['an unknown key', 'frezee: false\nroutes: {}\n'],
  ['a freeze that is a word', 'freeze: no\nroutes: {}\n'],
  ['an unknown route', 'freeze: false\nroutes: { recrod.read: open }\n'],
  ['an unknown flag', 'freeze: false\nroutes: { record.read: opne }\n'],
  ['a mapping without its entries', 'freeze: false\nroutes:\ntags:\n'],
  ['an alias', 'freeze: false\nroutes: { record.read: &a open, facilities: *a }\n'],
  ['a tag of its own', 'freeze: !!js/function "x"\n'],
  ['NUL bytes', '\0'.repeat(100)],
  ['more than a mebibyte', `${OPEN}# ${'x'.repeat(1024 * 1024)}\n`],
]

test.each(BROKEN)('a file that is %s changes nothing and is said once, in log and status', async (_, text) => {
  const { rig, watch, after } = await createLocked()
  writeFileSync(file, text)
  expect(await after(3)).toEqual(ALL)
  expect(watch.problems.length).toBeGreaterThan(0)
  expect(watch.problems.join('\n')).not.toMatch(/\n\n/)
  expect(rig.logger.lines.filter((line) => line.startsWith('error the locks file'))).toHaveLength(1)
  writeFileSync(file, LOCKED)
  await after(1)
  expect(watch.problems).toEqual([])
  expect(rig.desk.ledger.epoch).toBe(1)
})

test('an empty file is called empty', async () => {
  const { watch, after } = await createLocked()
  writeFileSync(file, '')
  await after(1)
  expect(watch.problems).toEqual([`${file}: it is empty`])
})

describe('a file that is gone changes nothing', () => {
  test('deleted, and when it comes back', async () => {
    const { watch, after } = await createLocked()
    rmSync(file)
    expect(await after(3)).toEqual(ALL)
    expect(watch.problems).toEqual([`${file}: there is no such file`])
    writeFileSync(file, LOCKED)
    expect(await after(2)).toEqual(ALL)
    writeFileSync(file, OPEN)
    expect(await after(2)).toEqual([])
  })

  test('also where a restart finds it gone', async () => {
    const before = await createLocked()
    rmSync(file)
    const { after } = await createWatching({}, await before.rig.restart())
    expect(await after(3)).toEqual(ALL)
  })

  test('a folder, a pipe, or a link to nowhere in its place is the same', async () => {
    const { after } = await createLocked()
    rmSync(file)
    mkdirSync(file)
    expect(await after(2)).toEqual(ALL)
    rmSync(file, { recursive: true })
    makeFifo(file)
    expect(await after(2)).toEqual(ALL)
    rmSync(file)
    symlinkSync(join(dir, 'nowhere'), file)
    expect(await after(2)).toEqual(ALL)
  })
})

describe('truncated at any byte', () => {
  const opening = LOCKED.replace('freeze: true', 'freeze: false').replaceAll(/(deny|read-only|step-up)/g, 'open')

  test.each([
    ['the text that locks', LOCKED],
    ['a text that opens', opening],
    ['a text that opens, as one flow mapping', '{ freeze: false, routes: { record.read: open }, tags: {} }'],
  ])('%s opens nothing unless it ends at the end of a line, or is whole', async (_, text) => {
    const { after } = await createLocked()
    const opened: string[] = []
    for (let length = text.length - 1; length >= 0; length--) {
      writeFileSync(file, text)
      truncateSync(file, length)
      const cut = text.slice(0, length)
      const left = await after(3)
      if (left.join() !== ALL.join()) {
        opened.push(cut)
        writeFileSync(file, LOCKED)
        expect(await after(1)).toEqual(ALL)
      }
    }
    // What is left of a text that ends at the end of a line is a text that somebody may have meant.
    for (const cut of opened) expect(cut).toMatch(/\n$/)
  })

  test('the text that locks, cut at a line, loses at most entries of the mapping that it ends in', async () => {
    const { after } = await createLocked()
    truncateSync(file, LOCKED.indexOf('  facilities'))
    expect(await after(3)).toEqual(['freeze deny', 'route.record.read deny', 'tag.pii step-up'])
  })

  test('a cut text still locks', async () => {
    writeFileSync(file, OPEN)
    const { watch, after } = await createWatching()
    expect(await after(2)).toEqual([])
    writeFileSync(file, LOCKED.trimEnd())
    expect(await after(1)).toEqual(ALL)
    expect(watch.problems.join()).toMatch(/does not end with a newline/)
    writeFileSync(file, LOCKED.replace('read: deny', 'read: read-only').trimEnd())
    expect(await after(3)).toEqual(ALL)
    writeFileSync(file, LOCKED.replace('facilities: read-only', 'facilities: deny').trimEnd())
    expect(await after(1)).toContain('route.facilities deny')
  })
})

describe('with no last good file', () => {
  test.each([
    ['absent', undefined],
    ['empty', ''],
    ['unparsable', '{'],
    ['perhaps cut off', 'freeze: false'],
  ])('a file that is %s locks everything, until one is read whole', async (_, text) => {
    if (text !== undefined) writeFileSync(file, text)
    const { rig, after } = await createWatching()
    expect(await after(2)).toEqual(['missing deny'])
    const later = await createWatching({}, await rig.restart())
    expect(await later.after(2)).toEqual(['missing deny'])
    writeFileSync(file, OPEN)
    expect(await later.after(2)).toEqual([])
  })

  test('a file that is whole is believed at the first look', async () => {
    writeFileSync(file, OPEN)
    const { rig, after } = await createWatching()
    expect(await after(1)).toEqual([])
    expect(rig.desk.ledger.fileKnown).toBe(true)
  })
})

test('a link that is swapped, as a ConfigMap does it, is followed to the new file', async () => {
  mkdirSync(join(dir, 'a'))
  mkdirSync(join(dir, 'b'))
  writeFileSync(join(dir, 'a/locks.yaml'), OPEN)
  writeFileSync(join(dir, 'b/locks.yaml'), LOCKED)
  symlinkSync('a', join(dir, 'data'))
  symlinkSync('data/locks.yaml', file)
  const { after } = await createWatching()
  expect(await after(2)).toEqual([])
  symlinkSync('b', join(dir, 'next'))
  renameSync(join(dir, 'next'), join(dir, 'data'))
  expect(await after(1)).toEqual(ALL)
})

test('the file never opens what an order locked', async () => {
  const { rig, after } = await createLocked()
  const id = await rig.lockAll()
  writeFileSync(file, OPEN)
  expect(await after(2)).toEqual([`${id} deny`])
})

test('a reload that takes a route away changes nothing, and says what is wrong', async () => {
  const { rig, watch, after } = await createLocked()
  rig.settings.routes = rig.settings.routes.filter(({ id }) => id !== 'facilities')
  expect(await after(2)).toEqual(ALL)
  expect(watch.problems.join()).toMatch(/there is no "facilities"/)
})
