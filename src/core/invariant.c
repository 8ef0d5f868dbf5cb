/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/invariant.h"
#include "core/internal.h"

static const char *broken_vip(const struct core *core, const struct vip *vip)
{
	if ((vip->phase == PHASE_ACTIVE && !vip_by_claims(vip)) != (vip->advert_ns != NEVER))
		return "an active vip without an advert timer, or another with one";
	if (vip->phase == PHASE_BACKUP && (vip->down_ns == NEVER) != vip_by_claims(vip))
		return "a backup without a down timer";
	if ((vip->phase == PHASE_LEAVING) != (vip->leave_ns != NEVER))
		return "a leaving vip that would never let go";
	if (core->drained && core->snap_known && !vip->stopping && vip->phase != PHASE_INIT && vip->phase != PHASE_FAULT &&
	    vip->phase != PHASE_LEAVING)
		return "a vip of a drained node stands for election";
	if (vip->phase == PHASE_ACTIVE && vip->given_ns)
		return "an active vip that was handed over";
	if (vip->phase == PHASE_ACTIVE && vip->down_ns != NEVER)
		return "an active vip with a down timer";
	if (vip->gone && (vip_wants_addresses(vip) || !vip->stopping))
		return "a vip that is gone wants its addresses";
	if (vip->phase == PHASE_ACTIVE && core->snap_known && vip->cfg.bond == NONE && !core->ifaces[vip->iface].carrier)
		return "an active vip on a dead link";
	if (vip->phase == PHASE_ACTIVE && vip->cfg.bond != NONE && core->bonds[vip->cfg.bond].state == BOND_DOWN)
		return "an active vip on a bond that is down";
	return NULL;
}

/* A member that is held has all the others beside it, but for those that are joining. */
static const char *broken_group(const struct core *core, const struct vip *vip)
{
	const struct vip *m = &core->vips[vip->next_member];

	if ((vip->phase != PHASE_ACTIVE && vip->phase != PHASE_TAKING) || vip->joining)
		return NULL;
	for (; m != vip; m = &core->vips[m->next_member]) {
		if (m->phase != PHASE_ACTIVE && m->phase != PHASE_TAKING && !m->joining)
			return "the members of a group are apart";
	}
	return NULL;
}

static const char *broken_bond(const struct core *core, const struct bond *bond)
{
	if (bond->active != NONE && (unsigned)bond->active >= bond->n_ports)
		return "an active port that the bond does not have";
	if (bond->iface == NONE && core->snap_known && bond->active != NONE && !bond->ports[bond->active].healthy)
		return "a bond that moves sits on an unhealthy port";
	if (bond->state != BOND_DOWN && bond->active == NONE && bond->iface == NONE)
		return "a bond that is up without an active port";
	return NULL;
}

static const char *broken_place(const struct core *core, const struct place *place)
{
	if (place->present && !core->ifaces[place->iface].ifindex)
		return "an address on an absent interface";
	if (place->addr >= core->n_addrs)
		return "a place of no address";
	return NULL;
}

const char *core_broken(const struct core *core)
{
	const char *broken = NULL;

	for (unsigned i = 0; i < core->n_vips && !broken; i++)
		broken = broken_vip(core, &core->vips[i]);
	for (unsigned i = 0; i < core->n_vips && !broken; i++)
		broken = broken_group(core, &core->vips[i]);
	for (unsigned i = 0; i < core->n_bonds && !broken; i++)
		broken = broken_bond(core, &core->bonds[i]);
	for (unsigned i = 0; i < core->n_places && !broken; i++)
		broken = broken_place(core, &core->places[i]);
	return broken;
}
