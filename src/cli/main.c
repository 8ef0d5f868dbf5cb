/* SPDX-License-Identifier: GPL-2.0-or-later */
/* standbyctl: options, then the command from the table. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

const struct command commands[] = {
	{ "status", "j", NULL, "what this node holds, and why", command_status },
	{ "explain", "j", "NAME", "why a vip, check, bond, vlan or port is in its state, with the figures", command_explain },
	{ "watch", "", NULL, "the status, live; into a pipe: and then a line for each event", command_watch },
	{ "events", "fj", NULL, "what happened, when and why; -f: and what happens from now on", command_events },
	{ "check", "v", "[FILE]", "check a configuration; no daemon is needed", command_check },
	{ "diff", "j", "[FILE]", "what a reload would change; FILE: with that configuration", command_diff },
	{ "reload", "", NULL, "let the daemon read its configuration again", command_reload },
	{ "reexec", "j", NULL, "let the daemon's program as it is on disk take over from itself", command_reexec },
	{ "switch", "", "BOND PORT", "use that port until it fails; 'auto' gives the choice back", command_switch },
	{ "handover", "F", "VIP", "give the vip to another node, and keep it there; --force: even if none was ever heard", command_handover },
	{ "drain", "", NULL, "give up every vip, and take none until 'undrain'", command_drain },
	{ "undrain", "", NULL, "let every vip stand again, those that were handed over too", command_undrain },
	{ "keygen", "", "[ID]", "print a new key for the heartbeats' file of keys; no daemon is needed", command_keygen },
	{ "help", "", "[COMMAND]", "print this", command_help },
	{ NULL, NULL, NULL, NULL, NULL },
};

static int print_commands(void)
{
	for (const struct command *c = commands; c->name; c++)
		printf("%s\t%s\t%s\t%s\n", c->name, c->options, c->argument ? c->argument : "", c->summary);
	return EXIT_FINE;
}

static int print_version(void)
{
	puts("standbyctl " STANDBYD_VERSION);
	return EXIT_FINE;
}

const struct command *find_command(const char *name)
{
	for (const struct command *c = commands; c->name; c++) {
		if (strcmp(c->name, name) == 0)
			return c;
	}
	return NULL;
}

static int try_help(void)
{
	fputs("Try 'standbyctl help'.\n", stderr);
	return EXIT_USAGE;
}

static int usage_error(const char *what, const char *name)
{
	fprintf(stderr, "standbyctl: %s '%s'\n", what, name);
	return try_help();
}

static int write_error;

int output_flush(void)
{
	bool failed = ferror(stdout);

	errno = 0;
	failed |= fflush(stdout) != 0;
	if (failed && !write_error)
		write_error = errno;
	return failed ? EXIT_FAILED : EXIT_FINE;
}

/* What was printed but could not be written is a failure. */
static int finish(int status)
{
	if (output_flush() == EXIT_FINE)
		return status;
	fprintf(stderr, "standbyctl: cannot write to standard output%s%s\n", write_error ? ": " : "",
		write_error ? strerror(write_error) : "");
	return EXIT_FAILED;
}

/* How many arguments a command takes at most, or without those that may be left out. */
static int count_arguments(const struct command *c, bool optional_too)
{
	const char *word = c->argument;
	int n = 0;

	for (; word; word = strchr(word, ' ')) {
		word += *word == ' ';
		n += optional_too || *word != '[';
	}
	return n;
}

static int run_command(const struct command *c, struct cli *cli, const char *given, int argc, char **argv)
{
	for (; *given; given++) {
		if (!strchr(c->options, *given)) {
			fprintf(stderr, "standbyctl: '%s' takes no option %s\n", c->name,
				*given == 'f' ? "-f, --follow" : *given == 'v' ? "-v, --verbose"
				: *given == 'F' ? "--force"
						: "--json");
			return try_help();
		}
	}
	if (argc > count_arguments(c, true))
		return usage_error("too many arguments for", c->name);
	if (argc < count_arguments(c, false)) {
		fprintf(stderr, "standbyctl: '%s' takes %s\n", c->name, c->argument);
		return try_help();
	}
	for (int i = 0; i < argc; i++)
		cli->arguments[i] = argv[i];
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
	enum { OPT_JSON = 256, OPT_VERSION, OPT_HELP, OPT_COMMANDS, OPT_PORTS, OPT_VIPS, OPT_NAMES, OPT_FORCE };
	static const struct option table[] = {
		{ "run-dir", required_argument, NULL, 'r' },	 { "follow", no_argument, NULL, 'f' },
		{ "verbose", no_argument, NULL, 'v' },		 { "json", no_argument, NULL, OPT_JSON },
		{ "version", no_argument, NULL, OPT_VERSION },	 { "help", no_argument, NULL, OPT_HELP },
		{ "commands", no_argument, NULL, OPT_COMMANDS }, /* this, and names, ports and vips: for the completion */
		{ "ports", no_argument, NULL, OPT_PORTS },	 { "vips", no_argument, NULL, OPT_VIPS },
		{ "names", no_argument, NULL, OPT_NAMES },	 { "force", no_argument, NULL, OPT_FORCE },
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
		else if (c == OPT_FORCE)
			cli->force = note_option(given, 'F');
		else if (c == OPT_VIPS)
			return print_vips(cli);
		else if (c == OPT_NAMES)
			return print_names(cli);
		else if (c == OPT_PORTS)
			return print_ports(cli);
		else if (c == OPT_HELP || c == 'h')
			return command_help(cli);
		else if (c == OPT_VERSION)
			return print_version();
		else
			return try_help(); /* getopt has said what is wrong */
	}
	return -1;
}

static int run(int argc, char **argv)
{
	struct cli cli = { .rundir = "/run/standbyd" };
	const struct command *command;
	char given[8] = "";
	int status = parse(argc, argv, &cli, given);

	if (status >= 0)
		return status;
	if (optind >= argc) {
		fputs("standbyctl: which command?\n", stderr);
		return try_help();
	}
	command = find_command(argv[optind]);
	if (!command)
		return usage_error("unknown command", argv[optind]);
	return run_command(command, &cli, given, argc - optind - 1, argv + optind + 1);
}

int main(int argc, char **argv)
{
	static char name[] = "standbyctl";

	if (argc > 0)
		argv[0] = name; /* for getopt, which would say the path */
	return finish(run(argc, argv));
}
