/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nodes of a YAML tree → typed values, as the schema says, for one node of the cluster. */
#ifndef STANDBYD_CONFIG_READ_H
#define STANDBYD_CONFIG_READ_H

#include "config/schema.h"
#include "config/yaml.h"
#include "core/config.h"

enum { CLUSTER_NODES_MAX = 64 }; /* names in maps by node; each costs one more pass over the files */

/* The nodes that maps by node name speak of; where 'nodes' lists them, all are there from the start. */
struct cluster {
	const char *names[CLUSTER_NODES_MAX];
	unsigned n;
	bool listed;
};

struct reader {
	struct arena *arena;
	struct diagnostics *diagnostics;
	const char *node;	 /* whose values are taken */
	struct cluster *cluster; /* grows by the nodes that are met; their names outlive the reader */
};

struct value {
	bool given;	    /* in the file; else it is the default or nothing */
	bool valid;	    /* the rest is right; false for what is not given and has no default */
	struct place place; /* of the value; when not given, of the object's name */
	const char *text;
	uint64_t number;
	struct config_address address;
	uint8_t mac[MAC_SIZE];
	struct value *items; /* of a list (the valid ones), of an object by its keys' index, or of a map of names to objects */
	unsigned n_items;
};

/* The values of an object by its keys' index, an array of object->n_keys, or NULL when it is no map. `title` names it
 * in messages ("bond 'bond0'", "" for a file), `name` is where a missing key is told. Everything that is wrong is told.
 */
struct value *read_object(struct reader *, const struct schema_object *, const struct node *, const struct place *name,
			  const char *title);

/* One value that is not in any object: a file's key. */
void read_value(struct reader *, const struct schema_key *, const struct place *key, const struct node *,
		const char *title, struct value *);

/* The key of that name; otherwise NULL, and an error that says what was meant. */
const struct schema_key *read_key_name(struct reader *, const struct schema_object *, const struct node *name,
				       const char *title);

/* Whether Linux takes that name for an interface (dev_valid_name in net/core/dev.c, and its users). */
bool read_is_interface_name(const char *);
/* One to size - 1 of A-Z a-z 0-9 . _ - */
bool read_is_name(const char *, unsigned size);

/* Adds a node that a map by node speaks of; false: there are too many. */
bool cluster_add(struct cluster *, const char *name);

#endif
