// The one way to the terminal. Whatever an attacker can send (reasons, route names, problem details) loses its control
// characters, ANSI sequences and bidi overrides here; style is added afterwards, so no text can bring its own.
import type { Machine } from './machine.ts'

export type Style = 'bold' | 'dim' | 'red' | 'yellow' | 'green'

interface Styled {
  readonly style: Style
  readonly text: string
}

export type Segment = string | Styled

export interface Printer {
  /** One line of the command's answer. */
  out(...segments: readonly Segment[]): void
  /** One line beside the answer: progress, warnings, failures. */
  note(...segments: readonly Segment[]): void
  /** The answer for a script: one document, JSON or what was asked for in its place, with what a terminal would obey escaped. */
  json(value: unknown): void
  /** How far long work has come, in place on a terminal, nothing in a pipe; the empty text takes it away. */
  progress(text: string): void
  /** A document of several lines, byte for byte into a pipe or file, cleaned on a terminal. */
  document(text: string): void
}

// ECMA-48 sequences: CSI, then strings (OSC, DCS, APC, PM, SOS) with their terminator, then any two-character escape.
const SEQUENCES =
  /(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)|\x1b[ -/]*[0-~]/gu

// Zero-width joiners stay: Devanagari needs them.
const UNSEEN =
  /[\p{Cc}\p{Cs}\p{Co}\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu
const SPACES = /[\t\n\v\f\r\u0085\u2028\u2029]+/gu

/** The text on one line with nothing in it that a terminal obeys or an eye misses. */
export function plain(text: string): string {
  return text.replace(SEQUENCES, '').replace(SPACES, ' ').replace(UNSEEN, '')
}

const CODES: Readonly<Record<Style, string>> = { bold: '1', dim: '2', red: '1;31', yellow: '33', green: '32' }

/** `scriptText`: how answers for scripts are written, without the newline at their end. */
export function createPrinter(
  machine: Pick<Machine, 'env' | 'stdout' | 'stderr'>,
  scriptText: (value: unknown) => string = escapedJson,
): Printer {
  const colored = (stream: { isTTY: boolean | undefined }): boolean =>
    stream.isTTY === true && (machine.env.NO_COLOR ?? '') === '' && machine.env.TERM !== 'dumb'
  const outColored = colored(machine.stdout)
  const noteColored = colored(machine.stderr)
  return {
    out: (...segments) => machine.stdout.write(`${render(segments, outColored)}\n`),
    note: (...segments) => machine.stderr.write(`${render(segments, noteColored)}\n`),
    json: (value) => machine.stdout.write(`${scriptText(value)}\n`),
    progress: (text) => {
      if (machine.stderr.isTTY) machine.stderr.write(`\r\x1b[K${plain(text)}`)
    },
    document: (text) => machine.stdout.write(machine.stdout.isTTY ? text.split('\n').map(plain).join('\n') : text),
  }
}

function render(segments: readonly Segment[], colored: boolean): string {
  return segments
    .map((segment) => {
      if (typeof segment === 'string') return plain(segment)
      const text = plain(segment.text)
      return colored ? `\x1b[${CODES[segment.style]}m${text}\x1b[0m` : text
    })
    .join('')
    .trimEnd()
}

/** JSON.stringify leaves DEL, C1 controls and bidi overrides as they are; here each is written as \uXXXX. */
export function escapedJson(value: unknown): string {
  return escapeUnseen(JSON.stringify(value, null, 2), escapedUnits)
}

/** Whether the text, of one line or several, can be shown as it is. */
export function isSeen(text: string): boolean {
  return escapeUnseen(text, () => '') === text
}

/** Newlines stay: those of a document are its own, between values. */
export function escapeUnseen(text: string, escaped: (character: string) => string): string {
  return text.replace(UNSEEN, (found) => (found === '\n' ? found : escaped(found)))
}

function escapedUnits(text: string): string {
  return Array.from(
    { length: text.length },
    (_, index) => `\\u${text.charCodeAt(index).toString(16).padStart(4, '0')}`,
  ).join('')
}

const NO_WIDTH = /[\p{Mn}\p{Me}\u200c\u200d]/gu
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}]/gu

/** Columns that the text takes on a terminal. */
export function columnsOf(text: string): number {
  const seen = text.replace(NO_WIDTH, '')
  return Array.from(seen).length + (seen.match(WIDE)?.length ?? 0)
}

/** Rows under a heading, columns aligned, as lines for `out`. Cells are cleaned before they are measured. */
export function table(
  heading: readonly string[],
  rows: readonly (readonly Segment[])[],
): readonly (readonly Segment[])[] {
  const cleaned = rows.map((row) => row.map(cleanCell))
  const widths = heading.map((title, column) =>
    Math.max(title.length, ...cleaned.map((row) => columnsOf(textOf(row[column] ?? '')))),
  )
  const line = (cells: readonly Segment[]): readonly Segment[] =>
    cells.flatMap((cell, column) => ['  ', cell, ' '.repeat((widths[column] ?? 0) - columnsOf(textOf(cell)))])
  return [line(heading.map((title) => ({ style: 'dim', text: title }) as const)), ...cleaned.map(line)]
}

function cleanCell(cell: Segment): Segment {
  return typeof cell === 'string' ? plain(cell) : { ...cell, text: plain(cell.text) }
}

function textOf(cell: Segment): string {
  return typeof cell === 'string' ? cell : cell.text
}

/** The text cut to `columns`, with an ellipsis where something is missing. */
export function shorten(text: string, columns: number): string {
  const cleaned = plain(text)
  if (columnsOf(cleaned) <= columns) return cleaned
  let kept = ''
  for (const character of cleaned) {
    if (columnsOf(kept + character) > columns - 1) break
    kept += character
  }
  return `${kept}…`
}
