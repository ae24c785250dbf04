// portcullis certificate: fetches the proof of a lock, and checks one offline, years later and far from any gateway.
import { readFileSync, writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { parseVkey } from '../../audit/note.ts'
import type { KnownResponder } from '../../audit/ordered-text.ts'
import { verifyCertificate, type CertificateVerdict } from '../../audit/verify-certificate.ts'
import { addClientOptions, createClient, type ClientFlags } from '../client.ts'
import { examples, type Context, type Define } from '../command.ts'
import { CommandFailure, EXIT, usageFailure, type ExitCode } from '../failure.ts'
import { printCertificate } from '../print-certificate.ts'
import { repeatable } from '../repeatable.ts'
import { orderIdOf, reasonOf } from '../signing-key.ts'

interface VerifyFlags {
  readonly key?: readonly string[]
  readonly keys?: string
  readonly order?: string
  readonly responder?: readonly string[]
  readonly json?: boolean
}

interface ShowFlags extends ClientFlags {
  readonly out?: string
}

export const define: Define = (command, context) => {
  defineVerify(command, context)
  const show = command.command('show').description('fetch the certificate of an epoch from a gateway')
  show
    .argument('<epoch>', 'the epoch that the order was answered with')
    .option('--out <file>', 'write it there, to be kept and verified')
  addClientOptions(show)
  examples(show, 'portcullis certificate show 7 --out certificate-7.json')
  show.action(async (epoch: string, flags: ShowFlags) => {
    context.finish(await showCertificate(epoch, flags, context))
  })
}

function defineVerify(command: Command, context: Context): void {
  const check = command.command('verify').description('check every signature of a certificate, without a gateway')
  check
    .argument('<file>', 'the certificate: JSON, as certificate show and GET /api/v1/certificates/EPOCH give it')
    .addOption(
      repeatable(
        '--key <key>',
        "a gateway's key, kept elsewhere: its vkey (portcullis status --json) or raw, base64url",
      ),
    )
    .option('--keys <file>', 'a file of such keys, one a line; # begins a comment')
    .option('--order <file>', 'the order itself (JWS): checks that it is the one that was proven')
    .addOption(
      repeatable(
        '--responder <name=key>',
        'who may have ordered it, and their public key (the line that keygen prints): checks their signature under the order',
      ),
    )
    .option('--json', 'print JSON')
  examples(
    check,
    'portcullis certificate verify certificate-7.json --keys gateways.keys',
    'portcullis certificate verify certificate-7.json --keys gateways.keys --responder night-desk=BASE64URL',
    'portcullis certificate verify certificate-7.json --key portcullis/gateway-0a1b2c3d4e5f+ab12cd34+AQ...',
  )
  check.action((file: string, flags: VerifyFlags) => {
    context.finish(verifyFile(file, flags, context))
  })
}

/** 0: all signatures hold, all keys are pinned, nobody is missing; 3: they hold, and the rest does not; 1: something does not hold. */
function verifyFile(file: string, flags: VerifyFlags, { printer }: Context): ExitCode {
  const pins = [...(flags.key ?? []), ...(flags.keys === undefined ? [] : linesOf(flags.keys))].map(pinOf)
  const verdict = verifyCertificate(readJson(file), pins, (flags.responder ?? []).map(responderOf))
  if ('problem' in verdict) throw new CommandFailure(EXIT.failed, `${file}: ${verdict.problem}`)
  const order = flags.order === undefined ? undefined : orderIdOf(readText(flags.order, '--order').trim())
  const isOther = order !== undefined && !verdict.orders.includes(order)
  const found: CertificateVerdict = isOther
    ? {
        ...verdict,
        ok: false,
        isComplete: false,
        problems: [
          ...verdict.problems,
          `the order in ${flags.order ?? ''} has the id ${order}, and is not what was proven`,
        ],
      }
    : verdict
  if (flags.json === true) printer.json({ file, ...found })
  else printCertificate(printer, file, found, order)
  if (!found.ok) return EXIT.failed
  return found.isComplete ? EXIT.done : EXIT.unconfirmed
}

function pinOf(text: string): string {
  if (/^[A-Za-z0-9_-]{43}$/.test(text)) return text
  const key = parseVkey(text)
  if ('problem' in key)
    throw usageFailure(
      `"${text.slice(0, 60)}" is no key of a gateway: give its vkey (portcullis status --json shows audit.vkey), or the 43 characters of its raw key`,
    )
  return Buffer.from(key.publicKeyRaw).toString('base64url')
}

function responderOf(text: string): KnownResponder {
  const at = text.lastIndexOf('=')
  const [kid, key] = [text.slice(0, Math.max(0, at)), text.slice(at + 1)]
  if (kid === '' || !/^[A-Za-z0-9_-]{43}$/.test(key))
    throw usageFailure(
      `"${text.slice(0, 60)}" names no responder: give NAME=KEY, the name that signs and the 43 characters of the public key`,
    )
  return { kid, key }
}

function linesOf(file: string): readonly string[] {
  return readText(file, '--keys')
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== '')
}

function readJson(file: string): unknown {
  const text = readText(file, 'the certificate')
  try {
    return JSON.parse(text)
  } catch {
    throw new CommandFailure(
      EXIT.failed,
      `${file}: this is no JSON: a certificate is what portcullis certificate show writes`,
    )
  }
}

function readText(file: string, what: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw usageFailure(`${what} ${file}: ${reasonOf(error)}`)
  }
}

async function showCertificate(epoch: string, flags: ShowFlags, { machine, printer }: Context): Promise<ExitCode> {
  if (!/^\d{1,15}$/.test(epoch))
    throw usageFailure(`"${epoch}" is no epoch: give the number that the order was answered with`)
  const { body } = await createClient(flags, machine, printer).read(`/api/v1/certificates/${epoch}`)
  if (flags.out === undefined) {
    printer.json(body)
    return EXIT.done
  }
  try {
    writeFileSync(flags.out, `${JSON.stringify(body, null, 2)}\n`, { flag: 'wx' })
  } catch (error) {
    const isThere = error instanceof Error && 'code' in error && error.code === 'EEXIST'
    throw new CommandFailure(
      EXIT.failed,
      isThere ? `${flags.out} exists: take another name` : `${flags.out}: ${reasonOf(error)}`,
    )
  }
  printer.out(`${flags.out}: check it with portcullis certificate verify ${flags.out} --keys FILE`)
  return EXIT.done
}
