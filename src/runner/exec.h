/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The programs that checks and hooks run: started, heard, ended with all that came from them. Nothing here waits but
 * commands_end. */
#ifndef STANDBYD_RUNNER_EXEC_H
#define STANDBYD_RUNNER_EXEC_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "runner/protocol.h"
#include "runner/user.h"

enum {
	EXEC_GRACE_US = 250 * 1000, /* between SIGTERM and SIGKILL */
	EXEC_LOST_US =
		1000 * 1000, /* after SIGKILL: so long a program may be within the kernel before it is given up */
	EXEC_TEXT_SIZE = RUNNER_OUTPUT_MAX + 1,
};

/* A program as a check's or hook's definition has it. */
struct program {
	char **arguments;  /* NULL at the end */
	char *user_name;   /* NULL: the runner's choice */
	struct user *user; /* NULL before the first start */
	size_t output_max; /* bytes */
	uint64_t memory_max, processes_max;
};

/* Takes them from that definition, whose arguments have that key. 0, for program_free; -EBADMSG: it is not as
 * protocol.h has it; -ENOMEM. */
int program_read(const json_t *definition, const char *key, struct program *program);
void program_free(struct program *); /* one that is all zero is fine */

/* All programs of this process. */
struct commands;

/* 0 or -errno. This process must be a subreaper, have blocked SIGCHLD and set no_new_privs. */
int commands_new(sd_event *event, struct commands **commands);
/* Kills all of them and what came from them, and waits for that, for at most 5 s. */
void commands_end(struct commands *);
void commands_free(struct commands *); /* after commands_end; NULL is fine */

struct command; /* one that runs */

struct command_watch {
	/* Its end, once, not from within command_start: exit status or 128 + signal; -1: it does not end though it was
	 * killed. What came from it is being killed, too. line: the last one of its output. The command is gone. */
	void (*ended)(void *userdata, int status, const char line[EXEC_TEXT_SIZE]);
	void *userdata;
};

enum command_start { COMMAND_STARTED, COMMAND_REFUSED, COMMAND_FAILED };

/* environment: "NAME=text" besides the usual, NULL at the end, or NULL; input: its standard input's text, NULL: none.
 * Both are copied. REFUSED: it cannot be run as things are; FAILED: the system has no room for it at the moment; with a
 * sentence why. */
enum command_start command_start(struct commands *, struct program *, char *const *environment, const char *input,
				 const struct command_watch *, struct command **, char reason[EXEC_TEXT_SIZE]);

/* SIGTERM to its process group, SIGKILL after EXEC_GRACE_US; its end comes. */
void command_stop(struct command *);

/* As command_stop, and its end is not told. */
void command_abandon(struct command *);

/* How a status is said: "exit status 1", "killed by SIGKILL". */
void command_status_text(int status, char out[EXEC_TEXT_SIZE]);

#endif
