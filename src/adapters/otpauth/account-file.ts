// The file of authenticators' accounts: read by the gateway, written by `portcullis otp`, never by hand unless somebody likes to.
import {
  chownSync,
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { Secret } from 'otpauth'

/** RFC 4226, 4: 128 bits at least. */
const SECRET_BYTES_MIN = 16

/** Secrets by account. Throws an Error of one line that names the file, never what it holds. */
export function readAccounts(file: string): ReadonlyMap<string, Secret> {
  let text: string
  try {
    if ((statSync(file).mode & 0o077) !== 0) throw new Error('others can read it: chmod 600 it')
    text = readFileSync(file, 'utf8')
  } catch (error) {
    const isOurs = error instanceof Error && !('code' in error)
    throw new Error(`otp.totp.file ${file}: ${isOurs ? error.message : 'cannot be read'}`)
  }
  const accounts = accountsOf(text)
  if (accounts === undefined)
    throw new Error(`otp.totp.file ${file}: is not { "accounts": { "asha": { "secret": "BASE32" } } }`)
  return new Map(Object.entries(accounts).map(([name, entry]) => [name, secretOf(file, name, entry)]))
}

function accountsOf(text: string): object | undefined {
  try {
    const { accounts } = JSON.parse(text) as { accounts?: unknown }
    return typeof accounts === 'object' && accounts !== null ? accounts : undefined
  } catch {
    return undefined
  }
}

function secretOf(file: string, name: string, entry: unknown): Secret {
  const { secret } = (entry ?? {}) as { secret?: unknown }
  try {
    const parsed = Secret.fromBase32(typeof secret === 'string' ? secret : '!')
    if (parsed.bytes.length >= SECRET_BYTES_MIN) return parsed
  } catch {
    // Told below.
  }
  throw new Error(`otp.totp.file ${file}: the secret of ${name} is not base32 of ${SECRET_BYTES_MIN} bytes or more`)
}

/**
 * Writes what `change` makes of the accounts: whole or not at all, 0600, for the user that the file or its folder belongs to, so
 * that a gateway that is no root still reads what root has enrolled. Throws an Error of one line.
 */
export function changeAccounts(
  file: string,
  change: (accounts: ReadonlyMap<string, Secret>) => ReadonlyMap<string, Secret>,
): void {
  const draft = `${file}.new`
  const descriptor = openDraft(file, draft)
  try {
    const next = change(isThere(file) ? readAccounts(file) : new Map())
    const accounts = Object.fromEntries([...next].map(([name, secret]) => [name, { secret: secret.base32 }]))
    writeSync(descriptor, `${JSON.stringify({ accounts }, null, 2)}\n`)
    fsyncSync(descriptor)
    if (process.getuid?.() === 0) {
      const { uid, gid } = statSync(isThere(file) ? file : dirname(file))
      chownSync(draft, uid, gid)
    }
    renameSync(draft, file)
  } finally {
    closeSync(descriptor)
    rmSync(draft, { force: true })
  }
}

/** Of two who change it at once, one is told to come again. */
function openDraft(file: string, draft: string): number {
  try {
    return openSync(draft, 'wx', 0o600)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (code === 'EEXIST')
      throw new Error(`${draft} is there: somebody else changes ${file} now; if nobody does, remove it`, {
        cause: error,
      })
    throw new Error(`${file}: cannot be written (${code})`, { cause: error })
  }
}

function isThere(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false }) !== undefined
}
