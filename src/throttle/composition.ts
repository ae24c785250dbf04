// Who makes up a surge: a crowd of people looks like the people of any other day, only more of them; scrapers do not.

/** Of reads of people who were new to their account. */
export interface Mix {
  readonly reads: number
  /** Of people whom nobody had read before. */
  readonly novel: number
  /** First reads of an account. */
  readonly firsts: number
  /** Of sessions that no one-time password opened. */
  readonly unverified: number
  /** First reads that are two minutes old. */
  readonly ripe: number
  /** Accounts that came back within two minutes of their first read. */
  readonly followed: number
}

const Z_MIN = 4
const READS_MIN = 12
/** A share that has been seen to be none or all is not believed to be. */
const SHARE_MIN = 0.05
const SHARE_MAX = 0.97

/**
 * Why the surge is no crowd, or undefined: more people whom nobody asks for, more people an account, more accounts without an OTP, or
 * more who read once and leave, than in the habit; each by a one-sided test of proportions at four standard errors.
 */
export function changeOf(surge: Mix, habit: Mix): string | undefined {
  if (surge.reads < READS_MIN || habit.reads < READS_MIN) return undefined
  if (rises(surge.novel, surge.reads, habit.novel, habit.reads)) return 'people whom nobody asked for before'
  if (rises(surge.reads - surge.firsts, surge.reads, habit.reads - habit.firsts, habit.reads))
    return 'more people an account'
  if (rises(surge.unverified, surge.reads, habit.unverified, habit.reads)) return 'more accounts without an OTP'
  const left = Math.max(0, surge.ripe - surge.followed)
  if (surge.ripe >= READS_MIN && rises(left, surge.ripe, habit.ripe - habit.followed, habit.ripe))
    return 'more accounts that read once and leave'
  return undefined
}

function rises(found: number, of: number, usual: number, ofUsual: number): boolean {
  const share = Math.min(SHARE_MAX, Math.max(SHARE_MIN, usual / ofUsual))
  const error = Math.sqrt(share * (1 - share) * (1 / of + 1 / ofUsual))
  if (of === 0 || ofUsual === 0) return false
  return found / of > share + 0.1 && (found / of - share) / error > Z_MIN
}
