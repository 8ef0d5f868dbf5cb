/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One port of a bond: is it healthy, for long enough, does it reach what it should, and what is it called. */
#include "core/internal.h"

const struct iface *port_iface(const struct core *core, const struct port *port)
{
	return &core->ifaces[port->iface];
}

bool port_is_small(const struct core *core, const struct bond *bond, const struct port *port)
{
	const struct iface *iface = port_iface(core, port);

	return bond->iface == NONE && bond->cfg.mtu && iface->max_mtu && bond->cfg.mtu > iface->max_mtu;
}

bool port_is_hidden(const struct core *core, const struct port *port)
{
	const struct iface *iface = port_iface(core, port);

	return port->extra && !iface->ifindex && !iface->last_name[0];
}

uint64_t port_waits_for_udev(const struct core *core, const struct port *port)
{
	const struct iface *iface = port_iface(core, port);
	uint64_t until = iface->uninitialised_ns + UDEV_PATIENCE;

	return iface->ifindex && iface->uninitialised && until > core->now ? until : 0;
}

struct bond *bond_of_port(struct core *core, const struct iface *iface, struct port **port)
{
	if (iface->bond == NONE || iface->port == NONE)
		return NULL;
	*port = &core->bonds[iface->bond].ports[iface->port];
	return &core->bonds[iface->bond];
}

/* The master that a port must have to be usable: the bond's device, or none where the addresses move. */
static int wanted_master(const struct core *core, const struct bond *bond)
{
	return bond->iface == NONE ? 0 : core->ifaces[bond->iface].ifindex;
}

static void update_health(struct core *core, struct bond *bond, struct port *port)
{
	const struct iface *iface = port_iface(core, port);
	const struct iface *device = bond->iface == NONE ? NULL : &core->ifaces[bond->iface];
	bool belongs = iface->master == wanted_master(core, bond) &&
		       (!device || (iface->master && device->bond_mode == BOND_MODE_ACTIVEBACKUP));
	bool healthy = iface->ifindex && iface->up && iface->carrier && belongs, before = port->healthy;

	port->raised = iface->ifindex && (port->raised || iface->up);
	port->healthy = healthy;
	if (healthy && !before) {
		port->hold_until = port->was_healthy && bond->cfg.hold_ns ? core->now + bond->cfg.hold_ns : 0;
		probe_restart(core, bond, port);
	}
	if (!healthy && before)
		damping_loss(core, port);
	if (port->hold_until && port->hold_until <= core->now)
		port->hold_until = 0;
	if (!healthy)
		port->hold_until = port->refused_until = 0;
	port->was_healthy |= healthy;
	probe_judge(core, bond, port);
	damping_update(core, bond, port);
}

static struct reason mtu_reason(const struct core *core, const struct bond *bond, const struct port *port)
{
	return (struct reason){ .code = REASON_PORT_MTU, .arg = { port_iface(core, port)->max_mtu, bond->cfg.mtu } };
}

/* Why a port that is there is not taken into the bond's device, or not yet. */
static struct reason outside_reason(const struct core *core, const struct bond *bond, const struct port *port)
{
	const struct iface *iface = port_iface(core, port);

	if (port_waits_for_udev(core, port))
		return (struct reason){ .code = REASON_PORT_UNINITIALISED };
	if (iface->vf && bond->cfg.mac_policy == MAC_FIXED)
		return (struct reason){ .code = REASON_PORT_VF_MAC };
	if (bond->cfg.mtu && iface->max_mtu && bond->cfg.mtu > iface->max_mtu)
		return mtu_reason(core, bond, port);
	if (port->change.error)
		return (struct reason){ .code = REASON_PORT_REFUSED, .arg = { port->change.error } };
	return (struct reason){ .code = REASON_PORT_JOINING };
}

static struct reason down_reason(const struct core *core, const struct bond *bond, const struct port *port)
{
	const struct iface *iface = port_iface(core, port);
	int master = wanted_master(core, bond);

	if (!iface->ifindex)
		return (struct reason){ .code = iface->existed ? REASON_INTERFACE_GONE : REASON_INTERFACE_ABSENT };
	if (bond->iface != NONE && iface->master && iface->master == master &&
	    core->ifaces[bond->iface].bond_mode != BOND_MODE_ACTIVEBACKUP)
		return bond_mode_reason(&core->ifaces[bond->iface]);
	if (iface->master && iface->master != master)
		return (struct reason){ .code = REASON_PORT_FOREIGN, .arg = { iface->master } };
	if (bond->iface != NONE && !iface->master)
		return outside_reason(core, bond, port);
	if (!iface->up && port_waits_for_udev(core, port))
		return (struct reason){ .code = REASON_PORT_UNINITIALISED };
	return (struct reason){ .code = iface->up ? REASON_LINK_DOWN : REASON_INTERFACE_DOWN };
}

static bool is_only(const struct bond *bond, const struct port *port)
{
	for (unsigned i = 0; i < bond->n_ports; i++) {
		if (&bond->ports[i] != port && bond->ports[i].healthy)
			return false;
	}
	return true;
}

static void set_state(struct core *core, struct port *port, enum port_state state, struct reason reason)
{
	if (port->state != state || !port->since_ns)
		port->since_ns = core->now;
	port->state = state;
	port->reason = reason;
}

static struct reason lost_reason(const struct core *core, const struct bond *bond, const struct port *port)
{
	struct reason reason = { .code = REASON_PORT_PROBES_LOST };
	uint64_t since = core->now;

	probe_lost_target(core, bond, port, &reason.ip, &since);
	reason.arg[0] = (int64_t)(core->now - since);
	return reason;
}

static struct reason active_reason(const struct core *core, const struct bond *bond, const struct port *port)
{
	if (port->probes == VERDICT_LOST)
		return lost_reason(core, bond, port);
	if (bond->manual == port - bond->ports)
		return (struct reason){ .code = REASON_PORT_MANUAL };
	return (struct reason){ .code = is_only(bond, port) ? REASON_PORT_ONLY : REASON_PORT_CHOSEN };
}

void port_update(struct core *core, struct bond *bond, struct port *port)
{
	update_health(core, bond, port);
	if (!port->healthy)
		set_state(core, port, port_iface(core, port)->ifindex ? PORT_DOWN : PORT_ABSENT,
			  down_reason(core, bond, port));
	else if (bond->active == port - bond->ports)
		set_state(core, port, PORT_ACTIVE, active_reason(core, bond, port));
	else if (port->probes == VERDICT_LOST)
		set_state(core, port, PORT_DOWN, lost_reason(core, bond, port));
	else if (port->damped)
		set_state(core, port, PORT_HOLD,
			  (struct reason){ .code = REASON_PORT_DAMPED,
					   .arg = { damping_penalty(core, port),
						    (int64_t)(damping_end(port) - core->now) } });
	else if (port_is_small(core, bond, port))
		set_state(core, port, PORT_HOLD, mtu_reason(core, bond, port));
	else if (port->hold_until)
		set_state(core, port, PORT_HOLD,
			  (struct reason){ .code = REASON_PORT_HOLD,
					   .arg = { (int64_t)(port->hold_until - core->now),
						    (int64_t)bond->cfg.hold_ns } });
	else
		set_state(core, port, PORT_STANDBY, (struct reason){ .code = REASON_PORT_READY });
}
