/* SPDX-License-Identifier: GPL-2.0-or-later */
/* should − (is + in flight) → actions.
 *
 * Units that something happened to wait in a queue. Each pass emits one kind of action for all of them: adverts that are
 * due, announcements, first adverts (an address is announced before its vip speaks), then changes, then notes. Every
 * pass emits only what is still due, so that a plan which ran out of room is simply made again. */
#include "core/internal.h"

struct out {
	struct action *items;
	size_t n, cap;
	bool full;
};

static struct action *emit(struct out *out, enum action_type type, struct object object)
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

static struct action *emit_change(struct core *core, struct out *out, struct change *change, enum action_type type,
				  struct object object)
{
	struct action *action = emit(out, type, object);

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

static struct object bond_object(const struct core *core, const struct bond *bond)
{
	return (struct object){ .type = OBJECT_BOND, .index = (uint16_t)(bond - core->bonds) };
}

static struct object vip_object(const struct core *core, const struct vip *vip)
{
	return (struct object){ .type = OBJECT_VIP, .index = (uint16_t)unit_of_vip(core, vip) };
}

/* ---- sends -------------------------------------------------------------------------------------------------------- */

static bool emit_advert(struct core *core, struct out *out, struct vip *vip, uint8_t priority)
{
	const struct iface *iface = vip_iface(core, vip);
	struct action *action;

	if (!iface || vip->source.family == FAMILY_NONE)
		return true;
	action = emit(out, ACT_ADVERT, vip_object(core, vip));
	if (!action)
		return false;
	action->u.advert = (struct action_advert){
		.ifindex = iface->ifindex,
		.family = vip->cfg.family,
		.vrid = vip->cfg.vrid,
		.priority = priority,
		.interval_cs = (uint16_t)(vip->cfg.advert_ns / (10 * NSEC_PER_MSEC)),
		.source = vip->source,
		.addresses = core->config.addresses + vip->cfg.first_address,
		.n_addresses = vip->cfg.n_listed,
	};
	return true;
}

static void send_adverts(struct core *core, struct out *out, struct vip *vip, bool first)
{
	if (!first && vip->send_zero) {
		if (!emit_advert(core, out, vip, 0))
			return;
		vip->send_zero = false;
		vip->counters.priority_zero_sent++;
	}
	if (!vip->send_advert || vip->first_advert != first || vip->phase != PHASE_ACTIVE)
		return;
	if (!emit_advert(core, out, vip, vip->cfg.priority))
		return;
	vip->send_advert = vip->first_advert = false;
	vip->sent_ns = core->now;
	vip->counters.adverts_sent++;
}

static void send_announcements(struct core *core, struct out *out, unsigned first_addr, unsigned n,
			       const struct iface *iface)
{
	for (unsigned i = 0; iface && i < n; i++) {
		struct addr *addr = &core->addrs[first_addr + i];
		for (unsigned j = 0; addr->announce && j < addr->n_places; j++) {
			const struct place *place = &core->places[addr->first_place + j];
			struct action *action;
			if (!place->present || &core->ifaces[place->iface] != iface)
				continue;
			action = emit(out, ACT_ANNOUNCE, owner_object(addr));
			if (!action)
				return;
			action->u.announce.ifindex = iface->ifindex;
			action->u.announce.ip = addr->ip;
			memcpy(action->u.announce.mac, iface->mac, MAC_SIZE);
			addr->announce = false;
		}
	}
}

static void send_unit_announcements(struct core *core, struct out *out, unsigned unit)
{
	if (unit < core->n_vips) {
		const struct vip *vip = &core->vips[unit];
		if (vip->phase == PHASE_TAKING || vip->phase == PHASE_ACTIVE)
			send_announcements(core, out, vip->first_addr, vip->n_addrs, vip_iface(core, vip));
	} else if (unit < core->n_vips + core->n_bonds) {
		const struct bond *bond = &core->bonds[unit - core->n_vips];
		if (bond->state != BOND_DOWN && !bond->removed)
			send_announcements(core, out, bond->first_addr, bond->n_addrs, bond_carrier_iface(core, bond));
	}
}

static void plan_sends(struct core *core, struct out *out)
{
	for (unsigned i = 0; i < core->dirty.n && !out->full; i++) {
		if (core->dirty.items[i] < core->n_vips)
			send_adverts(core, out, &core->vips[core->dirty.items[i]], false);
	}
	for (unsigned i = 0; i < core->dirty.n && !out->full; i++)
		send_unit_announcements(core, out, core->dirty.items[i]);
	for (unsigned i = 0; i < core->dirty.n && !out->full; i++) {
		if (core->dirty.items[i] < core->n_vips)
			send_adverts(core, out, &core->vips[core->dirty.items[i]], true);
	}
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
		return vip_wants_addresses(vip) && !addr->released && vip_iface(core, vip) == iface;
	case OWNER_BOND:
		bond = &core->bonds[addr->owner_index];
		if (bond_carrier_iface(core, bond) != iface)
			return false;
		/* Duplicate detection fails for ever without carrier: where it is done (driver kernel), wait for it. */
		return bond->iface == NONE || (iface->kind == KIND_BOND && (addr->ip.family == FAMILY_4 || iface->carrier));
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
	const struct vip *vip;

	if (addr->owner != OWNER_VIP)
		return UINT32_MAX;
	vip = &core->vips[addr->owner_index];
	if (addr->ip.family == FAMILY_6 && !vip_has_lease(core, vip))
		return UINT32_MAX;
	return (uint32_t)(vip->cfg.lease_ns / NSEC_PER_SEC);
}

static void emit_address(struct core *core, struct out *out, struct place *place, enum action_type type)
{
	const struct addr *addr = &core->addrs[place->addr];
	const struct iface *iface = &core->ifaces[place->iface];
	struct action *action = emit_change(core, out, &place->change, type, owner_object(addr));

	if (!action)
		return;
	action->u.address = (struct action_address){
		.ifindex = iface->ifindex,
		.ip = addr->ip,
		.prefix = addr->prefix,
		.nodad = addr->owner == OWNER_VIP || core->bonds == NULL ||
			 (addr->owner == OWNER_BOND && core->bonds[addr->owner_index].iface == NONE),
		.lifetime_s = lifetime(core, addr),
	};
	memcpy(action->u.address.ifname, iface->name, IFNAME_SIZE);
}

static void add_or_renew(struct core *core, struct out *out, struct place *place)
{
	bool wanted = plan_place_wanted(core, place), renew = place->renew;

	if (wanted && !place->present) {
		if (change_ready(core, &place->change) && !twin(core, place, is_busy))
			emit_address(core, out, place, ACT_ADDRESS_ADD);
	} else if (wanted && renew && place->ours && place->change.gen == 0) {
		emit_address(core, out, place, ACT_ADDRESS_RENEW);
		place->renew = out->full;
	} else if (!wanted) {
		place->renew = false;
	}
}

/* Make before break: an address that moves stays on the old interface until it is on the new one, unless the old one is
 * dead anyway; then both go in one batch. */
static bool may_go(const struct core *core, const struct place *place)
{
	const struct addr *addr = &core->addrs[place->addr];

	if (!core->ifaces[place->iface].carrier)
		return true;
	for (unsigned i = 0; i < addr->n_places; i++) {
		const struct place *other = &core->places[addr->first_place + i];
		if (other != place && plan_place_wanted(core, other) && !other->present)
			return false;
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

static void plan_addresses(struct core *core, struct out *out, unsigned first, unsigned n, bool removals)
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

/* ---- routes ------------------------------------------------------------------------------------------------------- */

static bool addresses_there(const struct core *core, const struct bond *bond, const struct iface *iface, uint8_t family)
{
	for (unsigned i = 0; i < bond->n_addrs; i++) {
		const struct addr *addr = &core->addrs[bond->first_addr + i];
		for (unsigned j = 0; j < addr->n_places; j++) {
			const struct place *place = &core->places[addr->first_place + j];
			if (&core->ifaces[place->iface] == iface && !place->present && addr->ip.family == family)
				return false;
		}
	}
	return true;
}

static bool had_route(const struct core *core, const struct bond *bond, unsigned number)
{
	for (unsigned i = 0; i < bond->n_route_places; i++) {
		const struct route_place *place = &core->route_places[bond->first_route_place + i];
		if (place->number == number && place->had)
			return true;
	}
	return false;
}

static void plan_routes(struct core *core, struct out *out, struct bond *bond)
{
	const struct iface *carrier = bond_carrier_iface(core, bond);

	for (unsigned i = 0; carrier && carrier->up && i < bond->n_route_places && !out->full; i++) {
		struct route_place *place = &core->route_places[bond->first_route_place + i];
		const struct config_route *route = &bond->routes[place->number];
		struct action *action;
		if (&core->ifaces[place->iface] != carrier || place->present || !change_ready(core, &place->change) ||
		    !addresses_there(core, bond, carrier, route->to.family))
			continue;
		action = emit_change(core, out, &place->change, ACT_ROUTE_ADD,
				     (struct object){ .type = OBJECT_BOND, .index = place->bond, .sub = place->number });
		if (action)
			action->u.route = (struct action_route){ .ifindex = carrier->ifindex,
								 .route = *route,
								 .replace = had_route(core, bond, place->number) };
	}
}

static void route_added(struct core *core, struct route_place *place)
{
	const struct bond *bond = &core->bonds[place->bond];

	/* A replacement leaves no other of the kind. */
	for (unsigned i = 0; i < bond->n_route_places; i++) {
		struct route_place *other = &core->route_places[bond->first_route_place + i];
		if (other != place && other->number == place->number)
			other->present = other->had = false;
	}
	place->present = place->had = true;
}

/* ---- bonds -------------------------------------------------------------------------------------------------------- */

static void emit_link(struct core *core, struct out *out, struct change *change, enum action_type type,
		      struct object object, const struct iface *iface, struct action_link link)
{
	struct action *action = emit_change(core, out, change, type, object);

	if (!action)
		return;
	change->target = type == ACT_ENSLAVE ? link.master : link.port;
	action->u.link = link;
	action->u.link.ifindex = iface->ifindex;
	memcpy(action->u.link.ifname, iface->name, IFNAME_SIZE);
}

static bool has_ports(const struct core *core, const struct bond *bond)
{
	for (unsigned i = 0; i < bond->cfg.n_ports; i++) {
		const struct iface *iface = port_iface(core, &bond->ports[i]);
		if (iface->ifindex && iface->master == core->ifaces[bond->iface].ifindex)
			return true;
	}
	return false;
}

/* The device itself, one change at a time. True: it is a bond in the right mode, ports may be taken. */
static bool plan_device(struct core *core, struct out *out, struct bond *bond)
{
	const struct iface *device = &core->ifaces[bond->iface];
	struct object object = bond_object(core, bond);
	bool ready = change_ready(core, &bond->change);
	unsigned set = 0;

	if (!device->ifindex) {
		if (ready && device->known)
			emit_link(core, out, &bond->change, ACT_BOND_CREATE, object, device, (struct action_link){ 0 });
		return false;
	}
	if (device->kind != KIND_BOND)
		return false;
	if (device->bond_mode != BOND_MODE_ACTIVEBACKUP) {
		/* Loading the module makes an empty bond0 in mode balance-rr; one with ports belongs to somebody. */
		if (ready && !has_ports(core, bond) && device->up)
			emit_link(core, out, &bond->change, ACT_LINK_DOWN, object, device, (struct action_link){ 0 });
		else if (ready && !has_ports(core, bond))
			emit_link(core, out, &bond->change, ACT_BOND_SET, object, device,
				  (struct action_link){ .bond_set = BOND_SET_MODE | BOND_SET_MIIMON | BOND_SET_RESELECT });
		return false;
	}
	set |= device->bond_miimon == BOND_MIIMON_MS ? 0 : BOND_SET_MIIMON;
	set |= device->bond_primary ? BOND_SET_NO_PRIMARY : 0;
	set |= device->bond_reselect == BOND_RESELECT_FAILURE ? 0 : BOND_SET_RESELECT;
	if (set && ready)
		emit_link(core, out, &bond->change, ACT_BOND_SET, object, device, (struct action_link){ .bond_set = set });
	else if (!device->up && !bond->raised && ready)
		emit_link(core, out, &bond->change, ACT_LINK_UP, object, device, (struct action_link){ 0 });
	return true;
}

static void plan_active_port(struct core *core, struct out *out, struct bond *bond)
{
	const struct iface *device = &core->ifaces[bond->iface];

	/* The kernel takes the word only while it has an active port; from none it chooses by itself. */
	if (bond->wanted == NONE || bond->active == NONE || bond->wanted == bond->active || !device->up ||
	    !bond->ports[bond->wanted].healthy || !change_ready(core, &bond->change))
		return;
	emit_link(core, out, &bond->change, ACT_SET_ACTIVE, bond_object(core, bond), device,
		  (struct action_link){ .port = port_iface(core, &bond->ports[bond->wanted])->ifindex });
}

static void plan_kernel_port(struct core *core, struct out *out, struct bond *bond, struct port *port)
{
	const struct iface *iface = port_iface(core, port);
	struct object object = { .type = OBJECT_PORT,
				 .index = (uint16_t)(bond - core->bonds),
				 .sub = (uint16_t)(port - bond->ports) };

	if (!iface->ifindex)
		return;
	if (port->restore && !port->change.gen && port->change.await_ns <= core->now) {
		emit_link(core, out, &port->change, ACT_LINK_UP, object, iface, (struct action_link){ 0 });
		port->restore = out->full;
		return;
	}
	if (!change_ready(core, &port->change))
		return;
	if (iface->master) {
		/* An event that was late made us set a port down that had been taken already: only we can raise it. */
		if (iface->master == core->ifaces[bond->iface].ifindex && !iface->up && port->lowered)
			emit_link(core, out, &port->change, ACT_LINK_UP, object, iface, (struct action_link){ 0 });
		return;
	}
	if (iface->up)
		emit_link(core, out, &port->change, ACT_LINK_DOWN, object, iface, (struct action_link){ 0 });
	else
		emit_link(core, out, &port->change, ACT_ENSLAVE, object, iface,
			  (struct action_link){ .master = core->ifaces[bond->iface].ifindex });
}

static void plan_sysctl(struct core *core, struct out *out, struct bond *bond, struct port *port, enum sysctl_key key,
			int value)
{
	struct iface *iface = &core->ifaces[port->iface];
	struct action *action;

	if (iface->sysctl_done[key] || !change_ready(core, &iface->sysctl[key]))
		return;
	action = emit_change(core, out, &iface->sysctl[key], ACT_SYSCTL, bond_object(core, bond));
	if (!action)
		return;
	action->u.sysctl = (struct action_sysctl){ .ifindex = iface->ifindex, .key = key, .value = value };
	memcpy(action->u.sysctl.ifname, iface->name, IFNAME_SIZE);
}

/* Two ports in one LAN: only the one that has an address may answer for it. */
static void plan_moving_port(struct core *core, struct out *out, struct bond *bond, struct port *port)
{
	const struct iface *iface = port_iface(core, port);

	if (!iface->ifindex || iface->master)
		return;
	plan_sysctl(core, out, bond, port, SYSCTL_ARP_IGNORE, 1);
	plan_sysctl(core, out, bond, port, SYSCTL_ARP_ANNOUNCE, 2);
	if (!iface->up && !port->raised && change_ready(core, &port->change))
		emit_link(core, out, &port->change, ACT_LINK_UP,
			  (struct object){ .type = OBJECT_PORT,
					   .index = (uint16_t)(bond - core->bonds),
					   .sub = (uint16_t)(port - bond->ports) },
			  iface, (struct action_link){ 0 });
}

static void plan_bond(struct core *core, struct out *out, struct bond *bond)
{
	if (bond->removed || core->stopping)
		return;
	if (bond->iface != NONE) {
		plan_active_port(core, out, bond); /* first: packets are being lost */
		if (plan_device(core, out, bond)) {
			for (unsigned i = 0; i < bond->cfg.n_ports; i++)
				plan_kernel_port(core, out, bond, &bond->ports[i]);
		}
	} else {
		for (unsigned i = 0; i < bond->cfg.n_ports; i++)
			plan_moving_port(core, out, bond, &bond->ports[i]);
	}
	plan_addresses(core, out, bond->first_addr, bond->n_addrs, false);
	plan_routes(core, out, bond);
	plan_addresses(core, out, bond->first_addr, bond->n_addrs, true);
}

/* ---- sockets, snapshots, the end ---------------------------------------------------------------------------------- */

static void plan_iface(struct core *core, struct out *out, struct iface *iface)
{
	bool wanted = iface->lan != NONE && iface->ifindex && !core->stopping;
	struct action *action;

	if (!core->snap_known)
		return;
	if (iface->listen == LISTEN_ON && (iface->listen_ifindex != iface->ifindex || iface->lan == NONE)) {
		action = emit(out, ACT_UNLISTEN, (struct object){ .type = OBJECT_NODE });
		if (!action)
			return;
		action->gen = ++core->gen;
		action->u.listen = (struct action_listen){ .ifindex = iface->listen_ifindex, .family = FAMILY_4 };
		memcpy(action->u.listen.ifname, iface->name, IFNAME_SIZE);
		iface->listen = LISTEN_OFF;
	}
	if (!wanted || iface->listen == LISTEN_ON || !change_ready(core, &iface->listening))
		return;
	action = emit_change(core, out, &iface->listening, ACT_LISTEN, (struct object){ .type = OBJECT_NODE });
	if (!action)
		return;
	action->u.listen = (struct action_listen){ .ifindex = iface->ifindex, .family = FAMILY_4 };
	memcpy(action->u.listen.ifname, iface->name, IFNAME_SIZE);
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
	return true;
}

static void plan_rest(struct core *core, struct out *out)
{
	struct action *action;

	for (unsigned i = 0; i < core->n_places && core->snap_known; i++) {
		if (core->addrs[core->places[i].addr].owner == OWNER_NOBODY)
			remove_place(core, out, &core->places[i]);
	}
	if (core->snap_wanted && !core->snap_open) {
		action = emit(out, ACT_SNAPSHOT, (struct object){ .type = OBJECT_NODE });
		if (!action)
			return;
		action->u.snapshot.epoch = ++core->epoch;
		core->snap_wanted = false;
		core->snap_open = true;
	}
}

static void plan_stopped(struct core *core, struct out *out)
{
	if (!core->stopping || core->stopped || (core->now < core->stop_ns && (!core->snap_known || !all_let_go(core))))
		return;
	if (emit(out, ACT_STOPPED, (struct object){ .type = OBJECT_NODE }))
		core->stopped = true;
}

static void plan_changes(struct core *core, struct out *out, unsigned unit)
{
	unsigned bonds = core->n_vips, ifaces = core->n_vips + core->n_bonds;

	if (unit == unit_rest(core)) {
		plan_rest(core, out);
	} else if (unit >= ifaces) {
		plan_iface(core, out, &core->ifaces[unit - ifaces]);
	} else if (!core->snap_known) {
		return;
	} else if (unit >= bonds) {
		plan_bond(core, out, &core->bonds[unit - bonds]);
	} else {
		plan_addresses(core, out, core->vips[unit].first_addr, core->vips[unit].n_addrs, false);
		plan_addresses(core, out, core->vips[unit].first_addr, core->vips[unit].n_addrs, true);
	}
}

/* ---- notes -------------------------------------------------------------------------------------------------------- */

/* Reasons that a person must hear of even where the state is the one that it was. */
static bool is_trouble(enum reason_code code)
{
	return code == REASON_INTERFACE_ABSENT || code == REASON_NO_SOURCE || code == REASON_OWNER_ADDRESS ||
	       code == REASON_CANNOT_LISTEN || code == REASON_PORT_FOREIGN || code == REASON_PORT_REFUSED ||
	       code == REASON_BOND_REFUSED || code == REASON_BOND_KIND || code == REASON_BOND_MODE;
}

static void emit_state(struct out *out, struct object object, uint8_t *told, uint8_t state, struct reason *told_reason,
		       struct reason reason)
{
	struct action *action;

	if (*told == state && (told_reason->code == reason.code || !is_trouble(reason.code)))
		return;
	action = emit(out, ACT_NOTE, object);
	if (!action)
		return;
	action->u.note =
		(struct note){ .code = NOTE_STATE, .previous = *told, .state = state, .reason = reason };
	*told = state;
	*told_reason = reason;
}

static void note_vip(struct core *core, struct out *out, struct vip *vip)
{
	uint8_t told = (uint8_t)vip->told;

	emit_state(out, vip_object(core, vip), &told, (uint8_t)vip_state_of(vip), &vip->told_reason, vip->reason);
	vip->told = told;
}

static void note_bond(struct core *core, struct out *out, struct bond *bond)
{
	uint8_t told;

	for (unsigned i = 0; i < bond->cfg.n_ports && core->snap_known; i++) {
		struct port *port = &bond->ports[i];
		told = (uint8_t)port->told;
		emit_state(out,
			   (struct object){ .type = OBJECT_PORT,
					    .index = (uint16_t)(bond - core->bonds),
					    .sub = (uint16_t)i },
			   &told, (uint8_t)port->state, &port->told_reason, port->reason);
		port->told = told;
	}
	told = (uint8_t)bond->told;
	emit_state(out, bond_object(core, bond), &told, (uint8_t)bond->state, &bond->told_reason, bond->reason);
	bond->told = told;
}

static void plan_notes(struct core *core, struct out *out)
{
	unsigned done = 0;

	for (unsigned i = 0; i < core->dirty.n && !out->full; i++) {
		unsigned unit = core->dirty.items[i];
		if (unit >= core->n_vips && unit < core->n_vips + core->n_bonds)
			note_bond(core, out, &core->bonds[unit - core->n_vips]);
	}
	for (unsigned i = 0; i < core->dirty.n && !out->full; i++) {
		if (core->dirty.items[i] < core->n_vips)
			note_vip(core, out, &core->vips[core->dirty.items[i]]);
	}
	for (; done < core->n_notes; done++) {
		struct action *action = emit(out, ACT_NOTE, core->notes[done].object);
		if (!action)
			break;
		*action = core->notes[done];
	}
	core->n_notes -= done;
	memmove(&core->notes[0], &core->notes[done], core->n_notes * sizeof core->notes[0]);
}

static uint64_t unit_deadline(struct core *core, unsigned unit)
{
	unsigned bonds = core->n_vips, ifaces = core->n_vips + core->n_bonds;

	if (unit < bonds) {
		struct vip *vip = &core->vips[unit];
		vip->place_ns = places_deadline(core, vip->first_addr, vip->n_addrs);
		return vip_deadline(core, vip);
	}
	if (unit < ifaces)
		return bond_deadline(core, &core->bonds[unit - bonds]);
	if (unit < unit_rest(core))
		return change_deadline(core, &core->ifaces[unit - ifaces].listening);
	if (core->stopping && !core->stopped)
		return core->stop_ns;
	return core->snap_retry_ns ? core->snap_retry_ns : NEVER;
}

size_t plan(struct core *core, struct action *items, size_t cap, bool *more)
{
	struct out out = { .items = items, .cap = cap };

	plan_sends(core, &out);
	for (unsigned i = 0; i < core->dirty.n && !out.full; i++)
		plan_changes(core, &out, core->dirty.items[i]);
	if (!out.full)
		plan_notes(core, &out);
	if (!out.full)
		plan_stopped(core, &out);
	for (unsigned i = 0; i < core->dirty.n; i++)
		heap_set(&core->heap, core->dirty.items[i], unit_deadline(core, core->dirty.items[i]));
	*more = out.full;
	if (!out.full) {
		for (unsigned i = 0; i < core->dirty.n; i++)
			core->dirty.queued[core->dirty.items[i]] = 0;
		core->dirty.n = 0;
	}
	return out.n;
}

/* ---- answers ------------------------------------------------------------------------------------------------------ */

static struct place *answered_place(struct core *core, const struct action *action)
{
	const struct addr *addr;
	unsigned cursor = 0;

	while ((addr = model_addr_next(core, &action->u.address.ip, &cursor)) != NULL) {
		for (unsigned i = 0; i < addr->n_places; i++) {
			struct place *place = &core->places[addr->first_place + i];
			if (place->change.gen == action->gen)
				return place;
		}
	}
	return NULL;
}

static struct route_place *answered_route(struct core *core, const struct action *action)
{
	for (unsigned i = 0; i < core->n_route_places; i++) {
		if (core->route_places[i].change.gen == action->gen)
			return &core->route_places[i];
	}
	return NULL;
}

static struct bond *answered_bond(struct core *core, const struct action *action, struct port **port)
{
	*port = NULL;
	for (unsigned i = 0; i < core->n_bonds; i++) {
		struct bond *bond = &core->bonds[i];
		if (bond->change.gen == action->gen)
			return bond;
		for (unsigned j = 0; j < bond->cfg.n_ports; j++) {
			if (bond->ports[j].change.gen != action->gen)
				continue;
			*port = &bond->ports[j];
			return bond;
		}
	}
	return NULL;
}

static struct iface *answered_iface(struct core *core, const struct action *action, struct change **change)
{
	for (unsigned i = 0; i < core->n_ifaces; i++) {
		struct iface *iface = &core->ifaces[i];
		struct change *changes[] = { &iface->listening, &iface->sysctl[0], &iface->sysctl[1] };
		for (unsigned j = 0; j < 3; j++) {
			if (changes[j]->gen != action->gen)
				continue;
			*change = changes[j];
			return iface;
		}
	}
	return NULL;
}

static void change_done(struct change *change)
{
	change->gen = 0;
	change->failures = 0;
	change->error = 0;
	if (!change->backoffs)
		change->retry_ns = 0;
}

static void note_refused(struct core *core, const struct action *action, int error)
{
	struct note *note = core_note(core, NOTE_REFUSED, action->object);

	note->reason.arg[0] = error;
	note->reason.arg[1] = action->type;
	if (action->type == ACT_ADDRESS_ADD || action->type == ACT_ADDRESS_RENEW || action->type == ACT_ADDRESS_DEL)
		note->reason.ip = action->u.address.ip;
}

static void address_answer(struct core *core, const struct action *action, int error)
{
	struct place *place = answered_place(core, action);
	struct addr *addr;
	bool told;

	if (!place)
		return;
	addr = &core->addrs[place->addr];
	told = place->change.told;
	core_dirty_owner(core, addr);
	if (!error) {
		change_done(&place->change);
		place->renewed_ns = action->type == ACT_ADDRESS_DEL ? 0 : core->now;
		if (told) /* the kernel's own word is newer, or on its way */
			return;
		if (action->type == ACT_ADDRESS_DEL && place->present)
			model_place_left(core, place);
		else if (action->type != ACT_ADDRESS_DEL && !place->present)
			model_place_arrived(core, place, true);
		return;
	}
	change_failed(core, &place->change, error);
	note_refused(core, action, error);
	if (action->type == ACT_ADDRESS_ADD && error == EEXIST)
		model_want_snapshot(core); /* it is there and we did not know: look again */
	else if (action->type == ACT_ADDRESS_ADD && addr->owner == OWNER_VIP)
		vip_refused(core, &core->vips[addr->owner_index], addr, error);
}

static void route_answer(struct core *core, const struct action *action, int error)
{
	struct route_place *place = answered_route(core, action);

	if (!place)
		return;
	core_dirty_bond(core, &core->bonds[place->bond]);
	if (!error) {
		change_done(&place->change);
		route_added(core, place);
		return;
	}
	/* One that is there already is looked for first: it may be ours. The retries are silent. */
	if (place->change.failures == (error == EEXIST))
		note_refused(core, action, error);
	if (!place->change.failures)
		model_want_snapshot(core);
	change_failed(core, &place->change, error);
}

/* The kernel's answer is what is, until its own event says more: without it the next step would ask for the same again. */
static void link_done(struct core *core, struct bond *bond, struct port *port, const struct action *action, bool told)
{
	struct iface *iface = &core->ifaces[port ? port->iface : bond->iface];

	switch (action->type) {
	case ACT_LINK_UP:
		if (port)
			port->raised = true;
		else
			bond->raised = true;
		if (port)
			port->lowered = false;
		iface->up |= !told;
		break;
	case ACT_LINK_DOWN:
		if (port)
			port->lowered = true;
		if (!told)
			iface->up = iface->carrier = false;
		break;
	case ACT_ENSLAVE:
		if (!told)
			iface->master = action->u.link.master;
		port->raised = true;
		port->lowered = false;
		break;
	case ACT_SET_ACTIVE:
		iface->bond_active = action->u.link.port;
		break;
	case ACT_BOND_SET:
		if (action->u.link.bond_set & BOND_SET_MODE)
			iface->bond_mode = BOND_MODE_ACTIVEBACKUP;
		if (action->u.link.bond_set & BOND_SET_MIIMON)
			iface->bond_miimon = BOND_MIIMON_MS;
		if (action->u.link.bond_set & BOND_SET_RESELECT)
			iface->bond_reselect = BOND_RESELECT_FAILURE;
		if (action->u.link.bond_set & BOND_SET_NO_PRIMARY)
			iface->bond_primary = 0;
		break;
	case ACT_BOND_CREATE: /* its ifindex comes with the event */
		break;
	case ACT_ADVERT: case ACT_ANNOUNCE: case ACT_ADDRESS_ADD: case ACT_ADDRESS_RENEW: case ACT_ADDRESS_DEL:
	case ACT_ROUTE_ADD: case ACT_ROUTE_DEL: case ACT_SYSCTL: case ACT_LISTEN: case ACT_UNLISTEN: case ACT_SNAPSHOT:
	case ACT_NOTE: case ACT_STOPPED: case ACT_TYPES:
		break;
	}
}

static void link_refused(struct core *core, struct bond *bond, struct port *port, const struct action *action, int error)
{
	struct change *change = port ? &port->change : &bond->change;

	if (!change->failures || action->type == ACT_SET_ACTIVE)
		note_refused(core, action, error);
	change_failed(core, change, error);
	if (action->type == ACT_ENSLAVE)
		port->restore = true;
	if (action->type == ACT_BOND_CREATE && error == EEXIST)
		model_want_snapshot(core);
	if (action->type != ACT_SET_ACTIVE)
		return;
	/* Not this port, then: the next one at once, this one again when the kernel's own monitor has had its turn. */
	bond->change.retry_ns = 0;
	for (unsigned i = 0; i < bond->cfg.n_ports; i++) {
		if (port_iface(core, &bond->ports[i])->ifindex == action->u.link.port)
			bond->ports[i].refused_until = core->now + BOND_MIIMON_MS * NSEC_PER_MSEC;
	}
}

static void link_answer(struct core *core, const struct action *action, int error)
{
	struct port *port;
	struct bond *bond = answered_bond(core, action, &port);
	struct change *change;
	bool told;

	if (!bond)
		return;
	change = port ? &port->change : &bond->change;
	told = change->told;
	if (error) {
		link_refused(core, bond, port, action, error);
	} else {
		/* To set a port down and up again belongs to taking it: only that it was taken ends the waits between. */
		if (port && action->type != ACT_ENSLAVE && bond->iface != NONE)
			change->gen = 0;
		else
			change_done(change);
		change->await_ns = !told && action->type != ACT_BOND_SET ? core->now + AWAIT_LINK : 0;
		link_done(core, bond, port, action, told);
	}
	bond_update(core, bond);
}

static void iface_answer(struct core *core, const struct action *action, int error)
{
	struct change *change = NULL;
	struct iface *iface = answered_iface(core, action, &change);

	if (!iface)
		return;
	if (error && !change->failures)
		note_refused(core, action, error);
	if (error)
		change_failed(core, change, error);
	else
		change_done(change);
	core_dirty_iface(core, iface);
	if (iface->bond != NONE)
		core_dirty_bond(core, &core->bonds[iface->bond]);
	if (action->type == ACT_SYSCTL) {
		iface->sysctl_done[action->u.sysctl.key] = !error;
		return;
	}
	if (!error) {
		iface->listen = LISTEN_ON;
		iface->listen_ifindex = action->u.listen.ifindex;
	}
	for (unsigned i = 0; i < core->n_vips; i++) {
		if (vip_iface(core, &core->vips[i]) == iface)
			vip_link(core, &core->vips[i]);
	}
}

static void answer(struct core *core, const struct action *action, int error)
{
	switch (action->type) {
	case ACT_ADDRESS_ADD:
	case ACT_ADDRESS_RENEW:
	case ACT_ADDRESS_DEL:
		address_answer(core, action, error);
		break;
	case ACT_ROUTE_ADD:
	case ACT_ROUTE_DEL:
		route_answer(core, action, error);
		break;
	case ACT_LINK_UP:
	case ACT_LINK_DOWN:
	case ACT_BOND_CREATE:
	case ACT_BOND_SET:
	case ACT_ENSLAVE:
	case ACT_SET_ACTIVE:
		link_answer(core, action, error);
		break;
	case ACT_SYSCTL:
	case ACT_LISTEN:
		iface_answer(core, action, error);
		break;
	case ACT_ADVERT: case ACT_ANNOUNCE: case ACT_UNLISTEN: case ACT_SNAPSHOT: case ACT_NOTE: case ACT_STOPPED:
	case ACT_TYPES:
		break;
	}
}

void plan_done(struct core *core, const struct event_result *result)
{
	answer(core, &result->action, 0);
}

void plan_failed(struct core *core, const struct event_result *result)
{
	answer(core, &result->action, result->error > 0 ? result->error : EAGAIN);
}
