#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs a command inside user-mode Linux, on this machine's own files, with the real bonding driver; its exit status is the
# command's. Files under /tmp, /run, /var/tmp and /dev/shm are the guest's own and vanish with it, except below the working
# directory, $UML_KEEP and this script's source tree, which are the host's.
#   uml.sh [-t SECONDS] COMMAND [ARGUMENT...]
# 124: not finished within SECONDS (default 300). 77: cannot run here, and why. 125: the guest died.
set -eu

limit=300
while getopts t: option; do
	case $option in
	t) limit=$OPTARG ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || { echo "usage: uml.sh [-t SECONDS] COMMAND [ARGUMENT...]" >&2; exit 2; }

missing() {
	echo "user-mode Linux cannot run: no $1 (Debian package $2)" >&2
	exit 77
}
PATH=$PATH:/usr/sbin:/sbin
command -v linux.uml >/dev/null || missing linux.uml user-mode-linux
command -v modprobe >/dev/null || missing modprobe kmod
modules=$(ls -d /usr/lib/uml/modules/* 2>/dev/null | tail -n 1)
[ -n "$modules" ] || missing /usr/lib/uml/modules user-mode-linux

source=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/uml-XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
mkdir -p "$work/lib/modules"
ln -s "$modules" "$work/lib/modules/${modules##*/}"

quote() {
	for word; do
		printf "'%s' " "$(printf %s "$word" | sed "s/'/'\\\\''/g")"
	done
}

{
	echo "#!/bin/sh"
	echo "export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8"
	echo "export PYTHONDONTWRITEBYTECODE=1 TERM=dumb STANDBYD_UML=1"
	for name in STANDBYD_BUILD CI ASAN_OPTIONS UBSAN_OPTIONS TSAN_OPTIONS LSAN_OPTIONS; do
		eval "value=\${$name-}"
		[ -z "$value" ] || echo "export $name=$(quote "$value")"
	done
	cat <<-END
		mount -t proc proc /proc
		mount -t sysfs sys /sys
		modprobe -d $(quote "$work") -a bonding max_bonds=0 2>/dev/null || modprobe -d $(quote "$work") bonding max_bonds=0
		modprobe -d $(quote "$work") -a veth bridge macvlan 8021q dummy team team_mode_activebackup team_mode_roundrobin
		mount -t hostfs host /mnt -o $(quote "$work")
		for guest in /run /var/tmp /dev/shm /tmp; do
			[ ! -d \$guest ] || mount -t tmpfs tmpfs \$guest
		done
		for kept in $(quote "$source" "$PWD" ${UML_KEEP:+"$UML_KEEP"}); do
			case \$kept in
			/tmp/* | /run/* | /var/tmp/* | /dev/shm/*)
				mkdir -p "\$kept"
				mount -t hostfs host "\$kept" -o "\$kept"
				;;
			esac
		done
		ip link set lo up
		cd $(quote "$PWD")
		echo --begin--
		$(quote "$@")
		echo \$? >/mnt/status
		echo --end--
		sync
		echo o >/proc/sysrq-trigger 2>/dev/null
		exec /sbin/halt -f
	END
} >"$work/init"
chmod +x "$work/init"

# The guest's console carries the command's output between two marks.
{
	timeout --foreground -k 5 "$limit" linux.uml mem=768M rootfstype=hostfs rootflags=/ rw init="$work/init" con=null \
		con0=null,fd:1 con1=null loglevel=1 panic=-1 </dev/null 2>&1 || echo $? >"$work/ended"
} | sed -u -e '1,/^--begin--/d' -e '/^--end--/,$d' -e 's/\r$//'
ended=$(cat "$work/ended" 2>/dev/null || echo 0)
[ "$ended" -ne 124 ] || { echo "uml.sh: not finished within $limit s" >&2; exit 124; }
[ -s "$work/status" ] || { echo "uml.sh: the guest died (linux.uml: exit status $ended)" >&2; exit 125; }
exit "$(cat "$work/status")"
