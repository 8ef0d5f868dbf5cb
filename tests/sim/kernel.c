/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What rtnetlink does: links, addresses with lifetimes, routes, and the messages about them. Its silences too: IPv4
 * routes that fall with their device or its last address are not told (the real kernel tells none either). */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sim.h"

static unsigned link_slot(const struct node *node, const struct sim_link *link)
{
	return (unsigned)(link - node->links);
}

struct sim_link *kernel_link(struct node *node, int ifindex)
{
	for (unsigned i = 0; i < SIM_LINKS; i++)
		if (node->links[i].exists && node->links[i].ifindex == ifindex)
			return &node->links[i];
	return NULL;
}

struct sim_link *kernel_link_named(struct node *node, const char *name)
{
	for (unsigned i = 0; i < SIM_LINKS; i++)
		if (node->links[i].exists && strcmp(node->links[i].name, name) == 0)
			return &node->links[i];
	return NULL;
}

/* ---- messages ---- */

void kernel_tell(struct world *w, struct node *node, const struct event *event)
{
	struct waiting_event *slot;

	if (!node->running)
		return;
	if (node->drop_live || node->live_n == node->live_limit) {
		if (node->drop_live)
			node->drop_live--;
		node->enobufs = true;
		check_disturb(w, node, 0);
		shell_wake_at(w, node, w->now + 20000);
		return;
	}
	slot = &node->live[(node->live_head + node->live_n++) % SIM_LIVE];
	slot->event = *event;
	slot->ready_ns = w->now + rng_range(&w->rng, 20000, 300000);
	shell_wake_at(w, node, slot->ready_ns);
}

void kernel_event_link(const struct sim_link *link, struct event *event)
{
	struct event_link *l = &event->u.link;

	memset(event, 0, sizeof *event);
	event->type = EV_LINK;
	l->ifindex = link->ifindex;
	memcpy(l->name, link->name, sizeof l->name);
	l->up = link->up;
	l->carrier = link->up && link->carrier;
	l->master = link->master;
	memcpy(l->mac, link->mac, sizeof l->mac);
	l->mtu = 1500;
	l->kind = link->kind;
	l->perm_mac[0] = 0;
	l->prompt = link->prompt;
	if (link->port >= 0)
		memcpy(l->perm_mac, link->own_mac, sizeof l->perm_mac);
	if (link->kind != KIND_BOND)
		return;
	l->bond.mode = link->mode;
	l->bond.reselect = link->reselect;
	l->bond.miimon = link->miimon;
	l->bond.active = link->active;
	l->bond.primary = link->primary;
}

void kernel_tell_link(struct world *w, struct node *node, const struct sim_link *link, uint32_t cause)
{
	struct event event;

	kernel_event_link(link, &event);
	event.u.link.cause = cause;
	kernel_tell(w, node, &event);
	if (rng_chance(&w->rng, 50000)) /* the kernel says many things twice */
		kernel_tell(w, node, &event);
}

void kernel_event_address(const struct world *w, const struct sim_address *a, struct event *event)
{
	struct event_address *e = &event->u.address;
	uint64_t age_s = (w->now - a->renewed_ns) / NSEC_PER_SEC;

	memset(event, 0, sizeof *event);
	event->type = EV_ADDRESS;
	e->ifindex = a->ifindex;
	e->ip = a->ip;
	e->prefix = a->prefix;
	e->ours = a->ours;
	e->permanent = a->expires_ns == NEVER;
	e->valid_s = e->permanent ? UINT32_MAX : age_s > a->valid_s ? 0 : a->valid_s - (uint32_t)age_s;
	e->renewed_ns = a->renewed_ns - a->renewed_ns % (10 * NSEC_PER_MSEC);
}

static void address_tell(struct world *w, struct node *node, const struct sim_address *a, enum event_type type,
			 uint32_t cause)
{
	struct event event;

	kernel_event_address(w, a, &event);
	event.type = type;
	event.u.address.cause = cause;
	kernel_tell(w, node, &event);
}

void kernel_event_route(const struct sim_route *r, struct event *event)
{
	memset(event, 0, sizeof *event);
	event->type = EV_ROUTE;
	event->u.route.ifindex = r->ifindex;
	event->u.route.route = r->route;
	event->u.route.ours = r->ours;
}

static void route_tell(struct world *w, struct node *node, const struct sim_route *r, enum event_type type,
		       uint32_t cause)
{
	struct event event;

	kernel_event_route(r, &event);
	event.type = type;
	event.u.route.cause = cause;
	kernel_tell(w, node, &event);
}

/* ---- routes ---- */

static bool route_same(const struct config_route *a, const struct config_route *b)
{
	return ip_equal(&a->to, &b->to) && a->prefix == b->prefix && a->metric == b->metric;
}

static void route_remove(struct world *w, struct node *node, unsigned i, bool tell, uint32_t cause)
{
	struct sim_route gone = node->routes[i];

	node->routes[i] = node->routes[--node->n_routes];
	if (tell)
		route_tell(w, node, &gone, EV_ROUTE_GONE, cause);
}

/* IPv4 falls silently, IPv6 is told. */
static void routes_fall(struct world *w, struct node *node, int ifindex, uint8_t family)
{
	for (unsigned i = node->n_routes; i-- > 0;)
		if (node->routes[i].ifindex == ifindex && node->routes[i].route.to.family == family)
			route_remove(w, node, i, family == FAMILY_6, 0);
}

/* Any address, or one with a network, through which a gateway is reached. */
static bool address_of_family(const struct node *node, int ifindex, uint8_t family, bool network)
{
	unsigned host = family == FAMILY_4 ? 32 : 128;

	for (unsigned i = 0; i < node->n_addresses; i++) {
		const struct sim_address *a = &node->addresses[i];

		if (a->ifindex == ifindex && a->ip.family == family && (!network || a->prefix < host))
			return true;
	}
	return false;
}

int kernel_route_set(struct world *w, struct node *node, const struct action_route *r, bool ours, uint32_t cause)
{
	struct sim_link *link = kernel_link(node, r->ifindex);
	struct sim_route *new;
	unsigned i;

	if (!link)
		return ENODEV;
	if (!link->up)
		return ENETDOWN;
	if (!address_of_family(node, r->ifindex, r->route.to.family, true))
		return ENETUNREACH;
	for (i = 0; i < node->n_routes; i++)
		if (route_same(&node->routes[i].route, &r->route))
			break;
	if (i < node->n_routes && !r->replace)
		return EEXIST;
	if (i == SIM_ROUTES)
		return ENOMEM;
	if (i == node->n_routes)
		node->n_routes++;
	new = &node->routes[i];
	new->ifindex = r->ifindex;
	new->route = r->route;
	new->ours = ours;
	route_tell(w, node, new, EV_ROUTE, cause);
	return 0;
}

int kernel_route_delete(struct world *w, struct node *node, int ifindex, const struct config_route *route,
			uint32_t cause)
{
	for (unsigned i = 0; i < node->n_routes; i++)
		if (node->routes[i].ifindex == ifindex && route_same(&node->routes[i].route, route)) {
			route_remove(w, node, i, true, cause);
			return 0;
		}
	return kernel_link(node, ifindex) ? ESRCH : ENODEV;
}

/* ---- addresses ---- */

static struct sim_address *address_find(struct node *node, int ifindex, const struct ip *ip, uint8_t prefix)
{
	for (unsigned i = 0; i < node->n_addresses; i++) {
		struct sim_address *a = &node->addresses[i];

		if (a->ifindex == ifindex && a->prefix == prefix && ip_equal(&a->ip, ip))
			return a;
	}
	return NULL;
}

static void expiry_arm(struct world *w, struct node *node, uint64_t when)
{
	if (when >= node->expire_armed_ns)
		return;
	node->expire_armed_ns = when;
	world_schedule(w, when, HAPPEN_EXPIRE, node->id, (uint32_t)node->boot, 0);
}

/* The kernel looks at lifetimes lazily: an address is gone 0 … 1.1 s after its end (design/vrrp.md, measured). */
static void address_prolong(struct world *w, struct node *node, struct sim_address *a, uint32_t lifetime_s)
{
	a->valid_s = lifetime_s;
	a->renewed_ns = w->now;
	a->expires_ns = NEVER;
	if (lifetime_s == UINT32_MAX)
		return;
	a->expires_ns = w->now + lifetime_s * NSEC_PER_SEC + rng_below(&w->rng, 1100 * NSEC_PER_MSEC);
	expiry_arm(w, node, a->expires_ns);
}

int kernel_address_set(struct world *w, struct node *node, const struct action_address *want, bool create, bool ours,
		       uint32_t cause)
{
	struct sim_link *link = kernel_link(node, want->ifindex);
	struct sim_address *a;
	bool fresh;

	if (!link)
		return ENODEV;
	if (want->ip.family == FAMILY_6 && !link->up)
		return ENETDOWN;
	a = address_find(node, want->ifindex, &want->ip, want->prefix);
	if (a && create)
		return EEXIST;
	fresh = !a;
	if (fresh && node->n_addresses == SIM_ADDRESSES)
		return ENOBUFS;
	if (fresh)
		a = &node->addresses[node->n_addresses++];
	a->ifindex = want->ifindex;
	a->ip = want->ip;
	a->prefix = want->prefix;
	a->ours = ours;
	address_prolong(w, node, a, want->lifetime_s);
	if (fresh)
		check_addresses(w, node, &a->ip, (int)link_slot(node, link), 1);
	address_tell(w, node, a, EV_ADDRESS, cause);
	return 0;
}

static void address_remove(struct world *w, struct node *node, struct sim_address *a, uint32_t cause)
{
	struct sim_address gone = *a;
	struct sim_link *link = kernel_link(node, gone.ifindex);

	*a = node->addresses[--node->n_addresses];
	if (link)
		check_addresses(w, node, &gone.ip, (int)link_slot(node, link), -1);
	address_tell(w, node, &gone, EV_ADDRESS_GONE, cause);
	if (!address_of_family(node, gone.ifindex, gone.ip.family, false))
		routes_fall(w, node, gone.ifindex, gone.ip.family);
}

int kernel_address_delete(struct world *w, struct node *node, int ifindex, const struct ip *ip, uint8_t prefix,
			  uint32_t cause)
{
	struct sim_address *a = address_find(node, ifindex, ip, prefix);

	if (!a)
		return kernel_link(node, ifindex) ? EADDRNOTAVAIL : ENODEV;
	address_remove(w, node, a, cause);
	return 0;
}

void kernel_slept(struct world *w, struct node *node, uint64_t for_ns)
{
	node->expire_armed_ns = NEVER;
	for (unsigned i = 0; i < node->n_addresses; i++) {
		if (node->addresses[i].expires_ns == NEVER)
			continue;
		node->addresses[i].expires_ns += for_ns;
		expiry_arm(w, node, node->addresses[i].expires_ns);
	}
}

void kernel_expire(struct world *w, struct node *node)
{
	uint64_t next = NEVER;

	node->expire_armed_ns = NEVER;
	for (unsigned i = node->n_addresses; i-- > 0;)
		if (node->addresses[i].expires_ns <= w->now) {
			check_expired(w, node, &node->addresses[i].ip);
			address_remove(w, node, &node->addresses[i], 0);
		}
	for (unsigned i = 0; i < node->n_addresses; i++)
		if (node->addresses[i].expires_ns < next)
			next = node->addresses[i].expires_ns;
	if (next != NEVER)
		expiry_arm(w, node, next);
}

static void addresses_fall(struct world *w, struct node *node, int ifindex, bool only_6)
{
	for (unsigned i = node->n_addresses; i-- > 0;)
		if (node->addresses[i].ifindex == ifindex && (!only_6 || node->addresses[i].ip.family == FAMILY_6))
			address_remove(w, node, &node->addresses[i], 0);
}

/* ---- links ---- */

static bool carrier_of(const struct world *w, const struct node *node, const struct sim_link *link)
{
	if (!link->up)
		return false;
	if (link->port >= 0)
		return lan_port_live(w, node, (unsigned)link->port);
	for (unsigned i = 0; i < SIM_LINKS; i++)
		if (node->links[i].exists && node->links[i].master == link->ifindex && node->links[i].counted_up)
			return true;
	return false;
}

static void carrier_set(struct world *w, struct node *node, struct sim_link *link)
{
	bool carrier = carrier_of(w, node, link);

	if (carrier == link->carrier)
		return;
	link->carrier = carrier;
	if (bonding_is_device(link) || link->master || !w->linkwatch_ns) {
		kernel_tell_link(w, node, link, 0);
	} else if (!link->watch_armed) {
		link->watch_armed = true;
		world_schedule(w, w->now + rng_below(&w->rng, w->linkwatch_ns), HAPPEN_LINKWATCH, node->id,
			       (uint32_t)node->boot, link_slot(node, link));
	}
	if (link->master)
		bonding_arm(w, node, link);
}

void kernel_refresh(struct world *w, struct node *node)
{
	if (!node->powered)
		return;
	for (unsigned i = 0; i < SIM_LINKS; i++)
		if (node->links[i].exists)
			carrier_set(w, node, &node->links[i]);
}

static void link_local_add(struct world *w, struct node *node, const struct sim_link *link)
{
	struct action_address a = { .ifindex = link->ifindex, .prefix = 64, .lifetime_s = UINT32_MAX, .nodad = true };
	static const uint8_t head[] = { 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe };

	a.ip.family = FAMILY_6;
	memcpy(a.ip.bytes, head, sizeof head);
	a.ip.bytes[13] = link->mac[3];
	a.ip.bytes[14] = link->mac[4];
	a.ip.bytes[15] = link->mac[5];
	if (!link->master)
		kernel_address_set(w, node, &a, true, false, 0);
}

int kernel_set_up(struct world *w, struct node *node, struct sim_link *link, bool up, uint32_t cause)
{
	if (link->up == up)
		return 0;
	link->up = up;
	link->carrier = carrier_of(w, node, link);
	kernel_tell_link(w, node, link, cause);
	if (!up) {
		routes_fall(w, node, link->ifindex, FAMILY_4);
		addresses_fall(w, node, link->ifindex, true);
	}
	if (link->master)
		bonding_arm(w, node, link);
	if (up)
		link_local_add(w, node, link);
	return 0;
}

/* The addresses of the vips that this node is the owner of, on their interface. */
static void owned_addresses(struct world *w, struct node *node, struct sim_link *link)
{
	for (unsigned v = 0; v < w->n_vips; v++) {
		struct action_address a = { .ifindex = link->ifindex, .lifetime_s = UINT32_MAX };

		if (!check_is_owner(w, node, v) || node->setup[v].plain != (link->port == SIM_PLAIN))
			continue;
		for (unsigned i = 0; i < SIM_VIP_ADDRESSES; i++) {
			a.ip = w->vips[v].addresses[i].ip;
			a.prefix = w->vips[v].addresses[i].prefix;
			if (w->vips[v].first >> i & 1)
				kernel_address_set(w, node, &a, true, false, 4242);
		}
	}
}

/* What the system's own scripts give an interface: an address to send from, where no bond of ours brings it. */
void kernel_base_address(struct world *w, struct node *node, struct sim_link *link)
{
	struct action_address a = { .ifindex = link->ifindex, .prefix = 24, .lifetime_s = UINT32_MAX };

	a.ip.family = FAMILY_4;
	memcpy(a.ip.bytes, (uint8_t[]){ 10, 0, 0, (uint8_t)(node->id + 1) }, 4);
	kernel_address_set(w, node, &a, true, false, 4242);
	owned_addresses(w, node, link);
}

/* Between ethN and ethNx, up or not, as kernels do since 6.2. */
void kernel_rename(struct world *w, struct node *node, struct sim_link *link, bool other)
{
	snprintf(link->name, sizeof link->name, other ? "eth%dx" : "eth%d", link->port);
	kernel_tell_link(w, node, link, 4242);
}

void kernel_create_nic(struct world *w, struct node *node, unsigned port)
{
	struct sim_link *link = &node->links[port];

	memset(link, 0, sizeof *link);
	link->exists = true;
	link->ifindex = ++node->next_ifindex;
	link->port = (int)port;
	link->prompt = !w->linkwatch_ns;
	snprintf(link->name, sizeof link->name, "eth%u", port < SIM_PORTS ? port : port - 1);
	memcpy(link->own_mac, (uint8_t[]){ 2, 0, 0, 0, (uint8_t)(node->id + 1), (uint8_t)port }, MAC_SIZE);
	memcpy(link->mac, link->own_mac, MAC_SIZE);
	kernel_tell_link(w, node, link, 0);
	if (node->kind < NODE_KERNEL || port >= SIM_PLAIN || rng_chance(&w->rng, 500000))
		kernel_set_up(w, node, link, true, 4242);
}

void kernel_delete_link(struct world *w, struct node *node, struct sim_link *link)
{
	struct event event;

	if (link->master)
		bonding_release(w, node, link, 4242);
	for (unsigned i = 0; i < SIM_LINKS; i++)
		if (bonding_is_device(link) && node->links[i].exists && node->links[i].master == link->ifindex)
			bonding_release(w, node, &node->links[i], 4242);
	kernel_set_up(w, node, link, false, 4242); /* told first: a device is closed before it goes */
	addresses_fall(w, node, link->ifindex, false);
	kernel_event_link(link, &event);
	event.type = EV_LINK_GONE;
	event.u.link.cause = 4242;
	link->exists = false;
	kernel_tell(w, node, &event);
}

void kernel_off(struct world *w, struct node *node)
{
	for (unsigned i = node->n_addresses; i-- > 0;)
		address_remove(w, node, &node->addresses[i], 0);
	memset(node->links, 0, sizeof node->links);
	node->n_routes = 0;
	node->powered = false;
}

/* An empty kernel with its NICs, as after power came back. */
void kernel_boot(struct world *w, struct node *node)
{
	kernel_off(w, node);
	node->next_ifindex = (int)node->id * 7 + 1;
	node->boot++;
	node->expire_armed_ns = NEVER;
	node->powered = true;
	for (unsigned port = 0; port < SIM_LINKS; port++) {
		if (!lan_is_port(node, port))
			continue;
		kernel_create_nic(w, node, port);
		node->next_ifindex += (int)rng_below(&w->rng, 3);
	}
	if (node->kind == NODE_PLAIN)
		kernel_base_address(w, node, &node->links[0]);
	if (node->has_plain)
		kernel_base_address(w, node, &node->links[SIM_PLAIN]);
}
