/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bonding driver and the team driver, as far as active-backup goes (design/kernel.md): miimon polls, an active port is taken over only
 * by one that was counted up, IFLA_BOND_ACTIVE_SLAVE is refused otherwise. */
#include <errno.h>
#include <string.h>

#include "sim.h"

static struct sim_link *bond_member(struct node *node, const struct sim_link *bond, int ifindex)
{
	struct sim_link *port = ifindex ? kernel_link(node, ifindex) : NULL;

	return port && port->master == bond->ifindex ? port : NULL;
}

static void bond_carrier(struct node *node, struct sim_link *bond)
{
	bond->carrier = false;
	for (unsigned i = 0; i < SIM_LINKS; i++)
		if (bond->up && node->links[i].exists && node->links[i].master == bond->ifindex &&
		    node->links[i].counted_up)
			bond->carrier = true;
}

static bool port_usable(const struct sim_link *port)
{
	return port->up && port->counted_up;
}

bool bonding_is_device(const struct sim_link *link)
{
	return link->kind == KIND_BOND || link->kind == KIND_TEAM;
}

void bonding_event_team(const struct sim_link *team, struct event *event)
{
	memset(event, 0, sizeof *event);
	event->type = EV_TEAM;
	event->u.team.ifindex = team->ifindex;
	event->u.team.activebackup = team->mode == BOND_MODE_ACTIVEBACKUP;
	event->u.team.active = team->active;
}

void bonding_tell_team(struct world *w, struct node *node, const struct sim_link *team)
{
	struct event event;

	if (!node->running)
		return;
	bonding_event_team(team, &event);
	shell_post(w, node, &event);
}

/* A team never chooses; when its active port leaves it has none. */
static void team_select(struct world *w, struct node *node, struct sim_link *team)
{
	bool had = team->carrier;

	bond_carrier(node, team);
	if (team->carrier != had)
		kernel_tell_link(w, node, team, 0);
	if (!team->active || bond_member(node, team, team->active))
		return;
	team->active = 0;
	bonding_tell_team(w, node, team);
}

/* bond_select_active_slave: keeps an active port that is counted up, else the first that is. */
static void bond_select(struct world *w, struct node *node, struct sim_link *bond)
{
	struct sim_link *active = bond_member(node, bond, bond->active);
	int was = bond->active;
	bool had = bond->carrier;

	if (bond->kind == KIND_TEAM) {
		team_select(w, node, bond);
		return;
	}
	if (bond->mode != BOND_MODE_ACTIVEBACKUP) { /* it has none */
		bond->active = 0;
		bond_carrier(node, bond);
		if (was)
			kernel_tell_link(w, node, bond, 0);
		return;
	}
	if (!active || !port_usable(active)) {
		bond->active = 0;
		for (unsigned i = 0; i < SIM_LINKS && !bond->active; i++)
			if (node->links[i].exists && node->links[i].master == bond->ifindex &&
			    port_usable(&node->links[i]))
				bond->active = node->links[i].ifindex;
	}
	bond_carrier(node, bond);
	if (bond->active != was || bond->carrier != had)
		kernel_tell_link(w, node, bond, 0);
}

int bonding_create(struct world *w, struct node *node, const struct action_link *a, uint32_t cause)
{
	static const uint8_t none[MAC_SIZE];
	struct sim_link *bond = &node->links[SIM_PORTS];

	if (kernel_link_named(node, a->ifname))
		return EEXIST;
	if (bond->exists)
		return ENOMEM;
	memset(bond, 0, sizeof *bond);
	bond->exists = true;
	bond->ifindex = ++node->next_ifindex;
	bond->port = -1;
	bond->kind = a->driver == DRIVER_TEAM ? KIND_TEAM : KIND_BOND;
	memcpy(bond->name, a->ifname, IFNAME_SIZE);
	memcpy(bond->own_mac, (uint8_t[]){ 2, 0, 0, 1, (uint8_t)(node->id + 1), (uint8_t)rng_below(&w->rng, 256) },
	       MAC_SIZE);
	memcpy(bond->mac, memcmp(a->mac, none, MAC_SIZE) != 0 ? a->mac : bond->own_mac, MAC_SIZE);
	bond->mode = BOND_MODE_ACTIVEBACKUP;
	bond->miimon = BOND_MIIMON_MS;
	bond->reselect = BOND_RESELECT_FAILURE;
	kernel_tell_link(w, node, bond, cause);
	if (bond->kind == KIND_TEAM)
		bonding_tell_team(w, node, bond);
	return 0;
}

static bool bond_empty(const struct node *node, const struct sim_link *bond)
{
	for (unsigned i = 0; i < SIM_LINKS; i++)
		if (node->links[i].exists && node->links[i].master == bond->ifindex)
			return false;
	return true;
}

int bonding_set(struct world *w, struct node *node, struct sim_link *bond, unsigned set, uint32_t cause)
{
	if (!bonding_is_device(bond))
		return EOPNOTSUPP;
	if (set & BOND_SET_MODE && bond->mode != BOND_MODE_ACTIVEBACKUP && bond->up)
		return EPERM;
	if (set & BOND_SET_MODE && bond->mode != BOND_MODE_ACTIVEBACKUP && !bond_empty(node, bond))
		return ENOTEMPTY;
	if (set & BOND_SET_MODE)
		bond->mode = BOND_MODE_ACTIVEBACKUP;
	if (set & BOND_SET_MIIMON)
		bond->miimon = BOND_MIIMON_MS;
	if (set & BOND_SET_NO_PRIMARY)
		bond->primary = 0;
	if (set & BOND_SET_RESELECT)
		bond->reselect = BOND_RESELECT_FAILURE;
	kernel_tell_link(w, node, bond, cause);
	return 0;
}

int bonding_enslave(struct world *w, struct node *node, struct sim_link *port, int master, uint32_t cause)
{
	struct sim_link *bond = kernel_link(node, master);

	if (!bond || !bonding_is_device(bond))
		return bond ? EOPNOTSUPP : ENODEV;
	if (port->master == master)
		return 0;
	if (port->master)
		return EBUSY;
	if (port->up) { /* the shell's transaction sets it down first */
		int r = kernel_set_up(w, node, port, false, cause);
		if (r)
			return r;
	}
	if (bond->kind == KIND_BOND) /* a team leaves a port its own */
		memcpy(port->mac, bond->mac, MAC_SIZE);
	port->master = master;
	port->up = true;
	port->carrier = lan_port_live(w, node, (unsigned)port->port);
	port->counted_up = port->carrier;
	bond_select(w, node, bond);
	kernel_tell_link(w, node, port, cause);
	kernel_tell_link(w, node, bond, cause);
	return 0;
}

/* The port is closed before its MAC is put back. */
void bonding_release(struct world *w, struct node *node, struct sim_link *port, uint32_t cause)
{
	struct sim_link *bond = kernel_link(node, port->master);

	port->master = 0;
	port->counted_up = false;
	port->up = port->carrier = false;
	memcpy(port->mac, port->own_mac, MAC_SIZE);
	kernel_tell_link(w, node, port, cause);
	if (!bond)
		return;
	if (bond_empty(node, bond))
		bond->mac[5] = (uint8_t)rng_below(&w->rng, 256);
	bond_select(w, node, bond);
}

/* All at once, as the shell's transaction does it: its ports out, what it is set right, its ports in; what it has stays. */
int bonding_rebuild(struct world *w, struct node *node, struct sim_link *bond, const struct action_link *a, uint32_t cause)
{
	static const uint8_t none[MAC_SIZE];

	if (!bonding_is_device(bond))
		return EOPNOTSUPP;
	for (unsigned i = 0; i < SIM_LINKS; i++)
		if (node->links[i].exists && node->links[i].master == bond->ifindex)
			bonding_release(w, node, &node->links[i], cause);
	bond->mode = BOND_MODE_ACTIVEBACKUP;
	bond->miimon = BOND_MIIMON_MS;
	bond->reselect = BOND_RESELECT_FAILURE;
	bond->primary = 0;
	if (memcmp(a->mac, none, MAC_SIZE) != 0)
		memcpy(bond->mac, a->mac, MAC_SIZE);
	bond->up = true;
	for (unsigned i = 0; i < a->n_ports; i++) {
		struct sim_link *port = kernel_link(node, a->ports[i]);

		if (port)
			bonding_enslave(w, node, port, bond->ifindex, cause);
	}
	kernel_tell_link(w, node, bond, cause);
	return 0;
}

int bonding_set_active(struct world *w, struct node *node, struct sim_link *bond, int ifindex, uint32_t cause)
{
	struct sim_link *port;

	if (!bonding_is_device(bond))
		return EOPNOTSUPP;
	port = bond_member(node, bond, ifindex);
	if (!port)
		return EINVAL;
	if (bond->active == ifindex)
		return 0;
	if (bond->kind == KIND_TEAM) { /* a dead port is as good as any */
		bond->active = ifindex;
		bonding_tell_team(w, node, bond);
		return 0;
	}
	if (!bond->active || !port_usable(port))
		return EINVAL;
	bond->active = ifindex;
	kernel_tell_link(w, node, bond, cause);
	return 0;
}

/* Polls happen on a grid of miimon; only one after a change is simulated. */
void bonding_arm(struct world *w, struct node *node, struct sim_link *port)
{
	struct sim_link *bond = kernel_link(node, port->master);
	uint64_t interval;

	if (bond && bond->kind == KIND_TEAM) { /* it hears of its ports' links at once */
		port->counted_up = port->up && port->carrier;
		team_select(w, node, bond);
	}
	if (!bond || bond->kind != KIND_BOND || !bond->miimon || bond->poll_armed)
		return;
	interval = bond->miimon * NSEC_PER_MSEC;
	bond->poll_armed = true;
	world_schedule(w, w->now + 1 + rng_below(&w->rng, interval), HAPPEN_MIIMON, node->id, (uint32_t)node->boot,
		       (uint32_t)bond->ifindex);
}

void bonding_poll(struct world *w, struct node *node, struct sim_link *bond)
{
	bond->poll_armed = false;
	for (unsigned i = 0; i < SIM_LINKS; i++) {
		struct sim_link *port = &node->links[i];

		if (!port->exists || port->master != bond->ifindex || port->counted_up == (port->up && port->carrier))
			continue;
		port->counted_up = port->up && port->carrier;
		kernel_tell_link(w, node, port, 0);
	}
	bond_select(w, node, bond);
}
