/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plan for bonds: the device, its ports, the active one, addresses and routes, in the order that loses no packet. */
#include "core/plan.h"

/* ---- routes ------------------------------------------------------------------------------------------------------- */

static bool addresses_there(const struct core *core, const struct bond *bond, const struct iface *iface, uint8_t family)
{
	for (unsigned i = 0; i < bond->n_addrs; i++) {
		const struct addr *addr = &core->addrs[bond->first_addr + i];
		for (unsigned j = 0; j < addr->n_places; j++) {
			const struct place *place = &core->places[addr->first_place + j];
			if (&core->ifaces[place->iface] == iface && !place_is_there(place) && addr->ip.family == family)
				return false;
		}
	}
	return true;
}

/* What the kernel replaces: the same destination and metric, whatever the gateway and the interface. */
bool plan_same_target(const struct config_route *a, const struct config_route *b)
{
	return a->prefix == b->prefix && a->metric == b->metric && ip_equal(&a->to, &b->to);
}

/* A REPLACE may only hit what is ours: the route on another port, or with the gateway of an older configuration. */
static bool had_route(const struct core *core, const struct config_route *route)
{
	for (unsigned i = 0; i < core->n_route_places; i++) {
		if (core->route_places[i].had && plan_same_target(core->route_places[i].route, route))
			return true;
	}
	return false;
}

/* Whether another route with this target is on its way there, or away: the last one wins, so one at a time. */
static bool is_target_busy(const struct core *core, const struct route_place *place)
{
	for (unsigned i = 0; i < core->n_route_places; i++) {
		const struct route_place *other = &core->route_places[i];
		if (other != place && other->change.gen && other->iface == place->iface &&
		    plan_same_target(other->route, place->route))
			return true;
	}
	return false;
}

static void plan_routes(struct core *core, struct out *out, struct bond *bond)
{
	const struct iface *carrier = bond_carrier_iface(core, bond);

	for (unsigned i = 0; carrier && carrier->up && i < bond->n_route_places && !out->full; i++) {
		struct route_place *place = &core->route_places[bond->first_route_place + i];
		const struct config_route *route = place->route;
		struct action *action;
		if (&core->ifaces[place->iface] != carrier || place->present || !change_ready(core, &place->change) ||
		    is_target_busy(core, place) || !addresses_there(core, bond, carrier, route->to.family))
			continue;
		action = plan_emit_change(core, out, &place->change, ACT_ROUTE_ADD,
				     plan_bond_object(core, bond));
		if (action)
			action->u.route = (struct action_route){ .ifindex = carrier->ifindex,
								 .route = *route,
								 .replace = had_route(core, route) };
	}
}

/* A route that no bond has any more goes when nothing else is on its way to its target, unless another with the same target
 * is about to replace it. */
void plan_remove_route(struct core *core, struct out *out, struct route_place *place)
{
	struct action *action;

	if (place->bond != NONE || !place->present || !place->had || !change_ready(core, &place->change) ||
	    is_target_busy(core, place))
		return;
	for (unsigned i = 0; i < core->n_route_places; i++) {
		const struct route_place *other = &core->route_places[i];
		if (other->bond != NONE && !other->present && plan_same_target(other->route, place->route))
			return;
	}
	action = plan_emit_change(core, out, &place->change, ACT_ROUTE_DEL, (struct object){ .type = OBJECT_NODE });
	if (action)
		action->u.route = (struct action_route){ .ifindex = core->ifaces[place->iface].ifindex,
							 .route = *place->route };
}

/* ---- bonds -------------------------------------------------------------------------------------------------------- */

static void emit_link(struct core *core, struct out *out, struct change *change, enum action_type type,
		      struct object object, const struct iface *iface, struct action_link link)
{
	struct action *action = plan_emit_change(core, out, change, type, object);

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
	struct object object = plan_bond_object(core, bond);
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
	if (bond->wanted == NONE || !device->bond_active || bond->wanted == bond->active || !device->up ||
	    !bond->ports[bond->wanted].healthy || !change_ready(core, &bond->change))
		return;
	emit_link(core, out, &bond->change, ACT_SET_ACTIVE, plan_bond_object(core, bond), device,
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
	action = plan_emit_change(core, out, &iface->sysctl[key], ACT_SYSCTL, plan_bond_object(core, bond));
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

void plan_bond(struct core *core, struct out *out, struct bond *bond)
{
	if (bond->removed)
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

