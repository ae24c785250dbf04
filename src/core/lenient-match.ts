// Which routes a lenient reading of a path may come to: the most specific one, and those that suffixes and index files lead to.
import { FORMATS } from './fold.ts'
import type { Cut, Reading } from './lenient-reading.ts'
import type { Route } from './route.ts'

/** Routes that are one to an upstream which folds all that can be folded. */
export interface Shape {
  readonly routes: Route[]
  readonly endsLiteral: boolean
}

export interface LenientNode {
  readonly literals: Map<string, LenientNode>
  /** Literals with a suffix, by what stands before it. */
  readonly stems: Map<string, LenientNode[]>
  param?: LenientNode
  rest?: Shape
  shape?: Shape
}

/** A shape that a reading comes to, and by what. */
export interface Reach {
  readonly shape: Shape
  readonly cut: Cut
  /** The name of an index file at the end was dropped. */
  readonly isIndex: boolean
  /** A suffix was exchanged or added, the site's own front page was meant, or a script's argument where a route knows a segment. */
  readonly isGuess: boolean
}

export function newNode(): LenientNode {
  return { literals: new Map(), stems: new Map() }
}

export function addLiteral(node: LenientNode, text: string): LenientNode {
  const known = node.literals.get(text)
  if (known !== undefined) return known
  const added = newNode()
  node.literals.set(text, added)
  for (const stem of stemsOf(text)) node.stems.set(stem, [...(node.stems.get(stem) ?? []), added])
  return added
}

export function addRest(node: LenientNode): Shape {
  return (node.rest ??= { routes: [], endsLiteral: false })
}

interface Walk {
  readonly texts: readonly string[]
  readonly root: LenientNode
  /** The path was taken by a route that says nothing of it, so that whatever stands behind a dot may be a suffix. */
  readonly isWide: boolean
  readonly found: Reach[]
}

interface Step {
  readonly cut: Cut
  readonly isIndex: boolean
  readonly isGuess: boolean
  readonly skips: number
}

/** Two front controllers or index files in one path: more are not served by anybody, and each doubles the work. */
const SKIPS_MAX = 2
/** A name with more dots has no literal before one of them. */
const DOTS_MAX = 16

export function reach(root: LenientNode, { segments, cut }: Reading, isWide: boolean): readonly Reach[] {
  const walk: Walk = { texts: segments, root, isWide, found: [] }
  step(walk, root, 0, { cut, isIndex: false, isGuess: false, skips: 0 })
  return walk.found
}

function note({ found }: Walk, shape: Shape, { cut, isIndex, isGuess }: Step): true {
  found.push({ shape, cut, isIndex, isGuess })
  return true
}

/** Literals before parameters, parameters before the rest, as the routes themselves are matched; suffixes lead further beside that. */
function step(walk: Walk, node: LenientNode, at: number, by: Step): boolean {
  const text = walk.texts[at]
  if (text === undefined) {
    const end = node.shape ?? node.rest
    return end !== undefined && note(walk, end, by)
  }
  const literal = node.literals.get(text)
  let isFound = literal !== undefined && step(walk, literal, at + 1, by)
  if (text.includes('.')) {
    if (literal !== undefined) takePathInfo(walk, literal, at, by)
    dropSuffixes(walk, node, at, by)
  }
  for (const other of node.stems.get(text) ?? []) step(walk, other, at + 1, { ...by, isGuess: true })
  skipIndex(walk, node, at, by)
  if (!isFound) isFound = takeParam(walk, node, at, by)
  if (!isFound && node.rest !== undefined) isFound = note(walk, node.rest, by)
  return isFound
}

function takeParam(walk: Walk, { param }: LenientNode, at: number, by: Step): boolean {
  const text = walk.texts[at] ?? ''
  if (param === undefined || text === '') return false
  // A record as the name of a script: only by a type that is known, since directories have dots in their names too.
  if (walk.isWide && FORMATS.test(text)) takePathInfo(walk, param, at, by)
  return step(walk, param, at + 1, by)
}

function dropSuffixes(walk: Walk, node: LenientNode, at: number, by: Step): void {
  const text = walk.texts[at] ?? ''
  for (const stem of stemsOf(text)) {
    // The dot of an e-mail address is no suffix's, where a route of its own takes the address.
    if (!walk.isWide && text.includes('@', stem.length)) continue
    const literal = node.literals.get(stem)
    if (literal !== undefined) {
      step(walk, literal, at + 1, by)
      takePathInfo(walk, literal, at, by)
    }
    for (const other of node.stems.get(stem) ?? []) {
      if (other !== node.literals.get(text)) step(walk, other, at + 1, { ...by, isGuess: true })
    }
  }
}

/** A script takes what follows its name as an argument: `/export.php/x.css` is `/export.php` (PATH_INFO of CGI, suffixes of AEM). */
function takePathInfo(walk: Walk, node: LenientNode, at: number, by: Step): void {
  if (at + 1 < walk.texts.length && node.shape !== undefined)
    note(walk, node.shape, { ...by, isGuess: by.isGuess || !walk.isWide })
}

const INDEX = /^(?:index|default)(?:\.|$)/
/** A front controller may have any name: `app.php` of Symfony, `dispatch.fcgi` of Rails. */
const SCRIPT = /\.(?:php\d?|phtml|f?cgi|pl|py|wsgi|aspx?|ashx|cfm|jsp)$/

/** `/records/index.html` is `/records/`, `/records/index` at MVC frameworks, and `/index.php/records` is `/records`. */
function skipIndex(walk: Walk, node: LenientNode, at: number, by: Step): void {
  const text = walk.texts[at] ?? ''
  const isLast = at + 1 === walk.texts.length
  if (by.skips >= SKIPS_MAX || !(INDEX.test(text) || (walk.isWide && !isLast && SCRIPT.test(text)))) return
  if (!isLast && !text.includes('.')) return
  const isGuess = by.isGuess || (isLast && node === walk.root)
  step(walk, node, at + 1, { ...by, isIndex: by.isIndex || isLast, isGuess, skips: by.skips + 1 })
}

/** What stands before each dot of a name that begins with none. */
function stemsOf(text: string): readonly string[] {
  const stems: string[] = []
  for (let dot = text.indexOf('.', 1); dot !== -1 && stems.length < DOTS_MAX; dot = text.indexOf('.', dot + 1))
    stems.push(text.slice(0, dot).trimEnd())
  return stems
}
