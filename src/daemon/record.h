/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state file RUNDIR/state: what a successor of this process must know to go on where it was killed.
 *
 * The file is mapped, so that an advert costs two stores and no system call, and what was stored survives kill -9. It
 * holds a header with a checksum over everything that does not change between two configurations, and two slots per
 * vip that are written in turn, so that a writer killed in the middle of one leaves the other. */
#ifndef STANDBYD_DAEMON_RECORD_H
#define STANDBYD_DAEMON_RECORD_H

#include "core/core.h"

struct record_vip {
	char name[NAME_SIZE];
	bool active;
	uint64_t last_sign_ns; /* CLOCK_BOOTTIME, 0: never */
	uint8_t checksum;      /* enum vrrp_checksum that was heard last */
};

struct record_address {
	char ifname[IFNAME_SIZE];
	struct ip ip;
	uint8_t prefix;
	char bond[NAME_SIZE];  /* the moving bond whose own address it is; "": a vip's */
	bool carried;          /* no longer configured */
	uint64_t carried_ns;   /* since when; CLOCK_BOOTTIME */
};

/* A route of a vip: its identity, and the device. */
struct record_route {
	char ifname[IFNAME_SIZE];
	struct config_route route;
	bool carried;          /* as of an address */
	uint64_t carried_ns;
};

struct record_rule {
	struct config_rule rule;
	bool carried;
	uint64_t carried_ns;
};

/* What a record says, in memory. All zero is an empty one. */
struct record_data {
	struct record_vip *vips;
	unsigned n_vips;
	struct record_address *addresses;
	unsigned n_addresses;
	struct record_route *routes;
	unsigned n_routes;
	struct record_rule *rules;
	unsigned n_rules;
};
void record_data_free(struct record_data *);

/* Which boot and which network namespace a record speaks of. 0 or -errno. */
struct record_world {
	uint8_t boot_id[16];
	uint64_t netns;
};
int record_world(struct record_world *);

/* Reads and checks RUNDIR/state. 0 and *data filled in (free it with record_data_free); -ENOENT; -ESTALE: of another
 * boot, namespace or version; -EBADMSG: torn or corrupt; another -errno. On an error *data is empty. now_ns bounds
 * the times that can be true. */
int record_read(int rundir, const struct record_world *, uint64_t now_ns, struct record_data *data);

struct record;
/* A record without a file yet. NULL if memory is short. The directory is borrowed. */
struct record *record_new(int rundir, const struct record_world *);
/* Unmaps; the file stays, a successor reads it. */
void record_free(struct record *);

/* Lays the file out anew for the core's vips (in its order, which record_set's index means), and for their addresses,
 * routes and rules and the addresses of moving bonds, on every interface where they may be. What `previous` says of a vip of the same
 * name goes on, and what it lists and is not configured any more is carried along for an hour. A route or rule beyond the bound for a
 * file (record_list.h) is left out. Written beside and renamed. 0, or -errno: there is no
 * file any more, since the old one's indexes mean other vips. */
int record_layout(struct record *, const struct core *, const struct record_data *previous, uint64_t now_ns);

/* Whether the addresses of a moving bond, or what vips have on it, may be on another set of interfaces by now than the layout says: a device was
 * found for an entry of its `ports`. Cheap; the layout is then to be made again. */
bool record_is_outdated(const struct record *, const struct core *);

/* The data that is in force, as a copy: what record_layout of the next configuration takes as `previous`. 0 or
 * -ENOMEM. */
int record_copy(const struct record *, struct record_data *);

/* One vip's state; index as in the core. Cheap; out of range is ignored (no file). */
void record_set(struct record *, unsigned index, bool active, uint64_t last_sign_ns);

/* A heartbeat was sent: the last sign of all vips that are shared by claims, in one store. As record_set. */
void record_beat(struct record *, uint64_t now_ns);

/* When that was last, as the data say; CLOCK_BOOTTIME, 0: never. It stands among the vips, as one without a name. */
uint64_t record_last_beat(const struct record_data *);

/* The form of the checksum (enum vrrp_checksum) that its adverts are to have after a restart. As record_set. */
void record_set_checksum(struct record *, unsigned index, uint8_t checksum);

#endif
