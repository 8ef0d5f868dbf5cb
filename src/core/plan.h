/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of the plan share: room for actions, and the parts themselves. */
#ifndef STANDBYD_CORE_PLAN_H
#define STANDBYD_CORE_PLAN_H

#include "core/internal.h"

struct out {
	struct action *items;
	size_t n, cap;
	bool full; /* there was no room for something that is still due: the plan will be made again */
};

/* Room for one action, cleared but for type and object; NULL: full. */
struct action *plan_emit(struct out *, enum action_type, struct object);
/* The same for a change, which is in flight from then on. */
struct action *plan_emit_change(struct core *, struct out *, struct change *, enum action_type, struct object);
struct object plan_bond_object(const struct core *, const struct bond *);

/* Additions and renewals, or removals, of an owner's addresses. */
void plan_addresses(struct core *, struct out *, unsigned first, unsigned n, bool removals);

/* plan_link.c: the devices, their ports, the active one, and who listens for the probes' answers */
void plan_links(struct core *, struct out *, struct bond *);
/* Probes that are due. */
void plan_probes(struct core *, struct out *, struct bond *);
/* A port that a reload dropped is released. */
void plan_release(struct core *, struct out *, struct iface *);

/* vmac.c: the device of a virtual MAC address, before its addresses are added, and after they were removed */
void plan_vmac(struct core *, struct out *, struct vmac *);
void plan_vmac_rest(struct core *, struct out *, struct vmac *);
void plan_vmac_loans(struct core *, struct out *, struct iface *);

/* plan_bond.c */
void plan_bond(struct core *, struct out *, struct bond *);

/* plan_route.c */
void plan_bond_routes(struct core *, struct out *, struct bond *);
void plan_vip_routes(struct core *, struct out *, struct vip *, bool removals);
/* One route to the kernel, of a vip that a reload removed and of its successor. */
bool plan_is_twin(const struct route_place *, const struct route_place *);
/* rule.c */
void plan_vip_rules(struct core *, struct out *, struct vip *, bool removals);
void plan_orphan_rules(struct core *, struct out *);
/* Whether the vip is held and the route belongs there, now. */
bool plan_vip_route_wanted(const struct core *, const struct route_place *);
/* A route that no object has any more goes, unless another with the same target is about to replace it. */
void plan_remove_route(struct core *, struct out *, struct route_place *);
/* What the kernel takes for the same route when it replaces one: destination and metric, whatever gateway and interface. */
bool plan_same_target(const struct config_route *, const struct config_route *);

#endif
