// portcullis otp enrol, list, remove: authenticators (RFC 6238) of people who work with records, in the file that the gateway reads.
import type { Command } from 'commander'
import { accessSync, constants, existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { formatProblems } from '../../config/problem.ts'
import { readConfig } from '../../config/read-config.ts'
import { examples, type Context, type Define } from '../command.ts'
import { CommandFailure, EXIT, usageFailure, type ExitCode } from '../failure.ts'
import { createQrCode, qrLines } from '../qr-code.ts'
import { ask, isAttended } from '../questions.ts'

interface Flags {
  readonly config?: string
  readonly file?: string
  readonly json?: boolean
}
interface EnrolFlags extends Flags {
  readonly issuer?: string
  readonly replace?: boolean
}

export const define: Define = (command, context) => {
  const enrol = addWhere(command.command('enrol').description('make a secret, show it to a phone, and add the account'))
  enrol
    .argument('<account>', 'the name that they log in with')
    .option('--issuer <name>', 'what the phone shows it under (else the host of otp.issuer)')
    .option('--replace', 'give an account that is there another secret: the old one counts no more')
  examples(
    enrol,
    'portcullis otp enrol asha --config portcullis.yaml',
    'portcullis otp enrol asha --file /etc/portcullis/totp.json --replace',
    'portcullis otp enrol asha --config portcullis.yaml --json | jq -r .uri | qrencode -o asha.png',
  )
  enrol.action(async (account: string, flags: EnrolFlags) => {
    context.finish(await enrolAccount(account, flags, context))
  })
  const list = addWhere(command.command('list').description('show who has an account; no secret is shown'))
  examples(list, 'portcullis otp list --config portcullis.yaml')
  list.action(async (flags: Flags) => {
    context.finish(await listAll(flags, context))
  })
  const remove = addWhere(command.command('remove').description('take an account away'))
  remove.argument('<account>', 'whose')
  examples(remove, 'portcullis otp remove asha --config portcullis.yaml')
  remove.action(async (account: string, flags: Flags) => {
    context.finish(await removeOne(account, flags, context))
  })
}

function addWhere(command: Command): Command {
  return command
    .option('--config <file>', 'the config whose otp.totp.file it is')
    .option('--file <file>', 'the file itself, where no config is at hand')
    .option('--json', 'print JSON')
}

/** It is typed on a phone, and shown by an authenticator, where a colon parts issuer and account. */
const ACCOUNT = /^[\p{L}\p{N}][\p{L}\p{N}._@+-]{0,63}$/u
const TRIES = 3

async function enrolAccount(account: string, flags: EnrolFlags, { machine, printer }: Context): Promise<ExitCode> {
  checkName(account)
  const { file, issuer } = await placeOf(flags, machine.env)
  const { startEnrolment, listAccounts } = await machine.authenticators()
  const isKnown = existsSync(file) && orFail(() => listAccounts(file)).includes(account)
  if (isKnown && flags.replace !== true)
    throw new CommandFailure(
      EXIT.failed,
      `${account} has an account in ${file}: say --replace to give it another secret`,
    )
  const shown = flags.issuer ?? issuer ?? 'Portcullis'
  if (shown.includes(':')) throw usageFailure(`--issuer ${shown}: without a colon, which parts it from the account`)
  const enrolment = startEnrolment(file, account, shown)
  const isAsked = flags.json !== true && isAttended(machine)
  if (isAsked) {
    checkFolder(file)
    await show(enrolment.uri, printer)
    await confirm(enrolment, file, { machine, printer })
  }
  orFail(() => {
    enrolment.write()
  })
  if (flags.json === true) printer.json({ account, file, uri: enrolment.uri, replaced: isKnown })
  else {
    if (!isAsked) await show(enrolment.uri, printer)
    printer.note(`${account} is in ${file}; a gateway that runs knows it from now on.`)
  }
  return EXIT.done
}

async function show(uri: string, printer: Context['printer']): Promise<void> {
  for (const line of qrLines(await createQrCode(uri))) printer.out(line)
  printer.out(uri)
  printer.note('Scan it with an authenticator. Whoever has seen it has the account: it is not shown again.')
}

/** Before a phone has scanned what could not be kept. */
function checkFolder(file: string): void {
  try {
    accessSync(dirname(file), constants.W_OK)
  } catch {
    throw new CommandFailure(EXIT.failed, `${file}: cannot be written: is its folder there, and yours to write to?`)
  }
}

/** A phone that has not got it would keep its owner out: nothing is written before it has shown a code. */
async function confirm(
  enrolment: { isCode(code: string, now: number): boolean },
  file: string,
  { machine, printer }: Pick<Context, 'machine' | 'printer'>,
): Promise<void> {
  for (let tried = 1; tried <= TRIES; tried++) {
    const code = (await ask(machine, 'The code that it shows now: ')).replaceAll(' ', '')
    if (enrolment.isCode(code, machine.now())) return
    if (tried < TRIES) printer.note('That is not it: is the clock of the phone right, and of this machine?')
  }
  throw new CommandFailure(EXIT.failed, `no right code in ${TRIES} tries: ${file} was not changed`)
}

async function listAll(flags: Flags, { machine, printer }: Context): Promise<ExitCode> {
  const { file } = await placeOf(flags, machine.env)
  const { listAccounts } = await machine.authenticators()
  const accounts = orFail(() => listAccounts(file))
  if (flags.json === true) printer.json({ file, accounts })
  else for (const account of accounts) printer.out(account)
  return EXIT.done
}

async function removeOne(account: string, flags: Flags, { machine, printer }: Context): Promise<ExitCode> {
  const { file } = await placeOf(flags, machine.env)
  const { removeAccount } = await machine.authenticators()
  if (!orFail(() => removeAccount(file, account)))
    throw new CommandFailure(EXIT.failed, `there is no ${account} in ${file}: portcullis otp list shows who is`)
  if (flags.json === true) printer.json({ account, file })
  else
    printer.note(
      `${account} can open no more sessions. Those that are open go on until they end: portcullis sessions revoke --subject.`,
    )
  return EXIT.done
}

function checkName(account: string): void {
  if (ACCOUNT.test(account)) return
  throw usageFailure(
    `"${account}" is no name for an account: letters, digits, and . _ @ + - after the first; at most 64`,
  )
}

async function placeOf(
  { config, file }: Flags,
  env: Context['machine']['env'],
): Promise<{ readonly file: string; readonly issuer?: string }> {
  if ((config === undefined) === (file === undefined))
    throw usageFailure('say --config FILE, or --file FILE for the accounts themselves: one of the two')
  if (file !== undefined) return { file }
  const read = await readConfig(resolve(config ?? ''), env)
  if (!('config' in read)) throw usageFailure(...formatProblems(read.problems, config ?? '').split('\n'))
  const { otp } = read.config
  if (otp?.totp === undefined)
    throw usageFailure(
      `${config ?? ''} has no accounts: name their file in it, as in otp: { totp: { file: ./totp.json } }`,
    )
  return { file: otp.totp.file, issuer: URL.canParse(otp.issuer) ? new URL(otp.issuer).host : otp.issuer }
}

/** What the file is told to be wrong with is a line for whoever can mend it. */
function orFail<T>(run: () => T): T {
  try {
    return run()
  } catch (error) {
    throw new CommandFailure(EXIT.failed, error instanceof Error ? error.message : String(error))
  }
}
