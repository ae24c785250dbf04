// The few file operations under the trail, as a value, so that tests can fail, delay and record each of them.
import fs from 'node:fs'
import { dirname } from 'node:path'

export interface Files {
  /**
   * A file descriptor. `wx` creates and fails where the file exists, `w` creates or empties, `r` reads, `r+` writes to one that exists,
   * `through` is for `writeThrough` to such a one.
   */
  open(path: string, flags: 'wx' | 'w' | 'r' | 'r+' | 'through'): Promise<number>
  /** May write less than asked, as pwrite(2) may. Returns the bytes written. */
  write(fd: number, bytes: Uint8Array, position: number): Promise<number>
  /** The same, and over once what was written is on the disk (O_DSYNC, open(2)): one step of a file thread in place of two. */
  writeThrough(fd: number, bytes: Uint8Array, position: number): Promise<number>
  /** fdatasync(2). */
  datasync(fd: number): Promise<void>
  /** fsync(2). */
  sync(fd: number): Promise<void>
  close(fd: number): Promise<void>
  /** The whole file; undefined where there is none. */
  read(path: string): Promise<Buffer | undefined>
  /** Names in the directory; none where it does not exist. */
  list(path: string): Promise<string[]>
  /** With its parents; mode 0700. */
  makeDir(path: string): Promise<void>
  rename(from: string, to: string): Promise<void>
  /** Nothing happens where the file does not exist. */
  remove(path: string): Promise<void>
  /** Removes a directory if it is empty; nothing happens where it is not, or does not exist. */
  removeDir(path: string): Promise<void>
  /** A file's identity (device and inode); undefined where there is none. */
  identity(path: string): Promise<string | undefined>
  /** When a file's or directory's content, and when anything of it, was changed last; undefined where there is none. */
  changes(path: string): Promise<Changes | undefined>
  /**
   * Writes a file and its bytes to the disk, and returns what the disk gives back. Absent: by the operations above, one after the
   * other.
   */
  readonly writeBack?: (path: string, bytes: Uint8Array) => Promise<Buffer>
  /** Bytes that the file system of this path still gives. */
  free(path: string): Promise<number>
}

interface Changes {
  readonly identity: string
  readonly contentNs: bigint
  readonly anythingNs: bigint
}

// node:fs with callbacks, since a FileHandle costs more and its close on collection hides faults.
function run<T>(start: (done: (error: NodeJS.ErrnoException | null, value?: T) => void) => void): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    start((error, value) => {
      if (error === null) resolve(value as T)
      else reject(error)
    })
  })
}

/** The error's code where it is one of a system call (`ENOSPC`), else an empty string. */
export function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : ''
}

/** What an operator should read of it. */
export function messageOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : String(error)
}

async function unless<T>(codes: readonly string[], operation: Promise<T>): Promise<T | undefined> {
  try {
    return await operation
  } catch (error) {
    if (codes.includes(codeOf(error))) return undefined
    throw error
  }
}

/** Absent where the system has none, whatever the types say: then a write is followed by a sync of its own. */
const { O_RDWR, O_DSYNC } = fs.constants as { O_RDWR: number; O_DSYNC?: number }

const write: Files['write'] = (fd, bytes, position) =>
  run((done) => {
    fs.write(fd, bytes, 0, bytes.length, position, done)
  })

const datasync: Files['datasync'] = (fd) =>
  run((done) => {
    fs.fdatasync(fd, done)
  })

/** `writeThrough` in its two steps, each by itself. */
export function inTwoSteps(files: Pick<Files, 'write' | 'datasync'>): Files['writeThrough'] {
  return async (fd, bytes, position) => {
    const written = await files.write(fd, bytes, position)
    await files.datasync(fd)
    return written
  }
}

/** Files of the machine. Everything that is created is for its owner alone. */
export const nodeFiles: Files = {
  open: (path, flags) =>
    run((done) => {
      fs.open(path, flags === 'through' ? O_RDWR | (O_DSYNC ?? 0) : flags, 0o600, done)
    }),
  write,
  writeThrough: O_DSYNC === undefined ? inTwoSteps({ write, datasync }) : write,
  datasync,
  sync: (fd) =>
    run((done) => {
      fs.fsync(fd, done)
    }),
  close: (fd) =>
    run((done) => {
      fs.close(fd, done)
    }),
  read: (path) =>
    unless(
      ['ENOENT'],
      run((done) => {
        fs.readFile(path, done)
      }),
    ),
  list: async (path) => (await unless(['ENOENT'], fs.promises.readdir(path))) ?? [],
  makeDir: async (path) => {
    await fs.promises.mkdir(path, { recursive: true, mode: 0o700 })
  },
  rename: (from, to) =>
    run((done) => {
      fs.rename(from, to, done)
    }),
  remove: (path) =>
    unless(
      ['ENOENT'],
      run<undefined>((done) => {
        fs.unlink(path, done)
      }),
    ),
  removeDir: (path) =>
    unless(
      ['ENOENT', 'ENOTEMPTY', 'EEXIST'],
      run<undefined>((done) => {
        fs.rmdir(path, done)
      }),
    ),
  identity: async (path) => {
    const found = await unless(['ENOENT'], fs.promises.stat(path))
    return found === undefined ? undefined : `${found.dev}:${found.ino}`
  },
  changes: async (path) => {
    const found = await unless(['ENOENT', 'ENOTDIR'], fs.promises.stat(path, { bigint: true }))
    if (found === undefined) return undefined
    return { identity: `${found.dev}:${found.ino}`, contentNs: found.mtimeNs, anythingNs: found.ctimeNs }
  },
  free: async (path) => {
    const { bavail, bsize } = await fs.promises.statfs(path)
    return bavail * bsize
  },
}

/** Writes all of the bytes, also where the system writes them in parts. */
export async function writeAll(
  files: Pick<Files, 'write'>,
  fd: number,
  bytes: Uint8Array,
  position: number,
): Promise<void> {
  let done = 0
  while (done < bytes.length) {
    const written = await files.write(fd, done === 0 ? bytes : bytes.subarray(done), position + done)
    if (written <= 0) throw new Error('the system wrote nothing')
    done += written
  }
}

/** A directory's own entries made durable: a new or renamed file survives only with them. */
export async function syncDir(files: Files, path: string): Promise<void> {
  const fd = await files.open(path, 'r')
  try {
    await files.sync(fd)
  } finally {
    await files.close(fd)
  }
}

/** Writes a file and its bytes to the disk. The directory's entry is not synced. */
export async function writeSynced(files: Files, path: string, bytes: Uint8Array): Promise<void> {
  const fd = await files.open(path, 'w')
  try {
    await writeAll(files, fd, bytes, 0)
    await files.sync(fd)
  } finally {
    await files.close(fd)
  }
}

/** Writes a file and its bytes to the disk, and returns what the disk gives back; undefined where there is no file any more. */
export async function writeBack(files: Files, path: string, bytes: Uint8Array): Promise<Buffer | undefined> {
  if (files.writeBack !== undefined) return files.writeBack(path, bytes)
  await writeSynced(files, path, bytes)
  return files.read(path)
}

/** Replaces a file as a whole: after a crash it is the old one or the new one. Uses `path.tmp` beside it. */
export async function replaceFile(files: Files, path: string, bytes: Uint8Array): Promise<void> {
  await writeSynced(files, `${path}.tmp`, bytes)
  await files.rename(`${path}.tmp`, path)
  await syncDir(files, dirname(path))
}
