// Many inclusion proofs in a run: the verdict on each must be that of the proof alone, whatever came before.
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { createInclusionRun } from '../../src/audit/inclusion-run.ts'
import { createInclusionProof, type Hash, isIncluded, leafHash, nodeHash, rootOf } from '../../src/audit/merkle.ts'
import { createProofLines } from '../../src/audit/export/proof-lines.ts'
import { encodeHash } from '../../src/audit/proof.ts'

const leaves = Array.from({ length: 1100 }, (_, i) => leafHash(Buffer.from(`entry ${i}`)))

/** Perfect subtrees, each hashed once. */
const nodes = new Map<string, Hash>()
function node(level: number, index: number): Hash {
  const name = `${level} ${index}`
  const hash =
    nodes.get(name) ??
    (level === 0 ? (leaves[index] ?? '') : nodeHash(node(level - 1, 2 * index), node(level - 1, 2 * index + 1)))
  nodes.set(name, hash)
  return hash
}

const rootAt = (size: number): Hash => rootOf(leaves.slice(0, size))
const proofOf = (index: number, size: number): string[] => createInclusionProof(node, index, size).map(encodeHash)

describe('in a run', () => {
  test.each([1, 2, 3, 7, 255, 256, 257, 600, 1024, 1100])(
    'every leaf of a tree of %i is shown, in order and in any',
    (size) => {
      const isProven = createInclusionRun(size, rootAt(size))
      const indexes = Array.from({ length: size }, (_, i) => i)
      for (const index of [...indexes, ...indexes.map((i) => (i * 7) % size)])
        expect([index, isProven(index, leaves[index] ?? '', proofOf(index, size))]).toEqual([index, true])
    },
  )

  test('what is changed is found, also above where two ways meet', () => {
    const size = 700
    fc.assert(
      fc.property(
        fc.array(fc.record({ index: fc.nat(size - 1), at: fc.nat(11), kind: fc.nat(6) }), {
          minLength: 2,
          maxLength: 30,
        }),
        (asked) => {
          const isProven = createInclusionRun(size, rootAt(size))
          for (const { index, at, kind } of asked) {
            const good = proofOf(index, size)
            const bad = good.map((hash, i) => (kind === 0 && i === at ? encodeHash(leaves[at] ?? '') : hash))
            const proof = kind === 1 ? bad.slice(0, -1) : kind === 2 ? [...bad, encodeHash(leaves[3] ?? '')] : bad
            const leaf = leaves[kind === 3 ? (index + 1) % size : index] ?? ''
            const hashes = proof.map((text) => Buffer.from(text, 'base64').toString('latin1'))
            const alone = isIncluded({ index, size, root: rootAt(size), leaf, proof: hashes })
            expect([index, isProven(index, leaf, proof)]).toEqual([index, alone])
          }
        },
      ),
      { numRuns: 60 },
    )
  })

  test('a hash that is spelt in another way is none', () => {
    const isProven = createInclusionRun(9, rootAt(9))
    const good = proofOf(4, 9)
    expect(isProven(4, leaves[4] ?? '', good)).toBe(true)
    const spelt = good.map((hash) => hash.replace(/=$/, ''))
    expect(isProven(4, leaves[4] ?? '', spelt)).toBe(false)
    expect(
      isProven(
        5,
        leaves[5] ?? '',
        proofOf(5, 9).map((hash, i) => (i === 3 ? `${hash} ` : hash)),
      ),
    ).toBe(false)
  })
})

test.each([200, 256, 700])('the lines of an export are the proofs of a tree of %i', (size) => {
  const line = createProofLines(node, size)
  for (let index = 0; index < size; index += 3)
    expect(JSON.parse(line(index))).toEqual({ index, proof: proofOf(index, size) })
})
