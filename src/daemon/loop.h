/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The event loop: wakes for packets, the kernel, the applier, the clock, signals and clients, and lets the engine do
 * what is urgent before anything else. */
#ifndef STANDBYD_DAEMON_LOOP_H
#define STANDBYD_DAEMON_LOOP_H

#include "daemon/control.h"
#include "daemon/engine.h"

/* Runs until the daemon has stopped. All is borrowed but launcher, as launcher_start; rundir: the run directory's path. Signals TERM, INT and HUP must be blocked. handover: of a predecessor in this
 * process, NULL: there was none. lock: as transition_new. Returns the exit status. */
int loop_run(struct engine *, struct control *, const char *config_path, const struct handover *, int lock, const char *rundir,
	     int launcher);

#endif
