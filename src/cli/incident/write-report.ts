// The report and, with it, the evidence: every record of its time with a proof, the checkpoint, the key and the verifier, in one archive.
import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writePack, type PackedRecord } from '../../audit/export/pack.ts'
import { readTrail } from '../../audit/reader.ts'
import { CommandFailure, EXIT } from '../failure.ts'
import { plain } from '../print.ts'
import { readFacts, type Facts, type Span } from './facts.ts'
import { formsOf, type Details } from './report.ts'
import { toHtml, toMarkdown } from './report-text.ts'
import { writeTar } from './tar.ts'
import { istText, utcAndIst } from './times.ts'

export interface ReportOptions {
  /** The trail, or a copy of it. */
  readonly dir: string
  /** Must not exist. */
  readonly out: string
  readonly incident: string
  readonly span: Span
  readonly details: Details
  readonly now: number
  readonly progress: (text: string) => void
}

export interface Written {
  readonly facts: Facts
  readonly records: number
  readonly gaps: number
  readonly archive: string
  readonly archiveBytes: number
}

/** Rejects with CommandFailure where nothing is known of the incident, and with an Error where a file cannot be read or written. */
export async function writeReport(options: ReportOptions): Promise<Written> {
  const { dir, out, incident, progress } = options
  const archive = `${out}.tar`
  for (const path of [out, archive])
    if (existsSync(path)) throw new CommandFailure(EXIT.failed, `${path} exists, and is not overwritten: name another`)
  const facts = await readFacts(dir, incident, options.span, (count) => {
    progress(`read ${count} records`)
  })
  if (facts.timeline.length === 0)
    throw new CommandFailure(EXIT.failed, `no order in ${dir} names the incident ${incident}: is this its trail?`)
  const { first, last } = facts.range
  const records = await writePack(
    { dir, out, format: 'ndjson', withProofs: true },
    first === undefined || last === undefined ? none() : recordsOf(dir, first, last, progress),
  )
  const checkpoint = await readFile(join(out, 'checkpoint'), 'utf8')
  await write(out, 'timeline.csv', timelineCsv(facts))
  const files = ['records.ndjson', 'proofs.ndjson', 'checkpoint', 'vkey', 'timeline.csv', 'verify.mjs']
  const hashes = await Promise.all(
    files
      .filter((file) => existsSync(join(out, file)))
      .map(async (file) => ({ file, sha256: await hashOf(join(out, file)) })),
  )
  const forms = formsOf(facts, options.details, { hashes, checkpoint })
  await write(
    out,
    'report.json',
    `${JSON.stringify({ drafted: utcAndIst(options.now), facts, forms, hashes }, null, 2)}\n`,
  )
  await write(out, 'report.md', toMarkdown(facts, forms))
  await write(out, 'report.html', toHtml(facts, forms))
  progress('writing the archive')
  const archiveBytes = await writeTar(
    out,
    archive,
    incident.replaceAll(/[^A-Za-z0-9._-]/g, '_'),
    Math.floor(options.now / 1000),
  )
  const gaps = forms.reduce((sum, { fields }) => sum + fields.filter(({ from }) => from === 'gap').length, 0)
  return { facts, records, gaps, archive, archiveBytes }
}

async function write(out: string, file: string, text: string): Promise<void> {
  await writeFile(join(out, file), text, { mode: 0o600, flag: 'wx' })
}

async function* none(): AsyncGenerator<PackedRecord> {
  // Nothing went through in that time.
}

async function* recordsOf(
  dir: string,
  first: number,
  last: number,
  progress: (text: string) => void,
): AsyncGenerator<PackedRecord> {
  for await (const [index, entry] of readTrail(dir, { from: first, to: last + 1 })) {
    if (index === undefined) continue
    if ((index - first) % 10_000 === 0) progress(`packed ${index - first} of ${last - first + 1} records`)
    yield { index, entry }
  }
}

async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

/** RFC 4180. A cell that a spreadsheet would run as a formula is made a text. */
function timelineCsv({ timeline }: Facts): string {
  const cell = (text: string): string => `"${(/^[=+\-@\t\r]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`
  const rows = timeline.map(({ time, index, what }) =>
    [new Date(time).toISOString(), istText(time), String(index), cell(plain(what))].join(','),
  )
  return ['utc,ist,record,what', ...rows].join('\r\n') + '\r\n'
}
