/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What became of a change: the answer finds its object by what the action says and by its generation. */
#include "core/plan.h"

/* ---- whose it is ------------------------------------------------------------------------------------------------------ */

static struct place *answered_place(struct core *core, const struct action *action)
{
	const struct addr *addr;
	unsigned cursor = 0;

	while ((addr = model_addr_next(core, &action->u.address.ip, &cursor)) != NULL) {
		for (unsigned i = 0; i < addr->n_places; i++) {
			struct place *place = &core->places[addr->first_place + i];
			if (place->change.gen == action->gen)
				return place;
		}
	}
	return NULL;
}

static struct route_place *answered_route(struct core *core, const struct action *action)
{
	for (unsigned i = 0; i < core->n_route_places; i++) {
		if (core->route_places[i].change.gen == action->gen)
			return &core->route_places[i];
	}
	return NULL;
}

static struct bond *answered_bond(struct core *core, const struct action *action, struct port **port)
{
	*port = NULL;
	for (unsigned i = 0; i < core->n_bonds; i++) { /* the one that it names first: a reload may have moved it */
		struct bond *bond = &core->bonds[(action->object.index + i) % core->n_bonds];
		if (bond->change.gen == action->gen)
			return bond;
		for (unsigned j = 0; j < bond->n_ports; j++) {
			if (bond->ports[j].change.gen != action->gen)
				continue;
			*port = &bond->ports[j];
			return bond;
		}
	}
	return NULL;
}

static struct vmac *answered_vmac(struct core *core, const struct action *action)
{
	for (unsigned i = 0; i < core->n_vmacs; i++) {
		if (core->vmacs[i].change.gen == action->gen)
			return &core->vmacs[i];
	}
	return NULL;
}

static struct change *change_of_iface(struct iface *iface, uint32_t gen)
{
	struct change *changes[] = { &iface->ears[0].opening, &iface->ears[0].closing, &iface->ears[1].opening,
				     &iface->ears[1].closing, &iface->sysctl[0],       &iface->sysctl[1],
				     &iface->sysctl[2],	      &iface->releasing,       &iface->mtu_change,
				     &iface->looking,	      &iface->probe_listening };

	for (unsigned i = 0; i < sizeof changes / sizeof changes[0]; i++) {
		if (changes[i]->gen == gen)
			return changes[i];
	}
	return NULL;
}

static int ifindex_of(const struct action *action)
{
	if (action->type == ACT_LOOK)
		return action->u.look.ifindex;
	if (action->type == ACT_SYSCTL)
		return action->u.sysctl.ifindex;
	return action->type == ACT_LISTEN || action->type == ACT_UNLISTEN ? action->u.listen.ifindex : action->u.link.ifindex;
}

/* Most often it is the one that has the number still. */
static struct iface *answered_iface(struct core *core, const struct action *action, struct change **change)
{
	struct iface *iface = model_iface_by_index(core, ifindex_of(action));

	*change = iface ? change_of_iface(iface, action->gen) : NULL;
	for (unsigned i = 0; i < core->n_ifaces && !*change; i++) {
		iface = &core->ifaces[i];
		*change = change_of_iface(iface, action->gen);
	}
	return *change ? iface : NULL;
}

void answer_refused(struct core *core, const struct action *action, int error)
{
	struct object object = action->object;
	struct note *note;

	if (action->type == ACT_ROUTE_ADD) {
		object.type = object.type == OBJECT_VIP ? OBJECT_VIP_ROUTE : OBJECT_ROUTE;
		object.sub = action->u.route.route.prefix;
	}
	note = core_note(core, NOTE_REFUSED, object);
	note->reason.arg[0] = error;
	note->reason.arg[1] = action->type;
	if (action->type == ACT_ADDRESS_ADD || action->type == ACT_ADDRESS_RENEW || action->type == ACT_ADDRESS_DEL)
		note->reason.ip = action->u.address.ip;
	if (action->type == ACT_ROUTE_ADD || action->type == ACT_ROUTE_DEL)
		note->reason.ip = action->u.route.route.to;
}

/* ---- what follows ------------------------------------------------------------------------------------------------ */

/* A successor's place of the address that a removed vip let go. One that still awaits the event of its own change has not
 * heard the kernel's word, which may have come before this answer (told). */
static void left_elsewhere(struct core *core, const struct place *gone, bool told)
{
	const struct addr *self = &core->addrs[gone->addr], *addr;
	unsigned cursor = 0;

	while ((addr = model_addr_next(core, &self->ip, &cursor)) != NULL) {
		for (unsigned i = 0; addr->prefix == self->prefix && i < addr->n_places; i++) {
			struct place *place = &core->places[addr->first_place + i];
			if (place == gone || place->iface != gone->iface || !place->present ||
			    (told && place->change.await_ns <= core->now))
				continue;
			place->change.await_ns = 0;
			model_place_left(core, place);
		}
	}
}

/* Whoever else has that address may have waited for the answer. */
static void dirty_twins(struct core *core, const struct addr *self)
{
	const struct addr *addr;
	unsigned cursor = 0;

	while ((addr = model_addr_next(core, &self->ip, &cursor)) != NULL)
		core_dirty_owner(core, addr);
}

static void address_answer(struct core *core, const struct action *action, int error)
{
	struct place *place = answered_place(core, action);
	struct addr *addr;
	bool told;

	if (!place)
		return;
	addr = &core->addrs[place->addr];
	told = place->change.told;
	if (action->type == ACT_ADDRESS_RENEW)
		dirty_twins(core, addr);
	if (action->type == ACT_ADDRESS_DEL && error == EADDRNOTAVAIL)
		error = 0; /* it is not there: what was wanted */
	core_dirty_owner(core, addr);
	if (!error) {
		change_done(&place->change);
		place->renewed_ns = action->type == ACT_ADDRESS_DEL ? 0 : core->now;
		if (action->type == ACT_ADDRESS_DEL)
			left_elsewhere(core, place, told);
		if (told) /* the kernel's own word has come, and may be newer */
			return;
		if (action->type != ACT_ADDRESS_RENEW)
			place->change.await_ns = core->now + AWAIT_OWN;
		/* The kernel answers before an IPv6 address works: its route comes later, with the event (addrconf_dad_work). */
		if (action->type == ACT_ADDRESS_ADD && addr->ip.family == FAMILY_6) {
			place->change.await_ns = core->now + AWAIT_OWN_6;
			return;
		}
		if (action->type == ACT_ADDRESS_DEL && place->present)
			model_place_left(core, place);
		else if (action->type != ACT_ADDRESS_DEL && !place->present)
			model_place_arrived(core, place, true);
		return;
	}
	change_failed(core, &place->change, error);
	if (!addr_is_away(addr) || place->change.failures == 1) /* further attempts there are silent */
		answer_refused(core, action, error);
	if (action->type == ACT_ADDRESS_ADD && error == EEXIST)
		model_want_snapshot(core); /* it is there and we did not know: look again */
	else if (action->type == ACT_ADDRESS_ADD && addr->owner == OWNER_VIP)
		vip_refused(core, &core->vips[addr->owner_index], addr, error);
}

/* told: the kernel's word, or what it does without one, has come since it was asked, and may be newer. */
static void route_added(struct core *core, struct route_place *place, bool told)
{
	/* A replacement leaves no other of the kind. */
	for (unsigned i = 0; i < core->n_route_places; i++) {
		struct route_place *other = &core->route_places[i];
		if (other != place && plan_same_target(other->route, place->route))
			other->present = other->had = plan_is_twin(other, place);
	}
	place->present |= !told;
	place->had = true;
}

/* Whoever else has that route has lost it too. */
static void route_removed(struct core *core, struct route_place *place)
{
	for (unsigned i = 0; i < core->n_route_places && core->has_removed; i++) {
		struct route_place *other = &core->route_places[i];
		if (other->iface == place->iface && plan_same_target(other->route, place->route))
			other->present = other->had = false;
	}
	place->present = place->had = false;
}

static void route_answer(struct core *core, const struct action *action, int error)
{
	struct route_place *place = answered_route(core, action);
	bool told;

	if (!place)
		return;
	told = place->change.told;
	for (unsigned i = 0; i < core->n_route_places; i++) { /* another with this target may have waited */
		const struct route_place *other = &core->route_places[i];
		if (!route_is_orphan(other) && plan_same_target(other->route, place->route))
			core_dirty_route(core, other);
	}
	core_dirty_rest(core);
	if (!error) {
		change_done(&place->change);
		if (action->type == ACT_ROUTE_ADD)
			route_added(core, place, told);
		else
			route_removed(core, place);
		return;
	}
	/* One that is there already is looked for first: it may be ours. The retries are silent. */
	if (place->change.failures == (error == EEXIST || place->vip != NONE)) /* a vip's may be too early (plan_route.c) */
		answer_refused(core, action, error);
	if (!place->change.failures)
		model_want_snapshot(core);
	change_failed(core, &place->change, error);
}

/* The ports were taken out and in again, and what is known of them is of some moment between. */
static void await_ports(struct core *core, struct bond *bond, const struct action_link *link)
{
	for (unsigned i = 0; i < bond->n_ports; i++) {
		struct change *change = &bond->ports[i].change;
		for (unsigned j = 0; j < link->n_ports; j++) {
			if (port_iface(core, &bond->ports[i])->ifindex != link->ports[j] || change->gen)
				continue;
			change->type = ACT_ENSLAVE;
			change->target = link->ifindex;
			change->await_ns = core->now + AWAIT_OWN;
		}
	}
	model_want_snapshot(core);
}

static void note_rebuilt(struct core *core, const struct action *action, const struct iface *before)
{
	struct note *note = core_note(core, NOTE_REBUILT, action->object);

	note->reason.arg[0] = before->kind == KIND_BOND ? before->bond_mode : -1;
	note->reason.arg[1] = (before->kind == KIND_TEAM) != (action->u.link.driver == DRIVER_TEAM);
}

/* The kernel's answer is what is, until its own event says more: without it the next step would ask for the same again. */
static void link_done(struct core *core, struct bond *bond, struct port *port, const struct action *action, bool told)
{
	struct iface *iface = &core->ifaces[port ? port->iface : bond->iface];

	switch (action->type) {
	case ACT_LINK_UP:
		if (port)
			port->raised = true;
		else
			bond->raised = true;
		iface->up |= !told;
		break;
	case ACT_LINK_DOWN:
		if (!told)
			iface->up = iface->carrier = false;
		bond->raised = false; /* it was us: it is set up again */
		break;
	case ACT_ENSLAVE:
		if (!told)
			iface->master = action->u.link.master;
		port->raised = true;
		bond->joined_ns = core->now;
		break;
	case ACT_SET_ACTIVE:
		if (!told)
			iface->bond_active = action->u.link.port;
		break;
	case ACT_BOND_SET:
		if (action->u.link.bond_set & BOND_SET_MODE)
			iface->bond_mode = BOND_MODE_ACTIVEBACKUP;
		if (action->u.link.bond_set & BOND_SET_FAIL_OVER_MAC)
			iface->bond_fail_over_mac = action->u.link.fail_over_mac;
		if (action->u.link.bond_set & BOND_SET_MIIMON)
			iface->bond_miimon = BOND_MIIMON_MS;
		if (action->u.link.bond_set & BOND_SET_RESELECT)
			iface->bond_reselect = BOND_RESELECT_FAILURE;
		if (action->u.link.bond_set & BOND_SET_NO_PRIMARY)
			iface->bond_primary = 0;
		break;
	case ACT_BOND_REBUILD:
		note_rebuilt(core, action, iface);
		bond->rebuild_ns = core->now + REPAIR_WINDOW; /* should it be needed again, somebody undoes it */
		await_ports(core, bond, &action->u.link);
		break;
	case ACT_LINK_MTU:
		if (!told)
			iface->mtu = action->u.link.mtu;
		break;
	case ACT_LINK_MAC:
		if (!told)
			memcpy(iface->mac, action->u.link.mac, MAC_SIZE);
		break;
	case ACT_VMAC_CREATE: case ACT_VMAC_SET: case ACT_VMAC_DELETE: /* vmac_answer's */
	case ACT_BOND_CREATE: /* its ifindex comes with the event */
	case ACT_VLAN_CREATE:
	case ACT_RELEASE:
		break;
	case ACT_ADVERT: case ACT_ANNOUNCE: case ACT_ADDRESS_ADD: case ACT_ADDRESS_RENEW: case ACT_ADDRESS_DEL:
	case ACT_ROUTE_ADD: case ACT_ROUTE_DEL: case ACT_RULE_ADD: case ACT_RULE_DEL: case ACT_SYSCTL: case ACT_LISTEN: case ACT_UNLISTEN: case ACT_SNAPSHOT:
	case ACT_NOTE: case ACT_STOPPED: case ACT_PROBE: case ACT_LOOK: case ACT_RESOLVE: case ACT_HEARTBEAT: case ACT_TYPES:
		break;
	}
}

/* Not this port, then: the next one at once, this one again when the kernel's own monitor has had its turn, and later when
 * that does not help either (updelay). */
static void set_active_refused(struct core *core, struct bond *bond, const struct action *action, int error)
{
	unsigned healthy = 0, rounds;

	for (unsigned i = 0; i < bond->n_ports; i++)
		healthy += bond->ports[i].healthy;
	rounds = bond->change.failures / (healthy ? healthy : 1);
	if (!rounds)
		answer_refused(core, action, error);
	change_failed(core, &bond->change, error);
	if (!bond->change.backoffs)
		bond->change.retry_ns = 0;
	for (unsigned i = 0; i < bond->n_ports; i++) {
		if (port_iface(core, &bond->ports[i])->ifindex == action->u.link.port)
			bond->ports[i].refused_until = core->now + (BOND_MIIMON_MS * NSEC_PER_MSEC << (rounds < 5 ? rounds : 5));
	}
}

static void link_refused(struct core *core, struct bond *bond, struct port *port, const struct action *action, int error)
{
	struct change *change = port ? &port->change : &bond->change;

	if (action->type == ACT_SET_ACTIVE) {
		set_active_refused(core, bond, action, error);
		return;
	}
	if (!change->failures)
		answer_refused(core, action, error);
	change_failed(core, change, error);
	if (action->type == ACT_BOND_REBUILD)
		await_ports(core, bond, &action->u.link);
	if ((action->type == ACT_BOND_CREATE || action->type == ACT_VLAN_CREATE) && error == EEXIST)
		model_want_snapshot(core);
}

/* Whether the link tells of that change in a message of its own that a person would recognise; the options of a bond that is
 * down come without one, and a device that was rebuilt tells of much. */
static bool awaits_event(enum action_type type)
{
	return type != ACT_BOND_SET && type != ACT_BOND_REBUILD;
}

/* Of an interface itself: a port that was dropped, or one that no device has. */
static void port_link_answer(struct core *core, const struct action *action, int error)
{
	struct change *change = NULL;
	struct iface *iface = answered_iface(core, action, &change);

	if (!iface)
		return;
	if (error && !change->failures)
		answer_refused(core, action, error);
	if (error)
		change_failed(core, change, error);
	else
		change_done(change);
	if (!error && action->type == ACT_LINK_MTU)
		iface->mtu = action->u.link.mtu;
	if (!error && action->type == ACT_ENSLAVE && iface->ifindex == action->u.link.ifindex && !iface->master)
		iface->master = action->u.link.master;
	if (!error && action->type == ACT_RELEASE && iface->master == action->u.link.master) {
		iface->master = 0;
		iface->up = iface->carrier = false;
	}
	core_dirty_iface(core, iface);
	if (iface->bond != NONE)
		bond_update(core, &core->bonds[iface->bond]);
}

/* It was asked of a device, or into one, that is no longer the one that bears the name: what became of it means nothing now. */
static bool is_void(const struct core *core, const struct bond *bond, const struct port *port, const struct action *action)
{
	const struct action_link *link = &action->u.link;

	if (action->type == ACT_BOND_CREATE)
		return false;
	if (action->type == ACT_VLAN_CREATE)
		return bond->link == NONE || core->ifaces[core->bonds[bond->link].iface].ifindex != link->master;
	if (action->type == ACT_ENSLAVE && core->ifaces[bond->iface].ifindex != link->master)
		return true;
	return core->ifaces[port ? port->iface : bond->iface].ifindex != link->ifindex;
}

static void link_answer(struct core *core, const struct action *action, int error)
{
	struct port *port;
	struct bond *bond = answered_bond(core, action, &port);
	struct change *change;
	bool told;

	if (!bond) {
		struct vmac *vmac = answered_vmac(core, action);
		if (vmac)
			vmac_answer(core, vmac, action, error);
		else
			port_link_answer(core, action, error);
		return;
	}
	change = port ? &port->change : &bond->change;
	told = change->told;
	if (action->type != ACT_BOND_REBUILD && is_void(core, bond, port, action)) {
		change->gen = 0;
	} else if (error) {
		link_refused(core, bond, port, action, error);
	} else {
		change_done(change);
		change->await_ns = !told && awaits_event(action->type) ? core->now + AWAIT_OWN : 0;
		link_done(core, bond, port, action, told);
	}
	bond_update(core, bond);
}

/* A driver that cannot be asked is asked again after growing pauses; nobody needs to hear of it. */
static void look_answer(struct core *core, const struct action *action, int error)
{
	struct change *change = NULL;
	struct iface *iface = answered_iface(core, action, &change);

	if (!iface)
		return;
	if (error) {
		change_failed(core, change, error);
		core->counters.refusals--;
	} else {
		change_done(change);
		model_looked(core, iface, action->u.look.carrier);
	}
	if (iface->bond != NONE)
		core_dirty_bond(core, &core->bonds[iface->bond]);
}

static void probe_socket_answer(struct core *core, const struct action *action, struct iface *iface, int error)
{
	struct port *port;
	struct bond *bond = bond_of_port(core, iface, &port);

	if (!error && action->type == ACT_LISTEN)
		iface->probing = LISTEN_ON;
	if (!bond)
		return;
	if (iface->probing == LISTEN_ON && !port->kept)
		probe_restart(core, bond, port);
	port->kept = false;
	core_dirty_bond(core, bond);
}

static void iface_answer(struct core *core, const struct action *action, int error)
{
	struct change *change = NULL;
	struct iface *iface = answered_iface(core, action, &change);

	if (!iface)
		return;
	if (action->type == ACT_UNLISTEN && action->u.listen.probes) {
		change_done(change);
		probe_socket_answer(core, action, iface, 0);
		return;
	}
	if (action->type == ACT_UNLISTEN) { /* closed, whatever the answer */
		change_done(change);
		core_dirty_iface(core, iface);
		return;
	}
	if (error && !change->failures)
		answer_refused(core, action, error);
	if (error)
		change_failed(core, change, error);
	else
		change_done(change);
	core_dirty_iface(core, iface);
	if (iface->bond != NONE)
		core_dirty_bond(core, &core->bonds[iface->bond]);
	if (action->type == ACT_LISTEN && action->u.listen.probes) {
		probe_socket_answer(core, action, iface, error);
		return;
	}
	if (action->type == ACT_SYSCTL && (action->u.sysctl.read || iface->loans[action->u.sysctl.key].known)) {
		vmac_loan_answer(core, iface, &action->u.sysctl, error);
		return;
	}
	if (action->type == ACT_SYSCTL) {
		iface->sysctl_done[action->u.sysctl.key] = !error;
		return;
	}
	if (!error) {
		struct ear *ear = &iface->ears[six(action->u.listen.family)];
		ear->state = LISTEN_ON;
		ear->ifindex = action->u.listen.ifindex;
		ear->unicast = action->u.listen.unicast;
	}
	for (unsigned i = 0; i < core->n_vips; i++) {
		if (vip_iface(core, &core->vips[i]) == iface)
			vip_link(core, &core->vips[i]);
	}
}

static void answer(struct core *core, const struct action *action, int error)
{
	switch (action->type) {
	case ACT_ADDRESS_ADD:
	case ACT_ADDRESS_RENEW:
	case ACT_ADDRESS_DEL:
		address_answer(core, action, error);
		break;
	case ACT_ROUTE_ADD:
	case ACT_ROUTE_DEL:
		route_answer(core, action, error);
		break;
	case ACT_RULE_ADD:
	case ACT_RULE_DEL:
		rule_answer(core, action, error);
		break;
	case ACT_LINK_UP:
	case ACT_LINK_DOWN:
	case ACT_BOND_CREATE:
	case ACT_BOND_SET:
	case ACT_BOND_REBUILD:
	case ACT_VLAN_CREATE:
	case ACT_ENSLAVE:
	case ACT_RELEASE:
	case ACT_LINK_MTU:
	case ACT_LINK_MAC:
	case ACT_SET_ACTIVE:
	case ACT_VMAC_CREATE:
	case ACT_VMAC_SET:
	case ACT_VMAC_DELETE:
		link_answer(core, action, error);
		break;
	case ACT_SYSCTL:
	case ACT_LISTEN:
	case ACT_UNLISTEN:
		iface_answer(core, action, error);
		break;
	case ACT_LOOK:
		look_answer(core, action, error);
		break;
	case ACT_PROBE: case ACT_ADVERT: case ACT_ANNOUNCE: case ACT_SNAPSHOT: case ACT_NOTE: case ACT_STOPPED:
	case ACT_RESOLVE: case ACT_HEARTBEAT: case ACT_TYPES:
		break;
	}
}

void answer_done(struct core *core, const struct event_result *result)
{
	answer(core, &result->action, 0);
}

void answer_failed(struct core *core, const struct event_result *result)
{
	answer(core, &result->action, result->error > 0 ? result->error : EAGAIN);
}
