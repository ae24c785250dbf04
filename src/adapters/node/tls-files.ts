// Certificates by file: read and judged at start, looked at again and again, and taken anew when they change.
import { readFile, stat } from 'node:fs/promises'
import { isDeepStrictEqual } from 'node:util'
import type { Instant } from '../../core/time.ts'
import type { Logger } from '../../ports/logger.ts'
import { checkTlsTexts, expiryOf, type TlsTexts } from './tls-material.ts'

/** Paths of PEM files, in place of what is in them. */
export type TlsFiles = TlsTexts

/** Fit to be used. Plain data: it crosses threads by structured clone. */
export interface TlsMaterial extends TlsTexts {
  /** When the own certificate ends, in epoch milliseconds. */
  readonly expiresAt?: Instant
}

/** How often the files are to be looked at. */
export const TLS_LOOK_EVERY_MS = 1_000

/** A chain of ten certificates has 20 KiB, the public authorities 250. */
const FILE_BYTES_MAX = 1_048_576

/** What the files hold, or every problem with them, each naming its file. Never rejects. */
export async function readTlsFiles(
  files: TlsFiles,
  now: Instant,
): Promise<TlsMaterial | { readonly problems: readonly string[] }> {
  return judge(await readAll(files), files, now)
}

const PARTS = ['cert', 'key', 'ca'] as const

type Read = Readonly<Partial<Record<keyof TlsTexts, string | { readonly problem: string }>>>

async function readAll(files: TlsFiles): Promise<Read> {
  const read: Partial<Record<keyof TlsTexts, string | { readonly problem: string }>> = {}
  for (const part of PARTS) {
    const file = files[part]
    if (file !== undefined) read[part] = await readText(file)
  }
  return read
}

function judge(read: Read, files: TlsFiles, now: Instant): TlsMaterial | { readonly problems: readonly string[] } {
  const texts: { -readonly [Key in keyof TlsTexts]: TlsTexts[Key] } = {}
  const problems: string[] = []
  for (const part of PARTS) {
    const text = read[part]
    if (typeof text === 'string') texts[part] = text
    else if (text !== undefined) problems.push(`${files[part] ?? part} ${text.problem}`)
  }
  problems.push(...checkTlsTexts(texts, now).map(({ of, message }) => `${files[of] ?? of} ${message}`))
  if (problems.length > 0) return { problems }
  return texts.cert === undefined ? texts : { ...texts, expiresAt: expiryOf(texts.cert) }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'does not exist: a part of its path is a file',
  EACCES: 'cannot be read: permission denied',
  EPERM: 'cannot be read: permission denied',
}

async function readText(file: string): Promise<string | { readonly problem: string }> {
  try {
    const found = await stat(file)
    if (!found.isFile()) return { problem: 'is no regular file' }
    if (found.size > FILE_BYTES_MAX) return { problem: `has ${found.size} bytes: the most is ${FILE_BYTES_MAX}` }
    return await readFile(file, 'latin1')
  } catch (error) {
    const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : ''
    return { problem: REASONS[code] ?? `cannot be read${code === '' ? '' : ` (${code})`}` }
  }
}

export interface TlsWatchOptions {
  /** The key of the config that names the files, for log and status: `gateway.tls`. */
  readonly key: string
  readonly files: TlsFiles
  /** In use from the start. */
  readonly material: TlsMaterial
  readonly now: () => Instant
  readonly logger: Logger
  /** Puts it to use; resolves with why that could not be done. */
  readonly apply: (next: TlsMaterial) => Promise<readonly string[]> | readonly string[]
}

export interface TlsWatch {
  /** One look at the files, for the caller's timer. Never rejects. */
  look(): Promise<void>
  /** Files that are no good, so that what was read before stays in use; and a certificate in use that has expired. */
  readonly problems: readonly string[]
  readonly material: TlsMaterial
}

interface Watched {
  material: TlsMaterial
  before: Read | undefined
  said: string
  problems: readonly string[]
}

/**
 * Polled rather than watched, and by content: ConfigMaps and certbot swap links. What has changed counts once it has stood
 * for two looks: links of certificate and key are swapped one after the other, and a chain may be written in parts.
 */
export function watchTlsFiles(options: TlsWatchOptions): TlsWatch {
  const watched: Watched = { material: options.material, before: undefined, said: '', problems: [] }
  let busy = false
  return {
    async look() {
      if (busy) return
      busy = true
      try {
        await look(options, watched)
      } finally {
        busy = false
      }
    },
    get problems() {
      return watched.problems
    },
    get material() {
      return watched.material
    },
  }
}

async function look(options: TlsWatchOptions, watched: Watched): Promise<void> {
  const { files, now } = options
  const read = await readAll(files)
  const stands = isDeepStrictEqual(read, watched.before)
  watched.before = read
  const { cert, key, ca } = watched.material
  if (read.cert === cert && read.key === key && read.ca === ca) {
    say(options, watched, [])
    return
  }
  if (!stands) return
  const next = judge(read, files, now())
  const problems = 'problems' in next ? next.problems : await apply(options, next)
  if (!('problems' in next) && problems.length === 0) {
    watched.material = next
    options.logger.info('certificates were read anew and are in use', {
      key: options.key,
      ...(next.expiresAt === undefined ? {} : { expires: new Date(next.expiresAt).toISOString() }),
    })
  }
  say(options, watched, problems)
}

async function apply(options: TlsWatchOptions, next: TlsMaterial): Promise<readonly string[]> {
  try {
    return await options.apply(next)
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)]
  }
}

/** Once in the log for each change of what is wrong. */
function say({ key, now, logger }: TlsWatchOptions, watched: Watched, found: readonly string[]): void {
  const { expiresAt } = watched.material
  const expired =
    expiresAt !== undefined && expiresAt <= now()
      ? [`the certificate in use expired on ${new Date(expiresAt).toISOString()}: put a new one in its place`]
      : []
  watched.problems = [...found, ...expired].map((problem) => `${key}: ${problem}`)
  const text = watched.problems.join('\n')
  if (text === watched.said) return
  watched.said = text
  if (watched.problems.length > 0)
    logger.error('certificates are not in order; those in use stay', { problems: watched.problems })
  else logger.info('certificates are in order again', { key })
}
