/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which port a bond uses.
 *
 * The choice among healthy ports is lexicographic: not in hold, `prefer`, the order of the file. `failback` says when a
 * healthy active port is left for a better one. With driver kernel the kernel's word on the active port is what is; with
 * driver move the choice itself is, and the plan lets the addresses follow. */
#include "core/internal.h"

static bool usable(const struct core *core, const struct port *port, bool held_too)
{
	return port->healthy && port->refused_until <= core->now && (held_too || !port->hold_until);
}

static int best_of(const struct core *core, const struct bond *bond, bool held_too)
{
	if (bond->cfg.prefer != NONE && usable(core, &bond->ports[bond->cfg.prefer], held_too))
		return bond->cfg.prefer;
	for (unsigned i = 0; i < bond->cfg.n_ports; i++) {
		if (usable(core, &bond->ports[i], held_too))
			return (int)i;
	}
	return NONE;
}

int bond_choose(const struct core *core, const struct bond *bond)
{
	int current = bond->active, best = best_of(core, bond, false);

	if (current == NONE || !bond->ports[current].healthy)
		return best != NONE ? best : best_of(core, bond, true);
	if (best == NONE)
		return current;
	switch (bond->cfg.failback) {
	case FAILBACK_NEVER:
		return current;
	case FAILBACK_BETTER:
		return best == bond->cfg.prefer ? best : current;
	case FAILBACK_ALWAYS:
		return best;
	}
	return current;
}

struct iface *bond_carrier_iface(const struct core *core, const struct bond *bond)
{
	struct iface *iface;

	if (bond->iface != NONE)
		iface = &core->ifaces[bond->iface];
	else if (bond->home != NONE)
		iface = &core->ifaces[bond->ports[bond->home].iface];
	else
		return NULL;
	return iface->ifindex ? iface : NULL;
}

void bond_announce(struct core *core, struct bond *bond)
{
	bond->announce_base = core->now;
	bond->announce_step = 1;
	for (unsigned i = 0; i < bond->n_addrs; i++)
		core->addrs[bond->first_addr + i].announce = true; /* leaves when the address is there */
	for (unsigned i = 0; i < core->n_vips; i++) {
		struct vip *vip = &core->vips[i];
		if (vip->iface == NONE && &core->bonds[vip->cfg.bond] == bond && vip->phase == PHASE_ACTIVE)
			vip_announce(core, vip);
	}
	core_dirty_bond(core, bond);
}

static void set_active(struct core *core, struct bond *bond, int active)
{
	struct note *note;

	if (bond->active == active)
		return;
	note = core_note(core, NOTE_ACTIVE_PORT,
			 (struct object){ .type = OBJECT_BOND, .index = (uint16_t)(bond - core->bonds) });
	note->reason.arg[0] = bond->active;
	note->reason.arg[1] = active;
	if (active != NONE) {
		if (bond->home != NONE && bond->home != active)
			bond->failovers++;
		bond->home = active;
	}
	bond->active = active;
	if (active != NONE)
		bond_announce(core, bond);
}

/* After a start the port that has the addresses already is the one in use: nothing moves for a restart. */
static int inherited(const struct core *core, const struct bond *bond)
{
	int best = NONE;
	unsigned most = 0;

	for (unsigned i = 0; i < bond->cfg.n_ports; i++) {
		unsigned n = 0;
		for (unsigned j = 0; j < bond->n_addrs; j++) {
			const struct addr *addr = &core->addrs[bond->first_addr + j];
			n += core->places[addr->first_place + i].present;
		}
		if (n > most) {
			most = n;
			best = (int)i;
		}
	}
	return best;
}

static int kernel_active(const struct core *core, const struct bond *bond)
{
	const struct iface *device = &core->ifaces[bond->iface];

	for (unsigned i = 0; device->ifindex && device->bond_active && i < bond->cfg.n_ports; i++) {
		if (core->ifaces[bond->ports[i].iface].ifindex == device->bond_active)
			return (int)i;
	}
	return NONE;
}

static void update_active(struct core *core, struct bond *bond)
{
	if (bond->iface != NONE) {
		set_active(core, bond, kernel_active(core, bond));
		bond->wanted = bond_choose(core, bond);
		return;
	}
	if (bond->home == NONE)
		bond->home = bond->active = inherited(core, bond);
	if (bond->active == NONE && bond->home != NONE && bond->ports[bond->home].healthy)
		set_active(core, bond, bond->home); /* the addresses are there: the least to move */
	bond->wanted = bond_choose(core, bond);
	set_active(core, bond, bond->wanted);
}

static struct reason device_trouble(const struct core *core, const struct bond *bond)
{
	const struct iface *device = bond->iface == NONE ? NULL : &core->ifaces[bond->iface];

	if (!device)
		return (struct reason){ .code = REASON_NONE };
	if (!device->ifindex)
		return bond->change.error ?
			       (struct reason){ .code = REASON_BOND_REFUSED, .arg = { bond->change.error } } :
			       (struct reason){ .code = REASON_BOND_BUILDING };
	if (device->kind != KIND_BOND)
		return (struct reason){ .code = REASON_BOND_KIND };
	if (device->bond_mode != BOND_MODE_ACTIVEBACKUP)
		return (struct reason){ .code = REASON_BOND_MODE, .arg = { device->bond_mode } };
	if (!device->up)
		return (struct reason){ .code = bond->raised ? REASON_INTERFACE_DOWN : REASON_BOND_BUILDING };
	return (struct reason){ .code = REASON_NONE };
}

static bool in_use(const struct core *core, const struct bond *bond)
{
	const struct iface *device = bond->iface == NONE ? NULL : &core->ifaces[bond->iface];

	return device ? device->bond_active && device->carrier : bond->active != NONE;
}

static enum bond_state evaluate(const struct core *core, const struct bond *bond, struct reason *reason)
{
	unsigned standby = 0, healthy = 0;

	for (unsigned i = 0; i < bond->cfg.n_ports; i++) {
		healthy += bond->ports[i].healthy;
		standby += bond->ports[i].state == PORT_STANDBY;
	}
	*reason = device_trouble(core, bond);
	if (reason->code != REASON_NONE)
		return BOND_DOWN;
	/* While the kernel is being told of the next port the old one is still called active, even one that is not in the
	 * list: the bond lives. */
	if (!healthy || !in_use(core, bond)) {
		reason->code = REASON_BOND_NO_PORT;
		return BOND_DOWN;
	}
	reason->code = standby ? REASON_BOND_OK : REASON_BOND_NO_STANDBY;
	return standby ? BOND_UP : BOND_DEGRADED;
}

static void tell_vips(struct core *core, const struct bond *bond)
{
	for (unsigned i = 0; i < core->n_vips; i++) {
		if (core->vips[i].iface == NONE && &core->bonds[core->vips[i].cfg.bond] == bond)
			vip_link(core, &core->vips[i]);
	}
}

void bond_update(struct core *core, struct bond *bond)
{
	struct reason reason;
	enum bond_state state;

	core_dirty_bond(core, bond);
	if (bond->iface != NONE)
		bond->raised = core->ifaces[bond->iface].ifindex && (bond->raised || core->ifaces[bond->iface].up);
	for (unsigned i = 0; i < bond->cfg.n_ports; i++)
		port_update(core, bond, &bond->ports[i]);
	if (!core->snap_known)
		return;
	update_active(core, bond);
	for (unsigned i = 0; i < bond->cfg.n_ports; i++)
		port_update(core, bond, &bond->ports[i]);
	state = evaluate(core, bond, &reason);
	if (state != bond->state || !bond->since_ns)
		bond->since_ns = core->now;
	bond->state = state;
	bond->reason = reason;
	if (core->n_orphans)
		core_dirty_rest(core);
	tell_vips(core, bond);
}

static void run_schedule(struct core *core, struct bond *bond)
{
	if (bond->announce_step >= ANNOUNCE_STEPS ||
	    bond->announce_base + announce_schedule[bond->announce_step] > core->now)
		return;
	while (bond->announce_step < ANNOUNCE_STEPS &&
	       bond->announce_base + announce_schedule[bond->announce_step] <= core->now)
		bond->announce_step++;
	for (unsigned i = 0; i < bond->n_addrs; i++)
		core->addrs[bond->first_addr + i].announce = true;
}

/* A change that was made and whose event never came: look what has become of it. */
static void check_await(struct core *core, struct change *change)
{
	if (!change->await_ns || change->await_ns > core->now)
		return;
	change->await_ns = 0;
	model_want_snapshot(core);
}

void bond_timer(struct core *core, struct bond *bond)
{
	check_await(core, &bond->change);
	for (unsigned i = 0; i < bond->cfg.n_ports; i++)
		check_await(core, &bond->ports[i].change);
	run_schedule(core, bond);
	bond_update(core, bond);
}

uint64_t bond_deadline(const struct core *core, const struct bond *bond)
{
	uint64_t due = change_deadline(core, &bond->change);

	if (bond->announce_step < ANNOUNCE_STEPS)
		due = min64(due, bond->announce_base + announce_schedule[bond->announce_step]);
	for (unsigned i = 0; i < bond->cfg.n_ports; i++) {
		const struct port *port = &bond->ports[i];
		if (port->hold_until)
			due = min64(due, port->hold_until);
		if (port->refused_until > core->now)
			due = min64(due, port->refused_until);
		due = min64(due, change_deadline(core, &port->change));
		for (unsigned j = 0; j < 2; j++)
			due = min64(due, change_deadline(core, &core->ifaces[port->iface].sysctl[j]));
	}
	for (unsigned i = 0; i < bond->n_addrs; i++) {
		const struct addr *addr = &core->addrs[bond->first_addr + i];
		for (unsigned j = 0; j < addr->n_places; j++)
			due = min64(due, change_deadline(core, &core->places[addr->first_place + j].change));
	}
	for (unsigned i = 0; i < bond->n_route_places; i++)
		due = min64(due, change_deadline(core, &core->route_places[bond->first_route_place + i].change));
	return due;
}
