#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The applier's bond tests with a real bonding driver: on this kernel if it has one, else in user-mode Linux. Run in the
# build directory by `make check`; 77: neither is to be had.
set -eu

source=$(cd "$(dirname "$0")/../.." && pwd)
if unshare -Urn ip link add bond7 type bond 2>/dev/null; then
	STANDBYD_NEED_BONDING=1 exec ./tests/net/kernel_applier_test 'test_bond*'
fi
if grep -aqE '__(asan|tsan)_init' ./tests/net/kernel_applier_test; then
	echo "a sanitizer's shadow memory does not fit into user-mode Linux" >&2
	exit 77
fi
exec "$source/tests/net/uml.sh" env STANDBYD_NEED_BONDING=1 ./tests/net/kernel_applier_test 'test_bond*'
