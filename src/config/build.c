/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/build.h"

#include <stdlib.h>
#include <string.h>

#include "config/load.h"

bool build_check_name(struct build *build, const struct schema_object *object, const struct node *name)
{
	struct diagnostics *diagnostics = build->reader->diagnostics;
	bool bond = object == &schema_bond || object == &schema_vlan;
	unsigned size = bond ? IFNAME_SIZE : object == &schema_node ? NODE_SIZE : NAME_SIZE;
	if (name->refused)
		return false;
	if (read_is_name(name->text, size) && (!bond || read_is_interface_name(name->text)))
		return true;
	if (read_is_name(name->text, size)) {
		diagnostics_error(diagnostics, &name->place, "'%s' cannot be the name of an interface", name->text);
		return false;
	}
	diagnostics_error(diagnostics, &name->place,
			  "'%.60s' cannot be the name of a %s: 1 to %u of the characters A-Z a-z 0-9 . _ -", name->text,
			  object->kind, size - 1);
	return false;
}

struct object_source *build_read_section(struct build *build, const struct section *section, const struct schema_object *schema,
					 unsigned max, unsigned *n)
{
	struct reader *reader = build->reader;
	struct object_source *objects = arena_alloc(reader->arena, section->n + 1, sizeof *objects);
	*n = 0;
	for (unsigned i = 0; objects && i < section->n; i++) {
		const struct entry *entry = &section->entries[i];
		if (*n == max) {
			diagnostics_error(reader->diagnostics, &entry->name->place, "more than %u %ss", max,
					  schema->kind);
			break;
		}
		if (!build_check_name(build, schema, entry->name))
			continue;
		struct object_source *object = &objects[*n];
		object->name = entry->name;
		object->title = arena_format(reader->arena, "%s '%s'", schema->kind, entry->name->text);
		object->values = read_object(reader, schema, entry->value, &entry->name->place, object->title);
		if (object->values)
			++*n;
	}
	return objects;
}

static int by_source_name(const void *a, const void *b)
{
	return strcmp(((const struct object_source *)a)->name->text, ((const struct object_source *)b)->name->text);
}

void build_sort(struct object_source *objects, unsigned n)
{
	qsort(objects, n, sizeof *objects, by_source_name);
}

/* Arrays of what the objects hold at most, so that nothing need grow while it is filled. */
static bool allocate(struct build *build)
{
	struct config *config = build->config;
	size_t addresses = 1, routes = 1, rules = 1, probes = 1, peers = 1, tracks = 1;
	for (unsigned i = 0; i < config->n_bonds; i++) {
		const struct value *values = build->bonds[i].values;
		bool vlan = i >= build->n_bonds;
		addresses += values[vlan ? (unsigned)VLAN_ADDRESSES : (unsigned)BOND_ADDRESSES].n_items;
		routes += values[vlan ? (unsigned)VLAN_ROUTES : (unsigned)BOND_ROUTES].n_items;
		probes += vlan ? 0 : values[BOND_PROBES].n_items;
	}
	for (unsigned i = 0; i < config->n_vips; i++) {
		const struct value *values = build->vips[i].values;
		addresses += values[VIP_ADDRESSES].n_items + 1; /* a link-local one may be added */
		peers += values[VIP_UNICAST].n_items;
		routes += values[VIP_ROUTES].n_items;
		rules += values[VIP_POLICY].n_items;
		tracks += values[VIP_REQUIRE].n_items + values[VIP_LOWER].n_items;
	}
	config->peers = calloc(peers, sizeof *config->peers);
	config->bonds = calloc(config->n_bonds + 1, sizeof *config->bonds);
	config->vips = calloc(config->n_vips + 1, sizeof *config->vips);
	config->addresses = calloc(addresses, sizeof *config->addresses);
	config->routes = calloc(routes, sizeof *config->routes);
	config->rules = calloc(rules, sizeof *config->rules);
	config->probes = calloc(probes, sizeof *config->probes);
	config->tracks = calloc(tracks, sizeof *config->tracks);
	build->address_at = arena_alloc(build->reader->arena, addresses, sizeof *build->address_at);
	build->address_of = arena_alloc(build->reader->arena, addresses, sizeof *build->address_of);
	build->route_at = arena_alloc(build->reader->arena, routes, sizeof *build->route_at);
	build->rule_at = arena_alloc(build->reader->arena, rules, sizeof *build->rule_at);
	return config->bonds && config->vips && config->peers && config->addresses && config->routes && config->probes &&
	       config->tracks && build->address_at &&
	       build->address_of && build->route_at && build->rule_at && config->rules;
}

void build_address(struct build *build, const struct value *value, const char *title)
{
	unsigned at = build->config->n_addresses++;
	build->config->addresses[at] = value->address;
	build->address_at[at] = &value->place;
	build->address_of[at] = title;
}

/* Bonds and vlans are one array. */
static bool read_links(struct build *build, const struct sections *sections)
{
	struct config *config = build->config;
	unsigned n_vlans;
	struct object_source *bonds =
		build_read_section(build, &sections->bonds, &schema_bond, MAX_BONDS, &build->n_bonds);
	struct object_source *vlans = build_read_section(build, &sections->vlans, &schema_vlan, MAX_VLANS, &n_vlans);
	config->n_bonds = build->n_bonds + n_vlans;
	build->bonds = arena_alloc(build->reader->arena, config->n_bonds + 1, sizeof *build->bonds);
	if (!bonds || !vlans || !build->bonds)
		return false;
	memcpy(build->bonds, bonds, build->n_bonds * sizeof *bonds);
	memcpy(build->bonds + build->n_bonds, vlans, n_vlans * sizeof *vlans);
	return true;
}

static bool fill(struct build *build, const struct sections *sections)
{
	struct config *config = build->config;
	bool links = read_links(build, sections);
	build->vips = build_read_section(build, &sections->vips, &schema_vip, MAX_VIPS, &config->n_vips);
	bool nodes = build_read_nodes(build, sections);
	bool services = build_read_services(build, sections);
	if (!links || !build->vips || !nodes || !services || !allocate(build))
		return false;
	strcpy(config->node, build->reader->node); /* its length was checked */
	build->has_nodes = sections->nodes_at.name != NULL;
	for (unsigned i = 0; i < build->n_bonds; i++)
		build_bond(build, i);
	for (unsigned i = build->n_bonds; i < config->n_bonds; i++)
		build_vlan(build, i);
	for (unsigned i = 0; i < build->n_bonds; i++)
		build_probes(build, i);
	build_heartbeat(build, sections);
	for (unsigned i = 0; i < config->n_vips; i++)
		build_vip(build, i);
	build_checks(build);
	for (unsigned i = 0; i < config->n_vips; i++)
		build_tracks(build, i);
	build_nodes(build, sections);
	build_hooks(build);
	build_groups(build, &sections->groups);
	build_check(build);
	return !build->reader->arena->failed;
}

struct config *build_config(struct reader *reader, const struct sections *sections)
{
	struct build build = { .reader = reader, .config = calloc(1, sizeof *build.config) };
	if (!build.config)
		return NULL;
	build.config->self = -1;
	if (!fill(&build, sections)) {
		config_free(build.config);
		return NULL;
	}
	return build.config;
}

void config_free(struct config *config)
{
	if (!config)
		return;
	free(config->bonds);
	free(config->vips);
	free(config->addresses);
	free(config->routes);
	free(config->rules);
	free(config->probes);
	free(config->peers);
	free(config->tracks);
	free(config->nodes);
	free(config->paths);
	free(config->checks);
	free(config->hooks);
	free(config->whens);
	free(config->args);
	free(config->texts);
	free(config);
}
