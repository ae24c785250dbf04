// Inclusion proofs of many leaves under one root. Leaves that follow one another meet on their way up: what has been shown once is not hashed again.
import { type Hash, nodeHash } from './merkle.ts'
import { parseBase64 } from './note.ts'

/** A node on the way of the leaf before, and where in that leaf's proof the rest of the way begins. */
interface Step {
  readonly at: number
  readonly hash: Hash
  readonly used: number
}

interface Way {
  /** By level. */
  readonly steps: readonly (Step | undefined)[]
  readonly proof: readonly string[]
}

const HASH_BYTES = 32

/**
 * Says of each leaf whether its proof (base64) shows it in the tree, as RFC 9162, 2.1.3.2 has it. Where the way meets that of the leaf
 * before, with the same hash, the rest of both proofs must be the same, letter for letter: then it has been shown.
 */
export function createInclusionRun(
  size: number,
  root: Hash,
): (index: number, leaf: Hash, proof: readonly string[]) => boolean {
  let before: Way = { steps: [], proof: [] }
  return (index, leaf, proof) => {
    if (!Number.isSafeInteger(index) || index < 0 || index >= size) return false
    const way = climb({ fn: index, sn: size - 1, level: 0, used: 0, hash: leaf }, { proof, before, root })
    before = way ?? before
    return way !== undefined
  }
}

/** The names are the RFC's. */
interface Climber {
  fn: number
  sn: number
  level: number
  used: number
  hash: Hash
}

/** The way up to the root; undefined where it leads elsewhere. */
function climb(
  climber: Climber,
  { proof, before, root }: { readonly proof: readonly string[]; readonly before: Way; readonly root: Hash },
): Way | undefined {
  const steps: (Step | undefined)[] = []
  for (;;) {
    const { fn, level, used, hash } = climber
    const known = before.steps[level]
    if (known?.at === fn && known.hash === hash)
      return isSameRest(proof, used, before.proof, known.used)
        ? { steps: joined(steps, level, before.steps, used - known.used), proof }
        : undefined
    steps[level] = { at: fn, hash, used }
    const text = proof[used]
    if (text === undefined) return climber.sn === 0 && hash === root ? { steps, proof } : undefined
    const sibling = parseBase64(text)
    if (climber.sn === 0 || sibling?.length !== HASH_BYTES) return undefined
    take(climber, sibling.toString('latin1'))
  }
}

function take(climber: Climber, sibling: Hash): void {
  climber.used += 1
  if (climber.fn % 2 === 1 || climber.fn === climber.sn) {
    climber.hash = nodeHash(sibling, climber.hash)
    while (climber.fn % 2 === 0 && climber.fn !== 0) halve(climber)
  } else climber.hash = nodeHash(climber.hash, sibling)
  halve(climber)
}

function halve(climber: Climber): void {
  climber.fn = Math.floor(climber.fn / 2)
  climber.sn = Math.floor(climber.sn / 2)
  climber.level += 1
}

/** The new way up to the level where both meet, and from there the old one. */
function joined(
  steps: readonly (Step | undefined)[],
  level: number,
  old: readonly (Step | undefined)[],
  shift: number,
): readonly (Step | undefined)[] {
  const rest = old.slice(level)
  const moved =
    shift === 0 ? rest : rest.map((step) => (step === undefined ? undefined : { ...step, used: step.used + shift }))
  return [...steps.slice(0, level), ...moved]
}

function isSameRest(one: readonly string[], from: number, other: readonly string[], otherFrom: number): boolean {
  if (one.length - from !== other.length - otherFrom) return false
  for (let i = from; i < one.length; i += 1) if (one[i] !== other[otherFrom + i - from]) return false
  return true
}
