// portcullis doctor: looks at everything that a gateway needs on this host, and says what to mend. It changes nothing.
import { resolve } from 'node:path'
import type { Config } from '../../config/config.ts'
import { checkDisk } from '../checkup/disk.ts'
import { bad, well, type Finding } from '../checkup/finding.ts'
import { checkClock, checkListeners, checkStore, checkUpstreams } from '../checkup/network.ts'
import { checkSecrets } from '../checkup/secrets.ts'
import { examples, type Context, type Define } from '../command.ts'
import { parseControls } from '../control-address.ts'
import { EXIT, type ExitCode } from '../failure.ts'
import type { Segment } from '../print.ts'
import { repeatable } from '../repeatable.ts'

interface DoctorFlags {
  readonly config: string
  readonly control?: readonly string[]
  readonly json?: boolean
}

export const define: Define = (command, context) => {
  command
    .requiredOption('--config <file>', 'the configuration, YAML or JSON')
    .addOption(repeatable('--control <url>', 'the control plane of another machine, to compare clocks with'))
    .option('--json', 'print JSON')
  examples(
    command,
    'portcullis doctor --config portcullis.yaml',
    'portcullis doctor --config portcullis.yaml --control https://10.0.0.5:9080',
  )
  command.action(async (flags: DoctorFlags) => {
    context.finish(await examine(flags, context))
  })
}

/** 0: nothing has to be mended; 1: something has; 2: the config itself is wrong. */
async function examine(flags: DoctorFlags, { machine, printer }: Context): Promise<ExitCode> {
  const others = flags.control === undefined ? [] : parseControls(flags.control, undefined)
  const { readConfig } = await import('../../config/read-config.ts')
  const read = await readConfig(resolve(flags.config), machine.env, machine.now())
  const findings =
    'problems' in read
      ? configFindings(flags.config, read.problems)
      : await findingsOf(read.config, others, machine.now)
  if (flags.json === true) printer.json({ file: flags.config, findings })
  else for (const finding of findings) printer.out(...lineOf(finding))
  const toMend = findings.filter(({ is }) => is === 'bad').length
  if (flags.json !== true)
    printer.out(
      toMend === 0 ? { style: 'green', text: 'WELL' } : { style: 'red', text: `${toMend} TO MEND` },
      `  ${findings.length} looked at`,
    )
  if ('problems' in read) return EXIT.usage
  return toMend === 0 ? EXIT.done : EXIT.failed
}

function configFindings(
  file: string,
  problems: readonly { readonly line: number; readonly path: string; readonly message: string }[],
): readonly Finding[] {
  return problems.map(({ line, path, message }) =>
    bad(
      'config',
      `${file}${line === 0 ? '' : `:${line}`}: ${path} ${message}`,
      'mend the file: nothing else was looked at',
    ),
  )
}

async function findingsOf(config: Config, others: readonly string[], now: () => number): Promise<readonly Finding[]> {
  const { routes, control } = config
  const people = control.responders.length
  return [
    well('config', `${config.file}: ${routes.length} routes, ${Object.keys(config.upstreams).length} upstreams`),
    people === 0
      ? bad(
          'control.responders',
          'nobody can give an order',
          'portcullis keygen NAME makes a key and prints the line for the config',
        )
      : well('control.responders', `${people} responders, ${control.releaseApprovals} signatures to release`),
    ...checkDisk(config, now),
    ...checkSecrets(config, now()),
    ...(await checkListeners(config)),
    ...(await checkStore(config)),
    ...(await checkUpstreams(config)),
    ...(await checkClock(others, now)),
  ]
}

const MARKS = {
  well: { style: 'green', text: 'well     ' },
  doubtful: { style: 'yellow', text: 'doubtful ' },
  bad: { style: 'red', text: 'MEND     ' },
} as const

function lineOf({ is, of, text, mend }: Finding): readonly Segment[] {
  return [MARKS[is], ` ${of}  `, text, ...(mend === undefined ? [] : [`: ${mend}`])]
}
