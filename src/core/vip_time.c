/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is due: adverts, announcements, renewals, the end of Down and of leaving. */
#include "core/vip.h"

void vip_announce(struct core *core, struct vip *vip)
{
	vip->announce_base = core->now;
	vip->announce_step = 1;
	vip->announce_turn_ns = 0;
	for (unsigned i = 0; i < vip->n_addrs; i++)
		core->addrs[vip->first_addr + i].announce = true;
	core_dirty_vip(core, vip);
}

/* When the vip is to repeat its announcements next; NEVER: not again. */
static uint64_t next_repeat(const struct vip *vip)
{
	if (vip->announce_step == ANNOUNCE_STEPS)
		return NEVER;
	return max64(vip->announce_base + announce_schedule[vip->announce_step], vip->announce_turn_ns);
}

/* Thousands of vips that were taken together would repeat their announcements together, again and again, and this node would do nothing
 * else meanwhile, not even say that it lives. Beyond a few each waits for a turn; what is due by then is one with it. */
static bool awaits_turn(struct core *core, struct vip *vip)
{
	bool had_one = vip->announce_turn_ns != 0;

	vip->announce_turn_ns = 0;
	if (had_one)
		return false;
	if (core->repeats_ns > core->now + REPEAT_SLACK)
		vip->announce_turn_ns = core->repeats_ns;
	core->repeats_ns = max64(core->repeats_ns, core->now) + vip->n_addrs * REPEAT_PACE;
	return vip->announce_turn_ns != 0;
}

static void run_schedule(struct core *core, struct vip *vip)
{
	bool due = false;

	if (next_repeat(vip) > core->now || awaits_turn(core, vip))
		return;
	while (vip->announce_step < ANNOUNCE_STEPS &&
	       vip->announce_base + announce_schedule[vip->announce_step] <= core->now) {
		vip->announce_step++;
		due = true;
	}
	for (unsigned i = 0; due && i < vip->n_addrs; i++)
		core->addrs[vip->first_addr + i].announce = true;
}

/* The first ones up to a quarter of the interval sooner, so that the vips of a node do not announce all at once for ever. */
void vip_schedule_refresh(struct core *core, struct vip *vip)
{
	uint64_t every = vip->cfg.announce_ns;

	if (vip->phase != PHASE_ACTIVE || !every)
		return;
	vip->refresh_ns = core->now + every - core_random(core) % (every / 4);
	vip->refresh_at = 0;
}

/* A few addresses at a time: hundreds of frames in one breath would make an advert late, and drown slow neighbours. */
static void refresh(struct core *core, struct vip *vip)
{
	unsigned end = vip->refresh_at + REFRESH_AT_ONCE < vip->n_addrs ? vip->refresh_at + REFRESH_AT_ONCE : vip->n_addrs;

	if (vip->refresh_ns > core->now)
		return;
	for (unsigned i = vip->refresh_at; i < end; i++)
		core->addrs[vip->first_addr + i].announce = true;
	vip->refresh_at = end < vip->n_addrs ? end : 0;
	vip->refresh_ns = core->now + (vip->refresh_at ? REFRESH_PACE : vip->cfg.announce_ns);
}

void vip_renew(struct core *core, struct vip *vip, bool all)
{
	for (unsigned i = 0; i < vip->n_addrs; i++) {
		const struct addr *addr = &core->addrs[vip->first_addr + i];
		if (!all && !vip_address_has_lease(core, addr))
			continue;
		/* One that is on its way may have been given another lifetime. */
		for (unsigned j = 0; j < addr->n_places; j++) {
			struct place *place = &core->places[addr->first_place + j];
			place->renew = place->present || place->change.gen;
		}
	}
	if (vip->phase != PHASE_TAKING)
		vip_schedule_renewal(core, vip);
}

static void active_timer(struct core *core, struct vip *vip)
{
	if (vip_late_is_lost(core, vip, false))
		return;
	if (vip->advert_ns <= core->now) {
		uint64_t late = core->now - vip->advert_ns;
		vip->counters.late_max_ns = max64(vip->counters.late_max_ns, late);
		vip->send_advert = true;
		vip->advert_ns += vip->cfg.advert_ns;
		if (vip->advert_ns <= core->now)
			vip->advert_ns = vip_next_advert(core, vip);
		if (vip->renew_ns < core->now + vip->cfg.advert_ns)
			vip_renew(core, vip, false);
	}
	if (vip->renew_ns <= core->now)
		vip_renew(core, vip, false);
	vip_conflict_timer(core, vip);
	run_schedule(core, vip);
	refresh(core, vip);
}

/* It follows a lower one, whose adverts reset its Down timer: what ends before the delay is over is silence. */
static bool awaits_preemption(const struct core *core, const struct vip *vip)
{
	return vip->lower_ns && vip_preempt_ns(vip) > core->now;
}

static struct reason take_reason(const struct core *core, const struct vip *vip)
{
	uint64_t silent = core->now - vip->heard_ns, down = vip_down_ns(vip);

	if (vip->asked_ns && vip->heard_ns < vip->asked_ns)
		return (struct reason){ .code = REASON_REELECTED, .arg = { vip->priority, vip->cfg.priority } };
	if (vip->given_ns && vip->heard_ns < vip->given_ns)
		return (struct reason){ .code = REASON_NOT_TAKEN, .arg = { (int64_t)(core->now - vip->given_ns) } };

	if (vip->heard_ns && vip->left)
		return (struct reason){ .code = REASON_PREDECESSOR_LEFT, .ip = vip->heard_source };
	if (vip->heard_ns && silent < down && vip->heard_priority < vip->priority && !awaits_preemption(core, vip))
		return (struct reason){ .code = REASON_PREEMPTED,
					.arg = { vip->heard_priority, vip->priority },
					.ip = vip->heard_source };
	return (struct reason){ .code = REASON_SILENCE,
				.arg = { (int64_t)(vip->heard_ns ? silent : down), (int64_t)down } };
}

void vip_win(struct core *core, struct vip *vip, struct reason reason)
{
	if (!vip_has_group(core, vip)) {
		vip_take(core, vip, reason);
		return;
	}
	if (!vip->won_ns) {
		vip->won_ns = core->now;
		vip->won_reason = reason;
	}
	vip->lower_ns = 0;
	vip->down_ns = vip_next_down(core, vip); /* while it waits: only a timer can tell that it slept */
	vip_take_if_all_won(core, vip);
}

static void down_timer(struct core *core, struct vip *vip)
{
	if (vip_slept(core, vip)) {
		uint64_t late = core->now - vip->down_ns;
		core_note(core, NOTE_LATE, vip_object(core, vip))->reason.arg[0] = (int64_t)late;
		vip->rearmed = true;
		vip->won_ns = 0;
		vip->down_ns = core->now + vip_down_ns(vip);
		vip->lower_floor_ns = vip->down_ns; /* the lower one may have lost to a better one meanwhile */
		if (vip->phase == PHASE_BACKUP)
			vip->reason = (struct reason){ .code = REASON_LATE_BACKUP, .arg = { (int64_t)late } };
		return;
	}
	vip_win(core, vip, take_reason(core, vip));
}

static void leaving_timer(struct core *core, struct vip *vip)
{
	if (vip->leave_ns <= core->now)
		vip_leave_done(core, vip);
	else if (vip->renew_ns <= core->now)
		vip_renew(core, vip, false);
	if (vip->phase != PHASE_LEAVING || vip->down_ns > core->now)
		return;
	if (vip_may_stand(core, vip))
		down_timer(core, vip);
	else
		vip->down_ns = NEVER; /* barred since it lost: when it has left it waits, and stands anew */
}

void vip_timer(struct core *core, struct vip *vip)
{
	core_dirty_vip(core, vip);
	switch (vip->phase) {
	case PHASE_ACTIVE:
		active_timer(core, vip);
		break;
	case PHASE_BACKUP:
		if (vip->down_ns <= core->now)
			down_timer(core, vip);
		else if (vip_preempt_ns(vip) <= core->now)
			vip_win(core, vip, take_reason(core, vip));
		break;
	case PHASE_LEAVING:
		leaving_timer(core, vip);
		break;
	case PHASE_INIT:
	case PHASE_FAULT:
		if (vip->retry_ns <= core->now) {
			vip->retry_ns = NEVER;
			vip_link(core, vip);
		}
		break;
	case PHASE_TAKING:
		if (vip->blocked_ns <= core->now)
			vip_unblock(core, vip);
		break;
	}
}

uint64_t vip_deadline(const struct core *core, const struct vip *vip)
{
	uint64_t due = min64(min64(vip->down_ns, vip_preempt_ns(vip)), min64(vip->advert_ns, vip->leave_ns));

	due = min64(due, min64(vip->renew_ns, min64(vip->retry_ns, vip->conflict_ns)));
	due = min64(due, min64(vip->refresh_ns, claim_deadline(core, vip)));
	due = min64(due, vip->blocked_ns);
	due = min64(due, next_repeat(vip));
	if (vip->place_ns > core->now)
		due = min64(due, vip->place_ns);
	if (vip->vmac != NONE)
		due = min64(due, vmac_deadline(core, &core->vmacs[vip->vmac]));
	return due;
}
