// Files that hold what nobody else may read: made once with mode 0600, synced, never overwritten.
import { closeSync, fchmodSync, fsyncSync, openSync, writeSync } from 'node:fs'
import { CommandFailure, EXIT } from './failure.ts'
import { reasonOf } from './signing-key.ts'

/** Mode 0600 whatever the umask, on disk when it returns. Throws CommandFailure (1); `exists` says what is in the way, and what to do. */
export function writeOnce(file: string, text: string, exists: string): void {
  let descriptor: number
  try {
    descriptor = openSync(file, 'wx', 0o600)
  } catch (error) {
    const isThere = error instanceof Error && 'code' in error && error.code === 'EEXIST'
    throw new CommandFailure(EXIT.failed, isThere ? `${file} exists, and ${exists}` : `${file}: ${reasonOf(error)}`)
  }
  try {
    fchmodSync(descriptor, 0o600)
    writeSync(descriptor, text)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
