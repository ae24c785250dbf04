// A numbered checklist as a suite: one `it` a line, and a last one that says how many lines were run and how many held.
import { it } from '@jest/globals'

export interface Checklist {
  /** One line of the list, under its own number and in our own words. */
  line(number: number | string, words: string, show: () => Promise<void>, timeoutMs?: number): void
  /** To be called last in the file: prints the counts. */
  counts(): void
}

export function checklist(name: string): Checklist {
  let lines = 0
  let ran = 0
  let held = 0
  return {
    line(number, words, show, timeoutMs) {
      lines += 1
      it(
        `${number}. ${words}`,
        async () => {
          ran += 1
          await show()
          held += 1
        },
        timeoutMs,
      )
    },
    counts() {
      it('counts', () => {
        console.info(`${name}: ${lines} lines, ${ran} run, ${held} held`)
      })
    },
  }
}

/** How many responses begin in these bytes, interim ones included: a body need not end with a line. */
export function responsesIn(bytes: Buffer): number {
  return bytes.toString('latin1').match(/HTTP\/1\.\d \d{3} /g)?.length ?? 0
}
