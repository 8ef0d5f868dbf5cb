/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Varlink messages over a socket pair: in any pieces, too large, malformed. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/varlink.h"

struct pair {
	int fd[2];
	struct varlink_buffer in, out;
};

static int setup(void **state)
{
	struct pair *p = calloc(1, sizeof *p);

	if (!p || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p->fd) < 0)
		return -1;
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct pair *p = *state;

	close(p->fd[0]);
	close(p->fd[1]);
	varlink_buffer_free(&p->in);
	varlink_buffer_free(&p->out);
	free(p);
	return 0;
}

static void write_all(int fd, const char *bytes, size_t n)
{
	assert_int_equal(write(fd, bytes, n), (ssize_t)n);
}

static void comes_in_pieces(void **state)
{
	static const char bytes[] = "{\"method\":\"a.b\"}\0{\"method\":\"c.d\"}";
	struct pair *p = *state;
	json_t *json = NULL;

	for (size_t i = 0; i < sizeof bytes; i++) {
		write_all(p->fd[0], bytes + i, 1);
		assert_int_equal(varlink_read(&p->in, p->fd[1]), 1);
		int r = varlink_take(&p->in, &json);
		assert_int_equal(r, bytes[i] == '\0');
		if (r)
			json_decref(json);
	}
	assert_int_equal(varlink_read(&p->in, p->fd[1]), -EAGAIN);
	close(p->fd[0]);
	assert_int_equal(varlink_read(&p->in, p->fd[1]), 0);
	p->fd[0] = dup(p->fd[1]);
}

static void comes_all_at_once(void **state)
{
	static const char bytes[] = "{\"a\":1}\0{\"b\":[2]}\0{\"c\"";
	struct pair *p = *state;
	json_t *json = NULL;

	write_all(p->fd[0], bytes, sizeof bytes - 1);
	assert_int_equal(varlink_read(&p->in, p->fd[1]), 1);
	assert_int_equal(varlink_take(&p->in, &json), 1);
	assert_int_equal(json_integer_value(json_object_get(json, "a")), 1);
	json_decref(json);
	assert_int_equal(varlink_take(&p->in, &json), 1);
	assert_int_equal(json_array_size(json_object_get(json, "b")), 1);
	json_decref(json);
	assert_int_equal(varlink_take(&p->in, &json), 0);
	assert_int_equal(varlink_take(&p->in, &json), 0);
}

static void refuses_what_is_no_object(void **state)
{
	static const char *const bad[] = { "", "1", "[]", "\"a\"", "{", "{\"a\":1,\"a\":2}",
					   "{} x", "\xff{}", "{\"a\":\"\\u0000\"}" };
	struct pair *p = *state;
	json_t *json = NULL;

	for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
		write_all(p->fd[0], bad[i], strlen(bad[i]) + 1);
		assert_int_equal(varlink_read(&p->in, p->fd[1]), 1);
		assert_int_equal(varlink_take(&p->in, &json), -EBADMSG);
		assert_int_equal(p->in.length, 0);
	}
}

static void stops_at_the_limit(void **state)
{
	struct pair *p = *state;
	json_t *json = NULL;
	char bytes[2048];

	p->in.limit = 1000;
	memset(bytes, ' ', sizeof bytes);
	write_all(p->fd[0], bytes, sizeof bytes);
	assert_int_equal(varlink_read(&p->in, p->fd[1]), 1);
	assert_int_equal(varlink_take(&p->in, &json), 0);
	assert_int_equal(p->in.length, 1000);
	assert_int_equal(varlink_read(&p->in, p->fd[1]), -EMSGSIZE);
}

static void puts_all_or_nothing(void **state)
{
	struct pair *p = *state;
	json_t *small = json_pack("{s:s}", "a", "b");
	json_t *large = json_pack("{s:s, s:s}", "key", "0123456789", "more", "0123456789");
	size_t before;

	p->out.limit = 20;
	assert_int_equal(varlink_put(&p->out, small), 0);
	before = p->out.length;
	assert_int_equal(varlink_put(&p->out, large), -EMSGSIZE);
	assert_int_equal(p->out.length, before);
	assert_memory_equal(p->out.bytes, "{\"a\":\"b\"}", before);
	json_decref(small);
	json_decref(large);
}

/* A message larger than the socket's buffer goes out in turns and arrives whole; the memory is given back. */
static void sends_a_large_one_in_turns(void **state)
{
	struct pair *p = *state;
	size_t size = 3 * 1024 * 1024;
	char *text = malloc(size + 1);
	json_t *message, *json = NULL;
	int r = -EAGAIN;

	assert_non_null(text);
	memset(text, 'x', size);
	text[size] = '\0';
	message = json_pack("{s:s}", "text", text);
	assert_int_equal(varlink_put(&p->out, message), 0);
	assert_int_equal(varlink_write(&p->out, p->fd[0]), -EAGAIN);
	for (unsigned turn = 0; turn < 100000 && !json; turn++) {
		if (r == -EAGAIN)
			r = varlink_write(&p->out, p->fd[0]);
		varlink_read(&p->in, p->fd[1]);
		assert_true(varlink_take(&p->in, &json) >= 0);
	}
	assert_int_equal(r, 0);
	assert_true(json_equal(json, message));
	assert_int_equal(p->out.size, 0);
	assert_int_equal(p->in.size, 0);
	json_decref(json);
	json_decref(message);
	free(text);
}

static void tells_a_broken_pipe(void **state)
{
	struct pair *p = *state;
	json_t *message = json_object();

	close(p->fd[1]);
	assert_int_equal(varlink_put(&p->out, message), 0);
	assert_int_equal(varlink_write(&p->out, p->fd[0]), -EPIPE);
	p->fd[1] = dup(p->fd[0]);
	json_decref(message);
}

static void makes_an_address(void **state)
{
	struct sockaddr_un address;
	char longer[200];

	(void)state;
	assert_int_equal(varlink_address("/run/standbyd", -1, &address), 0);
	assert_string_equal(address.sun_path, "/run/standbyd/io.standbyd");
	memset(longer, 'a', sizeof longer - 1);
	longer[sizeof longer - 1] = '\0';
	assert_int_equal(varlink_address(longer, -1, &address), -ENAMETOOLONG);
	assert_int_equal(varlink_address(longer, 7, &address), 0);
	assert_string_equal(address.sun_path, "/proc/self/fd/7/io.standbyd");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(comes_in_pieces, setup, teardown),
		cmocka_unit_test_setup_teardown(comes_all_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses_what_is_no_object, setup, teardown),
		cmocka_unit_test_setup_teardown(stops_at_the_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(puts_all_or_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(sends_a_large_one_in_turns, setup, teardown),
		cmocka_unit_test_setup_teardown(tells_a_broken_pipe, setup, teardown),
		cmocka_unit_test(makes_an_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
