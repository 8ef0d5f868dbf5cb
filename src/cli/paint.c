/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

const char *paint(enum paint p)
{
	static int painted = -1;

	if (painted < 0) {
		const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
		painted = isatty(STDOUT_FILENO) && !(no && *no) && term && strcmp(term, "dumb") != 0;
	}
	if (!painted)
		return "";
	switch (p) {
	case PAINT_PLAIN:
		return "\033[0m";
	case PAINT_BOLD:
		return "\033[1m";
	case PAINT_DIM:
		return "\033[2m";
	case PAINT_GOOD:
		return "\033[32m";
	case PAINT_WARN:
		return "\033[33m";
	case PAINT_BAD:
		return "\033[1;31m";
	}
	return "";
}

enum paint paint_of_state(const char *state)
{
	static const struct {
		const char *state;
		enum paint paint;
	} table[] = {
		{ "active", PAINT_GOOD },   { "up", PAINT_GOOD },   { "hold", PAINT_WARN },
		{ "degraded", PAINT_WARN }, { "init", PAINT_WARN }, { "leaving", PAINT_WARN },
		{ "alive", PAINT_GOOD },    { "left", PAINT_WARN }, { "waiting", PAINT_WARN },
		{ "one-way", PAINT_BAD },   { "silent", PAINT_BAD },
		{ "passed", PAINT_GOOD },   { "failed", PAINT_BAD }, { "unknown", PAINT_WARN },
		{ "down", PAINT_BAD },      { "fault", PAINT_BAD }, { "absent", PAINT_BAD },
	};

	for (unsigned i = 0; i < sizeof table / sizeof *table; i++) {
		if (strcmp(table[i].state, state) == 0)
			return table[i].paint;
	}
	return PAINT_PLAIN;
}
