/* SPDX-License-Identifier: GPL-2.0-or-later */
/* standbyctl: options, then the command from the table. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

const struct command commands[] = {
	{ "status", "j", NULL, "what this node holds, and why", command_status },
	{ "events", "fj", NULL, "what happened, when and why; -f: and what happens from now on", command_events },
	{ "check", "v", "[FILE]", "check a configuration; no daemon is needed", command_check },
	{ "reload", "", NULL, "let the daemon read its configuration again", command_reload },
	{ "help", "", "[COMMAND]", "print this", command_help },
	{ NULL, NULL, NULL, NULL, NULL },
};

static int print_commands(void)
{
	for (const struct command *c = commands; c->name; c++)
		printf("%s\t%s\t%s\t%s\n", c->name, c->options, c->argument ? c->argument : "", c->summary);
	return EXIT_FINE;
}

static const struct command *find_command(const char *name)
{
	for (const struct command *c = commands; c->name; c++) {
		if (strcmp(c->name, name) == 0)
			return c;
	}
	return NULL;
}

static int usage_error(const char *what, const char *name)
{
	fprintf(stderr, "standbyctl: %s%s%s\nTry 'standbyctl help'.\n", what, name ? " " : "", name ? name : "");
	return EXIT_USAGE;
}

static int run_command(const struct command *c, struct cli *cli, const char *given, int argc, char **argv)
{
	for (; *given; given++) {
		if (!strchr(c->options, *given)) {
			fprintf(stderr, "standbyctl: '%s' takes no option %s\n", c->name,
				*given == 'f' ? "-f, --follow" : *given == 'v' ? "-v, --verbose" : "--json");
			return EXIT_USAGE;
		}
	}
	if (argc > (c->argument ? 1 : 0))
		return usage_error("too many arguments for", c->name);
	cli->argument = argc ? argv[0] : NULL;
	return c->run(cli);
}

static bool note_option(char given[8], char letter)
{
	size_t n = strlen(given);

	if (!strchr(given, letter) && n < 7) {
		given[n] = letter;
		given[n + 1] = '\0';
	}
	return true;
}

/* -1 to go on, else the exit status. */
static int parse(int argc, char **argv, struct cli *cli, char given[8])
{
	enum { OPT_JSON = 256, OPT_VERSION, OPT_HELP, OPT_COMMANDS };
	static const struct option table[] = {
		{ "run-dir", required_argument, NULL, 'r' },
		{ "follow", no_argument, NULL, 'f' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "json", no_argument, NULL, OPT_JSON },
		{ "version", no_argument, NULL, OPT_VERSION },
		{ "help", no_argument, NULL, OPT_HELP },
		{ "commands", no_argument, NULL, OPT_COMMANDS }, /* for the completion */
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "r:fvh", table, NULL)) >= 0) {
		if (c == 'r')
			cli->rundir = optarg;
		else if (c == 'f')
			cli->follow = note_option(given, 'f');
		else if (c == 'v')
			cli->verbose = note_option(given, 'v');
		else if (c == OPT_JSON)
			cli->json = note_option(given, 'j');
		else if (c == OPT_COMMANDS)
			return print_commands();
		else if (c == OPT_HELP || c == 'h')
			return command_help(cli);
		else if (c == OPT_VERSION)
			return puts("standbyctl " STANDBYD_VERSION) < 0;
		else
			return usage_error("see above", NULL);
	}
	return -1;
}

int main(int argc, char **argv)
{
	struct cli cli = { .rundir = "/run/standbyd" };
	const struct command *command;
	char given[8] = "";
	int status = parse(argc, argv, &cli, given);

	if (status >= 0)
		return status;
	if (optind == argc)
		return usage_error("which command?", NULL);
	command = find_command(argv[optind]);
	if (!command)
		return usage_error("unknown command", argv[optind]);
	return run_command(command, &cli, given, argc - optind - 1, argv + optind + 1);
}
