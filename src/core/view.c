/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the core shows of itself. */
#include "core/plan.h"

#include <assert.h>

bool core_drained(const struct core *core)
{
	return core->drained;
}

uint64_t core_roles_serial(const struct core *core)
{
	return core->roles_serial;
}

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
		.removed = bond->removed,
		.driver = bond->cfg.driver,
		.state = bond->state,
		.active_port = bond->active,
		.n_ports = bond->n_ports,
		.reason = bond->reason,
		.since_ns = bond->since_ns,
		.failovers = bond->failovers,
		.manual = bond->manual != NONE,
		.mtu = bond->iface == NONE ? 0 : core->ifaces[bond->iface].mtu,
		.link = bond->link == NONE ? NULL : core->bonds[bond->link].cfg.name,
		.vlan_id = bond->cfg.vlan_id,
		.n_probes = bond->n_targets,
		.addresses = core->config.addresses + bond->cfg.first_address,
		.n_addresses = bond->cfg.n_addresses,
		.routes = core->config.routes + bond->cfg.first_route,
		.n_routes = bond->cfg.n_routes,
	};
}

static const char *port_name(const struct core *core, const struct bond *bond, const struct port *port)
{
	const struct iface *iface = port_iface(core, port);

	return iface->name[0] ? iface->name : iface->last_name[0] ? iface->last_name : bond->cfg.ports[port->spec].spec;
}

/* Times in a reason are those of now. */
static void refresh(const struct core *core, const struct port *port, struct port_view *view)
{
	if (port->hold_until && port->reason.code == REASON_PORT_HOLD)
		view->reason.arg[0] = port->hold_until > core->now ? (int64_t)(port->hold_until - core->now) : 0;
	if (port->reason.code == REASON_PORT_DAMPED) {
		uint64_t end = damping_end(port);
		view->reason.arg[0] = damping_penalty(core, port);
		view->reason.arg[1] = end > core->now ? (int64_t)(end - core->now) : 0;
	}
}

void core_port(const struct core *core, unsigned b, unsigned i, struct port_view *view)
{
	const struct bond *bond = &core->bonds[b];
	const struct port *port = &bond->ports[i];

	assert(b < core->n_bonds && i < bond->n_ports);
	*view = (struct port_view){
		.name = port_name(core, bond, port),
		.spec = bond->cfg.ports[port->spec].spec,
		.hidden = port_is_hidden(core, port),
		.state = port->state,
		.reason = port->reason,
		.since_ns = port->since_ns,
		.penalty = damping_penalty(core, port),
		.manual = bond->manual == (int)i,
		.probes_lost = port->healthy && port->probes == VERDICT_LOST,
	};
	refresh(core, port, view);
}

void core_probe(const struct core *core, unsigned b, unsigned p, unsigned i, struct probe_view *view)
{
	const struct bond *bond = &core->bonds[b];
	const struct target *target = probe_target(core, bond, &bond->ports[p], i);
	const struct config_target *cfg;
	unsigned probe;

	assert(b < core->n_bonds && p < bond->n_ports && i < bond->n_targets);
	cfg = probe_target_cfg(core, bond, i, &probe);
	*view = (struct probe_view){
		.name = core->config.probes[bond->cfg.first_probe + probe].name,
		.kind = core->config.probes[bond->cfg.first_probe + probe].kind,
		.target = cfg->ip,
		.state = !bond->answered[i]	    ? bond->told_silent[i] ? PROBE_SILENT : PROBE_WAITING
			 : !bond->ports[p].healthy ? PROBE_WAITING
			 : target->lost		    ? PROBE_LOST
			 : !target->answered_ns	    ? PROBE_WAITING
						    : PROBE_ANSWERED,
		.answered_ns = target->answered_ns,
		.sent = target->sent,
	};
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
		.group = vip->cfg.group,
		.vrid = vip->cfg.vrid,
		.protocol = vip->cfg.protocol,
		.active_node = "",
		.family = vip->cfg.family,
		.version = vip->cfg.version,
		.state = vip_state_of(vip),
		.device = vip->vmac == NONE ? "" : core->ifaces[core->vmacs[vip->vmac].iface].name,
		.mac = vip->vmac == NONE ? NULL : core->vmacs[vip->vmac].mac,
		.holding = vip_home(core, vip) && vip_missing(core, vip) == 0,
		.priority = vip->cfg.priority,
		.effective_priority = vip->priority,
		.n_tracks = vip->n_tracks,
		.addresses = core->config.addresses + vip->cfg.first_address,
		.n_addresses = vip->cfg.n_addresses,
		.n_routes = vip->cfg.n_routes,
		.n_rules = vip->cfg.n_rules,
		.reason = vip->reason,
		.since_ns = vip->since_ns,
		.last_sign_ns = vip->phase == PHASE_ACTIVE ? claim_sent_ns(core, vip) : 0,
		.peers = core->config.peers + vip->cfg.first_peer,
		.n_peers = vip->n_peers,
		.heard_ns = vip->heard_ns,
		.down_ns = vip_down_ns(vip),
		.other_left = vip->left,
		.given = vip->given_ns != 0,
		.removed = vip->removed,
		.checksum = vip_checksum(vip),
		.heard_checksum = vip->checksum,
		.accept = vip->cfg.accept || vip->cfg.priority == 255,
		.lease_none = core->n_vip_addresses_6 > MAX_LEASED_6 && has_address_6(core, vip),
		.counters = &vip->counters,
	};
	if (vip_by_claims(vip))
		claim_view(core, vip, view);
	else if (vip->phase == PHASE_ACTIVE)
		view->active_source = vip->source;
	else if (!vip->left && vip->heard_ns && (vip->phase == PHASE_BACKUP || vip->reason.code == REASON_DRAINED || hears_successor(vip)))
		view->active_source = vip->heard_source;
	if (vip->phase == PHASE_BACKUP && vip->reason.code == REASON_PREEMPT_DELAY) {
		uint64_t at = vip_preempt_ns(vip);
		view->reason.arg[1] = at > core->now ? (int64_t)(at - core->now) : 0;
	}
	if (vip->phase == PHASE_TAKING) {
		view->reason.code = vip->blocked_ns == NEVER ? REASON_TAKING : REASON_HOOKS;
		view->reason.arg[0] = vip_missing(core, vip);
	}
}

bool core_away(const struct core *core, unsigned v, unsigned i, struct away_view *view)
{
	const struct vip *vip = &core->vips[v];
	const struct addr *addr = &core->addrs[vip->first_addr + i];

	assert(v < core->n_vips && i < vip->n_addrs);
	if (!addr_is_away(addr))
		return false;
	*view = (struct away_view){ .address = &core->config.addresses[vip->cfg.first_address + i],
				    .reason = away_reason(core, addr) };
	for (unsigned j = 0; j < addr->n_places; j++)
		view->there |= place_is_there(&core->places[addr->first_place + j]);
	return true;
}

void core_vip_route(const struct core *core, unsigned v, unsigned i, struct vip_route_view *view)
{
	const struct vip *vip = &core->vips[v];
	const struct config_route *route = &core->config.routes[vip->cfg.first_route + i];
	int iface = vip->iface;

	assert(v < core->n_vips && i < vip->cfg.n_routes);
	*view = (struct vip_route_view){ .route = route, .on = route->on[0] ? route->on : vip->cfg.on };
	for (unsigned j = 0; j < vip->n_route_places; j++) {
		const struct route_place *place = &core->route_places[vip->first_route_place + j];
		if (place->route != route)
			continue;
		if (route->on[0])
			iface = route->bond == NONE ? place->iface : NONE;
		view->there |= place->present;
		view->wanted |= plan_vip_route_wanted(core, place);
		if (!place->present && place->change.failures && plan_vip_route_wanted(core, place))
			view->reason = (struct reason){ .code = REASON_ROUTE_REFUSED, .arg = { place->change.error } };
	}
	if (!view->reason.code)
		view->reason = vip_link_trouble(core, route->on[0] ? route->bond : vip->cfg.bond, iface);
}

void core_rule(const struct core *core, unsigned v, unsigned i, struct rule_view *view)
{
	const struct rule_place *place = &core->rules[core->vips[v].first_rule + i];

	assert(v < core->n_vips && i < core->vips[v].cfg.n_rules);
	*view = (struct rule_view){ .rule = place->rule, .there = place->present };
	if (!place->present && place->change.failures && vip_wants_addresses(&core->vips[v]))
		view->reason = (struct reason){ .code = REASON_RULE_REFUSED, .arg = { place->change.error } };
}

void core_track(const struct core *core, unsigned v, unsigned i, struct track_view *view)
{
	const struct vip *vip = &core->vips[v];
	const struct track *track = &core->tracks[vip->first_track + i];

	assert(v < core->n_vips && i < vip->n_tracks);
	*view = (struct track_view){ .name = track->cfg->name, .lower = track->cfg->lower, .reason = { .code = track->why },
				     .check = track->cfg->kind == TRACK_CHECK ? track->cfg->check : -1 };
}

unsigned core_n_checks(const struct core *core)
{
	return core->n_checks;
}

void core_check(const struct core *core, unsigned i, struct check_view *view)
{
	const struct check *check = &core->checks[i];

	assert(i < core->n_checks);
	*view = (struct check_view){
		.name = check->name,
		.state = check->state,
		.reason = check_reason(check),
		.since_ns = check->since_ns,
		.heard_ns = check->heard_ns,
		.silent = check->silent,
		.awaited_ns = check->awaited_ns,
		.in_a_row = check->in_a_row,
		.needed = check->state == CHECK_PASSED ? check->fall : check->rise,
	};
	if (check->state == CHECK_UNKNOWN)
		view->needed = 1;
}

const char *core_object_name(const struct core *core, const struct object *object)
{
	switch (object->type) {
	case OBJECT_VIP:
	case OBJECT_VIP_ROUTE:
	case OBJECT_RULE:
		return object->index < core->n_vips ? core->vips[object->index].cfg.name : "";
	case OBJECT_BOND:
	case OBJECT_ROUTE:
		return object->index < core->n_bonds ? core->bonds[object->index].cfg.name : "";
	case OBJECT_PORT:
		if (object->index >= core->n_bonds || object->sub >= core->bonds[object->index].n_ports)
			return "";
		return port_name(core, &core->bonds[object->index], &core->bonds[object->index].ports[object->sub]);
	case OBJECT_PEER:
	case OBJECT_PATH:
		return object->index < core->n_peers ? core->config.nodes[object->index].name : "";
	case OBJECT_CHECK:
		return object->index < core->n_checks ? core->checks[object->index].name : "";
	case OBJECT_NONE:
	case OBJECT_NODE:
	case OBJECT_ADDRESS:
		return core->config.node;
	}
	return "";
}

/* ---- nodes -------------------------------------------------------------------------------------------------------- */

unsigned core_n_nodes(const struct core *core)
{
	return core->n_peers;
}

void core_node(const struct core *core, unsigned i, struct node_view *view)
{
	const struct peer *peer = &core->peers[i];

	assert(i < core->n_peers);
	*view = (struct node_view){
		.name = core->config.nodes[i].name,
		.self = (int)i == core->config.self,
		.state = (int)i == core->config.self ? NODE_ALIVE : peer->state,
		.reason = peer->reason,
		.since_ns = peer->since_ns,
		.heard_ns = peer->heard_ns,
		.timeout_ns = peer->interval_ns * peer->lost,
		.digest_known = peer->version != 0,
		.digest_matches = peer->digest == core->config.common_digest,
		.version = peer->version,
		.software = peer->software,
		.n_paths = peer->n_lanes,
	};
	if (view->reason.code == REASON_NODE_SILENT || view->reason.code == REASON_NODE_DAEMON)
		view->reason.arg[0] = (int64_t)(core->now - peer->heard_ns);
}

void core_node_path(const struct core *core, unsigned node, unsigned i, struct path_view *view)
{
	const struct lane *lane = &core->lanes[core->peers[node].first_lane + i];
	const struct config_path *own = &core->config.paths[lane->own];

	assert(node < core->n_peers && i < core->peers[node].n_lanes);
	*view = (struct path_view){
		.name = own->name,
		.on = own->on,
		.from = own->address,
		.to = core->config.paths[lane->other].address,
		.state = lane->state,
		.reason = lane->reason,
		.since_ns = lane->since_ns,
		.heard_ns = lane->heard_ns,
		.told_ns = lane->told_sequence,
		.round_trip_ns = peer_round_trip(lane),
		.allowed_ns = core->config.heartbeat.interval_ns * core->config.heartbeat.lost,
		.slow = lane->slow,
		.sent = lane->sent,
		.received = lane->received,
	};
	if (view->reason.code == REASON_PATH_SILENT)
		view->reason.arg[0] = (int64_t)(core->now - lane->heard_ns);
	if (view->reason.code == REASON_PATH_ONE_WAY && lane->told_sequence)
		view->reason.arg[0] = (int64_t)(core->now - lane->told_sequence);
}
