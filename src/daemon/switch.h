/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A person's choice of a bond's port: given to the core, and what became of it in words. */
#ifndef STANDBYD_DAEMON_SWITCH_H
#define STANDBYD_DAEMON_SWITCH_H

#include "daemon/engine.h"

enum { SWITCH_TEXT_SIZE = 1024 };

enum switch_result {
	SWITCH_DONE,	 /* the core took the choice; the kernel's part may be under way yet */
	SWITCH_NO_BOND,	 /* no bond or vlan has that name */
	SWITCH_VLAN,	 /* a vlan has no ports */
	SWITCH_NO_PORT,	 /* the bond has no such port */
	SWITCH_UNUSABLE, /* the port cannot be used now */
};

/* port: a device's name or an entry of the bond's `ports`; NULL: the choice is the daemon's again. text: what is wrong
 * as one sentence; SWITCH_DONE: the name of the port's device, "" without a port. */
enum switch_result switch_port(struct engine *, const char *bond, const char *port, char text[SWITCH_TEXT_SIZE]);

#endif
