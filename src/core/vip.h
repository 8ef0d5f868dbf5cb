/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the election offer each other: vip.c (the phases), vip_packet.c, vip_time.c, vip_health.c. */
#ifndef STANDBYD_CORE_VIP_H
#define STANDBYD_CORE_VIP_H

#include "core/internal.h"

/* The ring of a group's members; a vip without a group is alone in it. */
struct vip *vip_next_member(const struct core *, const struct vip *);
bool vip_has_group(const struct core *, const struct vip *);

bool vip_is_owner(const struct vip *);  /* priority 255 */
bool vip_may_stand(const struct core *, const struct vip *); /* it does not stop, and nothing bars it */
bool vip_is_undecided(const struct reason *); /* it requires a check that has no result yet */
bool vip_preempts(const struct vip *);  /* it takes over from a worse one that is active */

/* Changes of phase. To take: the addresses first; with all of them there it is active. To leave: it answers until another is
 * known to, down_ns and send_zero are the caller's. */
void vip_enter_backup(struct core *, struct vip *, struct reason);
void vip_take(struct core *, struct vip *, struct reason);
void vip_take_if_all_won(struct core *, struct vip *); /* it has won; its group may have to wait for others */
void vip_leave(struct core *, struct vip *, struct reason);
void vip_say_goodbye(struct vip *); /* unless it was said already */
void vip_leave_done(struct core *, struct vip *);
void vip_group_lost(struct core *, const struct vip *); /* it left this node, so do the others */

/* "Late is lost" (design/vrrp.md): true when the vip just lost its role to its own lateness. */
bool vip_late_is_lost(struct core *, struct vip *, bool other_heard);

/* While it leaves: another holds it now, so it answers a little longer, and lets go. */
void vip_leave_for_holder(struct core *, struct vip *);

/* Nothing keeps it from taking over but the others of its group. */
void vip_win(struct core *, struct vip *, struct reason);

/* Whether a backup's Down timer is so late that it must listen again. */
bool vip_slept(const struct core *, const struct vip *);

/* When its Down timer fires if it begins now; NEVER: it is shared by claims. */
uint64_t vip_next_down(const struct core *, const struct vip *);

/* When its next advert is due (NEVER: it is shared by claims): an interval from now, or sooner by up to a quarter of it or the tick of the shortest ones, so that
 * those of many vips fall together, and leave together. */
uint64_t vip_next_advert(const struct core *, const struct vip *);
void vip_schedule_renewal(struct core *, struct vip *); /* in a third of the lease */
void vip_conflict_timer(struct core *, struct vip *); /* a claim that no advert followed is dealt with */

#endif
