// The journal file under the thread that writes it: append, withdraw, grow. Synchronous; the disk is a value, so that tests can fail it.
import fs from 'node:fs'
import { dirname } from 'node:path'
import {
  encodeFrame,
  encodeHeader,
  encodeMark,
  FRAME,
  FRAME_HEAD_BYTES,
  GENESIS_MARK,
  markPosition,
  PAYLOAD_BYTES_MAX,
  scanJournal,
} from './journal-frames.ts'
import type { FoundEntry, FrameKind } from './journal-frames.ts'

export interface Disk {
  /** pwrite(2): may write less than asked. */
  write(fd: number, bytes: Uint8Array, position: number): number
  /** fdatasync(2) */
  datasync(fd: number): void
}

export const nodeDisk: Disk = {
  write: (fd, bytes, position) => fs.writeSync(fd, bytes, 0, bytes.length, position),
  datasync: (fd) => {
    fs.fdatasyncSync(fd)
  },
}

/** A cell that both sides change by compare-and-exchange: whoever is first decides whether a limited entry counts. */
export const FENCE = { open: 0, kept: 1, withdrawn: 2 } as const

export interface JournalFile {
  readonly entries: readonly FoundEntry[]
  /** Whether the rest of a torn write was dropped. */
  readonly torn: boolean
  /** Durable when it returns; throws where it is not, and the entry is then not there. */
  append(payload: string): void
  /** The same, unless the fence has been set to `withdrawn` before the last byte was durable: then it throws and never counts. */
  appendFenced(payload: string, fence: Int32Array): void
  /** Voids that the disk has refused so far are tried again; true where none is left. */
  settle(): boolean
  close(): void
}

/** Space is filled with zeros ahead of use, so that an append changes no metadata and finds no full disk. */
const CHUNK_BYTES = 1024 * 1024
const ROOM_BYTES = 256 * 1024

/** Opens or makes the journal. Throws an Error that names file and offset where it is damaged. */
export function openJournalFile(file: string, disk: Disk = nodeDisk): JournalFile {
  if (!fs.existsSync(file)) createFile(file)
  const fd = fs.openSync(file, fs.constants.O_RDWR | fs.constants.O_NOFOLLOW)
  try {
    const scan = scanJournal(fs.readFileSync(fd))
    if ('damaged' in scan) throw new Error(`${file}: damaged at offset ${scan.offset}: ${scan.damaged}`)
    if (scan.torn) {
      fs.ftruncateSync(fd, scan.end)
      fs.fsyncSync(fd)
    }
    const state = {
      fd,
      disk,
      end: scan.end,
      chain: scan.chain,
      size: fs.fstatSync(fd).size,
      owed: [] as readonly Buffer[],
    }
    makeRoom(state, ROOM_BYTES)
    return journalOver(state, scan)
  } catch (error) {
    fs.closeSync(fd)
    throw error
  }
}

/**
 * Puts a journal of these entries alone in the place of what there is: all of them counted, in this order. Whenever the process or
 * the machine stops, the file is the one before or the one after. Throws where it cannot be written; the one before then stays.
 */
export function rewriteJournalFile(file: string, payloads: readonly string[], disk: Disk = nodeDisk): void {
  createFile(file, payloads, disk)
}

/** Under another name first: a file that bears the journal's name is whole. */
function createFile(file: string, payloads: readonly string[] = [], disk: Disk = nodeDisk): void {
  const fd = fs.openSync(`${file}.new`, 'w', 0o600)
  try {
    let { end, chain } = GENESIS_MARK
    for (const payload of payloads) {
      const frame = encodeFrame(FRAME.plain, Buffer.from(payload, 'utf8'), chain)
      writeAll(disk, fd, frame.bytes, end)
      end += frame.bytes.length
      chain = frame.chain
    }
    writeAll(disk, fd, encodeHeader({ end, chain }), 0)
    writeAll(disk, fd, Buffer.alloc(CHUNK_BYTES), end)
    fs.fsyncSync(fd)
  } finally {
    fs.closeSync(fd)
  }
  fs.renameSync(`${file}.new`, file)
  const directory = fs.openSync(dirname(file), 'r')
  try {
    fs.fsyncSync(directory)
  } finally {
    fs.closeSync(directory)
  }
}

interface State {
  readonly fd: number
  readonly disk: Disk
  end: number
  chain: Buffer
  size: number
  /** Prepared frames whose commit may be on the disk although they were withdrawn. */
  owed: readonly Buffer[]
}

function journalOver(
  state: State,
  found: { readonly entries: readonly FoundEntry[]; readonly torn: boolean },
): JournalFile {
  return {
    entries: found.entries,
    torn: found.torn,
    append(payload) {
      settleOwed(state)
      writeFrame(state, FRAME.plain, Buffer.from(payload, 'utf8'))
      makeRoomQuietly(state)
    },
    appendFenced(payload, fence) {
      settleOwed(state)
      refuseWithdrawn(fence)
      writeFrame(state, FRAME.prepared, Buffer.from(payload, 'utf8'))
      // A slow disk shows itself here, where the frame counts for nothing yet.
      refuseWithdrawn(fence)
      const prepared = state.chain
      try {
        writeFrame(state, FRAME.commit, prepared)
        if (Atomics.compareExchange(fence, 0, FENCE.open, FENCE.kept) !== FENCE.open) throw new Error(WITHDRAWN)
      } catch (error) {
        state.owed = [...state.owed, prepared]
        settleQuietly(state)
        throw error
      }
      makeRoomQuietly(state)
    },
    settle: () => settleQuietly(state),
    close: () => {
      fs.closeSync(state.fd)
    },
  }
}

const WITHDRAWN = 'withdrawn: it was not durable in time'

function refuseWithdrawn(fence: Int32Array): void {
  if (Atomics.load(fence, 0) === FENCE.withdrawn) throw new Error(WITHDRAWN)
}

/** Nothing is written behind a commit that may count although it must not. */
function settleOwed(state: State): void {
  while (state.owed.length > 0) {
    const [prepared, ...rest] = state.owed
    if (prepared !== undefined) writeFrame(state, FRAME.void, prepared)
    state.owed = rest
  }
}

function settleQuietly(state: State): boolean {
  try {
    settleOwed(state)
    return true
  } catch {
    return false
  }
}

function writeFrame(state: State, kind: FrameKind, payload: Buffer): void {
  if (payload.length === 0 || payload.length > PAYLOAD_BYTES_MAX)
    throw new Error(`an entry of ${payload.length} bytes does not fit the journal`)
  const frame = encodeFrame(kind, payload, state.chain)
  makeRoom(state, frame.bytes.length)
  try {
    writeAll(state.disk, state.fd, frame.bytes, state.end)
    state.disk.datasync(state.fd)
  } catch (error) {
    // After a failed sync the kernel may hold the page for clean (fsyncgate): the frame's place is written anew by the next.
    eraseQuietly(state)
    throw error
  }
  state.end += frame.bytes.length
  state.chain = frame.chain
  // Not synced by itself: it rides with the next frame, and survives kill -9 from here on.
  writeQuietly(state, encodeMark({ end: state.end, chain: state.chain }), markPosition)
}

function eraseQuietly(state: State): void {
  writeQuietly(state, Buffer.alloc(FRAME_HEAD_BYTES), state.end)
}

function writeQuietly(state: State, bytes: Buffer, position: number): void {
  try {
    writeAll(state.disk, state.fd, bytes, position)
  } catch {
    // The frame itself decides; a mark that lags or a head that stays is judged at the next open.
  }
}

function makeRoomQuietly(state: State): void {
  try {
    makeRoom(state, ROOM_BYTES)
  } catch {
    // A full disk shows at the append that needs the room.
  }
}

function makeRoom(state: State, bytes: number): void {
  while (state.size - state.end < bytes) {
    writeAll(state.disk, state.fd, Buffer.alloc(CHUNK_BYTES), state.size)
    fs.fsyncSync(state.fd)
    state.size += CHUNK_BYTES
  }
}

function writeAll(disk: Disk, fd: number, bytes: Uint8Array, position: number): void {
  let done = 0
  while (done < bytes.length) {
    const written = disk.write(fd, bytes.subarray(done), position + done)
    if (written <= 0) throw new Error('the system wrote nothing')
    done += written
  }
}
