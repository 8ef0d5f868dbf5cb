/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the core shows of itself. */
#include "core/internal.h"

#include <assert.h>

unsigned core_n_bonds(const struct core *core)
{
	return core->n_bonds;
}

unsigned core_n_vips(const struct core *core)
{
	return core->n_vips;
}

void core_bond(const struct core *core, unsigned i, struct bond_view *view)
{
	const struct bond *bond = &core->bonds[i];

	assert(i < core->n_bonds);
	*view = (struct bond_view){
		.name = bond->cfg.name,
		.driver = bond->cfg.driver,
		.state = bond->state,
		.active_port = bond->active,
		.n_ports = bond->cfg.n_ports,
		.reason = bond->reason,
		.since_ns = bond->since_ns,
		.failovers = bond->failovers,
	};
}

void core_port(const struct core *core, unsigned b, unsigned i, struct port_view *view)
{
	const struct bond *bond = &core->bonds[b];
	const struct port *port = &bond->ports[i];

	assert(b < core->n_bonds && i < bond->cfg.n_ports);
	*view = (struct port_view){
		.name = bond->cfg.ports[i].spec, .spec = bond->cfg.ports[i].spec, .state = port->state, .reason = port->reason, .since_ns = port->since_ns
	};
	if (port->hold_until && port->reason.code == REASON_PORT_HOLD)
		view->reason.arg[0] = port->hold_until > core->now ? (int64_t)(port->hold_until - core->now) : 0;
}

static bool has_address_6(const struct core *core, const struct vip *vip)
{
	for (unsigned i = 0; i < vip->n_addrs; i++) {
		if (core->addrs[vip->first_addr + i].ip.family == FAMILY_6)
			return true;
	}
	return false;
}

/* Whether somebody spoke since the vip began to leave. */
static bool hears_successor(const struct vip *vip)
{
	return vip->phase == PHASE_LEAVING && vip->heard_ns >= vip->since_ns;
}

void core_vip(const struct core *core, unsigned i, struct vip_view *view)
{
	const struct vip *vip = &core->vips[i];

	assert(i < core->n_vips);
	*view = (struct vip_view){
		.name = vip->cfg.name,
		.on = vip->cfg.on,
		.vrid = vip->cfg.vrid,
		.family = vip->cfg.family,
		.state = vip_state_of(vip),
		.holding = vip_iface(core, vip) && vip_missing(core, vip) == 0,
		.priority = vip->cfg.priority,
		.effective_priority = vip->cfg.priority,
		.addresses = core->config.addresses + vip->cfg.first_address,
		.n_addresses = vip->cfg.n_addresses,
		.reason = vip->reason,
		.since_ns = vip->since_ns,
		.last_sign_ns = vip->phase == PHASE_ACTIVE ? vip->sent_ns : 0,
		.removed = vip->removed,
		.lease_none = core->n_vip_addresses_6 > MAX_LEASED_6 && has_address_6(core, vip),
		.counters = &vip->counters,
	};
	if (vip->phase == PHASE_ACTIVE)
		view->active_source = vip->source;
	else if (!vip->left && vip->heard_ns && (vip->phase == PHASE_BACKUP || hears_successor(vip)))
		view->active_source = vip->heard_source;
	if (vip->phase == PHASE_TAKING) {
		view->reason.code = REASON_TAKING;
		view->reason.arg[0] = vip_missing(core, vip);
	}
}

const char *core_object_name(const struct core *core, const struct object *object)
{
	switch (object->type) {
	case OBJECT_VIP:
		return object->index < core->n_vips ? core->vips[object->index].cfg.name : "";
	case OBJECT_BOND:
	case OBJECT_ROUTE:
		return object->index < core->n_bonds ? core->bonds[object->index].cfg.name : "";
	case OBJECT_PORT:
		if (object->index >= core->n_bonds || object->sub >= core->bonds[object->index].cfg.n_ports)
			return "";
		return core->bonds[object->index].cfg.ports[object->sub].spec;
	case OBJECT_NONE:
	case OBJECT_NODE:
	case OBJECT_ADDRESS:
		return core->config.node;
	}
	return "";
}
