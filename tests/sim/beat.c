/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The paths between nodes, the heartbeats on them, and what goes wrong there. They are the real bytes of src/wire, as the daemon
 * makes and reads them (src/daemon/beat.c), but without keys: what comes in counts as signed. */
#include <stdio.h>
#include <string.h>

#include "sim.h"

enum { TTL = 255, ROUTED_TTL = 62 };

static const char *const names[BEAT_FAULT_KINDS] = {
	[BEAT_CUT] = "cut",	[BEAT_CUT_ALL] = "cut-all", [BEAT_ONE_WAY] = "one-way", [BEAT_DEAF] = "deaf",	  [BEAT_DUMB] = "dumb",
	[BEAT_LOSSY] = "lossy", [BEAT_SLOW] = "slow",	    [BEAT_CABLE] = "cable",	[BEAT_REPLAY] = "replay",
};

const char *beat_fault_name(enum beat_fault_kind kind)
{
	return names[kind];
}

/* ---- the world's ---- */

/* So many datagrams that a world is not about them alone. */
static uint64_t interval_make(struct world *w)
{
	static const unsigned intervals_ms[] = { 2, 10, 20, 50, 100, 100, 100, 200, 500 };
	uint64_t interval = intervals_ms[rng_below(&w->beats.rng, sizeof intervals_ms / sizeof intervals_ms[0])] * NSEC_PER_MSEC;
	uint64_t least = w->n_nodes * (w->n_nodes - 1) * w->beats.n_paths * NSEC_PER_MSEC / 2;

	return interval < least ? least : interval;
}

/* Every fourth world has them, and more nodes than others. */
void beat_choose(struct world *w)
{
	static const uint8_t counts[] = { 2, 2, 2, 3, 3, 3, 4, 4, 5, 6, 8, 11, 16 };
	const struct options *o = w->options;
	struct beats_world *b = &w->beats;

	memset(b, 0, sizeof *b);
	rng_seed(&b->rng, w->seed ^ 0x6265617473ULL);
	if (o->paths < 0 && w->seed % 4 == 3 && !o->sweeps)
		b->n_paths = (unsigned)rng_range(&b->rng, 1, SIM_PATHS);
	else if (o->paths > 0)
		b->n_paths = (unsigned)o->paths;
	if (!b->n_paths)
		return;
	if (!o->nodes && !o->sweeps)
		w->n_nodes = counts[rng_below(&b->rng, sizeof counts)];
	b->kinds[0] = PATH_LAN;
	for (unsigned i = 1; i < b->n_paths; i++)
		b->kinds[i] = rng_chance(&b->rng, 500000) ? PATH_CABLE : PATH_ROUTED;
	b->interval_ns = interval_make(w);
	b->by_claims = rng_chance(&b->rng, 600000);
	w->statistics->beat_worlds++;
}

/* Its times are those of heartbeats: three of these are more than the longest detection time that a reload may bring. */
void beat_vip(const struct world *w, struct world_vip *vip)
{
	if (!w->beats.by_claims)
		return;
	vip->advert_ns = w->beats.interval_ns > 4 * NSEC_PER_MSEC ? 3 * w->beats.interval_ns : 10 * NSEC_PER_MSEC;
	vip->version = 3;
	vip->has_auth = vip->unicast = false;
	vip->owner = -1;
}

static void adopt_interval(struct world *w, struct node *node)
{
	for (unsigned v = 0; w->beats.by_claims && v < w->n_vips; v++)
		node->advert_ns[v] = node->beat_ns;
}

/* One path all have; it need not be the LAN. */
void beat_make(struct world *w)
{
	struct beats_world *b = &w->beats;
	unsigned common = b->n_paths ? 1U << rng_below(&b->rng, b->n_paths) : 0;
	unsigned all = (1U << b->n_paths) - 1;

	if (rng_chance(&b->rng, 150000) && common != 1)
		all &= ~1U;
	for (unsigned n = 0; n < w->n_nodes; n++) {
		struct node *node = &w->nodes[n];

		node->beat_paths = rng_chance(&b->rng, 150000) ? all & ((unsigned)rng_next(&b->rng) | common) : all;
		node->beat_ns = b->interval_ns;
		node->beat_lost = 3;
		adopt_interval(w, node);
	}
}

bool beat_shared(const struct world *w, unsigned a, unsigned b, unsigned path)
{
	return w->nodes[a].beat_paths >> path & w->nodes[b].beat_paths >> path & 1;
}

void beat_reload(struct world *w, struct node *node)
{
	if (rng_chance(&w->beats.rng, 700000))
		return;
	node->beat_ns = w->beats.interval_ns * rng_range(&w->beats.rng, 1, 2);
	node->beat_lost = (unsigned)rng_range(&w->beats.rng, 2, 4);
	adopt_interval(w, node);
	trace_add_text(w, node->id, "reload: a heartbeat each %u ms, lost %u", (unsigned)(node->beat_ns / NSEC_PER_MSEC), node->beat_lost);
}

/* ---- a node's configuration ---- */

static struct ip address_of(const struct world *w, unsigned node, unsigned path)
{
	struct ip ip = { .family = FAMILY_4 };
	uint8_t third = w->beats.kinds[path] == PATH_LAN ? 0 : (uint8_t)(100 + path);

	memcpy(ip.bytes, (uint8_t[]){ 10, 0, third, (uint8_t)(node + 1) }, 4);
	return ip;
}

static void configure_path(const struct world *w, const struct node *of, unsigned path, struct config_path *c)
{
	memset(c, 0, sizeof *c);
	snprintf(c->name, sizeof c->name, "path%u", path);
	c->bond = -1;
	if (w->beats.kinds[path] != PATH_LAN)
		snprintf(c->on, sizeof c->on, "eth%u", SIM_LAN_LINKS + path - 2);
	else if (of->kind == NODE_PLAIN)
		snprintf(c->on, sizeof c->on, "eth0");
	else
		snprintf(c->on, sizeof c->on, "%s", of->config_bond.name);
	if (w->beats.kinds[path] == PATH_LAN && of->kind != NODE_PLAIN)
		c->bond = 0;
	c->address = address_of(w, of->id, path);
	c->routed = w->beats.kinds[path] == PATH_ROUTED;
}

void beat_configure(struct world *w, struct node *node)
{
	struct config *config = &node->config;

	config->nodes = node->config_nodes;
	config->paths = node->config_paths;
	config->n_nodes = w->n_nodes;
	config->n_paths = 0;
	config->self = (int)node->id;
	config->common_digest = w->seed + node->edition;
	config->heartbeat = (struct config_heartbeat){ .interval_ns = node->beat_ns, .lost = node->beat_lost, .port = 1122,
						       .auth = HEARTBEAT_AUTH_REQUIRED };
	for (unsigned n = 0; n < w->n_nodes; n++) {
		struct config_node *c = &node->config_nodes[n];

		memset(c, 0, sizeof *c);
		snprintf(c->name, sizeof c->name, "n%02u", n);
		c->first_path = config->n_paths;
		for (unsigned path = 0; path < w->beats.n_paths; path++)
			if (w->nodes[n].beat_paths >> path & 1)
				configure_path(w, &w->nodes[n], path, &config->paths[config->n_paths++]);
		c->n_paths = config->n_paths - c->first_path;
	}
	snprintf(config->node, sizeof config->node, "%s", config->nodes[node->id].name);
}

/* The node's own number of a path of the world, and back. */
static unsigned own_number(const struct node *node, unsigned path)
{
	return (unsigned)__builtin_popcount(node->beat_paths & ((1U << path) - 1));
}

static unsigned path_of(const struct node *node, unsigned own)
{
	unsigned path = 0;

	while (!(node->beat_paths >> path & 1) || own_number(node, path) != own)
		path++;
	return path;
}

/* ---- what is said ---- */

void beat_lost(struct world *w, const struct packet *p)
{
	if (p->replayed)
		return;
	w->statistics->beats_lost++;
	w->beats.hearing[p->from][p->to][p->path].upset_ns = w->now;
}

/* Whatever takes longer than this on its way and back may not be told in time. */
void beat_late(struct world *w, const struct packet *p, uint64_t delay_ns)
{
	uint64_t *upset = &w->beats.hearing[p->from][p->to][p->path].upset_ns;

	if (!p->replayed && delay_ns > w->beats.interval_ns / 2 && *upset < w->now + delay_ns)
		*upset = w->now + delay_ns;
}

static bool is_cut(const struct world *w, const struct packet *p)
{
	for (unsigned i = 0; i < SIM_BEAT_FAULTS; i++) {
		const struct beat_fault *f = &w->beats.faults[i];

		if (f->on && f->kind != BEAT_LOSSY && (f->kind == BEAT_CUT_ALL || f->kind == BEAT_DEAF || f->kind == BEAT_DUMB || f->path == p->path) &&
		    f->cut[p->from] >> p->to & 1)
			return true;
	}
	return false;
}

static bool is_unlucky(struct world *w, const struct packet *p)
{
	uint32_t chance = 0;

	for (unsigned i = 0; i < SIM_BEAT_FAULTS; i++) {
		const struct beat_fault *f = &w->beats.faults[i];

		if (f->on && f->kind == BEAT_LOSSY && f->path == p->path && f->cut[p->from] >> p->to & 1)
			chance = 400000;
	}
	return rng_chance(&w->beats.rng, chance);
}

static uint64_t delay_of(struct world *w, const struct packet *p)
{
	uint64_t delay = w->beats.kinds[p->path] == PATH_ROUTED ? rng_below(&w->beats.rng, w->beats.interval_ns / 4) : 0;

	for (unsigned i = 0; i < SIM_BEAT_FAULTS; i++)
		if (w->beats.faults[i].on && w->beats.faults[i].kind == BEAT_SLOW && w->beats.faults[i].path == p->path)
			delay += rng_below(&w->beats.rng, 5 * w->beats.interval_ns);
	return delay;
}

static void beat_carry(struct world *w, const struct packet *p)
{
	uint64_t delay = p->replayed ? 0 : delay_of(w, p);

	if (!p->replayed && (is_cut(w, p) || is_unlucky(w, p))) {
		beat_lost(w, p);
		return;
	}
	lan_beat(w, p, delay);
}

void beat_send(struct world *w, struct node *node, const struct action *action)
{
	const struct action_heartbeat *a = &action->u.heartbeat;
	struct heartbeat message = *a->message;
	struct packet p = { .kind = PACKET_BEAT, .vip = -1, .from = (uint16_t)node->id, .to = action->object.index,
			    .path = path_of(node, a->path), .source = a->from, .destination = a->to };
	size_t length;

	snprintf(message.software, sizeof message.software, "sim");
	length = heartbeat_begin(p.bytes, sizeof p.bytes, &message);
	for (unsigned i = 0; length && i < a->n_claims; i++)
		heartbeat_put_claim(p.bytes, sizeof p.bytes, &length, &a->claims[i]);
	if (length)
		length = heartbeat_finish(p.bytes, length);
	if (!length || strcmp(message.path, node->config_paths[node->config_nodes[node->id].first_path + a->path].name) != 0)
		world_fail(w, node, "heartbeat", "it cannot be encoded, or names another path");
	p.length = (uint16_t)length;
	p.ttl = w->beats.kinds[p.path] == PATH_ROUTED ? ROUTED_TTL : TTL;
	w->statistics->beats++;
	hearing_said(w, node, (unsigned)p.to, p.path);
	beat_carry(w, &p);
}

void beat_read(struct world *w, const struct node *node, const struct packet *p, int ifindex, struct heartbeat *message,
	       struct event *event)
{
	struct event_heartbeat *h = &event->u.heartbeat;

	h->path = own_number(node, p->path);
	h->ifindex = ifindex;
	h->source = p->source;
	h->auth = HEARTBEAT_SIGNED;
	h->message = message;
	h->drop = p->ttl != TTL && w->beats.kinds[p->path] != PATH_ROUTED ? HEARTBEAT_TTL : heartbeat_decode(p->bytes, p->length, message);
}

/* ---- what goes wrong ---- */

void beat_cables(struct world *w)
{
	for (unsigned i = 0; i < SIM_BEAT_FAULTS; i++)
		if (w->beats.faults[i].on && w->beats.faults[i].kind == BEAT_CABLE)
			w->cable[w->beats.faults[i].node][SIM_LAN_LINKS + w->beats.faults[i].path - 1] = false;
}

/* Somebody who recorded what was believed says it again, some of it to a node that started anew since. */
static void replay(struct world *w)
{
	struct beats_world *b = &w->beats;
	unsigned n = b->n_records < SIM_RECORDS ? b->n_records : SIM_RECORDS;

	for (unsigned i = 0; n && i < 20; i++) {
		const struct beat_record *r = &b->records[rng_below(&b->rng, n)];
		struct packet p = { .kind = PACKET_BEAT, .vip = -1, .from = (uint16_t)r->from, .to = (int)r->to, .path = r->path,
				    .length = r->length, .replayed = true };

		p.source = address_of(w, r->from, r->path);
		p.destination = address_of(w, r->to, r->path);
		p.ttl = b->kinds[r->path] == PATH_ROUTED ? ROUTED_TTL : TTL;
		memcpy(p.bytes, r->bytes, r->length);
		beat_carry(w, &p);
	}
}

static uint16_t some_nodes(struct world *w)
{
	uint64_t bits = rng_next(&w->beats.rng);

	return (uint16_t)(rng_chance(&w->beats.rng, 500000) ? bits & bits >> 16 : bits);
}

/* Any directed pairs, or two sides that do not hear each other. */
static void cut_some(struct world *w, struct beat_fault *f)
{
	uint16_t side = some_nodes(w);
	bool sides = rng_chance(&w->beats.rng, 500000);

	for (unsigned n = 0; n < w->n_nodes; n++) {
		uint16_t other = side >> n & 1 ? (uint16_t)~side : side;

		f->cut[n] = sides ? other : some_nodes(w);
	}
}

static void cut_make(struct world *w, struct beat_fault *f)
{
	uint16_t one = (uint16_t)(1U << (f->node + 1 + rng_below(&w->beats.rng, w->n_nodes - 1)) % w->n_nodes);

	memset(f->cut, 0, sizeof f->cut);
	switch ((int)f->kind) {
	case BEAT_CUT:
	case BEAT_CUT_ALL:
		cut_some(w, f);
		break;
	case BEAT_ONE_WAY:
	case BEAT_LOSSY:
		f->cut[f->node] = one;
		break;
	case BEAT_DEAF:
		for (unsigned n = 0; n < w->n_nodes; n++)
			f->cut[n] = (uint16_t)(1U << f->node);
		break;
	case BEAT_DUMB:
		f->cut[f->node] = UINT16_MAX;
		break;
	default:
		break;
	}
}

static void fault_begin(struct world *w, unsigned slot, enum beat_fault_kind kind)
{
	struct beats_world *b = &w->beats;
	struct beat_fault *f = &b->faults[slot];

	f->kind = kind;
	f->path = (unsigned)rng_below(&b->rng, b->n_paths);
	f->node = (unsigned)rng_below(&b->rng, w->n_nodes);
	if (kind == BEAT_CABLE && (f->path == 0 || !(w->nodes[f->node].beat_paths >> f->path & 1)))
		return;
	cut_make(w, f);
	f->on = true;
	b->faults[slot] = *f;
	w->statistics->beat_faults[kind]++;
	trace_add_text(w, f->node, "path %u: %s begins", f->path, names[kind]);
	if (kind == BEAT_CABLE)
		fault_compute(w);
	world_schedule(w, w->now + rng_below(&b->rng, 4 * w->fault_gap_ns + 20 * b->interval_ns), HAPPEN_BEAT_HEAL, 0, slot, 0);
}

void beat_fault_put(struct world *w, const struct beat_fault *fault)
{
	struct beat_fault *f = w->beats.faults;

	while (f < w->beats.faults + SIM_BEAT_FAULTS - 1 && f->on)
		f++;
	*f = *fault;
	if (f->kind == BEAT_CABLE)
		fault_compute(w);
}

void beat_fault_happen(struct world *w)
{
	struct beats_world *b = &w->beats;
	enum beat_fault_kind kind = (enum beat_fault_kind)rng_below(&b->rng, BEAT_FAULT_KINDS);
	unsigned slot = 0;

	if (!w->faults_on)
		return;
	while (slot < SIM_BEAT_FAULTS && b->faults[slot].on)
		slot++;
	if (kind == BEAT_REPLAY) {
		w->statistics->beat_faults[kind]++;
		replay(w);
	} else if (slot < SIM_BEAT_FAULTS) {
		fault_begin(w, slot, kind);
	}
	world_schedule(w, w->now + 1 + rng_below(&b->rng, 2 * w->fault_gap_ns), HAPPEN_BEAT_FAULT, 0, 0, 0);
}

void beat_fault_heal(struct world *w, unsigned slot)
{
	struct beat_fault *f = &w->beats.faults[slot];

	if (!f->on)
		return;
	f->on = false;
	trace_add_text(w, f->node, "path %u: %s ends", f->path, names[f->kind]);
	if (f->kind == BEAT_CABLE)
		fault_compute(w);
}

void beat_heal_all(struct world *w)
{
	for (unsigned i = 0; i < SIM_BEAT_FAULTS; i++)
		beat_fault_heal(w, i);
}
