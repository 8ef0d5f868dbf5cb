/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Worlds with a name: one for each row of the table in standbyd.yaml(5), "What can fail". Two nodes (some worlds have three) share one vip
 * by heartbeats each 100 ms, lost 3; the first is the better one; path 0 is the network of the vip, path 1 a cable of its own. One
 * thing after the other is done to them, and after each stands what has to come of it, and when. All checks of other worlds hold too. */
#include <stdio.h>
#include <string.h>

#include "sim.h"

enum { STEPS = 16 };

/* The detection time, what the loop and the kernel add to it, and how early it may be over: the last heartbeat is up to an interval old. */
enum { DETECTION = 300, SLACK = 60, EARLIEST = 190, BEAT = 100 + SLACK };
/* Of probes: so many intervals until one is lost, or is answered again and counts. */
enum { PROBES_LOST = 900, PROBES_BACK = 1500 };
enum { LEASE_ENDS = 4600 };

enum deed {
	THE_END,
	/* What is done. */
	LINK_LOST,	/* of all NICs of `node` on the network of the vip */
	SILENCED,	/* the same; their link stays */
	CABLE_LOST,	/* of the NIC of `node` on path 1 */
	SWITCHES_DEAD,	/* no link for anybody on the network of the vip */
	NETWORK_SILENT, /* no packet there */
	PATH_CUT,	/* nothing comes by path `arg` */
	PATHS_CUT,	/* by none */
	ONE_WAY,	/* what `node` says does not come by path `arg` */
	DEAF,		/* `node` hears nobody */
	POWER_LOST,	/* by `node` */
	KILLED,		/* its daemon */
	STARTED,	/* it, again */
	STOPPED,	/* stands still */
	CONTINUED,
	HEALED, /* all of it */
	PASSES, /* `ms` */
	/* What has to be so at some time within `ms`, and not before `not_before`. */
	HELD_BY, /* the nodes of the mask `arg` have all addresses, all others none */
	TAKEN_BY, /* `node` is the one that became active last */
	KNOWN_AS, /* `node` takes the node `of` for `arg` (enum node_state) */
	PATH_IS, /* `node` takes path `path` to node `of` for `arg` (enum path_state) */
	/* What has to be so all the time for `ms`. */
	STAYS, /* as HELD_BY */
	ADDRESSED, /* the addresses are on `node`, whatever its daemon does */
};

struct step {
	enum deed deed;
	unsigned node, arg, ms, not_before, of, path;
};

struct named {
	const char *name;
	unsigned nodes; /* 0: two */
	bool probes;
	struct step steps[STEPS];
};

#define FIRST	       0x1
#define SECOND	       0x2
#define THIRD	       0x4
#define NOBODY	       0
#define DO(what, n)    { .deed = what, .node = (n) }
#define BY(what, n, p) { .deed = what, .node = (n), .arg = (p) }
#define TIME(time)	     { .deed = PASSES, .ms = (time) }
#define HELD(mask, within)	     { .deed = HELD_BY, .arg = (mask), .ms = (within) }
#define HELD_AFTER(mask, from, within) { .deed = HELD_BY, .arg = (mask), .ms = (within), .not_before = (from) }
#define KEPT(mask, time)	     { .deed = STAYS, .arg = (mask), .ms = (time) }
#define NODE(n, other, state, within)  { .deed = KNOWN_AS, .node = (n), .of = (other), .arg = (state), .ms = (within) }
#define PATH(n, other, number, state, within) \
	{ .deed = PATH_IS, .node = (n), .of = (other), .path = (number), .arg = (state), .ms = (within) }

static const struct named worlds[] = {
	{ "link-of-the-holder", .steps = { DO(LINK_LOST, 0), HELD(SECOND, SLACK), PATH(0, 1, 0, PATH_DOWN, BEAT), PATH(1, 0, 0, PATH_SILENT, 400),
					   KEPT(SECOND, 1000), DO(HEALED, 0), HELD(FIRST, 2000) } },
	{ "link-of-another", .steps = { DO(LINK_LOST, 1), PATH(1, 0, 0, PATH_DOWN, BEAT), KEPT(FIRST, 1000), DO(HEALED, 0), KEPT(FIRST, 1000) } },
	{ "switch-without-power", .steps = { DO(SWITCHES_DEAD, 0), HELD(NOBODY, SLACK), KEPT(NOBODY, 1000), DO(HEALED, 0), HELD(FIRST, 1000) } },
	{ "network-of-the-holder-silent", .steps = { DO(SILENCED, 0), PATH(0, 1, 0, PATH_SILENT, 400), PATH(1, 0, 0, PATH_SILENT, 100),
						     KEPT(FIRST, 3000), DO(HEALED, 0), KEPT(FIRST, 1000) } },
	{ "network-of-the-holder-dead-by-probes", .probes = true,
	  .steps = { DO(SILENCED, 0), HELD(SECOND, PROBES_LOST), KEPT(SECOND, 2000), DO(HEALED, 0), HELD(FIRST, PROBES_BACK) } },
	{ "network-of-another-dead-by-probes", .probes = true,
	  .steps = { DO(SILENCED, 1), PATH(0, 1, 0, PATH_SILENT, 400), KEPT(FIRST, 3000), DO(HEALED, 0), KEPT(FIRST, 1000) } },
	{ "network-dead-by-probes", .probes = true,
	  .steps = { DO(NETWORK_SILENT, 0), TIME(2000), KEPT(FIRST, 3000), DO(HEALED, 0), TIME(2000), KEPT(FIRST, 2000) } },
	{ "direct-path-without-link", .steps = { DO(CABLE_LOST, 1), PATH(1, 0, 1, PATH_DOWN, BEAT), PATH(0, 1, 1, PATH_SILENT, 400),
						 KEPT(FIRST, 1000), DO(HEALED, 0), PATH(0, 1, 1, PATH_UP, 1000), KEPT(FIRST, 1000) } },
	{ "direct-path-silent", .steps = { BY(PATH_CUT, 0, 1), PATH(0, 1, 1, PATH_SILENT, 400), PATH(1, 0, 1, PATH_SILENT, 100), KEPT(FIRST, 1000),
					   DO(HEALED, 0), PATH(0, 1, 1, PATH_UP, 1000), KEPT(FIRST, 1000) } },
	{ "direct-path-then-link-of-the-holder",
	  .steps = { BY(PATH_CUT, 0, 1), PATH(1, 0, 1, PATH_SILENT, 400), DO(LINK_LOST, 0), HELD(NOBODY, SLACK),
		     HELD_AFTER(SECOND, EARLIEST - SLACK, DETECTION + SLACK), NODE(1, 0, NODE_SILENT, 0), KEPT(SECOND, 1000), DO(HEALED, 0), HELD(FIRST, 2000) } },
	{ "holder-dies", .steps = { DO(POWER_LOST, 0), HELD_AFTER(SECOND, EARLIEST, DETECTION + SLACK), NODE(1, 0, NODE_SILENT, 0),
				    KEPT(SECOND, 1000), DO(HEALED, 0), HELD(FIRST, 3000) } },
	{ "holder-of-three-dies", .nodes = 3, .steps = { DO(POWER_LOST, 0), HELD_AFTER(SECOND, EARLIEST, DETECTION + SLACK), KEPT(SECOND, 1000),
							 DO(POWER_LOST, 1), HELD_AFTER(THIRD, EARLIEST, DETECTION + SLACK) } },
	{ "another-dies", .steps = { DO(POWER_LOST, 1), NODE(0, 1, NODE_SILENT, 400), KEPT(FIRST, 1000), DO(HEALED, 0), KEPT(FIRST, 2000) } },
	{ "one-way-on-one-path", .steps = { BY(ONE_WAY, 0, 0), PATH(1, 0, 0, PATH_SILENT, 400), PATH(0, 1, 0, PATH_ONE_WAY, 400), KEPT(FIRST, 2000),
					    DO(HEALED, 0), KEPT(FIRST, 1000) } },
	{ "holder-deaf", .steps = { DO(DEAF, 0), NODE(0, 1, NODE_SILENT, 400), PATH(1, 0, 0, PATH_ONE_WAY, 400), PATH(1, 0, 1, PATH_ONE_WAY, 100),
				    KEPT(FIRST, 3000), DO(HEALED, 0), KEPT(FIRST, 1000) } },
	{ "another-deaf", .steps = { DO(DEAF, 1), NODE(1, 0, NODE_SILENT, 400), HELD(SECOND, 400), PATH(0, 1, 0, PATH_ONE_WAY, 400),
				     PATH(0, 1, 1, PATH_ONE_WAY, 100), KEPT(SECOND, 2000), DO(HEALED, 0), HELD(FIRST, 1000) } },
	{ "all-paths-silent", .steps = { DO(PATHS_CUT, 0), HELD(FIRST | SECOND, DETECTION + SLACK + 100), NODE(0, 1, NODE_SILENT, 100), KEPT(FIRST | SECOND, 2000),
					 DO(HEALED, 0), HELD(FIRST, 500), KEPT(FIRST, 1000) } },
	{ "holder-isolated", .probes = true, .steps = { BY(PATH_CUT, 0, 1), PATH(1, 0, 1, PATH_SILENT, 400), DO(SILENCED, 0),
							HELD_AFTER(SECOND, EARLIEST, PROBES_LOST + DETECTION), KEPT(SECOND, 2000), DO(HEALED, 0),
							HELD(FIRST, 3000) } },
	{ "daemon-back-in-time", .steps = { DO(KILLED, 0), { .deed = ADDRESSED, .node = 0, .ms = 150 }, DO(STARTED, 0), KEPT(FIRST, 2000) } },
	{ "daemon-stays-away", .steps = { DO(KILLED, 0), { .deed = ADDRESSED, .node = 0, .ms = 400 }, HELD(FIRST | SECOND, 0), NODE(1, 0, NODE_SILENT, 0),
					  HELD_AFTER(SECOND, 1000, LEASE_ENDS), KEPT(SECOND, 1000), DO(STARTED, 0), HELD(FIRST, 2000) } },
	{ "daemon-stands-still", .steps = { DO(STOPPED, 0), HELD(FIRST | SECOND, DETECTION + SLACK), NODE(1, 0, NODE_SILENT, 0),
					    { .deed = ADDRESSED, .node = 0, .ms = 500 }, DO(CONTINUED, 0),
					    { .deed = TAKEN_BY, .node = 0, .ms = 1000 }, HELD(FIRST, 200), KEPT(FIRST, 1000) } },
};

enum { WORLDS = sizeof worlds / sizeof worlds[0] };

/* ---- making one ---- */

static void make_plain(struct world *w, const struct named *named)
{
	struct beats_world *b = &w->beats;

	b->by_claims = true;
	b->kinds[0] = PATH_LAN;
	b->kinds[1] = PATH_CABLE;
	b->interval_ns = 100 * NSEC_PER_MSEC;
	w->loss = w->reorder = w->spike = w->duplicate = 0;
	w->linkwatch_ns = w->hold_ns = 0;
	w->loop_ns = 50000;
	w->apply_ns = 100000;
	w->check_ns = 25 * NSEC_PER_MSEC;
	for (unsigned n = 0; n < w->n_nodes; n++) {
		struct node *node = &w->nodes[n];

		node->beat_paths = 3;
		node->beat_ns = b->interval_ns;
		node->beat_lost = 3;
		node->live_limit = SIM_LIVE;
		node->queue_limit = SIM_QUEUE;
		node->bond.hold_ns = 0;
		node->bond.no_damping = true;
		node->bond.probes = named->probes;
		node->bond.selector = BY_NAME;
	}
}

static void make_vip(struct world *w)
{
	struct world_vip *vip = &w->vips[0];

	vip->version = 3;
	vip->has_auth = vip->unicast = vip->grouped = false;
	vip->owner = -1;
	vip->preempt = true;
	vip->preempt_delay_ns = 0;
	vip->leave_timeout_ns = 10 * NSEC_PER_SEC;
	vip->advert_ns = 3 * w->beats.interval_ns;
	vip->first = 3; /* two of IPv4 */
	vip->family = FAMILY_4;
	vip->n_addresses = 2;
	vip->lease_ns = 3 * NSEC_PER_SEC;
	for (unsigned n = 0; n < w->n_nodes; n++) {
		struct node *node = &w->nodes[n];

		memset(&node->setup[0], 0, sizeof node->setup[0]);
		node->setup[0].wanted = vip->first;
		node->setup[0].lease_ns = node->setup[0].old_lease_ns = vip->lease_ns;
		node->priority[0] = (uint8_t)(200 - 50 * n);
		node->advert_ns[0] = w->beats.interval_ns;
	}
}

/* ---- what is done ---- */

static void lan_fault(struct world *w, enum fault_kind kind, unsigned node)
{
	for (unsigned port = 0; port < SIM_PORTS; port++)
		if (kind == FAULT_SWITCH || kind == FAULT_SILENT || lan_is_port(&w->nodes[node], port))
			fault_put(w, kind, node, port);
}

static void cut(struct world *w, enum beat_fault_kind kind, unsigned node, unsigned path)
{
	struct beat_fault f = { .on = true, .kind = kind, .path = path, .node = node };

	for (unsigned n = 0; n < w->n_nodes; n++)
		f.cut[n] = kind == BEAT_DEAF ? (uint16_t)(1U << node) : kind == BEAT_ONE_WAY && n != node ? 0 : UINT16_MAX;
	beat_fault_put(w, &f);
}

static void do_it(struct world *w, const struct step *s)
{
	struct node *node = &w->nodes[s->node];

	switch ((int)s->deed) {
	case LINK_LOST:
		lan_fault(w, FAULT_CABLE, s->node);
		break;
	case SILENCED:
		lan_fault(w, FAULT_MUTE, s->node);
		break;
	case SWITCHES_DEAD:
		lan_fault(w, FAULT_SWITCH, 0);
		break;
	case NETWORK_SILENT:
		lan_fault(w, FAULT_SILENT, 0);
		break;
	case CABLE_LOST:
		cut(w, BEAT_CABLE, s->node, 1);
		break;
	case PATH_CUT:
		cut(w, BEAT_CUT, s->node, s->arg);
		break;
	case PATHS_CUT:
		cut(w, BEAT_CUT_ALL, s->node, 0);
		break;
	case ONE_WAY:
		cut(w, BEAT_ONE_WAY, s->node, s->arg);
		break;
	case DEAF:
		cut(w, BEAT_DEAF, s->node, 0);
		break;
	case POWER_LOST:
		shell_kill(w, node);
		kernel_off(w, node);
		fault_put(w, FAULT_POWER, s->node, 0);
		break;
	case KILLED:
		shell_kill(w, node);
		break;
	case STARTED:
		shell_start(w, node);
		break;
	case STOPPED:
		shell_stall(w, node, false, false);
		break;
	case CONTINUED:
		shell_wake(w, node);
		break;
	case HEALED:
		fault_heal_all(w);
		break;
	case PASSES:
		world_live(w, w->now + s->ms * NSEC_PER_MSEC);
		break;
	default:
		break;
	}
}

/* ---- what comes of it ---- */

static bool is_so(const struct world *w, const struct step *s)
{
	const struct world_vip *vip = &w->vips[0];
	struct heard heard;

	switch ((int)s->deed) {
	case HELD_BY:
	case STAYS:
		return vip->all == s->arg && vip->any == s->arg;
	case TAKEN_BY:
		return vip->holder == (int)s->node;
	case ADDRESSED:
		return w->vips[0].all >> s->node & 1;
	case KNOWN_AS:
		core_node(w->nodes[s->node].core, s->of, &heard.node);
		return heard.node.state == (enum node_state)s->arg;
	case PATH_IS:
		return hearing_view(w, &w->nodes[s->node], s->of, s->path, &heard) && heard.path.state == (enum path_state)s->arg;
	default:
		return true;
	}
}

static void wrong(struct world *w, const struct named *named, unsigned step, const char *what)
{
	world_fail(w, NULL, "named", "%s, step %u: it is %s; addresses are on 0x%x, all of them on 0x%x", named->name, step, what,
		   (unsigned)w->vips[0].any, (unsigned)w->vips[0].all);
}

/* Looks every millisecond. */
static void expect(struct world *w, const struct named *named, unsigned i)
{
	const struct step *s = &named->steps[i];
	bool always = s->deed == STAYS || s->deed == ADDRESSED;
	uint64_t begin = w->now, end = begin + s->ms * NSEC_PER_MSEC;

	while (!w->failed && w->now < end && is_so(w, s) == always)
		world_live(w, w->now + NSEC_PER_MSEC);
	if (!w->failed && !is_so(w, s))
		wrong(w, named, i, always ? "so no longer" : "not so in time");
	else if (!w->failed && w->now < begin + s->not_before * NSEC_PER_MSEC)
		wrong(w, named, i, "so too early");
}

static void tell(struct world *w, const struct named *named)
{
	static const struct step held = HELD(FIRST, 10000);

	for (unsigned n = 0; n < w->n_nodes; n++)
		shell_start(w, &w->nodes[n]);
	world_live(w, w->now + 5 * NSEC_PER_SEC);
	if (!is_so(w, &held))
		wrong(w, named, 0, "not held by the first node at the start");
	world_watch(w);
	for (unsigned i = 0; i < STEPS && named->steps[i].deed != THE_END && !w->failed; i++) {
		trace_add_text(w, named->steps[i].node, "%s, step %u", named->name, i);
		if (named->steps[i].deed < HELD_BY)
			do_it(w, &named->steps[i]);
		else
			expect(w, named, i);
	}
	if (w->failed)
		return;
	fault_heal_all(w);
	if (world_live(w, w->now + 5 * NSEC_PER_SEC))
		world_stop(w);
}

/* ---- for world.c and main.c ---- */

bool named_is(const char *name)
{
	for (unsigned i = 0; i < WORLDS; i++)
		if (strcmp(worlds[i].name, name) == 0)
			return true;
	return strcmp(name, "all") == 0;
}

void named_list(void)
{
	for (unsigned i = 0; i < WORLDS; i++)
		puts(worlds[i].name);
}

/* What the table does not name is drawn as for other worlds. */
static void tell_one(struct world *w, const struct options *options, uint64_t seed, struct statistics *s, const struct named *named, int kind)
{
	static struct options o;

	o = *options;
	o.nodes = named->nodes ? named->nodes : 2;
	o.vips = 1;
	o.paths = 2;
	o.peers = 0;
	o.kind = kind;
	o.named = named->name;
	world_begin(w, &o, seed, s);
	for (unsigned n = 0; n < w->n_nodes; n++)
		kernel_off(w, &w->nodes[n]);
	make_plain(w, named);
	make_vip(w);
	for (unsigned n = 0; n < w->n_nodes; n++)
		kernel_boot(w, &w->nodes[n]);
	tell(w, named);
	world_end(w);
}

/* Each that is asked for, by each kind of node; probes are a bond's. False: something broke; w says what. */
bool named_run(struct world *w, const struct options *o, uint64_t seed, struct statistics *s)
{
	bool all = strcmp(o->named, "all") == 0;

	for (unsigned i = 0; i < WORLDS; i++)
		for (int kind = worlds[i].probes ? NODE_MOVE : NODE_PLAIN; kind < NODE_KINDS; kind++) {
			if ((!all && strcmp(o->named, worlds[i].name) != 0) || (o->kind >= 0 && o->kind != kind))
				continue;
			tell_one(w, o, seed, s, &worlds[i], kind);
			if (w->failed)
				return false;
		}
	return true;
}
