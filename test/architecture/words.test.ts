// One word, one meaning: the words that the glossary forbids stand nowhere in the product's names.
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from '@jest/globals'

const root = path.resolve(import.meta.dirname, '../..')
const FORBIDDEN =
  /black-?list|white-?list|[a-z](Manager|Handler|Helper)\b|\b(Manager|Handler|Helper)[A-Z]|\b(ban|banned|unlock)\b/

test('no name in src uses a word that the glossary forbids', () => {
  const found = globSync('src/**/*.ts', { cwd: root }).flatMap((file) =>
    readFileSync(path.join(root, file), 'utf8')
      .split('\n')
      // Names that a library gives are not ours to choose.
      .filter((line) => !/DispatchHandler|ErrorRequestHandler|RequestHandler/.test(line) && FORBIDDEN.test(line))
      .map((line) => `${file}: ${line.trim()}`),
  )
  expect(found).toEqual([])
})

test('there is no utils, helpers or barrel file', () => {
  expect(globSync('src/**/{utils,helpers,common,index}*', { cwd: root })).toEqual([])
})
