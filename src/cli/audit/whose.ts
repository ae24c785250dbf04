// portcullis audit whose: whose records did a client read through a route, with or without a one-time password?
import type { Command } from 'commander'
import { mergePeople } from '../../audit/search/merge-people.ts'
import type { FleetReads, FleetWhose } from '../../core/people-lines.ts'
import type { SubjectReads, WhoseAnswer, WhoseQuery } from '../../core/trail-query.ts'
import { addClientOptions } from '../client.ts'
import { examples, type Context, type Define } from '../command.ts'
import { CommandFailure, EXIT, usageFailure, type ExitCode } from '../failure.ts'
import { bothTimes } from '../moments.ts'
import { plain, table, type Printer } from '../print.ts'
import { repeatable } from '../repeatable.ts'
import { checkNames } from './known-names.ts'
import { addTimeOptions, timeOf, type QueryFlags } from './query-options.ts'
import { exitCodeOf, printMissing } from './missing.ts'
import { limitOf } from './search.ts'
import { addAccessOptions, openTrails, orMissing } from './trail-access.ts'
import type { AccessFlags, Trails } from './trails.ts'

interface WhoseFlags extends AccessFlags, Pick<QueryFlags, 'since' | 'until' | 'route' | 'client'> {
  readonly limit?: string
  readonly ndjson?: boolean
}

const LIMIT = 100

export const define: Define = (command, context) => {
  const whose: Command = command
    .command('whose')
    .description('whose records were read: how many, by pseudonym, first and last, with and without OTP')
  whose
    .addOption(repeatable('--route <id>', 'through this route'))
    .addOption(repeatable('--client <id>', 'by this application (azp, client_id) or address'))
  addTimeOptions(whose)
  addAccessOptions(whose).option('--limit <n>', `how many people are listed; 0 is all (default: ${LIMIT})`)
  whose.option('--ndjson', 'print everybody, one a line, in the order of their names, as they come')
  addClientOptions(whose)
  examples(
    whose,
    'portcullis audit whose --route record.read --client partner-app --since 2026-06-01T00:00:00+05:30',
    'portcullis audit whose --dir ./gate-1 --also-dir ./gate-2 --also-dir ./gate-3 --client partner-app',
  )
  whose.action(async (flags: WhoseFlags) => {
    context.finish(await askWhose(flags, context))
  })
}

async function askWhose(flags: WhoseFlags, context: Context): Promise<ExitCode> {
  if (flags.route === undefined && flags.client === undefined)
    throw usageFailure('say whose reads: --route ROUTE, --client CLIENT, or both')
  const query = queryOf(flags, context.machine.now())
  const limit = limitOf(flags.limit, LIMIT)
  const opened = await openTrails(flags, 'whose', query, context)
  let subjects = 0
  try {
    const most = limit === 0 ? Number.MAX_SAFE_INTEGER : limit
    const [only] = opened.trails
    // One trail alone counts by itself, in its index; several send everybody, since who stands in two of them is one person.
    if (opened.trails.length === 1 && only !== undefined && flags.ndjson !== true) {
      const answer = await only.whose(query, most)
      subjects = answer.subjects
      await checkNames(query, answer, opened)
      if (flags.json === true) context.printer.json({ query, ...answer, missing: opened.missing })
      else printAnswer(answer, context.printer)
    } else {
      const answer = await askAll(opened, query, most, flags, context)
      subjects = answer.subjects
      await checkNames(query, answer, opened)
      if (flags.json === true) context.printer.json({ query, ...answer, missing: opened.missing })
      else
        printFleet(
          answer,
          flags.ndjson === true
            ? {
                ...context.printer,
                out: (...line) => {
                  context.printer.note(...line)
                },
              }
            : context.printer,
        )
    }
    printMissing(opened, context.printer)
  } finally {
    await opened.close(subjects)
  }
  return exitCodeOf(opened)
}

function queryOf({ route, client, since, until }: WhoseFlags, now: number): WhoseQuery {
  return {
    ...(route === undefined ? {} : { routes: route }),
    ...(client === undefined ? {} : { clients: client }),
    ...(since === undefined ? {} : { from: timeOf('--since', since, now) }),
    ...(until === undefined ? {} : { to: timeOf('--until', until, now) }),
  }
}

/** Everybody of each trail, side by side, and then as one list. */
async function askAll(
  opened: Trails,
  query: WhoseQuery,
  limit: number,
  flags: WhoseFlags,
  { printer }: Context,
): Promise<Omit<FleetWhose, 'missing'>> {
  const asked = await Promise.all(
    opened.trails.map(async (trail) => {
      const lines = await orMissing(opened, trail, () => trail.people(query))
      return lines === undefined ? [] : [{ name: trail.name, lines }]
    }),
  )
  const sources = asked.flat()
  if (sources.length === 0)
    throw new CommandFailure(EXIT.failed, ...opened.missing.map(({ gateway, why }) => `${gateway}: ${why}`))
  let count = 0
  const answer = await mergePeople(sources, flags.ndjson === true ? 0 : limit, (person) => {
    count += 1
    if (flags.ndjson === true) printer.document(`${JSON.stringify(person)}\n`)
    if (count % PROGRESS_EVERY === 0) printer.progress(`${count} people`)
  })
  printer.progress('')
  return answer
}

const PROGRESS_EVERY = 10_000

function printFleet(answer: Omit<FleetWhose, 'missing'>, printer: Printer): void {
  printAnswer(answer, printer)
  const rows = answer.trails.map(({ gateway, size, root, reads, withoutOtp, subjects }) => [
    ...[plain(gateway), String(subjects), String(reads), String(withoutOtp)],
    ...[String(size), root],
  ])
  const heading = ['trail', 'people', 'reads', 'without OTP', 'entries', 'root of its checkpoint']
  for (const line of table(heading, rows)) printer.out(...line)
  if (answer.keys.length < 2) return
  printer.note(
    { style: 'yellow', text: `names were made by ${answer.keys.length} keys` },
    ': who stands under two of them is counted twice, so the people are at most so many',
  )
  for (const { key, gateways } of answer.keys) printer.note(`  ${key}  ${gateways.join(', ')}`)
}

type Printed = Omit<WhoseAnswer, 'list'> & {
  readonly size: number
  readonly list: readonly (Omit<SubjectReads, 'firstEntry' | 'lastEntry'> & Partial<Pick<FleetReads, 'trails'>>)[]
}

function printAnswer(answer: Printed, printer: Printer): void {
  const { reads, withoutOtp, withoutSession, subjects, subjectsWithoutOtp, unnamed, first, last, list } = answer
  const callers = answer.principals === 0 && withoutSession > 0 ? '' : ` of ${answer.principals} callers`
  printer.out({ style: 'bold', text: `${subjects} people` }, `, by ${reads} reads${callers}`)
  printer.out(`  without OTP  ${subjectsWithoutOtp} people, by ${withoutOtp} reads`)
  if (withoutSession > 0)
    printer.out(`  no session   ${withoutSession} reads, whose callers are known by address alone`)
  if (unnamed > 0) printer.out(`  unnamed      ${unnamed} reads of which the request names nobody`)
  if (first !== undefined && last !== undefined) {
    printer.out(`  first        ${bothTimes(first)}`)
    printer.out(`  last         ${bothTimes(last)}`)
  }
  printer.out(`  searched     ${answer.size} entries, all under the last checkpoint`)
  if (list.length === 0) return
  const iso = (time: number): string => new Date(time).toISOString()
  const rows = list.map((each) => [
    each.subject,
    String(each.reads),
    String(each.withoutOtp),
    iso(each.first),
    iso(each.last),
    ...(each.trails === undefined ? [] : [String(each.trails.length)]),
  ])
  const heading = ['person', 'reads', 'without OTP', 'first', 'last']
  const isFleet = list[0]?.trails !== undefined
  for (const line of table([...heading, ...(isFleet ? ['trails'] : [])], rows)) printer.out(...line)
  if (list.length < subjects) printer.note(`${subjects - list.length} more people: --limit 0 lists all`)
}
