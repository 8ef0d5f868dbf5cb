/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The applier's thread: one action after the other, each after a delay of its own, answered once. */
#include <errno.h>
#include <string.h>

#include "sim.h"

void shell_post(struct world *w, struct node *node, const struct event *event)
{
	struct waiting_event *slot;

	if (node->results_n == SIM_RESULTS) {
		world_fail(w, node, "results", "more than %d results wait for the loop", SIM_RESULTS);
		return;
	}
	slot = &node->results[(node->results_head + node->results_n++) % SIM_RESULTS];
	slot->event = *event;
	slot->ready_ns = w->now + rng_range(&w->rng, 2000, 20000) +
			 (rng_chance(&w->rng, 50000) ? rng_below(&w->rng, NSEC_PER_MSEC) : 0);
	shell_wake_at(w, node, slot->ready_ns);
}

static void applier_schedule(struct world *w, struct node *node)
{
	uint64_t delay = rng_range(&w->rng, w->apply_ns / 4, w->apply_ns * 2);

	if (rng_chance(&w->rng, w->spike))
		delay += rng_below(&w->rng, 60 * NSEC_PER_MSEC);
	if (w->now < node->slow_until_ns)
		delay += rng_below(&w->rng, 300 * NSEC_PER_MSEC);
	node->applying = true;
	world_schedule(w, w->now + delay, HAPPEN_APPLY, node->id, node->life, 0);
}

/* False: the queue is full. */
bool applier_take(struct world *w, struct node *node, const struct action *action)
{
	struct waiting_action *slot;

	if (node->queue_n == node->queue_limit)
		return false;
	slot = &node->queue[(node->queue_head + node->queue_n++) % SIM_QUEUE];
	slot->action = *action;
	slot->submitted_ns = w->now;
	if (!node->applying)
		applier_schedule(w, node);
	return true;
}

static int listen_close(struct node *node, const struct action_listen *l)
{
	for (unsigned i = 0; i < node->n_listening; i++)
		if (node->listening[i].ifindex == l->ifindex && node->listening[i].family == l->family)
			node->listening[i--] = node->listening[--node->n_listening];
	return 0;
}

static int listen_open(struct node *node, const struct action_listen *l)
{
	if (!kernel_link(node, l->ifindex))
		return ENODEV;
	listen_close(node, l); /* one that is there is replaced */
	if (node->n_listening == sizeof node->listening / sizeof node->listening[0])
		return ENOBUFS;
	node->listening[node->n_listening].ifindex = l->ifindex;
	node->listening[node->n_listening].unicast = l->unicast;
	node->listening[node->n_listening++].family = l->family;
	return 0;
}

static int link_execute(struct world *w, struct node *node, const struct action *a, uint32_t cause)
{
	struct sim_link *link = a->type == ACT_BOND_CREATE ? NULL : kernel_link(node, a->u.link.ifindex);

	if (a->type == ACT_BOND_CREATE)
		return bonding_create(w, node, &a->u.link, cause);
	if (!link)
		return ENODEV;
	if (a->type == ACT_LINK_UP || a->type == ACT_LINK_DOWN)
		return kernel_set_up(w, node, link, a->type == ACT_LINK_UP, cause);
	if (a->type == ACT_BOND_SET)
		return bonding_set(w, node, link, a->u.link.bond_set, cause);
	if (a->type == ACT_ENSLAVE)
		return bonding_enslave(w, node, link, a->u.link.master, cause);
	if (a->type == ACT_RELEASE) {
		if (link->master)
			bonding_release(w, node, link, cause);
		return 0;
	}
	if (a->type == ACT_LINK_MAC) {
		memcpy(link->mac, a->u.link.mac, MAC_SIZE);
		kernel_tell_link(w, node, link, cause);
		return 0;
	}
	if (a->type == ACT_BOND_REBUILD)
		return bonding_rebuild(w, node, link, &a->u.link, cause);
	if (a->type != ACT_SET_ACTIVE) { /* no world has a vlan or an MTU of its own */
		world_fail(w, node, "applier", "action %d is not expected", a->type);
		return EINVAL;
	}
	return bonding_set_active(w, node, link, a->u.link.port, cause);
}

static int action_execute(struct world *w, struct node *node, const struct action *a)
{
	uint32_t cause = 1000 + node->id;

	switch (a->type) {
	case ACT_ADDRESS_ADD:
	case ACT_ADDRESS_RENEW:
		return kernel_address_set(w, node, &a->u.address, a->type == ACT_ADDRESS_ADD, true, cause);
	case ACT_ADDRESS_DEL:
		return kernel_address_delete(w, node, a->u.address.ifindex, &a->u.address.ip, a->u.address.prefix,
					     cause);
	case ACT_ROUTE_ADD:
		return kernel_route_set(w, node, &a->u.route, true, cause);
	case ACT_ROUTE_DEL:
		return kernel_route_delete(w, node, a->u.route.ifindex, &a->u.route.route, cause);
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
	case ACT_SET_ACTIVE:
		return link_execute(w, node, a, cause);
	case ACT_SYSCTL:
		return kernel_link(node, a->u.sysctl.ifindex) ? 0 : ENOENT;
	case ACT_LISTEN:
		return listen_open(node, &a->u.listen);
	case ACT_UNLISTEN:
		return listen_close(node, &a->u.listen);
	case ACT_LOOK:
		return kernel_link(node, a->u.look.ifindex) ? 0 : ENODEV;
	case ACT_RULE_ADD: /* no vip has rules here */
	case ACT_RULE_DEL:
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
	world_fail(w, node, "applier", "action %d is no change", a->type);
	return EINVAL;
}

static bool refused(struct world *w, struct node *node, const struct action *a)
{
	if (a->type == ACT_ADDRESS_DEL || a->type == ACT_UNLISTEN || a->type == ACT_LOOK)
		return false; /* removing is refused only for what is not there, and to look changes nothing */
	if (node->refuse_types >> a->type & 1) {
		check_disturb(w, node, REFUSED_LONG_GRACE);
		return true;
	}
	if (node->refuse_in) {
		node->refuse_in--;
		return false;
	}
	if (!node->refuse_next)
		return false;
	node->refuse_next--;
	/* A vip that is refused again before it became active waits longer each time. */
	check_disturb(w, node,
		      node->refused_ns && w->now - node->refused_ns < 60 * NSEC_PER_SEC ? REFUSED_LONG_GRACE
											: REFUSED_GRACE);
	node->refused_ns = w->now;
	return true;
}

/* A dump in three parts with time between them, as three netlink dumps have. */
static bool dump_step(struct world *w, struct node *node, const struct action *a)
{
	struct event event = { .type = EV_SNAP_BEGIN, .epoch = a->u.snapshot.epoch };
	unsigned phase = node->dump_phase++;

	if (phase == 0 && rng_chance(&w->rng, w->faults_on ? 5000 : 0)) {
		event.type = EV_OVERRUN; /* interrupted again and again */
		event.epoch = 0;
		shell_post(w, node, &event);
		return true;
	}
	if (phase == 0)
		shell_post(w, node, &event);
	for (unsigned i = 0; phase == 1 && i < SIM_LINKS; i++) {
		if (!node->links[i].exists)
			continue;
		kernel_event_link(&node->links[i], &event);
		event.epoch = a->u.snapshot.epoch;
		shell_post(w, node, &event);
		if (node->links[i].kind != KIND_TEAM)
			continue;
		bonding_event_team(&node->links[i], &event);
		event.epoch = a->u.snapshot.epoch;
		shell_post(w, node, &event);
	}
	for (unsigned i = 0; phase == 2 && i < node->n_addresses; i++) {
		kernel_event_address(w, &node->addresses[i], &event);
		event.epoch = a->u.snapshot.epoch;
		shell_post(w, node, &event);
	}
	for (unsigned i = 0; phase == 3 && i < node->n_routes; i++) {
		kernel_event_route(&node->routes[i], &event);
		event.epoch = a->u.snapshot.epoch;
		shell_post(w, node, &event);
	}
	if (phase < 4)
		return false;
	event.type = EV_SNAP_END;
	shell_post(w, node, &event);
	return true;
}

static void action_finish(struct world *w, struct node *node, const struct waiting_action *done)
{
	struct event event;

	memset(&event, 0, sizeof event);
	if (w->options->lies >> done->action.type & 1)
		event.u.result.error = 0;
	else if (refused(w, node, &done->action))
		event.u.result.error = node->refuse_errno;
	else
		event.u.result.error = action_execute(w, node, &done->action);
	event.type = event.u.result.error ? EV_FAILED : EV_DONE;
	event.u.result.action = done->action;
	if (event.type == EV_DONE && done->action.type == ACT_LOOK)
		event.u.result.action.u.look.carrier = kernel_link(node, done->action.u.look.ifindex)->carrier;
	if (event.type == EV_DONE && done->action.type == ACT_ADDRESS_DEL)
		check_removed(w, node, &done->action.u.address, done->submitted_ns);
	if (event.u.result.error)
		check_failed(w, node, &done->action);
	if (event.u.result.error || w->now - done->submitted_ns > 10 * NSEC_PER_MSEC)
		check_disturb(w, node, 0);
	shell_post(w, node, &event);
}

void applier_run(struct world *w, struct node *node)
{
	struct waiting_action *head = &node->queue[node->queue_head];
	bool finished = true;

	node->applying = false;
	if (node->stalled || !node->queue_n)
		return; /* shell_wake starts it again */
	if (head->action.type == ACT_SNAPSHOT)
		finished = dump_step(w, node, &head->action);
	else
		action_finish(w, node, head);
	if (finished) {
		node->dump_phase = 0;
		node->queue_head = (node->queue_head + 1) % SIM_QUEUE;
		node->queue_n--;
	}
	if (node->queue_n)
		applier_schedule(w, node);
}
