// Phone numbers, as people write them, in their one form of ITU-T E.164: a plus and at most fifteen digits.

/** Country codes (E.164, Annex D): one to three digits, none begins with 0. */
export const COUNTRY_CODE = /^[1-9]\d{0,2}$/

const DIGITS_MIN = 7
const DIGITS_MAX = 15

/**
 * `+91 98765-43210`, `0091…`, `098…` and `98…` to `+9198…`; a number without a country code is one of `country`. Undefined
 * where the text is no number: letters, digits of other scripts, an extension.
 */
export function parsePhoneNumber(text: string, country: string): string | undefined {
  if (text.length > 40) return undefined
  const bare = text.replaceAll(/[ \-.()]/g, '')
  const found = /^(\+|00)?(\d+)$/.exec(bare)
  const written = found?.[2] ?? ''
  if (written === '') return undefined
  // A trunk zero is not part of the number; of what has a country code it would be.
  const digits = found?.[1] === undefined ? country + written.replace(/^0+/, '') : written
  const isNumber = digits.length >= DIGITS_MIN && digits.length <= DIGITS_MAX && !digits.startsWith('0')
  return isNumber ? `+${digits}` : undefined
}
