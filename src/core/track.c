/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What vips rest on besides their own link: bonds, interfaces, routes. Each is there or is not; vip_health makes of it what
 * the configuration says.
 *
 * A route is any one of the main table to that destination, whoever made it: the kernel may have several, by gateway, device
 * and metric, so they are kept as a set. One that leaves with its device is told by the device's own event, for the kernel
 * says nothing of it (net/ipv4/fib_frontend.c, fib_disable_ip). */
#include "core/internal.h"

static bool same_route(const struct seen_route *seen, const struct event_route *route)
{
	return seen->ifindex == route->ifindex && seen->metric == route->route.metric &&
	       ip_equal(&seen->via, &route->route.via);
}

/* Of a route that replaces another the kernel tells alone; it may also stand beside that one. */
static void replaced(struct watched_route *watched, const struct event_route *route)
{
	for (unsigned i = watched->n; i-- > 0;) {
		if (watched->seen[i].metric != route->route.metric)
			continue;
		watched->more |= watched->seen[i].present;
		watched->seen[i] = watched->seen[--watched->n];
	}
}

static struct seen_route *find_seen(struct watched_route *watched, const struct event_route *route)
{
	for (unsigned i = 0; i < watched->n; i++) {
		if (same_route(&watched->seen[i], route))
			return &watched->seen[i];
	}
	return NULL;
}

/* What does not fit, or is not sure, is as good as what is known until that is gone: then a snapshot tells. */
static struct seen_route *add_seen(struct watched_route *watched, const struct event_route *route)
{
	struct seen_route *seen;

	if (watched->n == MAX_SEEN_ROUTES) {
		watched->more = true;
		return NULL;
	}
	seen = &watched->seen[watched->n++];
	*seen = (struct seen_route){ .ifindex = route->ifindex, .via = route->route.via, .metric = route->route.metric };
	return seen;
}

void track_route(struct core *core, const struct event *event)
{
	const struct event_route *route = &event->u.route;

	for (unsigned i = 0; i < core->n_watched && !route->route.table; i++) {
		struct watched_route *watched = &core->watched[i];
		struct seen_route *seen;
		if (watched->prefix != route->route.prefix || !ip_equal(&watched->to, &route->route.to))
			continue;
		seen = find_seen(watched, route);
		if (!seen && event->type == EV_ROUTE_GONE && !core->snap_open)
			continue;
		if (!seen && !event->epoch && !core->snap_open)
			replaced(watched, route);
		if (!seen)
			seen = add_seen(watched, route);
		if (!seen || model_event_is_stale(core, event, &seen->epoch))
			continue;
		seen->present = event->type == EV_ROUTE;
		if (!seen->present && !core->snap_open)
			*seen = watched->seen[--watched->n];
		core->tracks_changed = true;
	}
}

void track_device_gone(struct core *core, int ifindex)
{
	for (unsigned i = 0; i < core->n_watched; i++) {
		for (unsigned j = 0; j < core->watched[i].n; j++) {
			struct seen_route *seen = &core->watched[i].seen[j];
			core->tracks_changed |= seen->ifindex == ifindex && seen->present;
			seen->present &= seen->ifindex != ifindex;
		}
	}
}

/* What the dump has not shown is gone, and what is gone is forgotten. */
void track_sweep(struct core *core)
{
	for (unsigned i = 0; i < core->n_watched; i++) {
		struct watched_route *watched = &core->watched[i];
		for (unsigned j = watched->n; j-- > 0;) {
			if (watched->seen[j].epoch != core->epoch || !watched->seen[j].present)
				watched->seen[j] = watched->seen[--watched->n];
		}
		watched->more &= watched->n == MAX_SEEN_ROUTES;
	}
	core->tracks_changed = true;
}

static bool has_route(struct core *core, struct watched_route *watched)
{
	for (unsigned i = 0; i < watched->n; i++) {
		if (watched->seen[i].present)
			return true;
	}
	if (watched->more) {
		watched->n = 0;
		watched->more = false;
		model_want_snapshot(core);
	}
	return false;
}

/* Why it is not there; REASON_NONE: it is. */
static enum reason_code judge(struct core *core, const struct track *track)
{
	const struct iface *iface;

	switch (track->cfg->kind) {
	case TRACK_BOND:
		return core->bonds[track->cfg->bond].state == BOND_DOWN ? REASON_BOND_DOWN : REASON_NONE;
	case TRACK_INTERFACE:
		iface = &core->ifaces[track->iface];
		if (!iface->ifindex && !iface->known) /* a reload has just named it: the snapshot that follows tells */
			return REASON_NONE;
		if (!iface->ifindex)
			return iface->existed ? REASON_INTERFACE_GONE : REASON_INTERFACE_ABSENT;
		if (!iface->up)
			return REASON_INTERFACE_DOWN;
		return iface->carrier ? REASON_NONE : REASON_LINK_DOWN;
	case TRACK_ROUTE:
		return has_route(core, &core->watched[track->watched]) ? REASON_NONE : REASON_ROUTE_ABSENT;
	case TRACK_CHECK: /* one without a result yet has not failed, and lowers nothing */
		if (core->checks[track->cfg->check].state == CHECK_FAILED)
			return REASON_CHECK_FAILED;
		return core->checks[track->cfg->check].state == CHECK_UNKNOWN && !track->cfg->lower ? REASON_CHECK_WAITING
												    : REASON_NONE;
	}
	return REASON_NONE;
}

void track_update(struct core *core)
{
	core->tracks_changed = false;
	if (!core->snap_known)
		return;
	for (unsigned i = 0; i < core->n_tracks; i++)
		core->tracks[i].why = judge(core, &core->tracks[i]);
	for (unsigned i = 0; i < core->n_vips; i++) {
		if (core->vips[i].n_tracks || core->vips[i].failed_test[0])
			vip_health(core, &core->vips[i]);
	}
}

/* Routes are a set without repeats, however many vips rest on one. */
static unsigned watch(struct core *core, const struct config_track *cfg)
{
	unsigned i = 0;

	while (i < core->n_watched &&
	       (core->watched[i].prefix != cfg->prefix || !ip_equal(&core->watched[i].to, &cfg->to)))
		i++;
	if (i == core->n_watched)
		core->watched[core->n_watched++] = (struct watched_route){ .to = cfg->to, .prefix = cfg->prefix };
	return i;
}

void track_add(struct core *core, struct vip *vip)
{
	vip->first_track = core->n_tracks;
	vip->n_tracks = vip->removed ? 0 : vip->cfg.n_tracks;
	for (unsigned i = 0; i < vip->n_tracks; i++) {
		const struct config_track *cfg = &core->config.tracks[vip->cfg.first_track + i];
		struct track *track = &core->tracks[core->n_tracks++];
		*track = (struct track){ .cfg = cfg };
		if (cfg->kind == TRACK_INTERFACE)
			track->iface = configure_iface(core, cfg->ifname);
		if (cfg->kind == TRACK_ROUTE)
			track->watched = watch(core, cfg);
	}
}

/* What is known of a route goes on; of a new one the snapshot tells that follows a reload. Until then it counts as there. */
void track_carry(struct core *core, const struct core *old)
{
	for (unsigned i = 0; i < core->n_watched; i++) {
		struct watched_route *watched = &core->watched[i];
		bool known = false;
		for (unsigned j = 0; j < old->n_watched && !known; j++) {
			known = old->watched[j].prefix == watched->prefix && ip_equal(&old->watched[j].to, &watched->to);
			if (known)
				*watched = old->watched[j];
		}
		if (!known && old->snap_known)
			watched->seen[watched->n++] = (struct seen_route){ .ifindex = -1, .present = true };
	}
}
