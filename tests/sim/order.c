/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who is to hold a vip by claims, when nothing has changed for long: the one that the order of claims names (doc/HEARTBEAT.md, "Who
 * is to be active"), computed here of what the simulator knows, not of what the cores say of each other. The nodes fall into
 * parts in which everybody hears everybody; each part by itself has one holder, and nobody in it goes before it. Where one
 * hears another that does not hear it there is no such order, and nothing is asked. */
#include <inttypes.h>

#include "sim.h"

#define LEAVES (500 * NSEC_PER_MSEC) /* who lets a better one have it may answer for so long */
enum { PROBE_ROUNDS = 15 };	     /* so many after which a bond has found the port that is answered */

enum lan { LAN_IS_DEAD, LAN_IS_UNKNOWN, LAN_IS_GOOD };

/* What one node may claim of one vip, best first. */
struct rank {
	bool able;
	enum lan lan;
	unsigned health, priority;
};

/* ---- who hears whom ---- */

static bool is_there(const struct node *node)
{
	return check_is_well(node) && node->process_ns != NEVER;
}

static bool is_heard(const struct world *w, unsigned from, unsigned by, unsigned path)
{
	return w->beats.hearing[from][by][path].until_ns > w->now;
}

static bool any_heard(const struct world *w, unsigned from, unsigned by)
{
	for (unsigned path = 0; path < w->beats.n_paths; path++)
		if (is_heard(w, from, by, path))
			return true;
	return false;
}

static bool both_heard(const struct world *w, unsigned a, unsigned b)
{
	for (unsigned path = 0; path < w->beats.n_paths; path++)
		if (is_heard(w, a, b, path) && is_heard(w, b, a, path))
			return true;
	return false;
}

/* The part that each node is in, as a mask. False: some hear others one way only, or by hearsay, or somebody just went. */
static bool parts_find(const struct world *w, uint16_t parts[SIM_NODES])
{
	for (unsigned a = 0; a < w->n_nodes; a++) {
		parts[a] = 0;
		if (w->nodes[a].running && w->nodes[a].stopping)
			return false;
		for (unsigned b = 0; is_there(&w->nodes[a]) && b < w->n_nodes; b++) {
			bool both = a == b || (is_there(&w->nodes[b]) && both_heard(w, a, b));

			if (!both && any_heard(w, b, a))
				return false;
			parts[a] |= (uint16_t)(both << b);
		}
	}
	for (unsigned a = 0; a < w->n_nodes; a++)
		for (unsigned b = 0; b < w->n_nodes; b++)
			if (parts[a] >> b & 1 && parts[a] != parts[b])
				return false;
	return true;
}

/* ---- what each may claim ---- */

/* Of the bond's port in use. */
static enum probe_state probed(const struct node *node)
{
	struct bond_view bond;
	struct probe_view probe = { .state = PROBE_WAITING };

	if (!node->bond.probes || node->kind == NODE_PLAIN || !core_n_bonds(node->core))
		return PROBE_WAITING;
	core_bond(node->core, 0, &bond);
	if (bond.active_port >= 0)
		core_probe(node->core, 0, (unsigned)bond.active_port, 0, &probe);
	return probe.state;
}

static enum lan lan_of(const struct world *w, const struct node *node, unsigned vip)
{
	enum probe_state probe = node->setup[vip].plain ? PROBE_WAITING : probed(node);

	if (probe == PROBE_LOST)
		return LAN_IS_DEAD;
	for (unsigned n = 0; n < w->n_nodes && probe != PROBE_ANSWERED; n++)
		if (!node->setup[vip].plain && w->beats.kinds[0] == PATH_LAN && is_heard(w, n, node->id, 0))
			return LAN_IS_GOOD;
	return probe == PROBE_ANSWERED ? LAN_IS_GOOD : LAN_IS_UNKNOWN;
}

static struct rank rank_of(const struct world *w, const struct node *node, unsigned vip, bool alone)
{
	struct rank rank = { .able = check_is_able(w, node, vip), .lan = lan_of(w, node, vip), .priority = node->priority[vip] };

	for (unsigned v = 0; v < w->n_vips && w->vips[vip].grouped; v++)
		if (w->vips[v].grouped && node->configured[v] && lan_of(w, node, v) < rank.lan)
			rank.lan = lan_of(w, node, v);
	rank.health = node->given[vip] ? 0 : 255U - (rank.priority - node->watch[vip].priority);
	if (alone && rank.lan == LAN_IS_DEAD) /* isolated */
		rank.able = false;
	return rank;
}

/* With one path, by name, that all have the larger address goes first, which is the larger number here; else the first name. */
static bool goes_first(const struct world *w, unsigned a, unsigned b)
{
	unsigned common = ~0U;

	for (unsigned n = 0; n < w->n_nodes; n++)
		common &= w->nodes[n].beat_paths;
	return common ? a > b : a < b;
}

/* Whether a node goes before the one that holds the vip. Both are able. */
static bool goes_before_holder(const struct world *w, unsigned vip, const struct rank *a, const struct rank *holder)
{
	if (a->lan != holder->lan)
		return a->lan > holder->lan;
	if (a->health != holder->health)
		return a->health > holder->health;
	return w->vips[vip].preempt && a->priority > holder->priority;
}

/* Where nobody holds it, or several think so. */
static bool goes_before(const struct world *w, const struct rank ranks[SIM_NODES], unsigned a, unsigned b)
{
	const struct rank *one = &ranks[a], *other = &ranks[b];

	if (one->lan != other->lan)
		return one->lan > other->lan;
	if (one->health != other->health)
		return one->health > other->health;
	if (one->priority != other->priority)
		return one->priority > other->priority;
	return goes_first(w, a, b);
}

/* ---- the check ---- */

static int first_of(const struct world *w, const struct rank ranks[SIM_NODES], uint16_t part)
{
	int first = -1;

	for (unsigned n = 0; n < w->n_nodes; n++)
		if (part >> n & 1 && ranks[n].able && (first < 0 || goes_before(w, ranks, n, (unsigned)first)))
			first = (int)n;
	return first;
}

static void check_part(struct world *w, unsigned vip, const struct rank ranks[SIM_NODES], uint16_t part)
{
	int holder = -1, first = first_of(w, ranks, part);
	unsigned holders = 0;

	if (first < 0)
		return;
	w->statistics->orders++;
	for (unsigned n = 0; n < w->n_nodes; n++)
		if (part >> n & 1 && (w->vips[vip].any >> n & 1 || w->nodes[n].watch[vip].state == VIP_ACTIVE)) {
			holder = (int)n;
			holders++;
		}
	if (holders != 1 || w->nodes[holder].watch[vip].state != VIP_ACTIVE || !(w->vips[vip].all >> holder & 1)) {
		world_fail(w, &w->nodes[first], "order", "vip %u: %u hold it of the nodes 0x%x, first by claims is node %d", vip, holders, part,
			   first);
		return;
	}
	for (unsigned n = 0; n < w->n_nodes; n++)
		if (part >> n & 1 && ranks[n].able && (!ranks[holder].able || goes_before_holder(w, vip, &ranks[n], &ranks[holder])))
			world_fail(w, &w->nodes[holder], "order",
				   "vip %u: holds it (able %d, LAN %d, health %u, priority %u), node %u goes before (LAN %d, health %u, priority %u)", vip,
				   ranks[holder].able, (int)ranks[holder].lan, ranks[holder].health, ranks[holder].priority, n, (int)ranks[n].lan,
				   ranks[n].health, ranks[n].priority);
}

static void check_parts(struct world *w, unsigned vip, const struct rank ranks[SIM_NODES], const uint16_t parts[SIM_NODES])
{
	for (unsigned n = 0; n < w->n_nodes && !w->failed; n++)
		if (parts[n] && !(parts[n] & ((1U << n) - 1))) /* by its first node */
			check_part(w, vip, ranks, parts[n]);
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
	return (hash ^ value) * 0x100000001b3ULL;
}

/* Since when all of it is as it is. */
static uint64_t known_since(struct world *w, unsigned vip, const struct rank ranks[SIM_NODES], const uint16_t parts[SIM_NODES])
{
	struct world_vip *v = &w->vips[vip];
	uint64_t hash = 0xcbf29ce484222325ULL;

	for (unsigned n = 0; n < w->n_nodes; n++)
		hash = mix(mix(hash, parts[n]), ranks[n].able | (uint64_t)ranks[n].lan << 8 | (uint64_t)ranks[n].health << 16 |
						      (uint64_t)ranks[n].priority << 32);
	if (hash != v->order_hash)
		v->order_ns = w->now;
	v->order_hash = hash;
	return v->order_ns;
}

static uint64_t quiet_ns(const struct world *w, unsigned vip)
{
	uint64_t probes = 0;

	for (unsigned n = 0; n < w->n_nodes; n++)
		if (w->nodes[n].bond.probes)
			probes = PROBE_ROUNDS * w->nodes[n].config_probe.interval_ns;
	return check_none_bound(w, vip) + w->vips[vip].preempt_delay_ns + LEAVES + probes;
}

static uint64_t touched_ns(const struct world *w, unsigned vip)
{
	uint64_t last = w->beats.stirred_ns;

	for (unsigned n = 0; n < w->n_nodes; n++) {
		const struct node *node = &w->nodes[n];
		const uint64_t times[] = { node->excused_ns, node->woken_ns, node->refuse_types ? w->now : 0, node->watch[vip].usable_ns,
					   node->watch[vip].reloaded_ns };

		for (unsigned i = 0; i < sizeof times / sizeof times[0]; i++)
			last = times[i] > last ? times[i] : last;
	}
	return last;
}

/* A core was told of another state of a node, a path or a port. */
void order_stirred(struct world *w)
{
	w->beats.stirred_ns = w->now;
}

static void order_vip(struct world *w, unsigned vip, const uint16_t parts[SIM_NODES], bool settled)
{
	struct rank ranks[SIM_NODES];
	uint64_t since;

	if (w->vips[vip].grouped && w->uneven)
		return;
	for (unsigned n = 0; n < w->n_nodes; n++)
		ranks[n] = parts[n] ? rank_of(w, &w->nodes[n], vip, !(parts[n] & (parts[n] - 1))) : (struct rank){ .able = false };
	since = known_since(w, vip, ranks, parts);
	if (since < touched_ns(w, vip))
		since = touched_ns(w, vip);
	if (settled || w->now > since + quiet_ns(w, vip))
		check_parts(w, vip, ranks, parts);
}

/* Every now and then. */
void order_check(struct world *w)
{
	uint16_t parts[SIM_NODES];

	if (!w->beats.by_claims || w->failed)
		return;
	if (!parts_find(w, parts)) {
		order_stirred(w);
		return;
	}
	for (unsigned v = 0; v < w->n_vips && !w->failed; v++)
		order_vip(w, v, parts, false);
}

/* When all has had its time: all nodes hear each other, whatever was before. */
void order_settled(struct world *w)
{
	uint16_t parts[SIM_NODES];

	if (!w->beats.by_claims || w->failed)
		return;
	if (!parts_find(w, parts) || parts[0] != (1U << w->n_nodes) - 1)
		world_fail(w, NULL, "order", "not everybody hears everybody");
	for (unsigned v = 0; v < w->n_vips && !w->failed; v++)
		order_vip(w, v, parts, true);
}
