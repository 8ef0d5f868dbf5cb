/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a reload would change, in the configuration and in the kernel. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "config/load.h"

/* The daemon reads no file for others, and might not see the same: this program does, checks it, and sends it in one
 * piece, conf.d merged, as `check --verbose` prints it. NULL: said; *status has the exit status. */
static json_t *read_text(const char *path, int *status)
{
	struct config *config = config_load(path, stderr);
	char *text = NULL;
	size_t size = 0;
	FILE *out = config ? open_memstream(&text, &size) : NULL;
	json_t *json = NULL;

	*status = config ? EXIT_FAILED : EXIT_CONFIG;
	if (out) {
		config_print(config, out);
		if (fclose(out) == 0 && size <= VARLINK_TEXT_MAX)
			json = json_stringn(text, size);
	}
	if (config && !json)
		fprintf(stderr, "standbyctl: %s: %s\n", path,
			size > VARLINK_TEXT_MAX
				? "too large to be sent to the daemon; put it in place and ask without FILE"
				: strerror(ENOMEM));
	config_free(config);
	free(text);
	return json;
}

static void print_list(const char *heading, const json_t *list)
{
	const json_t *line;
	size_t i;

	printf("%s%s%s\n", paint(PAINT_BOLD), heading, paint(PAINT_PLAIN));
	json_array_foreach(list, i, line) printf("  %s\n", json_string_value(line) ? json_string_value(line) : "");
	if (json_array_size(list) == 0)
		puts("  nothing");
}

static void print_diff(const json_t *diff)
{
	const json_t *changes = json_object_get(diff, "changes"), *actions = json_object_get(diff, "actions");
	const char *warnings = json_string_value(json_object_get(diff, "warnings"));

	if (warnings)
		fputs(warnings, stderr);
	if (json_array_size(changes) + json_array_size(actions) == 0) {
		puts("a reload would change nothing");
		return;
	}
	print_list("what changes in the configuration:", changes);
	print_list("what standbyd does at once:", actions);
}

int command_diff(const struct cli *cli)
{
	struct connection c;
	json_t *text = NULL, *reply;
	int status = EXIT_FINE;

	if (cli->arguments[0]) {
		text = read_text(cli->arguments[0], &status);
		if (!text)
			return status;
	}
	status = connection_call(&c, cli, VARLINK_INTERFACE ".Diff", json_pack("{s:o*}", "text", text), false);
	reply = status == EXIT_FINE ? connection_reply(&c) : NULL;
	if (status == EXIT_FINE)
		status = reply ? reply_check(reply) : EXIT_FAILED;
	if (status == EXIT_FINE && cli->json)
		status = print_json(json_object_get(reply, "parameters"), false);
	else if (status == EXIT_FINE)
		print_diff(json_object_get(reply, "parameters"));
	json_decref(reply);
	connection_close(&c);
	return status;
}
