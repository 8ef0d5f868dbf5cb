/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "config/build.h"
#include "config/suggest.h"

static void take_ports(struct config_bond *bond, const struct value *ports)
{
	for (unsigned i = 0; i < ports->n_items; i++)
		strcpy(bond->ports[bond->n_ports++].spec,
		       ports->items[i].text); /* the schema limits both length and number */
}

static void take_prefer(struct build *build, struct config_bond *bond, const struct object_source *source)
{
	const struct value *prefer = &source->values[BOND_PREFER];
	struct suggestion near = { .typed = prefer->text };
	bond->prefer = -1;
	if (!prefer->valid || !source->values[BOND_PORTS].valid)
		return;
	for (unsigned i = 0; i < bond->n_ports; i++) {
		if (strcmp(bond->ports[i].spec, prefer->text) == 0)
			bond->prefer = (int)i;
		suggest_try(&near, bond->ports[i].spec);
	}
	if (bond->prefer >= 0)
		return;
	diagnostics_error(build->reader->diagnostics, &prefer->place,
			  "'prefer' of %s is '%s', which is none of its ports%s%s%s", source->title, prefer->text,
			  near.word ? "; did you mean '" : "", near.word ? near.word : "", near.word ? "'?" : "");
}

static void take_route(struct build *build, const struct value *item, const char *title)
{
	const struct value *to = &item->items[ROUTE_TO], *via = &item->items[ROUTE_VIA];
	struct diagnostics *diagnostics = build->reader->diagnostics;
	if (!to->valid || (via->given && !via->valid))
		return;
	struct config_route route = {
		.to = to->address.ip,
		.prefix = to->address.prefix,
		.metric = (uint32_t)item->items[ROUTE_METRIC].number,
	};
	if (via->valid)
		route.via = via->address.ip;
	if (route.to.family == FAMILY_NONE && !via->valid) {
		diagnostics_error(diagnostics, &to->place,
				  "a default route of %s needs 'via', the address of the gateway", title);
		return;
	}
	if (route.to.family == FAMILY_NONE)
		route.to.family = route.via.family;
	if (via->valid && route.to.family != route.via.family) {
		diagnostics_error(diagnostics, &via->place, "'via' is an IPv%d address and 'to' an IPv%d network",
				  (int)route.via.family, (int)route.to.family);
		return;
	}
	build->route_at[build->config->n_routes] = &to->place;
	build->config->routes[build->config->n_routes++] = route;
}

/* The kernel refuses a gateway that is an address of its own. */
static void check_gateways(struct build *build, const struct config_bond *bond, const struct object_source *source)
{
	const struct value *routes = &source->values[BOND_ROUTES];
	for (unsigned i = 0; i < routes->n_items; i++) {
		const struct value *via = &routes->items[i].items[ROUTE_VIA];
		for (unsigned j = 0; via->valid && j < bond->n_addresses; j++) {
			const struct config_address *own = &build->config->addresses[bond->first_address + j];
			if (!ip_equal(&own->ip, &via->address.ip))
				continue;
			diagnostics_error(build->reader->diagnostics, &via->place, "'via' is an address of %s itself",
					  source->title);
			break;
		}
	}
}

void build_bond(struct build *build, unsigned index)
{
	struct config *config = build->config;
	struct config_bond *bond = &config->bonds[index];
	const struct object_source *source = &build->bonds[index];
	const struct value *values = source->values;

	strcpy(bond->name, source->name->text);
	bond->link = -1;
	bond->driver = (enum bond_driver)values[BOND_DRIVER].number;
	bond->failback = (enum failback)values[BOND_FAILBACK].number;
	bond->hold_ns = values[BOND_HOLD].number;
	take_ports(bond, &values[BOND_PORTS]);
	take_prefer(build, bond, source);
	bond->first_address = config->n_addresses;
	for (unsigned i = 0; i < values[BOND_ADDRESSES].n_items; i++)
		build_address(build, &values[BOND_ADDRESSES].items[i], source->title);
	bond->n_addresses = config->n_addresses - bond->first_address;
	bond->first_route = config->n_routes;
	for (unsigned i = 0; i < values[BOND_ROUTES].n_items; i++)
		take_route(build, &values[BOND_ROUTES].items[i], source->title);
	bond->n_routes = config->n_routes - bond->first_route;
	check_gateways(build, bond, source);
}
