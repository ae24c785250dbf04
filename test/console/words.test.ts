// The page's words: complete in both languages, with the same places to fill, and no English left in the Hindi by oversight.
import { expect, test } from '@jest/globals'
import { en } from '../../console/src/messages/en.ts'
import { hi } from '../../console/src/messages/hi.ts'

const placesOf = (text: string): readonly string[] =>
  [...text.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name).sort()

test('every message stands in both, and takes the same values', () => {
  expect(Object.keys(hi)).toEqual(Object.keys(en))
  for (const [key, text] of Object.entries(en))
    expect([key, placesOf(hi[key as keyof typeof en])]).toEqual([key, placesOf(text)])
})

test('Hindi is written in Devanagari, but for the names of things', () => {
  const latin = Object.entries(hi).filter(([, text]) => !/\p{Script=Devanagari}/u.test(text))
  expect(latin.map(([key]) => key)).toEqual(['ms', 'english'])
})
