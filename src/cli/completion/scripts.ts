// What a shell loads: it asks `portcullis __complete` at each Tab, so that it is never of another version than the command.

const BASH = `# bash completion for portcullis:  source <(portcullis completion bash)
_portcullis() {
  local i word glued line kind='' rest=\${COMP_LINE:0:COMP_POINT} n=-1
  local -a words=()
  # bash also parts words at = and :, which are put together again here.
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    glued=yes
    if [[ $i == 0 || $rest == [[:space:]]* ]]; then glued=''; fi
    rest=\${rest#"\${rest%%[![:space:]]*}"}
    if ((i == COMP_CWORD)); then word=$rest; fi
    if [[ -n $glued ]]; then words[n]+=$word; else words[++n]=$word; fi
    rest=\${rest#"$word"}
  done
  local current=\${words[n]} file prefix=''
  file=$current
  if [[ $current == --*=* ]]; then file=\${current#*=}; fi
  if [[ $current == *[=:]* ]]; then prefix=\${current%"\${current##*[=:]}"}; fi
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ $line == :* ]]; then kind=\${line#:}; else
      line=\${line%%$'\\t'*}
      COMPREPLY+=("\${line#"$prefix"}")
    fi
  done < <("\${words[0]}" __complete -- "\${words[@]:1}" 2>/dev/null)
  case $kind in
    files) while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$file") ;;
    dirs) while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -d -- "$file") ;;
    *) return ;;
  esac
  compopt -o filenames 2>/dev/null
}
complete -F _portcullis portcullis
`

const ZSH = `#compdef portcullis
# zsh completion for portcullis:  portcullis completion zsh > "\${fpath[1]}/_portcullis", or source <(portcullis completion zsh)
_portcullis() {
  local line kind
  local -a found
  for line in "\${(@f)$("\${words[1]}" __complete -- "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null)}"; do
    case $line in
      :*) kind=\${line#:} ;;
      *) found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}") ;;
    esac
  done
  (( $#found )) && _describe -t values portcullis found
  case $kind in
    files) [[ $PREFIX == --*=* ]] && compset -P '*='; _files ;;
    dirs) [[ $PREFIX == --*=* ]] && compset -P '*='; _path_files -/ ;;
  esac
}
if [[ \${funcstack[1]} == _portcullis ]]; then _portcullis "$@"; else compdef _portcullis portcullis; fi
`

const FISH = `# fish completion for portcullis:  portcullis completion fish > ~/.config/fish/completions/portcullis.fish
function __portcullis_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l option (string match -r -- '^--[^=]*=' "$current")
    set -l path (string replace -r -- '^--[^=]*=' '' "$current")
    for line in ($words[1] __complete -- $words[2..-1] "$current" 2>/dev/null)
        switch $line
            case ':files'
                printf "$option%s\\n" (__fish_complete_path "$path")
            case ':dirs'
                printf "$option%s\\n" (__fish_complete_directories "$path" '')
            case ':*'
            case '*'
                echo $line
        end
    end
end
complete -c portcullis -f -a '(__portcullis_complete)'
`

export const SCRIPTS = { bash: BASH, zsh: ZSH, fish: FISH } as const
