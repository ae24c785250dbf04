// portcullis approve: the second person's signature. Shows what it does before it is given.
import type { PendingRelease, StatusView } from '../../ports/control-api.ts'
import { addClientOptions, createClient, type ClientFlags } from '../client.ts'
import { examples, type Context, type Define } from '../command.ts'
import { CommandFailure, EXIT, usageFailure, type ExitCode } from '../failure.ts'
import { findId } from '../ids.ts'
import { printProposed, proposalTitle } from '../print-openings.ts'
import { printLocks } from '../print-status.ts'
import { abandoned, ask, isAttended } from '../questions.ts'
import { readStatus, seenOf, sendSignature } from '../release-order.ts'

interface ApproveFlags extends ClientFlags {
  readonly yes?: boolean
}

export const define: Define = (command, context) => {
  command
    .argument(
      '[release-id]',
      'what was proposed, by id or by its first 12 characters or more; without it, what waits is shown',
    )
    .option('--yes', 'do not ask')
  addClientOptions(command)
  examples(command, 'portcullis approve 9sKf2LmQp0aZ --key lead.key')
  command.action(async (id: string | undefined, flags: ApproveFlags) => {
    context.finish(await approve(id, flags, context))
  })
}

async function approve(given: string | undefined, flags: ApproveFlags, context: Context): Promise<ExitCode> {
  const { machine, printer } = context
  const client = createClient(flags, machine, printer)
  await client.key()
  const { control, status } = await readStatus(client)
  if (given === undefined) throw usageFailure(...waitingLines(status))
  const release = pendingOf(status, given, control)
  if (flags.json !== true) printProposed(printer, release, status, printLocks)
  if (flags.yes !== true && flags.json !== true && isAttended(machine)) {
    const answer = await ask(machine, `${release.locks.length > 0 ? 'Open this' : 'Sign this'} at ${control}? [y/N] `)
    if (!/^y(?:es)?$/i.test(answer)) throw abandoned()
  }
  const outcome = await sendSignature(client, control, {
    kind: 'approve',
    release: release.id,
    ...seenOf(status),
  })
  if (flags.json === true) printer.json({ control, release: release.id, locks: release.locks, ...outcome })
  else if (outcome.released && release.stages !== undefined)
    printer.out({ style: 'yellow', text: 'THAWING' }, `  from epoch ${outcome.epoch} on: see portcullis status`)
  else if (outcome.released)
    printer.out({ style: 'green', text: DONE[release.kind] ?? 'DONE' }, `  at epoch ${outcome.epoch}`)
  else
    printer.out(
      { style: 'yellow', text: 'SIGNED' },
      `  ${outcome.approvals} of ${outcome.required} have signed, ${outcome.required - outcome.approvals} more must; until then ${release.locks.length > 0 ? 'everything stays locked' : 'nothing changes'}`,
    )
  return EXIT.done
}

/** Approving is never by default: the id is said, and what it stands for is read first. */
function waitingLines({ pendingReleases }: StatusView): readonly string[] {
  if (pendingReleases.length === 0) return ['nothing waits for an approval: see portcullis status']
  return [
    'say which proposal:',
    ...pendingReleases.map(
      (each) =>
        `  portcullis approve ${each.id}  ${proposalTitle(each)} by ${each.approvals.join(', ')}: ${each.reason}`,
    ),
  ]
}

const DONE: Readonly<Record<string, string>> = {
  release: 'RELEASED',
  exempt: 'EXEMPT',
  enrol: 'ENROLLED',
  retire: 'RETIRED',
}

function pendingOf(status: StatusView, given: string, control: string): PendingRelease {
  const found = findId(
    given,
    status.pendingReleases.map((each) => each.id),
    'pending release',
  )
  if (typeof found !== 'string') throw new CommandFailure(EXIT.failed, `${control}: ${found.problem}`)
  const release = status.pendingReleases.find((each) => each.id === found)
  if (release === undefined) throw new CommandFailure(EXIT.failed, `${control}: there is no pending release ${given}`)
  return release
}
