/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The last bytes of a text that comes in pieces. */
#ifndef STANDBYD_RUNNER_TAIL_H
#define STANDBYD_RUNNER_TAIL_H

#include <stddef.h>

struct tail {
	char *text; /* length bytes without a NUL; NULL: length is 0 */
	size_t length, room, max;
};

/* max: bytes that are kept, ≥ 1. */
void tail_begin(struct tail *, size_t max);
/* Without memory for it, what came before is kept. */
void tail_add(struct tail *, const char *data, size_t length);
void tail_free(struct tail *);

#endif
