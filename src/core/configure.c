/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tables for a configuration, and what of the old ones lives on in them.
 *
 * A new set of tables is made beside the old one; when everything could be allocated, what is known about links,
 * addresses, bonds and vips is carried over by name, and the sets change places. Vips that are gone from the
 * configuration but not from the network, and addresses that no object has any more, come along to be let go. */
#include "core/hook.h"
#include "core/internal.h"

#include <limits.h>
#include <stdlib.h>

static unsigned power_of_two(unsigned n)
{
	unsigned size = 16;

	while (size < 2 * n)
		size *= 2;
	return size;
}

struct core *core_new(uint64_t seed)
{
	struct core *core = calloc(1, sizeof *core);

	if (core)
		core->random = seed;
	return core;
}

void core_free_tables(struct core *core)
{
	free(core->ifaces);
	free(core->lans);
	free(core->addrs);
	free(core->places);
	free(core->route_places);
	free(core->targets);
	free(core->bonds);
	free(core->vips);
	free(core->vmacs);
	free(core->tracks);
	free(core->checks);
	free(core->watched);
	free(core->config.tracks);
	free(core->addr_hash);
	free(core->iface_hash);
	free(core->peers);
	free(core->lanes);
	free(core->claims);
	free(core->claim_slots);
	free(core->config.nodes);
	free(core->config.paths);
	free(core->config.addresses);
	free(core->config.routes);
	free(core->config.rules);
	free(core->rules);
	free(core->config.probes);
	free(core->config.peers);
	queue_free(&core->dirty);
	heap_free(&core->heap);
}

void core_free(struct core *core)
{
	if (!core)
		return;
	core_free_tables(core);
	free(core->resumes);
	free(core);
}

/* ---- names --------------------------------------------------------------------------------------------------------- */

static unsigned name_slot(const struct names *names, const char *name)
{
	uint32_t hash = 2166136261U;

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619U;
	return hash & (names->size - 1);
}

static int names_init(struct names *names, unsigned n)
{
	names->size = power_of_two(n);
	names->slots = calloc(names->size, sizeof *names->slots);
	return names->slots ? 0 : -ENOMEM;
}

static void names_add(struct names *names, const char *name, unsigned index)
{
	unsigned slot = name_slot(names, name);

	while (names->slots[slot])
		slot = (slot + 1) & (names->size - 1);
	names->slots[slot] = index + 1;
}

/* The index of a candidate, NONE at the end; start with *cursor 0. Names of candidates may differ. */
static int names_next(const struct names *names, const char *name, unsigned *cursor)
{
	unsigned slot = (name_slot(names, name) + *cursor) & (names->size - 1);

	(*cursor)++;
	return (int)names->slots[slot] - 1;
}

static void change_over_free(struct change_over *over)
{
	free(over->old_names.slots);
	free(over->new_names.slots);
}

static int change_over_init(struct change_over *over, const struct core *old, const struct config *config)
{
	*over = (struct change_over){ .old = old, .config = config };
	if (names_init(&over->old_names, old->n_vips) < 0 || names_init(&over->new_names, config->n_vips) < 0) {
		change_over_free(over);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < old->n_vips; i++)
		names_add(&over->old_names, old->vips[i].cfg.name, i);
	for (unsigned i = 0; i < config->n_vips; i++)
		names_add(&over->new_names, config->vips[i].name, i);
	return 0;
}

/* ---- what comes along --------------------------------------------------------------------------------------------- */

bool configure_same_vip(const struct vip *vip, const struct config_vip *cfg)
{
	return strcmp(vip->cfg.name, cfg->name) == 0 && strcmp(vip->cfg.on, cfg->on) == 0 &&
	       (vip->cfg.vrid == cfg->vrid || !vip->cfg.vrid || !cfg->vrid) && vip->cfg.family == cfg->family &&
	       (vip->cfg.priority == 255) == (cfg->priority == 255);
}

const struct vip *configure_old_vip(const struct change_over *over, const struct config_vip *cfg)
{
	const struct vip *leaving = NULL;
	unsigned cursor = 0;
	int i;

	while ((i = names_next(&over->old_names, cfg->name, &cursor)) != NONE) {
		const struct vip *vip = &over->old->vips[i];
		if (!configure_same_vip(vip, cfg))
			continue;
		if (!vip->removed)
			return vip;
		if (!vip->gone)
			leaving = vip; /* comes back before it has gone */
	}
	return leaving;
}

/* Whether an old vip that the new configuration does not have still has something to let go. */
static bool must_stay(const struct change_over *over, const struct vip *vip)
{
	unsigned cursor = 0;
	int i;

	while ((i = names_next(&over->new_names, vip->cfg.name, &cursor)) != NONE) {
		const struct config_vip *cfg = &over->config->vips[i];
		if (configure_same_vip(vip, cfg) && configure_old_vip(over, cfg) == vip)
			return false;
	}
	return !vip->gone && vip_wants_addresses(vip);
}

bool configure_same_bond(const struct config_bond *a, const struct config_bond *b)
{
	return strcmp(a->name, b->name) == 0 && a->driver == b->driver;
}

const struct bond *configure_old_bond(const struct core *old, const struct config_bond *cfg)
{
	const struct bond *removed = NULL;

	for (unsigned i = 0; i < old->n_bonds; i++) {
		if (!configure_same_bond(&old->bonds[i].cfg, cfg))
			continue;
		if (!old->bonds[i].removed)
			return &old->bonds[i];
		removed = &old->bonds[i];
	}
	return removed;
}

/* ---- sizes -------------------------------------------------------------------------------------------------------- */

struct sizes {
	unsigned vips, vmacs, bonds, ifaces, addresses, peers, addrs, places, routes, orphan_routes, rules, probes, targets, tracks;
};

bool configure_finds_many(const struct config_port *port)
{
	return port->match == MATCH_GLOB || port->match == MATCH_DRIVER;
}

/* How many places for ports an entry of the list has: what finds many shares what the bond may have beyond its entries. */
static unsigned places_of(const struct config_bond *bond, unsigned entry)
{
	unsigned many = 0;

	for (unsigned i = 0; i < bond->n_ports; i++)
		many += configure_finds_many(&bond->ports[i]);
	return configure_finds_many(&bond->ports[entry]) ? 1 + (MAX_PORTS - bond->n_ports) / many : 1;
}

static unsigned ports_of(const struct config_bond *bond)
{
	unsigned n = 0;

	for (unsigned i = 0; i < bond->n_ports; i++)
		n += places_of(bond, i);
	return n;
}

static unsigned targets_of(const struct config *config, const struct config_bond *bond)
{
	unsigned n = 0;

	for (unsigned i = 0; i < bond->n_probes; i++)
		n += config->probes[bond->first_probe + i].n_targets;
	return n;
}

/* On how many interfaces what is on that bond, or on a plain interface, may be. */
static unsigned spots_of(const struct config *config, int bond)
{
	return bond != NONE && config->bonds[bond].driver == DRIVER_MOVE ? ports_of(&config->bonds[bond]) : 1;
}

static struct sizes measure(const struct core *old, const struct config *config)
{
	struct sizes size = { .ifaces = config->n_paths, .vips = config->n_vips, .bonds = config->n_bonds, .addresses = config->n_addresses };

	for (unsigned i = 0; i < config->n_bonds; i++) {
		const struct config_bond *bond = &config->bonds[i];
		unsigned spots = bond->driver == DRIVER_MOVE ? ports_of(bond) : 1;
		size.ifaces += ports_of(bond) + 1;
		size.targets += ports_of(bond) * targets_of(config, bond);
		size.places += spots * bond->n_addresses;
		size.routes += spots * bond->n_routes;
		size.addrs += bond->n_addresses;
	}
	for (unsigned i = 0; i < config->n_vips; i++) {
		const struct config_vip *vip = &config->vips[i];
		unsigned at_home = vip->device[0] ? 1 : spots_of(config, vip->bond);
		size.ifaces += 1 + vip->n_tracks + (vip->device[0] != 0);
		size.vmacs += vip->device[0] != 0;
		size.tracks += vip->n_tracks;
		size.addrs += vip->n_addresses;
		for (unsigned j = 0; j < vip->n_addresses; j++) {
			const struct config_address *address = &config->addresses[vip->first_address + j];
			size.ifaces += address->on[0] != 0;
			size.places += address->on[0] ? spots_of(config, address->bond) : at_home;
		}
		for (unsigned j = 0; j < vip->n_routes; j++) {
			const struct config_route *route = &config->routes[vip->first_route + j];
			size.ifaces += route->on[0] != 0;
			size.routes += route->on[0] ? spots_of(config, route->bond) : at_home;
		}
	}
	/* What may come along, at most. */
	size.vips += old->n_vips;
	size.bonds += old->n_bonds;
	size.vmacs += old->n_vmacs + MAX_LEFTOVER_VMACS;
	size.ifaces += old->n_ifaces + MAX_LEFTOVER_IFACES + MAX_LEFTOVER_VMACS;
	size.addresses += old->config.n_addresses;
	size.peers = config->n_peers + old->config.n_peers;
	size.addrs += old->n_places + old->n_addrs + MAX_LEFTOVERS;
	size.places += old->n_places + old->n_places + MAX_LEFTOVERS;
	size.routes += 2 * old->n_route_places + MAX_LEFTOVER_ROUTES; /* of a vip that stays, or of nobody */
	size.probes = config->n_probes;
	size.orphan_routes = 2 * old->n_route_places + MAX_LEFTOVER_ROUTES;
	size.rules = config->n_rules + 2 * old->n_rules + MAX_LEFTOVER_RULES;
	return size;
}

static int allocate(struct core *core, const struct sizes *size, const struct config *config)
{
	core->cap_ifaces = size->ifaces;
	core->cap_addrs = size->addrs;
	core->cap_places = size->places;
	core->cap_vmacs = size->vmacs;
	core->addr_hash_size = power_of_two(size->addrs);
	core->iface_hash_size = power_of_two(size->ifaces);
	core->ifaces = calloc(size->ifaces, sizeof *core->ifaces);
	core->lans = calloc(size->ifaces, sizeof *core->lans);
	core->addrs = calloc(size->addrs, sizeof *core->addrs);
	core->places = calloc(size->places, sizeof *core->places);
	core->cap_route_places = size->routes;
	core->route_places = calloc(size->routes, sizeof *core->route_places);
	core->cap_routes = config->n_routes + size->orphan_routes;
	core->cap_rules = size->rules;
	core->config.rules = calloc(size->rules + 1, sizeof *core->config.rules);
	core->rules = calloc(size->rules + 1, sizeof *core->rules);
	core->targets = calloc(size->targets + 1, sizeof *core->targets);
	core->config.probes = calloc(size->probes + 1, sizeof *core->config.probes);
	core->config.peers = calloc(size->peers + 1, sizeof *core->config.peers);
	core->config.tracks = calloc(config->n_tracks + 1, sizeof *core->config.tracks);
	core->tracks = calloc(size->tracks + 1, sizeof *core->tracks);
	core->checks = calloc(config->n_checks + 1, sizeof *core->checks);
	core->watched = calloc(size->tracks + 1, sizeof *core->watched);
	core->bonds = calloc(size->bonds + 1, sizeof *core->bonds);
	core->vips = calloc(size->vips + 1, sizeof *core->vips);
	core->vmacs = calloc(size->vmacs, sizeof *core->vmacs);
	core->addr_hash = calloc(core->addr_hash_size, sizeof *core->addr_hash);
	core->iface_hash = calloc(core->iface_hash_size, sizeof *core->iface_hash);
	core->config.addresses = calloc(size->addresses + 1, sizeof *core->config.addresses);
	core->config.routes = calloc(core->cap_routes + 1, sizeof *core->config.routes);
	core->peers = calloc(config->n_nodes + 1, sizeof *core->peers);
	core->lanes = calloc(config->n_nodes * MAX_PATHS + 1, sizeof *core->lanes);
	core->config.nodes = calloc(config->n_nodes + 1, sizeof *core->config.nodes);
	core->config.paths = calloc(config->n_paths + 1, sizeof *core->config.paths);
	if (!core->peers || !core->lanes || !core->config.nodes || !core->config.paths || !core->ifaces || !core->lans || !core->addrs || !core->places || !core->route_places || !core->targets ||
	    !core->config.probes || !core->config.peers || !core->config.tracks || !core->tracks || !core->watched || !core->checks ||
	    !core->bonds || !core->vmacs || !core->rules || !core->config.rules ||
	    !core->vips || !core->addr_hash || !core->iface_hash || !core->config.addresses || !core->config.routes)
		return -ENOMEM;
	return 0;
}

/* ---- building ----------------------------------------------------------------------------------------------------- */

void configure_iface_init(struct iface *iface, const char *name)
{
	*iface = (struct iface){ .lan = NONE, .bond = NONE, .port = NONE, .vmac = NONE };
	memcpy(iface->name, name, strnlen(name, IFNAME_SIZE - 1));
}

int configure_iface(struct core *core, const char *name)
{
	struct iface *iface = model_iface_by_name(core, name);

	if (!iface) {
		iface = &core->ifaces[core->n_ifaces++];
		configure_iface_init(iface, name);
	}
	return (int)(iface - core->ifaces);
}

struct addr *configure_addr(struct core *core, const struct config_address *address, enum owner owner, unsigned index,
			     unsigned number)
{
	struct addr *addr = &core->addrs[core->n_addrs];

	*addr = (struct addr){ .ip = address->ip,
			       .prefix = address->prefix,
			       .owner = owner,
			       .owner_index = (uint16_t)index,
			       .number = (uint16_t)number,
			       .away_bond = NONE,
			       .away_iface = NONE,
			       .first_place = core->n_places };
	model_hash_addr(core, core->n_addrs++);
	return addr;
}

void configure_place(struct core *core, struct addr *addr, int iface)
{
	core->places[core->n_places++] = (struct place){ .addr = (unsigned)(addr - core->addrs), .iface = iface };
	addr->n_places++;
}

static void add_bond_places(struct core *core, const struct bond *bond, struct addr *addr)
{
	if (bond->iface != NONE) {
		configure_place(core, addr, bond->iface);
		return;
	}
	for (unsigned i = 0; i < bond->n_ports; i++)
		configure_place(core, addr, bond->ports[i].iface);
}

static void add_routes(struct core *core, struct bond *bond, unsigned index)
{
	unsigned spots = bond->iface != NONE ? 1 : bond->n_ports;

	bond->first_route_place = core->n_route_places;
	bond->n_route_places = bond->cfg.n_routes * spots;
	for (unsigned i = 0; i < bond->cfg.n_routes; i++) {
		for (unsigned j = 0; j < spots; j++)
			core->route_places[core->n_route_places++] =
				(struct route_place){ .bond = (int)index,
						      .vip = NONE,
						      .route = &core->config.routes[bond->cfg.first_route + i],
						      .iface = bond->iface != NONE ? bond->iface : bond->ports[j].iface };
	}
}

/* A removed bond leaves an interface to a successor that has it already. */
static void claim_iface(struct iface *iface, unsigned bond, int port, bool removed)
{
	if (removed && iface->bond != NONE)
		return;
	iface->bond = (int)bond;
	iface->port = port;
}

static struct iface *port_place(struct core *core, const struct config_port *entry)
{
	struct iface *iface;

	if (entry->match == MATCH_NAME)
		return &core->ifaces[configure_iface(core, entry->spec)];
	iface = &core->ifaces[core->n_ifaces++];
	configure_iface_init(iface, "");
	iface->selected = true;
	core->has_selectors = true;
	return iface;
}

static void add_port(struct core *core, unsigned index, unsigned entry, bool extra)
{
	struct bond *bond = &core->bonds[index];
	struct iface *iface = port_place(core, &bond->cfg.ports[entry]);

	bond->ports[bond->n_ports] = (struct port){ .iface = (int)(iface - core->ifaces), .spec = entry, .extra = extra };
	claim_iface(iface, index, (int)bond->n_ports, bond->removed);
	bond->n_ports++;
}

static unsigned add_bond(struct core *core, const struct config_bond *cfg, bool removed)
{
	unsigned index = core->n_bonds++;
	struct bond *bond = &core->bonds[index];

	*bond = (struct bond){ .cfg = *cfg,
			       .iface = NONE,
			       .active = NONE,
			       .wanted = NONE,
			       .home = NONE,
			       .manual = NONE,
			       .first_vlan = NONE,
			       .next_vlan = NONE,
			       .first_vip = NONE,
			       .last_vip = NONE,
			       .link = cfg->driver == DRIVER_VLAN && !removed ? cfg->link : NONE,
			       .removed = removed,
			       .announce_step = ANNOUNCE_STEPS };
	if (cfg->driver != DRIVER_MOVE) {
		bond->iface = configure_iface(core, cfg->name);
		claim_iface(&core->ifaces[bond->iface], index, NONE, removed);
	}
	for (unsigned i = 0; i < cfg->n_ports; i++) {
		for (unsigned j = 0; j < places_of(cfg, i); j++)
			add_port(core, index, i, j > 0);
	}
	return index;
}

/* Its addresses come after all ifaces are known; a removed bond has none, it stays as it is. */
static void fill_bond(struct core *core, unsigned index)
{
	struct bond *bond = &core->bonds[index];

	if (bond->link != NONE) {
		bond->next_vlan = core->bonds[bond->link].first_vlan;
		core->bonds[bond->link].first_vlan = (int)index;
	}
	bond->first_addr = core->n_addrs;
	bond->n_addrs = bond->cfg.n_addresses;
	for (unsigned i = 0; i < bond->n_addrs; i++)
		add_bond_places(core, bond,
				configure_addr(core, &core->config.addresses[bond->cfg.first_address + i], OWNER_BOND, index, i));
	add_routes(core, bond, index);
	bond->n_targets = targets_of(&core->config, &bond->cfg);
	bond->first_target = core->n_targets;
	core->n_targets += bond->n_targets * bond->n_ports;
}

static int find_lan(struct core *core, int bond, int iface)
{
	struct lan *lan;

	for (unsigned i = 0; i < core->n_lans; i++) {
		if (core->lans[i].bond == bond && core->lans[i].iface == iface)
			return (int)i;
	}
	lan = &core->lans[core->n_lans++];
	lan->bond = bond;
	lan->iface = iface;
	return (int)(lan - core->lans);
}

/* Removed vips come last, and leave an interface to those that speak there already. */
static void claim_lan(struct iface *iface, int lan, const struct vip *vip)
{
	if (!vip->removed || iface->lan == NONE)
		iface->lan = lan;
	iface->ears[six(vip->cfg.family)].wanted = true;
	iface->ears[six(vip->cfg.family)].group |= vip->cfg.n_peers == 0 && !vip_by_claims(vip);
}

static void mark_lan(struct core *core, int lan, const struct vip *vip)
{
	const struct bond *bond;

	if (core->lans[lan].bond == NONE) {
		claim_lan(&core->ifaces[core->lans[lan].iface], lan, vip);
		return;
	}
	bond = &core->bonds[core->lans[lan].bond];
	if (bond->iface != NONE)
		claim_lan(&core->ifaces[bond->iface], lan, vip);
	for (unsigned i = 0; bond->iface == NONE && i < bond->n_ports; i++)
		claim_lan(&core->ifaces[bond->ports[i].iface], lan, vip);
}

/* In the order of the file. */
static void add_to_bond(struct core *core, unsigned index)
{
	struct bond *bond = &core->bonds[core->vips[index].cfg.bond];

	if (bond->last_vip == NONE)
		bond->first_vip = (int)index;
	else
		core->vips[bond->last_vip].next = (int)index;
	bond->last_vip = (int)index;
}

static void place_away(struct core *core, struct vip *vip, struct addr *addr, const struct config_address *address)
{
	vip->n_away++;
	core->has_away = true;
	addr->away_bond = address->bond;
	if (address->bond == NONE) {
		addr->away_iface = configure_iface(core, address->on);
		core->ifaces[addr->away_iface].away = true;
		configure_place(core, addr, addr->away_iface);
	} else {
		add_bond_places(core, &core->bonds[address->bond], addr);
	}
}

static void add_route_place(struct core *core, const struct config_route *route, unsigned vip, int iface)
{
	core->route_places[core->n_route_places++] =
		(struct route_place){ .bond = NONE, .vip = (int)vip, .route = route, .iface = iface };
	core->vips[vip].n_route_places++;
}

static void add_vip_routes(struct core *core, struct vip *vip, unsigned index)
{
	vip->first_route_place = core->n_route_places;
	for (unsigned i = 0; i < vip->cfg.n_routes; i++) {
		const struct config_route *route = &core->config.routes[vip->cfg.first_route + i];
		int on = route->on[0] ? route->bond : vip->cfg.bond;
		const struct bond *bond = on == NONE ? NULL : &core->bonds[on];
		vip->n_away += route->on[0] != 0;
		core->has_away |= route->on[0] != 0;
		if (!bond) {
			int iface = route->on[0] ? configure_iface(core, route->on) : vip->iface;
			core->ifaces[iface].away |= route->on[0] != 0;
			add_route_place(core, route, index, iface);
			continue;
		}
		if (bond->iface != NONE)
			add_route_place(core, route, index, bond->iface);
		for (unsigned j = 0; bond->iface == NONE && j < bond->n_ports; j++)
			add_route_place(core, route, index, bond->ports[j].iface);
	}
}

static struct vip *add_vip(struct core *core, const struct config_vip *cfg, bool removed)
{
	unsigned index = core->n_vips++;
	struct vip *vip = &core->vips[index];
	uint16_t *slot;

	*vip = (struct vip){ .cfg = *cfg,
			     .first_addr = core->n_addrs,
			     .n_addrs = cfg->n_addresses,
			     .n_peers = cfg->n_peers,
			     .iface = NONE,
			     .next = NONE,
			     .next_member = (int)index,
			     .removed = removed,
			     .announce_step = ANNOUNCE_STEPS,
			     .down_ns = NEVER,
			     .advert_ns = NEVER,
			     .leave_ns = NEVER,
			     .renew_ns = NEVER,
			     .retry_ns = NEVER,
			     .conflict_ns = NEVER,
			     .refresh_ns = NEVER,
			     .blocked_ns = NEVER,
			     .interval_ns = cfg->advert_ns,
			     .checksum = VRRP_CHECKSUM_RFC5798,
			     .priority = cfg->priority,
			     .reason = { .code = REASON_STARTING } };
	if (cfg->bond == NONE)
		vip->iface = configure_iface(core, cfg->on);
	else
		add_to_bond(core, index);
	vmac_add(core, vip);
	track_add(core, vip);
	vip->lan = find_lan(core, cfg->bond, vip->iface);
	mark_lan(core, vip->lan, vip);
	slot = &core->lans[vip->lan].vip[six(cfg->family)][cfg->vrid];
	if (vip_by_claims(vip))
		; /* no advert is for it */
	else if (*slot)
		vip->lan = NONE; /* removed, and a successor speaks there */
	else
		*slot = (uint16_t)(index + 1);
	for (unsigned i = 0; i < cfg->n_addresses; i++) {
		struct addr *addr = configure_addr(core, &core->config.addresses[cfg->first_address + i], OWNER_VIP, index, i);
		if (core->config.addresses[cfg->first_address + i].on[0])
			place_away(core, vip, addr, &core->config.addresses[cfg->first_address + i]);
		else if (vip->vmac != NONE)
			configure_place(core, addr, core->vmacs[vip->vmac].iface);
		else if (vip->iface != NONE)
			configure_place(core, addr, vip->iface);
		else
			add_bond_places(core, &core->bonds[cfg->bond], addr);
		if (i < cfg->n_listed)
			vip->address_hash += core_address_hash(&addr->ip);
		core->n_vip_addresses_6 += addr->ip.family == FAMILY_6;
	}
	add_vip_routes(core, vip, index);
	vip->first_rule = core->n_rules;
	for (unsigned i = 0; i < cfg->n_rules; i++)
		core->rules[core->n_rules++] =
			(struct rule_place){ .rule = &core->config.rules[cfg->first_rule + i], .vip = (int)index };
	return vip;
}

/* A bond that stays as it was has the ports that it had, and looks for no others. */
static void name_ports(const struct core *old, const struct bond *bond, struct config_bond *cfg)
{
	cfg->n_ports = 0;
	cfg->prefer = NONE;
	for (unsigned i = 0; i < bond->n_ports; i++) {
		const char *name = port_iface(old, &bond->ports[i])->name;
		if (!name[0])
			continue;
		cfg->ports[cfg->n_ports] = (struct config_port){ .match = MATCH_NAME };
		memcpy(cfg->ports[cfg->n_ports++].spec, name, strnlen(name, IFNAME_SIZE - 1));
	}
}

/* The bond under a vip that stays: the new configuration's, or the old one as it was, untouched from now on. */
static int stay_on(struct core *core, const struct core *old, int from)
{
	const struct bond *bond;
	struct config_bond cfg;
	unsigned index;

	if (from == NONE)
		return NONE;
	bond = &old->bonds[from];
	for (unsigned i = 0; i < core->n_bonds; i++) {
		if (configure_same_bond(&core->bonds[i].cfg, &bond->cfg))
			return (int)i;
	}
	cfg = bond->cfg;
	cfg.n_addresses = cfg.n_routes = cfg.n_probes = 0;
	name_ports(old, bond, &cfg);
	index = add_bond(core, &cfg, true);
	return (int)index;
}

static void bring_along(struct core *core, const struct change_over *over)
{
	const struct core *old = over->old;

	for (unsigned i = 0; i < old->n_vips; i++) {
		const struct vip *from = &old->vips[i];
		struct config_vip cfg = from->cfg;
		if (!must_stay(over, from))
			continue;
		cfg.bond = stay_on(core, old, from->cfg.bond);
		cfg.first_address = core->config.n_addresses;
		memcpy(&core->config.addresses[cfg.first_address], &old->config.addresses[from->cfg.first_address],
		       cfg.n_addresses * sizeof *core->config.addresses);
		core->config.n_addresses += cfg.n_addresses;
		for (unsigned j = 0; j < cfg.n_addresses; j++) {
			struct config_address *address = &core->config.addresses[cfg.first_address + j];
			if (address->on[0])
				address->bond = stay_on(core, old, address->bond);
		}
		cfg.first_route = core->config.n_routes;
		for (unsigned j = 0; j < cfg.n_routes; j++) {
			struct config_route *route = &core->config.routes[core->config.n_routes++];
			*route = old->config.routes[from->cfg.first_route + j];
			if (route->on[0])
				route->bond = stay_on(core, old, route->bond);
		}
		cfg.first_rule = core->config.n_rules;
		for (unsigned j = 0; j < cfg.n_rules; j++)
			core->config.rules[core->config.n_rules++] = old->config.rules[from->cfg.first_rule + j];
		cfg.first_peer = core->config.n_peers;
		memcpy(&core->config.peers[cfg.first_peer], &old->config.peers[from->cfg.first_peer],
		       cfg.n_peers * sizeof *core->config.peers);
		core->config.n_peers += cfg.n_peers;
		add_vip(core, &cfg, true);
		core->has_removed = true;
	}
}

static void copy_config(struct core *core, const struct config *config)
{
	memcpy(core->config.node, config->node, sizeof core->config.node);
	memcpy(core->config.digest, config->digest, sizeof core->config.digest);
	memcpy(core->config.machine_id, config->machine_id, sizeof core->config.machine_id);
	if (config->n_probes)
		memcpy(core->config.probes, config->probes, config->n_probes * sizeof *config->probes);
	core->config.n_probes = config->n_probes;
	if (config->n_tracks)
		memcpy(core->config.tracks, config->tracks, config->n_tracks * sizeof *config->tracks);
	core->config.n_tracks = config->n_tracks;
	if (config->n_addresses)
		memcpy(core->config.addresses, config->addresses, config->n_addresses * sizeof *config->addresses);
	if (config->n_routes)
		memcpy(core->config.routes, config->routes, config->n_routes * sizeof *config->routes);
	if (config->n_peers)
		memcpy(core->config.peers, config->peers, config->n_peers * sizeof *config->peers);
	core->config.n_peers = config->n_peers;
	if (config->n_rules)
		memcpy(core->config.rules, config->rules, config->n_rules * sizeof *config->rules);
	core->config.n_rules = config->n_rules;
	if (config->n_nodes)
		memcpy(core->config.nodes, config->nodes, config->n_nodes * sizeof *config->nodes);
	if (config->n_paths)
		memcpy(core->config.paths, config->paths, config->n_paths * sizeof *config->paths);
	core->config.n_nodes = config->n_nodes;
	core->config.n_paths = config->n_paths;
	core->config.self = config->self;
	core->config.heartbeat = config->heartbeat;
	core->config.common_digest = config->common_digest;
	core->config.n_addresses = config->n_addresses;
	core->config.n_routes = config->n_routes;
	for (unsigned i = 0; i < config->n_routes; i++) {
		struct config_route *route = &core->config.routes[i];
		if (route->to.family == FAMILY_6 && !route->metric)
			route->metric = 1024; /* what the kernel makes of 0 (net/ipv6/route.c, IP6_RT_PRIO_USER) */
	}
}

/* The rings of the groups' members. New members of a group that is held here are joining. */
static int link_groups(struct core *core)
{
	struct names groups = { 0 };

	if (names_init(&groups, core->n_vips) < 0)
		return -ENOMEM;
	for (unsigned i = 0; i < core->n_vips; i++) {
		struct vip *vip = &core->vips[i], *first = NULL;
		unsigned cursor = 0;
		int at;
		if (vip->removed || !vip->cfg.group[0])
			continue;
		while (!first && (at = names_next(&groups, vip->cfg.group, &cursor)) != NONE) {
			if (strcmp(core->vips[at].cfg.group, vip->cfg.group) == 0)
				first = &core->vips[at];
		}
		if (!first) {
			names_add(&groups, vip->cfg.group, i);
			continue;
		}
		vip->next_member = first->next_member;
		first->next_member = (int)i;
	}
	free(groups.slots);
	for (unsigned i = 0; i < core->n_vips; i++)
		vip_check_joining(core, &core->vips[i]);
	return 0;
}

static int build(struct core *core, const struct change_over *over)
{
	const struct config *config = over->config;

	copy_config(core, config);
	check_build(core, config, over->old);
	for (unsigned i = 0; i < config->n_bonds; i++)
		add_bond(core, &config->bonds[i], false);
	for (unsigned i = 0; i < config->n_bonds; i++)
		fill_bond(core, i);
	for (unsigned i = 0; i < config->n_vips; i++)
		add_vip(core, &config->vips[i], false);
	peer_build(core);
	carry_names(core, over->old);
	bring_along(core, over);
	core->n_owned_routes = core->n_route_places;
	core->n_owned_rules = core->n_rules;
	carry_over(core, over);
	for (unsigned i = 0; i < core->n_vips; i++)
		core->vips[i].blocking_ns = hook_blocking_ns(config, core->vips[i].cfg.name);
	vmac_carry(core, over->old);
	track_carry(core, over->old);
	if (claim_build(core) < 0)
		return -ENOMEM;
	peer_carry(core, over->old);
	model_rehash_ifaces(core);
	return 0;
}

/* With the new configuration in force: who stands, who leaves. */
static void settle(struct core *core)
{
	for (unsigned i = 0; i < core->n_bonds; i++)
		bond_update(core, &core->bonds[i]);
	check_forget_tests(core);
	track_update(core);
	for (unsigned i = 0; i < core->n_vips; i++) {
		struct vip *vip = &core->vips[i];
		if (vip->removed)
			vip_stop(core, vip, REASON_REMOVED);
		else if (core->stopping)
			vip_stop(core, vip, REASON_STOPPING);
		else
			vip_health(core, vip);
		vip_come_back(core, vip);
		if (vip->protocol_changed)
			vip_change_protocol(core, vip);
		vip_link(core, vip);
		if (vip->refresh_ns == NEVER)
			vip_schedule_refresh(core, vip);
		/* Another lease, or another number of IPv6 addresses on the node: the kernel is told at once. */
		if (vip_wants_addresses(vip) && !vip->removed && vip->cfg.priority != 255)
			vip_renew(core, vip, true);
	}
	for (unsigned i = 0; i < unit_count(core); i++)
		queue_add(&core->dirty, i);
	peer_settle(core);
	core->snap_wanted = true;
}

/* The tables that would follow, beside those in force. 0 or -ENOMEM, and next is empty. */
static int prepare(const struct core *core, const struct config *config, struct core *next)
{
	struct sizes size = measure(core, config);
	struct change_over over = { 0 };
	int r = allocate(next, &size, config);

	if (r == 0)
		r = change_over_init(&over, core, config);
	if (r == 0) {
		r = build(next, &over);
		change_over_free(&over);
		if (r < 0 || link_groups(next) < 0 || queue_init(&next->dirty, unit_count(next)) < 0 || heap_init(&next->heap, unit_count(next)) < 0)
			r = -ENOMEM;
	}
	if (r < 0) {
		core_free_tables(next);
		return r;
	}
	carry_rest(next, core);
	return 0;
}

int core_configure(struct core *core, const struct config *config, uint64_t now_ns)
{
	struct core next = { 0 };

	if (now_ns > core->now)
		core->now = now_ns;
	if (!core->resumes)
		core->resumes = calloc(MAX_RESUMES, sizeof *core->resumes);
	if (!core->resumes || prepare(core, config, &next) < 0)
		return -ENOMEM;
	core_free_tables(core);
	*core = next;
	settle(core);
	return 0;
}

/* What a change of a link was to tell by itself has been seen. */
static void seen(struct core *core)
{
	for (unsigned i = 0; i < core->n_bonds; i++) {
		struct bond *bond = &core->bonds[i];
		bond->change.await_ns = 0;
		for (unsigned j = 0; j < bond->n_ports; j++)
			bond->ports[j].change.await_ns = 0;
	}
	for (unsigned i = 0; i < core->n_vmacs; i++)
		core->vmacs[i].change.await_ns = 0;
}

/* A snapshot before the first plan. */
static void preview_snapshot(struct core *core, const struct preview *preview)
{
	uint32_t epoch = ++core->epoch;
	struct event event = { .type = EV_SNAP_BEGIN, .epoch = epoch };

	core->snap_wanted = false;
	core->snap_open = true;
	core_dispatch(core, &event);
	while (preview->item(preview->closure, &event)) {
		event.epoch = epoch;
		core_dispatch(core, &event);
	}
	event = (struct event){ .type = EV_SNAP_END, .epoch = epoch };
	core_dispatch(core, &event);
}

/* The device that the action makes, as its event would tell of it, with carrier: so that what follows is shown too. */
static void preview_device(struct core *core, const struct action *action, int ifindex)
{
	const struct action_link *made = &action->u.link;
	struct event event = { .type = EV_LINK };
	struct event_link *link = &event.u.link;

	*link = (struct event_link){ .ifindex = ifindex, .up = true, .carrier = true, .mtu = made->mtu };
	memcpy(link->name, made->ifname, sizeof link->name);
	memcpy(link->mac, made->mac, sizeof link->mac);
	link->kind = action->type == ACT_VMAC_CREATE	? KIND_MACVLAN
		     : action->type == ACT_VLAN_CREATE	? KIND_VLAN
		     : made->driver == DRIVER_TEAM ? KIND_TEAM
							: KIND_BOND;
	link->ours = action->type == ACT_VMAC_CREATE;
	link->up = !link->ours;
	link->vlan.link = made->master;
	link->vlan.id = made->vlan_id;
	link->bond.mode = BOND_MODE_ACTIVEBACKUP;
	link->bond.miimon = BOND_MIIMON_MS;
	link->bond.reselect = BOND_RESELECT_FAILURE;
	core_dispatch(core, &event);
	if (link->kind != KIND_TEAM)
		return;
	event = (struct event){ .type = EV_TEAM };
	event.u.team = (struct event_team){ .ifindex = ifindex, .activebackup = true };
	core_dispatch(core, &event);
}

/* Every plan until there is nothing more to do, each change taken for made; `rounds` bounds what never comes to rest. */
static void play(struct core *core, const struct preview *preview)
{
	int ifindex = INT_MAX; /* the kernel counts from the other end */
	struct action actions[64];
	unsigned rounds = PREVIEW_ROUNDS;
	bool more = true;
	size_t n = 1;

	while ((n || more) && rounds--) {
		plan_anew(core);
		n = plan(core, actions, sizeof actions / sizeof actions[0], &more);
		for (size_t i = 0; i < n; i++)
			preview->each(preview->closure, core, &actions[i]);
		for (size_t i = 0; i < n; i++) {
			if (actions[i].type == ACT_LOOK) /* it is as it is known */
				actions[i].u.look.carrier = model_iface_by_index(core, actions[i].u.look.ifindex)->carrier;
			if (actions[i].type == ACT_SYSCTL && actions[i].u.sysctl.read) /* what it is nobody knows here: it is shown */
				actions[i].u.sysctl.value = 0;
			answer_done(core, &(struct event_result){ .action = actions[i] });
			if (actions[i].type == ACT_BOND_CREATE || actions[i].type == ACT_VLAN_CREATE || actions[i].type == ACT_VMAC_CREATE)
				preview_device(core, &actions[i], ifindex--);
			seen(core);
		}
	}
}

int core_preview(const struct core *core, const struct config *config, uint64_t now_ns, const struct preview *preview)
{
	struct core next = { 0 };

	if (prepare(core, config, &next) < 0)
		return -ENOMEM;
	if (now_ns > next.now)
		next.now = now_ns;
	next.resumes = NULL;
	next.n_resumes = 0;
	settle(&next);
	if (preview->item)
		preview_snapshot(&next, preview);
	play(&next, preview);
	core_free_tables(&next);
	return 0;
}
