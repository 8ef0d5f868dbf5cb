/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers on their way to the daemon. It may read none for a while: then they wait, the last one of each check, and
 * each end of a hook. */
#ifndef STANDBYD_RUNNER_OUTBOX_H
#define STANDBYD_RUNNER_OUTBOX_H

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "runner/protocol.h"

struct outbox;

struct outbox_watch {
	void (*gone)(void *userdata, int error); /* the other side is, by that -errno; once */
	/* Ends of hooks wait (full), more than OUTBOX_ENDS, or fewer again: no more should begin meanwhile. */
	void (*full)(void *userdata, bool full);
	void *userdata;
};

enum { OUTBOX_ENDS = 256 };

/* The socket stays the caller's. 0 or -errno. */
int outbox_new(sd_event *event, int fd, const struct outbox_watch *watch, struct outbox **outbox);
void outbox_free(struct outbox *); /* what waits is lost; NULL is fine */

void outbox_send(struct outbox *, const struct runner_answer *);

#endif
