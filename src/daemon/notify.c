/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/clock.h"

enum kind { KIND_STATE, KIND_STATUS, KIND_WATCHDOG, KINDS };

static char kept[KINDS][160];

/* False: the manager's queue is full. Without a manager, or with one that is gone, there is nobody to tell. */
static bool say(const char *text)
{
	static int fd = -1;
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t length = path ? strlen(path) : 0;

	if (length < 2 || length >= sizeof to.sun_path || (path[0] != '/' && path[0] != '@'))
		return true;
	if (fd < 0)
		fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return true;
	memcpy(to.sun_path, path, length);
	if (path[0] == '@')
		to.sun_path[0] = 0;
	return sendto(fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&to,
		      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) >= 0 ||
	       (errno != EAGAIN && errno != ENOBUFS);
}

/* The text may be the kept one itself. */
static void say_or_keep(enum kind kind, const char *text)
{
	if (say(text))
		kept[kind][0] = 0;
	else if (text != kept[kind])
		snprintf(kept[kind], sizeof kept[kind], "%s", text);
}

bool notify_kept(void)
{
	return kept[KIND_STATE][0] || kept[KIND_STATUS][0] || kept[KIND_WATCHDOG][0];
}

void notify_again(void)
{
	for (unsigned kind = 0; kind < KINDS; kind++) {
		if (kept[kind][0])
			say_or_keep((enum kind)kind, kept[kind]);
	}
}

void notify_ready(void)
{
	say_or_keep(KIND_STATE, "READY=1");
}

void notify_reloading(void)
{
	char text[sizeof kept[0]];

	snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_ns(CLOCK_MONOTONIC) / 1000);
	say_or_keep(KIND_STATE, text);
}

void notify_stopping(void)
{
	say_or_keep(KIND_STATE, "STOPPING=1\nSTATUS=leaving");
}

void notify_watchdog(void)
{
	say_or_keep(KIND_WATCHDOG, "WATCHDOG=1");
}

static int count(char *out, size_t size, unsigned n, const char *word)
{
	return n ? snprintf(out, size, ", %u %s", n, word) : 0;
}

void notify_status(const struct core *core)
{
	static char last[160];
	unsigned vips = 0, active = 0, fault = 0, degraded = 0, down = 0;
	char text[sizeof last];
	int n;

	for (unsigned i = 0; i < core_n_vips(core); i++) {
		struct vip_view vip;
		core_vip(core, i, &vip);
		vips += !vip.removed || vip.state != VIP_INIT;
		active += vip.state == VIP_ACTIVE;
		fault += vip.state == VIP_FAULT;
	}
	for (unsigned i = 0; i < core_n_bonds(core); i++) {
		struct bond_view bond;
		core_bond(core, i, &bond);
		degraded += bond.state == BOND_DEGRADED;
		down += bond.state == BOND_DOWN;
	}
	n = snprintf(text, sizeof text, "STATUS=%s%u of %u vips active", core_drained(core) ? "drained, " : "", active, vips);
	n += count(text + n, sizeof text - (size_t)n, fault, "in fault");
	n += count(text + n, sizeof text - (size_t)n, degraded, "bonds degraded");
	count(text + n, sizeof text - (size_t)n, down, "bonds down");
	if (strcmp(text, last) == 0)
		return;
	memcpy(last, text, sizeof last);
	say_or_keep(KIND_STATUS, text);
}
