/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A small process that starts standby-runner. The runner becomes other users, which the daemon may not: so, before the daemon
 * gives up its capabilities, it leaves those that the runner needs to a copy of itself, which knows nothing else to do. It ends
 * with the daemon. */
#ifndef STANDBYD_DAEMON_LAUNCHER_H
#define STANDBYD_DAEMON_LAUNCHER_H

/* Before any thread, and before any descriptor is opened that nobody else may have. program: of the runner, borrowed for
 * good. The descriptor by which it is told; -1: there is none, and this process may not start the runner. */
int launcher_start(const char *program);

/* Starts a runner that speaks over that socket, of which the caller closes its copy. Never waits. 0 or -errno. */
int launcher_run(int launcher, int socket);

/* Why the last runner could not be started: an errno; 0: nothing is known. Never waits. */
int launcher_error(int launcher);

#endif
