/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Starts a program as another user, with nothing of this process's. */
#ifndef STANDBYD_RUNNER_SPAWN_H
#define STANDBYD_RUNNER_SPAWN_H

#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "runner/user.h"

struct spawn {
	char *const *arguments;	  /* NULL at the end; the first is the program's path */
	char *const *environment; /* all of it */
	const struct user *user;
	bool become;			 /* user is another than this process's, which has what it takes to become it */
	int input, output;		 /* output: of errors, too; both ≥ 3 */
	rlim_t memory, processes, files; /* RLIMIT_AS, RLIMIT_NPROC; RLIMIT_NOFILE's soft limit */
	rlim_t mark; /* RLIMIT_LOCKS, which limits nothing since Linux 2.4.25: what the program starts has it, too */
};

/* In a session, and so a process group, of its own, with no capability and all signals as they are by default; it is
 * killed when this process is. Returns after execve: its process id, -errno of what the system lacks at the moment
 * (EAGAIN, ENOMEM, ENFILE) or of the program (all others). Call it from the main thread, which must have set
 * no_new_privs. */
pid_t spawn_program(const struct spawn *);

#endif
