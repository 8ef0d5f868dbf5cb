/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the model share. */
#ifndef STANDBYD_CORE_MODEL_H
#define STANDBYD_CORE_MODEL_H

#include "core/internal.h"

/* Whether an item is to be passed over: it is of another snapshot, or older than a live event. Marks the object otherwise. */
bool model_is_stale(const struct core *, const struct event *, uint32_t *mark);

/* The place of that address on that interface; NULL: it has none there. */
struct place *model_place_on(const struct core *, const struct addr *, const struct iface *);
void model_place_absent(struct core *, struct place *, bool live, uint32_t cause);
void model_tell_owner(struct core *, const struct addr *);
void model_tell_iface(struct core *, struct iface *);
bool model_bond_has(const struct core *, const struct bond *, const struct iface *);
/* What was known of its IPv4 routes is void. */
void model_routes_forget(struct core *, const struct iface *);
/* The link that it was is gone, or is called otherwise. */
void model_iface_unbind(struct core *, struct iface *);
/* An interface that no object has, for what is to be let go on it; NULL: there is no room for one. */
struct iface *model_add_iface(struct core *, const char *name);
/* A place for an address that no object has any more, which is let go once it is known to be there; NULL: no room. */
struct place *model_add_orphan(struct core *, const struct ip *, uint8_t prefix, const struct iface *);
/* The same of a route. */
struct route_place *model_add_orphan_route(struct core *, const struct config_route *, const struct iface *);

#endif
