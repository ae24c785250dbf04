// Which of several targets a request goes to, and how long one that failed is passed over.

export interface Candidate {
  /** Requests that it has been given and that have not ended. */
  readonly pending: number
  readonly isDown: boolean
}

/**
 * The one with the least pending of those that are up, in turn where they are equal; where all are down, of all of them: the
 * last target is never taken out. `turn` is any number that grows with each call. Undefined where there is none.
 */
export function pickTarget<T extends Candidate>(targets: readonly T[], turn: number): T | undefined {
  return targets.length < 2 ? targets[0] : (least(targets, turn, true) ?? least(targets, turn, false))
}

function least<T extends Candidate>(targets: readonly T[], turn: number, upOnly: boolean): T | undefined {
  let found: T | undefined
  for (let index = 0; index < targets.length; index++) {
    const target = targets[(turn + index) % targets.length]
    if (target === undefined || (upOnly && target.isDown)) continue
    if (found === undefined || target.pending < found.pending) found = target
  }
  return found
}

/** How long a target that refused a connection is passed over while there is another. */
export const REFUSED_MS = 5_000

/** What is known of one target: what its checks say (active), and whether it has just refused a connection (passive). */
export class TargetHealth {
  readonly #isUp: () => boolean
  #passedOverUntilMs = -Infinity

  /** `isUp`: by the last checks; without it there are none. */
  constructor(isUp: () => boolean = () => true) {
    this.#isUp = isUp
  }

  /** Times are monotonic milliseconds. */
  refused(nowMs: number): void {
    this.#passedOverUntilMs = nowMs + REFUSED_MS
  }

  isDown(nowMs: number): boolean {
    return nowMs < this.#passedOverUntilMs || !this.#isUp()
  }
}
