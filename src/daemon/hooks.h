/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hooks that are to be done, in line: those of one object one after the other, those of others beside. Each change of an object
 * has its own, none is left out for a later one, unless HOOKS_WAITING wait for one object: then the oldest go. */
#ifndef STANDBYD_DAEMON_HOOKS_H
#define STANDBYD_DAEMON_HOOKS_H

#include <jansson.h>

#include "core/core.h"
#include "runner/protocol.h"

enum { HOOKS_WAITING = 256, HOOKS_AT_ONCE = 64 };

struct hooks;
struct hooks *hooks_new(void); /* NULL: memory is short */
void hooks_free(struct hooks *);

/* Those for this note of the core join the line. */
void hooks_note(struct hooks *, const struct core *, const struct config *, const struct action *note);

/* What the runner may be told next, borrowed; NULL: nothing. It is the same until hooks_said. */
const json_t *hooks_next(struct hooks *);
void hooks_said(struct hooks *);

enum hooks_outcome {
	HOOKS_NOTHING,
	HOOKS_TEST_FAILED, /* after taking over: of that vip and check */
	HOOKS_DONE,        /* all that the vip waits for before it becomes active */
};

/* One ended; what it means for whom: *vip and *check, valid until the next call. */
enum hooks_outcome hooks_ended(struct hooks *, const struct runner_answer *, const char **vip, const char **check);

/* The runner is gone with what it was doing. That is done again where it is for the last change of its object, so that the last
 * state is always told. */
void hooks_lost(struct hooks *);

/* How many are not done. */
unsigned hooks_left(const struct hooks *);

/* For a successor in this process: what hooks_inherit reads, a line each. */
void hooks_bequeath(const struct hooks *, FILE *);
void hooks_inherit(struct hooks *, const char *line);

#endif
