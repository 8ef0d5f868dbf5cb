/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The file RUNDIR/orders: what people said that a restart of the daemon must not forget, and a boot must. It exists only
 * while there is something in it. */
#ifndef STANDBYD_DAEMON_ORDERS_H
#define STANDBYD_DAEMON_ORDERS_H

#include "daemon/record.h"

/* What the file says. All zero: nothing. */
struct orders {
	bool drained;
	char (*given)[NAME_SIZE]; /* names of vips that were handed over */
	unsigned n_given;
};
void orders_free(struct orders *);

/* 0, -ENOENT: there are none; -ESTALE: of another boot or network namespace; -EBADMSG: it is no such file; another
 * -errno. On an error *orders is empty. */
int orders_read(int rundir, const struct record_world *, struct orders *);

/* Writes what the core says, beside and renamed; removes the file where there is nothing to say. 0 or -errno: the old
 * file stays. */
int orders_write(int rundir, const struct record_world *, const struct core *);

#endif
