// The page's words: complete in both languages, with the same places to fill, and no English left in the Hindi by oversight.
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { en } from '../../console/src/messages/en.ts'
import { hi } from '../../console/src/messages/hi.ts'

const SOURCES = new URL('../../console/src/', import.meta.url)

const placesOf = (text: string): readonly string[] =>
  [...text.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name).sort()

test('every message stands in both, and takes the same values', () => {
  expect(Object.keys(hi)).toEqual(Object.keys(en))
  for (const [key, text] of Object.entries(en))
    expect([key, placesOf(hi[key as keyof typeof en])]).toEqual([key, placesOf(text)])
})

/** What is typed, or is a name of its own: the same in every language. */
const NAMES = new Set(
  `OTP IST UTC CIDR PIN PROVEN CERT-In Redis FREEZE portcullis freeze anomalies audit search whose --limit night-desk config store locks auth
  secretFile azp client id issuer#sid sub subject Ctrl Enter h m s l r e t f i k A-Z https Ed25519 English
  route:… status:… client:… decision:… method:…`
    .split(/\s+/)
    .filter((word) => word !== ''),
)

test('Hindi is written in Devanagari, units too, but for the names of things', () => {
  const latin = Object.entries(hi).flatMap(([key, text]) =>
    (text.replaceAll(/\{\w+\}/g, ' ').match(/[\w#:…-]*[A-Za-z][\w#:…-]*/g) ?? [])
      .map((word) => word.replace(/:$/, ''))
      .filter((word) => !NAMES.has(word) && !/^\d+[mh]$/.test(word))
      .map((word) => `${key}: ${word}`),
  )
  expect(latin).toEqual([])
})

test('no message is kept that the page does not say', () => {
  const sources = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file) && !/messages[/\\](?:en|hi)\.ts$/.test(file))
    .map((file) => readFileSync(new URL(file, SOURCES), 'utf8'))
    .join('\n')
  expect(Object.keys(en).filter((key) => !new RegExp(`['"]${key}['"]`).test(sources))).toEqual([])
})
