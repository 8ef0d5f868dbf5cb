/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opens files with secrets in them, if nobody can read or replace them who should not. */
#ifndef STANDBYD_DAEMON_SECRET_H
#define STANDBYD_DAEMON_SECRET_H

/* Opens a regular file for reading: a descriptor, or a negative errno and a sentence in *error (free; NULL if memory is
 * short). Refused is one that belongs to neither root nor this process's user, one that others than its owner may read,
 * write or execute, and one to which a directory or a symbolic link leads that others could change: each step of the
 * path is looked at and held, and nothing is followed unseen. A directory that all may write is fine if it is sticky. */
int secret_open(const char *path, char **error);

/* Makes the sentence in *error (NULL if memory is short) and returns -code. */
int secret_refuse(char **error, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
