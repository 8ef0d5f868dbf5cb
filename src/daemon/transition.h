/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From one program to the next in this process: asks the next one whether it can, waits for a moment in which nothing is half done
 * and no advert is about to be due, and becomes it. */
#ifndef STANDBYD_DAEMON_TRANSITION_H
#define STANDBYD_DAEMON_TRANSITION_H

#include "daemon/control.h"
#include "daemon/engine.h"

struct transition;

struct runner;

/* All is borrowed. lock: the descriptor of the run directory's lock. NULL: memory is short. */
struct transition *transition_new(sd_event *, struct engine *, struct control *, const struct runner *, int lock);
void transition_free(struct transition *);

/* Begins; what comes of it is told by control_reexecuted, if not by the next program. NULL, or why not. */
const char *transition_request(struct transition *);

/* Ends it, if one is under way. */
void transition_cancel(struct transition *, const char *why);

/* At the end of each turn of the loop: becomes the next program, if it is time. busy: something else is under way that it must
 * not cut off. */
void transition_turn(struct transition *, bool busy);

#endif
