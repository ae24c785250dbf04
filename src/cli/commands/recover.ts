// portcullis recover: when the keys are lost. Offline, on the host, for its one gateway, and never in silence.
import { Option } from 'commander'
import { ROLES } from '../../core/responder.ts'
import { examples, type Context, type Define } from '../command.ts'
import { CommandFailure, EXIT, usageFailure, type ExitCode } from '../failure.ts'
import { checkOrder } from '../order-options.ts'
import { abandoned, ask, isAttended } from '../questions.ts'

interface RecoverFlags {
  readonly config: string
  readonly publicKey?: string
  readonly keyId?: string
  readonly role: string
  readonly reason?: string
  readonly yes?: boolean
  readonly json?: boolean
}

export const define: Define = (command, context) => {
  command
    .argument('<name>', 'the name of the responder')
    .requiredOption('--config <file>', "the gateway's configuration; the gateway must be stopped")
    .option('--public-key <key>', 'the new public key, the 43 characters that portcullis keygen prints')
    .option('--key-id <id>', 'tells this key from others of the same name: the kid is then NAME#ID')
    .addOption(new Option('--role <role>', 'what they may do').choices([...ROLES]).default('commander'))
    .option('--reason <text>', 'why, for the trail')
    .option('--yes', 'do not ask')
    .option('--json', 'print JSON')
  examples(
    command,
    'portcullis recover lead --key-id 2027 --public-key CvTu...hbhI --reason "safe burnt down" --config portcullis.yaml',
  )
  command.addHelpText(
    'after',
    '\nA release takes two people here too: run it once for each of them. Other gateways do not learn of it.\n',
  )
  command.action(async (name: string, flags: RecoverFlags) => {
    context.finish(await recover(name, flags, context))
  })
}

async function recover(name: string, flags: RecoverFlags, { machine, printer }: Context): Promise<ExitCode> {
  const { role, publicKey, keyId, reason } = flags
  const id = keyId === undefined ? {} : { keyId }
  checkOrder({ kind: 'enrol', name, role, key: publicKey, ...id, reason })
  if (publicKey === undefined || reason === undefined) throw usageFailure('--public-key and --reason are required')
  const kid = keyId === undefined ? name : `${name}#${keyId}`
  if (flags.yes !== true && flags.json !== true && isAttended(machine)) {
    const typed = await ask(
      machine,
      `Enrol ${kid} as ${role} on this host alone, also for locks in force. Type RECOVER: `,
    )
    if (typed.toUpperCase() !== 'RECOVER') throw abandoned()
  }
  const done = await machine.recover({
    configFile: flags.config,
    responder: { name, role, key: publicKey, ...id },
    reason,
  })
  if ('problems' in done) throw new CommandFailure(EXIT.failed, ...done.problems)
  if (flags.json === true) printer.json({ id: done.id, gateway: done.gateway, responder: kid, role })
  else {
    printer.out({ style: 'red', text: 'RECOVERED' }, `  ${kid} is enrolled at ${done.gateway}, and nowhere else`)
    printer.out('  id        ', done.id)
    printer.out('  next      ', 'start the gateway: trail, log and status tell of it until the key is retired')
  }
  return EXIT.done
}
