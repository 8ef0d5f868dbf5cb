/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's clocks as nanoseconds. */
#ifndef STANDBYD_KERNEL_CLOCK_H
#define STANDBYD_KERNEL_CLOCK_H

#include <stdint.h>
#include <time.h>

#include "core/types.h"

static inline uint64_t clock_of_timespec(const struct timespec *t)
{
	return (uint64_t)t->tv_sec * NSEC_PER_SEC + (uint64_t)t->tv_nsec;
}

static inline uint64_t clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return clock_of_timespec(&t);
}

/* When a packet with that receive timestamp came, on CLOCK_BOOTTIME's scale. Both clocks were read after it came, CLOCK_REALTIME
 * first. The wall clock may have been set since: the packet's age is bounded by when its socket was last empty (0: never). */
static inline uint64_t clock_seen_at(const struct timespec *stamp, uint64_t realtime, uint64_t boottime, uint64_t emptied_ns)
{
	uint64_t received = clock_of_timespec(stamp), age;

	if (received >= realtime)
		return boottime;
	age = realtime - received;
	if (age >= boottime || boottime - age < emptied_ns)
		return emptied_ns ? emptied_ns : boottime;
	return boottime - age;
}

#endif
