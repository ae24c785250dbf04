// portcullis sessions revoke: ends sessions; their people must open new ones by OTP.
import type { Command } from 'commander'
import { parseDuration, parseInstant, type Instant } from '../../core/time.ts'
import { addClientOptions, createClient, type Client, type ClientFlags } from '../client.ts'
import { examples, type Context, type Define } from '../command.ts'
import { deliver, deliveryJson, exitCodeOf } from '../deliver.ts'
import { EXIT, usageFailure, type ExitCode } from '../failure.ts'
import { bothTimes, incidentAt } from '../moments.ts'
import { addReasonOptions, checkOrder, type ReasonFlags } from '../order-options.ts'
import { pseudonymsOf } from '../people.ts'
import { printAccepted, printShortfall } from '../print-delivery.ts'
import { readIdentifiers } from '../questions.ts'
import { PEOPLE, personFlagOf, personOption, type PersonFlag, type ScopeFlags } from '../scope-options.ts'

interface RevokeFlags extends ClientFlags, ReasonFlags, Pick<ScopeFlags, 'subject' | 'session'> {
  readonly before?: string
  readonly client?: string
}

export const define: Define = (command, context) => {
  const revoke: Command = command
    .command('revoke')
    .description('revoke sessions: by age, person, session or application')
  revoke
    .option('--before <time>', 'sessions whose OTP is older: an RFC 3339 time, "now", or how long ago, such as 15m')
    .addOption(personOption('subject', 'all sessions of these people'))
    .addOption(personOption('session', 'these sessions alone, as issuer#sid'))
    .option('--client <id>', 'sessions of an application: its azp or client_id, or issuer#azp')
  addReasonOptions(revoke)
  addClientOptions(revoke)
  examples(
    revoke,
    'portcullis sessions revoke --before now --reason "one-time passwords leaked" --incident INC-7',
    'portcullis sessions revoke --subject --reason "asked by phone" --incident INC-7 < numbers.txt',
  )
  revoke.action(async (flags: RevokeFlags) => {
    context.finish(await revokeSessions(flags, context))
  })
}

async function revokeSessions(flags: RevokeFlags, context: Context): Promise<ExitCode> {
  const { machine, printer } = context
  const client = createClient(flags, machine, printer)
  await client.key()
  const incident = flags.incident ?? incidentAt(machine.now())
  const orders = await ordersOf(flags, incident, client, context)
  const outcomes: Readonly<Record<string, unknown>>[] = []
  let code: ExitCode = EXIT.done
  for (const order of orders) {
    const signed = await client.sign(order)
    const deliveries = await deliver(client, signed, undefined)
    if (exitCodeOf(deliveries, false) !== EXIT.done) code = EXIT.failed
    outcomes.push({ ...deliveryJson(signed, deliveries, false), incident })
    if (flags.json !== true)
      printAccepted(printer, { done: 'REVOKED', reach: reachText(order), id: signed.id, incident }, deliveries)
    printShortfall(printer, 'NOT REVOKED', deliveries, false)
  }
  if (flags.json === true) printer.json({ revocations: outcomes })
  return code
}

type RevokeFields = Readonly<
  Record<'kind' | 'incident', string> & Partial<Record<'reason' | 'before' | 'client' | PersonFlag, string>>
>

/** One order for each person or session that was named, else one for all. */
async function ordersOf(
  flags: RevokeFlags,
  incident: string,
  client: Client,
  context: Context,
): Promise<readonly RevokeFields[]> {
  const { subject, session, client: application } = flags
  if ([subject, session, flags.before, application].every((flag) => flag === undefined)) {
    throw usageFailure('say which sessions: --before TIME, --subject, --session or --client NAME')
  }
  const order: RevokeFields = {
    kind: 'revoke',
    incident,
    ...(flags.reason === undefined ? {} : { reason: flags.reason }),
    ...(flags.before === undefined
      ? {}
      : { before: new Date(beforeOf(flags.before, context.machine.now())).toISOString() }),
    ...(application === undefined ? {} : { client: application }),
  }
  // Every other flag is judged before anybody has to type identifiers.
  checkOrder({ ...order, client: application ?? 'any' })
  const people = [
    ...namedPeople('subject', subject),
    ...namedPeople('session', session),
    ...(await askedPeople(flags, client, context)),
  ]
  return people.length === 0 ? [order] : people.map((person) => ({ ...order, ...person }))
}

type Person = Partial<Record<PersonFlag, string>>

function namedPeople(flag: PersonFlag, value: true | readonly string[] | undefined): readonly Person[] {
  return value === undefined || value === true ? [] : value.map((pseudonym) => ({ [flag]: pseudonym }))
}

async function askedPeople(
  flags: RevokeFlags,
  client: Client,
  { machine, printer }: Context,
): Promise<readonly Person[]> {
  const flag = personFlagOf(flags)
  if (flag === undefined) return []
  const identifiers = await readIdentifiers(machine, PEOPLE[flag].what)
  return (await pseudonymsOf(client, printer, flag, identifiers)).map((pseudonym) => ({ [flag]: pseudonym }))
}

function beforeOf(text: string, now: Instant): Instant {
  if (text === 'now') return now
  const ago = parseDuration(text)
  const before = ago === undefined ? parseInstant(text) : now - ago
  if (before === undefined)
    throw usageFailure(
      `--before ${text}: give an RFC 3339 time such as 2026-01-02T10:00:00+05:30, "now", or how long ago, such as 15m`,
    )
  return before
}

function reachText({ subject, session, client, before }: RevokeFields): string {
  const parts = [
    session === undefined ? 'sessions' : `session ${session}`,
    ...(subject === undefined ? [] : [`of ${subject}`]),
    ...(client === undefined ? [] : [`of client ${client}`]),
    ...(before === undefined ? [] : [`opened before ${bothTimes(Date.parse(before))}`]),
  ]
  return parts.join(' ')
}
