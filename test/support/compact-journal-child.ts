// Raises the epoch without end, so that the journal is made smaller again and again, and prints each that was acknowledged; killed from outside.
import { openOrderJournal } from '../../src/adapters/file/order-journal.ts'
import { silentLogger } from './control-ports.ts'

const journal = await openOrderJournal({ dir: process.argv[2] ?? '', logger: silentLogger })
const last = journal.entries.at(-1)
for (let epoch = last?.type === 'epoch' ? last.epoch + 1 : 1; ; epoch++) {
  await journal.append({ type: 'epoch', epoch, at: epoch })
  process.stdout.write(`${epoch}\n`)
}
