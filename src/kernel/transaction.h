/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changes of links that are several requests and must be whole: everything, or what was before. */
#ifndef STANDBYD_KERNEL_TRANSACTION_H
#define STANDBYD_KERNEL_TRANSACTION_H

#include "core/core.h"

struct teams;

/* Whether the action is one: ACT_ENSLAVE, ACT_RELEASE, ACT_BOND_REBUILD. */
bool transaction_makes(const struct action *);

/* Makes it. Before each request that does not undo one, `ask` is asked (exchange.h). 0, or the first errno, and then what was is put
 * back; *text is the kernel's words on it or NULL, to be freed.
 *   ACT_ENSLAVE       the port's addresses, routes and permanent neighbours go to the master, those of vlans on it stay there. A
 *                     master that is down is set up if there are routes. A port that has that master already is left alone;
 *                     EBUSY: it has another. In a team it has no IPv6.
 *   ACT_RELEASE       out of a team, with IPv6 as new interfaces have it.
 *   ACT_BOND_REBUILD  of the same kind: the device stays, with its vlans and what they have. Of another kind: a new device takes
 *                     the name, and the old one, meanwhile "sbold" and its ifindex, goes last; EBUSY: others are on it (a vlan), or
 *                     it is itself a port.
 * What is moved and what is not: capture.h. Lost by being taken out of a device and put in again: a port's own options there
 * (queue_id, prio). */
int transaction_run(const struct action *, struct teams *, int (*ask)(void *closure), void *closure, char **text);

#endif
