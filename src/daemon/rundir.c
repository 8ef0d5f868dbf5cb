/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "common/log.h"

static void say_taken(const char *path, int fd)
{
	char text[16] = "";
	ssize_t n = pread(fd, text, sizeof text - 1, 0);

	for (ssize_t i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9')
			text[i] = '\0';
	}
	log_at(LOG_ERR, "another standbyd%s%s%s runs in %s; give this one another run directory (-r) or stop the other",
	       text[0] ? ", process " : "", text, text[0] ? "," : "", path);
}

/* Whether that descriptor is of the run directory's lock file. */
static bool is_lock(int rundir, int fd)
{
	struct stat ours, there;

	return fd >= 0 && fstat(fd, &ours) == 0 && fstatat(rundir, "lock", &there, AT_SYMLINK_NOFOLLOW) == 0 &&
	       ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

/* The fd stays open, and with it the lock, until the process ends, whatever program it becomes. */
static int take_lock(int rundir, const char *path, int *lock)
{
	char text[16];
	int fd;

	if (is_lock(rundir, *lock))
		return 0;
	fd = openat(rundir, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);

	if (fd < 0) {
		log_at(LOG_ERR, "cannot open %s/lock: %s", path, strerror(errno));
		return -1;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EWOULDBLOCK)
			say_taken(path, fd);
		else
			log_at(LOG_ERR, "cannot lock %s/lock: %s", path, strerror(errno));
		close(fd);
		return -1;
	}
	snprintf(text, sizeof text, "%d\n", getpid());
	if (ftruncate(fd, 0) < 0 || write(fd, text, strlen(text)) < 0)
		log_at(LOG_DEBUG, "cannot write %s/lock: %s", path, strerror(errno));
	*lock = fd;
	return 0;
}

int rundir_open(const char *path, int *lock)
{
	int fd;

	if (mkdir(path, 0755) < 0 && errno != EEXIST) {
		log_at(LOG_ERR, "cannot make the run directory %s: %s", path, strerror(errno));
		return -1;
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		log_at(LOG_ERR, "cannot open the run directory %s: %s", path, strerror(errno));
		return -1;
	}
	if (take_lock(fd, path, lock) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}
