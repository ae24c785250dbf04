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
}

/** The path that the upstream looks for among its own. */
export function readLeniently(path: string, how: Leniency): string {
  let parts = how.splitsFirst ? path.slice(1).split('/') : [path.slice(1)]
  for (let round = 0; round < how.decodes; round++) parts = parts.map((part) => normalise(decode(part), how))
  if (how.splitsFirst) parts = cutAll(parts, how)
  else parts = splitAll(cut(parts[0] ?? '', how), how)
  if (how.dropsParams) parts = parts.map((part) => part.replace(/;.*$/s, ''))
  if (how.resolvesDots === 'before tails') parts = resolveDots(parts, how)
  parts = parts.map((part) => dropTail(part, how))
  if (how.resolvesDots === 'after tails') parts = resolveDots(parts, how)
  if (how.mergesSlashes) parts = parts.filter((part, index) => part !== '' || index === parts.length - 1)
  const read = `/${parts.join('/')}`
  const bare = read.length > 1 && how.mergesSlashes && read.endsWith('/') ? read.slice(0, -1) : read
  return how.ignoresCase ? bare.toUpperCase().toLowerCase() : bare
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text.replaceAll(/%[0-7][0-9a-f]/gi, (escape) => decodeURIComponent(escape))
  }
}

function normalise(text: string, how: Leniency): string {
  return how.normalises ? text.normalize('NFKC') : text
}

function splitAll(text: string, how: Leniency): string[] {
  return (how.backslashIsSlash ? text.replaceAll('\\', '/') : text).split('/')
}

function cut(text: string, how: Leniency): string {
  const marked = how.endsAtMarks ? text.replace(/[?#].*$/s, '') : text
  return how.endsAtNul ? marked.replace(/\0.*$/s, '') : marked
}

function cutAll(parts: readonly string[], how: Leniency): string[] {
  const end = parts.findIndex((part) => cut(part, how) !== part)
  return end === -1 ? [...parts] : [...parts.slice(0, end), cut(parts[end] ?? '', how)]
}

function dropTail(part: string, how: Leniency): string {
  if (how.dropsTails === 'none' || (how.resolvesDots === 'after tails' && /^\.\.?$/.test(part))) return part
  let end = part.length
  while (end > 0 && (part[end - 1] === ' ' || (how.dropsTails === 'dots and spaces' && part[end - 1] === '.'))) end--
  return part.slice(0, end)
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
