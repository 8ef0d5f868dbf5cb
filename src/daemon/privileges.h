/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Giving up what the daemon does not need. */
#ifndef STANDBYD_DAEMON_PRIVILEGES_H
#define STANDBYD_DAEMON_PRIVILEGES_H

#include <stdbool.h>

/* 0 if this process may change the network; else -1 and the reason was logged. */
int privileges_check(void);

/* Keeps CAP_NET_ADMIN and CAP_NET_RAW alone, for good. Before any thread is made: a capability belongs to a thread.
 * 0, or -1 and the reason was logged. */
int privileges_drop(void);

/* Whether this process has what a runner needs (standby-runner(8)). */
bool privileges_for_runner(void);

/* Keeps that alone, for good. 0 or -1. */
int privileges_keep_runners(void);

/* Whether a program that this thread executes has what privileges_drop kept, be it root or not. Only shortly before. 0 or -errno. */
int privileges_inherit(bool inherit);

#endif
