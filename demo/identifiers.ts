// The identifiers of the demo's citizens, made so that none of them can be a living person's.
//
// Mobile numbers are 55500 followed by five digits. In India that is no telephone number at all:
// - a mobile number begins with 6, 7, 8 or 9;
// - a landline is an area code and then a subscriber number that begins with 2 to 6. 55 is no area code, and after
//   555 or 5550 the subscriber number would begin with 0, which is the trunk prefix.
// (National Numbering Plan 2003, which keeps 555 out of the area codes besides.) Read as a North American number it
// fails as well: area code 555 is not assigned and no exchange code begins with 0.
//
// Identity numbers look like Aadhaar numbers (twelve digits) and break two of the rules by which UIDAI issues them:
// they begin with 1, where an issued number begins with 2 to 9, and their last digit is never the Verhoeff check
// digit. A few citizens carry one of the two numbers that UIDAI published for its test sandbox, so that a scanner for
// identifiers has something that passes the checksum to find.
import type { Random } from './random.ts'

const mobilePrefix = '55500'

/** The test identities of UIDAI's own sandbox. They pass the Verhoeff check and belong to nobody. */
export const sandboxIdNumbers = ['999941057058', '999971658847'] as const

/** The nth number of the demo's mobile block (n from 0 to 99,999). */
export function demoMobile(n: number): string {
  if (!Number.isInteger(n) || n < 0 || n > 99_999) throw new RangeError('the demo block holds 100,000 numbers')
  return mobilePrefix + String(n).padStart(5, '0')
}

export const isDemoMobile = (value: string): boolean => /^55500\d{5}$/.test(value)

export const isDemoIdNumber = (value: string): boolean =>
  (sandboxIdNumbers as readonly string[]).includes(value) || (/^1\d{11}$/.test(value) && !passesVerhoeff(value))

/** Makes an identity number that was never issued; one in forty is a sandbox number. */
export function createIdNumber(random: Random): string {
  if (random.below(40) === 0) return random.pick(sandboxIdNumbers)
  const body = `1${String(random.below(1e10)).padStart(10, '0')}`
  const wrongBy = 1 + random.below(9)
  return body + String((verhoeffDigit(body) + wrongBy) % 10)
}

/** All but the last four digits hidden: what an answer meant for the citizen's own screen shows. */
export const maskMobile = (mobile: string): string => `xxxxxx${mobile.slice(-4)}`
export const maskIdNumber = (idNumber: string): string => `xxxx-xxxx-${idNumber.slice(-4)}`

// Verhoeff's check digit (J. Verhoeff, "Error Detecting Decimal Codes", 1969): products in the dihedral group of order
// ten, after a permutation that depends on the place of the digit.
const shuffle = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]
const inverses = [0, 4, 3, 2, 1, 5, 6, 7, 8, 9]

function product(a: number, b: number): number {
  if (a < 5) return b < 5 ? (a + b) % 5 : ((a + b) % 5) + 5
  return b < 5 ? ((a - b) % 5) + 5 : (a - b + 5) % 5
}

function verhoeffSum(digits: string, firstPlace: number): number {
  let sum = 0
  let place = firstPlace
  for (const character of [...digits].reverse()) {
    let digit = Number(character)
    for (let turns = place % 8; turns > 0; turns--) digit = shuffle[digit] ?? 0
    sum = product(sum, digit)
    place++
  }
  return sum
}

export const verhoeffDigit = (digits: string): number => inverses[verhoeffSum(digits, 1)] ?? 0
export const passesVerhoeff = (digits: string): boolean => verhoeffSum(digits, 0) === 0
