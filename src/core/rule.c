/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules of policy routing that come and go with vips: what of them is, and the plan for them. Only those that carry our mark
 * count; one of somebody else that reads the same is neither ours nor in the way. */
#include "core/model.h"
#include "core/plan.h"

static const struct ip *rule_ip(const struct config_rule *rule)
{
	return rule->from.family ? &rule->from : &rule->to;
}

static void dirty(struct core *core, const struct rule_place *place)
{
	if (place->vip != NONE)
		core_dirty_vip(core, &core->vips[place->vip]);
	else
		core_dirty_rest(core);
}

/* ---- what is ------------------------------------------------------------------------------------------------------- */

/* As for addresses: events of earlier changes may stand between an answer and its own event. */
static bool is_before_answer(struct core *core, struct rule_place *place, bool live, bool shows)
{
	if (!live)
		return false;
	place->change.told |= shows;
	if (place->change.await_ns <= core->now)
		return false;
	if (!shows)
		return true;
	place->change.await_ns = 0;
	dirty(core, place);
	return false;
}

static bool is_held(const struct core *core, const struct rule_place *place)
{
	return place->vip != NONE && vip_wants_addresses(&core->vips[place->vip]);
}

static void absent(struct core *core, struct rule_place *place, bool live, uint32_t cause)
{
	struct object object = { .type = OBJECT_RULE, .index = (uint16_t)place->vip };

	if (is_before_answer(core, place, live, place->change.type == ACT_RULE_DEL) || !place->present)
		return;
	place->present = false;
	object.sub = place->rule->from.family ? place->rule->from_prefix : place->rule->to_prefix;
	if (is_held(core, place) && core->vips[place->vip].phase != PHASE_LEAVING)
		change_repair(core, &place->change, object, rule_ip(place->rule), cause);
	dirty(core, place);
}

void rule_event(struct core *core, const struct event *event)
{
	for (unsigned i = 0; event->u.rule.ours && i < core->n_rules; i++) {
		struct rule_place *place = &core->rules[i];
		if (!rule_equal(place->rule, &event->u.rule.rule) || model_event_is_stale(core, event, &place->epoch))
			continue;
		if (event->type == EV_RULE_GONE) {
			absent(core, place, true, event->u.rule.cause);
		} else if (!is_before_answer(core, place, !event->epoch, place->change.type != ACT_RULE_DEL)) {
			place->present = true;
			dirty(core, place);
		}
	}
}

void rule_snap_begin(struct core *core)
{
	for (unsigned i = 0; i < core->n_rules; i++) {
		if (!core->rules[i].change.gen)
			core->rules[i].change.await_ns = 0;
	}
}

void rule_sweep(struct core *core)
{
	for (unsigned i = 0; i < core->n_rules; i++) {
		if (core->rules[i].epoch != core->epoch)
			absent(core, &core->rules[i], false, 0);
	}
}

/* ---- what became of a change --------------------------------------------------------------------------------------- */

/* A vip that leaves and its successor both have it. */
static void set_all(struct core *core, const struct rule_place *place, bool present)
{
	for (unsigned i = 0; i < core->n_rules; i++) {
		struct rule_place *other = &core->rules[i];
		if (other == place || (core->has_removed && rule_equal(other->rule, place->rule))) {
			other->present = present;
			dirty(core, other);
		}
	}
}

static void note_refused(struct core *core, const struct action *action, const struct rule_place *place, int error)
{
	struct object object = { .type = OBJECT_RULE, .index = action->object.index };
	struct note *note;

	object.sub = place->rule->from.family ? place->rule->from_prefix : place->rule->to_prefix;
	note = core_note(core, NOTE_REFUSED, place->vip == NONE ? action->object : object);
	note->reason.arg[0] = error;
	note->reason.arg[1] = action->type;
	note->reason.ip = *rule_ip(place->rule);
}

void rule_answer(struct core *core, const struct action *action, int error)
{
	struct rule_place *place = NULL;

	for (unsigned i = 0; i < core->n_rules && !place; i++) {
		if (core->rules[i].change.gen == action->gen)
			place = &core->rules[i];
	}
	if (!place)
		return;
	dirty(core, place);
	if (error) {
		/* One that is there already is looked for first: it may be ours. The retries are silent. */
		if (place->change.failures == (error == EEXIST))
			note_refused(core, action, place, error);
		if (!place->change.failures && error == EEXIST)
			model_want_snapshot(core);
		change_failed(core, &place->change, error);
		return;
	}
	place->change.gen = 0;
	place->change.failures = 0;
	place->change.error = 0;
	if (!place->change.backoffs)
		place->change.retry_ns = 0;
	if (place->change.told) /* the kernel's own word has come, and may be newer */
		return;
	place->change.await_ns = core->now + AWAIT_OWN;
	set_all(core, place, action->type == ACT_RULE_ADD);
}

/* ---- what should be ------------------------------------------------------------------------------------------------ */

static void emit(struct core *core, struct out *out, struct rule_place *place, enum action_type type, struct object object)
{
	struct action *action = plan_emit_change(core, out, &place->change, type, object);

	if (action)
		action->u.rule.rule = *place->rule;
}

/* Whether a vip that leaves, or its successor, needs it, or is changing it just now. */
static bool has_other_use(const struct core *core, const struct rule_place *place)
{
	for (unsigned i = 0; i < core->n_rules && core->has_removed; i++) {
		const struct rule_place *other = &core->rules[i];
		if (other != place && rule_equal(other->rule, place->rule) && (is_held(core, other) || other->change.gen))
			return true;
	}
	return false;
}

void plan_vip_rules(struct core *core, struct out *out, struct vip *vip, bool removals)
{
	bool holds = vip_holds(vip);

	for (unsigned i = 0; i < vip->cfg.n_rules && !out->full; i++) {
		struct rule_place *place = &core->rules[vip->first_rule + i];
		if (!change_ready(core, &place->change))
			continue;
		if (removals && place->present && !is_held(core, place) && !has_other_use(core, place))
			emit(core, out, place, ACT_RULE_DEL, vip_object(core, vip));
		else if (!removals && !place->present && holds)
			emit(core, out, place, ACT_RULE_ADD, vip_object(core, vip));
	}
}

void plan_orphan_rules(struct core *core, struct out *out)
{
	for (unsigned i = core->n_owned_rules; i < core->n_rules && !out->full; i++) {
		struct rule_place *place = &core->rules[i];
		if (place->present && change_ready(core, &place->change))
			emit(core, out, place, ACT_RULE_DEL, (struct object){ .type = OBJECT_NODE });
	}
}

uint64_t rules_deadline(const struct core *core, unsigned first, unsigned n)
{
	uint64_t due = NEVER;

	for (unsigned i = 0; i < n; i++)
		due = min64(due, change_deadline(core, &core->rules[first + i].change));
	return due;
}

bool rules_let_go(const struct core *core)
{
	for (unsigned i = 0; i < core->n_rules; i++) {
		if (core->rules[i].change.gen || core->rules[i].present)
			return false;
	}
	return true;
}

/* ---- a reload ------------------------------------------------------------------------------------------------------ */

static bool carry_to_all(struct core *core, const struct rule_place *from)
{
	bool found = false;

	for (unsigned i = 0; i < core->n_rules; i++) {
		struct rule_place *place = &core->rules[i];
		if (!rule_equal(place->rule, from->rule))
			continue;
		place->present |= from->present;
		place->epoch = from->epoch;
		if (!found && !place->change.gen) /* an answer is for one */
			place->change = from->change;
		found = true;
	}
	return found;
}

static void add_orphan(struct core *core, const struct config_rule *rule)
{
	struct config_rule *copy = &core->config.rules[core->config.n_rules++];

	*copy = *rule;
	core->rules[core->n_rules++] = (struct rule_place){ .rule = copy, .vip = NONE };
	core->n_orphans++;
}

/* A rule that no vip has any more is let go. While a snapshot is outstanding nothing is known not to be there. */
void rule_carry(struct core *core, const struct core *old)
{
	bool looking = old->snap_open || old->snap_wanted || old->snap_retry_ns;

	for (unsigned i = 0; i < old->n_rules; i++) {
		const struct rule_place *from = &old->rules[i];
		if (carry_to_all(core, from) || (!looking && !from->present && !from->change.gen))
			continue;
		add_orphan(core, from->rule);
		carry_to_all(core, from);
	}
}

/* ---- a crash ------------------------------------------------------------------------------------------------------- */

void rule_leftover(struct core *core, const struct event *event)
{
	const struct config_rule *rule = &event->u.leftover_rule.rule;

	if (core->snap_known || core->n_rules == core->cap_rules || core->config.n_rules == core->cap_rules)
		return;
	for (unsigned i = 0; i < core->n_rules; i++) {
		if (rule_equal(core->rules[i].rule, rule))
			return; /* a vip still has it */
	}
	add_orphan(core, rule);
}
