// portcullis watch: the state of the fleet in a terminal over SSH, drawn anew each second; one line a change in a pipe.
import { setTimeout as delay } from 'node:timers/promises'
import { addClientOptions, createClient, type Client, type ClientFlags } from '../client.ts'
import { examples, type Context, type Define } from '../command.ts'
import { EXIT, usageFailure, type ExitCode } from '../failure.ts'
import { bothTimes, spanText } from '../moments.ts'
import { createPrinter, type Printer } from '../print.ts'
import { printStatus } from '../print-status.ts'
import { readStatus } from '../release-order.ts'
import { screenOf } from '../screen.ts'
import type { IncidentView, StatusView } from '../../ports/control-api.ts'

interface WatchFlags extends ClientFlags {
  readonly every: string
  readonly times?: string
}

export const define: Define = (command, context) => {
  addClientOptions(command)
    .option('--every <seconds>', 'how often it looks', '1')
    .option('--times <n>', 'look so often and end (default: until Ctrl-C)')
  examples(command, 'portcullis watch --key night-desk.key', 'ssh gateway-1 portcullis watch --token-file read.token')
  command.action(async (flags: WatchFlags) => {
    context.finish(await watch(flags, context))
  })
}

async function watch(flags: WatchFlags, context: Context): Promise<ExitCode> {
  const [everyMs, times] = [
    numberOf('--every', flags.every) * 1000,
    flags.times === undefined ? Infinity : numberOf('--times', flags.times),
  ]
  const { machine, printer } = context
  const client = createClient(flags, machine, printer)
  // A dumb terminal shows the sequences that draw as text.
  const isTerminal = machine.stdout.isTTY && machine.env.TERM !== 'dumb' && flags.json !== true
  let last: { readonly control: string; readonly status: StatusView; readonly at: number } | undefined
  let said = ''
  for (let look = 0; look < times; look += 1) {
    const problem = await lookOnce(client).then(
      (found) => {
        last = { ...found, at: machine.now() }
        return undefined
      },
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    )
    // The first look fails as any command does: a wrong key is no outage.
    if (last === undefined) throw usageFailure(problem ?? 'nothing was heard')
    if (isTerminal) draw(context, last, problem)
    else said = tell(printer, last.status, problem, said, flags.json === true)
    if (look + 1 < times) await delay(everyMs)
  }
  if (isTerminal) printer.out()
  return EXIT.done
}

function numberOf(flag: string, text: string): number {
  const value = Number(text)
  if (!(value > 0 && value <= 86_400)) throw usageFailure(`${flag} ${text}: must be a number above 0`)
  return value
}

async function lookOnce(client: Client): Promise<{ readonly control: string; readonly status: StatusView }> {
  return readStatus(client)
}

/** Incidents whose clocks are shown, the nearest due: the banner below them must stay in sight. */
const CLOCKS_MAX = 3

/** All that others wrote goes through the printer, which cleans it. */
function draw(
  { machine }: Context,
  { control, status, at }: { readonly control: string; readonly status: StatusView; readonly at: number },
  problem: string | undefined,
): void {
  const parts: string[] = []
  const sink = Object.assign(Object.create(machine.stdout) as typeof machine.stdout, {
    write: (text: string) => {
      parts.push(text)
      return true
    },
  })
  const printer = createPrinter({ ...machine, stdout: sink })
  if (problem !== undefined)
    printer.out({ style: 'red', text: `STALE: nothing heard for ${spanText(machine.now() - at)}. ${problem}` })
  const due = (status.incidents ?? [])
    .filter(({ state }) => state === 'open')
    .toSorted((a, b) => Date.parse(a.certInDue) - Date.parse(b.certInDue))
  for (const each of due.slice(0, CLOCKS_MAX)) printClocks(printer, each, machine.now())
  if (due.length > CLOCKS_MAX)
    printer.out(`and ${due.length - CLOCKS_MAX} more open incidents: portcullis incident show`)
  printStatus(printer, control, status)
  printer.out({ style: 'dim', text: 'Ctrl-C leaves. freeze, release and approve are commands of their own.' })
  const problems = status.problems.length === 0 ? '' : ` (${status.problems.length} of them problems)`
  machine.stdout.write(
    screenOf(
      parts.join(''),
      machine.stdout,
      (hidden) => `… ${hidden} more lines${problems}: portcullis status shows them`,
    ),
  )
}

function printClocks(printer: Printer, incident: IncidentView, now: number): void {
  for (const [name, due, reported] of [
    ['CERT-In', incident.certInDue, incident.reported.certIn],
    ['Board', incident.boardDue, incident.reported.board],
  ] as const) {
    if (reported !== undefined) continue
    const leftMs = Date.parse(due) - now
    const text = leftMs > 0 ? `in ${spanText(leftMs)}` : `OVERDUE by ${spanText(-leftMs)}`
    printer.out(
      { style: leftMs < 3_600_000 ? 'red' : 'yellow', text: `${incident.id}: ${name} report ${text}` },
      `  ${bothTimes(Date.parse(due))}`,
    )
  }
}

/** In a pipe: a line where something has changed. */
function tell(
  printer: Printer,
  status: StatusView,
  problem: string | undefined,
  said: string,
  isJson: boolean,
): string {
  const line = {
    frozen: status.frozen,
    epoch: status.epoch,
    locks: status.locks.length,
    proven: status.fleet.proven,
    total: status.fleet.total,
    waiting: status.pendingReleases.length,
    problems: status.problems.length,
    ...(problem === undefined ? {} : { stale: problem }),
  }
  const key = JSON.stringify(line)
  if (key === said) return said
  if (isJson) printer.json({ now: status.now, ...line })
  else
    printer.out(
      `${status.now}  ${line.frozen ? 'FROZEN' : line.locks > 0 ? 'LOCKS' : 'OPEN'}  epoch ${line.epoch}  ${line.locks} locks  proven ${line.proven} of ${line.total}  waiting ${line.waiting}${problem === undefined ? '' : `  STALE: ${problem}`}`,
    )
  return key
}
