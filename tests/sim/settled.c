/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What must hold when all faults are over and everything had time: every node has exactly what its configuration names. */
#include <inttypes.h>
#include <string.h>

#include "sim.h"

static bool is_bond_address(const struct node *node, const struct sim_address *a)
{
	for (unsigned i = 0; i < node->config_bond.n_addresses; i++)
		if (ip_equal(&a->ip, &node->config_addresses[i].ip) && a->prefix == node->config_addresses[i].prefix)
			return true;
	return false;
}

static bool is_bond_route(const struct node *node, const struct config_route *r)
{
	for (unsigned i = 0; i < node->config.n_routes; i++)
		if (memcmp(r, &node->config_routes[i], sizeof *r) == 0)
			return true;
	return false;
}

/* The bond's own addresses and routes: those that are configured, where it carries, and no other of ours. */
static void settled_belongings(struct world *w, struct node *node, int carrier)
{
	unsigned addresses = 0, routes = 0, number;

	for (unsigned i = 0; i < node->n_addresses; i++) {
		const struct sim_address *a = &node->addresses[i];

		if (!a->ours || check_vip_of(w, &a->ip, &number) >= 0)
			continue;
		if (!is_bond_address(node, a) || a->ifindex != carrier || a->expires_ns != NEVER)
			world_fail(w, node, "settled-bond", "10.0.%u.%u is on ifindex %d%s", a->ip.bytes[2],
				   a->ip.bytes[3], a->ifindex, a->expires_ns != NEVER ? " with a lifetime" : "");
		addresses++;
	}
	for (unsigned i = 0; i < node->n_routes; i++) {
		const struct sim_route *r = &node->routes[i];

		if (!is_bond_route(node, &r->route) || r->ifindex != carrier)
			world_fail(w, node, "settled-bond", "a route via 10.0.0.%u is on ifindex %d",
				   r->route.via.bytes[3], r->ifindex);
		routes++;
	}
	if (addresses != node->config_bond.n_addresses || routes != node->config.n_routes)
		world_fail(w, node, "settled-bond", "%u addresses of %u, %u routes of %u", addresses,
			   node->config_bond.n_addresses, routes, node->config.n_routes);
}

/* With all ports healthy for long, `failback` and `prefer` leave no choice but this one. -1: any will do. */
static int settled_choice(const struct config_bond *bond)
{
	if (bond->failback == FAILBACK_NEVER || (bond->failback == FAILBACK_BETTER && bond->prefer < 0))
		return -1;
	return bond->prefer < 0 ? 0 : bond->prefer;
}

/* One that flapped until a moment ago may be left alone for longer than everybody else needs to come to rest. */
static bool any_damped(const struct node *node, const struct bond_view *bond)
{
	struct port_view port;
	bool damped = false;

	for (unsigned i = 0; i < bond->n_ports; i++) {
		core_port(node->core, 0, i, &port);
		damped = damped || port.reason.code == REASON_PORT_DAMPED;
	}
	return damped;
}

static void settled_bond(struct world *w, struct node *node)
{
	struct bond_view view;
	struct port_view port;
	const struct sim_link *bond = &node->links[SIM_PORTS], *active;
	int choice = settled_choice(&node->config_bond);

	if (!core_n_bonds(node->core))
		return;
	core_bond(node->core, 0, &view);
	if (any_damped(node, &view))
		choice = -1;
	else if (view.state != (node->config_bond.n_ports > 1 ? BOND_UP : BOND_DEGRADED))
		view.active_port = -1;
	if (view.active_port < 0 || (node->bond.selector != BY_GLOB && view.n_ports != node->config_bond.n_ports)) {
		world_fail(w, node, "settled-bond", "%s, reason %s, %u ports, all cables are in",
			   bond_state_name(view.state), reason_code_name(view.reason.code), view.n_ports);
		return;
	}
	core_port(node->core, 0, (unsigned)view.active_port, &port);
	active = kernel_link_named(node, port.name);
	if (!active || (node->kind >= NODE_KERNEL && active->ifindex != bond->active)) {
		world_fail(w, node, "settled-bond", "the core thinks %s is active, the kernel has ifindex %d",
			   port.name, bond->active);
		return;
	}
	if (choice >= 0 && strcmp(node->config_bond.ports[choice].spec, port.spec) != 0)
		world_fail(w, node, "settled-bond", "%s is active, %s is better", port.name,
			   node->config_bond.ports[choice].spec);
	settled_belongings(w, node, node->kind >= NODE_KERNEL ? bond->ifindex : active->ifindex);
}

/* All that vips rest on is there again, but for a route that a reload took away. */
static uint8_t settled_priority(const struct world *w, const struct node *node, unsigned vip)
{
	unsigned lowered = 0;

	for (unsigned v = 0; v < w->n_vips; v++) {
		if (v != vip && !(w->vips[v].grouped && w->vips[vip].grouped))
			continue;
		if (node->configured[v] && node->setup[v].tracks[TRACK_ROUTE].used && !node->bond.gateway)
			lowered += node->setup[v].tracks[TRACK_ROUTE].lower;
	}
	return (uint8_t)(node->priority[vip] > lowered ? node->priority[vip] - lowered : 1);
}

static void settled_vip(struct world *w, struct node *node, unsigned vip, uint8_t best)
{
	struct watch *watch = &node->watch[vip];
	bool holds = w->vips[vip].all >> node->id & 1;
	unsigned wanted = (unsigned)__builtin_popcount(node->setup[vip].wanted);

	if (!node->configured[vip]) {
		if (watch->total)
			world_fail(w, node, "settled-vip", "vip %u is not configured here and has addresses", vip);
		return;
	}
	if (holds != (watch->state == VIP_ACTIVE) || (!holds && watch->state != VIP_BACKUP) || (!holds && watch->total))
		world_fail(w, node, "settled-vip", "vip %u: state %s, reason %s, %u addresses", vip,
			   vip_state_name(watch->state), reason_code_name(watch->reason), watch->total);
	if (holds && watch->total != wanted && !check_is_owner(w, node, vip))
		world_fail(w, node, "settled-vip", "vip %u: %u addresses, %u are configured", vip, watch->total,
			   wanted);
	if (watch->priority != settled_priority(w, node, vip))
		world_fail(w, node, "settled-vip", "vip %u: priority %u, should be %u", vip, watch->priority,
			   settled_priority(w, node, vip));
	if (holds && w->vips[vip].preempt && !w->beats.by_claims && watch->priority != best && !(w->vips[vip].grouped && w->uneven))
		world_fail(w, node, "settled-vip", "vip %u: priority %u holds it, %u is there and preempts", vip,
			   watch->priority, best);
}

static void settled_leases(struct world *w, struct node *node)
{
	for (unsigned i = 0; i < node->n_addresses; i++) {
		const struct sim_address *a = &node->addresses[i];
		unsigned address;
		int vip = check_vip_of(w, &a->ip, &address);

		if (vip >= 0 && !check_is_owner(w, node, (unsigned)vip) && a->valid_s != node->setup[vip].lease_ns / NSEC_PER_SEC)
			world_fail(w, node, "settled-lease", "vip %d: an address with a lifetime of %u s", vip,
				   a->valid_s);
	}
}

/* All members of the group are on one node. */
static void settled_group(struct world *w)
{
	int first = -1;

	for (unsigned v = 0; v < w->n_vips && !w->uneven && !w->failed; v++) {
		if (!w->vips[v].grouped)
			continue;
		if (first >= 0 && w->vips[v].all != w->vips[first].all)
			world_fail(w, NULL, "settled-group", "vip %d is on 0x%" PRIx64 ", vip %u on 0x%" PRIx64, first,
				   w->vips[first].all, v, w->vips[v].all);
		first = first < 0 ? (int)v : first;
	}
}

void check_settled(struct world *w)
{
	for (unsigned v = 0; v < w->n_vips && !w->failed; v++) {
		uint8_t best = 0;
		uint64_t all = w->vips[v].all;

		for (unsigned n = 0; n < w->n_nodes; n++)
			if (w->nodes[n].configured[v] && settled_priority(w, &w->nodes[n], v) > best)
				best = settled_priority(w, &w->nodes[n], v);
		if (best && ((all == 0 && !(w->vips[v].grouped && w->uneven)) || all & (all - 1)))
			world_fail(w, NULL, "settled-holders", "vip %u: holders 0x%" PRIx64, v, all);
		for (unsigned n = 0; n < w->n_nodes && !w->failed; n++)
			settled_vip(w, &w->nodes[n], v, best);
	}
	settled_group(w);
	order_settled(w);
	for (unsigned n = 0; n < w->n_nodes && !w->failed; n++) {
		struct node *node = &w->nodes[n];

		settled_bond(w, node);
		settled_leases(w, node);
	}
}

void check_nothing_left(struct world *w)
{
	for (unsigned n = 0; n < w->n_nodes && !w->failed; n++) {
		struct node *node = &w->nodes[n];

		if (node->running)
			world_fail(w, node, "stop-hangs", "does not stop");
		for (unsigned v = 0; v < w->n_vips; v++)
			if (node->watch[v].total)
				world_fail(w, node, "left-behind", "vip %u: %u addresses after everybody stopped", v,
					   node->watch[v].total);
	}
}
