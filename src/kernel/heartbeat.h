/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sockets of the paths to other nodes: datagrams out and in. What is in them is others' to know. Nothing waits. */
#ifndef STANDBYD_KERNEL_HEARTBEAT_H
#define STANDBYD_KERNEL_HEARTBEAT_H

#include "core/config.h"
#include "wire/heartbeat.h"

struct beats;

/* NULL with errno. */
struct beats *beats_open(void);
void beats_close(struct beats *); /* NULL is fine */

/* The paths of this node from now on, with the UDP port of all nodes. A socket is bound to its path's address, which need not be
 * there yet. Sockets of addresses that both configurations have stay open, with what waits in them. 0, or the errno of the last path
 * that has no socket now; the others work, and to send by that path opens it as soon as it can be. */
int beats_configure(struct beats *, const struct config_path *paths, unsigned n, uint16_t port);

/* The number-th socket, and what it is bound to; -1: there are no more. It stays the paths'. */
int beats_socket(const struct beats *, unsigned number, struct ip *address, uint16_t *port);
/* Before the first beats_configure: a predecessor's socket, which is the paths' from now on. False: there is no room for it. */
bool beats_adopt(struct beats *, int fd, const struct ip *address, uint16_t port);

/* An epoll fd that is readable when a datagram waits. */
int beats_fd(const struct beats *);

enum { BEATS_BUDGET = 256 }; /* datagrams that are read before beats_next says that nothing waits */

struct beat {
	unsigned path;         /* as in beats_configure */
	int ifindex;           /* that it came in by */
	struct ip source;
	int ttl;               /* -1: unknown */
	uint64_t seen_ns;      /* its receive timestamp on CLOCK_BOOTTIME's scale */
	const uint8_t *bytes;  /* valid until the next call */
	size_t length;         /* more than HEARTBEAT_MAX: it was longer, and cut off */
};

/* The next one. False: nothing waits, or BEATS_BUDGET were read since the last false. */
bool beats_next(struct beats *, struct beat *);

/* Sends by that path. A path that is not routed is left through a directly connected network only (IPv4). A failure is counted, and
 * the next heartbeat is the retry. */
void beats_send(struct beats *, unsigned path, const struct ip *to, const uint8_t *bytes, size_t length);

struct beats_counters {
	uint64_t sent, send_errors, received;
	int last_errno;
};
const struct beats_counters *beats_counters(const struct beats *);

#endif
