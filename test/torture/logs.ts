// Three ways to keep an audit log, as a torturer sees them: ours; lines appended to a file as Vault's file device does (one write a
// record, no fsync, no chain); lines through a buffer as pino's asynchronous destination does.
import { appendFileSync, closeSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs'
import { basename, join } from 'node:path'
import { verifyTrail } from '../../src/audit/verify.ts'
import { createVkey, formatVkey } from '../../src/audit/note.ts'
import { appendAll, createSigner, openTestLog, openTestSealer, type Place } from '../audit/trail.ts'

export type Kind = 'portcullis' | 'ndjson' | 'buffered'
export const KINDS: readonly Kind[] = ['portcullis', 'ndjson', 'buffered']
export const TITLES: Readonly<Record<Kind, string>> = {
  portcullis: 'Portcullis',
  ndjson: 'NDJSON as Vault writes it',
  buffered: 'buffered lines as pino writes them',
}

const VKEY = formatVkey(createVkey(createSigner().name, createSigner().publicKeyRaw))

export function fileOf(place: Place): string {
  return join(place.dir, 'audit.log')
}

/** A finished log of these entries; what was kept elsewhere: of ours the last checkpoint. */
export async function writeLog(kind: Kind, place: Place, entries: readonly string[]): Promise<string> {
  if (kind !== 'portcullis') {
    mkdirSync(place.dir, { recursive: true })
    appendFileSync(fileOf(place), entries.map((entry) => `${entry}\n`).join(''))
    return ''
  }
  const sealer = await openTestSealer(place)
  const log = await openTestLog(place, 'w1', {
    onDurable: (batch) => {
      sealer.add(batch)
    },
  })
  await appendAll(log, entries)
  await sealer.seal()
  await log.close()
  await sealer.close()
  return sealer.checkpoint
}

/** Whether the log's own means tell that something is wrong. */
export async function isFound(kind: Kind, place: Place, kept: string): Promise<boolean> {
  return (await problemFiles(kind, place, kept)).length > 0
}

/** The files that the log's own means name as wrong. Of the others that is all there is: each line must be JSON. */
export async function problemFiles(kind: Kind, place: Place, kept: string): Promise<readonly string[]> {
  if (kind === 'portcullis') {
    const { problems } = await verifyTrail(place.dir, { vkey: VKEY, checkpoint: kept })
    return problems.map(({ where }) => where.file ?? '')
  }
  return isBroken(fileOf(place)) ? [basename(fileOf(place))] : []
}

function isBroken(file: string): boolean {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    return true
  }
  const lines = text.split('\n')
  if (lines.pop() !== '') return true
  return lines.some((line) => {
    try {
      JSON.parse(line)
      return false
    } catch {
      return true
    }
  })
}

/** Writes until it is killed; what it has acknowledged goes to `tell`. */
export function writeForEver(
  kind: 'ndjson' | 'buffered',
  place: Place,
  run: number,
  tell: (entries: string) => void,
): never {
  mkdirSync(place.dir, { recursive: true })
  const fd = openSync(fileOf(place), 'a')
  let held = ''
  for (let seq = 0; ; seq++) {
    const entry = `{"run":${run},"seq":${seq},"pad":"${'x'.repeat(seq % 600)}"}`
    if (kind === 'ndjson') writeSync(fd, `${entry}\n`)
    else {
      held += `${entry}\n`
      if (held.length >= 4_096) {
        writeSync(fd, held)
        held = ''
      }
    }
    tell(`${entry}\n`)
    if (seq === Infinity) closeSync(fd)
  }
}
