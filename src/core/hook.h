/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which hooks a change is for. Pure: a note of the core and the configuration in, hooks out. */
#ifndef STANDBYD_CORE_HOOK_H
#define STANDBYD_CORE_HOOK_H

#include "core/core.h"

/* A change that hooks may be for. */
struct hook_change {
	enum hook_object object;
	const char *name;     /* the core's; of a port: its interface's */
	unsigned state;       /* the bit of config_when.states */
	const char *word;     /* of that state, as conditions have it */
	enum { HOOKS_ALL, HOOKS_BLOCKING, HOOKS_OTHERS } which; /* those that the vip waits for come first, of NOTE_TAKING */
	const char *previous; /* the state before; of HOOK_BOND_PORT the port before, "": none */
};

/* False: the note is of no such change. One note is one change, and each change has one note. */
bool hook_change(const struct core *, const struct action *note, struct hook_change *);

/* The hooks for it, each once, in the order in which they are to be done: the index of the next, and *cursor moves on; -1: that
 * was the last. Start with 0. */
int hook_next(const struct config *, const struct hook_change *, unsigned *cursor);

/* How long the vip of that name waits at most for the hooks that block it before it becomes active; 0: there are none. */
uint64_t hook_blocking_ns(const struct config *, const char *vip);

/* "vip" */
const char *hook_object_name(enum hook_object);

#endif
