/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "runner/probe_kind.h"
#include "runner/protocol.h"

static const struct probe_verbs *const kinds[CHECK_KINDS] = {
	[CHECK_TCP] = &probe_tcp,	  [CHECK_HTTP] = &probe_http, [CHECK_UNIT] = &probe_unit,
	[CHECK_PROCESS] = &probe_process, [CHECK_FILE] = &probe_file, [CHECK_HAPROXY] = &probe_haproxy,
	[CHECK_PING] = &probe_ping,
};

int probes_new(sd_event *event, struct probes **probes)
{
	*probes = calloc(1, sizeof **probes);
	if (!*probes)
		return -ENOMEM;
	(*probes)->event = sd_event_ref(event);
	return 0;
}

void probes_free(struct probes *probes)
{
	if (!probes)
		return;
	http_hub_free(probes->http);
	unit_hub_free(probes->units);
	sd_event_unref(probes->event);
	free(probes);
}

int probe_open(struct probes *probes, enum check_kind kind, const json_t *definition, const struct probe_watch *watch,
	       struct probe **probe)
{
	if ((unsigned)kind >= CHECK_KINDS || !kinds[kind])
		return -EBADMSG;

	struct probe *new = calloc(1, kinds[kind]->size);
	if (!new)
		return -ENOMEM;
	new->kind = kinds[kind];
	new->probes = probes;
	new->watch = *watch;

	int r = new->kind->open(new, definition);
	if (r < 0) {
		probe_close(new);
		return r;
	}
	*probe = new;
	return 0;
}

void probe_run(struct probe *probe)
{
	probe->running = true;
	probe->told = false;
	probe->kind->run(probe);
}

void probe_stop(struct probe *probe)
{
	if (!probe->running)
		return;
	probe->running = false;
	probe->kind->stop(probe);
}

void probe_close(struct probe *probe)
{
	if (!probe)
		return;
	probe_stop(probe);
	probe->kind->close(probe);
	free(probe);
}

void probe_end(struct probe *probe, bool passed, const char *format, ...)
{
	char text[RUNNER_OUTPUT_MAX + 1];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof text, format, list);
	va_end(list);
	probe_stop(probe);
	probe->watch.ended(probe->watch.userdata, passed, text);
}

void probe_fail(struct probe *probe, int error)
{
	char reason[PROBE_REASON_SIZE];

	probe_end(probe, false, "%s", probe_reason(error, reason));
}

void probe_change(struct probe *probe)
{
	if (probe->told)
		return;
	probe->told = true;
	probe->watch.changed(probe->watch.userdata);
}
