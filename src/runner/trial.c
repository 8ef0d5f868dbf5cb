/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/trial.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner/clock.h"

static const char *const keys[CHECK_KINDS] = {
	[CHECK_COMMAND] = "command", [CHECK_TCP] = "tcp",   [CHECK_HTTP] = "http",	 [CHECK_UNIT] = "unit",
	[CHECK_PROCESS] = "process", [CHECK_FILE] = "file", [CHECK_HAPROXY] = "haproxy", [CHECK_PING] = "ping",
};

struct part {
	struct trial *trial;
	enum check_kind kind;
	struct probe *probe; /* NULL: a command */
};

struct trial {
	struct bench *bench;
	struct trial_watch watch;
	struct part parts[CHECK_KINDS];
	unsigned n_parts;
	struct program program;
	uint64_t timeout_us;
	/* of a run */
	struct command *command; /* NULL: it has ended */
	sd_event_source *timer;
	uint64_t begun_us;
	unsigned pending; /* bits, 1u << enum check_kind */
	bool running, beginning, decided;
	struct trial_result result;
};

/* ---- the end ---- */

/* The last thing that is done in a callback: the trial may be gone after it. */
static void rest(struct trial *trial)
{
	if (!trial->running && !trial->command)
		trial->watch.idle(trial->watch.userdata);
}

static void tell(struct trial *trial)
{
	trial->running = trial->decided = false;
	for (unsigned i = 0; i < trial->n_parts; i++) {
		if (trial->parts[i].probe)
			probe_stop(trial->parts[i].probe);
	}
	if (trial->command)
		command_stop(trial->command);
	sd_event_source_set_enabled(trial->timer, SD_EVENT_OFF);
	trial->result.duration_us = now_us() - trial->begun_us;
	trial->watch.ended(trial->watch.userdata, &trial->result);
	rest(trial);
}

/* What is decided while the parts are begun is told when all of them were. */
static void decide(struct trial *trial)
{
	trial->decided = true;
	if (!trial->beginning)
		tell(trial);
}

static void set_text(struct trial *trial, enum check_kind kind, const char *text)
{
	if (trial->n_parts > 1 && !trial->result.passed && text[0])
		snprintf(trial->result.text, PROGRAM_TEXT_SIZE, "%s: %.180s", keys[kind], text);
	else
		snprintf(trial->result.text, PROGRAM_TEXT_SIZE, "%s", text);
}

/* A part's end. The first that fails decides, or the last. */
static void part_ended(struct trial *trial, enum check_kind kind, bool passed, const char *text)
{
	if (!trial->running || trial->decided)
		return;
	trial->pending &= ~(1u << kind);
	trial->result.passed = passed;
	if (!passed || trial->result.text[0] == '\0')
		set_text(trial, kind, text);
	if (!passed || trial->pending == 0)
		decide(trial);
}

static void on_probe_ended(void *userdata, bool passed, const char *text)
{
	struct part *part = userdata;

	part_ended(part->trial, part->kind, passed, text);
}

static void on_probe_changed(void *userdata)
{
	struct part *part = userdata;

	part->trial->watch.changed(part->trial->watch.userdata);
}

static void on_command_ended(void *userdata, int status, const char line[PROGRAM_TEXT_SIZE])
{
	struct trial *trial = userdata;
	char text[PROGRAM_TEXT_SIZE];

	trial->command = NULL;
	if (!trial->running) {
		rest(trial);
		return;
	}
	trial->result.status = status;
	if (line[0] || status == 0)
		snprintf(text, sizeof text, "%s", line);
	else
		command_status_text(status, text);
	part_ended(trial, CHECK_COMMAND, status == 0, text);
}

static int on_timeout(sd_event_source *source, uint64_t due, void *userdata)
{
	struct trial *trial = userdata;
	unsigned kind = 0;
	char text[PROGRAM_TEXT_SIZE];

	(void)source;
	(void)due;
	while (kind < CHECK_KINDS && !(trial->pending & (1u << kind)))
		kind++;
	trial->result.timed_out = true;
	trial->result.passed = false;
	snprintf(text, sizeof text, "no result within %llu ms", (unsigned long long)trial->timeout_us / 1000);
	set_text(trial, (enum check_kind)kind, text);
	tell(trial);
	return 0;
}

/* ---- the beginning ---- */

static void begin_command(struct trial *trial)
{
	const struct command_watch watch = { .ended = on_command_ended, .userdata = trial };
	char reason[PROGRAM_TEXT_SIZE];

	switch (command_start(trial->bench->commands, &trial->program, NULL, NULL, &watch, &trial->command, reason)) {
	case PROGRAM_STARTED:
		return;
	case PROGRAM_REFUSED:
		trial->result.refused = true;
		break;
	case PROGRAM_FAILED:
		break;
	}
	trial->command = NULL;
	part_ended(trial, CHECK_COMMAND, false, reason);
}

void trial_begin(struct trial *trial)
{
	trial->result = (struct trial_result){ .status = -1 };
	trial->running = trial->beginning = true;
	trial->pending = 0;
	for (unsigned i = 0; i < trial->n_parts; i++)
		trial->pending |= 1u << trial->parts[i].kind;
	trial->begun_us = now_us();
	sd_event_source_set_time(trial->timer, trial->begun_us + trial->timeout_us);
	sd_event_source_set_enabled(trial->timer, SD_EVENT_ONESHOT);
	for (unsigned i = 0; i < trial->n_parts && !trial->decided; i++) {
		if (trial->parts[i].probe)
			probe_run(trial->parts[i].probe);
		else
			begin_command(trial);
	}
	trial->beginning = false;
	if (trial->decided)
		tell(trial);
}

bool trial_has_command(const struct trial *trial)
{
	return trial->program.arguments;
}

/* ---- made and ended ---- */

static int add_part(struct trial *trial, enum check_kind kind, const json_t *check)
{
	struct part *part = &trial->parts[trial->n_parts++];
	const struct probe_watch watch = { .ended = on_probe_ended, .changed = on_probe_changed, .userdata = part };

	part->trial = trial;
	part->kind = kind;
	if (kind == CHECK_COMMAND)
		return program_read(check, keys[kind], &trial->program);
	return probe_open(trial->bench->probes, kind, json_object_get(check, keys[kind]), &watch, &part->probe);
}

static int add_parts(struct trial *trial, const json_t *check)
{
	const json_t *timeout = json_object_get(check, "timeout_us");
	int r = 0;

	if (!json_is_integer(timeout) || json_integer_value(timeout) < 1000)
		return -EBADMSG;
	trial->timeout_us = (uint64_t)json_integer_value(timeout);
	for (unsigned kind = 0; kind < CHECK_KINDS && r == 0; kind++) {
		if (json_object_get(check, keys[kind]))
			r = add_part(trial, (enum check_kind)kind, check);
	}
	return r < 0 || trial->n_parts > 0 ? r : -EBADMSG;
}

int trial_new(struct bench *bench, const json_t *check, const struct trial_watch *watch, struct trial **out)
{
	struct trial *trial = calloc(1, sizeof *trial);
	int r;

	if (!trial)
		return -ENOMEM;
	trial->bench = bench;
	trial->watch = *watch;
	r = add_parts(trial, check);
	if (r == 0)
		r = sd_event_add_time(bench->event, &trial->timer, CLOCK_MONOTONIC, UINT64_MAX, 1, on_timeout, trial);
	if (r < 0) {
		trial_free(trial);
		return r;
	}
	sd_event_source_set_enabled(trial->timer, SD_EVENT_OFF);
	*out = trial;
	return 0;
}

void trial_free(struct trial *trial)
{
	if (!trial)
		return;
	for (unsigned i = 0; i < trial->n_parts; i++)
		probe_close(trial->parts[i].probe);
	if (trial->command)
		command_abandon(trial->command);
	program_free(&trial->program);
	sd_event_source_disable_unref(trial->timer);
	free(trial);
}
