// Trails to test with: keys, directories, records, and the three steps of writing.
import { createPrivateKey, createPublicKey, sign } from 'node:crypto'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type Files, nodeFiles } from '../../src/audit/files.ts'
import { readTrail } from '../../src/audit/reader.ts'
import { openSealer, type Sealer, type SealerOptions } from '../../src/audit/sealer.ts'
import { openWriteAheadLog, type WriteAheadLog, type WriteAheadOptions } from '../../src/audit/write-ahead.ts'
import type { Signer } from '../../src/ports/signer.ts'

const PKCS8_ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex')

/** A signer whose key is made of one repeated byte. */
export function createSigner(name = 'gw.example/audit', seed = 1): Signer {
  const der = Buffer.concat([PKCS8_ED25519, Buffer.alloc(32, seed)])
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  const publicKeyRaw = Buffer.from(createPublicKey(key).export({ format: 'jwk' }).x ?? '', 'base64url')
  return { name, publicKeyRaw, sign: (bytes) => sign(null, bytes, key) }
}

export interface Place {
  readonly root: string
  readonly dir: string
  readonly stateFile: string
}

const made: string[] = []

export function createPlace(): Place {
  const root = mkdtempSync(join(tmpdir(), 'portcullis-audit-'))
  made.push(root)
  return { root, dir: join(root, 'audit'), stateFile: join(root, 'store', 'trail.json') }
}

/** For afterAll. */
export function removePlaces(): void {
  for (const root of made.splice(0)) rmSync(root, { recursive: true, force: true })
}

/** A copy of everything, as a backup or a thief would take it. */
export function copyPlace(place: Place): Place {
  const copy = createPlace()
  cpSync(place.root, copy.root, { recursive: true })
  return copy
}

/** A clock of milliseconds that never repeats itself. */
export function createNow(start = 1_800_000_000_000): () => number {
  let now = start
  return () => (now += 1)
}

export function openTestSealer(place: Place, options: Partial<SealerOptions> = {}): Promise<Sealer> {
  return openSealer({
    dir: place.dir,
    stateFile: place.stateFile,
    signer: createSigner(),
    now: createNow(),
    ...options,
  })
}

/** Without linger: a test never waits for a clock. */
export function openTestLog(
  place: Place,
  writer: string,
  options: Partial<WriteAheadOptions> = {},
): Promise<WriteAheadLog> {
  return openWriteAheadLog({
    dir: place.dir,
    writer,
    now: createNow(),
    preallocateBytes: 1 << 16,
    lingerMs: 0,
    ...options,
  })
}

/** A record as the recorder writes it. */
export function record(worker: string, seq: number, more = ''): string {
  return `{"time":${1_800_000_000_000 + seq},"seq":${seq},"kind":"request","gateway":"gw","worker":"${worker}"${more}}`
}

/** Appends all and waits until they are durable. */
export async function appendAll(log: WriteAheadLog, entries: readonly (string | Uint8Array)[]): Promise<void> {
  const tickets = entries.map((entry) => log.append(entry))
  for (const ticket of tickets) {
    if (ticket === undefined) throw new Error('an entry was not accepted')
    await log.durable(ticket)
  }
}

/** A closed trail of one writer, sealed in the given portions. */
export async function writeTrail(
  place: Place,
  portions: readonly (readonly string[])[],
  signer = createSigner(),
): Promise<Sealer> {
  const sealer = await openTestSealer(place, { signer })
  const log = await openTestLog(place, 'w1', {
    onDurable: (batch) => {
      sealer.add(batch)
    },
  })
  for (const entries of portions) {
    await appendAll(log, entries)
    await sealer.seal()
  }
  await log.close()
  await sealer.close()
  return sealer
}

export function records(worker: string, from: number, count: number, more = ''): string[] {
  return Array.from({ length: count }, (_, i) => record(worker, from + i, more))
}

export async function readEntries(place: Place, unsealed = false): Promise<string[]> {
  const entries: string[] = []
  for await (const [, entry] of readTrail(place.dir, { unsealed })) entries.push(entry.toString())
  return entries
}

/** All files below a directory. */
export function listFiles(dir: string): string[] {
  if (!existsSync(dir)) return []
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((file) => statSync(join(dir, file)).isFile())
    .sort()
}

/** Without the waiting for the disk: a process that dies loses nothing that it has handed to the kernel. */
export const unsyncedFiles: Files = {
  ...nodeFiles,
  open: (path, flags) => nodeFiles.open(path, flags === 'through' ? 'r+' : flags),
  sync: async () => undefined,
  datasync: async () => undefined,
}

/** Whether the operation at which the world stops has happened, or as much as half of a write. */
export type Crash = 'before' | 'half' | 'after'

/** Stops the world at the n-th operation that changes something, as a kill would: all later ones fail too. */
export function createCrashingFiles(files: Files, at: number, how: Crash): { files: Files; operations: () => number } {
  let count = 0
  const step = <A extends unknown[], R>(operation: (...args: A) => Promise<R>, half = operation) => {
    return async (...args: A): Promise<R> => {
      count += 1
      if (count < at) return operation(...args)
      if (count === at && how !== 'before') await (how === 'half' ? half : operation)(...args)
      throw new Error('crashed')
    }
  }
  const crashing: Files = {
    ...files,
    open: (path, flags) => (flags === 'r' ? files.open(path, flags) : step(files.open)(path, flags)),
    write: step(files.write, (fd, bytes, position) => files.write(fd, bytes.subarray(0, bytes.length >> 1), position)),
    writeThrough: step(files.writeThrough, (fd, bytes, position) =>
      files.writeThrough(fd, bytes.subarray(0, bytes.length >> 1), position),
    ),
    makeDir: step(files.makeDir),
    rename: step(files.rename),
    remove: step(files.remove),
    removeDir: step(files.removeDir),
  }
  return { files: crashing, operations: () => count }
}

/** Files shared beside the project; undefined, with a loud line, where they are absent. */
export function readShared(path: string): Buffer | undefined {
  const file = resolve(process.env.PORTCULLIS_SHARED ?? '../shared', path)
  if (existsSync(file)) return readFileSync(file)
  console.warn(`SKIPPED: ${file} is absent`)
  return undefined
}
