/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two clocks of the daemon: the core's, which counts suspend, and the wall's, for people. Nanoseconds. */
#ifndef STANDBYD_DAEMON_CLOCK_H
#define STANDBYD_DAEMON_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static inline uint64_t clock_boot(void)
{
	return clock_ns(CLOCK_BOOTTIME);
}

/* The wall-clock time of a moment on CLOCK_BOOTTIME, as the wall clock is set now. */
static inline uint64_t clock_wall(uint64_t boot_ns)
{
	return clock_ns(CLOCK_REALTIME) - (clock_boot() - boot_ns);
}

#endif
