/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory that is freed all at once: what loading a configuration needs on the way. */
#ifndef STANDBYD_CONFIG_ARENA_H
#define STANDBYD_CONFIG_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct arena {
	struct arena_block *blocks;
	bool failed; /* memory was short at least once */
};

/* Zeroed memory for count items, aligned for anything; NULL (and `failed`) when memory is short. */
void *arena_alloc(struct arena *, size_t count, size_t size);

/* A copy with a NUL behind it. */
char *arena_text(struct arena *, const char *, size_t length);

/* At most 255 bytes, for titles and parts of messages; never NULL. */
const char *arena_format(struct arena *, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Room for one more item in an array of n items that was made by this function only (or is NULL when n is 0): the
 * array, moved when it had to grow. NULL when memory is short; the old array stays as it was. */
void *arena_grow(struct arena *, void *array, size_t n, size_t size);

void arena_free(struct arena *);

#endif
