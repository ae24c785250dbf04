// portcullis anomalies: what the detectors of people have found, and an operator's answer to it; what other limits would have done.
import type { Command } from 'commander'
import { addClientOptions, createClient, type ClientFlags } from '../client.ts'
import { examples, type Context, type Define } from '../command.ts'
import { CommandFailure, EXIT, usageFailure, type ExitCode } from '../failure.ts'
import { table, type Printer } from '../print.ts'
import { refusalLines } from '../refusal.ts'
import { sign } from '../signing-key.ts'

const TYP = 'portcullis-anomaly+jwt'
const ACTIONS = ['accept', 'snooze', 'exempt'] as const
type Action = (typeof ACTIONS)[number]

interface AnswerFlags extends ClientFlags {
  readonly reason: string
  readonly for?: string
}

interface LimitFlags extends ClientFlags {
  readonly whatIf?: string
  readonly role: string
}

export const define: Define = (command, context) => {
  addClientOptions(
    command.command('list', { isDefault: true }).description('what was found lately, the latest first'),
  ).action(async (flags: ClientFlags) => {
    context.finish(await list(flags, context))
  })
  defineLimits(command, context)
  const says: Readonly<Record<Action, string>> = {
    accept: 'take a finding off the list',
    snooze: 'say nothing of this caller and detector for a while',
    exempt: 'let this caller pass this detector for a while (commander)',
  }
  for (const action of ACTIONS) {
    const answer = command.command(action).description(says[action]).argument('<finding-id>', 'which finding')
    answer.requiredOption('--reason <text>', 'why')
    if (action !== 'accept') answer.requiredOption('--for <duration>', 'how long, 30d at most')
    addClientOptions(answer).action(async (id: string, flags: AnswerFlags) => {
      context.finish(await give(action, id, flags, context))
    })
  }
  examples(
    command,
    'portcullis anomalies',
    'portcullis anomalies exempt 01J… --for 7d --reason "night batch of clinic 7" --key lead.key',
    'portcullis anomalies limits --what-if 30/60',
  )
}

function defineLimits(command: Command, context: Context): void {
  const limits = command.command('limits').description('limits of people, learned and in force')
  limits.option(
    '--what-if <count/minutes>',
    'how many accounts of the last seven days this limit would have refused, as in 30/60',
  )
  limits.option('--role <role>', 'whose limit: session or address', 'session')
  addClientOptions(limits).action(async (flags: LimitFlags) => {
    context.finish(await showLimits(flags, context))
  })
}

type Fields = Readonly<Record<string, unknown>>

function rowsOf(body: unknown, key: string): readonly Fields[] {
  const found = (body as Fields | undefined)?.[key]
  return Array.isArray(found) ? (found as readonly Fields[]) : []
}

function text(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '-'
}

async function list(flags: ClientFlags, { machine, printer }: Context): Promise<ExitCode> {
  const { body } = await createClient(flags, machine, printer).read('/api/v1/anomalies')
  if (flags.json === true) {
    printer.json(body)
    return EXIT.done
  }
  const anomalies = rowsOf(body, 'anomalies')
  if (anomalies.length === 0) printer.out('no detector has found anything')
  for (const each of anomalies) printAnomaly(printer, each)
  if (anomalies.length > 0)
    printer.out({
      style: 'dim',
      text: 'to stop one: portcullis impact --route ROUTE, then portcullis lock --route ROUTE --reason TEXT',
    })
  for (const { detector, name, until, by, reason } of rowsOf(body, 'exemptions'))
    printer.out({
      style: 'dim',
      text: `exempt  ${text(detector)}  ${text(name)}  until ${new Date(Number(until)).toISOString()}  by ${text(by)}: ${text(reason)}`,
    })
  return EXIT.done
}

function printAnomaly(
  printer: Printer,
  { id, time, detector, threat, answer, route, client, principal, sentence, count }: Fields,
): void {
  const style = answer === 'observe' ? 'dim' : answer === 'step-up' ? 'yellow' : 'red'
  printer.out(
    new Date(Number(time)).toISOString(),
    '  ',
    { style, text: answer === 'observe' ? 'let through' : text(answer) },
    `  ${text(detector)} (${text(threat)}) on ${text(route)}, ${text(count)} ${count === 1 ? 'time' : 'times'}`,
  )
  printer.out(`  ${text(sentence)}`)
  const who = typeof principal === 'string' ? `${text(client)}, signed in as ${principal}` : text(client)
  printer.out({ style: 'dim', text: `  by ${who}; id ${text(id)}` })
}

async function showLimits(flags: LimitFlags, { machine, printer }: Context): Promise<ExitCode> {
  const { body } = await createClient(flags, machine, printer).read(`/api/v1/limits${queryOf(flags)}`)
  if (flags.json === true) {
    printer.json(body)
    return EXIT.done
  }
  printer.out(`learning: ${text((body as Fields | undefined)?.mode)}`)
  const rows = rowsOf(body, 'limits').map((each) =>
    ['role', 'minutes', 'enforced', 'learned', 'accounts', 'p50', 'p90', 'p99', 'confidence'].map((key) =>
      text(each[key]),
    ),
  )
  for (const line of table(
    ['role', 'minutes', 'in force', 'learned', 'accounts', 'p50', 'p90', 'p99', 'confidence'],
    rows,
  ))
    printer.out(...line)
  const { wouldRefuse } = body as Fields
  if (wouldRefuse !== undefined)
    printer.out(
      `${flags.whatIf ?? ''} minutes would have refused ${text(wouldRefuse)} accounts that were let through in the last seven days`,
    )
  return EXIT.done
}

function queryOf({ whatIf, role }: LimitFlags): string {
  if (whatIf === undefined) return ''
  const found = /^(\d{1,3})\/(15|60|1440)$/.exec(whatIf)
  if (found === null)
    throw usageFailure(`--what-if ${whatIf}: must be COUNT/MINUTES with 15, 60 or 1440 minutes, as in 30/60`)
  return `?${new URLSearchParams({ role, count: found[1] ?? '', minutes: found[2] ?? '' }).toString()}`
}

async function give(action: Action, id: string, flags: AnswerFlags, { machine, printer }: Context): Promise<ExitCode> {
  const client = createClient(flags, machine, printer)
  const claims = { anomaly: id, action, reason: flags.reason, ...(flags.for === undefined ? {} : { ttl: flags.for }) }
  const answer = await sign(await client.key(), TYP, claims, { now: machine.now(), uniqueId: machine.uniqueId() })
  const [control] = client.controls
  if (control === undefined) throw usageFailure('no control plane was named')
  const answered = await client.transport.send(control, {
    method: 'POST',
    path: '/api/v1/anomalies/answers',
    body: { answer },
  })
  if ('unreachable' in answered) throw new CommandFailure(EXIT.failed, answered.unreachable)
  if (answered.status !== 201) throw new CommandFailure(EXIT.failed, ...refusalLines(answered))
  if (flags.json === true) printer.json(answered.body)
  else printer.out(`${action}: recorded`)
  return EXIT.done
}
