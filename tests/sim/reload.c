/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reloads: what a person changes in a configuration while the daemon runs, alone and several at once, again before the
 * last one has settled, and in the middle of the changes that it made. */
#include "sim.h"

static void renamed(struct world *w, struct node *node, unsigned vip)
{
	/* It says goodbye and stands anew: a Down from here, and what it knew of others is forgotten. */
	node->watch[vip].configured_ns = w->now;
	node->watch[vip].zero_ns = node->watch[vip].release_ns = 0;
}

static bool change_priority(struct world *w, struct node *node, unsigned vip)
{
	if (check_is_owner(w, node, vip))
		return false;
	node->priority[vip] = (uint8_t)rng_range(&w->rng, 1, 254);
	for (unsigned v = 0; v < w->n_vips; v++) {
		if (w->vips[v].grouped && w->vips[vip].grouped)
			node->priority[v] = node->priority[vip];
		if (v == vip || (w->vips[v].grouped && w->vips[vip].grouped))
			renamed(w, node, v);
	}
	trace_add_text(w, node->id, "reload: vip %u priority %u", vip, node->priority[vip]);
	return true;
}

static bool change_presence(struct world *w, struct node *node, unsigned vip)
{
	unsigned left = 0;

	for (unsigned v = 0; v < w->n_vips; v++)
		left += node->configured[v];
	if (node->configured[vip] && left == 1)
		return false;
	if (w->vips[vip].grouped && rng_chance(&w->rng, 800000))
		return false;
	w->uneven |= w->vips[vip].grouped;
	node->configured[vip] = !node->configured[vip];
	renamed(w, node, vip);
	trace_add_text(w, node->id, "reload: vip %u %s", vip, node->configured[vip] ? "is back" : "is gone");
	return true;
}

/* Few names, so that one comes back while its vip is still leaving. */
static bool change_name(struct world *w, struct node *node, unsigned vip)
{
	if (w->beats.by_claims)
		return false; /* it must be everybody's */
	node->setup[vip].name = (node->setup[vip].name + 1 + (unsigned)rng_below(&w->rng, 2)) % 3;
	renamed(w, node, vip);
	trace_add_text(w, node->id, "reload: vip %u is called vip%u-%u", vip, vip, node->setup[vip].name);
	return true;
}

static bool change_interface(struct world *w, struct node *node, unsigned vip)
{
	if (!node->has_plain || check_is_owner(w, node, vip))
		return false;
	node->setup[vip].plain = !node->setup[vip].plain;
	renamed(w, node, vip);
	trace_add_text(w, node->id, "reload: vip %u on %s", vip, node->setup[vip].plain ? "eth2" : "the bond");
	return true;
}

static bool change_tracks(struct world *w, struct node *node, unsigned vip)
{
	make_tracks(w, node, vip);
	for (unsigned v = 0; v < w->n_vips; v++) /* what barred it may do so no longer */
		if ((v == vip || (w->vips[v].grouped && w->vips[vip].grouped)) && !node->watch[v].complete)
			renamed(w, node, v);
	trace_add_text(w, node->id, "reload: vip %u rests on other things", vip);
	return true;
}

/* One more, one less, one for another; a listed address stays (over IPv6 the link-local one), and IPv6 only where the
 * lease allows it. */
static bool change_addresses(struct world *w, struct node *node, unsigned vip)
{
	unsigned end = w->vips[vip].first >> SIM_VIP_ADDRESSES_4 ? SIM_VIP_ADDRESSES : SIM_VIP_ADDRESSES_4;
	unsigned was = node->setup[vip].wanted, wanted = was, must;
	unsigned what = (unsigned)rng_below(&w->rng, 3);

	if (what != 0)
		wanted &= ~(1U << rng_below(&w->rng, end));
	if (what != 1)
		wanted |= 1U << rng_below(&w->rng, end);
	must = w->vips[vip].family == FAMILY_6 ? 1U << SIM_VIP_ADDRESSES_4 : (1U << SIM_VIP_ADDRESSES_4) - 1;
	if (wanted == was || !(wanted & must) || check_is_owner(w, node, vip))
		return false;
	node->setup[vip].wanted = wanted;
	if ((unsigned)__builtin_popcount(wanted) > w->vips[vip].n_addresses)
		w->vips[vip].n_addresses = (unsigned)__builtin_popcount(wanted);
	trace_add_text(w, node->id, "reload: vip %u addresses 0x%x, were 0x%x", vip, wanted, was);
	return true;
}

static bool change_lease(struct world *w, struct node *node, unsigned vip)
{
	node->setup[vip].lease_ns = w->vips[vip].lease_ns + rng_below(&w->rng, 4) * 5 * NSEC_PER_SEC;
	trace_add_text(w, node->id, "reload: vip %u lease %u s", vip,
		       (unsigned)(node->setup[vip].lease_ns / NSEC_PER_SEC));
	return true;
}

static bool change_advert(struct world *w, struct node *node, unsigned vip)
{
	const uint64_t unit = 10 * NSEC_PER_MSEC;

	if (w->vips[vip].version == 2 || w->beats.by_claims)
		return false; /* it must be everybody's */
	node->advert_ns[vip] = rng_range(&w->rng, 1, w->vips[vip].advert_ns / unit) * unit;
	if (rng_chance(&w->rng, 300000))
		node->advert_ns[vip] = w->vips[vip].advert_ns;
	trace_add_text(w, node->id, "reload: vip %u advert %u ms", vip,
		       (unsigned)(node->advert_ns[vip] / NSEC_PER_MSEC));
	return true;
}

/* Every vip on it is another one then. A device is never renamed. */
static bool change_bond_name(struct world *w, struct node *node)
{
	if (node->kind != NODE_MOVE)
		return false;
	node->bond.name = (node->bond.name + 1 + (unsigned)rng_below(&w->rng, 2)) % 3;
	for (unsigned v = 0; v < w->n_vips; v++)
		if (!node->setup[v].plain)
			renamed(w, node, v);
	trace_add_text(w, node->id, "reload: the bond is called bond%u", node->bond.name);
	return true;
}

static bool change_ports(struct world *w, struct node *node)
{
	unsigned port = 1U << rng_below(&w->rng, SIM_PORTS), all = (1U << SIM_PORTS) - 1;

	if (node->kind == NODE_PLAIN)
		return false;
	if (rng_chance(&w->rng, 250000))
		node->bond.swapped = !node->bond.swapped;
	else
		node->bond.ports = node->bond.ports == all ? port : all;
	for (unsigned v = 0; v < w->n_vips; v++) /* a bond that was down may be up now: those on it stand anew */
		if (!node->setup[v].plain && !node->watch[v].complete)
			renamed(w, node, v);
	trace_add_text(w, node->id, "reload: ports 0x%x%s", node->bond.ports, node->bond.swapped ? ", swapped" : "");
	return true;
}

static bool change_choice(struct world *w, struct node *node)
{
	if (node->kind == NODE_PLAIN)
		return false;
	node->bond.prefer = (int)rng_below(&w->rng, SIM_PORTS + 1) - 1;
	node->bond.failback = (enum failback)rng_below(&w->rng, 3);
	node->bond.hold_ns = rng_chance(&w->rng, 500000) ? rng_range(&w->rng, 0, HOLD_MAX) : node->bond.hold_ns;
	trace_add_text(w, node->id, "reload: prefer %d, failback %d, hold %u ms", node->bond.prefer,
		       (int)node->bond.failback, (unsigned)(node->bond.hold_ns / NSEC_PER_MSEC));
	return true;
}

static bool change_routes(struct world *w, struct node *node)
{
	if (node->kind == NODE_PLAIN)
		return false;
	if (rng_chance(&w->rng, 600000))
		node->bond.gateway = node->bond.gateway ? (unsigned)rng_range(&w->rng, 252, 254) : 254;
	if (rng_chance(&w->rng, 200000))
		node->bond.gateway = 0;
	if (rng_chance(&w->rng, 400000))
		node->bond.second_route = !node->bond.second_route;
	trace_add_text(w, node->id, "reload: gateway %u, %s second route", node->bond.gateway,
		       node->bond.second_route ? "a" : "no");
	return true;
}

static bool change_bond_address(struct world *w, struct node *node)
{
	if (node->kind == NODE_PLAIN)
		return false;
	node->bond.second_address = !node->bond.second_address;
	trace_add_text(w, node->id, "reload: %s second address", node->bond.second_address ? "a" : "no");
	return true;
}

/* The same ports by another word; a name only finds what bears it. */
static bool change_selector(struct world *w, struct node *node)
{
	if (node->kind == NODE_PLAIN)
		return false;
	node->bond.selector = rng_below(&w->rng, 3);
	for (unsigned port = 0; port < SIM_PORTS; port++)
		if (node->bond.selector == BY_NAME && !lan_is_listed(node, port) && node->bond.ports >> port & 1)
			node->bond.selector = BY_MAC;
	trace_add_text(w, node->id, "reload: ports by selector %d", (int)node->bond.selector);
	return true;
}

static bool change_probes(struct world *w, struct node *node)
{
	if (node->kind == NODE_PLAIN)
		return false;
	if (rng_chance(&w->rng, 500000))
		node->bond.probes = !node->bond.probes;
	else
		node->bond.no_damping = !node->bond.no_damping;
	node->gateway_heard = false; /* what was known of other probes is void */
	trace_add_text(w, node->id, "reload: %s probes, %s damping", node->bond.probes ? "with" : "no",
		       node->bond.no_damping ? "no" : "with");
	return true;
}

static void change_something(struct world *w, struct node *node)
{
	static bool (*const of_vip[])(struct world *, struct node *, unsigned) = {
		change_priority, change_presence, change_name,	 change_interface,
		change_addresses, change_addresses, change_lease, change_advert,	change_tracks,
	};
	static bool (*const of_bond[])(struct world *, struct node *) = {
		change_bond_name, change_ports, change_choice, change_routes, change_bond_address, change_selector, change_probes,
	};
	enum { OF_VIP = sizeof of_vip / sizeof of_vip[0], OF_BOND = sizeof of_bond / sizeof of_bond[0] };
	unsigned vip = (unsigned)rng_below(&w->rng, w->n_vips), what = (unsigned)rng_below(&w->rng, OF_VIP + OF_BOND);

	if (what < OF_VIP)
		of_vip[what](w, node, vip);
	else
		of_bond[what - OF_VIP](w, node);
}

/* What may be in force still bounds what is right. */
static void remember(struct world *w, struct node *node)
{
	for (unsigned v = 0; v < w->n_vips; v++) {
		struct vip_setup *setup = &node->setup[v];

		if (w->now - node->watch[v].reloaded_ns >
		    5 * setup->old_advert_ns + 2 * setup->old_lease_ns + NSEC_PER_SEC)
			setup->old_lease_ns = setup->old_advert_ns = 0;
		if (setup->old_lease_ns < setup->lease_ns)
			setup->old_lease_ns = setup->lease_ns;
		if (setup->old_advert_ns < node->advert_ns[v])
			setup->old_advert_ns = node->advert_ns[v];
	}
}

/* Right now, in the middle of whatever it is; nothing else is told of it. */
bool reload_now(struct world *w, struct node *node, bool changed)
{
	if (!node->running || node->stopping || node->doomed)
		return false;
	remember(w, node);
	node->edition += changed;
	for (unsigned i = 0; changed && i < 2; i++)
		change_something(w, node);
	shell_reload(w, node);
	return true;
}

bool reload_happen(struct world *w, struct node *node)
{
	unsigned changes = (unsigned)rng_below(&w->rng, 4); /* none: the same again */

	if (!node->running || node->stopping || node->stalled || node->loop_stalled)
		return false;
	remember(w, node);
	node->edition += changes > 0;
	for (unsigned i = 0; i < changes; i++)
		change_something(w, node);
	if (w->beats.n_paths && changes)
		beat_reload(w, node);
	node->reload_at_change = rng_chance(&w->rng, 200000);
	shell_reload(w, node);
	if (rng_chance(&w->rng, 250000))
		world_schedule(w, w->now + rng_below(&w->rng, 5 * NSEC_PER_MSEC), HAPPEN_RELOAD, node->id, 0, 0);
	return true;
}
