// npm run eval:throttle: what the detectors and what others do against the attacks of issue 7, on real logs, over five seeds. Exits 1
// where a target is missed. Defaults were tuned on the first log alone; the others show that they hold.
// --log FILE --format FORMAT [--columns MAP]: on a log of yours instead. --seeds N, --json.
import { parseArgs } from 'node:util'
import { openLog } from '../../src/cli/replay/open-log.ts'
import type { LogEvent } from '../../src/throttle/replay/event.ts'
import { createGuard, type Arm } from '../../src/throttle/replay/guard.ts'
import { BASELINES } from './baselines.ts'
import { edgar, edgarMorning, hasTraffic, nasa } from './logs.ts'
import { measure, type Measures } from './measure.ts'
import { poison } from './poisoning.ts'
import { ROWS, type Row } from './rows.ts'

const SIZE = { sessions: 20_000, addresses: 10_000 }
const ours = (): Arm => createGuard({ size: SIZE })

export interface Line {
  readonly log: string
  readonly row: string
  readonly target: string
  readonly found: string
  readonly reached: boolean
  readonly others: Readonly<Record<string, string>>
}

export function evaluate(
  name: string,
  log: readonly LogEvent[],
  seeds: readonly number[],
  rows: readonly Row[] = ROWS,
): readonly Line[] {
  return rows.map((row) => {
    const runs = seeds.map((seed) => row.play(log, seed, ours))
    const reached = runs.every((run) => row.reached(run))
    const others = Object.fromEntries(
      BASELINES.map((make) => [make().name, row.tell(row.play(log, seeds[0] ?? 1, make))]),
    )
    return { log: name, row: row.name, target: row.target, found: spread(row, runs), reached, others }
  })
}

/** The least, the middle and the greatest of the seeds, in as few words as they differ in. */
function spread(row: Row, runs: readonly Measures[]): string {
  const sorted = runs.toSorted(
    (one, two) => one.leaked - two.leaked || one.triesPassed - two.triesPassed || one.peopleRefused - two.peopleRefused,
  )
  const told = [sorted[0], sorted[Math.floor(sorted.length / 2)], sorted.at(-1)].map((run) =>
    run === undefined ? '' : row.tell(run),
  )
  return [...new Set(told)].join(' | ')
}

export function evaluateAll(seeds: readonly number[]): readonly Line[] {
  const lines = [
    ...evaluate('NASA July (tuned)', nasa('nasa-http-19950701.tsv.gz'), seeds),
    ...evaluate('NASA August', nasa('nasa-http-19950801.tsv.gz'), seeds),
    ...evaluate('EDGAR 2017, people', edgarMorning(), seeds),
  ]
  return [...lines, wholeEdgar(), poisonLine(seeds)]
}

/** All of its 71 seconds, tools included, cold: whoever is refused read more companies than a person could. */
function wholeEdgar(): Line {
  const log = edgar()
  const people = Map.groupBy(log, ({ address }) => address)
  const isTool = (address: string): boolean =>
    new Set(people.get(address)?.flatMap(({ subjects }) => subjects)).size > 12
  const found = measure(
    createGuard({ size: SIZE }),
    log.map((event) => ({ ...event, label: isTool(event.address) ? 'tool' : 'benign' })),
  )
  const tools = [...people.keys()].filter(isTool).length
  return {
    log: 'EDGAR 2017, cold',
    row: `${String(tools)} tools among ${String(people.size)} clients`,
    target: 'no other refused',
    found: `${String(found.peopleRefused)} others refused; tools got ${String(found.leaked)} of ${String(found.asked)} companies`,
    reached: found.peopleRefused === 0,
    others: Object.fromEntries(
      BASELINES.map((make) => {
        const theirs = measure(
          make(),
          log.map((event) => ({ ...event, label: isTool(event.address) ? 'tool' : 'benign' })),
        )
        return [make().name, `${String(theirs.peopleRefused)} others; ${String(theirs.leaked)}`]
      }),
    ),
  }
}

function poisonLine(seeds: readonly number[]): Line {
  const runs = seeds.map(poison)
  const growth = Math.max(...runs.map((run) => run.growth))
  const leaked = Math.max(...runs.map(({ leakedAfter }) => leakedAfter))
  return {
    log: 'made',
    row: 'poisoning, 14 days of 60 accounts at the limit, then a burst',
    target: 'limit at most doubles, burst 25',
    found: `limit x ${growth.toFixed(2)}, burst ${String(leaked)}`,
    reached: growth <= 2 && leaked <= 25,
    others: {},
  }
}

function print(lines: readonly Line[]): void {
  let log = ''
  for (const line of lines) {
    if (line.log !== log) console.log(`\n${(log = line.log)}`)
    console.log(`  ${line.reached ? 'ok  ' : 'MISS'} ${line.row.padEnd(30)} ${line.found}`)
    console.log(`       ${''.padEnd(30)} target: ${line.target}`)
    for (const [name, told] of Object.entries(line.others)) console.log(`       ${''.padEnd(30)} ${name}: ${told}`)
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      log: { type: 'string' },
      format: { type: 'string' },
      columns: { type: 'string' },
      seeds: { type: 'string', default: '5' },
      json: { type: 'boolean', default: false },
    },
  })
  const seeds = Array.from({ length: Number(values.seeds) }, (_none, index) => index + 1)
  if (values.log === undefined && !hasTraffic) {
    console.error('eval:throttle: ../shared/traffic is not here, and no --log was given: nothing was evaluated')
    return 1
  }
  const lines =
    values.log === undefined
      ? evaluateAll(seeds)
      : evaluate(values.log, await readLog(values.log, values.format, values.columns), seeds)
  if (values.json) console.log(JSON.stringify(lines, undefined, 2))
  else print(lines)
  const missed = lines.filter(({ reached }) => !reached)
  console.log(missed.length === 0 ? '\nevery target is reached' : `\n${String(missed.length)} targets are missed`)
  return missed.length === 0 ? 0 : 1
}

async function readLog(
  file: string,
  format: string | undefined,
  columns: string | undefined,
): Promise<readonly LogEvent[]> {
  const events: LogEvent[] = []
  const log = openLog(file, { format: format ?? 'auto', ...(columns === undefined ? {} : { columns }) })
  for await (const event of log.events()) events.push(event.label === undefined ? { ...event, label: 'benign' } : event)
  if (log.broken.count > 0)
    console.error(`${String(log.broken.count)} lines are broken; the first is line ${String(log.broken.lines[0])}`)
  return events.sort((one, two) => one.time - two.time)
}

if (import.meta.main) process.exitCode = await main()
