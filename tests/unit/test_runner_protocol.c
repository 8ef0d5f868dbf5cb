/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages between daemon and runner: each answer there and back, what is not one, what is too long, other side gone. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "runner/protocol.h"

static const struct runner_answer answers[] = {
	{ .type = RUNNER_RESULT, .check = "haproxy", .generation = 7, .passed = true, .duration_us = 1250, .output = "fine" },
	{ .type = RUNNER_RESULT, .check = "disk", .timed_out = true, .duration_us = 5000000 },
	{ .type = RUNNER_DONE, .id = 3, .status = 137, .output = "half", .reason = "killed after 30 s", .timed_out = true },
	{ .type = RUNNER_DONE, .id = 4, .status = -1, .reason = "the job of haproxy.service failed" },
	{ .type = RUNNER_REFUSED, .check = "disk", .generation = 7, .reason = "/opt is writable by others" },
	{ .type = RUNNER_REFUSED, .id = 9, .reason = "no such user" },
};
enum { ANSWERS = sizeof answers / sizeof *answers };

static void pair(int fd[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd), 0);
}

static void assert_answer(const struct runner_answer *a, const struct runner_answer *b)
{
	assert_int_equal(a->type, b->type);
	assert_string_equal(a->check, b->check);
	assert_int_equal(a->generation, b->generation);
	assert_int_equal(a->id, b->id);
	assert_int_equal(a->passed, b->passed);
	assert_int_equal(a->timed_out, b->timed_out);
	assert_int_equal(a->duration_us, b->duration_us);
	assert_int_equal(a->status, b->status);
	assert_string_equal(a->output, b->output);
	assert_string_equal(a->reason, b->reason);
}

static void test_there_and_back(void **state)
{
	int fd[2];

	(void)state;
	pair(fd);
	for (unsigned i = 0; i < ANSWERS; i++) {
		json_t *message = runner_answer_encode(&answers[i]), *got = NULL;
		struct runner_answer answer;

		assert_int_equal(runner_send(fd[0], message), 0);
		assert_int_equal(runner_receive(fd[1], &got), 1);
		assert_int_equal(runner_answer_decode(got, &answer), 0);
		assert_answer(&answer, &answers[i]);
		json_decref(message);
		json_decref(got);
	}
	close(fd[0]);
	close(fd[1]);
}

/* Without any one of its fields, or with an array in its place, no answer is one. */
static void test_each_field_is_needed(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ANSWERS; i++) {
		json_t *message = runner_answer_encode(&answers[i]), *value;
		const char *key;

		json_object_foreach(message, key, value) {
			json_t *without = json_copy(message), *other = json_copy(message);
			struct runner_answer answer;

			json_object_del(without, key);
			json_object_set_new(other, key, json_array());
			assert_int_equal(runner_answer_decode(without, &answer), -EBADMSG);
			assert_int_equal(runner_answer_decode(other, &answer), -EBADMSG);
			json_decref(without);
			json_decref(other);
		}
		json_decref(message);
	}
}

static void test_out_of_range(void **state)
{
	static const char *const bad[] = {
		"{\"type\":\"refused\",\"id\":0,\"reason\":\"\"}", "{\"type\":\"refused\",\"id\":-1,\"reason\":\"\"}",
		"{\"type\":\"refused\",\"check\":\"\",\"generation\":1,\"reason\":\"\"}", "{\"type\":\"other\",\"id\":1}", "{}",
		"{\"type\":\"done\",\"id\":1,\"passed\":true,\"timed_out\":false,\"duration_us\":1,\"output\":\"\",\"status\":256,\"reason\":\"\"}",
	};

	(void)state;
	for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
		json_t *message = json_loads(bad[i], 0, NULL);
		struct runner_answer answer;

		assert_non_null(message);
		assert_int_equal(runner_answer_decode(message, &answer), -EBADMSG);
		json_decref(message);
	}
}

static void test_socket(void **state)
{
	int fd[2];
	json_t *message = NULL, *large = json_object();
	char *text = calloc(1, RUNNER_MESSAGE_MAX + 1);

	(void)state;
	pair(fd);
	assert_int_equal(runner_receive(fd[1], &message), -EAGAIN);
	assert_int_equal(send(fd[0], "[1]", 3, 0), 3);
	assert_int_equal(runner_receive(fd[1], &message), -EBADMSG);

	memset(text, 'x', RUNNER_MESSAGE_MAX);
	json_object_set_new(large, "stdin", json_string(text));
	assert_int_equal(runner_send(fd[0], large), -EMSGSIZE);
	assert_int_equal(send(fd[0], text, RUNNER_MESSAGE_MAX + 1, 0), RUNNER_MESSAGE_MAX + 1);
	assert_int_equal(runner_receive(fd[1], &message), -EBADMSG);
	assert_int_equal(runner_receive(fd[1], &message), -EAGAIN); /* and nothing of it is left */

	json_t *small = json_pack("{s:s}", "type", "apply");
	int r;
	while ((r = runner_send(fd[0], small)) == 0)
		;
	assert_int_equal(r, -EAGAIN);
	close(fd[0]);
	close(fd[1]);

	pair(fd);
	close(fd[1]);
	assert_int_equal(runner_send(fd[0], small), -EPIPE);
	assert_int_equal(runner_receive(fd[0], &message), 0);
	close(fd[0]);
	json_decref(small);
	json_decref(large);
	free(text);
}

static void assert_line(const char *text, const char *wanted)
{
	char out[RUNNER_OUTPUT_MAX + 1];

	runner_last_line(text, strlen(text), out);
	assert_string_equal(out, wanted);
}

static void test_last_line(void **state)
{
	char text[RUNNER_OUTPUT_MAX + 2], out[RUNNER_OUTPUT_MAX + 1];

	(void)state;
	assert_line("", "");
	assert_line("\n\n", "");
	assert_line("one\ntwo\r\n\n", "two");
	assert_line("a\x1b[0m\xff\xc2\x85z", "a?[0m???z");
	assert_line("zu sp\xc3\xa4t", "zu sp\xc3\xa4t");
	/* A character that does not fit whole is left out. */
	memset(text, 'x', sizeof text);
	memcpy(text + RUNNER_OUTPUT_MAX - 1, "\xc3\xa4", 2);
	runner_last_line(text, RUNNER_OUTPUT_MAX + 1, out);
	assert_int_equal(strlen(out), RUNNER_OUTPUT_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_each_field_is_needed),
		cmocka_unit_test(test_out_of_range), cmocka_unit_test(test_socket), cmocka_unit_test(test_last_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
