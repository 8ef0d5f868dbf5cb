/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A process that is there: the one that a PID file names, or any of that name. It is held by a file descriptor of the
 * kernel's, which tells its end at once, and cannot come to mean another process. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runner/probe_kind.h"

struct process {
	struct probe probe;
	char *pid_file, *name; /* one of them, the other NULL */
	int pidfd;	       /* -1: none is held */
	int pid;	       /* of pidfd */
	sd_event_source *end;
};

static int process_open(struct probe *probe, const json_t *definition)
{
	struct process *process = (struct process *)probe;
	int r;

	process->pidfd = -1;
	if ((r = probe_take_text(definition, "pid_file", false, &process->pid_file)) < 0 ||
	    (r = probe_take_text(definition, "name", false, &process->name)) < 0)
		return r;
	return !process->pid_file == !process->name ? -EBADMSG : 0;
}

static void let_go(struct process *process)
{
	process->end = sd_event_source_disable_unref(process->end);
	if (process->pidfd >= 0)
		close(process->pidfd);
	process->pidfd = -1;
}

static int on_end(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct process *process = userdata;

	(void)source;
	(void)fd;
	(void)events;
	let_go(process);
	probe_change(&process->probe);
	return 0;
}

/* It polls as readable from its end on, while it waits for its parent too. */
static bool has_ended(int pidfd)
{
	struct pollfd wait = { .fd = pidfd, .events = POLLIN };

	return poll(&wait, 1, 0) > 0;
}

/* 0; -ESRCH: there is no such process, or it has ended; other -errno. */
static int hold(struct process *process, int pid)
{
	int r;

	if (process->pidfd >= 0 && process->pid == pid && !has_ended(process->pidfd))
		return 0;
	let_go(process);
	process->pid = pid;
	process->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (process->pidfd < 0)
		return errno == EINVAL ? -ESRCH : -errno; /* EINVAL: the number of a thread */
	if (has_ended(process->pidfd))
		r = -ESRCH;
	else
		r = sd_event_add_io(process->probe.probes->event, &process->end, process->pidfd, EPOLLIN, on_end,
				    process);
	if (r < 0)
		let_go(process);
	return r < 0 ? r : 0;
}

/* A process's number, alone on the first line; 0: it is none. */
static int parse_pid(const char *text)
{
	char *end;
	long pid = strtol(text, &end, 10);

	end += strspn(end, " \t\r");
	return pid > 0 && pid <= INT32_MAX && (*end == '\0' || *end == '\n') ? (int)pid : 0;
}

static void run_by_file(struct process *process)
{
	char text[64], reason[PROBE_REASON_SIZE];
	const char *unread = probe_read(process->pid_file, text, sizeof text, reason);
	int pid = unread ? 0 : parse_pid(text);
	int r = pid ? hold(process, pid) : 0;

	if (pid == 0)
		let_go(process);
	if (unread)
		probe_end(&process->probe, false, "%s: %s", process->pid_file, unread);
	else if (pid == 0)
		probe_end(&process->probe, false, "%s has no process number", process->pid_file);
	else if (r == -ESRCH)
		probe_end(&process->probe, false, "process %d of %s is not there", pid, process->pid_file);
	else if (r < 0)
		probe_end(&process->probe, false, "process %d: %s", pid, probe_reason(-r, reason));
	else
		probe_end(&process->probe, true, "process %d", pid);
}

static bool has_name(int pid, const char *name)
{
	char path[32], comm[64], reason[PROBE_REASON_SIZE];

	snprintf(path, sizeof path, "/proc/%d/comm", pid);
	if (probe_read(path, comm, sizeof comm, reason))
		return false;
	comm[strcspn(comm, "\n")] = '\0';
	return strcmp(comm, name) == 0;
}

/* As hold, for the first of that name. */
static int find(struct process *process)
{
	DIR *all = opendir("/proc");
	struct dirent *entry;
	int r = -ESRCH;

	if (!all)
		return -errno;
	while (r < 0 && (entry = readdir(all))) {
		int pid = isdigit((unsigned char)entry->d_name[0]) ? atoi(entry->d_name) : 0;

		if (pid > 0 && has_name(pid, process->name))
			r = hold(process, pid);
	}
	closedir(all);
	return r;
}

static void run_by_name(struct process *process)
{
	char reason[PROBE_REASON_SIZE], quote[PROBE_QUOTE_SIZE];
	bool held = process->pidfd >= 0 && !has_ended(process->pidfd) && has_name(process->pid, process->name);
	int r = held ? 0 : find(process);

	if (r == -ESRCH)
		probe_end(&process->probe, false, "no process has the name %s", probe_quote(process->name, quote));
	else if (r < 0)
		probe_end(&process->probe, false, "looking for %s: %s", process->name, probe_reason(-r, reason));
	else
		probe_end(&process->probe, true, "process %d", process->pid);
}

static void process_run(struct probe *probe)
{
	struct process *process = (struct process *)probe;

	if (process->pid_file)
		run_by_file(process);
	else
		run_by_name(process);
}

static void process_stop(struct probe *probe)
{
	(void)probe; /* a run ends within process_run */
}

static void process_close(struct probe *probe)
{
	struct process *process = (struct process *)probe;

	let_go(process);
	free(process->pid_file);
	free(process->name);
}

const struct probe_verbs probe_process = {
	.size = sizeof(struct process),
	.open = process_open,
	.run = process_run,
	.stop = process_stop,
	.close = process_close,
};
