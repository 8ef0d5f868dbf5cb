/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nodes of others beside ours, with what is peculiar to each, written from what was seen of them (design/vrrp.md) and not with
 * our core. They hang on one switch, speak for every vip that multicasts, come and go while there are faults, and are
 * all gone when a world settles. What must hold beside them: our nodes' own checks, that a polite one and one of ours are
 * active together no longer than two intervals, and that no node of ours speaks more often than it must (check_peers). */
#include <string.h>

#include "sim.h"
#include "wire/vrrp.h"

static const char *const names[PEER_KINDS] = {
	[PEER_KEEPALIVED] = "keepalived", [PEER_STRICT] = "strict", [PEER_DEAF] = "deaf",
	[PEER_ZERO] = "zero",		  [PEER_GARBAGE] = "garbage",
};

const char *peer_name(enum peer_kind kind)
{
	return names[kind];
}

static unsigned peer_id(const struct world *w, const struct peer *p)
{
	return SIM_NODES + (unsigned)(p - w->peers);
}

bool peer_is_polite(const struct peer *p)
{
	return p->kind == PEER_KEEPALIVED || p->kind == PEER_STRICT;
}

/* The others know no passwords. */
static bool is_shared(const struct world_vip *vip)
{
	return !vip->unicast && !vip->has_auth;
}

static bool has_election(const struct peer *p)
{
	return p->kind != PEER_ZERO && p->kind != PEER_GARBAGE;
}

/* ---- speaking ---- */

static struct ip source_of(const struct world *w, const struct peer *p, uint8_t family)
{
	uint8_t last = (uint8_t)(100 + peer_id(w, p));

	if (family == FAMILY_6)
		return (struct ip){ .family = FAMILY_6, .bytes = { 0xfe, 0x80, [15] = last } };
	return (struct ip){ .family = FAMILY_4, .bytes = { 10, 0, 0, last } };
}

static void send(struct world *w, struct peer *p, unsigned v, uint8_t priority, bool garbage)
{
	const struct world_vip *vip = &w->vips[v];
	struct peer_advert a = {
		.vip = v,
		.priority = priority,
		.source = source_of(w, p, vip->family),
		.form = p->kind == PEER_STRICT ? VRRP_CHECKSUM_RFC9568 : VRRP_CHECKSUM_RFC5798,
		.garbage = garbage,
	};

	lan_peer_advert(w, p->at, peer_id(w, p), &a);
}

static void announce(struct world *w, struct peer *p, unsigned v, unsigned times)
{
	for (unsigned n = 0; n < times; n++)
		for (unsigned i = 0; i < SIM_VIP_ADDRESSES; i++)
			if (w->vips[v].first >> i & 1)
				lan_peer_announce(w, p->at, peer_id(w, p), &w->vips[v].addresses[i].ip);
}

/* ---- the election, as RFC 9568 §6.4 has it ---- */

static uint64_t skew_ns(const struct world_vip *vip, const struct peer_vip *pv)
{
	return (256U - pv->priority) * (vip->version == 2 ? NSEC_PER_SEC : pv->interval_ns) / 256;
}

static void become_backup(struct world *w, struct peer_vip *pv, unsigned v)
{
	pv->active = false; /* lets go at once */
	pv->active_ns = w->now;
	pv->garp_ns = pv->advert_ns = NEVER;
	pv->down_ns = w->now + 3 * pv->interval_ns + skew_ns(&w->vips[v], pv);
}

static void become_active(struct world *w, struct peer *p, struct peer_vip *pv, unsigned v)
{
	pv->active = true;
	pv->active_ns = w->now;
	pv->down_ns = NEVER;
	send(w, p, v, pv->priority, false);
	announce(w, p, v, 5);
	pv->advert_ns = w->now + w->vips[v].advert_ns;
	pv->garp_ns = w->now + 5 * NSEC_PER_SEC;
}

static void heard(struct world *w, struct peer *p, unsigned v, uint8_t priority, uint64_t interval_ns, bool larger)
{
	struct peer_vip *pv = &p->vips[v];

	if (!pv->active && priority == 0) {
		pv->down_ns = w->now + skew_ns(&w->vips[v], pv);
	} else if (!pv->active && priority >= pv->priority) {
		pv->interval_ns = interval_ns;
		become_backup(w, pv, v);
	} else if (pv->active && (priority > pv->priority || (priority == pv->priority && larger))) {
		pv->interval_ns = interval_ns;
		become_backup(w, pv, v);
	} else if (pv->active) { /* somebody left, or a lower one: it says that it is there */
		send(w, p, v, pv->priority, false);
		pv->advert_ns = w->now + w->vips[v].advert_ns;
	}
}

/* keepalived's socket serves a master's timer anew with whatever comes in for the vrid, right or wrong. */
static void refused(struct world *w, struct peer *p, const struct packet *packet)
{
	int v = configure_vip_of(w, packet->bytes[1], packet->source.family);

	if (v >= 0 && p->kind == PEER_KEEPALIVED && p->vips[v].active)
		p->vips[v].advert_ns = w->now + w->vips[v].advert_ns;
}

void peer_hear(struct world *w, unsigned id, const struct packet *packet)
{
	struct peer *p = &w->peers[id - SIM_NODES];
	struct vrrp_meta meta = { .source = packet->source, .destination = packet->destination, .ttl = packet->ttl };
	struct vrrp_message m;
	struct ip own;
	int v;

	if (!p->up || packet->kind != PACKET_VRRP || !has_election(p) || w->now < p->deaf_until_ns)
		return;
	if (vrrp_decode(packet->bytes, packet->length, &meta, &m) != DROP_NONE ||
	    (m.version == 3 && m.family == FAMILY_4 &&
	     m.checksum != (p->kind == PEER_STRICT ? VRRP_CHECKSUM_RFC9568 : VRRP_CHECKSUM_RFC5798))) {
		refused(w, p, packet);
		return;
	}
	v = configure_vip_of(w, m.vrid, m.family);
	if (v < 0 || !is_shared(&w->vips[v]) || m.version != w->vips[v].version)
		return;
	own = source_of(w, p, m.family);
	heard(w, p, (unsigned)v, m.priority, m.interval_cs * 10 * NSEC_PER_MSEC, ip_compare(&packet->source, &own) > 0);
	peer_schedule(w, p);
}

/* ---- what is due ---- */

static void vip_due(struct world *w, struct peer *p, unsigned v)
{
	struct peer_vip *pv = &p->vips[v];

	if (!has_election(p)) {
		if (pv->advert_ns > w->now)
			return;
		send(w, p, v, p->kind == PEER_ZERO ? 0 : pv->priority, p->kind == PEER_GARBAGE);
		pv->advert_ns = w->now + (p->kind == PEER_ZERO ? rng_range(&w->rng, 2, 5) * NSEC_PER_MSEC
							       : w->vips[v].advert_ns * 9 / 10);
		return;
	}
	if (pv->down_ns <= w->now)
		become_active(w, p, pv, v);
	if (pv->advert_ns <= w->now) {
		send(w, p, v, pv->priority, false);
		pv->advert_ns = w->now + w->vips[v].advert_ns;
	}
	if (pv->garp_ns <= w->now) {
		announce(w, p, v, 5);
		pv->garp_ns = NEVER;
	}
}

static void leave(struct world *w, struct peer *p, bool politely)
{
	for (unsigned v = 0; v < w->n_vips; v++) {
		if (p->vips[v].active && politely)
			send(w, p, v, 0, false);
		p->vips[v].active = false;
	}
	p->up = false;
	trace_add_text(w, peer_id(w, p), "peer %s leaves%s", names[p->kind], politely ? "" : " without a word");
}

static void join(struct world *w, struct peer *p)
{
	p->up = true;
	p->deaf_until_ns = p->kind == PEER_DEAF ? w->now + rng_below(&w->rng, 10 * make_down_max(w)) : 0;
	for (unsigned v = 0; v < w->n_vips; v++) {
		struct peer_vip *pv = &p->vips[v];

		memset(pv, 0, sizeof *pv);
		pv->down_ns = pv->advert_ns = pv->garp_ns = NEVER;
		pv->priority = (uint8_t)rng_range(&w->rng, 1, 254);
		pv->interval_ns = w->vips[v].advert_ns;
		if (!is_shared(&w->vips[v]))
			continue;
		if (has_election(p))
			become_backup(w, pv, v);
		else
			pv->advert_ns = w->now;
	}
	trace_add_text(w, peer_id(w, p), "peer %s comes", names[p->kind]);
}

static uint64_t next_due(const struct world *w, const struct peer *p)
{
	uint64_t next = p->turn_ns;

	for (unsigned v = 0; v < w->n_vips && p->up; v++) {
		const struct peer_vip *pv = &p->vips[v];

		next = pv->down_ns < next ? pv->down_ns : next;
		next = pv->advert_ns < next ? pv->advert_ns : next;
		next = pv->garp_ns < next ? pv->garp_ns : next;
	}
	return next;
}

void peer_schedule(struct world *w, struct peer *p)
{
	uint64_t next = next_due(w, p);

	next = next > w->now ? next : w->now + 1000;
	if (next == NEVER || next == p->armed_ns)
		return;
	p->armed_ns = next;
	world_schedule(w, next, HAPPEN_PEER, peer_id(w, p), 0, 0);
}

/* A zero that repeats itself for ever would be an attack; this one is a bug that somebody notices. */
static uint64_t turn_after(struct world *w, const struct peer *p)
{
	uint64_t most = (p->up ? 8 : 4) * make_down_max(w);

	if (p->kind == PEER_ZERO)
		most = p->up ? 500 * NSEC_PER_MSEC : 20 * NSEC_PER_SEC + 8 * make_down_max(w);
	return w->now + 1 + rng_below(&w->rng, most);
}

void peer_run(struct world *w, unsigned id)
{
	struct peer *p = &w->peers[id - SIM_NODES];

	p->armed_ns = NEVER;
	if (p->turn_ns <= w->now) {
		if (p->up)
			leave(w, p, p->kind == PEER_KEEPALIVED || rng_chance(&w->rng, 500000));
		else
			join(w, p);
		p->turn_ns = turn_after(w, p);
	}
	for (unsigned v = 0; v < w->n_vips && p->up; v++)
		if (is_shared(&w->vips[v]))
			vip_due(w, p, v);
	if (next_due(w, p) <= w->now) /* it would wake every microsecond, for nothing */
		world_fail(w, NULL, "busy", "peer %s leaves undone what is due", names[p->kind]);
	peer_schedule(w, p);
}

/* ---- a world's ---- */

void peers_make(struct world *w)
{
	memset(w->peers, 0, sizeof w->peers);
	w->n_peers = w->options->peers >= 0   ? (unsigned)w->options->peers
		     : rng_chance(&w->rng, 300000) ? (unsigned)rng_range(&w->rng, 1, SIM_PEERS)
						   : 0;
	if (w->beats.by_claims)
		w->n_peers = 0; /* they know VRRP alone */
	for (unsigned i = 0; i < w->n_peers; i++) {
		struct peer *p = &w->peers[i];

		p->kind = (enum peer_kind)rng_below(&w->rng, PEER_KINDS);
		if (w->options->peer_kinds && !(w->options->peer_kinds >> p->kind & 1))
			p->kind = (enum peer_kind)__builtin_ctz(w->options->peer_kinds);
		p->at = (unsigned)rng_below(&w->rng, 2);
		p->turn_ns = p->armed_ns = NEVER;
	}
}

void peers_begin(struct world *w)
{
	for (unsigned i = 0; i < w->n_peers; i++) {
		w->peers[i].turn_ns = turn_after(w, &w->peers[i]);
		peer_schedule(w, &w->peers[i]);
	}
}

void peers_end(struct world *w)
{
	for (unsigned i = 0; i < w->n_peers; i++) {
		if (w->peers[i].up)
			leave(w, &w->peers[i], rng_chance(&w->rng, 500000));
		w->peers[i].turn_ns = NEVER;
	}
}
