/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What this process gives on to the program that it becomes (`standbyctl reexec`): its open sockets, and what only it knows, as
 * lines of text in a file without a name. The environment has the file's number. */
#ifndef STANDBYD_DAEMON_HANDOVER_H
#define STANDBYD_DAEMON_HANDOVER_H

#include <stdio.h>

#include "core/core.h"
#include "runner/protocol.h"

struct beats;
struct packets;

/* Version of the text; another one is not taken over. */
enum { HANDOVER_FORMAT = 1 };

/* ---- giving on ------------------------------------------------------------------------------------------------------*/

struct handover_out;

/* An empty one. NULL with errno. */
struct handover_out *handover_new(void);
/* Where the lines go. */
FILE *handover_file(struct handover_out *);
/* The program that comes has that descriptor open under the same number. 0 or -errno. */
int handover_keep(struct handover_out *, int fd);
/* Writes what the core knows, what the packets listen to and the paths' sockets. 0 or -errno. */
int handover_write(struct handover_out *, const struct core *, const struct packets *, const struct beats *);
/* A file for what the stand-in hears (handover_write_heard), which the program that comes has open too. -1 with errno. */
int handover_open_heard(struct handover_out *);
/* Ends the text and puts its number into the environment: what follows is exec. 0 or -errno. */
int handover_seal(struct handover_out *);
/* Takes it all back, as far as it got: no descriptor outlives an exec any more. */
void handover_free(struct handover_out *);

/* ---- taking over ----------------------------------------------------------------------------------------------------*/

struct handover_socket {
	struct action_listen listen;
	int fd;
};

struct handover_path {
	struct ip address;
	uint16_t port;
	int fd;
};

struct handover_client {
	int fd;
	bool asked;          /* for the re-execution: it waits for the answer */
	uint64_t next_seq;   /* … else it follows the events from this one on */
};

/* What the last run of a check said. */
struct handover_output {
	char check[NAME_SIZE], text[RUNNER_OUTPUT_MAX + 1];
};

struct handover {
	char version[32];    /* of the predecessor */
	uint64_t at_ns;      /* when it ended */
	int launcher, runner; /* of checks and hooks: descriptors, as lock; -1: there is none */
	uint64_t runner_generation; /* the last one that the runner was told */
	struct handover_output *outputs;
	unsigned n_outputs;
	char **hooks;        /* those that wait, for hooks_inherit */
	unsigned n_hooks;
	int stand_in;        /* the child that sends the adverts and heartbeats until this program does; 0: none */
	int heard;           /* what that one has heard (handover_read_heard); -1: it hears nobody */
	int lock, control;   /* descriptors, the caller's from now on; -1: there is none */
	int journal;         /* a file of the events it remembered, one JSON object a line; -1 */
	uint64_t journal_seq; /* the last one's number */
	struct handover_socket *sockets;
	unsigned n_sockets;
	struct handover_path *paths;
	unsigned n_paths;
	struct handover_client *clients;
	unsigned n_clients;
	struct event *nodes; /* EV_RESUME_NODE and those that follow it: the stand-in sends heartbeats too */
	unsigned n_nodes;
	struct event *vips;  /* EV_RESUME, EV_RESUME_CHECK */
	unsigned n_vips;
	struct event *bonds; /* EV_RESUME_BOND and those that follow it */
	unsigned n_bonds;
};

/* The stand-in: writes what its core has heard by now into that file, whole or not at all. */
void handover_write_heard(int fd, const struct core *);
/* Brings the paths in `nodes` (EV_RESUME_PATH) up to what the stand-in has heard. */
void handover_read_heard(struct handover *);

/* What a predecessor in this process gave on; NULL: nothing, or it could not be understood, which was logged. To be called
 * before any other descriptor is opened. */
struct handover *handover_take(void);
/* Frees it; the descriptors stay. */
void handover_done(struct handover *);

#endif
