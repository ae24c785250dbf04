// Where a command reads the trail: a directory (audit.dir, or a copy of it anywhere), else a control plane.
import { statSync } from 'node:fs'
import { usageFailure } from '../failure.ts'
import { reasonOf } from '../signing-key.ts'

export const DIR_OPTION = [
  '--dir <dir>',
  'read the trail in this directory (audit.dir of the config, or a copy), without a gateway; else ask the control plane',
] as const

/** Throws CommandFailure (2) where it is no directory. */
export function checkDir(dir: string): string {
  let problem: string | undefined
  try {
    if (!statSync(dir).isDirectory()) problem = 'this is no directory'
  } catch (error) {
    problem = reasonOf(error)
  }
  if (problem !== undefined) throw usageFailure(`${dir}: ${problem}: name the directory of a trail`)
  return dir
}
