/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a record lists besides the vips: what this instance may have put into the kernel, and where. */
#ifndef STANDBYD_DAEMON_RECORD_LIST_H
#define STANDBYD_DAEMON_RECORD_LIST_H

#include "daemon/record.h"

enum {
	RECORD_ADDRESSES_MAX = MAX_VIPS * MAX_PORTS * 2,
	RECORD_ROUTES_MAX = 16384,
	RECORD_RULES_MAX = 16384,
};

/* Fills in the lists of *list, which is all zero before, with what the core's vips and moving bonds may have, and with what
 * `previous` (NULL: nothing) lists beyond that, for an hour; each once. Its vips stay as they are. 0; -ENOMEM; -E2BIG: too many
 * addresses. Too many routes or rules are left out, for the roles count more. The caller frees it whatever is returned. */
int record_list(struct record_data *list, const struct core *, const struct record_data *previous, uint64_t now_ns);

/* Over the devices of all moving bonds, each with its place. 0: all are given by name. */
uint64_t record_ports_hash(const struct core *);

#endif
