// portcullis keygen: a responder's key pair. The private half never leaves its file; the public half is a line of the config.
import { generateKeyPairSync } from 'node:crypto'
import { join } from 'node:path'
import { Option } from 'commander'
import { ROLES } from '../../core/responder.ts'
import { examples, type Context, type Define } from '../command.ts'
import { EXIT, usageFailure, type ExitCode } from '../failure.ts'
import { newPassphrase } from '../passphrase.ts'
import { protectKey } from '../protected-key.ts'
import { writeOnce } from '../write-once.ts'

interface KeygenFlags {
  readonly role: string
  readonly out: string
  readonly passphrase?: boolean
  readonly json?: boolean
}

export const define: Define = (command, context) => {
  command
    .argument('<name>', 'the name of the responder, as in the config and in orders; NAME#ID for one more key of theirs')
    .addOption(new Option('--role <role>', 'what they may do').choices([...ROLES]).default('responder'))
    .option('--passphrase', 'put the key under a passphrase: asked for twice, or taken from PORTCULLIS_PASSPHRASE')
    .option('--out <dir>', 'where NAME.key is written', '.')
    .option('--json', 'print JSON')
  examples(
    command,
    'portcullis keygen night-desk',
    'portcullis keygen lead --role commander --passphrase --out /etc/portcullis/keys',
    'portcullis keygen lead#2027 --role commander        a new key, to be enrolled beside the old one',
  )
  command.action(async (name: string, flags: KeygenFlags) => {
    context.finish(await keygen(name, flags, context))
  })
}

// It names a file and stands in YAML and in a JWS header.
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}(?:#[A-Za-z0-9][A-Za-z0-9._-]{0,63})?$/

async function keygen(name: string, flags: KeygenFlags, { printer, machine }: Context): Promise<ExitCode> {
  if (!NAME.test(name))
    throw usageFailure(
      `"${name}" is no name for a responder: letters, digits, dot, dash and underscore, at most 64, the first a letter or digit`,
    )
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const key = publicKey.export({ format: 'jwk' }).x ?? ''
  const file = join(flags.out, `${name}.key`)
  const pem =
    flags.passphrase === true
      ? protectKey(privateKey, await newPassphrase(machine))
      : privateKey.export({ format: 'pem', type: 'pkcs8' })
  writeOnce(file, pem, 'a key is never overwritten: take another name, or --out DIR')
  if (flags.json === true) printer.json({ name, role: flags.role, key, file })
  else {
    const [person = name, keyId] = name.split('#')
    const where = keyId === undefined ? 'goes under control.responders' : 'has a commander enrol it'
    printer.note(`${file} is your private key: keep it, nobody else needs it. This line ${where}:`)
    printer.out(
      keyId === undefined
        ? `- { name: ${person}, role: ${flags.role}, key: "${key}" }`
        : `portcullis enrol ${person} --key-id ${keyId} --role ${flags.role} --public-key ${key} --reason TEXT`,
    )
  }
  return EXIT.done
}
