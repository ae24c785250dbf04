// The configuration's file: read whole, or one problem that says why not.
import { readFile, stat } from 'node:fs/promises'
import type { Instant } from '../core/time.ts'
import type { Config } from './config.ts'
import type { Environment } from './process-environment.ts'
import { parseConfig } from './parse-config.ts'
import type { Problem } from './problem.ts'

/** Ten thousand routes need less. */
const CONFIG_BYTES_MAX = 4 * 1_048_576

/** Reads and parses a configuration. `now` as in parseConfig. Never throws: an unreadable file is a problem without a line. */
export async function readConfig(
  file: string,
  env: Environment,
  now?: Instant,
): Promise<{ readonly config: Config } | { readonly problems: readonly Problem[] }> {
  const text = await readText(file)
  if (typeof text !== 'string') return { problems: [{ line: 0, column: 0, path: '', message: text.problem }] }
  return parseConfig(text, { file, env, ...(now === undefined ? {} : { now }) })
}

/** The text of a file of at most 4 MiB of UTF-8, or why there is none. */
export async function readText(file: string): Promise<string | { readonly problem: string }> {
  try {
    const found = await stat(file)
    if (found.isDirectory()) return { problem: 'is a directory: name the file in it' }
    if (!found.isFile()) return { problem: 'is no regular file' }
    if (found.size > CONFIG_BYTES_MAX) return { problem: `has ${found.size} bytes: the most is ${CONFIG_BYTES_MAX}` }
    return decode(await readFile(file))
  } catch (error) {
    return { problem: explain(error) }
  }
}

function decode(bytes: Uint8Array): string | { readonly problem: string } {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return { problem: 'is not UTF-8: save it as UTF-8' }
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'does not exist: a part of its path is a file',
  EACCES: 'cannot be read: permission denied',
  EPERM: 'cannot be read: permission denied',
  ELOOP: 'cannot be read: its links go round in a circle',
  ENAMETOOLONG: 'cannot be read: the name is too long',
}

function explain(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : ''
  return REASONS[code] ?? `cannot be read${code === '' ? '' : ` (${code})`}`
}
