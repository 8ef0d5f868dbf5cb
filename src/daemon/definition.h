/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checks and hooks as standby-runner is told of them (runner/protocol.h). */
#ifndef STANDBYD_DAEMON_DEFINITION_H
#define STANDBYD_DAEMON_DEFINITION_H

#include <jansson.h>

#include "core/config.h"

/* A new reference, or NULL: no memory. */
json_t *definition_of_check(const struct config *, const struct config_check *);

/* The same of a hook's program or unit; not of a test. */
json_t *definition_of_hook(const struct config *, const struct config_hook *);

#endif
