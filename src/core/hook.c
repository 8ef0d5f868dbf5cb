/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/hook.h"

#include "core/match.h"

const char *hook_object_name(enum hook_object object)
{
	switch (object) {
	case HOOK_VIP: return "vip";
	case HOOK_BOND: return "bond";
	case HOOK_PORT: return "port";
	case HOOK_CHECK: return "check";
	case HOOK_NODE: return "node";
	}
	return "unknown";
}

static const char *state_word(enum hook_object object, unsigned state)
{
	switch (object) {
	case HOOK_VIP: return vip_state_name((enum vip_state)state);
	case HOOK_BOND: return bond_state_name((enum bond_state)state);
	case HOOK_PORT: return port_state_name((enum port_state)state);
	case HOOK_CHECK: return check_state_name((enum check_state)state);
	case HOOK_NODE: return node_state_name((enum node_state)state);
	}
	return "unknown";
}

static bool has_states(enum object_type type, enum hook_object *object)
{
	static const struct {
		enum object_type type;
		enum hook_object object;
	} table[] = {
		{ OBJECT_VIP, HOOK_VIP }, { OBJECT_BOND, HOOK_BOND }, { OBJECT_PORT, HOOK_PORT },
		{ OBJECT_CHECK, HOOK_CHECK }, { OBJECT_PEER, HOOK_NODE },
	};

	for (unsigned i = 0; i < sizeof table / sizeof *table; i++) {
		*object = table[i].object;
		if (table[i].type == type)
			return true;
	}
	return false;
}

/* "" where the bond had none, or has fewer ports now. */
static const char *port_name(const struct core *core, unsigned bond, int64_t port)
{
	struct object object = { .type = OBJECT_PORT, .index = (uint16_t)bond, .sub = (uint16_t)port };

	return port < 0 ? "" : core_object_name(core, &object);
}

bool hook_change(const struct core *core, const struct action *note, struct hook_change *change)
{
	const struct note *n = &note->u.note;

	if (!has_states(note->object.type, &change->object))
		return false;
	change->name = core_object_name(core, &note->object);
	change->which = n->code == NOTE_TAKING ? HOOKS_BLOCKING : n->prepared ? HOOKS_OTHERS : HOOKS_ALL;
	if (n->code == NOTE_ACTIVE_PORT) {
		change->state = HOOK_BOND_PORT;
		change->word = "port";
		change->previous = port_name(core, note->object.index, n->reason.arg[0]);
		return true;
	}
	if (n->code == NOTE_TAKING) {
		change->state = VIP_ACTIVE;
		change->word = state_word(HOOK_VIP, VIP_ACTIVE);
		change->previous = state_word(HOOK_VIP, VIP_BACKUP);
		return true;
	}
	if (n->code != NOTE_STATE || n->previous == n->state)
		return false;
	change->state = n->state;
	change->word = state_word(change->object, n->state);
	change->previous = state_word(change->object, n->previous);
	return true;
}

static bool is_for(const struct config *config, const struct config_hook *hook, const struct hook_change *change)
{
	if (change->which != HOOKS_ALL && (change->which == HOOKS_BLOCKING) != (hook->blocking_ns != 0))
		return false;
	for (unsigned i = 0; i < hook->n_whens; i++) {
		const struct config_when *when = &config->whens[hook->first_when + i];
		if (when->object == change->object && when->states & 1U << change->state && match_glob(when->glob, change->name))
			return true;
	}
	return false;
}

uint64_t hook_blocking_ns(const struct config *config, const char *vip)
{
	const struct hook_change change = { .object = HOOK_VIP, .name = vip, .state = VIP_ACTIVE, .which = HOOKS_BLOCKING };
	uint64_t longest = 0;
	unsigned cursor = 0;
	int i;

	while ((i = hook_next(config, &change, &cursor)) >= 0)
		longest = config->hooks[i].blocking_ns > longest ? config->hooks[i].blocking_ns : longest;
	return longest;
}

int hook_next(const struct config *config, const struct hook_change *change, unsigned *cursor)
{
	while (*cursor < config->n_hooks) {
		unsigned i = (*cursor)++;
		if (is_for(config, &config->hooks[i], change))
			return (int)i;
	}
	return -1;
}
