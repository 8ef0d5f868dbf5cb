/* SPDX-License-Identifier: GPL-2.0-or-later */
/* should − (is + in flight) → actions.
 *
 * Units that something happened to wait in a queue. Each pass emits one kind of action for all of them: adverts that are
 * due, announcements, first adverts (an address is announced before its vip speaks), then changes, then notes. Every
 * pass emits only what is still due, so that a plan which ran out of room goes on with the unit that had none. */
#include "core/plan.h"

struct action *plan_emit(struct out *out, enum action_type type, struct object object)
{
	struct action *action;

	if (out->n == out->cap) {
		out->full = true;
		return NULL;
	}
	action = &out->items[out->n++];
	memset(action, 0, sizeof *action);
	action->type = type;
	action->object = object;
	return action;
}

struct action *plan_emit_change(struct core *core, struct out *out, struct change *change, enum action_type type,
				  struct object object)
{
	struct action *action = plan_emit(out, type, object);

	if (!action)
		return NULL;
	if (++core->gen == 0) /* 0 means: nothing in flight */
		core->gen = 1;
	action->gen = core->gen;
	change->gen = core->gen;
	change->type = (uint8_t)type;
	change->told = false;
	return action;
}

static struct object owner_object(const struct addr *addr)
{
	static const enum object_type types[] = {
		[OWNER_VIP] = OBJECT_VIP, [OWNER_BOND] = OBJECT_BOND, [OWNER_NOBODY] = OBJECT_NODE
	};

	return (struct object){ .type = types[addr->owner], .index = addr->owner_index, .sub = addr->number };
}

struct object plan_bond_object(const struct core *core, const struct bond *bond)
{
	return (struct object){ .type = OBJECT_BOND, .index = (uint16_t)(bond - core->bonds) };
}

/* ---- sends -------------------------------------------------------------------------------------------------------- */

static bool emit_advert(struct core *core, struct out *out, struct vip *vip, uint8_t priority)
{
	const struct iface *iface = vip_iface(core, vip);
	struct action *action;

	if (!iface || vip->source.family == FAMILY_NONE || (vip->cfg.n_peers && !vip->n_peers))
		return true;
	action = plan_emit(out, ACT_ADVERT, vip_object(core, vip));
	if (!action)
		return false;
	action->u.advert = (struct action_advert){
		.ifindex = iface->ifindex,
		.family = vip->cfg.family,
		.version = vip->cfg.version,
		.vrid = vip->cfg.vrid,
		.priority = priority,
		.has_auth = vip->cfg.has_auth,
		.interval_cs = (uint16_t)(vip->cfg.advert_ns / (10 * NSEC_PER_MSEC)),
		.checksum = vip_checksum(vip),
		.source = vip->source,
		.addresses = core->config.addresses + vip->cfg.first_address,
		.n_addresses = vip->cfg.n_listed,
		.peers = core->config.peers + vip->cfg.first_peer,
		.n_peers = vip->n_peers,
	};
	memcpy(action->u.advert.auth, vip->cfg.auth, AUTH_SIZE);
	if (!vip->cfg.n_peers)
		memcpy(action->u.advert.mac, vip->vmac == NONE ? iface->mac : core->vmacs[vip->vmac].mac, MAC_SIZE);
	return true;
}

static void send_adverts(struct core *core, struct out *out, struct vip *vip, bool first)
{
	if (vip_by_claims(vip)) /* heartbeats say it */
		vip->send_zero = vip->send_advert = vip->first_advert = false;
	if (!first && vip->send_zero) {
		if (!emit_advert(core, out, vip, 0))
			return;
		vip->send_zero = false;
		vip->said_goodbye = true;
		vip->counters.priority_zero_sent++;
	}
	if (!vip->send_advert || vip->first_advert != first || vip->phase != PHASE_ACTIVE)
		return;
	if (!emit_advert(core, out, vip, vip->priority))
		return;
	vip->send_advert = vip->first_advert = vip->said_goodbye = false;
	vip->sent_ns = core->now;
	vip->counters.adverts_sent++;
}

/* The interface that has the address, if it is where it belongs. */
static const struct iface *home_of(const struct core *core, const struct addr *addr)
{
	if (addr->owner == OWNER_VIP)
		return away_iface(core, &core->vips[addr->owner_index], addr);
	return bond_carrier_iface(core, &core->bonds[addr->owner_index]);
}

/* By which interface it is announced, and from which MAC address: a virtual one's device says nothing itself. */
static const struct iface *speaker(const struct core *core, const struct addr *addr, const struct iface *home, const uint8_t **mac)
{
	*mac = home->mac;
	if (home->vmac == NONE || addr->owner != OWNER_VIP)
		return home;
	*mac = core->vmacs[home->vmac].mac;
	return vip_iface(core, &core->vips[addr->owner_index]);
}

static bool emit_announce(struct out *out, struct object object, const struct iface *iface, const uint8_t mac[MAC_SIZE], const struct ip *ip)
{
	struct action *action = plan_emit(out, ACT_ANNOUNCE, object);

	if (!action)
		return false;
	action->u.announce.ifindex = iface->ifindex;
	action->u.announce.ip = *ip;
	memcpy(action->u.announce.mac, mac, MAC_SIZE);
	return true;
}

static void send_announcements(struct core *core, struct out *out, unsigned first_addr, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct addr *addr = &core->addrs[first_addr + i];
		const struct iface *home = addr->announce ? home_of(core, addr) : NULL, *iface = NULL;
		const uint8_t *mac = NULL;
		if (home)
			iface = speaker(core, addr, home, &mac);
		for (unsigned j = 0; iface && addr->announce && j < addr->n_places; j++) {
			const struct place *place = &core->places[addr->first_place + j];
			if (!place_is_there(place) || &core->ifaces[place->iface] != home)
				continue;
			if (!emit_announce(out, owner_object(addr), iface, mac, &addr->ip))
				return;
			addr->announce = false;
		}
	}
}

/* What a bond's device has besides its own addresses and its vips'. */
static void send_other_announcements(struct core *core, struct out *out, const struct bond *bond)
{
	struct iface *iface = bond->iface == NONE ? NULL : &core->ifaces[bond->iface];

	for (unsigned i = 0; iface && iface->ifindex && i < iface->n_sources; i++) {
		struct source *source = &iface->sources[i];
		if (!source->announce)
			continue;
		if (!emit_announce(out, plan_bond_object(core, bond), iface, iface->mac, &source->ip))
			return;
		source->announce = false;
	}
}

/* All addresses behind a virtual MAC address move with the first frame that has it: that waits until they are there. */
static bool may_announce(const struct core *core, const struct vip *vip)
{
	if (vip->vmac != NONE && vip->phase == PHASE_TAKING)
		return vip_missing(core, vip) == 0;
	return vip_holds(vip);
}

static void send_unit_announcements(struct core *core, struct out *out, unsigned unit)
{
	if (unit < core->n_vips) {
		const struct vip *vip = &core->vips[unit];
		if (may_announce(core, vip))
			send_announcements(core, out, vip->first_addr, vip->n_addrs);
	} else if (unit < core->n_vips + core->n_bonds) {
		const struct bond *bond = &core->bonds[unit - core->n_vips];
		if (bond->state != BOND_DOWN && !bond->removed) {
			send_announcements(core, out, bond->first_addr, bond->n_addrs);
			send_other_announcements(core, out, bond);
		}
	}
}

/* One pass over all units that wait. Where the plan ran out of room it goes on with the unit that had none left, so that the whole plan
 * looks at each unit once a pass, however many actions it has. */
static void pass(struct core *core, struct out *out, enum plan_pass which, void (*each)(struct core *, struct out *, unsigned unit))
{
	unsigned *at = &core->planned[which];

	while (*at < core->dirty.n && !out->full) {
		each(core, out, core->dirty.items[*at]);
		*at += !out->full;
	}
}

static void send_unit_adverts(struct core *core, struct out *out, unsigned unit)
{
	if (unit < core->n_vips)
		send_adverts(core, out, &core->vips[unit], false);
}

static void send_unit_first_adverts(struct core *core, struct out *out, unsigned unit)
{
	if (unit < core->n_vips)
		send_adverts(core, out, &core->vips[unit], true);
}

static void send_unit_probes(struct core *core, struct out *out, unsigned unit)
{
	if (unit >= core->n_vips && unit < core->n_vips + core->n_bonds)
		plan_probes(core, out, &core->bonds[unit - core->n_vips]);
}

static void plan_sends(struct core *core, struct out *out)
{
	pass(core, out, PASS_ADVERTS, send_unit_adverts);
	pass(core, out, PASS_ANNOUNCEMENTS, send_unit_announcements);
	pass(core, out, PASS_PROBES, send_unit_probes);
	pass(core, out, PASS_FIRST_ADVERTS, send_unit_first_adverts);
}

/* ---- addresses ---------------------------------------------------------------------------------------------------- */

/* An owner's addresses are real ones, a removed bond stays as it is: neither added nor removed. */
static bool is_untouchable(const struct core *core, const struct addr *addr)
{
	switch (addr->owner) {
	case OWNER_VIP:
		return core->vips[addr->owner_index].cfg.priority == 255;
	case OWNER_BOND:
		return core->bonds[addr->owner_index].removed;
	case OWNER_NOBODY:
		return false;
	}
	return true;
}

/* With whatever prefix, on whatever interface. */
static bool is_anywhere(const struct core *core, const struct ip *ip)
{
	const struct addr *addr;
	unsigned cursor = 0;

	while ((addr = model_addr_next(core, ip, &cursor)) != NULL) {
		for (unsigned i = 0; i < addr->n_places; i++) {
			if (core->places[addr->first_place + i].present)
				return true;
		}
	}
	return false;
}

bool plan_place_wanted(const struct core *core, const struct place *place)
{
	const struct addr *addr = &core->addrs[place->addr];
	const struct iface *iface = &core->ifaces[place->iface];
	const struct bond *bond;
	const struct vip *vip;

	if (!iface->ifindex || !iface->up || is_untouchable(core, addr))
		return false;
	switch (addr->owner) {
	case OWNER_VIP:
		vip = &core->vips[addr->owner_index];
		if (addr->released && vip->vmac != NONE)
			return false; /* the new holder's: no answer may come from its MAC address but its own */
		if (vip->phase == PHASE_LEAVING && !is_anywhere(core, &addr->ip))
			return false; /* nobody was told that we have it */
		return vip_wants_addresses(vip) && away_iface(core, vip, addr) == iface;
	case OWNER_BOND:
		bond = &core->bonds[addr->owner_index];
		if (bond_carrier_iface(core, bond) != iface || bond_is_rebuilding(core, bond))
			return false;
		if (bond->iface == NONE)
			return true;
		/* Duplicate detection fails for ever without carrier: where it is done (on a device), wait for it. */
		return bond_is_right_device(core, bond) && (addr->ip.family == FAMILY_4 || iface->carrier);
	case OWNER_NOBODY:
		return false;
	}
	return false;
}

/* The same address on the same interface under another owner: a vip that was moved by a reload, and its successor. */
static bool twin(const struct core *core, const struct place *place, bool (*is)(const struct core *, const struct place *))
{
	const struct addr *self = &core->addrs[place->addr], *addr;
	unsigned cursor = 0;

	while ((addr = model_addr_next(core, &self->ip, &cursor)) != NULL) {
		if (addr == self || addr->prefix != self->prefix)
			continue;
		for (unsigned i = 0; i < addr->n_places; i++) {
			const struct place *other = &core->places[addr->first_place + i];
			if (other->iface == place->iface && is(core, other))
				return true;
		}
	}
	return false;
}

static bool is_busy(const struct core *core, const struct place *place)
{
	(void)core;
	return place->change.gen != 0;
}

static bool is_wanted(const struct core *core, const struct place *place)
{
	const struct addr *addr = &core->addrs[place->addr];

	return plan_place_wanted(core, place) || (is_untouchable(core, addr) && place->present);
}

static uint32_t lifetime(const struct core *core, const struct addr *addr)
{
	if (addr->owner != OWNER_VIP || !vip_address_has_lease(core, addr))
		return UINT32_MAX;
	return (uint32_t)(core->vips[addr->owner_index].cfg.lease_ns / NSEC_PER_SEC);
}

static void emit_address(struct core *core, struct out *out, struct place *place, enum action_type type)
{
	const struct addr *addr = &core->addrs[place->addr];
	const struct iface *iface = &core->ifaces[place->iface];
	struct action *action = plan_emit_change(core, out, &place->change, type, owner_object(addr));

	if (!action)
		return;
	action->u.address = (struct action_address){
		.ifindex = iface->ifindex,
		.ip = addr->ip,
		.prefix = addr->prefix,
		.nodad = addr->owner == OWNER_VIP || core->bonds == NULL ||
			 (addr->owner == OWNER_BOND && core->bonds[addr->owner_index].iface == NONE),
		.lifetime_s = lifetime(core, addr),
		.metric = iface->vmac == NONE ? 0 : VMAC_METRIC,
	};
	memcpy(action->u.address.ifname, iface->name, IFNAME_SIZE);
}

/* A vip that a reload removed leaves the lifetime to its successor, which may have another lease. */
static bool may_renew(const struct core *core, const struct place *place)
{
	const struct addr *addr = &core->addrs[place->addr];

	return addr->owner != OWNER_VIP || !core->vips[addr->owner_index].removed || !twin(core, place, is_wanted);
}

/* When a device gets its first link-local address the kernel reports all its groups at once (net/ipv6/mcast.c,
 * ipv6_mc_dad_complete), and whatever leaves from a virtual router's MAC address draws the traffic of all its addresses here: so
 * the others have to be there before. */
static bool waits_for_others(const struct core *core, const struct place *place)
{
	const struct addr *addr = &core->addrs[place->addr];
	const struct vip *vip;
	unsigned missing = 0;

	if (core->ifaces[place->iface].vmac == NONE || addr->owner != OWNER_VIP || !ip_is_link_local(&addr->ip))
		return false;
	vip = &core->vips[addr->owner_index];
	for (unsigned i = 0; i < vip->n_addrs; i++) {
		const struct addr *other = &core->addrs[vip->first_addr + i];
		missing += !addr_is_away(other) && !ip_is_link_local(&other->ip) && !place_is_there(&core->places[other->first_place]);
	}
	return missing > 0;
}

static void add_or_renew(struct core *core, struct out *out, struct place *place)
{
	bool wanted = plan_place_wanted(core, place), renew = place->renew;

	if (wanted && !place->present) {
		if (change_ready(core, &place->change) && !twin(core, place, is_busy) && !waits_for_others(core, place))
			emit_address(core, out, place, ACT_ADDRESS_ADD);
	} else if (wanted && renew && place->ours && may_renew(core, place)) {
		if (place->change.gen || twin(core, place, is_busy))
			return;
		emit_address(core, out, place, ACT_ADDRESS_RENEW);
		place->renew = out->full;
	} else if (!wanted) {
		place->renew = false;
	}
}

/* Whether a reload has put it where it cannot be told yet whether it can be there. */
static bool is_undecided(const struct core *core, const struct place *place)
{
	const struct addr *addr = &core->addrs[place->addr];

	return addr->owner == OWNER_VIP && addr_is_away(addr) && !core->ifaces[place->iface].known &&
	       vip_wants_addresses(&core->vips[addr->owner_index]);
}

/* Whether the vip's device is being made for its addresses, which are elsewhere until then. */
static bool awaits_device(const struct core *core, const struct vip *vip)
{
	const struct vmac *vmac = vip->vmac == NONE ? NULL : &core->vmacs[vip->vmac];

	return vmac && vip_wants_addresses(vip) && !vmac->change.failures && vmac_trouble(core, vip).code == REASON_NONE &&
	       !(vmac_is_there(core, vmac) && core->ifaces[vmac->iface].up);
}

static bool is_going(const struct core *core, const struct place *place)
{
	(void)core;
	return place->change.gen && place->change.type == ACT_ADDRESS_DEL;
}

/* Make before break: an address that moves stays on the old interface until it is on the new one, unless the old one is
 * dead anyway; then both go in one batch. Whoever had it: a reload may have made an orphan of it. */
static bool may_go(const struct core *core, const struct place *place)
{
	const struct addr *self = &core->addrs[place->addr], *addr;
	unsigned cursor = 0;

	if (!core->ifaces[place->iface].carrier)
		return true;
	while ((addr = model_addr_next(core, &self->ip, &cursor)) != NULL) {
		if (addr != self && addr->owner == OWNER_VIP && awaits_device(core, &core->vips[addr->owner_index]))
			return false;
		for (unsigned i = 0; i < addr->n_places; i++) {
			const struct place *other = &core->places[addr->first_place + i];
			if (other != place &&
			    (plan_place_wanted(core, other) ? !place_is_there(other) || twin(core, other, is_going)
							    : is_undecided(core, other)))
				return false;
		}
	}
	return true;
}

/* Whether the bond uses another interface now than the one that the address is on. */
static bool moved_on(const struct core *core, const struct bond *bond, const struct place *place)
{
	const struct iface *carrier = bond_carrier_iface(core, bond);

	return carrier && carrier != &core->ifaces[place->iface];
}

static void remove_place(struct core *core, struct out *out, struct place *place)
{
	const struct addr *addr = &core->addrs[place->addr];

	if (!place->present || !place->ours || is_untouchable(core, addr) || plan_place_wanted(core, place))
		return;
	/* A bond's addresses move or stay; they never just go. */
	if (addr->owner == OWNER_BOND && !moved_on(core, &core->bonds[addr->owner_index], place))
		return;
	if (change_ready(core, &place->change) && !twin(core, place, is_wanted) && !twin(core, place, is_busy) &&
	    may_go(core, place))
		emit_address(core, out, place, ACT_ADDRESS_DEL);
}

void plan_addresses(struct core *core, struct out *out, unsigned first, unsigned n, bool removals)
{
	for (unsigned i = 0; i < n && !out->full; i++) {
		const struct addr *addr = &core->addrs[first + i];
		for (unsigned j = 0; j < addr->n_places && !out->full; j++) {
			if (removals)
				remove_place(core, out, &core->places[addr->first_place + j]);
			else
				add_or_renew(core, out, &core->places[addr->first_place + j]);
		}
	}
}

static uint64_t places_deadline(const struct core *core, unsigned first, unsigned n)
{
	uint64_t due = NEVER;

	for (unsigned i = 0; i < n; i++) {
		const struct addr *addr = &core->addrs[first + i];
		for (unsigned j = 0; j < addr->n_places; j++) {
			due = min64(due, change_deadline(core, &core->places[addr->first_place + j].change));
		}
	}
	return due;
}

static uint64_t routes_deadline(const struct core *core, const struct vip *vip)
{
	uint64_t due = NEVER;

	for (unsigned i = 0; i < vip->n_route_places; i++)
		due = min64(due, change_deadline(core, &core->route_places[vip->first_route_place + i].change));
	return due;
}

/* ---- sockets, snapshots, the end ---------------------------------------------------------------------------------- */

static void plan_ear(struct core *core, struct out *out, struct iface *iface, uint8_t family)
{
	struct ear *ear = &iface->ears[six(family)];
	bool wanted = ear->wanted && iface->ifindex && !core->stopping;
	struct action *action;

	if (ear->state == LISTEN_ON && (ear->ifindex != iface->ifindex || !ear->wanted) && !ear->closing.gen && !ear->opening.gen) {
		action = plan_emit_change(core, out, &ear->closing, ACT_UNLISTEN, (struct object){ .type = OBJECT_NODE });
		if (!action)
			return;
		ear->closing.target = ear->ifindex;
		action->u.listen = (struct action_listen){ .ifindex = ear->ifindex, .family = family };
		memcpy(action->u.listen.ifname, iface->name, IFNAME_SIZE);
		ear->state = LISTEN_OFF;
	}
	if (!wanted || (ear->state == LISTEN_ON && ear->unicast == !ear->group) || !change_ready(core, &ear->opening) ||
	    (ear->closing.gen && ear->closing.target == iface->ifindex))
		return;
	action = plan_emit_change(core, out, &ear->opening, ACT_LISTEN, (struct object){ .type = OBJECT_NODE });
	if (!action)
		return;
	action->u.listen = (struct action_listen){ .ifindex = iface->ifindex, .family = family, .unicast = !ear->group };
	memcpy(action->u.listen.ifname, iface->name, IFNAME_SIZE);
}

static void plan_resolve(struct out *out, struct iface *iface)
{
	struct action *action = iface->unresolved ? plan_emit(out, ACT_RESOLVE, (struct object){ .type = OBJECT_NODE }) : NULL;

	if (!action)
		return;
	action->u.resolve.ifindex = iface->ifindex;
	iface->unresolved = false;
}

static void plan_iface(struct core *core, struct out *out, struct iface *iface)
{
	if (!core->snap_known)
		return;
	plan_resolve(out, iface);
	plan_release(core, out, iface);
	plan_ear(core, out, iface, FAMILY_4);
	plan_ear(core, out, iface, FAMILY_6);
	plan_vmac_loans(core, out, iface);
}

static void plan_heartbeats(struct core *core, struct out *out)
{
	unsigned cursor = 0;
	struct object object;
	struct action_heartbeat heartbeat;

	while (out->n < out->cap && peer_next(core, &cursor, &object, &heartbeat))
		plan_emit(out, ACT_HEARTBEAT, object)->u.heartbeat = heartbeat;
	if (out->n == out->cap)
		out->full = true;
}

static bool all_let_go(const struct core *core)
{
	for (unsigned i = 0; i < core->n_vips; i++) {
		if (!core->vips[i].gone)
			return false;
	}
	for (unsigned i = 0; i < core->n_places; i++) {
		const struct place *place = &core->places[i];
		const struct addr *addr = &core->addrs[place->addr];
		if (addr->owner == OWNER_BOND || is_untouchable(core, addr))
			continue;
		if (place->change.gen || (place->present && place->ours && !twin(core, place, is_wanted)))
			return false;
	}
	for (unsigned i = 0; i < core->n_route_places; i++) {
		const struct route_place *place = &core->route_places[i];
		if (place->bond == NONE && (place->change.gen || (place->vip != NONE && place->had)))
			return false;
	}
	return vmac_all_let_go(core) && rules_let_go(core);
}

static bool has_other_tables(const struct core *core)
{
	for (unsigned i = 0; i < core->n_route_places; i++) {
		if (core->route_places[i].route->table)
			return true;
	}
	return false;
}

static void plan_rest(struct core *core, struct out *out)
{
	struct action *action;

	for (unsigned i = 0; i < core->n_places && core->snap_known && core->n_orphans; i++) {
		if (core->addrs[core->places[i].addr].owner == OWNER_NOBODY)
			remove_place(core, out, &core->places[i]);
	}
	for (unsigned i = 0; i < core->n_route_places && core->snap_known && core->n_orphans; i++)
		plan_remove_route(core, out, &core->route_places[i]);
	for (unsigned i = 0; i < core->n_vmacs && core->snap_known; i++) {
		if (core->vmacs[i].vip == NONE)
			plan_vmac_rest(core, out, &core->vmacs[i]);
	}
	if (core->snap_known && core->n_orphans)
		plan_orphan_rules(core, out);
	if (core->snap_wanted && !core->snap_open && !core->early) {
		action = plan_emit(out, ACT_SNAPSHOT, (struct object){ .type = OBJECT_NODE });
		if (!action)
			return;
		action->u.snapshot.epoch = ++core->epoch;
		action->u.snapshot.routes = core->n_route_places > 0 || core->n_watched > 0;
		action->u.snapshot.all_tables = has_other_tables(core);
		action->u.snapshot.rules = core->n_rules > 0;
		core->snap_wanted = false;
		core->snap_open = true;
	}
}

static void plan_stopped(struct core *core, struct out *out)
{
	if (!core->stopping || core->stopped || (core->now < core->stop_ns && (!core->snap_known || !all_let_go(core))))
		return;
	peer_goodbye(core);
	plan_heartbeats(core, out);
	if (!out->full && plan_emit(out, ACT_STOPPED, (struct object){ .type = OBJECT_NODE }))
		core->stopped = true;
}

static void plan_vip(struct core *core, struct out *out, struct vip *vip)
{
	struct vmac *vmac = vip->vmac == NONE ? NULL : &core->vmacs[vip->vmac];

	if (vmac)
		plan_vmac(core, out, vmac);
	plan_addresses(core, out, vip->first_addr, vip->n_addrs, false);
	plan_vip_routes(core, out, vip, false);
	plan_vip_rules(core, out, vip, false);
	plan_vip_rules(core, out, vip, true);
	plan_vip_routes(core, out, vip, true);
	plan_addresses(core, out, vip->first_addr, vip->n_addrs, true);
	if (vmac)
		plan_vmac_rest(core, out, vmac);
}

static void plan_changes(struct core *core, struct out *out, unsigned unit)
{
	unsigned bonds = core->n_vips, ifaces = core->n_vips + core->n_bonds;

	if (unit == unit_peers(core) || unit == unit_checks(core)) {
		return;
	} else if (unit == unit_rest(core)) {
		plan_rest(core, out);
	} else if (unit >= ifaces) {
		plan_iface(core, out, &core->ifaces[unit - ifaces]);
	} else if (!core->snap_known) {
		return;
	} else if (unit >= bonds) {
		plan_bond(core, out, &core->bonds[unit - bonds]);
	} else {
		plan_vip(core, out, &core->vips[unit]);
	}
}

/* ---- notes -------------------------------------------------------------------------------------------------------- */

/* Reasons that a person must hear of even where the state is the one that it was. */
static bool is_trouble(enum reason_code code)
{
	return code == REASON_INTERFACE_ABSENT || code == REASON_NO_SOURCE || code == REASON_OWNER_ADDRESS ||
	       code == REASON_CANNOT_LISTEN || code == REASON_PORT_FOREIGN || code == REASON_PORT_REFUSED ||
	       code == REASON_BOND_REFUSED || code == REASON_BOND_KIND || code == REASON_BOND_MODE || code == REASON_BOND_DRIVER ||
	       code == REASON_PORT_UNINITIALISED || code == REASON_PORT_VF_MAC || code == REASON_PORT_MTU ||
	       code == REASON_PORT_PROBES_LOST || code == REASON_BOND_PROBES_LOST || code == REASON_VLAN_KIND ||
	       code == REASON_VMAC_REFUSED || code == REASON_VMAC_KIND;
}

static struct action *emit_state(struct out *out, struct object object, uint8_t *told, uint8_t state, struct reason *told_reason,
		       struct reason reason)
{
	struct action *action;

	if (*told == state && (told_reason->code == reason.code || !is_trouble(reason.code)))
		return NULL;
	action = plan_emit(out, ACT_NOTE, object);
	if (!action)
		return NULL;
	action->u.note =
		(struct note){ .code = NOTE_STATE, .previous = *told, .state = state, .reason = reason };
	*told = state;
	*told_reason = reason;
	return action;
}

static void note_vip(struct core *core, struct out *out, struct vip *vip)
{
	struct action *action;
	uint8_t told;

	if (vip->kept && succession_settle(vip))
		return;
	told = (uint8_t)vip->told;
	action = emit_state(out, vip_object(core, vip), &told, (uint8_t)vip_state_of(vip), &vip->told_reason, vip->reason);
	if (action && vip->phase == PHASE_ACTIVE) {
		action->u.note.prepared = vip->prepared;
		vip->prepared = false;
	}
	vip->told = told;
}

/* What a predecessor in this process had told of it is no news. */
static void settle_bond(struct bond *bond)
{
	bond->kept = false;
	if (bond->told == bond->state)
		bond->told_reason = bond->reason;
	for (unsigned i = 0; i < bond->n_ports; i++) {
		if (bond->ports[i].told == bond->ports[i].state)
			bond->ports[i].told_reason = bond->ports[i].reason;
	}
}

static void note_bond(struct core *core, struct out *out, struct bond *bond)
{
	uint8_t told;

	if (bond->kept && core->snap_known)
		settle_bond(bond);
	for (unsigned i = 0; i < bond->n_ports && core->snap_known; i++) {
		struct port *port = &bond->ports[i];
		if (port_is_hidden(core, port))
			continue;
		told = (uint8_t)port->told;
		emit_state(out,
			   (struct object){ .type = OBJECT_PORT,
					    .index = (uint16_t)(bond - core->bonds),
					    .sub = (uint16_t)i },
			   &told, (uint8_t)port->state, &port->told_reason, port->reason);
		port->told = told;
	}
	told = (uint8_t)bond->told;
	emit_state(out, plan_bond_object(core, bond), &told, (uint8_t)bond->state, &bond->told_reason, bond->reason);
	bond->told = told;
}

static void note_peers(struct core *core, struct out *out)
{
	for (unsigned i = 0; i < core->n_peers && core->snap_known; i++) {
		struct peer *peer = &core->peers[i];
		struct object object = { .type = OBJECT_PEER, .index = (uint16_t)i };
		uint8_t told = (uint8_t)peer->told;
		emit_state(out, object, &told, (uint8_t)peer->state, &peer->told_reason, peer->reason);
		peer->told = told;
		for (unsigned j = 0; j < peer->n_lanes; j++) {
			struct lane *lane = &core->lanes[peer->first_lane + j];
			object = (struct object){ .type = OBJECT_PATH, .index = (uint16_t)i, .sub = (uint16_t)j };
			told = (uint8_t)lane->told;
			emit_state(out, object, &told, (uint8_t)lane->state, &lane->told_reason, lane->reason);
			lane->told = told;
		}
	}
}

static void note_checks(struct core *core, struct out *out)
{
	for (unsigned i = 0; i < core->n_checks && !out->full; i++) {
		struct check *check = &core->checks[i];
		struct object object = { .type = OBJECT_CHECK, .index = (uint16_t)i };
		struct reason reason = check_reason(check), told_reason = reason;
		uint8_t told = (uint8_t)check->told;
		struct action *action;

		emit_state(out, object, &told, (uint8_t)check->state, &told_reason, reason);
		check->told = told;
		if (check->silent == check->told_silent)
			continue;
		action = plan_emit(out, ACT_NOTE, object);
		if (!action)
			return;
		action->u.note = (struct note){ .code = check->silent ? NOTE_CHECK_SILENT : NOTE_CHECK_BACK };
		action->u.note.reason.arg[0] = (int64_t)check->silence_ns;
		check->told_silent = check->silent;
	}
}

static void note_unit_bond(struct core *core, struct out *out, unsigned unit)
{
	if (unit >= core->n_vips && unit < core->n_vips + core->n_bonds)
		note_bond(core, out, &core->bonds[unit - core->n_vips]);
}

static void note_unit_vip(struct core *core, struct out *out, unsigned unit)
{
	if (unit < core->n_vips)
		note_vip(core, out, &core->vips[unit]);
}

static void plan_notes(struct core *core, struct out *out)
{
	unsigned done = 0;

	pass(core, out, PASS_BOND_NOTES, note_unit_bond);
	if (core->dirty.queued[unit_checks(core)]) /* before what rests on them */
		note_checks(core, out);
	pass(core, out, PASS_VIP_NOTES, note_unit_vip);
	if (core->n_peers && core->dirty.queued[unit_peers(core)])
		note_peers(core, out);
	for (; done < core->n_notes; done++) {
		struct action *action = plan_emit(out, ACT_NOTE, core->notes[done].object);
		if (!action)
			break;
		*action = core->notes[done];
	}
	core->n_notes -= done;
	memmove(&core->notes[0], &core->notes[done], core->n_notes * sizeof core->notes[0]);
}

static uint64_t rest_deadline(const struct core *core)
{
	uint64_t due = core->snap_retry_ns ? core->snap_retry_ns : NEVER;

	if (core->stopping && !core->stopped)
		due = min64(due, core->stop_ns);
	for (unsigned i = 0; i < core->n_places && core->n_orphans; i++) {
		if (core->addrs[core->places[i].addr].owner == OWNER_NOBODY)
			due = min64(due, change_deadline(core, &core->places[i].change));
	}
	for (unsigned i = 0; i < core->n_route_places && core->n_orphans; i++) {
		if (route_is_orphan(&core->route_places[i]))
			due = min64(due, change_deadline(core, &core->route_places[i].change));
	}
	for (unsigned i = 0; i < core->n_vmacs; i++) {
		if (core->vmacs[i].vip == NONE)
			due = min64(due, vmac_deadline(core, &core->vmacs[i]));
	}
	return min64(due, rules_deadline(core, core->n_owned_rules, core->n_rules - core->n_owned_rules));
}

static uint64_t iface_deadline(const struct core *core, const struct iface *iface)
{
	uint64_t due = min64(change_deadline(core, &iface->ears[0].opening), change_deadline(core, &iface->ears[1].opening));

	return min64(min64(change_deadline(core, &iface->releasing), due), vmac_loans_deadline(core, iface));
}

static uint64_t unit_deadline(struct core *core, unsigned unit)
{
	unsigned bonds = core->n_vips, ifaces = core->n_vips + core->n_bonds;

	if (unit < bonds) {
		struct vip *vip = &core->vips[unit];
		vip->place_ns = min64(places_deadline(core, vip->first_addr, vip->n_addrs), routes_deadline(core, vip));
		vip->place_ns = min64(vip->place_ns, rules_deadline(core, vip->first_rule, vip->cfg.n_rules));
		return vip_deadline(core, vip);
	}
	if (unit < ifaces)
		return bond_deadline(core, &core->bonds[unit - bonds]);
	if (unit == unit_peers(core))
		return peer_deadline(core);
	if (unit == unit_checks(core))
		return check_deadline(core);
	if (unit < unit_rest(core))
		return iface_deadline(core, &core->ifaces[unit - ifaces]);
	return rest_deadline(core);
}

void plan_anew(struct core *core)
{
	memset(core->planned, 0, sizeof core->planned);
	core->continues = false;
}

size_t plan(struct core *core, struct action *items, size_t cap, bool *more)
{
	struct out out = { .items = items, .cap = cap };

	plan_sends(core, &out);
	if (!out.full && core->n_peers)
		plan_heartbeats(core, &out);
	pass(core, &out, PASS_CHANGES, plan_changes);
	if (!out.full)
		plan_notes(core, &out);
	if (!out.full)
		plan_stopped(core, &out);
	*more = out.full;
	core->continues = out.full;
	if (out.full) /* the rest of it is planned before anything else happens */
		return out.n;
	memset(core->planned, 0, sizeof core->planned);
	for (unsigned i = 0; i < core->dirty.n; i++) {
		heap_set(&core->heap, core->dirty.items[i], unit_deadline(core, core->dirty.items[i]));
		core->dirty.queued[core->dirty.items[i]] = 0;
	}
	core->dirty.n = 0;
	return out.n;
}

