// A note in the store that the trail cannot be written, and since when. Records wait for that in memory; where the gateway ends before,
// the next start finds the note and tells of the gap.
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Instant } from '../core/time.ts'

const fileIn = (storeDir: string): string => path.join(storeDir, 'trail.unwritten')

/** Since when the trail could not be written as the last run ended; undefined where it could. */
export function readUnwritten(storeDir: string): Instant | undefined {
  try {
    const since = Number(readFileSync(fileIn(storeDir), 'utf8'))
    return Number.isSafeInteger(since) ? since : 0
  } catch {
    return undefined
  }
}

/** To be told at each look. Writes and removes the note as that changes; where the store cannot be written either it tries again. */
export function createUnwrittenNote(storeDir: string): (isWritable: boolean, now: Instant) => void {
  let noted: boolean | undefined
  return (isWritable, now) => {
    if (noted === !isWritable) return
    try {
      if (isWritable) rmSync(fileIn(storeDir), { force: true })
      else writeFileSync(fileIn(storeDir), `${now}\n`, { flush: true })
      noted = !isWritable
    } catch {
      // Orders are not durable then either, and their answers say so.
    }
  }
}
