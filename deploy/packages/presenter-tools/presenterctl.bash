# Completion for bash: asks presenterctl itself what may follow, so it is never out of date. For zsh:
#   autoload -U bashcompinit && bashcompinit && source presenterctl.bash

# Options and subcommands in the help of a command.
_presenterctl_words() {
  "$@" --help 2>/dev/null | sed -nE \
    -e 's/^  (-h,)?(--[a-z-]+).*/\2/p' \
    -e '/^Subcommands:/,/^$/s/^  ([a-z][a-z-]*).*/\1/p'
}

_presenterctl() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local command=("${COMP_WORDS[0]}") at
  # The words in front that are commands: "gateway clients".
  for ((at = 1; at < COMP_CWORD; at++)); do
    [[ ${COMP_WORDS[at]} == [a-z]* ]] || break
    command+=("${COMP_WORDS[at]}")
    [[ ${COMP_WORDS[at]} == gateway ]] || break
  done
  local words
  case $previous in
    --token-file | --zookeeper-auth-file | --program)
      mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return
      ;;
    --phase) words="handshake first_packet opening relaying handing_over stranded closing" ;;
    log-level) words="debug info warning error $(_presenterctl_words "${command[@]}")" ;;
    *) words=$(_presenterctl_words "${command[@]}") ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -F _presenterctl presenterctl
