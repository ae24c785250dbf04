// Records appended to a file, for a shipper that follows it. Who rotates it moves it away: the next batch begins a new one.
import { open, type FileHandle } from 'node:fs/promises'
import type { ExportSink } from '../../ports/export-sink.ts'

/** `path` is made with mode 0600 where it is missing. A batch is on the disk when `send` resolves. */
export function createFileSink(path: string): ExportSink {
  return {
    async send({ records }) {
      const handle = await open(path, 'a+', 0o600)
      try {
        // What a full disk or a kill has left of a line stands alone, and spoils none that follows.
        if (!(await endsWithLine(handle))) await handle.appendFile('\n')
        await handle.appendFile(`${records.map(({ text }) => text).join('\n')}\n`)
        await handle.datasync()
      } finally {
        await handle.close()
      }
    },
    close: async () => undefined,
  }
}

async function endsWithLine(handle: FileHandle): Promise<boolean> {
  const { size } = await handle.stat()
  if (size === 0) return true
  const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, size - 1)
  return buffer.toString() === '\n'
}
