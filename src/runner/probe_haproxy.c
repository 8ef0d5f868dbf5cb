/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A backend of HAProxy with so many servers up, by what its statistics socket says. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/un.h>
#include <unistd.h>

#include "runner/haproxy_stat.h"
#include "runner/probe_kind.h"

enum { STAT_MAX = 16 << 20 }; /* bytes of an answer; some ten thousand servers */

struct haproxy {
	struct probe probe;
	struct sockaddr_un address;
	char *path, *backend, *command;
	unsigned needed;
	/* of a run */
	int fd; /* -1: none */
	sd_event_source *source;
	size_t said, heard;
	struct haproxy_stat stat;
};

/* Only that backend's lines, where HAProxy can be told its name: all of them may be long. 2: backend, 4: servers. */
static char *make_command(const char *backend)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:";
	char *command;

	if (backend[0] == '\0' || backend[strspn(backend, plain)] != '\0')
		return strdup("show stat\n");
	return asprintf(&command, "show stat %s 6 -1\n", backend) < 0 ? NULL : command;
}

static int haproxy_open(struct probe *probe, const json_t *definition)
{
	struct haproxy *haproxy = (struct haproxy *)probe;
	json_int_t needed;
	int r;

	haproxy->fd = -1;
	if ((r = probe_take_text(definition, "socket", true, &haproxy->path)) < 0 ||
	    (r = probe_take_text(definition, "backend", true, &haproxy->backend)) < 0 ||
	    (r = probe_take_integer(definition, "servers", 1, UINT16_MAX, &needed)) < 0)
		return r;
	if (haproxy->path[0] != '/' || strlen(haproxy->path) > sizeof haproxy->address.sun_path ||
	    strlen(haproxy->backend) >= STAT_FIELD_SIZE)
		return -EBADMSG;
	haproxy->needed = (unsigned)needed;
	haproxy->address.sun_family = AF_UNIX;
	memcpy(haproxy->address.sun_path, haproxy->path, strlen(haproxy->path)); /* the longest has no zero */
	haproxy->command = make_command(haproxy->backend);
	return haproxy->command ? 0 : -ENOMEM;
}

static void haproxy_stop(struct probe *probe)
{
	struct haproxy *haproxy = (struct haproxy *)probe;

	haproxy->source = sd_event_source_disable_unref(haproxy->source);
	if (haproxy->fd >= 0)
		close(haproxy->fd);
	haproxy->fd = -1;
}

static void haproxy_close(struct probe *probe)
{
	struct haproxy *haproxy = (struct haproxy *)probe;

	free(haproxy->path);
	free(haproxy->backend);
	free(haproxy->command);
}

/* The other side has closed. */
static void judge(struct haproxy *haproxy)
{
	const struct haproxy_stat *stat = &haproxy->stat;
	struct probe *probe = &haproxy->probe;
	char quote[PROBE_QUOTE_SIZE];

	if (haproxy->heard == 0)
		probe_end(probe, false, "HAProxy closed without an answer");
	else if ((stat->complete && !stat->found) || strcmp(stat->first, "No such proxy.") == 0)
		probe_end(probe, false, "HAProxy has no backend %s", probe_quote(haproxy->backend, quote));
	else if (stat->has_line && !stat->has_header)
		probe_end(probe, false, "HAProxy answered %s", probe_quote(stat->first, quote));
	else if (!stat->complete)
		probe_end(probe, false, "HAProxy closed within its answer");
	else if (stat->up < haproxy->needed)
		probe_end(probe, false, "%u of %u servers up, %u needed", stat->up, stat->servers, haproxy->needed);
	else
		probe_end(probe, true, "%u of %u servers up", stat->up, stat->servers);
}

/* False: the run has ended. */
static bool say(struct haproxy *haproxy)
{
	const char *rest = haproxy->command + haproxy->said;

	while (*rest) {
		ssize_t n = send(haproxy->fd, rest, strlen(rest), MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return true;
		if (n < 0) {
			probe_fail(&haproxy->probe, errno);
			return false;
		}
		haproxy->said += (size_t)n;
		rest += n;
	}
	return true;
}

/* False: the run has ended. */
static bool hear(struct haproxy *haproxy)
{
	char data[16384];
	ssize_t n = recv(haproxy->fd, data, sizeof data, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n < 0) {
		probe_fail(&haproxy->probe, errno);
		return false;
	}
	if (n == 0) {
		judge(haproxy);
		return false;
	}
	haproxy_stat_feed(&haproxy->stat, data, (size_t)n);
	haproxy->heard += (size_t)n;
	if (haproxy->heard < STAT_MAX)
		return true;
	probe_end(&haproxy->probe, false, "HAProxy's answer is longer than %u MiB", STAT_MAX >> 20);
	return false;
}

static int on_socket(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct haproxy *haproxy = userdata;

	(void)source;
	(void)fd;
	if ((events & EPOLLOUT) && !say(haproxy))
		return 0;
	if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && !hear(haproxy))
		return 0;
	int r = sd_event_source_set_io_events(haproxy->source,
					      EPOLLIN | (haproxy->command[haproxy->said] ? EPOLLOUT : 0));
	if (r < 0)
		probe_fail(&haproxy->probe, -r);
	return 0;
}

static void haproxy_run(struct probe *probe)
{
	struct haproxy *haproxy = (struct haproxy *)probe;
	char reason[PROBE_REASON_SIZE];
	int r;

	haproxy->said = haproxy->heard = 0;
	haproxy_stat_begin(&haproxy->stat, haproxy->backend);
	haproxy->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (haproxy->fd < 0) {
		probe_fail(probe, errno);
		return;
	}
	if (connect(haproxy->fd, (struct sockaddr *)&haproxy->address, sizeof haproxy->address) < 0) {
		if (errno == EAGAIN)
			probe_end(probe, false, "%s: too many wait there to be accepted", haproxy->path);
		else
			probe_end(probe, false, "%s: %s", haproxy->path, probe_reason(errno, reason));
		return;
	}
	r = sd_event_add_io(probe->probes->event, &haproxy->source, haproxy->fd, EPOLLIN | EPOLLOUT, on_socket,
			    haproxy);
	if (r < 0)
		probe_fail(probe, -r);
}

const struct probe_verbs probe_haproxy = {
	.size = sizeof(struct haproxy),
	.open = haproxy_open,
	.run = haproxy_run,
	.stop = haproxy_stop,
	.close = haproxy_close,
};
