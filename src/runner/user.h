/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whom commands run as. */
#ifndef STANDBYD_RUNNER_USER_H
#define STANDBYD_RUNNER_USER_H

#include <sys/types.h>

struct user {
	char *name, *home;
	uid_t uid;
	gid_t gid;
	gid_t *groups; /* all of them, gid among them */
	int n_groups;
};

/* The user of that name; NULL: the one of a command that names none, which is this process's own unless that is root,
 * and then user_default. Asks the system's user database, which may wait. 0 and *user, for user_free; -ENOENT: there is
 * none; other -errno. */
int user_find(const char *name, struct user **user);
void user_free(struct user *); /* NULL is fine */

/* "standby-runner" where that user exists, else "nobody". */
const char *user_default(void);

#endif
