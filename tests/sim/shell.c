/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon around a core: the loop that drains packets before timers, the process that starts, hangs, dies, and the
 * record that outlives it. */
#include <errno.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "core/invariant.h"
#include "sim.h"
#include "wire/arp.h"
#include "wire/nd.h"
#include "wire/vrrp.h"

/* A wake that is scheduled and not wanted any more is harmless: nothing is ready then. */
void shell_wake_at(struct world *w, struct node *node, uint64_t when)
{
	if (!node->running || node->stalled || node->loop_stalled || when >= node->run_ns)
		return;
	node->run_ns = when;
	world_schedule(w, when, HAPPEN_RUN, node->id, node->life, 0);
}

/* ---- the record ---- */

/* What goes with its lease, and what moving bonds have. */
static bool is_recorded(const struct node *node, const struct action *action)
{
	return action->u.address.lifetime_s != UINT32_MAX ||
	       (action->object.type == OBJECT_BOND && node->config_bond.driver == DRIVER_MOVE);
}

static void record_address(struct node *node, const struct action *action)
{
	const struct action_address *a = &action->u.address;
	struct leftover *new;

	for (unsigned i = 0; i < node->n_leftovers; i++)
		if (ip_equal(&node->leftovers[i].ip, &a->ip) && strcmp(node->leftovers[i].ifname, a->ifname) == 0)
			return;
	if (node->n_leftovers == SIM_ADDRESSES)
		return;
	new = &node->leftovers[node->n_leftovers++];
	memcpy(new->ifname, a->ifname, sizeof new->ifname);
	new->ip = a->ip;
	new->prefix = a->prefix;
	snprintf(new->bond, sizeof new->bond, "%s", action->object.type == OBJECT_BOND ? node->config_bond.name : "");
}

/* ---- what the core says ---- */

static unsigned vip_of(struct world *w, const struct node *node, const struct action *a)
{
	int vip = configure_vip_of(w, a->u.advert.vrid, a->u.advert.family);

	if (vip < 0)
		world_fail(w, node, "advert", "of a vip that no world has");
	return vip < 0 ? 0 : (unsigned)vip;
}

static void shell_act(struct world *w, struct node *node, const struct action *a)
{
	switch (a->type) {
	case ACT_ADVERT:
		check_advert_sent(w, node, &a->u.advert);
		node->record[vip_of(w, node, a)].last_sign_ns = w->now;
		lan_advert(w, node, &a->u.advert);
		break;
	case ACT_ANNOUNCE:
		check_announced(w, node, &a->u.announce.ip);
		lan_announce(w, node, &a->u.announce);
		break;
	case ACT_PROBE:
		lan_probe(w, node, &a->u.probe);
		break;
	case ACT_HEARTBEAT:
		beat_send(w, node, a);
		break;
	case ACT_RESOLVE: /* everybody knows everybody here */
		break;
	case ACT_ADDRESS_ADD:
		if (is_recorded(node, a))
			record_address(node, a);
		/* fall through */
	case ACT_ADDRESS_RENEW:
	case ACT_ADDRESS_DEL:
	case ACT_ROUTE_ADD:
	case ACT_ROUTE_DEL:
	case ACT_RULE_ADD:
	case ACT_RULE_DEL:
	case ACT_LINK_UP:
	case ACT_LINK_DOWN:
	case ACT_BOND_CREATE:
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
	case ACT_LOOK:
	case ACT_SET_ACTIVE:
	case ACT_SYSCTL:
	case ACT_LISTEN:
	case ACT_UNLISTEN:
		check_submit(w, node, a);
		if (node->reload_at_change)
			world_schedule(w, w->now + rng_below(&w->rng, 2 * w->apply_ns), HAPPEN_RELOAD, node->id, 0, 0);
		node->reload_at_change = false;
		if (applier_take(w, node, a))
			break;
		if (node->n_refused < sizeof node->refused / sizeof node->refused[0])
			node->refused[node->n_refused++] = *a;
		else
			world_fail(w, node, "queue", "too many changes at once do not fit");
		break;
	case ACT_SNAPSHOT:
		node->snapshot = *a;
		node->snapshot_waits = !applier_take(w, node, a);
		break;
	case ACT_STOPPED:
		check_stopped(w, node);
		node->process_ns = NEVER; /* shell_run and shell_stop end it */
		break;
	case ACT_NOTE:
		check_note(w, node, a);
		break;
	case ACT_TYPES:
		break;
	}
}

static void shell_step(struct world *w, struct node *node, struct event *event)
{
	static const struct event again = { .type = EV_CONTINUE };
	struct event next;
	bool more = true;
	unsigned rounds = 0;

	sweep_step(w, node);
	event->now_ns = w->now;
	check_answer(w, node, event);
	next = *event;
	while (more && !w->failed) {
		size_t n = core_step(node->core, &next, w->out, w->cap, &more);

		w->statistics->steps++;
		trace_add_event(w, node, &next);
		check_states(w, node);
		for (size_t i = 0; i < n && i < w->cap; i++) {
			trace_add_action(w, node, &w->out[i]);
			if (node->doomed)
				continue;
			shell_act(w, node, &w->out[i]);
			sweep_action(w, node);
		}
		check_step(w, node, n);
		if (node->doomed)
			return;
		if (++rounds > 10000)
			world_fail(w, node, "more", "EV_CONTINUE again and again");
		next = again;
		next.now_ns = w->now;
	}
}

/* Nothing more is read by it. */
static bool is_over(const struct world *w, const struct node *node)
{
	return w->failed || node->doomed;
}

/* What did not fit into the applier's queue is answered right after the step. */
static void shell_feed(struct world *w, struct node *node, struct event *event)
{
	if (is_over(w, node))
		return;
	shell_step(w, node, event);
	while (node->n_refused && !is_over(w, node)) {
		struct event failed = { .type = EV_FAILED };

		failed.u.result.action = node->refused[--node->n_refused];
		failed.u.result.error = ENOBUFS;
		check_disturb(w, node, REFUSED_LONG_GRACE);
		shell_step(w, node, &failed);
	}
}

/* ---- what the loop reads ---- */

static void packet_event(struct world *w, struct node *node, const struct packet *p, int ifindex, uint64_t seen_ns)
{
	struct vrrp_meta meta = { .source = p->source, .destination = p->destination, .ttl = p->ttl };
	struct vrrp_message message;
	struct event event = { .type = EV_ADVERT, .seen_ns = seen_ns };
	struct event_advert *a = &event.u.advert;
	enum drop_reason reason = vrrp_decode(p->bytes, p->length, &meta, &message);

	if (reason != DROP_NONE) {
		event.type = EV_DROPPED;
		event.u.dropped.ifindex = ifindex;
		event.u.dropped.reason = reason;
		event.u.dropped.source = p->source;
		shell_feed(w, node, &event);
		return;
	}
	a->ifindex = ifindex;
	a->family = message.family;
	a->version = message.version;
	a->vrid = message.vrid;
	a->priority = message.priority;
	a->interval_ns = message.interval_cs * 10 * NSEC_PER_MSEC;
	a->source = p->source;
	a->n_addresses = message.n_addresses;
	a->checksum = (uint8_t)message.checksum;
	a->auth_type = message.auth_type;
	if (message.auth)
		memcpy(a->auth, message.auth, AUTH_SIZE);
	for (unsigned i = 0; i < message.n_addresses; i++) {
		struct ip ip = vrrp_address(&message, i);

		a->address_hash += core_address_hash(&ip);
	}
	if (p->from != node->id)
		check_advert_heard(w, node, a);
	shell_feed(w, node, &event);
}

static void claim_event(struct world *w, struct node *node, const struct packet *p, int ifindex, uint64_t seen_ns)
{
	struct event event = { .type = EV_CLAIM, .seen_ns = seen_ns };
	struct event_claim *c = &event.u.claim;
	struct arp_claim arp;
	struct nd_claim nd;

	if (p->kind == PACKET_ARP) {
		if (!arp_decode(p->bytes + 14, p->length - 14U, &arp))
			return;
		c->ip = arp.ip;
		memcpy(c->mac, arp.mac, MAC_SIZE);
		c->announcement = arp.announcement;
	} else {
		if (!nd_decode(p->bytes + 54, p->length - 54U, 255, &nd))
			return;
		c->ip = nd.ip;
		memcpy(c->mac, nd.mac, MAC_SIZE);
		c->announcement = nd.announcement;
	}
	c->ifindex = ifindex;
	if (p->from != node->id && c->announcement)
		check_claim_heard(w, node, &c->ip, ifindex);
	if (core_wants_claim(node->core, &c->ip))
		shell_feed(w, node, &event);
}

static void probe_event(struct world *w, struct node *node, const struct packet *p, int ifindex, uint64_t seen_ns)
{
	struct event event = { .type = EV_PROBE, .seen_ns = seen_ns };

	event.u.probe.ifindex = ifindex;
	event.u.probe.target = p->source;
	memcpy(event.u.probe.to, p->bytes, MAC_SIZE);
	node->gateway_heard = true;
	shell_feed(w, node, &event);
}

static void beat_event(struct world *w, struct node *node, const struct packet *p, int ifindex, uint64_t seen_ns)
{
	struct event event = { .type = EV_HEARTBEAT, .seen_ns = seen_ns };
	struct heartbeat message;
	struct heard before;

	beat_read(w, node, p, ifindex, &message, &event);
	hearing_view(w, node, p->from, p->path, &before);
	shell_feed(w, node, &event);
	if (!w->failed) /* who dies of it believed it all the same: others were told so */
		hearing_given(w, node, p, &event, &before);
}

static void drain_packets(struct world *w, struct node *node)
{
	while (node->socket_n && !is_over(w, node)) {
		struct waiting_packet wait = node->socket[node->socket_head];

		node->socket_head = (node->socket_head + 1) % SIM_SOCKET;
		node->socket_n--;
		if (w->packets[wait.slot].kind == PACKET_BEAT)
			beat_event(w, node, &w->packets[wait.slot], wait.ifindex, wait.seen_ns);
		else if (w->packets[wait.slot].kind == PACKET_PROBE)
			probe_event(w, node, &w->packets[wait.slot], wait.ifindex, wait.seen_ns);
		else if (w->packets[wait.slot].kind == PACKET_VRRP)
			packet_event(w, node, &w->packets[wait.slot], wait.ifindex, wait.seen_ns);
		else
			claim_event(w, node, &w->packets[wait.slot], wait.ifindex, wait.seen_ns);
		lan_release(w, wait.slot);
	}
}

/* What still waits in the socket after a loss is older than the loss: the core has it before it asks for a snapshot. */
static void drain_live(struct world *w, struct node *node, bool all)
{
	struct event overrun = { .type = EV_OVERRUN };
	bool lost = node->enobufs;

	all = all || lost;
	node->enobufs = false;
	while (node->live_n && !is_over(w, node)) {
		struct waiting_event *head = &node->live[node->live_head];
		struct event event = head->event;

		if (!all && head->ready_ns > w->now)
			break;
		node->live_head = (node->live_head + 1) % SIM_LIVE;
		node->live_n--;
		shell_feed(w, node, &event);
	}
	if (lost && !is_over(w, node))
		shell_feed(w, node, &overrun);
}

/* What happened before a dump waits in the socket when the dump begins: it goes first. */
static void drain_results(struct world *w, struct node *node)
{
	while (node->results_n && node->results[node->results_head].ready_ns <= w->now && !is_over(w, node)) {
		struct event event = node->results[node->results_head].event;

		node->results_head = (node->results_head + 1) % SIM_RESULTS;
		node->results_n--;
		if (event.type == EV_SNAP_BEGIN || (event.type == EV_DONE && event.u.result.action.type == ACT_LOOK))
			drain_live(w, node, true);
		shell_feed(w, node, &event);
	}
	if (node->snapshot_waits && !is_over(w, node))
		node->snapshot_waits = !applier_take(w, node, &node->snapshot);
}

static void fire_timer(struct world *w, struct node *node)
{
	struct event event = { .type = EV_TIMER };

	if (is_over(w, node))
		return;
	if (core_deadline(node->core) > w->now) {
		node->timers_in_a_row = 0;
		return;
	}
	shell_feed(w, node, &event);
	if (node->doomed)
		return;
	if (core_deadline(node->core) > w->now)
		node->timers_in_a_row = 0;
	else if (++node->timers_in_a_row > 100)
		world_fail(w, node, "busy", "the deadline stays in the past: %llu ns",
			   (unsigned long long)(w->now - core_deadline(node->core)));
}

static void forget_orders(struct node *node)
{
	node->drained = node->undrain_waits = false;
	memset(node->given, 0, sizeof node->given);
}

static void process_gone(struct world *w, struct node *node)
{
	if (node->undrain_waits)
		forget_orders(node);
	while (node->socket_n) {
		if (w->packets[node->socket[node->socket_head].slot].kind == PACKET_BEAT)
			beat_lost(w, &w->packets[node->socket[node->socket_head].slot]);
		lan_release(w, node->socket[node->socket_head].slot);
		node->socket_head = (node->socket_head + 1) % SIM_SOCKET;
		node->socket_n--;
	}
	core_free(node->core);
	node->core = NULL;
	node->life++;
	node->running = node->stalled = node->loop_stalled = node->stopping = node->doomed = node->suspended = false;
	node->pause = SWEEP_NONE;
	node->n_flight = node->live_n = node->queue_n = node->results_n = node->n_listening = 0;
	node->enobufs = node->applying = node->snapshot_waits = false;
	node->n_refused = 0;
	node->drop_live = node->dump_phase = node->refuse_next = node->refuse_in = 0;
	node->unwell_ns = w->now;
	node->run_ns = NEVER;
	for (unsigned v = 0; v < SIM_VIPS; v++) {
		node->watch[v].known = false;
		check_owner(w, node, v);
	}
	check_disturb(w, node, 0);
}

static void next_wake(struct world *w, struct node *node)
{
	uint64_t next = core_deadline(node->core);

	if (next != NEVER)
		next += rng_below(&w->rng, w->loop_ns);
	if (node->results_n && node->results[node->results_head].ready_ns < next)
		next = node->results[node->results_head].ready_ns;
	if (node->live_n && node->live[node->live_head].ready_ns < next)
		next = node->live[node->live_head].ready_ns;
	if (node->socket_n)
		next = w->now;
	if (next != NEVER)
		shell_wake_at(w, node, next > w->now ? next : w->now + 1000);
}

/* The process may have ended meanwhile: ACT_STOPPED came, or it died. */
static void turn_ends(struct world *w, struct node *node)
{
	if (w->failed)
		return;
	if (node->doomed || node->process_ns == NEVER) {
		process_gone(w, node);
		return;
	}
	next_wake(w, node);
	sweep_pause(w, node);
}

void shell_run(struct world *w, struct node *node)
{
	node->run_ns = NEVER;
	if (node->stalled || node->loop_stalled)
		return;
	drain_packets(w, node);
	if (rng_chance(&w->rng, 500000)) {
		drain_live(w, node, false);
		drain_results(w, node);
	} else {
		drain_results(w, node);
		drain_live(w, node, false);
	}
	if (rng_chance(&w->rng, 5000))
		shell_feed(w, node, &(struct event){ .type = EV_TIMER }); /* an early one is harmless */
	fire_timer(w, node);
	turn_ends(w, node);
}

/* ---- the process's life ---- */

static void feed_orders(struct world *w, struct node *node)
{
	struct event drain = { .type = EV_ROLE };

	drain.u.role.order = ROLE_DRAIN;
	if (node->drained)
		shell_feed(w, node, &drain);
	for (unsigned i = 0; i < node->config.n_vips; i++) {
		struct event event = { .type = EV_ROLE };

		event.u.role.order = ROLE_GIVEN;
		memcpy(event.u.role.vip, node->config_vips[i].name, NAME_SIZE);
		if (node->given[configure_vip_of(w, node->config_vips[i].vrid, node->config_vips[i].family)])
			shell_feed(w, node, &event);
	}
}

static void feed_record(struct world *w, struct node *node)
{
	for (unsigned i = 0; i < node->config.n_vips; i++) {
		const struct config_vip *vip = &node->config_vips[i];
		const struct record *record = &node->record[configure_vip_of(w, vip->vrid, vip->family)];
		struct event event = { .type = EV_RESUME };

		if (!record->last_sign_ns || node->record_boot != node->boot)
			continue;
		memcpy(event.u.resume.vip, vip->name, NAME_SIZE);
		event.u.resume.active = record->active;
		event.u.resume.last_sign_ns = record->last_sign_ns;
		event.u.resume.checksum = record->checksum;
		shell_feed(w, node, &event);
	}
	if (node->record_boot == node->boot)
		feed_orders(w, node);
	for (unsigned i = 0; i < node->n_leftovers && node->record_boot == node->boot; i++) {
		struct event event = { .type = EV_LEFTOVER };

		memcpy(event.u.leftover.ifname, node->leftovers[i].ifname, IFNAME_SIZE);
		event.u.leftover.ip = node->leftovers[i].ip;
		event.u.leftover.prefix = node->leftovers[i].prefix;
		memcpy(event.u.leftover.bond, node->leftovers[i].bond, NAME_SIZE);
		shell_feed(w, node, &event);
	}
}

static uint64_t last_sign(const struct record *record)
{
	return record->last_sign_ns > record->active_ns ? record->last_sign_ns : record->active_ns;
}

void shell_start(struct world *w, struct node *node)
{
	struct event event = { .type = EV_CONTINUE };

	if (node->running || !node->powered)
		return;
	trace_add_text(w, node->id, "daemon starts");
	node->core = core_new(rng_next(&w->rng));
	configure_node(w, node);
	if (!node->core || core_configure(node->core, &node->config, w->now) != 0) {
		world_fail(w, node, "configure", "core_configure refuses the configuration");
		return;
	}
	node->running = true;
	node->stopping = node->gateway_heard = false;
	node->deaf_ns = 0;
	node->process_ns = w->now;
	node->run_ns = NEVER;
	node->last_gen = 0;
	node->timers_in_a_row = 0;
	for (unsigned v = 0; v < w->n_vips; v++) {
		struct watch *watch = &node->watch[v];

		watch->known = watch->advertised = watch->must_remove = false;
		watch->advert_ns = watch->announced = watch->told = 0;
		watch->heard_ns = watch->release_ns = 0;
		watch->any_heard_ns = watch->zero_ns = watch->claimed = watch->claimed_ns = watch->listen_ns = 0;
		watch->sign_ns = node->record_boot == node->boot ? last_sign(&node->record[v]) : 0;
		watch->configured_ns = watch->state_since_ns = w->now;
		watch->removed_leaves = false;
		watch->state = VIP_INIT;
	}
	check_disturb(w, node, 0);
	hearing_began(w, node);
	if (node->record_boot != node->boot)
		forget_orders(node);
	feed_record(w, node);
	node->record_boot = node->boot;
	shell_feed(w, node, &event);
	turn_ends(w, node);
}

void shell_kill(struct world *w, struct node *node)
{
	if (!node->running)
		return;
	trace_add_text(w, node->id, "daemon killed");
	process_gone(w, node);
}

void shell_stop(struct world *w, struct node *node)
{
	struct event event = { .type = EV_STOP };

	if (!node->running || node->stopping || node->stalled || node->loop_stalled)
		return;
	node->stopping = true;
	node->stopping_ns = w->now;
	check_disturb(w, node, 0);
	shell_feed(w, node, &event);
	turn_ends(w, node);
}

void shell_reload(struct world *w, struct node *node)
{
	struct event event = { .type = EV_CONTINUE };

	if (!node->running || node->stopping || node->stalled || node->loop_stalled)
		return;
	trace_add_text(w, node->id, "reload");
	configure_node(w, node);
	check_reloaded(w, node);
	if (core_configure(node->core, &node->config, w->now) != 0) {
		world_fail(w, node, "configure", "core_configure refuses the configuration");
		return;
	}
	shell_feed(w, node, &event);
	turn_ends(w, node);
}

void shell_switch(struct world *w, struct node *node, const char *port)
{
	struct event event = { .type = EV_SWITCH };

	if (!node->running || node->stopping || node->stalled || node->loop_stalled || node->kind == NODE_PLAIN)
		return;
	trace_add_text(w, node->id, "switch to %s", port ? port : "auto");
	snprintf(event.u.select.bond, sizeof event.u.select.bond, "%s", node->config_bond.name);
	snprintf(event.u.select.port, sizeof event.u.select.port, "%s", port ? port : "");
	shell_feed(w, node, &event);
	turn_ends(w, node);
}

/* What is told to a process that hangs waits in its socket: here only the word that ends a fault does. */
bool shell_role(struct world *w, struct node *node, enum role_order order, unsigned vip)
{
	struct event event = { .type = EV_ROLE };

	if (order == ROLE_UNDRAIN && (node->stalled || node->loop_stalled))
		node->undrain_waits = true;
	else if (order == ROLE_UNDRAIN && !node->running)
		forget_orders(node);
	if (!node->running || node->stopping || node->stalled || node->loop_stalled)
		return false;
	trace_add_text(w, node->id, "role %d, vip %u", (int)order, vip);
	check_disturb(w, node, 0);
	event.u.role.order = order;
	event.u.role.force = true;
	node->undrain_waits = false;
	if (order == ROLE_HANDOVER && node->config.n_vips)
		snprintf(event.u.role.vip, sizeof event.u.role.vip, "%s", node->config_vips[vip % node->config.n_vips].name);
	node->drained = order == ROLE_DRAIN || (order == ROLE_HANDOVER && node->drained);
	shell_feed(w, node, &event);
	turn_ends(w, node);
	return true;
}

void shell_stall(struct world *w, struct node *node, bool loop_only, bool suspended)
{
	if (!node->running || node->stalled || node->loop_stalled)
		return;
	trace_add_text(w, node->id, loop_only ? "loop hangs" : suspended ? "machine suspended" : "process stopped");
	node->suspended = suspended;
	node->stalled = !loop_only;
	node->loop_stalled = loop_only;
	node->unwell_ns = w->now;
	node->run_ns = NEVER;
	node->life++; /* wakes that are scheduled are void */
	if (!loop_only)
		node->applying = false;
	else if (node->applying)
		world_schedule(w, w->now + w->apply_ns, HAPPEN_APPLY, node->id, node->life, 0);
	check_disturb(w, node, 0);
}

void shell_wake(struct world *w, struct node *node)
{
	uint64_t late = w->now - node->unwell_ns;

	if (!node->running || (!node->stalled && !node->loop_stalled))
		return;
	trace_add_text(w, node->id, "goes on after %llu ms", (unsigned long long)(late / NSEC_PER_MSEC));
	check_woken(w, node, late);
	hearing_woken(w, node);
	check_disturb(w, node, 0);
	if (node->stalled && node->queue_n && !node->applying) {
		node->applying = true;
		world_schedule(w, w->now + rng_below(&w->rng, w->apply_ns), HAPPEN_APPLY, node->id, node->life, 0);
	}
	if (node->suspended)
		kernel_slept(w, node, late);
	node->stalled = node->loop_stalled = node->suspended = false;
	shell_wake_at(w, node, w->now + rng_below(&w->rng, w->loop_ns));
	if (node->undrain_waits)
		shell_role(w, node, ROLE_UNDRAIN, 0);
}
