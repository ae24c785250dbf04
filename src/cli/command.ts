// What every command is made of: an action that ends with an exit code, the machine, the printer.
import type { Command } from 'commander'
import type { Machine } from './machine.ts'
import type { Printer } from './print.ts'

export interface Context {
  readonly machine: Machine
  readonly printer: Printer
  /** Called once, by the action that ran. */
  readonly finish: (code: number) => void
  /** All commands, with options and arguments of the one that the words name: for what tells of the command line itself. */
  readonly describe: (words: readonly string[], printer: Printer) => Promise<Command>
}

/** Adds a command's arguments, options and action. */
export type Define = (command: Command, context: Context) => void

export function examples(command: Command, ...lines: readonly string[]): void {
  command.addHelpText(
    'after',
    `\n${lines.length > 1 ? 'Examples' : 'Example'}:\n${lines.map((line) => `  ${line}\n`).join('')}`,
  )
}
