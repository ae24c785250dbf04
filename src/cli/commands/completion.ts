// portcullis completion: a script by which bash, zsh or fish completes commands, options, and what the gateway at hand knows.
import { Argument } from 'commander'
import { SCRIPTS } from '../completion/scripts.ts'
import { examples, type Define } from '../command.ts'
import { EXIT } from '../failure.ts'

export const define: Define = (command, { printer, finish }) => {
  command.addArgument(new Argument('<shell>', 'which shell reads it').choices(Object.keys(SCRIPTS)))
  examples(
    command,
    'source <(portcullis completion bash)        in ~/.bashrc',
    'source <(portcullis completion zsh)         in ~/.zshrc, after compinit',
    'portcullis completion fish > ~/.config/fish/completions/portcullis.fish',
  )
  command.addHelpText(
    'after',
    `
Where the command is reached by npx alone, the shell needs its name first (in fish: function portcullis; npx --no portcullis $argv; end):
  portcullis() { npx --no portcullis "$@"; }; source <(portcullis completion bash)

Routes, locks, releases and incidents are asked of the control plane that the line or the environment names (--control,
PORTCULLIS_CONTROL), with its key or token. Where there is none, or it has a passphrase that is not in the environment, they are left out.
`,
  )
  command.action((shell: keyof typeof SCRIPTS) => {
    printer.document(SCRIPTS[shell])
    finish(EXIT.done)
  })
}
