/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "config/load.h"

static const char usage[] =
	"Usage: standbyd [OPTION]...\n"
	"Keeps addresses reachable when a cable, a NIC, a switch port or a node fails.\n"
	"\n"
	"  -f, --config FILE      configuration (default " CONFIG_DEFAULT_PATH ")\n"
	"  -r, --run-dir DIR      control socket, state file, lock (default " RUNDIR_DEFAULT ")\n"
	"      --runner PROGRAM   runs checks and hooks (default " STANDBYD_RUNNER ")\n"
	"      --check            check the configuration and exit: 0 if it is right, else 4\n"
	"      --reexec           with --check: also whether this program can go on in the place of a running daemon\n"
	"      --log-level LEVEL  err, warning, notice, info (default) or debug\n"
	"      --trace FILE       write every event and action to FILE\n"
	"      --version          print the version\n"
	"      --help             print this\n"
	"\n"
	"Exit status: 0 fine, 1 failed, 2 usage, 4 bad configuration (nothing was touched).\n";

static int parse_level(const char *text, int *level)
{
	static const struct {
		const char *name;
		int level;
	} levels[] = {
		{ "err", LOG_ERR }, { "error", LOG_ERR }, { "warning", LOG_WARNING },
		{ "notice", LOG_NOTICE }, { "info", LOG_INFO }, { "debug", LOG_DEBUG },
	};

	for (unsigned i = 0; i < sizeof levels / sizeof *levels; i++) {
		if (strcmp(levels[i].name, text) == 0) {
			*level = levels[i].level;
			return 0;
		}
	}
	fprintf(stderr, "standbyd: unknown log level '%s': err, warning, notice, info or debug\n", text);
	return -1;
}

static int print(const char *text)
{
	if (fputs(text, stdout) >= 0 && fflush(stdout) == 0)
		return EXIT_FINE;
	fprintf(stderr, "standbyd: cannot write to standard output: %s\n", strerror(errno));
	return EXIT_FAILED;
}

int options_parse(int argc, char **argv, struct options *o)
{
	enum { OPT_CHECK = 256, OPT_RUNNER, OPT_REEXEC, OPT_LEVEL, OPT_TRACE, OPT_VERSION, OPT_HELP };
	static const struct option table[] = {
		{ "config", required_argument, NULL, 'f' },
		{ "run-dir", required_argument, NULL, 'r' },
		{ "runner", required_argument, NULL, OPT_RUNNER },
		{ "check", no_argument, NULL, OPT_CHECK },
		{ "reexec", no_argument, NULL, OPT_REEXEC },
		{ "log-level", required_argument, NULL, OPT_LEVEL },
		{ "trace", required_argument, NULL, OPT_TRACE },
		{ "version", no_argument, NULL, OPT_VERSION },
		{ "help", no_argument, NULL, OPT_HELP },
		{ NULL, 0, NULL, 0 },
	};
	static char name[] = "standbyd";
	int c;

	if (argc > 0)
		argv[0] = name; /* for getopt, which would say the path */
	*o = (struct options){ .config = CONFIG_DEFAULT_PATH, .rundir = RUNDIR_DEFAULT, .runner = STANDBYD_RUNNER, .level = LOG_INFO };
	while ((c = getopt_long(argc, argv, "f:r:", table, NULL)) >= 0) {
		if (c == 'f') {
			o->config = optarg;
		} else if (c == 'r') {
			o->rundir = optarg;
		} else if (c == OPT_RUNNER) {
			o->runner = optarg;
		} else if (c == OPT_CHECK) {
			o->check = true;
		} else if (c == OPT_REEXEC) {
			o->reexec = true;
		} else if (c == OPT_TRACE) {
			o->trace = optarg;
		} else if (c == OPT_VERSION) {
			return print("standbyd " STANDBYD_VERSION "\n");
		} else if (c == OPT_HELP) {
			return print(usage);
		} else if (c != OPT_LEVEL || parse_level(optarg, &o->level) < 0) {
			fputs("Try 'standbyd --help'.\n", stderr);
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "standbyd: unexpected argument '%s'\nTry 'standbyd --help'.\n", argv[optind]);
		return EXIT_USAGE;
	}
	return -1;
}
