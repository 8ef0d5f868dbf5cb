/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The election by claims: every heartbeat says what its sender claims of each vip, so every node puts the claims into the same
 * order and needs nothing else: no timer that tells of a death, and no skew (doc/HEARTBEAT.md, "Who is to be active").
 *
 * The best one takes the vip, addresses first. Who holds it and sees a better one that is active leaves, as a lame duck. So the
 * only states are those of vip.c, and the only difference is what moves a vip from one to the next.
 *
 * The policy is level-triggered: whatever changes a claim, ours or another's, makes the vip dirty, and every dirty one is decided
 * before the plan is made. */
#include "core/vip.h"

#include <stdlib.h>

enum {
	HEALTH_WHOLE = 255,
	HEALTH_GIVEN = 0,            /* a person handed it over: any able one goes before */
};

/* One node's claim beside another's. */
struct standing {
	struct claim claim;
	unsigned node;               /* index in the configuration */
	bool last_word;              /* holds it, and cannot be told of better claims: it does not hear us, or does not listen to them */
};

bool vip_by_claims(const struct vip *vip)
{
	return vip->cfg.protocol == PROTOCOL_HEARTBEAT;
}

uint64_t claim_sent_ns(const struct core *core, const struct vip *vip)
{
	return vip_by_claims(vip) ? max64(vip->sent_ns, core->beat_sent_ns) : vip->sent_ns;
}

static struct claim *claim_of(const struct core *core, unsigned node, const struct vip *vip)
{
	return &core->claims[node * core->n_vips + unit_of_vip(core, vip)];
}

static const char *node_name(const struct core *core, unsigned node)
{
	return core->config.nodes[node].name;
}

/* ---- the LAN ------------------------------------------------------------------------------------------------------ */

/* What the probes through the port in use say; a vlan has those of the bond below it. */
static enum lan_verdict probed(const struct core *core, const struct bond *bond)
{
	if (!bond->n_targets && bond->link != NONE)
		bond = &core->bonds[bond->link];
	if (!bond->n_targets || bond->active == NONE)
		return LAN_UNKNOWN;
	if (bond->ports[bond->active].probes == VERDICT_LOST)
		return LAN_DEAD;
	return bond->ports[bond->active].reached_ns ? LAN_GOOD : LAN_UNKNOWN;
}

static bool hears_by(const struct core *core, const struct iface *iface)
{
	for (unsigned i = 0; i < core->n_lanes_to; i++) {
		const struct lane *lane = &core->lanes[i];
		if ((lane->state == PATH_UP || lane->state == PATH_ONE_WAY) && peer_lane_iface(core, lane) == iface)
			return true;
	}
	return false;
}

static enum lan_verdict own_verdict(const struct core *core, const struct vip *vip)
{
	const struct iface *iface = vip_iface(core, vip);
	enum lan_verdict verdict = LAN_UNKNOWN;

	if (vip_link_trouble(core, vip->cfg.bond, vip->iface).code != REASON_NONE)
		return LAN_DEAD;
	if (vip->cfg.bond != NONE)
		verdict = probed(core, &core->bonds[vip->cfg.bond]);
	return verdict == LAN_UNKNOWN && iface && hears_by(core, iface) ? LAN_GOOD : verdict;
}

/* Dead before unknown before good: the members of a group move together, so the worst of their LANs counts for all. */
static unsigned verdict_rank(enum lan_verdict verdict)
{
	switch (verdict) {
	case LAN_DEAD:
		return 0;
	case LAN_UNKNOWN:
		return 1;
	case LAN_GOOD:
		return 2;
	}
	return 1;
}

static enum lan_verdict verdict_of(const struct core *core, const struct vip *vip)
{
	enum lan_verdict worst = own_verdict(core, vip);

	for (const struct vip *m = vip_next_member(core, vip); m != vip; m = vip_next_member(core, m)) {
		enum lan_verdict verdict = own_verdict(core, m);
		if (verdict_rank(verdict) < verdict_rank(worst))
			worst = verdict;
	}
	return worst;
}

static bool anybody_lives(const struct core *core)
{
	for (unsigned i = 0; i < core->n_peers; i++) {
		if (core->peers[i].state == NODE_ALIVE)
			return true;
	}
	return false;
}

/* ---- our own claims ----------------------------------------------------------------------------------------------- */

static bool is_able(const struct core *core, const struct vip *vip)
{
	switch (vip->phase) {
	case PHASE_INIT:
	case PHASE_FAULT:
		return false;
	case PHASE_BACKUP:
	case PHASE_TAKING:
	case PHASE_ACTIVE:
		return !vip->stopping;
	case PHASE_LEAVING:
		return vip_may_stand(core, vip);
	}
	return false;
}

static uint8_t health_of(const struct vip *vip)
{
	return (uint8_t)(vip->given_ns ? HEALTH_GIVEN : HEALTH_WHOLE - (vip->cfg.priority - vip->priority));
}

static struct standing own_standing(const struct core *core, const struct vip *vip)
{
	return (struct standing){ .node = (unsigned)core->config.self,
				  .claim = { .known = true,
					     .by_claims = vip_by_claims(vip),
					     .state = (uint8_t)vip_state_of(vip),
					     .verdict = (uint8_t)verdict_of(core, vip),
					     .able = vip_by_claims(vip) && is_able(core, vip),
					     .health = health_of(vip),
					     .priority = vip->cfg.priority } };
}

static struct heartbeat_claim own_claim(const struct core *core, const struct vip *vip)
{
	struct claim claim = own_standing(core, vip).claim;

	return (struct heartbeat_claim){ .vip = core->claim_slots[vip->claim_slot].id,
					 .state = claim.state,
					 .verdict = claim.verdict,
					 .able = claim.able,
					 .holding = vip_wants_addresses(vip),
					 .vrrp = !claim.by_claims,
					 .health = claim.health,
					 .priority = claim.priority };
}

static bool same_claim(const struct heartbeat_claim *a, const struct heartbeat_claim *b)
{
	return a->state == b->state && a->verdict == b->verdict && a->able == b->able && a->holding == b->holding &&
	       a->vrrp == b->vrrp && a->health == b->health && a->priority == b->priority;
}

/* It may be about to go on with what its predecessor held: who says nothing yet is waited for. */
static bool is_starting(const struct core *core, const struct vip *vip)
{
	return !core->snap_known || (vip->phase == PHASE_INIT && vip->reason.code == REASON_STARTING);
}

static void tell(struct core *core, struct vip *vip)
{
	struct claim_slot *slot = &core->claim_slots[vip->claim_slot];
	struct heartbeat_claim claim = own_claim(core, vip);

	if (is_starting(core, vip) && !slot->told.vip)
		return;
	if (slot->told.vip && same_claim(&slot->told, &claim))
		return;
	core->claims_digest += heartbeat_claim_sum(&claim) - (slot->told.vip ? heartbeat_claim_sum(&slot->told) : 0);
	slot->told = claim;
	claim_changed(core, slot);
}

/* ---- the order of claims ------------------------------------------------------------------------------------------ */

/* The first path, by name, that every node has: with its addresses all nodes have the same order, whatever they hear. */
static const char *common_path(const struct config *config)
{
	const struct config_node *first = &config->nodes[0];

	for (unsigned i = first->first_path; i < first->first_path + first->n_paths; i++) {
		unsigned n = 0;
		for (unsigned j = 0; j < config->n_paths; j++)
			n += strcmp(config->paths[j].name, config->paths[i].name) == 0;
		if (n == config->n_nodes)
			return config->paths[i].name;
	}
	return NULL;
}

static const struct ip *address_by(const struct config *config, const struct config_node *node, const char *path)
{
	for (unsigned i = node->first_path; path && i < node->first_path + node->n_paths; i++) {
		if (strcmp(config->paths[i].name, path) == 0)
			return &config->paths[i].address;
	}
	return NULL;
}

/* Whether node a goes before node b where all else is equal: by the larger address, else by the name that comes first. */
static bool goes_before(const struct core *core, unsigned a, unsigned b)
{
	const struct config *config = &core->config;
	const char *path = common_path(config);
	const struct ip *one = address_by(config, &config->nodes[a], path), *other = address_by(config, &config->nodes[b], path);

	if (!one || !other)
		return a < b; /* they are sorted */
	return memcmp(one->bytes, other->bytes, sizeof one->bytes) > 0;
}

static bool is_active(const struct standing *s)
{
	return s->claim.state == VIP_ACTIVE;
}

/* By what a is better than b. */
static enum claim_advantage better(const struct core *core, const struct vip *vip, const struct standing *a, const struct standing *b)
{
	if (a->claim.able != b->claim.able && !a->last_word && !b->last_word)
		return a->claim.able ? BY_ABLE : BY_NOTHING;
	if (a->last_word != b->last_word)
		return a->last_word ? BY_LAST_WORD : BY_NOTHING;
	if (a->claim.verdict != b->claim.verdict)
		return verdict_rank(a->claim.verdict) > verdict_rank(b->claim.verdict) ? BY_LAN : BY_NOTHING;
	if (a->claim.health != b->claim.health)
		return a->claim.health > b->claim.health ? BY_HEALTH : BY_NOTHING;
	if (!vip->cfg.preempt && is_active(a) != is_active(b))
		return is_active(a) ? BY_HOLDING : BY_NOTHING;
	if (a->claim.priority != b->claim.priority)
		return a->claim.priority > b->claim.priority ? BY_PRIORITY : BY_NOTHING;
	if (is_active(a) != is_active(b))
		return is_active(a) ? BY_HOLDING : BY_NOTHING;
	return goes_before(core, a->node, b->node) ? BY_ADDRESS : BY_NOTHING;
}

/* ---- the others --------------------------------------------------------------------------------------------------- */

static bool is_other(const struct core *core, unsigned node)
{
	return (int)node != core->config.self && core->peers[node].state == NODE_ALIVE;
}

/* What that node claims of the vip. False: it does not live, or has not said anything of it. */
static bool standing_of(const struct core *core, unsigned node, const struct vip *vip, struct standing *standing)
{
	if (!is_other(core, node) || !claim_of(core, node, vip)->known)
		return false;
	*standing = (struct standing){ .claim = *claim_of(core, node, vip), .node = node };
	standing->last_word = is_active(standing) && standing->claim.verdict != LAN_DEAD &&
			      (!standing->claim.by_claims || peer_is_deaf(core, &core->peers[node]));
	return true;
}

/* The best of the others that could hold it, or do; false: there is none. */
static bool find_rival(const struct core *core, const struct vip *vip, struct standing *rival)
{
	struct standing other;
	bool found = false;

	for (unsigned i = 0; i < core->n_peers; i++) {
		if (!standing_of(core, i, vip, &other) || (!other.claim.able && !other.last_word))
			continue;
		if (!found || better(core, vip, &other, rival))
			*rival = other;
		found = true;
	}
	return found;
}

/* The best of the others that hold it. */
static bool find_holder(const struct core *core, const struct vip *vip, struct standing *holder)
{
	struct standing other;
	bool found = false;

	for (unsigned i = 0; i < core->n_peers; i++) {
		if (!standing_of(core, i, vip, &other) || !is_active(&other))
			continue;
		if (!found || better(core, vip, &other, holder))
			*holder = other;
		found = true;
	}
	return found;
}

/* Until when a node that lives has to have said what it claims of the vip. One that has just started is given the time in which it could
 * go on with what it held; one whose claims take turns, that which they take, twice, as a datagram may be lost. */
static uint64_t said_by(const struct peer *peer, const struct vip *vip)
{
	unsigned turns = peer->n_vips ? (peer->n_vips - 1) / HEARTBEAT_CLAIMS : 0;

	return peer->begun_ns + vip_down_ns(vip) + 2 * turns * peer->interval_ns;
}

/* A node that lives, and has not yet said all that it has to say. */
static const struct peer *awaited(const struct core *core, const struct vip *vip)
{
	for (unsigned i = 0; i < core->n_peers; i++) {
		const struct peer *peer = &core->peers[i];
		if (is_other(core, i) && !claim_of(core, i, vip)->known && !peer->told_all && core->now < said_by(peer, vip))
			return peer;
	}
	return NULL;
}

/* Each lives, and has spoken since the vip woke up late: what was said before does not tell who took it meanwhile. */
static bool everybody_lives(const struct core *core, const struct vip *vip)
{
	for (unsigned i = 0; i < core->n_peers; i++) {
		const struct peer *peer = &core->peers[i];
		if ((int)i != core->config.self && (peer->state != NODE_ALIVE || peer->heard_ns < vip->woke_ns))
			return false;
	}
	return true;
}

/* Of two that find each other one hears the LAN a moment before the other. */
static bool agree_on_lan(const struct core *core, const struct vip *vip)
{
	enum lan_verdict own = verdict_of(core, vip);
	struct standing other;

	for (unsigned i = 0; i < core->n_peers; i++) {
		if (standing_of(core, i, vip, &other) && other.claim.able && other.claim.verdict != own && own != LAN_DEAD &&
		    other.claim.verdict != LAN_DEAD)
			return false;
	}
	return true;
}

bool claim_successor(const struct core *core, const struct vip *vip)
{
	struct standing rival;

	return find_rival(core, vip, &rival);
}

/* ---- deciding ----------------------------------------------------------------------------------------------------- */

static struct reason reason_of(enum reason_code code, const char *node, enum claim_advantage by)
{
	struct reason reason = { .code = code, .arg = { by } };

	memcpy(reason.name, node, strlen(node) < sizeof reason.name ? strlen(node) : sizeof reason.name - 1);
	return reason;
}

/* Whoever held it last, and does no more, is why it is taken. */
static struct reason take_reason(const struct core *core, const struct vip *vip)
{
	if (vip->phase == PHASE_LEAVING && vip->given_ns)
		return (struct reason){ .code = REASON_NOT_TAKEN, .arg = { (int64_t)(core->now - vip->since_ns) } };
	for (unsigned i = 0; i < core->n_peers; i++) {
		const struct claim *claim = (int)i == core->config.self ? NULL : claim_of(core, i, vip);
		const struct peer *peer = &core->peers[i];
		if (!claim || !claim->held)
			continue;
		if (peer->state == NODE_SILENT)
			return reason_of(peer->orphaned ? REASON_DAEMON_DIED : REASON_NODE_DIED, node_name(core, i), BY_NOTHING);
		return reason_of(REASON_NODE_LET_GO, node_name(core, i), BY_NOTHING);
	}
	return (struct reason){ .code = REASON_BEST_CLAIM };
}

/* How long a better claim has to last before it takes the vip from one who holds it: what is wrong with the holder is known at
 * once; that one hears the LAN and the other does not may be the moment in which both lose it. */
static uint64_t patience(const struct vip *vip, enum claim_advantage by, const struct standing *holder)
{
	switch (by) {
	case BY_LAN:
		return holder->claim.verdict == LAN_DEAD ? 0 : vip_down_ns(vip);
	case BY_PRIORITY:
	case BY_ADDRESS:
	case BY_HOLDING:
		return vip->cfg.preempt_delay_ns;
	case BY_NOTHING:
	case BY_ABLE:
	case BY_LAST_WORD:
	case BY_HEALTH:
	case CLAIM_ADVANTAGES:
		return 0;
	}
	return 0;
}

static void follow(struct vip *vip, struct reason reason)
{
	vip->better_ns = vip->claim_ns = NEVER;
	vip->won_ns = 0;
	if (vip->phase == PHASE_BACKUP)
		vip->reason = reason;
}

/* It is the best, and another holds it. */
static void preempt(struct core *core, struct vip *vip, const struct standing *holder, enum claim_advantage by)
{
	if (vip->better_ns == NEVER)
		vip->better_ns = core->now;
	vip->claim_ns = vip->better_ns + patience(vip, by, holder);
	if (vip->claim_ns <= core->now) {
		vip_win(core, vip, reason_of(REASON_BETTER_CLAIM, node_name(core, holder->node), by));
	} else if (vip->phase == PHASE_BACKUP) {
		vip->reason = reason_of(REASON_CLAIM_DELAY, node_name(core, holder->node), by);
		vip->reason.arg[1] = (int64_t)(vip->claim_ns - core->now);
	}
}

/* Whether it has still to listen before it may decide: when everybody was heard there is nothing more to wait for. */
static bool must_wait(struct core *core, struct vip *vip)
{
	const struct peer *peer = awaited(core, vip);

	if (peer) {
		follow(vip, reason_of(REASON_CLAIM_AWAITED, node_name(core, (unsigned)(peer - core->peers)), BY_NOTHING));
		vip->claim_ns = said_by(peer, vip);
		return true;
	}
	return core->now < vip->listen_ns && !(everybody_lives(core, vip) && agree_on_lan(core, vip));
}

static void stand(struct core *core, struct vip *vip)
{
	struct standing self = own_standing(core, vip), rival, holder;
	enum claim_advantage by = BY_NOTHING;

	if (must_wait(core, vip))
		return;
	if (find_rival(core, vip, &rival))
		by = better(core, vip, &rival, &self);
	if (by) {
		follow(vip, reason_of(is_active(&rival) ? REASON_FOLLOWS : REASON_CLAIM_WORSE, node_name(core, rival.node), by));
		return;
	}
	if (find_holder(core, vip, &holder)) {
		preempt(core, vip, &holder, better(core, vip, &self, &holder));
		return;
	}
	vip_win(core, vip, take_reason(core, vip));
}

/* The other one holds it already: what is on its way here still gets an answer. */
static void yield(struct core *core, struct vip *vip, const struct standing *other, enum claim_advantage by)
{
	vip_leave(core, vip, reason_of(REASON_CLAIM_LOST, node_name(core, other->node), by));
	vip_leave_for_holder(core, vip);
	vip_group_lost(core, vip);
}

/* Two are active. The worse one sees it too and leaves; who asked meanwhile may have heard it. */
static void insist(struct core *core, struct vip *vip)
{
	if (core->now - vip->answered_ns < max64(vip->cfg.advert_ns, INSIST_MIN))
		return;
	vip->answered_ns = core->now;
	vip_announce(core, vip);
}

/* There is one who held it last; NULL: this node. */
static void held_last(struct core *core, const struct vip *vip, struct claim *by)
{
	for (unsigned i = 0; i < core->n_peers; i++)
		claim_of(core, i, vip)->held = claim_of(core, i, vip) == by;
}

static void hold(struct core *core, struct vip *vip)
{
	struct standing self = own_standing(core, vip), other;

	held_last(core, vip, NULL);
	for (unsigned i = 0; i < core->n_peers; i++) {
		enum claim_advantage by;
		if (!standing_of(core, i, vip, &other) || !is_active(&other))
			continue;
		if (vip_late_is_lost(core, vip, true))
			return;
		by = better(core, vip, &other, &self);
		if (by) {
			yield(core, vip, &other, by);
			return;
		}
		insist(core, vip);
	}
}

static void let_go(struct core *core, struct vip *vip)
{
	struct standing holder;

	if (find_holder(core, vip, &holder))
		vip_leave_for_holder(core, vip);
	else if (vip_may_stand(core, vip))
		stand(core, vip);
}

/* It decided to take it, and somebody better did so too. */
static void take(struct core *core, struct vip *vip)
{
	struct standing self = own_standing(core, vip), holder;
	enum claim_advantage by = find_holder(core, vip, &holder) ? better(core, vip, &holder, &self) : BY_NOTHING;

	if (!by)
		return;
	vip_enter_backup(core, vip, reason_of(REASON_FOLLOWS, node_name(core, holder.node), by));
	vip_group_lost(core, vip);
}

/* Nobody is heard, and the LAN is dead: it would hold the vip for nobody. */
static void judge_isolation(struct core *core, struct vip *vip)
{
	bool isolated = !anybody_lives(core) && verdict_of(core, vip) == LAN_DEAD;

	if (isolated == vip->isolated)
		return;
	vip->isolated = isolated;
	vip_link(core, vip);
}

static void decide(struct core *core, struct vip *vip)
{
	if (vip->removed || !core->snap_known || core->stopped)
		return;
	judge_isolation(core, vip);
	switch (vip->phase) {
	case PHASE_INIT:
	case PHASE_FAULT:
		break;
	case PHASE_BACKUP:
		stand(core, vip);
		break;
	case PHASE_TAKING:
		take(core, vip);
		break;
	case PHASE_ACTIVE:
		hold(core, vip);
		break;
	case PHASE_LEAVING:
		let_go(core, vip);
		break;
	}
}

/* What a bond's probes say is part of the claims of the vips on it. */
static void dirty_vips_of_bonds(struct core *core)
{
	unsigned n = core->dirty.n;

	for (unsigned i = 0; i < n; i++) {
		unsigned unit = core->dirty.items[i];
		if (unit < core->n_vips || unit >= core->n_vips + core->n_bonds)
			continue;
		for (int v = core->bonds[unit - core->n_vips].first_vip; v != NONE; v = core->vips[v].next)
			core_dirty_vip(core, &core->vips[v]);
		for (int b = core->bonds[unit - core->n_vips].first_vlan; b != NONE; b = core->bonds[b].next_vlan) {
			for (int v = core->bonds[b].first_vip; v != NONE; v = core->vips[v].next)
				core_dirty_vip(core, &core->vips[v]);
		}
	}
}

void claim_policy(struct core *core)
{
	if (!core->n_claim_slots)
		return;
	dirty_vips_of_bonds(core);
	for (unsigned i = 0; i < core->dirty.n; i++) {
		struct vip *vip = core->dirty.items[i] < core->n_vips ? &core->vips[core->dirty.items[i]] : NULL;
		if (vip && vip_by_claims(vip))
			decide(core, vip);
	}
	for (unsigned i = 0; i < core->dirty.n; i++) {
		if (core->dirty.items[i] < core->n_vips && !core->vips[core->dirty.items[i]].removed)
			tell(core, &core->vips[core->dirty.items[i]]);
	}
}

void claim_all(struct core *core)
{
	for (unsigned i = 0; core->n_claim_slots && i < core->n_vips; i++) {
		if (vip_by_claims(&core->vips[i]))
			core_dirty_vip(core, &core->vips[i]);
	}
}

uint64_t claim_deadline(const struct core *core, const struct vip *vip)
{
	uint64_t due = vip->phase == PHASE_BACKUP && vip->listen_ns > core->now ? vip->listen_ns : NEVER;

	return vip->claim_ns > core->now ? min64(due, vip->claim_ns) : due;
}

/* ---- what comes in ------------------------------------------------------------------------------------------------ */

static int by_id(const void *a, const void *b)
{
	const struct claim_slot *one = a, *other = b;

	return one->id < other->id ? -1 : one->id > other->id;
}

static struct vip *vip_by_id(const struct core *core, uint64_t id)
{
	const struct claim_slot key = { .id = id };
	const struct claim_slot *slot = bsearch(&key, core->claim_slots, core->n_claim_slots, sizeof key, by_id);

	return slot ? &core->vips[slot->vip] : NULL;
}

static void hear_claim(struct core *core, struct peer *peer, const struct heartbeat_claim *said)
{
	struct vip *vip = vip_by_id(core, said->vip);
	struct claim *known, claim = { .known = true, .by_claims = !said->vrrp, .state = said->state, .verdict = said->verdict,
				       .able = said->able, .health = said->health, .priority = said->priority };

	if (!vip)
		return;
	known = claim_of(core, (unsigned)(peer - core->peers), vip);
	claim.held = known->held;
	if (memcmp(known, &claim, sizeof claim) == 0)
		return;
	*known = claim;
	if (claim.state == VIP_ACTIVE)
		held_last(core, vip, known);
	core_dirty_vip(core, vip);
}

static void sweep(struct core *core, struct peer *peer)
{
	struct claim *claims = &core->claims[(unsigned)(peer - core->peers) * core->n_vips];

	for (unsigned i = 0; core->n_claim_slots && i < core->n_vips; i++) {
		if (claims[i].stale)
			claims[i] = (struct claim){ 0 };
	}
}

void claim_heard(struct core *core, struct peer *peer, const struct heartbeat *message)
{
	struct heartbeat_claim claim;

	for (unsigned i = 0; core->n_claim_slots && i < message->n_claims; i++) {
		if (heartbeat_claim_at(message, i, &claim))
			hear_claim(core, peer, &claim);
	}
	peer->n_vips = message->n_vips;
	if (peer->told_all)
		return;
	/* They take turns: after twice as many as there are each has been said, also where a datagram was lost. */
	peer->claims_said += message->n_claims;
	if (message->n_claims < message->n_vips && peer->claims_said < 2U * message->n_vips)
		return;
	peer->told_all = true;
	sweep(core, peer);
	claim_all(core);
}

/* It runs another configuration: what it does not say again it does not have any more. */
void claim_mark(struct core *core, struct peer *peer)
{
	unsigned node = (unsigned)(peer - core->peers);

	peer->claims_said = 0;
	peer->told_all = false;
	for (unsigned i = 0; core->n_claim_slots && i < core->n_vips; i++)
		core->claims[node * core->n_vips + i].stale = true;
}

void claim_forget(struct core *core, struct peer *peer)
{
	unsigned node = (unsigned)(peer - core->peers);

	peer->claims_said = 0;
	peer->told_all = false;
	if (core->n_claim_slots)
		memset(&core->claims[node * core->n_vips], 0, core->n_vips * sizeof *core->claims);
	claim_all(core);
}

/* ---- what is shown ------------------------------------------------------------------------------------------------ */

void claim_view(const struct core *core, const struct vip *vip, struct vip_view *view)
{
	struct standing other;

	view->active_node = vip->phase == PHASE_ACTIVE ? core->config.node
			    : find_holder(core, vip, &other) ? node_name(core, other.node)
							     : "";
	view->heard_ns = find_rival(core, vip, &other) ? core->peers[other.node].heard_ns : 0;
	view->other_left = false;
	if (vip->reason.code == REASON_CLAIM_DELAY)
		view->reason.arg[1] = vip->claim_ns > core->now && vip->claim_ns != NEVER ? (int64_t)(vip->claim_ns - core->now) : 0;
}

bool core_claim(const struct core *core, unsigned v, unsigned node, struct claim_view *view)
{
	struct standing other;

	if (!core->n_claim_slots || core->vips[v].removed)
		return false;
	if ((int)node == core->config.self)
		other = own_standing(core, &core->vips[v]);
	else if (!standing_of(core, node, &core->vips[v], &other))
		return false;
	*view = (struct claim_view){ .node = node_name(core, node),
				     .state = (enum vip_state)other.claim.state,
				     .verdict = (enum lan_verdict)other.claim.verdict,
				     .able = other.claim.able,
				     .vrrp = !other.claim.by_claims,
				     .health = other.claim.health,
				     .priority = other.claim.priority };
	return true;
}

/* ---- tables ------------------------------------------------------------------------------------------------------- */

/* All vips of the configuration, those of VRRP too: who changes from one protocol to the other is known meanwhile. */
int claim_build(struct core *core)
{
	if (!core->n_peers)
		return 0;
	core->claim_slots = calloc(core->n_vips + 1, sizeof *core->claim_slots);
	core->claims = calloc((size_t)core->n_peers * core->n_vips + 1, sizeof *core->claims);
	if (!core->claim_slots || !core->claims)
		return -ENOMEM;
	for (unsigned i = 0; i < core->n_vips; i++) {
		if (!core->vips[i].removed)
			core->claim_slots[core->n_claim_slots++] = (struct claim_slot){ .id = heartbeat_id(core->vips[i].cfg.name), .vip = i };
	}
	qsort(core->claim_slots, core->n_claim_slots, sizeof *core->claim_slots, by_id);
	for (unsigned i = 0; i < core->n_claim_slots; i++)
		core->vips[core->claim_slots[i].vip].claim_slot = i;
	return 0;
}

void claim_carry(struct core *core, unsigned node, const struct core *old, unsigned from)
{
	for (unsigned i = 0; old->n_claim_slots && i < core->n_claim_slots; i++) {
		const struct vip *vip = &core->vips[core->claim_slots[i].vip], *was = vip_by_id(old, core->claim_slots[i].id);
		if (was)
			*claim_of(core, node, vip) = *claim_of(old, from, was);
	}
}
