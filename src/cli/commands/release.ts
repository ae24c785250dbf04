// portcullis release: hard out. One person proposes here, another approves.
import type { LockView, StatusView } from '../../ports/control-api.ts'
import { addClientOptions, createClient, type Client, type ClientFlags } from '../client.ts'
import { examples, type Context, type Define } from '../command.ts'
import { CommandFailure, EXIT, usageFailure, type ExitCode } from '../failure.ts'
import { findId } from '../ids.ts'
import { printLocks } from '../print-status.ts'
import { checkOrder } from '../order-options.ts'
import { readStatus, sendSignature } from '../release-order.ts'

interface ReleaseFlags extends ClientFlags {
  readonly reason?: string
  readonly all?: boolean
}

export const define: Define = (command, context) => {
  command
    .argument('[lock-ids...]', 'the locks, by id or by its first 12 characters or more')
    .option('--all', 'every lock that an order or FREEZE holds')
    .option('--reason <text>', 'why it may be opened, for the trail')
  addClientOptions(command)
  examples(
    command,
    'portcullis release 3vQm0yXb9zQd --reason "endpoint mended, checked by two"',
    'portcullis release --all --reason "false alarm"',
  )
  command.action(async (ids: readonly string[], flags: ReleaseFlags) => {
    context.finish(await release(ids, flags, context))
  })
}

async function release(ids: readonly string[], flags: ReleaseFlags, context: Context): Promise<ExitCode> {
  const { machine, printer } = context
  if (ids.length > 0 === (flags.all === true)) throw usageFailure('say which locks: their ids, or --all')
  if (flags.reason === undefined) throw usageFailure('--reason is required: say why it may be opened, for the trail')
  const client = createClient(flags, machine, printer)
  client.key()
  const { control, status } = await readStatus(client)
  const locks = flags.all === true ? allOf(status, control) : chosenOf(status, ids)
  const order = { kind: 'release', locks: locks.map((lock) => lock.id), reason: flags.reason, epoch: status.epoch }
  checkOrder(order)
  if (flags.json !== true) {
    printer.out(`To be released at ${control}:`)
    printLocks(printer, locks, Date.parse(status.now))
  }
  return propose(client, control, order, flags, context)
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

function chosenOf(status: StatusView, ids: readonly string[]): readonly LockView[] {
  const known = status.locks.map((lock) => lock.id)
  const found = ids.map((id) => findId(id, known, 'lock'))
  const problems = found.flatMap((each) => (typeof each === 'string' ? [] : [each.problem]))
  if (problems.length > 0) throw new CommandFailure(EXIT.failed, ...problems)
  return status.locks.filter((lock) => found.includes(lock.id))
}

async function propose(
  client: Client,
  control: string,
  order: Readonly<Record<string, unknown>>,
  flags: ReleaseFlags,
  context: Context,
): Promise<ExitCode> {
  const { printer } = context
  const outcome = await sendSignature(client, control, order)
  if (flags.json === true) printer.json({ control, locks: order.locks, ...outcome })
  else if (outcome.released) printer.out({ style: 'green', text: 'RELEASED' }, `  at epoch ${outcome.epoch}`)
  else {
    const awaited = outcome.required - outcome.approvals
    printer.out(
      { style: 'yellow', text: 'PROPOSED' },
      `  ${outcome.approvals} of ${outcome.required} have signed, ${awaited} more must; until then everything stays locked`,
    )
    printer.out('  another person approves with: ', {
      style: 'bold',
      text: `portcullis approve ${outcome.id}${flags.control === undefined ? '' : ` --control ${control}`}`,
    })
  }
  return EXIT.done
}
