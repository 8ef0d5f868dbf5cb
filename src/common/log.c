/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/log.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
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

enum { MESSAGE_MAX = 2048, LINE_MAX_SIZE = MESSAGE_MAX + 128, QUEUE_SIZE = 1024 };

static struct {
	const char *program;
	int level;
	bool journal;
} state = { .program = "standbyd", .level = LOG_INFO };

struct line {
	int level;
	struct timespec time; /* CLOCK_REALTIME */
	unsigned lost;        /* how many were dropped before it */
	char *text;
};

static struct {
	pthread_mutex_t mutex; /* of all that follows but thread */
	pthread_cond_t work, ended;
	struct line ring[QUEUE_SIZE];
	unsigned first, n;
	unsigned lost;         /* since the last line queued */
	bool threaded, stop;
	pthread_t thread;
} queue = { .mutex = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER,
	    .ended = PTHREAD_COND_INITIALIZER };

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
static void write_line(int level, const struct timespec *time, const char *text)
{
	char line[LINE_MAX_SIZE];
	struct tm tm;
	size_t length;
	int printed;

	localtime_r(&time->tv_sec, &tm);
	length = strftime(line, sizeof line, "%H:%M:%S", &tm);
	printed = snprintf(line + length, sizeof line - length, ".%03d %s: %s: %s\n", (int)(time->tv_nsec / 1000000),
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

static void write_out(int level, const struct timespec *time, const char *text)
{
	if (!state.journal || sd_journal_print(LOG_PRI(level), "%s", text) < 0)
		write_line(level, time, text);
}

/* ---- the thread -------------------------------------------------------------------------------------------------- */

static void write_lost(unsigned lost)
{
	struct timespec now;
	char text[96];

	if (lost == 0)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(text, sizeof text, "%u %s lost, they came faster than they could be written", lost,
		 lost == 1 ? "line was" : "lines were");
	write_out(LOG_WARNING, &now, text);
}

/* The oldest line, with how many were dropped before it. Without a text: no line, only the number, if it is not 0; else
 * it is time to end. */
static struct line take_line(void)
{
	struct line line = { 0 };

	pthread_mutex_lock(&queue.mutex);
	while (queue.n == 0 && queue.lost == 0 && !queue.stop)
		pthread_cond_wait(&queue.work, &queue.mutex);
	if (queue.n > 0) {
		line = queue.ring[queue.first];
		queue.first = (queue.first + 1) % QUEUE_SIZE;
		queue.n--;
	} else if (queue.lost > 0) {
		line.lost = queue.lost;
		queue.lost = 0;
	} else {
		queue.threaded = false;
		pthread_cond_signal(&queue.ended);
	}
	pthread_mutex_unlock(&queue.mutex);
	return line;
}

static void *write_lines(void *nothing)
{
	struct line line;

	for (line = take_line(); line.text || line.lost; line = take_line()) {
		write_lost(line.lost);
		if (line.text)
			write_out(line.level, &line.time, line.text);
		free(line.text);
	}
	return nothing;
}

/* The caller may run at a higher priority than the thread that holds the lock. */
static void init_mutex(void)
{
	pthread_mutexattr_t attributes;

	pthread_mutex_destroy(&queue.mutex);
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
	if (pthread_mutex_init(&queue.mutex, &attributes) != 0) /* a kernel without such locks */
		pthread_mutex_init(&queue.mutex, NULL);
	pthread_mutexattr_destroy(&attributes);
}

int log_start_thread(void)
{
	sigset_t all, before;
	int error;

	init_mutex();
	queue.threaded = true;
	queue.stop = false;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&queue.thread, NULL, write_lines, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error) {
		queue.threaded = false;
		return -error;
	}
	pthread_setname_np(queue.thread, "log");
	return 0;
}

static struct timespec after(unsigned ms)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	time.tv_sec += ms / 1000;
	time.tv_nsec += (long)(ms % 1000) * 1000000;
	if (time.tv_nsec >= 1000000000) {
		time.tv_sec++;
		time.tv_nsec -= 1000000000;
	}
	return time;
}

int log_stop(unsigned timeout_ms)
{
	struct timespec deadline = after(timeout_ms);
	bool threaded;
	int error = 0;

	pthread_mutex_lock(&queue.mutex);
	threaded = queue.threaded;
	queue.stop = true;
	pthread_cond_signal(&queue.work);
	while (queue.threaded && !error)
		error = pthread_cond_clockwait(&queue.ended, &queue.mutex, CLOCK_MONOTONIC, &deadline);
	if (!queue.threaded)
		error = 0;
	pthread_mutex_unlock(&queue.mutex);
	if (threaded && !error)
		pthread_join(queue.thread, NULL);
	return -error;
}

/* False: no thread writes. */
static bool queue_line(int level, const char *text)
{
	bool threaded;

	pthread_mutex_lock(&queue.mutex);
	threaded = queue.threaded;
	if (threaded) {
		char *copy = queue.n < QUEUE_SIZE ? strdup(text) : NULL;
		if (copy) {
			struct line *line = &queue.ring[(queue.first + queue.n++) % QUEUE_SIZE];
			*line = (struct line){ .level = level, .lost = queue.lost, .text = copy };
			clock_gettime(CLOCK_REALTIME, &line->time);
			queue.lost = 0;
		} else {
			queue.lost++;
		}
		pthread_cond_signal(&queue.work);
	}
	pthread_mutex_unlock(&queue.mutex);
	return threaded;
}

static void log_line(int level, const char *text)
{
	struct timespec now;

	if (queue_line(level, text))
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	write_out(level, &now, text);
}

/* ---- lines ------------------------------------------------------------------------------------------------------- */

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
		log_line(level, line);
	}
	errno = saved_errno;
}
