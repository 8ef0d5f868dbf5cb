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

#endif
