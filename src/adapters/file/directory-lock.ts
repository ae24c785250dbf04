// One process at a time in a directory: an exclusive lock that the kernel frees when its holder dies, also by kill -9.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

export interface DirectoryLock {
  release(): void
}

const BUSY_ERRCODE = 5

/**
 * Locks the directory, made where it does not exist. SQLite is here for its file lock alone (POSIX advisory locks), which
 * Node does not offer itself. Throws an Error of one line where another process holds it, or the directory cannot be written.
 */
export function lockDirectory(dir: string): DirectoryLock {
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const database = openLock(dir)
  try {
    database.exec('PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    throw isBusy(error)
      ? new Error(`${dir} is in use by another gateway: one process at a time`)
      : new Error(`${dir} cannot be locked: ${messageOf(error)}`)
  }
  return {
    release() {
      if (database.isOpen) database.close()
    },
  }
}

function openLock(dir: string): DatabaseSync {
  try {
    return new DatabaseSync(join(dir, 'lock'), { timeout: 0 })
  } catch (error) {
    throw new Error(`${dir} cannot be locked: ${messageOf(error)}`)
  }
}

function isBusy(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'errcode' in error && error.errcode === BUSY_ERRCODE
}

function messageOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : String(error)
}
