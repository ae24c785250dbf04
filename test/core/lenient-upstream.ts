// An upstream that reads paths more kindly than it should: each kindness on or off, written without a look at the guard.

export interface Leniency {
  /** Compares paths in lower case. */
  readonly ignoresCase: boolean
  /** Folds what Unicode holds compatible, before or after it decodes. */
  readonly normalises: boolean
  /** How often it decodes percent signs. */
  readonly decodes: number
  /** Splits at slashes first and decodes each segment, or decodes the whole path and splits then. */
  readonly splitsFirst: boolean
  readonly backslashIsSlash: boolean
  /** Drops `;params` of each segment. */
  readonly dropsParams: boolean
  /** Drops dots and spaces at the end of a segment, dot segments aside where it resolves those. */
  readonly dropsTails: 'none' | 'spaces' | 'dots and spaces'
  readonly mergesSlashes: boolean
  readonly resolvesDots: 'never' | 'before tails' | 'after tails'
  /** Ends the path at a `?` or `#` that decoding brought to light. */
  readonly endsAtMarks: boolean
  /** Ends the path at a NUL that decoding brought to light, as C does. */
  readonly endsAtNul: boolean
  /** Decodes `%u0041` too. */
  readonly decodesPercentU?: boolean
  /** Decodes a plus to a blank, as forms do, and trims blanks. */
  readonly plusIsBlank?: boolean
  /** Writes letters that its code page lacks as the nearest that it has. */
  readonly fitsBest?: boolean
  /** Takes `.json` and its like off the last segment, or off each. */
  readonly dropsSuffix?: 'last' | 'each'
  /** Answers `/x/index.html` as `/x/`, and `/index.php/x` as `/x`. */
  readonly hasIndexFiles?: boolean
  /** Takes `;` for the begin of the query. */
  readonly endsAtSemicolon?: boolean
  /** Was given the path as a query parameter, so that a `&` ends it. */
  readonly endsAtAmpersand?: boolean
  /** Takes `(S(...))` out of the path. */
  readonly dropsCookieless?: boolean
  /** Takes `::$DATA` off a segment. */
  readonly dropsStreams?: boolean
  /** Hands what follows a segment with a known suffix to the script of that name. */
  readonly hasPathInfo?: boolean
  /** Reads `/static../x` as `/static/../x`. */
  readonly slipsOutOfAliases?: boolean
}

/** The path that the upstream looks for among its own. */
export function readLeniently(path: string, how: Leniency): string {
  let parts: readonly string[] = how.splitsFirst ? path.slice(1).split('/') : [path.slice(1)]
  for (let round = 0; round < how.decodes; round++) parts = parts.map((part) => normalise(decode(part, how), how))
  if (how.splitsFirst) parts = cutAll(parts, how)
  else parts = splitAll(cut(parts[0] ?? '', how), how)
  if (how.slipsOutOfAliases)
    parts = parts.flatMap((part) => (/[^.]\.\.$/.test(part) ? [part.slice(0, -2), '..'] : [part]))
  if (how.dropsCookieless)
    parts = parts
      .join('/')
      .replaceAll(/\/?\((?:[A-Za-z]\([^()]*\))+\)/g, '')
      .split('/')
  if (how.dropsParams) parts = parts.map((part) => part.replace(/;.*$/s, ''))
  if (how.dropsStreams) parts = parts.map((part) => part.replace(/::?\$.*$/s, ''))
  if (how.resolvesDots === 'before tails') parts = resolveDots(parts, how)
  parts = parts.map((part) => dropTail(part, how))
  if (how.resolvesDots === 'after tails') parts = resolveDots(parts, how)
  if (how.mergesSlashes) parts = parts.filter((part, index) => part !== '' || index === parts.length - 1)
  parts = findScript(parts, how)
  const read = `/${parts.join('/')}`
  const bare = read.length > 1 && how.mergesSlashes && read.endsWith('/') ? read.slice(0, -1) : read
  return how.ignoresCase ? bare.toUpperCase().toLowerCase() : bare
}

function decode(text: string, how: Leniency): string {
  const form = how.plusIsBlank ? text.replaceAll('+', ' ') : text
  const plain = how.decodesPercentU
    ? form.replaceAll(/%u([0-9a-f]{4})/gi, (_all, hex: string) => String.fromCharCode(parseInt(hex, 16)))
    : form
  try {
    return decodeURIComponent(plain)
  } catch {
    return plain.replaceAll(/%[0-7][0-9a-f]/gi, (escape) => decodeURIComponent(escape))
  }
}

// A few lines of Windows' table for code page 1252, and what is transliterated elsewhere.
const BEST_FIT: Readonly<Record<string, string>> = {
  ...{ ā: 'a', ą: 'a', ē: 'e', ę: 'e', ī: 'i', ı: 'i', ł: 'l', ń: 'n', ō: 'o', ŕ: 'r', ś: 's', š: 's', ţ: 't', ū: 'u' },
  ...{ ƀ: 'b', ć: 'c', đ: 'd', ƒ: 'f', ģ: 'g', ħ: 'h', ķ: 'k', ź: 'z', α: 'a', ε: 'e', π: 'p', σ: 's', τ: 't', φ: 'f' },
  ...{
    '∕': '/',
    '⁄': '/',
    '∖': '\\',
    '․': '.',
    '：': ':',
    '；': ';',
    '？': '?',
    '＃': '#',
    '\u2002': ' ',
    '\u3000': ' ',
  },
}

function normalise(text: string, how: Leniency): string {
  const folded = how.normalises ? text.normalize('NFKC') : text
  return how.fitsBest
    ? folded
        .replaceAll(/[^\u0000-\u007f]/gu, (char) => BEST_FIT[char.toLowerCase()] ?? char)
        .replaceAll(/[\uff01-\uff5e]/g, (char) => String.fromCodePoint((char.codePointAt(0) ?? 0) - 0xfee0))
    : folded
}

function splitAll(text: string, how: Leniency): string[] {
  return (how.backslashIsSlash ? text.replaceAll('\\', '/') : text).split('/')
}

function cut(text: string, how: Leniency): string {
  let end = text
  if (how.endsAtMarks) end = end.replace(/[?#].*$/s, '')
  if (how.endsAtNul) end = end.replace(/\0.*$/s, '')
  if (how.endsAtSemicolon) end = end.replace(/;.*$/s, '')
  return how.endsAtAmpersand ? end.replace(/&.*$/s, '') : end
}

function cutAll(parts: readonly string[], how: Leniency): string[] {
  const end = parts.findIndex((part) => cut(part, how) !== part)
  return end === -1 ? [...parts] : [...parts.slice(0, end), cut(parts[end] ?? '', how)]
}

function dropTail(part: string, how: Leniency): string {
  const trimmed = how.plusIsBlank ? part.trim() : part
  if (how.dropsTails === 'none' || (how.resolvesDots === 'after tails' && /^\.\.?$/.test(trimmed))) return trimmed
  let end = trimmed.length
  while (end > 0 && (trimmed[end - 1] === ' ' || (how.dropsTails === 'dots and spaces' && trimmed[end - 1] === '.')))
    end--
  return trimmed.slice(0, end)
}

function resolveDots(parts: readonly string[], how: Leniency): string[] {
  const resolved: string[] = []
  for (const part of parts) {
    if (part === '..') {
      if (how.mergesSlashes) while (resolved.at(-1) === '') resolved.pop()
      resolved.pop()
    } else if (part !== '.') resolved.push(part)
  }
  return resolved
}

const SCRIPT = /(?<=.)\.(?:php|json|xml|html?|css|js|do|action|aspx?|jsp|cgi)$/i
const INDEX = /^(?:index|default)(?:\.[a-z]+)?$/i

function findScript(parts: readonly string[], how: Leniency): readonly string[] {
  let found = parts
  if (how.hasIndexFiles) {
    if (found.length > 1 && /^index\.php$/i.test(found[0] ?? '')) found = found.slice(1)
    if (found.length > 1 && INDEX.test(found.at(-1) ?? '')) found = found.slice(0, -1)
  }
  if (how.hasPathInfo) {
    const script = found.findIndex((part) => SCRIPT.test(part))
    if (script !== -1) found = [...found.slice(0, script), (found[script] ?? '').replace(SCRIPT, '')]
  }
  if (how.dropsSuffix === undefined) return found
  const last = found.length - 1
  return found.map((part, at) => (how.dropsSuffix === 'each' || at === last ? dropSuffixes(part) : part))
}

function dropSuffixes(part: string): string {
  return part.includes('@') ? part : part.replace(/(?<=^[^.]+)\..*$/s, '')
}

const STRICT: Leniency = {
  ignoresCase: false,
  normalises: false,
  decodes: 1,
  splitsFirst: true,
  backslashIsSlash: false,
  dropsParams: false,
  dropsTails: 'none',
  mergesSlashes: false,
  resolvesDots: 'never',
  endsAtMarks: false,
  endsAtNul: false,
}

const LOOSE = { decodes: 1, splitsFirst: false, mergesSlashes: true, resolvesDots: 'before tails' } as const

/** What programs of that name do, or did in a version or setting that is still met; each at its most lenient. */
export const UPSTREAMS: Readonly<Record<string, Leniency>> = {
  'nginx, merge_slashes': { ...STRICT, ...LOOSE, endsAtNul: true, slipsOutOfAliases: true },
  'nginx in front of a decoder': { ...STRICT, ...LOOSE, decodes: 2, slipsOutOfAliases: true },
  Tomcat: { ...STRICT, ...LOOSE, dropsParams: true, backslashIsSlash: true },
  'Tomcat, dots resolved before parameters are dropped': { ...STRICT, ...LOOSE, decodes: 2, dropsParams: true },
  'Jetty, %u': { ...STRICT, ...LOOSE, decodes: 2, dropsParams: true, decodesPercentU: true },
  'Spring, suffix patterns': { ...STRICT, ...LOOSE, dropsParams: true, dropsSuffix: 'last' },
  'Spring behind a decoder': { ...STRICT, ...LOOSE, decodes: 2, dropsParams: true, dropsSuffix: 'last' },
  IIS: {
    ...STRICT,
    ...LOOSE,
    ignoresCase: true,
    backslashIsSlash: true,
    dropsTails: 'dots and spaces',
    decodesPercentU: true,
    fitsBest: true,
    dropsStreams: true,
    hasIndexFiles: true,
  },
  'IIS, decoded twice': {
    ...STRICT,
    ...LOOSE,
    decodes: 2,
    ignoresCase: true,
    backslashIsSlash: true,
    dropsTails: 'dots and spaces',
    resolvesDots: 'after tails',
    decodesPercentU: true,
    fitsBest: true,
    dropsStreams: true,
    endsAtNul: true,
  },
  'ASP.NET, cookieless': {
    ...STRICT,
    ...LOOSE,
    ignoresCase: true,
    dropsTails: 'spaces',
    dropsCookieless: true,
    hasIndexFiles: true,
    dropsSuffix: 'last',
  },
  'ASP.NET Core': { ...STRICT, ...LOOSE, ignoresCase: true, backslashIsSlash: true },
  Rails: { ...STRICT, ...LOOSE, resolvesDots: 'never', dropsSuffix: 'last' },
  Express: { ...STRICT, ignoresCase: true, mergesSlashes: true },
  'Fastify 4': { ...STRICT, ignoresCase: true, mergesSlashes: true, endsAtSemicolon: true },
  'PHP, a router of its own': { ...STRICT, ...LOOSE, plusIsBlank: true, endsAtNul: true, hasIndexFiles: true },
  'PHP behind mod_rewrite': {
    ...STRICT,
    ...LOOSE,
    decodes: 2,
    endsAtAmpersand: true,
    endsAtMarks: true,
    hasIndexFiles: true,
  },
  'CGI, PATH_INFO': { ...STRICT, ...LOOSE, hasPathInfo: true },
  'AEM, selectors and suffixes': { ...STRICT, ...LOOSE, hasPathInfo: true, dropsSuffix: 'each', dropsParams: true },
  'Go mux': { ...STRICT, ...LOOSE },
  'Go, chi with URLFormat and StripSlashes': { ...STRICT, mergesSlashes: true, dropsSuffix: 'last' },
  'Python, NFKC': { ...STRICT, ...LOOSE, normalises: true, resolvesDots: 'never' },
  'a chain that forgives everything': {
    ...STRICT,
    ...LOOSE,
    ignoresCase: true,
    normalises: true,
    decodes: 3,
    backslashIsSlash: true,
    dropsParams: true,
    dropsTails: 'dots and spaces',
    endsAtMarks: true,
    endsAtNul: true,
    decodesPercentU: true,
    fitsBest: true,
    dropsSuffix: 'each',
    hasIndexFiles: true,
  },
}

/** A template of the upstream's own that takes the path: literals before parameters, parameters before the rest. */
export function findServed(read: string, templates: readonly string[], { ignoresCase }: Leniency): string | undefined {
  const fold = (text: string): string => (ignoresCase ? text.toUpperCase().toLowerCase() : text)
  const asked = read.slice(1).split('/')
  const fits = templates.filter((template) => {
    const parts = template.slice(1).split('/')
    const isRest = parts.at(-1)?.endsWith('*}') === true
    const fixed = isRest ? parts.slice(0, -1) : parts
    if (isRest ? asked.length < fixed.length : asked.length !== fixed.length) return false
    return fixed.every((part, at) => (part.startsWith('{') ? asked[at] !== '' : fold(part) === asked[at]))
  })
  const rank = (template: string): string =>
    template
      .replaceAll(/\{[^}]*\*\}/g, '3')
      .replaceAll(/\{[^}]*\}/g, '2')
      .replaceAll(/\/[^/23][^/]*/g, '/1')
  return fits.toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1))[0]
}
