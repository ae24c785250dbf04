// The report and, with it, the evidence: every record of its time with a proof, the checkpoint, the key and the verifier, in one archive.
import { existsSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writePack, type PackedRecord } from '../../audit/export/pack.ts'
import { readTrail } from '../../audit/reader.ts'
import { isFields, isText } from '../../core/message-shapes.ts'
import type { RecordShape } from '../../core/record-shape.ts'
import type { TrailIndex } from '../../ports/trail-index.ts'
import { CommandFailure, EXIT } from '../failure.ts'
import { plain } from '../print.ts'
import { sumsOf, writeCertificates, writeClock, writeParquet, writeSums, type KeptCertificate } from './evidence.ts'
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
  /** Rejects where the engine is not installed: then the pack has no Parquet. */
  readonly openIndex: (dir: string) => Promise<TrailIndex>
  /** Those that can be had, of the epochs of the incident's locks. */
  readonly certificates: (epochs: readonly number[]) => Promise<readonly KeptCertificate[]>
}

export interface Written {
  readonly facts: Facts
  readonly records: number
  readonly gaps: number
  /** What is not in the pack, and why. */
  readonly missing: readonly string[]
  readonly archive: string
  readonly archiveBytes: number
}

/** Rejects with CommandFailure where nothing is known of the incident, and with an Error where a file cannot be read or written. */
export async function writeReport(options: ReportOptions): Promise<Written> {
  const { dir, out, incident, progress } = options
  const archive = archiveOf(out)
  for (const path of [out, archive])
    if (existsSync(path)) throw new CommandFailure(EXIT.failed, `${path} exists, and is not overwritten: name another`)
  const { facts, shape } = await readFacts(dir, incident, options.span, (count) => {
    progress(`read ${count} records`)
  })
  if (facts.timeline.length === 0)
    throw new CommandFailure(EXIT.failed, `no order in ${dir} names the incident ${incident}: is this its trail?`)
  // Asked for before anything is written: whoever may not ask has to say so first.
  const certificates = await options.certificates(facts.lockEpochs)
  try {
    return await writeAll(options, { facts, shape, certificates })
  } catch (error) {
    // Half a pack would verify as whole, and stand in the way of the next try.
    for (const path of [out, archive]) await rm(path, { recursive: true, force: true })
    throw error
  }
}

const archiveOf = (out: string): string => `${out}.tar`

interface Found {
  readonly facts: Facts
  readonly shape: RecordShape
  readonly certificates: readonly KeptCertificate[]
}

async function writeAll(options: ReportOptions, found: Found): Promise<Written> {
  const { dir, out, incident, progress } = options
  const { facts } = found
  const archive = archiveOf(out)
  const { first, last } = facts.range
  const packed = await writePack(
    { dir, out, format: 'ndjson', withProofs: true },
    first === undefined || last === undefined ? none() : recordsOf(dir, first, last, progress),
  )
  const missing = await writeBeside(options, found, packed.records)
  progress('hashing the files')
  const evidence = await sumsOf(out, packed.hashes)
  const checkpoint = await readFile(join(out, 'checkpoint'), 'utf8')
  const hashes = Object.entries(evidence).map(([file, sha256]) => ({ file, sha256 }))
  const forms = formsOf(facts, options.details, { hashes, checkpoint })
  await write(
    out,
    'report.json',
    `${JSON.stringify({ drafted: utcAndIst(options.now), facts, forms, hashes, missing }, null, 2)}\n`,
  )
  await write(out, 'report.md', toMarkdown(facts, forms))
  await write(out, 'report.html', toHtml(facts, forms))
  await writeSums(out, await sumsOf(out, evidence))
  progress('writing the archive')
  const archiveBytes = await writeTar(
    out,
    archive,
    incident.replaceAll(/[^A-Za-z0-9._-]/g, '_'),
    Math.floor(options.now / 1000),
  )
  const gaps = forms.reduce((sum, { fields }) => sum + fields.filter(({ from }) => from === 'gap').length, 0)
  return { facts, records: packed.records, gaps, missing, archive, archiveBytes }
}

/** Resolves with what could not be put in, each with why: a pack without it is still evidence. */
async function writeBeside(
  options: ReportOptions,
  { facts, shape, certificates }: Found,
  records: number,
): Promise<readonly string[]> {
  const { dir, out, progress } = options
  const missing: string[] = []
  await write(out, 'timeline.csv', timelineCsv(facts))
  if (facts.clocks.length > 0) await writeClock(dir, out, facts.clocks)
  else missing.push('clock evidence: no reading of a time server is in the trail (audit.clock.servers)')
  await writeCertificates(out, certificates)
  missing.push(...otherTrails(facts, certificates))
  const without = facts.lockEpochs.filter((epoch) => !certificates.some((each) => each.epoch === epoch))
  if (without.length > 0)
    missing.push(
      `certificates of epoch ${without.join(', ')}: a gateway gives them (--control URL, with --key or a read token), or a file that was kept (--certificate)`,
    )
  if (records === 0) return missing
  progress('writing the Parquet copy')
  try {
    await writeParquet(out, { first: facts.range.first ?? 0, shape }, options.openIndex)
  } catch (error) {
    await rm(join(out, 'records.parquet'), { force: true })
    missing.push(`the Parquet copy: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)}`)
  }
  return missing
}

/** The pack is of one trail. Who else is of the fleet stands in its certificates, where there are some. */
function otherTrails({ fleet, gateways }: Facts, certificates: readonly KeptCertificate[]): readonly string[] {
  if (fleet === undefined) return []
  const others = [...new Set(certificates.flatMap(membersOf))].filter((name) => !gateways.includes(name)).sort()
  const named = others.length === 0 ? '' : ` (${others.join(', ')})`
  return [
    `the trails of the other gateways of ${fleet}${named}: make a report of each, and count the people of all together with audit whose --dir TRAIL --also-dir TRAIL`,
  ]
}

function membersOf({ value }: KeptCertificate): readonly string[] {
  const { fleet } = value as { readonly fleet?: unknown }
  if (!isFields(fleet)) return []
  return [fleet.proven, fleet.missing].flatMap((names) => (Array.isArray(names) ? names.filter(isText) : []))
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

/** RFC 4180. A cell that a spreadsheet would run as a formula is made a text. */
function timelineCsv({ timeline }: Facts): string {
  const cell = (text: string): string => `"${(/^[=+\-@\t\r]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`
  const rows = timeline.map(({ time, index, what }) =>
    [new Date(time).toISOString(), istText(time), String(index), cell(plain(what))].join(','),
  )
  return ['utc,ist,record,what', ...rows].join('\r\n') + '\r\n'
}
