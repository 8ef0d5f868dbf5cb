/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/path.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINKS_MAX = 40 };

struct walk {
	uid_t user;
	char done[PATH_MAX]; /* what was walked: no symbolic link in it; "" is the root directory */
	char rest[PATH_MAX];
	unsigned links;
	char *reason;
};

static int refuse(const struct walk *walk, int error, const char *why)
{
	snprintf(walk->reason, RUNNER_OUTPUT_MAX + 1, "%.130s %.68s", walk->done[0] ? walk->done : "/", why);
	return -error;
}

static int fail(const struct walk *walk, int error)
{
	return refuse(walk, error, error == ENOENT ? "does not exist" : strerrordesc_np(error));
}

static int check_writers(const struct walk *walk, const struct stat *file)
{
	char why[64];

	if (file->st_uid != 0 && file->st_uid != walk->user) {
		snprintf(why, sizeof why, "is owned by another user (%u)", file->st_uid);
		return refuse(walk, EACCES, why);
	}
	if (S_ISLNK(file->st_mode)) /* its mode means nothing */
		return 0;
	if (file->st_mode & S_IWOTH)
		return refuse(walk, EACCES, "is writable by others");
	if ((file->st_mode & S_IWGRP) && file->st_gid != 0) {
		snprintf(why, sizeof why, "is writable by its group (%u)", file->st_gid);
		return refuse(walk, EACCES, why);
	}
	return 0;
}

/* Moves the next name from rest to done. False: there is none. */
static bool step(struct walk *walk)
{
	char *name = walk->rest + strspn(walk->rest, "/");
	size_t length = strcspn(name, "/"), used = strlen(walk->done);

	if (length == 0)
		return false;
	if (length == 2 && memcmp(name, "..", 2) == 0) {
		char *last = strrchr(walk->done, '/');

		if (last)
			*last = '\0';
	} else if (!(length == 1 && *name == '.') && used + 1 + length < sizeof walk->done) {
		walk->done[used] = '/';
		memcpy(walk->done + used + 1, name, length);
		walk->done[used + 1 + length] = '\0';
	}
	memmove(walk->rest, name + length, strlen(name + length) + 1);
	return true;
}

/* Puts the target of the link in place of it. */
static int follow(struct walk *walk)
{
	char target[PATH_MAX];
	ssize_t n = readlink(walk->done, target, sizeof target - 1);

	if (n < 0)
		return fail(walk, errno);
	if (++walk->links > LINKS_MAX || (size_t)n + 1 + strlen(walk->rest) >= sizeof walk->rest)
		return fail(walk, ELOOP);
	memmove(walk->rest + n + 1, walk->rest, strlen(walk->rest) + 1);
	memcpy(walk->rest, target, (size_t)n);
	walk->rest[n] = '/';
	if (target[0] == '/')
		walk->done[0] = '\0';
	else
		*strrchr(walk->done, '/') = '\0';
	return 0;
}

static int check_here(struct walk *walk, struct stat *file)
{
	if (lstat(walk->done[0] ? walk->done : "/", file) < 0)
		return fail(walk, errno);
	return check_writers(walk, file);
}

int path_check(const char *path, uid_t user, char reason[RUNNER_OUTPUT_MAX + 1])
{
	struct walk walk = { .user = user, .reason = reason };
	struct stat file;
	int r;

	if (strlen(path) >= sizeof walk.rest) {
		snprintf(reason, RUNNER_OUTPUT_MAX + 1, "the program's path is too long");
		return -ENAMETOOLONG;
	}
	strcpy(walk.rest, path);
	r = check_here(&walk, &file);
	while (r == 0 && step(&walk)) {
		r = check_here(&walk, &file);
		if (r == 0 && S_ISLNK(file.st_mode))
			r = follow(&walk);
	}
	if (r < 0)
		return r;
	if (!S_ISREG(file.st_mode))
		return refuse(&walk, EACCES, "is not a regular file");
	return file.st_mode & 0111 ? 0 : refuse(&walk, EACCES, "is not executable");
}
