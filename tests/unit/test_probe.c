/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checks by TCP, processes, files and HAProxy's statistics, each asked of something real: what passes, each reason why
 * not, changes, and a run that is stopped, begun again or closed where it may be. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "probe_lab.h"
#include "runner/search.h"

/* ---- definitions ---- */

static void test_definitions(void **state)
{
	static const struct {
		enum check_kind kind;
		const char *text;
	} bad[] = {
		{ CHECK_COMMAND, "[\"/bin/true\"]" },
		{ CHECK_TCP, "{}" },
		{ CHECK_TCP, "\"127.0.0.1:80\"" },
		{ CHECK_TCP, "{\"address\":\"localhost\",\"port\":80}" },
		{ CHECK_TCP, "{\"address\":\"127.0.0.1\",\"port\":0}" },
		{ CHECK_TCP, "{\"address\":\"127.0.0.1\",\"port\":65536}" },
		{ CHECK_TCP, "{\"address\":\"127.0.0.1\",\"port\":80,\"send\":1}" },
		{ CHECK_TCP, "{\"address\":\"127.0.0.1\",\"port\":80,\"expect\":[]}" },
		{ CHECK_HTTP, "\"http://127.0.0.1/\"" },
		{ CHECK_HTTP, "{\"url\":\"http://127.0.0.1/"
			      "\",\"method\":\"PUT\",\"status_min\":200,\"status_max\":399,\"insecure\":false}" },
		{ CHECK_HTTP, "{\"url\":\"http://127.0.0.1/"
			      "\",\"method\":\"GET\",\"status_min\":300,\"status_max\":200,\"insecure\":false}" },
		{ CHECK_HTTP,
		  "{\"url\":\"http://127.0.0.1/\",\"method\":\"GET\",\"status_min\":200,\"status_max\":399}" },
		{ CHECK_HTTP,
		  "{\"url\":\"http://\",\"method\":\"GET\",\"status_min\":200,\"status_max\":399,\"insecure\":false}" },
		{ CHECK_UNIT, "{}" },
		{ CHECK_UNIT, "\"\"" },
		{ CHECK_PROCESS, "{}" },
		{ CHECK_PROCESS, "{\"name\":\"a\",\"pid_file\":\"/a\"}" },
		{ CHECK_FILE, "{\"path\":\"/a\"}" },
		{ CHECK_FILE, "{\"path\":\"a\",\"min_micro\":1}" },
		{ CHECK_FILE, "{\"path\":\"/a\",\"min_micro\":1.5}" },
		{ CHECK_HAPROXY, "{\"socket\":\"/a\",\"backend\":\"b\",\"servers\":0}" },
		{ CHECK_HAPROXY, "{\"socket\":\"a\",\"backend\":\"b\",\"servers\":1}" },
		{ CHECK_HAPROXY, "{\"socket\":\"/a\",\"servers\":1}" },
		{ CHECK_PING, "{\"address\":\"127.0.0.1\",\"count\":21}" },
		{ CHECK_PING, "{\"address\":\"127.0.0.1\",\"count\":0}" },
		{ CHECK_PING, "{\"address\":\"a\",\"count\":1}" },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
		if (lab_try(bad[i].kind, bad[i].text) != -EBADMSG)
			fail_msg("%s is a good definition", bad[i].text);
	}
}

/* ---- the search ---- */

/* All texts of up to five of two letters, in all up to nine, cut at all places. */
static void test_search(void **state)
{
	char text[6], in[10];

	(void)state;
	for (unsigned t = 2; t < 64; t++) { /* the highest bit ends it */
		struct search search = { 0 };
		unsigned n = 31 - (unsigned)__builtin_clz(t);

		for (unsigned i = 0; i < n; i++)
			text[i] = t >> i & 1 ? 'a' : 'b';
		text[n] = '\0';
		assert_int_equal(search_set(&search, text), 0);
		for (unsigned s = 2; s < 1024; s++) {
			unsigned length = 31 - (unsigned)__builtin_clz(s);

			for (unsigned i = 0; i < length; i++)
				in[i] = s >> i & 1 ? 'a' : 'b';
			for (unsigned cut = 0; cut <= length; cut++) {
				search_begin(&search);
				search_feed(&search, in, cut);
				assert_int_equal(search_feed(&search, in + cut, length - cut),
						 memmem(in, length, text, n) != NULL);
			}
		}
		search_free(&search);
	}
}

/* ---- tcp ---- */

static void open_tcp(struct run *run, const struct server *server, const char *rest)
{
	lab_open(run, CHECK_TCP, "{\"address\": \"127.0.0.1\", \"port\": %u%s}", server->port, rest);
}

static void test_tcp_accepted(void **state)
{
	struct server server = { .then = SERVER_KEEP };
	struct run run;

	(void)state;
	server_listen(&server, "127.0.0.1");
	open_tcp(&run, &server, "");
	lab_expect(&run, true, "");
	run.again = 2;
	lab_run(&run);
	lab_until(run.ended == 4);
	run.close = true;
	lab_run(&run);
	lab_until(!run.probe);
	assert_true(run.passed);
	server_close(&server);
}

static void test_tcp_ipv6(void **state)
{
	struct server server = { .then = SERVER_KEEP };
	struct run run;

	(void)state;
	if (access("/proc/net/if_inet6", F_OK) < 0)
		skip();
	server_listen(&server, "::1");
	lab_open(&run, CHECK_TCP, "{\"address\": \"::1\", \"port\": %u}", server.port);
	lab_expect(&run, true, "");
	lab_close(&run);
	server_close(&server);
}

static void test_tcp_refused(void **state)
{
	struct server server = { 0 };
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof name;
	struct run run;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); /* has the port, and does not listen */

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&name, size), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &size), 0);
	server.port = ntohs(name.sin_port);
	open_tcp(&run, &server, "");
	lab_expect(&run, false, "connection refused");
	lab_expect(&run, false, "connection refused");
	lab_close(&run);
	close(fd);
}

static void test_tcp_expected(void **state)
{
	struct server server = { .until = "PING\r\n", .piece = 1, .then = SERVER_KEEP };
	struct run run;

	(void)state;
	server_say(&server, "-aaaab\r\n");
	server_listen(&server, "127.0.0.1");
	open_tcp(&run, &server, ", \"send\": \"PING\\r\\n\", \"expect\": \"aaab\"");
	lab_expect(&run, true, "");
	assert_string_equal(server.heard, "PING\r\n");
	server.piece = 0;
	lab_expect(&run, true, "");
	lab_close(&run);
	server_close(&server);
}

static void test_tcp_unexpected(void **state)
{
	struct server server = { .then = SERVER_CLOSE };
	struct run run;
	char *long_answer = malloc(2 << 20);

	(void)state;
	assert_non_null(long_answer);
	server_listen(&server, "127.0.0.1");
	open_tcp(&run, &server, ", \"expect\": \"+PONG\\r\\n\"");
	server_say(&server, "");
	lab_expect(&run, false, "closed without an answer, \"+PONG\\r\\n\" was expected");
	server_say(&server, "-LOADING\r\n");
	lab_expect(&run, false, "closed before the answer had \"+PONG\\r\\n\"");
	server.then = SERVER_RESET;
	server_say(&server, "");
	lab_expect(&run, false, "connection reset by peer");
	memset(long_answer, '+', 2 << 20);
	server.answer = long_answer;
	server.length = 2 << 20;
	server.then = SERVER_KEEP;
	lab_expect(&run, false, "the first 1 MiB of the answer does not have \"+PONG\\r\\n\"");
	lab_close(&run);
	server_close(&server);
	free(long_answer);
}

static void test_tcp_stopped(void **state)
{
	struct server server = { .until = "never", .then = SERVER_KEEP };
	struct run run;

	(void)state;
	server_listen(&server, "127.0.0.1");
	open_tcp(&run, &server, ", \"send\": \"hello\", \"expect\": \"x\"");
	lab_run(&run);
	lab_until(server.heard_length == 5);
	probe_stop(run.probe);
	probe_stop(run.probe);
	lab_until(server.left == 1);
	assert_int_equal(run.ended, 0);
	lab_run(&run); /* before anything was accepted */
	probe_stop(run.probe);
	lab_drain();
	assert_int_equal(run.ended, 0);
	server.until = "hello";
	server_say(&server, "x");
	lab_expect(&run, true, "");
	lab_run(&run);
	lab_close(&run); /* within a run */
	assert_int_equal(run.ended, 1);
	server_close(&server);
}

/* What is said is more than fits on the way, to who reads it, and to who does not and answers. */
static void test_tcp_much_said(void **state)
{
	struct server server = { .then = SERVER_KEEP, .until = "end" };
	struct run run;
	const size_t size = 8 << 20;
	char *text = malloc(size + 1);
	json_t *definition;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', size);
	text[size] = '\0';
	server_listen(&server, "127.0.0.1");
	open_tcp(&run, &server, "");
	lab_expect(&run, true, "");
	lab_close(&run);

	definition = json_pack("{ss si ss}", "address", "127.0.0.1", "port", (int)server.port, "send", text);
	assert_non_null(definition);
	lab_open_json(&run, CHECK_TCP, definition);
	lab_expect(&run, true, "");
	lab_until(server.heard_length == size);
	lab_close(&run);

	server.until = NULL;
	server.deaf = true;
	server_say(&server, "enough");
	json_object_set_new(definition, "expect", json_string("enough"));
	lab_open_json(&run, CHECK_TCP, definition);
	lab_expect(&run, true, "");
	server.then = SERVER_CLOSE; /* what is said cannot all be said any more; what was answered is there */
	lab_expect(&run, true, "");
	lab_close(&run);
	json_decref(definition);
	server_close(&server);
	free(text);
}

/* ---- process ---- */

/* A child of that name, which is there when this returns, and goes with the test's process. */
static pid_t make_process(const char *name)
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, name);
		if (write(ready[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void write_pid(const char *path, pid_t pid)
{
	char text[32];

	snprintf(text, sizeof text, "%d\n", (int)pid);
	lab_write(path, text);
}

static const char *say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static const char *say(const char *format, ...)
{
	static char text[512];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof text, format, list);
	va_end(list);
	return text;
}

static void test_process_by_file(void **state)
{
	const char *path = lab_path("pid");
	pid_t first, second;
	struct run run;

	(void)state;
	lab_open(&run, CHECK_PROCESS, "{\"pid_file\": \"%s\"}", path);
	lab_expect(&run, false, say("%s: no such file or directory", path));
	lab_write(path, "");
	lab_expect(&run, false, say("%s has no process number", path));
	lab_write(path, "12 monkeys\n");
	lab_expect(&run, false, say("%s has no process number", path));
	lab_write(path, "-1\n");
	lab_expect(&run, false, say("%s has no process number", path));

	first = make_process("first");
	second = make_process("second");
	write_pid(path, first);
	lab_expect(&run, true, say("process %d", (int)first));
	lab_expect(&run, true, say("process %d", (int)first));
	write_pid(path, second);
	lab_expect(&run, true, say("process %d", (int)second));
	kill(first, SIGKILL);
	waitpid(first, NULL, 0);
	lab_drain();
	assert_int_equal(run.changed, 0); /* it is the other's now */
	kill(second, SIGKILL);
	lab_until(run.changed == 1);
	lab_expect(&run, false,
		   say("process %d of %s is not there", (int)second, path)); /* its parent has not asked yet */
	waitpid(second, NULL, 0);
	lab_expect(&run, false, say("process %d of %s is not there", (int)second, path));
	assert_int_equal(run.changed, 1);
	lab_close(&run);
}

static void test_process_by_name(void **state)
{
	char name[16];
	pid_t first, second;
	struct run run;

	(void)state;
	snprintf(name, sizeof name, "probe%d", (int)getpid());
	lab_open(&run, CHECK_PROCESS, "{\"name\": \"%s\"}", name);
	lab_expect(&run, false, say("no process has the name \"%s\"", name));
	first = make_process(name);
	lab_expect(&run, true, say("process %d", (int)first));
	second = make_process(name);
	lab_expect(&run, true, say("process %d", (int)first));
	kill(first, SIGKILL);
	lab_until(run.changed == 1);
	lab_expect(&run, true, say("process %d", (int)second));
	kill(second, SIGKILL);
	lab_until(run.changed == 2);
	lab_expect(&run, false, say("no process has the name \"%s\"", name));
	waitpid(first, NULL, 0);
	waitpid(second, NULL, 0);

	first = make_process(name);
	lab_expect(&run, true, say("process %d", (int)first));
	lab_close(&run); /* while it is held */
	kill(first, SIGKILL);
	waitpid(first, NULL, 0);
	lab_drain();
	assert_int_equal(run.changed, 2);
}

/* ---- file ---- */

static void test_file_numbers(void **state)
{
	static const struct {
		const char *text;
		bool passed;
		const char *reason; /* NULL: that it is no number */
	} cases[] = {
		/* of -2.5 to 3 */
		{ "0", true, "0" },
		{ "  3.000000\n", true, "3.000000" },
		{ "+.5 and more\n", true, "+.5" },
		{ "3.0000001", false, "3.0000001 is above 3" },
		{ "3.0000000000", true, "3.0000000000" },
		{ "-2.5", true, "-2.5" },
		{ "-2.50000000", true, "-2.50000000" },
		{ "-2.50000001", false, "-2.50000001 is below -2.5" },
		{ "-2.49999999", true, "-2.49999999" },
		{ "99999999999999999999999999", false, "99999999999999999999999999 is above 3" },
		{ "-99999999999999999999999999", false, "-99999999999999999999999999 is below -2.5" },
		{ "9223372036854775807", false, "9223372036854775807 is above 3" },
		{ "-9223372036854.775808", false, "-9223372036854.775808 is below -2.5" },
		{ "1e3", false, NULL },
		{ "0x1", false, NULL },
		{ "1,5", false, NULL },
		{ "1.2.3", false, NULL },
		{ "-", false, NULL },
		{ ".", false, NULL },
		{ "nan", false, NULL },
		{ "", false, NULL },
		{ "\n\n", false, NULL },
	};
	const char *path = lab_path("number");
	struct run run;

	(void)state;
	lab_open(&run, CHECK_FILE, "{\"path\": \"%s\", \"min_micro\": -2500000, \"max_micro\": 3000000}", path);
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		lab_write(path, cases[i].text);
		lab_run(&run);
		assert_int_equal(run.ended, i + 1);
		if (run.passed != cases[i].passed || (cases[i].reason && strcmp(run.text, cases[i].reason) != 0) ||
		    (!cases[i].reason && !strstr(run.text, "number")))
			fail_msg("'%s': %s", cases[i].text, run.text);
	}
	lab_close(&run);
}

/* Bounds as far as they go. */
static void test_file_extremes(void **state)
{
	const char *path = lab_path("number");
	struct run run;

	(void)state;
	lab_open(&run, CHECK_FILE, "{\"path\": \"%s\", \"min_micro\": %lld}", path, (long long)INT64_MIN + 1);
	lab_write(path, "99999999999999999999999999");
	lab_expect(&run, true, "99999999999999999999999999");
	lab_write(path, "-9223372036854.775807");
	lab_expect(&run, true, "-9223372036854.775807");
	lab_write(path, "-9223372036854.7758071");
	lab_expect(&run, false, "-9223372036854.7758071 is below -9223372036854.775807");
	lab_close(&run);
	lab_open(&run, CHECK_FILE, "{\"path\": \"%s\", \"max_micro\": %lld}", path, (long long)INT64_MAX);
	lab_write(path, "9223372036854.775807");
	lab_expect(&run, true, "9223372036854.775807");
	lab_write(path, "9223372036854.775808");
	lab_expect(&run, false, "9223372036854.775808 is above 9223372036854.775807");
	lab_close(&run);
}

/* What is no file, or a long one, holds up nothing. */
static void test_file_kinds(void **state)
{
	const char *path = lab_path("it");
	char *text = malloc(1 << 20);
	struct run run;

	(void)state;
	lab_open(&run, CHECK_FILE, "{\"path\": \"%s\", \"min_micro\": 1}", path);
	lab_expect(&run, false, say("%s: no such file or directory", path));
	assert_int_equal(mkfifo(path, 0600), 0);
	lab_expect(&run, false, say("%s: not a regular file", path));
	assert_int_equal(remove(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	lab_expect(&run, false, say("%s: not a regular file", path));
	assert_int_equal(remove(path), 0);
	assert_int_equal(symlink("/dev/zero", path), 0);
	lab_expect(&run, false, say("%s: not a regular file", path));
	assert_int_equal(remove(path), 0);

	assert_non_null(text);
	memset(text, '1', (1 << 20) - 1);
	text[(1 << 20) - 1] = '\0';
	lab_write(path, text);
	lab_expect(&run, false, say("%s does not begin with a number", path));
	text[1] = ' ';
	lab_write(path, text);
	lab_expect(&run, true, "1");
	lab_close(&run);
	free(text);
}

static void test_file_changes(void **state)
{
	const char *directory = lab_path("d"), *path = lab_path("d/n"), *next = lab_path("d/next");
	struct run run;

	(void)state;
	lab_open(&run, CHECK_FILE, "{\"path\": \"%s\", \"max_micro\": 5000000}", path);
	lab_expect(&run, false, say("%s: no such file or directory", path)); /* nor its directory */
	assert_int_equal(mkdir(directory, 0700), 0);
	lab_expect(&run, false, say("%s: no such file or directory", path));
	lab_drain();
	assert_int_equal(run.changed, 0);

	lab_write(path, "5");
	lab_until(run.changed == 1);
	lab_write(path, "6");
	lab_drain();
	assert_int_equal(run.changed, 1); /* once, until it is run */
	lab_expect(&run, false, "6 is above 5");
	lab_write(next, "4");
	lab_drain();
	assert_int_equal(run.changed, 1); /* another file */
	assert_int_equal(rename(next, path), 0);
	lab_until(run.changed == 2);
	lab_expect(&run, true, "4");
	assert_int_equal(remove(path), 0);
	lab_until(run.changed == 3);
	lab_expect(&run, false, say("%s: no such file or directory", path));

	assert_int_equal(rename(directory, lab_path("moved")), 0);
	lab_until(run.changed == 4);
	assert_int_equal(mkdir(directory, 0700), 0);
	lab_write(path, "1");
	lab_expect(&run, true, "1");
	lab_drain();
	unsigned before = run.changed;
	lab_write(path, "2");
	lab_until(run.changed > before);
	lab_expect(&run, true, "2");
	lab_close(&run);
}

/* Another directory comes to have the path, of which that directory itself hears nothing. */
static void test_file_other_directory(void **state)
{
	struct run run;

	(void)state;
	assert_int_equal(mkdir(lab_path("above"), 0700), 0);
	assert_int_equal(mkdir(lab_path("above/d"), 0700), 0);
	lab_write(lab_path("above/d/n"), "1");
	lab_open(&run, CHECK_FILE, "{\"path\": \"%s\", \"max_micro\": 5000000}", lab_path("above/d/n"));
	lab_expect(&run, true, "1");
	assert_int_equal(rename(lab_path("above"), lab_path("before")), 0);
	assert_int_equal(mkdir(lab_path("above"), 0700), 0);
	assert_int_equal(mkdir(lab_path("above/d"), 0700), 0);
	lab_write(lab_path("above/d/n"), "2");
	lab_expect(&run, true, "2");
	assert_int_equal(run.changed, 0);
	lab_write(lab_path("before/d/n"), "3");
	lab_drain();
	assert_int_equal(run.changed, 0);
	lab_write(lab_path("above/d/n"), "4");
	lab_until(run.changed == 1);
	lab_close(&run);
}

/* ---- haproxy ---- */

#define HEADER "# pxname,svname,qcur,status,weight,\n"

static void test_haproxy_answers(void **state)
{
	static const struct {
		const char *answer;
		unsigned servers;
		bool passed;
		const char *text;
	} cases[] = {
		{ HEADER "web,a,0,UP,1,\nweb,b,0,DOWN,1,\nweb,BACKEND,0,UP,1,\n\n", 1, true, "1 of 2 servers up" },
		{ HEADER "web,a,0,UP,1,\nweb,b,0,DOWN,1,\nweb,BACKEND,0,UP,1,\n\n", 2, false,
		  "1 of 2 servers up, 2 needed" },
		{ HEADER "web,FRONTEND,0,OPEN,,\nweb,a,0,UP 1/3,1,\nweb,b,0,no check,1,\nweb,BACKEND,0,UP,,\n\n", 2,
		  true, "2 of 2 servers up" },
		{ HEADER
		  "web,a,0,DRAIN,1,\nweb,b,0,MAINT,1,\nweb,c,0,DOWN 1/2,1,\nweb,d,0,NOLB,1,\nweb,e,0,UPPER,1,\n\n",
		  1, false, "0 of 5 servers up, 1 needed" },
		{ "# svname,status,pxname,\na,UP,web,\na,UP,other,\n\n", 1, true, "1 of 1 servers up" },
		{ "# pxname,svname,desc,status,\nweb,a,\"up, \"\"nearly\"\"\nhere\",UP,\n\n", 1, true,
		  "1 of 1 servers up" },
		{ HEADER "web,BACKEND,0,UP,0,\n\n", 1, false, "0 of 0 servers up, 1 needed" },
		{ HEADER "other,a,0,UP,1,\nweb2,a,0,UP,1,\nweb,FRONTEND,0,OPEN,,\n\n", 1, false,
		  "HAProxy has no backend \"web\"" },
		{ HEADER "\n", 1, false, "HAProxy has no backend \"web\"" },
		{ "\200\200\200\200\200\200\200\200\200\200\200\200\200\200\200\200\200\200\200\200\200\200\200\200\200"
		  "\200\200\200"
		  "\200\200\200\200\200\200\200\200\200\200\200\200\200\200\200\200\200\200\200\200\200\200\200\200\200"
		  "\200\200\200"
		  "\200\200\200\200\200\200\200\200\n\n",
		  1, false, "HAProxy answered \"…\"" }, /* no characters */
		{ "No such proxy.\n\n", 1, false, "HAProxy has no backend \"web\"" },
		{ HEADER "web,a,0,UP,1,\n", 1, false, "HAProxy closed within its answer" },
		{ HEADER "web,a,0,UP,1,\nweb,b,0,U", 1, false, "HAProxy closed within its answer" },
		{ "", 1, false, "HAProxy closed without an answer" },
		{ "Permission denied\n\n", 1, false, "HAProxy answered \"Permission denied\"" },
		{ "# pxname,svname,\nweb,a,\n\n", 1, false, "HAProxy answered \"# pxname\"" },
	};
	struct server server = { .until = "\n" };
	struct run run;

	(void)state;
	server_listen(&server, lab_path("stats"));
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		lab_open(&run, CHECK_HAPROXY, "{\"socket\": \"%s\", \"backend\": \"web\", \"servers\": %u}",
			 server.path, cases[i].servers);
		for (server.piece = 0; server.piece < 2; server.piece++) {
			server_say(&server, cases[i].answer);
			lab_expect(&run, cases[i].passed, cases[i].text);
			assert_string_equal(server.heard, "show stat web 6 -1\n");
		}
		lab_close(&run);
	}
	/* A name that could say something else is not told. */
	lab_open(&run, CHECK_HAPROXY, "{\"socket\": \"%s\", \"backend\": \"web; shutdown\", \"servers\": 1}",
		 server.path);
	lab_expect(&run, false, "HAProxy answered \"# pxname\"");
	assert_string_equal(server.heard, "show stat\n");
	lab_close(&run);
	server_close(&server);
}

static void test_haproxy_bounds(void **state)
{
	const size_t size = 17 << 20;
	char *text = malloc(size);
	struct server server = { .answer = text, .length = size, .until = "\n" };
	struct run run;

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < size; i++)
		text[i] = i % 4096 == 4095 ? '\n' : 'x'; /* values longer than any name */
	memcpy(text, HEADER, strlen(HEADER));
	server_listen(&server, lab_path("stats"));
	lab_open(&run, CHECK_HAPROXY, "{\"socket\": \"%s\", \"backend\": \"web\", \"servers\": 1}", server.path);
	lab_expect(&run, false, "HAProxy's answer is longer than 16 MiB");
	lab_close(&run);
	server_close(&server);
	free(text);
}

static void test_haproxy_absent(void **state)
{
	struct server server = { .until = "never", .then = SERVER_KEEP };
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	const char *path = lab_path("stats");
	struct run run;
	int waiting[3];

	(void)state;
	lab_open(&run, CHECK_HAPROXY, "{\"socket\": \"%s\", \"backend\": \"web\", \"servers\": 1}", path);
	lab_expect(&run, false, say("%s: no such file or directory", path));
	lab_write(path, "");
	lab_expect(&run, false, say("%s: connection refused", path));
	assert_int_equal(remove(path), 0);

	server_listen(&server, path);
	lab_run(&run);
	lab_until(server.heard_length > 0);
	probe_stop(run.probe);
	lab_until(server.left == 1);
	assert_int_equal(run.ended, 2);

	assert_int_equal(listen(server.listener, 0), 0);
	snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
	for (unsigned i = 0; i < 3; i++) {
		waiting[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		connect(waiting[i], (struct sockaddr *)&name, sizeof name);
	}
	lab_expect(&run, false, say("%s: too many wait there to be accepted", path));
	for (unsigned i = 0; i < 3; i++)
		close(waiting[i]);
	lab_close(&run);
	server_close(&server);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, lab_begin, lab_end)
	const struct CMUnitTest tests[] = {
		TEST(test_definitions),		 TEST(test_search),
		TEST(test_tcp_accepted),	 TEST(test_tcp_ipv6),
		TEST(test_tcp_refused),		 TEST(test_tcp_expected),
		TEST(test_tcp_unexpected),	 TEST(test_tcp_stopped),
		TEST(test_tcp_much_said),	 TEST(test_process_by_file),
		TEST(test_process_by_name),	 TEST(test_file_numbers),
		TEST(test_file_extremes),	 TEST(test_file_kinds),
		TEST(test_file_changes),	 TEST(test_haproxy_answers),
		TEST(test_file_other_directory), TEST(test_haproxy_bounds),
		TEST(test_haproxy_absent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
