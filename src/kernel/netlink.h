/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rtnetlink: messages → events, actions → messages. The live event socket. No decisions. */
#ifndef STANDBYD_KERNEL_NETLINK_H
#define STANDBYD_KERNEL_NETLINK_H

#include <linux/netlink.h>

#include "core/core.h"

enum {
	STANDBY_GROUP = 0x73627964, /* IFLA_GROUP of the devices that are ours: "sbyd" */
	STANDBY_PROTO = 83, /* IFA_PROTO and RTA_PROTOCOL of what is ours; free in iproute2's rt_protos and rt_addrprotos */
};

/* One message to one event (times and epoch zero). False: not of interest (a bridge's AF_BRIDGE copy, the local table, a
 * multicast route …) or malformed. */
bool netlink_parse(const struct nlmsghdr *, struct event *);

/* The live socket: links, IPv4 and IPv6 addresses and routes; large buffer (SO_RCVBUFFORCE), non-blocking, never asked
 * anything. */
struct netlink_events;
struct netlink_events *netlink_events_open(size_t buffer_bytes); /* NULL with errno */
void netlink_events_close(struct netlink_events *);
int netlink_events_fd(const struct netlink_events *);
/* The next event: 1; nothing waits: 0; -EAGAIN: a few hundred messages were of no interest, and more may wait, of which
 * the fd tells; -ENOBUFS: events were lost (the caller feeds EV_OVERRUN and goes on); other negative errno: the socket is
 * broken. Messages that are not the kernel's (sockaddr nl_pid ≠ 0) are skipped. */
int netlink_events_next(struct netlink_events *, struct event *);
/* Whether routes of other tables than main are of interest; at first they are not: a router's may be a million. */
void netlink_events_all_tables(struct netlink_events *, bool all);
/* Whether events have been read off the socket that netlink_events_next has not given out yet: the fd does not tell of
 * them, so the caller must not go to sleep on it. */
bool netlink_events_buffered(const struct netlink_events *);

#endif
