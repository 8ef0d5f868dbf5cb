/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sections of all files → struct config, for one node of the cluster. */
#ifndef STANDBYD_CONFIG_BUILD_H
#define STANDBYD_CONFIG_BUILD_H

#include "config/read.h"

/* One name of 'bonds:' or 'vips:', of whatever file. */
struct entry {
	const struct node *name, *value;
};

struct section {
	struct entry *entries;
	unsigned n;
};

/* A bond or vip that was read; its index is that of the struct config's array. */
struct object_source {
	const struct node *name;
	const char *title;    /* "bond 'bond0'" */
	struct value *values; /* by enum bond_key or vip_key */
};

struct build {
	struct reader *reader;
	struct config *config;
	struct object_source *bonds, *vips;
	const struct place **address_at, **route_at; /* where config->addresses and routes are written */
	const char **address_of;		     /* titles of their owners */
};

/* Everything of one bond or vip that can be said without looking at the others. */
void build_bond(struct build *, unsigned index);
void build_vip(struct build *, unsigned index);

/* Appends to config->addresses. */
void build_address(struct build *, const struct value *, const char *title);

/* What only shows when all bonds and vips are there. */
void build_check(struct build *);

/* The configuration, which is only right if the diagnostics have no errors; NULL: memory is short. Free with
 * config_free. */
struct config *build_config(struct reader *, const struct section *bonds, const struct section *vips);

#endif
