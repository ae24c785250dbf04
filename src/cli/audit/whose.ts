// portcullis audit whose: whose records did a client read through a route, with or without a one-time password?
import type { Command } from 'commander'
import type { WhoseAnswer, WhoseQuery } from '../../core/trail-query.ts'
import { addClientOptions } from '../client.ts'
import { examples, type Context, type Define } from '../command.ts'
import { EXIT, usageFailure, type ExitCode } from '../failure.ts'
import { bothTimes } from '../moments.ts'
import { table, type Printer } from '../print.ts'
import { repeatable } from '../repeatable.ts'
import { addTimeOptions, timeOf, type QueryFlags } from './query-options.ts'
import { limitOf } from './search.ts'
import { addAccessOptions, openAccess, type AccessFlags } from './trail-access.ts'

interface WhoseFlags extends AccessFlags, Pick<QueryFlags, 'since' | 'until' | 'route' | 'client'> {
  readonly limit?: string
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
  addClientOptions(whose)
  examples(whose, 'portcullis audit whose --route record.read --client partner-app --since 2026-06-01T00:00:00+05:30')
  whose.action(async (flags: WhoseFlags) => {
    context.finish(await askWhose(flags, context))
  })
}

async function askWhose(flags: WhoseFlags, context: Context): Promise<ExitCode> {
  if (flags.route === undefined && flags.client === undefined)
    throw usageFailure('say whose reads: --route ROUTE, --client CLIENT, or both')
  const now = context.machine.now()
  const query: WhoseQuery = {
    ...(flags.route === undefined ? {} : { routes: flags.route }),
    ...(flags.client === undefined ? {} : { clients: flags.client }),
    ...(flags.since === undefined ? {} : { from: timeOf('--since', flags.since, now) }),
    ...(flags.until === undefined ? {} : { to: timeOf('--until', flags.until, now) }),
  }
  const limit = limitOf(flags.limit, LIMIT)
  const access = await openAccess(flags, 'whose', query, context)
  let subjects = 0
  try {
    const answer = await access.whose(query, limit === 0 ? Number.MAX_SAFE_INTEGER : limit)
    subjects = answer.subjects
    if (flags.json === true) context.printer.json({ query, ...answer })
    else printAnswer(answer, context.printer)
  } finally {
    await access.close(subjects)
  }
  return EXIT.done
}

function printAnswer(answer: WhoseAnswer & { readonly size: number }, printer: Printer): void {
  const { reads, withoutOtp, subjects, subjectsWithoutOtp, unnamed, principals, first, last, list } = answer
  printer.out({ style: 'bold', text: `${subjects} people` }, `, by ${reads} reads of ${principals} callers`)
  printer.out(`  without OTP  ${subjectsWithoutOtp} people, by ${withoutOtp} reads`)
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
  ])
  for (const line of table(['person', 'reads', 'without OTP', 'first', 'last'], rows)) printer.out(...line)
  if (list.length < subjects) printer.note(`${subjects - list.length} more people: --limit 0 lists all`)
}
