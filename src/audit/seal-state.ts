// What the sealer remembers outside the trail: the last checkpoint that it signed, and how far into each write-ahead log it goes.
import { codeOf, type Files, replaceFile } from './files.ts'
import { type Hash, sha256 } from './merkle.ts'

/** Up to where a writer's log is in the trail. */
export interface Position {
  readonly segment: number
  /** End of the last block that is. */
  readonly offset: number
  /** That block's run and checksum, hex: a file of the same name from another life is told apart by them. */
  readonly run: string
  readonly chain: string
}

export type Positions = Readonly<Record<string, Position>>

export interface Generation {
  readonly size: number
  /** Hex. */
  readonly root: string
  readonly positions: Positions
}

/**
 * Two generations, since checkpoint and state cannot be replaced in one step: `next` is written before its checkpoint is signed,
 * and which of the two holds is told by the checkpoint on the disk. Once `next` is written nothing else is ever signed after
 * `signed`, so that no two checkpoints can contradict each other, crash or not.
 */
export interface SealState {
  readonly origin: string
  readonly signed: Generation
  readonly next?: Generation
  /** All segments are sealed and about to be removed: one that is missing is missed by nobody. */
  readonly isClearing?: true
}

export function hexOf(hash: Hash): string {
  return Buffer.from(hash, 'latin1').toString('hex')
}

/** Undefined where there is none, `damaged` where the file is not one that was written whole. */
export async function readState(files: Files, path: string): Promise<SealState | 'damaged' | undefined> {
  let bytes: Buffer | undefined
  try {
    bytes = await files.read(path)
  } catch (error) {
    throw new Error(`${path} cannot be read: ${codeOf(error)}`, { cause: error })
  }
  if (bytes === undefined) return undefined
  const [json = '', sum] = bytes.toString().split('\n')
  // The checksum vouches for the shape: nobody else writes this file.
  return sum === hexOf(sha256(Buffer.from(json))) ? (JSON.parse(json) as SealState) : 'damaged'
}

export async function writeState(files: Files, path: string, state: SealState): Promise<void> {
  const json = JSON.stringify(state)
  await replaceFile(files, path, Buffer.from(`${json}\n${hexOf(sha256(Buffer.from(json)))}\n`))
}
