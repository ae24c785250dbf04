// `npm run torture`: what is done to three kinds of audit log, and what each of them can tell. Usage: npm run torture -- [--kills 1000]
// [--step 1] [--write]: with --write the table goes into docs/audit.md. Exits 1 where ours loses or misses anything.
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { removePlaces } from '../audit/trail.ts'
import { ATTACKS, attack, flip } from './attacks.ts'
import { failDisk } from './faults.ts'
import { torture } from './kills.ts'
import { cutPower } from './power.ts'
import { KINDS, TITLES, type Kind } from './logs.ts'

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '1000' },
    step: { type: 'string', default: '1' },
    write: { type: 'boolean', default: false },
  },
})
const DISKS = 20
const kills = Number(values.kills)
const progress = (text: string): void => {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`)
}

const rows: string[][] = []
const failures: string[] = []
try {
  const killed: string[] = []
  for (const kind of KINDS) {
    const { acknowledged, lost, problems } = await torture(kind, kindsKills(kind), (done) => {
      progress(`${TITLES[kind]}: ${done} kills`)
    })
    killed.push(`${lost} of ${acknowledged} lost`)
    if (kind === 'portcullis' && lost + problems.length > 0)
      failures.push(`kill -9: ${lost} lost, ${problems.join('; ')}`)
  }
  const others = kindsKills('ndjson')
  const often = others === kills ? String(kills) : `${kills} (the others: ${others})`
  rows.push([`kill -9 at ${often} random points: acknowledged records`, ...killed])
  const flipped: string[] = []
  for (const kind of KINDS) {
    const { found, located, tried } = await flip(kind, Number(values.step), (done) => {
      progress(`${TITLES[kind]}: ${done} bytes`)
    })
    flipped.push(`${share(found, tried)} of ${tried} found`)
    if (kind === 'portcullis' && located !== tried) failures.push(`flipped bytes: only ${located} of ${tried} located`)
    if (kind === 'portcullis' && found < tried) failures.push(`flipped bytes: ${tried - found} of ${tried} not found`)
  }
  const which = values.step === '1' ? 'each byte' : `one byte in ${values.step}`
  rows.push([`${which} of a small log changed`, ...flipped])
  for (const each of ATTACKS) {
    const told: string[] = []
    for (const kind of KINDS) {
      const { found, tried } = await attack(kind, each)
      told.push(found === tried ? 'found' : found === 0 ? 'not found' : `${found} of ${tried} found`)
      if (kind === 'portcullis' && found < tried) failures.push(`${each.name}: ${tried - found} of ${tried} not found`)
    }
    rows.push([each.name, ...told])
  }
  const cut: string[] = []
  for (const kind of KINDS) {
    const { acknowledged, lost } = await cutPower(kind)
    cut.push(`${lost} of ${acknowledged} lost`)
    if (kind === 'portcullis' && lost > 0) failures.push(`power cut: ${lost} lost`)
  }
  rows.push(['the power cut (what was never synced is gone): acknowledged records', ...cut])
  const survived: string[] = []
  for (const kind of KINDS) {
    let [acknowledged, lost] = [0, 0]
    for (let seed = 1; seed <= DISKS; seed += 1) {
      const run = await failDisk(kind, seed)
      acknowledged += run.acknowledged
      lost += run.lost
      if (kind === 'portcullis' && run.lost + run.problems.length > 0)
        failures.push(`failing disk ${seed}: ${run.lost} lost, ${run.problems.join('; ')}`)
      progress(`${TITLES[kind]}: ${seed} disks`)
    }
    survived.push(`${lost} of ${acknowledged} lost`)
  }
  rows.push([
    'a disk that fails one operation in twelve (EIO, ENOSPC, short writes, a failed fdatasync): acknowledged records',
    ...survived,
  ])
} finally {
  removePlaces()
  progress('')
}

/** The others lose nothing new after a few, and have no seal to open. */
function kindsKills(kind: Kind): number {
  return kind === 'portcullis' ? kills : Math.min(kills, 100)
}

function share(found: number, tried: number): string {
  return `${((100 * found) / tried).toFixed(found === tried ? 0 : 1)} %`
}

const table = [
  `| what is done | ${KINDS.map((kind) => TITLES[kind]).join(' | ')} |`,
  `| --- | ${KINDS.map(() => '---').join(' | ')} |`,
  ...rows.map((row) => `| ${row.join(' | ')} |`),
].join('\n')
console.log(table)
if (values.write) {
  const file = path.resolve(import.meta.dirname, '../../docs/audit.md')
  const [before = '', after = ''] = readFileSync(file, 'utf8').split(/<!-- torture -->[^]*<!-- \/torture -->/)
  writeFileSync(file, `${before}<!-- torture -->\n${table}\n<!-- /torture -->${after}`)
}
for (const failure of failures) console.error(`FAILED ${failure}`)
process.exitCode = failures.length > 0 ? 1 : 0
