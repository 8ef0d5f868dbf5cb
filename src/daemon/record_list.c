/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/record_list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define CARRY_FOR (3600 * NSEC_PER_SEC) /* far longer than any lease or leave-timeout */

/* data: what is there so far, with room for so many. */
struct list {
	struct record_data *data;
	unsigned addresses_size, routes_size, rules_size;
};

/* The array with room for one more, or NULL, and it is as it was. */
static void *with_room(void *items, unsigned n, unsigned *size, size_t each)
{
	unsigned more = *size ? *size * 2 : 64;

	if (n < *size)
		return items;
	items = reallocarray(items, more, each);
	if (items)
		*size = more;
	return items;
}

static int add_address(struct list *list, const struct record_address *address)
{
	struct record_data *data = list->data;
	struct record_address *items;

	if (data->n_addresses >= RECORD_ADDRESSES_MAX)
		return -E2BIG;
	items = with_room(data->addresses, data->n_addresses, &list->addresses_size, sizeof *items);
	if (!items)
		return -ENOMEM;
	data->addresses = items;
	items[data->n_addresses++] = *address;
	return 0;
}

static int add_route(struct list *list, const struct record_route *route)
{
	struct record_data *data = list->data;
	struct record_route *items;

	if (data->n_routes >= RECORD_ROUTES_MAX)
		return 0;
	items = with_room(data->routes, data->n_routes, &list->routes_size, sizeof *items);
	if (!items)
		return -ENOMEM;
	data->routes = items;
	items[data->n_routes++] = *route;
	return 0;
}

static int add_rule(struct list *list, const struct record_rule *rule)
{
	struct record_data *data = list->data;
	struct record_rule *items;

	if (data->n_rules >= RECORD_RULES_MAX)
		return 0;
	items = with_room(data->rules, data->n_rules, &list->rules_size, sizeof *items);
	if (!items)
		return -ENOMEM;
	data->rules = items;
	items[data->n_rules++] = *rule;
	return 0;
}

/* ---- on which devices ---------------------------------------------------------------------------------------------- */

/* The index of the moving bond of that name, -1: it is none. */
static int moving_bond(const struct core *core, const char *name, struct bond_view *view)
{
	for (unsigned i = 0; i < core_n_bonds(core); i++) {
		core_bond(core, i, view);
		if (view->driver == DRIVER_MOVE && strcmp(view->name, name) == 0)
			return (int)i;
	}
	return -1;
}

/* Whether an entry of `ports` is a device's name: patterns and selectors have what no name there has. */
static bool is_name(const char *spec)
{
	return !strpbrk(spec, ":*?[");
}

/* The device of a port; NULL: none is known. A port without one is called by its entry of `ports`. */
static const char *port_device(const struct core *core, unsigned bond, unsigned i)
{
	struct port_view port;

	core_port(core, bond, i, &port);
	if (port.hidden || strlen(port.name) >= IFNAME_SIZE)
		return NULL;
	return strcmp(port.name, port.spec) == 0 && !is_name(port.spec) ? NULL : port.name;
}

/* The devices where the core may put what is on that bond or interface, one a call; NULL: that was the last. Start with 0. */
static const char *next_device(const struct core *core, const char *on, unsigned *cursor)
{
	struct bond_view bond;
	int index = moving_bond(core, on, &bond);

	if (index < 0)
		return (*cursor)++ ? NULL : on;
	while (*cursor < bond.n_ports) {
		const char *device = port_device(core, (unsigned)index, (*cursor)++);
		if (device)
			return device;
	}
	return NULL;
}

uint64_t record_ports_hash(const struct core *core)
{
	uint64_t hash = FNV1A_START;
	bool varies = false;

	for (unsigned i = 0; i < core_n_bonds(core); i++) {
		struct bond_view bond;
		core_bond(core, i, &bond);
		for (unsigned p = 0; bond.driver == DRIVER_MOVE && p < bond.n_ports; p++) {
			const char *device = port_device(core, i, p);
			struct port_view port;
			core_port(core, i, p, &port);
			varies |= !is_name(port.spec);
			hash = fnv1a(fnv1a(hash, &(uint8_t){ (uint8_t)p }, 1), &(uint8_t){ (uint8_t)i }, 1);
			if (device)
				hash = fnv1a(hash, device, strlen(device));
		}
	}
	return varies ? hash | 1 : 0;
}

/* ---- what is configured -------------------------------------------------------------------------------------------- */

/* bond: whose own address it is; "": a vip's. */
static int list_address(struct list *list, const struct config_address *one, const char *ifname, const char *bond)
{
	struct record_address address = { .ip = one->ip, .prefix = one->prefix };

	snprintf(address.ifname, sizeof address.ifname, "%s", ifname);
	snprintf(address.bond, sizeof address.bond, "%s", bond);
	return add_address(list, &address);
}

static int list_addresses(struct list *list, const struct core *core, const struct vip_view *vip)
{
	int r = 0;

	for (unsigned i = 0; i < vip->n_addresses && r == 0; i++) {
		const struct config_address *one = &vip->addresses[i];
		const char *on = one->on[0] ? one->on : vip->device[0] ? vip->device : vip->on, *device;
		unsigned cursor = 0;
		while (r == 0 && (device = next_device(core, on, &cursor)) != NULL)
			r = list_address(list, one, device, "");
	}
	return r;
}

/* Those of a vip with a device of its own are on the interface below, too. */
static int list_routes(struct list *list, const struct core *core, unsigned index, unsigned n)
{
	int r = 0;

	for (unsigned i = 0; i < n && r == 0; i++) {
		struct vip_route_view view;
		const char *device;
		unsigned cursor = 0;
		core_vip_route(core, index, i, &view);
		while (r == 0 && (device = next_device(core, view.on, &cursor)) != NULL) {
			struct record_route route = { .route = *view.route };
			snprintf(route.ifname, sizeof route.ifname, "%s", device);
			r = add_route(list, &route);
		}
	}
	return r;
}

static int list_vip(struct list *list, const struct core *core, unsigned index)
{
	struct vip_view vip;
	int r;

	core_vip(core, index, &vip);
	r = list_addresses(list, core, &vip);
	if (r == 0)
		r = list_routes(list, core, index, vip.n_routes);
	for (unsigned i = 0; i < vip.n_rules && r == 0; i++) {
		struct rule_view view;
		core_rule(core, index, i, &view);
		r = add_rule(list, &(struct record_rule){ .rule = *view.rule });
	}
	return r;
}

/* A moving bond's own addresses, on each port that has a device. */
static int list_bond(struct list *list, const struct core *core, unsigned index)
{
	struct bond_view bond;
	int r = 0;

	core_bond(core, index, &bond);
	for (unsigned p = 0; bond.driver == DRIVER_MOVE && p < bond.n_ports; p++) {
		const char *device = port_device(core, index, p);
		for (unsigned i = 0; device && i < bond.n_addresses && r == 0; i++)
			r = list_address(list, &bond.addresses[i], device, bond.name);
	}
	return r;
}

static int list_configured(struct list *list, const struct core *core)
{
	int r = 0;

	for (unsigned i = 0; i < core_n_bonds(core) && r == 0; i++)
		r = list_bond(list, core, i);
	for (unsigned i = 0; i < core_n_vips(core) && r == 0; i++)
		r = list_vip(list, core, i);
	return r;
}

/* ---- what was ------------------------------------------------------------------------------------------------------ */

/* Whether it goes on being carried along, or begins to be. */
static bool carry(bool *carried, uint64_t *carried_ns, uint64_t now_ns)
{
	if (*carried && *carried_ns + CARRY_FOR < now_ns)
		return false;
	if (!*carried)
		*carried_ns = now_ns;
	*carried = true;
	return true;
}

/* A bond that has the route now may leave it behind when it is removed, and it stays. */
static bool is_a_bonds(const struct core *core, const struct config_route *route)
{
	for (unsigned i = 0; i < core_n_bonds(core); i++) {
		struct bond_view bond;
		core_bond(core, i, &bond);
		for (unsigned j = 0; j < bond.n_routes; j++) {
			if (route_equal(&bond.routes[j], route))
				return true;
		}
	}
	return false;
}

static int list_carried(struct list *list, const struct core *core, const struct record_data *previous, uint64_t now_ns)
{
	int r = 0;

	for (unsigned i = 0; i < previous->n_addresses && r == 0; i++) {
		struct record_address address = previous->addresses[i];
		if (carry(&address.carried, &address.carried_ns, now_ns))
			r = add_address(list, &address);
	}
	for (unsigned i = 0; i < previous->n_routes && r == 0; i++) {
		struct record_route route = previous->routes[i];
		if (carry(&route.carried, &route.carried_ns, now_ns) && !is_a_bonds(core, &route.route))
			r = add_route(list, &route);
	}
	for (unsigned i = 0; i < previous->n_rules && r == 0; i++) {
		struct record_rule rule = previous->rules[i];
		if (carry(&rule.carried, &rule.carried_ns, now_ns))
			r = add_rule(list, &rule);
	}
	return r;
}

/* ---- each once ----------------------------------------------------------------------------------------------------- */

static int compare_numbers(uint32_t a, uint32_t b)
{
	return (a > b) - (a < b);
}

static int compare_ips(const struct ip *a, const struct ip *b)
{
	return memcmp(a, b, sizeof *a);
}

/* By interface, address and prefix; of the same, a configured one before a carried one, and a bond's before a vip's, which its
 * owner has too. */
static int compare_addresses(const void *left, const void *right)
{
	const struct record_address *a = left, *b = right;
	int r = strcmp(a->ifname, b->ifname);

	if (r == 0)
		r = compare_ips(&a->ip, &b->ip);
	if (r == 0)
		r = (int)a->prefix - b->prefix;
	if (r == 0)
		r = (int)a->carried - b->carried;
	return r ? r : (a->bond[0] == 0) - (b->bond[0] == 0);
}

static int compare_routes(const void *left, const void *right)
{
	const struct record_route *a = left, *b = right;
	int r = strcmp(a->ifname, b->ifname);

	if (r == 0)
		r = compare_ips(&a->route.to, &b->route.to);
	if (r == 0)
		r = (int)a->route.prefix - b->route.prefix;
	if (r == 0)
		r = compare_ips(&a->route.via, &b->route.via);
	if (r == 0)
		r = compare_numbers(a->route.metric, b->route.metric);
	if (r == 0)
		r = compare_numbers(a->route.table, b->route.table);
	return r ? r : (int)a->carried - b->carried;
}

static int compare_rules(const void *left, const void *right)
{
	const struct record_rule *a = left, *b = right;
	const struct config_rule *x = &a->rule, *y = &b->rule;
	int r = compare_numbers(x->priority, y->priority);

	if (r == 0)
		r = compare_numbers(x->table, y->table);
	if (r == 0)
		r = compare_numbers(x->mark, y->mark);
	if (r == 0)
		r = compare_ips(&x->from, &y->from);
	if (r == 0)
		r = compare_ips(&x->to, &y->to);
	if (r == 0)
		r = (int)x->from_prefix - y->from_prefix;
	if (r == 0)
		r = (int)x->to_prefix - y->to_prefix;
	if (r == 0)
		r = (int)x->tos - y->tos;
	return r ? r : (int)a->carried - b->carried;
}

static void unique_addresses(struct record_data *data)
{
	unsigned n = 0;

	if (data->n_addresses)
		qsort(data->addresses, data->n_addresses, sizeof *data->addresses, compare_addresses);
	for (unsigned i = 0; i < data->n_addresses; i++) {
		const struct record_address *a = &data->addresses[i], *b = n ? &data->addresses[n - 1] : NULL;
		if (!b || strcmp(a->ifname, b->ifname) != 0 || !ip_equal(&a->ip, &b->ip) || a->prefix != b->prefix)
			data->addresses[n++] = *a;
	}
	data->n_addresses = n;
}

static void unique_routes(struct record_data *data)
{
	unsigned n = 0;

	if (data->n_routes)
		qsort(data->routes, data->n_routes, sizeof *data->routes, compare_routes);
	for (unsigned i = 0; i < data->n_routes; i++) {
		const struct record_route *a = &data->routes[i], *b = n ? &data->routes[n - 1] : NULL;
		if (!b || strcmp(a->ifname, b->ifname) != 0 || !route_equal(&a->route, &b->route))
			data->routes[n++] = *a;
	}
	data->n_routes = n;
}

static void unique_rules(struct record_data *data)
{
	unsigned n = 0;

	if (data->n_rules)
		qsort(data->rules, data->n_rules, sizeof *data->rules, compare_rules);
	for (unsigned i = 0; i < data->n_rules; i++) {
		const struct record_rule *a = &data->rules[i], *b = n ? &data->rules[n - 1] : NULL;
		if (!b || !rule_equal(&a->rule, &b->rule))
			data->rules[n++] = *a;
	}
	data->n_rules = n;
}

int record_list(struct record_data *data, const struct core *core, const struct record_data *previous, uint64_t now_ns)
{
	struct list list = { .data = data };
	int r = list_configured(&list, core);

	if (r == 0 && previous)
		r = list_carried(&list, core, previous, now_ns);
	if (r < 0)
		return r;
	unique_addresses(data);
	unique_routes(data);
	unique_rules(data);
	return 0;
}
