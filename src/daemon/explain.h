/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Why a vip, a bond, a vlan or a port is in its state: the reply of io.standbyd.Explain. */
#ifndef STANDBYD_DAEMON_EXPLAIN_H
#define STANDBYD_DAEMON_EXPLAIN_H

#include <jansson.h>

#include "daemon/engine.h"

enum { EXPLAIN_TEXT_SIZE = 256 };

/* Everything that has that name, in sentences and figures; a new reference. NULL: nothing has it, and text says what is near. */
json_t *explain_json(struct engine *, const char *name, char text[EXPLAIN_TEXT_SIZE]);

#endif
