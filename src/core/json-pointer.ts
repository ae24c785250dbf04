// Where in a JSON document a value stands: a JSON Pointer (RFC 6901), in which `*` is every element of an array, or member of an object.

/** Its reference tokens, decoded; of the root none. */
export type JsonPointer = readonly string[]

/** Every element or member. A member that is really named `*` cannot be pointed at alone. */
const EVERY = '*'

/** Levels below the root; records nest less, and what nests more is an attack. */
const POINTER_DEPTH_MAX = 16

/** The pointer, or what is wrong with it. */
export function parseJsonPointer(text: string): JsonPointer | { readonly problem: string } {
  if (text === '') return []
  if (!text.startsWith('/')) return { problem: 'a JSON Pointer begins with a slash, as in /beneficiaries/*/mobile' }
  if (/~(?![01])/.test(text)) return { problem: 'in a JSON Pointer a tilde is written ~0 and a slash ~1' }
  if (!text.isWellFormed()) return { problem: 'half a character, which no document can hold' }
  const tokens = text.slice(1).split('/')
  if (tokens.length > POINTER_DEPTH_MAX) return { problem: `more than ${POINTER_DEPTH_MAX} levels` }
  return tokens.map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** One level of several pointers at once. */
export interface PointerNode {
  /** Numbers of the pointers that end here. */
  readonly ends: readonly number[]
  readonly named: ReadonlyMap<string, PointerNode>
  readonly every?: PointerNode
  /** Numbers of the pointers that go on below here. */
  readonly below: readonly number[]
  /** The names as the most lenient reader takes them, to the names as they are meant. */
  readonly folded: ReadonlyMap<string, string>
}

export function compilePointers(pointers: readonly JsonPointer[]): PointerNode {
  return nodeOf(pointers.map((tokens, index) => ({ tokens, index })))
}

interface Rest {
  readonly tokens: JsonPointer
  readonly index: number
}

function nodeOf(rests: readonly Rest[]): PointerNode {
  const ends = rests.filter(({ tokens }) => tokens.length === 0).map(({ index }) => index)
  const groups = new Map<string, Rest[]>()
  for (const { tokens, index } of rests) {
    const [first] = tokens
    if (first === undefined) continue
    groups.set(first, [...(groups.get(first) ?? []), { tokens: tokens.slice(1), index }])
  }
  const named = new Map<string, PointerNode>()
  for (const [name, group] of groups) if (name !== EVERY) named.set(name, nodeOf(group))
  const every = groups.get(EVERY)
  return {
    ends,
    named,
    ...(every === undefined ? {} : { every: nodeOf(every) }),
    below: rests.filter(({ tokens }) => tokens.length > 0).map(({ index }) => index),
    folded: new Map([...named.keys()].map((name) => [foldMember(name), name])),
  }
}

/** What a reader that does not mind the case makes of a member's name (Go's encoding/json takes any, and the last one wins). */
export function foldMember(name: string): string {
  return name.normalize('NFKC').toUpperCase().toLowerCase()
}
