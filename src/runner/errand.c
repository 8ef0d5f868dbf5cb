/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/errand.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner/clock.h"

/* One of command, job and trial is not NULL while it is under way. */
struct errand {
	struct errands *errands;
	struct errand *next, **link;
	uint64_t id, begun_us;
	struct program program; /* of command */
	struct command *command;
	struct job *job;
	struct trial *trial;
	sd_event_source *timer;
	const char *unfinished; /* why it is being ended; NULL: it is not */
	bool told;		/* its end was; a test's command may not be gone yet */
	bool timed_out;
};

struct errands {
	struct bench *bench;
	struct jobs *jobs;
	struct outbox *outbox;
	struct errand *list;
};

/* ---- answers ---- */

static void refuse(struct errands *errands, uint64_t id, const char *reason)
{
	struct runner_answer answer = { .type = RUNNER_REFUSED, .id = id };

	snprintf(answer.reason, sizeof answer.reason, "%s", reason);
	outbox_send(errands->outbox, &answer);
}

static void done(struct errand *errand, bool passed, int status, const char *output, const char *reason)
{
	struct runner_answer answer = {
		.type = RUNNER_DONE,
		.id = errand->id,
		.passed = passed,
		.timed_out = errand->timed_out,
		.duration_us = now_us() - errand->begun_us,
		.status = status > 255 ? 255 : status,
	};

	snprintf(answer.output, sizeof answer.output, "%s", output);
	snprintf(answer.reason, sizeof answer.reason, "%s", reason);
	outbox_send(errand->errands->outbox, &answer);
}

/* ---- made and gone ---- */

static struct errand *find(struct errands *errands, uint64_t id)
{
	struct errand *errand = errands->list;

	while (errand && errand->id != id)
		errand = errand->next;
	return errand;
}

static void forget(struct errand *errand)
{
	*errand->link = errand->next;
	if (errand->next)
		errand->next->link = errand->link;
	if (errand->command)
		command_abandon(errand->command);
	if (errand->job)
		job_forget(errand->job);
	trial_free(errand->trial);
	program_free(&errand->program);
	sd_event_source_disable_unref(errand->timer);
	free(errand);
}

/* NULL: refused, and that was told. */
static struct errand *make(struct errands *errands, uint64_t id)
{
	struct errand *errand = find(errands, id) ? NULL : calloc(1, sizeof *errand);

	if (!errand) {
		refuse(errands, id, find(errands, id) ? "that run is under way" : "there is no memory for it");
		return NULL;
	}
	errand->errands = errands;
	errand->id = id;
	errand->begun_us = now_us();
	errand->next = errands->list;
	errand->link = &errands->list;
	if (errand->next)
		errand->next->link = &errand->next;
	errands->list = errand;
	return errand;
}

static void refuse_and_forget(struct errand *errand, const char *reason)
{
	refuse(errand->errands, errand->id, reason);
	forget(errand);
}

static void refuse_for(struct errand *errand, int error)
{
	refuse_and_forget(errand, error == EBADMSG
					  ? "it is not understood: daemon and runner are not of the same version"
					  : strerrordesc_np(error));
}

/* ---- ends ---- */

static void on_command_ended(void *userdata, int status, const char line[PROGRAM_TEXT_SIZE])
{
	struct errand *errand = userdata;
	char reason[PROGRAM_TEXT_SIZE] = "";

	errand->command = NULL;
	if (errand->unfinished)
		snprintf(reason, sizeof reason, "%s", errand->unfinished);
	else if (status != 0)
		command_status_text(status, reason);
	done(errand, !errand->unfinished && status == 0, status, line, reason);
	forget(errand);
}

static void on_job_ended(void *userdata, bool passed, const char *reason)
{
	struct errand *errand = userdata;

	errand->job = NULL;
	done(errand, passed, -1, "", reason);
	forget(errand);
}

static void on_trial_ended(void *userdata, const struct trial_result *result)
{
	struct errand *errand = userdata;

	errand->timed_out = result->timed_out;
	errand->told = true;
	if (result->refused)
		refuse(errand->errands, errand->id, result->text);
	else
		done(errand, result->passed, result->status, result->text,
		     result->passed	 ? ""
		     : result->timed_out ? "timed out"
					 : "failed");
}

static void on_trial_idle(void *userdata)
{
	forget(userdata);
}

static void on_trial_changed(void *userdata)
{
	(void)userdata; /* one run is all */
}

/* ---- programs and units ---- */

static void give_up(struct errand *errand, const char *why)
{
	if (errand->unfinished || errand->told)
		return;
	errand->unfinished = why;
	if (errand->command) {
		command_stop(errand->command);
		return;
	}
	done(errand, false, -1, "", why);
	forget(errand);
}

static int on_timeout(sd_event_source *source, uint64_t due, void *userdata)
{
	struct errand *errand = userdata;

	(void)source;
	(void)due;
	errand->timed_out = true;
	give_up(errand, errand->job ? "systemd's job has not ended in time" : "timed out");
	return 0;
}

static bool is_name(const char *name)
{
	if (!isalpha((unsigned char)*name) && *name != '_')
		return false;
	while (isalnum((unsigned char)*name) || *name == '_')
		name++;
	return *name == '\0';
}

/* "NAME=text" each, NULL at the end; -EBADMSG, -ENOMEM. */
static int take_environment(const json_t *map, char ***out)
{
	const char *name;
	const json_t *text;
	size_t n = 0;
	char **list;

	if (map && !json_is_object(map))
		return -EBADMSG;
	list = *out = calloc(json_object_size(map) + 1, sizeof *list);
	if (!list)
		return -ENOMEM;
	json_object_foreach((json_t *)map, name, text)
	{
		if (!is_name(name) || !json_is_string(text))
			return -EBADMSG;
		if (asprintf(&list[n], "%s=%s", name, json_string_value(text)) < 0) {
			list[n] = NULL;
			return -ENOMEM;
		}
		n++;
	}
	return 0;
}

/* The errand is gone if it cannot be run. */
static void start_program(struct errand *errand, char *const *environment, const char *input)
{
	const struct command_watch watch = { .ended = on_command_ended, .userdata = errand };
	char reason[PROGRAM_TEXT_SIZE];

	switch (command_start(errand->errands->bench->commands, &errand->program, environment, input, &watch,
			      &errand->command, reason)) {
	case PROGRAM_STARTED:
		break;
	case PROGRAM_REFUSED:
		errand->command = NULL;
		refuse_and_forget(errand, reason);
		break;
	case PROGRAM_FAILED:
		errand->command = NULL;
		done(errand, false, -1, "", reason);
		forget(errand);
		break;
	}
}

static void run_program(struct errand *errand, const json_t *hook, const json_t *message)
{
	const json_t *input = json_object_get(message, "stdin");
	char **environment = NULL;
	int r = program_read(hook, "run", &errand->program);

	if (r == 0 && input && !json_is_string(input))
		r = -EBADMSG;
	if (r == 0)
		r = take_environment(json_object_get(message, "environment"), &environment);
	if (r < 0)
		refuse_for(errand, -r);
	else
		start_program(errand, environment, json_string_value(input));
	program_free_texts(environment);
}

/* False: the hook has no such action. */
static bool run_job(struct errand *errand, const json_t *hook)
{
	static const char *const keys[] = { [HOOK_START] = "start", [HOOK_STOP] = "stop", [HOOK_RESTART] = "restart" };
	char reason[PROGRAM_TEXT_SIZE];

	for (unsigned action = HOOK_START; action <= HOOK_RESTART; action++) {
		const char *unit = json_string_value(json_object_get(hook, keys[action]));

		if (!unit)
			continue;
		int r = job_begin(errand->errands->jobs, (enum hook_action)action, unit, on_job_ended, errand,
				  &errand->job);
		if (r < 0) {
			errand->job = NULL;
			snprintf(reason, sizeof reason, "the system's bus: %s", strerrordesc_np(-r));
			done(errand, false, -1, "", reason);
			forget(errand);
		}
		return true;
	}
	return false;
}

void errand_run(struct errands *errands, uint64_t id, const json_t *message)
{
	const json_t *hook = json_object_get(message, "hook"), *timeout = json_object_get(hook, "timeout_us");
	struct errand *errand = make(errands, id);
	int r;

	if (!errand)
		return;
	if (!json_is_integer(timeout) || json_integer_value(timeout) < 1) {
		refuse_for(errand, EBADMSG);
		return;
	}
	r = sd_event_add_time_relative(errands->bench->event, &errand->timer, CLOCK_MONOTONIC,
				       (uint64_t)json_integer_value(timeout), 1, on_timeout, errand);
	if (r < 0)
		refuse_for(errand, -r);
	else if (json_object_get(hook, "run"))
		run_program(errand, hook, message);
	else if (!run_job(errand, hook))
		refuse_for(errand, EBADMSG);
}

void errand_test(struct errands *errands, uint64_t id, const json_t *check)
{
	struct trial_watch watch = { .ended = on_trial_ended, .idle = on_trial_idle, .changed = on_trial_changed };
	struct errand *errand = make(errands, id);
	int r;

	if (!errand)
		return;
	if (!check) {
		refuse_and_forget(errand, "there is no such check");
		return;
	}
	watch.userdata = errand;
	r = trial_new(errands->bench, check, &watch, &errand->trial);
	if (r < 0) {
		errand->trial = NULL;
		refuse_for(errand, -r);
		return;
	}
	trial_begin(errand->trial);
}

void errand_cancel(struct errands *errands, uint64_t id)
{
	struct errand *errand = find(errands, id);

	if (errand)
		give_up(errand, "cancelled");
}

int errands_new(struct bench *bench, struct jobs *jobs, struct outbox *outbox, struct errands **out)
{
	struct errands *errands = calloc(1, sizeof *errands);

	if (!errands)
		return -ENOMEM;
	errands->bench = bench;
	errands->jobs = jobs;
	errands->outbox = outbox;
	*out = errands;
	return 0;
}

void errands_free(struct errands *errands)
{
	if (!errands)
		return;
	while (errands->list)
		forget(errands->list);
	free(errands);
}
