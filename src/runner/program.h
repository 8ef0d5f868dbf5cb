/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A program that a check or hook runs: what it is, and how it is started. */
#ifndef STANDBYD_RUNNER_PROGRAM_H
#define STANDBYD_RUNNER_PROGRAM_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "runner/protocol.h"
#include "runner/user.h"

enum { PROGRAM_TEXT_SIZE = RUNNER_OUTPUT_MAX + 1 };

/* As a check's or hook's definition has it. */
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

/* A list with NULL at its end, and what is in it; NULL is fine. */
void program_free_texts(char **list);

struct started {
	uint64_t mark; /* as struct spawn has it; the caller's choice */
	pid_t pid;     /* of the process and of its group */
	int output;    /* to be read, without waiting, and closed */
};

enum program_start { PROGRAM_STARTED, PROGRAM_REFUSED, PROGRAM_FAILED };

/* environment: "NAME=text" besides the usual, NULL at the end, or NULL; input: its standard input's text, NULL: none.
 * Both are copied. REFUSED: it cannot be run as things are; FAILED: the system has no room for it at the moment; with a
 * sentence why. */
enum program_start program_start(struct program *, char *const *environment, const char *input, struct started *,
				 char reason[PROGRAM_TEXT_SIZE]);

#endif
