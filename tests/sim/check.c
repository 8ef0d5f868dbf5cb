/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What must hold in every world. Each check has a name; a bound is computed from the protocol's own times, the delays
 * of this world, and the last disturbance of the nodes it speaks of. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/invariant.h"
#include "sim.h"

#define LEAVE_AFTER_ADVERT                                                                                             \
	(100 * NSEC_PER_MSEC)		   /* design/vrrp.md: at the latest 100 ms after the new one's first advert */
#define LEAVE_BY_CLAIMS (500 * NSEC_PER_MSEC) /* at least, however short the heartbeats' interval is */
#define LEASE_SLACK (1500 * NSEC_PER_MSEC) /* the kernel's laziness with lifetimes */
#define ISOLATED_MOST (30 * NSEC_PER_SEC) /* for a port that holds or is damped to be used again, and its probes to be answered */

/* A fault that touched this node: bounds count from here, or from `grace` later. */
void check_disturb(struct world *w, struct node *node, uint64_t grace_ns)
{
	if (node->excused_ns < w->now + grace_ns)
		node->excused_ns = w->now + grace_ns;
	if (node->hindered_ns < w->now + grace_ns)
		node->hindered_ns = w->now + grace_ns;
}

/* One of the LAN: what a node decides by itself must hold all the same. */
void check_disturb_lan(struct world *w, struct node *node)
{
	if (node->excused_ns < w->now)
		node->excused_ns = w->now;
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t since(const struct world *w, uint64_t when)
{
	return w->now > when ? w->now - when : 0;
}

/* What the simulator itself delays: packets, loop, and a queue of changes for every address there is. */
static uint64_t slack(const struct world *w)
{
	uint64_t changes = 16;

	for (unsigned v = 0; v < w->n_vips; v++)
		changes += w->vips[v].n_addresses * 2;
	return 70 * NSEC_PER_MSEC + changes * w->apply_ns * 2 + 2 * (w->delay_ns + w->jitter_ns) + 4 * w->loop_ns;
}

/* With the lowest priority that it may have had when it set its timer. */
static uint64_t skew(const struct world *w, const struct node *node, unsigned vip)
{
	unsigned priority = node->priority[vip];

	for (unsigned v = 0; v < w->n_vips; v++)
		for (unsigned i = 0; i < SIM_TRACKS && (v == vip || (w->vips[v].grouped && w->vips[vip].grouped)); i++)
			if (node->setup[v].tracks[i].used && node->setup[v].tracks[i].lower)
				priority = 1;
	return (256 - priority) * (w->vips[vip].version == 2 ? NSEC_PER_SEC : w->vips[vip].advert_ns) / 256;
}

uint64_t check_down(const struct world *w, const struct node *node, unsigned vip)
{
	return 3 * w->vips[vip].advert_ns + skew(w, node, vip);
}

bool check_is_well(const struct node *node)
{
	return node->running && !node->stalled && !node->loop_stalled;
}

/* ---- who has what ---- */

int check_vip_of(const struct world *w, const struct ip *ip, unsigned *address)
{
	const uint8_t *b = ip->bytes;
	unsigned v;

	if (ip->family == FAMILY_6 && b[0] == 0xfe && b[8] == 2) {
		*address = SIM_VIP_ADDRESSES_4;
		return configure_vip_of(w, b[15], FAMILY_6);
	}
	if (ip->family == FAMILY_4 && (b[0] != 10 || b[1] != 1))
		return -1;
	if (ip->family == FAMILY_6 && b[0] != 0xfd)
		return -1;
	v = ip->family == FAMILY_4 ? b[2] : b[13];
	*address = ip->family == FAMILY_4 ? b[3] : b[15];
	return v < w->n_vips && *address < SIM_VIP_ADDRESSES ? (int)v : -1;
}

/* Whether what comes by that interface is for the vip as it is configured; for one that was removed: as it was. */
static bool is_path(const struct node *node, unsigned vip, int ifindex, bool removed)
{
	const struct sim_link *links = node->links;

	if (removed ? node->watch[vip].removed_plain : node->setup[vip].plain)
		return ifindex == links[SIM_PLAIN].ifindex;
	if (node->kind >= NODE_KERNEL)
		return ifindex == links[SIM_PORTS].ifindex;
	for (unsigned port = 0; port < SIM_PORTS; port++)
		if (ifindex == links[port].ifindex)
			return removed || node->kind == NODE_PLAIN || node->bond.ports >> port & 1;
	return false;
}

bool check_is_path(const struct node *node, unsigned vip, int ifindex)
{
	return is_path(node, vip, ifindex, false);
}

/* Whether that link is where the vip is configured to be, now. */
static bool on_its_link(const struct node *node, unsigned vip, unsigned link)
{
	return node->setup[vip].plain == (link == SIM_PLAIN);
}

static unsigned wanted_of(const struct node *node, unsigned vip)
{
	return node->configured[vip] ? node->setup[vip].wanted : 0;
}

/* What may still be in force of the configuration before the last reload. */
static uint64_t longest_advert(const struct world *w, const struct node *node, unsigned vip)
{
	uint64_t now = node->advert_ns[vip], old = node->setup[vip].old_advert_ns;

	return since(w, node->watch[vip].reloaded_ns) < 5 * old ? later(now, old) : now;
}

static uint64_t longest_lease(const struct world *w, const struct node *node, unsigned vip)
{
	uint64_t now = node->setup[vip].lease_ns, old = node->setup[vip].old_lease_ns;

	return since(w, node->watch[vip].reloaded_ns) < 2 * old + NSEC_PER_SEC ? later(now, old) : now;
}

bool check_is_owner(const struct world *w, const struct node *node, unsigned vip)
{
	return w->vips[vip].owner == (int)node->id;
}

static int holding_path(const struct world *w, const struct node *node, unsigned vip)
{
	if (check_is_owner(w, node, vip))
		return lan_path(node, node->links[node->setup[vip].plain ? SIM_PLAIN : 0].ifindex);
	for (unsigned i = 0; i < SIM_LINKS; i++)
		if (node->watch[vip].have[i])
			return lan_path(node, node->links[i].ifindex);
	return -1;
}

bool check_connected(const struct world *w, unsigned a, unsigned b, unsigned vip)
{
	int pa = holding_path(w, &w->nodes[a], vip), pb = holding_path(w, &w->nodes[b], vip);

	if (w->beats.by_claims)
		return hearing_connected(w, a, b);
	if (pa < 0 || pb < 0 || !lan_port_live(w, &w->nodes[a], (unsigned)pa) ||
	    !lan_port_live(w, &w->nodes[b], (unsigned)pb))
		return false;
	if (w->blocked[a] & 1ULL << b || w->blocked[b] & 1ULL << a || w->mute[a][pa] || w->mute[b][pb])
		return false;
	return w->trunk || lan_switch_of(&w->nodes[a], (unsigned)pa) == lan_switch_of(&w->nodes[b], (unsigned)pb);
}

/* ---- the group ---- */

bool check_is_grouped(const struct world *w, const struct node *node, unsigned vip)
{
	for (unsigned v = 0; v < w->n_vips && w->vips[vip].grouped; v++)
		if (v != vip && w->vips[v].grouped && node->configured[v])
			return true;
	return false;
}

/* Two nodes whose addresses tie in different order on their links, and the slowest of the members. */
static uint64_t group_grace(const struct world *w, unsigned vip)
{
	uint64_t most = 0;

	for (unsigned v = 0; v < w->n_vips && w->vips[vip].grouped; v++)
		if (w->vips[v].grouped)
			most = later(most, 4 * w->vips[v].advert_ns);
	return most;
}

/* The longest detection time of any node. */
static uint64_t detection(const struct world *w)
{
	uint64_t most = 0;

	for (unsigned n = 0; n < w->n_nodes; n++)
		most = later(most, w->nodes[n].beat_ns * w->nodes[n].beat_lost);
	return most;
}

uint64_t check_pair_bound(const struct world *w, unsigned vip)
{
	if (w->beats.by_claims)
		return detection(w) + LEAVE_AFTER_ADVERT + slack(w) + w->check_ns;
	return w->vips[vip].advert_ns + LEAVE_AFTER_ADVERT + slack(w) + w->check_ns + group_grace(w, vip);
}

/* Two well nodes that hear each other: the loser hears the winner's advert within one interval and lets go 100 ms
 * later. */
static void check_pair(struct world *w, unsigned vip, unsigned a, unsigned b)
{
	struct world_vip *v = &w->vips[vip];
	const struct node *na = &w->nodes[a], *nb = &w->nodes[b];
	uint64_t from = later(later(na->watch[vip].had_ns, nb->watch[vip].had_ns), v->disturbed_ns);
	uint64_t both;

	if (!check_is_well(na) || !check_is_well(nb) || !check_connected(w, a, b, vip)) {
		w->apart_ns[a][b] = w->now;
		return;
	}
	/* Both said goodbye: each keeps answering for as long as it may, check_holding watches that. */
	if (na->watch[vip].state == VIP_LEAVING && nb->watch[vip].state == VIP_LEAVING)
		w->apart_ns[a][b] = w->now;
	from = later(later(from, w->apart_ns[a][b]), later(na->excused_ns, nb->excused_ns));
	both = since(w, from);
	if (both > safety_of(w)->two_holders_ns) {
		safety_of(w)->two_holders_ns = both;
		safety_of(w)->two_seed = w->seed;
	}
	if (both > check_pair_bound(w, vip))
		world_fail(w, na, "two-holders", "vip %u is on nodes %u and %u for %llu ms", vip, a, b,
			   both / NSEC_PER_MSEC);
}

static void check_pairs(struct world *w, unsigned vip)
{
	uint64_t any = w->vips[vip].any;

	for (unsigned a = 0; a < w->n_nodes; a++)
		for (unsigned b = a + 1; any >> a & 1 && b < w->n_nodes; b++)
			if (any >> b & 1)
				check_pair(w, vip, a, b);
}

/* Whether all that is wanted is there, and whether what is there is wanted by somebody. */
static void completeness(struct world *w, struct node *node, unsigned vip)
{
	struct watch *watch = &node->watch[vip];
	unsigned wanted = wanted_of(node, vip);
	bool complete = false, stray = false;

	for (unsigned i = 0; i < SIM_LINKS; i++) {
		bool here = on_its_link(node, vip, i);

		complete = complete || (here && wanted && (watch->have[i] & wanted) == wanted);
		stray = stray || watch->have[i] & ~(here ? wanted : 0);
	}
	if (complete != watch->complete)
		watch->changed_ns = w->now;
	watch->complete = complete;
	if (!stray)
		watch->stray_ns = 0;
	else if (!watch->stray_ns)
		watch->stray_ns = w->now;
	if (complete)
		w->vips[vip].all |= 1ULL << node->id;
	else
		w->vips[vip].all &= ~(1ULL << node->id);
}

/* An owner's addresses are there for ever: it holds the vip while it speaks for it. */
void check_owner(struct world *w, struct node *node, unsigned vip)
{
	struct watch *watch = &node->watch[vip];
	bool holds = watch->known && watch->state == VIP_ACTIVE;
	uint64_t bit = 1ULL << node->id;

	if (!check_is_owner(w, node, vip) || vip >= w->n_vips)
		return;
	if (holds != watch->complete)
		watch->changed_ns = watch->had_ns = w->now;
	watch->complete = holds;
	w->vips[vip].any = holds ? w->vips[vip].any | bit : w->vips[vip].any & ~bit;
	w->vips[vip].all = holds ? w->vips[vip].all | bit : w->vips[vip].all & ~bit;
	safety_account(w, vip);
}

void check_addresses(struct world *w, struct node *node, const struct ip *ip, int link, int change)
{
	unsigned address;
	int v = check_vip_of(w, ip, &address);
	struct watch *watch;
	bool had;

	if (v < 0 || check_is_owner(w, node, (unsigned)v))
		return;
	watch = &node->watch[v];
	had = watch->total > 0;
	if (w->vips[v].any & (w->vips[v].any - 1))
		check_pairs(w, (unsigned)v);
	watch->have[link] ^= 1U << address;
	watch->total += (unsigned)change;
	if (!had)
		watch->had_ns = w->now;
	if (had != (watch->total > 0))
		watch->changed_ns = w->now;
	if (!watch->total) {
		watch->release_ns = 0;
		watch->must_remove = false;
		w->vips[v].any &= ~(1ULL << node->id);
	} else {
		w->vips[v].any |= 1ULL << node->id;
	}
	completeness(w, node, (unsigned)v);
	safety_account(w, (unsigned)v);
}

/* Another configuration is in force: other addresses are wanted, on another link perhaps. */
void check_reloaded(struct world *w, struct node *node)
{
	for (unsigned v = 0; v < w->n_vips; v++) {
		node->watch[v].reloaded_ns = w->now;
		if (!check_is_owner(w, node, v))
			completeness(w, node, v);
	}
}

/* ---- after every step ---- */

static void count_takeover(struct world *w, const struct node *node, unsigned vip)
{
	const struct world_vip *v = &w->vips[vip];
	uint64_t *of = w->statistics->takeovers_of;
	bool tracked = false;

	for (unsigned i = 0; i < SIM_TRACKS; i++)
		tracked = tracked || node->setup[vip].tracks[i].used;
	w->statistics->takeovers++;
	of[TAKEOVER_IPV6] += v->family == FAMILY_6;
	of[TAKEOVER_V2] += v->version == 2;
	of[TAKEOVER_PASSWORD] += v->has_auth;
	of[TAKEOVER_UNICAST] += v->unicast;
	of[TAKEOVER_OWNED] += v->owner >= 0;
	of[TAKEOVER_GROUP] += v->grouped;
	of[TAKEOVER_TRACKED] += tracked;
	of[TAKEOVER_DELAYED] += v->preempt && v->preempt_delay_ns;
	of[TAKEOVER_NOT_PREEMPTED] += !v->preempt;
	of[TAKEOVER_CLAIMS] += w->beats.by_claims;
}

static void state_changed(struct world *w, struct node *node, unsigned vip, const struct vip_view *view)
{
	struct watch *watch = &node->watch[vip];

	if (view->state == VIP_ACTIVE && view->reason.code == REASON_PREEMPTED && watch->state == VIP_BACKUP &&
	    since(w, watch->state_since_ns) < w->vips[vip].preempt_delay_ns)
		world_fail(w, node, "preempt-delay", "vip %u: preempts after %llu ms", vip,
			   since(w, watch->state_since_ns) / NSEC_PER_MSEC);
	watch->state_since_ns = w->now;
	watch->zero_ns = watch->claimed = watch->claimed_ns = 0;
	watch->was_late = false;
	if (view->state == VIP_ACTIVE && view->reason.code == REASON_RESUMED &&
	    since(w, watch->sign_ns) >
		    3 * node->advert_ns[vip] + longest_lease(w, node, vip) / 2) /* a renewal is a sign too */
		world_fail(w, node, "resumed", "vip %u: the last sign is %llu ms old", vip,
			   since(w, watch->sign_ns) / NSEC_PER_MSEC);
	if (view->state == VIP_ACTIVE && w->now < watch->listen_ns && !w->beats.by_claims)
		world_fail(w, node, "late-backup", "vip %u: woke late and did not listen", vip);
	watch->listen_ns = 0;
	if (view->state == VIP_ACTIVE) {
		node->record[vip].active_ns = w->now;
		if (w->vips[vip].holder != (int)node->id)
			count_takeover(w, node, vip);
		w->vips[vip].holder = (int)node->id;
		watch->advertised = watch->zero_sent = false;
		watch->n_adverts = 0;
		watch->advert_ns = watch->release_ns = 0;
	} else {
		watch->must_remove = false;
	}
	if (watch->state == VIP_ACTIVE)
		watch->announced = watch->told = 0;
	watch->state = view->state;
	node->record[vip].active = view->state == VIP_ACTIVE;
	check_owner(w, node, vip);
}

/* How much one of several vips with one vrid is the one to watch: a configured one before one that leaves, and that
 * before one that has gone. */
static int weight(const struct vip_view *view)
{
	return !view->removed ? 2 : view->state == VIP_LEAVING;
}

static void removed_seen(struct watch *watch, const struct vip_view *view)
{
	watch->removed_leaves = true;
	watch->removed_plain = strcmp(view->on, "eth2") == 0;
	watch->removed_ns = view->since_ns;
}

void check_states(struct world *w, struct node *node)
{
	struct vip_view views[SIM_VIPS], view;
	int weights[SIM_VIPS];
	unsigned n = core_n_vips(node->core);

	for (unsigned v = 0; v < w->n_vips; v++) {
		weights[v] = -1;
		node->watch[v].removed_leaves = false;
	}
	for (unsigned i = 0; i < n; i++) {
		int vip;

		core_vip(node->core, i, &view);
		vip = configure_vip_of(w, view.vrid, view.family);
		if (vip < 0) {
			world_fail(w, node, "view", "a vip with vrid %u was never configured", view.vrid);
			return;
		}
		if (view.removed && view.state == VIP_LEAVING)
			removed_seen(&node->watch[vip], &view);
		if (weight(&view) <= weights[vip])
			continue;
		weights[vip] = weight(&view);
		views[vip] = view;
	}
	for (unsigned v = 0; v < w->n_vips; v++) {
		node->watch[v].known = weights[v] >= 0;
		check_owner(w, node, v);
		if (weights[v] < 0)
			continue;
		node->record[v].checksum = views[v].heard_checksum;
		node->watch[v].reason = views[v].reason.code;
		node->watch[v].priority = views[v].effective_priority;
		node->given[v] = views[v].given;
		if (views[v].state != node->watch[v].state)
			state_changed(w, node, v, &views[v]);
	}
}

static bool is_send(const struct action *a)
{
	return a->type == ACT_ADVERT || a->type == ACT_ANNOUNCE;
}

static bool is_change(const struct action *a)
{
	return a->type >= ACT_ADDRESS_ADD && a->type <= ACT_UNLISTEN;
}

void check_answer(struct world *w, struct node *node, const struct event *event)
{
	if (event->type != EV_DONE && event->type != EV_FAILED)
		return;
	for (unsigned i = 0; i < node->n_flight; i++)
		if (node->flight[i].gen == event->u.result.action.gen) {
			node->flight[i] = node->flight[--node->n_flight];
			return;
		}
	world_fail(w, node, "answer", "an answer to what was not asked, gen %u", event->u.result.action.gen);
}

void check_step(struct world *w, struct node *node, size_t n)
{
	const char *broken = core_broken(node->core);
	bool change = false;

	if (broken)
		world_fail(w, node, "core-broken", "%s", broken);
	if (n > w->cap)
		world_fail(w, node, "cap", "%zu actions, cap %u", n, w->cap);
	for (size_t i = 0; i < n; i++) {
		change = change || is_change(&w->out[i]);
		if (change && is_send(&w->out[i]))
			world_fail(w, node, "order", "a packet after a change in one step");
	}
	if (node->step_instant_ns != w->now) {
		node->step_instant_ns = w->now;
		node->steps_at_instant = 0;
	}
	if (++node->steps_at_instant > 3000)
		world_fail(w, node, "busy", "%u steps at one instant", node->steps_at_instant);
}

/* ---- changes ---- */

static uint64_t mix(uint64_t hash, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ p[i]) * 0x100000001b3ULL;
	return hash;
}

/* The object that a change is about: at most one may be in flight. */
uint64_t check_key(const struct action *a)
{
	uint64_t hash = 0xcbf29ce484222325ULL;

	switch (a->type) {
	case ACT_ADDRESS_ADD:
	case ACT_ADDRESS_RENEW:
	case ACT_ADDRESS_DEL:
		hash = mix(hash, "address", 7);
		hash = mix(hash, &a->u.address.ifindex, sizeof(int));
		return mix(mix(hash, a->u.address.ip.bytes, 16), &a->u.address.prefix, 1);
	case ACT_ROUTE_ADD:
	case ACT_ROUTE_DEL:
		hash = mix(mix(hash, "route", 5), &a->u.route.ifindex, sizeof(int));
		return mix(mix(hash, a->u.route.route.to.bytes, 16), &a->u.route.route.metric, sizeof(uint32_t));
	case ACT_RULE_ADD:
	case ACT_RULE_DEL:
		hash = mix(mix(hash, "rule", 4), a->u.rule.rule.from.bytes, 16);
		return mix(mix(hash, a->u.rule.rule.to.bytes, 16), &a->u.rule.rule.priority, sizeof(uint32_t));
	case ACT_BOND_CREATE:
		return mix(mix(hash, "create", 6), a->u.link.ifname, strlen(a->u.link.ifname));
	case ACT_LINK_UP:
	case ACT_LINK_DOWN:
	case ACT_BOND_SET:
	case ACT_BOND_REBUILD:
	case ACT_VLAN_CREATE:
	case ACT_VMAC_CREATE:
	case ACT_VMAC_SET:
	case ACT_VMAC_DELETE:
	case ACT_ENSLAVE:
	case ACT_RELEASE:
	case ACT_LINK_MTU:
	case ACT_LINK_MAC:
	case ACT_SET_ACTIVE:
		return mix(mix(hash, "link", 4), &a->u.link.ifindex, sizeof(int));
	case ACT_SYSCTL:
		hash = mix(mix(hash, "sysctl", 6), &a->u.sysctl.ifindex, sizeof(int));
		return mix(hash, &a->u.sysctl.key, sizeof a->u.sysctl.key);
	case ACT_LISTEN:
	case ACT_UNLISTEN:
		hash = mix(mix(hash, "listen", 6), &a->u.listen.ifindex, sizeof(int));
		return mix(hash, &a->u.listen.family, 1);
	case ACT_LOOK:
		return mix(mix(hash, "look", 4), &a->u.look.ifindex, sizeof(int));
	case ACT_PROBE:
	case ACT_RESOLVE:
	case ACT_HEARTBEAT:
	case ACT_ADVERT:
	case ACT_ANNOUNCE:
	case ACT_SNAPSHOT:
	case ACT_NOTE:
	case ACT_STOPPED:
	case ACT_TYPES:
		break;
	}
	return 0;
}

static int change_ifindex(const struct action *a)
{
	if (a->type <= ACT_ADDRESS_DEL)
		return a->u.address.ifindex;
	if (a->type <= ACT_ROUTE_DEL)
		return a->u.route.ifindex;
	if (a->type <= ACT_LINK_MAC)
		return a->u.link.ifindex;
	if (a->type == ACT_LOOK)
		return a->u.look.ifindex;
	return a->type == ACT_SYSCTL ? a->u.sysctl.ifindex : a->u.listen.ifindex;
}

/* The kernel is always told the lifetime that is configured. */
static void submitted_address(struct world *w, struct node *node, const struct action_address *a, bool adds)
{
	unsigned address;
	int vip = check_vip_of(w, &a->ip, &address);

	if (vip >= 0 && check_is_owner(w, node, (unsigned)vip))
		world_fail(w, node, "owner", "vip %d: the owner's own address is touched", vip);
	if (adds && vip >= 0 && a->lifetime_s != node->setup[vip].lease_ns / NSEC_PER_SEC && !node->watch[vip].removed_leaves &&
	    wanted_of(node, (unsigned)vip) >> address & 1)
		world_fail(w, node, "lifetime", "vip %d: %u s, lease %u s", vip, a->lifetime_s,
			   (unsigned)(node->setup[vip].lease_ns / NSEC_PER_SEC));
}

/* One that looks changes nothing. A setting is a file under the interface's name: where that was taken from the device and given back
 * nobody knows whether it was still, or already, there, so it is written again. */
static bool may_come_twice(const struct action *a)
{
	return a->type == ACT_LOOK || (a->type == ACT_SYSCTL && !a->u.sysctl.read && !a->u.sysctl.put_back);
}

void check_submit(struct world *w, struct node *node, const struct action *a)
{
	uint64_t key = check_key(a);
	int ifindex = change_ifindex(a);

	if (a->type != ACT_BOND_CREATE && (ifindex <= 0 || ifindex > node->next_ifindex))
		world_fail(w, node, "ifindex", "%s for an interface %d that never was", action_type_name(a->type),
			   ifindex);
	if (a->gen <= node->last_gen)
		world_fail(w, node, "gen", "%s has gen %u after %u", action_type_name(a->type), a->gen, node->last_gen);
	node->last_gen = a->gen;
	if (a->type <= ACT_ADDRESS_DEL)
		submitted_address(w, node, &a->u.address, a->type != ACT_ADDRESS_DEL);
	for (unsigned i = 0; i < node->n_flight && !may_come_twice(a); i++)
		if (node->flight[i].key == key) {
			world_fail(w, node, "in-flight", "%s gen %u while gen %u of the same object is in flight",
				   action_type_name(a->type), a->gen, node->flight[i].gen);
			return;
		}
	if (node->n_flight == SIM_QUEUE) {
		world_fail(w, node, "in-flight", "more than %d changes in flight", SIM_QUEUE);
		return;
	}
	node->flight[node->n_flight].key = key;
	node->flight[node->n_flight++].gen = a->gen;
}

/* ---- packets ---- */

static void first_advert(struct world *w, struct node *node, unsigned vip)
{
	struct watch *watch = &node->watch[vip];
	bool excused = since(w, node->excused_ns) < slack(w);

	if (!watch->complete && !excused)
		world_fail(w, node, "advert-before-addresses", "vip %u: %u of its %u addresses are there", vip,
			   watch->total, (unsigned)__builtin_popcount(wanted_of(node, vip)));
	if (wanted_of(node, vip) & ~watch->announced)
		world_fail(w, node, "advert-before-announcement", "vip %u: announced 0x%" PRIx64, vip,
			   watch->announced);
}

static void next_advert(struct world *w, struct node *node, unsigned vip, uint8_t priority)
{
	struct watch *watch = &node->watch[vip];
	uint64_t gap = since(w, watch->advert_ns), bound = watch->promised_ns + w->loop_ns + NSEC_PER_MSEC;

	if (gap > bound && watch->advert_ns > node->excused_ns)
		world_fail(w, node, "advert-late", "vip %u: %" PRIu64 " us after the last, interval %" PRIu64 " us",
			   vip, gap / 1000, watch->promised_ns / 1000);
	/* The second may come early: the core lets several vips speak in one turn. What lowers its priority is told at once. */
	if (watch->n_adverts > 1 && priority == watch->said && gap + 2 * w->loop_ns + NSEC_PER_MSEC < node->advert_ns[vip] &&
	    since(w, watch->any_heard_ns) > 2 * node->advert_ns[vip] &&
	    watch->advert_ns > later(node->excused_ns, watch->reloaded_ns) + longest_advert(w, node, vip))
		world_fail(w, node, "advert-early",
			   "vip %u: %" PRIu64 " us after the last, interval %" PRIu64 " us, nobody spoke", vip,
			   gap / 1000, node->advert_ns[vip] / 1000);
	if (!watch->complete && since(w, later(watch->changed_ns, node->excused_ns)) > 2 * NSEC_PER_SEC + slack(w))
		world_fail(w, node, "advert-without-addresses", "vip %u: %u of its %u addresses are there", vip,
			   watch->total, (unsigned)__builtin_popcount(wanted_of(node, vip)));
	if (watch->complete && wanted_of(node, vip) & ~watch->told &&
	    since(w, later(watch->changed_ns, node->excused_ns)) > slack(w))
		world_fail(w, node, "unannounced", "vip %u: announced 0x%" PRIx64 " of 0x%x", vip, watch->told,
			   wanted_of(node, vip));
}

/* One that is due, one that answers a loser, one for a change of priority or state, and one for each goodbye. */
static void advert_rate(struct world *w, struct node *node, unsigned vip, uint8_t priority)
{
	struct watch *watch = &node->watch[vip];

	if (since(w, watch->window_ns) >= node->advert_ns[vip] || watch->reloaded_ns > watch->window_ns) {
		watch->window_ns = w->now;
		watch->in_window = watch->zeros_in_window = 0;
	}
	if (watch->advertised && watch->said == priority && ++watch->in_window > 4 + watch->zeros_in_window)
		world_fail(w, node, "advert-storm", "vip %u: %u adverts in %" PRIu64 " us, %u goodbyes heard", vip,
			   watch->in_window, since(w, watch->window_ns) / 1000, watch->zeros_in_window);
	if (watch->in_window > 4 + 256)
		world_fail(w, node, "advert-storm", "vip %u: %u adverts in an interval", vip, watch->in_window);
}

/* The list in an advert is the configured one; a goodbye's may be the one before the reload. */
static bool right_list(const struct world *w, const struct node *node, const struct action_advert *a)
{
	int vip = configure_vip_of(w, a->vrid, a->family);
	const struct vip_setup *setup = &node->setup[vip];
	unsigned listed = 0, address;

	for (unsigned i = 0; i < a->n_addresses; i++) {
		if (check_vip_of(w, &a->addresses[i].ip, &address) != vip)
			return false;
		listed |= 1U << address;
	}
	if (a->priority == 0)
		return a->n_addresses > 0;
	return listed == (setup->wanted & configure_listed(&w->vips[vip]));
}

static bool right_words(const struct world_vip *vip, const struct node *node, const struct action_advert *a)
{
	const uint8_t *b = a->source.bytes;

	if (a->version != vip->version || a->has_auth != vip->has_auth || (a->n_peers != 0) != vip->unicast)
		return false;
	if (a->family == FAMILY_6) /* any link-local address but a virtual one */
		return b[0] == 0xfe && b[8] == 0;
	return b[3] == node->id + 1 && b[0] == 10;
}

void check_advert_sent(struct world *w, struct node *node, const struct action_advert *a)
{
	unsigned vip = (unsigned)configure_vip_of(w, a->vrid, a->family);
	struct watch *watch = &node->watch[vip < w->n_vips ? vip : 0];

	if (vip >= w->n_vips || a->ifindex <= 0 || a->ifindex > node->next_ifindex || !right_list(w, node, a)) {
		world_fail(w, node, "advert", "malformed");
		return;
	}
	if (!right_words(&w->vips[vip], node, a))
		world_fail(w, node, "advert", "wrong source, version, peers or password");
	watch->source = a->source;
	if (a->priority == 0) {
		if (watch->zero_sent)
			world_fail(w, node, "zero-twice", "vip %u: a second goodbye", vip);
		watch->zero_sent = true;
		watch->farewell_ns = w->now;
		return;
	}
	if (watch->zero_sent && watch->reloaded_ns < watch->farewell_ns)
		world_fail(w, node, "advert-after-goodbye", "vip %u: it stayed active", vip);
	watch->zero_sent = false; /* that was an owner's predecessor of another name */
	if (a->interval_cs * 10 * NSEC_PER_MSEC != node->advert_ns[vip])
		world_fail(w, node, "advert", "vip %u: interval %u cs", vip, a->interval_cs);
	if (watch->must_remove)
		world_fail(w, node, "late-advert", "vip %u: woke later than the lease and speaks before it removed",
			   vip);
	advert_rate(w, node, vip, a->priority);
	if (!watch->advertised)
		first_advert(w, node, vip);
	else
		next_advert(w, node, vip, a->priority);
	watch->advertised = true;
	watch->n_adverts = watch->said == a->priority ? watch->n_adverts + 1 : 1;
	watch->said = a->priority;
	watch->advert_ns = w->now;
	watch->promised_ns = node->advert_ns[vip];
}

void check_announced(struct world *w, struct node *node, const struct ip *ip)
{
	unsigned address;
	int vip = check_vip_of(w, ip, &address);

	if (vip >= 0) {
		node->watch[vip].announced |= 1ULL << address;
		node->watch[vip].told |= 1ULL << address;
	}
}

static bool taking(enum reason_code code)
{
	return code == REASON_TAKING || code == REASON_SILENCE || code == REASON_PREDECESSOR_LEFT ||
	       code == REASON_PREEMPTED;
}

/* Where members of a group tie, only the first decides at once. */
static bool is_better(const struct world *w, const struct node *node, unsigned vip, const struct event_advert *a)
{
	const struct watch *watch = &node->watch[vip];

	if (a->priority != watch->priority)
		return a->priority > watch->priority;
	return !check_is_grouped(w, node, vip) && watch->advertised && ip_compare(&a->source, &watch->source) > 0;
}

/* Called before the core hears it. */
void check_advert_heard(struct world *w, struct node *node, const struct event_advert *a)
{
	unsigned vip = (unsigned)configure_vip_of(w, a->vrid, a->family);
	struct watch *watch;

	if (vip >= w->n_vips)
		return;
	watch = &node->watch[vip];
	if (a->priority && watch->removed_leaves && is_path(node, vip, a->ifindex, true) && !taking(watch->reason) &&
	    watch->state != VIP_ACTIVE && watch->total && !watch->release_ns)
		watch->release_ns = w->now;
	if (!is_path(node, vip, a->ifindex, false))
		return; /* others speak there: not its way */
	watch->any_heard_ns = w->now;
	watch->zeros_in_window += !a->priority;
	if (a->priority || !watch->known || watch->state != VIP_BACKUP)
		watch->zero_ns = 0;
	else if (!watch->zero_ns) /* one that repeats it prolongs nothing */
		watch->zero_ns = w->now;
	watch->listen_ns = 0;
	if (!a->priority)
		return;
	watch->heard_ns = w->now;
	if (watch->known && watch->total && !watch->release_ns &&
	    (watch->state == VIP_LEAVING || (watch->state == VIP_ACTIVE && is_better(w, node, vip, a))))
		watch->release_ns = w->now;
}

/* For a moment the two were apart, whatever they are when somebody looks. */
static void apart(struct world *w, unsigned a, unsigned b)
{
	w->apart_ns[a < b ? a : b][a < b ? b : a] = w->now;
}

void check_note(struct world *w, struct node *node, const struct action *a)
{
	struct vip_view view;
	int vip;

	if (a->object.type != OBJECT_VIP)
		order_stirred(w);
	if (a->object.type == OBJECT_PEER && a->u.note.code == NOTE_STATE)
		apart(w, node->id, a->object.index);
	if (a->u.note.code != NOTE_LATE || a->object.type != OBJECT_VIP || a->object.index >= core_n_vips(node->core))
		return;
	core_vip(node->core, a->object.index, &view);
	vip = configure_vip_of(w, view.vrid, view.family);
	if (vip >= 0)
		node->watch[vip].was_late = true;
}

/* Called before the core hears it. */
void check_claim_heard(struct world *w, struct node *node, const struct ip *ip, int ifindex)
{
	unsigned address;
	int vip = check_vip_of(w, ip, &address);
	struct watch *watch;

	if (vip < 0 || !node->watch[vip].known || node->watch[vip].state != VIP_LEAVING ||
	    !is_path(node, (unsigned)vip, ifindex, !node->configured[vip]))
		return;
	watch = &node->watch[vip];
	watch->claimed |= 1ULL << address;
	if (!watch->claimed_ns && wanted_of(node, (unsigned)vip) && !(wanted_of(node, (unsigned)vip) & ~watch->claimed))
		watch->claimed_ns = w->now;
}

/* The core let it go, and it is nowhere: when it is back it is announced again. */
static void forget_announcement(struct watch *watch, unsigned address)
{
	for (unsigned i = 0; i < SIM_LINKS; i++)
		if (watch->have[i] >> address & 1)
			return;
	watch->told &= ~(1ULL << address);
}

/* Make before break: an active vip's address does not go from a port that works before it is on another. What a reload
 * wants back while its removal is under way goes first. */
void check_removed(struct world *w, struct node *node, const struct action_address *a, uint64_t submitted_ns)
{
	unsigned address;
	int vip = check_vip_of(w, &a->ip, &address);
	const struct sim_link *link = kernel_link(node, a->ifindex);

	if (vip >= 0)
		forget_announcement(&node->watch[vip], address);
	if (vip < 0 || !(wanted_of(node, (unsigned)vip) >> address & 1) || !link || !link->carrier || !check_is_well(node) ||
	    node->watch[vip].reloaded_ns >= submitted_ns || node->watch[vip].state != VIP_ACTIVE ||
	    !node->watch[vip].known ||
	    since(w, later(node->excused_ns, node->watch[vip].state_since_ns)) < NSEC_PER_SEC)
		return;
	for (unsigned i = 0; i < node->n_addresses; i++)
		if (ip_equal(&node->addresses[i].ip, &a->ip))
			return;
	world_fail(w, node, "break-before-make", "vip %d: an address left a port that works and is nowhere", vip);
}

/* ---- by time ---- */

static bool plain_usable(const struct world *w, const struct node *node)
{
	const struct sim_link *plain = &node->links[SIM_PLAIN];

	return plain->exists && plain->up && lan_port_live(w, node, SIM_PLAIN) && !plain->held_down;
}

/* The bond, or the only NIC. */
static bool bond_usable(const struct world *w, const struct node *node)
{
	const struct sim_link *bond = &node->links[SIM_PORTS];

	for (unsigned port = 0; port < SIM_PORTS; port++) {
		const struct sim_link *link = &node->links[port];

		if (lan_is_listed(node, port) && link->exists && lan_port_live(w, node, port) && !link->held_down &&
		    (link->up || node->kind != NODE_PLAIN))
			return node->kind < NODE_KERNEL || !bond->exists || bond->up;
	}
	return false;
}

/* Whether the vip's interface can carry it, physically, nobody set it down, and what it requires is there. */
static bool usable(const struct world *w, const struct node *node, unsigned vip)
{
	const struct vip_setup *setup = &node->setup[vip];
	bool needs_bond = setup->tracks[TRACK_BOND].used && !setup->tracks[TRACK_BOND].lower;
	bool needs_plain = setup->tracks[TRACK_INTERFACE].used && !setup->tracks[TRACK_INTERFACE].lower;

	if ((setup->plain || needs_plain) && !plain_usable(w, node))
		return false;
	return (setup->plain && !needs_bond) || bond_usable(w, node);
}

/* Members of a group are held together: what keeps one away keeps all. */
static bool group_usable(const struct world *w, const struct node *node, unsigned vip)
{
	for (unsigned v = 0; v < w->n_vips; v++)
		if ((v == vip || (w->vips[v].grouped && w->vips[vip].grouped)) && node->configured[v] && !usable(w, node, v))
			return false;
	return true;
}

static uint64_t none_since(const struct world *w, const struct node *node, unsigned vip)
{
	uint64_t from = later(node->excused_ns, node->process_ns);

	for (unsigned v = 0; v < w->n_vips; v++)
		if (v == vip || (w->vips[v].grouped && w->vips[vip].grouped))
			from = later(later(from, node->watch[v].usable_ns),
				     later(node->watch[v].heard_ns, node->watch[v].configured_ns));
	/* A goodbye sets the timer to the skew anew, also where others of the group were silent for long. */
	for (unsigned v = 0; v < w->n_vips && check_is_grouped(w, node, vip); v++)
		from = w->vips[v].grouped ? later(from, node->watch[v].any_heard_ns) : from;
	return from;
}

/* Either all members are active here or none is, but for a time in which they come or go. */
static void check_group(struct world *w, struct node *node)
{
	unsigned active = 0, members = 0, first = w->n_vips;
	uint64_t from;

	for (unsigned v = 0; v < w->n_vips; v++) {
		if (!w->vips[v].grouped || !node->configured[v])
			continue;
		first = first < v ? first : v;
		members++;
		active += node->watch[v].known && node->watch[v].state == VIP_ACTIVE;
	}
	if (!active || active == members || w->uneven || node->stopping || !group_usable(w, node, first)) {
		node->split_ns = 0;
		return;
	}
	if (!node->split_ns)
		node->split_ns = w->now;
	from = later(node->split_ns, none_since(w, node, first));
	if (since(w, from) > 2 * group_grace(w, first) + w->vips[first].preempt_delay_ns + slack(w) + w->linkwatch_ns)
		world_fail(w, node, "group-split", "%u of %u members are active for %llu ms", active, members,
			   since(w, node->split_ns) / NSEC_PER_MSEC);
}

/* Whether the gateway answers it through any port of its bond that nobody has set down: then its LAN is not dead for long. */
static bool reaches_gateway(const struct world *w, const struct node *node)
{
	for (unsigned port = 0; port < SIM_PORTS; port++) {
		const struct sim_link *link = &node->links[port];
		if (lan_is_listed(node, port) && link->exists && link->up && lan_reaches_gateway(w, node, port))
			return true;
	}
	return false;
}

/* Who hears nobody, and whose LAN is dead by its probes, lets go by rule, and has to come back when the gateway answers. */
static void check_isolated(struct world *w, struct node *node, unsigned vip)
{
	bool stays = node->watch[vip].reason == REASON_ISOLATED && reaches_gateway(w, node);

	if (!stays || !node->watch[vip].isolated_ns)
		node->watch[vip].isolated_ns = stays ? w->now : 0;
	if (stays && since(w, later(node->watch[vip].isolated_ns, node->excused_ns)) > ISOLATED_MOST + slack(w))
		world_fail(w, node, "stays-isolated", "vip %u: the gateway has answered for %llu ms", vip,
			   since(w, node->watch[vip].isolated_ns) / NSEC_PER_MSEC);
}

bool check_is_able(const struct world *w, const struct node *node, unsigned vip)
{
	return check_is_well(node) && node->configured[vip] && !node->stopping && !node->drained && node->watch[vip].known &&
	       group_usable(w, node, vip);
}

/* Nor does its own rule. */
bool check_could_hold(const struct world *w, const struct node *node, unsigned vip)
{
	return node->watch[vip].reason != REASON_ISOLATED && check_is_able(w, node, vip);
}

static uint64_t none_bound(const struct world *w, const struct node *node, unsigned vip)
{
	return check_down(w, node, vip) + w->vips[vip].advert_ns + slack(w) + w->linkwatch_ns + group_grace(w, vip) +
	       (node->kind != NODE_PLAIN ? 2 * BOND_MIIMON_MS * NSEC_PER_MSEC : 0);
}

/* Of the slowest of them. */
uint64_t check_none_bound(const struct world *w, unsigned vip)
{
	uint64_t most = 0;

	if (w->beats.by_claims) /* one to see what is, one to listen */
		return 2 * detection(w) + slack(w) + w->linkwatch_ns + 2 * BOND_MIIMON_MS * NSEC_PER_MSEC + w->check_ns;
	for (unsigned n = 0; n < w->n_nodes; n++)
		most = later(most, none_bound(w, &w->nodes[n], vip));
	return most;
}

static void check_none(struct world *w, struct node *node, unsigned vip)
{
	struct watch *watch = &node->watch[vip];
	uint64_t from = none_since(w, node, vip), bound = none_bound(w, node, vip), none;

	if (watch->complete) {
		watch->heard_ns = later(watch->heard_ns, w->now); /* counts from when it lost it */
		return;
	}
	if (!group_usable(w, node, vip))
		return;
	none = since(w, from);
	if (none > safety_of(w)->no_holder_ns) {
		safety_of(w)->no_holder_ns = none;
		safety_of(w)->none_seed = w->seed;
	}
	if (none > bound)
		world_fail(w, node, "no-holder",
			   "vip %u: nobody holds or advertises it for %llu ms, state %s, reason %s", vip,
			   none / NSEC_PER_MSEC, vip_state_name(watch->state), reason_code_name(watch->reason));
}

static void check_holding(struct world *w, struct node *node, unsigned vip)
{
	struct watch *watch = &node->watch[vip];
	uint64_t state_ns = since(w, later(watch->state_since_ns, node->excused_ns));
	uint64_t leave = later(4 * longest_advert(w, node, vip), group_grace(w, vip));

	if (w->beats.by_claims)
		leave = later(leave, LEAVE_BY_CLAIMS);
	if (leave > w->vips[vip].leave_timeout_ns)
		leave = w->vips[vip].leave_timeout_ns;
	if (watch->release_ns && since(w, later(watch->release_ns, node->excused_ns)) > LEAVE_AFTER_ADVERT + slack(w))
		world_fail(w, node, "release", "vip %u: heard the new holder %llu ms ago and still has addresses", vip,
			   since(w, watch->release_ns) / NSEC_PER_MSEC);
	if (watch->claimed_ns && watch->total && since(w, later(watch->claimed_ns, node->excused_ns)) > slack(w))
		world_fail(w, node, "release", "vip %u: saw the new holder announce everything and still has addresses",
			   vip);
	if (watch->zero_ns && watch->state == VIP_BACKUP && usable(w, node, vip) && !check_is_grouped(w, node, vip) &&
	    since(w, later(watch->zero_ns, node->excused_ns)) >
		    skew(w, node, vip) + slack(w))
		world_fail(w, node, "goodbye", "vip %u: the active one said goodbye %llu ms ago", vip,
			   since(w, watch->zero_ns) / NSEC_PER_MSEC);
	if (watch->state == VIP_LEAVING && state_ns > leave + slack(w))
		world_fail(w, node, "leaving", "vip %u: leaving for %llu ms", vip, state_ns / NSEC_PER_MSEC);
	if (watch->removed_leaves && since(w, later(watch->removed_ns, node->excused_ns)) > leave + slack(w))
		world_fail(w, node, "leaving", "vip %u: a removed one is leaving for %llu ms", vip,
			   since(w, watch->removed_ns) / NSEC_PER_MSEC);
	if (watch->state == VIP_ACTIVE && !w->beats.by_claims &&
	    since(w, later(later(watch->advert_ns, watch->state_since_ns), node->excused_ns)) >
		    (watch->advertised ? watch->promised_ns : node->advert_ns[vip]) + slack(w))
		world_fail(w, node, "silent", "vip %u: active and says nothing", vip);
	if (watch->state != VIP_ACTIVE && watch->state != VIP_LEAVING && watch->total &&
	    watch->reason != REASON_TAKING && !watch->removed_leaves &&
	    since(w, later(later(watch->changed_ns, watch->state_since_ns), node->excused_ns)) >
		    NSEC_PER_SEC + slack(w))
		world_fail(w, node, "keeps", "vip %u: has %u addresses in state %s, reason %s", vip, watch->total,
			   vip_state_name(watch->state), reason_code_name(watch->reason));
}

/* An address that no vip wants any more, or not there, goes as soon as the one that had it may let go. */
static void check_stray(struct world *w, struct node *node, unsigned vip)
{
	const struct watch *watch = &node->watch[vip];
	uint64_t from = later(later(watch->stray_ns, watch->state_since_ns),
			      later(watch->reloaded_ns, node->excused_ns));

	if (watch->stray_ns && !watch->removed_leaves && watch->state != VIP_LEAVING &&
	    since(w, from) > NSEC_PER_SEC + slack(w))
		world_fail(w, node, "stray", "vip %u: has 0x%x 0x%x 0x%x 0x%x, wants 0x%x on %s", vip, watch->have[0],
			   watch->have[1], watch->have[2], watch->have[3], wanted_of(node, vip),
			   node->setup[vip].plain ? "eth2" : "the others");
}

/* A dead or hanging daemon's addresses are the kernel's to remove. */
static void check_lease(struct world *w, struct node *node, unsigned vip)
{
	uint64_t lease = later(node->watch[vip].lease_ns, node->setup[vip].lease_ns);

	if (node->watch[vip].total && !node->suspended && since(w, node->unwell_ns) > lease + LEASE_SLACK + slack(w))
		world_fail(w, node, "lease", "vip %u is still here %llu ms after the daemon's last sign", vip,
			   since(w, node->unwell_ns) / NSEC_PER_MSEC);
}

/* Whoever is refused waits before the next try. */
void check_failed(struct world *w, struct node *node, const struct action *a)
{
	if (since(w, node->failed_since_ns) > NSEC_PER_SEC) {
		node->failed_since_ns = w->now;
		node->n_failed = 0;
	}
	if (++node->n_failed > 40 + 12 * w->n_vips * SIM_VIP_ADDRESSES_4)
		world_fail(w, node, "storm", "%u refusals within a second, the last of %s", node->n_failed,
			   action_type_name(a->type));
}

/* The kernel takes an address away: right when its daemon is dead, wrong when it is well and active. */
void check_expired(struct world *w, struct node *node, const struct ip *ip)
{
	unsigned address;
	int vip = check_vip_of(w, ip, &address);

	if (vip >= 0 && check_is_well(node) && node->watch[vip].state == VIP_ACTIVE &&
	    wanted_of(node, (unsigned)vip) >> address & 1 &&
	    since(w, node->excused_ns) > longest_lease(w, node, (unsigned)vip))
		world_fail(w, node, "expired", "vip %d is active and was not renewed", vip);
}

/* Another port of the bond through which the gateway would answer. */
static bool has_better(const struct world *w, struct node *node, int path)
{
	const struct sim_link *bond = &node->links[SIM_PORTS];

	for (unsigned port = 0; port < SIM_PORTS; port++) {
		const struct sim_link *link = &node->links[port];

		if ((int)port != path && lan_is_listed(node, port) && link->exists && link->up && link->carrier &&
		    (node->kind == NODE_MOVE || (link->master == bond->ifindex && link->counted_up)) &&
		    lan_reaches_gateway(w, node, port))
			return true;
	}
	return false;
}

static int bond_path(struct node *node)
{
	struct bond_view bond;
	struct port_view port;
	const struct sim_link *link = &node->links[SIM_PORTS];

	if (node->kind != NODE_MOVE)
		return link->exists ? lan_path(node, link->ifindex) : -1;
	core_bond(node->core, 0, &bond);
	if (bond.active_port < 0)
		return -1;
	core_port(node->core, 0, (unsigned)bond.active_port, &port);
	link = kernel_link_named(node, port.name);
	return link ? link->port : -1;
}

/* A bond is not left on a port through which nothing answers while something does through another: longer than it takes to
 * know, and to learn which one is better. */
static void check_reach(struct world *w, struct node *node)
{
	int path;

	if (node->kind == NODE_PLAIN || !check_is_well(node) || node->stopping || !node->bond.probes || !node->gateway_heard ||
	    !core_n_bonds(node->core)) {
		node->deaf_ns = 0;
		return;
	}
	path = bond_path(node);
	if (path < 0 || lan_reaches_gateway(w, node, (unsigned)path) || !has_better(w, node, path) || w->burst_loss) {
		node->deaf_ns = 0;
		return;
	}
	if (!node->deaf_ns)
		node->deaf_ns = w->now;
	if (since(w, later(node->deaf_ns, node->excused_ns)) >
	    (node->config_probe.lost + 12) * node->config_probe.interval_ns + slack(w) + w->check_ns)
		world_fail(w, node, "deaf", "port %d reaches nothing, another does, for %llu ms", path,
			   since(w, node->deaf_ns) / NSEC_PER_MSEC);
}

static bool works(const struct node *node, unsigned port)
{
	const struct sim_link *link = &node->links[port], *bond = &node->links[SIM_PORTS];

	if (!lan_is_listed(node, port) || !link->exists || !link->up || !link->carrier)
		return false;
	if (node->kind == NODE_MOVE)
		return !link->master;
	return bond->exists && bond->up && bond->mode == BOND_MODE_ACTIVEBACKUP && link->master == bond->ifindex &&
	       link->counted_up;
}

/* A bond uses a port that works as long as there is one, but for the time of one change. */
static void check_idle(struct world *w, struct node *node)
{
	int path = bond_path(node);
	uint64_t bound = slack(w) + 2 * w->linkwatch_ns + 2 * BOND_MIIMON_MS * NSEC_PER_MSEC + w->check_ns;
	bool any = false;

	for (unsigned port = 0; port < SIM_PORTS; port++)
		any = any || works(node, port);
	if (!any || (path >= 0 && works(node, (unsigned)path)))
		node->idle_ns = 0;
	else if (!node->idle_ns)
		node->idle_ns = w->now;
	if (node->idle_ns && since(w, later(later(node->idle_ns, node->hindered_ns), node->watch[0].reloaded_ns)) > bound)
		world_fail(w, node, "idle", "port %d is in use and does not work, another does, for %llu ms", path,
			   since(w, node->idle_ns) / NSEC_PER_MSEC);
}

/* One that flaps is not used for long while another is steady: damping ends it. */
static void check_flapper(struct world *w, struct node *node)
{
	struct bond_view bond;
	struct port_view active, port;
	bool steady = false;

	core_bond(node->core, 0, &bond);
	if (bond.active_port >= 0)
		core_port(node->core, 0, (unsigned)bond.active_port, &active);
	for (unsigned i = 0; i < bond.n_ports && bond.active_port >= 0; i++) {
		core_port(node->core, 0, i, &port);
		steady = steady || (port.state == PORT_STANDBY && port.penalty < 1500);
	}
	if (bond.active_port < 0 || !steady || active.penalty <= 3000 || active.manual || node->bond.no_damping)
		node->flapper_ns = 0;
	else if (!node->flapper_ns)
		node->flapper_ns = w->now;
	if (node->flapper_ns && since(w, later(node->flapper_ns, node->hindered_ns)) > NSEC_PER_SEC + slack(w))
		world_fail(w, node, "flapper", "port %d has a penalty of %u and is in use, another is steady",
			   bond.active_port, active.penalty);
}

static void check_bond(struct world *w, struct node *node)
{
	if (node->kind == NODE_PLAIN || !check_is_well(node) || node->stopping || !core_n_bonds(node->core)) {
		node->idle_ns = node->flapper_ns = 0;
		return;
	}
	check_idle(w, node);
	check_flapper(w, node);
}

static void check_node(struct world *w, struct node *node)
{
	check_reach(w, node);
	check_bond(w, node);
	if (node->queue_n && since(w, node->queue[node->queue_head].submitted_ns) > 10 * NSEC_PER_MSEC)
		check_disturb(w, node, 0); /* a slow kernel is a disturbance for as long as it lasts */
	if (check_is_well(node) && node->stopping &&
	    since(w, later(node->stopping_ns, node->excused_ns)) > 12 * NSEC_PER_SEC + slack(w))
		world_fail(w, node, "stop-hangs", "still there %llu ms after it was told to stop",
			   since(w, node->stopping_ns) / NSEC_PER_MSEC);
	if (check_is_well(node))
		check_group(w, node);
	for (unsigned v = 0; v < w->n_vips; v++) {
		bool can = usable(w, node, v);

		if (can != node->watch[v].usable)
			node->watch[v].usable_ns = w->now;
		node->watch[v].usable = can;
	}
	for (unsigned v = 0; v < w->n_vips && !w->failed; v++) {
		if (!check_is_well(node)) {
			check_lease(w, node, v);
			continue;
		}
		node->watch[v].lease_ns = longest_lease(w, node, v);
		check_stray(w, node, v);
		if (!node->watch[v].known)
			continue;
		if (node->configured[v] && !node->stopping && !node->drained && !w->beats.by_claims)
			check_none(w, node, v);
		check_holding(w, node, v);
		check_isolated(w, node, v);
	}
}

/* By claims a node alone does not know whether somebody holds it: all of them together have to see to that. */
static void check_none_of_all(struct world *w, unsigned vip)
{
	struct world_vip *v = &w->vips[vip];
	uint64_t from = later(v->held_ns, w->beats.changed_ns), none;
	const struct node *able = NULL;

	for (unsigned n = 0; n < w->n_nodes; n++) {
		from = later(from, none_since(w, &w->nodes[n], vip));
		able = check_could_hold(w, &w->nodes[n], vip) ? &w->nodes[n] : able;
	}
	if (v->all || !able || (v->grouped && w->uneven)) /* who has more of a group waits for what the others have */
		v->held_ns = w->now;
	none = since(w, later(from, v->held_ns));
	if (none > safety_of(w)->no_holder_ns) {
		safety_of(w)->no_holder_ns = none;
		safety_of(w)->none_seed = w->seed;
	}
	if (none > check_none_bound(w, vip))
		world_fail(w, able, "no-holder", "vip %u: nobody holds it for %llu ms, state %s, reason %s", vip, none / NSEC_PER_MSEC,
			   vip_state_name(able->watch[vip].state), reason_code_name(able->watch[vip].reason));
}

static bool hears_peer(const struct world *w, const struct node *node, unsigned vip, const struct peer *p)
{
	int path = holding_path(w, node, vip);

	return path >= 0 && lan_port_live(w, node, (unsigned)path) && !w->mute[node->id][path] && w->switch_up[p->at] &&
	       (w->trunk || lan_switch_of(node, (unsigned)path) == (int)p->at);
}

/* Who sends only one form of the checksum, whatever was heard, may stay unheard by those who take only the other. */
static bool is_understood(const struct world *w, const struct node *node, unsigned vip)
{
	enum checksum_policy policy = node->setup[vip].checksum;
	bool strict = false, pseudo = false;

	if (w->vips[vip].version == 2 || w->vips[vip].family == FAMILY_6)
		return true;
	for (unsigned i = 0; i < w->n_peers; i++) {
		strict |= w->peers[i].kind == PEER_STRICT;
		pseudo |= w->peers[i].kind != PEER_STRICT;
	}
	for (unsigned n = 0; n < w->n_nodes; n++) /* ours may differ, and `auto` follows the last that was heard */
		if (w->nodes[n].setup[vip].checksum != CHECKSUM_AUTO)
			return false;
	return policy == CHECKSUM_AUTO && !(strict && pseudo);
}

/* A node of ours and a polite one of others that hear each other are active together only until both know. */
static void check_beside(struct world *w, struct node *node, unsigned vip, unsigned i)
{
	const struct peer *p = &w->peers[i];
	const struct peer_vip *pv = &p->vips[vip];
	struct watch *watch = &node->watch[vip];
	uint64_t from, bound = 2 * w->vips[vip].advert_ns + slack(w) + 2 * w->check_ns + group_grace(w, vip);

	if (!p->up || !pv->active || !peer_is_polite(p) || !check_is_well(node) || !watch->known ||
	    watch->state != VIP_ACTIVE || !hears_peer(w, node, vip, p) || !is_understood(w, node, vip)) {
		watch->beside_ns[i] = 0;
		return;
	}
	if (!watch->beside_ns[i])
		watch->beside_ns[i] = w->now;
	from = later(later(watch->beside_ns[i], w->vips[vip].disturbed_ns), node->excused_ns);
	if (since(w, from) > bound)
		world_fail(w, node, "beside", "vip %u: active beside %s for %llu ms", vip, peer_name(p->kind),
			   since(w, from) / NSEC_PER_MSEC);
}

static void check_peers(struct world *w)
{
	for (unsigned n = 0; n < w->n_nodes; n++)
		for (unsigned v = 0; v < w->n_vips; v++)
			for (unsigned i = 0; i < w->n_peers && !w->failed; i++)
				check_beside(w, &w->nodes[n], v, i);
}

void check_time(struct world *w)
{
	safety_account_all(w);
	check_peers(w);
	for (unsigned n = 0; n < w->n_nodes && !w->failed; n++)
		check_node(w, &w->nodes[n]);
	for (unsigned v = 0; v < w->n_vips && w->beats.by_claims && !w->failed; v++)
		check_none_of_all(w, v);
	for (unsigned v = 0; v < w->n_vips && !w->failed; v++)
		if (w->vips[v].any & (w->vips[v].any - 1))
			check_pairs(w, v);
}

/* Its addresses are not known for its own any more: they stay for as long as their lease, whatever the others do. */
void check_record_lost(struct world *w, struct node *node)
{
	for (unsigned v = 0; v < w->n_vips; v++)
		if (node->watch[v].total)
			check_disturb(w, node, later(node->watch[v].lease_ns, node->setup[v].lease_ns) + LEASE_SLACK);
}

void check_woken(struct world *w, struct node *node, uint64_t late_ns)
{
	for (unsigned v = 0; v < w->n_vips; v++) {
		struct watch *watch = &node->watch[v];

		watch->zero_ns = 0;
		watch->must_remove = watch->known && watch->state == VIP_ACTIVE && watch->total &&
				     late_ns > longest_lease(w, node, v) + longest_advert(w, node, v) +
						       100 * NSEC_PER_MSEC;
		/* Its Down had passed long ago: it listens anew, once, for the shortest Down that may be in force. One
		 * that had decided already, and was adding its addresses, goes on. */
		if (!watch->known || watch->state != VIP_BACKUP || late_ns < 20 * NSEC_PER_MSEC)
			continue;
		if (!watch->was_late && !taking(watch->reason) &&
		    late_ns > 5 * w->vips[v].advert_ns + 100 * NSEC_PER_MSEC)
			watch->listen_ns = w->now + 30 * NSEC_PER_MSEC;
		watch->was_late = true;
	}
}

void check_stopped(struct world *w, struct node *node)
{
	if (!node->stopping)
		world_fail(w, node, "stopped", "stopped without having been told to");
	for (unsigned v = 0; v < w->n_vips; v++)
		if (node->watch[v].total && since(w, node->excused_ns) > 5 * NSEC_PER_SEC)
			world_fail(w, node, "left-behind", "vip %u: %u addresses left by a graceful stop", v,
				   node->watch[v].total);
}
