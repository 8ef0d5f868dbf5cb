/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The core's codes and arguments as English sentences. */
#ifndef STANDBYD_COMMON_SENTENCE_H
#define STANDBYD_COMMON_SENTENCE_H

#include "core/core.h"

enum { SENTENCE_SIZE = 256 };

/* One sentence without a full stop, always terminated; "" for REASON_NONE. Returns out. */
char *sentence_of_reason(const struct reason *, char out[SENTENCE_SIZE]);

/* One line for the journal and `standbyctl events`: "web: backup → active: heard nobody for 3.6 s". */
char *sentence_of_note(const struct core *, const struct action *note, char out[SENTENCE_SIZE]);

/* What a change would do, for `standbyctl diff`: "adds address 192.0.2.12/24 to bond0". "" for what changes nothing
 * that a person configured: packets, renewals, snapshots, notes. The core is the one whose plan the action is of. */
char *sentence_of_action(const struct core *, const struct action *, char out[SENTENCE_SIZE]);

#endif
