/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A world from its seed, its life in rounds of faults and settling, and its end: everybody stops and nothing is left.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

void world_schedule(struct world *w, uint64_t time, enum happen type, unsigned node, uint32_t a, uint32_t b)
{
	heap_push(&w->heap,
		  (struct happening){ .time = time, .type = (uint16_t)type, .node = (uint16_t)node, .a = a, .b = b });
}

static void *must_calloc(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (!p) {
		perror("sim");
		exit(2);
	}
	return p;
}

/* ---- configuration ---- */

static void configure_bond_addresses(struct node *node, struct config_bond *bond)
{
	for (unsigned i = 0; i < 1U + node->bond.second_address; i++) {
		struct config_address *a = &node->config_addresses[i];

		*a = (struct config_address){ .ip = { .family = FAMILY_4 }, .prefix = 24 };
		memcpy(a->ip.bytes, (uint8_t[]){ 10, 0, (uint8_t)(2 * i), (uint8_t)(node->id + 1) }, 4);
	}
	bond->n_addresses = node->config.n_addresses = 1U + node->bond.second_address;
}

static void configure_bond_routes(struct node *node, struct config_bond *bond)
{
	struct config_route *r = node->config_routes;

	if (node->bond.gateway) {
		*r = (struct config_route){ .to = { .family = FAMILY_4 }, .via = { .family = FAMILY_4 } };
		memcpy(r++->via.bytes, (uint8_t[]){ 10, 0, 0, (uint8_t)node->bond.gateway }, 4);
	}
	if (node->bond.second_route) {
		*r = (struct config_route){ .to = { .family = FAMILY_4, .bytes = { 10, 9 } }, .prefix = 16 };
		r++->via = (struct ip){ .family = FAMILY_4, .bytes = { 10, 0, 0, 252 } };
	}
	bond->n_routes = node->config.n_routes = (unsigned)(r - node->config_routes);
	node->config.routes = node->config_routes;
}

static void configure_probes(struct node *node, struct config_bond *bond)
{
	struct config_probe *probe = &node->config_probe;

	memset(probe, 0, sizeof *probe);
	if (!node->bond.probes)
		return;
	snprintf(probe->name, sizeof probe->name, "gateway");
	probe->kind = PROBE_ARP;
	probe->interval_ns = 200 * NSEC_PER_MSEC;
	probe->lost = 3;
	probe->n_targets = 1;
	probe->targets[0].ip = (struct ip){ .family = FAMILY_4, .bytes = { 10, 0, 0, 254 } };
	probe->targets[0].source = node->config_addresses[0].ip;
	bond->n_probes = node->config.n_probes = 1;
	node->config.probes = probe;
}

static void configure_port(const struct node *node, struct config_port *entry, unsigned port)
{
	uint8_t mac[MAC_SIZE] = { 2, 0, 0, 0, (uint8_t)(node->id + 1), (uint8_t)port };

	switch (node->bond.selector) {
	case BY_NAME:
		snprintf(entry->spec, sizeof entry->spec, "eth%u", port);
		break;
	case BY_MAC:
		entry->match = MATCH_MAC;
		memcpy(entry->mac, mac, sizeof mac);
		snprintf(entry->spec, sizeof entry->spec, "mac:02:00:00:00:%02x:%02x", mac[4], mac[5]);
		break;
	case BY_GLOB:
		entry->match = MATCH_GLOB;
		snprintf(entry->spec, sizeof entry->spec, "eth%u*", port);
		break;
	}
}

static void configure_bond(struct node *node)
{
	struct config_bond *bond = &node->config_bond;

	memset(bond, 0, sizeof *bond);
	snprintf(bond->name, sizeof bond->name, "bond%u", node->bond.name);
	bond->driver = node->kind == NODE_KERNEL ? DRIVER_KERNEL : node->kind == NODE_TEAM ? DRIVER_TEAM : DRIVER_MOVE;
	bond->link = -1;
	bond->prefer = -1;
	for (unsigned i = 0; i < SIM_PORTS; i++) {
		unsigned port = node->bond.swapped ? SIM_PORTS - 1 - i : i;

		if (!(node->bond.ports >> port & 1))
			continue;
		if (node->bond.prefer == (int)port)
			bond->prefer = (int)bond->n_ports;
		configure_port(node, &bond->ports[bond->n_ports++], port);
	}
	bond->failback = node->bond.failback;
	bond->hold_ns = node->bond.hold_ns;
	bond->no_damping = node->bond.no_damping;
	configure_bond_addresses(node, bond);
	configure_bond_routes(node, bond);
	configure_probes(node, bond);
	node->config.bonds = bond;
	node->config.n_bonds = 1;
}

static void configure_vip(struct world *w, struct node *node, unsigned v)
{
	const struct world_vip *vip = &w->vips[v];
	const struct vip_setup *setup = &node->setup[v];
	struct config_vip *c = &node->config_vips[node->config.n_vips++];

	memset(c, 0, sizeof *c);
	snprintf(c->name, sizeof c->name, "vip%u-%u", v, setup->name);
	c->bond = node->kind == NODE_PLAIN || setup->plain ? -1 : 0;
	snprintf(c->on, sizeof c->on, "%s",
		 node->kind == NODE_PLAIN ? "eth0"
		 : setup->plain		  ? "eth2"
					  : node->config_bond.name);
	c->vrid = (uint8_t)(v + 1);
	c->priority = node->priority[v];
	c->family = FAMILY_4;
	c->version = 3;
	if (vip->grouped) {
		strcpy(c->group, "g");
		for (unsigned i = 0; i < v; i++)
			c->group_rank += w->vips[i].grouped && node->configured[i];
	}
	c->preempt = vip->preempt;
	c->preempt_delay_ns = vip->preempt_delay_ns;
	c->advert_ns = node->advert_ns[v];
	c->lease_ns = setup->lease_ns;
	c->leave_timeout_ns = vip->leave_timeout_ns;
	c->first_address = node->config.n_addresses;
	for (unsigned i = 0; i < SIM_VIP_ADDRESSES; i++) {
		if (!(setup->wanted >> i & 1))
			continue;
		node->config_addresses[node->config.n_addresses++] = vip->addresses[i];
		c->n_addresses++;
		c->n_listed += i < SIM_VIP_ADDRESSES_4;
	}
}

void world_configure(struct world *w, struct node *node)
{
	memset(&node->config, 0, sizeof node->config);
	snprintf(node->config.node, sizeof node->config.node, "n%u", node->id);
	memcpy(node->config.digest, "0123456789abcdef", 17);
	node->config.vips = node->config_vips;
	node->config.addresses = node->config_addresses;
	if (node->kind != NODE_PLAIN)
		configure_bond(node);
	for (unsigned v = 0; v < w->n_vips; v++)
		if (node->configured[v])
			configure_vip(w, node, v);
}

/* ---- a world from its seed ---- */

static void vip_make(struct world *w, unsigned v)
{
	static const unsigned adverts_ms[] = { 10, 50, 100, 200, 500, 1000, 1000, 1000, 2000 };
	struct world_vip *vip = &w->vips[v];
	unsigned sixes = rng_chance(&w->rng, 250000) ? 1 : 0;

	memset(vip, 0, sizeof *vip);
	vip->holder = -1;
	vip->advert_ns = adverts_ms[rng_below(&w->rng, sizeof adverts_ms / sizeof adverts_ms[0])] * NSEC_PER_MSEC;
	vip->preempt = rng_chance(&w->rng, 700000);
	vip->preempt_delay_ns = rng_chance(&w->rng, 300000) ? rng_below(&w->rng, PREEMPT_DELAY_MAX) : 0;
	vip->leave_timeout_ns = rng_chance(&w->rng, 300000) ? 200 * NSEC_PER_MSEC : 10 * NSEC_PER_SEC;
	vip->first = (1U << rng_range(&w->rng, 1, 3)) - 1;
	if (sixes)
		vip->first |= 1U << SIM_VIP_ADDRESSES_4;
	vip->n_addresses = (unsigned)__builtin_popcount(vip->first);
	vip->lease_ns = (3 * vip->advert_ns + vip->advert_ns + NSEC_PER_SEC - 1) / NSEC_PER_SEC * NSEC_PER_SEC;
	if (vip->lease_ns < 3 * NSEC_PER_SEC)
		vip->lease_ns = 3 * NSEC_PER_SEC;
	if (sixes && vip->lease_ns < 10 * NSEC_PER_SEC)
		vip->lease_ns = 10 * NSEC_PER_SEC;
	for (unsigned i = 0; i < SIM_VIP_ADDRESSES; i++) {
		struct config_address *a = &vip->addresses[i];

		a->ip.family = i < SIM_VIP_ADDRESSES_4 ? FAMILY_4 : FAMILY_6;
		a->prefix = i < SIM_VIP_ADDRESSES_4 ? 32 : 128;
		if (i < SIM_VIP_ADDRESSES_4) {
			memcpy(a->ip.bytes, (uint8_t[]){ 10, 1, (uint8_t)v, (uint8_t)i }, 4);
		} else {
			a->ip.bytes[0] = 0xfd;
			a->ip.bytes[13] = (uint8_t)v;
			a->ip.bytes[15] = (uint8_t)i;
		}
	}
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

static void node_make(struct world *w, unsigned n, int kind)
{
	struct node *node = &w->nodes[n];
	struct waiting_event *live = node->live, *results = node->results;
	struct waiting_packet *socket = node->socket;
	struct waiting_action *queue = node->queue;

	memset(node, 0, sizeof *node);
	node->live = live ? live : must_calloc(SIM_LIVE, sizeof *live);
	node->results = results ? results : must_calloc(SIM_RESULTS, sizeof *results);
	node->socket = socket ? socket : must_calloc(SIM_SOCKET, sizeof *socket);
	node->queue = queue ? queue : must_calloc(SIM_QUEUE, sizeof *queue);
	node->id = n;
	node->kind = kind >= 0 ? (enum node_kind)kind : (enum node_kind)rng_below(&w->rng, NODE_KINDS);
	node->has_plain = node->kind != NODE_PLAIN && rng_chance(&w->rng, 400000);
	bond_make(w, node);
	node->run_ns = node->expire_armed_ns = NEVER;
	node->live_limit = rng_chance(&w->rng, 200000) ? (unsigned)rng_range(&w->rng, 8, 64) : SIM_LIVE;
	node->queue_limit = rng_chance(&w->rng, 50000) ? (unsigned)rng_range(&w->rng, 6, 24) : SIM_QUEUE;
	node->unwell_ns = w->now;
	for (unsigned v = 0; v < w->n_vips; v++) {
		node->configured[v] = true;
		node->priority[v] = (uint8_t)rng_range(&w->rng, 1, rng_chance(&w->rng, 300000) ? 3 : 254);
		node->advert_ns[v] = w->vips[v].advert_ns;
		if (rng_chance(&w->rng, 100000)) /* each node adopts what the active one says */
			node->advert_ns[v] =
				rng_range(&w->rng, 1, w->vips[v].advert_ns / (10 * NSEC_PER_MSEC)) * 10 * NSEC_PER_MSEC;
		node->setup[v].wanted = w->vips[v].first;
		node->setup[v].lease_ns = node->setup[v].old_lease_ns = w->vips[v].lease_ns;
		node->setup[v].plain = node->has_plain && rng_chance(&w->rng, 250000);
		for (unsigned i = 0; i < v && w->vips[v].grouped; i++)
			if (w->vips[i].grouped)
				node->priority[v] = node->priority[i];
	}
}

static uint64_t down_max(const struct world *w)
{
	uint64_t most = 0;

	for (unsigned v = 0; v < w->n_vips; v++)
		if (w->vips[v].advert_ns * 4 > most)
			most = w->vips[v].advert_ns * 4;
	return most;
}

static void world_chances(struct world *w)
{
	static const uint32_t losses[] = { 0, 0, 1000, 10000, 50000 };
	static const unsigned gaps[] = { 1, 4, 10, 30 }; /* quarters of the longest Down */

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
	w->check_ns = 25 * NSEC_PER_MSEC + down_max(w) / 64;
	w->fault_gap_ns = down_max(w) * gaps[rng_below(&w->rng, 4)] / 4 + 20 * NSEC_PER_MSEC;
}

static void world_make(struct world *w)
{
	static const uint8_t counts[] = { 2, 2, 2, 3, 3, 4, 5, 6 };
	const struct options *o = w->options;
	int kind = o->kind >= 0 ? o->kind : (int)rng_below(&w->rng, NODE_KINDS + 1);

	w->n_nodes = o->nodes ? o->nodes : counts[rng_below(&w->rng, sizeof counts)];
	w->n_vips = o->vips ? o->vips : (unsigned)rng_range(&w->rng, 1, 4);
	for (unsigned v = 0; v < w->n_vips; v++)
		vip_make(w, v);
	w->uneven = false;
	if (rng_chance(&w->rng, 400000))
		group_make(w);
	world_chances(w);
	for (unsigned n = 0; n < w->n_nodes; n++)
		node_make(w, n, kind < NODE_KINDS ? kind : -1);
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
	for (unsigned n = 0; n < w->n_nodes; n++)
		kernel_boot(w, &w->nodes[n]);
}

/* ---- its life ---- */

static void happen(struct world *w, const struct happening *h)
{
	struct node *node = &w->nodes[h->node];

	switch ((enum happen)h->type) {
	case HAPPEN_RUN:
		if (node->running && h->a == node->life && h->time == node->run_ns)
			shell_run(w, node);
		break;
	case HAPPEN_PACKET:
		lan_arrive(w, node, h->b, h->a);
		break;
	case HAPPEN_APPLY:
		if (node->running && h->a == node->life)
			applier_run(w, node);
		break;
	case HAPPEN_EXPIRE:
		if (h->a == node->boot && node->powered && h->time == node->expire_armed_ns)
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
	case HAPPEN_CHECK:
		check_time(w);
		world_schedule(w, w->now + w->check_ns, HAPPEN_CHECK, 0, 0, 0);
		break;
	}
}

static bool live_until(struct world *w, uint64_t end)
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

	return 20 * NSEC_PER_SEC + 6 * down_max(w) + HOLD_MAX + PREEMPT_DELAY_MAX + refused;
}

static bool settle(struct world *w)
{
	uint32_t loss = w->loss;

	trace_add_text(w, 0, "settling");
	fault_heal_all(w);
	if (!live_until(w, w->now + settle_ns(w) / 2))
		return false;
	fault_heal_all(w); /* whoever was still leaving starts now */
	for (unsigned n = 0; n < w->n_nodes && !w->failed; n++)
		shell_switch(w, &w->nodes[n], NULL); /* what a person chose is no longer */
	w->loss = 0;
	if (!live_until(w, w->now + settle_ns(w) / 2 + down_max(w)))
		return false;
	check_settled(w);
	w->loss = loss;
	return !w->failed;
}

static bool stop_all(struct world *w)
{
	trace_add_text(w, 0, "everybody stops");
	for (unsigned n = 0; n < w->n_nodes; n++) {
		shell_stop(w, &w->nodes[n]);
		if (!live_until(w, w->now + rng_below(&w->rng, NSEC_PER_SEC)))
			return false;
	}
	if (!live_until(w, w->now + 20 * NSEC_PER_SEC))
		return false;
	check_nothing_left(w);
	return !w->failed;
}

static void life(struct world *w)
{
	uint64_t time = w->options->time_ns;
	unsigned rounds = time ? 1 : (unsigned)rng_range(&w->rng, 1, 3);

	for (unsigned n = 0; n < w->n_nodes; n++) {
		shell_start(w, &w->nodes[n]);
		if (!live_until(w, w->now + rng_below(&w->rng, 2 * NSEC_PER_SEC)))
			return;
	}
	world_schedule(w, w->now, HAPPEN_CHECK, 0, 0, 0);
	for (unsigned i = 0; i < rounds; i++) {
		uint64_t trouble = (30 + rng_below(&w->rng, 90)) * w->fault_gap_ns + 2 * settle_ns(w);

		w->faults_on = true;
		world_schedule(w, w->now, HAPPEN_FAULT, 0, 0, 0);
		if (!live_until(w, w->now + (time ? time : trouble)))
			return;
		if (!settle(w))
			return;
	}
	stop_all(w);
}

static void world_allocate(struct world *w)
{
	if (w->nodes)
		return;
	w->nodes = must_calloc(SIM_NODES, sizeof *w->nodes);
	w->packets = must_calloc(SIM_PACKETS, sizeof *w->packets);
	w->free_packets = must_calloc(SIM_PACKETS, sizeof *w->free_packets);
	w->trace = must_calloc(SIM_TRACE, sizeof *w->trace);
}

/* The memory of a world serves the next one. True: nothing was broken. */
bool world_run(struct world *w, const struct options *options, uint64_t seed, struct statistics *statistics)
{
	world_allocate(w);
	w->options = options;
	w->statistics = statistics;
	w->seed = seed;
	w->now = SIM_START;
	w->hash = 0xcbf29ce484222325ULL;
	w->heap.n = 0;
	w->heap.order = 0;
	w->trace_n = 0;
	w->failed = false;
	w->faults_on = false;
	rng_seed(&w->rng, seed);
	world_make(w);
	trace_add_text(w, 0, "world %llu: %u nodes, %u vips, cap %u, faults 0x%x", (unsigned long long)seed, w->n_nodes,
		       w->n_vips, w->cap, w->fault_mask);
	life(w);
	for (unsigned n = 0; n < w->n_nodes; n++)
		if (w->nodes[n].core)
			core_free(w->nodes[n].core);
	statistics->worlds++;
	statistics->virtual_ns += w->now - SIM_START;
	statistics->hash = (statistics->hash ^ w->hash) * 0x100000001b3ULL;
	return !w->failed;
}
