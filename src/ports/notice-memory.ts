import type { Notice } from '../core/notice.ts'

/** A message that waits for one receiver. */
export interface KeptNotice {
  /** Names the receiver without its URL, whose path may be a secret. */
  readonly to: string
  readonly notice: Notice
  /** Tries that were made. */
  readonly tries: number
}

/** What waits to be told outside, over a restart. */
export interface NoticeMemory {
  /** What was kept last; nothing where that cannot be read. Never throws. */
  read(): readonly KeptNotice[]
  /** Replaces it: a crash at any point leaves what was before or this. Rejects where the disk does not take it. */
  write(kept: readonly KeptNotice[]): Promise<void>
}
