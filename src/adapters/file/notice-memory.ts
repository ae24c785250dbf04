// Messages that wait for their receivers: one small file in the store directory, replaced as a whole. Off the main thread, which a
// slow disk must never hold.
import { readFileSync, statSync } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { isFields, isNumber, isText } from '../../core/message-shapes.ts'
import { NOTICE_TYPES, type Notice } from '../../core/notice.ts'
import type { KeptNotice, NoticeMemory } from '../../ports/notice-memory.ts'

/** More than all queues can hold: a file that is larger was not written here. */
const BYTES_MAX = 64 * 1024 * 1024

/** Written beside, synced, renamed, and the directory synced. The file is its owner's alone: messages name incidents. */
export function createNoticeMemory(file: string): NoticeMemory {
  return {
    read: () => parse(textOf(file)),
    async write(kept) {
      const draft = `${file}.new`
      const handle = await open(draft, 'w', 0o600)
      try {
        await handle.writeFile(`${JSON.stringify({ v: 1, messages: kept })}\n`)
        await handle.sync()
      } finally {
        await handle.close()
      }
      await rename(draft, file)
      const folder = await open(dirname(file), 'r')
      try {
        await folder.sync()
      } finally {
        await folder.close()
      }
    },
  }
}

function textOf(file: string): string {
  try {
    return statSync(file).size > BYTES_MAX ? '' : readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

function parse(text: string): readonly KeptNotice[] {
  try {
    const value: unknown = JSON.parse(text)
    if (!isFields(value) || value.v !== 1 || !Array.isArray(value.messages)) return []
    return value.messages.flatMap((each: unknown) => parseKept(each) ?? [])
  } catch {
    return []
  }
}

function parseKept(value: unknown): KeptNotice | undefined {
  if (!isFields(value) || !isText(value.to) || !isNumber(value.tries) || !isFields(value.notice)) return undefined
  const { type, about, at, data } = value.notice
  const known = NOTICE_TYPES.find((each) => each === type)
  if (known === undefined || !isText(about) || !isNumber(at) || !isFields(data)) return undefined
  return { to: value.to, tries: value.tries, notice: { type: known, about, at, data } satisfies Notice }
}
