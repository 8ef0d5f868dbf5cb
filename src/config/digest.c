/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/digest.h"

#include <stdlib.h>
#include <string.h>

#include "config/print.h"

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct node_pair *)a)->key->text, ((const struct node_pair *)b)->key->text);
}

/* A letter in front and a NUL behind each text, and a mark at the end of what has parts: no two trees read alike. */
static uint64_t add_text(uint64_t hash, const char *kind, const char *text)
{
	return fnv1a(fnv1a(hash, kind, 1), text, strlen(text) + 1);
}

static uint64_t add_node(struct arena *, uint64_t hash, const struct node *);

static uint64_t add_pairs(struct arena *arena, uint64_t hash, const struct node_pair *pairs, size_t n)
{
	struct node_pair *sorted = arena_alloc(arena, n + 1, sizeof *sorted);
	if (!sorted)
		return hash;
	if (n)
		memcpy(sorted, pairs, n * sizeof *sorted);
	qsort(sorted, n, sizeof *sorted, by_key);
	for (size_t i = 0; i < n; i++)
		hash = add_node(arena, add_text(hash, "k", sorted[i].key->text), sorted[i].value);
	return fnv1a(hash, "}", 1);
}

static uint64_t add_node(struct arena *arena, uint64_t hash, const struct node *node)
{
	switch (node->kind) {
	case NODE_TEXT:
		return add_text(hash, "t", node->text);
	case NODE_MAP:
		return add_pairs(arena, fnv1a(hash, "{", 1), node->pairs, node->n);
	case NODE_LIST:
		break;
	}
	hash = fnv1a(hash, "[", 1);
	for (size_t i = 0; i < node->n; i++)
		hash = add_node(arena, hash, node->items[i]);
	return fnv1a(hash, "]", 1);
}

/* A section that is there and empty says nothing. */
static uint64_t add_section(struct arena *arena, uint64_t hash, const char *name, const struct section *section)
{
	struct node_pair *pairs = arena_alloc(arena, section->n + 1, sizeof *pairs);
	if (!pairs || !section->n)
		return hash;
	for (unsigned i = 0; i < section->n; i++)
		pairs[i] = (struct node_pair){ section->entries[i].name, section->entries[i].value };
	return add_pairs(arena, add_text(hash, "s", name), pairs, section->n);
}

uint64_t digest_of_files(struct arena *arena, const struct sections *sections)
{
	uint64_t hash = FNV1A_START;
	hash = add_section(arena, hash, "bonds", &sections->bonds);
	hash = add_section(arena, hash, "vlans", &sections->vlans);
	hash = add_section(arena, hash, "vips", &sections->vips);
	hash = add_section(arena, hash, "groups", &sections->groups);
	hash = add_section(arena, hash, "nodes", &sections->nodes);
	hash = add_section(arena, hash, "checks", &sections->checks);
	hash = add_section(arena, hash, "hooks", &sections->hooks);
	if (sections->heartbeat.name && sections->heartbeat.value->n)
		hash = add_node(arena, add_text(hash, "s", "heartbeat"), sections->heartbeat.value);
	return hash;
}
