// portcullis status: one screen for a responder, one document for a script.
import { addClientOptions, createClient, type ClientFlags } from '../client.ts'
import { examples, type Define } from '../command.ts'
import { EXIT } from '../failure.ts'
import { printStatus } from '../print-status.ts'
import { readStatus } from '../release-order.ts'

export const define: Define = (command, context) => {
  addClientOptions(command)
  examples(
    command,
    'portcullis status --control https://gateway.example:9080 --key night-desk.key',
    'portcullis status --json | jq .frozen',
  )
  command.action(async (flags: ClientFlags) => {
    const { control, status } = await readStatus(createClient(flags, context.machine, context.printer))
    if (flags.json === true) context.printer.json({ control, ...status })
    else printStatus(context.printer, control, status)
    context.finish(EXIT.done)
  })
}
