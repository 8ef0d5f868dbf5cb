/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The log with stderr turned into a file, and the journal's sending function replaced by one that writes down. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "common/log.h"

static int journal_result;
static char journal_text[8192];

int sd_journal_print(int priority, const char *format, ...)
{
	size_t length = strlen(journal_text);
	va_list arguments;

	length += (size_t)snprintf(journal_text + length, sizeof journal_text - length, "%d ", priority);
	va_start(arguments, format);
	length += (size_t)vsnprintf(journal_text + length, sizeof journal_text - length, format, arguments);
	va_end(arguments);
	snprintf(journal_text + length, sizeof journal_text - length, "\n");
	return journal_result;
}

static int real_stderr = -1, file = -1;
static char written[8192];

static int setup(void **state)
{
	FILE *temporary = tmpfile();

	(void)state;
	if (!temporary)
		return -1;
	file = dup(fileno(temporary));
	fclose(temporary);
	real_stderr = dup(STDERR_FILENO);
	dup2(file, STDERR_FILENO);
	unsetenv("JOURNAL_STREAM");
	journal_text[0] = '\0';
	journal_result = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	close(file);
	return 0;
}

/* What was written to stderr so far. */
static const char *read_written(void)
{
	ssize_t length = pread(file, written, sizeof written - 1, 0);

	assert_true(length >= 0);
	written[length] = '\0';
	return written;
}

/* The line without its "hh:mm:ss.mmm ", whose form is checked. */
static const char *without_time(const char *line)
{
	static const char form[] = "dd:dd:dd.ddd ";

	for (size_t i = 0; form[i]; i++) {
		if (form[i] == 'd')
			assert_in_range(line[i], '0', '9');
		else
			assert_int_equal(line[i], form[i]);
	}
	return line + sizeof form - 1;
}

static void set_journal_stream(const char *trailer, long long device_change, long long inode_change)
{
	char text[64];
	struct stat status;

	assert_int_equal(fstat(STDERR_FILENO, &status), 0);
	snprintf(text, sizeof text, "%lld:%lld%s", (long long)status.st_dev + device_change,
		 (long long)status.st_ino + inode_change, trailer);
	setenv("JOURNAL_STREAM", text, 1);
}

static void stderr_lines_have_program_and_level(void **state)
{
	static const struct {
		int level;
		const char *line;
	} cases[] = {
		{ LOG_ERR, "standbyd: error: bond0: 7\n" },	{ LOG_WARNING, "standbyd: warning: bond0: 7\n" },
		{ LOG_NOTICE, "standbyd: notice: bond0: 7\n" }, { LOG_INFO, "standbyd: info: bond0: 7\n" },
		{ LOG_DEBUG, "standbyd: debug: bond0: 7\n" },
	};

	(void)state;
	log_open("standbyd", LOG_DEBUG);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_int_equal(ftruncate(file, 0), 0);
		assert_int_equal(lseek(file, 0, SEEK_SET), 0);
		log_at(cases[i].level, "%s: %d", "bond0", 7);
		assert_string_equal(without_time(read_written()), cases[i].line);
	}
	assert_string_equal(journal_text, "");
}

static void less_urgent_than_the_level_is_dropped(void **state)
{
	(void)state;
	log_open("standbyd", LOG_NOTICE);
	log_at(LOG_INFO, "no");
	log_at(LOG_DEBUG, "no");
	assert_string_equal(read_written(), "");
	log_at(LOG_NOTICE, "yes");
	assert_string_equal(without_time(read_written()), "standbyd: notice: yes\n");
}

static void each_line_is_a_line_and_controls_are_blanked(void **state)
{
	const char *second;

	(void)state;
	log_open("standbyd", LOG_INFO);
	log_at(LOG_ERR, "one\x1b[31m\r\n\ttwo\n");
	second = strchr(read_written(), '\n') + 1;
	assert_string_equal(without_time(second), "standbyd: error: \ttwo\n");
	written[second - written] = '\0';
	assert_string_equal(without_time(written), "standbyd: error: one?[31m?\n");
}

static void a_long_message_is_cut_and_ends_its_line(void **state)
{
	char text[5000];
	size_t length;

	(void)state;
	memset(text, 'x', sizeof text);
	text[sizeof text - 1] = '\0';
	log_open("standbyd", LOG_INFO);
	log_at(LOG_ERR, "%s", text);
	length = strlen(read_written());
	assert_in_range(length, 2000, 2200);
	assert_int_equal(written[length - 1], '\n');
	assert_int_equal(written[length - 2], 'x');
}

static void errno_is_kept(void **state)
{
	(void)state;
	log_open("standbyd", LOG_INFO);
	close(STDERR_FILENO);
	errno = EXDEV;
	log_at(LOG_ERR, "nowhere to go");
	assert_int_equal(errno, EXDEV);
}

static void journal_where_stderr_is_connected_to_it(void **state)
{
	(void)state;
	set_journal_stream("", 0, 0);
	log_open("standbyd", LOG_INFO);
	log_at(LOG_WARNING, "web: %d\ntwo", 1);
	log_at(LOG_DEBUG, "no");
	assert_string_equal(journal_text, "4 web: 1\n4 two\n");
	assert_string_equal(read_written(), "");
}

static void stderr_where_the_journal_refuses(void **state)
{
	(void)state;
	set_journal_stream("", 0, 0);
	log_open("standbyd", LOG_INFO);
	journal_result = -ENOBUFS;
	log_at(LOG_WARNING, "web");
	assert_string_equal(without_time(read_written()), "standbyd: warning: web\n");
}

static void stderr_where_the_variable_is_another_streams(void **state)
{
	static const char *const wrong[] = { "", ":", "1", "1:", ":1", "a:b", "8:x" };

	(void)state;
	for (size_t i = 0; i < 3 + sizeof wrong / sizeof wrong[0]; i++) {
		if (i < 3)
			set_journal_stream(i == 2 ? "x" : "", i == 0, i == 1);
		else
			setenv("JOURNAL_STREAM", wrong[i - 3], 1);
		log_open("standbyd", LOG_INFO);
		log_at(LOG_WARNING, "web");
		assert_string_equal(journal_text, "");
	}
}

/* ---- the thread -------------------------------------------------------------------------------------------------- */

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void the_thread_writes_everything_in_order(void **state)
{
	char *line;

	(void)state;
	log_open("standbyd", LOG_INFO);
	assert_int_equal(log_start_thread(), 0);
	errno = EXDEV;
	for (int i = 0; i < 100; i++)
		log_at(LOG_NOTICE, "line %d", i);
	log_at(LOG_DEBUG, "no");
	assert_int_equal(errno, EXDEV);
	assert_int_equal(log_stop(LOG_STOP_MS), 0);
	log_at(LOG_NOTICE, "line 100");
	line = strtok((char *)(uintptr_t)read_written(), "\n");
	for (int i = 0; i <= 100; i++, line = strtok(NULL, "\n")) {
		char wanted[64];

		snprintf(wanted, sizeof wanted, "standbyd: notice: line %d", i);
		assert_non_null(line);
		assert_string_equal(without_time(line), wanted);
	}
	assert_null(line);
	assert_int_equal(log_stop(0), 0); /* no thread: nothing to do */
}

enum { FLOOD = 5000, QUEUED = 1024 };

static int pipe_ends[2] = { -1, -1 };
static unsigned lines_read, last_number, lost, lost_since;

/* The flood's lines come in order, and where some are missing, their number stands instead. */
static void take_flood_line(const char *line)
{
	unsigned number;

	line = without_time(line);
	if (sscanf(line, "standbyd: notice: flood %u", &number) == 1) {
		assert_int_equal(number, last_number + 1 + lost_since);
		last_number = number;
		lost_since = 0;
		lines_read++;
	} else {
		assert_int_equal(sscanf(line, "standbyd: warning: %u line", &number), 1);
		assert_non_null(strstr(line, " lost, "));
		lost_since += number;
		lost += number;
	}
}

static void *read_flood(void *nothing)
{
	FILE *stream = fdopen(pipe_ends[0], "r");
	char line[256];

	while (fgets(line, sizeof line, stream))
		take_flood_line(line);
	fclose(stream);
	return nothing;
}

static void a_reader_that_stalls_stops_nobody(void **state)
{
	uint64_t started;
	pthread_t reader;

	(void)state;
	assert_int_equal(pipe(pipe_ends), 0);
	fcntl(pipe_ends[1], F_SETPIPE_SZ, 4096);
	dup2(pipe_ends[1], STDERR_FILENO);
	close(pipe_ends[1]);
	log_open("standbyd", LOG_INFO);
	assert_int_equal(log_start_thread(), 0);
	started = now_ms();
	for (unsigned i = 1; i <= FLOOD; i++)
		log_at(LOG_NOTICE, "flood %u", i);
	assert_true(now_ms() - started < 5000);
	started = now_ms();
	assert_int_equal(log_stop(200), -ETIMEDOUT);
	assert_in_range(now_ms() - started, 190, 5000);
	started = now_ms();
	log_at(LOG_NOTICE, "flood %u", FLOOD + 1); /* still not waited for */
	assert_true(now_ms() - started < 1000);

	/* The reader comes back: all is told, the number of the lost ones too. */
	assert_int_equal(pthread_create(&reader, NULL, read_flood, NULL), 0);
	assert_int_equal(log_stop(20000), 0);
	dup2(real_stderr, STDERR_FILENO); /* the pipe's last writer */
	pthread_join(reader, NULL);
	assert_int_equal(lines_read + lost, FLOOD + 1);
	assert_true(lines_read >= QUEUED && lost > 0);
	assert_int_equal(last_number + lost_since, FLOOD + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(stderr_lines_have_program_and_level, setup, teardown),
		cmocka_unit_test_setup_teardown(less_urgent_than_the_level_is_dropped, setup, teardown),
		cmocka_unit_test_setup_teardown(each_line_is_a_line_and_controls_are_blanked, setup, teardown),
		cmocka_unit_test_setup_teardown(a_long_message_is_cut_and_ends_its_line, setup, teardown),
		cmocka_unit_test_setup_teardown(errno_is_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(journal_where_stderr_is_connected_to_it, setup, teardown),
		cmocka_unit_test_setup_teardown(stderr_where_the_journal_refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(stderr_where_the_variable_is_another_streams, setup, teardown),
		cmocka_unit_test_setup_teardown(the_thread_writes_everything_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(a_reader_that_stalls_stops_nobody, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
