/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/schedule.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <syslog.h>

#include "common/log.h"
#include "runner/clock.h"

enum state { RESTING, WAITING, RUNNING };

struct check {
	struct schedule *schedule;
	json_t *definition;
	const char *name; /* within it */
	struct trial *trial;
	sd_event_source *timer;
	uint64_t interval_us, jitter_us;
	bool late_skip;
	enum state state;
	uint64_t due_us;   /* without jitter: of the run under way, or of the next */
	uint64_t begun_us; /* the last run */
	bool again;	   /* something has changed since it began */
	bool spread;	   /* the second run has been planned */
	bool taken;	   /* within schedule_apply: goes on in the new generation */
	struct check *next_waiting;
	uint64_t waiting_us; /* since when */
};

/* Those of a generation, by name. */
struct checks {
	struct check **list;
	size_t n;
};

struct schedule {
	struct bench *bench;
	struct outbox *outbox;
	uint64_t generation; /* the applied one */
	struct checks checks;
	uint64_t said_generation;
	json_t **said;
	size_t n_said;
	unsigned n_commands;
	bool beginning; /* within begin_waiting */
	struct check *first_waiting, **end_waiting;
	sd_event_source *patience; /* the first one's */
};

/* 0 … max, which is an hour at most */
static uint64_t random_to(uint64_t max)
{
	uint64_t value = 0;

	if (getrandom(&value, sizeof value, GRND_NONBLOCK) < 0)
		value = now_us();
	return value % (max + 1);
}

static void refuse(struct schedule *schedule, const char *name, uint64_t generation, const char *reason)
{
	struct runner_answer answer = { .type = RUNNER_REFUSED, .generation = generation };

	snprintf(answer.check, sizeof answer.check, "%s", name);
	snprintf(answer.reason, sizeof answer.reason, "%s", reason);
	outbox_send(schedule->outbox, &answer);
}

/* ---- runs ---- */

static void begin(struct check *check)
{
	check->state = RUNNING;
	check->again = false;
	check->begun_us = now_us();
	if (trial_has_command(check->trial))
		check->schedule->n_commands++;
	trial_begin(check->trial);
}

static void wait_turn(struct check *check)
{
	struct schedule *schedule = check->schedule;

	check->state = WAITING;
	check->next_waiting = NULL;
	check->waiting_us = now_us();
	*schedule->end_waiting = check;
	schedule->end_waiting = &check->next_waiting;
}

static void leave_queue(struct check *check)
{
	struct schedule *schedule = check->schedule;
	struct check **link = &schedule->first_waiting;

	while (*link != check)
		link = &(*link)->next_waiting;
	*link = check->next_waiting;
	if (!*link)
		schedule->end_waiting = link;
	check->state = RESTING;
}

static bool has_room(const struct schedule *schedule, uint64_t waiting_us)
{
	bool long_ago = now_us() >= waiting_us + SCHEDULE_PATIENCE_US;

	return schedule->n_commands < (long_ago ? SCHEDULE_COMMANDS_MAX : SCHEDULE_COMMANDS);
}

/* Not within itself: what is begun may end at once. */
static void begin_waiting(struct schedule *schedule)
{
	if (schedule->beginning)
		return;
	schedule->beginning = true;
	while (schedule->first_waiting && has_room(schedule, schedule->first_waiting->waiting_us)) {
		struct check *check = schedule->first_waiting;

		leave_queue(check);
		begin(check);
	}
	schedule->beginning = false;
	if (!schedule->first_waiting || schedule->n_commands >= SCHEDULE_COMMANDS_MAX)
		return; /* the end of one comes next */
	sd_event_source_set_time(schedule->patience, schedule->first_waiting->waiting_us + SCHEDULE_PATIENCE_US);
	sd_event_source_set_enabled(schedule->patience, SD_EVENT_ONESHOT);
}

static int on_patience(sd_event_source *source, uint64_t due, void *userdata)
{
	(void)source;
	(void)due;
	begin_waiting(userdata);
	return 0;
}

static int on_due(sd_event_source *source, uint64_t due, void *userdata)
{
	struct check *check = userdata;
	struct schedule *schedule = check->schedule;

	(void)source;
	(void)due;
	if (!trial_has_command(check->trial)) {
		begin(check);
		return 0;
	}
	wait_turn(check);
	begin_waiting(schedule);
	return 0;
}

static void plan(struct check *check, uint64_t due_us, uint64_t jitter_us)
{
	check->due_us = due_us;
	sd_event_source_set_time(check->timer, due_us + random_to(jitter_us));
	sd_event_source_set_enabled(check->timer, SD_EVENT_ONESHOT);
}

/* When the run after this one is due; now: the latter's end. */
static uint64_t next_due(const struct check *check, uint64_t now)
{
	uint64_t due = check->due_us + check->interval_us;

	if (due >= now)
		return due;
	if (check->late_skip)
		return due + (now - due + check->interval_us - 1) / check->interval_us * check->interval_us;
	return now;
}

static void plan_next(struct check *check)
{
	uint64_t now = now_us(), half = check->interval_us / 2;

	if (check->again) {
		plan(check, check->begun_us + SCHEDULE_GAP_US > now ? check->begun_us + SCHEDULE_GAP_US : now, 0);
	} else if (!check->spread && check->begun_us + half > now) {
		plan(check, check->begun_us + half + random_to(check->interval_us - half), 0);
		check->spread = true;
	} else {
		plan(check, next_due(check, now), check->jitter_us);
		check->spread = true;
	}
}

static void on_ended(void *userdata, const struct trial_result *result)
{
	struct check *check = userdata;
	struct schedule *schedule = check->schedule;
	struct runner_answer answer = {
		.type = RUNNER_RESULT,
		.generation = schedule->generation,
		.passed = result->passed,
		.timed_out = result->timed_out,
		.duration_us = result->duration_us,
	};

	if (result->refused) {
		refuse(schedule, check->name, schedule->generation, result->text);
		return;
	}
	strcpy(answer.check, check->name);
	strcpy(answer.output, result->text);
	outbox_send(schedule->outbox, &answer);
}

static void on_idle(void *userdata)
{
	struct check *check = userdata;
	struct schedule *schedule = check->schedule;

	check->state = RESTING;
	plan_next(check);
	if (!trial_has_command(check->trial))
		return;
	schedule->n_commands--;
	begin_waiting(schedule);
}

static void on_changed(void *userdata)
{
	struct check *check = userdata;

	check->again = true;
	if (check->state == RESTING)
		plan_next(check);
}

/* ---- made and ended ---- */

static void check_free(struct check *check)
{
	if (!check)
		return;
	if (check->state == WAITING)
		leave_queue(check);
	if (check->state == RUNNING && trial_has_command(check->trial))
		check->schedule->n_commands--;
	trial_free(check->trial);
	sd_event_source_disable_unref(check->timer);
	json_decref(check->definition);
	free(check);
}

static bool take_us(const json_t *definition, const char *key, json_int_t min, uint64_t *out)
{
	const json_t *value = json_object_get(definition, key);

	if (!json_is_integer(value) || json_integer_value(value) < min ||
	    json_integer_value(value) > (json_int_t)3600 * 1000000)
		return false;
	*out = (uint64_t)json_integer_value(value);
	return true;
}

static int check_fill(struct check *check)
{
	const struct trial_watch watch = {
		.ended = on_ended, .idle = on_idle, .changed = on_changed, .userdata = check
	};
	const json_t *late_skip = json_object_get(check->definition, "late_skip");
	int r;

	check->late_skip = json_is_true(late_skip);
	if (!take_us(check->definition, "interval_us", 1, &check->interval_us) ||
	    !take_us(check->definition, "jitter_us", 0, &check->jitter_us) || !json_is_boolean(late_skip))
		return -EBADMSG;
	r = trial_new(check->schedule->bench, check->definition, &watch, &check->trial);
	if (r == 0)
		r = sd_event_add_time(check->schedule->bench->event, &check->timer, CLOCK_MONOTONIC, UINT64_MAX, 1000,
				      on_due, check);
	if (r < 0)
		return r;
	plan(check, now_us(), check->jitter_us);
	return 0;
}

/* NULL: refused, and that was told. */
static struct check *check_new(struct schedule *schedule, json_t *definition)
{
	struct check *check = calloc(1, sizeof *check);
	int r = -ENOMEM;

	if (check) {
		check->schedule = schedule;
		check->definition = json_incref(definition);
		check->name = json_string_value(json_object_get(definition, "name"));
		r = check_fill(check);
	}
	if (r >= 0)
		return check;
	refuse(schedule, json_string_value(json_object_get(definition, "name")), schedule->generation,
	       r == -EBADMSG ? "its definition is not understood: daemon and runner are not of the same version"
			     : strerrordesc_np(-r));
	check_free(check);
	return NULL;
}

static const char *name_of(const json_t *definition)
{
	return json_string_value(json_object_get(definition, "name"));
}

static int by_name(const void *a, const void *b)
{
	return strcmp(name_of(*(json_t *const *)a), name_of(*(json_t *const *)b));
}

static int name_to_check(const void *name, const void *element)
{
	return strcmp(name, (*(struct check *const *)element)->name);
}

static struct check **find(const struct checks *checks, const char *name)
{
	return checks->n ? bsearch(name, checks->list, checks->n, sizeof *checks->list, name_to_check) : NULL;
}

static void forget_said(struct schedule *schedule)
{
	while (schedule->n_said > 0)
		json_decref(schedule->said[--schedule->n_said]);
	free(schedule->said);
	schedule->said = NULL;
}

void schedule_check(struct schedule *schedule, uint64_t generation, json_t *definition)
{
	const char *name = name_of(definition);

	if (!name || !name[0] || strlen(name) >= NAME_SIZE) {
		log_at(LOG_WARNING, "a check without a name was said");
		return;
	}
	if (generation != schedule->said_generation)
		forget_said(schedule);
	schedule->said_generation = generation;

	json_t **said =
		schedule->n_said < MAX_CHECKS ? reallocarray(schedule->said, schedule->n_said + 1, sizeof *said) : NULL;
	if (!said) {
		refuse(schedule, name, generation, "there are too many checks");
		return;
	}
	schedule->said = said;
	said[schedule->n_said++] = json_incref(definition);
}

/* The one of before, if it is unchanged and was not taken, else a new one; NULL: none, which was told. */
static struct check *take_or_make(struct schedule *schedule, const struct checks *old, json_t *definition)
{
	struct check **before = find(old, name_of(definition));

	if (!before || (*before)->taken || !json_equal((*before)->definition, definition))
		return check_new(schedule, definition);
	(*before)->taken = true;
	return *before;
}

/* What was said, by name; the daemon says each name once. */
static struct checks make_checks(struct schedule *schedule, const struct checks *old)
{
	struct checks new = { .list = calloc(schedule->n_said + 1, sizeof *new.list) };

	if (schedule->n_said > 0)
		qsort(schedule->said, schedule->n_said, sizeof *schedule->said, by_name);
	for (size_t i = 0; i < schedule->n_said && new.list; i++) {
		bool again = i > 0 && by_name(&schedule->said[i - 1], &schedule->said[i]) == 0;
		struct check *check = again ? NULL : take_or_make(schedule, old, schedule->said[i]);

		if (check)
			new.list[new.n++] = check;
	}
	return new;
}

static void free_untaken(struct checks *checks)
{
	for (size_t i = 0; i < checks->n; i++) {
		if (checks->list[i]->taken)
			checks->list[i]->taken = false;
		else
			check_free(checks->list[i]);
	}
	free(checks->list);
}

void schedule_apply(struct schedule *schedule, uint64_t generation)
{
	struct checks old = schedule->checks;

	if (generation != schedule->said_generation)
		forget_said(schedule);
	schedule->generation = generation;
	schedule->checks = make_checks(schedule, &old);
	free_untaken(&old);
	forget_said(schedule);
	begin_waiting(schedule);
}

const json_t *schedule_find(const struct schedule *schedule, const char *name)
{
	struct check **check = find(&schedule->checks, name);

	return check ? (*check)->definition : NULL;
}

int schedule_new(struct bench *bench, struct outbox *outbox, struct schedule **out)
{
	struct schedule *schedule = calloc(1, sizeof *schedule);
	int r;

	if (!schedule)
		return -ENOMEM;
	r = sd_event_add_time(bench->event, &schedule->patience, CLOCK_MONOTONIC, UINT64_MAX, 10 * 1000, on_patience,
			      schedule);
	if (r < 0) {
		free(schedule);
		return r;
	}
	sd_event_source_set_enabled(schedule->patience, SD_EVENT_OFF);
	schedule->bench = bench;
	schedule->outbox = outbox;
	schedule->end_waiting = &schedule->first_waiting;
	*out = schedule;
	return 0;
}

void schedule_free(struct schedule *schedule)
{
	if (!schedule)
		return;
	free_untaken(&schedule->checks);
	forget_said(schedule);
	sd_event_source_disable_unref(schedule->patience);
	free(schedule);
}
