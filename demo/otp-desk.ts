// One-time codes: one is sent to a mobile number, and whoever brings it back within three minutes is believed.
import { randomInt, randomUUID, timingSafeEqual } from 'node:crypto'

const lifetimeMs = 180_000
const attemptsAllowed = 3
const transactionsKept = 5000

type Transaction = { mobile: string; code: string; startedMs: number; attempts: number }
export type OtpResult = { kind: 'confirmed'; mobile: string } | { kind: 'refused' } | { kind: 'exhausted' }
export type OtpDesk = {
  /** Sends a fresh code to a mobile number and returns the id of the transaction, never the code. */
  start(mobile: string): string
  /** Checks a code. A transaction is good for one confirmation and three attempts. */
  confirm(txnId: string, code: string): OtpResult
}

/** Creates a desk that hands its codes to `deliver` alone; `now` gives epoch milliseconds. */
export function createOtpDesk(deliver: (mobile: string, code: string) => void, now: () => number): OtpDesk {
  const transactions = new Map<string, Transaction>()

  return {
    start(mobile) {
      // The oldest transaction makes room, so that somebody who asks for codes all day cannot fill the memory.
      const oldest = transactions.keys().next()
      if (transactions.size >= transactionsKept && !oldest.done) transactions.delete(oldest.value)
      const txnId = randomUUID()
      const code = String(randomInt(1_000_000)).padStart(6, '0')
      transactions.set(txnId, { mobile, code, startedMs: now(), attempts: 0 })
      deliver(mobile, code)
      return txnId
    },

    confirm(txnId, code) {
      const transaction = transactions.get(txnId)
      if (transaction === undefined || now() - transaction.startedMs > lifetimeMs) return { kind: 'refused' }
      transaction.attempts++
      if (transaction.attempts > attemptsAllowed) return { kind: 'exhausted' }
      if (!isSameCode(code, transaction.code)) return { kind: 'refused' }
      transactions.delete(txnId)
      return { kind: 'confirmed', mobile: transaction.mobile }
    },
  }
}

function isSameCode(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)]
  return a.length === b.length && timingSafeEqual(a, b)
}
