// portcullis drill: rehearses a freeze on the real path, with a lock that only canaries meet.
import { addClientOptions, createClient, type ClientFlags } from '../client.ts'
import { examples, type Context, type Define } from '../command.ts'
import { deliver, deliveryJson, exitCodeOf } from '../deliver.ts'
import type { ExitCode } from '../failure.ts'
import { addWaitOption, checkOrder, waitOf } from '../order-options.ts'
import { printAccepted, printShortfall } from '../print-delivery.ts'

interface DrillFlags extends ClientFlags {
  readonly reason?: string
  readonly wait?: string | true
}

export const define: Define = (command, context) => {
  command.option('--reason <text>', 'what it is for, for the trail')
  addWaitOption(command)
  addClientOptions(command)
  examples(command, 'portcullis drill --key night-desk.key', 'portcullis drill --json | jq .confirmed')
  command.action(async (flags: DrillFlags) => {
    context.finish(await drill(flags, context))
  })
}

/** It always waits: a drill that proves nothing is none. */
async function drill(flags: DrillFlags, { machine, printer }: Context): Promise<ExitCode> {
  const order = { kind: 'drill', ...(flags.reason === undefined ? {} : { reason: flags.reason }) }
  checkOrder(order)
  const client = createClient(flags, machine, printer)
  const signed = await client.sign(order)
  const deliveries = await deliver(client, signed, waitOf(flags.wait ?? true))
  if (flags.json === true) printer.json(deliveryJson(signed, deliveries, true))
  else printAccepted(printer, { done: 'DRILLED', reach: 'canaries only', id: signed.id, incident: 'DRILL' }, deliveries)
  printShortfall(printer, 'NOT DRILLED', deliveries, true)
  return exitCodeOf(deliveries, true)
}
