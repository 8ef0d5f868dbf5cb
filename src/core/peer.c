/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The other nodes: who lives, by which paths, and whether they run the same configuration (doc/HEARTBEAT.md).
 *
 * A node lives while any path is heard. A path is up while both hear each other by it: every heartbeat says which of ours came last.
 * Only what names this start of ours (incarnation) is believed, for it cannot be older than that. What does not is greeted: a
 * heartbeat to that incarnation, by which a node that has just started can prove itself at once. */
#include "core/vip.h"

#include <stdlib.h>

enum { GREETINGS_PER_INTERVAL = 2 };

static const struct config_path *own_path(const struct core *core, const struct lane *lane)
{
	return &core->config.paths[lane->own];
}

static const struct config_path *other_path(const struct core *core, const struct lane *lane)
{
	return &core->config.paths[lane->other];
}

static struct lane *lanes_of(const struct core *core, const struct peer *peer)
{
	return &core->lanes[peer->first_lane];
}

static uint64_t timeout(const struct peer *peer)
{
	return peer->interval_ns * peer->lost;
}

const struct iface *peer_lane_iface(const struct core *core, const struct lane *lane)
{
	const struct config_path *path = own_path(core, lane);

	return path->bond != NONE ? bond_carrier_iface(core, &core->bonds[path->bond]) : &core->ifaces[lane->iface];
}

/* ---- states ------------------------------------------------------------------------------------------------------- */

static uint64_t silent_at(const struct core *core, const struct peer *peer, const struct lane *lane)
{
	return max64(lane->heard_ns, lane->silent ? 0 : core->grace_ns) + timeout(peer);
}

/* Nothing has come by then for so long that it may be taken for silent next. A connection may end for another reason, or the daemon be
 * another program a moment later. */
static uint64_t orphaned_at(const struct peer *peer)
{
	return peer->ended_ns && peer->state == NODE_ALIVE && !peer->orphaned ? peer->ended_ns + timeout(peer) - peer->interval_ns : NEVER;
}

static uint64_t allowed_trip(const struct core *core)
{
	return core->config.heartbeat.interval_ns * core->config.heartbeat.lost;
}

uint64_t peer_round_trip(const struct lane *lane)
{
	uint64_t least = lane->n_trips ? lane->trips[0] : 0;

	for (unsigned i = 1; i < lane->n_trips; i++)
		least = min64(least, lane->trips[i]);
	return least;
}

/* What the path itself takes of it at least: the rest may be that the other's next datagram was not due yet, or ours. */
static uint64_t way_takes(const struct core *core, const struct peer *peer, const struct lane *lane)
{
	uint64_t wait = min64(core->config.heartbeat.interval_ns, peer->interval_ns), trip = peer_round_trip(lane);

	return trip > wait ? trip - wait : 0;
}

/* The other can tell of ours that it missed only when it sends itself, and one of its own may be lost; and what it tells is as old
 * as the way there and back is long. */
static uint64_t one_way_at(const struct core *core, const struct peer *peer, const struct lane *lane)
{
	return max64(max64(lane->told_sequence, lane->back_ns), lane->state == PATH_ONE_WAY ? 0 : core->grace_ns) + allowed_trip(core) +
	       2 * peer->interval_ns + way_takes(core, peer, lane);
}

/* Before the first snapshot no interface has a number yet, and before the next one none that only a reload has named. */
static bool is_unknown(const struct core *core, const struct iface *iface)
{
	return !core->snap_known || (iface && !iface->known);
}

static struct reason judge_lane(const struct core *core, const struct peer *peer, const struct lane *lane, enum path_state *state)
{
	const struct iface *iface = peer_lane_iface(core, lane);

	*state = PATH_DOWN;
	if (!is_unknown(core, iface) && (!iface || !iface->carrier))
		return (struct reason){ .code = REASON_PATH_LINK };
	*state = PATH_WAITING;
	if (!lane->heard_ns)
		return (struct reason){ .code = REASON_PATH_WAITING };
	*state = PATH_SILENT;
	if (core->now >= silent_at(core, peer, lane))
		return (struct reason){ .code = REASON_PATH_SILENT, .arg = { (int64_t)(core->now - lane->heard_ns) } };
	*state = PATH_ONE_WAY;
	if (core->now >= one_way_at(core, peer, lane))
		return (struct reason){ .code = REASON_PATH_ONE_WAY,
					.arg = { lane->told_sequence ? (int64_t)(core->now - lane->told_sequence) : 0 } };
	*state = PATH_UP;
	return (struct reason){ .code = REASON_PATH_OK };
}

static void update_lane(struct core *core, const struct peer *peer, struct lane *lane)
{
	enum path_state state;
	struct reason reason = judge_lane(core, peer, lane, &state);

	lane->silent |= lane->heard_ns && core->now >= silent_at(core, peer, lane);
	if (state == lane->state)
		return;
	lane->state = state;
	lane->reason = reason;
	lane->since_ns = core->now;
	claim_all(core);
}

static bool is_heard(const struct core *core, const struct peer *peer)
{
	for (unsigned i = 0; i < peer->n_lanes; i++) {
		const struct lane *lane = &lanes_of(core, peer)[i];
		if (lane->heard_ns && core->now < silent_at(core, peer, lane))
			return true;
	}
	return false;
}

static void set_state(struct core *core, struct peer *peer, enum node_state state, struct reason reason)
{
	if (peer->state == state)
		return;
	peer->state = state;
	peer->reason = reason;
	peer->since_ns = core->now;
	claim_all(core);
}

bool peer_is_deaf(const struct core *core, const struct peer *peer)
{
	bool deaf = false;

	for (unsigned i = 0; i < peer->n_lanes; i++) {
		const struct lane *lane = &lanes_of(core, peer)[i];
		if (lane->state == PATH_UP)
			return false;
		deaf |= lane->state == PATH_ONE_WAY;
	}
	return deaf;
}

/* Who was not awake may not have heard what was said: nobody counts as silent before it could be heard again. */
static void notice_sleep(struct core *core)
{
	if (core->beat_ns && core->now > core->beat_ns &&
	    core->now - core->beat_ns > max64(core->config.heartbeat.interval_ns, LATE_BACKUP_MIN))
		core->grace_ns = core->now;
}

static void note_orphan(struct core *core, struct peer *peer)
{
	bool dies = peer->state == NODE_ALIVE && peer->ended_ns && !peer->orphaned && !is_heard(core, peer);

	if (!dies && core->now < orphaned_at(peer))
		return;
	peer->orphaned = true;
	peer->reason = (struct reason){ .code = REASON_NODE_DAEMON,
					.arg = { (int64_t)(core->now - peer->heard_ns), (int64_t)timeout(peer) } };
	core_note(core, NOTE_DAEMON_GONE, (struct object){ .type = OBJECT_PEER, .index = (uint16_t)(peer - core->peers) });
}

void peer_update(struct core *core)
{
	if (succession_nodes_wait(core)) {
		core_dirty_peers(core);
		return;
	}
	notice_sleep(core);
	for (unsigned i = 0; i < core->n_peers; i++) {
		struct peer *peer = &core->peers[i];
		for (unsigned j = 0; j < peer->n_lanes; j++)
			update_lane(core, peer, &lanes_of(core, peer)[j]);
		note_orphan(core, peer);
		if (is_heard(core, peer))
			set_state(core, peer, NODE_ALIVE, (struct reason){ .code = REASON_NODE_HEARD });
		else if (peer->state == NODE_ALIVE)
			set_state(core, peer, NODE_SILENT,
				  (struct reason){ .code = peer->orphaned ? REASON_NODE_DAEMON : REASON_NODE_SILENT,
						   .arg = { (int64_t)(core->now - peer->heard_ns), (int64_t)timeout(peer) } });
	}
	core_dirty_peers(core);
}

/* ---- what comes in ------------------------------------------------------------------------------------------------ */

static bool is_line(const struct core *core, const struct lane *lane, const struct event_line *event)
{
	return lane->own == core->config.nodes[core->config.self].first_path + event->path && ip_equal(&other_path(core, lane)->address, &event->other);
}

/* Nobody proved who ended it: it is a hint, and decides nothing. */
void peer_line_ended(struct core *core, const struct event_line *event)
{
	for (unsigned i = 0; i < core->n_peers; i++) {
		struct peer *peer = &core->peers[i];

		for (unsigned j = 0; j < peer->n_lanes && peer->state == NODE_ALIVE && !peer->ended_ns; j++) {
			if (is_line(core, &lanes_of(core, peer)[j], event))
				peer->ended_ns = core->now;
		}
	}
	core_dirty_peers(core);
}

static struct peer *find_peer(struct core *core, const char *name)
{
	for (unsigned i = 0; i < core->n_peers; i++) {
		if ((int)i != core->config.self && strcmp(core->config.nodes[i].name, name) == 0)
			return &core->peers[i];
	}
	return NULL;
}

/* A bond of driver move has its addresses now on this port, now on that, and packets are under way meanwhile. */
static bool comes_by(struct core *core, const struct lane *lane, int ifindex)
{
	const struct config_path *path = own_path(core, lane);
	const struct iface *iface = model_iface_by_index(core, ifindex);

	if (path->routed || is_unknown(core, peer_lane_iface(core, lane)))
		return true;
	if (path->bond == NONE)
		return iface && strcmp(iface->name, path->on) == 0;
	return iface && iface->bond == path->bond && (core->bonds[path->bond].iface == NONE || iface->port == NONE);
}

static struct lane *find_lane(struct core *core, const struct peer *peer, const struct event_heartbeat *event)
{
	for (unsigned i = 0; i < peer->n_lanes; i++) {
		struct lane *lane = &lanes_of(core, peer)[i];
		const struct config_path *own = own_path(core, lane);
		if (lane->own != core->config.nodes[core->config.self].first_path + event->path)
			continue;
		return ip_equal(&other_path(core, lane)->address, &event->source) && strcmp(own->name, event->message->path) == 0 &&
			       comes_by(core, lane, event->ifindex)
			       ? lane
			       : NULL;
	}
	return NULL;
}

static enum heartbeat_drop judge_auth(enum heartbeat_auth auth)
{
	switch (auth) {
	case HEARTBEAT_SIGNED:
		return HEARTBEAT_GOOD;
	case HEARTBEAT_UNSIGNED:
		return HEARTBEAT_NO_TAG;
	case HEARTBEAT_FORGED:
		return HEARTBEAT_TAG_WRONG;
	case HEARTBEAT_KEYLESS:
		return HEARTBEAT_KEY_UNKNOWN;
	}
	return HEARTBEAT_TAG_WRONG;
}

/* While keys are introduced what is not authenticated is believed, and counted: so one can see when that is over. */
static enum heartbeat_drop check_auth(struct core *core, const struct event_heartbeat *event)
{
	enum heartbeat_drop drop = judge_auth(event->auth);

	switch (core->config.heartbeat.auth) {
	case HEARTBEAT_AUTH_OFF:
		return HEARTBEAT_GOOD;
	case HEARTBEAT_AUTH_PERMISSIVE:
		if (drop)
			core->counters.heartbeat_dropped[drop]++;
		return HEARTBEAT_GOOD;
	case HEARTBEAT_AUTH_REQUIRED:
		return drop;
	}
	return drop;
}

static bool is_former(const struct peer *peer, uint64_t incarnation)
{
	for (unsigned i = 0; i < FORMER_MAX; i++) {
		if (peer->former[i] == incarnation)
			return true;
	}
	return false;
}

/* That start's own, or the one that is longest ago: who plays back what others said leaves each its turns. */
static struct greeting *greeting_of(struct lane *lane, uint64_t incarnation)
{
	struct greeting *oldest = &lane->greetings[0];

	for (unsigned i = 0; i < GREETINGS_MAX; i++) {
		struct greeting *each = &lane->greetings[i];
		if (each->incarnation == incarnation)
			return each;
		if (each->at_ns < oldest->at_ns)
			oldest = each;
	}
	return oldest;
}

/* It may have just started. Others may play back what was said long ago: so it is not believed, and not answered more often than a
 * node would have said it. */
static void greet(struct core *core, struct peer *peer, struct lane *lane, uint64_t incarnation)
{
	struct greeting *greeting = greeting_of(lane, incarnation);

	if (peer->state != NODE_ALIVE)
		peer->candidate = incarnation;
	if (greeting->incarnation && core->now - greeting->at_ns < core->config.heartbeat.interval_ns / GREETINGS_PER_INTERVAL)
		return;
	*greeting = (struct greeting){ .incarnation = incarnation, .at_ns = core->now };
	lane->greet = incarnation;
	core_dirty_peers(core);
}

/* It has started anew: what came before says nothing any more. */
static void begin(struct core *core, struct peer *peer, struct lane *lane, uint64_t incarnation)
{
	if (peer->incarnation)
		peer->former[peer->next_former++ % FORMER_MAX] = peer->incarnation;
	peer->incarnation = incarnation;
	peer->sequence = 0;
	peer->begun_ns = core->now;
	peer->begun_sequence = core->sequence;
	for (unsigned i = 0; i < peer->n_lanes; i++) {
		struct lane *each = &lanes_of(core, peer)[i];
		each->sequence = each->told_sequence = each->echoed_sequence = 0;
		each->n_trips = each->next_trip = 0;
		each->back_ns = core->seen; /* it has to hear of ours anew */
	}
	claim_forget(core, peer);
	lane->due = true; /* so that it can prove to itself that we are not of yesterday either */
}

static void compare(struct core *core, struct peer *peer, const struct heartbeat *message)
{
	struct object object = { .type = OBJECT_PEER, .index = (uint16_t)(peer - core->peers) };
	bool matches = message->digest == core->config.common_digest;

	if (message->version > HEARTBEAT_VERSION && peer->version != message->version)
		core_note(core, NOTE_NEWER, object)->reason.arg[0] = message->version;
	if (peer->digest_told != matches)
		core_note(core, NOTE_DIGEST, object)->reason.arg[0] = !matches;
	peer->digest_told = matches;
	if (peer->digest != message->digest)
		claim_mark(core, peer);
	peer->digest = message->digest;
	peer->version = message->version;
	memcpy(peer->software, message->software, sizeof peer->software);
}

/* A path is slow when it is so for certain, and prompt again when it is that by a quarter. */
static void judge_trip(struct core *core, const struct peer *peer, struct lane *lane)
{
	struct object object = { .type = OBJECT_PATH, .index = (uint16_t)lane->peer,
				 .sub = (uint16_t)(lane - lanes_of(core, peer)) };
	uint64_t takes = way_takes(core, peer, lane), allowed = allowed_trip(core);
	bool slow = lane->slow ? takes > allowed - allowed / 4 : takes > allowed;
	struct note *note;

	if (lane->n_trips < ROUND_TRIPS || slow == lane->slow)
		return;
	lane->slow = slow;
	note = core_note(core, slow ? NOTE_PATH_SLOW : NOTE_PATH_PROMPT, object);
	note->reason.arg[0] = (int64_t)peer_round_trip(lane);
	note->reason.arg[1] = (int64_t)allowed;
}

/* That datagram of ours went there by this path, and word of it came back by it. What is later than the path was allowed to be, and
 * came all the same, says how long it takes now: what was measured before does not count. */
static void measure_trip(struct core *core, const struct peer *peer, struct lane *lane, uint64_t sequence)
{
	if (sequence <= lane->echoed_sequence || sequence > core->seen)
		return;
	lane->echoed_sequence = sequence;
	if (lane->state == PATH_ONE_WAY)
		lane->n_trips = lane->next_trip = 0;
	lane->trips[lane->next_trip] = core->seen - sequence;
	lane->next_trip = (lane->next_trip + 1) % ROUND_TRIPS;
	if (lane->n_trips < ROUND_TRIPS)
		lane->n_trips++;
	judge_trip(core, peer, lane);
}

static void hear_of_ours(const struct peer *peer, struct core *core, const struct lane *by, const struct heartbeat *message)
{
	for (unsigned i = 0; i < message->n_heard; i++) {
		for (unsigned j = 0; j < peer->n_lanes; j++) {
			struct lane *lane = &lanes_of(core, peer)[j];
			if (heartbeat_id(own_path(core, lane)->name) != message->heard[i].path ||
			    message->heard[i].sequence > core->sequence)
				continue;
			lane->told_sequence = max64(lane->told_sequence, message->heard[i].sequence);
			if (lane == by)
				measure_trip(core, peer, lane, message->heard[i].sequence);
		}
	}
}

static void leave(struct core *core, struct peer *peer)
{
	for (unsigned i = 0; i < peer->n_lanes; i++)
		lanes_of(core, peer)[i].heard_ns = 0;
	set_state(core, peer, NODE_LEFT, (struct reason){ .code = REASON_NODE_LEFT });
}

/* What was on its way when the connection ended says nothing of now. */
static void not_orphaned(const struct core *core, struct peer *peer)
{
	if (core->seen <= peer->ended_ns)
		return;
	peer->ended_ns = 0;
	peer->orphaned = false;
	if (peer->state == NODE_ALIVE)
		peer->reason = (struct reason){ .code = REASON_NODE_HEARD };
}

static void believe(struct core *core, struct peer *peer, struct lane *lane, const struct heartbeat *message)
{
	if (message->incarnation != peer->incarnation)
		begin(core, peer, lane, message->incarnation);
	if (!lane->heard_ns || core->seen >= silent_at(core, peer, lane))
		lane->back_ns = core->seen;
	lane->sequence = message->sequence;
	lane->silent = false;
	lane->heard_ns = peer->heard_ns = core->seen;
	lane->received++;
	not_orphaned(core, peer);
	if (message->sequence > peer->sequence) { /* what went by a faster path is newer */
		peer->sequence = message->sequence;
		peer->interval_ns = message->interval_us * NSEC_PER_MSEC / 1000;
		peer->lost = message->lost;
		compare(core, peer, message);
		claim_heard(core, peer, message);
	}
	hear_of_ours(peer, core, lane, message);
	if (message->goodbye)
		leave(core, peer);
}

/* What an earlier start of it said may come later than what this one says, and names this start of ours just as well. But only the
 * later one can have heard what we said since we began to believe the first. */
static bool is_later_start(const struct core *core, const struct peer *peer, const struct heartbeat *message)
{
	for (unsigned i = 0; i < message->n_heard; i++) {
		for (unsigned j = 0; j < peer->n_lanes; j++) {
			if (heartbeat_id(own_path(core, &lanes_of(core, peer)[j])->name) == message->heard[i].path &&
			    message->heard[i].sequence > peer->begun_sequence && message->heard[i].sequence <= core->sequence)
				return true;
		}
	}
	return false;
}

static bool is_proven(const struct core *core, const struct peer *peer, const struct heartbeat *message)
{
	return message->to == core->incarnation &&
	       (!peer->incarnation || message->incarnation == peer->incarnation || is_later_start(core, peer, message));
}

static enum heartbeat_drop take(struct core *core, const struct event_heartbeat *event)
{
	const struct heartbeat *message = event->message;
	struct peer *peer = find_peer(core, message->node);
	struct lane *lane = peer ? find_lane(core, peer, event) : NULL;
	enum heartbeat_drop drop = check_auth(core, event);

	if (drop)
		return drop;
	if (!peer)
		return HEARTBEAT_STRANGER;
	if (!lane)
		return HEARTBEAT_WRONG_PATH;
	if (is_former(peer, message->incarnation))
		return HEARTBEAT_REPLAYED;
	if (!is_proven(core, peer, message)) {
		greet(core, peer, lane, message->incarnation);
		return HEARTBEAT_UNPROVEN;
	}
	if (message->incarnation == peer->incarnation && message->sequence <= lane->sequence)
		return HEARTBEAT_REPLAYED;
	believe(core, peer, lane, message);
	return HEARTBEAT_GOOD;
}

void peer_heartbeat(struct core *core, const struct event_heartbeat *event)
{
	enum heartbeat_drop drop = event->drop;

	if (!core->n_peers)
		return;
	if (!drop)
		drop = take(core, event);
	if (drop)
		core->counters.heartbeat_dropped[drop < HEARTBEAT_DROPS ? drop : HEARTBEAT_FOREIGN]++;
	peer_update(core);
}

/* ---- what goes out ------------------------------------------------------------------------------------------------ */

void peer_all_due(struct core *core)
{
	for (unsigned i = 0; i < core->n_lanes_to; i++)
		core->lanes[i].due = true;
	core_dirty_peers(core);
}

/* Who was silent for longer than a lease has lost what it held, before it says anything else. */
static void lose_what_is_late(struct core *core)
{
	for (unsigned i = 0; core->beat_sent_ns && core->now - core->beat_sent_ns >= NSEC_PER_SEC && i < core->n_vips; i++) {
		if (vip_by_claims(&core->vips[i]))
			vip_late_is_lost(core, &core->vips[i], false);
	}
}

void peer_timer(struct core *core)
{
	uint64_t interval = core->config.heartbeat.interval_ns;

	if (!core->n_peers || core->stopped)
		return;
	if (core->now >= core->beat_ns) {
		notice_sleep(core);
		core->beat_ns = core->now - core->beat_ns < interval ? core->beat_ns + interval : core->now + interval;
		lose_what_is_late(core);
		core->beat_sent_ns = core->now;
		peer_all_due(core);
	}
	peer_update(core);
}

uint64_t peer_deadline(const struct core *core)
{
	uint64_t due = min64(core->beat_ns, max64(claim_out_ns(core), core->now));

	if (!core->n_peers || core->stopped)
		return NEVER;
	for (unsigned i = 0; i < core->n_peers; i++) {
		const struct peer *peer = &core->peers[i];
		due = min64(due, orphaned_at(peer));
		for (unsigned j = 0; j < peer->n_lanes; j++) {
			const struct lane *lane = &lanes_of(core, peer)[j];
			if (lane->heard_ns && !lane->silent) /* one whose link is lost too: the node may live by it */
				due = min64(due, silent_at(core, peer, lane));
			if (lane->state == PATH_UP)
				due = min64(due, one_way_at(core, peer, lane));
		}
	}
	return due;
}

/* Rises always, and is the time when it is sent as long as the clock does. */
static uint64_t next_sequence(struct core *core)
{
	core->sequence = max64(core->sequence + 1, core->now);
	return core->sequence;
}

static void fill_in(struct core *core, const struct peer *peer, struct lane *lane)
{
	struct heartbeat *message = &lane->message;
	const struct config_heartbeat *cfg = &core->config.heartbeat;

	*message = (struct heartbeat){
		.goodbye = core->goodbye,
		.interval_us = (uint32_t)(cfg->interval_ns / 1000),
		.lost = (uint8_t)cfg->lost,
		.incarnation = core->incarnation,
		.to = lane->greet ? lane->greet : peer->state == NODE_ALIVE || !peer->candidate ? peer->incarnation : peer->candidate,
		.sequence = next_sequence(core),
		.digest = core->config.common_digest,
		.n_heard = peer->n_lanes,
		.n_vips = (uint16_t)core->n_claim_slots,
		.claims_digest = core->claims_digest,
	};
	memcpy(message->node, core->config.nodes[core->config.self].name, sizeof message->node);
	memcpy(message->path, own_path(core, lane)->name, sizeof message->path);
	for (unsigned i = 0; i < peer->n_lanes; i++)
		message->heard[i] = (struct heartbeat_heard){ .path = heartbeat_id(own_path(core, &lanes_of(core, peer)[i])->name),
							      .sequence = lanes_of(core, peer)[i].sequence };
}

static bool any_due(const struct core *core)
{
	for (unsigned i = 0; i < core->n_lanes_to; i++) {
		if (core->lanes[i].due || core->lanes[i].greet)
			return true;
	}
	return false;
}

/* What changed goes by all paths, with whatever goes by one too, for it counts as said then. */
static bool claims_go(const struct core *core)
{
	uint64_t due = claim_out_ns(core);

	return due <= core->now || (due != NEVER && any_due(core));
}

bool peer_next(struct core *core, unsigned *cursor, struct object *object, struct action_heartbeat *action)
{
	if (!*cursor && claims_go(core))
		peer_all_due(core);
	if (!*cursor && any_due(core))
		claim_fill(core);
	for (; *cursor < core->n_lanes_to; (*cursor)++) {
		struct lane *lane = &core->lanes[*cursor];
		const struct peer *peer = &core->peers[lane->peer];
		if (!lane->due && !lane->greet)
			continue;
		fill_in(core, peer, lane);
		lane->due = false;
		lane->greet = 0;
		lane->sent++;
		*object = (struct object){ .type = OBJECT_PATH, .index = (uint16_t)lane->peer, .sub = (uint16_t)(*cursor - peer->first_lane) };
		*action = (struct action_heartbeat){ .path = lane->own - core->config.nodes[core->config.self].first_path,
						     .from = own_path(core, lane)->address,
						     .to = other_path(core, lane)->address,
						     .message = &lane->message,
						     .claims = core->claims_out,
						     .n_claims = core->n_claims_out };
		(*cursor)++;
		return true;
	}
	return false;
}

void peer_goodbye(struct core *core)
{
	if (core->goodbye)
		return;
	core->goodbye = true;
	peer_all_due(core);
}

/* ---- tables ------------------------------------------------------------------------------------------------------- */

static void add_lane(struct core *core, unsigned peer, unsigned own, unsigned other)
{
	struct lane *lane = &core->lanes[core->n_lanes_to++];

	*lane = (struct lane){ .peer = peer, .own = own, .other = other, .iface = NONE, .reason = { .code = REASON_PATH_WAITING } };
	if (core->config.paths[own].bond == NONE)
		lane->iface = configure_iface(core, core->config.paths[own].on);
	core->peers[peer].n_lanes++;
}

void peer_build(struct core *core)
{
	const struct config *config = &core->config;
	const struct config_node *self = config->n_nodes ? &config->nodes[config->self] : NULL;

	core->n_peers = config->n_nodes;
	for (unsigned i = 0; i < core->n_peers; i++) {
		const struct config_node *node = &config->nodes[i];
		core->peers[i] = (struct peer){ .first_lane = core->n_lanes_to, .reason = { .code = REASON_NODE_WAITING }, .digest_told = true };
		for (unsigned own = self->first_path; (int)i != config->self && own < self->first_path + self->n_paths; own++) {
			for (unsigned other = node->first_path; other < node->first_path + node->n_paths; other++) {
				if (strcmp(config->paths[own].name, config->paths[other].name) == 0)
					add_lane(core, i, own, other);
			}
		}
	}
}

static bool same_lane(const struct core *a, const struct lane *x, const struct core *b, const struct lane *y)
{
	return strcmp(own_path(a, x)->name, own_path(b, y)->name) == 0 && ip_equal(&own_path(a, x)->address, &own_path(b, y)->address) &&
	       ip_equal(&other_path(a, x)->address, &other_path(b, y)->address);
}

static void carry_peer(struct core *core, struct peer *peer, const struct core *old, const struct peer *from)
{
	struct peer fixed = *peer;

	*peer = *from;
	peer->first_lane = fixed.first_lane;
	peer->n_lanes = fixed.n_lanes;
	for (unsigned i = 0; i < peer->n_lanes; i++) {
		struct lane *lane = &lanes_of(core, peer)[i], kept = *lane;
		for (unsigned j = 0; j < from->n_lanes; j++) {
			if (!same_lane(core, &kept, old, &lanes_of(old, from)[j]))
				continue;
			*lane = lanes_of(old, from)[j];
			lane->peer = kept.peer;
			lane->own = kept.own;
			lane->other = kept.other;
			lane->iface = kept.iface;
		}
	}
}

void peer_carry(struct core *core, const struct core *old)
{
	core->incarnation = old->incarnation;
	core->sequence = old->sequence;
	core->grace_ns = old->grace_ns;
	core->beat_ns = old->beat_ns;
	core->beat_sent_ns = old->beat_sent_ns;
	core->goodbye = old->goodbye;
	core->nodes_kept = old->nodes_kept;
	for (unsigned i = 0; i < core->n_peers; i++) {
		for (unsigned j = 0; j < old->n_peers; j++) {
			if ((int)i != core->config.self && (int)j != old->config.self &&
			    strcmp(core->config.nodes[i].name, old->config.nodes[j].name) == 0) {
				carry_peer(core, &core->peers[i], old, &old->peers[j]);
				claim_carry(core, i, old, j);
			}
		}
	}
}

/* The others learn of another configuration at once. */
void peer_settle(struct core *core)
{
	if (!core->n_peers)
		return;
	if (!core->incarnation)
		core->incarnation = core_random(core) | 1;
	core->beat_ns = core->now;
	peer_timer(core);
}
