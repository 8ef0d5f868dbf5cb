/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checks: results come one by one, and so many in a row that say the other thing change a check's state. What rests on it
 * learns of it as of any other thing that vips rest on (track.c). */
#include "core/internal.h"

static struct check *find(struct core *core, const char *name)
{
	for (unsigned i = 0; i < core->n_checks; i++) {
		if (strcmp(core->checks[i].name, name) == 0)
			return &core->checks[i];
	}
	return NULL;
}

/* One that a reload has just dropped may still have a result under way. */
void check_result(struct core *core, const struct event_check *result)
{
	struct check *check = find(core, result->check);
	enum check_state says = result->passed ? CHECK_PASSED : CHECK_FAILED;

	if (!check)
		return;
	if (check->state == says) {
		check->in_a_row = 0;
		return;
	}
	check->in_a_row++;
	if (check->state != CHECK_UNKNOWN && check->in_a_row < (result->passed ? check->rise : check->fall))
		return;
	check->state = says;
	check->in_a_row = 0;
	check->since_ns = core->now;
	core->tracks_changed = true;
}

void check_build(struct core *core, const struct config *config, const struct core *old)
{
	for (unsigned i = 0; i < config->n_checks; i++) {
		const struct config_check *cfg = &config->checks[i];
		struct check *check = &core->checks[core->n_checks++];
		*check = (struct check){ .fall = cfg->fall, .rise = cfg->rise, .state = cfg->start };
		memcpy(check->name, cfg->name, sizeof check->name);
		for (unsigned j = 0; j < old->n_checks; j++) {
			const struct check *from = &old->checks[j];
			if (strcmp(from->name, check->name) != 0)
				continue;
			check->state = from->state;
			check->in_a_row = from->in_a_row;
			check->since_ns = from->since_ns;
		}
	}
}
