import { describe, expect, test } from '@jest/globals'
import {
  createConsistencyProof,
  createInclusionProof,
  emptyRoot,
  type Hash,
  isConsistent,
  isIncluded,
  leafHash,
  type NodeReader,
  nodeHash,
  rootOf,
} from '../../src/audit/merkle.ts'
import { TileTree } from '../../src/audit/tile-tree.ts'
import { readShared } from './trail.ts'

interface InclusionVector {
  leafIdx: number
  treeSize: number
  root: string
  leafHash: string
  proof: string[] | null
  wantErr: boolean
  file: string
}

interface ConsistencyVector {
  size1: number
  size2: number
  root1: string
  root2: string
  proof: string[] | null
  wantErr: boolean
  file: string
}

interface Vectors {
  inclusion: InclusionVector[]
  consistency: ConsistencyVector[]
  constants_go_hex: { values: string[] }
}

const shared = readShared('vectors/merkle-rfc6962.json')
const vectors = shared === undefined ? undefined : (JSON.parse(shared.toString()) as Vectors)
const hash = (text: string | null): Hash => Buffer.from(text ?? '', 'base64').toString('latin1')
const ofHex = (text: string): Hash => Buffer.from(text, 'hex').toString('latin1')

;(vectors === undefined ? describe.skip : describe)('the vectors of transparency-dev/merkle', () => {
  test('all 98 inclusion proofs are judged as they should be', () => {
    expect(vectors?.inclusion).toHaveLength(98)
    for (const { leafIdx, treeSize, root, proof, wantErr, file, ...vector } of vectors?.inclusion ?? []) {
      const isValid = isIncluded({
        index: leafIdx,
        size: treeSize,
        leaf: hash(vector.leafHash),
        root: hash(root),
        proof: (proof ?? []).map(hash),
      })
      expect([file, isValid]).toEqual([file, !wantErr])
    }
  })

  test('all 98 consistency proofs are judged as they should be', () => {
    expect(vectors?.consistency).toHaveLength(98)
    for (const { size1, size2, root1, root2, proof, wantErr, file } of vectors?.consistency ?? []) {
      const isValid = isConsistent({
        size1,
        size2,
        root1: hash(root1),
        root2: hash(root2),
        proof: (proof ?? []).map(hash),
      })
      expect([file, isValid]).toEqual([file, !wantErr])
    }
  })

  test('leaf, node and root hashes of the trees of 0 to 8 leaves come out', () => {
    const values = vectors?.constants_go_hex.values ?? []
    const leaves = values.slice(0, 8).map((leaf) => leafHash(Buffer.from(leaf, 'hex')))
    const known = new Set(values.map(ofHex))
    expect(leaves.every((leaf) => known.has(leaf))).toBe(true)
    expect(known.has(nodeHash(leaves[0] ?? '', leaves[1] ?? ''))).toBe(true)
    expect(values.slice(-9).map(ofHex)).toEqual([...leaves.map((_, i) => rootOf(leaves.slice(0, i + 1))), emptyRoot])
  })
})

const leaves = Array.from({ length: 300 }, (_, i) => leafHash(Buffer.from(`entry ${i}`)))
const read: NodeReader = (level, index) => rootOf(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level))

test('the empty tree has the root that RFC 6962 gives', () => {
  expect(Buffer.from(emptyRoot, 'latin1').toString('base64')).toBe('47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=')
})

test('every inclusion proof that is made is verified, and no other leaf, index, size or shorter path is', () => {
  for (const size of [1, 2, 3, 7, 8, 9, 64, 100, 255, 256, 257, 300]) {
    const root = rootOf(leaves.slice(0, size))
    for (let index = 0; index < size; index += size > 20 ? 7 : 1) {
      const proof = createInclusionProof(read, index, size)
      const claim = { index, size, leaf: leaves[index] ?? '', root, proof }
      expect(isIncluded(claim)).toBe(true)
      expect(isIncluded({ ...claim, leaf: nodeHash(claim.leaf, claim.leaf) })).toBe(false)
      expect(isIncluded({ ...claim, index: index + 1 })).toBe(false)
      expect(isIncluded({ ...claim, proof: [...proof, root] })).toBe(false)
      if (proof.length > 0) expect(isIncluded({ ...claim, proof: proof.slice(1) })).toBe(false)
    }
  }
})

test('every consistency proof that is made is verified, and no other pair of trees is', () => {
  const sizes = [0, 1, 2, 3, 4, 6, 7, 8, 9, 63, 64, 65, 255, 256, 257, 300]
  for (const size1 of sizes) {
    for (const size2 of sizes.filter((size) => size >= size1)) {
      const root1 = rootOf(leaves.slice(0, size1))
      const root2 = rootOf(leaves.slice(0, size2))
      const proof = createConsistencyProof(read, size1, size2)
      expect([size1, size2, isConsistent({ size1, size2, root1, root2, proof })]).toEqual([size1, size2, true])
      if (size1 === size2) continue
      expect(isConsistent({ size1, size2, root1: leafHash(Buffer.of(1)), root2, proof })).toBe(false)
      if (size1 > 0) expect(isConsistent({ size1, size2, root1, root2: root1, proof })).toBe(false)
    }
  }
})

test('sizes that are no whole numbers, negative or unsafe are refused and never loop', () => {
  const root = leaves[0] ?? ''
  for (const size of [-1, 0.5, NaN, Infinity, 2 ** 63, 2 ** 64 - 1]) {
    expect(isIncluded({ index: 0, size, leaf: root, root, proof: [] })).toBe(false)
    expect(isConsistent({ size1: 1, size2: size, root1: root, root2: root, proof: [root] })).toBe(false)
  }
})

test('a tree that grows leaf by leaf has the root of the whole at each size, over tiles of three levels', () => {
  const tree = new TileTree()
  const tiles = new Map<string, readonly Hash[]>()
  const all: Hash[] = []
  for (let i = 0; i < 66_000; i += 1) {
    const leaf = leaves[i % leaves.length] ?? ''
    all.push(leaf)
    tree.append(leaf, (level, index, hashes) => tiles.set(`${level}/${index}`, hashes))
    if (i < 600 || i > 65_990 || i === 65_535) expect(tree.root()).toBe(rootOf(all))
  }
  expect(tiles.size).toBe(257 + 1)
  expect(tiles.get('1/0')?.[3]).toBe(rootOf(tiles.get('0/3') ?? []))
  expect(tree.edge.map((hashes) => hashes.length)).toEqual([66_000 % 256, 1, 1])
})
