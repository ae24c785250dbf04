// portcullis explain: which lock decides for a request, on whose word and why. Told to responders who have logged in, and to nobody else.
import type { ExplanationView } from '../../ports/control-api.ts'
import { addClientOptions, createClient, type ClientFlags } from '../client.ts'
import { examples, type Context, type Define } from '../command.ts'
import { CommandFailure, EXIT, usageFailure, type ExitCode } from '../failure.ts'
import { bothTimes } from '../moments.ts'
import type { Printer, Style } from '../print.ts'
import { printLocks } from '../print-status.ts'
import { refusalLines } from '../refusal.ts'
import { repeatable } from '../repeatable.ts'
import { personOption } from '../scope-options.ts'
import { parseExplanation } from '../views.ts'

interface ExplainFlags extends ClientFlags {
  readonly route?: string
  readonly path?: string
  readonly method?: string
  readonly address?: string
  readonly userAgent?: string
  readonly client?: readonly string[]
  readonly principal?: true | readonly string[]
  readonly session?: true | readonly string[]
  readonly subject?: true | readonly string[]
  readonly openedAt?: string
}

export const define: Define = (command, context) => {
  command
    .option('--route <id>', 'the route, by its id')
    .option('--path <path>', 'or the path that is asked for')
    .option('--method <method>', 'the method (GET unless said)')
    .option('--address <address>', "the caller's address")
    .option('--user-agent <text>', 'how the caller names itself')
    .addOption(repeatable('--client <id>', 'the application: its azp or client_id, or issuer#azp'))
    .addOption(personOption('principal', 'the caller, by the sub of the token'))
    .addOption(personOption('session', 'the session, as issuer#sid'))
    .addOption(personOption('subject', 'the people whose records are asked for'))
    .option('--opened-at <time>', 'when the session was opened by OTP (RFC 3339): then revocations are told too')
  addClientOptions(command)
  examples(
    command,
    'portcullis explain --route beneficiary.read --method GET',
    'portcullis explain --path /api/v2/records/7 --client clinic-7 --address 203.0.113.9',
  )
  command.action(async (flags: ExplainFlags) => {
    context.finish(await explain(flags, context))
  })
}

async function explain(flags: ExplainFlags, { machine, printer }: Context): Promise<ExitCode> {
  if ((flags.route === undefined) === (flags.path === undefined))
    throw usageFailure('say which request: --route ID or --path PATH, and --method')
  const client = createClient(flags, machine, printer)
  const body = bodyOf(flags)
  const [control] = client.controls
  if (control === undefined) throw usageFailure('no control plane was named')
  const answer = await client.ask(control, { method: 'POST', path: '/api/v1/explain', body })
  if ('unreachable' in answer) throw new CommandFailure(EXIT.failed, answer.unreachable)
  if (answer.status !== 200) throw new CommandFailure(EXIT.failed, ...refusalLines(answer))
  const explanation = parseExplanation(answer.body)
  if (explanation === undefined)
    throw new CommandFailure(EXIT.failed, `${control} answered with something that is not of this version`)
  if (flags.json === true) printer.json({ control, ...explanation })
  else print(printer, control, explanation)
  return EXIT.done
}

function bodyOf(flags: ExplainFlags): Readonly<Record<string, unknown>> {
  const { route, path, method, address, userAgent, client, openedAt } = flags
  return {
    route,
    path,
    method,
    address,
    userAgent,
    openedAt,
    clients: client,
    principal: only('principal', flags.principal),
    session: only('session', flags.session),
    subjects: people('subject', flags.subject),
  }
}

/** A question about one request takes pseudonyms as they are: portcullis status and the trail show them. */
function people(flag: string, value: true | readonly string[] | undefined): readonly string[] | undefined {
  if (value === true) throw usageFailure(`--${flag}: give the pseudonym, as the trail shows it`)
  return value
}

function only(flag: string, value: true | readonly string[] | undefined): string | undefined {
  const values = people(flag, value)
  if (values !== undefined && values.length > 1) throw usageFailure(`--${flag}: a request has one`)
  return values?.[0]
}

const STYLES: Readonly<Record<string, Style>> = { refused: 'red', 'passes the locks': 'green' }

function print(printer: Printer, control: string, explanation: ExplanationView): void {
  const { verdict, method, route, epoch, locks, freshSince, revocations, now } = explanation
  printer.out(
    { style: STYLES[verdict] ?? 'yellow', text: verdict.toUpperCase() },
    `  ${method} on route ${route}, epoch ${epoch}, ${control}`,
  )
  if (freshSince !== undefined) printer.out(`the OTP must be newer than ${bothTimes(Date.parse(freshSince))}`)
  const decisive = locks.find(({ decides }) => decides)
  if (decisive !== undefined) {
    printer.out('Decided by:')
    printLocks(printer, [decisive], Date.parse(now))
    printer.out(`    order     ${decisive.id}`)
    if (decisive.epoch !== undefined) printer.out(`    epoch     ${decisive.epoch}`)
  }
  const others = locks.filter(({ decides }) => !decides)
  if (others.length > 0) {
    printer.out('Reached by as well:')
    printLocks(printer, others, Date.parse(now))
    for (const { id, effect } of others) printer.out(`    ${id.slice(0, 12)}  ${effect}`)
  }
  if (locks.length === 0) printer.out('No lock reaches it.')
  for (const { id, by, reason, incident } of revocations)
    printer.out({ style: 'red', text: 'REVOKED' }, `  by ${by}, ${incident}: ${reason} (${id})`)
}
