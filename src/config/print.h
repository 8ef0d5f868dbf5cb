/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef STANDBYD_CONFIG_PRINT_H
#define STANDBYD_CONFIG_PRINT_H

#include <stdbool.h>
#include <stdio.h>

#include "core/config.h"

/* The hash of what a configuration means: of config_print's text without the node's name, objects ordered by name.
 * False: memory is short. */
bool print_hash_config(const struct config *, uint64_t *hash);

/* One bond or vlan, one vip, one node, one check, one hook, as they stand in config_print. */
void print_one_bond(const struct config *, const struct config_bond *, FILE *);
void print_one_vip(const struct config *, const struct config_vip *, FILE *);
void print_one_node(const struct config *, const struct config_node *, FILE *);
void print_one_check(const struct config *, const struct config_check *, FILE *);
void print_one_hook(const struct config *, const struct config_hook *, FILE *);
void print_heartbeat(const struct config *, FILE *);

#endif
