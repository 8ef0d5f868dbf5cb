/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When each check runs. From the start of one run to that of the next is its interval, and up to its jitter more; the
 * second run comes earlier, at random, so that checks which began together do not go on together. A run that is late
 * moves the others. SCHEDULE_COMMANDS commands run
 * at the same time, and who waits for its turn goes first come, first served; who has waited for SCHEDULE_PATIENCE_US
 * begins all the same, up to SCHEDULE_COMMANDS_MAX, since those that run may hang for long. */
#ifndef STANDBYD_RUNNER_SCHEDULE_H
#define STANDBYD_RUNNER_SCHEDULE_H

#include <jansson.h>
#include <stdint.h>

#include "runner/outbox.h"
#include "runner/trial.h"

enum {
	SCHEDULE_COMMANDS = 128,
	SCHEDULE_COMMANDS_MAX = 1024,
	SCHEDULE_PATIENCE_US = 1000 * 1000,
	SCHEDULE_GAP_US = 10 * 1000, /* at least, between the starts of two runs of a check, whatever changes */
};

struct schedule;

/* The bench and the outbox must outlive it. 0 or -errno. */
int schedule_new(struct bench *bench, struct outbox *outbox, struct schedule **schedule);
void schedule_free(struct schedule *); /* NULL is fine */

/* A check of that generation, which schedule_apply makes take part; what was said of another generation and not applied
 * is forgotten. Keeps a reference. A definition that is not as protocol.h has it is answered as refused. */
void schedule_check(struct schedule *, uint64_t generation, json_t *check);
void schedule_apply(struct schedule *, uint64_t generation);

/* The applied definition of that name, borrowed; NULL: there is none. */
const json_t *schedule_find(const struct schedule *, const char *name);

#endif
