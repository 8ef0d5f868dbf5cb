/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A validated configuration as flat data: what the loader makes of the YAML files, and what the core copies.
 * Everything here has already been checked; the core asserts it and does not check again. */
#ifndef STANDBYD_CORE_CONFIG_H
#define STANDBYD_CORE_CONFIG_H

#include "core/types.h"

enum bond_driver { DRIVER_KERNEL, DRIVER_MOVE };
enum failback { FAILBACK_NEVER, FAILBACK_BETTER, FAILBACK_ALWAYS };

struct config_address {
	struct ip ip;
	uint8_t prefix; /* 0…32 or 0…128 */
};

struct config_route {
	struct ip to;    /* family of via; 'default' is the zero address */
	uint8_t prefix;  /* 0 for default */
	struct ip via;   /* family FAMILY_NONE: on-link */
	uint32_t metric; /* 0: the kernel's default (IPv6: 1024) */
};

struct config_bond {
	char name[IFNAME_SIZE]; /* driver kernel: the device's name; move: a name only, no device has it */
	enum bond_driver driver;
	char ports[MAX_PORTS][IFNAME_SIZE]; /* in the order of preference after 'prefer' */
	unsigned n_ports;                   /* 1…MAX_PORTS */
	int prefer;                         /* index into ports, -1: none */
	enum failback failback;
	uint64_t hold_ns;
	unsigned first_address, n_addresses; /* into config.addresses */
	unsigned first_route, n_routes;      /* into config.routes */
};

struct config_vip {
	char name[NAME_SIZE];
	char on[IFNAME_SIZE]; /* interface or bond */
	int bond;             /* index of the bond that 'on' names, -1: a plain interface */
	uint8_t vrid;         /* 1…255 */
	uint8_t priority;     /* 1…255; 255: owner */
	uint8_t family;       /* of the adverts: that of the first address */
	bool preempt;
	uint64_t advert_ns;        /* 10 ms … 40.95 s, a multiple of 10 ms */
	uint64_t lease_ns;         /* whole seconds, ≥ 3 s (≥ 10 s where it has IPv6 addresses) */
	uint64_t leave_timeout_ns;
	unsigned first_address, n_addresses; /* into config.addresses, the listed family first, in file order */
	unsigned n_listed;                   /* how many of them go into adverts (those of 'family') */
};

struct config {
	char node[NODE_SIZE];
	char digest[17]; /* hex; equal for equal meaning, whatever the layout of the files */
	struct config_bond *bonds;
	unsigned n_bonds;
	struct config_vip *vips;
	unsigned n_vips;
	struct config_address *addresses;
	unsigned n_addresses;
	struct config_route *routes;
	unsigned n_routes;
};

#endif
