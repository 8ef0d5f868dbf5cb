/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the vip rests on besides its own link lowers its priority, or bars it (track.c). */
#include "core/vip.h"

/* Who has not become active yet has nothing to answer for meanwhile. */
static void step_back(struct core *core, const struct vip *vip, struct reason reason)
{
	for (struct vip *m = vip_next_member(core, vip); m != vip; m = vip_next_member(core, m)) {
		if (m->phase == PHASE_TAKING)
			vip_enter_backup(core, m, reason);
	}
}

/* Without preemption nobody would take over from an active one that has become worse. So it asks: says goodbye, goes on
 * answering, and stands at once as whoever hears a goodbye does (RFC 9568 §6.4.2), with its lower priority. The best takes
 * it, and may be itself. */
static void ask(struct core *core, struct vip *vip, unsigned before)
{
	struct reason reason = { .code = REASON_HEALTH, .arg = { vip->priority, before } };

	if (vip->phase != PHASE_ACTIVE || vip_is_owner(vip))
		return;
	vip_leave(core, vip, reason);
	step_back(core, vip, reason);
	vip->asked_ns = core->now;
	vip->down_ns = core->now + vip_skew_ns(vip);
	vip->left = false;
	vip_say_goodbye(vip);
}

static void set_priority(struct core *core, struct vip *vip, unsigned lowered)
{
	unsigned before = vip->priority;

	vip->priority = (uint8_t)(vip->cfg.priority > lowered ? vip->cfg.priority - lowered : 1);
	if (vip->priority == before)
		return;
	core_dirty_vip(core, vip);
	if (vip_by_claims(vip)) /* its health is part of its claim */
		return;
	if (vip->phase != PHASE_ACTIVE || vip_late_is_lost(core, vip, false))
		return;
	if (vip->priority < before && !vip->cfg.preempt) {
		ask(core, vip, before);
	} else {
		vip->send_advert = true;
		vip->advert_ns = vip_next_advert(core, vip);
	}
}

/* The members of a group have one effective priority, as they have one configured. */
static void share_priority(struct core *core, struct vip *vip)
{
	unsigned lowered = vip->lowered;

	for (const struct vip *m = vip_next_member(core, vip); m != vip; m = vip_next_member(core, m))
		lowered += m->lowered;
	set_priority(core, vip, lowered);
	for (struct vip *m = vip_next_member(core, vip); m != vip; m = vip_next_member(core, m))
		set_priority(core, m, lowered);
}

void vip_health(struct core *core, struct vip *vip)
{
	struct reason required = { .code = REASON_NONE }, before = vip->required;

	vip->lowered = 0;
	for (unsigned i = vip->n_tracks; i-- > 0;) { /* the first of those that are required is the one that is named */
		const struct track *track = &core->tracks[vip->first_track + i];
		if (!track->why)
			continue;
		vip->lowered += track->cfg->lower;
		if (track->cfg->lower || (track->why == REASON_CHECK_WAITING && required.code && !vip_is_undecided(&required)))
			continue;
		required = (struct reason){ .code = REASON_REQUIRED, .arg = { track->why } };
		memcpy(required.name, track->cfg->name, sizeof required.name);
	}
	if (vip->failed_test[0] && (!required.code || vip_is_undecided(&required))) {
		required = (struct reason){ .code = REASON_REQUIRED, .arg = { REASON_TEST_FAILED } };
		memcpy(required.name, vip->failed_test, sizeof vip->failed_test);
	}
	if (memcmp(&required, &vip->required, sizeof required) != 0) {
		vip->required = required;
		core_dirty_vip(core, vip);
	}
	share_priority(core, vip);
	if ((before.code == REASON_NONE) != (required.code == REASON_NONE) || vip_is_undecided(&before) != vip_is_undecided(&required))
		vip_link(core, vip);
}
