// Codes of authenticators (RFC 6238), by the accounts of a file that is read anew when it changes.
import { statSync } from 'node:fs'
import { Secret, TOTP } from 'otpauth'
import type { Authenticators } from '../../ports/otp.ts'
import { readAccounts } from './account-file.ts'

const PERIOD_SECONDS = 30
/** RFC 6238, 5.2: one step for the way and for clocks that differ. */
const WINDOW = 1

/** `{ "accounts": { "asha": { "secret": "BASE32" } } }`. Throws an Error of one line that names the file, never what it holds. */
export function openAuthenticators(file: string): Authenticators {
  let read = totpsOf(file)
  let seen = seenAt(file)
  // An account that is not there is tried all the same, so that the time does not tell.
  const nobody = createTotp(new Secret({ size: 20 }))
  return {
    stepOf(account, code, now) {
      const changed = seenAt(file)
      if (changed !== seen) {
        seen = changed
        try {
          read = totpsOf(file)
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
export function createTotp(
  secret: Secret,
  more: {
    readonly digits?: number
    readonly algorithm?: string
    readonly issuer?: string
    readonly label?: string
  } = {},
): TOTP {
  return new TOTP({ secret, period: PERIOD_SECONDS, digits: 6, algorithm: 'SHA1', ...more })
}

function totpsOf(file: string): ReadonlyMap<string, TOTP> {
  return new Map([...readAccounts(file)].map(([name, secret]) => [name, createTotp(secret)]))
}

function seenAt(file: string): string {
  try {
    const { mtimeMs, size, ino } = statSync(file)
    return `${mtimeMs} ${size} ${ino}`
  } catch {
    return ''
  }
}
