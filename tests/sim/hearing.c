/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whom the nodes take for alive, by which paths: compared with what the simulator knows of the heartbeats that came in. */
#include <string.h>

#include "sim.h"

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t slack(const struct world *w)
{
	return NSEC_PER_MSEC + 2 * w->loop_ns;
}

static bool is_well(const struct node *node)
{
	return check_is_well(node) && node->process_ns != NEVER;
}

bool hearing_view(const struct world *w, const struct node *node, unsigned other, unsigned path, struct heard *heard)
{
	unsigned shared = node->beat_paths & w->nodes[other].beat_paths;

	if (!(shared >> path & 1) || other == node->id)
		return false;
	core_node(node->core, other, &heard->node);
	core_node_path(node->core, other, (unsigned)__builtin_popcount(shared & ((1U << path) - 1)), &heard->path);
	return true;
}

void hearing_began(struct world *w, struct node *node)
{
	node->woken_ns = w->now;
	for (unsigned n = 0; n < w->n_nodes; n++)
		for (unsigned path = 0; path < w->beats.n_paths; path++) {
			struct hearing *of = &w->beats.hearing[n][node->id][path];

			*of = (struct hearing){ .node = of->node, .path = of->path, .upset_ns = of->upset_ns, .said_ns = of->said_ns, .told_ns = of->told_ns };
			w->beats.hearing[node->id][n][path].said_ns = 0;
		}
}

/* That a node was not awake excuses only who was not silent before. */
void hearing_woken(struct world *w, struct node *node)
{
	node->woken_ns = w->now;
	for (unsigned n = 0; n < w->n_nodes; n++)
		for (unsigned path = 0; path < w->beats.n_paths; path++) {
			struct hearing *h = &w->beats.hearing[n][node->id][path];

			if (h->got_ns && h->until_ns + slack(w) > node->unwell_ns)
				h->until_ns = w->now + h->timeout_ns;
		}
}

void hearing_said(struct world *w, struct node *node, unsigned to, unsigned path)
{
	if (!beat_shared(w, node->id, to, path))
		world_fail(w, node, "heartbeat", "to node %u by path %u, which the two do not share", to, path);
	w->beats.hearing[node->id][to][path].said_ns = w->now;
	for (unsigned v = 0; w->beats.by_claims && v < w->n_vips; v++)
		if (node->watch[v].known && node->watch[v].state == VIP_ACTIVE)
			node->record[v].last_sign_ns = w->now;
}

/* ---- what came in ---- */

static void record(struct world *w, const struct packet *p)
{
	struct beat_record *r = &w->beats.records[w->beats.n_records % SIM_RECORDS];

	if (!rng_chance(&w->beats.rng, 50000) && w->beats.n_records)
		return;
	w->beats.n_records++;
	*r = (struct beat_record){ .from = p->from, .to = (unsigned)p->to, .path = p->path, .length = p->length };
	memcpy(r->bytes, p->bytes, p->length);
}

/* Another start of it: by every path it has to be told anew of what comes in there. */
static void started_anew(struct hearing *of, uint64_t incarnation, uint64_t seen_ns)
{
	for (unsigned path = 0; path < SIM_PATHS; path++) {
		of[path].incarnation = incarnation;
		of[path].sequence = 0;
		of[path].back_ns = seen_ns;
	}
}

/* What it said of its own times last, by whatever path: what comes later by a slower one is older. */
static void announced(struct hearing *of, const struct heartbeat *message)
{
	for (unsigned path = 0; path < SIM_PATHS; path++)
		if (of[path].sequence > message->sequence)
			return;
	for (unsigned path = 0; path < SIM_PATHS; path++) {
		of[path].interval_ns = message->interval_us * 1000ULL;
		of[path].timeout_ns = of[path].interval_ns * message->lost;
	}
}

static void believed(struct world *w, struct node *node, const struct packet *p, const struct event *event, const struct heard *before)
{
	const struct heartbeat *message = event->u.heartbeat.message;
	struct hearing *h = &w->beats.hearing[p->from][node->id][p->path];

	if (message->incarnation != h->incarnation)
		started_anew(w->beats.hearing[p->from][node->id], message->incarnation, event->seen_ns);
	if (message->sequence <= h->sequence)
		world_fail(w, node, "heartbeat-old", "believes what node %u said before what it believed already", p->from);
	if (!before->path.heard_ns || before->path.state == PATH_SILENT || before->path.state == PATH_DOWN ||
	    event->seen_ns >= before->path.heard_ns + before->node.timeout_ns)
		h->back_ns = event->seen_ns;
	h->sequence = message->sequence;
	h->told_ns = later(h->told_ns, message->sequence);
	h->got_ns = later(h->got_ns, event->seen_ns);
	announced(w->beats.hearing[p->from][node->id], message);
	h->until_ns = later(h->until_ns, later(h->got_ns, node->woken_ns) + h->timeout_ns);
	record(w, p);
}

/* The core was given one; before: as it was then. */
void hearing_given(struct world *w, struct node *node, const struct packet *p, const struct event *event, const struct heard *before)
{
	struct heard after;
	bool is_believed;

	if (!hearing_view(w, node, p->from, p->path, &after))
		return;
	is_believed = after.path.received != before->path.received;
	if (p->replayed) {
		w->statistics->replays++;
		if (is_believed || (after.node.state == NODE_ALIVE && before->node.state != NODE_ALIVE))
			world_fail(w, node, "heartbeat-replayed", "believes a record of what node %u once said", p->from);
		return;
	}
	if (!is_believed)
		return;
	believed(w, node, p, event, before);
	if (event->u.heartbeat.message->goodbye && after.node.state != NODE_LEFT)
		world_fail(w, node, "heartbeat-goodbye", "takes node %u, which said goodbye, for %s", p->from,
			   node_state_name(after.node.state));
}

/* ---- by time ---- */

/* It speaks on each path to everybody, whatever it hears and whatever else it does. */
static void check_speaks(struct world *w, const struct node *node, unsigned to, unsigned path)
{
	uint64_t since = later(w->beats.hearing[node->id][to][path].said_ns, node->woken_ns);

	if (w->now > since + node->beat_ns + slack(w))
		world_fail(w, node, "heartbeat-mute", "said nothing to node %u by path %u for %llu ms", to, path,
			   (w->now - since) / NSEC_PER_MSEC);
}

/* Nothing was believed for interval × lost: it is not alive. */
static void check_silent(struct world *w, const struct node *node, unsigned of)
{
	uint64_t until = 0;
	struct node_view view;

	core_node(node->core, of, &view);
	for (unsigned path = 0; path < w->beats.n_paths; path++)
		until = later(until, w->beats.hearing[of][node->id][path].until_ns);
	if (view.state == NODE_ALIVE && w->now > until + slack(w))
		world_fail(w, node, "heartbeat-silent", "takes node %u for alive %llu ms too long", of, (w->now - until) / NSEC_PER_MSEC);
}

/* What does not reach the other is known here within its timeout, two intervals of the other's word about it and the way there and back. */
static void check_one_way(struct world *w, const struct node *node, unsigned of, unsigned path, const struct heard *heard)
{
	const struct hearing *in = &w->beats.hearing[of][node->id][path], *out = &w->beats.hearing[node->id][of][path];
	uint64_t from = later(later(out->told_ns, in->back_ns), node->woken_ns);
	uint64_t until = from + node->beat_ns * node->beat_lost + 2 * in->interval_ns + heard->path.round_trip_ns;

	if (heard->path.state == PATH_UP && w->now > until + slack(w))
		world_fail(w, node, "heartbeat-one-way", "path %u to node %u is up %llu ms after what came there last", path, of,
			   (w->now - from) / NSEC_PER_MSEC);
}

/* Both are well, nothing was lost or late for long: they have found each other. */
static void check_alive(struct world *w, const struct node *node, unsigned of, unsigned path, const struct heard *heard)
{
	const struct node *other = &w->nodes[of];
	uint64_t from = later(w->beats.hearing[of][node->id][path].upset_ns, w->beats.hearing[node->id][of][path].upset_ns);
	uint64_t until;

	from = later(from, later(later(node->woken_ns, other->woken_ns), later(node->excused_ns, other->excused_ns)));
	until = from + 12 * w->beats.interval_ns + w->linkwatch_ns + 300 * NSEC_PER_MSEC;
	if (!is_well(other) || node->stopping || other->stopping || w->now < until)
		return;
	if (heard->node.state != NODE_ALIVE || heard->path.state != PATH_UP)
		world_fail(w, node, "heartbeat-alive", "takes node %u for %s, path %u for %s, undisturbed for %llu ms", of,
			   node_state_name(heard->node.state), path, path_state_name(heard->path.state), (w->now - from) / NSEC_PER_MSEC);
}

bool hearing_connected(const struct world *w, unsigned a, unsigned b)
{
	struct heard one, other;

	for (unsigned path = 0; is_well(&w->nodes[a]) && is_well(&w->nodes[b]) && path < w->beats.n_paths; path++)
		if (hearing_view(w, &w->nodes[a], b, path, &one) && hearing_view(w, &w->nodes[b], a, path, &other) &&
		    one.node.state == NODE_ALIVE && other.node.state == NODE_ALIVE && one.path.state == PATH_UP && other.path.state == PATH_UP)
			return true;
	return false;
}

/* Who is to hold what is decided anew whenever that changes. */
static void notice(struct world *w, struct hearing *h, const struct heard *heard)
{
	if (h->node != heard->node.state || h->path != heard->path.state)
		w->beats.changed_ns = w->now;
	h->node = heard->node.state;
	h->path = heard->path.state;
}

static void check_pair(struct world *w, const struct node *node, unsigned of)
{
	struct heard heard;

	check_silent(w, node, of);
	for (unsigned path = 0; path < w->beats.n_paths; path++) {
		if (!hearing_view(w, node, of, path, &heard))
			continue;
		notice(w, &w->beats.hearing[of][node->id][path], &heard);
		check_speaks(w, node, of, path);
		check_one_way(w, node, of, path, &heard);
		check_alive(w, node, of, path, &heard);
	}
}

void hearing_check(struct world *w)
{
	for (unsigned a = 0; a < w->n_nodes && w->beats.n_paths; a++)
		for (unsigned b = 0; is_well(&w->nodes[a]) && b < w->n_nodes && !w->failed; b++)
			if (a != b)
				check_pair(w, &w->nodes[a], b);
}
