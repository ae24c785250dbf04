// portcullis replay: recorded traffic through a config's limits, with the log's time for a clock. Nothing is asked of any gateway.
import type { Config } from '../../config/config.ts'
import { formatProblems } from '../../config/problem.ts'
import { readConfig } from '../../config/read-config.ts'
import { parseDuration } from '../../core/time.ts'
import { didYouMean } from '../../core/did-you-mean.ts'
import { createTally, type ReplayReport } from '../../throttle/replay/report.ts'
import { examples, type Context, type Define } from '../command.ts'
import { EXIT, usageFailure, type ExitCode } from '../failure.ts'
import { formatOption, openLog, type Log } from '../replay/open-log.ts'
import { printReports } from '../replay/print-report.ts'
import { createPolicyArm } from '../replay/route-lines.ts'

interface ReplayFlags {
  readonly config: string
  readonly against?: string
  readonly format: string
  readonly columns?: string
  readonly route?: string
  readonly warmUp: string
  readonly json?: boolean
}

const PROGRESS_EVERY = 20_000

export const define: Define = (command, context) => {
  command
    .argument('<log>', "a log file (.gz too), or a trail's directory")
    .requiredOption('--config <file>', 'the config whose limits are tried')
    .option('--against <file>', 'another config, tried beside it')
    .addOption(formatOption())
    .option('--columns <map>', 'which column is what: time=date+time,address=ip,subject=cik,status=code,label=label')
    .option('--route <id>', 'the route of lines that have no path')
    .option('--warm-up <duration>', 'lines of this time from the first on are judged and not counted', '60m')
    .option('--json', 'print JSON')
  examples(
    command,
    'portcullis replay access.log --config portcullis.yaml',
    'portcullis replay ./data/audit --config portcullis.yaml --against proposed.yaml',
    'portcullis replay log.csv --columns time=date+time,address=ip,subject=cik,status=code --config portcullis.yaml',
  )
  command.action(async (file: string, flags: ReplayFlags) => {
    context.finish(await replay(file, flags, context))
  })
}

async function replay(file: string, flags: ReplayFlags, { machine, printer }: Context): Promise<ExitCode> {
  const warmUpMs = flags.warmUp === '0' ? 0 : parseDuration(flags.warmUp)
  if (warmUpMs === undefined) throw usageFailure(`--warm-up ${flags.warmUp}: must be a duration, as in 60m, or 0`)
  const names = [flags.config, ...(flags.against === undefined ? [] : [flags.against])]
  const arms = []
  for (const name of names) {
    const config = await configAt(name, machine.env)
    arms.push({ name, policy: createPolicyArm(name, config, routeOf(config, flags.route)), tally: createTally() })
  }
  const log = openLog(file, flags)
  let lines = 0
  let unplaced = 0
  let countFrom: number | undefined
  for await (const event of log.events()) {
    lines += 1
    if (lines % PROGRESS_EVERY === 0) printer.progress(progressOf(log, lines))
    countFrom ??= event.time + warmUpMs
    for (const { policy, tally } of arms) {
      const placed = policy.place(event)
      if (placed === undefined) {
        unplaced += 1
        continue
      }
      const verdict = policy.arm.judge(placed)
      if (event.time >= countFrom) tally.take(placed, verdict)
    }
  }
  printer.progress('')
  const reports = arms.map(({ name, tally, policy }) => ({
    config: name,
    ...tally.report(lines),
    limits: policy.arm.limits ?? [],
  }))
  const { broken, format } = log
  if (broken.count > 0) printer.note({ style: 'yellow', text: brokenText(log) })
  if (reports.every(({ judged }) => judged === 0))
    printer.note({
      style: 'yellow',
      text: 'no line was counted: no route of the config takes them, or all of them are within --warm-up',
    })
  if (flags.json === true)
    printer.json({
      log: file,
      format,
      lines,
      unplaced: unplaced / arms.length,
      broken,
      reports: reports satisfies readonly ReplayReport[],
    })
  else printReports(printer, { file, format, lines, unplaced: unplaced / arms.length }, reports)
  return EXIT.done
}

function progressOf({ read }: Log, lines: number): string {
  const share =
    read.total > 0 && read.done > 0 ? `, ${Math.min(100, Math.round((100 * read.done) / read.total))} %` : ''
  return `${lines} lines${share}`
}

function brokenText({ broken }: Log): string {
  const named = broken.lines.map((line, index) => `line ${line} ${broken.why[index] ?? ''}`).join('; ')
  return `${broken.count} broken lines were skipped: ${named}${broken.count > broken.lines.length ? '; …' : ''}`
}

async function configAt(file: string, env: Parameters<typeof readConfig>[1]): Promise<Config> {
  const read = await readConfig(file, env)
  if ('config' in read) return read.config
  throw usageFailure(...formatProblems(read.problems, file).split('\n'))
}

function routeOf({ routes }: Config, id: string | undefined) {
  if (id === undefined) return undefined
  const found = routes.find((route) => route.id === id)
  if (found === undefined)
    throw usageFailure(
      `--route ${id}: there is no such route${didYouMean(
        id,
        routes.map((route) => route.id),
      )}`,
    )
  return found
}
