/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plan for routes: those of bonds, which stay, those of vips, which come and go with them, and those that nobody has any
 * more. */
#include "core/plan.h"

/* ---- what the kernel takes for the same --------------------------------------------------------------------------- */

/* What the kernel replaces: the same destination metric and table, whatever the gateway and the interface. */
bool plan_same_target(const struct config_route *a, const struct config_route *b)
{
	return a->prefix == b->prefix && a->metric == b->metric && a->table == b->table && ip_equal(&a->to, &b->to);
}

/* The routes of one owner, or of all. */
struct group {
	unsigned first, n;
};

static struct group all_of(const struct core *core)
{
	return (struct group){ 0, core->n_owned_routes };
}

/* The next place for a route of that owner, or of none: what another has is never the same. Start with *i = 0, NULL at the end. */
static const struct route_place *next_route(const struct core *core, struct group group, unsigned *i)
{
	unsigned at = (*i)++;

	if (at < group.n)
		return &core->route_places[group.first + at];
	at += core->n_owned_routes - group.n;
	return at < core->n_route_places ? &core->route_places[at] : NULL;
}

/* A REPLACE may only hit what is ours: the route on another port, or with the gateway of an older configuration. */
static bool had_route(const struct core *core, struct group group, const struct config_route *route)
{
	const struct route_place *place;
	unsigned i = 0;

	while ((place = next_route(core, group, &i)) != NULL) {
		if (place->had && plan_same_target(place->route, route))
			return true;
	}
	return false;
}

/* Whether another route with this target is on its way there, or away: the last one wins, so one at a time. */
static bool is_target_busy(const struct core *core, struct group group, const struct route_place *place)
{
	const struct route_place *other;
	unsigned i = 0;

	while ((other = next_route(core, group, &i)) != NULL) {
		if (other != place && other->change.gen && other->iface == place->iface &&
		    plan_same_target(other->route, place->route))
			return true;
	}
	return false;
}

static void emit_add(struct core *core, struct out *out, struct group group, struct route_place *place, struct object object)
{
	struct action *action = plan_emit_change(core, out, &place->change, ACT_ROUTE_ADD, object);

	if (action)
		action->u.route = (struct action_route){ .ifindex = core->ifaces[place->iface].ifindex,
							 .route = *place->route,
							 .replace = had_route(core, group, place->route) };
}

static void emit_del(struct core *core, struct out *out, struct route_place *place, struct object object)
{
	struct action *action = plan_emit_change(core, out, &place->change, ACT_ROUTE_DEL, object);

	if (action)
		action->u.route = (struct action_route){ .ifindex = core->ifaces[place->iface].ifindex,
							 .route = *place->route };
}

/* ---- of bonds ------------------------------------------------------------------------------------------------------ */

static bool is_in_network(const struct ip *ip, const struct addr *addr)
{
	unsigned whole = addr->prefix / 8, rest = addr->prefix % 8;

	if (ip->family != addr->ip.family || memcmp(ip->bytes, addr->ip.bytes, whole) != 0)
		return false;
	return !rest || (ip->bytes[whole] ^ addr->ip.bytes[whole]) >> (8 - rest) == 0;
}

static const struct place *place_of(const struct core *core, const struct addr *addr, const struct iface *iface)
{
	for (unsigned i = 0; i < addr->n_places; i++) {
		const struct place *place = &core->places[addr->first_place + i];
		if (&core->ifaces[place->iface] == iface)
			return place;
	}
	return NULL;
}

/* All that are on their way are waited for, so that the kernel chooses the source that it will choose later. One that
 * somebody removes again and again, or that the kernel refuses, is not, as long as the others will do. */
static bool addresses_there(const struct core *core, const struct bond *bond, const struct iface *iface,
			    const struct config_route *route)
{
	bool reached = route->via.family == FAMILY_NONE || route->on_link, missing = false;

	for (unsigned i = 0; i < bond->n_addrs; i++) {
		const struct addr *addr = &core->addrs[bond->first_addr + i];
		const struct place *place = addr->ip.family == route->to.family ? place_of(core, addr, iface) : NULL;
		if (!place)
			continue;
		if (place_is_there(place))
			reached |= is_in_network(&route->via, addr);
		else if (place->change.gen || place->change.retry_ns <= core->now || ip_equal(&route->from, &addr->ip))
			return false;
		else
			missing = true;
	}
	return reached || !missing;
}

void plan_bond_routes(struct core *core, struct out *out, struct bond *bond)
{
	const struct iface *carrier = bond_carrier_iface(core, bond);
	struct group group = { bond->first_route_place, bond->n_route_places };

	for (unsigned i = 0; carrier && carrier->up && i < group.n && !out->full; i++) {
		struct route_place *place = &core->route_places[group.first + i];
		if (&core->ifaces[place->iface] != carrier || place->present || !change_ready(core, &place->change) ||
		    is_target_busy(core, group, place) || !addresses_there(core, bond, carrier, place->route))
			continue;
		emit_add(core, out, group, place, plan_bond_object(core, bond));
	}
}

/* ---- of vips ------------------------------------------------------------------------------------------------------- */

/* Where a route by the vip's own interface, or by a bond, belongs now; NULL: nowhere. */
static const struct iface *carrier_of(const struct core *core, const struct vip *vip, const struct config_route *route)
{
	if (!route->on[0])
		return vip_iface(core, vip);
	return route->bond != NONE ? bond_carrier_iface(core, &core->bonds[route->bond]) : NULL;
}

bool plan_vip_route_wanted(const struct core *core, const struct route_place *place)
{
	const struct vip *vip = &core->vips[place->vip];
	const struct iface *iface = &core->ifaces[place->iface];

	if (!vip_wants_addresses(vip) || !iface->ifindex || !iface->up)
		return false;
	return (place->route->on[0] && place->route->bond == NONE) || carrier_of(core, vip, place->route) == iface;
}

/* The address that it prefers as source must be there, or on its way in the same breath. */
static bool has_source(const struct core *core, const struct vip *vip, const struct config_route *route)
{
	for (unsigned i = 0; i < vip->n_addrs && route->from.family; i++) {
		const struct addr *addr = &core->addrs[vip->first_addr + i];
		if (!ip_equal(&addr->ip, &route->from))
			continue;
		for (unsigned j = 0; j < addr->n_places; j++) {
			const struct place *place = &core->places[addr->first_place + j];
			if (place_is_there(place) || (place->change.gen && place->change.type == ACT_ADDRESS_ADD))
				return true;
		}
		return false;
	}
	return true;
}

bool plan_is_twin(const struct route_place *a, const struct route_place *b)
{
	return a->vip != NONE && b->vip != NONE && a->iface == b->iface && plan_same_target(a->route, b->route) && ip_equal(&a->route->via, &b->route->via);
}

/* Whether a vip that leaves has it still, or its successor has it already. */
static bool has_wanted_twin(const struct core *core, const struct route_place *place)
{
	for (unsigned i = 0; i < core->n_owned_routes && core->has_removed; i++) {
		const struct route_place *other = &core->route_places[i];
		if (other != place && other->vip != NONE && plan_is_twin(other, place) && plan_vip_route_wanted(core, other))
			return true;
	}
	return false;
}

/* One that is to be replaced by another with the same target stays until it is. */
static bool is_replaced(const struct core *core, struct group group, const struct route_place *place)
{
	const struct route_place *other;
	unsigned i = 0;

	while ((other = next_route(core, group, &i)) != NULL) {
		if (other != place && plan_same_target(other->route, place->route) &&
		    (other->change.gen || (other->vip != NONE && !other->present && plan_vip_route_wanted(core, other))))
			return true;
	}
	return false;
}

/* Additions while it takes over or is active, in one batch with its addresses and behind them; a vip that leaves gets nothing
 * back that it loses. */
void plan_vip_routes(struct core *core, struct out *out, struct vip *vip, bool removals)
{
	struct group group = { vip->first_route_place, vip->n_route_places };
	bool holds = vip_holds(vip);

	for (unsigned i = 0; i < group.n && !out->full; i++) {
		struct route_place *place = &core->route_places[group.first + i];
		bool wanted = plan_vip_route_wanted(core, place);
		if (!change_ready(core, &place->change))
			continue;
		if (removals && !wanted && place->had && core->ifaces[place->iface].ifindex && !is_replaced(core, group, place) &&
		    !has_wanted_twin(core, place))
			emit_del(core, out, place, vip_object(core, vip));
		else if (!removals && wanted && holds && !place->present && !is_target_busy(core, group, place) &&
			 has_source(core, vip, place->route))
			emit_add(core, out, group, place, vip_object(core, vip));
	}
}

/* ---- of nobody ----------------------------------------------------------------------------------------------------- */

/* Whether it is, or will be, put in place of another. */
static bool may_come(const struct core *core, const struct route_place *place)
{
	if (place->vip != NONE)
		return !place->present && plan_vip_route_wanted(core, place);
	return place->bond != NONE && !place->present;
}

/* A route that no object has any more goes when nothing else is on its way to its target, unless another with the same target
 * is about to replace it. */
void plan_remove_route(struct core *core, struct out *out, struct route_place *place)
{
	if (!route_is_orphan(place) || !place->present || !place->had || !change_ready(core, &place->change) ||
	    is_target_busy(core, all_of(core), place))
		return;
	for (unsigned i = 0; i < core->n_route_places; i++) {
		const struct route_place *other = &core->route_places[i];
		if (may_come(core, other) && plan_same_target(other->route, place->route))
			return;
	}
	emit_del(core, out, place, (struct object){ .type = OBJECT_NODE });
}
