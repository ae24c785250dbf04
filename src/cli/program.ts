// The commands: only the one that was named is loaded, since a client command must start at once.
import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { addOutputOption } from './answer-format.ts'
import type { Context, Define } from './command.ts'

interface Entry {
  readonly summary: string
  /** For scripts of the shell, not for people. */
  readonly isHidden?: true
  readonly load: () => Promise<{ define: Define }>
}

const COMMANDS: Readonly<Record<string, Entry>> = {
  serve: { summary: 'run the gateway, or check its config', load: () => import('./commands/serve.ts') },
  init: { summary: 'write a config from an OpenAPI document', load: () => import('./commands/init.ts') },
  status: { summary: 'show what is locked, and who has proven it', load: () => import('./commands/status.ts') },
  freeze: { summary: 'lock everything, now', load: () => import('./commands/freeze.ts') },
  lock: { summary: 'lock a part: routes, tags, callers, people', load: () => import('./commands/lock.ts') },
  release: {
    summary: 'propose to release locks; another person approves',
    load: () => import('./commands/release.ts'),
  },
  approve: { summary: 'approve what another person proposed', load: () => import('./commands/approve.ts') },
  exempt: { summary: 'let a part of what is locked pass for a while', load: () => import('./commands/exempt.ts') },
  explain: { summary: 'say which lock decides for a request, and why', load: () => import('./commands/explain.ts') },
  impact: {
    summary: 'say what a lock would have refused in the last 15 minutes',
    load: () => import('./commands/impact.ts'),
  },
  anomalies: {
    summary: 'show what detectors of people found, and answer it',
    load: () => import('./commands/anomalies.ts'),
  },
  replay: { summary: "run recorded traffic through a config's limits", load: () => import('./commands/replay.ts') },
  simulate: {
    summary: 'mix a simulated attack into a log, or play it at your own gateway',
    load: () => import('./commands/simulate.ts'),
  },
  drill: { summary: 'rehearse a freeze, with canaries alone', load: () => import('./commands/drill.ts') },
  seal: { summary: 'sign a freeze beforehand, to be kept offline', load: () => import('./commands/seal.ts') },
  enrol: { summary: 'propose a responder, or one more key of one', load: () => import('./commands/enrol.ts') },
  retire: { summary: 'propose that a responder or a key signs no more', load: () => import('./commands/retire.ts') },
  recover: {
    summary: 'enrol a key on this host, offline, when keys are lost',
    load: () => import('./commands/recover.ts'),
  },
  sessions: { summary: 'revoke OTP sessions', load: () => import('./commands/sessions.ts') },
  otp: { summary: 'enrol authenticators of people who work with records', load: () => import('./commands/otp.ts') },
  fleet: { summary: 'found a fleet, or give up a gateway of it', load: () => import('./commands/fleet.ts') },
  doctor: { summary: 'look at what a gateway needs on this host', load: () => import('./commands/doctor.ts') },
  keygen: { summary: "make a responder's key pair", load: () => import('./commands/keygen.ts') },
  witness: { summary: 'remember the trails of gateways elsewhere', load: () => import('./commands/witness.ts') },
  certificate: {
    summary: 'fetch the proof of a lock, or check one offline',
    load: () => import('./commands/certificate.ts'),
  },
  watch: { summary: 'the state in a terminal, drawn anew each second', load: () => import('./commands/watch.ts') },
  incident: {
    summary: 'open, show, report and close an incident',
    load: () => import('./commands/incident.ts'),
  },
  audit: { summary: 'check, search, prove and export the audit trail', load: () => import('./commands/audit.ts') },
  completion: {
    summary: 'print a script by which a shell completes commands',
    load: () => import('./commands/completion.ts'),
  },
  __complete: {
    summary: 'say what can come next on a command line',
    isHidden: true,
    load: () => import('./completion/answer-shell.ts'),
  },
}

/** How the commands stand in the help: what a person in an incident looks for comes first. */
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  'A leak, now:': ['status', 'watch', 'anomalies', 'impact', 'explain', 'freeze', 'lock', 'sessions'],
  'Opening again, by two people:': ['release', 'approve', 'exempt'],
  'Afterwards:': ['incident', 'audit', 'certificate'],
  'Beforehand:': ['drill', 'seal', 'keygen', 'enrol', 'retire', 'recover', 'otp', 'replay', 'simulate'],
  'Running it:': ['serve', 'init', 'doctor', 'fleet', 'witness', 'completion'],
}

/** The whole command line; of the command that `argv` names also its options, its arguments and what it does. */
export async function createProgram(argv: readonly string[], parts: Omit<Context, 'describe'>): Promise<Command> {
  const { machine, printer } = parts
  const context: Context = { ...parts, describe: (words, quiet) => createProgram(words, { ...parts, printer: quiet }) }
  const program = new Command('portcullis')
  program
    .description('A gateway that drops the gate on every API at once, proves it, and can answer afterwards.')
    .showHelpAfterError('(see portcullis help)')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => {
        printer.document(text)
      },
      writeErr: (text) => {
        for (const line of text.trimEnd().split('\n')) printer.note(line)
      },
      getOutHasColors: () => false,
      getErrHasColors: () => false,
      ...(machine.stdout.isTTY ? { getOutHelpWidth: () => machine.stdout.columns } : { getOutHelpWidth: () => 100 }),
    })
  if (argv.includes('--version') || argv.includes('-V')) program.version(versionText(), '-V, --version')
  else program.option('-V, --version', 'print the version')
  const named = argv.find((argument) => Object.hasOwn(COMMANDS, argument))
  for (const [name, entry, group] of inGroups()) {
    const command = program.command(name, { hidden: entry.isHidden === true }).description(entry.summary)
    if (group !== undefined) command.helpGroup(group)
    command.showHelpAfterError(`(see portcullis help ${name})`)
    if (name !== named) continue
    ;(await entry.load()).define(command, context)
    addOutputOption(command)
  }
  program.addHelpText('after', '\nExit codes: 0 done, 1 failed, 2 bad usage or config, 3 not everywhere confirmed.\n')
  return program
}

/** Every command in the order of the help; those that no group names come last. */
function inGroups(): readonly (readonly [name: string, entry: Entry, group: string | undefined])[] {
  const grouped = Object.entries(GROUPS).flatMap(([group, names]) => names.map((name) => [name, group] as const))
  const groupOf = new Map(grouped)
  const place = new Map(grouped.map(([name], index) => [name, index]))
  return Object.entries(COMMANDS)
    .map(([name, entry]) => [name, entry, groupOf.get(name)] as const)
    .toSorted(([a], [b]) => (place.get(a) ?? Infinity) - (place.get(b) ?? Infinity) || 0)
}

function versionText(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest
    ? String(manifest.version)
    : 'unknown'
}
