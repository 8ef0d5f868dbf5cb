#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Every test that doc/CONFORMANCE.md names exists, and every line of its tables names one. What stands in brackets after the
# name of a namespace test is asked of pytest by tests/net/test_conformance.py. So it is with the rows of "What can fail" in
# standbyd.yaml(5): comments behind each name its tests, which are in tests/net/test_claims.py, and its worlds in the simulator.
set -eu
LC_ALL=C
export LC_ALL
top=$(dirname "$0")/../..
doc=$top/doc/CONFORMANCE.md
status=0

complain() {
	echo "$doc: $*" >&2
	status=1
}

exists() {
	case $1 in
	*.trace) test -f "$top/tests/unit/golden/$1" ;;
	*.yaml) test -f "$top/tests/unit/config/$1" ;;
	test_*.py::*) grep -q "^def ${1#*::}(" "$top/tests/net/${1%%::*}" 2>/dev/null ;;
	*.c:*) grep -q "^static void ${1#*:}(" "$top/tests/unit/${1%%:*}" "$top/tests/net/${1%%:*}" 2>/dev/null ;;
	esac
}

names=$(grep -o '`[^`]*`' "$doc" | tr -d '`' | sed 's/\[.*//' | grep -E '^[a-z0-9-]+\.(trace|yaml)$|^[a-z_0-9]+\.(py::|c:)[a-z_0-9]+$' | sort -u)
count=0
for name in $names; do
	count=$((count + 1))
	exists "$name" || complain "there is no test $name"
done
test $count -ge 100 || complain "only $count names were found in it"

without=$(grep '^|' "$doc" | grep -v -e '^|---' -e '^| what |' -e '^| peer |' -e '^| besides |' |
	grep -vE '`[^`]*(\.trace|\.yaml|\.py::[^`]*|\.c:[^`]*)`' || true)
test -z "$without" || complain "no test in: $without"

doc=$top/man/standbyd.yaml.5
rows=$(sed -n '/^\.Ss What can fail/,/^\.El/p' "$doc")
for name in $(echo "$rows" | sed -n 's/^\.\\" \(test_[a-z0-9_]*\)$/\1/p'); do
	exists "test_claims.py::$name" || complain "there is no test $name"
done
without=$(echo "$rows" | awk 'row != "" && !/^\.\\" test_/ { print row } { row = "" } /^\.It / { row = $0 }')
test -z "$without" || complain "no test behind: $without"
named=$top/tests/sim/named.c
for name in $(echo "$rows" | sed -n 's/^\.\\" world \([a-z-]*\)$/\1/p'); do
	grep -q "^	{ \"$name\"," "$named" || complain "the simulator has no world $name"
done
for name in $(sed -n 's/^	{ "\([a-z-]*\)",.*/\1/p' "$named"); do
	echo "$rows" | grep -q "^\.\\\\\" world $name\$" || complain "no row for the world $name"
done
without=$(echo "$rows" | awk '/^\.It /{ if (row != "") print row; row = $0 } /^\.\\" world / { row = "" } END { if (row != "") print row }')
test -z "$without" || complain "no world behind: $without"
test "$(echo "$rows" | grep -c '^\.It ')" -ge 19 || complain "rows of 'What can fail' are missing"
exit $status
