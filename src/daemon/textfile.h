/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small files of lines in the run directory, each of one boot and one network namespace: "standbyd TITLE 1", these two, what
 * there is to say, "end". */
#ifndef STANDBYD_DAEMON_TEXTFILE_H
#define STANDBYD_DAEMON_TEXTFILE_H

#include <stdio.h>

#include "daemon/record.h"

struct textfile {
	int rundir;       /* borrowed */
	const char *name; /* of the file, and its title */
	const struct record_world *world;
};

/* What is between the header and "end", as lines that end in a newline, to be freed. At most `max` bytes are read. 0, -ENOENT;
 * -ESTALE: of another boot or network namespace; -EBADMSG: it is no such file; another -errno. On an error *text is NULL. */
int textfile_read(const struct textfile *, size_t max, char **text);

/* Writes what `print` says, beside and renamed. 0 or -errno: the old file stays. */
int textfile_write(const struct textfile *, void (*print)(FILE *, const struct core *), const struct core *);

/* 0, also if there is none, or -errno. */
int textfile_remove(const struct textfile *);

#endif
