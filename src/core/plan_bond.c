/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plan for bonds: their links, then addresses and routes, in the order that loses no packet. */
#include "core/plan.h"

void plan_bond(struct core *core, struct out *out, struct bond *bond)
{
	if (bond->removed || bond_is_rebuilding(core, bond))
		return; /* all that belongs to it is taken care of */
	plan_links(core, out, bond);
	plan_addresses(core, out, bond->first_addr, bond->n_addrs, false);
	plan_bond_routes(core, out, bond);
	plan_addresses(core, out, bond->first_addr, bond->n_addrs, true);
}
