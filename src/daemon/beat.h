/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Heartbeats between the core and the sockets: their bytes, and the tags that the keys make. */
#ifndef STANDBYD_DAEMON_BEAT_H
#define STANDBYD_DAEMON_BEAT_H

#include "core/core.h"
#include "daemon/keys.h"
#include "kernel/heartbeat.h"

/* Sends ACT_HEARTBEAT. keys: NULL: without a tag. */
void beat_send(struct beats *, const struct keys *, const struct action_heartbeat *);

/* The next one that waits, as EV_HEARTBEAT, whose message is in *message; false: none. paths: this node's. */
bool beat_next(struct beats *, const struct keys *, const struct config_path *paths, struct heartbeat *message, struct event *);

#endif
