// portcullis enrol: one more responder, or one more key of one. A commander proposes, another approves.
import { Option } from 'commander'
import { ROLES } from '../../core/responder.ts'
import { addClientOptions, createClient, type ClientFlags } from '../client.ts'
import { examples, type Context, type Define } from '../command.ts'
import type { ExitCode } from '../failure.ts'
import { checkOrder } from '../order-options.ts'
import { propose } from '../propose.ts'
import { keyText, readResponders } from '../responders.ts'

interface EnrolFlags extends ClientFlags {
  readonly role: string
  readonly publicKey?: string
  readonly keyId?: string
  readonly reason?: string
}

export const define: Define = (command, context) => {
  command
    .argument('<name>', 'the name of the responder')
    .addOption(new Option('--role <role>', 'what they may do').choices([...ROLES]).default('responder'))
    .option(
      '--public-key <key>',
      'their public key: the 43 characters that portcullis keygen prints, or a passkey as the console prints it',
    )
    .option('--key-id <id>', 'tells this key from others of the same name: the kid is then NAME#ID')
    .option('--reason <text>', 'why, for the trail')
  addClientOptions(command)
  examples(
    command,
    'portcullis enrol new-desk --public-key mKXH...nJdA --reason "joins the night shift"',
    'portcullis enrol lead --key-id 2027 --role commander --public-key CvTu...hbhI --reason "yearly change of keys"',
  )
  command.action(async (name: string, flags: EnrolFlags) => {
    context.finish(await enrol(name, flags, context))
  })
}

async function enrol(name: string, flags: EnrolFlags, context: Context): Promise<ExitCode> {
  const { machine, printer } = context
  const { role, publicKey, keyId, reason } = flags
  const order = { kind: 'enrol', name, role, key: publicKey, reason, ...(keyId === undefined ? {} : { keyId }) }
  checkOrder(order)
  const client = createClient(flags, machine, printer)
  await client.key()
  const { control, responders } = await readResponders(client)
  const others = responders.filter((each) => each.name === name && each.retired === undefined)
  if (flags.json !== true) {
    printer.out(
      `To be enrolled at ${control}: ${keyText({ name, ...(keyId === undefined ? {} : { keyId }) })}, ${role}`,
    )
    printer.out(`  key       ${publicKey ?? ''}`)
    for (const other of others)
      printer.out(
        `  beside    ${keyText(other)}, ${other.key}; it is retired with: portcullis retire ${name} --public-key ${other.key} --reason TEXT`,
      )
  }
  return propose(
    client,
    control,
    { order, done: 'ENROLLED', until: 'the key opens and locks nothing', json: { name, role, key: publicKey } },
    flags,
    context,
  )
}
