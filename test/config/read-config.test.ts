import { chmod, mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { processEnvironment } from '../../src/config/process-environment.ts'
import { formatProblems } from '../../src/config/problem.ts'
import { readConfig } from '../../src/config/read-config.ts'
import { NOW, SAMPLE } from './sample.ts'

let home = ''
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'portcullis-config-'))
})
afterAll(() => rm(home, { recursive: true }))

async function problemOf(file: string): Promise<string> {
  const result = await readConfig(file, {}, NOW)
  if (!('problems' in result)) throw new Error('it was read')
  expect(result.problems).toHaveLength(1)
  return formatProblems(result.problems, 'FILE')
}

test('a file is read, and its relative paths are against it', async () => {
  const file = join(home, 'portcullis.yaml')
  await writeFile(file, SAMPLE)
  expect(await readConfig(file, { PORTCULLIS__STORE__LEASE: '7s' }, NOW)).toMatchObject({
    config: { file, store: { dir: join(home, 'data'), leaseMs: 7000 } },
  })
})

test('a file that cannot be read is one clear problem', async () => {
  const at = (name: string): string => join(home, name)
  await mkdir(at('directory'))
  await writeFile(at('latin1.yaml'), Buffer.from([0x6c, 0x6f, 0x67, 0x3a, 0x20, 0xe9]))
  await writeFile(at('big.yaml'), '')
  await truncate(at('big.yaml'), 4 * 1024 * 1024 + 1)
  await symlink(at('circle'), at('circle'))
  expect(await problemOf(at('missing.yaml'))).toBe('FILE: does not exist')
  expect(await problemOf(at('directory'))).toBe('FILE: is a directory: name the file in it')
  expect(await problemOf(at('latin1.yaml'))).toBe('FILE: is not UTF-8: save it as UTF-8')
  expect(await problemOf(at('big.yaml'))).toBe('FILE: has 4194305 bytes: the most is 4194304')
  expect(await problemOf(at('latin1.yaml/x'))).toBe('FILE: does not exist: a part of its path is a file')
  expect(await problemOf(at('circle'))).toBe('FILE: cannot be read: its links go round in a circle')
  expect(await problemOf(at('x'.repeat(300)))).toBe('FILE: cannot be read: the name is too long')
  expect(await problemOf('a\0b')).toMatch(/^FILE: cannot be read/)
})

const asRoot = process.getuid?.() === 0
if (asRoot) console.warn('SKIPPED: root reads every file, so permission was not tried')
const unlessRoot = asRoot ? test.skip : test
unlessRoot('a file without permission is one clear problem', async () => {
  const file = join(home, 'secret.yaml')
  await writeFile(file, SAMPLE)
  await chmod(file, 0)
  expect(await problemOf(file)).toBe('FILE: cannot be read: permission denied')
})

test('the environment of the process is given as a copy', () => {
  const environment = processEnvironment()
  expect(environment.PATH).toBe(process.env.PATH)
  expect(environment).not.toBe(process.env)
})
