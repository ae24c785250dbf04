// portcullis audit verify: the trail, checked offline, wherever it was copied to.
import { readFileSync } from 'node:fs'
import { extname, resolve } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Command } from 'commander'
import type { Resume } from '../../audit/resume-file.ts'
import type { Verdict } from '../../audit/verify.ts'
import { examples, type Context, type Define } from '../command.ts'
import { EXIT, usageFailure, type ExitCode } from '../failure.ts'
import type { Printer } from '../print.ts'
import { repeatable } from '../repeatable.ts'
import { reasonOf } from '../signing-key.ts'

interface VerifyFlags {
  readonly key?: string
  readonly checkpoint?: readonly string[]
  readonly witness?: readonly string[]
  readonly config?: string
  readonly resume?: string
  readonly json?: boolean
}

export const define: Define = (command, context) => {
  const verify: Command = command.command('verify').description('check every byte of a trail, without a gateway')
  verify
    .argument('<dir>', "the trail's directory: audit.dir of the config, or a copy of it")
    .option('--key <vkey>', "the trail's verification key, kept elsewhere: finds a trail that was signed anew")
    .addOption(
      repeatable(
        '--checkpoint <file>',
        'a checkpoint of this trail, kept elsewhere: finds a rollback, and two histories',
      ),
    )
    .addOption(
      repeatable('--witness <key>', 'the verification key of a witness: checks that it has cosigned this history'),
    )
    .option('--config <file>', 'take the keys of the witnesses from this config')
    .option('--resume <file>', 'go on where this file says that an earlier run stood, and keep it up to date')
    .option('--json', 'print JSON')
  examples(
    verify,
    'portcullis audit verify ./data/audit',
    'portcullis audit verify ./data/audit --checkpoint /media/usb/checkpoint',
  )
  verify.action(async (dir: string, flags: VerifyFlags) => {
    context.finish(await verifyDirectory(dir, flags, context))
  })
}

/** The same place from the source and from the build. */
const THREAD = new URL(`../../audit/tile-check-thread${extname(import.meta.url)}`, import.meta.url)

/** 0 intact (a torn tail that was never acknowledged is a warning), 1 anything else. */
async function verifyDirectory(dir: string, flags: VerifyFlags, context: Context): Promise<ExitCode> {
  const { printer } = context
  const { verifyTrail } = await import('../../audit/verify.ts')
  const resume = flags.resume === undefined ? undefined : await openResume(flags.resume)
  const witness = [...(flags.witness ?? []), ...(await witnessesOf(flags.config, context))]
  const verdict = await verifyTrail(dir, {
    ...(flags.key === undefined ? {} : { vkey: flags.key }),
    ...(flags.checkpoint === undefined ? {} : { checkpoint: flags.checkpoint.map(readCheckpoint) }),
    ...(resume === undefined
      ? {}
      : { onPosition: resume.keep, ...(resume.position === undefined ? {} : { resume: resume.position }) }),
    ...(witness.length === 0 ? {} : { witness }),
    startThread: () => new Worker(THREAD),
    onProgress: (done, total) => {
      printer.progress(`${done} of ${total} entries`)
    },
  })
  printer.progress('')
  if (verdict.ok) resume?.finish()
  if (flags.json === true) printer.json({ dir, ...verdict })
  else printVerdict(printer, dir, verdict)
  return verdict.ok ? EXIT.done : EXIT.failed
}

async function witnessesOf(config: string | undefined, { machine }: Context): Promise<readonly string[]> {
  if (config === undefined) return []
  const { formatProblems } = await import('../../config/problem.ts')
  const { readConfig } = await import('../../config/read-config.ts')
  const read = await readConfig(resolve(config), machine.env, machine.now())
  if ('problems' in read) throw usageFailure(`--config: ${formatProblems(read.problems, config)}`)
  const { witnesses } = read.config.audit
  if (witnesses.length === 0) throw usageFailure(`--config ${config}: audit.witnesses names no witness`)
  return witnesses.map(({ key }) => key)
}

async function openResume(file: string): Promise<Resume> {
  const { openResumeFile } = await import('../../audit/resume-file.ts')
  try {
    return openResumeFile(file)
  } catch (error) {
    throw usageFailure(`--resume ${file}: ${reasonOf(error)}`)
  }
}

function readCheckpoint(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw usageFailure(`--checkpoint ${file}: ${reasonOf(error)}`)
  }
}

function printVerdict(printer: Printer, dir: string, verdict: Verdict): void {
  const { ok, origin, size, root, minimum, resumedFrom, unsealed, warnings, problems } = verdict
  printer.out(ok ? { style: 'green', text: 'INTACT' } : { style: 'red', text: 'NOT INTACT' }, `  ${dir}`)
  if (origin !== '') printer.out(`  log         ${origin}`)
  if (size > 0) printer.out(`  checkpoint  ${size} entries, root ${root}`)
  if (minimum > 0)
    printer.out(`  begins with entry ${minimum}: what was before has been deleted by retention, as signed`)
  if (resumedFrom > 0)
    printer.out(`  resumed     entries before ${resumedFrom} were verified by an earlier run and not read again`)
  if (unsealed > 0) printer.out(`  after it    ${unsealed} entries that are durable and under no checkpoint yet`)
  for (const { what, where } of problems)
    printer.out({ style: 'red', text: '  problem     ' }, `${placeText(where)}${what}`)
  for (const warning of warnings) printer.out({ style: 'yellow', text: '  warning     ' }, warning)
  for (const statement of [verdict.keyStatement, verdict.checkpointStatement, verdict.witnessStatement])
    if (statement !== '') printer.out(`  ${statement}`)
}

function placeText({ file, offset, index }: Verdict['problems'][number]['where']): string {
  const parts = [
    ...(file === undefined ? [] : [file]),
    ...(offset === undefined ? [] : [`byte ${offset}`]),
    ...(index === undefined ? [] : [`entry ${index}`]),
  ]
  return parts.length === 0 ? '' : `${parts.join(', ')}: `
}
