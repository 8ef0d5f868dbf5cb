/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The packet filter of vips with `accept: false` (RFC 9568 §6.1, Accept_Mode): what comes in for their addresses is not taken by
 * this node, which answers for their MAC addresses and forwards all the same.
 *
 * A table of nftables of its own, that names the addresses wherever they are: so it need not come and go with them, and one that a
 * crash left takes nothing from anybody but who asks for addresses that are gone. A file of the run directory says that there is
 * one, so that nftables is not asked where nobody needs it. */
#ifndef STANDBYD_DAEMON_FILTER_H
#define STANDBYD_DAEMON_FILTER_H

#include <stdio.h>

#include "core/config.h"

struct filter {
	char table[32];
	int rundir; /* borrowed */
};

/* path: of the run directory, by which several daemons of one machine are told apart. */
void filter_init(struct filter *, int rundir, const char *path);

/* Makes what that configuration needs of it, all at once, and takes away what it does not. Waits for the kernel. True, or *out was told
 * why not: then the configuration must not be followed, since it would take packets that it says it does not. */
bool filter_enforce(const struct filter *, const struct config *, FILE *out);

/* Takes it away, if there is one: nothing is held any more. */
void filter_end(const struct filter *);

#endif
