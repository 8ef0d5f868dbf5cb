/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What others say: adverts, by state (RFC 9568 §6.4), and claims of our addresses. */
#include "core/vip.h"

static void remember(struct vip *vip, const struct core *core, const struct event_advert *advert)
{
	vip->heard_ns = core->seen;
	vip->heard_source = advert->source;
	vip->heard_priority = advert->priority;
	vip->left = advert->priority == 0;
}

static void compare_lists(struct core *core, struct vip *vip, const struct event_advert *advert)
{
	if (advert->address_hash == vip->address_hash && advert->n_addresses == vip->cfg.n_listed)
		return;
	vip->counters.address_list_differs++;
	if (!vip->told_list)
		core_note(core, NOTE_ADDRESS_LIST, vip_object(core, vip))->reason.ip = advert->source;
	vip->told_list = true;
}

uint8_t vip_checksum(const struct vip *vip)
{
	switch (vip->cfg.checksum) {
	case CHECKSUM_RFC9568:
		return VRRP_CHECKSUM_RFC9568;
	case CHECKSUM_RFC5798:
		return VRRP_CHECKSUM_RFC5798;
	case CHECKSUM_AUTO:
		break;
	}
	return vip->checksum;
}

/* Who sends one form may take no other (design/vrrp.md): `auto` sends what was heard last on its vrid. */
static void follow_checksum(struct core *core, struct vip *vip, const struct event_advert *advert)
{
	struct note *note;

	if (vip->cfg.version != 3)
		return;
	if (advert->checksum == VRRP_CHECKSUM_GROUP) {
		vip->counters.checksum_group++;
		return;
	}
	if (advert->checksum)
		vip->counters.checksum_rfc5798++;
	else
		vip->counters.checksum_rfc9568++;
	if (vip->cfg.family != FAMILY_4 || advert->checksum == vip->checksum)
		return;
	vip->checksum = advert->checksum;
	if (vip->cfg.checksum != CHECKSUM_AUTO || (vip->checksum_told && core->now - vip->checksum_told < REPAIR_WINDOW))
		return;
	vip->checksum_told = core->now;
	note = core_note(core, NOTE_CHECKSUM, vip_object(core, vip));
	note->reason.arg[0] = advert->checksum;
	note->reason.ip = advert->source;
}

static void adopt_interval(struct core *core, struct vip *vip, const struct event_advert *advert)
{
	vip->interval_ns = advert->interval_ns;
	if (advert->interval_ns == vip->cfg.advert_ns)
		return;
	vip->counters.interval_differs++;
	if (!vip->told_interval) {
		struct note *note = core_note(core, NOTE_INTERVAL, vip_object(core, vip));
		note->reason.arg[0] = (int64_t)advert->interval_ns;
		note->reason.arg[1] = (int64_t)vip->cfg.advert_ns;
		note->reason.ip = advert->source;
	}
	vip->told_interval = true;
}

/* Whether the sender wins against us as active: RFC 9568 §6.4.3. Members of a group may have their addresses in
 * different order on their links: so that both nodes do not leave at once, the first one decides; one of the others does
 * when it lasts, for then the first ones do not hear each other. */
static bool beats(const struct core *core, struct vip *vip, const struct event_advert *advert)
{
	if (advert->priority != vip->priority)
		return advert->priority > vip->priority;
	if (ip_compare(&advert->source, &vip->source) <= 0)
		return false;
	if (!vip_has_group(core, vip) || vip->cfg.group_rank == 0)
		return true;
	if (!vip->tie_ns)
		vip->tie_ns = core->seen;
	return core->seen >= vip->tie_ns + vip_down_ns(vip);
}

static void follow(struct core *core, struct vip *vip, const struct event_advert *advert)
{
	adopt_interval(core, vip, advert);
	vip->down_ns = core->seen + vip_down_ns(vip);
	vip->rearmed = false;
	vip->won_ns = 0;
}

static struct reason following(const struct vip *vip, const struct event_advert *advert)
{
	return (struct reason){ .code = vip->given_ns ? REASON_HANDED_OVER : REASON_OTHER_ACTIVE,
				.arg = { advert->priority },
				.ip = advert->source };
}

/* Until the delay is over it follows the lower one as without preemption, so that its silence is noticed. */
static void await_preemption(struct core *core, struct vip *vip, const struct event_advert *advert)
{
	if (!vip->lower_ns) {
		vip->lower_ns = max64(core->seen, vip->since_ns); /* what waited in the socket is older */
		vip->lower_floor_ns = vip->won_ns ? 0 : vip->down_ns; /* its Down has passed, it waited for its group */
	}
	follow(core, vip, advert);
	vip->reason = (struct reason){ .code = REASON_PREEMPT_DELAY,
				       .arg = { advert->priority, (int64_t)(vip->lower_ns + vip->cfg.preempt_delay_ns - core->seen) },
				       .ip = advert->source };
}

/* The active one leaves. Who repeats that before another spoke does not prolong the wait: else nobody would ever take over. */
static void goodbye(struct core *core, struct vip *vip)
{
	uint64_t due = core->now + vip_skew_ns(vip);

	if (!vip->won_ns)
		vip->down_ns = vip->left ? min64(vip->down_ns, due) : due;
}

/* RFC 9568 §6.4.2. A lower one does not reset the timer where preemption is on. */
static void backup_advert(struct core *core, struct vip *vip, const struct event_advert *advert)
{
	if (advert->priority == 0) {
		goodbye(core, vip);
	} else if (!vip_preempts(vip) || advert->priority >= vip->priority) {
		vip->lower_ns = 0;
		follow(core, vip, advert);
		vip->reason = following(vip, advert);
	} else if (vip->cfg.preempt_delay_ns && !(vip->won_ns && vip->won_reason.code == REASON_PREEMPTED)) {
		await_preemption(core, vip, advert);
	}
}

static void answer(struct core *core, struct vip *vip)
{
	if (core->now - vip->answered_ns < vip->cfg.advert_ns)
		return;
	vip->answered_ns = core->now;
	vip->send_advert = true;
	vip->advert_ns = vip_next_advert(core, vip);
	vip_announce(core, vip);
}

static bool all_released(const struct core *core, const struct vip *vip)
{
	for (unsigned i = 0; i < vip->n_addrs; i++) {
		if (!core->addrs[vip->first_addr + i].released)
			return false;
	}
	return true;
}

/* The new holder has announced every address. What was on its way to us then, or waits here for its answer, needs the address
 * a little longer; from the virtual router's MAC address nothing may be said any more. */
static void leave_if_released(struct core *core, struct vip *vip)
{
	if (!all_released(core, vip))
		return;
	if (vip->vmac != NONE)
		vip_leave_done(core, vip);
	else
		vip->leave_ns = min64(vip->leave_ns, core->seen + LEAVE_AFTER_CLAIM);
}

/* A new holder that announces before it speaks, as we do, has been seen already. */
static void release_claimed(struct core *core, struct vip *vip)
{
	for (unsigned i = 0; i < vip->n_addrs; i++) {
		struct addr *addr = &core->addrs[vip->first_addr + i];
		if (addr->claimed_ns && core->seen <= addr->claimed_ns + LEAVE_AFTER_ADVERT)
			addr->released = true;
	}
	leave_if_released(core, vip);
}

/* How long it answers beside the new holder. What speaks from the virtual router's MAC address has the switches' ports changed,
 * and what we say from it would change them back. */
static uint64_t linger(const struct vip *vip)
{
	return vip->vmac == NONE ? LEAVE_AFTER_ADVERT : 0;
}

void vip_leave_for_holder(struct core *core, struct vip *vip)
{
	vip->leave_ns = min64(vip->leave_ns, core->now + linger(vip));
	release_claimed(core, vip);
}

/* Those who heard it wait for their skew, which is two 256ths for the best of them: who says it more often than that is
 * answered once for all. */
static void answer_goodbye(struct core *core, struct vip *vip)
{
	uint64_t due = vip->sent_ns + vip_skew_unit_ns(vip);

	if (due > core->now) {
		vip->advert_ns = min64(vip->advert_ns, due);
		return;
	}
	vip->send_advert = true;
	vip->advert_ns = vip_next_advert(core, vip);
}

/* RFC 9568 §6.4.3. */
static void active_advert(struct core *core, struct vip *vip, const struct event_advert *advert)
{
	struct reason reason = { .code = REASON_LOST_ELECTION,
				 .arg = { advert->priority, vip->priority },
				 .ip = advert->source };

	if (vip_is_owner(vip) && advert->priority)
		core_note(core, NOTE_OWNER_CLASH, vip_object(core, vip))->reason.ip = advert->source;
	if (vip_late_is_lost(core, vip, advert->priority != 0)) {
		backup_advert(core, vip, advert);
		return;
	}
	if (advert->priority == 0) {
		answer_goodbye(core, vip);
	} else if (beats(core, vip, advert)) {
		vip_leave(core, vip, reason);
		follow(core, vip, advert);
		vip_group_lost(core, vip);
		vip_leave_for_holder(core, vip);
	} else {
		answer(core, vip);
	}
}

static void leaving_advert(struct core *core, struct vip *vip, const struct event_advert *advert)
{
	if (advert->priority)
		vip->leave_ns = min64(vip->leave_ns, core->seen + linger(vip));
	if (vip_may_stand(core, vip)) {
		struct reason lost = vip->reason; /* stays the reason while it leaves */
		backup_advert(core, vip, advert);
		vip->reason = lost;
	}
}

/* Whether a lower one that speaks now goes before: a preemption that has a delay begins with it, or has had it. */
static bool yields_to_any(const struct vip *vip)
{
	return !vip_preempts(vip) || (vip->cfg.preempt_delay_ns && vip->reason.code != REASON_PREEMPTED);
}

static void taking_advert(struct core *core, struct vip *vip, const struct event_advert *advert)
{
	bool better = yields_to_any(vip) ? advert->priority != 0 : advert->priority && beats(core, vip, advert);

	if (!better)
		return;
	vip_enter_backup(core, vip, following(vip, advert));
	backup_advert(core, vip, advert);
	vip_group_lost(core, vip);
}

/* What a backup hears most is the active one as it was before: then its Down is all that has moved, and nothing has to be planned
 * anew. */
static void hear_as_backup(struct core *core, struct vip *vip, const struct event_advert *advert)
{
	struct reason was = vip->reason;

	vip->rearmed = false; /* in time: the next lateness is another one */
	backup_advert(core, vip, advert);
	if (vip->phase == PHASE_BACKUP && !vip->kept && vip->reason.code == was.code && vip->reason.arg[0] == was.arg[0] &&
	    vip->reason.arg[1] == was.arg[1] && ip_equal(&vip->reason.ip, &was.ip))
		core_retime_vip(core, vip);
	else
		core_dirty_vip(core, vip);
}

void vip_advert(struct core *core, struct vip *vip, const struct event_advert *advert)
{
	vip->counters.adverts_received++;
	vip->counters.priority_zero_received += advert->priority == 0;
	follow_checksum(core, vip, advert);
	compare_lists(core, vip, advert);
	if (vip->phase != PHASE_BACKUP)
		core_dirty_vip(core, vip);
	switch (vip->phase) {
	case PHASE_INIT:
	case PHASE_FAULT:
		break;
	case PHASE_BACKUP:
		hear_as_backup(core, vip, advert);
		break;
	case PHASE_TAKING:
		taking_advert(core, vip, advert);
		break;
	case PHASE_ACTIVE:
		active_advert(core, vip, advert);
		break;
	case PHASE_LEAVING:
		leaving_advert(core, vip, advert);
		break;
	}
	remember(vip, core, advert);
}

/* RFC 9568 §7.3: the MAC address that every router of this vrid and family may use, and nobody else. */
static bool is_virtual_mac(const struct vip *vip, const uint8_t mac[MAC_SIZE])
{
	const uint8_t virtual[MAC_SIZE] = { 0, 0, 0x5e, 0, vip->cfg.family == FAMILY_6 ? 2 : 1, vip->cfg.vrid };

	return memcmp(mac, virtual, MAC_SIZE) == 0;
}

/* Another node announces an address that we hold. A better one that is taking over does so just before its advert, and
 * to answer that, or to go on announcing, would draw the traffic back to us: so wait for the advert. Who uses the virtual router's own MAC address
 * is one of its nodes, and may speak an interval later: FRR loses its first advert over IPv6, where its device has only
 * just been set up. */
static void suspect(struct core *core, struct vip *vip, const struct addr *addr, const struct event_claim *claim)
{
	uint64_t due = core->now + CONFLICT_AFTER;

	if (is_virtual_mac(vip, claim->mac))
		due = max64(due, core->now + 2 * vip->cfg.advert_ns);
	if (vip->conflict_ns <= due)
		return;
	vip->conflict_ns = due;
	vip->announce_step = ANNOUNCE_STEPS; /* a conflict begins them anew */
	vip->conflict_ip = addr->ip;
	memcpy(vip->conflict_mac, claim->mac, sizeof vip->conflict_mac);
}

void vip_conflict_timer(struct core *core, struct vip *vip)
{
	struct note *note;

	if (vip->conflict_ns > core->now)
		return;
	vip->conflict_ns = NEVER;
	vip->counters.conflicts++;
	vip_announce(core, vip);
	if (vip->conflict_told && core->now - vip->conflict_told < REPAIR_WINDOW)
		return;
	vip->conflict_told = core->now;
	note = core_note(core, NOTE_CONFLICT, vip_object(core, vip));
	note->reason.ip = vip->conflict_ip;
	memcpy(note->mac, vip->conflict_mac, sizeof note->mac);
}

void vip_claim(struct core *core, struct vip *vip, struct addr *addr, const struct event_claim *claim)
{
	core_dirty_vip(core, vip);
	if (claim->announcement)
		addr->claimed_ns = core->seen;
	switch (vip->phase) {
	case PHASE_LEAVING:
		addr->released = true;
		leave_if_released(core, vip);
		break;
	case PHASE_ACTIVE:
		/* Just after taking over the old holder may still be answering: a lame duck, no conflict. */
		if (core->now - vip->since_ns < NSEC_PER_SEC && !claim->announcement)
			break;
		if (!vip_late_is_lost(core, vip, claim->announcement))
			suspect(core, vip, addr, claim);
		break;
	case PHASE_INIT:
	case PHASE_FAULT:
	case PHASE_BACKUP:
	case PHASE_TAKING:
		break;
	}
}
