/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/heartbeat.h"

#include <errno.h>
#include <linux/pkt_sched.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/clock.h"
#include "kernel/endpoint.h"

enum {
	CONTROL_SIZE = 256,
	RECEIVE_BUFFER = 256 * 1024, /* of 15 nodes at 2 ms: some 30 ms */
	TTL = 255,
	CLASS_CS6 = 0xc0,            /* IPTOS_CLASS_CS6: <netinet/ip.h> has a `struct ip` of its own */
};

struct way {
	struct ip address;
	uint16_t port;
	bool routed;
	int fd;              /* -1: it could not be opened */
	uint64_t emptied_ns; /* when nothing waited in it */
};

struct beats {
	int epoll;
	struct way ways[MAX_PATHS];
	unsigned n, at, budget;
	struct beats_counters counters;
	uint8_t bytes[HEARTBEAT_MAX + 1];
	_Alignas(8) uint8_t control[CONTROL_SIZE];
};

struct beats *beats_open(void)
{
	struct beats *b = calloc(1, sizeof *b);

	if (!b)
		return NULL;
	b->budget = BEATS_BUDGET;
	b->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (b->epoll < 0) {
		free(b);
		return NULL;
	}
	return b;
}

void beats_close(struct beats *b)
{
	if (!b)
		return;
	for (unsigned i = 0; i < b->n; i++) {
		if (b->ways[i].fd >= 0)
			close(b->ways[i].fd);
	}
	close(b->epoll);
	free(b);
}

/* ---- sockets ------------------------------------------------------------------------------------------------------ */

static int options_4(int fd)
{
	endpoint_set(fd, IPPROTO_IP, IP_TOS, CLASS_CS6); /* network control, as VRRP's */
	return endpoint_set(fd, IPPROTO_IP, IP_FREEBIND, 1) < 0 || endpoint_set(fd, IPPROTO_IP, IP_TTL, TTL) < 0 ||
	       endpoint_set(fd, IPPROTO_IP, IP_RECVTTL, 1) < 0 || endpoint_set(fd, IPPROTO_IP, IP_PKTINFO, 1) < 0
	       ? -1 : 0;
}

static int options_6(int fd)
{
	endpoint_set(fd, IPPROTO_IPV6, IPV6_TCLASS, CLASS_CS6);
	return endpoint_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) < 0 || endpoint_set(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1) < 0 ||
	       endpoint_set(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, TTL) < 0 || endpoint_set(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1) < 0 ||
	       endpoint_set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) < 0
	       ? -1 : 0;
}

/* The socket in *fd, or an errno. */
static int way_open(const struct way *way, int epoll, unsigned number, int *out)
{
	struct sockaddr_storage address;
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = number};
	socklen_t length = endpoint_of(&way->address, way->port, &address);
	int fd = socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error;

	*out = -1;
	if (fd < 0)
		return errno;
	endpoint_set(fd, SOL_SOCKET, SO_PRIORITY, TC_PRIO_CONTROL);
	if (endpoint_set(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER) < 0)
		endpoint_set(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
	if (endpoint_set(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1) < 0 ||
	    (way->address.family == FAMILY_6 ? options_6(fd) : options_4(fd)) < 0 ||
	    bind(fd, (struct sockaddr *)&address, length) < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
		error = errno;
		close(fd);
		return error;
	}
	*out = fd;
	return 0;
}

static int take_over(struct beats *b, const struct way *way)
{
	for (unsigned i = 0; i < b->n; i++) {
		struct way *old = &b->ways[i];
		int fd = old->fd;

		if (fd < 0 || old->port != way->port || !ip_equal(&old->address, &way->address))
			continue;
		old->fd = -1;
		return fd;
	}
	return -1;
}

int beats_configure(struct beats *b, const struct config_path *paths, unsigned n, uint16_t port)
{
	struct way ways[MAX_PATHS];
	int failed = 0;

	for (unsigned i = 0; i < n; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};

		ways[i] = (struct way){.address = paths[i].address, .port = port, .routed = paths[i].routed};
		ways[i].fd = take_over(b, &ways[i]);
		if (ways[i].fd >= 0)
			epoll_ctl(b->epoll, EPOLL_CTL_MOD, ways[i].fd, &event);
	}
	for (unsigned i = 0; i < b->n; i++) {
		if (b->ways[i].fd >= 0)
			close(b->ways[i].fd);
	}
	for (unsigned i = 0; i < n; i++) {
		int error = ways[i].fd >= 0 ? 0 : way_open(&ways[i], b->epoll, i, &ways[i].fd);

		failed = error ? error : failed;
	}
	memcpy(b->ways, ways, n * sizeof *ways);
	b->n = n;
	b->at = 0;
	return failed;
}

int beats_socket(const struct beats *b, unsigned number, struct ip *address, uint16_t *port)
{
	for (unsigned i = 0; i < b->n; i++) {
		if (b->ways[i].fd < 0 || number-- > 0)
			continue;
		*address = b->ways[i].address;
		*port = b->ways[i].port;
		return b->ways[i].fd;
	}
	return -1;
}

bool beats_adopt(struct beats *b, int fd, const struct ip *address, uint16_t port)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = b->n};

	if (b->n == MAX_PATHS || epoll_ctl(b->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		return false;
	b->ways[b->n++] = (struct way){.address = *address, .port = port, .fd = fd};
	return true;
}

int beats_fd(const struct beats *b)
{
	return b->epoll;
}

/* ---- in ----------------------------------------------------------------------------------------------------------- */

static void read_control(const struct way *way, struct msghdr *message, struct beat *beat)
{
	uint64_t realtime = clock_ns(CLOCK_REALTIME), boottime = clock_ns(CLOCK_BOOTTIME);

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		const void *data = CMSG_DATA(c);

		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS)
			beat->seen_ns = clock_seen_at(data, realtime, boottime, way->emptied_ns);
		else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
			beat->ifindex = ((const struct in_pktinfo *)data)->ipi_ifindex;
		else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO)
			beat->ifindex = (int)((const struct in6_pktinfo *)data)->ipi6_ifindex;
		else if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL) ||
			 (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT))
			memcpy(&beat->ttl, data, sizeof beat->ttl);
	}
}

static bool read_one(struct beats *b, unsigned number, struct beat *beat)
{
	struct way *way = &b->ways[number];
	struct sockaddr_storage from = {0};
	struct iovec iov = {.iov_base = b->bytes, .iov_len = sizeof b->bytes};
	struct msghdr message = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &iov, .msg_iovlen = 1,
				 .msg_control = b->control, .msg_controllen = sizeof b->control};
	uint64_t before = clock_ns(CLOCK_BOOTTIME);
	ssize_t n = way->fd < 0 ? 0 : recvmsg(way->fd, &message, MSG_DONTWAIT);

	if (way->fd < 0 || n < 0) { /* nothing, or an ICMP error, which reading has cleared */
		if (n < 0 && errno == EAGAIN)
			way->emptied_ns = before;
		return false;
	}
	*beat = (struct beat){.path = number, .source = endpoint_ip(&from), .ttl = -1, .seen_ns = before, .bytes = b->bytes,
			      .length = (size_t)n};
	read_control(way, &message, beat);
	b->counters.received++;
	return true;
}

/* The paths take turns: who floods one of them delays nothing that comes by the others. */
bool beats_next(struct beats *b, struct beat *beat)
{
	for (unsigned empty = 0; b->budget && empty < b->n; empty++) {
		unsigned number = b->at;

		b->at = (number + 1) % b->n;
		if (read_one(b, number, beat)) {
			b->budget--;
			return true;
		}
	}
	b->budget = BEATS_BUDGET;
	return false;
}

/* ---- out ---------------------------------------------------------------------------------------------------------- */

void beats_send(struct beats *b, unsigned path, const struct ip *to, const uint8_t *bytes, size_t length)
{
	struct way *way = &b->ways[path];
	struct sockaddr_storage address;
	socklen_t size = endpoint_of(to, way->port, &address);
	int flags = MSG_DONTWAIT | (way->routed || to->family == FAMILY_6 ? 0 : MSG_DONTROUTE), error = 0;

	if (way->fd < 0)
		error = way_open(way, b->epoll, path, &way->fd);
	if (!error && sendto(way->fd, bytes, length, flags, (struct sockaddr *)&address, size) != (ssize_t)length)
		error = errno;
	if (!error) {
		b->counters.sent++;
		return;
	}
	b->counters.send_errors++;
	b->counters.last_errno = error;
}

const struct beats_counters *beats_counters(const struct beats *b)
{
	return &b->counters;
}
