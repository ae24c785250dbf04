// portcullis exempt: lets a part of what is locked pass for a while. A commander proposes, another approves.
import { addClientOptions, createClient, type ClientFlags } from '../client.ts'
import { examples, type Context, type Define } from '../command.ts'
import { usageFailure, type ExitCode } from '../failure.ts'
import { checkOrder } from '../order-options.ts'
import { pseudonymsOf } from '../people.ts'
import { printLocks } from '../print-status.ts'
import { propose } from '../propose.ts'
import { readIdentifiers } from '../questions.ts'
import { readStatus, seenOf } from '../release-order.ts'
import { addScopeOptions, PEOPLE, personFlagOf, scopeOf, scopeText, type ScopeFlags } from '../scope-options.ts'
import { chosenOf } from './release.ts'

interface ExemptFlags extends ClientFlags, ScopeFlags {
  readonly ttl?: string
  readonly reason?: string
}

export const define: Define = (command, context) => {
  command
    .argument('<lock-ids...>', 'the locks that it goes through, by id or by its first 12 characters or more')
    .option('--ttl <duration>', 'how long, such as 2h, at most 24h; then the locks are whole again')
    .option('--reason <text>', 'why it must pass, for the trail')
  addScopeOptions(command)
  addClientOptions(command)
  examples(
    command,
    'portcullis exempt 3vQm0yXb9zQd --route hospital.health --ttl 4h --reason "probes of the hospital"',
    'portcullis exempt 3vQm0yXb9zQd --client clinic-7 --method GET --ttl 1h --reason "surgery list"',
  )
  command.action(async (ids: readonly string[], flags: ExemptFlags) => {
    context.finish(await exempt(ids, flags, context))
  })
}

async function exempt(ids: readonly string[], flags: ExemptFlags, context: Context): Promise<ExitCode> {
  const { machine, printer } = context
  const named = scopeOf(flags)
  const person = personFlagOf(flags)
  if (named === undefined && person === undefined)
    throw usageFailure('say what passes: --route, --client, --cidr, ...; what opens a lock whole is portcullis release')
  const order = (scope: object, locks: readonly string[], seen: object = {}): Readonly<Record<string, unknown>> => ({
    kind: 'exempt',
    locks,
    scope,
    reason: flags.reason,
    ttl: flags.ttl,
    ...seen,
  })
  // Every other flag is judged before anybody has to type identifiers.
  checkOrder(order(named ?? { routes: ['any'] }, ids))
  const client = createClient(flags, machine, printer)
  await client.key()
  const { control, status } = await readStatus(client)
  const locks = chosenOf(status, ids)
  const scope =
    person === undefined
      ? (named ?? {})
      : {
          ...named,
          [PEOPLE[person].dimension]: await pseudonymsOf(
            client,
            printer,
            person,
            await readIdentifiers(machine, PEOPLE[person].what),
          ),
        }
  const chosen = locks.map((lock) => lock.id)
  const signed = order(scope, chosen, seenOf(status))
  checkOrder(signed)
  if (flags.json !== true) {
    printer.out(`To pass at ${control} for ${flags.ttl ?? ''}: ${scopeText(scope)}, through`)
    printLocks(printer, locks, Date.parse(status.now))
  }
  return propose(
    client,
    control,
    { order: signed, done: 'EXEMPT', until: 'it stays locked', json: { locks: chosen, scope } },
    flags,
    context,
  )
}
