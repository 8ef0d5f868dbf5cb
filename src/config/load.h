/* SPDX-License-Identifier: GPL-2.0-or-later */
/* YAML files → struct config. Either everything is right, or nothing is handed out and every error is said. */
#ifndef STANDBYD_CONFIG_LOAD_H
#define STANDBYD_CONFIG_LOAD_H

#include <stdio.h>

#include "core/config.h"

#define CONFIG_DEFAULT_PATH "/etc/standbyd/standbyd.yaml"

/* Loads `path`, and when it is a file, the *.yaml of a folder `conf.d` beside it in byte order, merged by name (a name
 * that is defined twice is an error). Diagnostics in the manner of a compiler (product.md) go to `diagnostics`, all of
 * one run; warnings too. Returns the configuration, or NULL with errno EINVAL (wrong content), ENOENT, EACCES … (a file
 * could not be read, said in the diagnostics too). Asks the kernel nothing but the host name, and the machine's list of users for
 * those that are written. Blocks on the disk. */
struct config *config_load(const char *path, FILE *diagnostics);

/* The same for the node of that name, whatever 'node:' and the host name say. NULL: as config_load. */
struct config *config_load_as(const char *path, const char *node, FILE *diagnostics);

void config_free(struct config *);

/* Who says whether a user exists; for tests. NULL: this machine (getpwnam(3)), which is where it starts. It is asked about users that are
 * written for this node. */
void config_set_user_lookup(bool (*exists)(const char *name));

/* The configuration as a person would write it, every default spelled out; for `standbyctl check --verbose` and tests.
 */
void config_print(const struct config *, FILE *);

#endif
