/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads a configuration on a thread of its own, because a disk may take its time and the loop must not. */
#ifndef STANDBYD_DAEMON_LOADER_H
#define STANDBYD_DAEMON_LOADER_H

#include <stdio.h>

#include "core/config.h"
#include "daemon/filter.h"
#include "daemon/keys.h"
#include "kernel/snapshot.h"

/* Reads the configuration's key file: true, and *keys is NULL if it names none; false: it is not right, and *out was told why. */
bool loader_read_keys(const struct config *, struct keys **keys, FILE *out);

struct loader;

/* Starts to read; path must stay valid. NULL with errno. in_force: looks at the kernel too, when the configuration is right,
 * for what either of the two has; needed during the call only. NULL: does not look. filter: is to be as the configuration needs it, when that is right; valid until
 * loader_finish. NULL: nothing is changed. */
struct loader *loader_start(const char *path, const struct config *in_force, const struct filter *);
/* Readable when it is done. */
int loader_fd(const struct loader *);
/* Once it is done, before loader_finish: what the kernel has, the caller's from now on (snapshot_free). False: it could not be
 * looked at. */
bool loader_snapshot(struct loader *, struct snapshot *);
/* Once it is done, before loader_finish: the keys of the configuration that it will return, the caller's from now on; NULL: it has none,
 * or there is none. A key file that is not right is a configuration that is not right. */
struct keys *loader_keys(struct loader *);
/* Once it is done: the configuration (owned by the caller), or NULL; *diagnostics is what was said (free it; never
 * NULL unless memory is short). Frees the loader. */
struct config *loader_finish(struct loader *, char **diagnostics);

#endif
