// portcullis audit index: builds the index that makes search fast, from the trail, beside it.
import { join } from 'node:path'
import type { Command } from 'commander'
import { examples, type Context, type Define } from '../command.ts'
import { CommandFailure, EXIT, usageFailure, type ExitCode } from '../failure.ts'
import { reasonOf } from '../signing-key.ts'
import { openIndexForBuilding } from './offline-trail.ts'
import { indexDirOf } from './trails.ts'
import { checkDir } from './where.ts'

interface IndexFlags {
  readonly indexDir?: string
  readonly json?: boolean
}

export const define: Define = (command, context) => {
  const index: Command = command
    .command('index')
    .description('build the index of a trail, or bring it up to date; a gateway does that by itself')
  index
    .argument('<dir...>', "the trail's directory: audit.dir of the config, or a copy of it; several of a fleet")
    .option('--index-dir <dir>', 'where it goes (default: DIR.index, beside the trail)')
    .option('--json', 'print JSON')
  examples(index, 'portcullis audit index ./data/audit')
  index.action(async (dirs: readonly string[], flags: IndexFlags) => {
    if (dirs.length > 1 && flags.indexDir !== undefined)
      throw usageFailure('--index-dir names one index: of several trails each has its own beside it')
    for (const dir of dirs) checkDir(dir)
    let code: ExitCode = EXIT.done
    for (const dir of dirs) code = await buildIndexOf(dir, flags, context)
    context.finish(code)
  })
}

async function buildIndexOf(dir: string, flags: IndexFlags, context: Context): Promise<ExitCode> {
  const { printer } = context
  const { buildIndex, readIndexState } = await import('../../audit/search/build-index.ts')
  const index = await openIndexForBuilding(dir, flags, context)
  try {
    const added = await buildIndex(dir, index, join(indexDirOf(dir, flags), `build-${process.pid}.lines`), {
      onProgress: (done, total) => {
        printer.progress(`${done} of ${total} entries`)
      },
    })
    printer.progress('')
    const { files, extent } = await readIndexState(dir, index)
    const indexed = files.reduce((sum, { from, to }) => sum + to - from, 0)
    if (flags.json === true) printer.json({ dir, indexDir: indexDirOf(dir, flags), added, indexed, size: extent.size })
    else
      printer.out(
        `${indexed} of ${extent.size} entries are in the index, ${added} of them new; the rest is read as it is`,
      )
    return EXIT.done
  } catch (error) {
    throw new CommandFailure(EXIT.failed, `the index could not be built: ${reasonOf(error)}`)
  } finally {
    index.close()
  }
}
