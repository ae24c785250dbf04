// portcullis audit export: records as they are, as OCSF events, Parquet or CSV, in a directory with all that proves them.
import { existsSync, rmSync } from 'node:fs'
import { chmod, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Option, type Command } from 'commander'
import { examples, type Context, type Define } from '../command.ts'
import { CommandFailure, EXIT, usageFailure, type ExitCode } from '../failure.ts'
import { reasonOf } from '../signing-key.ts'
import { findRecords } from './found-records.ts'
import { addQueryOptions, queryOf, type QueryFlags } from './query-options.ts'
import { limitOf } from './search.ts'
import { addAccessOptions, dirsOf, openTrails } from './trail-access.ts'
import type { AccessFlags } from './trails.ts'

const FORMATS = ['ndjson', 'ocsf', 'csv', 'parquet'] as const

interface ExportFlags extends QueryFlags, AccessFlags {
  readonly format: (typeof FORMATS)[number]
  readonly out?: string
  readonly limit?: string
  readonly proofs?: boolean
}

export const define: Define = (command, context) => {
  const exporting: Command = command
    .command('export')
    .description('write records into a directory with their proofs and the verifier')
  addQueryOptions(exporting)
  addAccessOptions(exporting)
    .addOption(new Option('--format <format>', 'ndjson: as the trail has them').choices(FORMATS).default('ndjson'))
    .option('--out <dir>', 'the directory, which is made; - writes the records alone to stdout')
    .option('--limit <n>', 'as many at most; 0 is all (default: all)')
    .option('--no-proofs', 'with ndjson: leave out the proof of each record, about 1 KB')
    .option('--json', 'print JSON')
  examples(
    exporting,
    'portcullis audit export --dir ./data/audit --incident INC-7 --out ./INC-7',
    'portcullis audit export --dir ./data/audit --since 1d --format ocsf --out -',
  )
  exporting.action(async (flags: ExportFlags) => {
    context.finish(await exportTrail(flags, context))
  })
}

async function exportTrail(flags: ExportFlags, context: Context): Promise<ExitCode> {
  const { dirs, out, format } = checked(flags)
  const query = await queryOf(flags, flags.dir, context)
  const paging = { limit: limitOf(flags.limit, 0), newestFirst: false }
  const opened = await openTrails(flags, 'export', query, context)
  let count = 0
  try {
    if (out === '-' && format !== 'parquet')
      count = await toStdout(findRecords(opened, query, paging).records, format, context)
    else
      for (const { dir, to } of await placesOf(dirs, out)) {
        const trails = opened.trails.filter(({ name }) => name === dir)
        const found = findRecords({ ...opened, trails }, query, paging).records
        count +=
          format === 'parquet'
            ? await toParquet(found, to, dir, context)
            : await toPack(found, { dir, out: to, format, proofs: flags.proofs !== false }, context)
      }
  } catch (error) {
    throw error instanceof CommandFailure ? error : new CommandFailure(EXIT.failed, `${out}: ${reasonOf(error)}`)
  } finally {
    await opened.close(count)
  }
  context.printer.progress('')
  print({ ...flags, out, format }, count, context)
  return EXIT.done
}

/** One trail goes into the directory itself; of several each into one of its own there, named like its gateway, with all that proves it. */
async function placesOf(
  dirs: readonly string[],
  out: string,
): Promise<readonly { readonly dir: string; readonly to: string }[]> {
  if (dirs.length === 1) return dirs.map((dir) => ({ dir, to: out }))
  const { readHead } = await import('../../audit/reader.ts')
  await mkdir(out, { mode: 0o700 })
  return Promise.all(
    dirs.map(async (dir) => {
      const { gateway } = await readHead(dir)
      return { dir, to: join(out, gateway.replace(/^.*\//, '').replaceAll(/[^\w.-]/g, '_')) }
    }),
  )
}

interface Checked {
  readonly dirs: readonly string[]
  readonly out: string
  readonly format: ExportFlags['format']
}

function checked(flags: ExportFlags): Checked {
  const { out, format } = flags
  const dirs = dirsOf(flags)
  if (dirs.length === 0) throw usageFailure('--dir DIR: an export is made from the trail itself, or a copy of it')
  if (out === undefined) throw usageFailure('--out DIR: say where the export goes, or - for stdout')
  if (out !== '-' && existsSync(out))
    throw new CommandFailure(EXIT.failed, `${out} exists, and is not overwritten: name another`)
  if (out === '-' && format === 'parquet') throw usageFailure('--format parquet cannot go to stdout: name a directory')
  return { dirs, out, format }
}

function print(flags: ExportFlags & { readonly out: string }, records: number, { printer }: Context): void {
  const { out, format, json, proofs, alsoDir = [] } = flags
  if (out === '-') printer.note(`${records} records`)
  else if (json === true) printer.json({ out, format, records })
  else {
    printer.out({ style: 'green', text: 'EXPORTED' }, `  ${records} records to ${out}`)
    if (format === 'ndjson' && proofs !== false) {
      const each = alsoDir.length === 0 ? out : join(out, 'GATEWAY')
      printer.out(`  check it    node ${join(each, 'verify.mjs')} ${each} --key VKEY`)
    }
  }
}

type Found = AsyncIterable<{ readonly index: number; readonly entry: string }>

async function* entriesOf(found: Found, { printer }: Context): AsyncGenerator<{ index: number; entry: Buffer }> {
  let count = 0
  for await (const { index, entry } of found) {
    count += 1
    if (count % 1000 === 0) printer.progress(`${count} records`)
    yield { index, entry: Buffer.from(entry) }
  }
}

async function toStdout(found: Found, format: 'ndjson' | 'ocsf' | 'csv', context: Context): Promise<number> {
  const { FORMATS: lines } = await import('../../audit/export/formats.ts')
  const { heading, line } = lines[format]
  const { stdout } = context.machine
  // On a terminal what a stranger wrote must not be obeyed; into a pipe it goes byte for byte, and no faster than it is read.
  const put = (text: string): boolean => {
    if (!stdout.isTTY) return stdout.write(text)
    context.printer.document(text)
    return true
  }
  if (heading !== '') put(heading)
  let count = 0
  for await (const { index, entry } of entriesOf(found, context)) {
    count += 1
    if (!put(line(index, entry))) await new Promise((resolve) => stdout.once('drain', resolve))
  }
  return count
}

async function toPack(
  found: Found,
  { dir, out, format, proofs }: { dir: string; out: string; format: 'ndjson' | 'ocsf' | 'csv'; proofs: boolean },
  context: Context,
): Promise<number> {
  const { writePack } = await import('../../audit/export/pack.ts')
  return (await writePack({ dir, out, format, withProofs: proofs }, entriesOf(found, context))).records
}

/** By way of lines, which are removed again. */
async function toParquet(found: Found, out: string, dir: string, context: Context): Promise<number> {
  const { writeExtras, writeIndexedLines } = await import('../../audit/export/pack.ts')
  await mkdir(out, { mode: 0o700 })
  const lines = join(out, 'records.lines')
  const index = await (await context.machine.forensics()).openIndex(join(out, 'tmp'))
  try {
    const count = await writeIndexedLines(lines, entriesOf(found, context))
    if (count > 0) {
      await index.convert(lines, join(out, 'records.parquet'))
      await chmod(join(out, 'records.parquet'), 0o600)
    }
    await writeExtras(dir, out)
    return count
  } finally {
    index.close()
    rmSync(lines, { force: true })
    rmSync(join(out, 'tmp'), { recursive: true, force: true })
  }
}
