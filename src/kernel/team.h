/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The driver team: changes and watches the team devices of this network namespace. The applier thread's, since libteam's
 * settings wait for the kernel and libteam is not thread-safe. No decisions: which port is active is the core's. */
#ifndef STANDBYD_KERNEL_TEAM_H
#define STANDBYD_KERNEL_TEAM_H

#include <poll.h>

#include "core/core.h"

struct teams;

/* How many teams are watched at once; of more, those that no action has named the longest are read in snapshots only. */
enum { TEAMS_MAX = 2 * MAX_BONDS };

/* Before each change of the kernel `ask` is asked, for tests of error paths: an errno refuses the change and is treated as
 * the kernel's refusal; 0: go on. What puts the old state back is not asked about. NULL: memory is short. */
struct teams *teams_new(int (*ask)(void *closure), void *closure);
void teams_free(struct teams *);

/* Whether team_execute makes the change: ACT_BOND_CREATE, ACT_BOND_SET and ACT_SET_ACTIVE of driver team. */
bool team_makes(const struct action *);

/* Makes it; 0 or an errno. What was refused may be asked for again.
 *   ACT_BOND_CREATE  a new team, EEXIST if anything has that name; mode activebackup, GARP and IGMP repeated when a port is
 *                    enabled, MAC and MTU if given; down, without ports. Refused: there is no such device.
 *   ACT_BOND_SET     BOND_SET_MODE alone (else EINVAL): the same of an existing team. EBUSY: it has another mode and ports.
 *   ACT_SET_ACTIVE   makes the port active, then enables it (of which the kernel sends GARP and IGMP), then disables the
 *                    others. Refused: the former port is active. ENOENT: it is no port of the team.
 * ENODEV: the team is gone; EINVAL or ENOENT also when the device is no team; EMFILE: no room for a handle. */
int team_execute(struct teams *, const struct action *);

/* After an ACT_ENSLAVE into a team was made: disables the port, which the kernel enables by itself, unless it is active, so
 * that enabling it later tells the neighbours. A refusal is no failure of the enslaving: a port that is enabled and not
 * active carries nothing, and the next change of that team catches up on it. Does nothing if the master is no team. */
void team_enslaved(struct teams *, int master);

/* The options that ACT_BOND_SET changes, to be put back when more than that was refused. Nothing if it is no team. */
enum { TEAM_NUMBERS = 4 };
struct team_options {
	bool known;
	char mode[32];
	uint32_t numbers[TEAM_NUMBERS];
};
void team_keep(struct teams *, int ifindex, struct team_options *);
void team_put_back(struct teams *, int ifindex, const struct team_options *);

/* What a snapshot tells of a team. One that cannot be read: not activebackup, no active port. */
void team_look(struct teams *, int ifindex, struct event_team *);

/* ---- events ---- */

/* Descriptors to poll, at most TEAMS_MAX; returns how many. When one is readable, or at any time: */
unsigned teams_poll(const struct teams *, struct pollfd *);
void teams_run(struct teams *); /* takes what the kernel has told; never waits for more */

/* What is to be told next: EV_TEAM of a team that differs from what was told last, also by team_look, and after events were
 * lost; EV_OVERRUN when a team can no longer be watched though it exists. False: nothing more. A port that is active but
 * not enabled receives nothing, so it is told as none. */
bool teams_next(struct teams *, struct event *);

/* How often the kernel's events were lost and asked for anew. */
uint64_t teams_overruns(const struct teams *);

/* How many handles there are. That of a device that is gone is kept until it is named or another one is opened. */
unsigned teams_open(const struct teams *);

#endif
