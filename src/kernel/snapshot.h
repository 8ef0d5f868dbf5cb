/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel has, read as events: links, addresses, routes, by dumps on the request socket. */
#ifndef STANDBYD_KERNEL_SNAPSHOT_H
#define STANDBYD_KERNEL_SNAPSHOT_H

#include "core/core.h"

/* The items in the order that the kernel told them. */
struct snapshot_chunk {
	struct snapshot_chunk *next;
	unsigned n;
	struct event items[64];
};

struct snapshot {
	struct snapshot_chunk *first, *last;
};

/* Links, IPv4 and IPv6 addresses, routes of the main table (or of all), rules, in this order. A router's routes can be a million:
 * whoever has no routes or rules configured leaves them out. */
enum { SNAPSHOT_DUMPS = 7 };
/* Whether that dump is none of the ACT_SNAPSHOT's. */
bool snapshot_skips(const struct action *, unsigned which);

/* Appends one dump's items, marked with the epoch. 0; -EINTR: what was dumped changed meanwhile, and the items are not
 * to be used; other -errno, and *broken says whether the socket is out of step and must be opened anew. */
int snapshot_dump(struct snapshot *, unsigned which, bool all_tables, int fd, uint32_t sequence, uint32_t epoch, bool *broken);

struct teams;

/* Appends what libteam says of each team among the items, which are the links. 0 or -ENOMEM. */
int snapshot_teams(struct snapshot *, struct teams *, uint32_t epoch);

/* Moves all items of the second behind those of the first. */
void snapshot_join(struct snapshot *to, struct snapshot *from);

void snapshot_free(struct snapshot *);

#endif
