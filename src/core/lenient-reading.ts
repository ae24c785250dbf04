// The readings that lenient upstreams have of one path. In what they split, cut and drop they differ; in all else the folded form
// stands for what they read.
import {
  bareOf,
  decodeLeniently,
  fold,
  isInnocent,
  keyOf,
  LAYERS_MAX,
  PLUSES,
  unfold,
  unfoldOnce,
  withoutParams,
} from './fold.ts'
import { decodeSegment } from './target.ts'

/** How many upstreams would cut the path where it was cut: some at a `;`; few at a `&`, which names may well hold, or drop a plus. */
const CUTS = ['by none', 'by some', 'by few'] as const
export type Cut = (typeof CUTS)[number]

export interface Reading {
  readonly segments: readonly string[]
  readonly cut: Cut
}

// What is not in here differs in case, in a suffix and in a slash at the end at most.
const RESHAPES = /[%;+&(]|:\$|[.](?:\/|$)/
const ENDS = /[ .](?:\/|$)|\/ |:\$| http\/\d/i

/**
 * The text of a canonical path that everybody reads in one way, case and suffixes aside: it holds nothing but letters, digits
 * and marks which nobody takes for anything else, as most paths do, names in the scripts of India among them. Undefined for all others.
 */
export function plainTextOf(path: string): string | undefined {
  if (!RESHAPES.test(path)) return path
  if (!path.includes('%')) return undefined
  const text = decodeSegment(path)
  return isInnocent(text) && !ENDS.test(text) ? text : undefined
}

/** The one reading of such a text. */
export function plainReadingOf(text: string): Reading {
  return { segments: withoutSlash(fold(text)), cut: 'by none' }
}

/** Every reading of a canonical path, or undefined where one of them has a dot segment or a control. */
export function readingsOf(path: string): readonly Reading[] | undefined {
  const readings = new Map<string, Reading>()
  const unfoldAgain = remembered(unfold)
  const cuts = layersOf(path.slice(1).split('/')).flatMap(cutsOf)
  for (const { segments, cut } of cuts) {
    for (const split of segmentations(segments)) {
      const texts = split.map(unfoldAgain)
      if (splitAgain(texts).some(isTreacherous)) return undefined
      for (const shape of shapesOf(texts, path.endsWith('/'))) addReading(readings, { segments: shape, cut })
      // Pluses alone are blanks to some.
      if (texts.some((text) => PLUSES.test(text)))
        addReading(readings, { segments: texts.map(bareOf).filter(isNamed), cut: 'by few' })
    }
  }
  return [...readings.values()]
}

/** A text may hold a slash, but no line feed. No segment and one of nothing are two readings: the front page is the first. */
function addReading(readings: Map<string, Reading>, reading: Reading): void {
  const key = reading.segments.map((text) => `${text}\n`).join('')
  const known = readings.get(key)
  if (known === undefined || CUTS.indexOf(reading.cut) < CUTS.indexOf(known.cut)) readings.set(key, reading)
}

function isNamed(text: string): boolean {
  return text !== '' && !PLUSES.test(text)
}

/** Upstreams drop segments of which nothing is left, or keep them; a few drop more. */
function shapesOf(texts: readonly string[], endsInSlash: boolean): readonly (readonly string[])[] {
  const dropped = namesOf(texts)
  const kept = texts.map(keyOf)
  const shapes: (readonly string[])[] = [dropped, endsInSlash && kept.at(-1) === '' ? kept.slice(0, -1) : kept]
  // Who knows no NTFS sees a suffix behind the stream.
  if (texts.some((text) => text.includes(':$')))
    shapes.push(namesOf(texts.map((text) => text.replaceAll(/::?\$/g, ' '))))
  // `/static../x` under an alias (nginx `location /static { alias /srv/static/; }`) is `/static/../x`.
  const named = texts.filter((text) => !/[^.]\.\.$/.test(text))
  if (named.length < texts.length) shapes.push(namesOf(named))
  // ASP.NET takes the session of a cookieless client out of the path, within a segment too (CVE-2023-36899).
  const joined = `/${dropped.join('/')}`
  if (joined.search(SESSION) !== -1) shapes.push(split(joined, SLASH_AND_SESSION), split(joined, SESSION))
  return shapes
}

const SESSION = /\((?:[a-z]\([^()]*\))+\)/g
const SLASH_AND_SESSION = /\/\((?:[a-z]\([^()]*\))+\)/g

function split(joined: string, without: RegExp): readonly string[] {
  return namesOf(joined.replaceAll(without, '').split('/'))
}

function namesOf(texts: readonly string[]): readonly string[] {
  return texts.map(bareOf).filter((bare) => bare !== '')
}

/** As it was split, and split again at slashes that have come to light, before parameters are dropped or after. */
function segmentations(whole: readonly string[]): readonly (readonly string[])[] {
  if (!whole.some((text) => /[/\\]/.test(text))) return [whole]
  return [whole, splitAgain(whole), splitAgain(whole.map(withoutParams))]
}

function remembered(judge: (text: string) => string): (text: string) => string {
  const known = new Map<string, string>()
  return (text) => {
    const before = known.get(text)
    if (before !== undefined) return before
    const after = judge(text)
    known.set(text, after)
    return after
  }
}

/** The segments as they stand and after each round of decoding, by an upstream that folds and by one that does not. */
function layersOf(segments: readonly string[]): readonly (readonly string[])[] {
  const layers = new Map<string, readonly string[]>()
  for (const unwrap of [unfoldOnce, decodeLeniently]) {
    let layer = segments
    for (let depth = 0; depth <= LAYERS_MAX; depth++) {
      layers.set(layer.join('/'), layer)
      const before = layer
      layer = layer.map(unwrap)
      if (layer.every((text, index) => text === before[index])) break
    }
  }
  return [...layers.values()]
}

/**
 * Where the path ends for an upstream that has decoded a `?` or `#`, that takes `;` for a `?` (Fastify up to 4, old Perl), or
 * that was given the path as a query parameter of another request (`RewriteRule ^(.*)$ index.php?path=$1`) and sees a `&`. Or
 * whose request line was written anew by a proxy that had decoded the path (`proxy_pass http://app$uri` of nginx): its end is
 * the first ` HTTP/1.1`.
 */
function cutsOf(layer: readonly string[]): readonly Reading[] {
  const cuts: Reading[] = [{ segments: layer, cut: 'by none' }]
  for (const { mark, cut } of MARKS) {
    const at = layer.findIndex((text) => mark.test(text))
    if (at !== -1) cuts.push({ segments: [...layer.slice(0, at), ...endOf(layer[at] ?? '', mark)], cut })
  }
  const version = layer.findIndex((text, at) => VERSION.test(text) && /^\d/.test(layer[at + 1] ?? ''))
  if (version !== -1)
    cuts.push({ segments: [...layer.slice(0, version), ...endOf(layer[version] ?? '', VERSION)], cut: 'by none' })
  return cuts
}

const MARKS = [
  { mark: /[?#]/, cut: 'by none' },
  { mark: /;/, cut: 'by some' },
  { mark: /&/, cut: 'by few' },
] as const

const VERSION = /\shttp$/i

function endOf(text: string, mark: RegExp): readonly string[] {
  return [text.slice(0, text.search(mark))]
}

function splitAgain(texts: readonly string[]): readonly string[] {
  return texts.flatMap((text) => text.split(/[/\\]/))
}

function withoutSlash(path: string): readonly string[] {
  const segments = path.slice(1).split('/')
  return segments.at(-1) === '' ? segments.slice(0, -1) : segments
}

// Controls, what would still decode, bytes that are not UTF-8 (overlong slashes among them), and segments of dots alone.
const TREACHEROUS = /[\u0000-\u001f\u007f-\u009f]|%[0-9a-f]{2}/

function isTreacherous(text: string): boolean {
  const left = text.includes('(') ? text.replaceAll(SESSION, '') : text
  return TREACHEROUS.test(text) || (bareOf(left) === '' && withoutParams(left).includes('.'))
}
