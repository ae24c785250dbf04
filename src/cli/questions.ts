// What a command asks the person at the terminal, and what it reads from a pipe: identifiers of people come in here alone.
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { CommandFailure, EXIT, usageFailure } from './failure.ts'
import type { Machine } from './machine.ts'
import { plain } from './print.ts'

export type Terminal = Pick<Machine, 'stdin' | 'stderr'>

/** Whether somebody is there to answer. */
export function isAttended(machine: Terminal): boolean {
  return machine.stdin.isTTY && machine.stderr.isTTY
}

/** Asks on stderr, so that stdout stays the answer's. Ctrl-C or the end of input ends the command: nothing has been sent. */
export async function ask(machine: Terminal, question: string): Promise<string> {
  const [answer] = await readLines(machine, question, false, 1)
  if (answer === undefined) throw abandoned()
  return answer.trim()
}

/** Asks for a secret, which is not shown. What was typed counts as it is, blanks and all. */
export async function askHidden(machine: Terminal, question: string): Promise<string> {
  const [answer] = await readLines(machine, question, true, 1)
  if (answer === undefined || answer === '') throw abandoned()
  return answer
}

export function abandoned(): CommandFailure {
  return new CommandFailure(EXIT.failed, 'nothing was sent')
}

/** As many as the control plane turns into pseudonyms at once. */
const IDENTIFIERS_MAX = 1000

/**
 * Identifiers of people, one a line: asked for without echo on a terminal (an empty line ends), else read from stdin to its end.
 * They are never taken from the command line, where other processes and the shell's history could read them.
 */
export async function readIdentifiers(machine: Terminal, what: string): Promise<readonly string[]> {
  const attended = isAttended(machine)
  const lines = await readLines(
    machine,
    attended ? `${what}, one a line, not shown; an empty line ends: ` : '',
    attended,
    IDENTIFIERS_MAX + 1,
  )
  const identifiers = [...new Set(lines.map((line) => line.trim()).filter((line) => line !== ''))]
  if (identifiers.length === 0) throw usageFailure(`no ${what} came in: give them on stdin, one a line`)
  if (identifiers.length > IDENTIFIERS_MAX)
    throw usageFailure(`more than ${IDENTIFIERS_MAX} ${what} at once: split them over several orders`)
  return identifiers
}

async function readLines(
  machine: Terminal,
  question: string,
  hidden: boolean,
  linesMax: number,
): Promise<readonly string[]> {
  const attended = isAttended(machine)
  const echo =
    attended && !hidden
      ? machine.stderr
      : new Writable({
          write: (_chunk, _encoding, done) => {
            done()
          },
        })
  const lines: string[] = []
  if (question !== '') machine.stderr.write(plain(question))
  const reader = createInterface({ input: machine.stdin, output: echo, terminal: attended })
  await new Promise<void>((resolve, reject) => {
    reader.on('SIGINT', () => {
      reject(abandoned())
      reader.close()
    })
    reader.on('close', resolve)
    reader.on('line', (line) => {
      if (hidden && line.trim() === '') reader.close()
      else lines.push(line)
      if (hidden && linesMax > 1 && line.trim() !== '')
        machine.stderr.write(`\n${line.trim().length} characters, next: `)
      if (lines.length >= linesMax) reader.close()
    })
  })
  if (hidden) machine.stderr.write('\n')
  return lines
}
