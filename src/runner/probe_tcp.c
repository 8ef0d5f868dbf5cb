/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A TCP connection that is accepted; then, where they are given, something said and something heard. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "runner/probe_kind.h"
#include "runner/search.h"

struct tcp {
	struct probe probe;
	struct sockaddr_storage address;
	socklen_t address_length;
	char *say, *expect; /* NULL: nothing */
	size_t say_length;
	struct search search;
	/* of a run */
	int fd; /* -1: none */
	sd_event_source *source;
	bool connected;
	size_t said, heard; /* bytes */
};

static int tcp_open(struct probe *probe, const json_t *definition)
{
	struct tcp *tcp = (struct tcp *)probe;
	json_int_t port;
	int r;

	tcp->fd = -1;
	if ((r = probe_take_address(definition, &tcp->address, &tcp->address_length)) < 0 ||
	    (r = probe_take_integer(definition, "port", 1, UINT16_MAX, &port)) < 0 ||
	    (r = probe_take_text(definition, "send", false, &tcp->say)) < 0 ||
	    (r = probe_take_text(definition, "expect", false, &tcp->expect)) < 0)
		return r;
	if (tcp->address.ss_family == AF_INET)
		((struct sockaddr_in *)&tcp->address)->sin_port = htons((uint16_t)port);
	else
		((struct sockaddr_in6 *)&tcp->address)->sin6_port = htons((uint16_t)port);
	tcp->say_length = tcp->say ? strlen(tcp->say) : 0;
	return tcp->expect ? search_set(&tcp->search, tcp->expect) : 0;
}

static void tcp_stop(struct probe *probe)
{
	struct tcp *tcp = (struct tcp *)probe;

	tcp->source = sd_event_source_disable_unref(tcp->source);
	if (tcp->fd >= 0)
		close(tcp->fd);
	tcp->fd = -1;
}

static void tcp_close(struct probe *probe)
{
	struct tcp *tcp = (struct tcp *)probe;

	search_free(&tcp->search);
	free(tcp->say);
	free(tcp->expect);
}

static void end_unheard(struct tcp *tcp)
{
	char quote[PROBE_QUOTE_SIZE];

	probe_quote(tcp->expect, quote);
	if (tcp->heard > 0)
		probe_end(&tcp->probe, false, "closed before the answer had %s", quote);
	else
		probe_end(&tcp->probe, false, "closed without an answer, %s was expected", quote);
}

/* False: the run has ended. One piece at a time, so that a long answer does not hold up the loop. */
static bool hear(struct tcp *tcp)
{
	char data[4096], quote[PROBE_QUOTE_SIZE];
	ssize_t n = recv(tcp->fd, data, sizeof data, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n < 0) {
		probe_fail(&tcp->probe, errno);
	} else if (n == 0) {
		end_unheard(tcp);
	} else if (search_feed(&tcp->search, data, (size_t)n)) {
		probe_end(&tcp->probe, true, "%s", "");
	} else if ((tcp->heard += (size_t)n) >= PROBE_ANSWER_MAX) {
		probe_end(&tcp->probe, false, "the first 1 MiB of the answer does not have %s",
			  probe_quote(tcp->expect, quote));
	} else {
		return true;
	}
	return false;
}

/* False: the run has ended. Who does not listen may have answered before: then that decides. */
static bool say(struct tcp *tcp)
{
	while (tcp->said < tcp->say_length) {
		ssize_t n = send(tcp->fd, tcp->say + tcp->said, tcp->say_length - tcp->said, MSG_NOSIGNAL);

		if (n >= 0) {
			tcp->said += (size_t)n;
		} else if (errno == EAGAIN) {
			return true;
		} else if (errno != EINTR && tcp->expect) {
			tcp->said = tcp->say_length;
		} else if (errno != EINTR) {
			probe_fail(&tcp->probe, errno);
			return false;
		}
	}
	if (tcp->expect)
		return true;
	probe_end(&tcp->probe, true, "%s", "");
	return false;
}

/* Where nobody listens on a port of this machine's own range, the kernel may choose that very port for this end, which
 * then is connected with itself. */
static bool is_own(const struct tcp *tcp)
{
	struct sockaddr_storage own;
	socklen_t size = sizeof own;

	memset(&own, 0, sizeof own);
	return getsockname(tcp->fd, (struct sockaddr *)&own, &size) == 0 && size == tcp->address_length &&
	       memcmp(&own, &tcp->address, size) == 0;
}

static bool is_connected(struct tcp *tcp)
{
	int error = 0;
	socklen_t size = sizeof error;

	if (getsockopt(tcp->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		error = errno;
	if (error == 0 && is_own(tcp))
		error = ECONNREFUSED;
	if (error == 0)
		return true;
	probe_fail(&tcp->probe, error);
	return false;
}

static int on_socket(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct tcp *tcp = userdata;

	(void)source;
	(void)fd;
	if (!tcp->connected && !is_connected(tcp))
		return 0;
	tcp->connected = true;
	if (!say(tcp))
		return 0;
	if (tcp->expect && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && !hear(tcp))
		return 0;
	int r = sd_event_source_set_io_events(tcp->source, (tcp->expect ? EPOLLIN : 0) |
								   (tcp->said < tcp->say_length ? EPOLLOUT : 0));
	if (r < 0)
		probe_fail(&tcp->probe, -r);
	return 0;
}

static void tcp_run(struct probe *probe)
{
	struct tcp *tcp = (struct tcp *)probe;
	int r;

	tcp->connected = false;
	tcp->said = tcp->heard = 0;
	search_begin(&tcp->search);
	tcp->fd = socket(tcp->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (tcp->fd < 0 ||
	    (connect(tcp->fd, (struct sockaddr *)&tcp->address, tcp->address_length) < 0 && errno != EINPROGRESS)) {
		probe_fail(probe, errno);
		return;
	}
	r = sd_event_add_io(probe->probes->event, &tcp->source, tcp->fd, EPOLLOUT, on_socket, tcp);
	if (r < 0)
		probe_fail(probe, -r);
}

const struct probe_verbs probe_tcp = {
	.size = sizeof(struct tcp),
	.open = tcp_open,
	.run = tcp_run,
	.stop = tcp_stop,
	.close = tcp_close,
};
