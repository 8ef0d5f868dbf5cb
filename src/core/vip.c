/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The election: RFC 9568 §6.4 with a start gate before it and a lame duck after it.
 *
 *            link, source, socket            Down             all addresses acknowledged
 *   INIT ───────────────────────► BACKUP ──────────► TAKING ────────────────────────────► ACTIVE
 *    ▲  ▲ interface gone            ▲ ▲  better advert │                                    │ better advert,
 *    │  └── any                     │ └────────────────┘                                    │ stop
 *    │ FAULT ◄── link lost, refused │  new holder's announcements seen, or time             ▼
 *    └──┘                           └────────────────────────────────────────────────── LEAVING
 *
 * What bars a vip (vip_bar) sends it from anywhere, an active one by way of LEAVING, to where it waits until the bar is gone.
 *
 * The phase says whether the addresses are wanted (TAKING, ACTIVE, LEAVING); the plan makes it so. Nothing is sent here:
 * send_advert, send_zero and the addresses' announce flags are due until the plan has emitted them. */
#include "core/vip.h"

/* RFC 3768 §6.1 does not scale it. */
uint64_t vip_skew_unit_ns(const struct vip *vip)
{
	return (vip->cfg.version == 2 ? NSEC_PER_SEC : vip->interval_ns) / 256;
}

uint64_t vip_skew_ns(const struct vip *vip)
{
	uint64_t scale = vip->cfg.version == 2 ? NSEC_PER_SEC : vip->interval_ns;

	return scale * (256U - vip->priority) / 256;
}

uint64_t vip_down_ns(const struct vip *vip)
{
	if (vip_by_claims(vip))
		return vip->cfg.advert_ns * vip->cfg.lost;
	return 3 * vip->interval_ns + vip_skew_ns(vip);
}

/* Not before the RFC would: Down, as it ran when the lower one was first heard. */
uint64_t vip_preempt_ns(const struct vip *vip)
{
	if (vip->phase != PHASE_BACKUP || !vip->lower_ns)
		return NEVER;
	return max64(vip->lower_floor_ns, vip->lower_ns + vip->cfg.preempt_delay_ns);
}

bool vip_wants_addresses(const struct vip *vip)
{
	return vip_holds(vip) || vip->phase == PHASE_LEAVING;
}

bool vip_holds(const struct vip *vip)
{
	return (vip->phase == PHASE_TAKING && vip->blocked_ns == NEVER) || vip->phase == PHASE_ACTIVE;
}

enum vip_state vip_state_of(const struct vip *vip)
{
	switch (vip->phase) {
	case PHASE_INIT: return VIP_INIT;
	case PHASE_FAULT: return VIP_FAULT;
	case PHASE_BACKUP:
	case PHASE_TAKING: return VIP_BACKUP;
	case PHASE_ACTIVE: return VIP_ACTIVE;
	case PHASE_LEAVING: return VIP_LEAVING;
	}
	return VIP_INIT;
}

struct iface *vip_iface(const struct core *core, const struct vip *vip)
{
	struct iface *iface;

	if (vip->iface == NONE)
		return bond_carrier_iface(core, &core->bonds[vip->cfg.bond]);
	iface = &core->ifaces[vip->iface];
	return iface->ifindex ? iface : NULL;
}

struct iface *vip_home(const struct core *core, const struct vip *vip)
{
	const struct vmac *vmac = vip->vmac == NONE ? NULL : &core->vmacs[vip->vmac];

	if (!vmac)
		return vip_iface(core, vip);
	return vmac_is_there(core, vmac) ? &core->ifaces[vmac->iface] : NULL;
}

bool vip_address_has_lease(const struct core *core, const struct addr *addr)
{
	return addr->ip.family == FAMILY_4 || core->n_vip_addresses_6 <= MAX_LEASED_6;
}

/* ---- groups -------------------------------------------------------------------------------------------------------
 *
 * Each member has its election on the wire, and all have one decision:
 * - While one cannot be held here, none is: those that are held say goodbye (vip_link, bar).
 * - One that would take over waits until all would: then all take (win).
 * - When one has lost to a better node, the others leave too, with a goodbye (group_lost).
 * All members have one priority, so that two nodes agree on who is better; where that ties, the larger address decides for
 * the first of the group's list alone, for any other only when it lasts (beats).
 * A member that is not held while the others are (after a restart that was too late for it) is joining: nobody waits for
 * it. Where a reload made it a member it is a newcomer too: until it is held, nothing takes the others along. */

struct vip *vip_next_member(const struct core *core, const struct vip *vip)
{
	return &core->vips[vip->next_member];
}

bool vip_has_group(const struct core *core, const struct vip *vip)
{
	return vip_next_member(core, vip) != vip;
}

static bool has_role(const struct vip *vip)
{
	return vip->phase == PHASE_TAKING || vip->phase == PHASE_ACTIVE;
}

static bool others_have_role(const struct core *core, const struct vip *vip)
{
	for (const struct vip *m = vip_next_member(core, vip); m != vip; m = vip_next_member(core, m)) {
		if (has_role(m))
			return true;
	}
	return false;
}

void vip_check_joining(struct core *core, struct vip *vip)
{
	vip->joining &= !has_role(vip) && others_have_role(core, vip);
	vip->newcomer &= vip->joining;
}

bool vip_is_undecided(const struct reason *required)
{
	return required->code == REASON_REQUIRED && required->arg[0] == REASON_CHECK_WAITING;
}

/* What is undecided keeps nobody who holds it from going on, and lets nobody take it. */
static struct reason requirement(const struct vip *vip)
{
	return vip_is_undecided(&vip->required) && has_role(vip) ? (struct reason){ .code = REASON_NONE } : vip->required;
}

/* Why it may not be held here, other than for its own part, whatever other nodes do; and where it waits meanwhile. */
static struct reason bar(const struct core *core, const struct vip *vip)
{
	struct reason reason = { .code = core->drained ? REASON_DRAINED : REASON_NONE };

	if (!reason.code)
		reason = requirement(vip);
	if (!reason.code)
		reason = vmac_trouble(core, vip);
	for (const struct vip *m = vip_next_member(core, vip); m != vip && !reason.code; m = vip_next_member(core, m)) {
		if (m->newcomer || !m->disabled.code)
			continue;
		reason = (struct reason){ .code = REASON_GROUP_MEMBER, .arg = { m->disabled.code } };
		memcpy(reason.name, m->cfg.name, sizeof reason.name);
	}
	return reason;
}

static enum vip_phase barred_phase(const struct reason *barred)
{
	return barred->code == REASON_DRAINED || vip_is_undecided(barred) ? PHASE_INIT : PHASE_FAULT;
}

static bool is_bar(enum reason_code code)
{
	return code == REASON_DRAINED || code == REASON_GROUP_MEMBER || code == REASON_REQUIRED || code == REASON_VMAC_REFUSED ||
	       code == REASON_VMAC_KIND;
}

bool vip_may_stand(const struct core *core, const struct vip *vip)
{
	return !vip->stopping && bar(core, vip).code == REASON_NONE;
}

/* Whether it takes over from a worse one that is active. */
bool vip_preempts(const struct vip *vip)
{
	return vip->cfg.preempt && !vip->given_ns;
}

static bool has_lease(const struct core *core, const struct vip *vip)
{
	for (unsigned i = 0; i < vip->n_addrs; i++) {
		if (vip_address_has_lease(core, &core->addrs[vip->first_addr + i]))
			return true;
	}
	return false;
}

bool vip_is_owner(const struct vip *vip)
{
	return vip->cfg.priority == 255;
}

struct object vip_object(const struct core *core, const struct vip *vip)
{
	return (struct object){ .type = OBJECT_VIP, .index = (uint16_t)unit_of_vip(core, vip) };
}

/* Of all its addresses, or of those on its own interface alone. */
static unsigned count_missing(const struct core *core, const struct vip *vip, bool all)
{
	unsigned missing = 0;

	for (unsigned i = 0; i < vip->n_addrs; i++) {
		const struct addr *addr = &core->addrs[vip->first_addr + i];
		const struct iface *iface = away_iface(core, vip, addr);
		bool present = false;
		for (unsigned j = 0; iface && j < addr->n_places; j++) {
			const struct place *place = &core->places[addr->first_place + j];
			present |= place_is_there(place) && &core->ifaces[place->iface] == iface;
		}
		missing += !present && (all || !addr_is_away(addr)) && !away_may_be_missing(core, vip, addr);
	}
	return missing;
}

unsigned vip_missing(const struct core *core, const struct vip *vip)
{
	return count_missing(core, vip, true);
}

/* ---- changes of phase --------------------------------------------------------------------------------------------- */

static void check_joining(struct core *core, struct vip *vip)
{
	vip_check_joining(core, vip);
	for (struct vip *m = vip_next_member(core, vip); m != vip; m = vip_next_member(core, m))
		vip_check_joining(core, m);
}

static void enter(struct core *core, struct vip *vip, enum vip_phase phase, struct reason reason)
{
	bool had_role = has_role(vip);

	if (vip_state_of(vip) != vip_state_of(&(struct vip){ .phase = phase }) || !vip->since_ns)
		vip->since_ns = core->now;
	vip->phase = phase;
	if (has_role(vip) ? phase == PHASE_ACTIVE : had_role)
		check_joining(core, vip);
	vip->won_ns = vip->tie_ns = 0;
	vip->reason = reason;
	vip->advert_ns = NEVER;
	vip->leave_ns = NEVER;
	vip->retry_ns = NEVER;
	vip->renew_ns = NEVER;
	vip->conflict_ns = NEVER;
	vip->refresh_ns = NEVER;
	vip->blocked_ns = NEVER;
	vip->prepared &= phase == PHASE_ACTIVE;
	vip->said_goodbye &= phase == PHASE_LEAVING || phase == PHASE_TAKING || phase == PHASE_ACTIVE;
	vip->lower_ns = 0;
	vip->better_ns = vip->claim_ns = NEVER;
	vip->send_advert = vip->first_advert = false;
	vip->announce_step = ANNOUNCE_STEPS;
	vip->announce_turn_ns = 0;
	for (unsigned i = 0; i < vip->n_addrs; i++) {
		core->addrs[vip->first_addr + i].released = false;
		if (phase != PHASE_ACTIVE)
			core->addrs[vip->first_addr + i].announce = false;
		core_dirty_left_over(core, &core->addrs[vip->first_addr + i]); /* it may have waited for ours */
	}
	core_dirty_vip(core, vip);
}

static void enter_rest(struct core *core, struct vip *vip, enum vip_phase phase, struct reason reason)
{
	enter(core, vip, phase, reason);
	vip->down_ns = NEVER;
	vip->rearmed = vip->left = false;
	if (vip->stopping)
		vip->gone = true;
}

/* Claims say who dies, and when: no silence is waited for. */
uint64_t vip_next_down(const struct core *core, const struct vip *vip)
{
	return vip_by_claims(vip) ? NEVER : core->now + vip_down_ns(vip);
}

/* The first Down time after any start is the listening window too. */
void vip_enter_backup(struct core *core, struct vip *vip, struct reason reason)
{
	enter(core, vip, PHASE_BACKUP, reason);
	vip->interval_ns = vip->cfg.advert_ns;
	vip->left = false;
	vip->down_ns = vip_next_down(core, vip);
	vip->listen_ns = core->now + vip_down_ns(vip);
}

/* Once: every repeat restarts the others' skew. What has not been said since the last one needs none. */
void vip_say_goodbye(struct vip *vip)
{
	vip->send_zero |= !vip->said_goodbye;
}

/* It leaves, and will not have gone from the election. */
static void stand_on(struct core *core, struct vip *vip)
{
	vip->down_ns = vip_next_down(core, vip);
	vip->left = false;
	vip_say_goodbye(vip);
}

/* An interval from now, or up to a quarter of it sooner: vips whose intervals are equal come to fall into four turns, and
 * each turn's adverts leave in one system call. Short intervals share the turns of the shortest: those of 10 ms fall into one. */
uint64_t vip_next_advert(const struct core *core, const struct vip *vip)
{
	uint64_t due = core->now + vip->cfg.advert_ns;

	if (vip_by_claims(vip))
		return NEVER;
	return due - due % max64(vip->cfg.advert_ns / 4, ADVERT_TICK);
}

/* Those without adverts, which renewals go along with, come to fall into few turns. */
static uint64_t renewal_turn(const struct vip *vip, uint64_t due)
{
	return vip_by_claims(vip) ? due - due % ADVERT_TICK : due;
}

void vip_schedule_renewal(struct core *core, struct vip *vip)
{
	vip->renew_ns = has_lease(core, vip) && !vip_is_owner(vip) ? renewal_turn(vip, core->now + vip->cfg.lease_ns / 3) : NEVER;
}

static void enter_active(struct core *core, struct vip *vip, struct reason reason)
{
	bool announced = vip->phase == PHASE_TAKING; /* each as it was added, or about to be */

	enter(core, vip, PHASE_ACTIVE, reason);
	vip->down_ns = NEVER;
	vip->interval_ns = vip->cfg.advert_ns;
	vip->send_advert = vip->first_advert = true;
	vip->sent_ns = core->now;
	vip->advert_ns = vip_next_advert(core, vip);
	vip->refusals = 0;
	vip->rearmed = vip->told_interval = false;
	vip_set_given(core, vip, 0);
	vip->asked_ns = 0;
	vip->counters.became_active++;
	vip->answered_ns = core->now;
	/* Staggered, so that the vips of a node do not renew all in one turn for ever. */
	vip_schedule_renewal(core, vip);
	if (vip->renew_ns != NEVER)
		vip->renew_ns = renewal_turn(vip, vip->renew_ns - core_random(core) % (vip->cfg.lease_ns / 12));
	vip_schedule_refresh(core, vip);
	if (announced) {
		vip->announce_base = core->now;
		vip->announce_step = 1;
	} else {
		vip_announce(core, vip);
	}
}

static void take_addresses(struct core *core, struct vip *vip)
{
	vip->taking_ns = core->now;
	for (unsigned i = 0; i < vip->n_addrs; i++)
		core->addrs[vip->first_addr + i].announce = true; /* leaves when the address is there */
	vip_renew(core, vip, true); /* what is there already has the lifetime of a predecessor */
	if (vip_missing(core, vip) == 0)
		enter_active(core, vip, vip->reason);
}

void vip_take(struct core *core, struct vip *vip, struct reason reason)
{
	bool held = vip->phase == PHASE_LEAVING; /* it still answers: nothing is prepared again */

	enter(core, vip, PHASE_TAKING, reason);
	vip->down_ns = NEVER;
	if (held || !vip->blocking_ns) {
		take_addresses(core, vip);
		return;
	}
	vip->blocked_ns = core->now + vip->blocking_ns;
	vip->prepared = true;
	core_note(core, NOTE_TAKING, vip_object(core, vip))->reason = reason;
}

void vip_unblock(struct core *core, struct vip *vip)
{
	if (vip->phase != PHASE_TAKING || vip->blocked_ns == NEVER)
		return;
	vip->blocked_ns = NEVER;
	core_dirty_vip(core, vip);
	take_addresses(core, vip);
}

void vip_leave(struct core *core, struct vip *vip, struct reason reason)
{
	uint64_t advert = vip->cfg.advert_ns, most;

	/* The others of a group take it when they take the slowest. */
	for (const struct vip *m = vip_next_member(core, vip); m != vip; m = vip_next_member(core, m))
		advert = max64(advert, m->cfg.advert_ns);
	enter(core, vip, PHASE_LEAVING, reason);
	most = vip_by_claims(vip) ? max64(4 * advert, LEAVE_BY_CLAIMS) : 4 * advert;
	vip->leave_ns = core->now + min64(most, vip->cfg.leave_timeout_ns);
	vip_schedule_renewal(core, vip);
}

bool vip_slept(const struct core *core, const struct vip *vip)
{
	return vip->down_ns < core->now && !vip->rearmed &&
	       core->now - vip->down_ns > max64(vip->interval_ns, LATE_BACKUP_MIN);
}

/* Whoever of the group has won takes over, if every member has, or is held here already. What one won before it slept it has
 * to win again: its own timer will say so. */
void vip_take_if_all_won(struct core *core, struct vip *vip)
{
	for (const struct vip *m = vip_next_member(core, vip); m != vip; m = vip_next_member(core, m)) {
		if ((m->won_ns && !vip_slept(core, m)) || has_role(m) || m->joining)
			continue;
		if (vip->phase == PHASE_BACKUP) {
			vip->reason = (struct reason){ .code = REASON_GROUP_WAITS };
			memcpy(vip->reason.name, m->cfg.name, sizeof vip->reason.name);
		}
		return;
	}
	for (struct vip *m = vip_next_member(core, vip); m != vip; m = vip_next_member(core, m)) {
		if (m->won_ns && !vip_slept(core, m))
			vip_take(core, m, m->won_reason);
	}
	vip_take(core, vip, vip->won_reason);
}

/* It was removed or drained, and is back before it had gone. It stands as whoever hears a goodbye does, while it answers; another that has spoken
 * since keeps it. */
void vip_come_back(const struct core *core, struct vip *vip)
{
	if (vip->phase != PHASE_LEAVING || (vip->reason.code != REASON_REMOVED && vip->reason.code != REASON_DRAINED) || vip->down_ns != NEVER ||
	    vip_by_claims(vip) || vip->heard_ns >= vip->since_ns || !vip_may_stand(core, vip))
		return;
	vip->down_ns = core->now + vip_skew_ns(vip);
	vip->left = false;
}

void vip_leave_done(struct core *core, struct vip *vip)
{
	struct reason barred = bar(core, vip), won_reason = vip->won_reason;
	uint64_t down = vip->down_ns, won = vip->won_ns;

	if (vip->stopping) {
		enter_rest(core, vip, PHASE_INIT, vip->reason);
		return;
	}
	if (barred.code != REASON_NONE) {
		enter_rest(core, vip, barred_phase(&barred), barred);
		return;
	}
	/* Was removed, or barred, and is back before it had gone. */
	if ((down == NEVER && !vip_by_claims(vip)) || is_bar(vip->reason.code)) {
		vip_enter_backup(core, vip, (struct reason){ .code = REASON_LISTENING, .arg = { (int64_t)vip_down_ns(vip) } });
		return;
	}
	enter(core, vip, PHASE_BACKUP, vip->reason);
	vip->down_ns = down;
	vip->listen_ns = 0;
	vip->won_ns = won;
	vip->won_reason = won_reason;
}

/* One of the group left this node: so do the others. They stand on, as it does. */
void vip_group_lost(struct core *core, const struct vip *vip)
{
	struct reason reason = { .code = REASON_GROUP_LEFT };

	memcpy(reason.name, vip->cfg.name, sizeof reason.name);
	for (struct vip *m = vip_next_member(core, vip); m != vip; m = vip_next_member(core, m)) {
		uint64_t silent = core->now - claim_sent_ns(core, m);
		if (m->phase == PHASE_TAKING || (m->phase == PHASE_ACTIVE && silent >= m->cfg.lease_ns)) {
			vip_enter_backup(core, m, reason);
		} else if (m->phase == PHASE_ACTIVE) {
			vip_leave(core, m, reason);
			stand_on(core, m);
		}
	}
}

/* Awake again after others must have taken over: nothing is sent any more, the addresses go, and it stands anew. */
static void lost_by_lateness(struct core *core, struct vip *vip, uint64_t late)
{
	core_note(core, NOTE_LATE, vip_object(core, vip))->reason.arg[0] = (int64_t)late;
	vip_enter_backup(core, vip, (struct reason){ .code = REASON_LATE_LOST, .arg = { (int64_t)late } });
	vip->woke_ns = core->now;
	vip_group_lost(core, vip);
}

/* After so long without a sign of it the others take over. */
static uint64_t patience(const struct vip *vip)
{
	return vip_by_claims(vip) ? vip_down_ns(vip) : 3 * vip->cfg.advert_ns;
}

/* "Late is lost" (design/vrrp.md): true when the vip just lost its role to its own lateness. */
bool vip_late_is_lost(struct core *core, struct vip *vip, bool other_heard)
{
	uint64_t silent = core->now - claim_sent_ns(core, vip);
	uint64_t limit = other_heard ? patience(vip) : vip->cfg.lease_ns;

	if (vip->phase != PHASE_ACTIVE || silent < limit)
		return false;
	lost_by_lateness(core, vip, silent - vip->cfg.advert_ns);
	return true;
}

/* ---- standing for election ---------------------------------------------------------------------------------------- */

struct reason vip_link_trouble(const struct core *core, int bond, int index)
{
	const struct iface *iface;

	if (index == NONE)
		return (struct reason){ .code = core->bonds[bond].state == BOND_DOWN ? REASON_BOND_DOWN : REASON_NONE };
	iface = &core->ifaces[index];
	if (!iface->ifindex)
		return (struct reason){ .code = iface->existed ? REASON_INTERFACE_GONE : REASON_INTERFACE_ABSENT };
	if (!iface->up)
		return (struct reason){ .code = REASON_INTERFACE_DOWN };
	return (struct reason){ .code = iface->carrier ? REASON_NONE : REASON_LINK_DOWN };
}

static struct reason link_trouble(const struct core *core, const struct vip *vip)
{
	struct reason trouble = vip_link_trouble(core, vip->cfg.bond, vip->iface);

	return trouble.code == REASON_NONE && vip->isolated ? (struct reason){ .code = REASON_ISOLATED } : trouble;
}

static bool is_absence(enum reason_code code)
{
	return code == REASON_INTERFACE_GONE || code == REASON_INTERFACE_ABSENT;
}

static void lose_link(struct core *core, struct vip *vip, struct reason trouble)
{
	enum vip_phase phase = is_absence(trouble.code) ? PHASE_INIT : PHASE_FAULT;

	if (vip->phase == phase && vip->reason.code == trouble.code)
		return;
	if (vip->stopping && vip->phase == PHASE_LEAVING)
		trouble = vip->reason;
	vip->send_zero = false;
	enter_rest(core, vip, phase, trouble);
}

/* How old the last sign may be. Whoever could hear meanwhile knows that nobody took over: "late is lost" then begins with the
 * lease, as for one that slept. */
static uint64_t resume_limit(const struct vip *vip, const struct event_resume *record)
{
	bool other_heard = vip->heard_ns > record->heard_ns && !vip->left;

	return record->kept && !other_heard ? vip->cfg.lease_ns : patience(vip);
}

/* Nothing has changed for anybody: only what is left of the announcements after it became active is due. */
static void calm(struct core *core, struct vip *vip, uint64_t since_ns)
{
	vip->announce_base = since_ns;
	vip->announce_step = 0;
	while (vip->announce_step < ANNOUNCE_STEPS && since_ns + announce_schedule[vip->announce_step] <= core->now)
		vip->announce_step++;
	for (unsigned i = 0; i < vip->n_addrs; i++)
		core->addrs[vip->first_addr + i].announce = false;
}

/* What the predecessor of this process held and still holds; only if it fell silent less than three intervals ago. */
static bool resume(struct core *core, struct vip *vip)
{
	const struct event_resume *record;
	uint64_t last, age;

	if (vip->tried_resume)
		return false;
	vip->tried_resume = true;
	record = succession_find(core, vip);
	if (record)
		vip->checksum = record->checksum;
	if (!record || !record->active || count_missing(core, vip, false))
		return false;
	last = record->last_sign_ns;
	for (unsigned i = 0; i < vip->n_addrs; i++) {
		const struct addr *addr = &core->addrs[vip->first_addr + i];
		for (unsigned j = 0; j < addr->n_places; j++) {
			const struct place *place = &core->places[addr->first_place + j];
			if (place->present && !place->ours && !vip_is_owner(vip))
				return false;
			if (place->present && !vip_is_owner(vip)) /* nobody renews an owner's: it only tells when it came */
				last = max64(last, place->renewed_ns);
		}
	}
	age = core->now > last ? core->now - last : 0;
	vip->resume_age_ns = age;
	if (age >= resume_limit(vip, record))
		return false;
	enter_active(core, vip, (struct reason){ .code = REASON_RESUMED, .arg = { (int64_t)age } });
	if (record->kept)
		calm(core, vip, record->since_ns);
	for (struct vip *m = vip_next_member(core, vip); m != vip; m = vip_next_member(core, m))
		m->joining |= !has_role(m);
	vip->renew_ns = vip->renew_ns == NEVER ? NEVER : core->now;
	return true;
}

static const struct iface *listener(const struct core *core, const struct vip *vip)
{
	const struct iface *iface = vip_iface(core, vip);
	const struct ear *ear = iface ? &iface->ears[six(vip->cfg.family)] : NULL;

	if (!ear || ear->state != LISTEN_ON || ear->ifindex != iface->ifindex)
		return NULL;
	return ear->unicast && !vip->cfg.n_peers && !vip_by_claims(vip) ? NULL : iface;
}

static void wait_init(struct core *core, struct vip *vip, struct reason reason)
{
	if (vip->phase == PHASE_INIT && vip->reason.code == reason.code)
		return;
	enter_rest(core, vip, PHASE_INIT, reason);
}

static bool has_source(const struct vip *vip)
{
	return vip->source.family != FAMILY_NONE || vip_by_claims(vip);
}

static void stand(struct core *core, struct vip *vip)
{
	const struct iface *iface = vip_iface(core, vip);

	if (!has_source(vip)) {
		wait_init(core, vip, (struct reason){ .code = REASON_NO_SOURCE });
		return;
	}
	if (resume(core, vip))
		return;
	if (!listener(core, vip)) {
		int refused = iface ? iface->ears[six(vip->cfg.family)].opening.error : 0;
		wait_init(core, vip,
			  (struct reason){ .code = refused ? REASON_CANNOT_LISTEN : REASON_STARTING,
					   .arg = { refused } });
		return;
	}
	vip->joining |= others_have_role(core, vip);
	if (!vip_is_owner(vip)) {
		vip_enter_backup(core, vip,
			     (struct reason){ .code = REASON_LISTENING,
					      .arg = { (int64_t)vip_down_ns(vip), (int64_t)vip->resume_age_ns } });
		succession_follow(core, vip);
	} else if (vip_missing(core, vip) == 0)
		enter_active(core, vip, (struct reason){ .code = REASON_OWNER });
	else
		wait_init(core, vip, (struct reason){ .code = REASON_OWNER_ADDRESS });
}

/* All addresses are there: active, unless the decision is so old that another may have taken over meanwhile. */
static void check_taken(struct core *core, struct vip *vip)
{
	uint64_t took = core->now - vip->taking_ns;

	if (vip->phase != PHASE_TAKING || vip->blocked_ns != NEVER || vip_missing(core, vip))
		return;
	if (took >= vip->cfg.lease_ns)
		lost_by_lateness(core, vip, took);
	else
		enter_active(core, vip, vip->reason);
}

/* From wherever it is to where it holds nothing. An active one says goodbye and answers until another does. */
static void depart(struct core *core, struct vip *vip, enum vip_phase rest, struct reason reason)
{
	vip_late_is_lost(core, vip, false);
	if (vip->phase == PHASE_ACTIVE) {
		vip_leave(core, vip, reason);
		vip->down_ns = NEVER;
		vip_say_goodbye(vip);
		if (vip_is_owner(vip))
			vip_leave_done(core, vip);
	} else if (vip->phase == PHASE_LEAVING) {
		vip->down_ns = NEVER;
		vip->reason = reason;
	} else if (vip->phase != rest || vip->reason.code != reason.code) {
		enter_rest(core, vip, rest, reason);
	} else {
		vip->reason = reason;
	}
}

/* Why it cannot be held here for its own part. True: it can no longer, or can again. */
static bool judge(struct core *core, struct vip *vip)
{
	const struct iface *iface = vip_iface(core, vip);
	bool was = vip->disabled.code == REASON_NONE, idle = vip->phase == PHASE_INIT || vip->phase == PHASE_FAULT;

	vip->disabled = link_trouble(core, vip);
	if (vip->disabled.code != REASON_NONE)
		return was;
	/* While it holds or follows, an interface that loses its address for a moment is no reason to move: the old source
	 * serves. To stand anew it needs one. */
	if (vip->lan != NONE && !model_source(core, vip) && idle)
		vip->source = (struct ip){ .family = FAMILY_NONE };
	if (vip->source.family == FAMILY_NONE && !vip_by_claims(vip))
		vip->disabled.code = REASON_NO_SOURCE;
	else if (idle && !listener(core, vip) && iface && iface->ears[six(vip->cfg.family)].opening.error)
		vip->disabled.code = REASON_CANNOT_LISTEN;
	else if (vip->retry_ns != NEVER)
		vip->disabled = vip->reason;
	else
		vip->disabled = requirement(vip).code ? vip->required : vmac_trouble(core, vip);
	return was != (vip->disabled.code == REASON_NONE);
}

static void settle_phase(struct core *core, struct vip *vip)
{
	struct reason trouble = link_trouble(core, vip), barred;

	core_dirty_vip(core, vip);
	if (trouble.code != REASON_NONE) {
		lose_link(core, vip, trouble);
		return;
	}
	check_taken(core, vip);
	if (vip->stopping)
		return;
	barred = bar(core, vip);
	if (vip_is_undecided(&barred) && vip->phase == PHASE_INIT && has_source(vip) && resume(core, vip))
		return;
	if (barred.code != REASON_NONE)
		depart(core, vip, barred_phase(&barred), barred);
	else if (vip->retry_ns == NEVER && (vip->phase == PHASE_INIT || vip->phase == PHASE_FAULT))
		stand(core, vip);
	else if (vip->won_ns)
		vip_take_if_all_won(core, vip);
}

void vip_link(struct core *core, struct vip *vip)
{
	bool changed;

	if (!core->snap_known || vip->gone)
		return;
	changed = judge(core, vip);
	for (struct vip *m = vip_next_member(core, vip); m != vip; m = vip_next_member(core, m))
		changed |= judge(core, m);
	settle_phase(core, vip);
	for (struct vip *m = vip_next_member(core, vip); changed && m != vip; m = vip_next_member(core, m))
		settle_phase(core, m);
}

void vip_addresses(struct core *core, struct vip *vip)
{
	core_dirty_vip(core, vip);
	check_taken(core, vip);
	if (vip->phase == PHASE_INIT && vip_is_owner(vip))
		vip_link(core, vip);
	else if (vip->phase == PHASE_ACTIVE && vip_is_owner(vip) && vip_missing(core, vip)) {
		enter_rest(core, vip, PHASE_INIT, (struct reason){ .code = REASON_OWNER_ADDRESS });
		vip->send_zero = true;
	}
}

bool vip_is_transient(int error)
{
	return error == EAGAIN || error == ENOMEM || error == EBUSY || error == ENOBUFS;
}

void vip_fault(struct core *core, struct vip *vip, struct reason reason)
{
	bool was_active = vip->phase == PHASE_ACTIVE;

	if (!vip_wants_addresses(vip) || vip->phase == PHASE_LEAVING)
		return;
	enter_rest(core, vip, PHASE_FAULT, reason);
	vip->send_zero = was_active;
	vip->retry_ns = core->now + min64(NSEC_PER_SEC << (vip->refusals < 5 ? vip->refusals : 5), RETRY_MAX);
	if (vip->refusals < UINT8_MAX)
		vip->refusals++;
	vip_link(core, vip);
}

void vip_refused(struct core *core, struct vip *vip, const struct addr *addr, int error)
{
	struct reason reason = { .code = REASON_ADDRESS_REFUSED, .arg = { error }, .ip = addr->ip };
	unsigned failures = 0;

	if (addr_is_away(addr)) { /* it goes on without, and tries again */
		vip_addresses(core, vip);
		return;
	}
	if (error == ENODEV) { /* no verdict on the address: the interface is going, and its event is on the way */
		model_want_snapshot(core);
		return;
	}
	for (unsigned i = 0; i < addr->n_places; i++) {
		unsigned n = core->places[addr->first_place + i].change.failures;
		failures = n > failures ? n : failures;
	}
	if (!vip_is_transient(error) || failures > 3)
		vip_fault(core, vip, reason);
}

/* A role goes on under the other protocol: who holds it holds it. */
void vip_change_protocol(struct core *core, struct vip *vip)
{
	vip->protocol_changed = false;
	vip->interval_ns = vip->cfg.advert_ns;
	vip->lower_ns = vip->heard_ns = 0;
	vip->left = vip->send_advert = vip->first_advert = false;
	vip->claim_ns = vip->better_ns = NEVER;
	vip->down_ns = NEVER;
	if (vip->phase == PHASE_ACTIVE) {
		vip->sent_ns = core->now;
		vip->send_advert = true;
		vip->advert_ns = vip_next_advert(core, vip);
	} else if (vip->phase == PHASE_BACKUP) {
		vip_enter_backup(core, vip, (struct reason){ .code = REASON_LISTENING, .arg = { (int64_t)vip_down_ns(vip) } });
	}
	core_dirty_vip(core, vip);
}

/* ---- the end ------------------------------------------------------------------------------------------------------ */

void vip_stop(struct core *core, struct vip *vip, enum reason_code code)
{
	if (vip->stopping || vip->gone)
		return;
	vip->stopping = true;
	depart(core, vip, PHASE_INIT, (struct reason){ .code = code });
	vip->gone |= vip->phase == PHASE_INIT;
}

void vip_set_given(struct core *core, struct vip *vip, uint64_t when_ns)
{
	if ((vip->given_ns != 0) != (when_ns != 0))
		core->roles_serial++;
	vip->given_ns = when_ns;
}

static void give(struct core *core, struct vip *vip)
{
	struct reason reason = { .code = REASON_HANDED_OVER };

	vip_set_given(core, vip, core->now);
	if (vip->phase == PHASE_TAKING)
		vip_enter_backup(core, vip, reason);
	if (vip->phase != PHASE_ACTIVE)
		return;
	vip_leave(core, vip, reason);
	stand_on(core, vip);
}

/* With its group it leaves as at a stop, and then stands as one that does not preempt. Nobody may be there to take it: the Down timer
 * runs, is shorter than the stay in LEAVING, and so nothing is lost then. */
void vip_hand_over(struct core *core, struct vip *vip, bool force)
{
	bool may = vip_by_claims(vip) ? claim_successor(core, vip) : vip->heard_ns || force;

	vip_late_is_lost(core, vip, false);
	if (vip->phase != PHASE_ACTIVE || vip_is_owner(vip) || !may)
		return;
	for (struct vip *m = vip_next_member(core, vip); m != vip; m = vip_next_member(core, m))
		give(core, m);
	give(core, vip);
}
