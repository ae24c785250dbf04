// The values that stand at some places of a JSON document, picked out while it streams past.
import { foldMember, type PointerNode } from '../core/json-pointer.ts'
import { JsonReader, type JsonLimits, type JsonProblem, type JsonSink } from './json-reader.ts'

/** What stands at one pointer. */
export interface Picked {
  /** Texts, and whole numbers as written, in the order of the document. */
  readonly values: readonly string[]
  /** Whether nothing was missing: each place that the pointer names held a text or a whole number. */
  readonly isWhole: boolean
  /** Something stands there, or in place of what it stands in, that is not taken and that some reader would take. */
  readonly isOdd: boolean
}

export interface JsonPicked {
  /** One for each pointer, in their order. */
  readonly picked: readonly Picked[]
  /** A member's name differs from a pointer's by case or form alone: some reader would take it for the other. */
  readonly isAmbiguous: boolean
}

/** More values are not held for one pointer. */
const VALUES_MAX = 10_000

const INDEX = /^\d+$/

const NOWHERE: readonly PointerNode[] = []

interface Frame {
  /** Where the open object or array stands. */
  readonly nodes: readonly PointerNode[]
  readonly isArray: boolean
  /** Elements so far. */
  index: number
  /** Names of the nodes' own that have come. */
  readonly seen: Set<string> | undefined
}

/** Feed `write` with the document's bytes, in pieces as they come, then call `end`. Remembers picked values alone. */
export class JsonPick implements JsonSink {
  readonly #reader: JsonReader
  readonly #values: string[][]
  readonly #isWhole: boolean[]
  readonly #isOdd: boolean[]
  readonly #frames: Frame[] = []
  #next: readonly PointerNode[]
  #isAmbiguous = false
  #isFull = false

  /** `root`: of `count` pointers, compiled by `compilePointers`. */
  constructor(root: PointerNode, count: number, limits: JsonLimits) {
    this.#reader = new JsonReader(this, limits)
    this.#values = Array.from({ length: count }, () => [])
    this.#isWhole = Array.from({ length: count }, () => true)
    this.#isOdd = Array.from({ length: count }, () => false)
    this.#next = [root]
  }

  get problem(): JsonProblem | undefined {
    return this.#reader.problem
  }

  /** Returns false where no more bytes are of use. */
  write(chunk: Buffer): boolean {
    return this.#reader.write(chunk)
  }

  end(): JsonPicked | JsonProblem {
    const problem = this.#reader.end()
    if (problem !== undefined) return problem
    if (this.#isFull) return { problem: 'too-large', detail: `more than ${VALUES_MAX} values` }
    return {
      picked: this.#values.map((values, index) => ({
        values,
        isWhole: this.#isWhole[index] === true,
        isOdd: this.#isOdd[index] === true,
      })),
      isAmbiguous: this.#isAmbiguous,
    }
  }

  wantsText(): boolean {
    return this.#place().some(({ ends }) => ends.length > 0)
  }

  onOpen(kind: 'object' | 'array'): void {
    const nodes = this.#takePlace()
    for (const { ends, named } of nodes) {
      this.#miss(ends)
      this.#doubt(ends)
      if (kind === 'array') this.#doubtMembers(named)
    }
    const hasNames = nodes.some(({ named }) => named.size > 0)
    this.#frames.push({ nodes, isArray: kind === 'array', index: 0, seen: hasNames ? new Set() : undefined })
    this.#next = NOWHERE
  }

  onClose(): void {
    const frame = this.#frames.pop()
    if (frame?.seen === undefined) return
    for (const { named } of frame.nodes) {
      for (const [name, node] of named) if (!frame.seen.has(name)) this.#missAll(node)
    }
  }

  onName(name: string): void {
    const frame = this.#frames.at(-1)
    this.#next = frame === undefined || frame.nodes.length === 0 ? NOWHERE : this.#below(frame, name)
  }

  onScalar(kind: 'string' | 'number' | 'literal', text: string | undefined): void {
    for (const { ends, below } of this.#takePlace()) {
      this.#miss(below)
      const value = kind === 'string' ? text : kind === 'number' ? wholeNumber(text) : undefined
      for (const index of ends) this.#take(index, value)
      if (kind === 'literal') continue
      this.#doubt(below)
      if (value === undefined) this.#doubt(ends)
    }
  }

  /** Where the value that begins now stands. */
  #place(): readonly PointerNode[] {
    const frame = this.#frames.at(-1)
    if (frame?.isArray !== true) return this.#next
    return frame.nodes.length === 0 ? NOWHERE : this.#below(frame, String(frame.index))
  }

  #takePlace(): readonly PointerNode[] {
    const place = this.#place()
    const frame = this.#frames.at(-1)
    if (frame?.isArray === true) frame.index += 1
    return place
  }

  #below({ nodes, seen, isArray }: Frame, name: string): readonly PointerNode[] {
    const below: PointerNode[] = []
    for (const { named, every, folded } of nodes) {
      const node = named.get(name)
      if (node !== undefined) {
        below.push(node)
        seen?.add(name)
      } else if (!isArray && folded.size > 0 && folded.has(foldMember(name))) this.#isAmbiguous = true
      if (every !== undefined) below.push(every)
    }
    return below.length === 0 ? NOWHERE : below
  }

  #take(index: number, value: string | undefined): void {
    if (value === undefined) this.#isWhole[index] = false
    else if ((this.#values[index]?.length ?? 0) < VALUES_MAX) this.#values[index]?.push(value)
    else this.#isFull = true
  }

  #miss(indexes: readonly number[]): void {
    for (const index of indexes) this.#isWhole[index] = false
  }

  #doubt(indexes: readonly number[]): void {
    for (const index of indexes) this.#isOdd[index] = true
  }

  /** Of a list where an object is meant: some take one of its elements for it. */
  #doubtMembers(named: PointerNode['named']): void {
    for (const [name, { ends, below }] of named) {
      if (INDEX.test(name)) continue
      this.#doubt(ends)
      this.#doubt(below)
    }
  }

  #missAll({ ends, below }: PointerNode): void {
    this.#miss(ends)
    this.#miss(below)
  }
}

/** A number that every reader takes for the same: whole, without an exponent, exact in a double (RFC 8259, 6). */
function wholeNumber(text: string | undefined): string | undefined {
  if (text === undefined || !/^(?:0|[1-9]\d{0,15})$/.test(text)) return undefined
  return Number.isSafeInteger(Number(text)) ? text : undefined
}
