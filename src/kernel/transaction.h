/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changes of links that are several requests and must be whole: everything, or what was before. */
#ifndef STANDBYD_KERNEL_TRANSACTION_H
#define STANDBYD_KERNEL_TRANSACTION_H

#include "core/core.h"

struct teams;

/* Whether the action is one: ACT_ENSLAVE, ACT_RELEASE, ACT_BOND_REBUILD. */
bool transaction_makes(const struct action *);

/* Makes it. Before each request that does not undo one, `ask` is asked, which may refuse it with an errno, as the kernel may.
 * 0, or the first errno, and then what could be put back is; *text is the kernel's words on it or NULL, to be freed.
 *   ACT_ENSLAVE       a port that has that master already is left alone; EBUSY: it has another. In a team it has no IPv6.
 *   ACT_RELEASE       out of a team, with IPv6 as new interfaces have it.
 *   ACT_BOND_REBUILD  EBUSY: the device would have to be deleted, and others are on it (a vlan). */
int transaction_run(const struct action *, struct teams *, int (*ask)(void *closure), void *closure, char **text);

#endif
