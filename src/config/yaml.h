/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A YAML file as a tree of texts with positions. libfyaml is known here alone. */
#ifndef STANDBYD_CONFIG_YAML_H
#define STANDBYD_CONFIG_YAML_H

#include "config/diagnostics.h"

enum node_kind { NODE_TEXT, NODE_LIST, NODE_MAP };

struct node_pair {
	const struct node *key; /* a NODE_TEXT; no two of a map are equal */
	const struct node *value;
};

/* Aliases are resolved: a node may be reached by several ways, never by way of itself. */
struct node {
	enum node_kind kind;
	struct place place;
	const char *text; /* NODE_TEXT; never NULL, without a NUL inside */
	bool absent;	  /* NODE_TEXT: nothing is written there ("hold:") */
	bool refused;	  /* it is wrong as such, and that was told */
	size_t n;	  /* of items or pairs */
	const struct node **items;
	struct node_pair *pairs;
};

/* The tree of a source's only document. NULL: there is none, which the diagnostics tell (or memory is short). */
const struct node *yaml_parse(struct arena *, struct diagnostics *, const struct source *);

#endif
