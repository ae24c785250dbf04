// A shell on a terminal of its own: a line is typed, completed by the shell itself, and run; what the command was given comes back.
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MAIN } from '../cli/support.ts'

export type Shell = 'bash' | 'zsh' | 'fish'

/** What is missing to run the shell; said on the terminal, since its tests are skipped then. */
export function missingFor(shell: Shell): readonly string[] {
  const programs = shell === 'fish' ? ['fish'] : [shell, 'script']
  const missing = programs.filter((program) => spawnSync('which', [program]).status !== 0)
  if (missing.length > 0) console.warn(`SKIPPED: completion in ${shell} needs ${missing.join(' and ')}`)
  return missing
}

const COMMAND = `portcullis() {
  if [ "$1" = __complete ]; then ${process.execPath} ${MAIN} "$@"; else printf '%s\\n' "$@" > "$TYPED"; fi
}
`
// Ctrl-T puts every possible completion onto the line.
const SET_UP = {
  bash: `bind '"\\C-t": insert-completions'\n`,
  zsh: `autoload -Uz compinit && compinit -u -D
every() { _main_complete; compstate[insert]=all }
zle -C every complete-word every
bindkey '^T' every
`,
}

/** The words that `line` becomes, without the program's name; its last word is completed in every way there is. */
export async function typedIn(
  shell: Exclude<Shell, 'fish'>,
  line: string,
  cwd: string,
  env: Readonly<Record<string, string>>,
): Promise<readonly string[]> {
  const home = join(cwd, `.${shell}-home`)
  const [typed, rc] = [join(home, 'typed'), join(home, '.zshrc')]
  mkdirSync(home, { recursive: true })
  writeFileSync(typed, '')
  writeFileSync(
    rc,
    `${SET_UP[shell]}${COMMAND}source <(portcullis_script)\n`.replace('portcullis_script', script(shell)),
  )
  const start = shell === 'bash' ? `bash --noprofile --rcfile ${rc} -i` : 'zsh -d -i'
  await ended('script', ['-qec', start, '/dev/null'], `portcullis ${line}\x14\nexit\n`, cwd, {
    ...env,
    ZDOTDIR: home,
    HOME: home,
    TYPED: typed,
    TERM: 'dumb',
  })
  return readFileSync(typed, 'utf8').split('\n').slice(0, -1)
}

/** What fish offers for the last word of `line`, without descriptions. */
export async function offeredByFish(
  line: string,
  cwd: string,
  env: Readonly<Record<string, string>>,
): Promise<readonly string[]> {
  const quoted = `'${line.replaceAll("'", "\\'")}'`
  const command = `function portcullis; ${process.execPath} ${MAIN} $argv; end; portcullis completion fish | source; complete -C ${quoted}`
  const offered = await ended('fish', ['-N', '-c', command], '', cwd, { ...env, HOME: cwd })
  return offered.split('\n').flatMap((each) => (each === '' ? [] : [each.split('\t', 1)[0] ?? '']))
}

function script(shell: Shell): string {
  return `${process.execPath} ${MAIN} completion ${shell}`
}

async function ended(
  program: string,
  args: readonly string[],
  input: string,
  cwd: string,
  env: Readonly<Record<string, string>>,
): Promise<string> {
  const { PATH = '' } = process.env
  const child = spawn(program, args, { cwd, env: { PATH, ...env }, timeout: 20_000 })
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  child.stdin.end(input)
  await new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  return Buffer.concat(chunks).toString()
}
