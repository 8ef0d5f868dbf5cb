/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Jobs of systemd: a unit is started, stopped or restarted, and that is followed to its end. */
#ifndef STANDBYD_RUNNER_JOB_H
#define STANDBYD_RUNNER_JOB_H

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "core/config.h"

struct jobs;

/* 0 or -errno. The system's bus is connected by the first job, and anew by the next one after it was lost. */
int jobs_new(sd_event *event, struct jobs **jobs);
void jobs_free(struct jobs *); /* after the last job; NULL is fine */

struct job;

/* The job's end, once, not from within job_begin; reason: a sentence for people, "" if it passed. The job is gone. */
typedef void (*job_ended)(void *userdata, bool passed, const char *reason);

/* action: HOOK_START, HOOK_STOP or HOOK_RESTART; a job of that unit under way is replaced. 0, or -errno and nothing was
 * begun: there is no bus. */
int job_begin(struct jobs *jobs, enum hook_action action, const char *unit, job_ended ended, void *userdata,
	      struct job **job);

/* Its end is not told; what systemd has begun goes on. */
void job_forget(struct job *);

#endif
