/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINKS_MAX = 40 }; /* as many as the kernel follows */

struct walk {
	const char *path;    /* as it was given, for the sentences */
	char rest[PATH_MAX]; /* what is still to be walked, from `at` */
	char name[PATH_MAX]; /* taken from it; one that is too long must stay so */
	int at;              /* the directory where it stands, O_PATH; -1: none */
	int file;            /* once it is opened; -1: not yet */
	unsigned links;
	uid_t top;           /* whose "/" is; see trusted */
	char **error;
};

int secret_refuse(char **error, int code, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	if (vasprintf(error, format, list) < 0)
		*error = NULL;
	va_end(list);
	return -code;
}

static int refuse_errno(const struct walk *w, int code)
{
	return secret_refuse(w->error, code, "%s: cannot open it: %s", w->path, strerror(code));
}

/* Who may replace the file anyway: root, this user, and whoever "/" belongs to, who has all of it. That is root, but
 * looks like another in a user namespace in which the machine's root has no number. */
static bool trusted(const struct walk *w, uid_t uid)
{
	return uid == 0 || uid == geteuid() || uid == w->top;
}

/* What an open directory or link is called, for a sentence. */
static const char *called(int fd, char out[PATH_MAX])
{
	char link[32];
	ssize_t n;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, out, PATH_MAX - 1);
	if (n <= 0)
		return "a directory on the way to it";
	out[n] = '\0';
	return out;
}

static int check_directory(const struct walk *w, int fd, const struct stat *st)
{
	char name[PATH_MAX];

	if (!trusted(w, st->st_uid))
		return secret_refuse(w->error, EPERM, "%s: user %u may replace it, to whom %s belongs", w->path,
				     st->st_uid, called(fd, name));
	if (st->st_mode & 022 && !(st->st_mode & S_ISVTX))
		return secret_refuse(w->error, EPERM, "%s: others may replace it, since they may write %s (mode %04o)",
				     w->path, called(fd, name), st->st_mode & 07777);
	return 0;
}

/* Goes on from this directory, which the walk owns from now on, if it may. */
static int enter(struct walk *w, int fd)
{
	struct stat st;

	if (w->at >= 0)
		close(w->at);
	w->at = fd;
	if (fstat(fd, &st) < 0)
		return refuse_errno(w, errno);
	return check_directory(w, fd, &st);
}

static int enter_top(struct walk *w)
{
	struct stat st;
	int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return refuse_errno(w, errno);
	if (fstat(fd, &st) == 0)
		w->top = st.st_uid;
	return enter(w, fd);
}

/* Takes the next name from what is left; false: it was the last. */
static bool next_name(struct walk *w)
{
	size_t slashes = strspn(w->rest, "/"), n = strcspn(w->rest + slashes, "/");
	const char *behind = w->rest + slashes + n;

	snprintf(w->name, sizeof w->name, "%.*s", (int)n, w->rest + slashes);
	memmove(w->rest, behind, strlen(behind) + 1);
	return n > 0;
}

/* Puts where the link leads before what is left. */
static int follow(struct walk *w, int fd, const struct stat *st)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(fd, "", target, sizeof target);
	size_t left = strlen(w->rest);

	if (n < 0)
		return refuse_errno(w, errno);
	if (!trusted(w, st->st_uid))
		return secret_refuse(w->error, EPERM,
				     "%s: user %u may replace it, to whom the symbolic link %s belongs", w->path,
				     st->st_uid, w->name);
	if (++w->links > LINKS_MAX)
		return refuse_errno(w, ELOOP);
	if ((size_t)n + left >= sizeof w->rest)
		return refuse_errno(w, ENAMETOOLONG);
	memmove(w->rest + n, w->rest, left + 1);
	memcpy(w->rest, target, (size_t)n);
	return w->rest[0] == '/' ? enter_top(w) : 0;
}

static int check_file(const struct walk *w, const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return secret_refuse(w->error, EINVAL, "%s: not a regular file", w->path);
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return secret_refuse(w->error, EPERM,
				     "%s: belongs to user %u, neither to root nor to the user that standbyd runs as",
				     w->path, st->st_uid);
	if (st->st_mode & 077)
		return secret_refuse(w->error, EPERM,
				     "%s: not secret, others than its owner may use it (mode %04o); chmod 600 it",
				     w->path, st->st_mode & 07777);
	return 0;
}

/* Nothing that is no file is opened for reading, since that may wait, or do something; and in the directory nobody who
 * is not trusted can put such a thing in its place meanwhile. What is opened is looked at again all the same. */
static int open_file(struct walk *w, const struct stat *seen)
{
	struct stat st;
	int r = check_file(w, seen);

	if (r < 0)
		return r;
	w->file = openat(w->at, w->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (w->file < 0 || fstat(w->file, &st) < 0)
		return refuse_errno(w, errno);
	return check_file(w, &st);
}

/* One name further. */
static int step(struct walk *w)
{
	struct stat st;
	int r, fd = openat(w->at, w->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return refuse_errno(w, errno);
	if (fstat(fd, &st) < 0)
		r = refuse_errno(w, errno);
	else if (S_ISDIR(st.st_mode))
		return enter(w, fd);
	else if (S_ISLNK(st.st_mode))
		r = follow(w, fd, &st);
	else if (w->rest[0])
		r = refuse_errno(w, ENOTDIR);
	else
		r = open_file(w, &st);
	close(fd);
	return r;
}

/* From the top, so that the directories above the current one count too. */
static int begin(struct walk *w)
{
	size_t n = 0;

	if (w->path[0] == '\0')
		return refuse_errno(w, ENOENT);
	if (w->path[0] != '/') {
		if (!getcwd(w->rest, sizeof w->rest - 1))
			return refuse_errno(w, errno);
		n = strlen(w->rest);
		w->rest[n++] = '/';
	}
	if (strlen(w->path) >= sizeof w->rest - n)
		return refuse_errno(w, ENAMETOOLONG);
	strcpy(w->rest + n, w->path);
	return enter_top(w);
}

int secret_open(const char *path, char **error)
{
	struct walk w = { .path = path, .at = -1, .file = -1, .error = error };
	int r;

	*error = NULL;
	r = begin(&w);
	while (r == 0 && w.file < 0)
		r = next_name(&w) ? step(&w) : secret_refuse(error, EISDIR, "%s: not a regular file", path);
	if (w.at >= 0)
		close(w.at);
	if (r == 0)
		return w.file;
	if (w.file >= 0)
		close(w.file);
	return r;
}
