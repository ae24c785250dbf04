// A YAML text as plain values, and the line and column of each of them.
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type Document,
  type Node,
  type Pair,
  type YAMLError,
} from 'yaml'
import type { Finding } from './explain.ts'
import { formatPath, type Path, type Problem } from './problem.ts'

export interface YamlSource {
  /** The document as plain values; undefined where it is empty or could not be read as such. */
  readonly value: unknown
  /** What is wrong with the text as YAML. */
  readonly problems: readonly Problem[]
  /** Line of the first error that leaves the rest of the text in doubt; Infinity where there is none. */
  readonly doubtfulFrom: number
  readonly place: (finding: Finding) => Problem
}

/** Parses YAML 1.2 (JSON is YAML). Never throws; keys are texts, duplicate keys and unknown tags are problems. */
export function parseYaml(text: string): YamlSource {
  try {
    // A byte order mark is not part of the text.
    return parseWhole(text.replace(/^\uFEFF/, ''))
  } catch {
    // The package reads by recursion. It says so itself where parsing ends its stack; following the document may too.
    const place = ({ path, message }: Finding): Problem => ({ line: 1, column: 1, path: formatPath(path), message })
    return {
      value: undefined,
      problems: [place({ path: [], message: 'nests too deeply' })],
      doubtfulFrom: 1,
      place,
    }
  }
}

function parseWhole(text: string): YamlSource {
  const lines = new LineCounter()
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    stringKeys: true,
    logLevel: 'error',
    version: '1.2',
  })
  const at = (offset: number): { line: number; column: number } => {
    const { line, col } = lines.linePos(Math.min(offset, text.length))
    return { line: Math.max(1, line), column: Math.max(1, col) }
  }
  const faults = [...document.errors, ...document.warnings].map((fault) => faultOf(fault, document, text))
  const problems = faults.map(({ offset, message }): Problem => ({ ...at(offset), path: '', message }))
  visit(document, {
    Pair: (_, pair) => {
      // zod passes over this key of a mapping with free names, and nothing honest is called so.
      if (isScalar(pair.key) && pair.key.value === '__proto__') {
        problems.push({ ...at(pair.key.range?.[0] ?? 0), path: '', message: '"__proto__" can be no key' })
      }
    },
  })
  const place = ({ path, message, atKey = false }: Finding): Problem => ({
    ...at(offsetOf(document, path, atKey)),
    path: formatPath(path),
    message,
  })
  const grave = faults.filter(({ isDoubtful }) => isDoubtful).map(({ offset }) => at(offset).line)
  return { ...plainValue(document, problems, at), doubtfulFrom: Math.min(Infinity, ...grave), place }
}

function plainValue(
  document: Document,
  problems: Problem[],
  at: (offset: number) => { line: number; column: number },
): Pick<YamlSource, 'value' | 'problems'> {
  try {
    // Aliases are counted, so that a few lines cannot unfold into gigabytes (the billion laughs).
    return { value: document.toJS({ maxAliasCount: 100 }) as unknown, problems }
  } catch (error) {
    const message = error instanceof ReferenceError ? error.message : 'cannot be read'
    return {
      value: undefined,
      problems: [...problems, { ...at(0), path: '', message: `an alias in this file cannot be followed: ${message}` }],
    }
  }
}

const FAULTS: Readonly<Partial<Record<YAMLError['code'], string>>> = {
  BAD_INDENT: 'the indentation fits nothing above: lines of one mapping or list begin in the same column',
  TAB_AS_INDENT: 'a tab indents this line: YAML is indented by spaces',
  MULTIPLE_DOCS: 'a second document begins here: a configuration is one document, without a --- line inside',
  NON_STRING_KEY: 'a key must be a plain text',
  BLOCK_IN_FLOW: 'a line of this kind cannot stand inside [ ] or { }: is a closing bracket missing above?',
  MISSING_CHAR: 'something is missing here',
  UNEXPECTED_TOKEN: 'this cannot stand here: is a text with special characters not in quotes?',
  BLOCK_AS_IMPLICIT_KEY: 'a mapping cannot begin on this line: is a text with a colon not in quotes?',
  MULTILINE_IMPLICIT_KEY: 'a key must stand on one line: is a colon or a closing quote missing?',
}

// What the package adds to these speaks of its own functions.
const WITHOUT_DETAIL: ReadonlySet<string> = new Set(['MULTIPLE_DOCS', 'NON_STRING_KEY', 'TAB_AS_INDENT'])

interface Fault {
  readonly offset: number
  readonly message: string
  /** Whether what follows may have been misread. */
  readonly isDoubtful: boolean
}

function faultOf(fault: YAMLError, document: Document, text: string): Fault {
  const isDoubtful = fault.code !== 'DUPLICATE_KEY'
  const opened = fault.message.startsWith('Missing closing') ? findOpened(document, fault.pos[0]) : undefined
  if (opened === undefined) return { offset: fault.pos[0], message: explainFault(fault, text), isDoubtful }
  return { offset: opened, message: 'is not YAML: the quote that opens here is never closed', isDoubtful }
}

/** Where the text in quotes begins that runs up to `end`: the package tells where the closing quote was missed. */
function findOpened(document: Document, end: number): number | undefined {
  let opened: number | undefined
  visit(document, {
    Scalar: (_, scalar) => {
      if (scalar.range && scalar.range[0] < end && scalar.range[1] >= end - 1) opened = scalar.range[0]
    },
  })
  return opened
}

function explainFault(fault: YAMLError, text: string): string {
  if (fault.code === 'DUPLICATE_KEY') {
    const key = /^(?:"[^"\n]{0,80}"|'[^'\n]{0,80}'|[\w.@/{}*-]{1,80})/.exec(
      text.slice(fault.pos[0], fault.pos[0] + 120),
    )?.[0]
    return `${key ?? 'this key'} stands twice in one mapping: keep one`
  }
  if (fault.message.includes('call stack')) return 'nests too deeply here'
  const plain = FAULTS[fault.code]
  const detail = fault.message.replaceAll(/[\p{C}\s]+/gu, ' ').slice(0, 200)
  if (plain === undefined) return `is not YAML: ${detail}`
  return WITHOUT_DETAIL.has(fault.code) ? `is not YAML: ${plain}` : `is not YAML: ${plain} (${detail})`
}

/** Where the value at `path` begins, or its key, or, where neither is there, the nearest value around it. */
function offsetOf(document: Document, path: Path, atKey: boolean): number {
  let node: Node | null = document.contents
  let offset = startOf(node) ?? 0
  for (const [index, key] of path.entries()) {
    const step: Step = stepInto(document, resolved(document, node), key)
    if (step.key === undefined && step.value === undefined) return offset
    const last = index === path.length - 1
    offset = (last && atKey ? startOf(step.key) : startOf(step.value)) ?? startOf(step.key) ?? offset
    node = step.value ?? null
  }
  return offset
}

interface Step {
  readonly key?: Node | undefined
  readonly value?: Node | undefined
}

function stepInto(document: Document, node: Node | null, key: string | number): Step {
  if (isSeq(node)) return { value: node.items[Number(key)] as Node | undefined }
  if (!isMap(node)) return {}
  const pairs = node.items as Pair<Node, Node | null>[]
  // The last of duplicate keys is the one whose value counts.
  const pair = pairs.findLast((each) => keyText(document, each.key) === String(key))
  return pair === undefined ? {} : { key: pair.key, value: pair.value ?? undefined }
}

function keyText(document: Document, node: Node): string | undefined {
  const key = resolved(document, node)
  return isScalar(key) ? String(key.value) : undefined
}

function resolved(document: Document, node: Node | null): Node | null {
  return isAlias(node) ? (node.resolve(document) ?? null) : node
}

// An empty value has an empty range behind its key: the key is the better place.
function startOf(node: Node | null | undefined): number | undefined {
  const range = node?.range
  if (range === undefined || range === null || (isScalar(node) && node.value === null && range[0] === range[1]))
    return undefined
  return range[0]
}
