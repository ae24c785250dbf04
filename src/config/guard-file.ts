// The parts of the config that stood last, kept in the store directory so that a restart is judged like a reload.
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import path from 'node:path'
import type { GuardSnapshot } from './check-reload.ts'
import { parseSnapshot } from './guard-snapshot.ts'

const FILE = 'guard.json'

/** The snapshot in the directory; undefined where there is none or it cannot be understood. */
export function readGuard(dir: string): GuardSnapshot | undefined {
  try {
    return parseSnapshot(readFileSync(path.join(dir, FILE), 'utf8'))
  } catch {
    return undefined
  }
}

/** Replaces the snapshot as a whole, and syncs it. Throws where the directory cannot be written. */
export function writeGuard(dir: string, snapshot: GuardSnapshot): void {
  const file = path.join(dir, FILE)
  const text = `${JSON.stringify(snapshot)}\n`
  // A start with the config of the last run writes nothing: it must succeed on a full disk.
  if (existsSync(file) && readFileSync(file, 'utf8') === text) return
  const fd = openSync(`${file}.tmp`, 'w', 0o600)
  try {
    writeSync(fd, text)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(`${file}.tmp`, file)
}
