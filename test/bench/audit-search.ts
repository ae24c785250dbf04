// `npm run bench:search`: how long `whose`, a search and a verification take over a generated trail, on this machine. Exits 1 where a
// figure misses its target. Usage: npm run bench:search -- [--records 10000000] [--dir DIR, which is kept]
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { signCheckpoint } from '../../src/audit/checkpoint.ts'
import { nodeFiles } from '../../src/audit/files.ts'
import { createVkey, formatVkey } from '../../src/audit/note.ts'
import { TileStore } from '../../src/audit/tile-store.ts'
import { createSigner } from '../audit/trail.ts'

const { values } = parseArgs({ options: { records: { type: 'string', default: '10000000' }, dir: { type: 'string' } } })
const records = Number(values.records)
const root = values.dir ?? mkdtempSync(path.join(tmpdir(), 'portcullis-bench-search-'))
const dir = path.join(root, 'audit')
const START = 1_790_000_000_000
const PEOPLE = 200_000
const CALLERS = 50_000
const APPLICATIONS = 40
const ROUTES = 12

/** A linear congruence: the same trail each time. */
let state = 12_345
function random(below: number): number {
  state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
  return (state >>> 8) % below
}

function pseudonyms(kind: string, count: number): readonly string[] {
  return Array.from(
    { length: count },
    (_, i) => `abcdef.${createHash('sha256').update(`${kind}${i}`).digest('base64url').slice(0, 22)}`,
  )
}

/** Writes a trail of requests as a gateway would have left it, without waiting for the disk. */
async function generate(): Promise<void> {
  const people = pseudonyms('person', PEOPLE)
  const callers = pseudonyms('caller', CALLERS)
  const signer = createSigner()
  const idle = async (): Promise<void> => undefined
  const files = { ...nodeFiles, sync: idle, datasync: idle }
  mkdirSync(dir, { recursive: true })
  const store = await TileStore.load(files, dir, 0)
  let entries: Buffer[] = []
  for (let i = 0; i < records; i += 1) {
    const application = random(APPLICATIONS)
    const isRefused = random(20) === 0
    const caller = random(CALLERS)
    const answer = isRefused
      ? '"decision":"forbidden","epoch":4,"status":403'
      : '"decision":"allow","epoch":4,"status":200'
    const person = people[random(PEOPLE)] ?? ''
    entries.push(
      Buffer.from(
        `{"time":${START + Math.floor(i * 1.5)},"seq":${i},"kind":"request","gateway":"${signer.name}","worker":"w1","phase":"outcome","id":"${i.toString(36).padStart(22, 'x')}","client":"10.0.${application}.7","method":"GET","route":"route.${random(ROUTES)}","path":"/api/v2/records/${person}","principal":"${callers[caller] ?? ''}","subjects":["${person}"],"session":"${callers[(caller + 7) % CALLERS] ?? ''}","issuer":"abcdef.AAAAAAAAAAAAAAAAAAAAAA","application":"partner-${application}","otp":${application % 5 !== 0},${answer},"bytes":${random(4000)},"durationMs":12.345,"upstreamMs":11.111}`,
      ),
    )
    if (entries.length < 65_536 && i < records - 1) continue
    await store.adopt(await store.extend(entries))
    entries = []
  }
  writeFileSync(path.join(dir, 'checkpoint'), signCheckpoint({ size: store.size, root: store.root() }, signer))
  writeFileSync(path.join(dir, 'vkey'), `${formatVkey(createVkey(signer.name, signer.publicKeyRaw))}\n`)
}

const main = path.resolve(import.meta.dirname, '../../src/main.ts')

/** The command as its user types it, with the start of the process and all. */
function time(what: string, ...args: readonly string[]): number {
  const started = performance.now()
  const { status, stderr } = spawnSync(process.execPath, [main, 'audit', ...args], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
  const ms = Math.round(performance.now() - started)
  if (status !== 0) throw new Error(`${what}: ${stderr}`)
  console.log(`${what.padEnd(46)} ${String(ms).padStart(8)} ms`)
  return ms
}

if (!existsSync(path.join(dir, 'checkpoint'))) await generate()
console.log(`${records} records in ${dir}`)
const built = time('audit index (beforehand, in the background)', 'index', dir)
console.log(`${''.padEnd(46)} ${String(Math.round(records / built)).padStart(8)} records a millisecond`)
const whose = ['whose', '--dir', dir, '--route', 'route.3', '--client', 'partner-5', '--since', '2026-01-01T00:00:00Z']
const rounds = Array.from({ length: 3 }, () => time('audit whose --route --client --since', ...whose)).sort(
  (a, b) => a - b,
)
time(
  'audit search --client --decision (100)',
  'search',
  '--dir',
  dir,
  '--client',
  'partner-7',
  '--decision',
  'forbidden',
  '--limit',
  '100',
)
const verified = time('audit verify', 'verify', dir)
console.log(`${''.padEnd(46)} ${String(Math.round((records / verified) * 1000)).padStart(8)} records a second`)

/** Whose over ten million records in 3 s, and 200,000 records verified a second. */
const targets = [
  { what: 'audit whose, the middle of three', value: rounds[1] ?? Infinity, most: 3_000, unit: 'ms' },
  { what: 'verification of a million records', value: (verified / records) * 1_000_000, most: 5_000, unit: 'ms' },
] as const
for (const { what, value, most, unit } of targets) {
  const isReached = value <= most
  console.log(`${isReached ? 'reached' : 'missed '}  ${what}: ${Math.round(value)} ${unit}, ${most} ${unit} at most`)
  if (!isReached) process.exitCode = 1
}
if (values.dir === undefined) rmSync(root, { recursive: true, force: true })
