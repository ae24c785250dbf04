// In what a command answers: a text for people, or for scripts JSON or YAML. Whatever has --json has -o too, and no command knows of it.
import { Option, type Command } from 'commander'
import { usageFailure } from './failure.ts'

const FORMATS = ['text', 'json', 'yaml'] as const

export type AnswerFormat = (typeof FORMATS)[number]

/** Adds `-o, --output` to the command, and to those below it, wherever there is a `--json`. */
export function addOutputOption(command: Command): void {
  if (command.options.some(({ long }) => long === '--json')) command.addOption(outputOption())
  command.commands.forEach(addOutputOption)
}

function outputOption(): Option {
  const option = new Option('-o, --output <format>', 'text, or for scripts json (as --json) or yaml').choices(FORMATS)
  const { parseArg } = option
  // `-o=yaml` is common elsewhere; commander would take the value to begin with the sign.
  return option.argParser((value: string, before: unknown) => parseArg?.(value.replace(/^=/, ''), before))
}

/**
 * The format that a parsed command was asked for. Sets its `json` where it is one for scripts, which is all that a command looks at.
 * Throws CommandFailure (2) where two were asked for.
 */
export function chooseFormat(command: Command): AnswerFormat {
  const { json, output } = command.opts<{ readonly json?: boolean; readonly output?: AnswerFormat }>()
  if (output === undefined) return json === true ? 'json' : 'text'
  if (json === true && output !== 'json')
    throw usageFailure(`--json and --output ${output} ask for two formats: give one of them`)
  if (output !== 'text') command.setOptionValue('json', true)
  return output
}

/** What words that could not be parsed ask for, as far as it can be told: how their failure is told. */
export function formatOfWords(argv: readonly string[]): AnswerFormat {
  const named = argv.flatMap((word, index) => {
    const value = /^(?:--output=|-o=?)(.+)$/.exec(word)?.[1]
    return value ?? (word === '-o' || word === '--output' ? (argv[index + 1] ?? []) : [])
  })
  const format = FORMATS.find((each) => each === named.at(-1))
  return format ?? (argv.includes('--json') ? 'json' : 'text')
}
