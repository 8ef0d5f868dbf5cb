/* SPDX-License-Identifier: GPL-2.0-or-later */
/* standbyctl: what its commands share. */
#ifndef STANDBYD_CLI_CLI_H
#define STANDBYD_CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>

#include "common/varlink.h"

enum { EXIT_FINE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_NOT_RUNNING = 3, EXIT_CONFIG = 4 };

struct cli {
	const char *rundir;
	bool json, follow, verbose, force;
	const char *arguments[2]; /* the command's, NULL: not given */
};

/* The table that drives dispatch, usage and completion. */
struct command {
	const char *name;
	const char *options;  /* letters of the options that it takes: f (--follow), v (--verbose), j (--json),
			       * F (--force) */
	const char *argument; /* "[FILE]", "BOND PORT", "VIP"; what is in brackets may be left out. NULL: none */
	const char *summary;
	int (*run)(const struct cli *);
};
extern const struct command commands[]; /* ends with a NULL name */
const struct command *find_command(const char *name); /* NULL: none */

/* For the completion: a line for each port of each bond, "bond0\teno1". An exit status. */
int print_ports(const struct cli *);
/* For the completion: a line for each vip. */
int print_vips(const struct cli *);
/* For the completion: a line for each vip, bond, vlan and port. */
int print_names(const struct cli *);

/* The tree of `status`, for people. */
void print_status(const json_t *status);
/* One of `events`: an exit status. */
int print_event(const json_t *event, const struct cli *);

/* Writes what was printed. EXIT_FINE or EXIT_FAILED: main says why. */
int output_flush(void);

int command_status(const struct cli *);
int command_events(const struct cli *);
int command_explain(const struct cli *);
int command_watch(const struct cli *);
int command_check(const struct cli *);
int command_reload(const struct cli *);
int command_reexec(const struct cli *);
int command_diff(const struct cli *);
int command_switch(const struct cli *);
int command_handover(const struct cli *);
int command_drain(const struct cli *);
int command_undrain(const struct cli *);
int command_keygen(const struct cli *);
int command_help(const struct cli *);

/* ---- talking to the daemon (connection.c) -----------------------------------------------------------------------*/

struct connection {
	int fd;
	struct varlink_buffer in, out;
};

/* Calls a method; takes the reference of parameters (NULL: none). Returns 0, or the exit status and the reason was
 * said. */
int connection_call(struct connection *, const struct cli *, const char *method, json_t *parameters, bool more);
/* The next reply (a new reference), NULL: the connection broke, which was said. */
json_t *connection_reply(struct connection *);
void connection_close(struct connection *);
/* One call with one reply: the reply's parameters (a new reference), or NULL: *status has the exit status, and why was
 * said. Takes the reference of parameters. */
json_t *connection_ask(const struct cli *, const char *method, json_t *parameters, int *status);

/* 0, or the exit status for an error reply, which was said. */
int reply_check(const json_t *reply);
/* Prints it for programs. */
int print_json(const json_t *, bool compact);

/* ---- paint (paint.c) --------------------------------------------------------------------------------------------*/

enum paint { PAINT_PLAIN, PAINT_BOLD, PAINT_DIM, PAINT_GOOD, PAINT_WARN, PAINT_BAD };
/* The sequence that switches the paint on, "" where standard output is no terminal or NO_COLOR is set. */
const char *paint(enum paint);
enum paint paint_of_state(const char *state);

#endif
