/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Objects are compared as they print: what two objects print alike means the same. */
#include "config/diff.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "config/print.h"

enum { LINES_MAX = 512 }; /* of one object: 64 routes, 4 probes and a dozen keys, with room */

/* The lines of one object, "key: value", without indentation. */
struct lines {
	char *text;
	char *line[LINES_MAX];
	unsigned n;
};

static void lines_split(struct lines *lines)
{
	char *at = lines->text, *end;

	/* The first one is the name. */
	for (at = strchr(at, '\n'); at && lines->n < LINES_MAX; at = end) {
		at += 1 + strspn(at + 1, " -");
		end = strchr(at, '\n');
		if (!*at || !end)
			break;
		lines->line[lines->n++] = at;
	}
	for (unsigned i = 0; i < lines->n; i++)
		lines->line[i][strcspn(lines->line[i], "\n")] = '\0';
}

/* Prints one object of a configuration. */
typedef void print_object(const struct config *, const void *object, FILE *);

static void bond_object(const struct config *config, const void *bond, FILE *out)
{
	print_one_bond(config, bond, out);
}

static void vip_object(const struct config *config, const void *vip, FILE *out)
{
	print_one_vip(config, vip, out);
}

static void node_object(const struct config *config, const void *node, FILE *out)
{
	print_one_node(config, node, out);
}

static void check_object(const struct config *config, const void *check, FILE *out)
{
	print_one_check(config, check, out);
}

static void hook_object(const struct config *config, const void *hook, FILE *out)
{
	print_one_hook(config, hook, out);
}

static void heartbeat_object(const struct config *config, const void *heartbeat, FILE *out)
{
	(void)heartbeat;
	print_heartbeat(config, out);
}

static bool lines_of(struct lines *lines, const struct config *config, print_object *print, const void *object)
{
	size_t size;
	FILE *out;

	*lines = (struct lines){ 0 };
	out = open_memstream(&lines->text, &size);
	if (!out)
		return false;
	print(config, object, out);
	if (fclose(out) != 0)
		return false;
	lines_split(lines);
	return true;
}

static bool has_line(const struct lines *lines, const char *line)
{
	for (unsigned i = 0; i < lines->n; i++)
		if (strcmp(lines->line[i], line) == 0)
			return true;
	return false;
}

static size_t key_length(const char *line)
{
	const char *end = strstr(line, ": ");

	return line[0] != '{' && end ? (size_t)(end - line) : 0;
}

/* The line of the other side with the same key that is not on this one; NULL: there is none. */
static const char *counterpart(const struct lines *other, const char *line)
{
	size_t length = key_length(line);

	for (unsigned i = 0; length && i < other->n; i++)
		if (strncmp(other->line[i], line, length + 2) == 0)
			return other->line[i];
	return NULL;
}

/* The length of an item of a list "[a, {b: c, d: e}]". */
static size_t item_length(const char *at)
{
	size_t braces = *at == '{' ? strcspn(at, "}") : 0;

	return braces + strcspn(at + braces, ",]");
}

/* Whether the list "[a, b]" has that item. */
static bool has_item(const char *list, const char *item, size_t length)
{
	for (const char *at = list + 1; *at;) {
		size_t n = item_length(at);
		if (n == length && strncmp(at, item, n) == 0)
			return true;
		at += n;
		at += strspn(at, ", ]");
	}
	return false;
}

static unsigned list_items(FILE *out, char sign, const char *title, const char *key, size_t key_size, const char *list,
			   const char *other)
{
	unsigned n = 0;

	for (const char *at = list + 1; *at;) {
		size_t length = item_length(at);
		if (length && !has_item(other, at, length)) {
			fprintf(out, "%c %s: %.*s %.*s\n", sign, title, (int)key_size, key, (int)length, at);
			n++;
		}
		at += length;
		at += strspn(at, ", ]");
	}
	return n;
}

/* What it says depends on its order. */
static bool is_command(const char *key, size_t length)
{
	return (length == strlen("command") && strncmp(key, "command", length) == 0) ||
	       (length == strlen("run") && strncmp(key, "run", length) == 0);
}

static unsigned changed_line(FILE *out, const char *title, const char *was, const char *is)
{
	size_t length = key_length(is), singular = length;
	const char *before = was + length + 2, *now = is + length + 2;
	unsigned n;

	if (now[0] != '[' || before[0] != '[' || is_command(is, length)) {
		fprintf(out, "~ %s: %.*s %s → %s\n", title, (int)length, is, before, now);
		return 1;
	}
	if (strncmp(is, "addresses", length) == 0)
		singular = strlen("address");
	else if (length && is[length - 1] == 's')
		singular = length - 1;
	n = list_items(out, '-', title, is, singular, before, now) + list_items(out, '+', title, is, singular, now, before);
	if (!n) /* the same in another order */
		fprintf(out, "~ %s: %.*s %s → %s\n", title, (int)length, is, before, now);
	return n ? n : 1;
}

/* What is a heading, with what follows on lines of its own. */
static bool is_heading(const char *line)
{
	size_t length = strlen(line);

	return length && line[length - 1] == ':';
}

static const char *kind_of(const char *line)
{
	if (strncmp(line, "{priority: ", strlen("{priority: ")) == 0)
		return "rule ";
	return line[0] == '{' ? "route " : strstr(line, "{kind: ") ? "probe " : strstr(line, ": {on: ") ? "path " : "";
}

static unsigned compare_lines(FILE *out, const char *title, const struct lines *old, const struct lines *next)
{
	unsigned n = 0;

	for (unsigned i = 0; i < old->n; i++) {
		if (has_line(next, old->line[i]) || is_heading(old->line[i]) || counterpart(next, old->line[i]))
			continue;
		fprintf(out, "- %s: %s%s\n", title, kind_of(old->line[i]), old->line[i]);
		n++;
	}
	for (unsigned i = 0; i < next->n; i++) {
		const char *was;
		if (has_line(old, next->line[i]) || is_heading(next->line[i]))
			continue;
		was = counterpart(old, next->line[i]);
		if (was) {
			n += changed_line(out, title, was, next->line[i]);
			continue;
		}
		fprintf(out, "+ %s: %s%s\n", title, kind_of(next->line[i]), next->line[i]);
		n++;
	}
	return n;
}

static unsigned compare(FILE *out, const char *title, const struct config *old, const struct config *next, print_object *print,
			const void *was, const void *is)
{
	struct lines before = { 0 }, after = { 0 };
	unsigned n = 0;

	if (lines_of(&before, old, print, was) && lines_of(&after, next, print, is))
		n = compare_lines(out, title, &before, &after);
	free(before.text);
	free(after.text);
	return n;
}

static const char *bond_kind(const struct config_bond *bond)
{
	return bond->driver == DRIVER_VLAN ? "vlan" : "bond";
}

static const struct config_bond *find_bond(const struct config *config, const struct config_bond *bond)
{
	for (unsigned i = 0; i < config->n_bonds; i++)
		if (strcmp(config->bonds[i].name, bond->name) == 0 &&
		    (config->bonds[i].driver == DRIVER_VLAN) == (bond->driver == DRIVER_VLAN))
			return &config->bonds[i];
	return NULL;
}

static unsigned diff_bonds(const struct config *old, const struct config *next, FILE *out)
{
	unsigned n = 0;

	for (unsigned i = 0; i < old->n_bonds; i++) {
		if (find_bond(next, &old->bonds[i]))
			continue;
		fprintf(out, "- %s '%s'\n", bond_kind(&old->bonds[i]), old->bonds[i].name);
		n++;
	}
	for (unsigned i = 0; i < next->n_bonds; i++) {
		const struct config_bond *pair[2] = { find_bond(old, &next->bonds[i]), &next->bonds[i] };
		char title[sizeof "bond ''" + IFNAME_SIZE];
		snprintf(title, sizeof title, "%s '%s'", bond_kind(pair[1]), pair[1]->name);
		if (pair[0])
			n += compare(out, title, old, next, bond_object, pair[0], pair[1]);
		else
			n += (unsigned)(fprintf(out, "+ %s\n", title) > 0);
	}
	return n;
}

/* Sorted by name, for there may be thousands. */
static int by_name(const void *a, const void *b)
{
	return strcmp((*(const struct config_vip *const *)a)->name, (*(const struct config_vip *const *)b)->name);
}

static const struct config_vip **sorted_vips(const struct config *config)
{
	const struct config_vip **vips = calloc(config->n_vips + 1, sizeof *vips);

	for (unsigned i = 0; vips && i < config->n_vips; i++)
		vips[i] = &config->vips[i];
	if (vips)
		qsort(vips, config->n_vips, sizeof *vips, by_name);
	return vips;
}

static unsigned diff_vips(const struct config *old, const struct config *next, FILE *out)
{
	const struct config_vip **before = sorted_vips(old), **after = sorted_vips(next);
	unsigned i = 0, j = 0, n = 0;

	while (before && after && (before[i] || after[j])) {
		int order = !before[i] ? 1 : !after[j] ? -1 : strcmp(before[i]->name, after[j]->name);
		char title[sizeof "vip ''" + NAME_SIZE];
		snprintf(title, sizeof title, "vip '%s'", order < 0 ? before[i]->name : after[j]->name);
		if (order == 0)
			n += compare(out, title, old, next, vip_object, before[i], after[j]);
		else
			n += (unsigned)(fprintf(out, "%c %s\n", order < 0 ? '-' : '+', title) > 0);
		i += order <= 0;
		j += order >= 0;
	}
	free(before);
	free(after);
	return n;
}

/* One of two arrays that are sorted by name, each of elements that begin with it. */
struct named {
	const char *first;
	size_t size;
	unsigned n;
};

static const char *named_at(const struct named *named, unsigned i)
{
	return i < named->n ? named->first + i * named->size : NULL;
}

static unsigned diff_named(const struct config *old, const struct config *next, FILE *out, const char *kind, print_object *print,
			   struct named before, struct named after)
{
	unsigned i = 0, j = 0, n = 0;

	while (i < before.n || j < after.n) {
		const char *was = named_at(&before, i), *is = named_at(&after, j);
		int order = !was ? 1 : !is ? -1 : strcmp(was, is);
		char title[NODE_SIZE + 16];
		snprintf(title, sizeof title, "%s '%s'", kind, order > 0 ? is : was);
		if (order == 0)
			n += compare(out, title, old, next, print, was, is);
		else
			n += (unsigned)(fprintf(out, "%c %s\n", order < 0 ? '-' : '+', title) > 0);
		i += order <= 0;
		j += order >= 0;
	}
	return n;
}

#define NAMED(config, array)                                                                                                         \
	((struct named){ (const char *)(config)->array, sizeof *(config)->array, (config)->n_##array })
_Static_assert(offsetof(struct config_node, name) == 0 && offsetof(struct config_check, name) == 0 &&
		       offsetof(struct config_hook, name) == 0,
	       "struct named has the name first");

/* Where either has no nodes, heartbeats are not worth a line. */
static unsigned diff_nodes(const struct config *old, const struct config *next, FILE *out)
{
	unsigned n = diff_named(old, next, out, "node", node_object, NAMED(old, nodes), NAMED(next, nodes));

	if (old->n_nodes && next->n_nodes)
		n += compare(out, "heartbeat", old, next, heartbeat_object, NULL, NULL);
	return n;
}

unsigned config_diff(const struct config *old, const struct config *next, FILE *out)
{
	unsigned n = 0;

	if (strcmp(old->node, next->node) != 0)
		n += (unsigned)(fprintf(out, "~ node %s → %s\n", old->node, next->node) > 0);
	n += diff_bonds(old, next, out);
	n += diff_nodes(old, next, out);
	n += diff_vips(old, next, out);
	n += diff_named(old, next, out, "check", check_object, NAMED(old, checks), NAMED(next, checks));
	return n + diff_named(old, next, out, "hook", hook_object, NAMED(old, hooks), NAMED(next, hooks));
}
