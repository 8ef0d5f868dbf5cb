/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What turns the core: feeds it the events of kernel and packets, and carries out its actions. No waiting, no policy.
 *
 * The order of work is fixed here: packets that have arrived, then what is due by the clock, then everything else, a
 * bounded amount at a time, so that an advert is never late for a flood of anything. */
#ifndef STANDBYD_DAEMON_ENGINE_H
#define STANDBYD_DAEMON_ENGINE_H

#include <stdio.h>
#include <sys/types.h>

#include "core/core.h"
#include "daemon/handover.h"
#include "daemon/beat.h"
#include "daemon/filter.h"
#include "daemon/journal.h"
#include "daemon/loans.h"
#include "daemon/orders.h"
#include "daemon/record.h"
#include "kernel/applier.h"
#include "kernel/device.h"
#include "kernel/lifeline.h"
#include "kernel/netlink.h"
#include "kernel/packet.h"

struct runner;
struct hooks;

struct engine {
	struct core *core;
	struct config *config;          /* in force; owned */
	struct keys *keys;              /* of heartbeats; owned; NULL: none */
	struct packets *packets;        /* this and the following: borrowed */
	struct beats *beats;
	struct lifelines *lifelines;
	const struct filter *filter;    /* of vips with accept: false */
	struct netlink_events *netlink;
	struct applier *applier;
	struct devices *devices;
	struct hooks *hooks;            /* borrowed */
	const struct runner *runner;    /* borrowed; NULL: there is none yet, or no more */
	struct journal *journal;
	struct record *record;
	int rundir;                     /* borrowed: where the orders are kept */
	struct record_world world;
	uint64_t orders_serial;         /* of the core, when its orders were last written */
	uint64_t loans_serial;          /* the same of what it lent and made */
	FILE *trace;                    /* NULL: none */

	bool decided;                   /* the first snapshot was taken and its actions given out */
	bool stopped;                   /* ACT_STOPPED */
	uint64_t lost_told, lost_told_ns; /* packets lost in the sockets, as last told, and when */
	uint64_t refused_ns;            /* when a reload found a bad file, CLOCK_BOOTTIME; 0: the last one was fine */
	bool snapshot_waits;            /* ACT_SNAPSHOT in snapshot: the applier had no room for it */
	struct action snapshot;
	struct event *answers;          /* to changes that the applier did not get: it had no room, or they are made */
	unsigned n_answers, answers_size;
	struct handover *handover;      /* of a predecessor in this process, until the first snapshot; borrowed, NULL: none */
	uint64_t *active;               /* of a stand-in: how often each vip had become active when it began; UINT64_MAX: it is not */
	pid_t stand_in;                 /* one that was not seen to have ended; 0: none */
	bool stood_in;                  /* it sends and reads the heartbeats until this program's first decision, which leaves both to it */
	bool *listening;                /* which of its sockets are in use but not asked for yet */
};

/* How many actions can be on their way at once with that configuration: the applier's capacity. */
size_t engine_capacity(const struct config *);

/* Takes over a configuration and its keys (both owned from now on if 0 is returned) and lays the record out anew; engine_plan follows.
 * 0 or -ENOMEM, and nothing has changed. `previous`: what a predecessor recorded, at the start; NULL: the record in
 * force. */
int engine_configure(struct engine *, struct config *, struct keys *, const struct record_data *previous);

/* What the predecessor in this process gave on (NULL: there was none; borrowed until the first snapshot), of which nodes come first. After
 * engine_configure, before anything else. */
void engine_inherit(struct engine *, struct handover *);

/* What the predecessor's record says: EV_RESUME and EV_LEFTOVER… for each. After engine_configure, before any
 * snapshot. What a predecessor in this process gave on counts more for the vips; its sockets and what it
 * knew of bonds are taken over with the first snapshot. */
void engine_resume(struct engine *, const struct record_data *);

/* Lets the core do what a new configuration asks for. */
void engine_plan(struct engine *);

/* A person chooses a bond's port: EV_SWITCH. The names as in struct event_switch; what is unknown or too long changes
 * nothing. The core's views show at once whether it took the choice. */
void engine_switch(struct engine *, const char *bond, const char *port);

/* A run of a check has ended; output: what it said, for people. */
void engine_check(struct engine *, const char *check, bool passed, const char *output);
/* The hooks that a vip waits for before it becomes active are done. */
void engine_hooks_done(struct engine *, const char *vip);
/* A test of a vip that this node has just taken has failed. */
void engine_test_failed(struct engine *, const char *vip, const char *check);

/* A person says who shall hold what: EV_ROLE, and what a restart must not forget of it is written before this returns. vip:
 * "" where the order needs none; what is unknown or too long changes nothing. */
void engine_role(struct engine *, enum role_order, const char *vip, bool force);

/* What people told a predecessor. After engine_configure, before any snapshot. */
void engine_obey(struct engine *, const struct orders *);

/* What a predecessor made and changed, which this one is to put back or goes on with. As engine_obey. */
void engine_lent(struct engine *, const struct loans *);

/* Says goodbye for everything; engine.stopped follows. */
void engine_stop(struct engine *);

/* Connections to other nodes, after the heartbeats that came before their end. */
void engine_lifelines(struct engine *);

/* Packets that have arrived, then the clock. Every wake of the loop begins with it. True: further packets wait. */
bool engine_urgent(struct engine *);

/* A bounded amount of what waits at the kernel's event socket, at the applier, or at udev's. 0, or -errno: the socket is
 * broken. */
int engine_netlink(struct engine *);
void engine_applier(struct engine *);
void engine_devices(struct engine *);

/* For a copy of this process: sends the adverts of the vips that are active, and the heartbeats with the claims of now, as they come due,
 * until that time, hears the other nodes' heartbeats, and does nothing else. heard: handover_open_heard. Returns, or is ended by the process that it is a
 * copy of. */
void engine_stand_in(struct engine *, uint64_t until_ns, int heard);

/* Sends what is collected and wakes the applier: ends every piece of work. */
void engine_settle(struct engine *);

#endif
