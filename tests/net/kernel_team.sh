#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The applier's team tests with the real team driver: on this kernel if it has one, else in user-mode Linux. Run in the
# build directory by `make check`; 77: neither is to be had.
set -eu

source=$(cd "$(dirname "$0")/../.." && pwd)
if unshare -n ip link add team7 type team 2>/dev/null; then
	STANDBYD_NEED_TEAM=1 exec ./tests/net/kernel_team_test
fi
if grep -aqE '__(asan|tsan)_init' ./tests/net/kernel_team_test; then
	echo "a sanitizer's shadow memory does not fit into user-mode Linux" >&2
	exit 77
fi
exec "$source/tests/net/uml.sh" env STANDBYD_NEED_TEAM=1 ./tests/net/kernel_team_test
