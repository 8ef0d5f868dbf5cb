/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What of the old tables lives on in the new ones: links, addresses, routes, bonds and vips, found again by what they are. */
#include "core/model.h"
#include "core/plan.h"

static void carry_iface(struct iface *iface, const struct iface *from)
{
	struct iface fixed = *iface;

	*iface = *from;
	iface->lan = fixed.lan;
	iface->bond = fixed.bond;
	iface->port = fixed.port;
	iface->vmac = fixed.vmac;
	iface->selected = fixed.selected;
	iface->away = fixed.away;
	for (unsigned i = 0; i < 2; i++) {
		iface->ears[i].wanted = fixed.ears[i].wanted;
		iface->ears[i].group = fixed.ears[i].group;
	}
}

/* A socket of it that is open, or a change that is to be answered. */
static bool has_business(const struct iface *iface)
{
	for (unsigned i = 0; i < 2; i++) {
		const struct ear *ear = &iface->ears[i];
		if (ear->state == LISTEN_ON || ear->opening.gen || ear->closing.gen)
			return true;
	}
	for (unsigned i = 0; i < SYSCTL_KEYS; i++) {
		if (iface->loans[i].changed)
			return true;
	}
	return (iface->vmac != NONE && iface->ifindex) || iface->probing == LISTEN_ON || iface->probe_listening.gen || iface->releasing.gen || iface->release_from;
}

/* The interface that an old one is now: by its name, or by what a selector looks for. */
static struct iface *counterpart(struct core *core, const struct iface *from)
{
	struct iface *iface = from->name[0] ? model_iface_by_name(core, from->name) : NULL;
	struct event_link link = model_link_of(from);

	return iface || !from->ifindex ? iface : model_find_slot(core, &link);
}

void carry_names(struct core *core, const struct core *old)
{
	for (unsigned i = 0; i < old->n_ifaces; i++) {
		const struct iface *from = &old->ifaces[i];
		struct iface *iface = from->name[0] && from->ifindex ? counterpart(core, from) : NULL;
		if (iface && !iface->name[0])
			memcpy(iface->name, from->name, sizeof iface->name);
	}
}

static void carry_ifaces(struct core *core, const struct core *old)
{
	for (unsigned i = 0; i < old->n_ifaces; i++) {
		const struct iface *from = &old->ifaces[i];
		struct iface *iface = counterpart(core, from);
		if (!iface && from->name[0] && has_business(from))
			iface = &core->ifaces[configure_iface(core, from->name)];
		if (iface)
			carry_iface(iface, from);
	}
}

static void carry_place(struct core *core, struct place *place, const struct place *from, const struct addr *addr)
{
	place->present |= from->present;
	place->ours |= from->ours;
	place->renewed_ns = max64(place->renewed_ns, from->renewed_ns);
	place->epoch = from->epoch;
	core->addrs[place->addr].announce |= addr->announce;
	core->addrs[place->addr].released |= addr->released;
	core->addrs[place->addr].claimed_ns = addr->claimed_ns;
}

/* To every place of that address on that interface: a vip that leaves and its successor both have one. False: none. */
static bool carry_to_all(struct core *core, const struct place *from, const struct addr *addr, const char *ifname)
{
	unsigned cursor = 0;
	const struct addr *to;
	bool found = false;

	while ((to = model_addr_next(core, &addr->ip, &cursor)) != NULL) {
		for (unsigned i = 0; to->prefix == addr->prefix && i < to->n_places; i++) {
			struct place *place = &core->places[to->first_place + i];
			if (strcmp(core->ifaces[place->iface].name, ifname) != 0)
				continue;
			carry_place(core, place, from, addr);
			if (!found && !place->change.gen) /* an answer is for one */
				place->change = from->change;
			found = true;
		}
	}
	return found;
}

static bool is_looking(const struct core *old)
{
	return old->snap_open || old->snap_wanted || old->snap_retry_ns;
}

/* Known to be there, or about to be: an addition that is under way, or was answered and not seen yet. While a snapshot is
 * outstanding nothing is known not to be there. */
static bool may_be_ours(const struct core *old, const struct place *place)
{
	if (is_looking(old))
		return true;
	return (place->present && place->ours) || place->change.gen ||
	       (place->change.await_ns > old->now && place->change.type == ACT_ADDRESS_ADD);
}

/* An address that no object has any more is let go. */
static void orphan(struct core *core, const struct core *old, const struct place *from)
{
	const struct addr *addr = &old->addrs[from->addr];
	const struct iface *iface = &old->ifaces[from->iface];
	bool foreign = addr->owner == OWNER_VIP && old->vips[addr->owner_index].cfg.priority == 255;
	struct addr *to;
	bool known;

	if (foreign || !may_be_ours(old, from))
		return;
	known = model_iface_by_name(core, iface->name) != NULL;
	to = configure_addr(core, &(struct config_address){ .ip = addr->ip, .prefix = addr->prefix }, OWNER_NOBODY, 0, 0);
	core->n_orphans++;
	configure_place(core, to, configure_iface(core, iface->name));
	if (!known)
		carry_iface(&core->ifaces[core->places[to->first_place].iface], iface);
}

static int port_by_iface(const struct core *core, const struct bond *bond, const char *ifname)
{
	for (unsigned i = 0; i < bond->n_ports; i++) {
		if (strcmp(port_iface(core, &bond->ports[i])->name, ifname) == 0)
			return (int)i;
	}
	return NONE;
}

/* Whether the new bond manages what the old one did: the same, or one that has a port of it, which is what is left of it to see
 * when its name changed. */
static bool manages(const struct core *core, const struct bond *bond, const struct core *old, const struct bond *from)
{
	if (bond->removed)
		return false;
	if (configure_same_bond(&bond->cfg, &from->cfg))
		return true;
	for (unsigned i = 0; bond->iface == NONE && from->iface == NONE && i < from->n_ports; i++) {
		const char *name = port_iface(old, &from->ports[i])->name;
		if (name[0] && port_by_iface(core, bond, name) != NONE)
			return true;
	}
	return false;
}

/* Whether the bond of that address stays without its configuration: its addresses stay too. */
static bool stays_unmanaged(const struct core *core, const struct core *old, int bond)
{
	for (unsigned i = 0; bond != NONE && i < core->n_bonds; i++) {
		if (manages(core, &core->bonds[i], old, &old->bonds[bond]))
			return false;
	}
	return bond != NONE;
}

static void carry_places(struct core *core, const struct core *old)
{
	for (unsigned i = 0; i < old->n_places; i++) {
		const struct place *from = &old->places[i];
		const struct addr *addr = &old->addrs[from->addr];
		const char *ifname = old->ifaces[from->iface].name;
		if (carry_to_all(core, from, addr, ifname) ||
		    stays_unmanaged(core, old, addr->owner == OWNER_BOND ? addr->owner_index : NONE))
			continue;
		orphan(core, old, from);
		carry_to_all(core, from, addr, ifname);
	}
}

/* Whatever its owner calls the interface. */
static bool is_same_route(const struct config_route *a, const struct config_route *b)
{
	return plan_same_target(a, b) && ip_equal(&a->via, &b->via) && ip_equal(&a->from, &b->from) && a->mtu == b->mtu &&
	       a->on_link == b->on_link;
}

/* To every place of that route on that interface: a vip that leaves and its successor both have one. False: none. */
static bool carry_route_to_all(struct core *core, const struct route_place *from, const char *ifname)
{
	bool found = false;

	for (unsigned i = 0; i < core->n_route_places; i++) {
		struct route_place *place = &core->route_places[i];
		if (!is_same_route(from->route, place->route) || strcmp(core->ifaces[place->iface].name, ifname) != 0)
			continue;
		place->present = from->present;
		place->had = from->had;
		place->epoch = from->epoch;
		if (!found) /* an answer is for one */
			place->change = from->change;
		found = true;
	}
	return found;
}

/* A route that no object has any more is let go, like an address. */
static struct route_place *orphan_route(struct core *core, const struct config_route *route, const char *ifname)
{
	return model_add_orphan_route(core, route, &core->ifaces[configure_iface(core, ifname)]);
}

static void carry_routes(struct core *core, const struct core *old)
{
	for (unsigned i = 0; i < old->n_route_places; i++) {
		const struct route_place *from = &old->route_places[i];
		const struct iface *iface = &old->ifaces[from->iface];
		if (carry_route_to_all(core, from, iface->name))
			continue;
		if ((!from->had && !from->change.gen && !is_looking(old)) || stays_unmanaged(core, old, from->bond))
			continue;
		bool known = model_iface_by_name(core, iface->name) != NULL;
		const struct route_place *place = orphan_route(core, from->route, iface->name);
		if (!known)
			carry_iface(&core->ifaces[place->iface], iface);
		carry_route_to_all(core, from, iface->name);
	}
}

/* The old bond's port that is this one: the same device, or, where there is none yet, the same entry of the list. */
static const struct port *old_port(const struct core *core, const struct bond *bond, const struct port *port,
				   const struct core *old, const struct bond *from)
{
	const char *name = port_iface(core, port)->name;
	const char *spec = bond->cfg.ports[port->spec].spec;

	for (unsigned i = 0; i < from->n_ports; i++) {
		const char *other = port_iface(old, &from->ports[i])->name;
		if (name[0] ? strcmp(name, other) == 0 : !other[0] && !port->extra && !from->ports[i].extra &&
							  strcmp(spec, from->cfg.ports[from->ports[i].spec].spec) == 0)
			return &from->ports[i];
	}
	return NULL;
}

static int carry_index(const struct core *core, const struct bond *bond, const struct core *old, const struct bond *from, int index)
{
	const char *name = index == NONE ? "" : port_iface(old, &from->ports[index])->name;

	return name[0] ? port_by_iface(core, bond, name) : NONE;
}

static bool same_probes(const struct core *core, const struct bond *bond, const struct core *old, const struct bond *from)
{
	return bond->cfg.n_probes && bond->cfg.n_probes == from->cfg.n_probes &&
	       memcmp(&core->config.probes[bond->cfg.first_probe], &old->config.probes[from->cfg.first_probe],
		      bond->cfg.n_probes * sizeof(struct config_probe)) == 0;
}

static void carry_probes(struct core *core, struct bond *bond, const struct core *old, const struct bond *from)
{
	if (!same_probes(core, bond, old, from))
		return;
	memcpy(bond->answered, from->answered, sizeof bond->answered);
	memcpy(bond->told_silent, from->told_silent, sizeof bond->told_silent);
	memcpy(bond->probe_ns, from->probe_ns, sizeof bond->probe_ns);
	bond->probing_since = from->probing_since;
	bond->asked_ns = from->asked_ns;
	for (unsigned i = 0; i < bond->n_ports; i++) {
		const struct port *port = old_port(core, bond, &bond->ports[i], old, from);
		if (port)
			memcpy(probe_target(core, bond, &bond->ports[i], 0), probe_target(old, from, port, 0),
			       bond->n_targets * sizeof(struct target));
	}
}

/* Whether a bond that is new by name takes over what is under way for it (inherit_ports). */
static bool is_inherited(const struct core *core, const struct iface *iface, const struct core *old)
{
	return iface->bond != NONE && iface->port != NONE && !configure_old_bond(old, &core->bonds[iface->bond].cfg);
}

/* A port that the new list does not have, or is about to be, is given back, unless another bond takes it, for which it must be
 * given back too. What is under way for it is answered first. */
static void release_dropped(struct core *core, const struct bond *bond, const struct core *old, const struct bond *from)
{
	int device = bond_is_device(bond) ? old->ifaces[from->iface].ifindex : 0;

	for (unsigned i = 0; i < from->n_ports && device; i++) {
		const struct change *change = &from->ports[i].change;
		const struct iface *iface = port_iface(old, &from->ports[i]);
		bool joins = change->gen && change->type == ACT_ENSLAVE && !iface->master;
		if (!iface->ifindex || (iface->master != device && !joins) || port_by_iface(core, bond, iface->name) != NONE)
			continue;
		bool known = model_iface_by_name(core, iface->name) != NULL;
		struct iface *to = &core->ifaces[configure_iface(core, iface->name)];
		if (!known)
			carry_iface(to, iface);
		to->release_from = device;
		if (change->gen && !is_inherited(core, to, old))
			to->releasing = *change;
	}
}

static void carry_ports(struct core *core, struct bond *bond, const struct core *old, const struct bond *from)
{
	for (unsigned i = 0; i < bond->n_ports; i++) {
		struct port fixed = bond->ports[i];
		const struct port *port = old_port(core, bond, &fixed, old, from);
		if (!port)
			continue;
		bond->ports[i] = *port;
		bond->ports[i].iface = fixed.iface;
		bond->ports[i].spec = fixed.spec;
		bond->ports[i].extra = fixed.extra;
	}
}

static void carry_bond(struct core *core, struct bond *bond, const struct core *old, const struct bond *from)
{
	bond->active = carry_index(core, bond, old, from, from->active);
	bond->wanted = carry_index(core, bond, old, from, from->wanted);
	bond->home = carry_index(core, bond, old, from, from->home);
	bond->manual = carry_index(core, bond, old, from, from->manual);
	bond->raised = from->raised;
	bond->rebuild_ns = from->rebuild_ns;
	bond->state = from->state;
	bond->told = from->told;
	bond->reason = from->reason;
	bond->since_ns = from->since_ns;
	bond->failovers = from->failovers;
	bond->change = from->change;
	bond->options = from->options;
	bond->announce_base = from->announce_base;
	bond->announce_step = from->announce_step;
	bond->joined_ns = from->joined_ns;
	memcpy(bond->kept_mac, from->kept_mac, MAC_SIZE);
	carry_ports(core, bond, old, from);
	carry_probes(core, bond, old, from);
	release_dropped(core, bond, old, from);
}

/* A bond that is new by name may have ports that another had: what is under way for such a link is under way. */
static void inherit_ports(struct core *core, struct bond *bond, const struct core *old)
{
	for (unsigned i = 0; i < old->n_bonds; i++) {
		const struct bond *from = &old->bonds[i];
		for (unsigned j = 0; j < bond->n_ports && !from->removed; j++) {
			const struct port *port = old_port(core, bond, &bond->ports[j], old, from);
			if (!port || !port_iface(core, &bond->ports[j])->name[0])
				continue;
			bond->ports[j].change = port->change;
			bond->ports[j].raised = port->raised;
		}
	}
}

static void carry_vip(struct vip *vip, const struct vip *from)
{
	struct vip fixed = *vip;

	*vip = *from;
	vip->cfg = fixed.cfg;
	vip->first_addr = fixed.first_addr;
	vip->n_addrs = fixed.n_addrs;
	vip->n_away = fixed.n_away;
	vip->first_route_place = fixed.first_route_place;
	vip->n_route_places = fixed.n_route_places;
	vip->first_rule = fixed.first_rule;
	vip->lan = fixed.lan;
	vip->iface = fixed.iface;
	vip->vmac = fixed.vmac;
	vip->next = fixed.next;
	vip->n_peers = fixed.n_peers;
	vip->next_member = fixed.next_member;
	/* What lowers it goes on; that it is configured otherwise is no change of its health. */
	vip->priority = (uint8_t)(fixed.cfg.priority > from->cfg.priority - from->priority
					  ? fixed.cfg.priority - (from->cfg.priority - from->priority)
					  : 1);
	vip->first_track = fixed.first_track;
	vip->n_tracks = fixed.n_tracks;
	if (!fixed.n_tracks && !vip->failed_test[0]) {
		vip->lowered = 0;
		vip->required = (struct reason){ 0 };
	}
	if (fixed.cfg.announce_ns != from->cfg.announce_ns)
		vip->refresh_ns = NEVER;
	if (vip->refresh_at >= vip->n_addrs)
		vip->refresh_at = 0;
	vip->removed = fixed.removed;
	vip->address_hash = fixed.address_hash;
}

/* A removed vip is found again by everything, for two of one name may be leaving. */
static const struct vip *staying_vip(const struct core *old, const struct vip *vip)
{
	for (unsigned i = 0; i < old->n_vips; i++) {
		const struct vip *from = &old->vips[i];
		if (!from->gone && configure_same_vip(from, &vip->cfg) && vip_wants_addresses(from) &&
		    from->n_addrs == vip->n_addrs)
			return from;
	}
	return NULL;
}

void carry_over(struct core *core, const struct change_over *over)
{
	const struct core *old = over->old;

	carry_ifaces(core, old);
	carry_places(core, old);
	carry_routes(core, old);
	rule_carry(core, old);
	for (unsigned i = 0; i < core->n_bonds; i++) {
		const struct bond *from = configure_old_bond(old, &core->bonds[i].cfg);
		if (from)
			carry_bond(core, &core->bonds[i], old, from);
		else
			inherit_ports(core, &core->bonds[i], old);
	}
	for (unsigned i = 0; i < core->n_vips; i++) {
		struct vip *vip = &core->vips[i];
		const struct vip *from = vip->removed ? staying_vip(old, vip) : configure_old_vip(over, &vip->cfg);
		bool member = from && !from->removed && strcmp(from->cfg.group, vip->cfg.group) == 0;
		if (from)
			carry_vip(vip, from);
		if (!member) /* what the others of its group are is seen once all are there */
			vip->joining = vip->newcomer = vip->cfg.group[0] != 0;
		if (!from)
			continue;
		if (from->removed && !vip->removed)
			vip->stopping = false;
		vip->protocol_changed = from->cfg.protocol != vip->cfg.protocol;
	}
}

/* Everything that is not a table. */
void carry_rest(struct core *core, const struct core *old)
{
	core->now = old->now;
	core->seen = old->seen;
	core->random = old->random;
	core->gen = old->gen;
	core->resumes = old->resumes;
	core->n_resumes = old->snap_known ? 0 : old->n_resumes; /* of vips that started with this process */
	core->epoch = old->epoch;
	core->snap_open = false; /* one that is under way knows nothing of the new names */
	core->snap_known = old->snap_known;
	core->drained = old->drained;
	core->roles_serial = old->roles_serial;
	core->stopping = old->stopping;
	core->stopped = old->stopped;
	core->stop_ns = old->stop_ns;
	memcpy(core->notes, old->notes, sizeof core->notes);
	core->n_notes = old->n_notes;
	core->counters = old->counters;
}
