/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/haproxy_stat.h"

#include <string.h>

static const char *const names[STAT_COLUMNS] = {
	[STAT_PXNAME] = "pxname",
	[STAT_SVNAME] = "svname",
	[STAT_STATUS] = "status",
};

static void begin_line(struct haproxy_stat *stat)
{
	stat->index = 1;
	stat->length = 0;
	stat->quoted = false;
	stat->empty = true;
	for (unsigned i = 0; i < STAT_COLUMNS; i++)
		stat->value[i][0] = '\0';
}

void haproxy_stat_begin(struct haproxy_stat *stat, const char *backend)
{
	memset(stat, 0, sizeof *stat);
	stat->backend = backend;
	begin_line(stat);
}

static void name_column(struct haproxy_stat *stat)
{
	const char *name = stat->field;

	if (stat->index == 1) {
		strcpy(stat->first, name);
		name += strspn(name, "# ");
	}
	for (unsigned i = 0; i < STAT_COLUMNS; i++) {
		if (strcmp(name, names[i]) == 0)
			stat->column[i] = stat->index;
	}
}

static void end_field(struct haproxy_stat *stat)
{
	stat->field[stat->length] = '\0';
	if (!stat->has_line)
		name_column(stat);
	for (unsigned i = 0; i < STAT_COLUMNS; i++) {
		if (stat->column[i] == stat->index)
			strcpy(stat->value[i], stat->field);
	}
	stat->length = 0;
	stat->index++;
}

/* Up, though some checks may have failed ("UP 1/3"); or never checked. One that drains or is in maintenance is not. */
static bool is_up(const char *status)
{
	return strcmp(status, "UP") == 0 || strncmp(status, "UP ", 3) == 0 || strcmp(status, "no check") == 0;
}

static void count(struct haproxy_stat *stat)
{
	const char *server = stat->value[STAT_SVNAME];

	if (strcmp(stat->value[STAT_PXNAME], stat->backend) != 0 || strcmp(server, "FRONTEND") == 0)
		return;
	stat->found = true;
	if (strcmp(server, "BACKEND") == 0)
		return;
	stat->servers++;
	stat->up += is_up(stat->value[STAT_STATUS]);
}

static void end_line(struct haproxy_stat *stat)
{
	end_field(stat);
	if (!stat->has_line)
		stat->has_header = stat->column[STAT_PXNAME] && stat->column[STAT_SVNAME] && stat->column[STAT_STATUS];
	else if (stat->has_header && stat->empty)
		stat->complete = true;
	else if (stat->has_header)
		count(stat);
	stat->has_line = true;
	begin_line(stat);
}

void haproxy_stat_feed(struct haproxy_stat *stat, const char *data, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		char byte = data[i];

		if (byte == '\n' && !stat->quoted) {
			end_line(stat);
			continue;
		}
		stat->empty = false;
		if (byte == '"')
			stat->quoted = !stat->quoted; /* one within such a value is doubled */
		else if (byte == ',' && !stat->quoted)
			end_field(stat);
		else if (stat->length < STAT_FIELD_SIZE - 1)
			stat->field[stat->length++] = byte;
	}
}
