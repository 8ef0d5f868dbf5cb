/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Neighbours that the kernel has asked for and that have not answered. */
#ifndef STANDBYD_KERNEL_NEIGHBOUR_H
#define STANDBYD_KERNEL_NEIGHBOUR_H

/* Forgets those of the link, both families, so that the next packet to one of them asks at once: the kernel asks again only a
 * second after it did, and what it asked while the cable was out nobody has heard (net/core/neighbour.c, neigh_timer_handler).
 * What waited for the answer is dropped with it. 0 or an errno; some may be forgotten all the same. `ask` is called with the
 * closure before each request, see exchange.h. */
int neighbours_ask_again(int ifindex, int (*ask)(void *closure), void *closure);

#endif
