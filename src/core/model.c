/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is: links, addresses and routes as the kernel tells them.
 *
 * A snapshot and the live events meet here. From the moment ACT_SNAPSHOT is emitted (snap_open) every live event marks
 * its object with the snapshot's epoch; an item of the snapshot that finds the mark is older news and is passed over.
 * What carries no mark at the end is gone. The shell drains the live socket before it hands the items over, so that
 * every event older than the dump has been marked by then. */
#include "core/model.h"
#include "core/plan.h"

/* ---- look-ups ----------------------------------------------------------------------------------------------------- */

static unsigned index_slot(const struct core *core, int ifindex)
{
	return (unsigned)ifindex * 2654435761U & (core->iface_hash_size - 1);
}

void model_rehash_ifaces(struct core *core)
{
	memset(core->iface_hash, 0, core->iface_hash_size * sizeof *core->iface_hash);
	for (unsigned i = 0; i < core->n_ifaces; i++) {
		if (!core->ifaces[i].ifindex)
			continue;
		unsigned slot = index_slot(core, core->ifaces[i].ifindex);
		while (core->iface_hash[slot])
			slot = (slot + 1) & (core->iface_hash_size - 1);
		core->iface_hash[slot] = i + 1;
	}
}

struct iface *model_iface_by_index(struct core *core, int ifindex)
{
	unsigned slot = index_slot(core, ifindex);

	if (ifindex <= 0)
		return NULL;
	for (; core->iface_hash[slot]; slot = (slot + 1) & (core->iface_hash_size - 1)) {
		struct iface *iface = &core->ifaces[core->iface_hash[slot] - 1];
		if (iface->ifindex == ifindex)
			return iface;
	}
	return NULL;
}

struct iface *model_iface_by_name(struct core *core, const char *name)
{
	for (unsigned i = 0; i < core->n_ifaces; i++) {
		if (strcmp(core->ifaces[i].name, name) == 0)
			return &core->ifaces[i];
	}
	return NULL;
}

static unsigned addr_slot(const struct core *core, const struct ip *ip)
{
	return (unsigned)core_address_hash(ip) & (core->addr_hash_size - 1);
}

void model_hash_addr(struct core *core, unsigned addr)
{
	unsigned slot = addr_slot(core, &core->addrs[addr].ip);

	while (core->addr_hash[slot])
		slot = (slot + 1) & (core->addr_hash_size - 1);
	core->addr_hash[slot] = addr + 1;
}

struct addr *model_addr_next(const struct core *core, const struct ip *ip, unsigned *cursor)
{
	unsigned slot = (addr_slot(core, ip) + *cursor) & (core->addr_hash_size - 1);

	for (; core->addr_hash[slot]; slot = (slot + 1) & (core->addr_hash_size - 1)) {
		struct addr *addr = &core->addrs[core->addr_hash[slot] - 1];
		(*cursor)++;
		if (ip_equal(&addr->ip, ip))
			return addr;
	}
	return NULL;
}

struct place *model_place_on(const struct core *core, const struct addr *addr, const struct iface *iface)
{
	for (unsigned i = 0; i < addr->n_places; i++) {
		struct place *place = &core->places[addr->first_place + i];
		if (&core->ifaces[place->iface] == iface)
			return place;
	}
	return NULL;
}

/* The object that notes about an address name. */
static struct object addr_object(const struct addr *addr)
{
	struct object object = { .index = addr->owner_index, .sub = addr->number };

	switch (addr->owner) {
	case OWNER_VIP:
		object.type = OBJECT_VIP;
		break;
	case OWNER_BOND:
		object.type = OBJECT_BOND;
		break;
	case OWNER_NOBODY:
		object = (struct object){ .type = OBJECT_NODE };
		break;
	}
	return object;
}

/* ---- who must know -------------------------------------------------------------------------------------------------*/

static void tell_lan(struct core *core, const struct iface *iface)
{
	if (iface->lan == NONE)
		return;
	for (int i = iface->bond == NONE ? NONE : core->bonds[iface->bond].first_vip; i != NONE; i = core->vips[i].next)
		vip_link(core, &core->vips[i]);
	for (unsigned i = 0; i < core->n_vips && core->lans[iface->lan].bond == NONE; i++) {
		if (core->vips[i].iface == iface - core->ifaces)
			vip_link(core, &core->vips[i]);
	}
}

/* A bond that a reload has removed keeps its ports until its vips have left, and its successor has them too. */
bool model_bond_has(const struct core *core, const struct bond *bond, const struct iface *iface)
{
	if (bond->iface == iface - core->ifaces)
		return true;
	for (unsigned i = 0; i < bond->n_ports; i++) {
		if (bond->ports[i].iface == iface - core->ifaces)
			return true;
	}
	return false;
}

bool model_vip_uses(const struct core *core, const struct vip *vip, const struct iface *iface)
{
	if (vip->iface != NONE)
		return vip->iface == iface - core->ifaces;
	return model_bond_has(core, &core->bonds[vip->cfg.bond], iface);
}

void model_tell_iface(struct core *core, struct iface *iface)
{
	core_dirty_iface(core, iface);
	if (!core->has_removed && iface->bond != NONE)
		bond_update(core, &core->bonds[iface->bond]);
	for (unsigned i = 0; i < core->n_bonds && core->has_removed; i++) {
		if (model_bond_has(core, &core->bonds[i], iface))
			bond_update(core, &core->bonds[i]);
	}
	tell_lan(core, iface);
	away_tell(core, NONE, (int)(iface - core->ifaces));
	if (iface->vmac != NONE)
		vmac_tell(core, &core->vmacs[iface->vmac]);
}

void model_tell_owner(struct core *core, const struct addr *addr)
{
	core_dirty_owner(core, addr);
	if (addr->owner == OWNER_VIP)
		vip_addresses(core, &core->vips[addr->owner_index]);
}

/* Whether an item is to be passed over; marks the object otherwise. */
bool model_is_stale(const struct core *core, const struct event *event, uint32_t *mark)
{
	if (event->epoch) {
		if (!core->snap_open || event->epoch != core->epoch || *mark == core->epoch)
			return true;
		*mark = core->epoch;
	} else if (core->snap_open) {
		*mark = core->epoch;
	}
	return false;
}

bool model_event_is_stale(const struct core *core, const struct event *event, uint32_t *mark)
{
	return model_is_stale(core, event, mark);
}

/* ---- addresses ---------------------------------------------------------------------------------------------------- */

/* Events of earlier changes of the same address may stand between an answer and its own event: they are older than what
 * the answer made known. Only a live event can be the change's own: a snapshot is taken between two changes. */
static bool is_before_answer(struct core *core, struct place *place, bool live, bool shows)
{
	if (!live)
		return false;
	place->change.told |= shows;
	if (place->change.await_ns <= core->now)
		return false;
	if (!shows)
		return true;
	place->change.await_ns = 0;
	core_dirty_owner(core, &core->addrs[place->addr]); /* the next change may follow */
	return false;
}

static void place_present(struct core *core, struct place *place, const struct event *event)
{
	const struct event_address *address = &event->u.address;

	if (is_before_answer(core, place, !event->epoch, place->change.type != ACT_ADDRESS_DEL))
		return;
	place->renewed_ns = max64(place->renewed_ns, address->renewed_ns);
	if (place->present && place->ours == address->ours)
		return;
	model_place_arrived(core, place, address->ours);
}

void model_place_arrived(struct core *core, struct place *place, bool ours)
{
	struct addr *addr = &core->addrs[place->addr];

	place->present = true;
	place->ours = ours;
	if (plan_place_wanted(core, place))
		addr->announce = true;
	core_dirty_left_over(core, addr);
	model_tell_owner(core, addr);
}

/* The kernel flushes IPv4 routes without a word when a link is set down or loses its last IPv4 address (fib_disable_ip):
 * what we knew of them is void. To add one again that is still there does no harm. */
void model_routes_forget(struct core *core, const struct iface *iface)
{
	for (unsigned i = 0; i < core->n_route_places; i++) {
		struct route_place *place = &core->route_places[i];
		if (place->iface != iface - core->ifaces)
			continue;
		place->present = false;
		place->change.told = true; /* one that is being made may be among them */
		place->had &= place->vip == NONE || iface->up; /* to be removed: there is nothing any more */
		core_dirty_route(core, place);
	}
}

static bool is_elsewhere(const struct core *core, const struct addr *addr)
{
	for (unsigned i = 0; i < addr->n_places; i++) {
		if (core->places[addr->first_place + i].present)
			return true;
	}
	return false;
}

/* With an address IPv4 routes that prefer it go without a word, and IPv6 routes no longer prefer it. */
static void forget_vip_routes(struct core *core, const struct place *gone)
{
	const struct addr *addr = &core->addrs[gone->addr];
	const struct vip *vip = &core->vips[addr->owner_index];
	bool last = vip->n_route_places && !is_elsewhere(core, addr);

	for (unsigned i = 0; i < vip->n_route_places; i++) {
		struct route_place *place = &core->route_places[vip->first_route_place + i];
		if (place->iface != gone->iface && !(last && ip_equal(&place->route->from, &addr->ip)))
			continue;
		place->present = false;
		place->change.told = true;
	}
}

void model_place_left(struct core *core, struct place *place)
{
	place->present = false;
	place->ours = false;
	if (core->addrs[place->addr].owner == OWNER_BOND)
		model_routes_forget(core, &core->ifaces[place->iface]);
	if (core->addrs[place->addr].owner == OWNER_VIP)
		forget_vip_routes(core, place);
	model_tell_owner(core, &core->addrs[place->addr]);
}

/* A vip that leaves adds nothing any more. */
static bool is_repaired(const struct core *core, const struct place *place)
{
	const struct addr *addr = &core->addrs[place->addr];

	return plan_place_wanted(core, place) &&
	       (addr->owner != OWNER_VIP || core->vips[addr->owner_index].phase != PHASE_LEAVING);
}

void model_place_absent(struct core *core, struct place *place, bool live, uint32_t cause)
{
	struct addr *addr = &core->addrs[place->addr];

	if (is_before_answer(core, place, live, place->change.type == ACT_ADDRESS_DEL))
		return;
	if (!place->present)
		return;
	if (is_repaired(core, place))
		change_repair(core, &place->change, addr_object(addr), &addr->ip, cause);
	model_place_left(core, place);
}

/* A vip's address is here today and elsewhere tomorrow: never a source. An owner's is a real one. */
static bool may_be_source(const struct core *core, const struct ip *ip, const struct iface *iface)
{
	unsigned cursor = 0;
	const struct addr *addr;

	while ((addr = model_addr_next(core, ip, &cursor)) != NULL) {
		if (addr->owner == OWNER_BOND || !model_place_on(core, addr, iface))
			continue;
		if (addr->owner == OWNER_NOBODY || core->vips[addr->owner_index].cfg.priority != 255)
			return false;
	}
	return true;
}

static struct source *source_find(struct iface *iface, const struct ip *ip)
{
	for (unsigned i = 0; i < iface->n_sources; i++) {
		if (ip_equal(&iface->sources[i].ip, ip))
			return &iface->sources[i];
	}
	return NULL;
}

static void source_add(struct core *core, struct iface *iface, const struct event *event)
{
	const struct event_address *address = &event->u.address;
	struct source *source = source_find(iface, &address->ip);
	bool new = !source;

	if (address->tentative || address->dadfailed)
		return;
	if (new) {
		source = model_source_room(iface, &address->ip);
		if (!source)
			return;
		*source = (struct source){ .ip = address->ip };
	}
	if (model_is_stale(core, event, &source->epoch))
		return;
	source->prefix = address->prefix;
	source->secondary = address->secondary;
	if (new) {
		bond_brought(core, iface, source);
		tell_lan(core, iface);
	}
}

static void source_remove(struct core *core, struct iface *iface, struct source *source)
{
	if (iface->n_sources == MAX_SOURCES || core->snap_open)
		model_want_snapshot(core); /* one that did not fit may be left; or the dump still has this one */
	*source = iface->sources[--iface->n_sources];
	tell_lan(core, iface);
}

/* The same address with another prefix is another object to the kernel. An owner's is real, whatever its prefix. */
static bool is_meant(const struct core *core, const struct addr *addr, const struct event_address *address)
{
	return addr->prefix == address->prefix ||
	       (addr->owner == OWNER_VIP && core->vips[addr->owner_index].cfg.priority == 255);
}

static bool is_of_old_snapshot(const struct core *core, const struct event *event)
{
	return event->epoch && (!core->snap_open || event->epoch != core->epoch);
}

void model_address(struct core *core, const struct event *event)
{
	const struct event_address *address = &event->u.address;
	struct iface *iface = model_iface_by_index(core, address->ifindex);
	unsigned cursor = 0;
	struct addr *addr;

	if (!iface || is_of_old_snapshot(core, event))
		return;
	while ((addr = model_addr_next(core, &address->ip, &cursor)) != NULL) {
		struct place *place = model_place_on(core, addr, iface);
		if (place && is_meant(core, addr, address) && !model_is_stale(core, event, &place->epoch))
			place_present(core, place, event);
	}
	if (may_be_source(core, &address->ip, iface))
		source_add(core, iface, event);
}

void model_address_gone(struct core *core, const struct event *event)
{
	const struct event_address *address = &event->u.address;
	struct iface *iface = model_iface_by_index(core, address->ifindex);
	unsigned cursor = 0;
	struct addr *addr;
	struct source *source;

	if (!iface)
		return;
	while ((addr = model_addr_next(core, &address->ip, &cursor)) != NULL) {
		struct place *place = model_place_on(core, addr, iface);
		if (place && is_meant(core, addr, address) && !model_is_stale(core, event, &place->epoch))
			model_place_absent(core, place, true, address->cause);
	}
	source = source_find(iface, &address->ip);
	if (source)
		source_remove(core, iface, source);
}

/* ---- routes ------------------------------------------------------------------------------------------------------- */

struct route_cursor {
	unsigned at;
	bool found;
};

/* The next place of that route there: a vip that leaves and its successor both have one. What nobody has any more counts only if
 * nobody else has it. Start with zeros, NULL at the end. */
static struct route_place *route_next(struct core *core, const struct event_route *route, const struct iface *iface,
				      struct route_cursor *cursor)
{
	while (iface && cursor->at < core->n_route_places) {
		struct route_place *place = &core->route_places[cursor->at++];
		if (place->iface != iface - core->ifaces || !route_equal(place->route, &route->route) ||
		    (cursor->found && route_is_orphan(place)))
			continue;
		cursor->found = true;
		return place;
	}
	return NULL;
}

void model_route(struct core *core, const struct event *event)
{
	struct iface *iface = core->n_route_places ? model_iface_by_index(core, event->u.route.ifindex) : NULL;
	struct route_cursor cursor = { 0 };
	struct route_place *place;

	while ((place = route_next(core, &event->u.route, iface, &cursor)) != NULL) {
		if (model_is_stale(core, event, &place->epoch))
			continue;
		place->change.told = true;
		place->present = true;
		place->had = event->u.route.ours;
		if (place->vip != NONE)
			core_dirty_route(core, place);
	}
}

/* Somebody removed it while the vip is held. */
static void vip_route_gone(struct core *core, struct route_place *place, uint32_t cause)
{
	place->had = false;
	if (plan_vip_route_wanted(core, place) && core->vips[place->vip].phase != PHASE_LEAVING)
		change_repair(core, &place->change, (struct object){ .type = OBJECT_VIP_ROUTE,
					       .index = (uint16_t)place->vip,
					       .sub = place->route->prefix },
			      &place->route->to, cause);
	core_dirty_route(core, place);
}

static void bond_route_gone(struct core *core, struct route_place *place, const struct iface *iface, const struct event *event)
{
	const struct bond *bond = &core->bonds[place->bond];

	if (bond_carrier_iface(core, bond) == iface && !bond->removed && !bond_is_rebuilding(core, bond))
		change_repair(core, &place->change, (struct object){ .type = OBJECT_ROUTE,
					       .index = (uint16_t)place->bond,
					       .sub = place->route->prefix },
			      &place->route->to, event->u.route.cause);
	core_dirty_bond(core, bond);
}

void model_route_gone(struct core *core, const struct event *event)
{
	struct iface *iface = core->n_route_places ? model_iface_by_index(core, event->u.route.ifindex) : NULL;
	struct route_cursor cursor = { 0 };
	struct route_place *place;

	while ((place = route_next(core, &event->u.route, iface, &cursor)) != NULL) {
		bool was = place->present;
		if (model_is_stale(core, event, &place->epoch))
			continue;
		place->change.told = true;
		place->present = false;
		if (was && place->vip != NONE)
			vip_route_gone(core, place, event->u.route.cause);
		else if (was && place->bond != NONE)
			bond_route_gone(core, place, iface, event);
	}
}
