// What in a text looks like a person's identifier: classes of the DPDP Act's personal data that a response of an Indian registry
// holds. Counts alone leave this file, never what was found.
import { hasVerhoeffDigit } from './verhoeff.ts'

export const PII_CLASSES = ['aadhaar', 'pan', 'mobile', 'birthDate', 'birthYear', 'email'] as const
type PiiClass = (typeof PII_CLASSES)[number]
export type PiiCounts = Partial<Record<PiiClass, number>>

/** Text in which one match may stand, in characters: pieces of a stream overlap by as much. */
export const PII_OVERLAP = 96

/** Words before a value by which it is more than a number, as they are spelled in names of fields and in forms. */
const AADHAAR_WORD = /aadha+r|adhaar|\buid(?:ai)?\b|आधार/i
const MOBILE_WORD = /mobile|phone|cell|contact|whatsapp|\bmob\b|\btel\b|मोबाइल|फोन/i
const BIRTH_WORD = /birth|\bdob\b|\byob\b|जन्म/i

/** 12 digits, the first from 2 to 9, in one piece or as UIDAI prints them. Neither a digit nor a letter may touch them. */
const AADHAAR = /(?<![\p{L}\p{N}_.-])[2-9]\d{3}([ :-]?)\d{4}\1\d{4}(?![\p{L}\p{N}_]|[.-]\d)/gu
/** The fourth letter is the kind of holder; the last one an unpublished check letter. */
const PAN = /(?<![A-Za-z0-9])[A-Z]{3}[ABCEFGHJKLPT][A-Z](?!0000)\d{4}[A-Z](?![A-Za-z0-9])/g
const MOBILE = /(?<![\p{L}\p{N}_.-])(?:\+91[ -]?|91[ -]?|0)?[6-9]\d{4}[ -]?\d{5}(?![\p{L}\p{N}_]|[.-]\d)/gu
const DAY = '(?:0?[1-9]|[12]\\d|3[01])'
const MONTH = '(?:0?[1-9]|1[0-2])'
const YEAR = '(?:19\\d\\d|20\\d\\d)'
const BIRTH_DATE = new RegExp(
  `(?<![\\d-])(?:${DAY}([-/.])${MONTH}\\1${YEAR}|${YEAR}([-/])${MONTH}\\2${DAY})(?![\\d-])`,
  'g',
)
const BIRTH_YEAR = new RegExp(`(?<![\\d-/.])${YEAR}(?![\\d-/.])`, 'g')
const EMAIL = /(?<![A-Za-z0-9.])[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9])/g

/** How far before a value its word may stand, where no name of a field tells. */
const CONTEXT = 48

/**
 * Adds to `counts` what begins in `text` from `from` on and before `end`. `field`: the name of the member whose value it is.
 * A 12-digit number is an Aadhaar number where its check digit holds and it is no palindrome: by a word before it, as four
 * groups of digits, or as the whole of a member's text; in running text without either it is a number like any other. Mobile
 * numbers need a word or +91; dates and years the word of birth.
 */
export function countPii(text: string, counts: PiiCounts, field = '', from = 0, end = text.length): void {
  if (HAS_DIGITS.test(text)) {
    each(AADHAAR, text, from, end, (found, at) => {
      const digits = found.replaceAll(/\D/g, '')
      if (!isAadhaar(digits)) return
      const isSure = found.length > 12 || found.length === text.length || hasWord(AADHAAR_WORD, field, text, at)
      if (isSure) add(counts, 'aadhaar')
    })
    each(MOBILE, text, from, end, (found, at) => {
      if (found.startsWith('+') || hasWord(MOBILE_WORD, field, text, at)) add(counts, 'mobile')
    })
    let dates = 0
    each(BIRTH_DATE, text, from, end, (_, at) => {
      if (!hasWord(BIRTH_WORD, field, text, at)) return
      dates += 1
      add(counts, 'birthDate')
    })
    if (dates === 0)
      each(BIRTH_YEAR, text, from, end, (_, at) => {
        if (hasWord(BIRTH_WORD, field, text, at)) add(counts, 'birthYear')
      })
    each(PAN, text, from, end, () => {
      add(counts, 'pan')
    })
  }
  if (text.includes('@'))
    each(EMAIL, text, from, end, () => {
      add(counts, 'email')
    })
}

const HAS_DIGITS = /\d{4}/

/** A whole value that is a mobile number is one also without a word that says so. */
const WHOLE_MOBILE = /^(?:\+?91[ -]?|0)?[6-9]\d{4}[ -]?\d{5}$/

/** Whether something in the text may be a person's identifier. It would rather take one too many: what it finds is masked. */
export function hasPii(text: string, field = ''): boolean {
  if (WHOLE_MOBILE.test(text)) return true
  const counts: PiiCounts = {}
  countPii(text, counts, field)
  return Object.keys(counts).length > 0
}

/**
 * What in a text that somebody has written, or a name that somebody gives, is an identifier of a person: by its shape alone, so that
 * nothing of the kind is kept for as long as the trail. Undefined where there is none.
 */
export function personIn(text: string): string | undefined {
  if (!MAY_NAME.test(text)) return undefined
  if (matches(AADHAAR, text).some((found) => isAadhaar(found.replaceAll(/\D/g, '')))) return 'an Aadhaar number'
  if (matches(MOBILE, text).length > 0) return 'a mobile number'
  if (matches(PAN, text).length > 0) return 'a PAN'
  return matches(EMAIL, text).length > 0 ? 'an e-mail address' : undefined
}

/** Nearly all texts and names have none of it: then nothing else is looked for. */
const MAY_NAME = /\d{4}[ :-]?[\dA-Z]|@/

function matches(pattern: RegExp, text: string): readonly string[] {
  const found: string[] = []
  each(pattern, text, 0, text.length, (match) => found.push(match))
  return found
}

/** The text, or what is said in its place. */
export function withoutPeople(text: string): string {
  const what = personIn(text)
  return what === undefined ? text : `(left out: it holds what looks like ${what})`
}

/** The text with each identifier in it as `…`: for messages that repeat what somebody has written. */
export function maskPeople(text: string): string {
  if (!MAY_NAME.test(text)) return text
  return text
    .replaceAll(AADHAAR, (found) => (isAadhaar(found.replaceAll(/\D/g, '')) ? MASK : found))
    .replaceAll(MOBILE, MASK)
    .replaceAll(PAN, MASK)
    .replaceAll(EMAIL, MASK)
}

const MASK = '…'

/** The same as `withoutPeople` for each text of a list; what else is in it, and what is no list, stays as it is. */
export function listWithoutPeople(value: unknown): unknown {
  if (!Array.isArray(value)) return value
  return value.map((each: unknown) => (typeof each === 'string' ? withoutPeople(each) : each))
}

/** UIDAI gives out no palindromes. */
export function isAadhaar(digits: string): boolean {
  return /^[2-9]\d{11}$/.test(digits) && hasVerhoeffDigit(digits) && !isPalindrome(digits)
}

function isPalindrome(digits: string): boolean {
  for (let at = 0; at < digits.length / 2; at++) if (digits[at] !== digits[digits.length - 1 - at]) return false
  return true
}

function hasWord(word: RegExp, field: string, text: string, at: number): boolean {
  return (field !== '' && word.test(splitName(field))) || word.test(text.slice(Math.max(0, at - CONTEXT), at))
}

/** `mobileNumber` and `date_of_birth` as words. */
function splitName(name: string): string {
  return name.replaceAll(/([a-z])([A-Z])/g, '$1 $2').replaceAll('_', ' ')
}

function each(
  pattern: RegExp,
  text: string,
  from: number,
  end: number,
  found: (match: string, at: number) => void,
): void {
  pattern.lastIndex = from
  for (let match = pattern.exec(text); match !== null && match.index < end; match = pattern.exec(text))
    found(match[0], match.index)
}

function add(counts: PiiCounts, what: PiiClass): void {
  counts[what] = (counts[what] ?? 0) + 1
}
