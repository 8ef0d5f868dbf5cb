/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One connection of the control socket, as control.c (which moves bytes) and methods.c (which answers) share it. */
#ifndef STANDBYD_DAEMON_CLIENT_H
#define STANDBYD_DAEMON_CLIENT_H

#include <sys/types.h>

#include "common/varlink.h"
#include "daemon/control.h"
#include "daemon/diff.h"

enum {
	CLIENTS_MAX = 32,
	REQUEST_MAX = 64 * 1024,
	REQUEST_MAX_ROOT = REQUEST_MAX + 2 * VARLINK_TEXT_MAX, /* as JSON: a line's end and a quote are two bytes */
	BACKLOG_MAX = 1024 * 1024, /* of events that a subscriber does not read; it waits, and is cut when the journal
				    * does not have its next entry any more */
	EVENTS_A_TURN = 32,
};

struct client {
	struct control *control;
	int fd;                    /* -1: free */
	uid_t uid;
	sd_event_source *source;
	struct varlink_buffer in, out;
	bool again;                /* the input may hold another request */
	bool eof;                  /* it will send no more: close when everything is answered */
	bool oneway, more;         /* of the request that is being answered */
	bool events, follow;       /* an Events call goes on */
	bool behind;               /* … and there may be more to send at once */
	uint64_t next_seq;         /* … with this entry */
	uint64_t ticket;           /* the reload that it waits for, 0: none */
	bool reexecs;              /* it waits for a re-execution */
	bool diffs;                /* a Diff call goes on or waits for its turn */
	json_t *diff_text;         /* … of this configuration; NULL: of the daemon's files */
	json_t *held;              /* entry that is sent once it is known whether another follows */
};

struct control {
	struct client clients[CLIENTS_MAX];
	int fd, rundir_fd;
	sd_event *event;
	sd_event_source *source;
	struct engine *engine;
	control_reload *reload;
	control_reexec *reexec;
	void *data;            /* of both */
	struct differ *differ;
	struct client *differs; /* whose Diff is under way; NULL: nobody's, or its client has gone */
};

/* methods.c */
/* Answers one request. 0; -errno: the connection is of no use any more. */
int method_call(struct client *, const json_t *request);
/* Collects events that wait for this client: some of them, so that others have their turn. 0 or -errno. */
int method_events(struct client *);
int method_reloaded(struct client *, enum reload_result, const char *diagnostics);
int method_reexecuted(struct client *, enum reexec_result, const char *text);
/* As diff_done. */
int method_diffed(struct client *, const json_t *result, const char *diagnostics);

#endif
