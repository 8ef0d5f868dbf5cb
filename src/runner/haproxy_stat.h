/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HAProxy's answer to "show stat": lines of comma-separated values, the first of which names the columns. Counts the
 * servers of one backend, piece by piece. Pure. */
#ifndef STANDBYD_RUNNER_HAPROXY_STAT_H
#define STANDBYD_RUNNER_HAPROXY_STAT_H

#include <stdbool.h>
#include <stddef.h>

enum { STAT_FIELD_SIZE = 1024 }; /* a longer value is cut, and equals nothing */

enum stat_column { STAT_PXNAME, STAT_SVNAME, STAT_STATUS, STAT_COLUMNS };

struct haproxy_stat {
	const char *backend;
	bool has_header; /* all three columns were named; else first is what came instead, once there was a line */
	bool has_line;	 /* one line has ended */
	bool complete;	 /* the empty line after the last */
	bool found;	 /* the backend is there */
	unsigned servers, up;
	char first[STAT_FIELD_SIZE]; /* of the first line, if it is no header: as much as was in its first field */
	/* of the line and field that is read */
	unsigned index;
	bool quoted, empty;
	size_t length;
	char field[STAT_FIELD_SIZE], value[STAT_COLUMNS][STAT_FIELD_SIZE];
	unsigned column[STAT_COLUMNS]; /* 1 and up; 0: not named */
};

/* backend is referenced. */
void haproxy_stat_begin(struct haproxy_stat *, const char *backend);
void haproxy_stat_feed(struct haproxy_stat *, const char *data, size_t length);

#endif
