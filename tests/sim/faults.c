/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What goes wrong, and how it ends. The state of cables, switches and reachability is computed from the faults that are
 * on, so that overlapping ones end each in its own time. */
#include <string.h>

#include "sim.h"

static const char *const names[FAULT_KINDS] = {
	[FAULT_CABLE] = "cable",
	[FAULT_SWITCH] = "switch",
	[FAULT_TRUNK] = "trunk",
	[FAULT_PARTITION] = "partition",
	[FAULT_ONE_WAY] = "one-way",
	[FAULT_LOSS] = "loss",
	[FAULT_DELAY] = "delay",
	[FAULT_CRASH] = "crash",
	[FAULT_POWER] = "power",
	[FAULT_STALL] = "stall",
	[FAULT_LOOP_STALL] = "loop-stall",
	[FAULT_STOP] = "stop",
	[FAULT_RELOAD] = "reload",
	[FAULT_ADDRESS_DELETED] = "address-deleted",
	[FAULT_BASE_DELETED] = "base-deleted",
	[FAULT_LINK_RECREATED] = "link-recreated",
	[FAULT_LINK_DOWN] = "link-down",
	[FAULT_OVERRUN] = "overrun",
	[FAULT_REFUSE] = "refuse",
	[FAULT_SLOW] = "slow",
	[FAULT_BAD_PACKET] = "bad-packet",
	[FAULT_CLAIM] = "claim",
	[FAULT_BOND_TOUCHED] = "bond-touched",
	[FAULT_ROUTE_DELETED] = "route-deleted",
	[FAULT_REFUSE_LONG] = "refuse-long",
	[FAULT_MUTE] = "mute",
	[FAULT_GATEWAY] = "gateway",
	[FAULT_SWITCHED] = "switched",
	[FAULT_FLAP] = "flap",
	[FAULT_SILENT] = "silent",
	[FAULT_RENAMED] = "renamed",
	[FAULT_ROLE] = "role",
};

const char *fault_name(enum fault_kind kind)
{
	return names[kind];
}

static struct node *any_node(struct world *w)
{
	return &w->nodes[rng_below(&w->rng, w->n_nodes)];
}

static void disturb_all(struct world *w)
{
	for (unsigned n = 0; n < w->n_nodes; n++)
		check_disturb_lan(w, &w->nodes[n]);
}

/* ---- the LAN as the faults that are on leave it ---- */

static void lan_add(struct world *w, const struct fault *f)
{
	switch ((int)f->kind) {
	case FAULT_CABLE:
		w->cable[f->node][f->port] = false;
		break;
	case FAULT_SWITCH:
		w->switch_up[f->port] = false;
		break;
	case FAULT_FLAP:
		if (f->cut)
			w->cable[f->node][f->port] = false;
		break;
	case FAULT_SILENT: /* it keeps every link up and passes nothing */
		for (unsigned n = 0; n < w->n_nodes; n++)
			for (unsigned port = 0; port < SIM_LAN_LINKS; port++)
				if (lan_is_port(&w->nodes[n], port) && lan_switch_of(&w->nodes[n], port) == (int)f->port)
					w->mute[n][port] = true;
		break;
	case FAULT_MUTE:
		w->mute[f->node][f->port] = true;
		break;
	case FAULT_GATEWAY:
		w->gateway = false;
		break;
	case FAULT_TRUNK:
		w->trunk = false;
		break;
	case FAULT_PARTITION:
		for (unsigned n = 0; n < w->n_nodes; n++)
			w->blocked[n] |= f->node >> n & 1 ? ~(uint64_t)f->node : f->node;
		break;
	case FAULT_ONE_WAY:
		w->blocked[f->node] |= 1ULL << f->port;
		break;
	case FAULT_LOSS:
		w->burst_loss = 300000;
		break;
	case FAULT_DELAY:
		w->burst_delay_ns = 15 * NSEC_PER_MSEC;
		break;
	default:
		break;
	}
}

void fault_compute(struct world *w)
{
	memset(w->cable, 1, sizeof w->cable);
	memset(w->blocked, 0, sizeof w->blocked);
	memset(w->mute, 0, sizeof w->mute);
	w->gateway = true;
	w->switch_up[0] = w->switch_up[1] = w->trunk = true;
	w->burst_loss = 0;
	w->burst_delay_ns = 0;
	for (unsigned i = 0; i < SIM_FAULTS; i++)
		if (w->faults[i].on)
			lan_add(w, &w->faults[i]);
	beat_cables(w);
	for (unsigned n = 0; n < w->n_nodes; n++)
		kernel_refresh(w, &w->nodes[n]);
	disturb_all(w);
	safety_account_all(w);
}

/* ---- faults that are over at once ---- */

/* Deleting one thing again and again makes the core back off, which is another story: not more than every three
 * seconds. */
static bool may_delete(struct world *w, struct node *node)
{
	if (!node->powered || (node->deleted_ns && w->now - node->deleted_ns < 3 * NSEC_PER_SEC))
		return false;
	node->deleted_ns = w->now;
	check_disturb(w, node, 0);
	return true;
}

static bool address_deleted(struct world *w, struct node *node, bool base)
{
	for (unsigned i = 0, start = (unsigned)rng_next(&w->rng) % SIM_ADDRESSES; i < node->n_addresses; i++) {
		struct sim_address a = node->addresses[(start + i) % node->n_addresses];
		unsigned number;
		bool is_vip = check_vip_of(w, &a.ip, &number) >= 0;

		if (is_vip == base || (a.ip.bytes[0] == 0xfe && !is_vip) || (is_vip && !a.ours) || (base && a.ifindex == node->links[SIM_PLAIN].ifindex))
			continue;
		if (base && node->kind == NODE_PLAIN)
			return false;
		if (!may_delete(w, node))
			return false;
		kernel_address_delete(w, node, a.ifindex, &a.ip, a.prefix, 4242);
		return true;
	}
	return false;
}

void fault_delete(struct world *w, struct node *node)
{
	if (node->powered)
		address_deleted(w, node, rng_chance(&w->rng, 500000));
}

static bool route_deleted(struct world *w, struct node *node)
{
	struct sim_route r;

	if (!node->n_routes || !may_delete(w, node))
		return false;
	r = node->routes[0];
	kernel_route_delete(w, node, r.ifindex, &r.route, 4242);
	return true;
}

static bool bond_touched(struct world *w, struct node *node)
{
	struct sim_link *bond = &node->links[SIM_PORTS], *port = &node->links[rng_below(&w->rng, SIM_PORTS)];

	if (node->kind < NODE_KERNEL || !bond->exists || !port->exists || !may_delete(w, node))
		return false;
	switch (rng_below(&w->rng, 4)) {
	case 3:
		if (bond->kind == KIND_TEAM)
			return false;
		bond->mode = 0;
		bond->active = 0;
		kernel_tell_link(w, node, bond, 4242);
		check_disturb(w, node, REBUILT_GRACE);
		return true;
	case 0:
		bonding_set_active(w, node, bond, port->ifindex, 4242);
		return true;
	case 1:
		if (bond->kind == KIND_TEAM)
			return false;
		bond->miimon = 50;
		bond->primary = port->ifindex;
		kernel_tell_link(w, node, bond, 4242);
		return true;
	default:
		if (port->master)
			bonding_release(w, node, port, 4242);
		return true;
	}
}

static bool refuse(struct world *w, struct node *node)
{
	static const int errors[] = { 16 /* EBUSY */, 12 /* ENOMEM */, 1 /* EPERM */, 105 /* ENOBUFS */,
				      22 /* EINVAL */ };

	if (!node->running)
		return false;
	node->refuse_in = (unsigned)rng_below(&w->rng, 6);
	node->refuse_next = (unsigned)rng_range(&w->rng, 1, 3);
	node->refuse_errno = errors[rng_below(&w->rng, sizeof errors / sizeof errors[0])];
	check_disturb(w, node, 0);
	return true;
}

/* Messages are lost, and the world goes on while the core takes its snapshot. */
static bool overrun(struct world *w, struct node *node)
{
	if (!node->running || !node->links[0].exists)
		return false;
	node->drop_live = (unsigned)rng_range(&w->rng, 1, 6);
	kernel_tell_link(w, node, &node->links[0], 0);
	check_disturb(w, node, 0);
	if (rng_chance(&w->rng, 500000))
		world_schedule(w, w->now + rng_below(&w->rng, NSEC_PER_MSEC), HAPPEN_DELETE, node->id, 0, 0);
	return true;
}

static bool bad_packets(struct world *w, struct node *node)
{
	if (!node->links[0].exists)
		return false;
	for (unsigned i = 0; i < 5; i++)
		lan_bad_packet(w, node);
	return true;
}

/* 1: done and over, 0: not possible now, -1: not of this sort. */
static int fault_at_once(struct world *w, struct node *node, enum fault_kind kind)
{
	switch ((int)kind) {
	case FAULT_RELOAD:
		return reload_happen(w, node);
	case FAULT_ADDRESS_DELETED:
		return address_deleted(w, node, false);
	case FAULT_BASE_DELETED:
		return address_deleted(w, node, true);
	case FAULT_ROUTE_DELETED:
		return route_deleted(w, node);
	case FAULT_OVERRUN:
		return overrun(w, node);
	case FAULT_REFUSE:
		return refuse(w, node);
	case FAULT_SLOW:
		node->slow_until_ns = w->now + rng_below(&w->rng, NSEC_PER_SEC);
		check_disturb(w, node, NSEC_PER_SEC);
		return 1;
	case FAULT_BAD_PACKET:
		return bad_packets(w, node);
	case FAULT_CLAIM:
		lan_foreign_claim(w, node, (unsigned)rng_below(&w->rng, w->n_vips));
		return 1;
	case FAULT_BOND_TOUCHED:
		return bond_touched(w, node);
	case FAULT_SWITCHED:
		if (node->kind == NODE_PLAIN || !node->running)
			return false;
		check_disturb(w, node, 0);
		shell_switch(w, node, (const char *const[]){ "eth0", "eth1", NULL }[rng_below(&w->rng, 3)]);
		return true;
	case FAULT_ROLE: /* a handover is over at once, a drained node is undrained */
		if (rng_chance(&w->rng, 500000))
			return -1;
		return shell_role(w, node, ROLE_HANDOVER, (unsigned)rng_below(&w->rng, w->n_vips));
	default:
		return -1;
	}
}

/* ---- faults that last ---- */

static unsigned any_port(struct world *w, const struct node *node)
{
	unsigned port;

	do
		port = (unsigned)rng_below(&w->rng, SIM_LAN_LINKS);
	while (!lan_is_port(node, port));
	return port;
}

static bool link_begins(struct world *w, struct node *node, struct fault *f)
{
	struct sim_link *link;

	if (node->kind >= NODE_KERNEL && f->kind == FAULT_LINK_RECREATED && rng_chance(&w->rng, 300000))
		f->port = SIM_PORTS; /* the bond itself: the core builds it again */
	else
		f->port = any_port(w, node);
	link = &node->links[f->port];
	if (!node->powered || !link->exists)
		return false;
	check_disturb(w, node, 0);
	link->held_down = f->kind == FAULT_LINK_DOWN;
	if (f->kind == FAULT_LINK_DOWN)
		kernel_set_up(w, node, link, false, 4242);
	else
		kernel_delete_link(w, node, link);
	return true;
}

static bool renaming_begins(struct world *w, struct node *node, struct fault *f)
{
	f->port = (unsigned)rng_below(&w->rng, SIM_PORTS);
	if (node->kind == NODE_PLAIN || node->bond.selector == BY_NAME || !node->powered || !node->links[f->port].exists)
		return false;
	check_disturb(w, node, 0);
	kernel_rename(w, node, &node->links[f->port], true);
	return true;
}

static bool refusing_begins(struct world *w, struct node *node)
{
	node->refuse_types = 1U << rng_range(&w->rng, ACT_ADDRESS_ADD, ACT_LISTEN);
	node->refuse_errno = rng_chance(&w->rng, 500000) ? 16 /* EBUSY */ : 1 /* EPERM */;
	check_disturb(w, node, REFUSED_LONG_GRACE);
	return true;
}

static bool process_begins(struct world *w, struct node *node, struct fault *f)
{
	if (!node->running || (node->suspended && f->kind == FAULT_CRASH))
		return false;
	if (f->kind == FAULT_STOP) {
		if (node->stopping || node->stalled || node->loop_stalled)
			return false;
		shell_stop(w, node);
		return true;
	}
	if (f->kind == FAULT_STALL || f->kind == FAULT_LOOP_STALL) {
		if (node->stalled || node->loop_stalled)
			return false;
		shell_stall(w, node, f->kind == FAULT_LOOP_STALL,
			    f->kind == FAULT_STALL && rng_chance(&w->rng, 300000));
		return true;
	}
	shell_kill(w, node);
	if (f->kind == FAULT_POWER)
		kernel_off(w, node);
	return true;
}

static bool fault_begin(struct world *w, struct fault *f)
{
	struct node *node = any_node(w);

	f->node = node->id;
	switch ((int)f->kind) {
	case FAULT_LINK_RECREATED:
	case FAULT_LINK_DOWN:
		return link_begins(w, node, f);
	case FAULT_CRASH:
	case FAULT_POWER:
	case FAULT_STALL:
	case FAULT_LOOP_STALL:
	case FAULT_STOP:
		return process_begins(w, node, f);
	case FAULT_REFUSE_LONG:
		return refusing_begins(w, node);
	case FAULT_RENAMED:
		return renaming_begins(w, node, f);
	case FAULT_ROLE:
		return shell_role(w, node, ROLE_DRAIN, 0);
	case FAULT_PARTITION:
		f->node = (unsigned)rng_range(&w->rng, 1, (1U << w->n_nodes) - 2);
		break;
	case FAULT_CABLE:
	case FAULT_MUTE:
	case FAULT_FLAP:
		f->port = any_port(w, node);
		break;
	case FAULT_ONE_WAY:
		f->port = (unsigned)((node->id + 1 + rng_below(&w->rng, w->n_nodes - 1)) % w->n_nodes);
		break;
	default:
		f->port = (unsigned)rng_below(&w->rng, SIM_PORTS);
		break;
	}
	f->on = true;
	f->cut = false;
	if (f->kind == FAULT_FLAP)
		fault_flap(w, (unsigned)(f - w->faults));
	fault_compute(w);
	return true;
}

void fault_flap(struct world *w, unsigned slot)
{
	struct fault *f = &w->faults[slot];

	if (!f->on || f->kind != FAULT_FLAP)
		return;
	f->cut = !f->cut;
	fault_compute(w);
	world_schedule(w, w->now + rng_range(&w->rng, 20, 900) * NSEC_PER_MSEC, HAPPEN_FLAP, 0, slot, 0);
}

static uint64_t fault_duration(struct world *w, enum fault_kind kind)
{
	if (rng_chance(&w->rng, 400000) || kind == FAULT_LOSS || kind == FAULT_DELAY)
		return rng_below(&w->rng, w->fault_gap_ns / 8 + 400 * NSEC_PER_MSEC);
	return rng_below(&w->rng, 4 * w->fault_gap_ns + NSEC_PER_SEC);
}

static void fault_lasting(struct world *w, enum fault_kind kind)
{
	struct fault *f = w->faults;

	while (f < w->faults + SIM_FAULTS && f->on)
		f++;
	if (f == w->faults + SIM_FAULTS)
		return;
	f->kind = kind;
	if (!fault_begin(w, f))
		return;
	f->on = true;
	w->statistics->faults[kind]++;
	trace_add_text(w, f->node, "fault %s begins, port %u", fault_name(kind), f->port);
	world_schedule(w, w->now + fault_duration(w, kind), HAPPEN_HEAL, 0, (uint32_t)(f - w->faults), 0);
}

/* Half of them are of the sorts that move a vip; a mask without any of those finds its own in the other half. */
static enum fault_kind fault_draw(struct world *w)
{
	static const enum fault_kind movers[] = { FAULT_CABLE, FAULT_SWITCH, FAULT_CRASH,     FAULT_POWER,
						  FAULT_STALL, FAULT_STOP,   FAULT_PARTITION, FAULT_LINK_DOWN,
						  FAULT_ROLE };

	if (rng_chance(&w->rng, 500000))
		return movers[rng_below(&w->rng, sizeof movers / sizeof movers[0])];
	return (enum fault_kind)rng_below(&w->rng, FAULT_KINDS);
}

void fault_happen(struct world *w)
{
	struct node *node = any_node(w);
	enum fault_kind kind;
	int done;

	if (!w->faults_on || !w->fault_mask)
		return;
	do
		kind = fault_draw(w);
	while (!(w->fault_mask & 1U << kind));
	trace_add_text(w, node->id, "fault %s?", fault_name(kind));
	done = fault_at_once(w, node, kind);
	if (done < 0)
		fault_lasting(w, kind);
	else
		w->statistics->faults[kind] += (uint64_t)done;
	world_schedule(w, w->now + 1 + rng_below(&w->rng, 2 * w->fault_gap_ns), HAPPEN_FAULT, 0, 0, 0);
}

static void link_heals(struct world *w, struct node *node, const struct fault *f)
{
	struct sim_link *link = &node->links[f->port];

	if (!node->powered)
		return;
	check_disturb(w, node, 0);
	if (f->kind == FAULT_LINK_DOWN)
		link->held_down = false;
	if (f->kind == FAULT_LINK_DOWN && link->exists)
		kernel_set_up(w, node, link, true, 4242);
	if (f->kind != FAULT_LINK_RECREATED || f->port == SIM_PORTS || link->exists)
		return;
	kernel_create_nic(w, node, f->port);
	if (node->kind == NODE_PLAIN || f->port == SIM_PLAIN)
		kernel_base_address(w, node, link);
}

static void process_heals(struct world *w, struct node *node, struct fault *f)
{
	if (f->kind == FAULT_STALL || f->kind == FAULT_LOOP_STALL) {
		shell_wake(w, node);
		return;
	}
	if (f->kind == FAULT_POWER && !node->powered)
		kernel_boot(w, node);
	if (node->running && node->stopping) { /* still leaving: try again */
		f->on = true;
		world_schedule(w, w->now + 100 * NSEC_PER_MSEC, HAPPEN_HEAL, 0, (uint32_t)(f - w->faults), 0);
		return;
	}
	shell_start(w, node);
}

static void fault_set(struct world *w, struct node *node, enum fault_kind kind, uint64_t for_ns)
{
	struct fault *f = w->faults;

	while (f < w->faults + SIM_FAULTS && f->on)
		f++;
	if (f == w->faults + SIM_FAULTS) {
		world_fail(w, node, "faults", "no room for one more");
		return;
	}
	*f = (struct fault){ .on = true, .kind = kind, .node = node->id };
	world_schedule(w, w->now + for_ns, HAPPEN_HEAL, 0, (uint32_t)(f - w->faults), 0);
}

void fault_put(struct world *w, enum fault_kind kind, unsigned node, unsigned port)
{
	struct fault *f = w->faults;

	while (f < w->faults + SIM_FAULTS - 1 && f->on)
		f++;
	*f = (struct fault){ .on = true, .kind = kind, .node = node, .port = port };
	fault_compute(w);
}

void fault_restart(struct world *w, struct node *node, uint64_t after_ns)
{
	fault_set(w, node, FAULT_CRASH, after_ns);
}

void fault_pause(struct world *w, struct node *node, bool loop_only, bool suspended, uint64_t for_ns)
{
	shell_stall(w, node, loop_only, suspended);
	fault_set(w, node, FAULT_STALL, for_ns);
}

void fault_heal(struct world *w, unsigned slot)
{
	struct fault *f = &w->faults[slot];
	struct node *node = &w->nodes[f->node % w->n_nodes];

	if (!f->on)
		return;
	f->on = false;
	trace_add_text(w, f->node, "fault %s ends, port %u", fault_name(f->kind), f->port);
	switch ((int)f->kind) {
	case FAULT_LINK_RECREATED:
	case FAULT_LINK_DOWN:
		link_heals(w, node, f);
		break;
	case FAULT_CRASH:
	case FAULT_POWER:
	case FAULT_STALL:
	case FAULT_LOOP_STALL:
	case FAULT_STOP:
		process_heals(w, node, f);
		break;
	case FAULT_RENAMED:
		check_disturb(w, node, 0);
		if (node->powered && node->links[f->port].exists)
			kernel_rename(w, node, &node->links[f->port], false);
		break;
	case FAULT_ROLE:
		shell_role(w, node, ROLE_UNDRAIN, 0);
		break;
	case FAULT_REFUSE_LONG:
		node->refuse_types = 0;
		check_disturb(w, node, REFUSED_LONG_GRACE);
		break;
	default:
		fault_compute(w);
		break;
	}
}

void fault_heal_all(struct world *w)
{
	w->faults_on = false;
	for (unsigned n = 0; n < w->n_nodes; n++)
		w->nodes[n].refuse_next = w->nodes[n].refuse_in = w->nodes[n].drop_live = w->nodes[n].reload_at_change =
			0;
	beat_heal_all(w);
	for (unsigned i = 0; i < SIM_FAULTS && !w->failed; i++)
		fault_heal(w, i);
	for (unsigned n = 0; n < w->n_nodes && !w->failed; n++)
		shell_role(w, &w->nodes[n], ROLE_UNDRAIN, 0);
}
