/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How safe a world was, in holder-seconds: for how long two well nodes that hear each other both had addresses of a vip, and
 * for how long nobody had them all although a node was there that could. Faults do not excuse here: the numbers tell
 * what clients would have seen; check.c says which of it was more than the protocol's bound. */
#include "sim.h"

struct safety *safety_of(const struct world *w)
{
	return &w->statistics->safety[w->beats.by_claims];
}

static bool is_doubled(const struct world *w, unsigned vip)
{
	uint64_t any = w->vips[vip].any;

	if (!(any & (any - 1)))
		return false;
	for (unsigned a = 0; a < w->n_nodes; a++)
		for (unsigned b = a + 1; any >> a & 1 && b < w->n_nodes; b++)
			if (any >> b & 1 && check_is_well(&w->nodes[a]) && check_is_well(&w->nodes[b]) &&
			    check_connected(w, a, b, vip))
				return true;
	return false;
}

static bool is_orphaned(const struct world *w, unsigned vip)
{
	if (w->vips[vip].all)
		return false;
	for (unsigned n = 0; n < w->n_nodes; n++)
		if (check_could_hold(w, &w->nodes[n], vip))
			return true;
	return false;
}

static void interval_end(struct interval *all, struct span *span, uint64_t bound_ns, const struct world *w)
{
	uint64_t length = w->now - span->since_ns;
	unsigned percent = (unsigned)(100 * length / bound_ns);

	all->count++;
	all->total_ns += length;
	if (length > all->longest_ns) {
		all->longest_ns = length;
		all->longest_bound_ns = bound_ns;
		all->longest_seed = w->seed;
	}
	all->beyond += percent > 100;
	span->on = false;
}

static void follow(struct interval *all, struct span *span, bool is, uint64_t bound_ns, const struct world *w)
{
	if (is && !span->on)
		*span = (struct span){ .on = true, .since_ns = w->now };
	else if (!is && span->on)
		interval_end(all, span, bound_ns, w);
}

/* Call it after whatever changes who has what, or who hears whom. */
void safety_account(struct world *w, unsigned vip)
{
	struct world_vip *v = &w->vips[vip];
	struct safety *s = safety_of(w);

	follow(&s->doubled, &v->doubled, is_doubled(w, vip), check_pair_bound(w, vip), w);
	follow(&s->orphaned, &v->orphaned, is_orphaned(w, vip), check_none_bound(w, vip), w);
}

void safety_account_all(struct world *w)
{
	for (unsigned v = 0; v < w->n_vips; v++)
		safety_account(w, v);
}

/* A world is over, and what still lasted with it. */
void safety_end(struct world *w)
{
	for (unsigned v = 0; v < w->n_vips; v++) {
		struct world_vip *vip = &w->vips[v];

		follow(&safety_of(w)->doubled, &vip->doubled, false, check_pair_bound(w, v), w);
		follow(&safety_of(w)->orphaned, &vip->orphaned, false, check_none_bound(w, v), w);
		safety_of(w)->vip_ns += w->now - SIM_START;
	}
}
