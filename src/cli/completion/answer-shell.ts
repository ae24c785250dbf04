// portcullis __complete -- WORDS: what can come next, a candidate a line, for the scripts of `portcullis completion`.
import { complete } from './complete.ts'
import { knownValues, nameOf, SILENT } from './known.ts'
import type { Context, Define } from '../command.ts'
import { EXIT } from '../failure.ts'
import { plain } from '../print.ts'
import type { Argument, Option } from 'commander'

export const define: Define = (command, context) => {
  command.argument('[words...]').action(async (words: readonly string[]) => {
    await tell(words, context)
    context.finish(EXIT.done)
  })
}

/** A shell puts these onto its command line, so nothing is told that it could read as more than a word. */
const WORD = /^[\w@%+=:,./#-]+$/

/** Lines of `value TAB description`; the last is `:files`, `:dirs` or `:none`, of what the shell itself adds. */
async function tell(all: readonly string[], { machine, printer, describe }: Context): Promise<void> {
  const [words, current] = [all.slice(0, -1), all.at(-1) ?? '']
  const { candidates, value } = complete(await describe(words, SILENT), words, current)
  const known = value === undefined ? [] : await knownValues(value.of, value.command, words, machine)
  const found = [...candidates, ...known.map((each) => ({ ...each, value: `${value?.prefix ?? ''}${each.value}` }))]
  for (const { value: word, says = '' } of found)
    if (word.startsWith(current) && WORD.test(word)) printer.document(`${word}\t${plain(says)}\n`)
  printer.document(`:${value === undefined ? 'none' : shellAdds(value.of)}\n`)
}

function shellAdds(target: Option | Argument): 'files' | 'dirs' | 'none' {
  const placeholder = 'flags' in target ? (/[<[]([\w-]+)/.exec(target.flags)?.[1] ?? '') : nameOf(target)
  if (placeholder === 'dir') return 'dirs'
  return FILES.includes(placeholder) ? 'files' : 'none'
}

const FILES = ['file', 'spec', 'log', 'escrow']
