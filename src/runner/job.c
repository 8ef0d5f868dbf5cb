/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/job.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#define SYSTEMD	     "org.freedesktop.systemd1"
#define MANAGER_PATH "/org/freedesktop/systemd1"
#define MANAGER	     "org.freedesktop.systemd1.Manager"
#define BUS_LOCAL    "org.freedesktop.DBus.Local"

enum { REASON_SIZE = 256 };

struct job {
	struct jobs *jobs;
	struct job *next, **link;
	sd_bus_slot *question;
	char *path; /* systemd's, NULL until it has answered */
	char *unit;
	job_ended ended;
	void *userdata;
};

struct jobs {
	sd_event *event;
	sd_bus *bus; /* NULL: none */
	struct job *list;
};

void job_forget(struct job *job)
{
	*job->link = job->next;
	if (job->next)
		job->next->link = job->link;
	sd_bus_slot_unref(job->question);
	free(job->path);
	free(job->unit);
	free(job);
}

static void end(struct job *job, bool passed, const char *reason)
{
	job_ended ended = job->ended;
	void *userdata = job->userdata;

	job_forget(job);
	ended(userdata, passed, reason);
}

/* ---- what the bus says ---- */

static int on_disconnected(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct jobs *jobs = userdata;

	(void)message;
	(void)error;
	jobs->bus = sd_bus_close_unref(jobs->bus);
	while (jobs->list)
		end(jobs->list, false, "the connection to the system's bus is lost");
	return 0;
}

/* org.freedesktop.systemd1(5), JobRemoved, has these results. */
static const char *words_of(const char *result)
{
	static const char *const words[][2] = {
		{ "canceled", "was cancelled" },
		{ "timeout", "took too long for systemd" },
		{ "failed", "failed" },
		{ "dependency", "failed, for another unit that it needs" },
		{ "skipped", "was skipped" },
		{ "invalid", "was not possible" },
		{ "assert", "failed, for an assertion of the unit" },
		{ "unsupported", "is not supported for this unit" },
	};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (strcmp(result, words[i][0]) == 0)
			return words[i][1];
	}
	return result;
}

static struct job *find(struct jobs *jobs, const char *path)
{
	struct job *job = jobs->list;

	while (job && !(job->path && strcmp(job->path, path) == 0))
		job = job->next;
	return job;
}

static int on_removed(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	const char *path, *unit, *result;
	char reason[REASON_SIZE];
	uint32_t id;

	(void)error;
	if (sd_bus_message_read(message, "uoss", &id, &path, &unit, &result) < 0)
		return 0;

	struct job *job = find(userdata, path);
	if (!job)
		return 0;
	snprintf(reason, sizeof reason, "systemd's job for %s %s", job->unit, words_of(result));
	bool passed = strcmp(result, "done") == 0;
	end(job, passed, passed ? "" : reason);
	return 0;
}

static void end_refused(struct job *job, const sd_bus_error *error)
{
	char reason[REASON_SIZE];
	bool denied = sd_bus_error_has_name(error, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED) ||
		      sd_bus_error_has_name(error, SD_BUS_ERROR_ACCESS_DENIED);

	snprintf(reason, sizeof reason, "systemd: %s%s",
		 error->message && error->message[0] ? error->message : error->name,
		 denied ? " (standby-runner(8) tells which rule allows it)" : "");
	end(job, false, reason);
}

static int on_begun(sd_bus_message *message, void *userdata, sd_bus_error *unused)
{
	struct job *job = userdata;
	const sd_bus_error *error = sd_bus_message_get_error(message);
	const char *path;

	(void)unused;
	job->question = sd_bus_slot_unref(job->question);
	if (error)
		end_refused(job, error);
	else if (sd_bus_message_read(message, "o", &path) < 0 || !(job->path = strdup(path)))
		end(job, false, "systemd's answer is not understood");
	return 0;
}

/* ---- asking ---- */

/* Without Subscribe, systemd tells of no job's end. */
static int watch_jobs(struct jobs *jobs, sd_bus *bus)
{
	int r;

	if ((r = sd_bus_match_signal(bus, NULL, BUS_LOCAL, NULL, BUS_LOCAL, "Disconnected", on_disconnected, jobs)) <
		    0 ||
	    (r = sd_bus_match_signal_async(bus, NULL, SYSTEMD, MANAGER_PATH, MANAGER, "JobRemoved", on_removed, NULL,
					   jobs)) < 0)
		return r;
	return sd_bus_call_method_async(bus, NULL, SYSTEMD, MANAGER_PATH, MANAGER, "Subscribe", NULL, NULL, NULL);
}

/* 0 or -errno. The greeting goes on in the event loop, before what is asked now. */
static int connect_bus(struct jobs *jobs)
{
	sd_bus *bus = NULL;
	int r = sd_bus_open_system(&bus);

	if (r < 0)
		return r;
	if ((r = sd_bus_set_exit_on_disconnect(bus, false)) < 0 || (r = sd_bus_attach_event(bus, jobs->event, 0)) < 0 ||
	    (r = watch_jobs(jobs, bus)) < 0) {
		sd_bus_close_unref(bus);
		return r;
	}
	jobs->bus = bus;
	return 0;
}

static const char *method_of(enum hook_action action)
{
	switch (action) {
	case HOOK_START:
		return "StartUnit";
	case HOOK_STOP:
		return "StopUnit";
	case HOOK_RESTART:
		return "RestartUnit";
	case HOOK_RUN:
	case HOOK_TEST:
		break;
	}
	return NULL;
}

int job_begin(struct jobs *jobs, enum hook_action action, const char *unit, job_ended ended, void *userdata,
	      struct job **out)
{
	int r = jobs->bus ? 0 : connect_bus(jobs);
	struct job *job;

	if (r < 0)
		return r;
	job = calloc(1, sizeof *job);
	if (!job)
		return -ENOMEM;
	job->jobs = jobs;
	job->ended = ended;
	job->userdata = userdata;
	job->next = jobs->list;
	job->link = &jobs->list;
	if (job->next)
		job->next->link = &job->next;
	jobs->list = job;
	job->unit = strdup(unit);
	r = job->unit ? sd_bus_call_method_async(jobs->bus, &job->question, SYSTEMD, MANAGER_PATH, MANAGER,
						 method_of(action), on_begun, job, "ss", unit, "replace")
		      : -ENOMEM;
	if (r < 0) {
		job_forget(job);
		return r;
	}
	*out = job;
	return 0;
}

int jobs_new(sd_event *event, struct jobs **out)
{
	struct jobs *jobs = calloc(1, sizeof *jobs);

	if (!jobs)
		return -ENOMEM;
	jobs->event = sd_event_ref(event);
	*out = jobs;
	return 0;
}

void jobs_free(struct jobs *jobs)
{
	if (!jobs)
		return;
	while (jobs->list)
		job_forget(jobs->list);
	sd_bus_close_unref(jobs->bus);
	sd_event_unref(jobs->event);
	free(jobs);
}
