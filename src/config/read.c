/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/read.h"

#include <string.h>

#include "config/scalar.h"
#include "config/suggest.h"

/* ---- values by node name ---- */

static bool cluster_has(const struct cluster *cluster, const char *name)
{
	for (unsigned i = 0; i < cluster->n; i++)
		if (strcmp(cluster->names[i], name) == 0)
			return true;
	return false;
}

bool cluster_add(struct cluster *cluster, const char *name)
{
	if (cluster_has(cluster, name))
		return true;
	if (cluster->n == CLUSTER_NODES_MAX)
		return false;
	cluster->names[cluster->n++] = name;
	return true;
}

static void refuse_missing_node(struct reader *reader, const struct field *field, const struct node *map)
{
	const char *names = "";
	size_t shown = map->n < 8 ? map->n : 8;
	for (size_t i = 0; i < shown; i++)
		names = arena_format(reader->arena, "%s%s'%.20s'", names, i ? ", " : "", map->pairs[i].key->text);
	diagnostics_error(reader->diagnostics, &map->place, "%s has no value for node '%s', only for %s%s",
			  field_name(reader, field), reader->node, names, shown < map->n ? " …" : "");
}

static void refuse_unlisted_node(struct reader *reader, const struct field *field, const struct node *name)
{
	struct suggestion near = { .typed = name->text };
	for (unsigned i = 0; i < reader->cluster->n; i++)
		suggest_try(&near, reader->cluster->names[i]);
	diagnostics_error(reader->diagnostics, &name->place, "%s has a value for '%.60s', which is none of the 'nodes'%s%s%s",
			  field_name(reader, field), name->text, near.word ? "; did you mean '" : "; add it there, or leave it out here",
			  near.word ? near.word : "", near.word ? "'?" : "");
}

static void add_nodes(struct reader *reader, const struct field *field, const struct node *map)
{
	for (size_t i = 0; i < map->n; i++) {
		const struct node *name = map->pairs[i].key;
		if (!read_is_name(name->text, NODE_SIZE))
			diagnostics_error(reader->diagnostics, &name->place, "'%.60s' cannot be the name of a node",
					  name->text);
		else if (reader->cluster->listed && !cluster_has(reader->cluster, name->text))
			refuse_unlisted_node(reader, field, name);
		else if (!cluster_add(reader->cluster, name->text))
			diagnostics_error(reader->diagnostics, &name->place, "more than %d nodes", CLUSTER_NODES_MAX);
	}
}

/* A map where a value is expected is a map by node name: the entry of the reader's node, or NULL and an error. Entries
 * of other nodes are read in their own pass. */
static const struct node *choose_by_node(struct reader *reader, const struct field *field, const struct node *map)
{
	if (field->key->same_on_all) {
		diagnostics_error(reader->diagnostics, &map->place, "%s cannot differ by node",
				  field_name(reader, field));
		return NULL;
	}
	if (map->n == 0) {
		diagnostics_error(reader->diagnostics, &map->place, "%s is an empty map", field_name(reader, field));
		return NULL;
	}
	for (size_t i = 0; i < map->n; i++) {
		if (strcmp(map->pairs[i].key->text, reader->node) == 0) {
			add_nodes(reader, field, map);
			return map->pairs[i].value;
		}
	}
	refuse_missing_node(reader, field, map);
	return NULL;
}

/* ---- values ---- */

static void take_defaults(struct reader *, const struct schema_object *, const struct place *name, const char *title,
			  struct value *values);

static void read_text(struct reader *reader, const struct field *field, const struct node *node, struct value *value)
{
	if (node->kind != NODE_TEXT)
		diagnostics_error(reader->diagnostics, &node->place, "%s must be a single value, not a %s",
				  field_name(reader, field), node->kind == NODE_LIST ? "list" : "map in a map");
	else if (node->absent)
		diagnostics_error(reader->diagnostics, &node->place, "%s has no value", field_name(reader, field));
	else
		value->valid = scalar_parse(reader, field, node->text, value);
}

/* Whether the map is the key's object, and does not say what each node has. */
static bool is_object(struct reader *reader, const struct field *field, const struct node *node)
{
	const struct schema_object *object = field->key->object;
	bool brief = field->key->type == SCHEMA_BRIEF, found = false, by_node = false;
	if (node->kind != NODE_MAP || (!brief && field->key->type != SCHEMA_PLACE))
		return false;
	for (size_t i = 0; i < node->n; i++) {
		const char *name = node->pairs[i].key->text;
		for (unsigned k = 0; k < object->n_keys; k++)
			found |= strcmp(name, object->keys[k].name) == 0;
		by_node |= strcmp(name, reader->node) == 0 || cluster_has(reader->cluster, name);
	}
	return found || (brief && !by_node);
}

/* A single value in an object's place: that of its first key. */
static struct value *read_brief(struct reader *reader, const struct field *field, const struct node *node)
{
	const struct schema_object *object = field->key->object;
	struct schema_key key = object->keys[0];
	struct value *values = arena_alloc(reader->arena, object->n_keys, sizeof *values);
	if (!values)
		return NULL;
	key.name = field->key->name;
	read_value(reader, &key, &node->place, node, field->title, &values[0]);
	take_defaults(reader, object, &node->place, field_name(reader, field), values);
	return values;
}

static void read_single(struct reader *reader, const struct field *field, const struct node *node, struct value *value)
{
	bool brief = field->key->type == SCHEMA_BRIEF;
	const struct schema_object *object = brief || field->key->type == SCHEMA_PLACE ? NULL : field->key->object;
	if (node->kind == NODE_MAP && !object && !is_object(reader, field, node)) {
		node = choose_by_node(reader, field, node);
		if (!node)
			return;
	}
	if (node->refused)
		return;
	value->place = node->place;
	if (brief || is_object(reader, field, node))
		object = field->key->object;
	if (!object) {
		read_text(reader, field, node, value);
		return;
	}
	unsigned said = reader->diagnostics->said;
	const char *title = field->key->list ? arena_format(reader->arena, "a %s of %s", object->kind, field->title)
					     : field_name(reader, field);
	value->items = brief && node->kind != NODE_MAP ? read_brief(reader, field, node)
						       : read_object(reader, object, node, &node->place, title);
	value->n_items = value->items ? object->n_keys : 0;
	value->valid = value->items && reader->diagnostics->said == said;
	if (field->key->type == SCHEMA_PLACE && value->valid) {
		value->address = value->items[PLACE_ADDRESS].address;
		value->text = value->items[PLACE_ADDRESS].text;
	}
}

/* Room for the entries of a map; false: there are more than are possible, which was said. */
static bool make_items(struct reader *reader, const struct field *field, const struct node *node, struct value *value)
{
	if (node->n > field->key->max_items) {
		diagnostics_error(reader->diagnostics, &node->pairs[field->key->max_items].key->place,
				  "%s has %zu entries; at most %u are possible", field_name(reader, field), node->n,
				  field->key->max_items);
		return false;
	}
	value->items = arena_alloc(reader->arena, node->n + 1, sizeof *value->items);
	return true;
}

/* A map of names to objects. Those that are no objects at all are told and left out. */
static void read_named(struct reader *reader, const struct field *field, const struct node *node, struct value *value)
{
	const struct schema_object *object = field->key->object;
	unsigned said = reader->diagnostics->said;

	if (node->kind != NODE_MAP) {
		diagnostics_error(reader->diagnostics, &node->place, "%s must be a map of names: {gateway: {…}}",
				  field_name(reader, field));
		return;
	}
	if (!make_items(reader, field, node, value))
		return;
	for (size_t i = 0; value->items && i < node->n; i++) {
		const struct node *name = node->pairs[i].key;
		struct value *item = &value->items[value->n_items];
		if (name->refused)
			continue;
		if (!read_is_name(name->text, NAME_SIZE)) {
			diagnostics_error(reader->diagnostics, &name->place,
					  "'%.60s' cannot be the name of a %s: 1 to %d of the characters A-Z a-z 0-9 . _ -", name->text,
					  object->kind, NAME_SIZE - 1);
			continue;
		}
		*item = (struct value){ .given = true, .place = name->place, .text = name->text };
		item->items = read_object(reader, object, node->pairs[i].value, &name->place,
					  arena_format(reader->arena, "%s '%s' of %s", object->kind, name->text, field->title));
		if (item->items)
			value->n_items++;
	}
	value->valid = value->items && reader->diagnostics->said == said;
}

/* A map of names to values of the key's type, each of which may be a map by node name itself. */
static void read_lower(struct reader *reader, const struct field *field, const struct node *node, struct value *value)
{
	unsigned said = reader->diagnostics->said;

	if (node->kind != NODE_MAP || node->n == 0) {
		diagnostics_error(reader->diagnostics, &node->place, "%s must be a map of names to numbers: {bond0: 50}",
				  field_name(reader, field));
		return;
	}
	if (!make_items(reader, field, node, value))
		return;
	for (size_t i = 0; value->items && i < node->n; i++) {
		const struct node *name = node->pairs[i].key;
		struct value *item = &value->items[value->n_items];
		if (name->refused)
			continue;
		*item = (struct value){ .given = true, .place = node->pairs[i].value->place };
		read_single(reader, field, node->pairs[i].value, item);
		item->text = name->text;
		item->place = name->place;
		if (item->valid)
			value->n_items++;
	}
	value->valid = value->items && reader->diagnostics->said == said;
}

static bool check_list(struct reader *reader, const struct field *field, const struct node *node)
{
	unsigned max = field->key->max_items;
	if (node->kind == NODE_TEXT && node->absent) {
		diagnostics_error(reader->diagnostics, &node->place, "%s has no value", field_name(reader, field));
	} else if (node->kind != NODE_LIST) {
		const char *example = node->kind == NODE_TEXT && strlen(node->text) < 50 ? node->text : "…";
		diagnostics_error(reader->diagnostics, &node->place, "%s must be a list: [%s]",
				  field_name(reader, field), example);
	} else if (node->n == 0) {
		diagnostics_error(reader->diagnostics, &node->place, "%s is an empty list", field_name(reader, field));
	} else if (node->n > max) {
		diagnostics_error(reader->diagnostics, &node->items[max]->place,
				  "%s has %zu entries; at most %u are possible", field_name(reader, field), node->n,
				  max);
	} else {
		return true;
	}
	return false;
}

static void read_list(struct reader *reader, const struct field *field, const struct node *node, struct value *value)
{
	const struct node *const one[] = { node };
	const struct node list = { .kind = NODE_LIST, .place = node->place, .n = 1, .items = (const struct node **)one };
	value->place = node->place;
	if (field->key->or_one && node->kind == NODE_TEXT && !node->absent)
		node = &list;
	if (!check_list(reader, field, node))
		return;
	value->items = arena_alloc(reader->arena, node->n, sizeof *value->items);
	for (size_t i = 0; value->items && i < node->n; i++) {
		struct value *item = &value->items[value->n_items];
		*item = (struct value){ .given = true, .place = node->items[i]->place };
		read_single(reader, field, node->items[i], item);
		if (item->valid)
			value->n_items++;
	}
	value->valid = value->items && value->n_items == node->n;
}

void read_value(struct reader *reader, const struct schema_key *key, const struct place *place, const struct node *node,
		const char *title, struct value *value)
{
	const struct field field = { key, title };
	value->given = true;
	value->place = node->place;
	if (key->support == SCHEMA_LATER) {
		diagnostics_error(reader->diagnostics, place, "%s is not supported yet", field_name(reader, &field));
		return;
	}
	if (key->support == SCHEMA_REFUSED) {
		diagnostics_error(reader->diagnostics, place, "%s", key->why);
		return;
	}
	if (key->list && node->kind == NODE_MAP) {
		node = choose_by_node(reader, &field, node);
		if (!node)
			return;
	}
	if (node->refused)
		return;
	if (key->type == SCHEMA_LOWER)
		read_lower(reader, &field, node, value);
	else if (key->type == SCHEMA_NAMED)
		read_named(reader, &field, node, value);
	else if (key->list)
		read_list(reader, &field, node, value);
	else
		read_single(reader, &field, node, value);
}

/* ---- objects ---- */

static void refuse_key(struct reader *reader, const struct schema_object *object, const struct node *name,
		       const char *title)
{
	struct suggestion near = { .typed = name->text };
	const char *known = "", *later = "";
	for (unsigned i = 0; i < object->n_keys; i++) {
		const struct schema_key *key = &object->keys[i];
		if (key->support == SCHEMA_REFUSED)
			continue;
		suggest_try(&near, key->name);
		suggest_try_names(&near, key->name, key->also_known_as);
		if (near.word == key->name)
			later = key->support == SCHEMA_LATER ? " It is not supported yet" : "";
		if (key->support == SCHEMA_SUPPORTED)
			known = arena_format(reader->arena, "%s%s%s", known, *known ? ", " : "", key->name);
	}
	const char *in = *title ? " in " : "";
	if (near.word)
		diagnostics_error(reader->diagnostics, &name->place, "unknown key '%.60s'%s%s; did you mean '%s'?%s",
				  name->text, in, title, near.word, later);
	else
		diagnostics_error(reader->diagnostics, &name->place, "unknown key '%.60s'%s%s; known are %s",
				  name->text, in, title, known);
}

const struct schema_key *read_key_name(struct reader *reader, const struct schema_object *object,
				       const struct node *name, const char *title)
{
	for (unsigned i = 0; i < object->n_keys; i++)
		if (strcmp(object->keys[i].name, name->text) == 0)
			return &object->keys[i];
	refuse_key(reader, object, name, title);
	return NULL;
}

static void take_defaults(struct reader *reader, const struct schema_object *object, const struct place *name,
			  const char *title, struct value *values)
{
	for (unsigned i = 0; i < object->n_keys; i++) {
		const struct schema_key *key = &object->keys[i];
		if (values[i].given)
			continue;
		values[i].place = *name;
		if (key->required)
			diagnostics_error(reader->diagnostics, name, "%s has no '%s' (%s)", title, key->name,
					  key->about);
		if (key->fallback)
			values[i].valid =
				scalar_parse(reader, &(struct field){ key, title }, key->fallback, &values[i]);
	}
}

struct value *read_object(struct reader *reader, const struct schema_object *object, const struct node *node,
			  const struct place *name, const char *title)
{
	if (node->refused)
		return NULL;
	if (node->kind != NODE_MAP) {
		diagnostics_error(reader->diagnostics, &node->place, "%s must be a map of keys and values", title);
		return NULL;
	}
	struct value *values = arena_alloc(reader->arena, object->n_keys, sizeof *values);
	if (!values)
		return NULL;
	for (size_t i = 0; i < node->n; i++) {
		const struct node_pair *pair = &node->pairs[i];
		if (pair->key->refused)
			continue;
		const struct schema_key *key = read_key_name(reader, object, pair->key, title);
		if (key)
			read_value(reader, key, &pair->key->place, pair->value, title, &values[key - object->keys]);
	}
	take_defaults(reader, object, name, title, values);
	return values;
}
