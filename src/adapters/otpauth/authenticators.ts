// Codes of authenticators (RFC 6238), by the accounts of a file that is read anew when it changes.
import { readFileSync, statSync } from 'node:fs'
import { Secret, TOTP } from 'otpauth'
import type { Authenticators } from '../../ports/otp.ts'

const PERIOD_SECONDS = 30
/** RFC 6238, 5.2: one step for the way and for clocks that differ. */
const WINDOW = 1
/** RFC 4226, 4: 128 bits at least. */
const SECRET_BYTES_MIN = 16

/** `{ "accounts": { "asha": { "secret": "BASE32" } } }`. Throws an Error of one line that names the file, never what it holds. */
export function openAuthenticators(file: string): Authenticators {
  let read = readAccounts(file)
  let seen = seenAt(file)
  // An account that is not there is tried all the same, so that the time does not tell.
  const nobody = createTotp(new Secret({ size: 20 }))
  return {
    stepOf(account, code, now) {
      const changed = seenAt(file)
      if (changed !== seen) {
        seen = changed
        try {
          read = readAccounts(file)
        } catch {
          // The last good one holds: an editor may be in the middle of it.
        }
      }
      const known = read.get(account)
      const delta = (known ?? nobody).validate({ token: code, timestamp: now, window: WINDOW })
      if (known === undefined || delta === null) return undefined
      return Math.floor(now / 1000 / PERIOD_SECONDS) + delta
    },
  }
}

/** As every authenticator app takes it, unless told. */
export function createTotp(secret: Secret, more: { readonly digits?: number; readonly algorithm?: string } = {}): TOTP {
  return new TOTP({ secret, period: PERIOD_SECONDS, digits: 6, algorithm: 'SHA1', ...more })
}

function seenAt(file: string): string {
  try {
    const { mtimeMs, size, ino } = statSync(file)
    return `${mtimeMs} ${size} ${ino}`
  } catch {
    return ''
  }
}

function readAccounts(file: string): ReadonlyMap<string, TOTP> {
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
  return new Map(Object.entries(accounts).map(([name, entry]) => [name, accountOf(file, name, entry)]))
}

function accountsOf(text: string): object | undefined {
  try {
    const { accounts } = JSON.parse(text) as { accounts?: unknown }
    return typeof accounts === 'object' && accounts !== null ? accounts : undefined
  } catch {
    return undefined
  }
}

function accountOf(file: string, name: string, entry: unknown): TOTP {
  const { secret } = (entry ?? {}) as { secret?: unknown }
  try {
    const parsed = Secret.fromBase32(typeof secret === 'string' ? secret : '!')
    if (parsed.bytes.length >= SECRET_BYTES_MIN) return createTotp(parsed)
  } catch {
    // Told below.
  }
  throw new Error(`otp.totp.file ${file}: the secret of ${name} is not base32 of ${SECRET_BYTES_MIN} bytes or more`)
}
