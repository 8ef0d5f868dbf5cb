/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a core hands on to the next one in the same process about nodes: the start that the others know this one by, so that they see one
 * sender go on, and what of the others was proven, so that nothing old is believed. What they claim is not part of it: they say it all the time, and
 * until they said it again they are waited for (claim.c). */
#include "core/internal.h"

/* ---- handing on --------------------------------------------------------------------------------------------------- */

static void tell_self(const struct core *core, struct event *event)
{
	struct event_resume_node *resume = &event->u.resume_node;

	event->type = EV_RESUME_NODE;
	memcpy(resume->node, core->config.nodes[core->config.self].name, sizeof resume->node);
	resume->incarnation = core->incarnation;
	resume->sequence = core->sequence;
}

static void tell_peer(const struct core *core, unsigned node, struct event *event)
{
	struct event_resume_peer *resume = &event->u.resume_peer;
	const struct peer *peer = &core->peers[node];

	event->type = EV_RESUME_PEER;
	memcpy(resume->node, core->config.nodes[node].name, sizeof resume->node);
	resume->state = (uint8_t)peer->state;
	resume->since_ns = peer->since_ns;
	resume->heard_ns = peer->heard_ns;
	resume->incarnation = peer->incarnation;
	resume->begun_sequence = peer->begun_sequence;
	resume->sequence = peer->sequence;
	resume->interval_ns = peer->interval_ns;
	resume->lost = peer->lost;
	resume->n_vips = peer->n_vips;
	resume->digest = peer->digest;
	resume->digest_told = peer->digest_told;
	resume->version = peer->version;
}

/* The i-th of those that are remembered, the oldest first. */
static void tell_former(const struct core *core, unsigned node, unsigned i, struct event *event)
{
	const struct peer *peer = &core->peers[node];
	unsigned oldest = peer->next_former > FORMER_MAX ? peer->next_former : 0;

	event->type = EV_RESUME_FORMER;
	memcpy(event->u.resume_former.node, core->config.nodes[node].name, sizeof event->u.resume_former.node);
	event->u.resume_former.incarnation = peer->former[(oldest + i) % FORMER_MAX];
}

static void tell_path(const struct core *core, unsigned node, unsigned i, struct event *event)
{
	struct event_resume_path *resume = &event->u.resume_path;
	const struct lane *lane = &core->lanes[core->peers[node].first_lane + i];
	const struct config_path *own = &core->config.paths[lane->own];

	event->type = EV_RESUME_PATH;
	memcpy(resume->node, core->config.nodes[node].name, sizeof resume->node);
	memcpy(resume->path, own->name, sizeof resume->path);
	resume->own = own->address;
	resume->other = core->config.paths[lane->other].address;
	resume->state = (uint8_t)lane->state;
	resume->silent = lane->silent;
	resume->since_ns = lane->since_ns;
	resume->heard_ns = lane->heard_ns;
	resume->back_ns = lane->back_ns;
	resume->sequence = lane->sequence;
	resume->told_sequence = lane->told_sequence;
	resume->trip_ns = peer_round_trip(lane);
	resume->slow = lane->slow;
	resume->sent = lane->sent;
	resume->received = lane->received;
}

/* The at-th event about that node: itself, its former starts, its paths. False: it has fewer; at is lowered by how many. */
static bool tell_of_peer(const struct core *core, unsigned node, unsigned *at, struct event *event)
{
	const struct peer *peer = &core->peers[node];
	unsigned formers = peer->next_former < FORMER_MAX ? peer->next_former : FORMER_MAX;

	if (*at > formers + peer->n_lanes) {
		*at -= 1 + formers + peer->n_lanes;
		return false;
	}
	if (*at == 0)
		tell_peer(core, node, event);
	else if (*at <= formers)
		tell_former(core, node, *at - 1, event);
	else
		tell_path(core, node, *at - 1 - formers, event);
	return true;
}

bool succession_tell_nodes(const struct core *core, unsigned at, struct event *event)
{
	if (!core->n_peers)
		return false;
	if (at == 0) {
		tell_self(core, event);
		return true;
	}
	at--;
	for (unsigned i = 0; i < core->n_peers; i++) {
		if ((int)i != core->config.self && tell_of_peer(core, i, &at, event))
			return true;
	}
	return false;
}

bool core_path_heard(const struct core *core, unsigned i, struct path_heard *heard)
{
	const struct lane *lane;

	if (i >= core->n_lanes_to)
		return false;
	lane = &core->lanes[i];
	*heard = (struct path_heard){ .sequence = lane->sequence, .told_sequence = lane->told_sequence, .heard_ns = lane->heard_ns };
	return true;
}

/* ---- taking over -------------------------------------------------------------------------------------------------- */

void succession_node(struct core *core, const struct event_resume_node *resume)
{
	if (!core->n_peers || core->snap_known || !resume->incarnation ||
	    strcmp(core->config.nodes[core->config.self].name, resume->node) != 0)
		return;
	core->incarnation = resume->incarnation;
	core->sequence = max64(core->sequence, resume->sequence);
	core->nodes_kept = true;
}

/* NULL: it is not configured any more, or this start is none that the others know. */
static struct peer *find_kept(struct core *core, const char *node)
{
	for (unsigned i = 0; core->nodes_kept && !core->snap_known && i < core->n_peers; i++) {
		if ((int)i != core->config.self && strcmp(core->config.nodes[i].name, node) == 0)
			return &core->peers[i];
	}
	return NULL;
}

static struct reason reason_of_node(const struct event_resume_peer *resume)
{
	switch ((enum node_state)resume->state) {
	case NODE_WAITING:
		break;
	case NODE_ALIVE:
		return (struct reason){ .code = REASON_NODE_HEARD };
	case NODE_LEFT:
		return (struct reason){ .code = REASON_NODE_LEFT };
	case NODE_SILENT:
		return (struct reason){ .code = REASON_NODE_SILENT,
					.arg = { (int64_t)(resume->since_ns - min64(resume->heard_ns, resume->since_ns)),
						 (int64_t)(resume->interval_ns * resume->lost) } };
	}
	return (struct reason){ .code = REASON_NODE_WAITING };
}

void succession_peer(struct core *core, const struct event_resume_peer *resume)
{
	struct peer *peer = find_kept(core, resume->node);

	if (!peer || resume->state > NODE_SILENT || resume->heard_ns > core->now || resume->lost > UINT8_MAX)
		return;
	peer->state = peer->told = (enum node_state)resume->state;
	peer->reason = peer->told_reason = reason_of_node(resume);
	peer->since_ns = resume->since_ns;
	peer->heard_ns = resume->heard_ns;
	peer->incarnation = resume->incarnation;
	peer->begun_sequence = resume->begun_sequence;
	peer->sequence = resume->sequence;
	peer->interval_ns = resume->interval_ns;
	peer->lost = resume->lost;
	peer->n_vips = resume->n_vips;
	peer->digest = resume->digest;
	peer->digest_told = resume->digest_told;
	peer->version = resume->version;
}

void succession_former(struct core *core, const struct event_resume_former *resume)
{
	struct peer *peer = find_kept(core, resume->node);

	if (peer && resume->incarnation)
		peer->former[peer->next_former++ % FORMER_MAX] = resume->incarnation;
}

static struct lane *find_lane(struct core *core, const struct peer *peer, const struct event_resume_path *resume)
{
	for (unsigned i = 0; peer && i < peer->n_lanes; i++) {
		struct lane *lane = &core->lanes[peer->first_lane + i];
		const struct config_path *own = &core->config.paths[lane->own];
		if (strcmp(own->name, resume->path) == 0 && ip_equal(&own->address, &resume->own) &&
		    ip_equal(&core->config.paths[lane->other].address, &resume->other))
			return lane;
	}
	return NULL;
}

static struct reason reason_of_path(const struct event_resume_path *resume)
{
	switch ((enum path_state)resume->state) {
	case PATH_WAITING:
		break;
	case PATH_UP:
		return (struct reason){ .code = REASON_PATH_OK };
	case PATH_ONE_WAY:
		return (struct reason){ .code = REASON_PATH_ONE_WAY,
					.arg = { resume->told_sequence ? (int64_t)(resume->since_ns - min64(resume->told_sequence, resume->since_ns)) : 0 } };
	case PATH_SILENT:
		return (struct reason){ .code = REASON_PATH_SILENT,
					.arg = { (int64_t)(resume->since_ns - min64(resume->heard_ns, resume->since_ns)) } };
	case PATH_DOWN:
		return (struct reason){ .code = REASON_PATH_LINK };
	}
	return (struct reason){ .code = REASON_PATH_WAITING };
}

void succession_path(struct core *core, const struct event_resume_path *resume)
{
	struct lane *lane = find_lane(core, find_kept(core, resume->node), resume);

	if (!lane || resume->state > PATH_DOWN || resume->heard_ns > core->now)
		return;
	lane->state = lane->told = (enum path_state)resume->state;
	lane->reason = lane->told_reason = reason_of_path(resume);
	lane->silent = resume->silent;
	lane->since_ns = resume->since_ns;
	lane->heard_ns = resume->heard_ns;
	lane->back_ns = min64(resume->back_ns, core->now);
	lane->sequence = resume->sequence;
	lane->told_sequence = resume->told_sequence;
	lane->echoed_sequence = resume->told_sequence;
	lane->trips[0] = resume->trip_ns;
	lane->n_trips = lane->next_trip = resume->trip_ns != 0;
	lane->slow = resume->slow;
	lane->sent = resume->sent;
	lane->received = resume->received;
}

bool succession_nodes_wait(struct core *core)
{
	if (!core->nodes_kept || core->snap_known)
		return false;
	core->grace_ns = core->now;
	for (unsigned i = 0; i < core->n_peers; i++)
		core->peers[i].begun_ns = core->now;
	return true;
}
