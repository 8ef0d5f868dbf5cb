/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Why something is as it is, in the daemon's own sentences. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

enum { LINE_WIDTH = 99 };

static const char *string(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? text : "";
}

/* In columns, not in bytes. */
static int width_of(const char *text, size_t length)
{
	int n = 0;

	for (size_t i = 0; i < length; i++)
		n += (text[i] & 0xc0) != 0x80;
	return n;
}

/* A paragraph, wrapped at words, its first line after `mark`. */
static void print_paragraph(const char *mark, enum paint colour, const char *text)
{
	int indent = width_of(mark, strlen(mark)), column = indent;

	printf("%s%s", mark, paint(colour));
	while (*text) {
		size_t length = strcspn(text, " ");
		int width = width_of(text, length);
		if (column > indent && column + 1 + width > LINE_WIDTH) {
			printf("\n%*s", indent, "");
			column = indent;
		} else if (column > indent) {
			putchar(' ');
			column++;
		}
		printf("%.*s", (int)length, text);
		column += width;
		text += length;
		text += strspn(text, " ");
	}
	printf("%s\n", paint(PAINT_PLAIN));
}

static void print_explanation(const json_t *explanation)
{
	const json_t *item;
	const char *state = string(explanation, "state");
	size_t i;

	printf("%s%s %s%s  %s%s%s\n", paint(PAINT_BOLD), string(explanation, "kind"), string(explanation, "name"), paint(PAINT_PLAIN),
	       paint(paint_of_state(state)), state, paint(PAINT_PLAIN));
	json_array_foreach(json_object_get(explanation, "sentences"), i, item)
		print_paragraph("  ", PAINT_PLAIN, json_string_value(item));
	json_array_foreach(json_object_get(explanation, "warnings"), i, item)
		print_paragraph("  warning: ", PAINT_WARN, json_string_value(item));
	if (json_array_size(json_object_get(explanation, "events")) > 0)
		printf("  %sits last events:%s\n", paint(PAINT_DIM), paint(PAINT_PLAIN));
	json_array_foreach(json_object_get(explanation, "events"), i, item)
		printf("    %s%s%s  %s\n", paint(PAINT_DIM), string(item, "time"), paint(PAINT_PLAIN), string(item, "text"));
}

int command_explain(const struct cli *cli)
{
	int status;
	json_t *done = connection_ask(cli, VARLINK_INTERFACE ".Explain", json_pack("{s:s}", "name", cli->arguments[0]), &status);
	const json_t *item;
	size_t i;

	if (status == EXIT_FINE && cli->json)
		status = print_json(done, false);
	else
		json_array_foreach(json_object_get(done, "explanations"), i, item) print_explanation(item);
	json_decref(done);
	return status;
}

int print_names(const struct cli *cli)
{
	static const char *const lists[] = { "vips", "bonds", "vlans" };
	int status;
	json_t *now = connection_ask(cli, VARLINK_INTERFACE ".Status", NULL, &status);
	const json_t *item, *port;
	size_t i, j;

	for (unsigned l = 0; l < sizeof lists / sizeof *lists; l++) {
		json_array_foreach(json_object_get(now, lists[l]), i, item)
		{
			printf("%s\n", string(item, "name"));
			json_array_foreach(json_object_get(item, "ports"), j, port) printf("%s\n", string(port, "name"));
		}
	}
	json_decref(now);
	return status;
}
