// How a command searches: offline in a directory, with a line in the log beside it, or through the control plane, which records it.
import type { Command } from 'commander'
import type { Context } from '../command.ts'
import { CommandFailure, usageFailure } from '../failure.ts'
import { repeatable } from '../repeatable.ts'
import type { AccessFlags, TrailAccess, TrailAction, Trails } from './trails.ts'
import { DIR_OPTION } from './where.ts'

export function addAccessOptions(command: Command): Command {
  return command
    .option(...DIR_OPTION)
    .addOption(repeatable('--also-dir <dir>', 'with --dir: the trail of another gateway of the fleet, as one with it'))
    .option('--alone', 'ask the control planes that are named, and not the rest of their fleet')
    .option('--index-dir <dir>', 'with --dir: the index, as portcullis audit index makes it (default: DIR.index)')
    .option('--no-index', 'with --dir: read the trail itself, slowly')
    .option(
      '--access-log <file>',
      'with --dir: where this use is recorded (default: DIR.access.ndjson, beside the trail)',
    )
}

/** Records the use of each before anything is shown. Throws CommandFailure where it cannot be recorded, or nobody can be asked. */
export async function openTrails(
  flags: AccessFlags,
  action: TrailAction,
  query: object,
  context: Context,
): Promise<Trails> {
  const dirs = dirsOf(flags)
  if (dirs.length === 0) return (await import('./remote-trails.ts')).openRemote(flags, context)
  const { openOffline, refuseSameTrail } = await import('./offline-trail.ts')
  await refuseSameTrail(dirs)
  const trails: TrailAccess[] = []
  const close = async (results: number): Promise<void> => {
    for (const trail of trails) await trail.close(results)
  }
  try {
    for (const dir of dirs) trails.push(await openOffline(dir, flags, action, query, context))
  } catch (error) {
    await close(0)
    throw error
  }
  return { trails, missing: [], close }
}

/** None where a control plane is asked. */
export function dirsOf({ dir, alsoDir = [], index, indexDir, keys }: AccessFlags): readonly string[] {
  if (alsoDir.length === 0) return dir === undefined ? [] : [dir]
  if (dir === undefined) throw usageFailure('--also-dir goes with --dir: the first trail')
  if (indexDir !== undefined && index !== false)
    throw usageFailure('--index-dir names one index: with --also-dir each trail has its own beside it')
  if (keys !== undefined)
    throw usageFailure('--keys names the keys of one trail: with --also-dir each has its own beside it')
  return [dir, ...alsoDir]
}

/**
 * What a control plane of several refuses or loses makes it a missing one, and the others are asked all the same; where it is the only
 * one the command ends with it.
 */
export async function orMissing<T>(
  { trails, missing }: Trails,
  trail: TrailAccess,
  ask: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await ask()
  } catch (error) {
    // A directory that cannot be read ends the command: it is here to be mended.
    if (!(error instanceof CommandFailure) || trails.length === 1 || trail.known === undefined) throw error
    missing.push({ ...trail.known, why: error.lines.join('; ') })
    return undefined
  }
}
