/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A world from its seed, its life in rounds of faults and settling, and its end: everybody stops and nothing is left.
 */
#include "sim.h"

void world_schedule(struct world *w, uint64_t time, enum happen type, unsigned node, uint32_t a, uint32_t b)
{
	heap_push(&w->heap,
		  (struct happening){ .time = time, .type = (uint16_t)type, .node = (uint16_t)node, .a = a, .b = b });
}

/* ---- its life ---- */

static void happen(struct world *w, const struct happening *h)
{
	struct node *node = &w->nodes[h->node < SIM_NODES ? h->node : 0];

	switch ((enum happen)h->type) {
	case HAPPEN_RUN:
		if (node->running && h->a == node->life && h->time == node->run_ns)
			shell_run(w, node);
		break;
	case HAPPEN_PACKET:
		if (h->node >= SIM_NODES)
			peer_hear(w, h->node, &w->packets[h->a]);
		if (h->node >= SIM_NODES)
			lan_release(w, h->a);
		else
			lan_arrive(w, node, h->b, h->a);
		break;
	case HAPPEN_PEER:
		if (h->time == w->peers[h->node - SIM_NODES].armed_ns)
			peer_run(w, h->node);
		break;
	case HAPPEN_APPLY:
		if (node->running && h->a == node->life)
			applier_run(w, node);
		break;
	case HAPPEN_EXPIRE:
		if (h->a == node->boot && node->powered && !node->suspended && h->time == node->expire_armed_ns)
			kernel_expire(w, node);
		break;
	case HAPPEN_MIIMON:
		for (unsigned i = 0; i < SIM_LINKS && h->a == node->boot; i++)
			if (node->links[i].exists && node->links[i].ifindex == (int)h->b)
				bonding_poll(w, node, &node->links[i]);
		break;
	case HAPPEN_LINKWATCH:
		if (h->a != node->boot || !node->links[h->b].exists)
			break;
		node->links[h->b].watch_armed = false;
		kernel_tell_link(w, node, &node->links[h->b], 0);
		break;
	case HAPPEN_FAULT:
		fault_happen(w);
		break;
	case HAPPEN_HEAL:
		fault_heal(w, h->a);
		break;
	case HAPPEN_DELETE:
		fault_delete(w, node);
		break;
	case HAPPEN_RELOAD:
		if (w->faults_on)
			reload_happen(w, node);
		break;
	case HAPPEN_FLAP:
		fault_flap(w, h->a);
		break;
	case HAPPEN_BEAT_FAULT:
		beat_fault_happen(w);
		break;
	case HAPPEN_BEAT_HEAL:
		beat_fault_heal(w, h->a);
		break;
	case HAPPEN_CHECK:
		check_time(w);
		hearing_check(w);
		order_check(w);
		world_schedule(w, w->now + w->check_ns, HAPPEN_CHECK, 0, 0, 0);
		break;
	}
}

bool world_live(struct world *w, uint64_t end)
{
	struct happening h;

	while (!w->failed && heap_pop(&w->heap, &h)) {
		if (h.time > end) {
			heap_push(&w->heap, h);
			break;
		}
		w->now = h.time;
		happen(w, &h);
		if (w->options->steps && w->statistics->steps >= w->options->steps)
			return false;
	}
	if (!w->failed)
		w->now = end;
	return !w->failed;
}

/* Long enough for the slowest of: a Down after a lost lease, hold, the core's longest wait after a refusal. */
static uint64_t settle_ns(const struct world *w)
{
	uint64_t refused = w->fault_mask >> FAULT_REFUSE_LONG & 1 ? 2 * REFUSED_LONG_GRACE : 0;

	return 20 * NSEC_PER_SEC + 6 * make_down_max(w) + HOLD_MAX + PREEMPT_DELAY_MAX + refused;
}

static bool all_run(struct world *w)
{
	for (unsigned n = 0; n < w->n_nodes; n++)
		if (!w->nodes[n].running || w->nodes[n].stopping || w->nodes[n].stalled || w->nodes[n].loop_stalled)
			return false;
	return true;
}


static bool is_settled(struct world *w)
{
	if (!all_run(w))
		return false;
	w->trying = true;
	w->refused = false;
	check_settled(w);
	w->trying = false;
	return !w->refused;
}

/* Most worlds have settled long before the slowest would have: they go on when it is so twice in a row. One in ten waits for
 * its time. */
static bool live_until_is(struct world *w, uint64_t end, bool (*is)(struct world *), bool patient)
{
	uint64_t step = NSEC_PER_SEC + make_down_max(w) / 2;
	unsigned in_a_row = 0;

	while (w->now < end) {
		in_a_row = is(w) ? in_a_row + 1 : 0;
		if (in_a_row >= 2 && !patient)
			break;
		if (!world_live(w, w->now + step < end ? w->now + step : end))
			return false;
	}
	return true;
}

static bool settle(struct world *w)
{
	uint32_t loss = w->loss;
	bool patient = w->seed % 10 == 0 && !w->options->sweeps;

	trace_add_text(w, 0, "settling");
	peers_end(w);
	fault_heal_all(w);
	if (!live_until_is(w, w->now + settle_ns(w) / 2, all_run, patient))
		return false;
	fault_heal_all(w); /* whoever was still leaving starts now */
	for (unsigned n = 0; n < w->n_nodes && !w->failed; n++)
		shell_switch(w, &w->nodes[n], NULL); /* what a person chose is no longer */
	w->loss = 0;
	if (!live_until_is(w, w->now + settle_ns(w) / 2 + make_down_max(w), is_settled, patient))
		return false;
	if (!all_run(w))
		world_fail(w, NULL, "settled", "somebody does not run");
	else
		check_settled(w);
	w->loss = loss;
	return !w->failed;
}

bool world_stop(struct world *w)
{
	trace_add_text(w, 0, "everybody stops");
	w->ending = true;
	for (unsigned n = 0; n < w->n_nodes; n++) {
		shell_stop(w, &w->nodes[n]);
		if (!world_live(w, w->now + rng_below(&w->rng, NSEC_PER_SEC)))
			return false;
	}
	if (!world_live(w, w->now + 20 * NSEC_PER_SEC))
		return false;
	check_nothing_left(w);
	return !w->failed;
}

/* The checks by time begin. */
void world_watch(struct world *w)
{
	world_schedule(w, w->now, HAPPEN_CHECK, 0, 0, 0);
}

static void life(struct world *w)
{
	uint64_t time = w->options->time_ns;
	unsigned rounds = time || w->options->sweeps ? 1 : (unsigned)rng_range(&w->rng, 1, 3);

	for (unsigned n = 0; n < w->n_nodes; n++) {
		shell_start(w, &w->nodes[n]);
		if (!world_live(w, w->now + rng_below(&w->rng, 2 * NSEC_PER_SEC)))
			return;
	}
	world_watch(w);
	for (unsigned i = 0; i < rounds; i++) {
		uint64_t trouble = (30 + rng_below(&w->rng, 90)) * w->fault_gap_ns + 2 * settle_ns(w);

		if (w->options->sweeps)
			trouble = 5 * w->fault_gap_ns + NSEC_PER_SEC;
		w->faults_on = true;
		world_schedule(w, w->now, HAPPEN_FAULT, 0, 0, 0);
		if (w->beats.n_paths)
			world_schedule(w, w->now, HAPPEN_BEAT_FAULT, 0, 0, 0);
		peers_begin(w);
		if (!world_live(w, w->now + (time ? time : trouble)))
			return;
		if (!settle(w))
			return;
	}
	world_stop(w);
}

static void world_allocate(struct world *w)
{
	if (w->nodes)
		return;
	w->nodes = make_memory(SIM_NODES, sizeof *w->nodes);
	w->packets = make_memory(SIM_PACKETS, sizeof *w->packets);
	w->free_packets = make_memory(SIM_PACKETS, sizeof *w->free_packets);
	w->trace = make_memory(SIM_TRACE, sizeof *w->trace);
}

/* The memory of a world serves the next one. */
void world_begin(struct world *w, const struct options *options, uint64_t seed, struct statistics *statistics)
{
	world_allocate(w);
	w->options = options;
	w->statistics = statistics;
	w->seed = seed;
	w->now = SIM_START;
	w->hash = 0xcbf29ce484222325ULL;
	w->heap.n = 0;
	w->heap.order = 0;
	w->trace_n = w->actions = w->events = 0;
	w->failed = w->ending = false;
	w->faults_on = false;
	rng_seed(&w->rng, seed);
	make_world(w);
	trace_add_text(w, 0, "world %llu: %u nodes, %u vips, cap %u, faults 0x%x", (unsigned long long)seed, w->n_nodes,
		       w->n_vips, w->cap, w->fault_mask);
}

void world_end(struct world *w)
{
	struct statistics *s = w->statistics;

	safety_end(w);
	for (unsigned n = 0; n < w->n_nodes; n++)
		if (w->nodes[n].core)
			core_free(w->nodes[n].core);
	s->worlds++;
	s->virtual_ns += w->now - SIM_START;
	s->hash += (w->seed ^ w->hash) * 0x100000001b3ULL; /* whatever the order of the worlds */
}

bool world_run(struct world *w, const struct options *options, uint64_t seed, struct statistics *statistics)
{
	world_begin(w, options, seed, statistics);
	life(w);
	world_end(w);
	return !w->failed;
}
