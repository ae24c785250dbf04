// What an attacker may have sent (paths, reasons, names) before it is shown: nothing that hides, turns round or overlaps other text.

// Zero-width joiners stay: Devanagari needs them. The same set as the command line's (src/cli/print.ts).
const UNSEEN =
  /[\p{Cc}\p{Cs}\p{Co}\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu
const MARKS = /(\p{M}{4})\p{M}+/gu

/** One line, at most `max` characters, each of which an eye can see. The page itself only ever makes text nodes of it. */
export function plain(text: string, max = 300): string {
  const seen = text.replace(UNSEEN, (found) => `\\u${(found.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`)
  // Marks that are heaped on one letter would reach over the lines beside it.
  const flat = seen.replace(MARKS, '$1')
  const all = Array.from(flat)
  return all.length <= max ? flat : `${all.slice(0, max - 1).join('')}…`
}
