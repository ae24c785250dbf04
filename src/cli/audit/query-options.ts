// The flags that say what is looked for in the trail, and how identifiers of people become pseudonyms before anything is asked.
import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import { DECISION_LABELS } from '../../core/decision.ts'
import { didYouMean } from '../../core/did-you-mean.ts'
import { PII_CLASSES } from '../../core/pii.ts'
import { LISTS, type Query } from '../../core/trail-query.ts'
import { parseDuration, parseInstant, type Instant } from '../../core/time.ts'
import { createClient, type ClientFlags } from '../client.ts'
import type { Context } from '../command.ts'
import { usageFailure } from '../failure.ts'
import { pseudonymsOf } from '../people.ts'
import { readIdentifiers } from '../questions.ts'
import { repeatable } from '../repeatable.ts'
import { PEOPLE, personFlagOf, personOption, type PersonFlag } from '../scope-options.ts'
import { reasonOf } from '../signing-key.ts'

type People = Partial<Record<PersonFlag, true | readonly string[]>>

export interface QueryFlags extends ClientFlags, People {
  readonly since?: string
  readonly until?: string
  readonly kind?: readonly string[]
  readonly route?: readonly string[]
  readonly decision?: readonly string[]
  readonly client?: readonly string[]
  readonly id?: readonly string[]
  readonly lock?: readonly string[]
  readonly incident?: readonly string[]
  readonly pii?: readonly string[]
  readonly pseudonymKey?: string
}

export function addTimeOptions(command: Command): Command {
  return command
    .option('--since <time>', 'from this time on: RFC 3339, or how long ago, such as 15m or 2d')
    .option('--until <time>', 'before this time')
}

export function addQueryOptions(command: Command): Command {
  return addTimeOptions(command)
    .addOption(repeatable('--route <id>', 'requests of a route'))
    .addOption(repeatable('--client <id>', 'requests of an application (azp, client_id) or an address'))
    .addOption(repeatable('--decision <decision>', 'requests that were answered so', DECISION_LABELS))
    .addOption(repeatable('--id <id>', 'a request or an order'))
    .addOption(repeatable('--lock <id>', 'what a lock refused, and the orders about it'))
    .addOption(repeatable('--incident <id>', 'orders of an incident, and what its locks refused'))
    .addOption(repeatable('--pii <class>', 'answers in which such data was seen', PII_CLASSES))
    .addOption(repeatable('--kind <kind>', 'request, refusals, order, proof, gap, start, stop ...'))
    .addOption(personOption('subject', 'people whose records were asked for'))
    .addOption(personOption('principal', 'callers, by the sub of their token'))
    .addOption(personOption('session', 'sessions, as issuer#sid'))
    .option('--pseudonym-key <file>', 'with --dir: the key file that makes pseudonyms of identifiers (pseudonym.key)')
}

const FLAG_OF = {
  kinds: 'kind',
  routes: 'route',
  decisions: 'decision',
  clients: 'client',
  ids: 'id',
  locks: 'lock',
  incidents: 'incident',
  sessions: 'session',
  subjects: 'subject',
  principals: 'principal',
  pii: 'pii',
} as const satisfies Record<(typeof LISTS)[number], keyof QueryFlags>

/** The query that the flags ask for. Identifiers are read from a prompt or stdin, and are pseudonyms when this resolves. */
export async function queryOf(flags: QueryFlags, dir: string | undefined, context: Context): Promise<Query> {
  const now = context.machine.now()
  const query: Record<string, unknown> = {}
  if (flags.since !== undefined) query.from = timeOf('--since', flags.since, now)
  if (flags.until !== undefined) query.to = timeOf('--until', flags.until, now)
  for (const list of LISTS) {
    const values = flags[FLAG_OF[list]]
    if (values !== undefined && values !== true) query[list] = values
  }
  checkAmong('decision', flags.decision, DECISION_LABELS)
  checkAmong('pii', flags.pii, PII_CLASSES)
  const person = personFlagOf(flags)
  if (person !== undefined) query[PEOPLE[person].dimension] = await askFor(person, flags, dir, context)
  return query
}

/** A name that no record can have would be answered with nothing found, which is something else. */
function checkAmong(flag: string, names: readonly string[] = [], known: readonly string[]): void {
  const other = names.find((each) => !known.includes(each))
  if (other !== undefined)
    throw usageFailure(`--${flag} ${other}: give one of ${known.join(', ')}${didYouMean(other, known)}`)
}

export function timeOf(flag: string, text: string, now: Instant): Instant {
  const ago = parseDuration(text)
  const time = ago === undefined ? parseInstant(text) : now - ago
  if (time === undefined)
    throw usageFailure(
      `${flag} ${text}: give an RFC 3339 time such as 2026-01-02T10:00:00+05:30, or how long ago, such as 15m`,
    )
  return time
}

async function askFor(
  person: PersonFlag,
  flags: QueryFlags,
  dir: string | undefined,
  context: Context,
): Promise<readonly string[]> {
  const { machine, printer } = context
  const keyFile = flags.pseudonymKey
  if (dir !== undefined && keyFile === undefined)
    throw usageFailure(
      `--${person}: identifiers are looked for by pseudonym: name the key file with --pseudonym-key, or give the pseudonym itself`,
    )
  if (keyFile !== undefined && !existsSync(keyFile))
    throw usageFailure(`--pseudonym-key ${keyFile}: there is no such file`)
  const identifiers = await readIdentifiers(machine, PEOPLE[person].what)
  if (keyFile === undefined)
    return pseudonymsOf(createClient(flags, machine, printer), printer, person, identifiers, true)
  try {
    const { pseudonymize } = await machine.forensics()
    return [...new Set(pseudonymize(keyFile, PEOPLE[person].kind, identifiers))]
  } catch (error) {
    throw usageFailure(`--pseudonym-key: ${reasonOf(error)}`)
  }
}
