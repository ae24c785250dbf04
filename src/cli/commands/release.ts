// portcullis release: hard out. One person proposes here, another approves; who locked a moment ago may take that back alone.
import type { LockView, StatusView } from '../../ports/control-api.ts'
import { addClientOptions, createClient, type ClientFlags } from '../client.ts'
import { examples, type Context, type Define } from '../command.ts'
import { CommandFailure, EXIT, usageFailure, type ExitCode } from '../failure.ts'
import { findId } from '../ids.ts'
import { checkOrder } from '../order-options.ts'
import { printLocks } from '../print-status.ts'
import { propose } from '../propose.ts'
import { readStatus, seenOf } from '../release-order.ts'
import { readThawPlan } from '../thaw-file.ts'

interface ReleaseFlags extends ClientFlags {
  readonly reason?: string
  readonly all?: boolean
  readonly thaw?: string
  readonly withdraw?: boolean
}

export const define: Define = (command, context) => {
  command
    .argument('[lock-ids...]', 'the locks, by id or by its first 12 characters or more')
    .option('--all', 'every lock that an order or FREEZE holds')
    .option('--reason <text>', 'why it may be opened, for the trail')
    .option('--thaw <file>', 'open in stages, by the plan in this file (YAML or JSON)')
    .option('--withdraw', 'take back, alone, what you yourself locked within the last minute')
  addClientOptions(command)
  examples(
    command,
    'portcullis release 3vQm0yXb9zQd --reason "endpoint mended, checked by two"',
    'portcullis release --all --reason "false alarm"',
    'portcullis release --all --reason "mended" --thaw thaw.yaml',
    'portcullis release 3vQm0yXb9zQd --reason "wrong tag" --withdraw',
  )
  command.addHelpText('after', THAW_HELP)
  command.action(async (ids: readonly string[], flags: ReleaseFlags) => {
    context.finish(await release(ids, flags, context))
  })
}

const THAW_HELP = `
A thaw plan; what earlier stages let pass goes on passing:
  stages:
    - { probes: { clients: [uptime] }, for: 2m }
    - { readOnly: true, for: 10m }
    - { percent: 5, for: 10m }                # of sessions, by a stable hash
    - { all: true, for: 30m }                 # after it the locks are gone
  owner: lead
  deadline: 2h                                # not at its end by then: the locks hold again
  refreezeOn: [{ metric: error-share, above: 0.05 }]   # or refusal-share, anomalies, requests; over a minute
`

async function release(ids: readonly string[], flags: ReleaseFlags, context: Context): Promise<ExitCode> {
  const { machine, printer } = context
  if (ids.length > 0 === (flags.all === true)) throw usageFailure('say which locks: their ids, or --all')
  if (flags.reason === undefined) throw usageFailure('--reason is required: say why it may be opened, for the trail')
  const thaw = flags.thaw === undefined ? {} : { thaw: await readThawPlan(flags.thaw) }
  const client = createClient(flags, machine, printer)
  await client.key()
  const { control, status } = await readStatus(client)
  const locks = flags.all === true ? allOf(status, control) : chosenOf(status, ids)
  const order = {
    kind: 'release',
    locks: locks.map((lock) => lock.id),
    reason: flags.reason,
    ...seenOf(status),
    ...thaw,
    ...(flags.withdraw === true ? { withdraw: true } : {}),
  }
  checkOrder(order)
  if (flags.json !== true) {
    printer.out(`To be ${flags.withdraw === true ? 'withdrawn' : 'released'} at ${control}:`)
    printLocks(printer, locks, Date.parse(status.now))
  }
  const done = flags.withdraw === true ? 'WITHDRAWN' : flags.thaw === undefined ? 'RELEASED' : 'THAWING'
  return propose(
    client,
    control,
    { order, done, until: 'everything stays locked', json: { locks: order.locks } },
    flags,
    context,
  )
}

function allOf(status: StatusView, control: string): readonly LockView[] {
  const releasable = status.locks.filter((lock) => lock.source === 'order' || lock.source === 'freeze')
  if (releasable.length > 0) return releasable
  const flags =
    status.locks.length > 0
      ? `: its ${status.locks.length} come from the locks file or the config, and are opened there`
      : ''
  throw new CommandFailure(EXIT.failed, `${control} holds no lock that could be released${flags}`)
}

/** The locks that the ids mean. Throws CommandFailure (1) with every id that means none or several. */
export function chosenOf(status: StatusView, ids: readonly string[]): readonly LockView[] {
  const known = status.locks.map((lock) => lock.id)
  const found = ids.map((id) => findId(id, known, 'lock'))
  const problems = found.flatMap((each) => (typeof each === 'string' ? [] : [each.problem]))
  if (problems.length > 0) throw new CommandFailure(EXIT.failed, ...problems)
  return status.locks.filter((lock) => found.includes(lock.id))
}
