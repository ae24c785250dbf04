// How a command ends badly: lines for the person, and an exit code for the script.

/** Exit codes of every command (contract, 1). */
export const EXIT = { done: 0, failed: 1, usage: 2, unconfirmed: 3 } as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** Ends the command. Each line says what is wrong, where, and what would be right. */
export class CommandFailure extends Error {
  readonly lines: readonly string[]
  readonly exitCode: ExitCode

  constructor(exitCode: ExitCode, ...lines: readonly string[]) {
    super(lines.join('\n'))
    this.lines = lines
    this.exitCode = exitCode
  }
}

/** The command line, the environment or a file is not what the command can work with. */
export function usageFailure(...lines: readonly string[]): CommandFailure {
  return new CommandFailure(EXIT.usage, ...lines)
}
