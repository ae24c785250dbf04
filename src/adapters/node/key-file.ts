// Files that hold one secret key: read where they are, made once where they are not.
import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, linkSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * The file's text. Where there is no file, `make` gives its contents: they are written under another name with mode 0600, synced
 * and linked into place, so that nobody ever reads half a key and of two processes that make it at once, both use one.
 * Throws the system's error where the file can be neither read nor made.
 */
export function readOrMakeKeyFile(file: string, make: () => string): string {
  const found = readIfThere(file)
  if (found !== undefined) return found
  const draft = `${file}.${randomBytes(6).toString('hex')}.new`
  try {
    writeDurably(draft, make())
    linkSync(draft, file)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  } finally {
    rmSync(draft, { force: true })
  }
  syncDirectory(dirname(file))
  return readFileSync(file, 'utf8')
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

function writeDurably(file: string, text: string): void {
  const descriptor = openSync(file, 'wx', 0o600)
  try {
    writeSync(descriptor, text)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
}
