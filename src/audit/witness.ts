// A witness (C2SP tlog-witness): it remembers the last checkpoint of each log that it knows, and cosigns another only where that is a
// continuation. What it remembers is on the disk before it answers.
import { join } from 'node:path'
import type { Signer } from '../ports/signer.ts'
import { openCheckpoint, type Checkpoint } from './checkpoint.ts'
import { cosign } from './cosignature.ts'
import { type Files, replaceFile } from './files.ts'
import { emptyRoot, type Hash, isConsistent, sha256 } from './merkle.ts'
import { parseBase64, parseNote, type Vkey } from './note.ts'

export interface WitnessOptions {
  readonly files: Files
  /** One file for each log, named by its origin's hash. */
  readonly dir: string
  readonly signer: Signer
  readonly logs: readonly Vkey[]
  /** Epoch milliseconds. */
  readonly now: () => number
}

interface WitnessAnswer {
  readonly status: 200 | 400 | 403 | 404 | 409 | 422
  readonly type: 'text/plain; charset=utf-8' | 'text/x.tlog.size'
  readonly body: string
}

export interface Witness {
  /** The body of `POST /add-checkpoint`. Rejects where what must be remembered cannot be written: then nothing was cosigned. */
  addCheckpoint(body: string): Promise<WitnessAnswer>
}

const PROOF_LINES_MAX = 63

export function createWitness(options: WitnessOptions): Witness {
  let last: Promise<unknown> = Promise.resolve()
  return {
    addCheckpoint(body) {
      // One at a time: between what was remembered and what will be, nothing may come.
      const answer = last.then(() => answerTo(body, options))
      last = answer.catch(() => undefined)
      return answer
    },
  }
}

async function answerTo(body: string, options: WitnessOptions): Promise<WitnessAnswer> {
  const request = parseRequest(body)
  if (typeof request === 'string') return text(400, request)
  const { old, proof, note } = request
  const origin = note.slice(0, note.indexOf('\n'))
  const vkey = options.logs.find(({ name }) => name === origin)
  if (vkey === undefined) return text(404, 'this witness does not know the log')
  const checkpoint = openCheckpoint(note, vkey)
  if ('problem' in checkpoint) return text(403, checkpoint.problem)
  if (old > checkpoint.size) return text(400, 'old is larger than the size of the checkpoint')
  const known = await readKnown(options, vkey)
  if (known.size !== old) return { status: 409, type: 'text/x.tlog.size', body: `${known.size}\n` }
  const problem = judge(known, checkpoint, proof)
  if (problem !== undefined) return text(422, problem)
  await options.files.makeDir(options.dir)
  await replaceFile(options.files, fileOf(options, vkey), Buffer.from(note))
  const parsed = parseNote(note)
  return text(200, 'problem' in parsed ? '' : cosign(parsed.text, Math.floor(options.now() / 1000), options.signer))
}

function text(status: WitnessAnswer['status'], body: string): WitnessAnswer {
  return { status, type: 'text/plain; charset=utf-8', body: body.endsWith('\n') ? body : `${body}\n` }
}

function judge(known: Pick<Checkpoint, 'size' | 'root'>, next: Checkpoint, proof: readonly Hash[]): string | undefined {
  if (known.size === next.size) {
    if (known.root !== next.root) return 'this witness has seen another tree of this size'
    return proof.length === 0 ? undefined : 'a proof between equal sizes is empty'
  }
  const holds = isConsistent({ size1: known.size, size2: next.size, root1: known.root, root2: next.root, proof })
  return holds ? undefined : 'the proof does not lead from the tree that this witness has seen'
}

interface AddCheckpoint {
  readonly old: number
  readonly proof: readonly Hash[]
  readonly note: string
}

function parseRequest(body: string): AddCheckpoint | string {
  const split = body.indexOf('\n\n')
  if (split < 0) return 'no empty line after the proof'
  const [first = '', ...lines] = body.slice(0, split).split('\n')
  const old = /^old (0|[1-9]\d{0,15})$/.exec(first)?.[1]
  if (old === undefined || !Number.isSafeInteger(Number(old))) return 'the first line must be "old" and a size'
  if (lines.length > PROOF_LINES_MAX) return `a proof has at most ${PROOF_LINES_MAX} lines`
  const proof = lines.map(parseBase64)
  if (!proof.every((hash) => hash?.length === 32)) return 'a line of the proof is no hash'
  return { old: Number(old), proof: proof.map((hash) => hash?.toString('latin1') ?? ''), note: body.slice(split + 2) }
}

function fileOf({ dir }: WitnessOptions, { name }: Vkey): string {
  return join(dir, `${Buffer.from(sha256(Buffer.from(name)), 'latin1').toString('hex')}.checkpoint`)
}

async function readKnown(options: WitnessOptions, vkey: Vkey): Promise<Pick<Checkpoint, 'size' | 'root'>> {
  const file = fileOf(options, vkey)
  const note = (await options.files.read(file))?.toString()
  if (note === undefined) return { size: 0, root: emptyRoot }
  const known = openCheckpoint(note, vkey)
  if ('problem' in known) throw new Error(`${file} is not what this witness has written: ${known.problem}`)
  return known
}
