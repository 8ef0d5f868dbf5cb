/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

#include "cli/cli.h"

int command_reload(const struct cli *cli)
{
	struct connection c;
	int status = connection_call(&c, cli, VARLINK_INTERFACE ".Reload", NULL, false);
	json_t *reply = status == EXIT_FINE ? connection_reply(&c) : NULL;
	const char *warnings;

	if (status == EXIT_FINE)
		status = reply ? reply_check(reply) : EXIT_FAILED;
	warnings = json_string_value(json_object_get(json_object_get(reply, "parameters"), "warnings"));
	if (status == EXIT_FINE && warnings)
		fputs(warnings, stderr);
	json_decref(reply);
	connection_close(&c);
	return status;
}

int command_reexec(const struct cli *cli)
{
	int status;
	json_t *done = connection_ask(cli, VARLINK_INTERFACE ".Reexec", NULL, &status);
	const char *previous = json_string_value(json_object_get(done, "previous"));
	const char *version = json_string_value(json_object_get(done, "version"));

	if (status == EXIT_FINE && cli->json)
		status = print_json(done, false);
	else if (status == EXIT_FINE)
		printf("re-executed, version %s → %s\n", previous ? previous : "?", version ? version : "?");
	json_decref(done);
	return status;
}
