/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tables for a configuration, and what of the old ones lives on in them.
 *
 * A new set of tables is made beside the old one; when everything could be allocated, what is known about links,
 * addresses, bonds and vips is carried over by name, and the sets change places. Vips that are gone from the
 * configuration but not from the network, and addresses that no object has any more, come along to be let go. */
#include "core/internal.h"

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
	free(core->bonds);
	free(core->vips);
	free(core->addr_hash);
	free(core->iface_hash);
	free(core->config.addresses);
	free(core->config.routes);
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

/* Vips by name, so that thousands are matched in the time that a reload may take from the loop. Names may repeat. */
struct names {
	uint32_t *slots; /* index + 1, open addressing */
	unsigned size;
};

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

/* Both configurations and their vips' names, while one becomes the other. */
struct change_over {
	const struct core *old;
	const struct config *config;
	struct names old_names, new_names;
};

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

static bool same_vip(const struct vip *vip, const struct config_vip *cfg)
{
	return strcmp(vip->cfg.name, cfg->name) == 0 && strcmp(vip->cfg.on, cfg->on) == 0 &&
	       vip->cfg.vrid == cfg->vrid && vip->cfg.family == cfg->family &&
	       (vip->cfg.priority == 255) == (cfg->priority == 255);
}

static const struct vip *old_vip(const struct change_over *over, const struct config_vip *cfg)
{
	const struct vip *leaving = NULL;
	unsigned cursor = 0;
	int i;

	while ((i = names_next(&over->old_names, cfg->name, &cursor)) != NONE) {
		const struct vip *vip = &over->old->vips[i];
		if (!same_vip(vip, cfg))
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
		if (same_vip(vip, cfg) && old_vip(over, cfg) == vip)
			return false;
	}
	return !vip->gone && vip_wants_addresses(vip);
}

static bool same_bond(const struct config_bond *a, const struct config_bond *b)
{
	return strcmp(a->name, b->name) == 0 && a->driver == b->driver;
}

static const struct bond *old_bond(const struct core *old, const struct config_bond *cfg)
{
	const struct bond *removed = NULL;

	for (unsigned i = 0; i < old->n_bonds; i++) {
		if (!same_bond(&old->bonds[i].cfg, cfg))
			continue;
		if (!old->bonds[i].removed)
			return &old->bonds[i];
		removed = &old->bonds[i];
	}
	return removed;
}

/* ---- sizes -------------------------------------------------------------------------------------------------------- */

struct sizes {
	unsigned vips, bonds, ifaces, addresses, addrs, places, routes, orphan_routes;
};

static struct sizes measure(const struct core *old, const struct config *config)
{
	struct sizes size = { .vips = config->n_vips, .bonds = config->n_bonds, .addresses = config->n_addresses };

	for (unsigned i = 0; i < config->n_bonds; i++) {
		const struct config_bond *bond = &config->bonds[i];
		unsigned spots = bond->driver == DRIVER_MOVE ? bond->n_ports : 1;
		size.ifaces += bond->n_ports + 1;
		size.places += spots * bond->n_addresses;
		size.routes += spots * bond->n_routes;
		size.addrs += bond->n_addresses;
	}
	for (unsigned i = 0; i < config->n_vips; i++) {
		const struct config_vip *vip = &config->vips[i];
		bool moves = vip->bond != NONE && config->bonds[vip->bond].driver == DRIVER_MOVE;
		size.ifaces++;
		size.addrs += vip->n_addresses;
		size.places += vip->n_addresses * (moves ? config->bonds[vip->bond].n_ports : 1);
	}
	/* What may come along, at most. */
	size.vips += old->n_vips;
	size.bonds += old->n_bonds;
	size.ifaces += old->n_ifaces + MAX_LEFTOVER_IFACES;
	size.addresses += old->config.n_addresses;
	size.addrs += old->n_places + old->n_addrs + MAX_LEFTOVERS;
	size.places += old->n_places + old->n_places + MAX_LEFTOVERS;
	size.routes += old->n_route_places;
	size.orphan_routes = old->n_route_places;
	return size;
}

static int allocate(struct core *core, const struct sizes *size, const struct config *config)
{
	core->cap_ifaces = size->ifaces;
	core->cap_addrs = size->addrs;
	core->cap_places = size->places;
	core->addr_hash_size = power_of_two(size->addrs);
	core->iface_hash_size = power_of_two(size->ifaces);
	core->ifaces = calloc(size->ifaces, sizeof *core->ifaces);
	core->lans = calloc(size->ifaces, sizeof *core->lans);
	core->addrs = calloc(size->addrs, sizeof *core->addrs);
	core->places = calloc(size->places, sizeof *core->places);
	core->route_places = calloc(size->routes + 1, sizeof *core->route_places);
	core->bonds = calloc(size->bonds + 1, sizeof *core->bonds);
	core->vips = calloc(size->vips + 1, sizeof *core->vips);
	core->addr_hash = calloc(core->addr_hash_size, sizeof *core->addr_hash);
	core->iface_hash = calloc(core->iface_hash_size, sizeof *core->iface_hash);
	core->config.addresses = calloc(size->addresses + 1, sizeof *core->config.addresses);
	core->config.routes = calloc(config->n_routes + size->orphan_routes + 1, sizeof *core->config.routes);
	if (!core->ifaces || !core->lans || !core->addrs || !core->places || !core->route_places || !core->bonds ||
	    !core->vips || !core->addr_hash || !core->iface_hash || !core->config.addresses || !core->config.routes)
		return -ENOMEM;
	return 0;
}

/* ---- building ----------------------------------------------------------------------------------------------------- */

static int add_iface(struct core *core, const char *name)
{
	struct iface *iface = model_iface_by_name(core, name);

	if (!iface) {
		iface = &core->ifaces[core->n_ifaces++];
		*iface = (struct iface){ .lan = NONE, .bond = NONE, .port = NONE };
		memcpy(iface->name, name, strnlen(name, IFNAME_SIZE - 1));
	}
	return (int)(iface - core->ifaces);
}

static struct addr *add_addr(struct core *core, const struct config_address *address, enum owner owner, unsigned index,
			     unsigned number)
{
	struct addr *addr = &core->addrs[core->n_addrs];

	*addr = (struct addr){ .ip = address->ip,
			       .prefix = address->prefix,
			       .owner = owner,
			       .owner_index = (uint16_t)index,
			       .number = (uint16_t)number,
			       .first_place = core->n_places };
	model_hash_addr(core, core->n_addrs++);
	return addr;
}

static void add_place(struct core *core, struct addr *addr, int iface)
{
	core->places[core->n_places++] = (struct place){ .addr = (unsigned)(addr - core->addrs), .iface = iface };
	addr->n_places++;
}

static void add_bond_places(struct core *core, const struct bond *bond, struct addr *addr)
{
	if (bond->iface != NONE) {
		add_place(core, addr, bond->iface);
		return;
	}
	for (unsigned i = 0; i < bond->cfg.n_ports; i++)
		add_place(core, addr, bond->ports[i].iface);
}

static void add_routes(struct core *core, struct bond *bond, unsigned index)
{
	unsigned spots = bond->iface != NONE ? 1 : bond->cfg.n_ports;

	bond->first_route_place = core->n_route_places;
	bond->n_route_places = bond->cfg.n_routes * spots;
	for (unsigned i = 0; i < bond->cfg.n_routes; i++) {
		for (unsigned j = 0; j < spots; j++)
			core->route_places[core->n_route_places++] =
				(struct route_place){ .bond = (int)index,
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

static unsigned add_bond(struct core *core, const struct config_bond *cfg, bool removed)
{
	unsigned index = core->n_bonds++;
	struct bond *bond = &core->bonds[index];

	*bond = (struct bond){ .cfg = *cfg,
			       .iface = NONE,
			       .active = NONE,
			       .wanted = NONE,
			       .home = NONE,
			       .removed = removed,
			       .announce_step = ANNOUNCE_STEPS };
	if (cfg->driver == DRIVER_KERNEL) {
		bond->iface = add_iface(core, cfg->name);
		claim_iface(&core->ifaces[bond->iface], index, NONE, removed);
	}
	for (unsigned i = 0; i < cfg->n_ports; i++) {
		struct iface *iface = &core->ifaces[add_iface(core, cfg->ports[i].spec)];
		bond->ports[i].iface = (int)(iface - core->ifaces);
		claim_iface(iface, index, (int)i, removed);
	}
	return index;
}

/* Its addresses come after all ifaces are known; a removed bond has none, it stays as it is. */
static void fill_bond(struct core *core, unsigned index)
{
	struct bond *bond = &core->bonds[index];

	bond->first_addr = core->n_addrs;
	bond->n_addrs = bond->cfg.n_addresses;
	for (unsigned i = 0; i < bond->n_addrs; i++)
		add_bond_places(core, bond,
				add_addr(core, &core->config.addresses[bond->cfg.first_address + i], OWNER_BOND, index, i));
	add_routes(core, bond, index);
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
static void claim_lan(struct iface *iface, int lan, bool removed)
{
	if (!removed || iface->lan == NONE)
		iface->lan = lan;
}

static void mark_lan(struct core *core, int lan, bool removed)
{
	const struct bond *bond;

	if (core->lans[lan].bond == NONE) {
		claim_lan(&core->ifaces[core->lans[lan].iface], lan, removed);
		return;
	}
	bond = &core->bonds[core->lans[lan].bond];
	if (bond->iface != NONE)
		claim_lan(&core->ifaces[bond->iface], lan, removed);
	for (unsigned i = 0; bond->iface == NONE && i < bond->cfg.n_ports; i++)
		claim_lan(&core->ifaces[bond->ports[i].iface], lan, removed);
}

static struct vip *add_vip(struct core *core, const struct config_vip *cfg, bool removed)
{
	unsigned index = core->n_vips++;
	struct vip *vip = &core->vips[index];
	uint16_t *slot;

	*vip = (struct vip){ .cfg = *cfg,
			     .first_addr = core->n_addrs,
			     .n_addrs = cfg->n_addresses,
			     .iface = NONE,
			     .removed = removed,
			     .announce_step = ANNOUNCE_STEPS,
			     .down_ns = NEVER,
			     .advert_ns = NEVER,
			     .leave_ns = NEVER,
			     .renew_ns = NEVER,
			     .retry_ns = NEVER,
			     .conflict_ns = NEVER,
			     .interval_ns = cfg->advert_ns,
			     .reason = { .code = REASON_STARTING } };
	if (cfg->bond == NONE)
		vip->iface = add_iface(core, cfg->on);
	vip->lan = find_lan(core, cfg->bond, vip->iface);
	mark_lan(core, vip->lan, removed);
	slot = &core->lans[vip->lan].vip[cfg->family == FAMILY_6][cfg->vrid];
	if (*slot)
		vip->lan = NONE; /* removed, and a successor speaks there */
	else
		*slot = (uint16_t)(index + 1);
	for (unsigned i = 0; i < cfg->n_addresses; i++) {
		struct addr *addr = add_addr(core, &core->config.addresses[cfg->first_address + i], OWNER_VIP, index, i);
		if (vip->iface != NONE)
			add_place(core, addr, vip->iface);
		else
			add_bond_places(core, &core->bonds[cfg->bond], addr);
		if (i < cfg->n_listed)
			vip->address_hash += core_address_hash(&addr->ip);
		core->n_vip_addresses_6 += addr->ip.family == FAMILY_6;
	}
	return vip;
}

/* The bond under a vip that stays: the new configuration's, or the old one as it was, untouched from now on. */
static int stay_on(struct core *core, const struct core *old, const struct vip *vip)
{
	const struct bond *bond;
	struct config_bond cfg;
	unsigned index;

	if (vip->cfg.bond == NONE)
		return NONE;
	bond = &old->bonds[vip->cfg.bond];
	for (unsigned i = 0; i < core->n_bonds; i++) {
		if (same_bond(&core->bonds[i].cfg, &bond->cfg))
			return (int)i;
	}
	cfg = bond->cfg;
	cfg.n_addresses = cfg.n_routes = 0;
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
		cfg.bond = stay_on(core, old, from);
		cfg.first_address = core->config.n_addresses;
		memcpy(&core->config.addresses[cfg.first_address], &old->config.addresses[from->cfg.first_address],
		       cfg.n_addresses * sizeof *core->config.addresses);
		core->config.n_addresses += cfg.n_addresses;
		add_vip(core, &cfg, true);
		core->has_removed = true;
	}
}

/* ---- carrying over ------------------------------------------------------------------------------------------------- */

static void carry_iface(struct iface *iface, const struct iface *from)
{
	struct iface fixed = *iface;

	*iface = *from;
	iface->lan = fixed.lan;
	iface->bond = fixed.bond;
	iface->port = fixed.port;
}

static void carry_ifaces(struct core *core, const struct core *old)
{
	for (unsigned i = 0; i < old->n_ifaces; i++) {
		const struct iface *from = &old->ifaces[i];
		struct iface *iface = model_iface_by_name(core, from->name);
		if (!iface && (from->listen == LISTEN_ON || from->listening.gen || from->closing.gen)) /* its socket is to be closed */
			iface = &core->ifaces[add_iface(core, from->name)];
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

/* Known to be there, or about to be: an addition that is under way, or was answered and not seen yet. While a snapshot is
 * outstanding nothing is known not to be there. */
static bool may_be_ours(const struct core *old, const struct place *place)
{
	if (old->snap_open || old->snap_wanted || old->snap_retry_ns)
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
	to = add_addr(core, &(struct config_address){ .ip = addr->ip, .prefix = addr->prefix }, OWNER_NOBODY, 0, 0);
	core->n_orphans++;
	add_place(core, to, add_iface(core, iface->name));
	if (!known)
		carry_iface(&core->ifaces[core->places[to->first_place].iface], iface);
}

/* Whether the new configuration's bond manages what the old one's did: the same, or one that has a port of it, which is
 * what is left of it to see when its name changed. */
static bool manages(const struct config_bond *cfg, const struct config_bond *old)
{
	if (same_bond(cfg, old))
		return true;
	for (unsigned i = 0; cfg->driver == DRIVER_MOVE && old->driver == DRIVER_MOVE && i < cfg->n_ports; i++) {
		for (unsigned j = 0; j < old->n_ports; j++) {
			if (strcmp(cfg->ports[i].spec, old->ports[j].spec) == 0)
				return true;
		}
	}
	return false;
}

/* Whether the bond of that address stays without its configuration: its addresses stay too. */
static bool stays_unmanaged(const struct core *old, const struct config *config, int bond)
{
	for (unsigned i = 0; bond != NONE && i < config->n_bonds; i++) {
		if (manages(&config->bonds[i], &old->bonds[bond].cfg))
			return false;
	}
	return bond != NONE;
}

static void carry_places(struct core *core, const struct core *old, const struct config *config)
{
	for (unsigned i = 0; i < old->n_places; i++) {
		const struct place *from = &old->places[i];
		const struct addr *addr = &old->addrs[from->addr];
		const char *ifname = old->ifaces[from->iface].name;
		if (carry_to_all(core, from, addr, ifname) ||
		    stays_unmanaged(old, config, addr->owner == OWNER_BOND ? addr->owner_index : NONE))
			continue;
		orphan(core, old, from);
		carry_to_all(core, from, addr, ifname);
	}
}

static struct route_place *find_route(struct core *core, const struct config_route *route, const char *ifname)
{
	for (unsigned i = 0; i < core->n_route_places; i++) {
		struct route_place *place = &core->route_places[i];
		if (memcmp(route, place->route, sizeof *route) == 0 && strcmp(core->ifaces[place->iface].name, ifname) == 0)
			return place;
	}
	return NULL;
}

/* A route that no bond has any more is let go, like an address. */
static struct route_place *orphan_route(struct core *core, const struct config_route *route, const char *ifname)
{
	struct config_route *copy = &core->config.routes[core->config.n_routes++];
	struct route_place *place = &core->route_places[core->n_route_places++];

	*copy = *route;
	*place = (struct route_place){ .bond = NONE, .route = copy, .iface = add_iface(core, ifname) };
	core->n_orphans++;
	return place;
}

static void carry_routes(struct core *core, const struct core *old, const struct config *config)
{
	for (unsigned i = 0; i < old->n_route_places; i++) {
		const struct route_place *from = &old->route_places[i];
		const struct iface *iface = &old->ifaces[from->iface];
		struct route_place *place = find_route(core, from->route, iface->name);
		if (!place && ((!from->had && !from->change.gen) || stays_unmanaged(old, config, from->bond)))
			continue;
		if (!place) {
			bool known = model_iface_by_name(core, iface->name) != NULL;
			place = orphan_route(core, from->route, iface->name);
			if (!known)
				carry_iface(&core->ifaces[place->iface], iface);
		}
		place->present = from->present;
		place->had = from->had;
		place->epoch = from->epoch;
		place->change = from->change;
	}
}

static int port_by_name(const struct bond *bond, const char *name)
{
	for (unsigned i = 0; i < bond->cfg.n_ports; i++) {
		if (strcmp(bond->cfg.ports[i].spec, name) == 0)
			return (int)i;
	}
	return NONE;
}

static int carry_index(const struct bond *bond, const struct bond *from, int index)
{
	return index == NONE ? NONE : port_by_name(bond, from->cfg.ports[index].spec);
}

static void carry_bond(struct bond *bond, const struct bond *from)
{
	bond->active = carry_index(bond, from, from->active);
	bond->wanted = carry_index(bond, from, from->wanted);
	bond->home = carry_index(bond, from, from->home);
	bond->raised = from->raised;
	bond->state = from->state;
	bond->told = from->told;
	bond->reason = from->reason;
	bond->since_ns = from->since_ns;
	bond->failovers = from->failovers;
	bond->change = from->change;
	bond->announce_base = from->announce_base;
	bond->announce_step = from->announce_step;
	for (unsigned i = 0; i < bond->cfg.n_ports; i++) {
		int j = port_by_name(from, bond->cfg.ports[i].spec);
		int iface = bond->ports[i].iface;
		if (j == NONE)
			continue;
		bond->ports[i] = from->ports[j];
		bond->ports[i].iface = iface;
	}
}

/* A bond that is new by name may have ports that another had: what is under way for such a link is under way. */
static void inherit_ports(struct bond *bond, const struct core *old)
{
	for (unsigned i = 0; i < old->n_bonds; i++) {
		for (unsigned j = 0; j < bond->cfg.n_ports; j++) {
			struct port *port = &bond->ports[j];
			int k = port_by_name(&old->bonds[i], bond->cfg.ports[j].spec);
			if (k == NONE || old->bonds[i].removed)
				continue;
			port->change = old->bonds[i].ports[k].change;
			port->raised = old->bonds[i].ports[k].raised;
			port->lowered = old->bonds[i].ports[k].lowered;
			port->restore = old->bonds[i].ports[k].restore;
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
	vip->lan = fixed.lan;
	vip->iface = fixed.iface;
	vip->removed = fixed.removed;
	vip->address_hash = fixed.address_hash;
}

/* A removed vip is found again by everything, for two of one name may be leaving. */
static const struct vip *staying_vip(const struct core *old, const struct vip *vip)
{
	for (unsigned i = 0; i < old->n_vips; i++) {
		const struct vip *from = &old->vips[i];
		if (!from->gone && same_vip(from, &vip->cfg) && vip_wants_addresses(from) &&
		    from->n_addrs == vip->n_addrs)
			return from;
	}
	return NULL;
}

static void carry_over(struct core *core, const struct change_over *over)
{
	const struct core *old = over->old;

	carry_ifaces(core, old);
	carry_places(core, old, over->config);
	carry_routes(core, old, over->config);
	for (unsigned i = 0; i < core->n_bonds; i++) {
		const struct bond *from = old_bond(old, &core->bonds[i].cfg);
		if (from)
			carry_bond(&core->bonds[i], from);
		else
			inherit_ports(&core->bonds[i], old);
	}
	for (unsigned i = 0; i < core->n_vips; i++) {
		struct vip *vip = &core->vips[i];
		const struct vip *from = vip->removed ? staying_vip(old, vip) : old_vip(over, &vip->cfg);
		if (!from)
			continue;
		carry_vip(vip, from);
		if (from->removed && !vip->removed)
			vip->stopping = false;
	}
}

static void copy_config(struct core *core, const struct config *config)
{
	memcpy(core->config.node, config->node, sizeof core->config.node);
	memcpy(core->config.digest, config->digest, sizeof core->config.digest);
	if (config->n_addresses)
		memcpy(core->config.addresses, config->addresses, config->n_addresses * sizeof *config->addresses);
	if (config->n_routes)
		memcpy(core->config.routes, config->routes, config->n_routes * sizeof *config->routes);
	core->config.n_addresses = config->n_addresses;
	core->config.n_routes = config->n_routes;
	for (unsigned i = 0; i < config->n_routes; i++) {
		struct config_route *route = &core->config.routes[i];
		if (route->to.family == FAMILY_6 && !route->metric)
			route->metric = 1024; /* what the kernel makes of 0 (net/ipv6/route.c, IP6_RT_PRIO_USER) */
	}
}

static void build(struct core *core, const struct change_over *over)
{
	const struct config *config = over->config;

	copy_config(core, config);
	for (unsigned i = 0; i < config->n_bonds; i++)
		add_bond(core, &config->bonds[i], false);
	for (unsigned i = 0; i < config->n_bonds; i++)
		fill_bond(core, i);
	for (unsigned i = 0; i < config->n_vips; i++)
		add_vip(core, &config->vips[i], false);
	bring_along(core, over);
	carry_over(core, over);
	model_rehash_ifaces(core);
}

/* Everything that is not a table. */
static void carry_rest(struct core *core, const struct core *old)
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
	core->stopping = old->stopping;
	core->stopped = old->stopped;
	core->stop_ns = old->stop_ns;
	memcpy(core->notes, old->notes, sizeof core->notes);
	core->n_notes = old->n_notes;
	core->counters = old->counters;
}

/* With the new configuration in force: who stands, who leaves. */
static void settle(struct core *core)
{
	for (unsigned i = 0; i < core->n_bonds; i++)
		bond_update(core, &core->bonds[i]);
	for (unsigned i = 0; i < core->n_vips; i++) {
		struct vip *vip = &core->vips[i];
		if (vip->removed)
			vip_stop(core, vip, REASON_REMOVED);
		else if (core->stopping)
			vip_stop(core, vip, REASON_STOPPING);
		vip_link(core, vip);
		/* Another lease, or another number of IPv6 addresses on the node: the kernel is told at once. */
		if (vip_wants_addresses(vip) && !vip->removed && vip->cfg.priority != 255)
			vip_renew(core, vip, true);
	}
	for (unsigned i = 0; i < unit_count(core); i++)
		queue_add(&core->dirty, i);
	core->snap_wanted = true;
}

int core_configure(struct core *core, const struct config *config, uint64_t now_ns)
{
	struct core next = { 0 };
	struct sizes size = measure(core, config);
	struct change_over over;

	if (now_ns > core->now)
		core->now = now_ns;
	if (!core->resumes)
		core->resumes = calloc(MAX_RESUMES, sizeof *core->resumes);
	if (!core->resumes || allocate(&next, &size, config) < 0) {
		core_free_tables(&next);
		return -ENOMEM;
	}
	if (change_over_init(&over, core, config) < 0) {
		core_free_tables(&next);
		return -ENOMEM;
	}
	build(&next, &over);
	change_over_free(&over);
	if (queue_init(&next.dirty, unit_count(&next)) < 0 || heap_init(&next.heap, unit_count(&next)) < 0) {
		core_free_tables(&next);
		return -ENOMEM;
	}
	carry_rest(&next, core);
	core_free_tables(core);
	*core = next;
	settle(core);
	return 0;
}
