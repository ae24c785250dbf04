// What stands in an evidence pack beside the records: a copy as Parquet, certificates of the locks, readings of time servers, sums of all files.
import { createHash } from 'node:crypto'
import { createReadStream, readdirSync } from 'node:fs'
import { chmod, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readEntry } from '../../audit/locate.ts'
import { createInclusionProof } from '../../audit/merkle.ts'
import { encodeHash, readCheckpoint } from '../../audit/proof.ts'
import { createTileReader } from '../../audit/tile-reader.ts'
import type { RecordShape } from '../../core/record-shape.ts'
import type { TrailIndex } from '../../ports/trail-index.ts'
import type { ClockEntry } from './facts.ts'

/** Rejects where the engine is not installed or the disk is full. */
export async function writeParquet(
  out: string,
  of: { readonly first: number; readonly shape: RecordShape },
  openIndex: (dir: string) => Promise<TrailIndex>,
): Promise<void> {
  const scratch = join(out, 'tmp')
  const index = await openIndex(scratch)
  try {
    await index.convertShaped(join(out, 'records.ndjson'), join(out, 'records.parquet'), of)
    await chmod(join(out, 'records.parquet'), 0o600)
  } finally {
    index.close()
    await rm(scratch, { recursive: true, force: true })
  }
}

/** Each with a proof of its own, since the nearest before and after the time of the report are not among its records. */
export async function writeClock(dir: string, out: string, clocks: readonly ClockEntry[]): Promise<void> {
  const { size } = await readCheckpoint(out)
  const readNode = createTileReader(dir, size)
  const lines: string[] = []
  for (const { index } of clocks) {
    if (index >= size) continue
    const record = (await readEntry(dir, index)).toString()
    const proof = createInclusionProof(readNode, index, size).map(encodeHash)
    lines.push(`${JSON.stringify({ index, proof, record })}\n`)
  }
  await writeFile(join(out, 'clock.ndjson'), lines.join(''), { mode: 0o600, flag: 'wx' })
}

export interface KeptCertificate {
  readonly epoch: number
  /** As a gateway gave it. */
  readonly value: object
}

export async function writeCertificates(out: string, certificates: readonly KeptCertificate[]): Promise<void> {
  for (const { epoch, value } of certificates)
    await writeFile(join(out, `certificate-${epoch}.json`), `${JSON.stringify(value, null, 2)}\n`, {
      mode: 0o600,
      flag: 'wx',
    })
}

/** SHA-256 in hex of every file; `known`: of those that were hashed as they were written. */
export async function sumsOf(
  out: string,
  known: Readonly<Record<string, string>>,
): Promise<Readonly<Record<string, string>>> {
  const sums: Record<string, string> = {}
  for (const file of readdirSync(out).sort()) sums[file] = known[file] ?? (await sumOf(join(out, file)))
  return sums
}

async function sumOf(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

/** For `sha256sum --check`, and for verify.mjs. */
export async function writeSums(out: string, sums: Readonly<Record<string, string>>): Promise<void> {
  const lines = Object.entries(sums).map(([file, sum]) => `${sum}  ${file}\n`)
  await writeFile(join(out, 'SHA256SUMS'), lines.join(''), { mode: 0o600, flag: 'wx' })
}
