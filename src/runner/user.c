/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/user.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RUNNER_USER "standby-runner"

const char *user_default(void)
{
	return getpwnam(RUNNER_USER) ? RUNNER_USER : "nobody";
}

void user_free(struct user *user)
{
	if (!user)
		return;
	free(user->name);
	free(user->home);
	free(user->groups);
	free(user);
}

/* The groups of the system's database. 0 or -ENOMEM. */
static int take_groups(struct user *user)
{
	int room = 16;

	for (;;) {
		gid_t *groups = reallocarray(user->groups, (size_t)room, sizeof *groups);

		if (!groups)
			return -ENOMEM;
		user->groups = groups;
		user->n_groups = room;
		if (getgrouplist(user->name, user->gid, user->groups, &user->n_groups) >= 0)
			return 0;
		room = user->n_groups > room ? user->n_groups : 2 * room;
	}
}

static int take(struct user *user, const struct passwd *entry)
{
	user->uid = entry->pw_uid;
	user->gid = entry->pw_gid;
	user->name = strdup(entry->pw_name);
	user->home = strdup(entry->pw_dir);
	return user->name && user->home ? take_groups(user) : -ENOMEM;
}

/* This process's, which may be in no database. */
static int take_own(struct user *user)
{
	const struct passwd *entry = getpwuid(geteuid());

	if (entry)
		return take(user, entry);
	user->uid = geteuid();
	user->gid = getegid();
	user->home = strdup("/");
	return user->home && asprintf(&user->name, "%u", user->uid) >= 0 ? 0 : -ENOMEM;
}

int user_find(const char *name, struct user **found)
{
	struct user *user = calloc(1, sizeof *user);
	const struct passwd *entry;
	int r;

	if (!user)
		return -ENOMEM;
	if (!name && geteuid() != 0) {
		r = take_own(user);
	} else {
		errno = 0;
		entry = getpwnam(name ? name : user_default());
		if (entry)
			r = take(user, entry);
		else
			r = errno ? -errno : -ENOENT;
	}
	if (r < 0) {
		user_free(user);
		return r == -ESRCH ? -ENOENT : r; /* what some of the databases say of it */
	}
	*found = user;
	return 0;
}
