// What a verification has found, each with the place where it is.

export interface Place {
  /** Path below the trail's directory. */
  readonly file?: string
  /** Byte of that file. */
  readonly offset?: number
  /** Entry of the log, counted from 0. */
  readonly index?: number
}

export interface Problem {
  readonly what: string
  readonly where: Place
}

/** Beyond this many the first ones say enough. */
const PROBLEMS_MAX = 100

export class Findings {
  readonly problems: Problem[] = []
  readonly warnings: string[] = []
  #left = 0

  problem(what: string, where: Place = {}): void {
    if (this.problems.length < PROBLEMS_MAX) this.problems.push({ what, where })
    else this.#left += 1
  }

  warn(text: string): void {
    if (this.warnings.length < PROBLEMS_MAX) this.warnings.push(text)
  }

  /** Adds what another one has found behind what this one has. */
  append(other: Findings): void {
    for (const { what, where } of other.problems) this.problem(what, where)
    this.#left += other.#left
  }

  /** All problems, with a last line for those that were left out. */
  all(): readonly Problem[] {
    if (this.#left === 0) return this.problems
    return [...this.problems, { what: `and ${this.#left} more problems`, where: {} }]
  }
}
