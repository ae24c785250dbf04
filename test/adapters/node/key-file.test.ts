// Key files: made once, whoever comes first, and never made over what is there.
import { mkdtempSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { readOrMakeKeyFile } from '../../../src/adapters/node/key-file.ts'

let directory = ''
let file = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'portcullis-key-file-'))
  file = join(directory, 'a.key')
})
afterEach(() => {
  rmSync(directory, { recursive: true })
})

test('of two who make it at once, both use what was there first', () => {
  const make = (): string => {
    writeFileSync(file, 'theirs')
    return 'ours'
  }
  expect(readOrMakeKeyFile(file, make)).toBe('theirs')
  expect(readFileSync(file, 'utf8')).toBe('theirs')
  expect(readdirSync(directory)).toEqual(['a.key'])
})

test('what is there is read and nothing is made', () => {
  writeFileSync(file, 'there')
  const make = (): string => {
    throw new Error('made')
  }
  expect(readOrMakeKeyFile(file, make)).toBe('there')
})

test('what cannot be read is an error, and stays', () => {
  mkdirSync(file)
  expect(() => readOrMakeKeyFile(file, () => 'new')).toThrow(/EISDIR/)
  expect(readdirSync(directory)).toEqual(['a.key'])
})

test('where the making fails, nothing is left', () => {
  const make = (): string => {
    throw new Error('no randomness')
  }
  expect(() => readOrMakeKeyFile(file, make)).toThrow('no randomness')
  expect(readdirSync(directory)).toEqual([])
})
