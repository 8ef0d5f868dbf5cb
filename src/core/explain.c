/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The figures behind a state, and what is under way or was refused: what `standbyctl explain` is made of. */
#include "core/internal.h"

#include <assert.h>

void core_vip_figures(const struct core *core, unsigned i, struct vip_figures *figures)
{
	const struct vip *vip = &core->vips[i];
	const struct iface *iface = vip_iface(core, vip);

	assert(i < core->n_vips);
	*figures = (struct vip_figures){
		.now_ns = core->now,
		.advert_ns = vip->cfg.advert_ns,
		.interval_ns = vip->interval_ns ? vip->interval_ns : vip->cfg.advert_ns,
		.sent_ns = vip->phase == PHASE_ACTIVE ? vip->sent_ns : 0,
		.heard_source = vip->heard_source,
		.heard_priority = vip->heard_priority,
		.down_at_ns = vip->phase == PHASE_BACKUP ? vip->down_ns : NEVER,
		.preempt_at_ns = vip_preempt_ns(vip),
		.next_advert_ns = vip->advert_ns,
		.leave_at_ns = vip->leave_ns,
		.renew_at_ns = vip->renew_ns,
		.retry_at_ns = vip->retry_ns,
		.lease_ns = vip->cfg.lease_ns,
		.missing = iface ? vip_missing(core, vip) : vip->n_addrs,
		.preempt = vip->cfg.preempt,
		.taking = vip->phase == PHASE_TAKING,
		.source = vip->source,
		.ifname = iface ? iface->name : NULL,
		.link = iface && iface->up && iface->carrier,
	};
	figures->skew_ns = vip->cfg.version == 2 ? NSEC_PER_SEC * (256U - vip->priority) / 256
						 : figures->interval_ns * (256U - vip->priority) / 256;
}

static bool is_pending(const struct core *core, const struct change *change)
{
	return change->gen || change->error || change->retry_ns > core->now;
}

static void show(const struct core *core, const struct change *change, struct pending_view *view)
{
	view->type = (enum action_type)change->type;
	view->in_flight = change->gen != 0;
	view->error = change->error;
	view->failures = change->failures;
	view->repairs = change->repairs;
	view->retry_ns = !change->gen && change->retry_ns > core->now ? change->retry_ns - core->now : 0;
}

/* One of a walk over changes: true, it is the one that is looked for. */
static bool visit(const struct core *core, const struct change *change, unsigned *left, struct pending_view *view)
{
	if (!is_pending(core, change) || (*left)-- > 0)
		return false;
	show(core, change, view);
	return true;
}

static bool visit_addresses(const struct core *core, unsigned first, unsigned n, unsigned *left, struct pending_view *view)
{
	for (unsigned i = first; i < first + n; i++) {
		const struct addr *addr = &core->addrs[i];
		for (unsigned j = addr->first_place; j < addr->first_place + addr->n_places; j++) {
			if (!visit(core, &core->places[j].change, left, view))
				continue;
			view->ip = addr->ip;
			view->ifname = core->ifaces[core->places[j].iface].name;
			return true;
		}
	}
	return false;
}

static bool visit_iface(const struct core *core, const struct iface *iface, unsigned *left, struct pending_view *view)
{
	const struct change *changes[] = { &iface->ears[0].opening, &iface->ears[1].opening, &iface->probe_listening,
					   &iface->releasing, &iface->mtu_change };

	for (unsigned i = 0; i < sizeof changes / sizeof *changes; i++) {
		view->ifname = iface->name;
		if (visit(core, changes[i], left, view))
			return true;
	}
	return false;
}

static bool visit_vip(const struct core *core, const struct vip *vip, unsigned *left, struct pending_view *view)
{
	const struct iface *iface = vip_iface(core, vip);

	return visit_addresses(core, vip->first_addr, vip->n_addrs, left, view) || (iface && visit_iface(core, iface, left, view));
}

static bool visit_bond(const struct core *core, const struct bond *bond, unsigned *left, struct pending_view *view)
{
	view->ifname = bond->cfg.name;
	if (visit(core, &bond->change, left, view))
		return true;
	for (unsigned i = 0; i < bond->n_ports; i++) {
		view->ifname = port_iface(core, &bond->ports[i])->name;
		if (visit(core, &bond->ports[i].change, left, view) ||
		    visit_iface(core, port_iface(core, &bond->ports[i]), left, view))
			return true;
	}
	if (visit_addresses(core, bond->first_addr, bond->n_addrs, left, view))
		return true;
	for (unsigned i = bond->first_route_place; i < bond->first_route_place + bond->n_route_places; i++) {
		view->ifname = core->ifaces[core->route_places[i].iface].name;
		view->ip = core->route_places[i].route->to;
		if (visit(core, &core->route_places[i].change, left, view))
			return true;
	}
	return false;
}

bool core_pending(const struct core *core, const struct object *of, unsigned i, struct pending_view *view)
{
	*view = (struct pending_view){ 0 };
	if (of->type == OBJECT_VIP && of->index < core->n_vips)
		return visit_vip(core, &core->vips[of->index], &i, view);
	if (of->type == OBJECT_BOND && of->index < core->n_bonds)
		return visit_bond(core, &core->bonds[of->index], &i, view);
	return false;
}
