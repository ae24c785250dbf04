// The power is cut after records were acknowledged: only what was synced is on the disk.
import { cpSync, mkdirSync, readFileSync } from 'node:fs'
import { type Files, inTwoSteps, nodeFiles } from '../../src/audit/files.ts'
import { appendAll, createPlace, openTestLog, openTestSealer, readEntries, records } from '../audit/trail.ts'
import { fileOf, type Kind } from './logs.ts'

/** A disk that forgets what was not synced: bytes stay in memory until fdatasync or fsync. */
function forgetfulFiles(): Files {
  const unsynced = new Map<number, { readonly bytes: Buffer; readonly position: number }[]>()
  const flush = async (fd: number): Promise<void> => {
    for (const { bytes, position } of unsynced.get(fd) ?? []) await nodeFiles.write(fd, bytes, position)
    unsynced.delete(fd)
  }
  const write: Files['write'] = async (fd, bytes, position) => {
    unsynced.set(fd, [...(unsynced.get(fd) ?? []), { bytes: Buffer.from(bytes), position }])
    return bytes.length
  }
  return { ...nodeFiles, write, writeThrough: inTwoSteps({ write, datasync: flush }), datasync: flush, sync: flush }
}

const ENTRIES = 500

/** How many of the acknowledged records are gone. */
export async function cutPower(kind: Kind): Promise<{ readonly acknowledged: number; readonly lost: number }> {
  const place = createPlace()
  const entries = records('w1', 0, ENTRIES)
  const files = forgetfulFiles()
  if (kind !== 'portcullis') {
    // Neither ever calls fsync.
    mkdirSync(place.dir, { recursive: true })
    const fd = await files.open(fileOf(place), 'w')
    let position = 0
    for (const entry of entries) position += await files.write(fd, Buffer.from(`${entry}\n`), position)
    const kept = new Set(readFileSync(fileOf(place), 'utf8').split('\n'))
    await files.close(fd)
    return { acknowledged: ENTRIES, lost: entries.filter((entry) => !kept.has(entry)).length }
  }
  const log = await openTestLog(place, 'w1', { files, preallocateBytes: 1 << 20 })
  await appendAll(log, entries)
  // Queued and not acknowledged: may go.
  for (const entry of records('w1', ENTRIES, 50)) log.append(entry)
  const after = createPlace()
  cpSync(place.root, after.root, { recursive: true })
  await log.close()
  await openTestSealer(after)
  const kept = new Set(await readEntries(after))
  return { acknowledged: ENTRIES, lost: entries.filter((entry) => !kept.has(entry)).length }
}
