// `npm run fuzz`: what the upstream saw was authorised as exactly that, and what the caller got was its own; many times over.
// Usage: npm run fuzz -- [--runs 100000] [--seed S] [--only structured|bytes|answers] [--jobs 2]
import { fork } from 'node:child_process'
import os from 'node:os'
import { parseArgs } from 'node:util'
import { KINDS, type Kind } from './case.ts'
import { escaped } from './dice.ts'
import { fuzz, type FuzzResult } from './fuzz-run.ts'
import { startRequestRun, type Failure } from './request-run.ts'
import { shorten } from './shorten.ts'

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '100000' },
    seed: { type: 'string' },
    only: { type: 'string' },
    jobs: { type: 'string', default: String(Math.min(2, os.availableParallelism())) },
  },
})
const runs = whole('--runs', values.runs, 1, 0x1_0000_0000)
const seed = whole('--seed', values.seed ?? String(Date.now() % 1_000_000_000), 0, 0xffff_ffff)
const only = values.only === undefined ? undefined : kind(values.only)
const jobs = Math.min(whole('--jobs', values.jobs, 1, 64), runs)
/** More failures than these tell nothing new. */
const SHOWN_MAX = 20
let shown = 0

function whole(name: string, text: string, min: number, max: number): number {
  const number = Number(text)
  if (Number.isInteger(number) && number >= min && number <= max) return number
  console.error(`${name} is ${JSON.stringify(text)}; it must be a whole number from ${min} to ${max}`)
  process.exit(2)
}

function kind(text: string): Kind {
  const found = KINDS.find((each) => each === text)
  if (found !== undefined) return found
  console.error(`--only is ${JSON.stringify(text)}; it must be one of ${KINDS.join(', ')}`)
  process.exit(2)
}

interface Told {
  readonly done?: number
  readonly failure?: string
  readonly result?: FuzzResult
}

if (process.send === undefined) await lead()
else await work()

/** Deals the seeds out to processes of one thread each and adds up what they tell. */
async function lead(): Promise<void> {
  const started = performance.now()
  console.log(`${runs} cases from seed ${seed}, in ${jobs} ${jobs === 1 ? 'process' : 'processes'}`)
  const share = Math.ceil(runs / jobs)
  const progress = Array.from({ length: jobs }, () => 0)
  const results = await Promise.all(
    progress.map(async (_done, job) => {
      const args = [
        '--runs',
        String(Math.min(share, runs - job * share)),
        '--seed',
        String((seed + job * share) % 0x1_0000_0000),
      ]
      if (only !== undefined) args.push('--only', only)
      const child = fork(import.meta.filename, args, { execArgv: process.execArgv })
      let result: FuzzResult | undefined
      child.on('message', (told: Told) => {
        if (told.failure !== undefined) console.log(told.failure)
        result = told.result ?? result
        progress[job] = told.done ?? progress[job] ?? 0
        showProgress(progress, started)
      })
      const code = await new Promise<number | null>((resolve) => child.once('exit', resolve))
      if (result === undefined) throw new Error(`a process of the fuzzer ended with ${String(code)} and no result`)
      return result
    }),
  )
  if (process.stderr.isTTY) process.stderr.write('\n')
  const add = (what: (result: FuzzResult) => number): number => results.reduce((sum, each) => sum + what(each), 0)
  const seconds = (performance.now() - started) / 1000
  const failures = add((each) => each.failures)
  const parts = KINDS.map((each) => `${add(({ cases }) => cases[each])} ${each}`).join(', ')
  console.log(
    `${add(({ cases }) => cases.structured + cases.bytes + cases.answers)} cases (${parts}) in ${seconds.toFixed(0)} s, ` +
      `${(runs / seconds).toFixed(0)} a second: ${add(({ tally }) => tally.exchanges)} exchanges recorded, ${add(({ tally }) => tally.seen)} seen by the upstream`,
  )
  console.log(failures === 0 ? 'clean' : `${failures} FAILED`)
  process.exitCode = failures === 0 ? 0 : 1
}

function showProgress(progress: readonly number[], started: number): void {
  if (!process.stderr.isTTY) return
  const done = progress.reduce((sum, each) => sum + each, 0)
  process.stderr.write(`\r${done} of ${runs} (${((done * 1000) / (performance.now() - started)).toFixed(0)} a second) `)
}

async function work(): Promise<void> {
  const tell = (told: Told): Promise<void> => new Promise((resolve) => process.send?.(told, () => resolve()))
  const failures: Failure[] = []
  const result = await fuzz({
    first: seed,
    runs,
    only,
    onProgress: (done) => {
      if (done % 1_000 === 0) void tell({ done })
    },
    onFailure: (failure) => {
      shown += 1
      if (shown > SHOWN_MAX) return
      failures.push(failure)
      void tell({ failure: describe(failure) })
    },
  })
  for (const failure of failures.slice(0, 5)) {
    const shortest = failure.kind === 'answers' || failure.bytes.length === 0 ? undefined : await shortestOf(failure)
    if (shortest !== undefined) await tell({ failure: `seed ${failure.seed}, in short: ${escaped(shortest)}` })
  }
  await tell({ done: runs, result })
  process.disconnect?.()
}

function describe({ seed: of, kind: what, bytes, findings }: Failure): string {
  const found = findings
    .slice(0, 4)
    .map(({ rule, detail }) => `  ${rule}\n    ${escaped(Buffer.from(detail, 'latin1'), 1_500)}`)
  return `FAILED: seed ${of} (${what}); again: npm run fuzz -- --runs 1 --seed ${of} --only ${what}\n  bytes: ${escaped(bytes)}\n${found.join('\n')}`
}

async function shortestOf({ bytes, findings }: Failure): Promise<Buffer | undefined> {
  const run = await startRequestRun()
  try {
    return await shorten(bytes, async (tried) => {
      const again = await run.playBytes([tried])
      return again?.findings.some(({ rule }) => rule === findings[0]?.rule) ?? false
    })
  } finally {
    await run.close()
  }
}
