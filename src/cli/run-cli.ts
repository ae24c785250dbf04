// The command line: runs what was named, and turns every ending into an exit code.
import { CommanderError, type Command } from 'commander'
import { chooseFormat, formatOfWords, type AnswerFormat } from './answer-format.ts'
import { CommandFailure, EXIT } from './failure.ts'
import { shieldIds } from './ids.ts'
import type { Machine } from './machine.ts'
import { createPrinter, escapedJson, type Printer } from './print.ts'
import { createProgram } from './program.ts'

const TAKES_IDS = [['release'], ['approve'], ['exempt'], ['audit', 'prove']]

/** Runs the command that `argv` (without node and script) names. Resolves with the exit code (contract, 1); never rejects. */
export async function runCli(argv: readonly string[], machine: Machine): Promise<number> {
  let scriptText: ((value: unknown) => string) | undefined
  const printer = createPrinter(machine, (value) => (scriptText ?? escapedJson)(value))
  const answerIn = async (format: AnswerFormat): Promise<void> => {
    if (format === 'yaml') scriptText ??= (await import('./yaml-text.ts')).createYamlStream()
  }
  const output = watchOutput(machine)
  let code: number = EXIT.done
  try {
    const program = await createProgram(argv, {
      machine,
      printer,
      finish: (ended) => {
        code = ended
      },
    })
    program.hook('preAction', (_program, command) => answerIn(chooseFormat(command)))
    await program.parseAsync(shielded(argv, program), { from: 'user' })
    await output.settled()
    return code
  } catch (error) {
    const format = formatOfWords(argv)
    await answerIn(format)
    return endBadly(error, format !== 'text', printer)
  }
}

/** The arguments of these are ids, and the id of an order may begin with a dash. */
function shielded(argv: readonly string[], program: Command): readonly string[] {
  const words = TAKES_IDS.find((each) => each.every((word, at) => word === argv[at])) ?? []
  const command = words.reduce<Command | undefined>(
    (parent, word) => parent?.commands.find((each) => each.name() === word),
    program,
  )
  if (words.length === 0 || command === undefined) return argv
  return shieldIds(
    argv,
    command.options.flatMap((option) => option.long ?? []),
  )
}

/** A reader that has seen enough (`| head`) is no failure; a full disk behind `> file` is one. */
function watchOutput({ stdout, stderr }: Machine): { settled: () => Promise<void> } {
  let failed: Error | undefined
  stderr.on('error', () => undefined)
  stdout.on('error', (error: Error) => {
    if (!('code' in error) || error.code !== 'EPIPE') failed = error
  })
  return {
    async settled() {
      // Errors of a stream come in the turn after the write.
      await new Promise((resolve) => setImmediate(resolve))
      if (failed !== undefined)
        throw new CommandFailure(EXIT.failed, `the answer could not be written: ${failed.message}`)
    },
  }
}

function endBadly(error: unknown, isForScript: boolean, printer: Printer): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return EXIT.done
    if (isForScript) printer.json({ error: { exitCode: EXIT.usage, problems: [error.message] } })
    return EXIT.usage
  }
  const failure =
    error instanceof CommandFailure
      ? error
      : new CommandFailure(EXIT.failed, `portcullis failed: ${error instanceof Error ? error.message : String(error)}`)
  for (const line of failure.lines) printer.note({ style: 'red', text: line })
  if (isForScript) printer.json({ error: { exitCode: failure.exitCode, problems: failure.lines } })
  return failure.exitCode
}
