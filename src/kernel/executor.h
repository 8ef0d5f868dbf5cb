/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The applier thread's work itself: makes changes and snapshots, and waits for the kernel while it does. */
#ifndef STANDBYD_KERNEL_EXECUTOR_H
#define STANDBYD_KERNEL_EXECUTOR_H

#include <stddef.h>

#include "kernel/snapshot.h"

/* How many changes are one sendmsg, and answered together: large enough that the system calls vanish behind the changes
 * (each some 6 µs), small enough that the first of many addresses is announced while the others are still added. */
enum { EXECUTOR_BATCH = 64 };

struct job {
	struct action action;
	int error;                /* out: errno, 0: done */
	int fd;                   /* out: of ACT_LISTEN, else -1 */
	char *text;               /* out: the kernel's words on the error, or NULL */
	struct snapshot snapshot; /* out: of ACT_SNAPSHOT, when error is 0 */
};

struct executor;

/* Opens the request socket in the caller's network namespace. NULL with errno. */
struct executor *executor_new(void);
void executor_free(struct executor *);

/* The teams that it makes and watches. */
struct teams *executor_teams(struct executor *);

/* Does the jobs in order and fills in their results; n ≤ EXECUTOR_BATCH. */
void executor_run(struct executor *, struct job *, size_t n);

/* What a job's result owns. */
void job_clear(struct job *);

/* See applier_inject. May be called from another thread while no job is executed. */
void executor_inject(struct executor *, unsigned nth, int error);
bool executor_inject_waits(const struct executor *);

#endif
