// The offline verifier: re-derives everything that a trail claims, and says plainly what it could not see.
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import { type Checkpoint, openCheckpoint, parseCheckpoint } from './checkpoint.ts'
import { nodeFiles } from './files.ts'
import { Findings, type Problem } from './findings.ts'
import { emptyRoot } from './merkle.ts'
import { MINIMUM_INDEX_FILE, openMinimumIndex } from './minimum-index.ts'
import { formatVkey, parseNote, parseVkey, type Vkey } from './note.ts'
import { RecordSequence } from './record-sequence.ts'
import { TILE_WIDTH } from './tiles.ts'
import { compare, readKept } from './verify-kept.ts'
import { type Standing, verifyFiles } from './verify-files.ts'
import { type LogPosition, type LogResult, verifyLog } from './verify-log.ts'
import { readIfThere } from './verify-read.ts'
import { compareWitnesses } from './verify-witness.ts'
import { verifyWal, type WalContents } from './verify-wal.ts'
import { walDir } from './wal-segment.ts'

export interface VerifyOptions {
  /** The trail's verification key, kept elsewhere. */
  readonly vkey?: string
  /** Checkpoints of this trail, kept elsewhere: the texts of the signed notes. */
  readonly checkpoint?: string | readonly string[]
  /** Verification keys of witnesses, kept elsewhere: each must have cosigned the trail's checkpoint or one of those given. */
  readonly witness?: readonly string[]
  /** Where an earlier verification of this trail stood; what is before is not read again, which the verdict says. */
  readonly resume?: VerifyPosition
  /** Called now and then, while nothing was wrong, with where to go on another time: to be copied at once, for it grows on. */
  readonly onPosition?: (position: VerifyPosition) => void
  /** Starts a thread that checks tiles (tile-check-thread); absent: all is done in this one. */
  readonly startThread?: () => Worker
  /** Called now and then with the entries done and all of them. */
  readonly onProgress?: (done: number, total: number) => void
}

export interface VerifyPosition extends LogPosition {
  readonly origin: string
}

export interface Verdict {
  /** No problem was found. Warnings do not count. */
  readonly ok: boolean
  readonly origin: string
  /** Entries under the checkpoint. */
  readonly size: number
  /** Root of the checkpoint, base64. */
  readonly root: string
  /** Entries before it were deleted by retention; their hashes still hold the rest together. */
  readonly minimum: number
  /** Entries that were not read again, since an earlier verification had read them. */
  readonly resumedFrom: number
  /** Entries that are durable and under no checkpoint yet. */
  readonly unsealed: number
  readonly warnings: readonly string[]
  readonly problems: readonly Problem[]
  /** What the signature was checked with, and what therefore could not be seen. */
  readonly keyStatement: string
  /** What the trail was compared with, and what therefore could not be seen. */
  readonly checkpointStatement: string
  /** Which witnesses have seen how much of it; empty where there is nothing to say. */
  readonly witnessStatement: string
}

/** Verifies the trail in a directory, wherever it was copied to. A trail that grows meanwhile is looked at again. Never rejects for what it finds; with a NodeTooOld where this Node cannot read it. */
export async function verifyTrail(dir: string, options: VerifyOptions = {}): Promise<Verdict> {
  let verdict = await verifyOnce(dir, options)
  if (!verdict.ok && verdict.resumedFrom > 0) {
    // What was verified then may be another trail, or was changed since: all of it is read to find the place.
    const others = Object.entries(options).filter(([name]) => name !== 'resume')
    return verifyTrail(dir, Object.fromEntries(others))
  }
  // A gateway at work changes the trail between two reads; what was found may have been its doing, and is gone at another look.
  for (let attempt = 0; attempt < 3 && !verdict.ok && isDirectory(walDir(dir)); attempt += 1) {
    const again = await verifyOnce(dir, options)
    const isSame = JSON.stringify(again.problems) === JSON.stringify(verdict.problems) && again.root === verdict.root
    verdict = again
    if (isSame) break
  }
  return verdict
}

async function verifyOnce(dir: string, options: VerifyOptions): Promise<Verdict> {
  const findings = new Findings()
  if (!isDirectory(dir)) {
    findings.problem('there is no trail here: this is no directory', { file: '.' })
    return conclude(findings, undefined, NOTHING, NO_STATEMENTS)
  }
  // Before the checkpoint: a gateway at work removes what a checkpoint covers, and that must not be missing in both.
  const wal = await verifyWal(nodeFiles, dir, findings)
  const { vkey, statement: keyStatement } = findKey(dir, options.vkey, findings)
  const signed = readSigned(dir, vkey, findings)
  const minimum = readMinimum(dir, vkey, signed, findings)
  const given = options.checkpoint === undefined ? [] : [options.checkpoint].flat()
  const kept = readKept(given, vkey, signed, findings)
  const order = new Findings()
  const sequence = new RecordSequence(order)
  const resumed = resumable(options.resume, signed, minimum, kept)
  let log: LogResult = { isWhole: false, earlierRoots: new Map(), edge: [] }
  if (signed !== undefined) {
    const { size, root, origin } = signed
    log = await verifyLog({
      ...{ dir, size, root, findings, sequence, onLeaf: wal.isEmpty ? undefined : wal.onLeaf, minimum, resumed },
      startThread: options.startThread,
      earlierSizes: new Set(kept.map((each) => each.size)),
      onProgress: options.onProgress && ((done) => options.onProgress?.(Math.min(done, size), size)),
      onPosition:
        options.onPosition &&
        ((position) => {
          if (order.problems.length === 0) options.onPosition?.({ ...position, origin })
        }),
    })
  }
  const unsealed = wal.finish(sequence)
  if (unsealed > 0) findings.warn(`${unsealed} entries are under no checkpoint yet: only checksums guard them`)
  if (signed !== undefined) {
    await verifyFiles({
      dir,
      size: signed.size,
      minimum,
      findings,
      edge: log.edge,
      standing: { size: signed.size, isSealing: unsealed > 0, isInWal: wal.has },
      lookAgain: () => lookAgain(dir, vkey, signed, { wal, unsealed }),
      isNote: (text) => isNote(text, vkey),
    })
  }
  findings.append(order)
  const checkpointStatement = compare(kept, given, signed, log, { findings, minimum })
  const notes = [...(signed === undefined ? [] : [readFileSync(join(dir, 'checkpoint'), 'utf8')]), ...given]
  const witnessStatement = compareWitnesses({ keys: options.witness ?? [], notes, vkey }, findings)
  const counts = { unsealed, minimum, resumedFrom: resumed?.size ?? 0 }
  return conclude(findings, signed, counts, { keyStatement, checkpointStatement, witnessStatement })
}

/** The write-ahead logs first: what is in none of them by now, and under no checkpoint afterwards, nobody has written. */
async function lookAgain(
  dir: string,
  vkey: Vkey | undefined,
  { size, origin }: Checkpoint,
  before: { readonly wal: WalContents; readonly unsealed: number },
): Promise<Standing> {
  const flaws = new Findings()
  const wal = await verifyWal(nodeFiles, dir, flaws)
  const now = readSigned(dir, vkey, flaws)
  const isLater = now !== undefined && flaws.problems.length === 0 && now.origin === origin && now.size > size
  const hasCome = (): boolean => [...wal.leaves()].some((leaf) => !before.wal.has(leaf))
  return {
    size: isLater ? now.size : size,
    isSealing: before.unsealed > 0 || isLater || hasCome(),
    isInWal: wal.has,
  }
}

const NO_STATEMENTS = { keyStatement: '', checkpointStatement: '', witnessStatement: '' }
const NOTHING = { unsealed: 0, minimum: 0, resumedFrom: 0 }

/** The position, where it can be one of this trail, and nothing that is asked for lies before it. */
function resumable(
  position: VerifyPosition | undefined,
  signed: Checkpoint | undefined,
  minimum: number,
  kept: readonly Checkpoint[],
): LogPosition | undefined {
  if (position === undefined || signed === undefined) return undefined
  const isUsable =
    position.origin === signed.origin &&
    position.size <= signed.size &&
    position.size >= minimum &&
    position.size % TILE_WIDTH === 0 &&
    kept.every(({ size }) => size > position.size)
  return isUsable ? position : undefined
}

/** What the signed statement says that retention has deleted; 0 where nothing was. */
function readMinimum(dir: string, vkey: Vkey | undefined, signed: Checkpoint | undefined, findings: Findings): number {
  if (!existsSync(join(dir, MINIMUM_INDEX_FILE))) return 0
  const text = readText(dir, MINIMUM_INDEX_FILE, findings)
  const statement = text === undefined ? undefined : openMinimumIndex(text, vkey)
  if (statement === undefined) return 0
  const file = MINIMUM_INDEX_FILE
  if ('problem' in statement) {
    findings.problem(`the statement of what was deleted does not hold: ${statement.problem}`, { file })
    return 0
  }
  if (signed !== undefined && statement.index > signed.size) {
    findings.problem(`more was deleted (${statement.index} entries) than the checkpoint signs`, { file })
    return 0
  }
  return statement.index
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}

function conclude(
  findings: Findings,
  signed: Checkpoint | undefined,
  counts: Pick<Verdict, 'unsealed' | 'minimum' | 'resumedFrom'>,
  statements: typeof NO_STATEMENTS,
): Verdict {
  const { origin = '', size = 0, root = emptyRoot } = signed ?? {}
  const problems = findings.all()
  const encoded = Buffer.from(root, 'latin1').toString('base64')
  return {
    ok: problems.length === 0,
    ...{ origin, size, root: encoded, ...counts },
    warnings: findings.warnings,
    problems,
    ...statements,
  }
}

/** The text of a file, where it is UTF-8 to the byte. */
function readText(dir: string, file: string, findings: Findings): string | undefined {
  const bytes = readIfThere(dir, file, findings)
  const text = bytes?.toString()
  if (text === undefined || bytes?.equals(Buffer.from(text)) === true) return text
  findings.problem('this file is no UTF-8 text', { file })
  return undefined
}

/** The key to verify with: the one given, else the one that lies in the trail. */
function findKey(
  dir: string,
  given: string | undefined,
  findings: Findings,
): { vkey: Vkey | undefined; statement: string } {
  const own = readVkey(dir, findings)
  if (given === undefined) {
    const name = own === undefined ? 'none could be read' : formatVkey(own)
    const statement = `No key was given: the signature was checked with the key that lies in the trail itself (${name}). Somebody who signed the whole trail anew with another key could not be seen.`
    return { vkey: own, statement }
  }
  const vkey = parseVkey(given.trim())
  if ('problem' in vkey) {
    findings.problem(`the key given is no verification key: ${vkey.problem}`)
    return { vkey: own, statement: 'The key given could not be used.' }
  }
  if (own !== undefined && formatVkey(own) !== formatVkey(vkey)) {
    findings.problem(`the trail was signed with another key than the one given: ${formatVkey(own)}`, { file: 'vkey' })
  }
  return { vkey, statement: `The signature was checked with the key given, ${vkey.name}+${vkey.id}.` }
}

function readVkey(dir: string, findings: Findings): Vkey | undefined {
  const text = readText(dir, 'vkey', findings)
  if (text === undefined) return undefined
  const vkey = parseVkey(text.slice(0, -1))
  if (!('problem' in vkey) && text.endsWith('\n')) return vkey
  findings.problem('problem' in vkey ? vkey.problem : 'the last newline is missing', { file: 'vkey' })
  return undefined
}

/** What the trail's checkpoint says; also where its signature does not hold, so that more can be found than that. */
function readSigned(dir: string, vkey: Vkey | undefined, findings: Findings): Checkpoint | undefined {
  const text = readText(dir, 'checkpoint', findings)
  if (text === undefined) return undefined
  if (vkey !== undefined) {
    const checkpoint = openCheckpoint(text, vkey)
    if (!('problem' in checkpoint)) return checkpoint
    findings.problem(`the checkpoint does not hold: ${checkpoint.problem}`, { file: 'checkpoint' })
  }
  const note = parseNote(text)
  const claimed = 'problem' in note ? note : parseCheckpoint(note.text)
  return 'problem' in claimed ? undefined : claimed
}

function isNote(text: string, vkey: Vkey | undefined): boolean {
  if (vkey === undefined) return false
  if (text === `${formatVkey(vkey)}\n` || !('problem' in openCheckpoint(text, vkey))) return true
  return !('problem' in openMinimumIndex(text, vkey))
}
