/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon's end of standby-runner: has it started or connects to it, says which checks there are and which hooks are
 * due, and feeds results to the engine. Never waits: what the runner does not take is said later, and one that dies is started again, after a pause that
 * grows. What checks say stays as it is meanwhile. */
#ifndef STANDBYD_DAEMON_RUNNER_H
#define STANDBYD_DAEMON_RUNNER_H

#include <systemd/sd-event.h>

#include "daemon/engine.h"
#include "daemon/handover.h"

struct runner;

/* launcher: as launcher_start, owned; rundir: the run directory's path, where a unit may listen at "runner.sock". Both that and
 * the engine are borrowed. handover: what a predecessor in this process had; NULL: nothing. NULL: memory is short. */
struct runner *runner_new(sd_event *, struct engine *, const char *rundir, int launcher, const struct handover *);
void runner_free(struct runner *); /* with the connection; NULL is fine */

/* What the configuration that is in force has. A runner is there only while it has something to do. */
void runner_configure(struct runner *, const struct config *);

/* At the end of each turn of the loop: says the hooks that have come. */
void runner_turn(struct runner *);

/* The last line that a check's last run said; "": nothing. By its index in the configuration; valid until the next turn. */
const char *runner_output(const struct runner *, unsigned check);

/* Why there is no runner although there should be, a sentence; NULL: there is one. */
const char *runner_trouble(const struct runner *);

/* Whether hooks are under way or wait, and there is who does them. */
bool runner_busy(const struct runner *);

/* 0 or -errno. */
int runner_bequeath(const struct runner *, struct handover_out *);

#endif
