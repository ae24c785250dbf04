// The responder's page as the build has left it: read once, whole, so that no request ever reaches the disk.
import { readdirSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

export interface ConsoleFile {
  readonly type: string
  readonly plain: Buffer
  readonly br: Buffer
  readonly gzip: Buffer
}

/** By path below the console's own: the page itself is the empty one. */
export type ConsoleFiles = ReadonlyMap<string, ConsoleFile>

/** Undefined where the page has not been built. */
export function readConsole(dir: string): ConsoleFiles | undefined {
  let names: readonly string[]
  try {
    names = readdirSync(dir, { recursive: true, encoding: 'utf8' })
  } catch {
    return undefined
  }
  const files = new Map<string, ConsoleFile>()
  for (const name of names) {
    const type = TYPES[extname(name)]
    if (type === undefined) continue
    const plain = readFileSync(join(dir, name))
    const path = name.replaceAll('\\', '/')
    files.set(path === 'index.html' ? '' : path, { type, plain, ...compressed(plain) })
  }
  return files.has('') ? files : undefined
}

function compressed(plain: Buffer): Pick<ConsoleFile, 'br' | 'gzip'> {
  const params = { [constants.BROTLI_PARAM_QUALITY]: 9, [constants.BROTLI_PARAM_SIZE_HINT]: plain.length }
  return { br: brotliCompressSync(plain, { params }), gzip: gzipSync(plain) }
}
