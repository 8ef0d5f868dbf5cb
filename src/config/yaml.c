/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/yaml.h"

#include <libfyaml.h>
#include <stdlib.h>
#include <string.h>

/* The tree is built from the parser's events, not from libfyaml's document: so equal keys, unknown aliases and more
 * than one document are ours to tell, several in one run and in our words, and aliases cost a pointer, not a copy. */

enum { DEPTH_MAX = 16 }; /* of lists and maps; the language needs 6 */

struct anchor {
	const char *name;
	const struct node *node;
	bool open; /* its end was not seen yet */
};

struct frame {
	struct node *node;
	const struct node *key; /* NODE_MAP: waits for its value */
	size_t anchor;		/* index + 1 of the anchor to close with it, 0: none */
};

struct tree {
	struct arena *arena;
	struct diagnostics *diagnostics;
	const struct source *source;
	struct frame stack[DEPTH_MAX];
	unsigned depth;
	struct anchor *anchors;
	size_t n_anchors;
	const struct node *root;
	unsigned n_documents;
	bool stop; /* nothing further makes sense */
};

/* ---- positions and texts ---- */

static struct place place_at(const struct tree *tree, const struct fy_mark *mark)
{
	struct place place = { .source = tree->source, .line = 1, .column = 1, .width = 1 };
	if (mark) {
		place.line = (unsigned)mark->line + 1;
		place.column = (unsigned)mark->column + 1;
	}
	return place;
}

/* The marks of a quoted text lie inside its quotes. */
static struct place place_of_event(const struct tree *tree, struct fy_event *event)
{
	const struct fy_mark *start = fy_event_start_mark(event), *end = fy_event_end_mark(event);
	struct place place = place_at(tree, start);
	if (start && end && start->line == end->line && end->column > start->column)
		place.width = (unsigned)(end->column - start->column);
	if (event->type != FYET_SCALAR || !event->scalar.value)
		return place;
	enum fy_scalar_style style = fy_token_scalar_style(event->scalar.value);
	if ((style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED) && place.column > 1) {
		place.column--;
		place.width += end && start->line == end->line && end->column == start->column ? 1 : 2;
	}
	return place;
}

static char *text_of_token(struct tree *tree, struct fy_token *token, size_t *length)
{
	const char *text = token ? fy_token_get_text(token, length) : NULL;
	if (!text) {
		text = "";
		*length = 0;
	}
	return arena_text(tree->arena, text, *length);
}

/* ---- the tree ---- */

static int by_text(const void *a, const void *b)
{
	const struct node_pair *one = *(struct node_pair *const *)a, *other = *(struct node_pair *const *)b;
	int order = strcmp(one->key->text, other->key->text);
	return order ? order : (one < other ? -1 : one > other); /* the first of equals in the file stays the first */
}

/* The second of two equal keys is told and dropped. */
static void drop_equal_keys(struct tree *tree, struct node *map)
{
	struct node_pair **sorted = map->n > 1 ? arena_alloc(tree->arena, map->n, sizeof *sorted) : NULL;
	if (!sorted)
		return;
	for (size_t i = 0; i < map->n; i++)
		sorted[i] = &map->pairs[i];
	qsort(sorted, map->n, sizeof *sorted, by_text);
	for (size_t i = 1, first = 0; i < map->n; i++) {
		if (strcmp(sorted[i]->key->text, sorted[first]->key->text) != 0) {
			first = i;
			continue;
		}
		diagnostics_error(tree->diagnostics, &sorted[i]->key->place, "key '%s' is given twice",
				  sorted[i]->key->text);
		diagnostics_note(tree->diagnostics, &sorted[first]->key->place, "the first one is here");
		sorted[i]->value = NULL;
	}
	size_t kept = 0;
	for (size_t i = 0; i < map->n; i++)
		if (map->pairs[i].value)
			map->pairs[kept++] = map->pairs[i];
	map->n = kept;
}

static void add_item(struct tree *tree, struct node *list, const struct node *item)
{
	const struct node **items = arena_grow(tree->arena, list->items, list->n, sizeof *items);
	if (!items)
		return;
	list->items = items;
	list->items[list->n++] = item;
}

static void add_pair(struct tree *tree, struct node *map, const struct node *key, const struct node *value)
{
	struct node_pair *pairs = arena_grow(tree->arena, map->pairs, map->n, sizeof *pairs);
	if (!pairs)
		return;
	map->pairs = pairs;
	map->pairs[map->n++] = (struct node_pair){ key, value };
}

/* YAML 1.1 had '<<'; 1.2 has not, and half-known merging would hide which value counts. */
static const struct node *check_key(struct tree *tree, struct node *key)
{
	if (strcmp(key->text, "<<") == 0) {
		diagnostics_error(tree->diagnostics, &key->place,
				  "there are no merge keys ('<<') here: give each value an alias");
		key->refused = true;
	}
	return key;
}

/* A node is complete: it goes where the innermost open list or map wants it. */
static void attach(struct tree *tree, struct node *node)
{
	if (tree->depth == 0) {
		tree->root = node;
		return;
	}
	struct frame *frame = &tree->stack[tree->depth - 1];
	if (frame->node->kind == NODE_LIST) {
		add_item(tree, frame->node, node);
	} else if (frame->key) {
		add_pair(tree, frame->node, frame->key, node);
		frame->key = NULL;
	} else if (node->kind == NODE_TEXT && !node->absent) {
		frame->key = check_key(tree, node);
	} else {
		diagnostics_error(tree->diagnostics, &node->place, "a key must be a word");
		tree->stop = true;
	}
}

static struct node *new_node(struct tree *tree, enum node_kind kind, struct fy_event *event)
{
	struct node *node = arena_alloc(tree->arena, 1, sizeof *node);
	if (!node) {
		tree->stop = true;
		return NULL;
	}
	node->kind = kind;
	node->place = place_of_event(tree, event);
	node->text = "";
	return node;
}

static void refuse_tag(struct tree *tree, struct fy_token *tag, const struct node *node)
{
	if (tag)
		diagnostics_error(tree->diagnostics, &node->place, "YAML tags have no meaning here: leave it out");
}

/* Returns what frame.anchor takes. */
static size_t add_anchor(struct tree *tree, struct fy_token *token, const struct node *node, bool open)
{
	size_t length;
	if (!token)
		return 0;
	char *name = text_of_token(tree, token, &length);
	struct anchor *anchors = arena_grow(tree->arena, tree->anchors, tree->n_anchors, sizeof *anchors);
	if (!name || !anchors)
		return 0;
	tree->anchors = anchors;
	tree->anchors[tree->n_anchors] = (struct anchor){ name, node, open };
	return ++tree->n_anchors;
}

/* ---- events ---- */

static void take_scalar(struct tree *tree, struct fy_event *event)
{
	struct node *node = new_node(tree, NODE_TEXT, event);
	size_t length;
	if (!node)
		return;
	struct fy_token *value = event->scalar.value;
	node->text = text_of_token(tree, value, &length);
	if (!node->text) {
		tree->stop = true;
		return;
	}
	node->absent = length == 0 && (!value || fy_token_scalar_style(value) == FYSS_PLAIN);
	if (!value && tree->depth && tree->stack[tree->depth - 1].key)
		node->place = tree->stack[tree->depth - 1].key->place; /* nothing there to point at but its key */
	if (strlen(node->text) != length) {
		diagnostics_error(tree->diagnostics, &node->place, "a NUL character in a text");
		node->refused = true;
	}
	refuse_tag(tree, event->scalar.tag, node);
	add_anchor(tree, event->scalar.anchor, node, false);
	attach(tree, node);
}

static void take_start(struct tree *tree, enum node_kind kind, struct fy_event *event, struct fy_token *tag,
		       struct fy_token *anchor)
{
	struct node *node = new_node(tree, kind, event);
	if (!node)
		return;
	if (tree->depth == DEPTH_MAX) {
		diagnostics_error(tree->diagnostics, &node->place, "nested too deeply");
		tree->stop = true;
		return;
	}
	refuse_tag(tree, tag, node);
	size_t opened = add_anchor(tree, anchor, node, true);
	tree->stack[tree->depth++] = (struct frame){ .node = node, .anchor = opened };
}

static void take_end(struct tree *tree)
{
	struct frame *frame = &tree->stack[--tree->depth];
	if (frame->anchor)
		tree->anchors[frame->anchor - 1].open = false;
	if (frame->node->kind == NODE_MAP)
		drop_equal_keys(tree, frame->node);
	attach(tree, frame->node);
}

/* An alias means the anchor of that name that was seen last (YAML 1.2 §7.1). */
static void take_alias(struct tree *tree, struct fy_event *event)
{
	struct node *node = new_node(tree, NODE_TEXT, event);
	size_t length, i = tree->n_anchors;
	if (!node)
		return;
	const char *name = text_of_token(tree, event->alias.anchor, &length);
	if (!name)
		return;
	if (node->place.column > 1) {
		node->place.column--; /* the mark is behind the '*' */
		node->place.width++;
	}
	while (i && strcmp(tree->anchors[i - 1].name, name) != 0)
		i--;
	node->refused = !i || tree->anchors[i - 1].open;
	if (!i) {
		diagnostics_error(tree->diagnostics, &node->place, "no anchor '&%s' before this alias", name);
	} else if (tree->anchors[i - 1].open) {
		diagnostics_error(tree->diagnostics, &node->place, "the alias '*%s' stands inside its own anchor",
				  name);
	} else {
		struct place place = node->place;
		*node = *tree->anchors[i - 1].node;
		node->place = place;
	}
	attach(tree, node);
}

static void take_document(struct tree *tree, struct fy_event *event)
{
	if (++tree->n_documents == 1)
		return;
	struct place place = place_at(tree, fy_event_start_mark(event));
	place.width = 3;
	diagnostics_error(tree->diagnostics, &place, "a second document begins here: one file holds one");
	tree->stop = true;
}

static void take_event(struct tree *tree, struct fy_event *event)
{
	switch (event->type) {
	case FYET_DOCUMENT_START:
		take_document(tree, event);
		break;
	case FYET_SCALAR:
		take_scalar(tree, event);
		break;
	case FYET_SEQUENCE_START:
		take_start(tree, NODE_LIST, event, event->sequence_start.tag, event->sequence_start.anchor);
		break;
	case FYET_MAPPING_START:
		take_start(tree, NODE_MAP, event, event->mapping_start.tag, event->mapping_start.anchor);
		break;
	case FYET_SEQUENCE_END:
	case FYET_MAPPING_END:
		take_end(tree);
		break;
	case FYET_ALIAS:
		take_alias(tree, event);
		break;
	case FYET_NONE:
	case FYET_STREAM_START:
	case FYET_STREAM_END:
	case FYET_DOCUMENT_END:
		break;
	}
}

static void tell_syntax_errors(struct tree *tree, struct fy_diag *diag)
{
	void *iterator = NULL;
	unsigned before = tree->diagnostics->errors;
	for (const struct fy_diag_error *error; (error = fy_diag_errors_iterate(diag, &iterator));) {
		struct place place = { .source = tree->source, .width = 1 };
		place.line = error->line > 0 ? (unsigned)error->line : 1;
		place.column = error->column > 0 ? (unsigned)error->column : 1;
		diagnostics_error(tree->diagnostics, &place, "%s", error->msg ? error->msg : "not YAML");
	}
	if (tree->diagnostics->errors == before) {
		struct place place = { .source = tree->source };
		diagnostics_error(tree->diagnostics, &place, "this is not YAML");
	}
}

static void parse(struct tree *tree, struct fy_parser *parser, struct fy_diag *diag)
{
	struct fy_event *event;
	if (fy_parser_set_string(parser, tree->source->bytes, tree->source->size) < 0) {
		tree->arena->failed = true;
		return;
	}
	while (!tree->stop && (event = fy_parser_parse(parser))) {
		take_event(tree, event);
		fy_parser_event_free(parser, event);
	}
	if (!tree->stop && fy_parser_get_stream_error(parser)) {
		tell_syntax_errors(tree, diag);
		tree->stop = true;
	}
}

static void check_root(struct tree *tree)
{
	struct place place = { .source = tree->source };
	if (!tree->root || (tree->root->kind == NODE_TEXT && tree->root->absent)) {
		diagnostics_error(tree->diagnostics, &place, "the file is empty");
		tree->root = NULL;
	} else if (tree->root->kind != NODE_MAP) {
		diagnostics_error(tree->diagnostics, &tree->root->place,
				  "a map of 'version', 'bonds', 'vips' … is expected here");
		tree->root = NULL;
	}
}

const struct node *yaml_parse(struct arena *arena, struct diagnostics *diagnostics, const struct source *source)
{
	struct tree tree = { .arena = arena, .diagnostics = diagnostics, .source = source };
	struct fy_diag_cfg diag_cfg;
	fy_diag_cfg_default(&diag_cfg);
	diag_cfg.fp = NULL;
	diag_cfg.output_fn = NULL;
	struct fy_diag *diag = fy_diag_create(&diag_cfg);
	struct fy_parse_cfg cfg = {
		.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE,
		.diag = diag,
	};
	struct fy_parser *parser = diag ? fy_parser_create(&cfg) : NULL;
	if (!parser)
		arena->failed = true;
	if (parser) {
		fy_diag_set_collect_errors(diag, true);
		parse(&tree, parser, diag);
		fy_parser_destroy(parser);
	}
	if (diag)
		fy_diag_destroy(diag);
	if (tree.stop || arena->failed)
		return NULL;
	check_root(&tree);
	return tree.root;
}
