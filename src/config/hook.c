/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hooks: after which change, and what is done. Read when all that they can name is there. */
#include <string.h>

#include "config/build.h"
#include "config/suggest.h"
#include "config/when.h"
#include "core/match.h"

#define ERROR(place, ...) diagnostics_error(build->reader->diagnostics, (place), __VA_ARGS__)

static const char *const kinds[] = {
	[HOOK_VIP] = "vip", [HOOK_BOND] = "bond", [HOOK_PORT] = "port", [HOOK_CHECK] = "check", [HOOK_NODE] = "node"
};

enum { KINDS = sizeof kinds / sizeof kinds[0], STATES_MAX = 5 };

const char *when_kind(enum hook_object object)
{
	return kinds[object];
}

const char *when_state(enum hook_object object, unsigned bit)
{
	static const char *const states[KINDS][STATES_MAX + 1] = {
		[HOOK_VIP] = { [VIP_INIT] = "init",
			       [VIP_BACKUP] = "backup",
			       [VIP_ACTIVE] = "active",
			       [VIP_LEAVING] = "leaving",
			       [VIP_FAULT] = "fault" },
		[HOOK_BOND] = { [BOND_DOWN] = "down",
				[BOND_DEGRADED] = "degraded",
				[BOND_UP] = "up",
				[HOOK_BOND_PORT] = "port" },
		[HOOK_PORT] = { [PORT_ABSENT] = "absent",
				[PORT_DOWN] = "down",
				[PORT_HOLD] = "hold",
				[PORT_STANDBY] = "standby",
				[PORT_ACTIVE] = "active" },
		[HOOK_CHECK] = { [CHECK_UNKNOWN] = "unknown", [CHECK_PASSED] = "passed", [CHECK_FAILED] = "failed" },
		[HOOK_NODE] = { [NODE_WAITING] = "waiting",
				[NODE_ALIVE] = "alive",
				[NODE_LEFT] = "left",
				[NODE_SILENT] = "silent" },
	};
	return bit < STATES_MAX ? states[object][bit] : NULL;
}

/* ---- conditions: KIND:GLOB, or KIND:GLOB STATE-GLOB ---- */

static bool is_glob(const char *text)
{
	return strpbrk(text, "*?[") != NULL;
}

static bool check_glob(struct build *build, const struct place *place, const char *glob, const char *title)
{
	const char *open = strchr(glob, '[');
	if (strlen(glob) >= NODE_SIZE)
		ERROR(place, "'%.60s…' in 'when' of %s is too long", glob, title);
	else if (open && !strchr(open + 1, ']'))
		ERROR(place, "'%s' in 'when' of %s has a [ without its ]", glob, title);
	else
		return true;
	return false;
}

/* One name of the configuration that a condition may mean. */
struct search {
	const char *glob;
	struct suggestion near;
	bool found;
};

static void try_name(struct search *search, const char *name)
{
	search->found |= match_glob(search->glob, name);
	suggest_try(&search->near, name);
}

/* What a glob, mac:, path: or driver: will find is not known. */
static void try_ports(struct search *search, const struct config_bond *bond)
{
	for (unsigned i = 0; i < bond->n_ports; i++) {
		if (bond->ports[i].match == MATCH_NAME)
			try_name(search, bond->ports[i].spec);
		else
			search->found = true;
	}
}

static void try_objects(struct search *search, const struct config *config, enum hook_object kind)
{
	switch (kind) {
	case HOOK_VIP:
		for (unsigned i = 0; i < config->n_vips; i++)
			try_name(search, config->vips[i].name);
		return;
	case HOOK_BOND:
		for (unsigned i = 0; i < config->n_bonds; i++)
			try_name(search, config->bonds[i].name);
		return;
	case HOOK_PORT:
		for (unsigned i = 0; i < config->n_bonds; i++)
			try_ports(search, &config->bonds[i]);
		return;
	case HOOK_CHECK:
		for (unsigned i = 0; i < config->n_checks; i++)
			try_name(search, config->checks[i].name);
		return;
	case HOOK_NODE:
		for (unsigned i = 0; i < config->n_nodes; i++)
			try_name(search, config->nodes[i].name);
		return;
	}
}

static void check_object(struct build *build, const struct place *place, const struct config_when *when,
			 const char *title)
{
	struct search search = { .glob = when->glob, .near = { .typed = when->glob } };
	const char *kind = kinds[when->object], *word;
	try_objects(&search, build->config, when->object);
	word = is_glob(when->glob) ? NULL : search.near.word;
	if (!search.found)
		ERROR(place, "'when' of %s: '%s' %s %s of this configuration%s%s%s", title, when->glob,
		      is_glob(when->glob) ? "matches no" : "is no", kind, word ? "; did you mean '" : "",
		      word ? word : "", word ? "'?" : "");
}

static void take_states(struct build *build, const struct place *place, struct config_when *when, const char *glob,
			const char *title)
{
	struct suggestion near = { .typed = glob };
	const char *known = "";
	const char *state;
	for (unsigned i = 0; (state = when_state(when->object, i)); i++) {
		if (match_glob(glob, state))
			when->states |= 1U << i;
		suggest_try(&near, state);
		known = arena_format(build->reader->arena, "%s%s%s", known, i ? ", " : "", state);
	}
	if (!when->states && near.word)
		ERROR(place, "'when' of %s: a %s is never '%.40s'; did you mean '%s'?", title, kinds[when->object],
		      glob, near.word);
	else if (!when->states)
		ERROR(place, "'when' of %s: a %s is never '%.40s'; it is one of: %s", title, kinds[when->object], glob,
		      known);
}

static bool find_kind(struct build *build, const struct place *place, const char *text, enum hook_object *kind,
		      const char *title)
{
	const char *word = arena_text(build->reader->arena, text, strcspn(text, ":"));
	struct suggestion near = { .typed = word ? word : "" };
	for (unsigned i = 0; word && i < KINDS; i++) {
		suggest_try(&near, kinds[i]);
		if (strcmp(kinds[i], word) != 0)
			continue;
		*kind = (enum hook_object)i;
		return true;
	}
	ERROR(place, "'when' of %s: '%.40s:' is no kind of object; %s%s%s", title, near.typed,
	      near.word ? "did you mean '" : "an object is vip:, bond:, port:, check: or node: and its name",
	      near.word ? near.word : "", near.word ? ":'?" : "");
	return false;
}

static void take_when(struct build *build, struct config_hook *hook, const struct value *value, const char *title)
{
	struct config_when *when = &build->config->whens[build->config->n_whens];
	const char *text = value->text, *colon = strchr(text, ':');
	size_t length = strcspn(text, " "), gap = strspn(text + length, " ");
	const char *state = text + length + gap;
	*when = (struct config_when){ 0 };
	if (!colon || colon > text + length || colon + 1 == text + length || (gap && !*state) ||
	    strpbrk(state, " \t")) {
		ERROR(&value->place,
		      "'when' of %s must be an object and perhaps its state, such as 'vip:web active', not '%.60s'",
		      title, text);
		return;
	}
	const char *glob = arena_text(build->reader->arena, colon + 1, length - (size_t)(colon + 1 - text));
	if (!glob || !find_kind(build, &value->place, text, &when->object, title) ||
	    !check_glob(build, &value->place, glob, title) || !check_glob(build, &value->place, state, title))
		return;
	strcpy(when->glob, glob);
	check_object(build, &value->place, when, title);
	take_states(build, &value->place, when, *state ? state : "*", title);
	build->config->n_whens++;
	hook->n_whens++;
}

/* ---- what is done ---- */

/* The one thing that the hook does; false: it is none or several, which was told. */
static bool find_action(struct build *build, struct config_hook *hook, const struct object_source *source)
{
	int first = -1;
	for (unsigned i = HOOK_RUN; i <= HOOK_TEST; i++) {
		const struct value *value = &source->values[HOOK_KEY_RUN + i];
		if (!value->given)
			continue;
		if (first >= 0) {
			ERROR(&value->place, "%s has '%s' and '%s'; it can do only one, make two hooks of it",
			      source->title, schema_hook.keys[HOOK_KEY_RUN + first].name,
			      schema_hook.keys[HOOK_KEY_RUN + i].name);
			return false;
		}
		first = (int)i;
	}
	if (first < 0) {
		ERROR(&source->name->place, "%s does nothing; give it one of: run, start, stop, restart, test",
		      source->title);
		return false;
	}
	hook->action = (enum hook_action)first;
	return true;
}

static void take_test(struct build *build, struct config_hook *hook, const struct value *test, const char *title)
{
	const struct config *config = build->config;
	struct suggestion near = { .typed = test->valid ? test->text : "" };
	if (!test->valid)
		return;
	hook->check = build_find_check(config, test->text);
	for (unsigned i = 0; i < config->n_checks; i++)
		suggest_try(&near, config->checks[i].name);
	if (hook->check < 0)
		ERROR(&test->place, "'test' of %s: '%s' is no check of this configuration%s%s%s", title, test->text,
		      near.word ? "; did you mean '" : "", near.word ? near.word : "", near.word ? "'?" : "");
}

/* Whether nothing but a vip that becomes active is waited for; the first condition that says otherwise is told. */
static void check_active(struct build *build, const struct config_hook *hook, const struct object_source *source,
			 const char *key)
{
	const struct value *whens = &source->values[HOOK_KEY_WHEN];
	for (unsigned i = 0; whens->valid && hook->n_whens == whens->n_items && i < hook->n_whens; i++) {
		const struct config_when *when = &build->config->whens[hook->first_when + i];
		if (when->object == HOOK_VIP && when->states == 1U << VIP_ACTIVE)
			continue;
		ERROR(&whens->items[i].place,
		      "'%s' of %s is for a vip that becomes active: 'vip:NAME active', not '%.60s'", key, source->title,
		      whens->items[i].text);
		return;
	}
}

static void take_blocking(struct build *build, struct config_hook *hook, const struct object_source *source)
{
	const struct value *blocking = &source->values[HOOK_KEY_BLOCKING];
	if (!blocking->given)
		return;
	if (blocking->n_items)
		hook->blocking_ns = blocking->items[BLOCKING_LIMIT].number;
	if (hook->action != HOOK_RUN && hook->action != HOOK_START)
		ERROR(&blocking->place, "'blocking' of %s is for 'run' and 'start' alone; leave it out", source->title);
	else
		check_active(build, hook, source, "blocking");
}

static void take_hook(struct build *build, unsigned index)
{
	struct config_hook *hook = &build->config->hooks[index];
	const struct object_source *source = &build->hooks[index];
	const struct value *values = source->values, *whens = &values[HOOK_KEY_WHEN];
	const struct value *user = &values[HOOK_KEY_USER], *limits = &values[HOOK_KEY_LIMITS];
	strcpy(hook->name, source->name->text);
	hook->check = -1;
	hook->timeout_ns = values[HOOK_KEY_TIMEOUT].number;
	hook->first_when = build->config->n_whens;
	for (unsigned i = 0; i < whens->n_items; i++)
		take_when(build, hook, &whens->items[i], source->title);
	if (!find_action(build, hook, source))
		return;
	hook->user = build_user(build, user, source->title);
	if (hook->action == HOOK_RUN) {
		hook->first_arg = build->config->n_args;
		hook->n_args = build_command(build, &values[HOOK_KEY_RUN], "run", source->title);
		hook->limits = build_limits(build, limits, source->title);
	} else if (user->given || limits->given) {
		ERROR(user->given ? &user->place : &limits->place, "'%s' of %s is for 'run' alone; leave it out",
		      user->given ? "user" : "limits", source->title);
	}
	if (hook->action == HOOK_TEST) {
		take_test(build, hook, &values[HOOK_KEY_TEST], source->title);
		check_active(build, hook, source, "test");
	} else if (hook->action != HOOK_RUN) {
		hook->unit = build_text(build, values[HOOK_KEY_RUN + hook->action].text);
	}
	take_blocking(build, hook, source);
}

void build_hooks(struct build *build)
{
	for (unsigned i = 0; i < build->config->n_hooks; i++)
		take_hook(build, i);
}
