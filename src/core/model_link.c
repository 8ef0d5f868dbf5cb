/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is: links. Which of them an entry of the configuration means, and what became of a change of one. */
#include "core/match.h"
#include "core/model.h"

/* ---- links -------------------------------------------------------------------------------------------------------- */

/* The next device in its place begins anew: what this one refused is its own. */
static void forget_refusals(struct core *core, const struct iface *iface)
{
	struct port *port;

	if (!bond_of_port(core, iface, &port))
		return;
	port->change.failures = 0;
	port->change.error = 0;
	if (!port->change.backoffs)
		port->change.retry_ns = 0;
	port->change.await_ns = 0;
}

/* They went with it. */
static void forget_loans(struct core *core, struct iface *iface)
{
	if (iface->vmac != NONE) {
		core->vmacs[iface->vmac].set = false;
		core->loans_serial++;
	}
	for (unsigned i = 0; i < SYSCTL_KEYS; i++)
		core->loans_serial += iface->loans[i].changed;
	memset(iface->loans, 0, sizeof iface->loans);
}

void model_iface_unbind(struct core *core, struct iface *iface)
{
	forget_refusals(core, iface);
	iface->ifindex = 0;
	iface->up = iface->carrier = false;
	iface->master = 0;
	iface->kind = KIND_OTHER;
	iface->bond_active = iface->bond_primary = iface->bond_mode = 0;
	iface->n_sources = 0;
	iface->existed = true;
	iface->team_known = iface->other_ports = iface->uninitialised = iface->unresolved = false;
	memset(iface->sysctl_done, 0, sizeof iface->sysctl_done);
	memset(iface->sysctl, 0, sizeof iface->sysctl);
	iface->looking = iface->mtu_change = (struct change){ 0 };
	iface->look_ns = 0;
	iface->marked = false;
	forget_loans(core, iface);
	for (unsigned i = 0; i < core->n_places; i++) {
		struct place *place = &core->places[i];
		if (&core->ifaces[place->iface] != iface)
			continue;
		place->present = place->ours = false;
		place->change.gen = 0;
		model_tell_owner(core, &core->addrs[place->addr]);
	}
	for (unsigned i = 0; i < core->n_route_places; i++) {
		if (core->route_places[i].iface != iface - core->ifaces)
			continue;
		core->route_places[i].present = core->route_places[i].had = false;
		core->route_places[i].change.gen = 0;
	}
	model_rehash_ifaces(core);
	model_tell_iface(core, iface);
	if (iface->selected) { /* another device may be found in its place */
		memcpy(iface->last_name, iface->name, sizeof iface->last_name);
		iface->name[0] = 0;
		model_want_snapshot(core);
	}
}

static void iface_take_over(const struct core *core, struct iface *iface, const struct event_link *link)
{
	iface->up = link->up;
	iface->carrier = link->carrier && link->up;
	iface->master = link->master;
	iface->kind = link->kind;
	memcpy(iface->mac, link->mac, sizeof iface->mac);
	memcpy(iface->perm_mac, link->perm_mac, sizeof iface->perm_mac);
	if (!link->master)
		memcpy(iface->free_mac, link->mac, sizeof iface->free_mac);
	iface->mtu = link->mtu;
	iface->max_mtu = link->max_mtu;
	iface->vf = link->vf;
	iface->loopback = link->loopback;
	iface->prompt = link->prompt;
	if (link->uninitialised && !iface->uninitialised)
		iface->uninitialised_ns = core->now;
	iface->uninitialised = link->uninitialised;
	memcpy(iface->driver, link->driver, sizeof iface->driver);
	memcpy(iface->path, link->path, sizeof iface->path);
	iface->marked = link->ours;
	iface->vlan_link = link->vlan.link;
	iface->vlan_id = link->vlan.id;
	if (link->kind == KIND_TEAM) /* its options are libteam's to tell */
		return;
	iface->bond_mode = link->bond.mode;
	iface->bond_reselect = link->bond.reselect;
	iface->bond_fail_over_mac = link->bond.fail_over_mac;
	iface->bond_miimon = link->bond.miimon;
	iface->bond_active = link->bond.active;
	iface->bond_primary = link->bond.primary;
}

struct event_link model_link_of(const struct iface *iface)
{
	struct event_link link = { .ifindex = iface->ifindex, .kind = iface->kind, .loopback = iface->loopback };

	memcpy(link.name, iface->name, sizeof link.name);
	memcpy(link.mac, iface->free_mac, sizeof link.mac);
	memcpy(link.perm_mac, iface->perm_mac, sizeof link.perm_mac);
	memcpy(link.driver, iface->driver, sizeof link.driver);
	memcpy(link.path, iface->path, sizeof link.path);
	return link;
}

/* ---- selectors ---------------------------------------------------------------------------------------------------- */

static const struct config_port *entry_of(const struct core *core, const struct iface *iface)
{
	const struct bond *bond = &core->bonds[iface->bond];

	return &bond->cfg.ports[bond->ports[iface->port].spec];
}

/* What was found by its address has another while it is in a bond or team. */
static bool is_found_by_mac(const struct core *core, const struct iface *iface, const struct event_link *link)
{
	return entry_of(core, iface)->match == MATCH_MAC && iface->ifindex == link->ifindex && link->master;
}

static bool still_fits(const struct core *core, const struct iface *iface, const struct event_link *link)
{
	return iface->selected && iface->bond != NONE && iface->port != NONE &&
	       (port_matches(entry_of(core, iface), link) || is_found_by_mac(core, iface, link));
}

/* What means one device goes before what may mean several. */
struct iface *model_find_slot(struct core *core, const struct event_link *link)
{
	struct iface *found = NULL;

	for (unsigned i = 0; i < core->n_ifaces && core->has_selectors; i++) {
		struct iface *iface = &core->ifaces[i];
		if (iface->name[0] || iface->ifindex || !still_fits(core, iface, link))
			continue;
		if (!configure_finds_many(entry_of(core, iface)))
			return iface;
		found = found ? found : iface;
	}
	return found;
}

/* An item of a dump about something that a live event has told of since the dump began. */
static bool is_older(const struct core *core, const struct event *event, const struct iface *iface)
{
	return event->epoch && iface->epoch == core->epoch;
}

/* One that has just been left by another device waits for the next snapshot. */
static struct iface *find_named_slot(struct core *core, const struct event *event)
{
	struct iface *iface = model_find_slot(core, &event->u.link);

	if (!iface || is_older(core, event, iface))
		return NULL;
	memcpy(iface->name, event->u.link.name, sizeof iface->name);
	return iface;
}

/* ---- a device that goes on by a name that means something else, or nothing ----------------------------------------- */

static bool is_left(const struct core *core, const struct place *place, const struct iface *iface)
{
	return &core->ifaces[place->iface] == iface && ((place->present && place->ours) || place->change.gen);
}

static bool has_left(const struct core *core, const struct iface *iface)
{
	for (unsigned i = 0; i < core->n_places; i++) {
		if (is_left(core, &core->places[i], iface))
			return true;
	}
	for (unsigned i = 0; i < core->n_route_places; i++) {
		if (core->route_places[i].iface == iface - core->ifaces && core->route_places[i].had)
			return true;
	}
	return false;
}

/* The address's place there. One that is somebody's is filled by a snapshot, unless a change is under way: the answer must find
 * it there. NULL: nothing is to be told of it, or there is no room. */
static struct place *place_after(struct core *core, const struct place *place, const struct iface *iface)
{
	const struct addr *addr = &core->addrs[place->addr], *other;
	unsigned cursor = 0;

	while ((other = model_addr_next(core, &addr->ip, &cursor)) != NULL) {
		struct place *there = other->prefix == addr->prefix ? model_place_on(core, other, iface) : NULL;
		if (there)
			return other->owner == OWNER_NOBODY || (place->change.gen && !there->change.gen) ? there : NULL;
	}
	return model_add_orphan(core, &addr->ip, addr->prefix, iface);
}

static void leave_addresses(struct core *core, const struct iface *from, const struct iface *to)
{
	for (unsigned i = 0, n = core->n_places; i < n; i++) {
		const struct place *place = &core->places[i];
		struct place *left = is_left(core, place, from) ? place_after(core, place, to) : NULL;
		if (!left || left == place)
			continue;
		left->present |= place->present;
		left->ours |= place->ours;
		left->epoch = place->epoch;
		if (place->change.gen || !left->change.gen) /* of two that are one address, the one that awaits an answer */
			left->change = place->change;
	}
}

static bool has_route_place(const struct core *core, const struct config_route *route, const struct iface *iface)
{
	for (unsigned i = 0; i < core->n_route_places; i++) {
		if (core->route_places[i].iface == iface - core->ifaces && core->route_places[i].route == route)
			return true;
	}
	return false;
}

/* One that is free, or a new one; NULL: no room. */
static struct route_place *spare_route(struct core *core)
{
	for (unsigned i = 0; i < core->n_route_places; i++) {
		struct route_place *place = &core->route_places[i];
		if (route_is_orphan(place) && !place->present && !place->had && !place->change.gen)
			return place;
	}
	return core->n_route_places < core->cap_route_places ? &core->route_places[core->n_route_places++] : NULL;
}

static void leave_routes(struct core *core, const struct iface *from, const struct iface *to)
{
	for (unsigned i = 0, n = core->n_route_places; i < n; i++) {
		const struct route_place *place = &core->route_places[i];
		struct route_place *left;
		if (place->iface != from - core->ifaces || !place->had || has_route_place(core, place->route, to))
			continue;
		left = spare_route(core);
		if (!left)
			return;
		*left = *place;
		left->bond = left->vip = NONE;
		left->iface = (int)(to - core->ifaces);
		core->n_orphans++;
	}
}

/* What the device has of ours it has still, and is to let it go. Whose it is now, by its name or by a selector; NULL: nobody's,
 * and it has nothing. */
static struct iface *renamed(struct core *core, struct iface *iface, struct iface *named, const struct event *event)
{
	bool left = has_left(core, iface);
	struct iface *to = named ? named : find_named_slot(core, event);

	if (!to && left)
		to = model_add_iface(core, event->u.link.name);
	if (to && left) {
		leave_addresses(core, iface, to);
		leave_routes(core, iface, to);
	}
	model_iface_unbind(core, iface);
	core_dirty_rest(core);
	return to;
}

/* Left there by a predecessor, and where the bond that found the device has it now: it is the bond's. */
static bool is_bonds_own(const struct core *core, const struct place *place, const struct iface *slot)
{
	const struct addr *left = &core->addrs[place->addr], *addr;
	unsigned cursor = 0;

	if (left->owner != OWNER_NOBODY || place->present || place->change.gen)
		return false;
	while ((addr = model_addr_next(core, &left->ip, &cursor)) != NULL) {
		if (addr->owner == OWNER_BOND && model_place_on(core, addr, slot))
			return true;
	}
	return false;
}

/* What bears a name only because something of ours was left there, or for a bond that a reload has removed, leaves the device to
 * the selector that finds it, and what is left with it. */
static struct iface *found_with_leftovers(struct core *core, struct iface *named, const struct event *event)
{
	bool nobodys = named->bond == NONE ? named->lan == NONE && !named->selected && !named->away : core->bonds[named->bond].removed;
	struct iface *slot = nobodys && core->has_selectors ? find_named_slot(core, event) : NULL;

	if (!slot)
		return named;
	for (unsigned i = 0; i < core->n_places; i++) {
		if (core->places[i].iface == named - core->ifaces && !is_bonds_own(core, &core->places[i], slot))
			core->places[i].iface = (int)(slot - core->ifaces);
	}
	for (unsigned i = 0; i < core->n_route_places; i++) {
		if (core->route_places[i].iface == named - core->ifaces)
			core->route_places[i].iface = (int)(slot - core->ifaces);
	}
	for (unsigned i = 0; i < core->n_bonds; i++) {
		struct bond *bond = &core->bonds[i];
		for (unsigned j = 0; bond->removed && j < bond->n_ports; j++) {
			if (bond->ports[j].iface == named - core->ifaces)
				bond->ports[j].iface = (int)(slot - core->ifaces);
		}
	}
	named->name[0] = 0;
	named->ifindex = 0;
	model_rehash_ifaces(core);
	return slot;
}

/* The interface that the link is: by number, by name, or by what a selector looks for. A literal name goes before a selector;
 * whoever had the name or the number before and is not it any more lets it go. NULL: none of ours. */
static struct iface *find_iface(struct core *core, const struct event *event)
{
	const struct event_link *link = &event->u.link;
	struct iface *named = model_iface_by_name(core, link->name);
	struct iface *numbered = model_iface_by_index(core, link->ifindex);

	if (named && named->selected && named != numbered && named->ifindex != link->ifindex) {
		if (is_older(core, event, named))
			return NULL;
		model_iface_unbind(core, named); /* another device bears the name of the one that was found */
		named = NULL;
	}
	if (numbered && numbered != named && !named && still_fits(core, numbered, link)) {
		if (is_older(core, event, numbered))
			return NULL;
		memcpy(numbered->name, link->name, sizeof numbered->name); /* renamed, and found all the same */
		return numbered;
	}
	if (numbered && (numbered != named || (numbered->selected && !still_fits(core, numbered, link)))) {
		if (is_older(core, event, numbered))
			return NULL;
		return renamed(core, numbered, named == numbered ? NULL : named, event);
	}
	return named ? found_with_leftovers(core, named, event) : find_named_slot(core, event);
}

/* ---- changes of links --------------------------------------------------------------------------------------------- */

/* A new MAC behind the same address must be announced (design/vrrp.md). */
static void mac_changed(struct core *core, const struct iface *iface)
{
	for (unsigned i = 0; i < core->n_bonds; i++) {
		if (bond_carrier_iface(core, &core->bonds[i]) == iface)
			bond_announce(core, &core->bonds[i]);
	}
	for (unsigned i = 0; i < core->n_vips; i++) {
		if (core->vips[i].iface == iface - core->ifaces && core->vips[i].phase == PHASE_ACTIVE)
			vip_announce(core, &core->vips[i]);
	}
	away_announce(core, NONE, (int)(iface - core->ifaces));
}

/* The change of a link that its events belong to; NULL: we never change it. */
static struct change *link_change(struct core *core, const struct iface *iface)
{
	if (iface->vmac != NONE)
		return &core->vmacs[iface->vmac].change;
	if (iface->bond == NONE)
		return NULL;
	if (iface->port != NONE)
		return &core->bonds[iface->bond].ports[iface->port].change;
	return &core->bonds[iface->bond].change;
}

int model_mac_target(const uint8_t mac[MAC_SIZE])
{
	int target;

	memcpy(&target, mac + MAC_SIZE - sizeof target, sizeof target);
	return target;
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
	case ACT_LINK_MTU:
		return link->mtu == (uint32_t)change->target;
	case ACT_LINK_MAC:
		return model_mac_target(link->mac) == change->target;
	case ACT_BOND_CREATE: case ACT_BOND_SET: case ACT_BOND_REBUILD: case ACT_VLAN_CREATE: case ACT_RELEASE:
	case ACT_VMAC_CREATE: case ACT_VMAC_SET: case ACT_VMAC_DELETE:
	case ACT_PROBE: case ACT_LOOK: case ACT_RESOLVE: case ACT_HEARTBEAT:
	case ACT_ADVERT: case ACT_ANNOUNCE: case ACT_ADDRESS_ADD: case ACT_ADDRESS_RENEW: case ACT_ADDRESS_DEL:
	case ACT_ROUTE_ADD: case ACT_ROUTE_DEL: case ACT_RULE_ADD: case ACT_RULE_DEL: case ACT_SYSCTL: case ACT_LISTEN: case ACT_UNLISTEN: case ACT_SNAPSHOT:
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

/* Somebody took a port of ours out of its bond, or to another: who, and how often. */
static void port_taken(struct core *core, const struct iface *iface, int before, const struct event_link *link)
{
	struct action note = { .type = ACT_NOTE, .object = { .type = OBJECT_PORT } };
	struct port *port;
	struct bond *bond = bond_of_port(core, iface, &port);

	if (!bond || bond->removed || !bond_is_device(bond) || before != core->ifaces[bond->iface].ifindex || iface->master == before ||
	    iface->release_from || bond->change.gen)
		return;
	note.object.index = (uint16_t)(bond - core->bonds);
	note.object.sub = (uint16_t)(port - bond->ports);
	note.u.note.code = NOTE_RELEASED;
	note.u.note.reason.arg[0] = iface->master;
	note.u.note.reason.arg[1] = link->cause;
	change_repair_as(core, &port->change, &note);
}

/* Somebody changed what we keep of a device: who, and how often. */
static void options_changed(struct core *core, const struct iface *iface, bool right, uint32_t cause)
{
	struct bond *bond = &core->bonds[iface->bond];
	struct action note = { .type = ACT_NOTE, .object = { .type = OBJECT_BOND, .index = (uint16_t)iface->bond } };

	if (!right || bond_options_right(core, bond))
		return;
	note.u.note.code = NOTE_CHANGED;
	note.u.note.reason.arg[0] = cause;
	change_repair_as(core, &bond->options, &note);
}

/* The same of a port that is in no device, of which its MTU is kept. */
static void port_mtu_changed(struct core *core, struct iface *iface, uint32_t before, uint32_t cause)
{
	struct action note = { .type = ACT_NOTE, .object = { .type = OBJECT_PORT } };
	struct port *port;
	const struct bond *bond = bond_of_port(core, iface, &port);

	if (!bond || bond->removed || bond->iface != NONE || iface->master || iface->mtu_change.gen || !bond->cfg.mtu ||
	    before != bond->cfg.mtu || iface->mtu == before)
		return;
	note.object.index = (uint16_t)(bond - core->bonds);
	note.object.sub = (uint16_t)(port - bond->ports);
	note.u.note.code = NOTE_CHANGED;
	note.u.note.reason.arg[0] = cause;
	change_repair_as(core, &iface->mtu_change, &note);
}

/* A bond is empty only if no port that we do not know of is in it. */
static void see_other_port(struct core *core, const struct event *event)
{
	struct iface *master = event->u.link.master ? model_iface_by_index(core, event->u.link.master) : NULL;

	if (!master || (master->kind != KIND_BOND && master->kind != KIND_TEAM))
		return;
	master->other_ports = true;
	master->other_epoch = core->epoch;
}

static bool is_news(const struct iface *before, const struct iface *now)
{
	return before->up != now->up || before->carrier != now->carrier || before->master != now->master ||
	       before->kind != now->kind || before->bond_active != now->bond_active || before->bond_mode != now->bond_mode ||
	       before->bond_miimon != now->bond_miimon || before->bond_primary != now->bond_primary ||
	       before->bond_reselect != now->bond_reselect || before->bond_fail_over_mac != now->bond_fail_over_mac ||
	       before->mtu != now->mtu || before->max_mtu != now->max_mtu || before->vf != now->vf ||
	       before->uninitialised != now->uninitialised || before->marked != now->marked || before->vlan_link != now->vlan_link ||
	       before->vlan_id != now->vlan_id || memcmp(before->mac, now->mac, MAC_SIZE) != 0 ||
	       memcmp(before->perm_mac, now->perm_mac, MAC_SIZE) != 0;
}

/* What was asked for while the cable was out, nobody heard, and the kernel would ask again only a second after it did
 * (net/core/neighbour.c, RETRANS_TIME): until then nothing that this node sends reaches that neighbour. */
static void carrier_came(struct core *core, struct iface *iface)
{
	iface->unresolved = !iface->master && (iface->lan != NONE || iface->bond != NONE);
	if (iface->unresolved)
		core_dirty_iface(core, iface);
}

static void link_update(struct core *core, struct iface *iface, const struct event_link *link, bool bound)
{
	struct iface before = *iface;
	const struct bond *bond = iface->bond == NONE || iface->port != NONE ? NULL : &core->bonds[iface->bond];
	bool kept = bond && !bound && !bond->removed && !bond->change.gen && !bond_is_rebuilding(core, bond);
	bool right = kept && bond_options_right(core, bond);

	iface_take_over(core, iface, link);
	if (kept)
		options_changed(core, iface, right, link->cause);
	if (!bound)
		port_mtu_changed(core, iface, before.mtu, link->cause);
	if (before.up && !iface->up)
		model_routes_forget(core, iface);
	if (!bound && !before.carrier && iface->carrier)
		carrier_came(core, iface);
	if (!bound && memcmp(before.mac, iface->mac, MAC_SIZE) != 0)
		mac_changed(core, iface);
	if (!bound && before.master && before.master != iface->master)
		port_taken(core, iface, before.master, link);
	if (!bound && iface->vmac != NONE)
		vmac_link(core, iface, &before, link->cause);
	if (bound || is_news(&before, iface))
		model_tell_iface(core, iface);
}

void model_link(struct core *core, const struct event *event)
{
	const struct event_link *link = &event->u.link;
	struct iface *iface;
	bool bound;

	if (event->epoch && (!core->snap_open || event->epoch != core->epoch))
		return;
	iface = find_iface(core, event);
	if (!iface || iface->bond == NONE || iface->port == NONE)
		see_other_port(core, event);
	if (!iface || model_is_stale(core, event, &iface->epoch))
		return;
	if (iface->ifindex == link->ifindex && is_before_change(core, iface, event))
		return;
	if (iface->ifindex && iface->ifindex != link->ifindex)
		model_iface_unbind(core, iface); /* another link bears the name now */
	bound = iface->ifindex == 0;
	if (bound && link_change(core, iface))
		link_change(core, iface)->await_ns = 0;
	if (bound) {
		iface->ifindex = link->ifindex;
		model_rehash_ifaces(core);
		if (!event->epoch)
			model_want_snapshot(core); /* its addresses may have come before its name */
	}
	link_update(core, iface, link, bound);
}

/* Somebody deleted a device that we keep: it is made again, and the fifth time within ten seconds that waits. */
static void device_deleted(struct core *core, const struct iface *iface, uint32_t cause)
{
	struct bond *bond = iface->bond == NONE || iface->port != NONE ? NULL : &core->bonds[iface->bond];

	const struct bond *below;

	if (!bond || bond->removed)
		return;
	below = bond->link == NONE ? bond : &core->bonds[bond->link];
	if (below->rebuild_ns > core->now || (below->change.gen && below->change.type == ACT_BOND_REBUILD))
		return; /* that was us */
	if (!core->ifaces[below->iface].ifindex)
		return; /* it went with what it was on */
	change_repair(core, &bond->change, (struct object){ .type = OBJECT_BOND, .index = (uint16_t)(bond - core->bonds) }, NULL,
		      cause);
}

void model_link_gone(struct core *core, const struct event *event)
{
	struct iface *iface = model_iface_by_index(core, event->u.link.ifindex);

	if (!iface || model_is_stale(core, event, &iface->epoch))
		return;
	device_deleted(core, iface, event->u.link.cause);
	if (iface->vmac != NONE)
		vmac_deleted(core, iface, event->u.link.cause);
	model_iface_unbind(core, iface);
}

/* ---- what others say of a link ------------------------------------------------------------------------------------ */

/* What the change of the device has made of the team. */
static bool team_shows(const struct change *change, const struct event_team *team)
{
	return change->type != ACT_SET_ACTIVE || team->active == change->target;
}

void model_team(struct core *core, const struct event *event)
{
	const struct event_team *team = &event->u.team;
	struct iface *iface = model_iface_by_index(core, team->ifindex);
	struct change *change = iface ? link_change(core, iface) : NULL;

	if (!iface || iface->kind != KIND_TEAM || (event->epoch && (!core->snap_open || event->epoch != core->epoch)))
		return;
	if (change && (change->gen || change->await_ns > core->now) && change->type == ACT_SET_ACTIVE) {
		if (!team_shows(change, team))
			return; /* older than what the answer makes known */
		change->told = true;
		change->await_ns = 0;
	}
	iface->team_known = true;
	iface->bond_mode = team->activebackup ? BOND_MODE_ACTIVEBACKUP : 0;
	iface->bond_active = team->active;
	model_tell_iface(core, iface);
}

/* Its name, its path or its driver may be known now: a snapshot brings every link anew, with what udev says. */
void model_device(struct core *core, const struct event *event)
{
	if (core->has_selectors || model_iface_by_index(core, event->u.device.ifindex))
		model_want_snapshot(core);
}

void model_looked(struct core *core, struct iface *iface, bool carrier)
{
	if (!iface->up || iface->carrier == carrier)
		return;
	iface->carrier = carrier;
	if (carrier)
		carrier_came(core, iface);
	model_tell_iface(core, iface);
}
