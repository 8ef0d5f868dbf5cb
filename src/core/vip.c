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
#include "core/internal.h"

uint64_t vip_skew_ns(const struct vip *vip)
{
	uint64_t scale = vip->cfg.version == 2 ? NSEC_PER_SEC : vip->interval_ns; /* RFC 3768 §6.1 does not scale it */

	return scale * (256U - vip->priority) / 256;
}

uint64_t vip_down_ns(const struct vip *vip)
{
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
	return vip->phase == PHASE_TAKING || vip->phase == PHASE_ACTIVE || vip->phase == PHASE_LEAVING;
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

static struct vip *next_member(const struct core *core, const struct vip *vip)
{
	return &core->vips[vip->next_member];
}

static bool has_group(const struct core *core, const struct vip *vip)
{
	return next_member(core, vip) != vip;
}

static bool has_role(const struct vip *vip)
{
	return vip->phase == PHASE_TAKING || vip->phase == PHASE_ACTIVE;
}

static bool others_have_role(const struct core *core, const struct vip *vip)
{
	for (const struct vip *m = next_member(core, vip); m != vip; m = next_member(core, m)) {
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

/* Why it may not be held here, other than for its own part, whatever other nodes do; and where it waits meanwhile. */
static struct reason bar(const struct core *core, const struct vip *vip)
{
	struct reason reason = { .code = core->drained ? REASON_DRAINED : REASON_NONE };

	if (!reason.code)
		reason = vip->required;

	for (const struct vip *m = next_member(core, vip); m != vip && !reason.code; m = next_member(core, m)) {
		if (m->newcomer || !m->disabled.code)
			continue;
		reason = (struct reason){ .code = REASON_GROUP_MEMBER, .arg = { m->disabled.code } };
		memcpy(reason.name, m->cfg.name, sizeof reason.name);
	}
	return reason;
}

static enum vip_phase barred_phase(enum reason_code code)
{
	return code == REASON_DRAINED ? PHASE_INIT : PHASE_FAULT;
}

static bool is_bar(enum reason_code code)
{
	return code == REASON_DRAINED || code == REASON_GROUP_MEMBER || code == REASON_REQUIRED;
}

static bool may_stand(const struct core *core, const struct vip *vip)
{
	return !vip->stopping && bar(core, vip).code == REASON_NONE;
}

/* Whether it takes over from a worse one that is active. */
static bool preempts(const struct vip *vip)
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

static bool is_owner(const struct vip *vip)
{
	return vip->cfg.priority == 255;
}

static struct object vip_object(const struct core *core, const struct vip *vip)
{
	return (struct object){ .type = OBJECT_VIP, .index = (uint16_t)unit_of_vip(core, vip) };
}

unsigned vip_missing(const struct core *core, const struct vip *vip)
{
	const struct iface *iface = vip_iface(core, vip);
	unsigned missing = 0;

	for (unsigned i = 0; i < vip->n_addrs; i++) {
		const struct addr *addr = &core->addrs[vip->first_addr + i];
		bool present = false;
		for (unsigned j = 0; iface && j < addr->n_places; j++) {
			const struct place *place = &core->places[addr->first_place + j];
			present |= place_is_there(place) && &core->ifaces[place->iface] == iface;
		}
		missing += !present;
	}
	return missing;
}

/* ---- changes of phase --------------------------------------------------------------------------------------------- */

static void check_joining(struct core *core, struct vip *vip)
{
	vip_check_joining(core, vip);
	for (struct vip *m = next_member(core, vip); m != vip; m = next_member(core, m))
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
	vip->lower_ns = 0;
	vip->send_advert = vip->first_advert = false;
	vip->announce_step = ANNOUNCE_STEPS;
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

/* The first Down time after any start is the listening window too. */
static void enter_backup(struct core *core, struct vip *vip, struct reason reason)
{
	enter(core, vip, PHASE_BACKUP, reason);
	vip->interval_ns = vip->cfg.advert_ns;
	vip->down_ns = core->now + vip_down_ns(vip);
	vip->left = false;
}

/* An interval from now, or up to a quarter of it sooner: vips whose intervals are equal come to fall into four turns, and
 * each turn's adverts leave in one system call. */
static uint64_t next_advert(const struct core *core, const struct vip *vip)
{
	uint64_t due = core->now + vip->cfg.advert_ns;

	return due - due % (vip->cfg.advert_ns / 4);
}

static void schedule_renewal(struct core *core, struct vip *vip)
{
	vip->renew_ns = has_lease(core, vip) && !is_owner(vip) ? core->now + vip->cfg.lease_ns / 3 : NEVER;
}

static void enter_active(struct core *core, struct vip *vip, struct reason reason)
{
	bool announced = vip->phase == PHASE_TAKING; /* each as it was added, or about to be */

	enter(core, vip, PHASE_ACTIVE, reason);
	vip->down_ns = NEVER;
	vip->interval_ns = vip->cfg.advert_ns;
	vip->send_advert = vip->first_advert = true;
	vip->sent_ns = core->now;
	vip->advert_ns = next_advert(core, vip);
	vip->refusals = 0;
	vip->rearmed = vip->told_interval = false;
	vip_set_given(core, vip, 0);
	vip->asked_ns = 0;
	vip->counters.became_active++;
	vip->answered_ns = core->now;
	/* Staggered, so that the vips of a node do not renew all in one turn for ever. */
	schedule_renewal(core, vip);
	if (vip->renew_ns != NEVER)
		vip->renew_ns -= core_random(core) % (vip->cfg.lease_ns / 12);
	if (announced) {
		vip->announce_base = core->now;
		vip->announce_step = 1;
	} else {
		vip_announce(core, vip);
	}
}

static void take(struct core *core, struct vip *vip, struct reason reason)
{
	enter(core, vip, PHASE_TAKING, reason);
	vip->down_ns = NEVER;
	vip->taking_ns = core->now;
	for (unsigned i = 0; i < vip->n_addrs; i++)
		core->addrs[vip->first_addr + i].announce = true; /* leaves when the address is there */
	vip_renew(core, vip, true); /* what is there already has the lifetime of a predecessor */
	if (vip_missing(core, vip) == 0)
		enter_active(core, vip, reason);
}

static void leave(struct core *core, struct vip *vip, struct reason reason)
{
	uint64_t advert = vip->cfg.advert_ns;

	/* The others of a group take it when they take the slowest. */
	for (const struct vip *m = next_member(core, vip); m != vip; m = next_member(core, m))
		advert = max64(advert, m->cfg.advert_ns);
	enter(core, vip, PHASE_LEAVING, reason);
	vip->leave_ns = core->now + min64(4 * advert, vip->cfg.leave_timeout_ns);
	schedule_renewal(core, vip);
}

/* Whoever of the group has won takes over, if every member has, or is held here already. */
static void take_if_all_won(struct core *core, struct vip *vip)
{
	for (const struct vip *m = next_member(core, vip); m != vip; m = next_member(core, m)) {
		if (m->won_ns || has_role(m) || m->joining)
			continue;
		if (vip->phase == PHASE_BACKUP) {
			vip->reason = (struct reason){ .code = REASON_GROUP_WAITS };
			memcpy(vip->reason.name, m->cfg.name, sizeof vip->reason.name);
		}
		return;
	}
	for (struct vip *m = next_member(core, vip); m != vip; m = next_member(core, m)) {
		if (m->won_ns)
			take(core, m, m->won_reason);
	}
	take(core, vip, vip->won_reason);
}

static void leave_done(struct core *core, struct vip *vip)
{
	struct reason barred = bar(core, vip), won_reason = vip->won_reason;
	uint64_t down = vip->down_ns, won = vip->won_ns;

	if (vip->stopping) {
		enter_rest(core, vip, PHASE_INIT, vip->reason);
		return;
	}
	if (barred.code != REASON_NONE) {
		enter_rest(core, vip, barred_phase(barred.code), barred);
		return;
	}
	/* Was removed, or barred, and is back before it had gone. */
	if (down == NEVER || is_bar(vip->reason.code)) {
		enter_backup(core, vip, (struct reason){ .code = REASON_LISTENING, .arg = { (int64_t)vip_down_ns(vip) } });
		return;
	}
	enter(core, vip, PHASE_BACKUP, vip->reason);
	vip->down_ns = down;
	vip->won_ns = won;
	vip->won_reason = won_reason;
}

/* One of the group left this node: so do the others. They stand on, as it does. */
static void group_lost(struct core *core, const struct vip *vip)
{
	struct reason reason = { .code = REASON_GROUP_LEFT };

	memcpy(reason.name, vip->cfg.name, sizeof reason.name);
	for (struct vip *m = next_member(core, vip); m != vip; m = next_member(core, m)) {
		uint64_t silent = core->now - m->sent_ns;
		if (m->phase == PHASE_TAKING || (m->phase == PHASE_ACTIVE && silent >= m->cfg.lease_ns)) {
			enter_backup(core, m, reason);
		} else if (m->phase == PHASE_ACTIVE) {
			leave(core, m, reason);
			m->down_ns = core->now + vip_down_ns(m);
			m->left = false;
			m->send_zero = true;
		}
	}
}

/* Awake again after others must have taken over: nothing is sent any more, the addresses go, and it stands anew. */
static void lost_by_lateness(struct core *core, struct vip *vip, uint64_t late)
{
	core_note(core, NOTE_LATE, vip_object(core, vip))->reason.arg[0] = (int64_t)late;
	enter_backup(core, vip, (struct reason){ .code = REASON_LATE_LOST, .arg = { (int64_t)late } });
	group_lost(core, vip);
}

/* "Late is lost" (design/vrrp.md): true when the vip just lost its role to its own lateness. */
static bool late_is_lost(struct core *core, struct vip *vip, bool other_heard)
{
	uint64_t silent = core->now - vip->sent_ns;
	uint64_t limit = other_heard ? 3 * vip->cfg.advert_ns : vip->cfg.lease_ns;

	if (vip->phase != PHASE_ACTIVE || silent < limit)
		return false;
	lost_by_lateness(core, vip, silent - vip->cfg.advert_ns);
	return true;
}

/* ---- standing for election ---------------------------------------------------------------------------------------- */

static struct reason link_trouble(const struct core *core, const struct vip *vip)
{
	const struct iface *iface;

	if (vip->iface == NONE) {
		const struct bond *bond = &core->bonds[vip->cfg.bond];
		return (struct reason){ .code = bond->state == BOND_DOWN ? REASON_BOND_DOWN : REASON_NONE };
	}
	iface = &core->ifaces[vip->iface];
	if (!iface->ifindex)
		return (struct reason){ .code = iface->existed ? REASON_INTERFACE_GONE : REASON_INTERFACE_ABSENT };
	if (!iface->up)
		return (struct reason){ .code = REASON_INTERFACE_DOWN };
	return (struct reason){ .code = iface->carrier ? REASON_NONE : REASON_LINK_DOWN };
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

/* What the predecessor of this process held and still holds; only if it fell silent less than three intervals ago. */
static bool resume(struct core *core, struct vip *vip)
{
	const struct event_resume *record = NULL;
	uint64_t last, age;

	if (vip->tried_resume)
		return false;
	vip->tried_resume = true;
	for (unsigned i = 0; i < core->n_resumes && !record; i++) {
		if (strcmp(core->resumes[i].vip, vip->cfg.name) == 0)
			record = &core->resumes[i];
	}
	if (record)
		vip->checksum = record->checksum;
	if (!record || !record->active || vip_missing(core, vip))
		return false;
	last = record->last_sign_ns;
	for (unsigned i = 0; i < vip->n_addrs; i++) {
		const struct addr *addr = &core->addrs[vip->first_addr + i];
		for (unsigned j = 0; j < addr->n_places; j++) {
			const struct place *place = &core->places[addr->first_place + j];
			if (place->present && !place->ours && !is_owner(vip))
				return false;
			if (place->present)
				last = max64(last, place->renewed_ns);
		}
	}
	age = core->now > last ? core->now - last : 0;
	vip->resume_age_ns = age;
	if (age >= 3 * vip->cfg.advert_ns)
		return false;
	enter_active(core, vip, (struct reason){ .code = REASON_RESUMED, .arg = { (int64_t)age } });
	for (struct vip *m = next_member(core, vip); m != vip; m = next_member(core, m))
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
	return ear->unicast && !vip->cfg.n_peers ? NULL : iface;
}

static void wait_init(struct core *core, struct vip *vip, struct reason reason)
{
	if (vip->phase == PHASE_INIT && vip->reason.code == reason.code)
		return;
	enter_rest(core, vip, PHASE_INIT, reason);
}

static void stand(struct core *core, struct vip *vip)
{
	const struct iface *iface = vip_iface(core, vip);

	if (vip->source.family == FAMILY_NONE) {
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
	if (!is_owner(vip))
		enter_backup(core, vip,
			     (struct reason){ .code = REASON_LISTENING,
					      .arg = { (int64_t)vip_down_ns(vip), (int64_t)vip->resume_age_ns } });
	else if (vip_missing(core, vip) == 0)
		enter_active(core, vip, (struct reason){ .code = REASON_OWNER });
	else
		wait_init(core, vip, (struct reason){ .code = REASON_OWNER_ADDRESS });
}

/* All addresses are there: active, unless the decision is so old that another may have taken over meanwhile. */
static void check_taken(struct core *core, struct vip *vip)
{
	uint64_t took = core->now - vip->taking_ns;

	if (vip->phase != PHASE_TAKING || vip_missing(core, vip))
		return;
	if (took >= vip->cfg.lease_ns)
		lost_by_lateness(core, vip, took);
	else
		enter_active(core, vip, vip->reason);
}

/* From wherever it is to where it holds nothing. An active one says goodbye and answers until another does. */
static void depart(struct core *core, struct vip *vip, enum vip_phase rest, struct reason reason)
{
	late_is_lost(core, vip, false);
	if (vip->phase == PHASE_ACTIVE) {
		leave(core, vip, reason);
		vip->down_ns = NEVER;
		vip->send_zero = true;
		if (is_owner(vip))
			leave_done(core, vip);
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
	if (vip->source.family == FAMILY_NONE)
		vip->disabled.code = REASON_NO_SOURCE;
	else if (idle && !listener(core, vip) && iface && iface->ears[six(vip->cfg.family)].opening.error)
		vip->disabled.code = REASON_CANNOT_LISTEN;
	else if (vip->retry_ns != NEVER)
		vip->disabled = vip->reason;
	else
		vip->disabled = vip->required;
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
	if (barred.code != REASON_NONE)
		depart(core, vip, barred_phase(barred.code), barred);
	else if (vip->retry_ns == NEVER && (vip->phase == PHASE_INIT || vip->phase == PHASE_FAULT))
		stand(core, vip);
	else if (vip->won_ns)
		take_if_all_won(core, vip);
}

void vip_link(struct core *core, struct vip *vip)
{
	bool changed;

	if (!core->snap_known || vip->gone)
		return;
	changed = judge(core, vip);
	for (struct vip *m = next_member(core, vip); m != vip; m = next_member(core, m))
		changed |= judge(core, m);
	settle_phase(core, vip);
	for (struct vip *m = next_member(core, vip); changed && m != vip; m = next_member(core, m))
		settle_phase(core, m);
}

void vip_addresses(struct core *core, struct vip *vip)
{
	core_dirty_vip(core, vip);
	check_taken(core, vip);
	if (vip->phase == PHASE_INIT && is_owner(vip))
		vip_link(core, vip);
	else if (vip->phase == PHASE_ACTIVE && is_owner(vip) && vip_missing(core, vip)) {
		enter_rest(core, vip, PHASE_INIT, (struct reason){ .code = REASON_OWNER_ADDRESS });
		vip->send_zero = true;
	}
}

static bool is_transient(int error)
{
	return error == EAGAIN || error == ENOMEM || error == EBUSY || error == ENOBUFS;
}

void vip_refused(struct core *core, struct vip *vip, const struct addr *addr, int error)
{
	struct reason reason = { .code = REASON_ADDRESS_REFUSED, .arg = { error }, .ip = addr->ip };
	bool was_active = vip->phase == PHASE_ACTIVE;
	unsigned failures = 0;

	if (error == ENODEV) { /* no verdict on the address: the interface is going, and its event is on the way */
		model_want_snapshot(core);
		return;
	}
	for (unsigned i = 0; i < addr->n_places; i++) {
		unsigned n = core->places[addr->first_place + i].change.failures;
		failures = n > failures ? n : failures;
	}
	if (!vip_wants_addresses(vip) || vip->phase == PHASE_LEAVING || (is_transient(error) && failures <= 3))
		return;
	enter_rest(core, vip, PHASE_FAULT, reason);
	vip->send_zero = was_active;
	vip->retry_ns = core->now + min64(NSEC_PER_SEC << (vip->refusals < 5 ? vip->refusals : 5), RETRY_MAX);
	if (vip->refusals < UINT8_MAX)
		vip->refusals++;
	vip_link(core, vip);
}

/* ---- packets ------------------------------------------------------------------------------------------------------ */

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

/* Whether the sender wins against us as active: RFC 9568 §6.4.3, (705). Members of a group may have their addresses in
 * different order on their links: so that both nodes do not leave at once, the first one decides; one of the others does
 * when it lasts, for then the first ones do not hear each other. */
static bool beats(const struct core *core, struct vip *vip, const struct event_advert *advert)
{
	if (advert->priority != vip->priority)
		return advert->priority > vip->priority;
	if (ip_compare(&advert->source, &vip->source) <= 0)
		return false;
	if (!has_group(core, vip) || vip->cfg.group_rank == 0)
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

/* RFC 9568 §6.4.2. A lower one does not reset the timer where preemption is on. */
static void backup_advert(struct core *core, struct vip *vip, const struct event_advert *advert)
{
	if (advert->priority == 0) {
		if (!vip->won_ns)
			vip->down_ns = core->now + vip_skew_ns(vip);
	} else if (!preempts(vip) || advert->priority >= vip->priority) {
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
	vip->advert_ns = next_advert(core, vip);
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

/* A new holder that announces before it speaks, as we do, has been seen already. */
static void release_claimed(struct core *core, struct vip *vip)
{
	for (unsigned i = 0; i < vip->n_addrs; i++) {
		struct addr *addr = &core->addrs[vip->first_addr + i];
		if (addr->claimed_ns && core->seen <= addr->claimed_ns + LEAVE_AFTER_ADVERT)
			addr->released = true;
	}
	if (all_released(core, vip))
		leave_done(core, vip);
}

/* RFC 9568 §6.4.3. */
static void active_advert(struct core *core, struct vip *vip, const struct event_advert *advert)
{
	struct reason reason = { .code = REASON_LOST_ELECTION,
				 .arg = { advert->priority, vip->priority },
				 .ip = advert->source };

	if (is_owner(vip) && advert->priority)
		core_note(core, NOTE_OWNER_CLASH, vip_object(core, vip))->reason.ip = advert->source;
	if (late_is_lost(core, vip, advert->priority != 0)) {
		backup_advert(core, vip, advert);
		return;
	}
	if (advert->priority == 0) {
		vip->send_advert = true;
		vip->advert_ns = next_advert(core, vip);
	} else if (beats(core, vip, advert)) {
		leave(core, vip, reason);
		follow(core, vip, advert);
		group_lost(core, vip);
		vip->leave_ns = min64(vip->leave_ns, core->now + LEAVE_AFTER_ADVERT);
		release_claimed(core, vip);
	} else {
		answer(core, vip);
	}
}

static void leaving_advert(struct core *core, struct vip *vip, const struct event_advert *advert)
{
	if (advert->priority)
		vip->leave_ns = min64(vip->leave_ns, core->seen + LEAVE_AFTER_ADVERT);
	if (may_stand(core, vip)) {
		struct reason lost = vip->reason; /* stays the reason while it leaves */
		backup_advert(core, vip, advert);
		vip->reason = lost;
	}
}

/* Whether a lower one that speaks now goes before: a preemption that has a delay begins with it, or has had it. */
static bool yields_to_any(const struct vip *vip)
{
	return !preempts(vip) || (vip->cfg.preempt_delay_ns && vip->reason.code != REASON_PREEMPTED);
}

static void taking_advert(struct core *core, struct vip *vip, const struct event_advert *advert)
{
	bool better = yields_to_any(vip) ? advert->priority != 0 : advert->priority && beats(core, vip, advert);

	if (!better)
		return;
	enter_backup(core, vip, following(vip, advert));
	backup_advert(core, vip, advert);
	group_lost(core, vip);
}

void vip_advert(struct core *core, struct vip *vip, const struct event_advert *advert)
{
	vip->counters.adverts_received++;
	vip->counters.priority_zero_received += advert->priority == 0;
	follow_checksum(core, vip, advert);
	core_dirty_vip(core, vip);
	compare_lists(core, vip, advert);
	switch (vip->phase) {
	case PHASE_INIT:
	case PHASE_FAULT:
		break;
	case PHASE_BACKUP:
		vip->rearmed = false; /* in time: the next lateness is another one */
		backup_advert(core, vip, advert);
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

/* Another node announces an address that we hold. A better one that is taking over does so just before its advert, and
 * to answer that would draw the traffic back to us: so wait for the advert. */
static void suspect(struct core *core, struct vip *vip, const struct addr *addr, const struct event_claim *claim)
{
	if (vip->conflict_ns != NEVER)
		return;
	vip->conflict_ns = core->now + CONFLICT_AFTER;
	vip->conflict_ip = addr->ip;
	memcpy(vip->conflict_mac, claim->mac, sizeof vip->conflict_mac);
}

static void conflict_timer(struct core *core, struct vip *vip)
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
		if (all_released(core, vip))
			leave_done(core, vip);
		break;
	case PHASE_ACTIVE:
		/* Just after taking over the old holder may still be answering: a lame duck, no conflict. */
		if (core->now - vip->since_ns < NSEC_PER_SEC && !claim->announcement)
			break;
		if (!late_is_lost(core, vip, claim->announcement))
			suspect(core, vip, addr, claim);
		break;
	case PHASE_INIT:
	case PHASE_FAULT:
	case PHASE_BACKUP:
	case PHASE_TAKING:
		break;
	}
}

/* ---- time --------------------------------------------------------------------------------------------------------- */

void vip_announce(struct core *core, struct vip *vip)
{
	vip->announce_base = core->now;
	vip->announce_step = 1;
	for (unsigned i = 0; i < vip->n_addrs; i++)
		core->addrs[vip->first_addr + i].announce = true;
	core_dirty_vip(core, vip);
}

static void run_schedule(struct core *core, struct vip *vip)
{
	bool due = false;

	while (vip->announce_step < ANNOUNCE_STEPS &&
	       vip->announce_base + announce_schedule[vip->announce_step] <= core->now) {
		vip->announce_step++;
		due = true;
	}
	for (unsigned i = 0; due && i < vip->n_addrs; i++)
		core->addrs[vip->first_addr + i].announce = true;
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
		schedule_renewal(core, vip);
}

static void active_timer(struct core *core, struct vip *vip)
{
	if (late_is_lost(core, vip, false))
		return;
	if (vip->advert_ns <= core->now) {
		uint64_t late = core->now - vip->advert_ns;
		vip->counters.late_max_ns = max64(vip->counters.late_max_ns, late);
		vip->send_advert = true;
		vip->advert_ns += vip->cfg.advert_ns;
		if (vip->advert_ns <= core->now)
			vip->advert_ns = next_advert(core, vip);
		if (vip->renew_ns < core->now + vip->cfg.advert_ns)
			vip_renew(core, vip, false);
	}
	if (vip->renew_ns <= core->now)
		vip_renew(core, vip, false);
	conflict_timer(core, vip);
	run_schedule(core, vip);
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
	if (vip->heard_ns && silent < down && vip->heard_priority < vip->priority)
		return (struct reason){ .code = REASON_PREEMPTED,
					.arg = { vip->heard_priority, vip->priority },
					.ip = vip->heard_source };
	return (struct reason){ .code = REASON_SILENCE,
				.arg = { (int64_t)(vip->heard_ns ? silent : down), (int64_t)down } };
}

/* Nothing keeps it from taking over but the others of its group. */
static void win(struct core *core, struct vip *vip, struct reason reason)
{
	if (!has_group(core, vip)) {
		take(core, vip, reason);
		return;
	}
	if (!vip->won_ns) {
		vip->won_ns = core->now;
		vip->won_reason = reason;
	}
	vip->lower_ns = 0;
	vip->down_ns = core->now + vip_down_ns(vip); /* while it waits: only a timer can tell that it slept */
	take_if_all_won(core, vip);
}

static void down_timer(struct core *core, struct vip *vip)
{
	uint64_t late = core->now - vip->down_ns;

	if (late > max64(vip->interval_ns, LATE_BACKUP_MIN) && !vip->rearmed) {
		core_note(core, NOTE_LATE, vip_object(core, vip))->reason.arg[0] = (int64_t)late;
		vip->rearmed = true;
		vip->won_ns = 0;
		vip->down_ns = core->now + vip_down_ns(vip);
		if (vip->phase == PHASE_BACKUP)
			vip->reason = (struct reason){ .code = REASON_LATE_BACKUP, .arg = { (int64_t)late } };
		return;
	}
	win(core, vip, take_reason(core, vip));
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
			win(core, vip, take_reason(core, vip));
		break;
	case PHASE_LEAVING:
		if (vip->leave_ns <= core->now)
			leave_done(core, vip);
		else if (vip->renew_ns <= core->now)
			vip_renew(core, vip, false);
		if (vip->phase == PHASE_LEAVING && may_stand(core, vip) && vip->down_ns <= core->now)
			down_timer(core, vip);
		break;
	case PHASE_INIT:
	case PHASE_FAULT:
		if (vip->retry_ns <= core->now) {
			vip->retry_ns = NEVER;
			vip_link(core, vip);
		}
		break;
	case PHASE_TAKING:
		break;
	}
}

uint64_t vip_deadline(const struct core *core, const struct vip *vip)
{
	uint64_t due = min64(min64(vip->down_ns, vip_preempt_ns(vip)), min64(vip->advert_ns, vip->leave_ns));

	due = min64(due, min64(vip->renew_ns, min64(vip->retry_ns, vip->conflict_ns)));
	if (vip->announce_step < ANNOUNCE_STEPS)
		due = min64(due, vip->announce_base + announce_schedule[vip->announce_step]);
	if (vip->place_ns > core->now)
		due = min64(due, vip->place_ns);
	return due;
}

/* ---- health ------------------------------------------------------------------------------------------------------- */

/* Without preemption nobody would take over from an active one that has become worse. So it asks: says goodbye, goes on
 * answering, and stands at once as whoever hears a goodbye does (RFC 9568 §6.4.2), with its lower priority. The best takes
 * it, and may be itself. */
static void ask(struct core *core, struct vip *vip, unsigned before)
{
	if (vip->phase != PHASE_ACTIVE || is_owner(vip))
		return;
	leave(core, vip, (struct reason){ .code = REASON_HEALTH, .arg = { vip->priority, before } });
	vip->asked_ns = core->now;
	vip->down_ns = core->now + vip_skew_ns(vip);
	vip->left = false;
	vip->send_zero = true;
}

static void set_priority(struct core *core, struct vip *vip, unsigned lowered)
{
	unsigned before = vip->priority;

	vip->priority = (uint8_t)(vip->cfg.priority > lowered ? vip->cfg.priority - lowered : 1);
	if (vip->priority == before)
		return;
	core_dirty_vip(core, vip);
	if (vip->phase != PHASE_ACTIVE || late_is_lost(core, vip, false))
		return;
	if (vip->priority < before && !vip->cfg.preempt) {
		ask(core, vip, before);
	} else {
		vip->send_advert = true;
		vip->advert_ns = next_advert(core, vip);
	}
}

/* The members of a group have one effective priority, as they have one configured. */
static void share_priority(struct core *core, struct vip *vip)
{
	unsigned lowered = vip->lowered;

	for (const struct vip *m = next_member(core, vip); m != vip; m = next_member(core, m))
		lowered += m->lowered;
	set_priority(core, vip, lowered);
	for (struct vip *m = next_member(core, vip); m != vip; m = next_member(core, m))
		set_priority(core, m, lowered);
}

void vip_health(struct core *core, struct vip *vip)
{
	struct reason required = { .code = REASON_NONE };
	bool could = vip->required.code == REASON_NONE;

	vip->lowered = 0;
	for (unsigned i = vip->n_tracks; i-- > 0;) { /* the first of those that are required is the one that is named */
		const struct track *track = &core->tracks[vip->first_track + i];
		if (!track->why)
			continue;
		vip->lowered += track->cfg->lower;
		if (track->cfg->lower)
			continue;
		required = (struct reason){ .code = REASON_REQUIRED, .arg = { track->why } };
		memcpy(required.name, track->cfg->name, sizeof required.name);
	}
	if (memcmp(&required, &vip->required, sizeof required) != 0) {
		vip->required = required;
		core_dirty_vip(core, vip);
	}
	share_priority(core, vip);
	if (could != (required.code == REASON_NONE))
		vip_link(core, vip);
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
		enter_backup(core, vip, reason);
	if (vip->phase != PHASE_ACTIVE)
		return;
	leave(core, vip, reason);
	vip->down_ns = core->now + vip_down_ns(vip);
	vip->left = false;
	vip->send_zero = true;
}

/* With its group it leaves as at a stop, and then stands as one that does not preempt. Nobody may be there to take it: the Down timer
 * runs, is shorter than the stay in LEAVING, and so nothing is lost then. */
void vip_hand_over(struct core *core, struct vip *vip, bool force)
{
	late_is_lost(core, vip, false);
	if (vip->phase != PHASE_ACTIVE || is_owner(vip) || (!vip->heard_ns && !force))
		return;
	for (struct vip *m = next_member(core, vip); m != vip; m = next_member(core, m))
		give(core, m);
	give(core, vip);
}
