/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

/* The place in the source would always be this file. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

enum { MESSAGE_MAX = 2048, LINE_MAX_SIZE = MESSAGE_MAX + 128 };

static struct {
	const char *program;
	int level;
	bool journal;
} state = { .program = "standbyd", .level = LOG_INFO };

/* systemd.exec(5), JOURNAL_STREAM: device and inode of what stderr was when the service started. A child whose stderr
 * was redirected inherits the variable too, therefore the comparison. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat status;
	char *end;

	if (!stream)
		return false;
	device = strtoull(stream, &end, 10);
	if (end == stream || *end != ':')
		return false;
	stream = end + 1;
	inode = strtoull(stream, &end, 10);
	if (end == stream || *end)
		return false;
	return fstat(STDERR_FILENO, &status) == 0 && status.st_dev == device && status.st_ino == inode;
}

void log_open(const char *program, int level)
{
	state.program = program;
	state.level = level;
	state.journal = stderr_is_journal();
}

static const char *level_word(int level)
{
	static const char *const words[] = {
		[LOG_EMERG] = "emergency", [LOG_ALERT] = "alert",   [LOG_CRIT] = "critical", [LOG_ERR] = "error",
		[LOG_WARNING] = "warning", [LOG_NOTICE] = "notice", [LOG_INFO] = "info",     [LOG_DEBUG] = "debug",
	};

	return words[LOG_PRI(level)];
}

/* In one write, so that lines of two threads do not mix. */
static void write_line(int level, const char *text)
{
	char line[LINE_MAX_SIZE];
	struct timespec now;
	struct tm tm;
	size_t length;
	int printed;

	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &tm);
	length = strftime(line, sizeof line, "%H:%M:%S", &tm);
	printed = snprintf(line + length, sizeof line - length, ".%03d %s: %s: %s\n", (int)(now.tv_nsec / 1000000),
			   state.program, level_word(level), text);
	if (printed < 0)
		return;
	length += (size_t)printed;
	if (length >= sizeof line) {
		length = sizeof line - 1;
		line[length - 1] = '\n';
	}
	while (write(STDERR_FILENO, line, length) < 0 && errno == EINTR)
		;
}

/* Names come from files and from the kernel: what moves a terminal's cursor does not belong into a log. */
static void blank_controls(char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if ((c < ' ' && c != '\t' && c != '\n') || c == 0x7f)
			*text = '?';
	}
}

void log_at(int level, const char *format, ...)
{
	char message[MESSAGE_MAX], *next = message, *line;
	int saved_errno = errno;
	va_list arguments;

	if (LOG_PRI(level) > state.level)
		return;
	va_start(arguments, format);
	vsnprintf(message, sizeof message, format, arguments);
	va_end(arguments);
	blank_controls(message);

	while ((line = strsep(&next, "\n"))) {
		if (!*line && line != message)
			continue;
		if (!state.journal || sd_journal_print(LOG_PRI(level), "%s", line) < 0)
			write_line(level, line);
	}
	errno = saved_errno;
}
