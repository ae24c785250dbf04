// Reads a trail's entries in order, for search and export. It checks nothing: that is the verifier's work.
import { join } from 'node:path'
import { parseCheckpoint } from './checkpoint.ts'
import { type Files, nodeFiles } from './files.ts'
import { parseNote } from './note.ts'
import { boundsOf, TILE_WIDTH, tilePath, widthAt } from './tiles.ts'
import { readUnsealed } from './unsealed.ts'

export interface ReadOptions {
  /** First entry, 0 by default. */
  readonly from?: number
  /** Where to stop: the first entry that is not read. Default: the checkpoint's size. */
  readonly to?: number
  /** Also what is durable and under no checkpoint yet, with an undefined index. It reads all hashes of the trail. */
  readonly unsealed?: boolean
  readonly files?: Files
}

/** Entries under the trail's checkpoint; 0 where there is none that can be read. */
async function readSize(dir: string, files: Files = nodeFiles): Promise<number> {
  const note = parseNote((await files.read(join(dir, 'checkpoint')))?.toString() ?? '')
  const checkpoint = 'problem' in note ? note : parseCheckpoint(note.text)
  return 'problem' in checkpoint ? 0 : checkpoint.size
}

/** A bundle of a trail that may be growing: a partial one is replaced by a wider one, or by the full one. */
async function readBundle(files: Files, dir: string, index: number, width: number): Promise<Buffer> {
  const found = await files.read(join(dir, tilePath({ level: 'entries', index, width })))
  if (found !== undefined) return found
  const size = await readSize(dir, files)
  const wider = widthAt(size, 'entries', index)
  const again =
    wider > width ? await files.read(join(dir, tilePath({ level: 'entries', index, width: wider }))) : undefined
  if (again === undefined) throw new Error(`${tilePath({ level: 'entries', index, width })} is missing`)
  return again
}

/** The entries with their index in the log. Rejects with an Error that names a file which is missing or ends too early. */
export async function* readTrail(
  dir: string,
  options: ReadOptions = {},
): AsyncGenerator<[index: number | undefined, entry: Buffer]> {
  const files = options.files ?? nodeFiles
  const size = await readSize(dir, files)
  const to = Math.min(options.to ?? size, size)
  for (let at = Math.max(0, options.from ?? 0); at < to;) {
    const index = Math.floor(at / TILE_WIDTH)
    const bundle = await readBundle(files, dir, index, widthAt(size, 'entries', index))
    const { bounds } = boundsOf(bundle)
    for (const stop = Math.min(to, (index + 1) * TILE_WIDTH); at < stop; at += 1) {
      const i = 2 * (at - index * TILE_WIDTH)
      const start = bounds[i]
      if (start === undefined)
        throw new Error(`${tilePath({ level: 'entries', index, width: TILE_WIDTH })} ends before entry ${at}`)
      yield [at, bundle.subarray(start, bounds[i + 1])]
    }
  }
  if (options.unsealed !== true) return
  for await (const entry of readUnsealed(files, dir, size)) yield [undefined, entry]
}
