/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a reload would change: the difference of two configurations, and what the core would do at once. */
#ifndef STANDBYD_DAEMON_DIFF_H
#define STANDBYD_DAEMON_DIFF_H

#include <jansson.h>
#include <systemd/sd-event.h>

#include "daemon/engine.h"

enum { DIFF_SCHEMA = 1 };

struct differ;

/* The answer. result: what io.standbyd.Diff replies (borrowed), or NULL; then diagnostics says what is wrong with the
 * configuration, and "" that memory was short. */
typedef void diff_done(void *data, const json_t *result, const char *diagnostics);

/* path: the daemon's own configuration; it and the engine must stay. NULL: memory is short. */
struct differ *differ_new(sd_event *, struct engine *, const char *path, diff_done *, void *data);

/* Loads on a thread of its own, the daemon's files or that text; diff_done is called from the loop, later. 0; -EBUSY:
 * one is under way; -errno. The text is copied. */
int differ_start(struct differ *, const char *text);

/* One that is under way is never told of. NULL is allowed. */
void differ_free(struct differ *);

#endif
