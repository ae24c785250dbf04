// Checks an export by itself: each record against its proof, each proof against the checkpoint, that against the key; and what lies beside them.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openByteLines } from './byte-lines.ts'
import { type Checkpoint, openCheckpoint } from './checkpoint.ts'
import { Findings } from './findings.ts'
import { createInclusionRun } from './inclusion-run.ts'
import { leafHash } from './merkle.ts'
import { parseVkey } from './note.ts'
import { verifyBeside } from './verify-beside.ts'
import { compareWitnesses } from './verify-witness.ts'

export interface PackVerdict {
  readonly ok: boolean
  readonly records: number
  readonly problems: readonly string[]
  /** What was found to hold beside the records, and what it shows. */
  readonly beside: readonly string[]
  readonly keyStatement: string
  readonly witnessStatement: string
}

const PROBLEMS_MAX = 100
const TELL_EVERY = 50_000

export function isPack(dir: string): boolean {
  return existsSync(join(dir, 'proofs.ndjson')) && existsSync(join(dir, 'records.ndjson'))
}

export interface PackOptions {
  /** Kept elsewhere; absent: the one in the export. */
  readonly vkey?: string | undefined
  /** Keys of witnesses that must have cosigned the checkpoint. */
  readonly witnesses?: readonly string[] | undefined
  readonly tell?: (done: number) => void
}

/** Never throws for what it finds. */
export function verifyPack(dir: string, { vkey, witnesses = [], tell }: PackOptions): PackVerdict {
  const given = vkey ?? read(dir, 'vkey')
  const key = parseVkey(given.trim())
  const keyStatement =
    vkey === undefined
      ? 'No key was given: the signature was checked with the key that lies in the export itself. Whoever made all of it anew could not be seen.'
      : 'The signature was checked with the key given.'
  const failed = (problem: string): PackVerdict => ({
    ...{ ok: false, records: 0, problems: [problem], beside: [], keyStatement, witnessStatement: '' },
  })
  if ('problem' in key) return failed(key.problem)
  const note = read(dir, 'checkpoint')
  const checkpoint = openCheckpoint(note, key)
  if ('problem' in checkpoint) return failed(`the checkpoint does not hold: ${checkpoint.problem}`)
  const { records, orders, problems } = verifyRecords(dir, checkpoint, tell)
  const findings = new Findings()
  const witnessStatement = compareWitnesses({ keys: witnesses, notes: [note], vkey: key }, findings)
  const beside = verifyBeside({ dir, checkpoint, gatewayKey: key.publicKeyRaw, orders })
  const all = [...problems, ...findings.all().map(({ what }) => what), ...beside.problems]
  return {
    ...{ ok: all.length === 0, records, problems: all },
    ...{ beside: beside.statements, keyStatement, witnessStatement },
  }
}

interface Checked {
  readonly records: number
  /** Ids of the orders among them. */
  readonly orders: ReadonlySet<string>
  readonly problems: readonly string[]
}

function verifyRecords(dir: string, checkpoint: Checkpoint, tell?: (done: number) => void): Checked {
  const problems: string[] = []
  const orders = new Set<string>()
  const isProven = createInclusionRun(checkpoint.size, checkpoint.root)
  const [lines, proofs] = [openByteLines(join(dir, 'records.ndjson')), openByteLines(join(dir, 'proofs.ndjson'))]
  let records = 0
  let last = -1
  const faultOf = (line: Buffer, proof: ProofLine | undefined): string | undefined => {
    if (proof === undefined) return 'its proof is missing or malformed'
    if (proof.index <= last) return 'it does not stand in the order of the log, or stands here twice'
    last = proof.index
    if (!isProven(proof.index, leafHash(line), proof.hashes)) return `the log does not have it as entry ${proof.index}`
    noteOrder(line, orders)
    return undefined
  }
  for (let line = lines.next(); line !== undefined; line = lines.next()) {
    records += 1
    const fault = faultOf(line, parseLine(proofs.next()))
    if (fault !== undefined && problems.length < PROBLEMS_MAX)
      problems.push(`records.ndjson, line ${records}: ${fault}`)
    if (records % TELL_EVERY === 0) tell?.(records)
  }
  if (proofs.next() !== undefined)
    problems.push('proofs.ndjson has more lines than there are records: some were taken out')
  lines.close()
  proofs.close()
  return { records, orders, problems }
}

function noteOrder(line: Buffer, orders: Set<string>): void {
  if (!line.includes('"kind":"order"')) return
  try {
    const { kind, id } = JSON.parse(line.toString()) as { readonly kind?: unknown; readonly id?: unknown }
    if (kind === 'order' && typeof id === 'string') orders.add(id)
  } catch {
    // A record that is no JSON is no order.
  }
}

function read(dir: string, file: string): string {
  try {
    return readFileSync(join(dir, file), 'utf8')
  } catch {
    return ''
  }
}

interface ProofLine {
  readonly index: number
  /** Base64. */
  readonly hashes: readonly string[]
}

const PROOF_LINE = /^\{"index":(0|[1-9]\d{0,15}),"proof":\[(?:"([^\\]*)")?\]\}$/

/** As an export writes it; a hash that is none is found when it is used. */
function parseLine(line: Buffer | undefined): ProofLine | undefined {
  const [, index, hashes] = PROOF_LINE.exec(line?.toString('latin1') ?? '') ?? []
  if (index === undefined) return undefined
  return { index: Number(index), hashes: hashes === undefined ? [] : hashes.split('","') }
}
