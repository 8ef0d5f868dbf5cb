/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon's command line. */
#ifndef STANDBYD_DAEMON_OPTIONS_H
#define STANDBYD_DAEMON_OPTIONS_H

#include <stdbool.h>

enum { EXIT_FINE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_CONFIG = 4 };

#define RUNDIR_DEFAULT "/run/standbyd"

struct options {
	const char *config, *rundir, *runner, *trace; /* runner: the program; trace: NULL: none */
	int level;                           /* syslog's */
	bool check, reexec;                  /* reexec: of check alone */
};

/* Fills in the options. Returns -1 to go on, else the exit status: help or the version was printed, or the usage is
 * wrong. */
int options_parse(int argc, char **argv, struct options *);

#endif
