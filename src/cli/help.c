/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static void print_command(const struct command *c)
{
	char words[64];

	snprintf(words, sizeof words, "%s%s%s%s%s%s%s", c->name, strchr(c->options, 'f') ? " [-f]" : "",
		 strchr(c->options, 'v') ? " [-v]" : "", strchr(c->options, 'j') ? " [--json]" : "",
		 strchr(c->options, 'F') ? " [--force]" : "",
		 c->argument ? " " : "", c->argument ? c->argument : "");
	printf("  %-26s %s\n", words, c->summary);
}

int command_help(const struct cli *cli)
{
	const struct command *command = cli->arguments[0] ? find_command(cli->arguments[0]) : NULL;

	if (command)
		print_command(command);
	if (cli->arguments[0] && !command)
		fprintf(stderr, "standbyctl: unknown command '%s'\nTry 'standbyctl help'.\n", cli->arguments[0]);
	if (cli->arguments[0])
		return command ? EXIT_FINE : EXIT_USAGE;
	puts("Usage: standbyctl [-r RUNDIR] COMMAND\n"
	     "Shows and steers the standbyd of this machine.\n");
	for (const struct command *c = commands; c->name; c++)
		print_command(c);
	puts("\n"
	     "  -r, --run-dir RUNDIR       the daemon's run directory (default /run/standbyd)\n"
	     "      --json                 for programs\n"
	     "      --version, --help\n"
	     "\n"
	     "Exit status: 0 fine, 1 failed, 2 usage, 3 the daemon does not run, 4 bad configuration.");
	return EXIT_FINE;
}
