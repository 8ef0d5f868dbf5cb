/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Snapshots: their beginning, what they did not show, and what an older instance left. See model.c for the marks. */
#include "core/model.h"

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
	rule_snap_begin(core);
	for (unsigned i = 0; i < core->n_bonds; i++) {
		struct bond *bond = &core->bonds[i];
		if (!bond->change.gen)
			bond->change.await_ns = 0;
		for (unsigned j = 0; j < bond->n_ports; j++) {
			if (!bond->ports[j].change.gen)
				bond->ports[j].change.await_ns = 0;
		}
	}
	for (unsigned i = 0; i < core->n_vmacs; i++) {
		if (!core->vmacs[i].change.gen)
			core->vmacs[i].change.await_ns = 0;
	}
}

static void sweep(struct core *core)
{
	for (unsigned i = 0; i < core->n_ifaces; i++) {
		struct iface *iface = &core->ifaces[i];
		if (iface->ifindex && iface->epoch != core->epoch)
			model_iface_unbind(core, iface);
		if (iface->other_ports && iface->other_epoch != core->epoch)
			iface->other_ports = false;
		for (unsigned j = iface->n_sources; j-- > 0;) {
			if (iface->sources[j].epoch != core->epoch)
				iface->sources[j] = iface->sources[--iface->n_sources];
		}
	}
	for (unsigned i = 0; i < core->n_places; i++) {
		if (core->places[i].epoch != core->epoch)
			model_place_absent(core, &core->places[i], false, 0);
	}
	for (unsigned i = 0; i < core->n_route_places; i++) {
		if (core->route_places[i].epoch != core->epoch)
			core->route_places[i].present = false;
	}
	rule_sweep(core);
	track_sweep(core);
}

/* A bond that was there before us, as it should be, is used as it is; a person wants to know that. */
static void tell_adopted(struct core *core)
{
	for (unsigned i = 0; i < core->n_bonds; i++) {
		const struct bond *bond = &core->bonds[i];
		const struct iface *device = bond->iface == NONE ? NULL : &core->ifaces[bond->iface];
		if (device && device->ifindex && !device->known && !bond->kept && device->bond_active && bond_is_right_device(core, bond) &&
		    device->bond_mode == BOND_MODE_ACTIVEBACKUP &&
		    (device->kind == KIND_TEAM || (device->bond_miimon == BOND_MIIMON_MS &&
						   device->bond_reselect == BOND_RESELECT_FAILURE && !device->bond_primary)))
			core_note(core, NOTE_ADOPTED, (struct object){ .type = OBJECT_BOND, .index = (uint16_t)i });
	}
}

void model_snap_end(struct core *core, const struct event *event)
{
	if (!core->snap_open || event->epoch != core->epoch)
		return;
	sweep(core);
	for (unsigned i = 0; i < core->n_vips && !core->snap_known; i++)
		succession_vip(core, &core->vips[i]);
	succession_nodes_wait(core);
	core->snap_open = false;
	core->snap_known = true;
	core->snap_failures = 0;
	core->counters.snapshots++;
	tell_adopted(core);
	for (unsigned i = 0; i < core->n_ifaces; i++)
		core->ifaces[i].known = true;
	for (unsigned i = 0; i < core->n_bonds; i++)
		bond_update(core, &core->bonds[i]);
	if (core->n_peers)
		peer_update(core);
	track_update(core);
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

struct iface *model_add_iface(struct core *core, const char *name)
{
	struct iface *iface;

	if (core->n_ifaces == core->cap_ifaces)
		return NULL;
	iface = &core->ifaces[core->n_ifaces++];
	configure_iface_init(iface, name);
	return iface;
}

struct place *model_add_orphan(struct core *core, const struct ip *ip, uint8_t prefix, const struct iface *iface)
{
	struct place *place;

	if (core->n_addrs == core->cap_addrs || core->n_places == core->cap_places)
		return NULL;
	place = &core->places[core->n_places];
	*place = (struct place){ .addr = core->n_addrs, .iface = (int)(iface - core->ifaces) };
	core->addrs[core->n_addrs] = (struct addr){
		.ip = *ip,
		.prefix = prefix,
		.owner = OWNER_NOBODY,
		.away_bond = NONE,
		.away_iface = NONE,
		.first_place = core->n_places,
		.n_places = 1
	};
	core->n_orphans++;
	model_hash_addr(core, core->n_addrs);
	core->n_places++;
	core->n_addrs++;
	return place;
}

struct route_place *model_add_orphan_route(struct core *core, const struct config_route *route, const struct iface *iface)
{
	struct config_route *copy;
	struct route_place *place;

	if (core->n_route_places == core->cap_route_places || core->config.n_routes == core->cap_routes)
		return NULL;
	copy = &core->config.routes[core->config.n_routes++];
	*copy = *route;
	place = &core->route_places[core->n_route_places++];
	*place = (struct route_place){ .bond = NONE, .vip = NONE, .route = copy, .iface = (int)(iface - core->ifaces) };
	core->n_orphans++;
	return place;
}

static bool has_address(const struct core *core, const struct bond *bond, const struct ip *ip)
{
	for (unsigned i = 0; i < bond->n_addrs; i++) {
		if (ip_equal(&core->addrs[bond->first_addr + i].ip, ip))
			return true;
	}
	return false;
}

/* Whether a moving bond goes on with what that one had: it has its name, the port or the address. What no bond manages any more
 * stays as it is, as after a reload. */
static bool is_managed(const struct core *core, const struct event_leftover *leftover, const struct iface *iface)
{
	for (unsigned i = 0; i < core->n_bonds; i++) {
		const struct bond *bond = &core->bonds[i];
		if (bond->cfg.driver == DRIVER_MOVE &&
		    (strcmp(bond->cfg.name, leftover->bond) == 0 || (iface && iface->bond == (int)i) ||
		     has_address(core, bond, &leftover->ip)))
			return true;
	}
	return false;
}

void model_leftover(struct core *core, const struct event *event)
{
	const struct event_leftover *leftover = &event->u.leftover;
	struct iface *iface = model_iface_by_name(core, leftover->ifname);
	unsigned cursor = 0;
	struct addr *addr;

	if (core->snap_known || (leftover->bond[0] && !is_managed(core, leftover, iface)))
		return;
	while (iface && (addr = model_addr_next(core, &leftover->ip, &cursor)) != NULL) {
		if (model_place_on(core, addr, iface))
			return; /* the configuration still has it there */
	}
	if (!iface)
		iface = model_add_iface(core, leftover->ifname);
	if (iface)
		model_add_orphan(core, &leftover->ip, leftover->prefix, iface);
}

static bool has_route(const struct core *core, const struct iface *iface, const struct config_route *route)
{
	for (unsigned i = 0; i < core->n_route_places; i++) {
		const struct route_place *place = &core->route_places[i];
		if (place->iface == iface - core->ifaces && route_equal(place->route, route))
			return true;
	}
	return false;
}

/* What the configuration still has there is its owner's. */
void model_leftover_route(struct core *core, const struct event *event)
{
	const struct event_leftover_route *leftover = &event->u.leftover_route;
	struct iface *iface = model_iface_by_name(core, leftover->ifname);

	if (core->snap_known || (iface && has_route(core, iface, &leftover->route)))
		return;
	if (!iface)
		iface = model_add_iface(core, leftover->ifname);
	if (iface)
		model_add_orphan_route(core, &leftover->route, iface);
}
