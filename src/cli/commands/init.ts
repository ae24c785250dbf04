// portcullis init: a config from an OpenAPI document, to be read and then served.
import { writeFileSync } from 'node:fs'
import { examples, type Context, type Define } from '../command.ts'
import { CommandFailure, EXIT, usageFailure, type ExitCode } from '../failure.ts'
import { reasonOf } from '../signing-key.ts'

interface InitFlags {
  readonly openapi: string
  readonly upstream?: string
  readonly out?: string
  readonly force?: boolean
  readonly json?: boolean
}

export const define: Define = (command, context) => {
  command
    .requiredOption('--openapi <spec>', 'an OpenAPI 3 or Swagger 2 document, YAML or JSON')
    .option('--upstream <url>', 'where the API runs (else what the document says)')
    .option('--out <file>', 'where the config is written (else stdout)')
    .option('--force', 'overwrite the file')
    .option('--json', 'print JSON: the config as a text, and the warnings')
  examples(command, 'portcullis init --openapi openapi.yaml --upstream http://127.0.0.1:9000 --out portcullis.yaml')
  command.action(async (flags: InitFlags) => {
    context.finish(await init(flags, context))
  })
}

async function init(flags: InitFlags, { printer }: Context): Promise<ExitCode> {
  const { configFromOpenApi } = await import('../../config/openapi.ts')
  const { formatProblems } = await import('../../config/problem.ts')
  const { readText } = await import('../../config/read-config.ts')
  const text = await readText(flags.openapi)
  if (typeof text !== 'string') throw usageFailure(`${flags.openapi}: ${text.problem}`)
  const made = configFromOpenApi(text, {
    file: flags.openapi,
    ...(flags.upstream === undefined ? {} : { upstream: flags.upstream }),
  })
  if ('problems' in made) throw usageFailure(...formatProblems(made.problems, flags.openapi).split('\n'))
  for (const warning of made.warnings) printer.note({ style: 'yellow', text: `${flags.openapi}: ${warning}` })
  if (flags.out !== undefined) write(flags.out, made.yaml, flags.force === true)
  if (flags.json === true) printer.json({ file: flags.out ?? null, config: made.yaml, warnings: made.warnings })
  else if (flags.out === undefined) printer.document(made.yaml)
  else printer.out(`${flags.out} is written; next: portcullis serve --config ${flags.out} --check`)
  return EXIT.done
}

function write(file: string, text: string, overwrite: boolean): void {
  try {
    writeFileSync(file, text, { flag: overwrite ? 'w' : 'wx' })
  } catch (error) {
    const exists = error instanceof Error && 'code' in error && error.code === 'EEXIST'
    throw new CommandFailure(
      EXIT.failed,
      exists ? `${file} exists: overwrite it with --force, or take another name` : `${file}: ${reasonOf(error)}`,
    )
  }
}
