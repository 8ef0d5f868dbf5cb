/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plan for bonds: their links, then addresses and routes, in the order that loses no packet. */
#include "core/plan.h"

/* ---- routes ------------------------------------------------------------------------------------------------------- */

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

/* What the kernel replaces: the same destination metric and table, whatever the gateway and the interface. */
bool plan_same_target(const struct config_route *a, const struct config_route *b)
{
	return a->prefix == b->prefix && a->metric == b->metric && a->table == b->table && ip_equal(&a->to, &b->to);
}

/* The next place for a route of that bond, or of none: no other bond's route is on its interfaces. Start with *i = 0, NULL at the
 * end. */
static const struct route_place *next_route(const struct core *core, const struct bond *bond, unsigned *i)
{
	unsigned n = bond ? bond->n_route_places : core->n_bond_routes, at = (*i)++;

	if (at < n)
		return &core->route_places[bond ? bond->first_route_place + at : at];
	at += core->n_bond_routes - n;
	return at < core->n_route_places ? &core->route_places[at] : NULL;
}

/* A REPLACE may only hit what is ours: the route on another port, or with the gateway of an older configuration. */
static bool had_route(const struct core *core, const struct bond *bond, const struct config_route *route)
{
	const struct route_place *place;
	unsigned i = 0;

	while ((place = next_route(core, bond, &i)) != NULL) {
		if (place->had && plan_same_target(place->route, route))
			return true;
	}
	return false;
}

/* Whether another route with this target is on its way there, or away: the last one wins, so one at a time. */
static bool is_target_busy(const struct core *core, const struct bond *bond, const struct route_place *place)
{
	const struct route_place *other;
	unsigned i = 0;

	while ((other = next_route(core, bond, &i)) != NULL) {
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
		    is_target_busy(core, bond, place) || !addresses_there(core, bond, carrier, route))
			continue;
		action = plan_emit_change(core, out, &place->change, ACT_ROUTE_ADD,
				     plan_bond_object(core, bond));
		if (action)
			action->u.route = (struct action_route){ .ifindex = carrier->ifindex,
								 .route = *route,
								 .replace = had_route(core, bond, route) };
	}
}

/* A route that no bond has any more goes when nothing else is on its way to its target, unless another with the same target
 * is about to replace it. */
void plan_remove_route(struct core *core, struct out *out, struct route_place *place)
{
	struct action *action;

	if (place->bond != NONE || !place->present || !place->had || !change_ready(core, &place->change) ||
	    is_target_busy(core, NULL, place))
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

void plan_bond(struct core *core, struct out *out, struct bond *bond)
{
	if (bond->removed || bond_is_rebuilding(core, bond))
		return; /* all that belongs to it is taken care of */
	plan_links(core, out, bond);
	plan_addresses(core, out, bond->first_addr, bond->n_addrs, false);
	plan_routes(core, out, bond);
	plan_addresses(core, out, bond->first_addr, bond->n_addrs, true);
}
