#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The core and the wire formats call no system: what their objects need and neither library has must be on the list of
# pure functions beside this script. Run in the build tree; archives as arguments, default libcore.a and libwire.a.
set -eu
LC_ALL=C
export LC_ALL
list=$(dirname "$0")/pure-symbols.txt
test $# -gt 0 || set -- libcore.a libwire.a

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Lines "archive:object: [value] letter symbol"; an archive that cannot be read, or is empty, ends the script.
for archive; do
	"${NM:-nm}" -A "$archive" >"$work/one"
	test -s "$work/one" || { echo "$archive: no symbols in it" >&2; exit 1; }
	cat "$work/one" >>"$work/all"
done

awk '
	FNR == 1 { file++ }
	file == 1 { if ($1 != "" && $1 !~ /^#/) allowed[$1] = 1; next }
	# capital letters: global; V, W: weak
	file == 2 { if ($(NF - 1) ~ /^[ABCDGRSTVWiu]$/) defined[$NF] = 1; next }
	# what a sanitizer or coverage, where one is built in, adds by itself
	$NF ~ /^__(asan|ubsan|tsan|msan|lsan|sanitizer|sancov|start_asan|stop_asan|gcov)_/ { next }
	$(NF - 1) ~ /^[Uvw]$/ && !($NF in defined) && !($NF in allowed) {
		sub(/:$/, "", $1)
		printf "%s wants %s, which is not on the list of pure functions\n", $1, $NF
		wrong = 1
	}
	$(NF - 1) ~ /^[Uvw]$/ { seen++ }
	END {
		if (!seen) { print "no undefined symbol at all: nothing was checked"; wrong = 1 }
		exit wrong
	}
' "$list" "$work/all" "$work/all"
