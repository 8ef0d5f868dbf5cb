/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sections of all files → struct config, for one node of the cluster. */
#ifndef STANDBYD_CONFIG_BUILD_H
#define STANDBYD_CONFIG_BUILD_H

#include "config/read.h"

/* One name of 'bonds:', 'vlans:' or 'vips:', of whatever file. */
struct entry {
	const struct node *name, *value;
};

struct section {
	struct entry *entries;
	unsigned n;
};

/* All of them, of all files. */
struct sections {
	struct section bonds, vlans, vips, groups, nodes, checks, hooks;
	struct entry nodes_at, heartbeat; /* the keys, the first ones; no name: there is none */
};

/* A bond, vlan, vip, node, check or hook that was read; its index is that of the struct config's array. */
struct object_source {
	const struct node *name;
	const char *title;    /* "bond 'bond0'" */
	struct value *values; /* by enum bond_key, vlan_key, vip_key, node_key, check_key or hook_key */
};

struct path_source {
	const char *title; /* "path 'lan' of node 'lb1'" */
	const struct value *name;
	const struct value *values; /* by enum path_key */
	unsigned node;
};

struct build {
	struct reader *reader;
	struct config *config;
	struct object_source *bonds, *vips; /* bonds: the vlans too, behind them */
	unsigned n_bonds;		    /* without the vlans */
	struct object_source *nodes;	    /* by name, as config->nodes are */
	struct object_source *checks, *hooks; /* the same */
	size_t texts_room;		      /* of config->texts */
	struct path_source *paths;
	bool has_nodes; /* the key is there, right or wrong */
	const struct place **address_at, **route_at, **rule_at; /* where config->addresses, routes and rules are written */
	const char **address_of;		     /* titles of their owners */
};

/* Everything of one that can be said without looking at what follows: bonds, then vlans, then probes, then vips, then
 * nodes. */
void build_bond(struct build *, unsigned index);
void build_vlan(struct build *, unsigned index);
void build_probes(struct build *, unsigned index);
void build_vip(struct build *, unsigned index);

/* By which protocol it is shared, what follows from that, and which of its keys belong to the other one; when its vrid and priority and
 * the heartbeats are there. */
void build_protocol(struct build *, struct config_vip *, const struct object_source *);

/* Heartbeats, which vips rest on; then nodes and paths. */
void build_heartbeat(struct build *, const struct sections *);
bool build_read_nodes(struct build *, const struct sections *);
void build_nodes(struct build *, const struct sections *);

/* Checks, which vips rest on, when bonds are there; hooks when all they can name is. */
bool build_read_services(struct build *, const struct sections *);
void build_checks(struct build *);
void build_hooks(struct build *);

/* A copy in config->texts; 0 for NULL and "". */
config_text build_text(struct build *, const char *);
/* Appends to config->args what a list has, which is to begin with a program's path; the number of them. */
unsigned build_command(struct build *, const struct value *list, const char *key, const char *title);
/* A user that is written must exist on this machine. */
config_text build_user(struct build *, const struct value *, const char *title);
/* The defaults, where none are written. */
struct config_limits build_limits(struct build *, const struct value *, const char *title);

/* The index of the check of that name, -1: there is none. */
int build_find_check(const struct config *, const char *name);

/* By name. */
void build_sort(struct object_source *, unsigned n);

/* What a vip rests on; when its bonds and checks are there. */
void build_tracks(struct build *, unsigned index);

/* When all vips are there. */
void build_groups(struct build *, const struct section *);

/* Reads all objects of a section, at most max; those that are no objects at all are told and left out. NULL: memory is short. */
struct object_source *build_read_section(struct build *, const struct section *, const struct schema_object *, unsigned max,
					 unsigned *n);

/* <0, 0, >0: which stands first in the files. */
int build_compare_places(const struct place *, const struct place *);

/* Whether an object of that kind may have that name; false: it was told why not. */
bool build_check_name(struct build *, const struct schema_object *, const struct node *name);

/* Appends to config->routes; title: of their owner. */
void build_routes(struct build *, const struct value *routes, const char *title);
/* Appends to config->rules. */
void build_rules(struct build *, const struct value *rules, const char *title);
/* The kernel refuses a gateway that is an address of its own: n of config->addresses. */
void build_check_gateways(struct build *, unsigned first_address, unsigned n, const struct value *routes, const char *title);

/* A bond's or vlan's addresses and routes. */
void build_belongings(struct build *, struct config_bond *, const struct value *addresses, const struct value *routes,
		      const char *title);

/* Whether no network of the bond's or vlan's own addresses has it, although it has some of that family; an IPv6 link-local one
 * is in all. */
bool build_is_far(const struct config *, const struct config_bond *, const struct ip *);
bool build_is_in_network(const struct ip *, const struct config_address *);

/* The index of the bond or vlan of that name, -1: there is none. */
int build_find_bond(const struct config *, const char *name);

/* Appends to config->addresses. */
void build_address(struct build *, const struct value *, const char *title);

/* What only shows when all bonds and vips are there. */
void build_check(struct build *);

/* The configuration, which is only right if the diagnostics have no errors; NULL: memory is short. Free with
 * config_free. */
struct config *build_config(struct reader *, const struct sections *);

#endif
