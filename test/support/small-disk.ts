// A file system of a few megabytes that can be filled. Linux and root alone; elsewhere tests skip, saying so.
import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

export interface SmallDisk {
  readonly dir: string
  /** Takes every byte that is left, but so many. */
  fill(leave?: number): void
  /** Gives them back. */
  empty(): void
  remove(): void
}

/** Undefined, with a loud line, where none can be mounted. */
export function mountSmallDisk(mebibytes: number): SmallDisk | undefined {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'portcullis-disk-'))
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', dir], { encoding: 'utf8' })
  if (mounted.status !== 0) {
    rmSync(dir, { recursive: true })
    console.warn(`SKIPPED: no tmpfs could be mounted: ${mounted.stderr || String(mounted.error)}`)
    return undefined
  }
  const filler = path.join(dir, 'filler')
  return {
    dir,
    fill(leave = 0) {
      const fd = openSync(filler, 'w')
      try {
        for (const size of [1 << 20, 4096]) {
          const block = Buffer.alloc(size)
          try {
            for (;;) writeSync(fd, block)
          } catch (error) {
            if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
          }
        }
      } finally {
        closeSync(fd)
      }
      if (leave > 0) spawnSync('truncate', ['-s', `-${leave}`, filler])
    },
    empty() {
      rmSync(filler, { force: true })
    },
    remove() {
      spawnSync('umount', ['-l', dir])
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
