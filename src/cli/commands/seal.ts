// portcullis seal: a freeze that is signed beforehand and kept offline, as a file and as a printed page. It works once.
import { join } from 'node:path'
import { parseDuration, parseInstant, type Instant } from '../../core/time.ts'
import { readNamedKey, type ClientFlags } from '../client.ts'
import { examples, type Context, type Define } from '../command.ts'
import { EXIT, usageFailure, type ExitCode } from '../failure.ts'
import { bothTimes } from '../moments.ts'
import { addReasonOptions, checkOrder, type ReasonFlags } from '../order-options.ts'
import { createQrCode, qrLines, qrSvg } from '../qr-code.ts'
import { sealedPage } from '../sealed-page.ts'
import { signOrder } from '../signing-key.ts'
import { writeOnce } from '../write-once.ts'

interface SealFlags extends Pick<ClientFlags, 'key' | 'as' | 'json'>, ReasonFlags {
  readonly validFor?: string
  readonly from?: string
  readonly fleet?: string
  readonly out: string
  readonly qr?: boolean
}

export const define: Define = (command, context) => {
  command
    .argument('[name]', 'names the files', 'sealed-freeze')
    .option('--valid-for <duration>', 'how long it can be used, such as 90d; at most 400d')
    .option('--from <time>', 'from when on (RFC 3339; now unless said)')
    .option('--fleet <name>', "the fleet's name, where there is one: its gateways take no order without it")
    .option('--out <dir>', 'where NAME.jws and NAME.html are written', '.')
    .option('--qr', 'show the code on the terminal too')
    .option('--key <file>', 'your private key (else PORTCULLIS_KEY)')
    .option('--as <name>', "your name as a responder, with #ID where the key has one (else the key file's name)")
    .option('--json', 'print JSON')
  addReasonOptions(command)
  examples(
    command,
    'portcullis seal --reason "opened the envelope" --incident ENVELOPE-1 --valid-for 90d --key lead.key',
    'portcullis seal safe-2 --reason "opened the safe" --incident ENVELOPE-2 --valid-for 365d --fleet cowin-prod --qr',
  )
  command.action(async (name: string, flags: SealFlags) => {
    context.finish(await seal(name, flags, context))
  })
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/
const DAY_MS = 86_400_000

async function seal(name: string, flags: SealFlags, { machine, printer }: Context): Promise<ExitCode> {
  if (!NAME.test(name)) throw usageFailure(`"${name}" is no name for the files: letters, digits, dot, dash, underscore`)
  const { reason, incident, fleet } = flags
  const order = { kind: 'lock', scope: { all: true }, reason, incident }
  checkOrder(order)
  const { from, until } = times(flags, machine.now())
  const key = await readNamedKey(flags, machine)
  const moment = { now: machine.now(), uniqueId: machine.uniqueId() }
  const claims = { sealed: true, nbf: Math.floor(from / 1000), exp: Math.floor(until / 1000) }
  const signed = await signOrder(key, order, moment, { ...claims, ...(fleet === undefined ? {} : { aud: fleet }) })
  const code = await createQrCode(signed.jws)
  const [file, page] = [join(flags.out, `${name}.jws`), join(flags.out, `${name}.html`)]
  const exists = 'an envelope is never overwritten: take another name, or --out DIR'
  writeOnce(file, `${signed.jws}\n`, exists)
  const svg = qrSvg(code, 'The order as a QR code')
  const facts = { ...signed, kid: key.kid, reason: reason ?? '', incident: incident ?? '', from, until, fleet }
  writeOnce(page, sealedPage({ ...facts, svg, file: `${name}.jws` }), exists)
  if (flags.json === true) {
    const at = (instant: Instant): string => new Date(instant).toISOString()
    printer.json({ id: signed.id, file, page, by: key.kid, from: at(from), until: at(until), incident })
    return EXIT.done
  }
  printer.out({ style: 'bold', text: 'SEALED' }, `  a freeze of everything, signed by ${key.kid}`)
  printer.out('  id        ', signed.id)
  printer.out('  holds     ', `${bothTimes(from)} to ${bothTimes(until)}`)
  printer.out('  file      ', `${file}: put into <store.dir>/orders/ of any one gateway it freezes, once`)
  printer.out('  page      ', `${page}: print it, and keep it in an envelope`)
  if (flags.qr === true) for (const line of qrLines(code)) printer.out(line)
  return EXIT.done
}

function times(flags: SealFlags, now: Instant): { readonly from: Instant; readonly until: Instant } {
  if (flags.validFor === undefined) throw usageFailure('--valid-for is required: how long it can be used, such as 90d')
  const forMs = parseDuration(flags.validFor) ?? 0
  if (forMs < 60_000 || forMs > 400 * DAY_MS)
    throw usageFailure(`--valid-for ${flags.validFor}: give a duration such as 90d, from 1m to 400d`)
  const from = flags.from === undefined ? now : parseInstant(flags.from)
  if (from === undefined) throw usageFailure(`--from ${flags.from}: give an RFC 3339 time such as 2026-01-02T10:00:00Z`)
  return { from, until: from + forMs }
}
