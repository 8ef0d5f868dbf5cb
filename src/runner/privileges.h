/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Giving up what the runner does not need. */
#ifndef STANDBYD_RUNNER_PRIVILEGES_H
#define STANDBYD_RUNNER_PRIVILEGES_H

#include <stdbool.h>

/* From root to user_default; for good. Of its capabilities this process keeps SETUID, SETGID and KILL, and NET_RAW if
 * the kernel gives its group no ping sockets; nothing that it executes has any. As another user, without SETUID and
 * SETGID, or where there is no user to become, it stays who it is. Before any thread is made. 0, or -1 and the reason was logged. */
int privileges_settle(void);

struct user;

/* From now on this thread finds files as that user would, until it is NULL: this process's own. Only where it may
 * become it, and with nothing else in between. */
void privileges_look_as(const struct user *user);

/* Whether commands may run as another user than this process. After privileges_settle. */
bool privileges_may_become(void);

#endif
