/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The addresses and routes that a link has, to be put on another, or on the same one again. */
#ifndef STANDBYD_KERNEL_CAPTURE_H
#define STANDBYD_KERNEL_CAPTURE_H

#include "kernel/exchange.h"

/* One message as the kernel told it. */
struct kept {
	struct kept *next;
	bool put;              /* capture_put made it on another link: capture_take_off removes it there */
	struct nlmsghdr *h;
};

struct capture {
	struct kept *addresses, *routes; /* in the kernel's order; routes that need no gateway first */
};

/* What a link has and would lose: addresses of both families but link-local and temporary ones, and unicast routes of all
 * tables that somebody made; what the kernel or a router advertisement made comes by itself. 0 or an errno. */
int capture_link(struct capture *, struct exchange *, int ifindex);
void capture_free(struct capture *);

/* Adds the addresses, then the routes, to that link. One that is there already is as it should be. 0 or the first errno; all
 * that could be put is put. */
int capture_put_addresses(struct capture *, struct exchange *, int ifindex);
int capture_put_routes(struct capture *, struct exchange *, int ifindex);

/* Removes from a link the addresses that capture_put_addresses put there; its routes go with them or with the link. */
void capture_take_off(struct capture *, struct exchange *, int ifindex);

/* Removes the addresses from the link that they were found on. 0 or the first errno. */
int capture_remove_addresses(const struct capture *, struct exchange *);

#endif
