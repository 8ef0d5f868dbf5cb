/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is: links, addresses and routes as the kernel tells them.
 *
 * A snapshot and the live events meet here. From the moment ACT_SNAPSHOT is emitted (snap_open) every live event marks
 * its object with the snapshot's epoch; an item of the snapshot that finds the mark is older news and is passed over.
 * What carries no mark at the end is gone. The shell drains the live socket before it hands the items over, so that
 * every event older than the dump has been marked by then. */
#include "core/internal.h"

/* ---- changes ------------------------------------------------------------------------------------------------------ */

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
	change->retry_ns = core->now + delay + core_random(core) % (delay / 8);
	core->counters.refusals++;
}

void change_repair(struct core *core, struct change *change, struct object object, const struct ip *ip, uint32_t cause)
{
	struct note *note;
	uint64_t delay;

	core->counters.repairs++;
	if (change->backoffs && core->now > change->retry_ns + REPAIR_WINDOW)
		change->backoffs = change->repairs = 0;
	if (!change->backoffs) {
		if (!change->repairs || core->now - change->repair_since > REPAIR_WINDOW) {
			change->repair_since = core->now;
			change->repairs = 0;
		}
		if (++change->repairs <= REPAIRS_AT_ONCE) {
			note = core_note(core, NOTE_REPAIRED, object);
			note->reason.arg[0] = cause;
			if (ip)
				note->reason.ip = *ip;
			return;
		}
	}
	delay = NSEC_PER_SEC << (change->backoffs < 5 ? change->backoffs : 5);
	if (change->backoffs < UINT8_MAX)
		change->backoffs++;
	change->retry_ns = core->now + delay;
	note = core_note(core, NOTE_REPAIR_BACKOFF, object);
	note->reason.arg[0] = (int64_t)delay;
	note->reason.arg[1] = change->repairs;
	if (ip)
		note->reason.ip = *ip;
}

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

static struct place *place_on(const struct core *core, const struct addr *addr, const struct iface *iface)
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
	for (unsigned i = 0; i < core->n_vips; i++) {
		struct vip *vip = &core->vips[i];
		if (vip->iface == iface - core->ifaces || (vip->iface == NONE && vip->cfg.bond == iface->bond))
			vip_link(core, vip);
	}
}

/* A bond that a reload has removed keeps its ports until its vips have left, and its successor has them too. */
static bool has_iface(const struct core *core, const struct bond *bond, const struct iface *iface)
{
	if (bond->iface == iface - core->ifaces)
		return true;
	for (unsigned i = 0; i < bond->cfg.n_ports; i++) {
		if (bond->ports[i].iface == iface - core->ifaces)
			return true;
	}
	return false;
}

bool model_vip_uses(const struct core *core, const struct vip *vip, const struct iface *iface)
{
	if (vip->iface != NONE)
		return vip->iface == iface - core->ifaces;
	return has_iface(core, &core->bonds[vip->cfg.bond], iface);
}

static void tell_iface(struct core *core, struct iface *iface)
{
	core_dirty_iface(core, iface);
	for (unsigned i = 0; i < core->n_bonds; i++) {
		if (has_iface(core, &core->bonds[i], iface))
			bond_update(core, &core->bonds[i]);
	}
	tell_lan(core, iface);
}

static void tell_owner(struct core *core, const struct addr *addr)
{
	core_dirty_owner(core, addr);
	if (addr->owner == OWNER_VIP)
		vip_addresses(core, &core->vips[addr->owner_index]);
}

/* Whether an item is to be passed over; marks the object otherwise. */
static bool is_stale(const struct core *core, const struct event *event, uint32_t *mark)
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
	tell_owner(core, addr);
}

/* The kernel flushes IPv4 routes without a word when a link is set down or loses its last IPv4 address (fib_disable_ip):
 * what we knew of them is void. To add one again that is still there does no harm. */
static void routes_forget(struct core *core, const struct iface *iface)
{
	for (unsigned i = 0; i < core->n_route_places; i++) {
		struct route_place *place = &core->route_places[i];
		if (place->iface != iface - core->ifaces)
			continue;
		place->present = false;
		if (place->bond != NONE)
			core_dirty_bond(core, &core->bonds[place->bond]);
	}
}

void model_place_left(struct core *core, struct place *place)
{
	place->present = false;
	place->ours = false;
	if (core->addrs[place->addr].owner == OWNER_BOND)
		routes_forget(core, &core->ifaces[place->iface]);
	tell_owner(core, &core->addrs[place->addr]);
}

static void place_absent(struct core *core, struct place *place, bool live, uint32_t cause)
{
	struct addr *addr = &core->addrs[place->addr];

	if (is_before_answer(core, place, live, place->change.type == ACT_ADDRESS_DEL))
		return;
	if (!place->present)
		return;
	if (plan_place_wanted(core, place))
		change_repair(core, &place->change, addr_object(addr), &addr->ip, cause);
	model_place_left(core, place);
}

/* A vip's address is here today and elsewhere tomorrow: never a source. An owner's is a real one. */
static bool may_be_source(const struct core *core, const struct ip *ip, const struct iface *iface)
{
	unsigned cursor = 0;
	const struct addr *addr;

	while ((addr = model_addr_next(core, ip, &cursor)) != NULL) {
		if (addr->owner == OWNER_BOND || !place_on(core, addr, iface))
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
		if (iface->n_sources == MAX_SOURCES)
			return;
		source = &iface->sources[iface->n_sources++];
		*source = (struct source){ .ip = address->ip };
	}
	if (is_stale(core, event, &source->epoch))
		return;
	source->prefix = address->prefix;
	source->secondary = address->secondary;
	if (new)
		tell_lan(core, iface);
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
		struct place *place = place_on(core, addr, iface);
		if (place && is_meant(core, addr, address) && !is_stale(core, event, &place->epoch))
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
		struct place *place = place_on(core, addr, iface);
		if (place && is_meant(core, addr, address) && !is_stale(core, event, &place->epoch))
			place_absent(core, place, true, address->cause);
	}
	source = source_find(iface, &address->ip);
	if (source)
		source_remove(core, iface, source);
}

/* ---- routes ------------------------------------------------------------------------------------------------------- */

static bool route_equal(const struct config_route *a, const struct config_route *b)
{
	return a->prefix == b->prefix && a->metric == b->metric && ip_equal(&a->to, &b->to) && ip_equal(&a->via, &b->via);
}

static struct route_place *route_find(struct core *core, const struct event_route *route, const struct iface *iface)
{
	for (unsigned i = 0; i < core->n_route_places; i++) {
		struct route_place *place = &core->route_places[i];
		if (place->iface == iface - core->ifaces &&
		    route_equal(place->route, &route->route))
			return place;
	}
	return NULL;
}

void model_route(struct core *core, const struct event *event)
{
	struct iface *iface = core->n_route_places ? model_iface_by_index(core, event->u.route.ifindex) : NULL;
	struct route_place *place = iface ? route_find(core, &event->u.route, iface) : NULL;

	if (!place || is_stale(core, event, &place->epoch))
		return;
	place->change.told = true;
	place->present = true;
	place->had = event->u.route.ours;
}

void model_route_gone(struct core *core, const struct event *event)
{
	struct iface *iface = core->n_route_places ? model_iface_by_index(core, event->u.route.ifindex) : NULL;
	struct route_place *place = iface ? route_find(core, &event->u.route, iface) : NULL;
	struct bond *bond;

	if (!place || is_stale(core, event, &place->epoch))
		return;
	place->change.told = true;
	if (!place->present)
		return;
	place->present = false;
	if (place->bond == NONE)
		return;
	bond = &core->bonds[place->bond];
	if (bond_carrier_iface(core, bond) == iface && !bond->removed)
		change_repair(core, &place->change, (struct object){ .type = OBJECT_ROUTE,
					       .index = (uint16_t)place->bond,
					       .sub = place->route->prefix },
			      &place->route->to, event->u.route.cause);
	core_dirty_bond(core, bond);
}

/* ---- links -------------------------------------------------------------------------------------------------------- */

static void iface_unbind(struct core *core, struct iface *iface)
{
	iface->ifindex = 0;
	iface->up = iface->carrier = false;
	iface->master = 0;
	iface->kind = KIND_OTHER;
	iface->bond_active = iface->bond_primary = 0;
	iface->n_sources = 0;
	iface->existed = true;
	iface->sysctl_done[0] = iface->sysctl_done[1] = false;
	memset(iface->sysctl, 0, sizeof iface->sysctl);
	for (unsigned i = 0; i < core->n_places; i++) {
		struct place *place = &core->places[i];
		if (&core->ifaces[place->iface] != iface)
			continue;
		place->present = place->ours = false;
		place->change.gen = 0;
		tell_owner(core, &core->addrs[place->addr]);
	}
	for (unsigned i = 0; i < core->n_route_places; i++) {
		if (core->route_places[i].iface != iface - core->ifaces)
			continue;
		core->route_places[i].present = core->route_places[i].had = false;
		core->route_places[i].change.gen = 0;
	}
	model_rehash_ifaces(core);
	tell_iface(core, iface);
}

static void iface_take_over(struct iface *iface, const struct event_link *link)
{
	iface->up = link->up;
	iface->carrier = link->carrier && link->up;
	iface->master = link->master;
	iface->kind = link->kind;
	memcpy(iface->mac, link->mac, sizeof iface->mac);
	iface->bond_mode = link->bond.mode;
	iface->bond_reselect = link->bond.reselect;
	iface->bond_miimon = link->bond.miimon;
	iface->bond_active = link->bond.active;
	iface->bond_primary = link->bond.primary;
}

/* A new MAC behind the same address must be announced (design/vrrp.md). */
static void mac_changed(struct core *core, const struct iface *iface)
{
	for (unsigned i = 0; i < core->n_bonds; i++) {
		if (has_iface(core, &core->bonds[i], iface))
			bond_announce(core, &core->bonds[i]);
	}
	for (unsigned i = 0; i < core->n_vips; i++) {
		if (core->vips[i].iface == iface - core->ifaces && core->vips[i].phase == PHASE_ACTIVE)
			vip_announce(core, &core->vips[i]);
	}
}

/* The change of a link that its events belong to; NULL: we never change it. */
static struct change *link_change(struct core *core, const struct iface *iface)
{
	if (iface->bond == NONE)
		return NULL;
	if (iface->port != NONE)
		return &core->bonds[iface->bond].ports[iface->port].change;
	return &core->bonds[iface->bond].change;
}

/* Whether the event tells what the change has made of the link. */
static bool shows_change(const struct change *change, const struct event_link *link)
{
	switch ((enum action_type)change->type) {
	case ACT_LINK_UP:
		return link->up;
	case ACT_LINK_DOWN:
		return !link->up;
	case ACT_ENSLAVE:
		return link->master == change->target;
	case ACT_SET_ACTIVE:
		return link->bond.active == change->target;
	case ACT_BOND_CREATE: case ACT_BOND_SET: case ACT_BOND_REBUILD: case ACT_VLAN_CREATE: case ACT_RELEASE:
	case ACT_LINK_MTU: case ACT_LINK_MAC: case ACT_PROBE: case ACT_LOOK:
	case ACT_ADVERT: case ACT_ANNOUNCE: case ACT_ADDRESS_ADD: case ACT_ADDRESS_RENEW: case ACT_ADDRESS_DEL:
	case ACT_ROUTE_ADD: case ACT_ROUTE_DEL: case ACT_SYSCTL: case ACT_LISTEN: case ACT_UNLISTEN: case ACT_SNAPSHOT:
	case ACT_NOTE: case ACT_STOPPED: case ACT_TYPES:
		break;
	}
	return true;
}

/* A link's change is answered before its own event is read, and events of earlier changes may stand in between: those are
 * older than what the answer made known, and would undo it. */
static bool is_before_change(struct core *core, const struct iface *iface, const struct event *event)
{
	struct change *change = link_change(core, iface);

	if (!change)
		return false;
	change->told |= shows_change(change, &event->u.link);
	if (change->await_ns <= core->now)
		return false;
	if (!event->epoch && !shows_change(change, &event->u.link))
		return true;
	change->await_ns = 0;
	return false;
}

void model_link(struct core *core, const struct event *event)
{
	const struct event_link *link = &event->u.link;
	struct iface *named = model_iface_by_name(core, link->name);
	struct iface *numbered = model_iface_by_index(core, link->ifindex);
	struct iface before;
	bool bound;

	if (numbered && numbered != named) {
		if (is_stale(core, event, &numbered->epoch))
			return;
		iface_unbind(core, numbered); /* renamed away */
	}
	if (!named || is_stale(core, event, &named->epoch))
		return;
	if (named->ifindex == link->ifindex && is_before_change(core, named, event))
		return;
	if (named->ifindex && named->ifindex != link->ifindex)
		iface_unbind(core, named); /* another link bears the name now */
	bound = named->ifindex == 0;
	if (bound && link_change(core, named))
		link_change(core, named)->await_ns = 0;
	if (bound) {
		named->ifindex = link->ifindex;
		model_rehash_ifaces(core);
		if (!event->epoch)
			model_want_snapshot(core); /* its addresses may have come before its name */
	}
	before = *named;
	iface_take_over(named, link);
	if (before.up && !named->up)
		routes_forget(core, named);
	if (!bound && memcmp(before.mac, named->mac, MAC_SIZE) != 0)
		mac_changed(core, named);
	if (bound || before.up != named->up || before.carrier != named->carrier || before.master != named->master ||
	    before.kind != named->kind || before.bond_active != named->bond_active ||
	    before.bond_mode != named->bond_mode || before.bond_miimon != named->bond_miimon ||
	    before.bond_primary != named->bond_primary || before.bond_reselect != named->bond_reselect)
		tell_iface(core, named);
}

void model_link_gone(struct core *core, const struct event *event)
{
	struct iface *iface = model_iface_by_index(core, event->u.link.ifindex);

	if (iface && !is_stale(core, event, &iface->epoch))
		iface_unbind(core, iface);
}

/* ---- snapshots ---------------------------------------------------------------------------------------------------- */

void model_want_snapshot(struct core *core)
{
	core->snap_wanted = true;
	core_dirty_rest(core);
}

/* The dump is younger than every answer that was read, and the shell has drained the live socket: what was still awaited
 * was lost, and the items tell what has become of it. */
void model_snap_begin(struct core *core, const struct event *event)
{
	if (!core->snap_open || event->epoch != core->epoch)
		return;
	for (unsigned i = 0; i < core->n_places; i++) {
		if (!core->places[i].change.gen)
			core->places[i].change.await_ns = 0;
	}
	for (unsigned i = 0; i < core->n_bonds; i++) {
		struct bond *bond = &core->bonds[i];
		if (!bond->change.gen)
			bond->change.await_ns = 0;
		for (unsigned j = 0; j < bond->cfg.n_ports; j++) {
			if (!bond->ports[j].change.gen)
				bond->ports[j].change.await_ns = 0;
		}
	}
}

static void sweep(struct core *core)
{
	for (unsigned i = 0; i < core->n_ifaces; i++) {
		struct iface *iface = &core->ifaces[i];
		if (iface->ifindex && iface->epoch != core->epoch)
			iface_unbind(core, iface);
		for (unsigned j = iface->n_sources; j-- > 0;) {
			if (iface->sources[j].epoch != core->epoch)
				iface->sources[j] = iface->sources[--iface->n_sources];
		}
	}
	for (unsigned i = 0; i < core->n_places; i++) {
		if (core->places[i].epoch != core->epoch)
			place_absent(core, &core->places[i], false, 0);
	}
	for (unsigned i = 0; i < core->n_route_places; i++) {
		if (core->route_places[i].epoch != core->epoch)
			core->route_places[i].present = false;
	}
}

/* A bond that was there before us, as it should be, is used as it is; a person wants to know that. */
static void tell_adopted(struct core *core)
{
	for (unsigned i = 0; i < core->n_bonds; i++) {
		const struct bond *bond = &core->bonds[i];
		const struct iface *device = bond->iface == NONE ? NULL : &core->ifaces[bond->iface];
		if (device && device->ifindex && device->kind == KIND_BOND && !device->known && device->bond_active &&
		    device->bond_mode == BOND_MODE_ACTIVEBACKUP && device->bond_miimon == BOND_MIIMON_MS &&
		    device->bond_reselect == BOND_RESELECT_FAILURE && !device->bond_primary)
			core_note(core, NOTE_ADOPTED, (struct object){ .type = OBJECT_BOND, .index = (uint16_t)i });
	}
}

void model_snap_end(struct core *core, const struct event *event)
{
	if (!core->snap_open || event->epoch != core->epoch)
		return;
	sweep(core);
	core->snap_open = false;
	core->snap_known = true;
	core->snap_failures = 0;
	core->counters.snapshots++;
	tell_adopted(core);
	for (unsigned i = 0; i < core->n_ifaces; i++)
		core->ifaces[i].known = true;
	for (unsigned i = 0; i < core->n_bonds; i++)
		bond_update(core, &core->bonds[i]);
	for (unsigned i = 0; i < core->n_vips; i++) {
		vip_link(core, &core->vips[i]);
		core_dirty_vip(core, &core->vips[i]); /* one that stopped before it could know may have something to let go */
	}
	for (unsigned i = 0; i < core->n_ifaces; i++)
		core_dirty_iface(core, &core->ifaces[i]);
	core_dirty_rest(core);
}

void model_overrun(struct core *core)
{
	core->counters.overruns++;
	core_note(core, NOTE_OVERRUN, (struct object){ .type = OBJECT_NODE });
	if (core->snap_open) {
		core->snap_open = false;
		core->snap_retry_ns = core->now + (RETRY_FIRST << (core->snap_failures < 6 ? core->snap_failures : 6));
		core->snap_failures++;
		core_dirty_rest(core);
	} else {
		model_want_snapshot(core);
	}
}

void model_leftover(struct core *core, const struct event *event)
{
	const struct event_leftover *leftover = &event->u.leftover;
	struct iface *iface = model_iface_by_name(core, leftover->ifname);
	unsigned cursor = 0;
	struct addr *addr;

	if (core->snap_known || core->n_addrs == core->cap_addrs || core->n_places == core->cap_places)
		return;
	while (iface && (addr = model_addr_next(core, &leftover->ip, &cursor)) != NULL) {
		if (place_on(core, addr, iface))
			return; /* the configuration still has it there */
	}
	if (!iface) {
		if (core->n_ifaces == core->cap_ifaces)
			return;
		iface = &core->ifaces[core->n_ifaces++];
		*iface = (struct iface){ .lan = NONE, .bond = NONE, .port = NONE };
		memcpy(iface->name, leftover->ifname, sizeof iface->name);
		iface->name[IFNAME_SIZE - 1] = 0;
	}
	core->places[core->n_places] =
		(struct place){ .addr = core->n_addrs, .iface = (int)(iface - core->ifaces) };
	core->addrs[core->n_addrs] = (struct addr){ .ip = leftover->ip,
						    .prefix = leftover->prefix,
						    .owner = OWNER_NOBODY,
						    .first_place = core->n_places,
						    .n_places = 1 };
	core->n_orphans++;
	model_hash_addr(core, core->n_addrs);
	core->n_places++;
	core->n_addrs++;
}

/* ---- sources ------------------------------------------------------------------------------------------------------ */

/* IPv4: the primary address, one with a network rather than a bare /32; IPv6: link-local (RFC 9568 §5.1.2.2). */
static bool iface_source(const struct iface *iface, uint8_t family, struct ip *out)
{
	const struct source *best = NULL;

	for (unsigned i = 0; i < iface->n_sources; i++) {
		const struct source *source = &iface->sources[i];
		bool link_local = source->ip.bytes[0] == 0xfe && (source->ip.bytes[1] & 0xc0) == 0x80;
		if (source->ip.family != family || (family == FAMILY_6 && !link_local))
			continue;
		if (!best || (best->prefix == 32 && source->prefix < 32) || (best->secondary && !source->secondary))
			best = source;
	}
	if (best)
		*out = best->ip;
	return best != NULL;
}

bool model_source(const struct core *core, const struct lan *lan, uint8_t family, struct ip *out)
{
	const struct bond *bond;
	const struct iface *iface;

	if (lan->bond == NONE)
		return iface_source(&core->ifaces[lan->iface], family, out);
	bond = &core->bonds[lan->bond];
	for (unsigned i = 0; i < bond->n_addrs; i++) {
		const struct ip *ip = &core->addrs[bond->first_addr + i].ip;
		if (ip->family == family && family == FAMILY_4) {
			*out = *ip;
			return true;
		}
	}
	iface = bond_carrier_iface(core, bond);
	return iface && iface_source(iface, family, out);
}

static bool iface_has(const struct iface *iface, const struct ip *ip)
{
	for (unsigned i = 0; i < iface->n_sources; i++) {
		if (ip_equal(&iface->sources[i].ip, ip))
			return true;
	}
	return false;
}

bool model_is_own_source(const struct core *core, const struct lan *lan, const struct ip *ip)
{
	const struct bond *bond;

	if (lan->bond == NONE)
		return iface_has(&core->ifaces[lan->iface], ip);
	bond = &core->bonds[lan->bond];
	for (unsigned i = 0; i < bond->n_addrs; i++) {
		if (ip_equal(&core->addrs[bond->first_addr + i].ip, ip))
			return true;
	}
	if (bond->iface != NONE)
		return iface_has(&core->ifaces[bond->iface], ip);
	for (unsigned i = 0; i < bond->cfg.n_ports; i++) {
		if (iface_has(&core->ifaces[bond->ports[i].iface], ip))
			return true;
	}
	return false;
}

bool model_is_own_mac(const struct core *core, const struct lan *lan, const uint8_t mac[MAC_SIZE])
{
	const struct bond *bond;

	if (lan->bond == NONE)
		return memcmp(core->ifaces[lan->iface].mac, mac, MAC_SIZE) == 0;
	bond = &core->bonds[lan->bond];
	if (bond->iface != NONE && memcmp(core->ifaces[bond->iface].mac, mac, MAC_SIZE) == 0)
		return true;
	for (unsigned i = 0; i < bond->cfg.n_ports; i++) {
		if (memcmp(core->ifaces[bond->ports[i].iface].mac, mac, MAC_SIZE) == 0)
			return true;
	}
	return false;
}
