/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/children.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The beginning of a file of /proc, as text. */
static bool read_text(const char *path, char *out, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, out, size - 1);
	close(fd);
	if (n < 0)
		return false;
	out[n] = '\0';
	return true;
}

/* Field 4 of its stat, behind a name that may have anything in it (proc(5)); 0: it is gone. */
static pid_t parent_of(pid_t pid)
{
	char path[32], text[512];
	const char *name_end;
	char state;
	int parent;

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	if (!read_text(path, text, sizeof text) || !(name_end = strrchr(text, ')')) ||
	    sscanf(name_end, ") %c %d", &state, &parent) != 2)
		return 0;
	return parent;
}

/* All processes are looked through: not every kernel keeps a list of each one's children. */
static void each_of_all(void (*each)(void *userdata, pid_t pid), void *userdata)
{
	DIR *all = opendir("/proc");
	struct dirent *entry;
	pid_t self = getpid();

	while (all && (entry = readdir(all))) {
		pid_t pid = isdigit((unsigned char)entry->d_name[0]) ? atoi(entry->d_name) : 0;

		if (pid > 0 && parent_of(pid) == self)
			each(userdata, pid);
	}
	if (all)
		closedir(all);
}

void children_each(void (*each)(void *userdata, pid_t pid), void *userdata)
{
	FILE *list = fopen("/proc/thread-self/children", "re"); /* the main thread starts and inherits all */
	int pid;

	if (!list) {
		each_of_all(each, userdata);
		return;
	}
	while (fscanf(list, "%d", &pid) == 1)
		each(userdata, pid);
	fclose(list);
}

uint64_t children_mark(pid_t pid)
{
	char path[32], text[4096];
	const char *line;
	unsigned long long mark;

	snprintf(path, sizeof path, "/proc/%d/limits", pid);
	if (!read_text(path, text, sizeof text) || !(line = strstr(text, "\nMax file locks")))
		return UINT64_MAX;
	return sscanf(line + strlen("\nMax file locks"), "%llu", &mark) == 1 ? mark : UINT64_MAX;
}
