/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The program that this process becomes on `standbyctl reexec`: which it is, whether it can do the work, and becoming it. */
#ifndef STANDBYD_DAEMON_REEXEC_H
#define STANDBYD_DAEMON_REEXEC_H

#include <stdbool.h>

/* Remembers how this process was started: the program's path and its arguments, as they are before anybody changes them. The path is
 * what the kernel was told, so that what has been put there since is what is executed. */
void reexec_remember(int argc, char **argv);
/* The program's path; "": it is not known. */
const char *reexec_path(void);

/* Runs the program with the arguments of this process and `--check --reexec`, on a thread. NULL with errno. */
struct reexec_check;
struct reexec_check *reexec_check_start(void);
/* Readable when it is done. */
int reexec_check_fd(const struct reexec_check *);
/* Once it is done, or to end it before: whether the program can go on. *said: what it said, or why it could not be run (free it; NULL: memory is
 * short). *bad_configuration: that is what is wrong. Frees the check. */
bool reexec_check_finish(struct reexec_check *, char **said, bool *bad_configuration);

/* Becomes the program. Returns only if that failed: -errno, and everything is as before. */
int reexec_run(void);

#endif
