// Appends entries without end and prints the number of each once it is acknowledged; killed by kill -9 from outside.
import { openOrderJournal } from '../../src/adapters/file/order-journal.ts'
import { freezeEntry, silentLogger } from './control-ports.ts'

const journal = await openOrderJournal({ dir: process.argv[2] ?? '', logger: silentLogger })
for (let number = journal.entries.length; ; number++) {
  // Every third can be withdrawn, as a release can.
  await journal.append(freezeEntry(number), number % 3 === 0 ? 60_000 : undefined)
  process.stdout.write(`${number}\n`)
}
