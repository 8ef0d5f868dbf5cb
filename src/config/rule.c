/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rules of policy routing of a vip. */
#include <linux/ip.h>
#include <linux/rtnetlink.h>

#include "config/build.h"

enum { TOS_4 = IPTOS_TOS_MASK & ~3 }; /* what the kernel routes by (IPTOS_RT_MASK) */

static bool is_right(const struct value *item)
{
	for (unsigned i = 0; i < schema_rule.n_keys; i++)
		if (item->items[i].given && !item->items[i].valid)
			return false;
	return item->items[RULE_TABLE].valid && item->items[RULE_PRIORITY].valid;
}

static bool check_rule(struct build *build, const struct value *item, const struct config_rule *rule, const char *title)
{
	struct diagnostics *diagnostics = build->reader->diagnostics;
	const struct value *values = item->items;

	if (!rule->family) {
		diagnostics_error(diagnostics, &item->place, "a rule of %s needs 'from' or 'to'", title);
		return false;
	}
	if (rule->from.family && rule->to.family && rule->from.family != rule->to.family) {
		diagnostics_error(diagnostics, &values[RULE_TO].place, "'from' is an IPv%d network and 'to' an IPv%d network",
				  (int)rule->from.family, (int)rule->to.family);
		return false;
	}
	if (rule->family == FAMILY_4 && rule->tos & ~TOS_4) {
		diagnostics_error(diagnostics, &values[RULE_TOS].place,
				  "'type-of-service' of a rule for IPv4 must be a multiple of 4 up to 28, not %d", rule->tos);
		return false;
	}
	if (rule->table == RT_TABLE_LOCAL) {
		diagnostics_error(diagnostics, &values[RULE_TABLE].place,
				  "table 255 is the kernel's own, of local addresses; 254 is main");
		return false;
	}
	return true;
}

static void take_rule(struct build *build, const struct value *item, const char *title)
{
	const struct value *from = &item->items[RULE_FROM], *to = &item->items[RULE_TO];
	struct config_rule rule = {
		.tos = (uint8_t)item->items[RULE_TOS].number,
		.table = (uint32_t)item->items[RULE_TABLE].number,
		.priority = (uint32_t)item->items[RULE_PRIORITY].number,
		.mark = (uint32_t)item->items[RULE_MARK].number,
	};
	if (!is_right(item))
		return;
	/* 0.0.0.0/0 is any, and says the family. */
	rule.family = from->valid ? from->address.ip.family : to->valid ? to->address.ip.family : FAMILY_NONE;
	if (from->valid && from->address.prefix) {
		rule.from = from->address.ip;
		rule.from_prefix = from->address.prefix;
	}
	if (to->valid && to->address.prefix) {
		rule.to = to->address.ip;
		rule.to_prefix = to->address.prefix;
	}
	if (!rule.from.family && !rule.to.family)
		rule.family = FAMILY_NONE;
	if (!check_rule(build, item, &rule, title))
		return;
	build->rule_at[build->config->n_rules] = &item->place;
	build->config->rules[build->config->n_rules++] = rule;
}

void build_rules(struct build *build, const struct value *rules, const char *title)
{
	for (unsigned i = 0; i < rules->n_items; i++)
		take_rule(build, &rules->items[i], title);
}
