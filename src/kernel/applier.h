/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The applier: the one thread that changes the kernel and dumps it, so that the loop never waits for the RTNL lock.
 * Actions go in by a bounded queue, results and snapshot items come out as events by another and an eventfd. */
#ifndef STANDBYD_KERNEL_APPLIER_H
#define STANDBYD_KERNEL_APPLIER_H

#include "core/core.h"

struct applier;

/* Starts the thread; capacity is how many actions may wait (≥ 1), each from applier_submit until applier_next took its
 * answer. NULL with errno. The thread has its own request socket and keeps this process's network namespace. */
struct applier *applier_new(size_t capacity);

/* Finishes what is queued, ends the thread, frees. */
void applier_free(struct applier *);

/* Room for more waiting actions, after a reload. Never shrinks. 0 or -ENOMEM. */
int applier_reserve(struct applier *, size_t capacity);

/* Queues a copy of one change, ACT_LISTEN/ACT_UNLISTEN, or ACT_SNAPSHOT. Returns 0, or -ENOBUFS when the queue is full: the
 * caller then feeds EV_FAILED(ENOBUFS) itself. Actions are executed in the order they were queued, but renewals of
 * addresses and additions of a vip's IPv4 ones before whatever waits, and answered in the order they were executed; what waits is sent to
 * the kernel as one batch. The thread is woken by applier_kick, so that one core_step's actions make one batch.
 * Every action queued is answered exactly once. Removing an address or route that is not there (or whose interface is
 * gone) is done, not failed; a broken request socket is opened anew, and what it left unanswered failed with EIO. */
int applier_submit(struct applier *, const struct action *);
void applier_kick(struct applier *);

/* Whether nothing was submitted that is not answered, and the answer taken. */
bool applier_idle(struct applier *);

/* Readable when results wait. */
int applier_fd(const struct applier *);

/* The next result: EV_DONE, EV_FAILED, EV_SNAP_BEGIN, its items, EV_SNAP_END, EV_OVERRUN (the dump was interrupted again
 * and again or failed); unasked, with epoch 0, EV_TEAM and EV_OVERRUN (a team can no longer be watched). EV_TEAM comes
 * before the answer of the action that caused it, after a snapshot that is older, and not once more for a newer one that
 * has it. Times are zero; the caller stamps it. *fd is the VRRP socket that an EV_DONE of ACT_LISTEN brings (the caller
 * owns it), else -1. *text points to the kernel's extended-ack text of an EV_FAILED or to "", valid until the next call.
 * False: nothing waits (and the eventfd is cleared). */
bool applier_next(struct applier *, struct event *, int *fd, const char **text);

/* For tests of error paths: the nth (1: the next) request to the kernel, counted one per change or listening socket and
 * five per snapshot (three if it is without routes), one per setting of a team, and one per request of a transaction that is not
 * to put back what was, is refused with `error` (an errno) and not made; with 0 the request socket is found broken there: what
 * was sent as one batch is not made, the one request of a transaction is made and its answer lost. Once; nth 0 takes it back.
 * Only while nothing is queued. */
void applier_inject(struct applier *, unsigned nth, int error);

/* Whether it has not come to that request yet. */
bool applier_inject_waits(struct applier *);

#endif
