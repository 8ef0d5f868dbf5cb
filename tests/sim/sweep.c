/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One short story, told again and again with one thing more in it, each time one action or one step later: the daemon dies right
 * after its n-th action, or is reloaded, stopped or suspended before its n-th step. All checks hold each time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

static const char *const names[SWEEP_KINDS] = {
	[SWEEP_NONE] = "none",
	[SWEEP_CRASH] = "crash",	     /* and starts again with its state file */
	[SWEEP_CRASH_LOST] = "crash-lost",   /* and without */
	[SWEEP_RELOAD] = "reload",	     /* with what it has already */
	[SWEEP_RELOAD_CHANGED] = "reload-changed",
	[SWEEP_STALL] = "stall",	     /* the process */
	[SWEEP_HANG] = "hang",		     /* the loop alone */
	[SWEEP_SUSPEND] = "suspend",	     /* the machine */
};

const char *sweep_name(enum sweep_kind kind)
{
	return names[kind];
}

static bool counts_actions(enum sweep_kind kind)
{
	return kind == SWEEP_CRASH || kind == SWEEP_CRASH_LOST;
}

/* From a moment to longer than any lease; the same for the same place in the same story. */
static uint64_t pause_ns(struct world *w)
{
	uint64_t down = make_down_max(w);
	const uint64_t most[] = { 2 * NSEC_PER_MSEC, down / 4, down, 2 * down, 5 * NSEC_PER_SEC };

	return 1000 + rng_below(&w->rng, most[rng_below(&w->rng, 5)]);
}

/* After each action that the shell has dealt with. True: that was its last. */
bool sweep_action(struct world *w, struct node *node)
{
	if (w->ending)
		return false;
	w->actions++;
	if (!counts_actions(w->sweep) || w->actions != w->sweep_at || node->doomed)
		return false;
	trace_add_text(w, node->id, "dies after action %llu", (unsigned long long)w->actions);
	node->doomed = true;
	if (w->sweep == SWEEP_CRASH_LOST) {
		node->record_boot = 0;
		node->n_leftovers = 0;
		check_record_lost(w, node);
	}
	fault_restart(w, node, pause_ns(w));
	return true;
}

/* Before each event that the core is given. */
void sweep_step(struct world *w, struct node *node)
{
	if (w->ending)
		return;
	w->events++;
	if (counts_actions(w->sweep) || w->events != w->sweep_at)
		return;
	switch (w->sweep) {
	case SWEEP_RELOAD:
		reload_now(w, node, false);
		break;
	case SWEEP_RELOAD_CHANGED:
		reload_now(w, node, true);
		break;
	case SWEEP_STALL:
	case SWEEP_HANG:
	case SWEEP_SUSPEND:
		node->pause = w->sweep; /* once this step is over */
		break;
	case SWEEP_NONE:
	case SWEEP_CRASH:
	case SWEEP_CRASH_LOST:
	case SWEEP_KINDS:
		break;
	}
}

/* Between two turns of the loop. */
void sweep_pause(struct world *w, struct node *node)
{
	enum sweep_kind kind = node->pause;

	if (kind == SWEEP_NONE || w->ending || !node->running || node->stopping)
		return;
	node->pause = SWEEP_NONE;
	fault_pause(w, node, kind == SWEEP_HANG, kind == SWEEP_SUSPEND, pause_ns(w));
}

/* ---- telling it ---- */

static bool told(struct world *w, const struct options *o, uint64_t seed, struct statistics *s, enum sweep_kind kind,
		 uint64_t at)
{
	w->sweep = kind;
	w->sweep_at = at;
	return world_run(w, o, seed, s);
}

/* False: something broke; w says what, and where. */
bool sweep_run(struct world *w, const struct options *o, uint64_t seed, struct statistics *s)
{
	uint64_t n, actions, events;

	if (o->sweep_at)
		return told(w, o, seed, s, (enum sweep_kind)__builtin_ctz(o->sweeps), o->sweep_at);
	if (!told(w, o, seed, s, SWEEP_NONE, NEVER))
		return false;
	actions = w->actions;
	events = w->events;
	for (unsigned kind = SWEEP_NONE + 1; kind < SWEEP_KINDS; kind++) {
		n = counts_actions((enum sweep_kind)kind) ? actions : events;
		for (uint64_t at = 1 + seed % o->sweep_stride; at <= n && o->sweeps >> kind & 1; at += o->sweep_stride)
			if (!told(w, o, seed, s, (enum sweep_kind)kind, at))
				return false;
	}
	return true;
}
