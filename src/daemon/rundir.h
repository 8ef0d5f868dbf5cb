/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The run directory, and that only one daemon uses it. */
#ifndef STANDBYD_DAEMON_RUNDIR_H
#define STANDBYD_DAEMON_RUNDIR_H

/* Opens the directory, made with mode 0755 if it is missing, and locks RUNDIR/lock for the life of the process. Returns
 * the directory's fd, or -1 and the reason was logged. *lock: the lock's descriptor that this process has already, -1: none; then
 * the one that it has. */
int rundir_open(const char *path, int *lock);

#endif
