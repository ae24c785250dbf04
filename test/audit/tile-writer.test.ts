import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, afterEach, describe, expect, test } from '@jest/globals'
import { nodeFiles } from '../../src/audit/files.ts'
import { createTileWriter, type TileWriter } from '../../src/audit/tile-writer.ts'
import { verifyTrail } from '../../src/audit/verify.ts'
import { appendAll, createPlace, openTestLog, openTestSealer, records, removePlaces } from './trail.ts'

const open: TileWriter[] = []

function openWriter(): TileWriter {
  const writer = createTileWriter()
  open.push(writer)
  return writer
}

afterEach(async () => {
  for (const writer of open.splice(0)) await writer.close()
})
afterAll(removePlaces)

/** Nice value of this process's threads of that name (proc(5), field 19). */
function niceOf(name: string): number[] {
  return readdirSync('/proc/self/task')
    .filter((thread) => readFileSync(`/proc/self/task/${thread}/comm`, 'utf8').trim() === name)
    .map((thread) => Number(readFileSync(`/proc/self/task/${thread}/stat`, 'utf8').split(') ')[1]?.split(' ')[16]))
}

describe('the thread that writes tiles', () => {
  test('gives back what is on the disk', async () => {
    const { root } = createPlace()
    const writer = openWriter()
    const tiles = [Buffer.alloc(0), Buffer.from('small'), Buffer.alloc(300_000, 7)]
    for (const [n, tile] of tiles.entries()) {
      expect((await writer.write(join(root, String(n)), tile)).equals(tile)).toBe(true)
      expect(readFileSync(join(root, String(n))).equals(tile)).toBe(true)
    }
  })

  test('replaces a longer file', async () => {
    const { root } = createPlace()
    const file = join(root, 'tile')
    writeFileSync(file, 'x'.repeat(1000))
    expect((await openWriter().write(file, Buffer.from('short'))).toString()).toBe('short')
    expect(readFileSync(file, 'utf8')).toBe('short')
  })

  test('says what the system says, and goes on', async () => {
    const { root } = createPlace()
    const writer = openWriter()
    await expect(writer.write(join(root, 'none/tile'), Buffer.from('a'))).rejects.toThrow(/^ENOENT: .*none\/tile/)
    mkdirSync(join(root, 'none'))
    expect((await writer.write(join(root, 'none/tile'), Buffer.from('a'))).toString()).toBe('a')
  })

  test('rejects what it was asked when it ends, and is begun anew by the next tile', async () => {
    const { root } = createPlace()
    const writer = openWriter()
    const lost = writer.write(join(root, 'lost'), Buffer.alloc(1 << 20))
    const told = expect(lost).rejects.toThrow('the thread that writes tiles has ended')
    await writer.close()
    await told
    expect((await writer.write(join(root, 'next'), Buffer.from('a'))).toString()).toBe('a')
  })

  test('comes behind the threads that answer requests', async () => {
    const { root } = createPlace()
    const before = niceOf('tile-writer').length
    await openWriter().write(join(root, 'tile'), Buffer.from('a'))
    const found = niceOf('tile-writer')
    expect(found).toHaveLength(before + 1)
    expect(found.at(-1)).toBe(5)
  })
})

test('a trail that is sealed through it verifies, and a tile that cannot be written is written by the next seal', async () => {
  const place = createPlace()
  const writer = openWriter()
  let isFull = false
  const sealer = await openTestSealer(place, {
    files: {
      ...nodeFiles,
      writeBack: (path, bytes) =>
        isFull ? Promise.reject(new Error('ENOSPC: no space left')) : writer.write(path, bytes),
    },
  })
  const log = await openTestLog(place, 'w1', {
    onDurable: (batch) => {
      sealer.add(batch)
    },
  })
  await appendAll(log, records('w1', 0, 600))
  expect(await sealer.seal()).toMatchObject({ size: 600 })
  await appendAll(log, records('w1', 600, 300))
  isFull = true
  expect(await sealer.seal()).toMatchObject({ size: 600, added: 0, problem: 'ENOSPC: no space left' })
  isFull = false
  expect(await sealer.seal()).toMatchObject({ size: 900, added: 300 })
  await log.close()
  await sealer.close()
  expect(await verifyTrail(place.dir, { vkey: sealer.vkey })).toMatchObject({ ok: true, size: 900, problems: [] })
})

test('a process that ends while a tile is on its way waits for it, and for nothing afterwards', () => {
  const { root } = createPlace()
  const module = pathToFileURL(join(import.meta.dirname, '../../src/audit/tile-writer.ts')).href
  const script = join(root, 'script.mjs')
  const text = `
    const { createTileWriter } = await import(${JSON.stringify(module)})
    createTileWriter().write(${JSON.stringify(join(root, 'tile'))}, Buffer.from('last')).then((back) => console.log(back.toString()))`
  writeFileSync(script, text)
  const args = ['--disable-warning=ExperimentalWarning', script]
  expect(execFileSync(process.execPath, args, { encoding: 'utf8', timeout: 60_000 })).toBe('last\n')
})
