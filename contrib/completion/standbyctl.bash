# SPDX-License-Identifier: GPL-2.0-or-later
# bash completion for standbyctl. Commands and their options come from the program's own table.

_standbyctl_commands() {
	"$1" --commands 2>/dev/null
}

# The options of a command, as the table's letters say.
_standbyctl_options() {
	local letters=$1 words=""
	[[ $letters == *f* ]] && words+=" -f --follow"
	[[ $letters == *v* ]] && words+=" -v --verbose"
	[[ $letters == *j* ]] && words+=" --json"
	printf '%s' "$words"
}

_standbyctl() {
	local program=$1 current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
	local command="" letters="" argument="" word name l a rest names="" i
	COMPREPLY=()

	case $previous in
	-r | --run-dir)
		mapfile -t COMPREPLY < <(compgen -d -- "$current")
		return
		;;
	esac
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		case $word in
		-r | --run-dir) ((i++)) ;;
		-*) ;;
		*)
			command=$word
			break
			;;
		esac
	done
	# Tabs are white space to read, which would swallow empty fields.
	while IFS=$'\x1f' read -r name l a rest; do
		names+=" $name"
		[[ $name == "$command" ]] && letters=$l argument=$a
	done < <(_standbyctl_commands "$program" | tr '\t' '\037')

	if [[ $current == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "-r --run-dir --help --version$(_standbyctl_options "$letters")" -- "$current")
	elif [[ -z $command ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$names" -- "$current")
	elif [[ $argument == "[FILE]" ]]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
	elif [[ $argument == "[COMMAND]" ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$names" -- "$current")
	fi
}

complete -F _standbyctl -o filenames standbyctl
