// The check digit of Aadhaar numbers: J. Verhoeff, Error Detecting Decimal Codes (1969). It finds each single wrong digit and each
// swap of neighbours, and one in ten numbers that are none has it by chance: necessary, never enough.

/** Multiplication in the dihedral group D5, row by row. */
const TIMES = '0123456789123406789523401789563401289567401239567859876043216598710432765982104387659321049876543210'
/** What a digit becomes by its place, counted from the right; row by row. */
const PLACE = '01234567891576283094580379614289160435279453126870428657390127938064157046913258'

/** Whether the last digit is the check digit of the others. Takes ASCII digits alone. */
export function hasVerhoeffDigit(digits: string): boolean {
  let check = 0
  for (let place = 0; place < digits.length; place++) {
    const digit = digits.charCodeAt(digits.length - 1 - place) - 48
    check = TIMES.charCodeAt(10 * check + PLACE.charCodeAt(10 * (place % 8) + digit) - 48) - 48
  }
  return check === 0
}

/** The digit that makes the number valid when it is put behind it. */
export function verhoeffDigit(digits: string): string {
  for (let digit = 0; digit < 10; digit++) if (hasVerhoeffDigit(`${digits}${digit}`)) return String(digit)
  throw new TypeError('digits alone have a check digit')
}
