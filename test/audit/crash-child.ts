// A small gateway's trail, to be killed: two writers, a seal now and then, and each acknowledged entry on stdout.
import { writeSync } from 'node:fs'
import { appendAll, createSigner, record } from './trail.ts'
import { openSealer } from '../../src/audit/sealer.ts'
import { openWriteAheadLog } from '../../src/audit/write-ahead.ts'

const [dir = '', stateFile = '', run = ''] = process.argv.slice(2)
const now = (): number => performance.now()
const sealer = await openSealer({ dir, stateFile, signer: createSigner(), now })
writeSync(1, `opened ${sealer.recovered.entries} ${sealer.recovered.problems.length}\n`)

async function write(writer: string): Promise<never> {
  const log = await openWriteAheadLog({
    dir,
    writer,
    now,
    preallocateBytes: 1 << 17,
    lingerMs: 0,
    onDurable: (batch) => {
      sealer.add(batch)
    },
  })
  for (let seq = 0; ;) {
    const entries = Array.from({ length: 1 + (seq % 13) }, () =>
      record(writer, seq++, `,"run":${run},"pad":"${'x'.repeat(seq % 600)}"`),
    )
    await appendAll(log, entries)
    writeSync(1, `${entries.join('\n')}\n`)
  }
}

async function seal(): Promise<never> {
  for (;;) {
    const { problem } = await sealer.seal()
    if (problem !== undefined) writeSync(1, `problem ${problem}\n`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

await Promise.all([write('w1'), write('w2'), seal()])
