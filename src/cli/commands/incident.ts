// portcullis incident: opened, looked at, marked as reported, closed; and the drafts of its reports with the evidence.
import { readFileSync } from 'node:fs'
import { Option, type Command } from 'commander'
import { didYouMean } from '../../core/did-you-mean.ts'
import { parseInstant, type Instant } from '../../core/time.ts'
import type { IncidentView } from '../../ports/control-api.ts'
import { addClientOptions, createClient, type Client, type ClientFlags } from '../client.ts'
import { examples, type Context, type Define } from '../command.ts'
import { acceptedOf, deliver, deliveryJson, exitCodeOf, failedOf } from '../deliver.ts'
import { EXIT, usageFailure, type CommandFailure, type ExitCode } from '../failure.ts'
import { checkDir } from '../audit/where.ts'
import { certificatesOf } from '../incident/certificates.ts'
import { writeReport } from '../incident/write-report.ts'
import { bothTimes, spanText } from '../moments.ts'
import { checkOrder } from '../order-options.ts'
import { readStatus } from '../release-order.ts'
import { repeatable } from '../repeatable.ts'
import { reasonOf } from '../signing-key.ts'

interface OrderFlags extends ClientFlags {
  readonly noticedAt?: string
  readonly title?: string
  readonly reason?: string
  readonly to?: 'cert-in' | 'board'
}

interface ReportFlags extends ClientFlags {
  readonly dir: string
  readonly out: string
  readonly from?: string
  readonly to?: string
  readonly details?: string
  readonly certificate?: readonly string[]
}

export const define: Define = (command, context) => {
  defineOpen(command, context)
  const show = addClientOptions(
    command
      .command('show')
      .alias('list')
      .argument('[incident-id]', 'one; else all')
      .description('both clocks, and what belongs to it'),
  )
  show.action(async (id: string | undefined, flags: ClientFlags) => {
    context.finish(await showIncidents(id, flags, context))
  })
  const reported = addClientOptions(
    command.command('reported').argument('<incident-id>').description('mark it as reported: nothing is sent by this'),
  ).addOption(new Option('--to <whom>', 'who has it now').choices(['cert-in', 'board']).makeOptionMandatory())
  reported.action(async (id: string, flags: OrderFlags) => {
    const to = flags.to ?? 'cert-in'
    context.finish(
      await give(
        { incident: id, action: `reported-${to}`, reason: flags.reason ?? `reported to ${to}` },
        flags,
        context,
      ),
    )
  })
  const close = addClientOptions(
    command.command('close').argument('<incident-id>').description('its clocks are run no longer'),
  )
  close.option('--reason <text>', 'why, for the trail').action(async (id: string, flags: OrderFlags) => {
    context.finish(await give({ incident: id, action: 'close', reason: flags.reason }, flags, context))
  })
  defineReport(command, context)
  examples(
    command,
    'portcullis incident open INC-7 --title "records for sale" --noticed-at 2026-11-29T16:40:00Z',
    'portcullis incident report INC-7 --dir ./data/audit --out ./INC-7',
  )
}

function defineOpen(command: Command, context: Context): void {
  const open = addClientOptions(
    command
      .command('open')
      .argument('<incident-id>')
      .description('start both clocks: 6 h to CERT-In, 72 h to the Board'),
  )
  open
    .requiredOption('--title <text>', 'what it is about')
    .option('--noticed-at <time>', 'when it was noticed, RFC 3339 (default: now)')
    .action(async (id: string, flags: OrderFlags) => {
      const noticedAt = flags.noticedAt ?? new Date(context.machine.now()).toISOString()
      context.finish(await give({ incident: id, action: 'open', noticedAt, reason: flags.title }, flags, context))
    })
}

function defineReport(command: Command, context: Context): void {
  addClientOptions(
    command
      .command('report')
      .argument('<incident-id>')
      .description('draft the reports and write the evidence pack, from the trail itself; nothing is sent'),
  )
    .requiredOption('--dir <dir>', 'the trail, or a copy of it')
    .requiredOption('--out <dir>', 'a new directory; the archive stands beside it')
    .option('--from <time>', 'RFC 3339 (default: 24 h before it was noticed)')
    .option('--to <time>', 'RFC 3339 (default: when it was closed, else the end of the trail)')
    .option('--details <file>', 'JSON of what no gateway knows: { "organisation": "...", "phone": "..." }')
    .addOption(
      repeatable(
        '--certificate <file>',
        'a certificate of its locks that was kept (else --control URL is asked, with --key or a read token)',
      ),
    )
    .action(async (id: string, flags: ReportFlags) => {
      context.finish(await report(id, flags, context))
    })
}

type Words = Readonly<Record<'incident' | 'action', string>> & {
  readonly reason: string | undefined
  readonly noticedAt?: string
}

async function give(words: Words, flags: OrderFlags, context: Context): Promise<ExitCode> {
  const { machine, printer } = context
  const order = { kind: 'incident', ...words }
  checkOrder(order)
  const client = createClient(flags, machine, printer)
  if (words.action !== 'open') await mustBeKnown(words.incident, client)
  const signed = await client.sign(order)
  const deliveries = await deliver(client, signed, undefined)
  if (flags.json === true) printer.json(deliveryJson(signed, deliveries, false))
  else if (acceptedOf(deliveries).length > 0)
    printer.out(
      { style: 'green', text: 'NOTED' },
      `  ${words.incident}: ${words.action}, in force at ${acceptedOf(deliveries).length} control planes`,
    )
  for (const { control, failed } of failedOf(deliveries))
    printer.note({ style: 'red', text: `${control}: ${failed.join('; ')}` })
  return exitCodeOf(deliveries, false)
}

/** Closing a mistyped one would leave the right one open, with both clocks running. */
async function mustBeKnown(id: string, client: Client): Promise<void> {
  const { status } = await readStatus(client)
  if (status.incidents?.every((each) => each.id !== id) === true) throw unknownIncident(id, status.incidents)
}

function unknownIncident(id: string, incidents: readonly IncidentView[]): CommandFailure {
  const names = incidents.map((each) => each.id)
  return usageFailure(
    `no incident ${id} is known${didYouMean(id, names) || '.'} ${names.length === 0 ? 'There is none yet.' : `Known: ${names.join(', ')}`}`,
  )
}

async function showIncidents(
  id: string | undefined,
  flags: ClientFlags,
  { machine, printer }: Context,
): Promise<ExitCode> {
  const { status } = await readStatus(createClient(flags, machine, printer))
  const found = (status.incidents ?? []).filter((each) => id === undefined || each.id === id)
  if (id !== undefined && found.length === 0) throw unknownIncident(id, status.incidents ?? [])
  if (flags.json === true) printer.json({ incidents: found })
  else if (found.length === 0) printer.out('No incident is known.')
  else for (const each of found) for (const line of linesOf(each, Date.parse(status.now))) printer.out(line)
  return EXIT.done
}

function linesOf(incident: IncidentView, now: Instant): readonly string[] {
  const clock = (name: string, due: string, reported: string | undefined): string => {
    const leftMs = Date.parse(due) - now
    if (reported !== undefined) return `  ${name}  reported at ${bothTimes(Date.parse(reported))}`
    return `  ${name}  due ${bothTimes(Date.parse(due))}, ${leftMs > 0 ? `in ${spanText(leftMs)}` : `OVERDUE by ${spanText(-leftMs)}`}`
  }
  const guessed = incident.noticedFrom === 'order' ? ' (not told: when the first order came)' : ''
  return [
    `${incident.id}  ${incident.state}${incident.title === undefined ? '' : `  ${incident.title}`}`,
    `  noticed  ${bothTimes(Date.parse(incident.noticedAt))}${guessed}`,
    clock('CERT-In', incident.certInDue, incident.reported.certIn),
    clock('Board  ', incident.boardDue, incident.reported.board),
    `  locks    ${incident.locks.length}`,
  ]
}

async function report(id: string, flags: ReportFlags, context: Context): Promise<ExitCode> {
  const { machine, printer } = context
  const { dir, out, from, to } = flags
  const written = await writeReport({
    dir: checkDir(dir),
    out,
    incident: id,
    span: { ...instantOf('from', from), ...instantOf('to', to) },
    details: detailsOf(flags.details),
    now: machine.now(),
    progress: (text) => {
      printer.progress(text)
    },
    openIndex: async (place) => (await machine.forensics()).openIndex(place),
    certificates: (epochs) => certificatesOf(epochs, flags, context),
  })
  printer.progress('')
  const { facts, records, gaps, missing, archive, archiveBytes } = written
  if (flags.json === true) {
    printer.json({ out, archive, archiveBytes, records, gaps, missing, people: facts.people, range: facts.range })
    return EXIT.done
  }
  printer.out({ style: 'green', text: 'DRAFTED' }, `  ${out}/report.html, report.md, report.json`)
  printer.out(`  evidence  ${archive}: ${records} records with their proofs, ${Math.ceil(archiveBytes / 1024)} KiB`)
  printer.out(`  check it  node ${out}/verify.mjs ${out} --key VKEY`)
  printer.out({
    style: 'yellow',
    text: `  gaps      ${gaps} fields that no gateway can know: fill them in, or name them with --details`,
  })
  for (const each of missing) printer.out({ style: 'yellow', text: `  not in it ${each}` })
  return EXIT.done
}

function instantOf(name: 'from' | 'to', text: string | undefined): { readonly from?: Instant; readonly to?: Instant } {
  if (text === undefined) return {}
  const at = parseInstant(text)
  if (at === undefined) throw usageFailure(`--${name} ${text}: must be an RFC 3339 time such as 2026-11-29T16:40:00Z`)
  return { [name]: at }
}

function detailsOf(file: string | undefined): Readonly<Record<string, string>> {
  if (file === undefined) return {}
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'))
    if (typeof value === 'object' && value !== null && Object.values(value).every((each) => typeof each === 'string'))
      return value as Readonly<Record<string, string>>
    throw new Error('must be a JSON object of texts')
  } catch (error) {
    throw usageFailure(`--details ${file}: ${reasonOf(error)}`)
  }
}
