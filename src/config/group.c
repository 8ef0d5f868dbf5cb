/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Groups: which vips move together. What must be equal for that is checked here, when all vips are known. */
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "config/build.h"
#include "config/suggest.h"

struct membership {
	const struct place *place; /* where the vip is named; NULL: it is in no group yet */
	const char *title;	   /* "group 'edge'" */
};

static int find_vip(const struct config *config, const char *name)
{
	for (unsigned i = 0; i < config->n_vips; i++)
		if (strcmp(config->vips[i].name, name) == 0)
			return (int)i;
	return -1;
}

static void refuse_unknown(struct build *build, const struct node *item, const char *title)
{
	struct suggestion near = { .typed = item->text };
	for (unsigned i = 0; i < build->config->n_vips; i++)
		suggest_try(&near, build->config->vips[i].name);
	diagnostics_error(build->reader->diagnostics, &item->place, "%s names '%.60s', which is no vip%s%s%s", title,
			  item->text, near.word ? "; did you mean '" : "", near.word ? near.word : "", near.word ? "'?" : "");
}

static const struct place *value_place(const struct build *build, unsigned vip, unsigned key)
{
	return &build->vips[vip].values[key].place;
}

static void refuse_different(struct build *build, const char *title, unsigned first, unsigned vip, unsigned key,
			     const char *name, const char *is, const char *must)
{
	diagnostics_error(build->reader->diagnostics, value_place(build, vip, key),
			  "%s needs the '%s' of %s, for both are in %s: %s, not %s", build->vips[vip].title, name,
			  build->vips[first].title, title, must, is);
	diagnostics_note(build->reader->diagnostics, value_place(build, first, key), "it is here");
}

/* Who is to have them is decided in two places, which nothing ties together. */
static void refuse_protocols(struct build *build, const char *title, unsigned first, unsigned vip)
{
	static const char *const words[] = { [PROTOCOL_VRRP] = "vrrp", [PROTOCOL_HEARTBEAT] = "heartbeat" };
	const struct config_vip *vips = build->config->vips;
	diagnostics_error(build->reader->diagnostics, value_place(build, vip, VIP_PROTOCOL),
			  "%s has %s by %s and %s by %s; give all its vips one 'protocol'", title, build->vips[first].title,
			  words[vips[first].protocol], build->vips[vip].title, words[vips[vip].protocol]);
	diagnostics_note(build->reader->diagnostics, value_place(build, first, VIP_PROTOCOL), "the first one is here");
}

/* With one order of priorities for all members two nodes never win half of a group each. */
static void check_member(struct build *build, const char *title, unsigned first, unsigned vip)
{
	const struct config_vip *a = &build->config->vips[first], *b = &build->config->vips[vip];
	char is[TEXT_DURATION_SIZE], must[TEXT_DURATION_SIZE];
	if (a->protocol != b->protocol) {
		refuse_protocols(build, title, first, vip);
		return;
	}
	if (b->priority == 255)
		diagnostics_error(build->reader->diagnostics, value_place(build, vip, VIP_PRIORITY),
				  "%s is in %s and cannot have priority 255: the addresses of an owner never move",
				  build->vips[vip].title, title);
	else if (a->priority != 255 && a->priority != b->priority) {
		snprintf(is, sizeof is, "%d", b->priority);
		snprintf(must, sizeof must, "%d", a->priority);
		refuse_different(build, title, first, vip, VIP_PRIORITY, "priority", is, must);
	}
	if (a->preempt != b->preempt)
		refuse_different(build, title, first, vip, VIP_PREEMPT, "preempt", b->preempt ? "true" : "false",
				 a->preempt ? "true" : "false");
	if (a->preempt_delay_ns != b->preempt_delay_ns)
		refuse_different(build, title, first, vip, VIP_PREEMPT_DELAY, "preempt-delay",
				 text_duration_exact(b->preempt_delay_ns, is), text_duration_exact(a->preempt_delay_ns, must));
	if (a->advert_ns != b->advert_ns && a->advert_ns && b->advert_ns)
		diagnostics_warning(build->reader->diagnostics, value_place(build, vip, VIP_ADVERT),
				    "%s has another 'advert' (%s) than %s (%s): the whole of %s takes over when the slowest does",
				    build->vips[vip].title, text_duration_exact(b->advert_ns, is), build->vips[first].title,
				    text_duration_exact(a->advert_ns, must), title);
}

static void take_member(struct build *build, struct membership *memberships, const struct node *item, const char *name,
			const char *title, int *first, unsigned *rank)
{
	int vip;
	if (item->refused)
		return;
	if (item->kind != NODE_TEXT || item->absent) {
		diagnostics_error(build->reader->diagnostics, &item->place, "a member of %s must be the name of a vip", title);
		return;
	}
	vip = find_vip(build->config, item->text);
	if (vip < 0) {
		refuse_unknown(build, item, title);
		return;
	}
	if (memberships[vip].place) {
		diagnostics_error(build->reader->diagnostics, &item->place, "%s is in %s already", build->vips[vip].title,
				  memberships[vip].title);
		diagnostics_note(build->reader->diagnostics, memberships[vip].place, "it is named here");
		return;
	}
	memberships[vip] = (struct membership){ &item->place, title };
	strcpy(build->config->vips[vip].group, name);
	build->config->vips[vip].group_rank = (*rank)++;
	if (*first < 0)
		*first = vip;
	check_member(build, title, (unsigned)*first, (unsigned)vip);
}

static void take_group(struct build *build, struct membership *memberships, const struct entry *entry)
{
	const struct node *list = entry->value;
	const char *title = arena_format(build->reader->arena, "group '%s'", entry->name->text);
	unsigned rank = 0;
	int first = -1;
	if (list->refused)
		return;
	if (list->kind != NODE_LIST) {
		diagnostics_error(build->reader->diagnostics, &list->place, "%s must be a list of vips: [%s]", title,
				  list->kind == NODE_TEXT && !list->absent && strlen(list->text) < 50 ? list->text : "…");
		return;
	}
	if (list->n == 0)
		diagnostics_error(build->reader->diagnostics, &list->place, "%s is an empty list", title);
	for (size_t i = 0; i < list->n; i++)
		take_member(build, memberships, list->items[i], entry->name->text, title, &first, &rank);
}

void build_groups(struct build *build, const struct section *section)
{
	struct membership *memberships =
		arena_alloc(build->reader->arena, build->config->n_vips + 1, sizeof *memberships);
	for (unsigned i = 0; memberships && i < section->n; i++)
		if (build_check_name(build, &schema_group, section->entries[i].name))
			take_group(build, memberships, &section->entries[i]);
}
