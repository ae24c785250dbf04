// The two lists of ../shared are tested whole: each number stands once, in one file, and no number is missing.
import { existsSync, globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from '@jest/globals'

const SHARED = path.resolve(process.env.PORTCULLIS_SHARED ?? '../shared', 'vectors')

function numbersIn(folder: string): readonly string[] {
  return globSync(path.join(import.meta.dirname, folder, '*.test.ts')).flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/^line\(\s*'?([A-E]?\d+)'?,/gm)].map(([, number]) => number ?? ''),
  )
}

/** The numbers of the list itself, or those that it had when these tests were written. */
function numbersOf(file: string, pattern: RegExp, known: readonly string[]): readonly string[] {
  const list = path.join(SHARED, file)
  if (existsSync(list)) return [...readFileSync(list, 'utf8').matchAll(pattern)].map(([, number]) => number ?? '')
  console.warn(`SKIPPED: ${list} is absent, so its numbers were not compared`)
  return known
}

const count = (prefix: string, size: number): readonly string[] =>
  Array.from({ length: size }, (_each, index) => `${prefix}${String(index + 1).padStart(prefix === '' ? 1 : 2, '0')}`)

test.each([
  ['behaviours', 'proxy-behaviours.md', /^ ?(\d+)\. \[/gm, count('', 80)],
  [
    'advisories',
    'advisory-classes.md',
    /^([A-E]\d\d) /gm,
    [...count('A', 15), ...count('B', 10), ...count('C', 10), ...count('D', 10), ...count('E', 7)],
  ],
] as const)('%s: every number of %s, once', (folder, file, pattern, known) => {
  expect([...numbersIn(folder)].sort()).toEqual([...numbersOf(file, pattern, known)].sort())
})
