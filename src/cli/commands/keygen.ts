// portcullis keygen: a responder's key pair. The private half never leaves its file; the public half is a line of the config.
import { generateKeyPairSync } from 'node:crypto'
import { closeSync, fchmodSync, fsyncSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { Option } from 'commander'
import { ROLES } from '../../core/responder.ts'
import { examples, type Context, type Define } from '../command.ts'
import { CommandFailure, EXIT, usageFailure, type ExitCode } from '../failure.ts'
import { reasonOf } from '../signing-key.ts'

interface KeygenFlags {
  readonly role: string
  readonly out: string
  readonly json?: boolean
}

export const define: Define = (command, context) => {
  command
    .argument('<name>', 'the name of the responder, as it stands in the config and in orders')
    .addOption(new Option('--role <role>', 'what they may do').choices([...ROLES]).default('responder'))
    .option('--out <dir>', 'where NAME.key is written', '.')
    .option('--json', 'print JSON')
  examples(
    command,
    'portcullis keygen night-desk',
    'portcullis keygen lead --role commander --out /etc/portcullis/keys',
  )
  command.action((name: string, flags: KeygenFlags) => {
    context.finish(keygen(name, flags, context))
  })
}

// It names a file and stands in YAML and in a JWS header.
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

function keygen(name: string, flags: KeygenFlags, { printer }: Context): ExitCode {
  if (!NAME.test(name))
    throw usageFailure(
      `"${name}" is no name for a responder: letters, digits, dot, dash and underscore, at most 64, the first a letter or digit`,
    )
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const key = publicKey.export({ format: 'jwk' }).x ?? ''
  const file = join(flags.out, `${name}.key`)
  writeOnce(file, privateKey.export({ format: 'pem', type: 'pkcs8' }))
  if (flags.json === true) printer.json({ name, role: flags.role, key, file })
  else {
    printer.note(`${file} is your private key: keep it, nobody else needs it. This line goes under control.responders:`)
    printer.out(`- { name: ${name}, role: ${flags.role}, key: "${key}" }`)
  }
  return EXIT.done
}

/** Mode 0600 whatever the umask, on disk before the public half is shown; an existing file is never touched. */
function writeOnce(file: string, text: string): void {
  let descriptor: number
  try {
    descriptor = openSync(file, 'wx', 0o600)
  } catch (error) {
    const exists = error instanceof Error && 'code' in error && error.code === 'EEXIST'
    throw new CommandFailure(
      EXIT.failed,
      exists
        ? `${file} exists, and a key is never overwritten: take another name, or --out DIR`
        : `${file}: ${reasonOf(error)}`,
    )
  }
  try {
    fchmodSync(descriptor, 0o600)
    writeSync(descriptor, text)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
