/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "common/text.h"

static const char *string(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? text : "";
}

int print_event(const json_t *event, const struct cli *cli)
{
	const json_t *away = json_object_get(event, "away_ms");
	char text[TEXT_DURATION_SIZE];

	if (cli->json)
		return print_json(event, true);
	printf("%s%s%s  %s%s%s", paint(PAINT_DIM), string(event, "time"), paint(PAINT_PLAIN),
	       paint(paint_of_state(string(event, "state"))), string(event, "text"), paint(PAINT_PLAIN));
	text_duration(json_is_number(away) ? (uint64_t)(json_number_value(away) * 1e6) : 0, text);
	/* After a silence the sentence most often has the figure itself. */
	if (json_is_number(away) && !strstr(string(event, "text"), text))
		printf(" (traffic was away for %s)", text);
	putchar('\n');
	return output_flush();
}

int command_events(const struct cli *cli)
{
	struct connection c;
	json_t *parameters = json_pack("{s:b}", "follow", cli->follow);
	int status = connection_call(&c, cli, VARLINK_INTERFACE ".Events", parameters, true);
	bool goes_on = status == EXIT_FINE;

	while (goes_on) {
		json_t *reply = connection_reply(&c);
		const json_t *event = json_object_get(json_object_get(reply, "parameters"), "event");
		status = reply ? reply_check(reply) : EXIT_FAILED;
		if (status == EXIT_FINE && json_is_object(event))
			status = print_event(event, cli);
		goes_on = status == EXIT_FINE && json_is_true(json_object_get(reply, "continues"));
		json_decref(reply);
	}
	connection_close(&c);
	return status;
}
