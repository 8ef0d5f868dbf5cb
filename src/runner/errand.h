/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the daemon wants done once: a hook's program or unit job, a test. They run at once, all at the same time: which
 * waits for which is the daemon's. */
#ifndef STANDBYD_RUNNER_ERRAND_H
#define STANDBYD_RUNNER_ERRAND_H

#include <jansson.h>
#include <stdint.h>

#include "runner/job.h"
#include "runner/outbox.h"
#include "runner/trial.h"

struct errands;

/* The bench, the jobs and the outbox must outlive it. 0 or -ENOMEM. */
int errands_new(struct bench *bench, struct jobs *jobs, struct outbox *outbox, struct errands **errands);
void errands_free(struct errands *); /* those under way end without a word; NULL is fine */

/* message: a run as protocol.h has it. Its end, or why not, is answered. */
void errand_run(struct errands *, uint64_t id, const json_t *message);

/* check: the definition; NULL: there is none of that name, which is answered. */
void errand_test(struct errands *, uint64_t id, const json_t *check);

void errand_cancel(struct errands *, uint64_t id);

#endif
