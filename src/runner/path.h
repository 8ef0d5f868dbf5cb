/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a program is safe to run: nobody but root and the user that it runs as can put another in its place. */
#ifndef STANDBYD_RUNNER_PATH_H
#define STANDBYD_RUNNER_PATH_H

#include <sys/types.h>

#include "runner/protocol.h"

/* The program, each directory above it, and each symbolic link on the way must be owned by root or by that user, and be
 * writable by no other and by no group but root's; a sticky directory is writable all the same. As nobody else can
 * change the way after this, it still holds when the program is executed. 0; or -EACCES, -ENOENT, -ENOTDIR, -ELOOP… and
 * a sentence about the path that is at fault. path: absolute. */
int path_check(const char *path, uid_t user, char reason[RUNNER_OUTPUT_MAX + 1]);

#endif
