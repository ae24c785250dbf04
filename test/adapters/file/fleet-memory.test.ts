// What a gateway knows of its fleet survives: kill -9 at any point leaves the knowledge before or the knowledge after.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { createFleetMemory } from '../../../src/adapters/file/fleet-memory.ts'

const home = mkdtempSync(join(tmpdir(), 'portcullis-fleet-memory-'))
const file = join(home, 'fleet.json')
afterAll(() => {
  rmSync(home, { recursive: true, force: true })
})
const KNOWN = { fleet: 'f', founded: true, seq: 7, members: ['a', 'b'] }

test('what is written is read, by another process too', async () => {
  await createFleetMemory(file).write(KNOWN)
  expect(createFleetMemory(file).read()).toEqual(KNOWN)
})

test.each([
  ['nothing', ''],
  ['half of it', JSON.stringify({ v: 1, ...KNOWN }).slice(0, -3)],
  ['another version', JSON.stringify({ v: 2, ...KNOWN })],
  ['another shape', JSON.stringify({ v: 1, ...KNOWN, members: [1] })],
  ['a number without one', JSON.stringify({ v: 1, ...KNOWN, seq: 1.5 })],
  ['null', 'null'],
])('%s is no knowledge', (_what, text) => {
  writeFileSync(file, text)
  expect(createFleetMemory(file).read()).toBeUndefined()
})

test('no file is no knowledge', () => {
  expect(createFleetMemory(join(home, 'none')).read()).toBeUndefined()
})

test('a directory that is gone is told', async () => {
  await expect(createFleetMemory(join(home, 'gone', 'fleet.json')).write(KNOWN)).rejects.toThrow(/ENOENT/)
})

test('killed in the middle of writing, again and again, it is whole and never goes back', async () => {
  let seq = 0
  for (let round = 0; round < 8; round += 1) {
    const from = seq
    const child = spawn(
      process.execPath,
      [
        '--disable-warning=ExperimentalWarning',
        '--input-type=module',
        '-e',
        `import { createFleetMemory } from ${JSON.stringify(new URL('../../../src/adapters/file/fleet-memory.ts', import.meta.url).href)}
         const memory = createFleetMemory(${JSON.stringify(file)})
         const members = Array.from({ length: 500 }, (_, index) => 'member '.repeat(20) + index)
         for (let seq = ${from + 1}; ; seq += 1) {
           await memory.write({ fleet: 'f', founded: true, seq, members })
           process.stdout.write(seq + '\\n')
         }`,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    let said = from
    const gone = new Promise((resolve) => child.once('exit', resolve))
    await new Promise<void>((resolve) => {
      child.stdout.on('data', (chunk: Buffer) => {
        said = Math.max(said, ...chunk.toString().split('\n').map(Number))
        // After a number of writes that differs each time: somewhere in the next one.
        if (said >= from + 3 + round) resolve()
      })
    })
    child.kill('SIGKILL')
    await gone
    const found = createFleetMemory(file).read()
    expect(found?.members).toHaveLength(500)
    // What was acknowledged is there.
    expect(found?.seq ?? 0).toBeGreaterThanOrEqual(said)
    seq = found?.seq ?? 0
  }
  expect(readFileSync(file, 'utf8').endsWith('\n')).toBe(true)
})
