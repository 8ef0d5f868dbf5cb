/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Probes and who answers them, in one event loop: servers with a script on the loopback and on UNIX sockets. What is
 * waited for has a deadline. */
#ifndef STANDBYD_TESTS_PROBE_LAB_H
#define STANDBYD_TESTS_PROBE_LAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "runner/probe.h"

extern sd_event *lab_event;
extern struct probes *lab_probes;
extern char lab_directory[]; /* empty when a test begins */

/* cmocka's setup and teardown of a test. The teardown fails if a file descriptor is left. */
int lab_begin(void **state);
int lab_end(void **state);

/* Turns the loop until that is so. */
#define lab_until(condition)                                                                                           \
	do {                                                                                                           \
		lab_arm();                                                                                             \
		while (!(condition))                                                                                   \
			lab_turn(#condition, __FILE__, __LINE__);                                                      \
	} while (0)
void lab_arm(void);
void lab_turn(const char *condition, const char *file, int line);
void lab_drain(void); /* until nothing is left to be done at once */

/* A path in lab_directory; of the last four that were asked for. */
const char *lab_path(const char *name);
void lab_write(const char *path, const char *text); /* truncates, writes, closes */

/* ---- probes ---- */

struct run {
	struct probe *probe;
	unsigned ended, changed;
	bool passed;
	char text[256];
	unsigned again;	    /* so many times more it is run from within ended */
	bool close, in_run; /* it is closed from within ended; probe_run has not returned */
};

/* format: of the definition. It must be a good one. */
__attribute__((format(printf, 3, 4))) void lab_open(struct run *, enum check_kind, const char *format, ...);
void lab_open_json(struct run *, enum check_kind, const json_t *definition);
void lab_close(struct run *);
void lab_run(struct run *);				      /* begins a run */
void lab_expect(struct run *, bool passed, const char *text); /* a whole run, and its end */
int lab_try(enum check_kind, const char *definition);	      /* what probe_open says; it is closed again */

/* ---- servers, one connection at a time ---- */

enum server_end { SERVER_CLOSE, SERVER_KEEP, SERVER_RESET };

struct server {
	const char *until; /* answers when this was heard; NULL: at once */
	const char *answer;
	size_t length, piece; /* of answer; at most piece bytes at a time, 0: all */
	enum server_end then;
	bool deaf; /* hears nothing */
	uint16_t port;
	char path[108];
	unsigned accepted, left; /* connections; those which the other side ended */
	char heard[8192];	 /* of the last connection */
	size_t heard_length;	 /* it may be more than that has */
	/* its own */
	int listener, fd;
	size_t said;
	bool answers;
	sd_event_source *accepting, *talking;
};

void server_listen(struct server *, const char *address); /* "127.0.0.1", "::1", or a path */
void server_close(struct server *);
void server_say(struct server *, const char *answer);

#endif
