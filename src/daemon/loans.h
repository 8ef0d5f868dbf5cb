/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The file RUNDIR/loans: the devices that this instance made for virtual MAC addresses, and the sysctls that it changed on the
 * interfaces below them, with what they were. It is written before either reaches the kernel, and exists only while there is
 * something in it. */
#ifndef STANDBYD_DAEMON_LOANS_H
#define STANDBYD_DAEMON_LOANS_H

#include "daemon/record.h"

/* What the file says. All zero: nothing. */
struct loans {
	struct event_loan *items;
	unsigned n;
};
void loans_free(struct loans *);

/* 0 or -errno, as textfile_read. On an error *loans is empty. */
int loans_read(int rundir, const struct record_world *, struct loans *);

/* Writes what the core says, beside and renamed; removes the file where there is nothing to say. 0 or -errno: the old
 * file stays. */
int loans_write(int rundir, const struct record_world *, const struct core *);

#endif
