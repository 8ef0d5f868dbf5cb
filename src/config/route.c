/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The routes of bonds, vlans and vips, and the addresses of the former two. */
#include <linux/rtnetlink.h>
#include <string.h>

#include "config/build.h"

/* Those of vips alone. */
static bool route_has_on(const struct value *item)
{
	return item->n_items == schema_vip_route.n_keys;
}

static bool is_right(const struct value *item)
{
	static const enum route_key keys[] = { ROUTE_VIA, ROUTE_TABLE, ROUTE_FROM, ROUTE_ON_LINK, ROUTE_MTU };

	if (route_has_on(item) && item->items[ROUTE_ON].given && !item->items[ROUTE_ON].valid)
		return false;
	for (unsigned i = 0; i < sizeof keys / sizeof keys[0]; i++)
		if (item->items[keys[i]].given && !item->items[keys[i]].valid)
			return false;
	return item->items[ROUTE_TO].valid;
}

static bool check_route(struct build *build, const struct value *item, const struct config_route *route, const char *title)
{
	const struct value *to = &item->items[ROUTE_TO], *via = &item->items[ROUTE_VIA], *from = &item->items[ROUTE_FROM];
	struct diagnostics *diagnostics = build->reader->diagnostics;

	if (route->to.family == FAMILY_NONE) {
		diagnostics_error(diagnostics, &to->place, "a default route of %s needs 'via', the address of the gateway", title);
		return false;
	}
	if (via->valid && route->to.family != route->via.family) {
		diagnostics_error(diagnostics, &via->place, "'via' is an IPv%d address and 'to' an IPv%d network",
				  (int)route->via.family, (int)route->to.family);
		return false;
	}
	if (from->valid && route->to.family != route->from.family) {
		diagnostics_error(diagnostics, &from->place, "'from' is an IPv%d address and 'to' an IPv%d network",
				  (int)route->from.family, (int)route->to.family);
		return false;
	}
	if (route->on_link && !via->valid) {
		diagnostics_error(diagnostics, &item->items[ROUTE_ON_LINK].place,
				  "'on-link' of a route of %s says that its gateway is on the link: it needs 'via'", title);
		return false;
	}
	if (item->items[ROUTE_TABLE].number == RT_TABLE_LOCAL) {
		diagnostics_error(diagnostics, &item->items[ROUTE_TABLE].place,
				  "table 255 is the kernel's own, of local addresses; 254 is main");
		return false;
	}
	return true;
}

static void take_route(struct build *build, const struct value *item, const char *title)
{
	const struct value *to = &item->items[ROUTE_TO], *via = &item->items[ROUTE_VIA];
	uint64_t table = item->items[ROUTE_TABLE].number;
	if (!is_right(item))
		return;
	struct config_route route = {
		.to = to->address.ip,
		.prefix = to->address.prefix,
		.metric = (uint32_t)item->items[ROUTE_METRIC].number,
		.table = table == RT_TABLE_MAIN ? 0 : (uint32_t)table,
		.mtu = (uint32_t)item->items[ROUTE_MTU].number,
		.on_link = item->items[ROUTE_ON_LINK].number,
	};
	if (via->valid)
		route.via = via->address.ip;
	if (item->items[ROUTE_FROM].valid)
		route.from = item->items[ROUTE_FROM].address.ip;
	if (route.to.family == FAMILY_NONE)
		route.to.family = route.via.family;
	if (route_has_on(item) && item->items[ROUTE_ON].valid) {
		strcpy(route.on, item->items[ROUTE_ON].text);
		route.bond = build_find_bond(build->config, route.on);
	}
	if (!check_route(build, item, &route, title))
		return;
	build->route_at[build->config->n_routes] = &to->place;
	build->config->routes[build->config->n_routes++] = route;
}

void build_routes(struct build *build, const struct value *routes, const char *title)
{
	for (unsigned i = 0; i < routes->n_items; i++)
		take_route(build, &routes->items[i], title);
}

void build_check_gateways(struct build *build, unsigned first_address, unsigned n, const struct value *routes, const char *title)
{
	for (unsigned i = 0; i < routes->n_items; i++) {
		const struct value *via = &routes->items[i].items[ROUTE_VIA];
		for (unsigned j = 0; via->valid && j < n; j++) {
			const struct config_address *own = &build->config->addresses[first_address + j];
			if (!ip_equal(&own->ip, &via->address.ip))
				continue;
			diagnostics_error(build->reader->diagnostics, &via->place, "'via' is an address of %s itself", title);
			break;
		}
	}
}

static void check_far(struct build *build, const struct config_bond *bond, const struct value *routes, const char *title)
{
	for (unsigned i = 0; i < routes->n_items; i++) {
		const struct value *via = &routes->items[i].items[ROUTE_VIA];
		if (via->valid && !routes->items[i].items[ROUTE_ON_LINK].number && build_is_far(build->config, bond, &via->address.ip))
			diagnostics_warning(build->reader->diagnostics, &via->place,
					    "'via' is in no network of the addresses of %s; the kernel refuses such a route without "
					    "'on-link: true'",
					    title);
	}
}

void build_belongings(struct build *build, struct config_bond *bond, const struct value *addresses, const struct value *routes,
		      const char *title)
{
	struct config *config = build->config;

	bond->first_address = config->n_addresses;
	for (unsigned i = 0; i < addresses->n_items; i++)
		build_address(build, &addresses->items[i], title);
	bond->n_addresses = config->n_addresses - bond->first_address;
	bond->first_route = config->n_routes;
	build_routes(build, routes, title);
	bond->n_routes = config->n_routes - bond->first_route;
	build_check_gateways(build, bond->first_address, bond->n_addresses, routes, title);
	check_far(build, bond, routes, title);
}
