/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nodes, and the paths by which their heartbeats go. Paths of one name connect the nodes that have them, so most of what can
 * be wrong shows between two nodes. Every node reads all of this, and reads the same. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "config/build.h"
#include "config/suggest.h"
#include "wire/heartbeat.h"

/* ---- reading: by name, so that the order in the files means nothing ---- */

static int by_value_name(const void *a, const void *b)
{
	return strcmp(((const struct value *)a)->text, ((const struct value *)b)->text);
}

bool build_read_nodes(struct build *build, const struct sections *sections)
{
	struct config *config = build->config;
	size_t paths = 1;
	build->nodes = build_read_section(build, &sections->nodes, &schema_node, MAX_NODES, &config->n_nodes);
	if (!build->nodes)
		return false;
	build_sort(build->nodes, config->n_nodes);
	for (unsigned i = 0; i < config->n_nodes; i++)
		paths += build->nodes[i].values[NODE_PATHS].n_items;
	config->nodes = calloc(config->n_nodes + 1, sizeof *config->nodes);
	config->paths = calloc(paths, sizeof *config->paths);
	build->paths = arena_alloc(build->reader->arena, paths, sizeof *build->paths);
	return config->nodes && config->paths && build->paths;
}

static void take_path(struct build *build, unsigned node, const struct value *item)
{
	struct config *config = build->config;
	struct config_path *path = &config->paths[config->n_paths];
	const struct value *on = &item->items[PATH_ON], *address = &item->items[PATH_ADDRESS];
	build->paths[config->n_paths++] = (struct path_source){
		.title = arena_format(build->reader->arena, "path '%s' of %s", item->text, build->nodes[node].title),
		.name = item,
		.values = item->items,
		.node = node,
	};
	strcpy(path->name, item->text);
	path->bond = -1;
	if (on->valid) {
		strcpy(path->on, on->text);
		path->bond = build_find_bond(config, on->text);
	}
	if (address->valid)
		path->address = address->address.ip;
	path->routed = item->items[PATH_ROUTED].number;
}

static void take_node(struct build *build, unsigned index)
{
	struct config *config = build->config;
	struct config_node *node = &config->nodes[index];
	const struct object_source *source = &build->nodes[index];
	const struct value *paths = &source->values[NODE_PATHS];
	strcpy(node->name, source->name->text);
	node->first_path = config->n_paths;
	if (paths->valid && !paths->n_items)
		diagnostics_error(build->reader->diagnostics, &paths->place,
				  "%s has no path; give one, such as paths: {lan: {on: bond0, address: 192.0.2.11}}", source->title);
	if (paths->n_items)
		qsort(paths->items, paths->n_items, sizeof *paths->items, by_value_name);
	for (unsigned i = 0; i < paths->n_items; i++)
		take_path(build, index, &paths->items[i]);
	node->n_paths = config->n_paths - node->first_path;
	if (strcmp(node->name, config->node) == 0)
		config->self = (int)index;
}

/* ---- who is there ---- */

static void refuse_missing_self(struct build *build, const struct sections *sections)
{
	const struct section *nodes = &sections->nodes;
	const char *names = "";
	for (unsigned i = 0; i < nodes->n; i++) {
		const char *name = nodes->entries[i].name->text;
		if (nodes->entries[i].name->refused || strcmp(name, build->reader->node) == 0)
			return; /* it is there, and wrong, which was told */
		names = arena_format(build->reader->arena, "%s%s'%.20s'%s", names, i && i < 8 ? ", " : "", i < 8 ? name : "",
				     i == 8 ? " …" : "");
	}
	diagnostics_error(build->reader->diagnostics, &sections->nodes_at.name->place,
			  "'nodes' has %s, but not this node, '%s'; add it, or say with 'node:' which of them this one is", names,
			  build->reader->node);
}

static void check_members(struct build *build, const struct sections *sections)
{
	struct diagnostics *diagnostics = build->reader->diagnostics;
	const struct section *nodes = &sections->nodes;
	if (sections->nodes_at.value->kind != NODE_MAP)
		return; /* which was told */
	if (nodes->n == 0)
		diagnostics_error(diagnostics, &sections->nodes_at.name->place,
				  "'nodes' is empty; name at least two, this one and another, or leave it out");
	else if (nodes->n == 1)
		diagnostics_error(diagnostics, &sections->nodes_at.name->place,
				  "'nodes' has only '%.60s'; at least two are needed, this one and another",
				  nodes->entries[0].name->text);
	else if (build->config->self < 0)
		refuse_missing_self(build, sections);
}

/* ---- names ---- */

struct id_use {
	uint64_t id;
	const char *name;
	const struct place *place;
};

static int by_id(const void *a, const void *b)
{
	const struct id_use *one = a, *other = b;
	if (one->id != other->id)
		return one->id < other->id ? -1 : 1;
	return build_compare_places(one->place, other->place);
}

/* Heartbeats carry 48 bits of a hash in the names' place. */
static void check_ids(struct build *build, const char *kind, struct id_use *uses, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		uses[i].id = heartbeat_id(uses[i].name);
	if (n)
		qsort(uses, n, sizeof *uses, by_id);
	for (unsigned i = 1, first = 0; i < n; i++) {
		if (uses[i].id != uses[first].id) {
			first = i;
			continue;
		}
		if (strcmp(uses[i].name, uses[first].name) == 0)
			continue; /* a path that several nodes have; or a name that is defined twice, which was told */
		diagnostics_error(build->reader->diagnostics, uses[i].place,
				  "%ss '%s' and '%s' have the same id in heartbeats (%012" PRIx64 "); rename one of them", kind,
				  uses[i].name, uses[first].name, uses[i].id);
		diagnostics_note(build->reader->diagnostics, uses[first].place, "the first one is here");
	}
}

static void check_names(struct build *build)
{
	const struct config *config = build->config;
	unsigned most = config->n_vips + config->n_nodes + config->n_paths;
	struct id_use *uses = arena_alloc(build->reader->arena, most + 1, sizeof *uses);
	if (!uses)
		return;
	for (unsigned i = 0; i < config->n_nodes; i++)
		uses[i] = (struct id_use){ .name = config->nodes[i].name, .place = &build->nodes[i].name->place };
	check_ids(build, "node", uses, config->n_nodes);
	for (unsigned i = 0; i < config->n_paths; i++)
		uses[i] = (struct id_use){ .name = config->paths[i].name, .place = &build->paths[i].name->place };
	check_ids(build, "path", uses, config->n_paths);
	for (unsigned i = 0; i < config->n_vips; i++)
		uses[i] = (struct id_use){ .name = config->vips[i].name, .place = &build->vips[i].name->place };
	check_ids(build, "vip", uses, config->n_vips);
}

/* ---- addresses ---- */

static const struct place *address_place(const struct build *build, unsigned path)
{
	return &build->paths[path].values[PATH_ADDRESS].place;
}

static void check_scope(struct build *build, unsigned index)
{
	const struct ip *ip = &build->config->paths[index].address;
	bool six = ip->family == FAMILY_6;
	if (six ? ip->bytes[0] != 0xfe || (ip->bytes[1] & 0xc0) != 0x80 : ip->bytes[0] != 169 || ip->bytes[1] != 254)
		return;
	diagnostics_error(build->reader->diagnostics, address_place(build, index),
			  "'address' of %s is a link-local one, which says nothing about where it is; give the interface another, "
			  "such as %s",
			  build->paths[index].title, six ? "fd00::1" : "10.0.0.1");
}

static void check_two_paths(struct build *build, unsigned first, unsigned second)
{
	struct diagnostics *diagnostics = build->reader->diagnostics;
	const struct config_path *paths = build->config->paths;
	char text[TEXT_IP_SIZE];
	if (build_compare_places(&build->paths[first].name->place, &build->paths[second].name->place) > 0) {
		check_two_paths(build, second, first);
		return;
	}
	if (!paths[first].address.family || !paths[second].address.family)
		return;
	if (ip_equal(&paths[first].address, &paths[second].address)) {
		diagnostics_error(diagnostics, address_place(build, second), "address %s of %s is that of %s already",
				  text_ip(&paths[second].address, text), build->paths[second].title, build->paths[first].title);
		diagnostics_note(diagnostics, address_place(build, first), "it is here");
	}
	if (strcmp(paths[first].name, paths[second].name) != 0 || paths[first].address.family == paths[second].address.family)
		return;
	diagnostics_error(diagnostics, address_place(build, second),
			  "%s has an IPv%d address and %s an IPv%d one; give both the same family, or the paths two names",
			  build->paths[second].title, paths[second].address.family, build->paths[first].title,
			  paths[first].address.family);
	diagnostics_note(diagnostics, address_place(build, first), "it is here");
}

static int by_ip(const void *a, const void *b)
{
	return memcmp(&(*(const struct config_path *const *)a)->address, &(*(const struct config_path *const *)b)->address,
		      sizeof(struct ip));
}

/* A virtual address moves: heartbeats to it would come to whoever holds it. */
static void check_virtual(struct build *build)
{
	const struct config *config = build->config;
	const struct config_path **sorted = arena_alloc(build->reader->arena, config->n_paths + 1, sizeof *sorted);
	if (!sorted)
		return;
	for (unsigned i = 0; i < config->n_paths; i++)
		sorted[i] = &config->paths[i];
	qsort(sorted, config->n_paths, sizeof *sorted, by_ip);
	for (unsigned i = 0; i < config->n_vips; i++) {
		const struct config_vip *vip = &config->vips[i];
		for (unsigned j = vip->first_address; j < vip->first_address + vip->n_addresses; j++) {
			const struct config_path like = { .address = config->addresses[j].ip }, *key = &like, **found;
			found = bsearch(&key, sorted, config->n_paths, sizeof *sorted, by_ip);
			if (!found)
				continue;
			unsigned path = (unsigned)(*found - config->paths);
			diagnostics_error(build->reader->diagnostics, address_place(build, path),
					  "'address' of %s is a virtual address of %s; give the node's own", build->paths[path].title,
					  build->vips[i].title);
			diagnostics_note(build->reader->diagnostics, build->address_at[j], "it is here");
		}
	}
}

/* An address that the bond's list lacks may be put there by others, so it is no error. */
static void check_own_path(struct build *build, unsigned index)
{
	const struct config *config = build->config;
	const struct config_path *path = &config->paths[index];
	const struct config_bond *bond = path->bond >= 0 ? &config->bonds[path->bond] : NULL;
	if (!bond || !bond->n_addresses || !path->address.family)
		return;
	for (unsigned i = 0; i < bond->n_addresses; i++)
		if (ip_equal(&config->addresses[bond->first_address + i].ip, &path->address))
			return;
	diagnostics_warning(build->reader->diagnostics, address_place(build, index),
			    "'address' of %s is none of the 'addresses' of %s", build->paths[index].title,
			    build->bonds[path->bond].title);
}

/* ---- who reaches whom ---- */

static const struct config_path *find_path(const struct config *config, unsigned node, const char *name)
{
	for (unsigned i = 0; i < config->nodes[node].n_paths; i++) {
		const struct config_path *path = &config->paths[config->nodes[node].first_path + i];
		if (strcmp(path->name, name) == 0)
			return path;
	}
	return NULL;
}

static void check_leads_somewhere(struct build *build, unsigned index)
{
	const struct config *config = build->config;
	const struct path_source *path = &build->paths[index];
	struct suggestion near = { .typed = path->name->text };
	for (unsigned i = 0; i < config->n_nodes; i++) {
		if (i != path->node && find_path(config, i, path->name->text))
			return;
		for (unsigned j = 0; i != path->node && j < config->nodes[i].n_paths; j++)
			suggest_try(&near, config->paths[config->nodes[i].first_path + j].name);
	}
	diagnostics_warning(build->reader->diagnostics, &path->name->place,
			    "%s leads nowhere: no other node has a path of that name%s%s%s", path->title,
			    near.word ? "; did you mean '" : "", near.word ? near.word : "", near.word ? "'?" : "");
}

/* Where either has no paths at all that was told. */
static void check_connected(struct build *build, unsigned one, unsigned other)
{
	const struct config *config = build->config;
	const struct config_node *node = &config->nodes[one];
	if (!node->n_paths || !config->nodes[other].n_paths)
		return;
	for (unsigned i = 0; i < node->n_paths; i++)
		if (find_path(config, other, config->paths[node->first_path + i].name))
			return;
	diagnostics_error(build->reader->diagnostics, &build->nodes[other].name->place,
			  "%s has no path in common with %s: each would take the other for dead; give a path of each the same name",
			  build->nodes[other].title, build->nodes[one].title);
	diagnostics_note(build->reader->diagnostics, &build->nodes[one].name->place, "it is here");
}

static void check_paths(struct build *build)
{
	const struct config *config = build->config;
	for (unsigned i = 0; i < config->n_paths; i++) {
		check_scope(build, i);
		check_leads_somewhere(build, i);
		for (unsigned j = 0; j < i; j++)
			check_two_paths(build, j, i);
		if ((int)build->paths[i].node == config->self)
			check_own_path(build, i);
	}
	for (unsigned i = 0; i < config->n_nodes; i++)
		for (unsigned j = 0; j < i; j++)
			check_connected(build, j, i);
}

/* ---- heartbeats ---- */

static void take_auth(struct build *build, const struct value *values)
{
	const struct value *auth = &values[HEARTBEAT_KEY_AUTH], *file = &values[HEARTBEAT_KEY_FILE];
	struct config_heartbeat *heartbeat = &build->config->heartbeat;
	if (file->valid)
		strcpy(heartbeat->key_file, file->text);
	heartbeat->auth = file->given ? HEARTBEAT_AUTH_REQUIRED : HEARTBEAT_AUTH_OFF;
	if (!auth->valid)
		return;
	heartbeat->auth = (enum auth_policy)auth->number;
	if (heartbeat->auth != HEARTBEAT_AUTH_OFF && !file->given)
		diagnostics_error(build->reader->diagnostics, &auth->place,
				  "'auth: %s' of heartbeat needs a 'key-file', such as /etc/standbyd/cluster.key", auth->text);
}

/* The defaults, where there is no such section. */
void build_heartbeat(struct build *build, const struct sections *sections)
{
	static const struct node nothing = { .kind = NODE_MAP };
	static const struct place nowhere;
	const struct entry *entry = &sections->heartbeat;
	struct config_heartbeat *heartbeat = &build->config->heartbeat;
	const struct value *values =
		read_object(build->reader, &schema_heartbeat, entry->name ? entry->value : &nothing,
			    entry->name ? &entry->name->place : &nowhere, "heartbeat");
	if (!values)
		return;
	if (values[HEARTBEAT_KEY_INTERVAL].valid)
		heartbeat->interval_ns = values[HEARTBEAT_KEY_INTERVAL].number;
	if (values[HEARTBEAT_KEY_LOST].valid)
		heartbeat->lost = (unsigned)values[HEARTBEAT_KEY_LOST].number;
	heartbeat->port = (uint16_t)values[HEARTBEAT_KEY_PORT].number;
	take_auth(build, values);
	if (entry->name && !sections->nodes_at.name)
		diagnostics_error(build->reader->diagnostics, &entry->name->place,
				  "'heartbeat' needs 'nodes', which says whom to tell");
}

void build_nodes(struct build *build, const struct sections *sections)
{
	for (unsigned i = 0; i < build->config->n_nodes; i++)
		take_node(build, i);
	if (!build->has_nodes)
		return;
	check_members(build, sections);
	check_names(build);
	check_paths(build);
	check_virtual(build);
}
