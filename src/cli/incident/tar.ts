// One archive of a directory's files (POSIX.1-2001 ustar), so that an evidence pack travels as one thing. Readable by any tar.
import { createReadStream, createWriteStream, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

const SECTOR = 512

/** Of plain files right below `dir`, under `name/`. `mtime` in seconds, the same for all. Resolves with the archive's size in bytes. */
export async function writeTar(dir: string, file: string, name: string, mtime: number): Promise<number> {
  await pipeline(Readable.from(parts(dir, name, mtime)), createWriteStream(file, { mode: 0o600, flags: 'wx' }))
  return statSync(file).size
}

async function* parts(dir: string, name: string, mtime: number): AsyncGenerator<Buffer> {
  for (const each of readdirSync(dir).sort()) {
    const { size } = statSync(join(dir, each))
    yield header(`${name}/${each}`, size, mtime)
    for await (const chunk of createReadStream(join(dir, each))) yield chunk as Buffer
    if (size % SECTOR > 0) yield Buffer.alloc(SECTOR - (size % SECTOR))
  }
  yield Buffer.alloc(2 * SECTOR)
}

function header(path: string, size: number, mtime: number): Buffer {
  const block = Buffer.alloc(SECTOR)
  const octal = (value: number, at: number, length: number): void => {
    block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1')
  }
  block.write(path.slice(-100), 0)
  octal(0o600, 100, 8)
  octal(0, 108, 8)
  octal(0, 116, 8)
  // Beyond 8 GiB the size is in base 256 (GNU and POSIX readers both take it).
  if (size < 2 ** 33) octal(size, 124, 12)
  else {
    block[124] = 0x80
    block.writeBigUInt64BE(BigInt(size), 128)
  }
  octal(mtime, 136, 12)
  block.fill(' ', 148, 156)
  block.write('0', 156)
  block.write('ustar\x0000', 257, 'latin1')
  octal(
    block.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  )
  return block
}
