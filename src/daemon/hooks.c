/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/hooks.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "common/log.h"
#include "common/sentence.h"
#include "common/text.h"
#include "core/hook.h"
#include "daemon/clock.h"
#include "daemon/definition.h"

enum { OBJECT_SIZE = 8 + NODE_SIZE, HOOK_SCHEMA = 1 };

/* One hook for one change. */
struct job {
	struct job *next;
	json_t *message;       /* has the id already */
	uint64_t id, change;   /* change: counted over all objects */
	bool said, awaited;    /* awaited: the last of those that a vip waits for */
	char hook[NAME_SIZE];
	char vip[NAME_SIZE], check[NAME_SIZE]; /* vip: of a test, or awaited; check: of a test; "" */
};

/* What is in line for one object. */
struct line {
	struct line *next;
	char object[OBJECT_SIZE]; /* "vip:web" */
	struct job *first, *last;
	unsigned n;
};

struct hooks {
	struct line *lines;  /* with jobs */
	struct job *ended;   /* the last one, for its names */
	uint64_t ids, changes;
	unsigned n, n_said;
};

struct hooks *hooks_new(void)
{
	return calloc(1, sizeof(struct hooks));
}

static void job_free(struct job *job)
{
	if (!job)
		return;
	json_decref(job->message);
	free(job);
}

/* ---- the line ----------------------------------------------------------------------------------------------------- */

static struct line *find_line(struct hooks *hooks, const char *object)
{
	struct line *line = hooks->lines;

	while (line && strcmp(line->object, object) != 0)
		line = line->next;
	return line;
}

static struct line *get_line(struct hooks *hooks, const char *object)
{
	struct line *line = find_line(hooks, object), **end = &hooks->lines;

	if (line)
		return line;
	line = calloc(1, sizeof *line);
	if (!line)
		return NULL;
	snprintf(line->object, sizeof line->object, "%s", object);
	while (*end)
		end = &(*end)->next;
	*end = line;
	return line;
}

/* The job behind `before` (NULL: the first), which the caller frees. The line goes with its last job. */
static struct job *take_out(struct hooks *hooks, struct line *line, struct job *before)
{
	struct job *job = before ? before->next : line->first;
	struct line **link = &hooks->lines;

	if (before)
		before->next = job->next;
	else
		line->first = job->next;
	if (line->last == job)
		line->last = before;
	line->n--;
	hooks->n--;
	hooks->n_said -= job->said;
	if (line->first)
		return job;
	while (*link != line)
		link = &(*link)->next;
	*link = line->next;
	free(line);
	return job;
}

/* job: owned from now on. */
static void join(struct hooks *hooks, const char *object, struct job *job)
{
	struct line *line = get_line(hooks, object);
	struct job *oldest;

	if (!line) {
		log_at(LOG_ERR, "out of memory: hook %s for %s is left out", job->hook, object);
		job_free(job);
		return;
	}
	if (line->last)
		line->last->next = job;
	else
		line->first = job;
	line->last = job;
	line->n++;
	hooks->n++;
	hooks->n_said += job->said;
	if (line->n <= HOOKS_WAITING)
		return;
	oldest = take_out(hooks, line, line->first->said ? line->first : NULL);
	log_at(LOG_WARNING, "hook %s for %s is left out: %d of that object wait", oldest->hook, object, HOOKS_WAITING);
	job_free(oldest);
}

static struct job *line_end(struct hooks *hooks, const char *object)
{
	struct line *line = find_line(hooks, object);

	return line ? line->last : NULL;
}

/* ---- what is told ------------------------------------------------------------------------------------------------- */

static void add_address(const struct config_address *a, json_t *list, char *text, size_t size)
{
	char ip[TEXT_IP_SIZE], cidr[TEXT_CIDR_SIZE];
	size_t length = strlen(text);

	snprintf(cidr, sizeof cidr, "%s/%u", text_ip(&a->ip, ip), a->prefix);
	json_array_append_new(list, json_string(cidr));
	if (length + strlen(cidr) + 2 < size)
		snprintf(text + length, size - length, "%s%s", length ? " " : "", cidr);
}

/* Of a vip or bond; words: with a space between. */
static json_t *addresses_of(const struct core *core, const struct object *object, char *words, size_t size)
{
	json_t *list = json_array();
	struct vip_view vip;
	struct bond_view bond;

	words[0] = '\0';
	if (object->type == OBJECT_VIP && object->index < core_n_vips(core)) {
		core_vip(core, object->index, &vip);
		for (unsigned i = 0; i < vip.n_addresses; i++)
			add_address(&vip.addresses[i], list, words, size);
	} else if (object->type == OBJECT_BOND && object->index < core_n_bonds(core)) {
		core_bond(core, object->index, &bond);
		for (unsigned i = 0; i < bond.n_addresses; i++)
			add_address(&bond.addresses[i], list, words, size);
	}
	return list;
}

/* environment and stdin of what is run for that change. */
static void add_facts(json_t *message, const struct core *core, const struct config *config, const struct action *note,
		      const struct hook_change *change)
{
	char reason[SENTENCE_SIZE], addresses[8192], time[TEXT_TIME_SIZE], *text;
	const char *kind = hook_object_name(change->object);
	json_t *list = addresses_of(core, &note->object, addresses, sizeof addresses), *facts;

	sentence_of_reason(&note->u.note.reason, reason);
	json_object_set_new(message, "environment",
			    json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "STANDBY_OBJECT", kind, "STANDBY_NAME", change->name,
				      "STANDBY_STATE", change->word, "STANDBY_PREVIOUS", change->previous, "STANDBY_REASON", reason,
				      "STANDBY_NODE", config->node, "STANDBY_ADDRESSES", addresses));
	facts = json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:s}", "schema", HOOK_SCHEMA, "object", kind, "name",
			  change->name, "state", change->word, "previous", change->previous, "reason_code",
			  reason_code_name(note->u.note.reason.code), "reason", reason, "node", config->node, "addresses", list,
			  "time", text_time(clock_wall(clock_boot()), time));
	text = json_dumps(facts, JSON_COMPACT);
	json_object_set_new(message, "stdin", json_string(text ? text : ""));
	free(text);
	json_decref(facts);
}

static struct job *make_job(struct hooks *hooks, const struct core *core, const struct config *config, const struct action *note,
			    const struct hook_change *change, const struct config_hook *hook)
{
	struct job *job = calloc(1, sizeof *job);
	char object[OBJECT_SIZE];

	if (!job)
		return NULL;
	job->id = ++hooks->ids;
	job->change = hooks->changes;
	memcpy(job->hook, hook->name, sizeof job->hook);
	if (hook->action == HOOK_TEST) {
		snprintf(job->vip, sizeof job->vip, "%s", change->name);
		memcpy(job->check, config->checks[hook->check].name, sizeof job->check);
		job->message = json_pack("{s:s, s:I, s:s}", "type", "test", "id", (json_int_t)job->id, "check", job->check);
		return job;
	}
	snprintf(object, sizeof object, "%s:%s", hook_object_name(change->object), change->name);
	job->message = json_pack("{s:s, s:I, s:s, s:o}", "type", "run", "id", (json_int_t)job->id, "object", object, "hook",
				 definition_of_hook(config, hook));
	if (job->message && hook->action == HOOK_RUN)
		add_facts(job->message, core, config, note, change);
	return job;
}

void hooks_note(struct hooks *hooks, const struct core *core, const struct config *config, const struct action *note)
{
	struct hook_change change;
	char object[OBJECT_SIZE];
	struct job *last = NULL;
	unsigned cursor = 0;
	int i;

	if (config->n_hooks == 0 || !hook_change(core, note, &change))
		return;
	hooks->changes++;
	snprintf(object, sizeof object, "%s:%s", hook_object_name(change.object), change.name);
	while ((i = hook_next(config, &change, &cursor)) >= 0) {
		struct job *job = make_job(hooks, core, config, note, &change, &config->hooks[i]);
		if (job && job->message) {
			join(hooks, object, job);
			last = line_end(hooks, object);
			continue;
		}
		job_free(job);
		log_at(LOG_ERR, "out of memory: hook %s for %s is left out", config->hooks[i].name, object);
	}
	if (!last || change.which != HOOKS_BLOCKING)
		return;
	last->awaited = true;
	snprintf(last->vip, sizeof last->vip, "%s", change.name);
}

/* ---- the runner --------------------------------------------------------------------------------------------------- */

static struct job *waiting(const struct hooks *hooks)
{
	if (hooks->n_said >= HOOKS_AT_ONCE)
		return NULL;
	for (struct line *line = hooks->lines; line; line = line->next) {
		if (!line->first->said)
			return line->first;
	}
	return NULL;
}

const json_t *hooks_next(struct hooks *hooks)
{
	const struct job *job = waiting(hooks);

	return job ? job->message : NULL;
}

void hooks_said(struct hooks *hooks)
{
	struct job *job = waiting(hooks);

	job->said = true;
	hooks->n_said++;
}

static void tell_end(const char *object, const struct job *job, const struct runner_answer *answer)
{
	bool passed = answer->type == RUNNER_DONE && answer->passed;
	const char *why = answer->reason[0] ? answer->reason : "failed", *output = answer->type == RUNNER_DONE ? answer->output : "";

	if (passed)
		log_at(LOG_INFO, "hook %s for %s: done%s%s", job->hook, object, output[0] ? ": " : "", output);
	else
		log_at(LOG_WARNING, "hook %s for %s: %s%s%s", job->hook, object, why, output[0] ? ": " : "", output);
}

/* The vip has lost it since, and is about to take it again. */
static bool awaits_more(const struct job *job)
{
	while ((job = job->next) != NULL) {
		if (job->awaited)
			return true;
	}
	return false;
}

enum hooks_outcome hooks_ended(struct hooks *hooks, const struct runner_answer *answer, const char **vip, const char **check)
{
	struct line *line = hooks->lines;
	bool awaits;

	while (line && !(line->first->said && line->first->id == answer->id))
		line = line->next;
	if (!line)
		return HOOKS_NOTHING;
	tell_end(line->object, line->first, answer);
	awaits = line->first->awaited && !awaits_more(line->first);
	job_free(hooks->ended);
	hooks->ended = take_out(hooks, line, NULL);
	*vip = hooks->ended->vip;
	*check = hooks->ended->check;
	if (awaits)
		return HOOKS_DONE;
	return hooks->ended->check[0] && !(answer->type == RUNNER_DONE && answer->passed) ? HOOKS_TEST_FAILED : HOOKS_NOTHING;
}

void hooks_lost(struct hooks *hooks)
{
	struct line *line = hooks->lines, *next;

	for (; line; line = next) {
		struct job *job = line->first;
		next = line->next;
		if (!job->said)
			continue;
		if (job->change == line->last->change) {
			job->said = false;
			hooks->n_said--;
			continue;
		}
		log_at(LOG_WARNING, "hook %s for %s: standby-runner ended before it did", job->hook, line->object);
		job_free(take_out(hooks, line, NULL));
	}
}

unsigned hooks_left(const struct hooks *hooks)
{
	return hooks->n;
}

void hooks_free(struct hooks *hooks)
{
	if (!hooks)
		return;
	while (hooks->lines)
		job_free(take_out(hooks, hooks->lines, NULL));
	job_free(hooks->ended);
	free(hooks);
}

/* ---- from one program to the next --------------------------------------------------------------------------------- */

void hooks_bequeath(const struct hooks *hooks, FILE *out)
{
	for (const struct line *line = hooks->lines; line; line = line->next) {
		for (const struct job *job = line->first; job; job = job->next) {
			json_t *json = json_pack("{s:s, s:s, s:I, s:I, s:b, s:b, s:s, s:s, s:O}", "object", line->object, "hook", job->hook, "id",
						 (json_int_t)job->id, "change", (json_int_t)job->change, "said", job->said, "awaited", job->awaited, "vip",
						 job->vip, "check", job->check, "message", job->message);
			fputs("hook ", out);
			if (json)
				json_dumpf(json, out, JSON_COMPACT);
			fputc('\n', out);
			json_decref(json);
		}
	}
}

void hooks_inherit(struct hooks *hooks, const char *text)
{
	json_t *json = json_loads(text, 0, NULL), *message = NULL;
	const char *object, *hook, *vip, *check;
	json_int_t id, change;
	int said, awaited;
	struct job *job = calloc(1, sizeof *job);

	if (!job || json_unpack(json, "{s:s, s:s, s:I, s:I, s:b, s:b, s:s, s:s, s:o}", "object", &object, "hook", &hook, "id", &id, "change",
				&change, "said", &said, "awaited", &awaited, "vip", &vip, "check", &check, "message", &message) != 0) {
		log_at(LOG_WARNING, "a hook that waited is not understood, and left out");
		free(job);
		json_decref(json);
		return;
	}
	*job = (struct job){ .message = json_incref(message), .id = (uint64_t)id, .change = (uint64_t)change, .said = said, .awaited = awaited };
	snprintf(job->hook, sizeof job->hook, "%s", hook);
	snprintf(job->vip, sizeof job->vip, "%s", vip);
	snprintf(job->check, sizeof job->check, "%s", check);
	hooks->ids = job->id > hooks->ids ? job->id : hooks->ids;
	hooks->changes = job->change > hooks->changes ? job->change : hooks->changes;
	join(hooks, object, job);
	json_decref(json);
}
