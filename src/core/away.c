/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses, and routes, of vips on other interfaces than the vips' own. They come and go with the vip, and are put there as soon as that can
 * be: an interface that is absent, down or refuses them keeps no vip from being active. What must not be so, `require` says. */
#include "core/model.h"

struct iface *away_iface(const struct core *core, const struct vip *vip, const struct addr *addr)
{
	struct iface *iface;

	if (addr->away_bond != NONE)
		return bond_carrier_iface(core, &core->bonds[addr->away_bond]);
	if (addr->away_iface == NONE)
		return vip_home(core, vip);
	iface = &core->ifaces[addr->away_iface];
	return iface->ifindex ? iface : NULL;
}

bool away_may_be_missing(const struct core *core, const struct vip *vip, const struct addr *addr)
{
	const struct iface *iface = away_iface(core, vip, addr);
	const struct place *place = iface ? model_place_on(core, addr, iface) : NULL;

	return addr_is_away(addr) && (!place || !iface->up || place->change.failures);
}

struct reason away_reason(const struct core *core, const struct addr *addr)
{
	struct reason reason = vip_link_trouble(core, addr->away_bond, addr->away_iface);
	const struct iface *iface = away_iface(core, &core->vips[addr->owner_index], addr);
	const struct place *place = iface ? model_place_on(core, addr, iface) : NULL;

	if (place && !place->present && place->change.failures)
		reason = (struct reason){ .code = REASON_ADDRESS_REFUSED, .arg = { place->change.error }, .ip = addr->ip };
	return reason;
}

static bool has_one_on(const struct core *core, const struct vip *vip, int bond, int iface)
{
	for (unsigned i = 0; i < vip->n_addrs && vip->n_away; i++) {
		const struct addr *addr = &core->addrs[vip->first_addr + i];
		if (bond != NONE ? addr->away_bond == bond : addr->away_iface == iface)
			return true;
	}
	for (unsigned i = 0; i < vip->n_route_places && vip->n_away; i++) {
		const struct route_place *place = &core->route_places[vip->first_route_place + i];
		if (place->route->on[0] && (bond != NONE ? place->route->bond == bond : place->iface == iface))
			return true;
	}
	return false;
}

/* What is behind a new link may not know the addresses. */
static void check_carrier(struct core *core, int index)
{
	struct iface *iface = &core->ifaces[index];

	if (iface->carrier && !iface->away_carrier)
		away_announce(core, NONE, index);
	iface->away_carrier = iface->carrier;
}

void away_tell(struct core *core, int bond, int iface)
{
	if (iface != NONE && core->ifaces[iface].away)
		check_carrier(core, iface);
	for (unsigned i = 0; i < core->n_vips && core->has_away; i++) {
		if (has_one_on(core, &core->vips[i], bond, iface))
			vip_addresses(core, &core->vips[i]);
	}
}

void away_announce(struct core *core, int bond, int iface)
{
	for (unsigned i = 0; i < core->n_vips && core->has_away; i++) {
		struct vip *vip = &core->vips[i];
		if (vip->phase == PHASE_ACTIVE && has_one_on(core, vip, bond, iface))
			vip_announce(core, vip);
	}
}
