/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One kernel object's change: may it be made, when again after a refusal, and how often it was undone. */
#include "core/internal.h"

bool change_ready(const struct core *core, const struct change *change)
{
	return change->gen == 0 && change->retry_ns <= core->now && change->await_ns <= core->now;
}

uint64_t change_deadline(const struct core *core, const struct change *change)
{
	uint64_t due = max64(change->retry_ns, change->await_ns);

	return change->gen == 0 && due > core->now ? due : NEVER;
}

void change_failed(struct core *core, struct change *change, int error)
{
	unsigned shift = change->failures < 6 ? change->failures * 2U : 12;
	uint64_t delay = min64(RETRY_FIRST << shift, RETRY_MAX);

	change->gen = 0;
	change->error = error;
	if (change->failures < UINT8_MAX)
		change->failures++;
	change->retry_ns = max64(change->retry_ns, core->now + delay + core_random(core) % (delay / 8));
	core->counters.refusals++;
}

void change_done(struct change *change)
{
	change->gen = 0;
	change->failures = 0;
	change->error = 0;
	if (!change->backoffs)
		change->retry_ns = 0;
}

/* True: it may be made good at once. */
static bool count_repair(struct core *core, struct change *change)
{
	core->counters.repairs++;
	if (change->backoffs && core->now > change->retry_ns + REPAIR_WINDOW)
		change->backoffs = change->repairs = 0;
	if (change->backoffs)
		return false;
	if (!change->repairs || core->now - change->repair_since > REPAIR_WINDOW) {
		change->repair_since = core->now;
		change->repairs = 0;
	}
	return ++change->repairs <= REPAIRS_AT_ONCE;
}

void change_repair_as(struct core *core, struct change *change, const struct action *action)
{
	uint64_t delay;
	struct note *note;

	if (count_repair(core, change)) {
		*core_note(core, action->u.note.code, action->object) = action->u.note;
		return;
	}
	delay = NSEC_PER_SEC << (change->backoffs < 5 ? change->backoffs : 5);
	if (change->backoffs < UINT8_MAX)
		change->backoffs++;
	change->retry_ns = core->now + delay;
	note = core_note(core, NOTE_REPAIR_BACKOFF, action->object);
	note->reason.ip = action->u.note.reason.ip;
	note->reason.arg[0] = (int64_t)delay;
	note->reason.arg[1] = change->repairs;
}

void change_repair(struct core *core, struct change *change, struct object object, const struct ip *ip, uint32_t cause)
{
	struct action note = { .type = ACT_NOTE, .object = object };

	note.u.note.code = NOTE_REPAIRED;
	note.u.note.reason.arg[0] = cause;
	if (ip)
		note.u.note.reason.ip = *ip;
	change_repair_as(core, change, &note);
}
