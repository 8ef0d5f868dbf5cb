#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The probes' tests through standby ports of a real bond and a real team: on this kernel if it has both drivers and
# vlans, else in user-mode Linux. Run in the build directory by `make check`; 77: neither is to be had.
set -eu

source=$(cd "$(dirname "$0")/../.." && pwd)
if unshare -Urn sh -c 'ip link add bond7 type bond && ip link add team7 type team &&
	ip link add link bond7 name bond7.7 type vlan id 7' 2>/dev/null; then
	STANDBYD_NEED_BONDING=1 exec ./tests/net/kernel_probe_test 'test_port*'
fi
if grep -aqE '__(asan|tsan)_init' ./tests/net/kernel_probe_test; then
	echo "a sanitizer's shadow memory does not fit into user-mode Linux" >&2
	exit 77
fi
exec "$source/tests/net/uml.sh" env STANDBYD_NEED_BONDING=1 ./tests/net/kernel_probe_test 'test_port*'
