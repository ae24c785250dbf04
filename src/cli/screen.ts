// One look at a time on a terminal: what does not fit is counted, so that the first lines, which matter most, are never scrolled away.
import type { Machine } from './machine.ts'

// ECMA-48 and DEC private mode 7: a line that is too long ends at the edge instead of taking a second row.
const [HOME, END_OF_LINE, REST_OF_SCREEN] = ['\x1b[H', '\x1b[K', '\x1b[J']
const [NO_WRAP, WRAP] = ['\x1b[?7l', '\x1b[?7h']

/** Of a terminal that does not tell: the least that is common. */
const ROWS = 24

/**
 * What puts `text` (lines, clean but for colours) onto the screen in one write, without a flicker. `rest` says what stands in the
 * last row in place of so many lines.
 */
export function screenOf(text: string, stdout: Machine['stdout'], rest: (hidden: number) => string): string {
  const rows = stdout.rows > 0 ? stdout.rows : ROWS
  const lines = text.trimEnd().split('\n')
  const shown = lines.length <= rows ? lines : [...lines.slice(0, rows - 1), rest(lines.length - rows + 1)]
  return `${NO_WRAP}${HOME}${shown.join(`${END_OF_LINE}\n`)}${END_OF_LINE}${REST_OF_SCREEN}${WRAP}`
}
