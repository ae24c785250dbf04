// portcullis audit prove: the proof that a record is in the log, as a file that verifies anywhere.
import { existsSync } from 'node:fs'
import { open } from 'node:fs/promises'
import type { Command } from 'commander'
import { addClientOptions, createClient, type ClientFlags } from '../client.ts'
import { examples, type Context, type Define } from '../command.ts'
import { CommandFailure, EXIT, usageFailure, type ExitCode } from '../failure.ts'
import { reasonOf } from '../signing-key.ts'
import { numberField, textField } from '../views.ts'
import { checkDir, DIR_OPTION } from './where.ts'

interface ProveFlags extends ClientFlags {
  readonly dir?: string
  readonly out?: string
  readonly record?: string
}

/** An id is looked for in all that the trail has. */
const LOOK_TIMEOUT_MS = 120_000

interface Proven {
  readonly index: number
  readonly proof: string
  readonly record: string
}

export const define: Define = (command, context) => {
  const prove: Command = command.command('prove').description('write the proof that a record is in the log')
  prove
    .argument('<id>', 'the id of a request or an order, an Audit-Receipt, or the number of an entry')
    .option(...DIR_OPTION)
    .option('--out <file>', 'where the proof goes; - is stdout (default: entry-NUMBER.tlog-proof)')
    .option(
      '--record <file>',
      'where the record goes, without which the proof says nothing (default: beside the proof, .json)',
    )
  addClientOptions(prove)
  examples(
    prove,
    'portcullis audit prove 9pZ0oO1cQxWm0H3o1Q2b3A --dir ./data/audit',
    'portcullis audit verify-proof entry-812.tlog-proof --record entry-812.json --vkey VKEY',
  )
  prove.action(async (id: string, flags: ProveFlags) => {
    context.finish(await proveRecord(id, flags, context))
  })
}

async function proveRecord(id: string, flags: ProveFlags, context: Context): Promise<ExitCode> {
  const { printer } = context
  const found = flags.dir === undefined ? await askFor(id, flags, context) : await findOffline(id, flags.dir, context)
  const proofFile = flags.out ?? `entry-${found.index}.tlog-proof`
  if (proofFile === '-') {
    printer.document(found.proof)
    return EXIT.done
  }
  const recordFile = flags.record ?? `${proofFile.replace(/\.tlog-proof$/, '')}.json`
  for (const file of [proofFile, recordFile])
    if (existsSync(file))
      throw new CommandFailure(
        EXIT.failed,
        `${file} exists, and is not overwritten: move it away, or name another with --out`,
      )
  await write(proofFile, found.proof)
  await write(recordFile, found.record)
  if (flags.json === true) printer.json({ index: found.index, proof: proofFile, record: recordFile })
  else {
    printer.out({ style: 'green', text: 'PROVEN' }, `  entry ${found.index}`)
    printer.out(`  proof       ${proofFile}`)
    printer.out(`  record      ${recordFile}`)
    printer.out(`  check it    portcullis audit verify-proof ${proofFile} --record ${recordFile} --vkey VKEY`)
  }
  return EXIT.done
}

async function write(file: string, text: string): Promise<void> {
  try {
    const handle = await open(file, 'wx', 0o600)
    await handle.writeFile(text)
    await handle.close()
  } catch (error) {
    throw new CommandFailure(EXIT.failed, `${file}: ${reasonOf(error)}`)
  }
}

async function findOffline(id: string, dir: string, { printer }: Context): Promise<Proven> {
  checkDir(dir)
  const { findById, findLeaf, readEntry } = await import('../../audit/locate.ts')
  const { createProof, formatProof } = await import('../../audit/proof.ts')
  const { parseReceipt } = await import('../../audit/receipt.ts')
  const receipt = parseReceipt(id)
  let index: number | undefined
  if (receipt !== undefined) index = await findLeaf(dir, receipt.leaf, receipt.time)
  else if (/^\d{1,16}$/.test(id)) index = Number(id)
  else {
    const onProgress = (done: number, total: number): void => {
      printer.progress(`looked through ${done} of ${total} entries`)
    }
    index = (await findById(dir, id, { onProgress }))[0]?.index
    printer.progress('')
  }
  if (index === undefined) throw await notFound(id, dir, receipt?.time)
  try {
    const record = (await readEntry(dir, index)).toString()
    return { index, proof: formatProof(await createProof(dir, index)), record }
  } catch (error) {
    throw new CommandFailure(EXIT.failed, error instanceof Error ? error.message : String(error))
  }
}

/** Records are nearly in the order of their time, and are under a checkpoint a second or two later. */
const SEALING_MS = 5_000

async function notFound(id: string, dir: string, receiptTime: number | undefined): Promise<CommandFailure> {
  if (receiptTime === undefined)
    return new CommandFailure(EXIT.failed, `no record under the checkpoint in ${dir} has the id ${id}`)
  const { readEntry, timeOf } = await import('../../audit/locate.ts')
  const { readExtent } = await import('../../audit/reader.ts')
  const { size } = await readExtent(dir)
  const newest = size === 0 ? 0 : (timeOf(await readEntry(dir, size - 1)) ?? 0)
  return new CommandFailure(
    EXIT.failed,
    receiptTime > newest - SEALING_MS
      ? `${dir} ends before the record of this receipt can be in it, at ${new Date(newest).toISOString()}: ask again, or a later copy`
      : `THE LOG in ${dir} DOES NOT HAVE the record of this receipt: it was changed, or it is of another gateway or time`,
  )
}

async function askFor(id: string, flags: ProveFlags, { machine, printer }: Context): Promise<Proven> {
  const client = createClient(flags, machine, printer)
  const name = id.includes(';h=') || id.includes('; h=') ? 'receipt' : /^\d{1,16}$/.test(id) ? 'index' : 'id'
  const answer = await client.read(`/api/v1/audit/proof?${name}=${encodeURIComponent(id)}`, {
    headers: { accept: 'application/json' },
    timeoutMs: LOOK_TIMEOUT_MS,
  })
  const index = numberField(answer.body, 'index')
  const proof = textField(answer.body, 'proof')
  const record = textField(answer.body, 'record')
  if (index === undefined || proof === undefined || record === undefined)
    throw usageFailure(`${answer.control} answered with something else than a proof`)
  return { index, proof, record }
}
