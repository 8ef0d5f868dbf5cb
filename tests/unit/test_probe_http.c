/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checks by HTTP, asked of a server on the loopback: what is said, what passes, each reason why not, bounds, and a run
 * that is stopped or begun again. TLS is tests/net/test_probe_kinds.py's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "probe_lab.h"

#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"

#define URL "http://127.0.0.1"

/* place: of the URL, without port and path. rest: further fields of the definition, method GET and status 200 to 399
 * but for what it says. */
static void open_http(struct run *run, const char *place, const struct server *server, const char *rest)
{
	lab_open(run, CHECK_HTTP,
		 "{\"status_max\": 399, \"status_min\": 200, \"method\": \"GET\", \"insecure\": false, "
		 "\"url\": \"%s:%u/health?x=1#part\"%s}",
		 place, server->port, rest);
}

static void listen_http(struct server *server)
{
	server->until = "\r\n\r\n";
	server_listen(server, "127.0.0.1");
}

static void test_request(void **state)
{
	struct server server = { .then = SERVER_KEEP };
	char host[64];
	struct run run;

	(void)state;
	/* Nobody is there; it must not be asked. */
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("all_proxy", "http://127.0.0.1:1", 1);
	listen_http(&server);
	server_say(&server, OK_HEAD "fine\n");
	open_http(&run, URL, &server, "");
	lab_expect(&run, true, "status 200");
	assert_non_null(strstr(server.heard, "GET /health?x=1 HTTP/1.1\r\n"));
	snprintf(host, sizeof host, "\r\nHost: 127.0.0.1:%u\r\n", server.port);
	assert_non_null(strstr(server.heard, host));
	lab_until(server.left == 1);

	/* Each run connects anew. */
	run.again = 2;
	lab_run(&run);
	lab_until(run.ended == 4);
	lab_until(server.left == 4);
	assert_int_equal(server.accepted, 4);
	run.close = true;
	lab_run(&run);
	lab_until(!run.probe);
	assert_true(run.passed);
	server_close(&server);
	unsetenv("http_proxy");
	unsetenv("all_proxy");
}

static void test_head(void **state)
{
	struct server server = { .then = SERVER_KEEP };
	struct run run;

	(void)state;
	listen_http(&server);
	server_say(&server, "HTTP/1.1 204 None\r\nContent-Length: 1000\r\n\r\n");
	open_http(&run, URL, &server, ", \"method\": \"HEAD\"");
	lab_expect(&run, true, "status 204");
	assert_non_null(strstr(server.heard, "HEAD /health?x=1 HTTP/1.1\r\n"));
	lab_close(&run);
	server_close(&server);
}

/* Another name than where it connects to. */
static void test_host(void **state)
{
	struct server server = { .then = SERVER_KEEP };
	char host[64];
	struct run run;

	(void)state;
	listen_http(&server);
	server_say(&server, OK_HEAD "fine\n");
	open_http(&run, URL, &server, ", \"host\": \"www.example.org\"");
	lab_expect(&run, true, "status 200");
	snprintf(host, sizeof host, "\r\nHost: www.example.org:%u\r\n", server.port);
	assert_non_null(strstr(server.heard, host));
	assert_non_null(strstr(server.heard, "GET /health?x=1 HTTP/1.1\r\n"));
	lab_close(&run);
	server_close(&server);

	if (access("/proc/net/if_inet6", F_OK) < 0)
		return;
	server_listen(&server, "::1");
	open_http(&run, "http://[::1]", &server, ", \"host\": \"www.example.org\"");
	lab_expect(&run, true, "status 200");
	assert_non_null(strstr(server.heard, "\r\nHost: www.example.org:"));
	lab_close(&run);
	server_close(&server);
}

static void test_status(void **state)
{
	static const struct {
		const char *rest, *answer, *text;
		bool passed;
	} cases[] = {
		{ "", "HTTP/1.1 503 Unwell\r\nContent-Length: 0\r\n\r\n", "status 503, not 200-399", false },
		{ "", "HTTP/1.1 503 Unwell\r\nContent-Length: 10\r\n\r\nx", "status 503, not 200-399", false },
		{ "", "HTTP/1.0 404 None\r\n\r\n", "status 404, not 200-399", false },
		{ "", "HTTP/1.1 302 There\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n", "status 302",
		  true }, /* not gone to */
		{ "", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "status 200", true },
		{ ", \"status_min\": 503, \"status_max\": 503", "HTTP/1.1 503 Unwell\r\nContent-Length: 0\r\n\r\n",
		  "status 503", true },
		{ ", \"match\": \"well\"", "HTTP/1.1 500 No\r\nContent-Length: 4\r\n\r\nwell",
		  "status 500, not 200-399", false },
	};
	struct server server = { .then = SERVER_CLOSE };
	struct run run;

	(void)state;
	listen_http(&server);
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		unsigned before = server.accepted;

		server_say(&server, cases[i].answer);
		open_http(&run, URL, &server, cases[i].rest);
		lab_expect(&run, cases[i].passed, cases[i].text);
		assert_int_equal(server.accepted, before + 1);
		lab_close(&run);
	}
	server_close(&server);
}

static void test_match(void **state)
{
	struct server server = { .piece = 1, .then = SERVER_KEEP };
	struct run run;

	(void)state;
	listen_http(&server);
	open_http(&run, URL, &server, ", \"match\": \"all \\\"well\\\"\"");
	server_say(&server,
		   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nall al\r\n9\r\nl \"well\".\r\n0\r\n\r\n");
	lab_expect(&run, true, "status 200");
	server_say(&server,
		   "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nall \"well\""); /* the rest is not waited for */
	lab_expect(&run, true, "status 200");
	server.piece = 0;
	server_say(&server, "HTTP/1.1 200 all \"well\"\r\nContent-Length: 3\r\n\r\nill");
	lab_expect(&run, false, "status 200, but the body does not have \"all \\\"well\\\"\"");
	server_say(&server, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	lab_expect(&run, false, "status 200, but the body does not have \"all \\\"well\\\"\"");
	lab_close(&run);
	server_close(&server);
}

/* A body or header without an end. */
static void test_bounds(void **state)
{
	static const char head[] = "HTTP/1.1 200 OK\r\n\r\n", line[] = "X: yyyyyyyyyyyy\r\n";
	const size_t size = 8 << 20;
	char *text = malloc(size);
	struct server server = { .answer = text, .length = size, .then = SERVER_KEEP };
	struct run run;

	(void)state;
	assert_non_null(text);
	listen_http(&server);
	memset(text, 'x', size);
	memcpy(text, head, strlen(head));
	open_http(&run, URL, &server, "");
	lab_expect(&run, true, "status 200");
	lab_close(&run);
	open_http(&run, URL, &server, ", \"match\": \"xxy\"");
	lab_expect(&run, false, "status 200, but the first 1 MiB of the body does not have \"xxy\"");
	for (size_t i = 17; i < size; i++)
		text[i] = line[(i - 17) % strlen(line)];
	lab_expect(&run, false, "the answer's header is longer than 64 KiB");
	lab_close(&run);
	server_close(&server);
	free(text);
}

/* Words of the library's are not compared. */
static void expect_failure(struct run *run, const char *part)
{
	unsigned before = run->ended;

	lab_run(run);
	lab_until(run->ended == before + 1);
	assert_false(run->passed);
	if (!strstr(run->text, part))
		fail_msg("'%s' has no '%s'", run->text, part);
}

static void test_no_answer(void **state)
{
	struct server server = { .then = SERVER_CLOSE }, closed = { 0 };
	struct run run;

	(void)state;
	listen_http(&server);
	open_http(&run, URL, &server, "");
	server_say(&server, "");
	expect_failure(&run, "mpty");
	server_say(&server, "SSH-2.0-Server\r\n\r\n");
	expect_failure(&run, "HTTP");
	server_say(&server, OK_HEAD "fi");
	expect_failure(&run, "3");
	server.then = SERVER_RESET;
	server_say(&server, "");
	expect_failure(&run, "reset");
	server.then = SERVER_CLOSE;
	server_say(&server, OK_HEAD "fine\n");
	lab_expect(&run, true, "status 200");
	lab_close(&run);
	server_close(&server);

	closed.port = server.port;
	open_http(&run, URL, &closed, "");
	lab_expect(&run, false, "connection refused");
	lab_close(&run);
	open_http(&run, "file:///etc/passwd", &closed, "");
	expect_failure(&run, "file");
	lab_close(&run);
}

static void test_stopped(void **state)
{
	struct server server = { .then = SERVER_KEEP };
	struct run run, other;

	(void)state;
	listen_http(&server);
	server.until = "never";
	open_http(&run, URL, &server, "");
	lab_run(&run);
	lab_until(strstr(server.heard, "\r\n\r\n"));
	probe_stop(run.probe);
	lab_until(server.left == 1);
	lab_run(&run); /* before anything was done */
	probe_stop(run.probe);
	lab_drain();
	assert_int_equal(run.ended, 0);

	server.until = "\r\n\r\n";
	server_say(&server, OK_HEAD "fi"); /* within an answer */
	lab_run(&run);
	lab_until(server.length == server.said && server.fd >= 0);
	lab_drain();
	probe_stop(run.probe);
	assert_int_equal(run.ended, 0);
	server_say(&server, OK_HEAD "fine\n");
	lab_expect(&run, true, "status 200");

	/* While a name is looked up, which is another thread's; it is not waited for. */
	open_http(&other, "http://localhost", &server, "");
	lab_run(&other);
	assert_true(sd_event_run(lab_event, 0) >= 0);
	probe_stop(other.probe);
	lab_close(&other);
	assert_int_equal(other.ended, 0);
	lab_run(&run);
	lab_close(&run);
	server_close(&server);
}

/* Many at once share what is shared. */
static void test_many(void **state)
{
	enum { MANY = 40 };
	struct server servers[MANY];
	struct run runs[MANY];
	unsigned ended;

	(void)state;
	memset(servers, 0, sizeof servers);
	for (unsigned i = 0; i < MANY; i++) {
		server_say(&servers[i], OK_HEAD "fine\n");
		listen_http(&servers[i]);
		open_http(&runs[i], URL, &servers[i], ", \"match\": \"fine\"");
		runs[i].again = 4;
		lab_run(&runs[i]);
	}
	lab_arm();
	do {
		lab_turn("all have ended", __FILE__, __LINE__);
		ended = 0;
		for (unsigned i = 0; i < MANY; i++)
			ended += runs[i].ended;
	} while (ended < 5 * MANY);
	for (unsigned i = 0; i < MANY; i++) {
		assert_true(runs[i].passed);
		assert_int_equal(servers[i].accepted, 5);
		lab_close(&runs[i]);
		server_close(&servers[i]);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, lab_begin, lab_end)
	const struct CMUnitTest tests[] = {
		TEST(test_request), TEST(test_head),	  TEST(test_host),    TEST(test_status), TEST(test_match),
		TEST(test_bounds),  TEST(test_no_answer), TEST(test_stopped), TEST(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
