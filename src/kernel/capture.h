/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is on a link, to be put on another, or on the same one again: addresses, routes, permanent neighbours.
 *
 * Moved along: addresses of both families with all that they have (a label keeps what is behind its colon), but link-local and
 * temporary ones; unicast routes of all tables that somebody made, those with several next hops too, of which only the ones
 * through this link change; neighbours that somebody entered for good. An IPv6 address that was in use is not probed for again,
 * since a second of silence would be the price; one that was tentative or a duplicate is. An object of `ip nexthop` is lost with
 * the link, the routes that use it become routes with that next hop of their own.
 *
 * Left where it is, since it speaks of the link itself: sysctls, tc, policy rules (iif, oif), multicast memberships, neighbours
 * that the kernel learned (it learns them again). */
#ifndef STANDBYD_KERNEL_CAPTURE_H
#define STANDBYD_KERNEL_CAPTURE_H

#include "kernel/exchange.h"

/* One message as the kernel told it. */
struct kept {
	struct kept *next, *previous;
	bool put;              /* capture_put made it on another link, or may have: capture_take_off removes it there */
	bool shared;           /* a route that goes by other links too, and is changed, not made */
	struct nlmsghdr *h;
};

struct kept_list {
	struct kept *first, *last;
};

struct capture {
	int ifindex;
	struct kept_list addresses, neighbours, routes; /* in the order to put them: the routes that need no gateway first */
	bool bare[2]; /* IPv4, IPv6: an address there has no network route of the kernel's making (noprefixroute) */
};

/* What a link has and would lose. What the kernel or a router advertisement made comes by itself, but for networks' routes that
 * bear the kernel's name beside addresses that have noprefixroute. 0 or an errno. */
int capture_link(struct capture *, struct exchange *, int ifindex);
void capture_free(struct capture *);

/* Adds the addresses, then neighbours and routes, to that link. One that is there already is as it should be. 0 or the first
 * errno; while the exchange undoes, all that can be put is put, else the first refusal ends it. */
int capture_put_addresses(struct capture *, struct exchange *, int ifindex);
int capture_put_rest(struct capture *, struct exchange *, int ifindex);

/* Removes from a link what was put there. */
void capture_take_off(struct capture *, struct exchange *, int ifindex);

/* Removes the addresses from the link that they were found on, the last first: what remains after a refusal is in order, and no
 * secondary address becomes a primary one. 0 or the first errno, which ends it. */
int capture_remove_addresses(const struct capture *, struct exchange *);

#endif
