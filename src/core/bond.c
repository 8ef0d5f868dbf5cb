/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which port a bond uses.
 *
 * The choice among healthy ports is lexicographic: not in hold, not damped, not too small for the MTU, reaches its probes'
 * targets, `prefer`, the order of the file. `failback` says when a healthy active port is left for a better one; a person's choice
 * goes before all of it. With the drivers kernel and team the device's word on the active port is what is; with driver move the
 * choice itself is, and the plan lets the addresses follow. A vlan has no ports: it is as well as the bond that it is on. */
#include "core/internal.h"

bool bond_is_device(const struct bond *bond)
{
	return bond->cfg.driver == DRIVER_KERNEL || bond->cfg.driver == DRIVER_TEAM;
}

bool bond_prefers(const struct core *core, const struct bond *bond, int port)
{
	if (port == NONE)
		return false;
	if (bond->cfg.prefer != NONE)
		return bond->ports[port].spec == (unsigned)bond->cfg.prefer;
	return bond->cfg.prefer_name[0] && strcmp(core->ifaces[bond->ports[port].iface].name, bond->cfg.prefer_name) == 0;
}

static bool is_lost(const struct bond *bond, int port)
{
	return bond->ports[port].probes == VERDICT_LOST;
}

/* Used for want of another, and left for the first other one. */
static bool is_makeshift(const struct core *core, const struct bond *bond, const struct port *port)
{
	return port->damped || port_is_small(core, bond, port);
}

static bool usable(const struct core *core, const struct bond *bond, const struct port *port, bool held_too)
{
	return port->healthy && port->refused_until <= core->now &&
	       (held_too || (!port->hold_until && !is_makeshift(core, bond, port)));
}

/* Lexicographic: `prefer`, the order of the file. */
static bool is_better(const struct core *core, const struct bond *bond, int a, int b)
{
	if (b == NONE)
		return true;
	if (bond_prefers(core, bond, a) != bond_prefers(core, bond, b))
		return bond_prefers(core, bond, a);
	return a < b;
}

/* The best of those of which the probes say nothing worse than that. */
static int best_of(const struct core *core, const struct bond *bond, enum verdict worst, bool held_too)
{
	int best = NONE;

	for (int i = 0; i < (int)bond->n_ports; i++) {
		if (bond->ports[i].probes <= worst && usable(core, bond, &bond->ports[i], held_too) && is_better(core, bond, i, best))
			best = i;
	}
	return best;
}

/* None is in use: any is better than none, one in hold is better than one that reaches nothing. */
static int choose_any(const struct core *core, const struct bond *bond)
{
	static const struct {
		enum verdict worst;
		bool held_too;
	} order[] = {
		{ VERDICT_ANSWERED, false }, { VERDICT_WAITING, false }, { VERDICT_ANSWERED, true },
		{ VERDICT_WAITING, true },   { VERDICT_LOST, false },	 { VERDICT_LOST, true },
	};
	int best = NONE;

	for (unsigned i = 0; best == NONE && i < sizeof order / sizeof order[0]; i++)
		best = best_of(core, bond, order[i].worst, order[i].held_too);
	return best;
}

/* What does not reach its targets any more is left for what does, be it in hold: for one that did so before the last round of
 * probes, in which the other was not answered. When a target is back that nobody reached, nobody knows yet who else does. */
static int choose_instead(const struct core *core, const struct bond *bond, int current)
{
	int best = NONE;

	for (int held_too = 0; held_too < 2 && best == NONE; held_too++) {
		for (int i = 0; i < (int)bond->n_ports; i++) {
			const struct port *port = &bond->ports[i];
			if (port->reached_ns && port->reached_ns < bond->asked_ns && usable(core, bond, port, held_too) &&
			    is_better(core, bond, i, best))
				best = i;
		}
	}
	return best != NONE ? best : current;
}

int bond_choose(const struct core *core, const struct bond *bond)
{
	int current = bond->active, best;

	if (bond->manual != NONE && usable(core, bond, &bond->ports[bond->manual], true))
		return bond->manual;
	if (current == NONE || !bond->ports[current].healthy)
		return choose_any(core, bond);
	if (is_lost(bond, current))
		return choose_instead(core, bond, current);
	best = best_of(core, bond, VERDICT_WAITING, false);
	/* One that has still to show that it reaches its targets is no better. */
	if (best == NONE || bond->ports[best].probes != VERDICT_ANSWERED)
		return current;
	if (is_makeshift(core, bond, &bond->ports[current]))
		return best;
	switch (bond->cfg.failback) {
	case FAILBACK_NEVER:
		return current;
	case FAILBACK_BETTER:
		return bond_prefers(core, bond, best) && !bond_prefers(core, bond, current) ? best : current;
	case FAILBACK_ALWAYS:
		return best;
	}
	return current;
}

static void note_manual(struct core *core, const struct bond *bond)
{
	core_note(core, NOTE_MANUAL, (struct object){ .type = OBJECT_BOND, .index = (uint16_t)(bond - core->bonds) })
		->reason.arg[0] = bond->manual;
}

/* By the device's name, or by the entry of the list. */
static int find_port(const struct core *core, const struct bond *bond, const char *name)
{
	for (unsigned i = 0; i < bond->n_ports; i++) {
		if (strcmp(port_iface(core, &bond->ports[i])->name, name) == 0)
			return (int)i;
	}
	for (unsigned i = 0; i < bond->n_ports; i++) {
		if (port_iface(core, &bond->ports[i])->ifindex && strcmp(bond->cfg.ports[bond->ports[i].spec].spec, name) == 0)
			return (int)i;
	}
	return NONE;
}

void bond_switch(struct core *core, const struct event_switch *select)
{
	for (unsigned i = 0; i < core->n_bonds; i++) {
		struct bond *bond = &core->bonds[i];
		int port = select->port[0] ? find_port(core, bond, select->port) : NONE;
		if (bond->removed || strcmp(bond->cfg.name, select->bond) != 0)
			continue;
		if ((select->port[0] && (port == NONE || !bond->ports[port].healthy)) || bond->manual == port)
			return;
		bond->manual = port;
		if (port != NONE)
			bond->ports[port].refused_until = 0;
		if (bond->change.type == ACT_SET_ACTIVE)
			bond->change.failures = 0;
		note_manual(core, bond);
		bond_update(core, bond);
		return;
	}
}

bool bond_is_rebuilding(const struct core *core, const struct bond *bond)
{
	return bond->change.type == ACT_BOND_REBUILD &&
	       (bond->change.gen || core->snap_open || core->snap_wanted || core->snap_retry_ns);
}

bool bond_looks_at(const struct core *core, const struct bond *bond, const struct port *port)
{
	const struct iface *iface = port_iface(core, port);

	return core->snap_known && bond->iface == NONE && !bond->removed && iface->ifindex && iface->up && !iface->master &&
	       !iface->prompt && (bond->active == NONE || bond->active == port - bond->ports);
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

/* What the machine has on the device besides: the kernel announces that at most once. */
static bool is_other(const struct core *core, const struct source *source)
{
	unsigned cursor = 0;

	return !ip_is_link_local(&source->ip) && !model_addr_next(core, &source->ip, &cursor);
}

static void announce_addresses(struct core *core, struct bond *bond)
{
	struct iface *iface = bond->iface == NONE ? NULL : &core->ifaces[bond->iface];

	for (unsigned i = 0; i < bond->n_addrs; i++)
		core->addrs[bond->first_addr + i].announce = true; /* leaves when the address is there */
	for (unsigned i = 0; iface && i < iface->n_sources; i++)
		iface->sources[i].announce = is_other(core, &iface->sources[i]);
}

static void begin_schedule(struct core *core, struct bond *bond)
{
	bond->announce_base = core->now;
	bond->announce_step = 1;
	core_dirty_bond(core, bond);
}

static bool has_joining(const struct core *core, const struct bond *bond)
{
	for (unsigned i = 0; i < bond->n_ports; i++) {
		const struct change *change = &bond->ports[i].change;
		if (change->gen && change->type == ACT_ENSLAVE)
			return true;
	}
	return bond->joined_ns && core->now - bond->joined_ns < JOINED;
}

void bond_brought(struct core *core, const struct iface *iface, struct source *source)
{
	struct bond *bond = iface->bond == NONE ? NULL : &core->bonds[iface->bond];

	if (!bond || bond->iface != iface - core->ifaces || !has_joining(core, bond) || !is_other(core, source))
		return;
	source->announce = true;
	begin_schedule(core, bond);
}

void bond_announce(struct core *core, struct bond *bond)
{
	announce_addresses(core, bond);
	for (int i = bond->first_vip; i != NONE; i = core->vips[i].next) {
		if (core->vips[i].phase == PHASE_ACTIVE)
			vip_announce(core, &core->vips[i]);
	}
	away_announce(core, (int)(bond - core->bonds), NONE);
	for (int i = bond->first_vlan; i != NONE; i = core->bonds[i].next_vlan) /* they go by the same port */
		bond_announce(core, &core->bonds[i]);
	begin_schedule(core, bond);
}

/* Whether the device has left a port that is well for one that nobody here wants: neither driver does that by itself. */
static bool is_meddled(const struct bond *bond, int active)
{
	return bond->iface != NONE && bond->active != NONE && bond->ports[bond->active].healthy && active != bond->wanted;
}

static void set_active(struct core *core, struct bond *bond, int active)
{
	struct note *note;

	if (bond->active == active)
		return;
	if (bond->change.type == ACT_SET_ACTIVE)
		bond->change.failures = 0; /* of another choice */
	note = core_note(core, NOTE_ACTIVE_PORT,
			 (struct object){ .type = OBJECT_BOND, .index = (uint16_t)(bond - core->bonds) });
	note->reason.arg[0] = bond->active;
	note->reason.arg[1] = active;
	if (is_meddled(bond, active))
		note->reason.code = REASON_PORT_MEDDLED;
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

	for (unsigned i = 0; i < bond->n_ports; i++) {
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

	for (unsigned i = 0; device->ifindex && device->bond_active && i < bond->n_ports; i++) {
		if (core->ifaces[bond->ports[i].iface].ifindex == device->bond_active)
			return (int)i;
	}
	return NONE;
}

/* A person's choice ends when that port fails, or no longer reaches what another does. */
static void end_manual(struct core *core, struct bond *bond)
{
	if (bond->manual == NONE || (bond->ports[bond->manual].healthy &&
				     (!is_lost(bond, bond->manual) || choose_instead(core, bond, bond->manual) == bond->manual)))
		return;
	bond->manual = NONE;
	note_manual(core, bond);
}

static void update_active(struct core *core, struct bond *bond)
{
	end_manual(core, bond);
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

static enum link_kind wanted_kind(const struct bond *bond)
{
	return bond->cfg.driver == DRIVER_VLAN ? KIND_VLAN : bond->cfg.driver == DRIVER_TEAM ? KIND_TEAM : KIND_BOND;
}

static struct reason absent_reason(const struct core *core, const struct bond *bond)
{
	if (bond->link != NONE && !core->ifaces[core->bonds[bond->link].iface].ifindex)
		return (struct reason){ .code = REASON_VLAN_LINK };
	if (bond->change.error)
		return (struct reason){ .code = REASON_BOND_REFUSED, .arg = { bond->change.error } };
	return (struct reason){ .code = REASON_BOND_BUILDING };
}

/* One of the other driver is rebuilt, any other device is somebody else's. */
static struct reason kind_reason(const struct bond *bond, const struct iface *device)
{
	if (!bond_is_device(bond) || (device->kind != KIND_BOND && device->kind != KIND_TEAM))
		return (struct reason){ .code = REASON_BOND_KIND };
	return (struct reason){ .code = REASON_BOND_DRIVER,
				.arg = { device->kind == KIND_TEAM ? DRIVER_TEAM : DRIVER_KERNEL } };
}

struct reason bond_mode_reason(const struct iface *device)
{
	return (struct reason){ .code = REASON_BOND_MODE, .arg = { device->kind == KIND_BOND ? device->bond_mode : -1 } };
}

static struct reason device_trouble(const struct core *core, const struct bond *bond)
{
	const struct iface *device = bond->iface == NONE ? NULL : &core->ifaces[bond->iface];

	if (!device)
		return (struct reason){ .code = REASON_NONE };
	if (!device->ifindex)
		return absent_reason(core, bond);
	if (bond->link != NONE && !bond_vlan_fits(core, bond))
		return (struct reason){ .code = REASON_VLAN_KIND };
	if (device->kind != wanted_kind(bond))
		return kind_reason(bond, device);
	if (device->kind == KIND_TEAM && !device->team_known)
		return (struct reason){ .code = REASON_BOND_BUILDING };
	if (bond_is_device(bond) && device->bond_mode != BOND_MODE_ACTIVEBACKUP)
		return bond_mode_reason(device);
	if (!device->up)
		return (struct reason){ .code = bond->raised ? REASON_INTERFACE_DOWN : REASON_BOND_BUILDING };
	return (struct reason){ .code = REASON_NONE };
}

bool bond_vlan_fits(const struct core *core, const struct bond *bond)
{
	const struct iface *device = &core->ifaces[bond->iface];

	return device->kind == KIND_VLAN && device->vlan_id == bond->cfg.vlan_id &&
	       device->vlan_link == core->ifaces[core->bonds[bond->link].iface].ifindex;
}

bool bond_is_right_device(const struct core *core, const struct bond *bond)
{
	return core->ifaces[bond->iface].kind == wanted_kind(bond) && (bond->link == NONE || bond_vlan_fits(core, bond));
}

static bool in_use(const struct core *core, const struct bond *bond)
{
	const struct iface *device = bond->iface == NONE ? NULL : &core->ifaces[bond->iface];

	if (!device)
		return bond->active != NONE;
	if (!device->carrier || device->bond_active)
		return device->carrier;
	/* A team that has lost its active port has none until it is told of the next, which is under way. */
	return device->kind == KIND_TEAM && bond->home != NONE && bond->wanted != NONE && !bond->change.error;
}

/* A vlan is as well as what it is on. */
static enum bond_state evaluate_vlan(const struct core *core, const struct bond *bond, struct reason *reason)
{
	const struct bond *link = bond->link == NONE ? NULL : &core->bonds[bond->link];

	*reason = device_trouble(core, bond);
	if (reason->code != REASON_NONE)
		return BOND_DOWN;
	if (!core->ifaces[bond->iface].carrier || (link && link->state == BOND_DOWN)) {
		reason->code = REASON_VLAN_LINK;
		return BOND_DOWN;
	}
	*reason = link ? link->reason : (struct reason){ .code = REASON_BOND_OK };
	return link && link->state == BOND_DEGRADED ? BOND_DEGRADED : BOND_UP;
}

static enum bond_state evaluate(const struct core *core, const struct bond *bond, struct reason *reason)
{
	unsigned standby = 0, healthy = 0;

	if (bond->cfg.driver == DRIVER_VLAN)
		return evaluate_vlan(core, bond, reason);
	for (unsigned i = 0; i < bond->n_ports; i++) {
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
	if (bond->active != NONE && is_lost(bond, bond->active)) {
		*reason = (struct reason){ .code = REASON_BOND_PROBES_LOST, .ip = bond->ports[bond->active].reason.ip };
		return BOND_DEGRADED;
	}
	reason->code = standby ? REASON_BOND_OK : REASON_BOND_NO_STANDBY;
	return standby ? BOND_UP : BOND_DEGRADED;
}

static void tell_vips(struct core *core, const struct bond *bond)
{
	core->tracks_changed = true;
	for (int i = bond->first_vip; i != NONE; i = core->vips[i].next)
		vip_link(core, &core->vips[i]);
	away_tell(core, (int)(bond - core->bonds), NONE);
}

/* What the neighbours know the bond by; an empty one has a random address (bond_main.c, __bond_release_one). */
static void keep_mac(const struct core *core, struct bond *bond)
{
	if (bond_is_device(bond) && core->ifaces[bond->iface].ifindex && bond->active != NONE)
		memcpy(bond->kept_mac, core->ifaces[bond->iface].mac, MAC_SIZE);
}

void bond_update(struct core *core, struct bond *bond)
{
	struct reason reason;
	enum bond_state state;

	core_dirty_bond(core, bond);
	if (bond->iface != NONE)
		bond->raised = core->ifaces[bond->iface].ifindex && (bond->raised || core->ifaces[bond->iface].up);
	for (unsigned i = 0; i < bond->n_ports; i++)
		port_update(core, bond, &bond->ports[i]);
	if (!core->snap_known)
		return;
	update_active(core, bond);
	for (unsigned i = 0; i < bond->n_ports; i++)
		port_update(core, bond, &bond->ports[i]);
	state = evaluate(core, bond, &reason);
	if (state != bond->state || !bond->since_ns)
		bond->since_ns = core->now;
	bond->state = state;
	bond->reason = reason;
	keep_mac(core, bond);
	if (core->n_orphans)
		core_dirty_rest(core);
	tell_vips(core, bond);
	for (int i = bond->first_vlan; i != NONE; i = core->bonds[i].next_vlan)
		bond_update(core, &core->bonds[i]);
}

static void run_schedule(struct core *core, struct bond *bond)
{
	if (bond->announce_step >= ANNOUNCE_STEPS ||
	    bond->announce_base + announce_schedule[bond->announce_step] > core->now)
		return;
	while (bond->announce_step < ANNOUNCE_STEPS &&
	       bond->announce_base + announce_schedule[bond->announce_step] <= core->now)
		bond->announce_step++;
	announce_addresses(core, bond);
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
	for (unsigned i = 0; i < bond->n_ports; i++)
		check_await(core, &bond->ports[i].change);
	run_schedule(core, bond);
	probe_timer(core, bond);
	bond_update(core, bond);
}

static uint64_t port_iface_deadline(const struct core *core, const struct bond *bond, const struct port *port)
{
	const struct iface *iface = port_iface(core, port);
	uint64_t due = change_deadline(core, &iface->mtu_change), udev = port_waits_for_udev(core, port);

	for (unsigned i = 0; i < SYSCTL_KEYS; i++)
		due = min64(due, change_deadline(core, &iface->sysctl[i]));
	if (udev)
		due = min64(due, udev);
	if (bond->n_targets)
		due = min64(due, change_deadline(core, &iface->probe_listening));
	if (bond_looks_at(core, bond, port) && !iface->looking.gen)
		due = min64(due, max64(iface->look_ns, max64(iface->looking.retry_ns, core->now + 1)));
	return due;
}

uint64_t bond_deadline(const struct core *core, const struct bond *bond)
{
	uint64_t due = min64(min64(change_deadline(core, &bond->change), change_deadline(core, &bond->options)),
			     probe_deadline(core, bond));

	if (bond->iface != NONE)
		due = min64(due, change_deadline(core, &core->ifaces[bond->iface].sysctl[SYSCTL_PROMOTE_SECONDARIES]));

	if (bond->rebuild_ns > core->now)
		due = min64(due, bond->rebuild_ns);
	if (bond->announce_step < ANNOUNCE_STEPS)
		due = min64(due, bond->announce_base + announce_schedule[bond->announce_step]);
	for (unsigned i = 0; i < bond->n_ports; i++) {
		const struct port *port = &bond->ports[i];
		if (port->hold_until)
			due = min64(due, port->hold_until);
		if (port->refused_until > core->now)
			due = min64(due, port->refused_until);
		if (port->damped)
			due = min64(due, damping_end(port));
		due = min64(due, change_deadline(core, &port->change));
		due = min64(due, port_iface_deadline(core, bond, port));
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
