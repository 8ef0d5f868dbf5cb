/* SPDX-License-Identifier: GPL-2.0-or-later */
/* As much of a kernel as a story needs: it does what it is asked, and refuses what the real one refuses. */
#include <errno.h>
#include <string.h>

#include "golden.h"

struct golden_link *golden_link(struct golden *g, const char *name)
{
	for (unsigned i = 0; i < GOLDEN_LINKS; i++)
		if (g->links[i].link.ifindex && strcmp(g->links[i].link.name, name) == 0)
			return &g->links[i];
	return NULL;
}

static struct golden_link *link_by_index(struct golden *g, int ifindex)
{
	for (unsigned i = 0; i < GOLDEN_LINKS; i++)
		if (ifindex && g->links[i].link.ifindex == ifindex)
			return &g->links[i];
	return NULL;
}

const char *golden_link_name(const struct golden *g, int ifindex)
{
	for (unsigned i = 0; i < GOLDEN_LINKS; i++)
		if (ifindex && g->links[i].link.ifindex == ifindex)
			return g->links[i].link.name;
	return ifindex ? "gone" : "none";
}

struct golden_link *golden_link_add(struct golden *g, const char *name)
{
	for (unsigned i = 0; i < GOLDEN_LINKS; i++) {
		struct golden_link *l = &g->links[i];

		if (l->link.ifindex)
			continue;
		memset(l, 0, sizeof *l);
		l->link.ifindex = g->next_ifindex++;
		strncpy(l->link.name, name, IFNAME_SIZE - 1);
		l->link.mtu = 1500;
		l->link.mac[0] = 2;
		l->link.mac[5] = (uint8_t)l->link.ifindex;
		return l;
	}
	return NULL;
}

void golden_link_tell(struct golden *g, const struct golden_link *link)
{
	struct event event = { .type = EV_LINK };

	event.u.link = link->link;
	golden_feed(g, &event);
}

void golden_team_tell(struct golden *g, const struct golden_link *link)
{
	struct event event = { .type = EV_TEAM };

	event.u.team.ifindex = link->link.ifindex;
	event.u.team.activebackup = link->link.bond.mode == BOND_MODE_ACTIVEBACKUP;
	event.u.team.active = link->link.bond.active;
	golden_feed(g, &event);
}

/* ---- addresses and routes ---- */

static struct event_address *address_find(struct golden *g, int ifindex, const struct ip *ip, uint8_t prefix)
{
	for (unsigned i = 0; i < g->n_addresses; i++)
		if (g->addresses[i].ifindex == ifindex && g->addresses[i].prefix == prefix &&
		    ip_equal(&g->addresses[i].ip, ip))
			return &g->addresses[i];
	return NULL;
}

int golden_address_set(struct golden *g, const struct event_address *a)
{
	struct event_address *old = address_find(g, a->ifindex, &a->ip, a->prefix);

	if (!old && g->n_addresses == GOLDEN_ADDRESSES)
		return ENOBUFS;
	if (!old)
		old = &g->addresses[g->n_addresses++];
	*old = *a;
	return 0;
}

int golden_address_drop(struct golden *g, int ifindex, const struct ip *ip, uint8_t prefix, struct event_address *gone)
{
	struct event_address *a = address_find(g, ifindex, ip, prefix);

	if (!a)
		return EADDRNOTAVAIL;
	if (gone)
		*gone = *a;
	*a = g->addresses[--g->n_addresses];
	return 0;
}

static int address_execute(struct golden *g, const struct action *action)
{
	const struct action_address *a = &action->u.address;
	struct event_address address = {
		.ifindex = a->ifindex,
		.ip = a->ip,
		.prefix = a->prefix,
		.ours = true,
		.valid_s = a->lifetime_s,
		.permanent = a->lifetime_s == UINT32_MAX,
		.renewed_ns = g->now,
	};

	if (!link_by_index(g, a->ifindex))
		return ENODEV;
	if (action->type == ACT_ADDRESS_DEL)
		return golden_address_drop(g, a->ifindex, &a->ip, a->prefix, NULL);
	if (action->type == ACT_ADDRESS_ADD && address_find(g, a->ifindex, &a->ip, a->prefix))
		return EEXIST;
	return golden_address_set(g, &address);
}

static int route_execute(struct golden *g, const struct action *action)
{
	const struct action_route *r = &action->u.route;
	unsigned i = 0;

	if (!link_by_index(g, r->ifindex))
		return ENODEV;
	if (!link_by_index(g, r->ifindex)->link.up)
		return ENETDOWN;
	while (i < g->n_routes &&
	       (!ip_equal(&g->routes[i].route.to, &r->route.to) || g->routes[i].route.prefix != r->route.prefix ||
		g->routes[i].route.metric != r->route.metric || g->routes[i].route.table != r->route.table))
		i++;
	if (action->type == ACT_ROUTE_DEL) {
		if (i == g->n_routes)
			return ESRCH;
		g->routes[i] = g->routes[--g->n_routes];
		return 0;
	}
	if (i < g->n_routes && !r->replace)
		return EEXIST;
	if (i == GOLDEN_ROUTES)
		return ENOBUFS;
	if (i == g->n_routes)
		g->n_routes++;
	g->routes[i] = (struct event_route){ .ifindex = r->ifindex, .route = r->route, .ours = true };
	return 0;
}

static int rule_execute(struct golden *g, const struct action *action)
{
	const struct config_rule *rule = &action->u.rule.rule;
	unsigned i = 0;

	while (i < g->n_rules && !(g->rules[i].ours && rule_equal(&g->rules[i].rule, rule)))
		i++;
	if (action->type == ACT_RULE_DEL && i == g->n_rules)
		return ENOENT;
	if (action->type == ACT_RULE_DEL)
		g->rules[i] = g->rules[--g->n_rules];
	else if (i < g->n_rules)
		return EEXIST;
	else if (i < GOLDEN_RULES)
		g->rules[g->n_rules++] = (struct event_rule){ .rule = *rule, .ours = true };
	return 0;
}

/* ---- links ---- */

static int enslave(struct golden *g, struct golden_link *port, int master)
{
	struct golden_link *bond = link_by_index(g, master);

	if (!bond || (bond->link.kind != KIND_BOND && bond->link.kind != KIND_TEAM))
		return bond ? EOPNOTSUPP : ENODEV;
	port->link.master = master;
	port->link.up = true;
	port->link.carrier = port->cable;
	port->link.mtu = bond->link.mtu;
	if (port->link.vf && bond->link.bond.fail_over_mac == BOND_FOM_NONE)
		return EOPNOTSUPP;
	if (!port->link.vf && bond->link.kind == KIND_BOND) /* a team leaves a port its own */
		memcpy(port->link.mac, bond->link.mac, MAC_SIZE);
	if (bond->link.kind == KIND_BOND && !bond->link.bond.active && port->cable) {
		bond->link.bond.active = port->link.ifindex;
		bond->link.carrier = bond->link.up;
	}
	return 0;
}

static int set_active(struct golden_link *bond, const struct golden_link *port)
{
	if (!port || port->link.master != bond->link.ifindex)
		return EINVAL;
	if (bond->link.kind == KIND_BOND && (!bond->link.bond.active || !port->link.carrier))
		return EINVAL; /* a team takes a dead one too */
	bond->link.bond.active = port->link.ifindex;
	bond->link.carrier = bond->link.up;
	return 0;
}

/* The port is set down; a bond that loses its active port takes the next one with link, a team takes none. */
static int release(struct golden *g, struct golden_link *port)
{
	struct golden_link *bond = link_by_index(g, port->link.master);

	port->link.master = 0;
	port->link.up = port->link.carrier = false;
	if (!bond || bond->link.bond.active != port->link.ifindex)
		return 0;
	bond->link.bond.active = 0;
	for (unsigned i = 0; bond->link.kind == KIND_BOND && i < GOLDEN_LINKS && !bond->link.bond.active; i++) {
		const struct event_link *link = &g->links[i].link;
		if (link->ifindex && link->master == bond->link.ifindex && link->carrier)
			bond->link.bond.active = link->ifindex;
	}
	bond->link.carrier = bond->link.up && bond->link.bond.active;
	return 0;
}

/* A device that goes lets its ports go first, and tells of them. */
void golden_release_all(struct golden *g, const struct golden_link *bond, uint32_t cause)
{
	for (unsigned i = 0; i < GOLDEN_LINKS; i++) {
		struct golden_link *l = &g->links[i];

		if (!l->link.ifindex || l->link.master != bond->link.ifindex)
			continue;
		release(g, l);
		l->link.cause = cause;
		if (g->core)
			golden_link_tell(g, l);
	}
}

static void make_active_backup(struct golden_link *bond, const struct action_link *l)
{
	static const uint8_t none[MAC_SIZE];

	bond->link.kind = l->driver == DRIVER_TEAM ? KIND_TEAM : KIND_BOND;
	bond->link.bond.mode = BOND_MODE_ACTIVEBACKUP;
	bond->link.bond.miimon = BOND_MIIMON_MS;
	bond->link.bond.reselect = BOND_RESELECT_FAILURE;
	bond->link.bond.fail_over_mac = l->fail_over_mac;
	bond->link.bond.primary = 0;
	bond->link.mtu = l->mtu ? l->mtu : bond->link.mtu ? bond->link.mtu : 1500;
	if (memcmp(l->mac, none, MAC_SIZE) != 0)
		memcpy(bond->link.mac, l->mac, MAC_SIZE);
}

static int bond_create(struct golden *g, const struct action_link *l)
{
	struct golden_link *bond;

	if (golden_link(g, l->ifname))
		return EEXIST;
	bond = golden_link_add(g, l->ifname);
	if (!bond)
		return ENOBUFS;
	make_active_backup(bond, l);
	return 0;
}

static int bond_rebuild(struct golden *g, struct golden_link *bond, const struct action_link *l)
{
	for (unsigned i = 0; i < GOLDEN_LINKS; i++) {
		if (g->links[i].link.ifindex && g->links[i].link.master == bond->link.ifindex)
			release(g, &g->links[i]);
	}
	make_active_backup(bond, l);
	bond->link.bond.active = 0;
	bond->link.up = true;
	for (unsigned i = 0; i < l->n_ports; i++)
		enslave(g, link_by_index(g, l->ports[i]), bond->link.ifindex);
	return 0;
}

static int vlan_create(struct golden *g, const struct action_link *l)
{
	struct golden_link *vlan;

	if (golden_link(g, l->ifname))
		return EEXIST;
	if (!link_by_index(g, l->master))
		return ENODEV;
	vlan = golden_link_add(g, l->ifname);
	if (!vlan)
		return ENOBUFS;
	vlan->link.kind = KIND_VLAN;
	vlan->link.vlan.link = l->master;
	vlan->link.vlan.id = l->vlan_id;
	vlan->link.mtu = l->mtu ? l->mtu : 1500;
	return 0;
}

static int vmac_create(struct golden *g, const struct action_link *l)
{
	struct golden_link *vmac;

	if (golden_link(g, l->ifname))
		return EEXIST;
	if (!link_by_index(g, l->master))
		return ENODEV;
	vmac = golden_link_add(g, l->ifname);
	if (!vmac)
		return ENOBUFS;
	vmac->link.kind = KIND_MACVLAN;
	vmac->link.ours = true;
	vmac->link.vlan.link = l->master;
	vmac->link.mtu = l->mtu;
	memcpy(vmac->link.mac, l->mac, MAC_SIZE);
	return 0;
}

static int vmac_delete(struct golden *g, struct golden_link *vmac)
{
	for (unsigned i = g->n_addresses; i-- > 0;)
		if (g->addresses[i].ifindex == vmac->link.ifindex)
			g->addresses[i] = g->addresses[--g->n_addresses];
	vmac->link.ifindex = 0;
	return 0;
}

static void bond_set(struct golden_link *bond, unsigned set)
{
	if (set & BOND_SET_MODE)
		bond->link.bond.mode = BOND_MODE_ACTIVEBACKUP;
	if (set & BOND_SET_MIIMON)
		bond->link.bond.miimon = BOND_MIIMON_MS;
	if (set & BOND_SET_NO_PRIMARY)
		bond->link.bond.primary = 0;
	if (set & BOND_SET_RESELECT)
		bond->link.bond.reselect = BOND_RESELECT_FAILURE;
	if (set & BOND_SET_FAIL_OVER_MAC)
		bond->link.bond.fail_over_mac = BOND_FOM_ACTIVE;
}

static int link_execute(struct golden *g, const struct action *action)
{
	const struct action_link *l = &action->u.link;
	struct golden_link *link = link_by_index(g, l->ifindex);

	if (action->type == ACT_BOND_CREATE)
		return bond_create(g, l);
	if (action->type == ACT_VLAN_CREATE)
		return vlan_create(g, l);
	if (action->type == ACT_VMAC_CREATE)
		return vmac_create(g, l);
	if (!link)
		return ENODEV;
	if (action->type == ACT_VMAC_SET)
		return 0;
	if (action->type == ACT_VMAC_DELETE)
		return vmac_delete(g, link);
	if (action->type == ACT_ENSLAVE)
		return enslave(g, link, l->master);
	if (action->type == ACT_RELEASE)
		return release(g, link);
	if (action->type == ACT_BOND_REBUILD)
		return bond_rebuild(g, link, l);
	if (action->type == ACT_SET_ACTIVE)
		return set_active(link, link_by_index(g, l->port));
	if (action->type == ACT_BOND_SET) {
		bond_set(link, l->bond_set);
		return 0;
	}
	if (action->type == ACT_LINK_MTU || action->type == ACT_LINK_MAC) {
		link->link.mtu = action->type == ACT_LINK_MTU ? l->mtu : link->link.mtu;
		if (action->type == ACT_LINK_MAC)
			memcpy(link->link.mac, l->mac, MAC_SIZE);
		return 0;
	}
	link->link.up = action->type == ACT_LINK_UP;
	if ((link->link.kind == KIND_VLAN || link->link.kind == KIND_MACVLAN) && link_by_index(g, link->link.vlan.link))
		link->cable = link_by_index(g, link->link.vlan.link)->link.carrier;
	link->link.carrier =
		link->link.up && (link->link.kind == KIND_BOND ? link->link.bond.active != 0 : link->cable);
	return 0;
}

int golden_execute(struct golden *g, const struct action *action)
{
	if (action->type >= ACT_ADDRESS_ADD && action->type <= ACT_ADDRESS_DEL)
		return address_execute(g, action);
	if (action->type == ACT_ROUTE_ADD || action->type == ACT_ROUTE_DEL)
		return route_execute(g, action);
	if (action->type == ACT_RULE_ADD || action->type == ACT_RULE_DEL)
		return rule_execute(g, action);
	if (action->type >= ACT_LINK_UP && action->type <= ACT_LINK_MAC)
		return link_execute(g, action);
	if (action->type >= ACT_VMAC_CREATE && action->type <= ACT_VMAC_DELETE)
		return link_execute(g, action);
	return 0;
}

void golden_snapshot(struct golden *g, const struct action *action)
{
	uint32_t epoch = action->u.snapshot.epoch;
	struct event event = { .type = EV_SNAP_BEGIN, .epoch = epoch };

	golden_feed(g, &event);
	for (unsigned i = 0; i < GOLDEN_LINKS; i++) {
		if (!g->links[i].link.ifindex)
			continue;
		event = (struct event){ .type = EV_LINK, .epoch = epoch };
		event.u.link = g->links[i].link;
		golden_feed(g, &event);
		if (g->links[i].link.kind != KIND_TEAM)
			continue;
		event = (struct event){ .type = EV_TEAM, .epoch = epoch };
		event.u.team.ifindex = g->links[i].link.ifindex;
		event.u.team.activebackup = g->links[i].link.bond.mode == BOND_MODE_ACTIVEBACKUP;
		event.u.team.active = g->links[i].link.bond.active;
		golden_feed(g, &event);
	}
	for (unsigned i = 0; i < g->n_addresses; i++) {
		event = (struct event){ .type = EV_ADDRESS, .epoch = epoch };
		event.u.address = g->addresses[i];
		golden_feed(g, &event);
	}
	for (unsigned i = 0; i < g->n_routes && action->u.snapshot.routes; i++) {
		if (g->routes[i].route.table && !action->u.snapshot.all_tables)
			continue;
		event = (struct event){ .type = EV_ROUTE, .epoch = epoch };
		event.u.route = g->routes[i];
		golden_feed(g, &event);
	}
	for (unsigned i = 0; i < g->n_rules && action->u.snapshot.rules; i++) {
		event = (struct event){ .type = EV_RULE, .epoch = epoch };
		event.u.rule = g->rules[i];
		golden_feed(g, &event);
	}
	event = (struct event){ .type = EV_SNAP_END, .epoch = epoch };
	golden_feed(g, &event);
}
