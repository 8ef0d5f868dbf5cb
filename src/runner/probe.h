/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a check asks, each kind in a file of its own (command is exec.h's). When a run begins and how long it may last is
 * schedule.h's: a probe has no clock. All functions return at once; nothing here waits. The process ignores SIGPIPE: a TLS
 * library says its last words to who may be gone. */
#ifndef STANDBYD_RUNNER_PROBE_H
#define STANDBYD_RUNNER_PROBE_H

#include <jansson.h>
#include <stdbool.h>
#include <systemd/sd-event.h>

#include "core/config.h"

/* What all of them share: the event loop, the HTTP library's handle, the connection to the system's bus. */
struct probes;

/* 0 or -errno. Keeps a reference to the loop. Nothing outside is asked before the first probe that needs it. */
int probes_new(sd_event *event, struct probes **probes);
void probes_free(struct probes *); /* after the last probe_close; NULL is fine */

struct probe;

struct probe_watch {
	/* The end of a run, exactly once for each probe_run, perhaps before that returns; text: what was found, one line for
	 * people, "" if there is nothing to say. The probe may be run again, or closed, from within it. */
	void (*ended)(void *userdata, bool passed, const char *text);
	/* Something that the probe watches has changed (a unit's state, a process's end, a file): a run at once would find
	 * it. Comes at any time between probe_open and probe_close, not from within them, at most once for each run. */
	void (*changed)(void *userdata);
	void *userdata;
};

/* definition: the value of that kind's field in a check (protocol.h), not referenced longer than the call. kind is not
 * CHECK_COMMAND. The watch is copied. 0; -EBADMSG: the definition is not as protocol.h has it; -ENOMEM. What is missing
 * outside (no bus, no file, no such unit) is no error here but a run that fails with the reason. */
int probe_open(struct probes *, enum check_kind kind, const json_t *definition, const struct probe_watch *watch, struct probe **probe);

/* Begins a run; none is under way. */
void probe_run(struct probe *);

/* Ends a run without a result, as its time is over: ended is not called for it. Nothing if none is under way. */
void probe_stop(struct probe *);

void probe_close(struct probe *); /* as probe_stop, and forgets it; NULL is fine */

#endif
