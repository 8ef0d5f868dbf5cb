/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The trace of a world, kept as structs and printed only when somebody wants to read it. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "core/trace.h"
#include "sim.h"

static uint64_t hash_mix(uint64_t hash, uint64_t value)
{
	hash ^= value;
	hash *= 0x9fb21c651e98df25ULL;
	return hash ^ hash >> 28;
}

static void trace_format(const struct trace_entry *e, char *line, size_t size)
{
	char text[TRACE_LINE_SIZE] = "";

	if (e->kind == TRACE_EVENT)
		trace_event(&e->u.event, text, sizeof text);
	else if (e->kind == TRACE_ACTION)
		trace_action(&e->u.action, text, sizeof text);
	else
		snprintf(text, sizeof text, "%s", e->u.text);
	snprintf(line, size, "%llu.%06llu n%u %s %s", e->time / NSEC_PER_SEC, e->time % NSEC_PER_SEC / 1000, e->node,
		 e->kind == TRACE_EVENT	   ? "<"
		 : e->kind == TRACE_ACTION ? ">"
					   : "#",
		 text);
}

static void trace_took(struct world *w, const struct trace_entry *e)
{
	char line[TRACE_LINE_SIZE + 64];

	w->trace_n++;
	if (w->options->verbose_from_ns > w->now && !w->options->trace_hash)
		return;
	trace_format(e, line, sizeof line);
	if (w->options->verbose_from_ns <= w->now)
		puts(line);
	if (w->options->trace_hash)
		for (const char *p = line; *p; p++)
			w->hash = hash_mix(w->hash, (unsigned char)*p);
}

static struct trace_entry *trace_next(struct world *w, unsigned node, enum trace_kind kind)
{
	struct trace_entry *e = &w->trace[w->trace_n % SIM_TRACE];

	e->time = w->now;
	e->node = (uint16_t)node;
	e->kind = (uint16_t)kind;
	return e;
}

void trace_add_event(struct world *w, const struct node *node, const struct event *event)
{
	struct trace_entry *e = trace_next(w, node->id, TRACE_EVENT);

	e->u.event = *event;
	w->hash = hash_mix(w->hash, w->now ^ (uint64_t)node->id << 56 ^ (uint64_t)event->type << 48);
	trace_took(w, e);
}

void trace_add_action(struct world *w, const struct node *node, const struct action *action)
{
	struct trace_entry *e = trace_next(w, node->id, TRACE_ACTION);

	e->u.action = *action;
	w->hash = hash_mix(w->hash, (uint64_t)action->gen << 8 ^ action->type);
	trace_took(w, e);
}

void trace_add_text(struct world *w, unsigned node, const char *format, ...)
{
	struct trace_entry *e = trace_next(w, node, TRACE_TEXT);
	va_list ap;

	va_start(ap, format);
	vsnprintf(e->u.text, sizeof e->u.text, format, ap);
	va_end(ap);
	trace_took(w, e);
}

void record_replay(const struct options *o, uint64_t seed, enum sweep_kind sweep, uint64_t sweep_at)
{
	printf("replay: sim --seed %" PRIu64 " --worlds 1", seed);
	if (o->nodes)
		printf(" --nodes %u", o->nodes);
	if (o->vips)
		printf(" --vips %u", o->vips);
	if (o->time_ns)
		printf(" --time %llu", o->time_ns / NSEC_PER_SEC);
	if (o->kind >= 0)
		printf(" --kind %s", (const char *const[]){ "plain", "move", "kernel", "team" }[o->kind]);
	if (o->faults != ALL_FAULTS)
		printf(" --fault-mask 0x%x", o->faults);
	if (o->peers >= 0)
		printf(" --peers %d", o->peers);
	if (o->paths >= 0)
		printf(" --paths %d", o->paths);
	for (unsigned kind = 0, first = 1; kind < PEER_KINDS; kind++)
		if (o->peer_kinds >> kind & 1) {
			printf("%s%s", first ? " --peer " : ",", peer_name((enum peer_kind)kind));
			first = 0;
		}
	if (o->named)
		printf(" --named %s", o->named);
	if (o->sweeps)
		printf(" --sweep %s --at %" PRIu64, sweep_name(sweep), sweep_at);
	for (unsigned type = 0; type < ACT_TYPES; type++)
		if (o->lies >> type & 1)
			printf(" --lie %s", action_type_name((enum action_type)type));
	printf(" --verbose\n");
}

/* Only the first failure of a world counts: what follows it is its consequence. */
void world_fail(struct world *w, const struct node *node, const char *check, const char *format, ...)
{
	uint64_t first = w->trace_n > SIM_TRACE - 1 ? w->trace_n - (SIM_TRACE - 1) : 0;
	char line[TRACE_LINE_SIZE + 64];
	va_list ap;

	w->refused = true;
	if (w->failed || w->trying)
		return;
	w->failed = true;
	w->failed_check = check;
	if (!w->options->quiet && w->options->verbose_from_ns == NEVER)
		for (uint64_t i = w->trace_n - first > 200 ? w->trace_n - 200 : first; i < w->trace_n; i++) {
			trace_format(&w->trace[i % SIM_TRACE], line, sizeof line);
			puts(line);
		}
	printf("FAILED %s: seed %" PRIu64 ", virtual time %llu.%06llu s, ", check, w->seed, w->now / NSEC_PER_SEC,
	       w->now % NSEC_PER_SEC / 1000);
	if (node)
		printf("node %u: ", node->id);
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	putchar('\n');
	record_replay(w->options, w->seed, w->sweep, w->sweep_at);
}
