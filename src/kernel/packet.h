/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packets out and in: adverts, announcements, claims, probes. Bytes are wire's; sockets live here. Nothing waits. */
#ifndef STANDBYD_KERNEL_PACKET_H
#define STANDBYD_KERNEL_PACKET_H

#include "core/core.h"

struct packets;

/* Opens what needs privileges: the sockets for sending and for hearing claims. NULL with errno. */
struct packets *packets_open(void);
void packets_close(struct packets *);

/* Opens a VRRP socket on the interface: raw protocol 112, bound to the device, group joined by ifindex (not with .unicast), own multicast
 * not looped, receive timestamps and destination told, a buffer for some adverts of every virtual router. With .probes: a socket that hears the answers to
 * probes on the port, be it by itself or any port of a bond or team, in use or not; it makes the NIC let in what is sent to
 * .mac (zero: no other than its own) and to all nodes, while vlans are let in that the port's master has. The interface may
 * be down. Called on the applier thread (joining takes the RTNL lock). Returns the fd, non-blocking, or -errno; ENODEV: it
 * is gone. */
int packets_listen(const struct action_listen *);

/* Hands a listening socket over (owned from now on, non-blocking) and takes it away (closed). An interface has one for
 * each family of VRRP and one for the answers to probes, which has FAMILY_NONE; one that it has already is replaced. */
int packets_add(struct packets *, const struct action_listen *, int fd); /* 0, or -ENOMEM and fd is closed */
void packets_remove(struct packets *, int ifindex, uint8_t family);

/* The i-th of the sockets that were handed over, and what it was opened for; -1: there are fewer. Still the packets'. */
int packets_socket(const struct packets *, unsigned i, struct action_listen *);

/* An epoll fd that is readable when any packet waits. */
int packets_fd(const struct packets *);

/* How many packets are read before packets_next says that nothing waits, so that a flood cannot hold the loop. */
enum { PACKETS_BUDGET = 256 };

/* The next packet as EV_ADVERT, EV_DROPPED, EV_CLAIM or EV_PROBE; seen_ns is its receive timestamp on CLOCK_BOOTTIME's
 * scale (never earlier than it came, unless the wall clock was set since), now_ns the caller's to fill in. Claims that the
 * core does not want (core_wants_claim) are passed over. Own outgoing frames are too. False: nothing waits, or
 * PACKETS_BUDGET packets were read since the last false; then packets_fd is still readable and the next call goes on. */
bool packets_next(struct packets *, const struct core *, struct event *);

/* Sends ACT_ADVERT, ACT_ANNOUNCE and ACT_PROBE (through the port itself, whether its master uses it or not). All are
 * collected and leave with packets_flush or when enough wait: adverts after the announcements that were given before them, each kind in
 * its order. A failure to send (ENETDOWN, ENOBUFS; ENXIO:
 * the interface is gone) is counted and otherwise ignored: the next advert or probe is the retry. */
void packets_send(struct packets *, const struct action *);
void packets_flush(struct packets *);

struct packets_counters {
	uint64_t sent, send_errors, received;
	uint64_t lost; /* came, and a socket's buffer was full */
	int last_errno;
};
const struct packets_counters *packets_counters(const struct packets *);

#endif
