// The desk of one-time passwords as a worker has it: each question crosses to the main thread, and its answer comes back.
import type { AskOtp, OtpAnswer, OtpQuestion } from '../ports/otp.ts'

/** Longer than any store may take; then the caller is told to come again. */
const ANSWER_MS = 10_000
/** Questions that wait; more are answered at once. */
const PENDING_MAX = 1_000

export function createRemoteOtpDesk(post: (id: number, question: OtpQuestion) => void): {
  readonly ask: AskOtp
  take(id: number, answer: OtpAnswer): void
} {
  const waiting = new Map<number, (answer: OtpAnswer) => void>()
  let ids = 0
  return {
    ask: (question) => {
      if (waiting.size >= PENDING_MAX) return Promise.resolve({ answer: 'unavailable' })
      return new Promise((resolve) => {
        const id = ++ids
        const timer = setTimeout(() => {
          end({ answer: 'unavailable' })
        }, ANSWER_MS)
        const end = (answer: OtpAnswer): void => {
          clearTimeout(timer)
          waiting.delete(id)
          resolve(answer)
        }
        waiting.set(id, end)
        post(id, question)
      })
    },
    take(id, answer) {
      waiting.get(id)?.(answer)
    },
  }
}
