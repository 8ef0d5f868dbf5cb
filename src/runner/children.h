/* SPDX-License-Identifier: GPL-2.0-or-later */
/* This process's children, those among them that other processes left to it. */
#ifndef STANDBYD_RUNNER_CHILDREN_H
#define STANDBYD_RUNNER_CHILDREN_H

#include <stdint.h>
#include <sys/types.h>

/* Calls back for each child that this process has at the moment; the callback may kill, but not wait for them. A child
 * does not come to mean another process meanwhile, as long as nothing waits for it. */
void children_each(void (*each)(void *userdata, pid_t pid), void *userdata);

/* struct spawn's mark of what started that child, or of a process that came from it; UINT64_MAX: not known. */
uint64_t children_mark(pid_t pid);

#endif
