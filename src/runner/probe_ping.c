/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An answer to an ICMP or ICMPv6 echo request (RFC 792, RFC 4443 §4). By the kernel's ping sockets where the system
 * lets the process's group have them (net.ipv4.ping_group_range, for both protocols), else by a raw one, for which it
 * needs CAP_NET_RAW. */
#include <errno.h>
#include <time.h> /* before errqueue.h, which wants it */
#include <linux/errqueue.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

#include "runner/probe_kind.h"

enum {
	GAP_FIRST_US = 10 * 1000, /* between the first request and the second; then twice the time of before */
	GAP_MAX_US = 200 * 1000,
};

/* Both protocols' echo messages look so; the rest is ours. */
struct echo {
	uint8_t type, code;
	uint16_t checksum, id, sequence;
	uint8_t token[16]; /* of the run, so that no answer of another's is taken for its own */
};

struct ping {
	struct probe probe;
	struct sockaddr_storage address;
	socklen_t address_length;
	unsigned count;
	/* of a run */
	int fd; /* -1: none */
	bool raw;
	sd_event_source *source, *timer;
	struct echo request; /* the last */
	unsigned sent;
	uint64_t gap_us;
	int error; /* the last that a request met; 0: none */
	bool over; /* as much time after the last request has passed as before the next, if there were one */
};

static int ping_open(struct probe *probe, const json_t *definition)
{
	struct ping *ping = (struct ping *)probe;
	json_int_t count;
	int r;

	ping->fd = -1;
	if ((r = probe_take_address(definition, &ping->address, &ping->address_length)) < 0 ||
	    (r = probe_take_integer(definition, "count", 1, 20, &count)) < 0)
		return r;
	ping->count = (unsigned)count;
	return 0;
}

static void ping_stop(struct probe *probe)
{
	struct ping *ping = (struct ping *)probe;

	ping->source = sd_event_source_disable_unref(ping->source);
	ping->timer = sd_event_source_disable_unref(ping->timer);
	if (ping->fd >= 0)
		close(ping->fd);
	ping->fd = -1;
}

static void ping_close(struct probe *probe)
{
	(void)probe;
}

static bool is_ipv4(const struct ping *ping)
{
	return ping->address.ss_family == AF_INET;
}

/* RFC 1071. The kernel does it for ICMPv6, and for ping sockets. */
static uint16_t checksum(const struct echo *echo)
{
	uint16_t words[sizeof *echo / 2];
	uint32_t sum = 0;

	memcpy(words, echo, sizeof words);
	for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~((sum & 0xffff) + (sum >> 16));
}

/* False: the run has ended. An error tells enough when no request is left. Not every request gets one: routers send so
 * many in a second only. */
static bool judge(struct ping *ping)
{
	if (ping->error == 0 || !ping->over)
		return true;
	probe_fail(&ping->probe, ping->error);
	return false;
}

/* A request could not be sent, or the network answered so. False: the run has ended. */
static bool note_error(struct ping *ping, int error)
{
	ping->error = error;
	return judge(ping);
}

/* False: the run has ended. */
static bool request(struct ping *ping)
{
	struct echo *echo = &ping->request;
	ssize_t n;

	echo->sequence = htons((uint16_t)++ping->sent);
	echo->checksum = 0;
	echo->checksum = is_ipv4(ping) ? checksum(echo) : 0;
	do
		n = send(ping->fd, echo, sizeof *echo, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n >= 0 || note_error(ping, errno);
}

static int on_timer(sd_event_source *source, uint64_t now, void *userdata)
{
	struct ping *ping = userdata;

	(void)now;
	ping->over = ping->sent == ping->count;
	if (ping->over) {
		judge(ping);
		return 0;
	}
	if (!request(ping))
		return 0;
	ping->gap_us = ping->gap_us * 2 < GAP_MAX_US ? ping->gap_us * 2 : GAP_MAX_US;
	sd_event_source_set_time_relative(source, ping->gap_us);
	sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	return 0;
}

/* Only a ping socket's id is the kernel's to choose, and to look at. */
static bool is_answer(const struct ping *ping, const uint8_t *data, size_t length)
{
	struct echo echo;
	size_t header = ping->raw && is_ipv4(ping) && length > 0 ? 4 * (size_t)(data[0] & 0x0f) : 0; /* IPv4's */

	if (length < header + sizeof echo)
		return false;
	memcpy(&echo, data + header, sizeof echo);
	return echo.type == (is_ipv4(ping) ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY) && echo.code == 0 &&
	       (!ping->raw || echo.id == ping->request.id) && ntohs(echo.sequence) >= 1 &&
	       ntohs(echo.sequence) <= ping->sent && memcmp(echo.token, ping->request.token, sizeof echo.token) == 0;
}

/* What a message of the error queue says; 0: nothing of interest. */
static int error_in(struct msghdr *message)
{
	for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part)) {
		bool ipv4 = part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_RECVERR;
		bool ipv6 = part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_RECVERR;
		struct sock_extended_err error;

		if ((!ipv4 && !ipv6) || part->cmsg_len < CMSG_LEN(sizeof error))
			continue;
		memcpy(&error, CMSG_DATA(part), sizeof error);
		if (error.ee_errno != EMSGSIZE)
			return (int)error.ee_errno;
	}
	return 0;
}

/* The last error that has come; 0: none. */
static int take_errors(int fd)
{
	int error = 0, last = 0;
	socklen_t size = sizeof error;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0)
		last = error == EMSGSIZE ? 0 : error;
	for (;;) {
		union {
			char bytes[512];
			struct cmsghdr align;
		} control;
		char data[256];
		struct iovec piece = { data, sizeof data };
		struct msghdr message = {
			.msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
		};

		if (recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
			return last;
		error = error_in(&message);
		last = error ? error : last;
	}
}

static int on_socket(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct ping *ping = userdata;
	int error = events & EPOLLERR ? take_errors(fd) : 0;
	uint8_t data[256];
	ssize_t n;

	(void)source;
	while ((n = recv(fd, data, sizeof data, 0)) >= 0) {
		if (!is_answer(ping, data, (size_t)n))
			continue;
		probe_end(&ping->probe, true, "%s", "");
		return 0;
	}
	if (error)
		note_error(ping, error);
	return 0;
}

/* A raw socket hears all there is of its protocol. */
static int filter(const struct ping *ping)
{
	struct icmp_filter ipv4 = { .data = ~(1U << ICMP_ECHOREPLY) };
	struct icmp6_filter ipv6;

	if (is_ipv4(ping))
		return setsockopt(ping->fd, SOL_RAW, ICMP_FILTER, &ipv4, sizeof ipv4);
	ICMP6_FILTER_SETBLOCKALL(&ipv6);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &ipv6);
	return setsockopt(ping->fd, IPPROTO_ICMPV6, ICMP6_FILTER, &ipv6, sizeof ipv6);
}

/* 0, -EPERM: no kind of socket is allowed, other -errno. */
static int open_socket(struct ping *ping)
{
	const int family = ping->address.ss_family, flags = SOCK_NONBLOCK | SOCK_CLOEXEC, on = 1;
	const int protocol = is_ipv4(ping) ? (int)IPPROTO_ICMP : (int)IPPROTO_ICMPV6;

	ping->fd = socket(family, SOCK_DGRAM | flags, protocol);
	ping->raw = ping->fd < 0 && (errno == EACCES || errno == EPERM);
	if (ping->raw)
		ping->fd = socket(family, SOCK_RAW | flags, protocol);
	if (ping->fd < 0)
		return -errno;
	if (ping->raw && filter(ping) < 0)
		return -errno;
	if ((is_ipv4(ping) ? setsockopt(ping->fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on)
			   : setsockopt(ping->fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on)) < 0)
		return -errno;
	return connect(ping->fd, (struct sockaddr *)&ping->address, ping->address_length) < 0 ? -errno : 0;
}

static int prepare(struct ping *ping)
{
	sd_event *event = ping->probe.probes->event;
	int r;

	ping->request = (struct echo){ .type = is_ipv4(ping) ? ICMP_ECHO : ICMP6_ECHO_REQUEST };
	if (getrandom(ping->request.token, sizeof ping->request.token, GRND_NONBLOCK) < 0 ||
	    getrandom(&ping->request.id, sizeof ping->request.id, GRND_NONBLOCK) < 0)
		return -errno;
	if ((r = open_socket(ping)) < 0 ||
	    (r = sd_event_add_io(event, &ping->source, ping->fd, EPOLLIN, on_socket, ping)) < 0)
		return r;
	return ping->count == 1 ? 0
				: sd_event_add_time_relative(event, &ping->timer, CLOCK_MONOTONIC, ping->gap_us, 1,
							     on_timer, ping);
}

static void ping_run(struct probe *probe)
{
	struct ping *ping = (struct ping *)probe;

	ping->sent = 0;
	ping->gap_us = GAP_FIRST_US;
	ping->error = 0;
	ping->over = ping->count == 1;
	int r = prepare(ping);
	if (r >= 0)
		request(ping);
	else if (r == -EPERM)
		probe_end(probe, false,
			  "not permitted: the group is not in net.ipv4.ping_group_range, and CAP_NET_RAW is missing");
	else
		probe_fail(probe, -r);
}

const struct probe_verbs probe_ping = {
	.size = sizeof(struct ping),
	.open = ping_open,
	.run = ping_run,
	.stop = ping_stop,
	.close = ping_close,
};
