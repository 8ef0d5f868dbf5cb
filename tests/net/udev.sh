#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A real udevd with the rules of udev/, and standbyd beside it, in user-mode Linux: this machine's own udev is left alone. Run in
# the build directory by `make check`; 77: not to be had.
set -eu

source=$(cd "$(dirname "$0")/../.." && pwd)
if grep -aqE '__(asan|tsan)_init' ./standbyd; then
	echo "a sanitizer's shadow memory does not fit into user-mode Linux" >&2
	exit 77
fi
[ -x /lib/systemd/systemd-udevd ] || { echo "no systemd-udevd (Debian package udev)" >&2; exit 77; }
/usr/bin/python3 -c 'import pytest, pyroute2' 2>/dev/null || { echo "no pytest or pyroute2 (python3-pytest, python3-pyroute2)" >&2; exit 77; }
STANDBYD_BUILD=$PWD exec "$source/tests/net/uml.sh" -t 900 /usr/bin/python3 -m pytest -p no:cacheprovider -q -ra "$source/tests/net/guest_udev.py"
