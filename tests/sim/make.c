/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A world from its seed: vips, what they rest on, nodes, and how bad the LAN is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

void *make_memory(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (!p) {
		perror("sim");
		exit(2);
	}
	return p;
}

/* ---- vips ---- */

static bool has_sixes(const struct world_vip *vip)
{
	return vip->first >> SIM_VIP_ADDRESSES_4;
}

/* One of IPv4 may have its vrid's other family beside it. */
static void vip_kind(struct world *w, unsigned v, bool all_plain)
{
	struct world_vip *vip = &w->vips[v], *before = v ? vip - 1 : NULL;
	bool twin = before && before->vrid != (v > 1 ? before[-1].vrid : 0) && rng_chance(&w->rng, 300000);

	vip->vrid = twin ? before->vrid : (uint8_t)(v + 1 + w->seed % 200);
	vip->family = rng_chance(&w->rng, 250000) && v < 12 ? FAMILY_6 : FAMILY_4;
	if (twin)
		vip->family = before->family == FAMILY_4 ? FAMILY_6 : FAMILY_4;
	vip->version = vip->family == FAMILY_4 && rng_chance(&w->rng, 150000) ? 2 : 3;
	vip->has_auth = vip->version == 2 && rng_chance(&w->rng, 500000);
	vip->unicast = rng_chance(&w->rng, 200000) && (vip->family == FAMILY_4 || all_plain);
	vip->lists_self = rng_chance(&w->rng, 500000);
}

static void vip_addresses(struct world *w, unsigned v)
{
	struct world_vip *vip = &w->vips[v];
	unsigned fours = (1U << rng_range(&w->rng, 1, 3)) - 1, sixes = 0;

	if (vip->family == FAMILY_6) {
		sixes = rng_chance(&w->rng, 500000) ? 3 : 1;
		fours &= rng_chance(&w->rng, 400000) ? ~0U : 0;
	} else if (rng_chance(&w->rng, 250000) && v < 12) {
		sixes = 1;
	}
	vip->first = fours | sixes << SIM_VIP_ADDRESSES_4;
	vip->n_addresses = (unsigned)__builtin_popcount(vip->first);
	for (unsigned i = 0; i < SIM_VIP_ADDRESSES; i++) {
		struct config_address *a = &vip->addresses[i];

		a->ip.family = i < SIM_VIP_ADDRESSES_4 ? FAMILY_4 : FAMILY_6;
		a->prefix = i < SIM_VIP_ADDRESSES_4 ? 32 : 128;
		if (i < SIM_VIP_ADDRESSES_4)
			memcpy(a->ip.bytes, (uint8_t[]){ 10, 1, (uint8_t)v, (uint8_t)i }, 4);
		else if (i == SIM_VIP_ADDRESSES_4 && vip->family == FAMILY_6)
			memcpy(a->ip.bytes,
			       (uint8_t[]){ 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0x5e, 0xff, 0xfe, 0, 2, vip->vrid }, 16);
		else
			memcpy(a->ip.bytes, (uint8_t[]){ 0xfd, [13] = (uint8_t)v, [15] = (uint8_t)i }, 16);
	}
}

/* Mostly of one size in one world: what happens is spaced by the longest, and the shortest would only repeat itself. */
static uint64_t advert_make(struct world *w)
{
	static const unsigned adverts_ms[] = { 10, 50, 100, 200, 500, 1000, 1000, 1000, 2000 };
	static const unsigned factors[] = { 1, 1, 1, 2, 5 };
	const unsigned n = sizeof adverts_ms / sizeof adverts_ms[0];

	if (w->options->sweeps)
		return (w->seed % 3 ? 100 : 1000) * NSEC_PER_MSEC;
	if (w->seed % 8 == 7)
		return adverts_ms[rng_below(&w->rng, n)] * NSEC_PER_MSEC;
	return adverts_ms[w->seed / 8 % n] * NSEC_PER_MSEC * factors[rng_below(&w->rng, 5)];
}

static void vip_make(struct world *w, unsigned v, bool all_plain)
{
	struct world_vip *vip = &w->vips[v];

	memset(vip, 0, sizeof *vip);
	vip->holder = vip->owner = -1;
	vip_kind(w, v, all_plain);
	vip->advert_ns = advert_make(w);
	if (vip->version == 2)
		vip->advert_ns = rng_range(&w->rng, 1, 2) * NSEC_PER_SEC;
	vip->preempt = rng_chance(&w->rng, 700000);
	vip->preempt_delay_ns = rng_chance(&w->rng, 300000) ? rng_below(&w->rng, PREEMPT_DELAY_MAX) : 0;
	vip->leave_timeout_ns = rng_chance(&w->rng, 300000) ? 200 * NSEC_PER_MSEC : 10 * NSEC_PER_SEC;
	beat_vip(w, vip);
	vip_addresses(w, v);
	vip->lease_ns = (3 * vip->advert_ns + vip->advert_ns + NSEC_PER_SEC - 1) / NSEC_PER_SEC * NSEC_PER_SEC;
	if (vip->lease_ns < 3 * NSEC_PER_SEC)
		vip->lease_ns = 3 * NSEC_PER_SEC;
	if (has_sixes(vip) && vip->lease_ns < 10 * NSEC_PER_SEC)
		vip->lease_ns = 10 * NSEC_PER_SEC;
}

/* Some of the vips, all of the same settings where the configuration demands it. */
static void group_make(struct world *w)
{
	struct world_vip *first = NULL;

	for (unsigned v = 0; v < w->n_vips; v++) {
		struct world_vip *vip = &w->vips[v];
		if (rng_chance(&w->rng, 250000))
			continue;
		vip->grouped = true;
		if (first) {
			vip->preempt = first->preempt;
			vip->preempt_delay_ns = first->preempt_delay_ns;
		}
		first = first ? first : vip;
	}
}

/* ---- nodes ---- */

static void bond_make(const struct world *w, struct node *node)
{
	node->bond.ports = (1U << SIM_PORTS) - 1;
	node->bond.prefer = (int)(w->seed % 3) - 1;
	node->bond.failback = (enum failback)(w->seed / 3 % 3);
	node->bond.hold_ns = w->hold_ns;
	node->bond.gateway = 254;
	node->bond.probes = w->seed / 9 % 2;
	node->bond.selector = w->seed / 18 % 3;
	node->bond.no_damping = w->seed % 7 == 0;
}

static void node_vip(struct world *w, struct node *node, unsigned v)
{
	const struct world_vip *vip = &w->vips[v];
	struct vip_setup *setup = &node->setup[v];

	node->configured[v] = true;
	node->priority[v] = (uint8_t)rng_range(&w->rng, 1, rng_chance(&w->rng, 300000) ? 3 : 254);
	node->advert_ns[v] = vip->advert_ns;
	if (vip->version == 3 && rng_chance(&w->rng, 100000)) /* each node adopts what the active one says */
		node->advert_ns[v] = rng_range(&w->rng, 1, vip->advert_ns / (10 * NSEC_PER_MSEC)) * 10 * NSEC_PER_MSEC;
	setup->wanted = vip->first;
	setup->lease_ns = setup->old_lease_ns = vip->lease_ns;
	setup->plain = node->has_plain && rng_chance(&w->rng, 250000);
	setup->checksum = rng_chance(&w->rng, 600000) ? CHECKSUM_AUTO : (enum checksum_policy)rng_below(&w->rng, 3);
	for (unsigned i = 0; i < v && vip->grouped; i++)
		if (w->vips[i].grouped)
			node->priority[v] = node->priority[i];
	if (rng_chance(&w->rng, 250000))
		make_tracks(w, node, v);
}

/* A route of the bond is a wish, never a need: a world may take it away for good. */
void make_tracks(struct world *w, struct node *node, unsigned v)
{
	const bool possible[SIM_TRACKS] = { [TRACK_BOND] = node->kind != NODE_PLAIN,
					    [TRACK_INTERFACE] = node->has_plain,
					    [TRACK_ROUTE] = node->kind != NODE_PLAIN };
	struct vip_setup *setup = &node->setup[v];

	memset(setup->tracks, 0, sizeof setup->tracks);
	for (unsigned i = 0; i < SIM_TRACKS; i++) {
		setup->tracks[i].used = possible[i] && rng_chance(&w->rng, 400000);
		setup->tracks[i].lower = (uint8_t)rng_range(&w->rng, 1, 253);
		if (i != TRACK_ROUTE && rng_chance(&w->rng, 500000))
			setup->tracks[i].lower = 0;
		if (w->vips[v].owner == (int)node->id && setup->tracks[i].lower)
			setup->tracks[i].used = false;
	}
}

static void node_make(struct world *w, unsigned n, int kind)
{
	struct node *node = &w->nodes[n];
	struct waiting_event *live = node->live, *results = node->results;
	struct waiting_packet *socket = node->socket;
	struct waiting_action *queue = node->queue;

	memset(node, 0, sizeof *node);
	node->live = live ? live : make_memory(SIM_LIVE, sizeof *live);
	node->results = results ? results : make_memory(SIM_RESULTS, sizeof *results);
	node->socket = socket ? socket : make_memory(SIM_SOCKET, sizeof *socket);
	node->queue = queue ? queue : make_memory(SIM_QUEUE, sizeof *queue);
	node->id = n;
	node->kind = kind >= 0 ? (enum node_kind)kind : (enum node_kind)rng_below(&w->rng, NODE_KINDS);
	node->has_plain = node->kind != NODE_PLAIN && rng_chance(&w->rng, 400000);
	bond_make(w, node);
	node->run_ns = node->expire_armed_ns = NEVER;
	node->live_limit = rng_chance(&w->rng, 200000) ? (unsigned)rng_range(&w->rng, 8, 64) : SIM_LIVE;
	node->queue_limit = rng_chance(&w->rng, 50000) ? (unsigned)rng_range(&w->rng, 6, 24) : SIM_QUEUE;
	node->unwell_ns = w->now;
	for (unsigned v = 0; v < w->n_vips; v++)
		node_vip(w, node, v);
}

/* Some vips' addresses are one node's own, on an interface that is not ours to make. */
static void owner_make(struct world *w, unsigned v)
{
	struct node *node = &w->nodes[rng_below(&w->rng, w->n_nodes)];
	struct world_vip *vip = &w->vips[v];

	if (vip->grouped || has_sixes(vip) || !rng_chance(&w->rng, 150000) ||
	    (node->kind != NODE_PLAIN && !node->setup[v].plain))
		return;
	vip->owner = (int)node->id;
	node->priority[v] = 255;
	for (unsigned i = 0; i < SIM_TRACKS; i++)
		node->setup[v].tracks[i].used &= !node->setup[v].tracks[i].lower;
}

/* ---- the world ---- */

uint64_t make_down_max(const struct world *w)
{
	uint64_t most = 0;

	for (unsigned v = 0; v < w->n_vips; v++)
		if (w->vips[v].advert_ns * 4 > most)
			most = w->vips[v].advert_ns * 4;
	return most;
}

static void chances_make(struct world *w)
{
	static const uint32_t losses[] = { 0, 0, 1000, 10000, 50000 };
	static const unsigned gaps[] = { 1, 2, 4, 4, 8, 20 }; /* quarters of the longest Down */

	w->loss = losses[rng_below(&w->rng, 5)];
	w->duplicate = rng_chance(&w->rng, 500000) ? 10000 : 0;
	w->reorder = rng_chance(&w->rng, 500000) ? 20000 : 0;
	w->spike = rng_chance(&w->rng, 500000) ? 2000 : 0;
	w->delay_ns = rng_range(&w->rng, 20, 300) * 1000;
	w->jitter_ns = rng_range(&w->rng, 1, 200) * 1000;
	w->apply_ns = rng_chance(&w->rng, 200000) ? NSEC_PER_MSEC : rng_range(&w->rng, 20, 200) * 1000;
	w->loop_ns = rng_chance(&w->rng, 200000) ? 2 * NSEC_PER_MSEC : rng_range(&w->rng, 5, 100) * 1000;
	w->linkwatch_ns = rng_chance(&w->rng, 300000) ? NSEC_PER_SEC : 0;
	w->hold_ns = rng_chance(&w->rng, 500000) ? rng_range(&w->rng, 100, 3000) * NSEC_PER_MSEC : 0;
	w->cap = rng_chance(&w->rng, 400000) ? 16 : 256;
	w->fault_mask = (uint32_t)rng_next(&w->rng) & w->options->faults;
	if (rng_chance(&w->rng, 300000) || !w->fault_mask)
		w->fault_mask = w->options->faults;
	w->check_ns = 25 * NSEC_PER_MSEC + make_down_max(w) / 64;
	w->fault_gap_ns = make_down_max(w) * gaps[rng_below(&w->rng, 6)] / 4 + 20 * NSEC_PER_MSEC;
}

static void lan_make(struct world *w)
{
	memset(w->cable, 1, sizeof w->cable);
	memset(w->mute, 0, sizeof w->mute);
	w->gateway = true;
	memset(w->apart_ns, 0, sizeof w->apart_ns);
	memset(w->blocked, 0, sizeof w->blocked);
	memset(w->faults, 0, sizeof w->faults);
	w->switch_up[0] = w->switch_up[1] = w->trunk = true;
	w->burst_loss = 0;
	w->burst_delay_ns = 0;
	w->n_free_packets = SIM_PACKETS;
	for (uint32_t i = 0; i < SIM_PACKETS; i++)
		w->free_packets[i] = SIM_PACKETS - 1 - i;
}

void make_world(struct world *w)
{
	static const uint8_t counts[] = { 2, 2, 2, 2, 3, 3, 3, 4, 4, 5, 6, 7, 8 };
	const struct options *o = w->options;
	int kind = o->kind >= 0 ? o->kind : (int)rng_below(&w->rng, NODE_KINDS + 1);

	w->n_nodes = o->nodes ? o->nodes : counts[rng_below(&w->rng, sizeof counts)];
	w->n_vips = o->vips ? o->vips : (unsigned)rng_range(&w->rng, 1, 4);
	if (o->sweeps) { /* a story is told a thousand times */
		w->n_nodes = o->nodes ? o->nodes : 2 + (unsigned)(w->seed % 2);
		w->n_vips = o->vips ? o->vips : 1 + (unsigned)(w->seed / 2 % 3);
	}
	beat_choose(w);
	for (unsigned v = 0; v < w->n_vips; v++)
		vip_make(w, v, kind == NODE_PLAIN);
	w->uneven = false;
	if (rng_chance(&w->rng, 400000))
		group_make(w);
	chances_make(w);
	for (unsigned n = 0; n < w->n_nodes; n++)
		node_make(w, n, kind < NODE_KINDS ? kind : -1);
	for (unsigned v = 0; v < w->n_vips && !w->beats.by_claims; v++)
		owner_make(w, v);
	beat_make(w);
	peers_make(w);
	lan_make(w);
	for (unsigned n = 0; n < w->n_nodes; n++)
		kernel_boot(w, &w->nodes[n]);
}
