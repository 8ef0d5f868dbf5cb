/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checks: results come one by one, and so many in a row that say the other thing change a check's state. What rests on it
 * learns of it as of any other thing that vips rest on (track.c).
 *
 * A check is known by its name. One whose definition a reload changes keeps its state, for what rests on it is not to move
 * for a changed file, and counts anew. One without results for three times as long as a run may take to come and end keeps its
 * state too: that nobody asks says nothing of the service. */
#include "core/internal.h"

#include <stdlib.h>

enum { PATIENCE = 3 };

static int by_name(const void *name, const void *check)
{
	return strcmp(name, ((const struct check *)check)->name);
}

static struct check *find(const struct core *core, const char *name)
{
	return bsearch(name, core->checks, core->n_checks, sizeof *core->checks, by_name);
}

struct reason check_reason(const struct check *check)
{
	switch (check->state) {
	case CHECK_UNKNOWN:
		break;
	case CHECK_PASSED:
		return (struct reason){ .code = REASON_CHECK_PASSED };
	case CHECK_FAILED:
		return (struct reason){ .code = REASON_CHECK_FAILED };
	}
	return (struct reason){ .code = REASON_CHECK_WAITING };
}

static void hear(struct core *core, struct check *check)
{
	if (check->silent) {
		check->silent = false;
		check->silence_ns = core->now - check->awaited_ns;
		core_dirty_checks(core);
	}
	check->heard_ns = check->awaited_ns = core->now;
}

/* ---- tests -------------------------------------------------------------------------------------------------------- */

/* As if it required the check, until that passes again: another takes it, and this node not before. */
static void test_failed(struct core *core, struct check *check, const char *name)
{
	for (unsigned i = 0; i < core->n_vips; i++) {
		struct vip *vip = &core->vips[i];
		bool holds = vip->phase == PHASE_ACTIVE || vip->phase == PHASE_TAKING;
		if (!holds || vip->removed || strcmp(vip->cfg.name, name) != 0)
			continue;
		check->passes = 0;
		memcpy(vip->failed_test, check->name, sizeof vip->failed_test);
		vip_health(core, vip);
	}
}

static void forgive(struct core *core, const struct check *check)
{
	for (unsigned i = 0; i < core->n_vips; i++) {
		struct vip *vip = &core->vips[i];
		if (strcmp(vip->failed_test, check->name) != 0)
			continue;
		vip->failed_test[0] = '\0';
		vip_health(core, vip);
	}
}

static void count_passes(struct core *core, struct check *check, bool passed)
{
	if (!passed)
		check->passes = 0;
	else if (check->passes < check->rise && ++check->passes == check->rise)
		forgive(core, check);
}

void check_forget_tests(struct core *core)
{
	for (unsigned i = 0; i < core->n_vips; i++) {
		struct vip *vip = &core->vips[i];
		if (vip->failed_test[0] && !find(core, vip->failed_test))
			vip->failed_test[0] = '\0';
	}
}

/* ---- results ------------------------------------------------------------------------------------------------------ */

/* One that a reload has just dropped may still have a result under way. */
void check_result(struct core *core, const struct event_check *result)
{
	struct check *check = find(core, result->check);
	enum check_state says = result->passed ? CHECK_PASSED : CHECK_FAILED;

	if (check && result->vip[0])
		test_failed(core, check, result->vip);
	if (!check || result->vip[0])
		return;
	hear(core, check);
	count_passes(core, check, result->passed);
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
	core_dirty_checks(core);
}

/* ---- silence ------------------------------------------------------------------------------------------------------ */

void check_timer(struct core *core)
{
	for (unsigned i = 0; i < core->n_checks; i++) {
		struct check *check = &core->checks[i];
		uint64_t silence = core->now - check->awaited_ns;
		if (check->silent || silence < check->patience_ns)
			continue;
		check->silent = true;
		check->silence_ns = silence;
	}
}

/* A result makes it later, and tells nobody: who comes too early looks again. */
uint64_t check_deadline(const struct core *core)
{
	uint64_t due = NEVER;

	for (unsigned i = 0; i < core->n_checks; i++) {
		if (!core->checks[i].silent)
			due = min64(due, core->checks[i].awaited_ns + core->checks[i].patience_ns);
	}
	return due;
}

/* ---- from one configuration, or program, to the next ---------------------------------------------------------------- */

static uint64_t mix_number(uint64_t hash, uint64_t number)
{
	return fnv1a(hash, &number, sizeof number);
}

static uint64_t mix_text(uint64_t hash, const struct config *config, config_text text)
{
	const char *s = config_text_of(config, text);

	return fnv1a(hash, s, strlen(s) + 1);
}

static uint64_t mix_ip(uint64_t hash, const struct ip *ip)
{
	return fnv1a(mix_number(hash, ip->family), ip->bytes, ip->family ? ip_size(ip->family) : 0);
}

static uint64_t definition_of(const struct config *config, const struct config_check *c)
{
	const uint64_t numbers[] = {
		c->kinds, c->interval_ns, c->timeout_ns, c->late_skip, c->jitter_ns, c->fall, c->rise, c->start,
		c->limits.output, c->limits.memory, c->limits.processes, c->tcp.port, c->http.insecure, c->http.status_min,
		c->http.status_max, c->http.method, c->file.has_min, c->file.has_max, (uint64_t)c->file.min_micro,
		(uint64_t)c->file.max_micro, c->haproxy.servers, c->ping.count,
	};
	const config_text texts[] = {
		c->user, c->tcp.send, c->tcp.expect, c->http.url, c->http.host, c->http.match, c->http.ca_file, c->unit,
		c->process.pid_file, c->process.name, c->file.path, c->haproxy.socket, c->haproxy.backend,
	};
	uint64_t hash = FNV1A_START;

	for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++)
		hash = mix_number(hash, numbers[i]);
	for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++)
		hash = mix_text(hash, config, texts[i]);
	for (unsigned i = 0; i < c->n_args; i++)
		hash = mix_text(hash, config, config->args[c->first_arg + i]);
	return mix_ip(mix_ip(hash, &c->tcp.ip), &c->ping.ip);
}

static void carry(struct check *check, const struct check *from)
{
	check->state = from->state;
	check->told = from->told;
	check->since_ns = from->since_ns;
	check->silent = from->silent;
	check->told_silent = from->told_silent;
	check->heard_ns = from->heard_ns;
	check->awaited_ns = from->awaited_ns;
	check->passes = from->passes < check->rise ? from->passes : check->rise;
	if (check->definition == from->definition)
		check->in_a_row = from->in_a_row;
}

void check_build(struct core *core, const struct config *config, const struct core *old)
{
	for (unsigned i = 0; i < config->n_checks; i++) {
		const struct config_check *cfg = &config->checks[i];
		struct check *check = &core->checks[core->n_checks++];
		const struct check *from;
		*check = (struct check){ .fall = cfg->fall, .rise = cfg->rise, .state = cfg->start, .told = cfg->start,
					 .patience_ns = PATIENCE * (cfg->interval_ns + cfg->timeout_ns),
					 .definition = definition_of(config, cfg),
					 .since_ns = old->now, .awaited_ns = old->now };
		memcpy(check->name, cfg->name, sizeof check->name);
		from = old->n_checks ? find(old, check->name) : NULL;
		if (from)
			carry(check, from);
	}
}

void check_resume(struct core *core, const struct event_resume_check *resume)
{
	struct check *check = find(core, resume->check);

	if (!check || check->heard_ns || core->snap_known || resume->state > CHECK_FAILED)
		return;
	check->state = check->told = (enum check_state)resume->state;
	check->since_ns = min64(resume->since_ns, core->now);
	check->silent = check->told_silent = resume->silent;
	check->heard_ns = min64(resume->heard_ns, core->now);
	if (check->heard_ns)
		check->awaited_ns = check->heard_ns;
	if (check->definition == resume->definition)
		check->in_a_row = resume->in_a_row;
	core_dirty_checks(core);
}
