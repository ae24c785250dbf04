// A new account of an authenticator: its secret, what a phone scans, and whether the phone has got it.
import { Secret } from 'otpauth'
import type { Instant } from '../../core/time.ts'
import { changeAccounts, readAccounts } from './account-file.ts'
import { createTotp } from './authenticators.ts'

/** RFC 4226, 4: 160 bits are recommended. */
const SECRET_BYTES = 20

export interface Enrolment {
  /** `otpauth://totp/...`: whoever has it has the account. */
  readonly uri: string
  isCode(code: string, now: Instant): boolean
  /** Adds the account to the file, or gives it another secret. Throws an Error of one line. */
  write(): void
}

/** `issuer` and `account` are what the phone shows. */
export function startEnrolment(file: string, account: string, issuer: string): Enrolment {
  const secret = new Secret({ size: SECRET_BYTES })
  const totp = createTotp(secret, { issuer, label: account })
  return {
    uri: totp.toString(),
    isCode: (code, now) => totp.validate({ token: code, timestamp: now, window: 1 }) !== null,
    write() {
      changeAccounts(file, (accounts) => new Map([...accounts, [account, secret]]))
    },
  }
}

/** Names, in order. Throws an Error of one line. */
export function listAccounts(file: string): readonly string[] {
  return [...readAccounts(file).keys()].sort()
}

/** False where there is no such account. Throws an Error of one line. */
export function removeAccount(file: string, account: string): boolean {
  let isKnown = false
  changeAccounts(file, (accounts) => {
    isKnown = accounts.has(account)
    return new Map([...accounts].filter(([name]) => name !== account))
  })
  return isKnown
}
