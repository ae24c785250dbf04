import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { lockDirectory } from '../../../src/adapters/file/directory-lock.ts'

let dir: string
const children: Child[] = []

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lock-'))
})
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  chmodSync(dir, 0o700)
  rmSync(dir, { recursive: true })
})

type Child = ChildProcessByStdio<null, Readable, Readable>

async function holdInChild(): Promise<{ child: Child; said: string; warned: () => string }> {
  const script = new URL('../../support/control-lock-child.ts', import.meta.url).pathname
  const child = spawn(process.execPath, [script, dir], { stdio: ['ignore', 'pipe', 'pipe'] })
  children.push(child)
  let warned = ''
  child.stderr.on('data', (text: Buffer) => (warned += text.toString()))
  const [text] = (await once(child.stdout, 'data')) as [Buffer]
  return { child, said: text.toString(), warned: () => warned }
}

test('a second holder gets one clear line, in this process and in another, and nothing is warned of', async () => {
  const { child, said, warned } = await holdInChild()
  expect(said).toBe('locked\n')
  expect(() => lockDirectory(dir)).toThrow(`${dir} is in use by another gateway: one process at a time`)
  const second = await holdInChild()
  expect(second.said).toBe(`${dir} is in use by another gateway: one process at a time\n`)
  const closed = once(child, 'close')
  child.kill('SIGKILL')
  await closed
  expect(warned()).toBe('')
})

test('kill -9 frees the lock', async () => {
  const { child } = await holdInChild()
  const closed = once(child, 'close')
  child.kill('SIGKILL')
  await closed
  const lock = lockDirectory(dir)
  expect(() => lockDirectory(dir)).toThrow('in use')
  lock.release()
  lock.release()
  lockDirectory(dir).release()
})

test('a directory that is not there is made, for its owner alone', () => {
  lockDirectory(join(dir, 'a/b')).release()
  expect(existsSync(join(dir, 'a/b/lock'))).toBe(true)
})

test('a directory that cannot be one is named in one line', () => {
  writeFileSync(join(dir, 'file'), '')
  expect(() => lockDirectory(join(dir, 'file'))).toThrow(/^\S*.*file[^\n]*$/)
  writeFileSync(join(dir, 'lock'), 'this is no database, and long enough to be seen as none'.repeat(20))
  expect(() => lockDirectory(dir)).toThrow(/^[^\n]*cannot be locked: [^\n]+$/)
})
