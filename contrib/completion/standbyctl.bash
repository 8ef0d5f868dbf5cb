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
	[[ $letters == *F* ]] && words+=" --force"
	printf '%s' "$words"
}

# Offers words as they stand: a port's entry may have a colon or a star in it.
_standbyctl_offer() {
	local current=$1 word
	shift
	for word; do
		[[ $word == "$current"* ]] && COMPREPLY+=("$word")
	done
}

# The bonds, or after a bond its ports, of the daemon that runs in that directory.
_standbyctl_ports() {
	local program=$1 rundir=$2 bond=$3 b p
	local -A seen=()
	while IFS=$'\t' read -r b p; do
		if [[ -z $bond ]]; then
			[[ ${seen[$b]} ]] || printf '%s\n' "$b"
			seen[$b]=1
		elif [[ $b == "$bond" ]]; then
			printf '%s\n' "$p"
		fi
	done < <("$program" ${rundir:+-r "$rundir"} --ports 2>/dev/null)
	[[ -z $bond ]] || echo auto
}

_standbyctl() {
	local program=$1 current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
	local command="" letters="" argument="" rundir="" word name l a rest names="" i
	local -a given=() found
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
		-r | --run-dir) rundir=${COMP_WORDS[++i]} ;;
		-*) ;;
		*) given+=("$word") ;;
		esac
	done
	command=${given[0]}
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
	elif [[ $argument == "BOND PORT" && ${#given[@]} -le 2 ]]; then
		mapfile -t found < <(_standbyctl_ports "$program" "$rundir" "${given[1]}")
		_standbyctl_offer "$current" "${found[@]}"
	elif [[ $argument == "NAME" && ${#given[@]} -le 1 ]]; then
		mapfile -t found < <("$program" ${rundir:+-r "$rundir"} --names 2>/dev/null | sort -u)
		_standbyctl_offer "$current" "${found[@]}"
	elif [[ $argument == "VIP" && ${#given[@]} -le 1 ]]; then
		mapfile -t found < <("$program" ${rundir:+-r "$rundir"} --vips 2>/dev/null)
		_standbyctl_offer "$current" "${found[@]}"
	fi
}

complete -F _standbyctl -o filenames standbyctl
