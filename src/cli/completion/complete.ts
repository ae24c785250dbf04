// What can come next on a command line, from the tree of commands alone: no list is kept by hand.
import type { Argument, Command, Option } from 'commander'
import { isRepeatable } from '../repeatable.ts'

export interface Candidate {
  readonly value: string
  readonly says?: string
}

/** What can stand where the cursor is: words of the tree, and a value of this option or argument. */
export interface Completion {
  readonly candidates: readonly Candidate[]
  readonly value?: { readonly of: Option | Argument; readonly command: Command; readonly prefix: string }
}

interface Place {
  readonly command: Command
  /** The option whose value is next. */
  readonly option?: Option
  readonly given: ReadonlySet<Option>
  /** How many arguments stand before the cursor. */
  readonly args: number
  /** After `--` there are arguments alone. */
  readonly isClosed: boolean
}

/** `words` are those before the cursor's, without the program's name; `current` is the cursor's, perhaps empty. */
export function complete(program: Command, words: readonly string[], current: string): Completion {
  const place = placeOf(program, words)
  const { command, option, isClosed } = place
  if (option !== undefined) return valueOf(option, command, '')
  const [, name = '', glued] = /^(--?[^=]+)(=?)/s.exec(current) ?? []
  if (!isClosed && glued === '=') {
    const named = optionNamed(command, name)
    return named === undefined ? NOTHING : valueOf(named, command, `${name}=`)
  }
  if (!isClosed && current.startsWith('-')) return { candidates: optionsOf(place) }
  const argument = argumentAt(command, place.args)
  const names = place.args === 0 ? commandsOf(command) : []
  if (argument !== undefined)
    return { ...valueOf(argument, command, ''), candidates: [...names, ...choicesOf(argument, '')] }
  return { candidates: names.length > 0 || isClosed ? names : optionsOf(place) }
}

const NOTHING: Completion = { candidates: [] }

function valueOf(of: Option | Argument, command: Command, prefix: string): Completion {
  return { candidates: choicesOf(of, prefix), value: { of, command, prefix } }
}

function choicesOf({ argChoices }: Option | Argument, prefix: string): readonly Candidate[] {
  return (argChoices ?? []).map((choice) => ({ value: prefix + choice }))
}

function placeOf(program: Command, words: readonly string[]): Place {
  let place: Place = { command: program, given: new Set(), args: 0, isClosed: false }
  for (const word of words) place = after(place, word)
  const { option, ...rest } = place
  // A value that may be left out is not asked for.
  return option?.required === true ? place : rest
}

function after({ option, ...place }: Place, word: string): Place {
  const isDashed = word.startsWith('-') && !place.isClosed
  if (option !== undefined && (option.required || !isDashed)) return place
  if (word === '--') return { ...place, isClosed: true }
  return isDashed ? afterOption(place, word) : afterWord(place, word)
}

function afterOption(place: Place, word: string): Place {
  const named = optionNamed(place.command, word.split('=', 1)[0] ?? word)
  if (named === undefined) return place
  const given = new Set([...place.given, named])
  return { ...place, given, ...(takesValue(named) && !word.includes('=') ? { option: named } : {}) }
}

function afterWord(place: Place, word: string): Place {
  const { command, args, isClosed } = place
  const below =
    args === 0 && !isClosed
      ? command.commands.find((each) => [each.name(), ...each.aliases()].includes(word))
      : undefined
  return below === undefined ? { ...place, args: args + 1 } : { ...place, command: below }
}

function takesValue(option: Option): boolean {
  return option.required || option.optional
}

function optionNamed(command: Command, name: string): Option | undefined {
  return visibleOptions(command).find(({ long, short }) => long === name || short === name)
}

/** Those of the command, its `--help`, and those of the command that it stands for where none below it is named. */
function visibleOptions(command: Command): readonly Option[] {
  const standing: unknown = Reflect.get(command, '_defaultCommandName')
  const standIn = command.commands.find((each) => each.name() === standing)
  const own = command.createHelp().visibleOptions(command)
  const more = standIn === undefined ? [] : standIn.options.filter(({ hidden }) => !hidden)
  return [...more, ...own]
}

function optionsOf({ command, given }: Place): readonly Candidate[] {
  const longs = new Set([...given].filter((each) => !isRepeatable(each)).map(({ long }) => long))
  return visibleOptions(command)
    .filter(({ long }) => !longs.has(long))
    .map(({ long, short, description }) => ({ value: long ?? short ?? '', says: description }))
}

function commandsOf(command: Command): readonly Candidate[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .map((each) => ({ value: each.name(), says: each.description() }))
}

function argumentAt(command: Command, index: number): Argument | undefined {
  const last = command.registeredArguments.at(-1)
  return command.registeredArguments[index] ?? (last?.variadic === true ? last : undefined)
}
