/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Word to the service manager (sd_notify(3)), without ever waiting for it: sd_notify() itself blocks when the manager does
 * not read, and with it every advert would. What could not be said is kept, the newest of each kind, and said later. */
#ifndef STANDBYD_DAEMON_NOTIFY_H
#define STANDBYD_DAEMON_NOTIFY_H

#include "core/core.h"

void notify_ready(void);
void notify_reloading(void);
void notify_stopping(void);
/* Counts of what is active and what is not, when they have changed. */
void notify_status(const struct core *);
void notify_watchdog(void);

/* Whether something is kept, and to say it again. */
bool notify_kept(void);
void notify_again(void);

#endif
