/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The programs that checks and hooks run: started, heard, ended with all that came from them. Nothing here waits but
 * commands_end. */
#ifndef STANDBYD_RUNNER_EXEC_H
#define STANDBYD_RUNNER_EXEC_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "runner/program.h"

enum {
	EXEC_GRACE_US = 250 * 1000, /* between SIGTERM and SIGKILL */
	EXEC_LOST_US =
		1000 * 1000, /* after SIGKILL: so long a program may be within the kernel before it is given up */
};

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
	void (*ended)(void *userdata, int status, const char line[PROGRAM_TEXT_SIZE]);
	void *userdata;
};

/* As program_start, which has the words for it. */
enum program_start command_start(struct commands *, struct program *, char *const *environment, const char *input,
				 const struct command_watch *, struct command **, char reason[PROGRAM_TEXT_SIZE]);

/* SIGTERM to its process group, SIGKILL after EXEC_GRACE_US; its end comes. */
void command_stop(struct command *);

/* As command_stop, and its end is not told. */
void command_abandon(struct command *);

/* How a status is said: "exit status 1", "killed by SIGKILL". */
void command_status_text(int status, char out[PROGRAM_TEXT_SIZE]);

#endif
