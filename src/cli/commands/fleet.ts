// portcullis fleet: founds a fleet, and gives up a gateway that is gone for good. A commander's word.
import { addClientOptions, createClient, type ClientFlags } from '../client.ts'
import { examples, type Context, type Define } from '../command.ts'
import { acceptedOf, deliver, deliveryJson, exitCodeOf } from '../deliver.ts'
import type { ExitCode } from '../failure.ts'
import { checkOrder } from '../order-options.ts'
import { printShortfall } from '../print-delivery.ts'

interface FleetFlags extends ClientFlags {
  readonly reason?: string
}

export const define: Define = (command, context) => {
  const genesis = command
    .command('genesis')
    .description('found the fleet, once: until then its gateways serve nothing that is to be frozen when stale')
    .option('--reason <text>', 'why, for the trail')
  addClientOptions(genesis)
  genesis.action(async (flags: FleetFlags) => {
    context.finish(await give({ kind: 'genesis', reason: flags.reason }, 'FOUNDED', flags, context))
  })
  const forget = command
    .command('forget')
    .description('give up a gateway that will not come back: the others no longer wait for it')
    .argument('<gateway>', 'its name, as portcullis status has it')
    .option('--reason <text>', 'why, for the trail')
  addClientOptions(forget)
  forget.action(async (gateway: string, flags: FleetFlags) => {
    context.finish(await give({ kind: 'forget', gateway, reason: flags.reason }, 'FORGOTTEN', flags, context))
  })
  examples(
    command,
    'portcullis fleet genesis --reason "the fleet of the registry" --key lead.key',
    'portcullis fleet forget portcullis/gateway-0123456789ab --reason "its host has burnt down"',
  )
}

/** One control plane is enough: the gateway passes it on. */
async function give(
  order: Readonly<Record<string, unknown>>,
  done: string,
  flags: FleetFlags,
  { machine, printer }: Context,
): Promise<ExitCode> {
  checkOrder(order)
  const client = createClient(flags, machine, printer)
  const signed = await client.sign(order)
  const deliveries = await deliver(client, signed, undefined)
  if (flags.json === true) printer.json(deliveryJson(signed, deliveries, false))
  for (const { control, accepted } of acceptedOf(deliveries))
    if (flags.json !== true) printer.out({ style: 'green', text: done }, `  at ${control}, epoch ${accepted.epoch}`)
  printShortfall(printer, `NOT ${done}`, deliveries, false)
  return exitCodeOf(deliveries, false)
}
