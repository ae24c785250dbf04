// portcullis witness: a small server on another host, which remembers how far each gateway's trail has come.
import { examples, type Context, type Define } from '../command.ts'
import { CommandFailure, EXIT, usageFailure, type ExitCode } from '../failure.ts'
import { repeatable } from '../repeatable.ts'

interface WitnessFlags {
  readonly dir: string
  readonly name: string
  readonly listen: string
  readonly log?: readonly string[]
  readonly json?: boolean
}

export const define: Define = (command, context) => {
  command
    .requiredOption('--dir <dir>', 'where it keeps its key and what it has seen; made at first start')
    .requiredOption('--name <name>', 'its name in cosignatures, as in witness.example.in: no spaces, no "+"')
    .option('--listen <host:port>', 'where it is asked', '127.0.0.1:9180')
    .addOption(repeatable('--log <vkey>', "a trail's verification key: portcullis status --json, .audit.vkey"))
    .option('--json', 'print JSON')
  examples(
    command,
    'portcullis witness --dir ./witness --name witness.example.in --log "$(portcullis status --json | jq -r .audit.vkey)"',
  )
  command.addHelpText(
    'after',
    '\nPut its URL and the key that it prints into audit.witnesses of the gateway. Run it on another host.\n',
  )
  command.action(async (flags: WitnessFlags) => {
    context.finish(await run(flags, context))
  })
}

async function run(flags: WitnessFlags, { machine, printer }: Context): Promise<ExitCode> {
  const [, host, port] = /^(?:\[?([^[\]]+?)\]?):(\d{1,5})$/.exec(flags.listen) ?? []
  if (host === undefined || Number(port) > 65_535)
    throw usageFailure('--listen is a host and a port, as in 127.0.0.1:9180')
  const { log: logs = [] } = flags
  if (logs.length === 0) throw usageFailure('--log is missing: whose trail shall it witness?')
  const problems = await machine.witness({
    dir: flags.dir,
    name: flags.name,
    host,
    port: Number(port),
    logs,
    onReady: ({ vkey, port: listening }) => {
      if (flags.json === true) printer.json({ vkey, port: listening })
      else {
        printer.out({ style: 'green', text: 'WITNESSING' }, `  ${logs.length} logs, at port ${listening}`)
        printer.out('  key       ', vkey)
      }
    },
    onFailure: (problem) => {
      printer.note({ style: 'red', text: problem })
    },
  })
  if (problems.length > 0) throw new CommandFailure(EXIT.usage, ...problems)
  return EXIT.done
}
