// The check of one proof, as the command and the single-file verifier make it.
import type { Hash } from './merkle.ts'
import { parseVkey, type Refused } from './note.ts'
import { checkProof, leavesOf, parseProof, type ProvenBy } from './proof.ts'
import { parseReceipt } from './receipt.ts'

export interface ProofQuestion {
  readonly proof: string
  readonly vkey: string
  /** One of the two: the record's bytes, or the receipt that was given for it. */
  readonly record?: Buffer
  readonly receipt?: string
}

export function checkProofFile({ proof, vkey, record, receipt }: ProofQuestion): ProvenBy | Refused {
  const parsed = parseProof(proof)
  if ('problem' in parsed) return parsed
  const key = parseVkey(vkey.trim())
  if ('problem' in key) return { problem: `the key given is no verification key: ${key.problem}` }
  const leaves = record === undefined ? leafOfReceipt(receipt ?? '', key.name) : leavesOf(record)
  if ('problem' in leaves) return leaves
  let verdict: ProvenBy | Refused = { problem: 'there is nothing to prove' }
  for (const leaf of leaves) {
    verdict = checkProof(parsed, leaf, key)
    if (!('problem' in verdict)) return verdict
  }
  return verdict
}

function leafOfReceipt(text: string, origin: string): readonly Hash[] | Refused {
  const receipt = parseReceipt(text)
  if (receipt === undefined) return { problem: 'the receipt is none: it reads ORIGIN;t=TIME;h=:BASE64:' }
  if (receipt.origin !== origin) return { problem: `the receipt is of ${receipt.origin}, the key of ${origin}` }
  return [receipt.leaf]
}
