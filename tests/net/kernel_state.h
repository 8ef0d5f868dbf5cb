/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel has, as lines of text that two moments can be compared by. Reads rtnetlink by itself, with nothing of
 * src/kernel, which it is there to judge. */
#ifndef STANDBYD_TESTS_KERNEL_STATE_H
#define STANDBYD_TESTS_KERNEL_STATE_H

#include <stdbool.h>
#include <stdint.h>

enum { STATE_LIFETIMES = 64 };

struct state {
	char *text;       /* links, addresses in the kernel's order, then sorted: routes, permanent neighbours, rules */
	int64_t expires[STATE_LIFETIMES]; /* of the addresses that expire, in order: valid and preferred, in seconds of uptime */
	unsigned n_expires;
};

/* Of this network namespace. Left out: what the kernel makes by itself (link-local addresses, the table local, routes of a
 * cache, carrier), counters, and IPv6's nodad flag, which only says that an address was not probed for. */
struct state state_read(void);
void state_free(struct state *);

/* The same, but for lifetimes that are some seconds off: a lifetime is told in whole seconds. */
bool state_equal(const struct state *, const struct state *);

/* The lines of addresses, routes and neighbours that are on this device, as if it had the other name, sorted. To be freed. */
char *state_on(const struct state *, const char *device, const char *as);

/* Prints what is in one and not in the other. */
void state_print_difference(const char *before, const char *after);

#endif
