// portcullis audit shred: recorded detail of people or of days, erased for good by deleting its keys. The trail and its proofs stay.
import type { Command } from 'commander'
import { addClientOptions, createClient, type Client, type ClientFlags } from '../client.ts'
import { examples, type Context, type Define } from '../command.ts'
import { CommandFailure, EXIT, usageFailure, type ExitCode } from '../failure.ts'
import { pseudonymsOf } from '../people.ts'
import { abandoned, ask, isAttended, readIdentifiers } from '../questions.ts'
import { refusalLines } from '../refusal.ts'
import { PEOPLE, personFlagOf, personOption, type PersonFlag } from '../scope-options.ts'
import { numberField } from '../views.ts'

interface ShredFlags extends ClientFlags, Partial<Record<PersonFlag, true | readonly string[]>> {
  readonly from?: string
  readonly to?: string
  readonly reason?: string
  readonly yes?: boolean
}

/** Days of keys may have to be read. */
const TIMEOUT_MS = 60_000

export const define: Define = (command, context) => {
  const shred: Command = command
    .command('shred')
    .description('erase recorded detail for good: its keys are deleted, the trail and every proof stay')
  shred
    .addOption(personOption('subject', 'of these people'))
    .addOption(personOption('principal', 'of these callers, where a request named nobody'))
    .option('--from <day>', 'from this day (UTC) on, as in 2026-01-31')
    .option('--to <day>', 'up to this day (UTC), and with it; needed where nobody is named')
    .option('--reason <text>', 'why, for the trail')
    .option('--yes', 'do not ask')
  addClientOptions(shred)
  examples(
    shred,
    'portcullis audit shred --subject --reason "erasure asked for, ticket 812" < numbers.txt',
    'portcullis audit shred --to 2026-01-31 --reason "no longer needed"',
  )
  shred.action(async (flags: ShredFlags) => {
    context.finish(await shredDetail(flags, context))
  })
}

interface Answered {
  readonly control: string
  readonly keys: number
}

async function shredDetail(flags: ShredFlags, context: Context): Promise<ExitCode> {
  const { machine, printer } = context
  checkFlags(flags, context)
  const client = createClient(flags, machine, printer)
  const body = await bodyOf(flags, client, context)
  const found = await askAll(client, { ...body, rehearse: true })
  const total = found.reduce((sum, { keys }) => sum + keys, 0)
  if (flags.yes !== true && total > 0) {
    const typed = await ask(machine, `${total} keys, and all that they encrypt, for good. Type ERASE to do it: `)
    if (typed.toUpperCase() !== 'ERASE') throw abandoned()
  }
  const erased = total === 0 ? found : await askAll(client, body)
  if (flags.json === true) printer.json({ ...body, gateways: erased })
  else for (const each of erased) printErased(each, context)
  return EXIT.done
}

function printErased({ control, keys }: Answered, { printer }: Context): void {
  if (keys === 0) printer.out(`nothing to erase at ${control}`)
  else
    printer.out(
      { style: 'green', text: 'ERASED' },
      `  ${keys} keys at ${control}: what they have encrypted cannot be read again`,
    )
}

function checkFlags(flags: ShredFlags, { machine }: Context): void {
  const { subject, principal, to, yes, reason } = flags
  if (subject === undefined && principal === undefined && to === undefined)
    throw usageFailure('say whose detail: --subject; or the days: --to 2026-01-31')
  if (yes !== true && !isAttended(machine))
    throw usageFailure('what is erased does not come back: give --yes where nobody can be asked')
  if (reason === undefined) throw usageFailure('--reason is required: say why, for the trail')
}

/** People are pseudonyms in it. */
async function bodyOf(flags: ShredFlags, client: Client, { machine, printer }: Context): Promise<object> {
  const { from, to, reason } = flags
  const person = personFlagOf(flags)
  const identifiers = person === undefined ? [] : await readIdentifiers(machine, PEOPLE[person].what)
  const asked = person === undefined ? [] : await pseudonymsOf(client, printer, person, identifiers, true)
  const subjects = [...new Set([...namedBy(flags.subject), ...namedBy(flags.principal), ...asked])]
  return {
    ...(subjects.length === 0 ? {} : { subjects }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    reason,
  }
}

function namedBy(value: true | readonly string[] | undefined): readonly string[] {
  return value === undefined || value === true ? [] : value
}

/** Each gateway has keys of its own, so each is asked. Throws CommandFailure (1) where one has not done it. */
async function askAll(client: Client, body: object): Promise<readonly Answered[]> {
  const request = { method: 'POST', path: '/api/v1/audit/erasures', body, timeoutMs: TIMEOUT_MS } as const
  const answers = await Promise.all(client.controls.map((control) => client.ask(control, request)))
  const failures = answers.flatMap((answer) =>
    'unreachable' in answer ? [answer.unreachable] : answer.status === 200 ? [] : refusalLines(answer),
  )
  if (failures.length > 0) throw new CommandFailure(EXIT.failed, ...failures)
  return answers.flatMap((answer) =>
    'unreachable' in answer ? [] : [{ control: answer.control, keys: numberField(answer.body, 'keys') ?? 0 }],
  )
}
