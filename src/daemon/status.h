/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is, as JSON: the reply of io.standbyd.Status. */
#ifndef STANDBYD_DAEMON_STATUS_H
#define STANDBYD_DAEMON_STATUS_H

#include <jansson.h>

#include "daemon/engine.h"

enum { STATUS_SCHEMA = 1 };

/* Adds the warnings about one vip, or one bond. */
void status_warn_of_vip(json_t *warnings, const struct core *, unsigned i);
void status_warn_of_bond(json_t *warnings, const struct core *, unsigned i);

/* A new reference, NULL if memory is short. Between objects it lets the engine do what is urgent. */
json_t *status_json(struct engine *);

#endif
