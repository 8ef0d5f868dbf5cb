/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Dispatch: one event updates the model, policy follows, the plan emits. */
#include "core/model.h"

#include <assert.h>

void core_dirty_vip(struct core *core, const struct vip *vip)
{
	queue_add(&core->dirty, unit_of_vip(core, vip));
}

/* One that is queued gets its time when it is planned. */
void core_retime_vip(struct core *core, const struct vip *vip)
{
	unsigned unit = unit_of_vip(core, vip);

	if (!core->dirty.queued[unit])
		heap_set(&core->heap, unit, vip_deadline(core, vip));
}

void core_dirty_bond(struct core *core, const struct bond *bond)
{
	queue_add(&core->dirty, unit_of_bond(core, bond));
}

void core_dirty_iface(struct core *core, const struct iface *iface)
{
	queue_add(&core->dirty, unit_of_iface(core, iface));
}

void core_dirty_rest(struct core *core)
{
	queue_add(&core->dirty, unit_rest(core));
}

void core_dirty_route(struct core *core, const struct route_place *place)
{
	if (place->bond != NONE)
		core_dirty_bond(core, &core->bonds[place->bond]);
	else if (place->vip != NONE)
		core_dirty_vip(core, &core->vips[place->vip]);
	else
		core_dirty_rest(core);
}

void core_dirty_peers(struct core *core)
{
	queue_add(&core->dirty, unit_peers(core));
}

void core_dirty_checks(struct core *core)
{
	queue_add(&core->dirty, unit_checks(core));
}

void core_dirty_owner(struct core *core, const struct addr *addr)
{
	switch (addr->owner) {
	case OWNER_VIP:
		core_dirty_vip(core, &core->vips[addr->owner_index]);
		break;
	case OWNER_BOND:
		core_dirty_bond(core, &core->bonds[addr->owner_index]);
		break;
	case OWNER_NOBODY:
		core_dirty_rest(core);
		break;
	}
}

void core_dirty_left_over(struct core *core, const struct addr *self)
{
	const struct addr *addr;
	unsigned cursor = 0;

	if (!core->n_orphans && !core->has_removed)
		return;
	while ((addr = model_addr_next(core, &self->ip, &cursor)) != NULL) {
		if (addr->owner == OWNER_NOBODY || (addr->owner == OWNER_VIP && core->vips[addr->owner_index].removed))
			core_dirty_owner(core, addr);
	}
}

struct note *core_note(struct core *core, enum note_code code, struct object object)
{
	struct action *action;

	if (core->n_notes == MAX_NOTES) {
		core->counters.notes_lost++;
		memmove(&core->notes[0], &core->notes[1], (MAX_NOTES - 1) * sizeof core->notes[0]);
		core->n_notes--;
	}
	action = &core->notes[core->n_notes++];
	memset(action, 0, sizeof *action);
	action->type = ACT_NOTE;
	action->object = object;
	action->u.note.code = code;
	core_dirty_rest(core);
	return &action->u.note;
}

/* splitmix64: enough for jitter, and the same in every world with the same seed. */
uint64_t core_random(struct core *core)
{
	uint64_t z = core->random += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

uint64_t core_address_hash(const struct ip *ip)
{
	return fnv1a(fnv1a(FNV1A_START, &ip->family, 1), ip->bytes, ip_size(ip->family));
}

static struct vip *find_vip(struct core *core, const struct iface *iface, uint8_t family, uint8_t vrid)
{
	unsigned index;

	if (iface->lan == NONE)
		return NULL;
	index = core->lans[iface->lan].vip[six(family)][vrid];
	return index ? &core->vips[index - 1] : NULL;
}

static bool is_peer(const struct core *core, const struct vip *vip, const struct ip *source)
{
	for (unsigned i = 0; i < vip->n_peers; i++) {
		if (ip_equal(&core->config.peers[vip->cfg.first_peer + i], source))
			return true;
	}
	return false;
}

/* What only who knows the virtual router can see in an advert (RFC 9568 §7.1, RFC 3768 §7.1). */
static enum drop_reason refuse(const struct core *core, const struct vip *vip, const struct event_advert *advert)
{
	uint8_t auth_type = vip->cfg.has_auth ? 1 : 0;

	if (vip->cfg.n_peers && !is_peer(core, vip, &advert->source))
		return DROP_NOT_PEER;
	if (advert->version != vip->cfg.version)
		return DROP_VERSION;
	if (advert->version != 2)
		return DROP_NONE;
	if (advert->auth_type != auth_type || (auth_type && memcmp(advert->auth, vip->cfg.auth, AUTH_SIZE) != 0))
		return DROP_V2_AUTH;
	return advert->interval_ns == vip->cfg.advert_ns ? DROP_NONE : DROP_V2_INTERVAL;
}

/* Vips that a reload removed still listen for their successors, also where another lan has their interface now. */
static void tell_removed(struct core *core, const struct iface *iface, const struct event_advert *advert)
{
	for (unsigned i = 0; i < core->n_vips; i++) {
		struct vip *vip = &core->vips[i];
		if (vip->removed && !vip->gone && vip->cfg.vrid == advert->vrid && vip->cfg.family == advert->family &&
		    model_vip_uses(core, vip, iface) && refuse(core, vip, advert) == DROP_NONE)
			vip_advert(core, vip, advert);
	}
}

static void handle_advert(struct core *core, const struct event_advert *advert)
{
	struct iface *iface = model_iface_by_index(core, advert->ifindex);
	struct vip *vip = iface ? find_vip(core, iface, advert->family, advert->vrid) : NULL;
	enum drop_reason reason;

	if (iface && core->has_removed && iface->lan != NONE &&
	    !model_is_own_source(core, &core->lans[iface->lan], &advert->source))
		tell_removed(core, iface, advert);
	if (vip && vip->removed)
		return;
	if (!vip) {
		core->counters.dropped[DROP_VRID]++;
		return;
	}
	if (model_is_own_source(core, &core->lans[iface->lan], &advert->source)) {
		core->counters.dropped[DROP_OWN_SOURCE]++;
		return;
	}
	reason = refuse(core, vip, advert);
	if (reason)
		core->counters.dropped[reason]++;
	else
		vip_advert(core, vip, advert);
}

/* What we announce by one port of a bond may come back by another. */
static bool is_own_claim(const struct core *core, const struct addr *addr, const struct event_claim *claim)
{
	for (unsigned i = 0; i < addr->n_places; i++) {
		const struct place *place = &core->places[addr->first_place + i];
		if (memcmp(core->ifaces[place->iface].mac, claim->mac, MAC_SIZE) == 0)
			return true;
	}
	return false;
}

static void handle_claim(struct core *core, const struct event_claim *claim)
{
	struct iface *iface = model_iface_by_index(core, claim->ifindex);
	struct addr *addr;
	unsigned cursor = 0;

	if (!iface || (iface->lan != NONE && model_is_own_mac(core, &core->lans[iface->lan], claim->mac)))
		return;
	while ((addr = model_addr_next(core, &claim->ip, &cursor)) != NULL) {
		struct vip *vip = addr->owner == OWNER_VIP ? &core->vips[addr->owner_index] : NULL;
		bool heard = vip && (addr_is_away(addr) ? model_place_on(core, addr, iface) && !is_own_claim(core, addr, claim)
							: iface->lan != NONE && model_vip_uses(core, vip, iface));
		if (heard)
			vip_claim(core, vip, addr, claim);
	}
}

bool core_wants_claim(const struct core *core, const struct ip *ip)
{
	unsigned cursor = 0;
	const struct addr *addr;

	while ((addr = model_addr_next(core, ip, &cursor)) != NULL) {
		if (addr->owner == OWNER_VIP)
			return true;
	}
	return false;
}

static void handle_resume(struct core *core, const struct event_resume *record)
{
	if (!core->resumes || core->n_resumes == MAX_RESUMES || core->snap_known)
		return;
	core->resumes[core->n_resumes++] = *record;
}

static struct vip *vip_by_name(struct core *core, const char *name)
{
	for (unsigned i = 0; i < core->n_vips; i++) {
		if (!core->vips[i].removed && strcmp(core->vips[i].cfg.name, name) == 0)
			return &core->vips[i];
	}
	return NULL;
}

static void drain(struct core *core, bool drained)
{
	if (core->drained != drained) {
		core->drained = drained;
		core->roles_serial++;
		core_note(core, drained ? NOTE_DRAINED : NOTE_UNDRAINED, (struct object){ .type = OBJECT_NODE });
	}
	for (unsigned i = 0; i < core->n_vips; i++) {
		if (!drained)
			vip_set_given(core, &core->vips[i], 0);
		vip_link(core, &core->vips[i]);
		vip_come_back(core, &core->vips[i]);
	}
}

static void handle_role(struct core *core, const struct event_role *role)
{
	struct vip *vip = vip_by_name(core, role->vip);

	if (core->stopping)
		return;
	switch ((enum role_order)role->order) {
	case ROLE_HANDOVER:
		if (vip)
			vip_hand_over(core, vip, role->force);
		break;
	case ROLE_DRAIN:
		drain(core, true);
		break;
	case ROLE_UNDRAIN:
		drain(core, false);
		break;
	case ROLE_GIVEN:
		if (vip && !core->snap_known)
			vip_set_given(core, vip, core->now);
		break;
	}
}

static void handle_stop(struct core *core)
{
	uint64_t longest = 0;

	if (core->stopping)
		return;
	core->stopping = true;
	for (unsigned i = 0; i < core->n_vips; i++) {
		vip_stop(core, &core->vips[i], REASON_STOPPING);
		longest = max64(longest, core->vips[i].cfg.leave_timeout_ns);
	}
	core->stop_ns = core->now + longest + STOP_GRACE;
	core_dirty_rest(core);
}

static void fire_rest(struct core *core)
{
	if (core->snap_retry_ns && core->snap_retry_ns <= core->now) {
		core->snap_retry_ns = 0;
		core->snap_wanted = true;
	}
	core_dirty_rest(core);
}

/* Every unit whose time has come. A unit's deadline moves on when it is planned; taking it out here keeps the loop
 * finite. */
static void handle_timers(struct core *core)
{
	unsigned unit;

	while (heap_first(&core->heap, &unit) <= core->now) {
		heap_set(&core->heap, unit, NEVER);
		queue_add(&core->dirty, unit);
		if (unit < core->n_vips)
			vip_timer(core, &core->vips[unit]);
		else if (unit < core->n_vips + core->n_bonds)
			bond_timer(core, &core->bonds[unit - core->n_vips]);
		else if (unit == unit_rest(core))
			fire_rest(core);
		else if (unit == unit_peers(core))
			peer_timer(core);
		else if (unit == unit_checks(core))
			check_timer(core);
	}
}

void core_dispatch(struct core *core, const struct event *event)
{
	struct vip *vip;

	switch (event->type) {
	case EV_CONTINUE:
		break;
	case EV_TIMER:
		handle_timers(core);
		break;
	case EV_LINK:
		model_link(core, event);
		if (!event->u.link.up && !event->epoch) /* a dump shows the routes itself, and a live event is newer */
			track_device_gone(core, event->u.link.ifindex);
		core->tracks_changed = true;
		break;
	case EV_LINK_GONE:
		model_link_gone(core, event);
		track_device_gone(core, event->u.link.ifindex);
		core->tracks_changed = true;
		break;
	case EV_ADDRESS:
		model_address(core, event);
		break;
	case EV_ADDRESS_GONE:
		model_address_gone(core, event);
		break;
	case EV_ROUTE:
		model_route(core, event);
		track_route(core, event);
		break;
	case EV_ROUTE_GONE:
		model_route_gone(core, event);
		track_route(core, event);
		break;
	case EV_RULE:
	case EV_RULE_GONE:
		rule_event(core, event);
		break;
	case EV_SNAP_BEGIN:
		model_snap_begin(core, event);
		break;
	case EV_SNAP_END:
		model_snap_end(core, event);
		break;
	case EV_OVERRUN:
		model_overrun(core);
		break;
	case EV_DONE:
		answer_done(core, &event->u.result);
		break;
	case EV_FAILED:
		answer_failed(core, &event->u.result);
		break;
	case EV_ADVERT:
		handle_advert(core, &event->u.advert);
		break;
	case EV_DROPPED:
		if (event->u.dropped.reason < DROP_REASONS)
			core->counters.dropped[event->u.dropped.reason]++;
		break;
	case EV_PROBE:
		probe_answer(core, &event->u.probe);
		break;
	case EV_TEAM:
		model_team(core, event);
		break;
	case EV_DEVICE:
		model_device(core, event);
		break;
	case EV_SWITCH:
		bond_switch(core, &event->u.select);
		break;
	case EV_CLAIM:
		handle_claim(core, &event->u.claim);
		break;
	case EV_ROLE:
		handle_role(core, &event->u.role);
		break;
	case EV_RESUME:
		handle_resume(core, &event->u.resume);
		break;
	case EV_LEFTOVER:
		model_leftover(core, event);
		break;
	case EV_LEFTOVER_ROUTE:
		model_leftover_route(core, event);
		break;
	case EV_LEFTOVER_RULE:
		rule_leftover(core, event);
		break;
	case EV_STOP:
		handle_stop(core);
		break;
	case EV_RESUME_BOND:
		succession_bond(core, &event->u.resume_bond);
		break;
	case EV_RESUME_PORT:
		succession_port(core, &event->u.resume_port);
		break;
	case EV_RESUME_TARGET:
		succession_target(core, &event->u.resume_target);
		break;
	case EV_LOAN:
		vmac_loan(core, event);
		break;
	case EV_HEARTBEAT:
		peer_heartbeat(core, &event->u.heartbeat);
		break;
	case EV_LINE_ENDED:
		peer_line_ended(core, &event->u.line);
		break;
	case EV_CHECK:
		check_result(core, &event->u.check);
		break;
	case EV_RESUME_CHECK:
		check_resume(core, &event->u.resume_check);
		break;
	case EV_RESUME_NODE:
		succession_node(core, &event->u.resume_node);
		break;
	case EV_RESUME_PEER:
		succession_peer(core, &event->u.resume_peer);
		break;
	case EV_RESUME_FORMER:
		succession_former(core, &event->u.resume_former);
		break;
	case EV_RESUME_PATH:
		succession_path(core, &event->u.resume_path);
		break;
	case EV_HOOKS:
		vip = vip_by_name(core, event->u.hooks.vip);
		if (vip)
			vip_unblock(core, vip);
		break;
	case EV_TYPES:
		assert(!"an event of no type");
	}
	if (core->tracks_changed && core->n_peers)
		peer_update(core);
	if (core->tracks_changed)
		track_update(core);
	if (!core->stands_in)
		claim_policy(core);
}

/* What is told of before the first snapshot, and may make it ask for routes and rules. */
static bool is_early(const struct core *core, enum event_type type)
{
	return !core->epoch && (type == EV_RESUME || type == EV_LEFTOVER || type == EV_LEFTOVER_ROUTE || type == EV_LEFTOVER_RULE ||
				type == EV_LOAN || type == EV_ROLE || type == EV_RESUME_CHECK || type == EV_RESUME_NODE ||
				type == EV_RESUME_PEER || type == EV_RESUME_FORMER || type == EV_RESUME_PATH);
}

static void begin_step(struct core *core, const struct event *event)
{
	if (event->now_ns > core->now)
		core->now = event->now_ns;
	core->seen = event->seen_ns && event->seen_ns < core->now ? event->seen_ns : core->now;
	plan_anew(core);
	if (!core->ifaces) /* not configured yet */
		return;
	core->early = is_early(core, event->type) || (core->early && event->type == EV_CONTINUE);
	core_dispatch(core, event);
}

size_t core_step(struct core *core, const struct event *event, struct action *out, size_t cap, bool *more)
{
	size_t n;

	assert(cap >= 16);
	*more = false;
	if (!core->continues || event->type != EV_CONTINUE)
		begin_step(core, event);
	if (!core->ifaces)
		return 0;
	n = plan(core, out, cap, more);
	if (core->early)
		core_dirty_rest(core);
	core->early &= *more;
	return n;
}

void core_stand_in(struct core *core)
{
	core->stands_in = true;
}

void core_was_deaf(struct core *core, uint64_t now_ns)
{
	core->grace_ns = max64(core->grace_ns, now_ns);
}

uint64_t core_deadline(const struct core *core)
{
	unsigned unit;

	return core->ifaces ? heap_first(&core->heap, &unit) : NEVER;
}

const struct core_counters *core_counters(const struct core *core)
{
	return &core->counters;
}
