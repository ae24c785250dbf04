// Checks an export by itself: each record against its proof, each proof against the checkpoint, that against the key.
import { createReadStream, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type Checkpoint, openCheckpoint } from './checkpoint.ts'
import { Findings } from './findings.ts'
import { type Hash, isIncluded, leafHash } from './merkle.ts'
import { parseBase64, parseVkey } from './note.ts'
import { compareWitnesses } from './verify-witness.ts'

export interface PackVerdict {
  readonly ok: boolean
  readonly records: number
  readonly problems: readonly string[]
  readonly keyStatement: string
  readonly witnessStatement: string
}

const PROBLEMS_MAX = 100

export function isPack(dir: string): boolean {
  return existsSync(join(dir, 'proofs.ndjson')) && existsSync(join(dir, 'records.ndjson'))
}

/** `vkey`: kept elsewhere. Never rejects for what it finds. */
export async function verifyPack(
  dir: string,
  vkey: string | undefined,
  witnesses: readonly string[] = [],
): Promise<PackVerdict> {
  const given = vkey ?? read(dir, 'vkey')
  const key = parseVkey(given.trim())
  const keyStatement =
    vkey === undefined
      ? 'No key was given: the signature was checked with the key that lies in the export itself. Whoever made all of it anew could not be seen.'
      : 'The signature was checked with the key given.'
  const failed = (problem: string): PackVerdict => ({
    ...{ ok: false, records: 0, problems: [problem], keyStatement, witnessStatement: '' },
  })
  if ('problem' in key) return failed(key.problem)
  const note = read(dir, 'checkpoint')
  const checkpoint = openCheckpoint(note, key)
  if ('problem' in checkpoint) return failed(`the checkpoint does not hold: ${checkpoint.problem}`)
  const { records, problems } = await verifyRecords(dir, checkpoint)
  const findings = new Findings()
  const witnessStatement = compareWitnesses({ keys: witnesses, notes: [note], vkey: key }, findings)
  const all = [...problems, ...findings.all().map(({ what }) => what)]
  return { ok: all.length === 0, records, problems: all, keyStatement, witnessStatement }
}

async function verifyRecords(
  dir: string,
  checkpoint: Checkpoint,
): Promise<{ readonly records: number; readonly problems: readonly string[] }> {
  const problems: string[] = []
  const proofs = linesOf(join(dir, 'proofs.ndjson'))
  let records = 0
  let last = -1
  for await (const line of linesOf(join(dir, 'records.ndjson'))) {
    records += 1
    const proof = parseLine((await proofs.next()).value ?? '')
    const fault = faultOf(line, proof, last, checkpoint)
    last = proof?.index ?? last
    if (fault !== undefined && problems.length < PROBLEMS_MAX)
      problems.push(`records.ndjson, line ${records}: ${fault}`)
  }
  if ((await proofs.next()).done !== true)
    problems.push('proofs.ndjson has more lines than there are records: some were taken out')
  return { records, problems }
}

function faultOf(
  line: string,
  proof: ReturnType<typeof parseLine>,
  last: number,
  { size, root }: Checkpoint,
): string | undefined {
  if (proof === undefined) return 'its proof is missing or malformed'
  if (proof.index <= last) return 'it does not stand in the order of the log, or stands here twice'
  return isIncluded({ ...proof, size, root, leaf: leafHash(Buffer.from(line)) })
    ? undefined
    : `the log does not have it as entry ${proof.index}`
}

function read(dir: string, file: string): string {
  try {
    return readFileSync(join(dir, file), 'utf8')
  } catch {
    return ''
  }
}

async function* linesOf(path: string): AsyncGenerator<string, undefined> {
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) yield line
  return undefined
}

function parseLine(text: string): { readonly index: number; readonly proof: readonly Hash[] } | undefined {
  try {
    const { index, proof } = JSON.parse(text) as { index: unknown; proof: unknown }
    if (typeof index !== 'number' || !Array.isArray(proof)) return undefined
    const hashes = proof.map((each) => (typeof each === 'string' ? parseBase64(each)?.toString('latin1') : undefined))
    return hashes.every((each) => each !== undefined) ? { index, proof: hashes } : undefined
  } catch {
    return undefined
  }
}
