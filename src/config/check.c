/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "config/build.h"

/* Each check sorts what may collide and looks at neighbours: 4,096 vips of 255 addresses are a million. Ties are
 * ordered by place, so that the later one is the error and the first one the note. */

int build_compare_places(const struct place *a, const struct place *b)
{
	if (a->source->order != b->source->order)
		return a->source->order < b->source->order ? -1 : 1;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	return a->column < b->column ? -1 : a->column > b->column;
}

/* ---- ports ---- */

struct port_use {
	const char *name;
	const struct place *place;
	unsigned bond;
};

static int by_port(const void *a, const void *b)
{
	const struct port_use *one = a, *other = b;
	int order = strcmp(one->name, other->name);
	return order ? order : build_compare_places(one->place, other->place);
}

static int by_port_name(const void *name, const void *use)
{
	return strcmp(name, ((const struct port_use *)use)->name);
}

static struct port_use *list_ports(struct build *build, size_t *n)
{
	const struct config *config = build->config;
	struct port_use *uses =
		arena_alloc(build->reader->arena, (size_t)config->n_bonds * MAX_PORTS + 1, sizeof *uses);
	*n = 0;
	for (unsigned i = 0; uses && i < build->n_bonds; i++) {
		const struct value *ports = &build->bonds[i].values[BOND_PORTS];
		for (unsigned j = 0; j < ports->n_items; j++)
			uses[(*n)++] = (struct port_use){ config->bonds[i].ports[j].spec, &ports->items[j].place, i };
	}
	if (uses)
		qsort(uses, *n, sizeof *uses, by_port);
	return uses;
}

static void check_equal_ports(struct build *build, const struct port_use *uses, size_t n)
{
	for (size_t i = 1, first = 0; i < n; i++) {
		const struct port_use *use = &uses[i];
		if (strcmp(use->name, uses[first].name) != 0) {
			first = i;
			continue;
		}
		const char *title = build->bonds[use->bond].title;
		if (use->bond == uses[first].bond)
			diagnostics_error(build->reader->diagnostics, use->place, "port '%s' is given twice in %s",
					  use->name, title);
		else
			diagnostics_error(build->reader->diagnostics, use->place,
					  "port '%s' of %s belongs to %s already", use->name, title,
					  build->bonds[uses[first].bond].title);
		diagnostics_note(build->reader->diagnostics, uses[first].place, "the first one is here");
	}
}

static void check_bonds_as_ports(struct build *build, const struct port_use *uses, size_t n)
{
	for (unsigned i = 0; i < build->config->n_bonds; i++) {
		const struct object_source *bond = &build->bonds[i];
		const struct port_use *use = bsearch(bond->name->text, uses, n, sizeof *uses, by_port_name);
		if (!use)
			continue;
		diagnostics_error(build->reader->diagnostics, use->place, "port '%s' of %s is the name of a %s",
				  use->name, build->bonds[use->bond].title, i < build->n_bonds ? "bond" : "vlan");
		diagnostics_note(build->reader->diagnostics, &bond->name->place, "the %s is here",
				 i < build->n_bonds ? "bond" : "vlan");
	}
}

/* Bonds and vlans share the names of the kernel's devices, and a number means one vlan on a bond. */
static void check_vlans(struct build *build)
{
	const struct config *config = build->config;
	struct diagnostics *diagnostics = build->reader->diagnostics;
	for (unsigned i = build->n_bonds; i < config->n_bonds; i++) {
		const struct object_source *vlan = &build->bonds[i];
		for (unsigned j = 0; j < i; j++) {
			const struct config_bond *other = &config->bonds[j];
			if (strcmp(other->name, config->bonds[i].name) == 0) {
				diagnostics_error(diagnostics, &vlan->name->place, "%s has the name of a bond", vlan->title);
				diagnostics_note(diagnostics, &build->bonds[j].name->place, "the bond is here");
			}
			if (other->driver != DRIVER_VLAN || other->link < 0 || other->link != config->bonds[i].link ||
			    !other->vlan_id || other->vlan_id != config->bonds[i].vlan_id)
				continue;
			diagnostics_error(diagnostics, &vlan->values[VLAN_ID].place, "id %d of %s is that of %s on '%s' already",
					  other->vlan_id, vlan->title, build->bonds[j].title, config->bonds[other->link].name);
			diagnostics_note(diagnostics, &build->bonds[j].values[VLAN_ID].place, "the first one is here");
		}
	}
}

/* what: NULL: the object itself */
static void check_on_port(struct build *build, const struct port_use *uses, size_t n, const struct value *on, const char *title,
			  const char *what)
{
	const struct port_use *use = on->valid ? bsearch(on->text, uses, n, sizeof *uses, by_port_name) : NULL;
	if (use)
		diagnostics_error(build->reader->diagnostics, &on->place,
				  "%s%s%s is on '%s', which is a port of %s; did you mean '%s'?", what ? what : "",
				  what ? " of " : "", title, on->text, build->bonds[use->bond].title,
				  build->bonds[use->bond].name->text);
}

static void check_vips_on_ports(struct build *build, const struct port_use *uses, size_t n)
{
	for (unsigned i = 0; i < build->config->n_vips; i++) {
		const struct object_source *vip = &build->vips[i];
		const struct value *addresses = &vip->values[VIP_ADDRESSES];
		check_on_port(build, uses, n, &vip->values[VIP_ON], vip->title, NULL);
		for (unsigned j = 0; j < addresses->n_items; j++)
			if (addresses->items[j].n_items)
				check_on_port(build, uses, n, &addresses->items[j].items[PLACE_ON], vip->title,
					      addresses->items[j].text);
		for (unsigned j = 0; j < vip->values[VIP_ROUTES].n_items; j++)
			check_on_port(build, uses, n, &vip->values[VIP_ROUTES].items[j].items[ROUTE_ON], vip->title,
				      "a route");
	}
}

static void check_paths_on_ports(struct build *build, const struct port_use *uses, size_t n)
{
	const struct config *config = build->config;
	const struct config_node *self = config->self >= 0 ? &config->nodes[config->self] : NULL;
	for (unsigned i = 0; self && i < self->n_paths; i++) {
		const struct path_source *path = &build->paths[self->first_path + i];
		check_on_port(build, uses, n, &path->values[PATH_ON], path->title, NULL);
	}
}

static void check_ports(struct build *build)
{
	size_t n;
	struct port_use *uses = list_ports(build, &n);
	if (!uses)
		return;
	check_equal_ports(build, uses, n);
	check_bonds_as_ports(build, uses, n);
	check_vips_on_ports(build, uses, n);
	check_paths_on_ports(build, uses, n);
}

/* ---- vrids ---- */

struct vrid_use {
	const struct config_vip *vip;
	const struct object_source *source;
};

static const struct place *vrid_place(const struct vrid_use *use)
{
	return &use->source->values[VIP_VRID].place;
}

static int compare_vrids(const struct config_vip *one, const struct config_vip *other)
{
	int order = strcmp(one->on, other->on);
	if (order)
		return order;
	if (one->family != other->family)
		return one->family < other->family ? -1 : 1;
	return one->vrid < other->vrid ? -1 : one->vrid > other->vrid;
}

static int by_vrid(const void *a, const void *b)
{
	const struct vrid_use *one = a, *other = b;
	int order = compare_vrids(one->vip, other->vip);
	return order ? order : build_compare_places(vrid_place(one), vrid_place(other));
}

static void check_vrids(struct build *build)
{
	const struct config *config = build->config;
	struct vrid_use *uses = arena_alloc(build->reader->arena, config->n_vips + 1, sizeof *uses);
	size_t n = 0;
	for (unsigned i = 0; uses && i < config->n_vips; i++)
		if (config->vips[i].vrid && config->vips[i].on[0] && config->vips[i].family)
			uses[n++] = (struct vrid_use){ &config->vips[i], &build->vips[i] };
	if (!n)
		return;
	qsort(uses, n, sizeof *uses, by_vrid);
	for (size_t i = 1, first = 0; i < n; i++) {
		if (compare_vrids(uses[i].vip, uses[first].vip) != 0) {
			first = i;
			continue;
		}
		diagnostics_error(build->reader->diagnostics, vrid_place(&uses[i]),
				  "vrid %d of %s is that of %s on '%s' already", uses[i].vip->vrid,
				  uses[i].source->title, uses[first].source->title, uses[i].vip->on);
		diagnostics_note(build->reader->diagnostics, vrid_place(&uses[first]), "the first one is here");
	}
}

/* ---- addresses ---- */

struct address_use {
	const struct ip *ip;
	const char *scope;	      /* link-local addresses may be equal on different links */
	const struct config_vip *vip; /* NULL: a bond's own address */
	const struct config_bond *bond;
	unsigned index; /* into config->addresses */
};

static const char *scope_of(const struct ip *ip, const char *link)
{
	bool link_local = ip->family == FAMILY_6 ? ip_is_link_local(ip)
						 : ip->bytes[0] == 169 && ip->bytes[1] == 254;
	return link_local ? link : "";
}

static int compare_uses(const struct address_use *one, const struct address_use *other)
{
	int order = memcmp(one->ip, other->ip, sizeof *one->ip);
	return order ? order : strcmp(one->scope, other->scope);
}

/* Bonds' addresses come before vips' equal ones, whatever the order in the files. */
static int by_address(const void *a, const void *b)
{
	const struct address_use *one = a, *other = b;
	int order = compare_uses(one, other);
	if (order)
		return order;
	return one->index < other->index ? -1 : one->index > other->index;
}

static struct address_use *list_addresses(struct build *build)
{
	const struct config *config = build->config;
	struct address_use *uses = arena_alloc(build->reader->arena, config->n_addresses + 1, sizeof *uses);
	for (unsigned i = 0; uses && i < config->n_bonds; i++) {
		const struct config_bond *bond = &config->bonds[i];
		for (unsigned j = bond->first_address; j < bond->first_address + bond->n_addresses; j++) {
			const struct ip *ip = &config->addresses[j].ip;
			uses[j] = (struct address_use){
				.ip = ip, .scope = scope_of(ip, bond->name), .bond = bond, .index = j
			};
		}
	}
	for (unsigned i = 0; uses && i < config->n_vips; i++) {
		const struct config_vip *vip = &config->vips[i];
		for (unsigned j = vip->first_address; j < vip->first_address + vip->n_addresses; j++) {
			const struct config_address *address = &config->addresses[j];
			uses[j] = (struct address_use){
				.ip = &address->ip,
				.scope = scope_of(&address->ip, address->on[0] ? address->on : vip->on),
				.vip = vip,
				.index = j
			};
		}
	}
	if (uses)
		qsort(uses, config->n_addresses, sizeof *uses, by_address);
	return uses;
}

/* A vip may repeat an address of its own bond when this node is its owner (RFC 9568 §1.7). */
static bool is_owner(const struct build *build, const struct address_use *bond, const struct address_use *vip)
{
	const struct config_address *address = &build->config->addresses[vip->index];
	int on = address->on[0] ? address->bond : vip->vip->bond;
	return vip->vip->priority == 255 && on >= 0 && &build->config->bonds[on] == bond->bond;
}

static void refuse_address(struct build *build, const struct address_use *first, const struct address_use *use)
{
	struct diagnostics *diagnostics = build->reader->diagnostics;
	const char *title = build->address_of[use->index], *other = build->address_of[first->index];
	char text[TEXT_IP_SIZE];
	text_ip(use->ip, text);
	if (first->bond && use->vip && use->vip->protocol == PROTOCOL_HEARTBEAT)
		diagnostics_error(diagnostics, build->address_at[use->index],
				  "address %s of %s is the own address of %s; one that the nodes share must be another", text, title,
				  other);
	else if (first->bond && use->vip)
		diagnostics_error(
			diagnostics, build->address_at[use->index],
			"address %s of %s is the own address of %s, which only priority 255 of a vip on it may share",
			text, title, other);
	else if (title == other)
		diagnostics_error(diagnostics, build->address_at[use->index], "address %s is given twice in %s", text,
				  title);
	else
		diagnostics_error(diagnostics, build->address_at[use->index], "address %s of %s is one of %s already",
				  text, title, other);
	diagnostics_note(diagnostics, build->address_at[first->index], "it is here");
}

static void check_addresses(struct build *build)
{
	const struct address_use *uses = list_addresses(build);
	for (unsigned i = 1, first = 0; uses && i < build->config->n_addresses; i++) {
		const struct address_use *use = &uses[i];
		if (compare_uses(use, &uses[first]) != 0)
			first = i;
		else if (uses[first].bond && use->vip && is_owner(build, &uses[first], use))
			first = i; /* now the vip's: no other may have it */
		else
			refuse_address(build, &uses[first], use);
	}
}

/* ---- routes ---- */

struct route_use {
	const struct config_route *route;
	const struct place *place;
	const char *title;
};

static int compare_routes(const struct config_route *one, const struct config_route *other)
{
	int order = memcmp(&one->to, &other->to, sizeof one->to);
	if (order)
		return order;
	if (one->prefix != other->prefix)
		return one->prefix < other->prefix ? -1 : 1;
	if (one->table != other->table)
		return one->table < other->table ? -1 : 1;
	return one->metric < other->metric ? -1 : one->metric > other->metric;
}

static int by_route(const void *a, const void *b)
{
	const struct route_use *one = a, *other = b;
	int order = compare_routes(one->route, other->route);
	return order ? order : build_compare_places(one->place, other->place);
}

/* The kernel knows a route by table, destination and metric, whatever its device: of two, one would be refused. */
static void check_routes(struct build *build)
{
	const struct config *config = build->config;
	struct route_use *uses = arena_alloc(build->reader->arena, config->n_routes + 1, sizeof *uses);
	for (unsigned i = 0; uses && i < config->n_bonds; i++)
		for (unsigned j = 0; j < config->bonds[i].n_routes; j++) {
			unsigned at = config->bonds[i].first_route + j;
			uses[at] =
				(struct route_use){ &config->routes[at], build->route_at[at], build->bonds[i].title };
		}
	for (unsigned i = 0; uses && i < config->n_vips; i++)
		for (unsigned j = 0; j < config->vips[i].n_routes; j++) {
			unsigned at = config->vips[i].first_route + j;
			uses[at] = (struct route_use){ &config->routes[at], build->route_at[at], build->vips[i].title };
		}
	if (uses)
		qsort(uses, config->n_routes, sizeof *uses, by_route);
	for (unsigned i = 1, first = 0; uses && i < config->n_routes; i++) {
		if (compare_routes(uses[i].route, uses[first].route) != 0) {
			first = i;
			continue;
		}
		if (uses[i].title == uses[first].title)
			diagnostics_error(build->reader->diagnostics, uses[i].place,
					  "%s has a route to the same destination with the same metric already",
					  uses[i].title);
		else
			diagnostics_error(
				build->reader->diagnostics, uses[i].place,
				"%s has a route to the same destination already; give one of them another 'metric'",
				uses[first].title);
		diagnostics_note(build->reader->diagnostics, uses[first].place, "the first one is here");
	}
}

static int by_device(const void *a, const void *b)
{
	const struct config_vip *one = *(const struct config_vip *const *)a, *other = *(const struct config_vip *const *)b;
	int order = strcmp(one->device, other->device);
	return order ? order : one < other ? -1 : one > other;
}

/* Its name has but a hash of its interface's. */
static void check_devices(struct build *build)
{
	const struct config *config = build->config;
	const struct config_vip **vips = arena_alloc(build->reader->arena, config->n_vips + 1, sizeof *vips);
	unsigned n = 0;
	for (unsigned i = 0; vips && i < config->n_vips; i++)
		if (config->vips[i].device[0])
			vips[n++] = &config->vips[i];
	if (n)
		qsort(vips, n, sizeof *vips, by_device);
	for (unsigned i = 1; i < n; i++) {
		const struct object_source *source = &build->vips[vips[i] - config->vips];
		if (strcmp(vips[i]->device, vips[i - 1]->device) != 0 || strcmp(vips[i]->on, vips[i - 1]->on) == 0)
			continue;
		diagnostics_error(build->reader->diagnostics, &source->values[VIP_MAC].place,
				  "'mac: virtual' of %s would need the device '%s', which %s has; give it another 'vrid'",
				  source->title, vips[i]->device, build->vips[vips[i - 1] - config->vips].title);
	}
}

/* ---- rules ---- */

struct rule_use {
	const struct config_rule *rule;
	const struct place *place;
	const char *title;
};

static int compare_numbers(uint32_t one, uint32_t other)
{
	return one < other ? -1 : one > other;
}

static int compare_rules(const struct config_rule *one, const struct config_rule *other)
{
	int order = compare_numbers(one->priority, other->priority);
	order = order ? order : compare_numbers(one->table, other->table);
	order = order ? order : compare_numbers(one->mark, other->mark);
	order = order ? order : compare_numbers(one->tos, other->tos);
	order = order ? order : compare_numbers(one->from_prefix, other->from_prefix);
	order = order ? order : compare_numbers(one->to_prefix, other->to_prefix);
	order = order ? order : memcmp(&one->from, &other->from, sizeof one->from);
	return order ? order : memcmp(&one->to, &other->to, sizeof one->to);
}

static int by_rule(const void *a, const void *b)
{
	const struct rule_use *one = a, *other = b;
	int order = compare_rules(one->rule, other->rule);
	return order ? order : build_compare_places(one->place, other->place);
}

/* One vip that leaves would take the other's away. */
static void check_rules(struct build *build)
{
	const struct config *config = build->config;
	struct rule_use *uses = arena_alloc(build->reader->arena, config->n_rules + 1, sizeof *uses);
	for (unsigned i = 0; uses && i < config->n_vips; i++)
		for (unsigned j = 0; j < config->vips[i].n_rules; j++) {
			unsigned at = config->vips[i].first_rule + j;
			uses[at] = (struct rule_use){ &config->rules[at], build->rule_at[at], build->vips[i].title };
		}
	if (uses)
		qsort(uses, config->n_rules, sizeof *uses, by_rule);
	for (unsigned i = 1, first = 0; uses && i < config->n_rules; i++) {
		if (compare_rules(uses[i].rule, uses[first].rule) != 0) {
			first = i;
			continue;
		}
		diagnostics_error(build->reader->diagnostics, uses[i].place,
				  "%s has the same rule already%s", uses[first].title,
				  uses[i].title == uses[first].title ? "" : "; give one of them another 'priority'");
		diagnostics_note(build->reader->diagnostics, uses[first].place, "the first one is here");
	}
}

void build_check(struct build *build)
{
	check_ports(build);
	check_vlans(build);
	check_vrids(build);
	check_addresses(build);
	check_routes(build);
	check_devices(build);
	check_rules(build);
}
