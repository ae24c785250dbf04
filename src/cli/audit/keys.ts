// portcullis audit keys: the keys by which people are named in the trail: a new one from a day on, all of them put away, and brought back.
import { randomBytes } from 'node:crypto'
import { readFileSync, renameSync } from 'node:fs'
import type { Command } from 'commander'
import { examples, type Context, type Define } from '../command.ts'
import { CommandFailure, EXIT, usageFailure, type ExitCode } from '../failure.ts'
import { putIntoEscrow, takeFromEscrow } from '../escrow.ts'
import { newPassphrase, passphraseFor } from '../passphrase.ts'
import { reasonOf } from '../signing-key.ts'
import { writeOnce } from '../write-once.ts'

const DAY_MS = 86_400_000

export const define: Define = (command, context) => {
  const keys: Command = command
    .command('keys')
    .description('the keys by which people are named: rotate them, put them into escrow, bring them back')
  const rotate = keys.command('rotate').description('add a key that counts from a day on, at the next start after it')
  rotate
    .argument('<file>', 'audit.pseudonyms.keyFile of the config')
    .option('--from <day>', 'the day (UTC) from which on it counts, as in 2027-01-01 (default: tomorrow)')
  examples(rotate, 'portcullis audit keys rotate ./data/pseudonym.key --from 2027-01-01')
  rotate.action(async (file: string, flags: { readonly from?: string }) => {
    context.finish(await addKey(file, flags.from, context))
  })
  const escrow = keys
    .command('escrow')
    .description('write all keys, under a passphrase, to be kept apart from the trail')
  escrow
    .argument('<file>', 'audit.pseudonyms.keyFile of the config')
    .requiredOption('--out <file>', 'where the escrow goes')
  examples(escrow, 'portcullis audit keys escrow ./data/pseudonym.key --out /media/safe/pseudonym.escrow')
  escrow.action(async (file: string, flags: { readonly out: string }) => {
    context.finish(await putAway(file, flags.out, context))
  })
  const restore = keys.command('restore').description('bring keys back from an escrow')
  restore.argument('<escrow>', 'what "audit keys escrow" wrote').requiredOption('--out <file>', 'the key file')
  examples(restore, 'portcullis audit keys restore /media/safe/pseudonym.escrow --out ./pseudonym.key')
  restore.action(async (file: string, flags: { readonly out: string }) => {
    context.finish(await bringBack(file, flags.out, context))
  })
  keys.addHelpText('after', '\nExample:\n  portcullis audit keys rotate ./data/pseudonym.key --from 2027-01-01\n')
}

interface Ring {
  readonly text: string
  readonly keys: readonly { readonly id: string; readonly from: number }[]
}

async function readRing(file: string, { machine }: Context): Promise<Ring> {
  try {
    const text = readFileSync(file, 'utf8')
    return { text, keys: (await machine.forensics()).readKeyRing(text) }
  } catch (error) {
    throw usageFailure(`${file}: ${reasonOf(error)}`)
  }
}

async function addKey(file: string, from: string | undefined, context: Context): Promise<ExitCode> {
  const { machine, printer } = context
  const { text, keys } = await readRing(file, context)
  const day = from ?? new Date(machine.now() + DAY_MS).toISOString().slice(0, 10)
  const time = /^\d{4}-\d{2}-\d{2}$/.test(day) ? Date.parse(day) : Number.NaN
  if (Number.isNaN(time)) throw usageFailure(`--from ${day}: give a day, as in 2027-01-01`)
  const last = keys.reduce((latest, each) => Math.max(latest, each.from), 0)
  if (time <= last)
    throw usageFailure(`--from ${day}: the last key counts from ${new Date(last).toISOString().slice(0, 10)} on`)
  // Whole or not at all: half a key file would keep the gateway from starting.
  const draft = `${file}.${randomBytes(6).toString('hex')}.new`
  writeOnce(draft, `${text.trimEnd()}\n${(await machine.forensics()).newPseudonymLine(day)}`, 'stands in the way')
  try {
    renameSync(draft, file)
  } catch (error) {
    throw new CommandFailure(EXIT.failed, `${file}: ${reasonOf(error)}`)
  }
  const added = (await readRing(file, context)).keys.at(-1)
  printer.out({ style: 'green', text: 'ADDED' }, `  key ${added?.id ?? ''}, from ${day} on`)
  printer.out('  It counts from the first start on or after that day, unless a lock names people by the key before.')
  printer.out('  In a fleet all have this one file: put it everywhere, and restart all. Then put it into escrow.')
  return EXIT.done
}

async function putAway(file: string, out: string, context: Context): Promise<ExitCode> {
  const { machine, printer } = context
  const { text, keys } = await readRing(file, context)
  const label = `pseudonym keys ${keys.map(({ id }) => id).join(' ')}`
  writeOnce(out, putIntoEscrow(text, label, await newPassphrase(machine)), 'no escrow is overwritten')
  printer.out({ style: 'green', text: 'WRITTEN' }, `  ${keys.length} keys into ${out}: ${label}`)
  printer.out(
    '  Whoever has it and the passphrase can tell whether a name in the trail is a certain person: keep both apart.',
  )
  return EXIT.done
}

async function bringBack(file: string, out: string, context: Context): Promise<ExitCode> {
  const { machine, printer } = context
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw usageFailure(`${file}: ${reasonOf(error)}`)
  }
  const secret = takeFromEscrow(text, await passphraseFor(machine, file))
  if (typeof secret !== 'string') throw new CommandFailure(EXIT.failed, `${file}: ${secret.problem}`)
  const keys = (await machine.forensics()).readKeyRing(secret)
  writeOnce(out, secret, 'no key file is overwritten')
  printer.out({ style: 'green', text: 'RESTORED' }, `  ${keys.length} keys: ${keys.map(({ id }) => id).join(' ')}`)
  return EXIT.done
}
