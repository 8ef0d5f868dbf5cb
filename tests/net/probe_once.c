/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One run of one kind of check: probe_once KIND DEFINITION, the kind as in the configuration, the definition as in JSON
 * (see protocol.h). Says "passed" or "failed" and the text, and exits with 0 or 1; with 2 where it is asked wrongly, or
 * not answered in time. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner/probe.h"

enum { SECONDS = 30 };

static const char *const kinds[CHECK_KINDS] = {
	[CHECK_TCP] = "tcp",   [CHECK_HTTP] = "http",	    [CHECK_UNIT] = "unit", [CHECK_PROCESS] = "process",
	[CHECK_FILE] = "file", [CHECK_HAPROXY] = "haproxy", [CHECK_PING] = "ping",
};

static void on_ended(void *event, bool passed, const char *text)
{
	printf("%s %s\n", passed ? "passed" : "failed", text);
	sd_event_exit(event, passed ? 0 : 1);
}

static void on_changed(void *event)
{
	(void)event;
}

static enum check_kind kind_of(const char *name)
{
	unsigned kind = 0;

	while (kind < CHECK_KINDS && (!kinds[kind] || strcmp(kinds[kind], name) != 0))
		kind++;
	return (enum check_kind)kind;
}

int main(int argc, char **argv)
{
	json_t *definition = argc == 3 ? json_loads(argv[2], JSON_DECODE_ANY, NULL) : NULL;
	struct probes *probes;
	struct probe *probe;
	sd_event *event;

	if (!definition || sd_event_new(&event) < 0 || probes_new(event, &probes) < 0)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	struct probe_watch watch = { on_ended, on_changed, event };
	if (probe_open(probes, kind_of(argv[1]), definition, &watch, &probe) < 0 ||
	    sd_event_add_time_relative(event, NULL, CLOCK_MONOTONIC, SECONDS * 1000000ULL, 0, NULL, (void *)2) < 0)
		return 2;
	json_decref(definition);
	probe_run(probe);

	int status = sd_event_loop(event);
	probe_close(probe);
	probes_free(probes);
	sd_event_unref(event);
	return status;
}
