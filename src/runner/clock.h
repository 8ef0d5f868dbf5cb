/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The time that everything here is measured by: CLOCK_MONOTONIC, in microseconds. */
#ifndef STANDBYD_RUNNER_CLOCK_H
#define STANDBYD_RUNNER_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

#endif
