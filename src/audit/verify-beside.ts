// What an evidence pack holds beside its records: sums of all files, certificates of locks, what time servers have said.
import { createHash } from 'node:crypto'
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { openByteLines } from './byte-lines.ts'
import type { Checkpoint } from './checkpoint.ts'
import { createInclusionRun } from './inclusion-run.ts'
import { leafHash } from './merkle.ts'
import { verifyCertificate } from './verify-certificate.ts'

export interface Beside {
  readonly problems: readonly string[]
  readonly statements: readonly string[]
}

export interface BesideOptions {
  readonly dir: string
  readonly checkpoint: Checkpoint
  /** Of the gateway whose trail it is. */
  readonly gatewayKey: Uint8Array
  /** Ids of the orders among the proven records. */
  readonly orders: ReadonlySet<string>
}

const SUMS = 'SHA256SUMS'
const CLOCK = 'clock.ndjson'
const CERTIFICATE = /^certificate-\d+\.json$/

export function verifyBeside(options: BesideOptions): Beside {
  const has = (file: string): boolean => existsSync(join(options.dir, file))
  const certificates = readdirSync(options.dir).filter((file) => CERTIFICATE.test(file))
  const found = [
    ...(has(SUMS) ? [verifySums(options.dir)] : has('report.json') ? [UNSUMMED] : []),
    ...certificates.map((file) => verifyOne(file, options)),
    ...(has(CLOCK) ? [verifyClock(options)] : []),
  ]
  return {
    problems: found.flatMap(({ problems }) => problems),
    statements: found.flatMap(({ statements }) => statements),
  }
}

const UNSUMMED: Beside = { problems: [`${SUMS} is missing: an evidence pack has one`], statements: [] }

/** As `sha256sum --check` does. The sums are of whoever made the pack; what the log has signed needs none. */
function verifySums(dir: string): Beside {
  const listed = new Map<string, string>()
  for (const line of readFileSync(join(dir, SUMS), 'utf8').split('\n')) {
    const [, sum, file] = /^([0-9a-f]{64}) {2}([\w.-]+)$/.exec(line) ?? []
    if (sum !== undefined && file !== undefined) listed.set(file, sum)
    else if (line !== '') return { problems: [`${SUMS} has a line that is no sum of a file`], statements: [] }
  }
  const problems = [...listed].flatMap(([file, sum]) => {
    if (!existsSync(join(dir, file))) return [`${file} is missing`]
    return sumOf(join(dir, file)) === sum ? [] : [`${file} is not what was packed`]
  })
  const others = readdirSync(dir).filter((file) => file !== SUMS && !listed.has(file))
  const parquet = listed.has('records.parquet')
    ? ['records.parquet is a copy for tools, as it was packed: what the log proves is records.ndjson']
    : []
  return {
    problems,
    statements: [
      `${listed.size} files are as they were packed`,
      ...parquet,
      ...others.map((file) => `${file} was not packed, and nothing is said of it`),
    ],
  }
}

const CHUNK = 1 << 20

function sumOf(path: string): string {
  const hash = createHash('sha256')
  const descriptor = openSync(path, 'r')
  const chunk = Buffer.allocUnsafe(CHUNK)
  for (let length = readSync(descriptor, chunk); length > 0; length = readSync(descriptor, chunk))
    hash.update(chunk.subarray(0, length))
  closeSync(descriptor)
  return hash.digest('hex')
}

/** The trail's own gateway is known by the key of its checkpoint; of any other the certificate says only that one key signed all. */
function verifyOne(file: string, { dir, gatewayKey, orders }: BesideOptions): Beside {
  const verdict = verifyCertificate(readJson(join(dir, file)), [Buffer.from(gatewayKey).toString('base64url')])
  if ('problem' in verdict) return { problems: [`${file}: ${verdict.problem}`], statements: [] }
  const known = verdict.orders.filter((order) => orders.has(order))
  const { gateways, missing } = verdict
  const proven = gateways.filter(({ isProven }) => isProven).length
  return {
    problems: [
      ...verdict.problems.map((problem) => `${file}: ${problem}`),
      ...(known.length === 0 ? [`${file}: it is about no order among the records`] : []),
    ],
    statements: [
      `${file}: ${proven} of ${gateways.length} gateways have shown that they refuse, for order ${known.join(', ')}, epoch ${verdict.epoch}`,
      ...missing.map((gateway) => `${file}: ${gateway} had not shown it`),
    ],
  }
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return undefined
  }
}

/** Each reading is a record of the log with a proof of its own: those before and after the time of the report stand here too. */
function verifyClock({ dir, checkpoint }: BesideOptions): Beside {
  const lines = openByteLines(join(dir, CLOCK))
  const isProven = createInclusionRun(checkpoint.size, checkpoint.root)
  const problems: string[] = []
  let count = 0
  for (let line = lines.next(); line !== undefined; line = lines.next()) {
    count += 1
    const reading = parseReading(line)
    if (reading === undefined || !isProven(reading.index, leafHash(Buffer.from(reading.record)), reading.proof))
      problems.push(`${CLOCK}, line ${count}: the log does not have this reading`)
  }
  lines.close()
  return { problems, statements: [`${CLOCK}: ${count} readings of time servers, each in the log`] }
}

interface Reading {
  readonly index: number
  readonly proof: readonly string[]
  readonly record: string
}

function parseReading(line: Buffer): Reading | undefined {
  try {
    const { index, proof, record } = JSON.parse(line.toString()) as Readonly<Record<keyof Reading, unknown>>
    const isProof = Array.isArray(proof) && proof.every((each) => typeof each === 'string')
    if (typeof index !== 'number' || !isProof || typeof record !== 'string') return undefined
    return isClock(record) ? { index, proof, record } : undefined
  } catch {
    return undefined
  }
}

function isClock(record: string): boolean {
  const { kind } = JSON.parse(record) as { readonly kind?: unknown }
  return kind === 'clock'
}
