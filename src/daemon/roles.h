/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What people say about who shall hold what: handover, drain, undrain; given to the core, and refused in words. */
#ifndef STANDBYD_DAEMON_ROLES_H
#define STANDBYD_DAEMON_ROLES_H

#include "daemon/engine.h"

enum { ROLES_TEXT_SIZE = 1024 };

enum handover_result {
	HANDOVER_BEGUN,	     /* it said goodbye; who takes it shows in its state */
	HANDOVER_NO_VIP,     /* no vip has that name */
	HANDOVER_NOT_ACTIVE, /* it is not active on this node */
	HANDOVER_OWNED,	     /* its addresses are this node's own */
	HANDOVER_NOBODY,     /* nobody else was ever heard, and it was not forced */
};

/* text: what is wrong, as one sentence; HANDOVER_BEGUN: "". */
enum handover_result roles_hand_over(struct engine *, const char *vip, bool force, char text[ROLES_TEXT_SIZE]);

/* true: drain, false: undrain. Either may be so already. */
void roles_drain(struct engine *, bool drain);

#endif
