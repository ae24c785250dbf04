// portcullis retire: a responder, or one key of one, signs no more. A commander proposes, another approves.
import type { ResponderView } from '../../ports/control-api.ts'
import { addClientOptions, createClient, type ClientFlags } from '../client.ts'
import { examples, type Context, type Define } from '../command.ts'
import { didYouMean } from '../../core/did-you-mean.ts'
import { CommandFailure, EXIT, type ExitCode } from '../failure.ts'
import { findId } from '../ids.ts'
import { checkOrder } from '../order-options.ts'
import { propose } from '../propose.ts'
import { keyText, readResponders } from '../responders.ts'

interface RetireFlags extends ClientFlags {
  readonly publicKey?: string
  readonly reason?: string
}

export const define: Define = (command, context) => {
  command
    .argument('<responder>', 'their name')
    .option('--public-key <key>', 'this one key of theirs alone, by its first 12 characters or more')
    .option('--reason <text>', 'why, for the trail')
  addClientOptions(command)
  examples(
    command,
    'portcullis retire night-desk --reason "has left"',
    'portcullis retire lead --public-key mKXHlnEtyzak --reason "the key of last year"',
  )
  command.action(async (name: string, flags: RetireFlags) => {
    context.finish(await retire(name, flags, context))
  })
}

async function retire(name: string, flags: RetireFlags, context: Context): Promise<ExitCode> {
  const { machine, printer } = context
  checkOrder({ kind: 'retire', name, reason: flags.reason })
  const client = createClient(flags, machine, printer)
  await client.key()
  const { control, responders } = await readResponders(client)
  const meant = meantBy(name, flags.publicKey, responders, control)
  const one = flags.publicKey === undefined ? undefined : meant[0]?.key
  const order = { kind: 'retire', name, reason: flags.reason, ...(one === undefined ? {} : { key: one }) }
  checkOrder(order)
  if (flags.json !== true) {
    printer.out(`To be retired at ${control}:`)
    for (const each of meant) printer.out(`  ${keyText(each)}, ${each.role}, ${each.key}`)
  }
  return propose(
    client,
    control,
    { order, done: 'RETIRED', until: 'nothing changes', json: { name, keys: meant.map(({ key }) => key) } },
    flags,
    context,
  )
}

function meantBy(
  name: string,
  publicKey: string | undefined,
  responders: readonly ResponderView[],
  control: string,
): readonly ResponderView[] {
  const theirs = responders.filter((each) => each.name === name && each.retired === undefined)
  if (theirs.length === 0) {
    const near = didYouMean(
      name,
      responders.map((each) => each.name),
    )
    throw new CommandFailure(EXIT.failed, `${control}: there is no responder ${name} who is not retired${near}`)
  }
  if (publicKey === undefined) return theirs
  const keys = theirs.map(({ key }) => key)
  const found = findId(publicKey, keys, `key of ${name}`)
  if (typeof found !== 'string') throw new CommandFailure(EXIT.failed, `${control}: ${found.problem}`)
  return theirs.filter(({ key }) => key === found)
}
