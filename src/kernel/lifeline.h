/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One idle TCP connection for each path to another node: it ends the moment the other's daemon does, and says so only if that node's
 * kernel lives (doc/HEARTBEAT.md, "Connections"). Nothing waits, nothing is said by them, and what fails is tried again by itself. */
#ifndef STANDBYD_KERNEL_LIFELINE_H
#define STANDBYD_KERNEL_LIFELINE_H

#include "core/config.h"

struct lifelines;

/* NULL with errno. */
struct lifelines *lifelines_open(void);
void lifelines_close(struct lifelines *); /* NULL is fine */

/* The paths of this node from now on, those of the others and the TCP port of all: `config` has nodes, or NULL: none. Connections
 * between addresses that both configurations have stay. What cannot be opened is tried again. */
void lifelines_configure(struct lifelines *, const struct config *config);

/* An epoll fd that is readable when there is something to do: then lifelines_next until it is false. */
int lifelines_fd(const struct lifelines *);

/* The next connection that the other's end closed or reset since it was made: this node's path, as config_node counts them, and the
 * other's address. */
bool lifelines_next(struct lifelines *, unsigned *path, struct ip *other);

#endif
