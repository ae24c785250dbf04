// Everything that must hold before this gateway may go on with a trail that lies on the disk.
import { join } from 'node:path'
import type { Signer } from '../ports/signer.ts'
import { openCheckpoint, signCheckpoint } from './checkpoint.ts'
import { type Files, messageOf, replaceFile } from './files.ts'
import { emptyRoot } from './merkle.ts'
import { createVkey, formatVkey, type Vkey } from './note.ts'
import { type Generation, hexOf, readState, type SealState } from './seal-state.ts'
import { TileStore } from './tile-store.ts'

type RefusalCode = 'other_key' | 'no_checkpoint' | 'rolled_back' | 'forked' | 'damaged'

/** This trail must not be gone on with; the message says why, and what an operator can do. */
class TrailRefused extends Error {
  readonly code: RefusalCode

  constructor(code: RefusalCode, message: string) {
    super(message)
    this.code = code
  }
}

export interface OpenedTrail {
  readonly store: TileStore
  /** The checkpoint on the disk, byte for byte. */
  readonly note: string
  readonly signed: Generation
  /** Written completely, but its checkpoint is not yet: sign it first. */
  readonly next?: Generation
  /** Positions are unknown: which entries of the write-ahead logs are sealed must be found by their hashes. */
  readonly isStateLost: boolean
  /** The last run had sealed everything, and was about to remove its write-ahead logs. */
  readonly isClearing: boolean
  readonly warnings: readonly string[]
}

export interface TrailPlace {
  readonly files: Files
  readonly dir: string
  readonly stateFile: string
  readonly signer: Signer
}

const EMPTY: Generation = { size: 0, root: hexOf(emptyRoot), positions: {} }

/** Opens a trail, or begins one where there is none. Rejects with a TrailRefused. */
export async function openTrail(place: TrailPlace): Promise<OpenedTrail> {
  const { files, dir, stateFile, signer } = place
  const vkey = createVkey(signer.name, signer.publicKeyRaw)
  const state = await readState(files, stateFile)
  await files.makeDir(dir)
  await checkVkey(place, vkey)
  const bytes = await files.read(join(dir, 'checkpoint'))
  if (bytes === undefined) return begin(place, vkey, state)
  const note = bytes.toString()
  const checkpoint = openCheckpoint(note, vkey)
  if ('problem' in checkpoint) {
    throw new TrailRefused(
      'other_key',
      `the checkpoint in ${dir} is not this gateway's: ${checkpoint.problem}. ${MEND}`,
    )
  }
  await writeVkey(place, vkey)
  const disk: Generation = { size: checkpoint.size, root: hexOf(checkpoint.root), positions: {} }
  const { signed, next, warnings } = matchState(place, disk, state)
  const store = await loadStore(place, next ?? disk)
  const isStateLost = signed === undefined
  const isClearing = typeof state === 'object' && state.isClearing === true
  return {
    ...{ store, note, signed: signed ?? disk, isStateLost, isClearing, warnings },
    ...(next === undefined ? {} : { next }),
  }
}

const MEND =
  'If the trail was moved here, give this gateway the key that it was signed with; if a new trail shall begin, move the old one away'

async function checkVkey({ files, dir }: TrailPlace, vkey: Vkey): Promise<void> {
  const found = (await files.read(join(dir, 'vkey')))?.toString()
  if (found === undefined || found === `${formatVkey(vkey)}\n`) return
  const other = found.trim().slice(0, 200)
  throw new TrailRefused(
    'other_key',
    `the trail in ${dir} is signed by ${JSON.stringify(other)}, this gateway's key is ${formatVkey(vkey)}. ${MEND}`,
  )
}

async function writeVkey({ files, dir }: TrailPlace, vkey: Vkey): Promise<void> {
  if ((await files.read(join(dir, 'vkey'))) === undefined)
    await replaceFile(files, join(dir, 'vkey'), Buffer.from(`${formatVkey(vkey)}\n`))
}

async function begin(place: TrailPlace, vkey: Vkey, state: SealState | 'damaged' | undefined): Promise<OpenedTrail> {
  const { files, dir, stateFile, signer } = place
  const known = typeof state === 'object' ? (state.next?.size ?? state.signed.size) : 0
  if (known > 0) {
    throw new TrailRefused(
      'rolled_back',
      `this gateway has signed a trail of ${known} entries, and ${dir} has no checkpoint. Put the trail back; if a new one shall begin, move ${stateFile} away`,
    )
  }
  if ((await files.list(join(dir, 'tile'))).length > 0) {
    throw new TrailRefused(
      'no_checkpoint',
      `${dir} has tiles and no checkpoint: it was removed. Put it back, or move the trail away`,
    )
  }
  await writeVkey(place, vkey)
  const note = signCheckpoint({ size: 0, root: emptyRoot }, signer)
  await replaceFile(files, join(dir, 'checkpoint'), Buffer.from(note))
  const store = await TileStore.load(files, dir, 0)
  return { store, note, signed: EMPTY, isStateLost: false, isClearing: false, warnings: [] }
}

/** Which generation of the state the disk shows. No `signed` where the state does not know this checkpoint. */
function matchState(
  { dir, stateFile }: TrailPlace,
  disk: Generation,
  state: SealState | 'damaged' | undefined,
): { signed?: Generation; next?: Generation; warnings: string[] } {
  if (typeof state !== 'object') {
    // A trail that was begun and never sealed has no state yet.
    if (disk.size === 0) return { signed: disk, warnings: [] }
    const what = state === undefined ? 'is missing' : 'is damaged'
    return { warnings: [`${stateFile} ${what}: a rollback of the trail could not have been noticed`] }
  }
  for (const { size, root } of [state.signed, ...(state.next === undefined ? [] : [state.next])]) {
    if (size === disk.size && root !== disk.root) {
      throw new TrailRefused(
        'forked',
        `this gateway has signed another trail of ${size} entries than the one in ${dir}. Put that one back`,
      )
    }
  }
  if (disk.size === state.next?.size) return { signed: state.next, warnings: [] }
  if (disk.size === state.signed.size) {
    return { signed: state.signed, ...(state.next === undefined ? {} : { next: state.next }), warnings: [] }
  }
  if (disk.size < state.signed.size) {
    throw new TrailRefused(
      'rolled_back',
      `the trail in ${dir} has ${disk.size} entries, and this gateway has signed ${state.signed.size}: it was rolled back. Put the newer one back; to go on with this one all the same, move ${stateFile} away`,
    )
  }
  return { warnings: [`${stateFile} is older than the trail: a rollback of the trail could not have been noticed`] }
}

async function loadStore({ files, dir }: TrailPlace, { size, root }: Generation): Promise<TileStore> {
  let problem = 'its tiles do not give the signed root'
  try {
    const store = await TileStore.load(files, dir, size)
    if (hexOf(store.root()) === root) return store
  } catch (error) {
    problem = messageOf(error)
  }
  throw new TrailRefused(
    'damaged',
    `the trail in ${dir} is damaged: ${problem}. \`audit verify\` tells more; put an intact copy back`,
  )
}
