// portcullis audit retention: what a trail still has, what was deleted, and that nothing younger was.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { examples, type Context, type Define } from '../command.ts'
import { CommandFailure, EXIT, type ExitCode } from '../failure.ts'
import { bothTimes, spanText } from '../moments.ts'
import { checkDir } from './where.ts'

interface RetentionFlags {
  readonly prove?: boolean
  readonly key?: string
  readonly json?: boolean
}

export const define: Define = (command, context) => {
  const retention: Command = command
    .command('retention')
    .description('say how far back a trail goes, and prove what retention has deleted')
  retention
    .argument('<dir>', "the trail's directory: audit.dir of the config, or a copy of it")
    .option(
      '--prove',
      'check the signed statement of what was deleted, and the proof of the oldest record that is left',
    )
    .option('--key <vkey>', "the trail's verification key, kept elsewhere")
    .option('--json', 'print JSON')
  examples(retention, 'portcullis audit retention ./data/audit --prove --key VKEY')
  retention.action(async (dir: string, flags: RetentionFlags) => {
    context.finish(await showRetention(dir, flags, context))
  })
}

async function showRetention(dir: string, flags: RetentionFlags, { machine, printer }: Context): Promise<ExitCode> {
  checkDir(dir)
  const { proveRetention } = await import('../../audit/retention-proof.ts')
  const file = join(dir, 'vkey')
  const vkey = flags.key ?? (existsSync(file) ? readFileSync(file, 'utf8').trim() : '')
  const state = await proveRetention(dir, vkey).catch((error: unknown) => {
    throw new CommandFailure(EXIT.failed, `${dir}: ${error instanceof Error ? error.message : String(error)}`)
  })
  const isFine = flags.prove !== true || state.problems.length === 0
  if (flags.json === true) {
    printer.json({ dir, ok: isFine, keyGiven: flags.key !== undefined, ...state })
    return isFine ? EXIT.done : EXIT.failed
  }
  const { minimum, size, oldest, deleted } = state
  printer.out(`${size - minimum} of ${size} entries are here, from entry ${minimum} on`)
  if (oldest !== undefined) printer.out(`  oldest   ${bothTimes(oldest)}, ${spanText(machine.now() - oldest)} ago`)
  if (deleted === undefined) printer.out('  deleted  nothing')
  else
    printer.out(
      `  deleted  ${minimum} entries, all older than ${bothTimes(deleted.before)}; decided ${bothTimes(deleted.at)}`,
    )
  if (flags.prove !== true) return EXIT.done
  if (isFine)
    printer.out(
      { style: 'green', text: 'PROVEN' },
      '  the statement is signed, and the oldest entry is proven under the checkpoint',
    )
  for (const problem of state.problems) printer.out({ style: 'red', text: 'NOT PROVEN' }, `  ${problem}`)
  if (flags.key === undefined)
    printer.out('  No key was given: the signatures were checked with the key that lies in the trail itself.')
  return isFine ? EXIT.done : EXIT.failed
}
