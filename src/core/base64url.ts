// Base64url of keys, where nothing of the platform may be asked.

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** The bytes of a text that holds characters of the alphabet alone; none where another spelling would give the same bytes. */
export function decodeBase64url(text: string): Uint8Array {
  const bytes: number[] = []
  let bits = 0
  let count = 0
  for (const character of text) {
    bits = (bits << 6) | ALPHABET.indexOf(character)
    count += 6
    if (count < 8) continue
    count -= 8
    bytes.push((bits >> count) & 0xff)
    bits &= (1 << count) - 1
  }
  // Another spelling of the same bytes is another text, and would be another key to whoever compares texts.
  return bits === 0 ? Uint8Array.from(bytes) : new Uint8Array(0)
}
