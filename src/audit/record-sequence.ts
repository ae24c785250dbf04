// Each writer numbers its records; a number that is skipped or comes twice is a record that is missing or was added.
import type { Findings, Place } from './findings.ts'
import type { WriterRun } from './tile-check.ts'

const SEQ = '"seq":'
const WORKER = '"worker":"'
const DIGIT_0 = 48

/** Finds the next place of a word in a text that is asked for ever later ranges of it: no part is searched twice. */
class Finder {
  readonly #word: string
  #text = ''
  #at = -1

  constructor(word: string) {
    this.#word = word
  }

  /** Where the value behind the word begins, or -1 where the word is not in the range. */
  find(text: string, start: number, end: number): number {
    if (text !== this.#text || this.#at < start) {
      this.#text = text
      const found = text.indexOf(this.#word, start)
      this.#at = found < 0 ? text.length : found
    }
    const value = this.#at + this.#word.length
    return value <= end ? value : -1
  }
}

/** Whether a record says that so many were lost before it. */
function declaresLoss(entry: string, missing: number): boolean {
  try {
    const record: unknown = JSON.parse(entry)
    return (
      typeof record === 'object' &&
      record !== null &&
      'kind' in record &&
      record.kind === 'gap' &&
      'lost' in record &&
      typeof record.lost === 'number' &&
      record.lost >= missing
    )
  } catch {
    return false
  }
}

/**
 * Follows `seq` of each `worker`. It grows by one; a writer that was started anew begins at 0 or 1; a gap record may stand for the
 * numbers that it says were lost. Entries that are no JSON object with both members are left out. They are found by a scan, not
 * parsed: inside a JSON string the quotes of a word would be escaped, so the first match is a member's name.
 */
export class RecordSequence {
  readonly #findings: Findings
  readonly #last = new Map<string, number>()
  readonly #seq = new Finder(SEQ)
  readonly #worker = new Finder(WORKER)

  constructor(findings: Findings) {
    this.#findings = findings
  }

  /** How far each writer has come, to go on from there another time. */
  get state(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#last)
  }

  resume(state: Readonly<Record<string, number>>): void {
    for (const [worker, seq] of Object.entries(state)) this.#last.set(worker, seq)
  }

  /** Takes whole tiles by what their numbers go from and to. False, and nothing is taken, where that does not follow on: then each entry is seen. */
  takeRuns(runs: readonly WriterRun[]): boolean {
    for (const { worker, first } of runs) {
      const last = this.#last.get(worker)
      if (last !== undefined && first !== last + 1) return false
    }
    for (const { worker, last } of runs) this.#last.set(worker, last)
    return true
  }

  /** Takes the entry between `start` and `end` of a latin1 text. */
  see(text: string, start: number, end: number, where: Place): void {
    if (text.charCodeAt(start) !== 123) return
    let at = this.#seq.find(text, start, end)
    const name = this.#worker.find(text, start, end)
    if (at < 0 || name < 0) return
    let seq = 0
    for (let digit = text.charCodeAt(at) - DIGIT_0; digit >= 0 && digit <= 9; digit = text.charCodeAt(at) - DIGIT_0) {
      seq = seq * 10 + digit
      at += 1
    }
    const worker = text.slice(name, text.indexOf('"', name))
    const last = this.#last.get(worker)
    this.#last.set(worker, seq)
    if (last === undefined || seq === last + 1 || seq <= 1) return
    if (seq > last && declaresLoss(text.slice(start, end), seq - last - 1)) return
    const what =
      seq > last
        ? `records ${last + 1} to ${seq - 1} of writer ${JSON.stringify(worker)} are missing`
        : `record ${seq} of writer ${JSON.stringify(worker)} comes after its record ${last}`
    this.#findings.problem(what, where)
  }
}
