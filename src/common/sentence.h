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

#endif
