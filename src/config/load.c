/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/load.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/build.h"
#include "config/digest.h"
#include "config/print.h"

/* The files are read and parsed once. Then one pass for this node makes the configuration, and one for every other node
 * that a map by node names: a file that is wrong on another node is told here, before it is copied there, and the
 * digest covers all nodes' values, so that one file has one digest wherever it is loaded. */

struct load {
	struct arena arena;
	struct diagnostics diagnostics;
	struct cluster cluster;
	struct source_list sources;
	struct sections sections;
	const struct node *top[SCHEMA_KEYS_MAX]; /* keys that stand in one file only: where the first one is */
	struct value version, node;
	struct config *config;
	uint64_t hashes[CLUSTER_NODES_MAX]; /* by the cluster's index */
	uint64_t hash;			    /* of this node's */
};

/* ---- the files' top level ---- */

static struct reader top_reader(struct load *load)
{
	return (struct reader){ &load->arena, &load->diagnostics, "", &load->cluster };
}

static void add_section(struct load *load, struct section *section, const struct schema_key *key,
			const struct node *map)
{
	if (map->refused)
		return;
	if (map->kind != NODE_MAP) {
		diagnostics_error(&load->diagnostics, &map->place, "'%s' must be a map of names%s", key->name,
				  map->kind == NODE_TEXT && map->absent ? "; it is empty" : "");
		return;
	}
	for (size_t i = 0; i < map->n; i++) {
		struct entry *entries = arena_grow(&load->arena, section->entries, section->n, sizeof *entries);
		if (!entries)
			return;
		section->entries = entries;
		section->entries[section->n++] = (struct entry){ map->pairs[i].key, map->pairs[i].value };
	}
}

static void add_nodes_section(struct load *load, const struct schema_key *key, const struct node_pair *pair)
{
	if (!load->sections.nodes_at.name)
		load->sections.nodes_at = (struct entry){ pair->key, pair->value };
	add_section(load, &load->sections.nodes, key, pair->value);
}

/* A key that may stand in one file only; 'version' may stand in all, and is read each time. */
static bool is_first(struct load *load, unsigned index, const struct node *key)
{
	if (load->top[index] && index != TOP_VERSION) {
		diagnostics_error(&load->diagnostics, &key->place, "'%s' is given twice", key->text);
		diagnostics_note(&load->diagnostics, &load->top[index]->place, "the first one is here");
		return false;
	}
	load->top[index] = key;
	return true;
}

static void take_top_key(struct load *load, const struct schema_key *key, const struct node_pair *pair)
{
	struct reader reader = top_reader(load);
	unsigned index = (unsigned)(key - schema_top.keys);
	struct value *value = index == TOP_NODE ? &load->node : &load->version;
	if (index == TOP_BONDS)
		add_section(load, &load->sections.bonds, key, pair->value);
	else if (index == TOP_VLANS)
		add_section(load, &load->sections.vlans, key, pair->value);
	else if (index == TOP_VIPS)
		add_section(load, &load->sections.vips, key, pair->value);
	else if (index == TOP_GROUPS)
		add_section(load, &load->sections.groups, key, pair->value);
	else if (index == TOP_NODES)
		add_nodes_section(load, key, pair);
	else if (index == TOP_CHECKS)
		add_section(load, &load->sections.checks, key, pair->value);
	else if (index == TOP_HOOKS)
		add_section(load, &load->sections.hooks, key, pair->value);
	else if (index == TOP_HEARTBEAT && is_first(load, index, pair->key))
		load->sections.heartbeat = (struct entry){ pair->key, pair->value };
	else if (index == TOP_HEARTBEAT)
		return;
	else if (key->support != SCHEMA_SUPPORTED || is_first(load, index, pair->key))
		read_value(&reader, key, &pair->key->place, pair->value, "", value);
}

static void take_file(struct load *load, const struct node *root)
{
	struct reader reader = top_reader(load);
	bool main_file = root->place.source->order == 0;
	load->version.given = false;
	for (size_t i = 0; i < root->n; i++) {
		if (root->pairs[i].key->refused)
			continue;
		const struct schema_key *key = read_key_name(&reader, &schema_top, root->pairs[i].key, "");
		if (key)
			take_top_key(load, key, &root->pairs[i]);
	}
	if (main_file && !load->version.given)
		diagnostics_error(&load->diagnostics, &(struct place){ .source = root->place.source },
				  "'version: 1' is missing, the version of the configuration language");
}

/* ---- names that are defined twice ---- */

static int by_name(const void *a, const void *b)
{
	const struct entry *one = *(const struct entry *const *)a, *other = *(const struct entry *const *)b;
	int order = strcmp(one->name->text, other->name->text);
	return order ? order : (one < other ? -1 : one > other); /* entries are in the order of the files */
}

/* Within one file equal names are equal keys, told and dropped when it was parsed. */
static void refuse_equal_names(struct load *load, struct section *section, const struct schema_object *schema)
{
	const struct entry **sorted = arena_alloc(&load->arena, section->n + 1, sizeof *sorted);
	if (!sorted)
		return;
	for (unsigned i = 0; i < section->n; i++)
		sorted[i] = &section->entries[i];
	qsort(sorted, section->n, sizeof *sorted, by_name);
	for (unsigned i = 1, first = 0; i < section->n; i++) {
		if (strcmp(sorted[i]->name->text, sorted[first]->name->text) != 0) {
			first = i;
			continue;
		}
		diagnostics_error(&load->diagnostics, &sorted[i]->name->place, "%s '%s' is defined twice", schema->kind,
				  sorted[i]->name->text);
		diagnostics_note(&load->diagnostics, &sorted[first]->name->place, "the first one is here");
	}
}

/* ---- passes ---- */

/* Builds for one node. The hash is only set when nothing is wrong. */
static struct config *pass(struct load *load, const char *node, bool own, uint64_t *hash)
{
	struct arena arena = { 0 };
	struct reader reader = { &arena, &load->diagnostics, node, &load->cluster };
	load->diagnostics.node = own ? NULL : node;
	struct config *config = build_config(&reader, &load->sections);
	load->diagnostics.node = NULL;
	arena_free(&arena);
	if (!config || (!load->diagnostics.errors && !print_hash_config(config, hash)))
		load->arena.failed = true;
	return config;
}

static void pass_others(struct load *load, const char *own)
{
	for (unsigned i = 0; i < load->cluster.n && !load->arena.failed; i++) {
		if (strcmp(load->cluster.names[i], own) == 0)
			load->hashes[i] = load->hash;
		else
			config_free(pass(load, load->cluster.names[i], false, &load->hashes[i]));
	}
}

static void set_digest(struct load *load)
{
	uint64_t digest = load->hash;
	unsigned order[CLUSTER_NODES_MAX];
	bool differ = false;
	for (unsigned i = 0; i < load->cluster.n; i++) {
		unsigned at = i;
		for (; at && strcmp(load->cluster.names[order[at - 1]], load->cluster.names[i]) > 0; at--)
			order[at] = order[at - 1];
		order[at] = i;
		differ = differ || load->hashes[i] != load->hash;
	}
	if (differ)
		digest = FNV1A_START;
	for (unsigned i = 0; differ && i < load->cluster.n; i++) {
		char text[17];
		const char *name = load->cluster.names[order[i]];
		snprintf(text, sizeof text, "%016" PRIx64, load->hashes[order[i]]);
		digest = fnv1a(digest, name, strlen(name) + 1);
		digest = fnv1a(digest, text, sizeof text);
	}
	snprintf(load->config->digest, sizeof load->config->digest, "%016" PRIx64, digest);
}

static void set_digests(struct load *load)
{
	set_digest(load);
	load->config->common_digest = digest_of_files(&load->arena, &load->sections);
}

/* ---- the whole ---- */

/* The node to load for; NULL and an error when it has no usable name. */
static const char *own_node(struct load *load, const char *wanted, char host[HOST_NAME_MAX + 1])
{
	struct place place = { .source = load->sources.sources[0] };
	if (wanted && read_is_name(wanted, NODE_SIZE))
		return wanted;
	if (wanted) {
		diagnostics_error(&load->diagnostics, &place, "'%.70s' cannot be the name of a node", wanted);
		return NULL;
	}
	if (load->node.given)
		return load->node.valid ? load->node.text : NULL;
	if (gethostname(host, HOST_NAME_MAX + 1) < 0)
		host[0] = '\0';
	host[HOST_NAME_MAX] = '\0';
	if (read_is_name(host, NODE_SIZE))
		return host;
	diagnostics_error(&load->diagnostics, &place,
			  "the host name '%s' cannot be the name of a node: give one with 'node:'", host);
	return NULL;
}

static bool parse_files(struct load *load, const char *path)
{
	bool all = true;
	load->sources = source_read_all(&load->arena, &load->diagnostics, path);
	const struct node **roots = arena_alloc(&load->arena, load->sources.n + 1, sizeof *roots);
	for (unsigned i = 0; roots && i < load->sources.n; i++) {
		if (load->sources.sources[i]->readable)
			roots[i] = yaml_parse(&load->arena, &load->diagnostics, load->sources.sources[i]);
		all = all && roots[i];
	}
	if (!roots || !all || load->diagnostics.file_error)
		return false; /* what is missing would only be told as further errors that are none */
	for (unsigned i = 0; i < load->sources.n; i++)
		take_file(load, roots[i]);
	return true;
}

/* Before anything is read, so that a map by node that names another is told where it does. That this node is not among them is
 * told once, and not of each of its values. */
static void list_nodes(struct load *load, const char *own)
{
	const struct section *nodes = &load->sections.nodes;
	if (nodes->n == 0)
		return;
	load->cluster.listed = true;
	cluster_add(&load->cluster, own);
	for (unsigned i = 0; i < nodes->n; i++)
		if (read_is_name(nodes->entries[i].name->text, NODE_SIZE))
			cluster_add(&load->cluster, nodes->entries[i].name->text);
}

static void load_all(struct load *load, const char *path, const char *wanted)
{
	char host[HOST_NAME_MAX + 1] = "";
	if (!parse_files(load, path))
		return;
	refuse_equal_names(load, &load->sections.bonds, &schema_bond);
	refuse_equal_names(load, &load->sections.vlans, &schema_vlan);
	refuse_equal_names(load, &load->sections.vips, &schema_vip);
	refuse_equal_names(load, &load->sections.groups, &schema_group);
	refuse_equal_names(load, &load->sections.nodes, &schema_node);
	refuse_equal_names(load, &load->sections.checks, &schema_check);
	refuse_equal_names(load, &load->sections.hooks, &schema_hook);
	const char *node = own_node(load, wanted, host);
	if (!node || load->arena.failed)
		return;
	list_nodes(load, node);
	load->config = pass(load, node, true, &load->hash);
	pass_others(load, node);
	if (load->config && !load->diagnostics.errors && !load->arena.failed)
		set_digests(load);
}

struct config *config_load_as(const char *path, const char *node, FILE *out)
{
	struct load load = { 0 };
	load_all(&load, path, node);
	struct config *config = load.config;
	int error = load.diagnostics.file_error ? load.diagnostics.file_error : load.diagnostics.errors ? EINVAL : 0;
	if (load.arena.failed || load.diagnostics.arena.failed)
		error = ENOMEM;
	diagnostics_print(&load.diagnostics, out);
	if (error == ENOMEM)
		fprintf(out, "%s: error: out of memory\n", path);
	if (error) {
		config_free(config);
		config = NULL;
	}
	diagnostics_free(&load.diagnostics);
	arena_free(&load.arena);
	errno = error;
	return config;
}

struct config *config_load(const char *path, FILE *diagnostics)
{
	return config_load_as(path, NULL, diagnostics);
}
