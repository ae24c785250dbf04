// The offline verifier: re-derives everything that a trail claims, and says plainly what it could not see.
import { statSync } from 'node:fs'
import { type Checkpoint, openCheckpoint, parseCheckpoint } from './checkpoint.ts'
import { nodeFiles } from './files.ts'
import { Findings, type Problem } from './findings.ts'
import { emptyRoot } from './merkle.ts'
import { formatVkey, parseNote, parseVkey, type Vkey } from './note.ts'
import { RecordSequence } from './record-sequence.ts'
import { verifyFiles } from './verify-files.ts'
import { type LogResult, readIfThere, verifyLog } from './verify-log.ts'
import { verifyWal } from './verify-wal.ts'
import { walDir } from './wal-segment.ts'

export interface VerifyOptions {
  /** The trail's verification key, kept elsewhere. */
  readonly vkey?: string
  /** A checkpoint of this trail, kept elsewhere: the text of the signed note. */
  readonly checkpoint?: string
  /** Called now and then with the entries done and all of them. */
  readonly onProgress?: (done: number, total: number) => void
}

export interface Verdict {
  /** No problem was found. Warnings do not count. */
  readonly ok: boolean
  readonly origin: string
  /** Entries under the checkpoint. */
  readonly size: number
  /** Root of the checkpoint, base64. */
  readonly root: string
  /** Entries that are durable and under no checkpoint yet. */
  readonly unsealed: number
  readonly warnings: readonly string[]
  readonly problems: readonly Problem[]
  /** What the signature was checked with, and what therefore could not be seen. */
  readonly keyStatement: string
  /** What the trail was compared with, and what therefore could not be seen. */
  readonly checkpointStatement: string
}

/** Verifies the trail in a directory, wherever it was copied to. A trail that grows meanwhile is looked at again. Never rejects for what it finds. */
export async function verifyTrail(dir: string, options: VerifyOptions = {}): Promise<Verdict> {
  let verdict = await verifyOnce(dir, options)
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
    return conclude(findings, undefined, 0, { keyStatement: '', checkpointStatement: '' })
  }
  const { vkey, statement: keyStatement } = findKey(dir, options.vkey, findings)
  const signed = readSigned(dir, vkey, findings)
  const kept = readKept(options.checkpoint, vkey, signed, findings)
  const order = new Findings()
  const sequence = new RecordSequence(order)
  const wal = await verifyWal(nodeFiles, dir, findings)
  let log: LogResult = { isWhole: false, earlierRoots: [], edge: [] }
  if (signed !== undefined) {
    const { size, root } = signed
    const onProgress = options.onProgress && ((done: number) => options.onProgress?.(done, size))
    log = await verifyLog({
      dir,
      size,
      root,
      findings,
      sequence,
      onLeaf: wal.onLeaf,
      earlierSize: kept?.size,
      onProgress,
    })
  }
  const unsealed = wal.finish(sequence)
  if (unsealed > 0) findings.warn(`${unsealed} entries are under no checkpoint yet: only checksums guard them`)
  if (signed !== undefined) {
    verifyFiles({
      dir,
      size: signed.size,
      findings,
      isSealing: unsealed > 0,
      edge: log.edge,
      isInWal: wal.has,
      isNote: (text) => isNote(text, vkey),
    })
  }
  findings.append(order)
  const checkpointStatement = compare(kept, options.checkpoint, signed, log, findings)
  return conclude(findings, signed, unsealed, { keyStatement, checkpointStatement })
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
  unsealed: number,
  statements: { keyStatement: string; checkpointStatement: string },
): Verdict {
  const { origin = '', size = 0, root = emptyRoot } = signed ?? {}
  const problems = findings.all()
  const encoded = Buffer.from(root, 'latin1').toString('base64')
  return {
    ok: problems.length === 0,
    origin,
    size,
    root: encoded,
    unsealed,
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
  return text === `${formatVkey(vkey)}\n` || !('problem' in openCheckpoint(text, vkey))
}

function readKept(
  text: string | undefined,
  vkey: Vkey | undefined,
  signed: Checkpoint | undefined,
  findings: Findings,
): Checkpoint | undefined {
  if (text === undefined || vkey === undefined) return undefined
  const kept = openCheckpoint(text, vkey)
  if ('problem' in kept) {
    findings.problem(`the checkpoint given does not hold: ${kept.problem}`)
    return undefined
  }
  if (signed !== undefined && kept.size > signed.size) {
    const what = `the trail has ${signed.size} entries, and the checkpoint given has ${kept.size}: the trail was rolled back or cut short`
    findings.problem(what, { file: 'checkpoint' })
  }
  return kept
}

/** Whether the trail begins with what the kept checkpoint signs: shown by deriving its root, which is stronger than any proof. */
function compare(
  kept: Checkpoint | undefined,
  given: string | undefined,
  signed: Checkpoint | undefined,
  log: LogResult,
  findings: Findings,
): string {
  if (given === undefined) {
    return 'No checkpoint kept elsewhere was given: a rollback to an earlier state of this trail could not have been seen.'
  }
  const other = 'The trail is not a continuation of the checkpoint given.'
  if (kept === undefined || signed === undefined || kept.size > signed.size) return other
  const roots = kept.size === 0 ? [emptyRoot] : log.earlierRoots
  if (roots.includes(kept.root)) return `The first ${kept.size} entries are those that the checkpoint given signs.`
  if (!log.isWhole) return 'The trail could not be compared with the checkpoint given: too much of it is missing.'
  const what = `the first ${kept.size} entries are not those that the checkpoint given signs: this is another history`
  findings.problem(what, { file: 'checkpoint' })
  return other
}
