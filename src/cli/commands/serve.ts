// portcullis serve: the gateway itself, or a look at its config without starting anything.
import { resolve } from 'node:path'
import { examples, type Context, type Define } from '../command.ts'
import { EXIT, usageFailure, type ExitCode } from '../failure.ts'

interface ServeFlags {
  readonly config: string
  readonly check?: boolean
  readonly json?: boolean
}

export const define: Define = (command, context) => {
  command
    .requiredOption('--config <file>', 'the configuration, YAML or JSON')
    .option('--check', 'check the configuration, start nothing')
    .option('--json', 'with --check: print JSON')
  examples(command, 'portcullis serve --config portcullis.yaml', 'portcullis serve --config portcullis.yaml --check')
  command.action(async (flags: ServeFlags) => {
    if (flags.json === true && flags.check !== true) throw usageFailure('--json goes with --check')
    context.finish(
      flags.check === true
        ? await checkConfig(flags, context)
        : await context.machine.serve({ configFile: flags.config }),
    )
  })
}

/** Every problem at once, as `file:line:column: what`, exit 2; else one line that says what the config makes. */
async function checkConfig(flags: ServeFlags, { machine, printer }: Context): Promise<ExitCode> {
  const { formatProblems } = await import('../../config/problem.ts')
  const { readConfig } = await import('../../config/read-config.ts')
  const read = await readConfig(resolve(flags.config), machine.env, machine.now())
  if ('problems' in read) {
    if (flags.json === true) printer.json({ ok: false, file: flags.config, problems: read.problems })
    for (const line of formatProblems(read.problems, flags.config).split('\n')) printer.note(line)
    return EXIT.usage
  }
  const { config } = read
  const upstreams = Object.keys(config.upstreams)
  const issuers = config.session.issuers.map((each) => each.issuer)
  if (flags.json === true) {
    const responders = config.control.responders.map(({ name, role }) => ({ name, role }))
    printer.json({
      ok: true,
      file: flags.config,
      problems: [],
      routes: config.routes.map((route) => route.id),
      upstreams,
      issuers,
      responders,
    })
  } else {
    const counts = [
      counted(config.routes.length, 'route'),
      counted(upstreams.length, 'upstream'),
      counted(issuers.length, 'issuer'),
      counted(config.control.responders.length, 'responder'),
    ]
    printer.out(`${flags.config}: no problems; ${counts.join(', ')}`)
  }
  return EXIT.done
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}
