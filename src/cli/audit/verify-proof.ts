// portcullis audit verify-proof: checks a proof with nothing but the proof, the record and the key.
import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { examples, type Context, type Define } from '../command.ts'
import { EXIT, usageFailure, type ExitCode } from '../failure.ts'
import { reasonOf } from '../signing-key.ts'

interface Flags {
  readonly record?: string
  readonly receipt?: string
  readonly vkey?: string
  readonly json?: boolean
}

export const define: Define = (command, context) => {
  const verify: Command = command.command('verify-proof').description('check the proof of a record, offline')
  verify
    .argument('<file>', 'the proof (.tlog-proof)')
    .option('--record <file>', 'the record, byte for byte as the trail has it')
    .option('--receipt <text>', 'or the Audit-Receipt that came with an answer')
    .option('--vkey <vkey>', "the log's verification key, kept elsewhere: NAME+ID+BASE64")
    .option('--json', 'print JSON')
  examples(verify, 'portcullis audit verify-proof entry-812.tlog-proof --record entry-812.json --vkey VKEY')
  verify.action(async (file: string, flags: Flags) => {
    context.finish(await verifyProof(file, flags, context))
  })
}

async function verifyProof(file: string, flags: Flags, { printer }: Context): Promise<ExitCode> {
  const { checkProofFile } = await import('../../audit/check-proof-file.ts')
  if (flags.vkey === undefined) throw usageFailure('--vkey VKEY: a proof holds against a key that was kept elsewhere')
  if ((flags.record === undefined) === (flags.receipt === undefined))
    throw usageFailure('what is proven: give --record FILE or --receipt TEXT')
  const verdict = checkProofFile({
    proof: read(file).toString(),
    vkey: flags.vkey,
    ...(flags.record === undefined ? {} : { record: read(flags.record) }),
    ...(flags.receipt === undefined ? {} : { receipt: flags.receipt }),
  })
  if (flags.json === true) printer.json({ file, ok: !('problem' in verdict), ...verdict })
  else if ('problem' in verdict) printer.out({ style: 'red', text: 'NOT PROVEN' }, `  ${file}: ${verdict.problem}`)
  else
    printer.out(
      { style: 'green', text: 'PROVEN' },
      `  entry ${verdict.index} of ${verdict.origin}, under its checkpoint of ${verdict.size} entries`,
    )
  return 'problem' in verdict ? EXIT.failed : EXIT.done
}

function read(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    throw usageFailure(`${file}: ${reasonOf(error)}`)
  }
}
