/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One run of a check after the other: all its kinds at once, until one fails, all have passed, or time is over. */
#ifndef STANDBYD_RUNNER_TRIAL_H
#define STANDBYD_RUNNER_TRIAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "runner/exec.h"
#include "runner/probe.h"

/* What all checks and hooks share. */
struct bench {
	sd_event *event;
	struct commands *commands;
	struct probes *probes;
};

struct trial;

struct trial_result {
	bool refused; /* it could not be run; text: why */
	bool passed, timed_out;
	uint64_t duration_us;
	int status;		      /* of the command; -1: there is none, or it has not ended */
	char text[PROGRAM_TEXT_SIZE]; /* for people: of the kind that failed, or what there is to say */
};

struct trial_watch {
	void (*ended)(
		void *userdata,
		const struct trial_result *); /* once for each trial_begin; the trial may not be freed within it */
	/* After ended: its command is gone, too. It may be begun again, or freed, within this. */
	void (*idle)(void *userdata);
	void (*changed)(void *userdata); /* as a probe's */
	void *userdata;
};

/* check: a definition as protocol.h has it, not referenced longer. The watch is copied. 0, -EBADMSG: it is not so,
 * -ENOMEM. */
int trial_new(struct bench *bench, const json_t *check, const struct trial_watch *watch, struct trial **trial);

/* Not before idle. ended and idle may come within this. */
void trial_begin(struct trial *);

bool trial_has_command(const struct trial *);

/* A run under way ends without a word. NULL is fine. */
void trial_free(struct trial *);

#endif
