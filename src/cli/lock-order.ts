// freeze and lock: from flags and questions to a signed lock order at every control plane.
import { Option, type Command } from 'commander'
import { LOCK_MODES } from '../core/lock.ts'
import { LOCK_STATUSES } from '../core/order.ts'
import type { LockScope } from '../core/scope.ts'
import { createClient, type Client, type ClientFlags } from './client.ts'
import type { Context } from './command.ts'
import { acceptedOf, deliver, deliveryJson, exitCodeOf, failedOf, type Delivery } from './deliver.ts'
import { usageFailure, type ExitCode } from './failure.ts'
import { incidentAt } from './moments.ts'
import { checkOrder, waitOf, type ReasonFlags } from './order-options.ts'
import { pseudonymsOf } from './people.ts'
import { printAccepted, printShortfall } from './print-delivery.ts'
import { abandoned, ask, isAttended, readIdentifiers } from './questions.ts'
import { PEOPLE, personFlagOf, scopeOf, scopeText, type ScopeFlags } from './scope-options.ts'

export interface LockFlags extends ClientFlags, ScopeFlags, ReasonFlags {
  readonly mode?: string
  readonly limit?: string
  readonly ttl?: string
  readonly onExpiry?: string
  readonly status?: string
  readonly messageEn?: string
  readonly messageHi?: string
  readonly wait?: string | true
}

export function addExpiryOptions(command: Command): Command {
  return command
    .option('--ttl <duration>', 'how long, such as 2h; after it the lock does what --on-expiry says')
    .addOption(new Option('--on-expiry <what>', 'when the time is over').choices(['stay', 'read-only', 'open']))
    .addOption(
      new Option('--status <code>', 'status of the refusal (503 unless said)').choices(LOCK_STATUSES.map(String)),
    )
    .option('--message-en <text>', 'what callers are told, in English')
    .option('--message-hi <text>', 'what callers are told, in Hindi')
}

export function addModeOptions(command: Command): Command {
  return command
    .addOption(new Option('--mode <mode>', 'what is refused (deny unless said)').choices([...LOCK_MODES]))
    .option('--limit <rate>', 'with --mode throttle: requests allowed, such as 6/m')
}

/** Orders the lock. Without scope flags it reaches `whole`, where the command has one. */
export async function orderLock(flags: LockFlags, context: Context, whole: LockScope | undefined): Promise<ExitCode> {
  const { machine, printer } = context
  const named = scopeOf(flags)
  const person = personFlagOf(flags)
  const narrowest = named ?? (person === undefined ? whole : {})
  if (narrowest === undefined)
    throw usageFailure(
      'say what to lock: --route, --tag, --client, --subject, ...; to lock everything: portcullis freeze',
    )
  const client = createClient(flags, machine, printer)
  await client.key()
  const reason = flags.reason ?? (await askTwice(context, client, narrowest))
  const incident = flags.incident ?? incidentAt(machine.now())
  const order = (scope: LockScope): Readonly<Record<string, unknown>> => orderOf(flags, scope, reason, incident)
  // Every other flag is judged before anybody has to type identifiers.
  checkOrder(order({ all: true }))
  const identifiers = person === undefined ? [] : await readIdentifiers(machine, PEOPLE[person].what)
  const scope =
    person === undefined
      ? narrowest
      : { ...named, [PEOPLE[person].dimension]: await pseudonymsOf(client, printer, person, identifiers) }
  checkOrder(order(scope))

  const signed = await client.sign(order(scope))
  const wait = waitOf(flags.wait)
  if (wait !== undefined && machine.stderr.isTTY)
    printer.note({ style: 'dim', text: `waiting up to ${wait.text} for the proof` })
  const deliveries = await deliver(client, signed, wait)
  tell(flags, { scope, id: signed.id, incident }, deliveries, context)
  if (flags.json === true)
    printer.json({ ...deliveryJson(signed, deliveries, wait !== undefined), mode: modeOf(flags), scope, incident })
  return exitCodeOf(deliveries, wait !== undefined)
}

function tell(
  flags: LockFlags,
  { scope, id, incident }: { readonly scope: LockScope; readonly id: string; readonly incident: string },
  deliveries: readonly Delivery[],
  { printer }: Context,
): void {
  const mode = modeOf(flags)
  const done = mode === 'deny' && scope.all === true ? 'FROZEN' : `LOCKED ${mode}`
  if (flags.json !== true)
    printAccepted(printer, { done, reach: scopeText(scope), id, incident, undo: nextSteps(mode, id) }, deliveries)
  printShortfall(printer, `NOT ${done}`, deliveries, flags.wait !== undefined)
  if (done === 'FROZEN' && acceptedOf(deliveries).length === 0 && failedOf(deliveries).every((each) => each.isUnheard))
    printer.note(WITHOUT_CONTROL)
}

const modeOf = ({ mode = 'deny' }: LockFlags): string => mode

const WITHOUT_CONTROL =
  'Where no control plane answers: name another gateway with --control URL, or on a host of the gateway put an empty file named FREEZE into its store.dir.'

function nextSteps(mode: string, id: string): readonly string[] {
  if (mode === 'observe') return [`to see what it meets: portcullis impact --lock ${id}`]
  return [
    `to open it again: portcullis release ${id} --reason TEXT, which another person approves`,
    `pressed in error: within a minute you take it back alone, with --withdraw beside that`,
  ]
}

function orderOf(
  flags: LockFlags,
  scope: LockScope,
  reason: string,
  incident: string,
): Readonly<Record<string, unknown>> {
  const message = {
    ...(flags.messageEn === undefined ? {} : { en: flags.messageEn }),
    ...(flags.messageHi === undefined ? {} : { hi: flags.messageHi }),
  }
  return {
    kind: 'lock',
    scope,
    reason,
    incident,
    ...(flags.mode === undefined ? {} : { mode: flags.mode }),
    ...(flags.limit === undefined ? {} : { limit: flags.limit }),
    ...(flags.ttl === undefined ? {} : { ttl: flags.ttl }),
    ...(flags.onExpiry === undefined ? {} : { onExpiry: flags.onExpiry }),
    ...(flags.status === undefined ? {} : { status: Number(flags.status) }),
    ...(Object.keys(message).length === 0 ? {} : { message }),
  }
}

/** Without --reason a person is asked why, and then to type the word: two questions, and the second cannot be answered by habit. */
async function askTwice({ machine }: Context, client: Client, scope: LockScope): Promise<string> {
  if (!isAttended(machine)) throw usageFailure('--reason is required where nobody can be asked: say why, for the trail')
  const everything = scope.all === true
  const reach = everything ? 'EVERYTHING' : scopeText(scope)
  const reason = await ask(machine, `Lock ${reach} at ${client.controls.join(', ')}. Why? (empty: do nothing) `)
  if (reason === '') throw abandoned()
  const word = everything ? 'FREEZE' : 'LOCK'
  const typed = await ask(machine, `Type ${word} to do it: `)
  if (typed.toUpperCase() !== word) throw abandoned()
  return reason
}
