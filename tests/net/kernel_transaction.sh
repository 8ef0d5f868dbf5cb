#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The applier's transactions, and the core beside refused requests, with the real bonding and team drivers: on this kernel if
# it has both and vlans, else in user-mode Linux. Run in the build directory by `make check`; 77: neither is to be had.
set -eu

source=$(cd "$(dirname "$0")/../.." && pwd)
if unshare -n sh -c 'ip link add bond7 type bond && ip link add team7 type team &&
	ip link add link bond7 name bond7.7 type vlan id 7' 2>/dev/null; then
	export STANDBYD_NEED_DRIVERS=1
	./tests/net/kernel_transaction_test
	exec ./tests/net/kernel_refusal_test
fi
if grep -aqE '__(asan|tsan)_init' ./tests/net/kernel_transaction_test; then
	echo "a sanitizer's shadow memory does not fit into user-mode Linux" >&2
	exit 77
fi
exec "$source/tests/net/uml.sh" -t 900 env STANDBYD_NEED_DRIVERS=1 \
	sh -c './tests/net/kernel_transaction_test && exec ./tests/net/kernel_refusal_test'
