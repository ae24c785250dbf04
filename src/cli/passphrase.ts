// The passphrase of a key: asked for without echo, or given by PORTCULLIS_PASSPHRASE, never on the command line.
import { usageFailure } from './failure.ts'
import type { Machine } from './machine.ts'
import { askHidden, isAttended } from './questions.ts'

type Asked = Pick<Machine, 'env' | 'stdin' | 'stderr'>

/** A shorter one can be guessed from a copy of the file, whatever scrypt costs. */
const PASSPHRASE_LENGTH_MIN = 12

/** Opens the key in `file`. Throws CommandFailure (2) where nobody can be asked. */
export async function passphraseFor(machine: Asked, file: string): Promise<string> {
  const given = machine.env.PORTCULLIS_PASSPHRASE
  if (given !== undefined && given !== '') return given
  if (isAttended(machine)) return askHidden(machine, `Passphrase of ${file}: `)
  throw usageFailure(`${file}: the key has a passphrase, and nobody can be asked: set PORTCULLIS_PASSPHRASE`)
}

/** For a new key: typed twice. */
export async function newPassphrase(machine: Asked): Promise<string> {
  const given = machine.env.PORTCULLIS_PASSPHRASE
  const attended = isAttended(machine)
  if ((given === undefined || given === '') && !attended)
    throw usageFailure('--passphrase asks for one, and nobody can be asked: set PORTCULLIS_PASSPHRASE')
  const typed = given !== undefined && given !== '' ? given : await askHidden(machine, 'New passphrase: ')
  if (typed.length < PASSPHRASE_LENGTH_MIN)
    throw usageFailure(`the passphrase has ${typed.length} characters: give at least ${PASSPHRASE_LENGTH_MIN}`)
  if (typed !== given && (await askHidden(machine, 'The same again: ')) !== typed)
    throw usageFailure('the two passphrases differ: nothing was written')
  return typed
}
