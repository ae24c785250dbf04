// portcullis impact: what a lock would have refused in the last fifteen minutes, asked before it is pressed; or what an observing one has met.
import { Option } from 'commander'
import type { LockScope } from '../../core/scope.ts'
import { addClientOptions, createClient, type Client, type ClientFlags } from '../client.ts'
import { examples, type Context, type Define } from '../command.ts'
import { CommandFailure, EXIT, usageFailure, type ExitCode } from '../failure.ts'
import { pseudonymsOf } from '../people.ts'
import { printImpact, printObserved } from '../print-impact.ts'
import { readIdentifiers } from '../questions.ts'
import { refusalLines } from '../refusal.ts'
import { addScopeOptions, PEOPLE, personFlagOf, scopeOf, type ScopeFlags } from '../scope-options.ts'
import { parseImpactView, parseObserved } from '../views.ts'

interface ImpactFlags extends ClientFlags, ScopeFlags {
  readonly mode?: string
  readonly lock?: string
}

/** Answers wait for the gateways of a fleet. */
const IMPACT_TIMEOUT_MS = 10_000

export const define: Define = (command, context) => {
  addScopeOptions(command)
  command
    .addOption(
      new Option('--mode <mode>', 'what would be refused (deny unless said)').choices(['deny', 'read-only', 'step-up']),
    )
    .option(
      '--lock <id>',
      'instead: what this observing lock has met, beside what was predicted; by its id or the first 12 characters of it or more',
    )
  addClientOptions(command)
  examples(
    command,
    'portcullis impact                                        (of a freeze)',
    'portcullis impact --tag pii --method POST',
    'portcullis impact --client partner-7 --mode read-only --json | jq .requests',
    'portcullis impact --lock 3vQm0yXb9zQd...                 (after lock --mode observe)',
  )
  command.action(async (flags: ImpactFlags) => {
    context.finish(await impact(flags, context))
  })
}

async function impact(flags: ImpactFlags, context: Context): Promise<ExitCode> {
  const { machine, printer } = context
  const client = createClient(flags, machine, printer)
  const named = scopeOf(flags)
  const person = personFlagOf(flags)
  if (flags.lock !== undefined) {
    if (named !== undefined || person !== undefined || flags.mode !== undefined)
      throw usageFailure('--lock asks for an observing lock, which has its scope and mode already')
    const { control, body } = await askFirst(client, { lock: flags.lock })
    const observed = parseObserved(body)
    if (observed === undefined) throw foreign(control)
    if (flags.json === true) printer.json({ control, ...observed })
    else printObserved(printer, control, observed)
    return observed.missing.length > 0 ? EXIT.unconfirmed : EXIT.done
  }
  const scope: LockScope =
    person === undefined
      ? (named ?? { all: true })
      : { ...named, [PEOPLE[person].dimension]: await askedPeople(client, context, person) }
  const { control, body } = await askFirst(client, {
    scope,
    ...(flags.mode === undefined ? {} : { mode: flags.mode }),
  })
  const view = parseImpactView(body)
  if (view === undefined) throw foreign(control)
  if (flags.json === true) printer.json({ control, ...view })
  else printImpact(printer, control, view)
  return view.missing.length > 0 ? EXIT.unconfirmed : EXIT.done
}

async function askedPeople(
  client: Client,
  { machine, printer }: Context,
  person: keyof typeof PEOPLE,
): Promise<readonly string[]> {
  return pseudonymsOf(client, printer, person, await readIdentifiers(machine, PEOPLE[person].what))
}

/** The first control plane that answers speaks for its fleet. */
async function askFirst(
  client: Client,
  body: Readonly<Record<string, unknown>>,
): Promise<{ readonly control: string; readonly body: unknown }> {
  const silent: string[] = []
  for (const control of client.controls) {
    const answer = await client.ask(control, {
      method: 'POST',
      path: '/api/v1/impact',
      body,
      timeoutMs: IMPACT_TIMEOUT_MS,
    })
    if ('unreachable' in answer) silent.push(answer.unreachable)
    else if (answer.status === 200) return { control, body: answer.body }
    else throw new CommandFailure(EXIT.failed, ...refusalLines(answer))
  }
  throw new CommandFailure(EXIT.failed, ...silent)
}

function foreign(control: string): CommandFailure {
  return new CommandFailure(
    EXIT.failed,
    `${control} answered with something that is not of this version: compare portcullis --version with the gateway's`,
  )
}
