// What lenient upstreams take for one another: decoded again and again, in any case, Unicode folded to ASCII.

/** More layers of encoding than these have no innocent reading. */
export const LAYERS_MAX = 6

/** Decoded and folded until nothing changes: an upstream may stand behind an upstream. */
export function unfold(text: string): string {
  let before = text
  for (let layer = 0; layer < LAYERS_MAX; layer++) {
    const after = unfoldOnce(before)
    if (after === before) break
    before = after
  }
  return before
}

export function unfoldOnce(text: string): string {
  return fold(decodeLeniently(text))
}

/** One round of decoding, `%uXXXX` of Microsoft's included; what does not decode stays as it is. */
export function decodeLeniently(text: string): string {
  if (!text.includes('%')) return text
  return text
    .replaceAll(/%u([0-9a-f]{4})/gi, (_all, hex: string) => String.fromCharCode(parseInt(hex, 16)))
    .replaceAll(
      /(?:%[0-9a-f]{2})+/gi,
      (run) => tryDecode(run) ?? run.replaceAll(/%[0-7][0-9a-f]/gi, (escape) => tryDecode(escape) ?? escape),
    )
}

function tryDecode(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

// What code pages (the best fit of Windows among them) and people take for an ASCII character, each after that character, and
// where the two differ as machines take it; NFKD knows the rest.
const TWINS =
  'aаαɑᴀæⱥᶏ bЬвʙƀƃɓᴃᵬᶀ cсϲᴄƈȼ dԁđδᴅɖɗðᴆᵭᶁȡƌ eеεєҽ℮ᴇɇǝəɛᶒᶓ fфφƒքᵮᶂ gɡγցɢǥɠᶃʛ hһհнħʜɦɧ iіιɪӏɨᵻᶖɩ jјϳɉᴊʝ kкκᴋƙĸᶄ ' +
  'lןʟłƚɫɬɭᶅȴᴌ mмᴍɱᵯᶆ nոηпɴŋɲƞɳᵰᶇȵ oоοσςօωøᴏɵ pрρπᴘƥᵱᶈ qԛզգɋ rгʀɍɼɽᵲᶉɾᵳ sσςѕꜱʂᶊᵴȿẜẝ tтτθŧᴛƫƭʈᵵȶⱦ uυսʋᴜʉᵾᶙμ vνѵᴠᶌỽ wԝѡաᴡ ' +
  'xхχ×ᶍ yуүყʏɏƴỿ zᴢʐƶȥᵶᶎʑɀ /⁄∕⧸╱⟋ \\∖⧵⧹¥₩⟍╲ .․。｡∙ ;؛ :։∶꞉ %٪ -‐‑‒–―−⁃ _ˍ ~∼'
const LOOK_ALIKES: ReadonlyMap<string, string> = new Map(
  TWINS.split(' ').flatMap(([plain = '', ...twins]) => twins.map((twin) => [twin.toLowerCase(), plain] as const)),
)
const LOOK_ALIKE = new RegExp(`[${[...LOOK_ALIKES.keys()].join('')}]`, 'gu')
const ASCII = /^[\u0000-\u007f]*$/

/** Pluses alone: blanks to some, and a name to others. */
export const PLUSES = /^\++$/

/**
 * Case and compatibility folded, accents and what is not seen dropped, digits of any script and look-alikes as in ASCII, a
 * plus as the blank of a form. Upper case first: a dotless i and a long s fold only on the way up.
 */
export function fold(text: string): string {
  const lower = text.toUpperCase().toLowerCase()
  const blank = lower.includes('+') && !PLUSES.test(lower) ? lower.replaceAll('+', ' ') : lower
  return ASCII.test(blank) ? blank : foldToAscii(blank)
}

function foldToAscii(lower: string): string {
  return lower
    .normalize('NFKD')
    .replaceAll(UNSEEN, '')
    .replaceAll(LOOK_ALIKE, (char) => LOOK_ALIKES.get(char) ?? char)
    .replaceAll(STRAY_MARKS, '')
    .replaceAll(/\p{Nd}/gu, digitOf)
}

/** Accents, marks that go with any script, and what has no form of its own: U+1806 is mapped to nothing by RFC 3454, B.1. */
const UNSEEN = /[[\p{M}&&\p{Script=Inherited}]\p{Default_Ignorable_Code_Point}\p{Cf}\u1806]/gv
/** Marks of some script on a letter of ours, or before it: who takes accents off takes them too. */
const STRAY_MARKS = /(?<=[!-.0-~])\p{M}+|^\p{M}+(?=[!-.0-~])/gu

const IS_DIGIT = /^\p{Nd}$/u

/** The digits of a script follow one another from its zero. */
function digitOf(char: string): string {
  const code = char.codePointAt(0) ?? 0
  let value = 0
  while (value < 9 && IS_DIGIT.test(String.fromCodePoint(code - value - 1))) value++
  return String(value)
}

// Letters and vowel signs of India's scripts fold to nothing but themselves; their digits are read as numbers.
const INNOCENT = /^[[A-Za-z0-9\-._~!$'*,:=@\/ ][[\u0900-\u0dff]&&[\p{L}\p{M}]]]*$/v

/** Nothing in the decoded text folds to another sign, or is one at which a path is split, cut or decoded. */
export function isInnocent(text: string): boolean {
  return INNOCENT.test(text) && !HAS_STRAY_MARK.test(text)
}

const HAS_STRAY_MARK = /[!-.0-~]\p{M}|(?:^|\/)\p{M}+[!-.0-~]/u

/** A segment without its `;params` or NTFS stream, the space around it, and the dots at its end. Linear: a pattern would backtrack. */
export function bareOf(text: string): string {
  const bare = withoutParams(text).trim()
  let end = bare.length
  while (end > 0 && (bare[end - 1] === '.' || bare[end - 1]?.trim() === '')) end--
  return bare.slice(0, end)
}

/** File types and script names that frameworks drop: Rails' (.:format), Spring's suffix patterns, Struts' .action. */
export const FORMATS =
  /\.(?:json|xml|x?html?|csv|tsv|txt|pdf|xlsx?|ya?ml|rss|atom|js|css|map|png|jpe?g|gif|svg|ico|webp|do|action|jspx?|php\d?|aspx?|ashx|cgi)$/i

/** What is matched of a segment: what is left of it, or the whole where nothing is. */
export function keyOf(text: string): string {
  return bareOf(text) || text
}

export function withoutParams(text: string): string {
  const at = text.search(/;|::?\$/)
  return at === -1 ? text : text.slice(0, at)
}
