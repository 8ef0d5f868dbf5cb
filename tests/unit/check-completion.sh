#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The bash completion offers what the command table has, no more and no less.
set -u
srcdir=${srcdir:-.}
command -v bash >/dev/null || { echo "no bash"; exit 77; }
ctl=$PWD/standbyctl
[ -x "$ctl" ] || { echo "standbyctl is not built"; exit 99; }

# offered WORD...: what is offered for the last word.
offered() {
	bash -c '. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _standbyctl "$1"; printf "%s\n" "${COMPREPLY[@]}"' \
		"$srcdir/contrib/completion/standbyctl.bash" "$ctl" "$@" | sort
}

failed=0
same() {
	[ "$2" = "$3" ] && return
	printf '%s:\n  wanted: %s\n  got:    %s\n' "$1" "$(echo "$2" | tr '\n' ' ')" "$(echo "$3" | tr '\n' ' ')"
	failed=1
}

table=$("$ctl" --commands) || exit 1
commands=$(echo "$table" | cut -f1 | sort)
same "commands" "$commands" "$(offered '')"
same "commands after -r" "$commands" "$(offered -r /tmp '')"
same "a beginning" "reload" "$(offered rel)"
same "help takes a command" "$commands" "$(offered help '')"

# Every option that is offered after a command is one that the command takes, and the other way round.
for command in $commands; do
	letters=$(echo "$table" | awk -F '\t' -v c="$command" '$1 == c {print $2}')
	needed=$(echo "$table" | awk -F '\t' -v c="$command" '$1 == c && $3 !~ /^\[/ {print $3}')
	wanted="-r --run-dir --help --version"
	case $letters in *f*) wanted="$wanted -f --follow" ;; esac
	case $letters in *v*) wanted="$wanted -v --verbose" ;; esac
	case $letters in *j*) wanted="$wanted --json" ;; esac
	case $letters in *F*) wanted="$wanted --force" ;; esac
	same "options of $command" "$(echo $wanted | tr ' ' '\n' | sort)" "$(offered "$command" -)"
	for option in --follow --verbose --json --force; do
		"$ctl" -r /nonexistent "$command" $needed "$option" >/dev/null 2>&1 </dev/null
		status=$?
		case " $wanted " in
		*" $option "*) [ $status -ne 2 ] || same "$command $option" "understood" "exit status 2" ;;
		*) same "$command $option" 2 $status ;;
		esac
	done
	"$ctl" help "$command" | grep -q "^  $command " || same "help $command" "a line" "none"
done
exit $failed
