/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sockets of heartbeats, over the loopback interface: who floods one path keeps nobody from reading the others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/heartbeat.h"

enum { PATHS = 3, TEST_PORT = 18113 };

static struct beats *opened(void)
{
	struct config_path paths[PATHS] = { 0 };
	struct beats *beats = beats_open();

	assert_non_null(beats);
	for (uint8_t i = 0; i < PATHS; i++)
		paths[i].address = (struct ip){ FAMILY_4, { 127, 0, 0, (uint8_t)(i + 1) } };
	assert_int_equal(beats_configure(beats, paths, PATHS, TEST_PORT), 0);
	return beats;
}

static void send_to(unsigned path, unsigned count)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(TEST_PORT), .sin_addr.s_addr = htonl(0x7f000001 + path) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	for (; count > 0; count--)
		assert_int_equal(sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof to), 1);
	close(fd);
}

/* Until nothing waits, or that much was read. */
static unsigned read_some(struct beats *beats, unsigned of[PATHS])
{
	struct beat beat;
	unsigned n = 0;

	for (; beats_next(beats, &beat); n++)
		of[beat.path]++;
	return n;
}

static void all_that_waits_is_read(void **state)
{
	struct beats *beats = opened();
	unsigned of[PATHS] = { 0 };

	(void)state;
	for (unsigned i = 0; i < PATHS; i++)
		send_to(i, i + 1);
	assert_int_equal(read_some(beats, of), 6);
	assert_true(of[0] == 1 && of[1] == 2 && of[2] == 3);
	assert_int_equal(read_some(beats, of), 0);
	beats_close(beats);
}

static void a_flooded_path_starves_no_other(void **state)
{
	(void)state;
	for (unsigned flooded = 0; flooded < PATHS; flooded++) {
		struct beats *beats = opened();
		for (unsigned turn = 0; turn < 3; turn++) {
			unsigned of[PATHS] = { 0 };
			send_to(flooded, BEATS_BUDGET);
			for (unsigned i = 0; i < PATHS; i++)
				send_to(i, i != flooded);
			assert_int_equal(read_some(beats, of), BEATS_BUDGET);
			for (unsigned i = 0; i < PATHS; i++)
				assert_true(i == flooded || of[i] == 1);
		}
		beats_close(beats);
	}
}

/* Somebody has the address and port: the others work, and so does this one when it is free. */
static void a_path_that_was_taken_is_opened_later(void **state)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(TEST_PORT), .sin_addr.s_addr = htonl(0x7f000002) };
	struct ip to = { FAMILY_4, { 127, 0, 0, 1 } };
	struct config_path paths[PATHS] = { 0 };
	struct beats *beats = beats_open();
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	unsigned of[PATHS] = { 0 };

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	for (uint8_t i = 0; i < PATHS; i++)
		paths[i].address = (struct ip){ FAMILY_4, { 127, 0, 0, (uint8_t)(i + 1) } };
	assert_int_equal(beats_configure(beats, paths, PATHS, TEST_PORT), EADDRINUSE);
	beats_send(beats, 1, &to, (const uint8_t *)"x", 1);
	assert_true(beats_counters(beats)->send_errors == 1 && beats_counters(beats)->last_errno == EADDRINUSE);
	close(fd);
	beats_send(beats, 1, &to, (const uint8_t *)"x", 1);
	assert_int_equal(beats_counters(beats)->sent, 1);
	send_to(1, 1);
	assert_int_equal(read_some(beats, of), 2);
	assert_true(of[0] == 1 && of[1] == 1);
	beats_close(beats);
}

/* What a predecessor bound, and what waits in it. */
static void adopted_sockets_go_on(void **state)
{
	struct beats *before = opened(), *after = beats_open();
	struct config_path paths[2] = { 0 };
	unsigned of[PATHS] = { 0 };
	struct ip address;
	uint16_t port;
	int fd;

	(void)state;
	send_to(2, 3);
	for (unsigned i = 0; (fd = beats_socket(before, i, &address, &port)) >= 0; i++)
		assert_true(port == TEST_PORT && beats_adopt(after, dup(fd), &address, port));
	beats_close(before);
	paths[0].address = (struct ip){ FAMILY_4, { 127, 0, 0, 3 } };
	paths[1].address = (struct ip){ FAMILY_4, { 127, 0, 0, 4 } };
	assert_int_equal(beats_configure(after, paths, 2, TEST_PORT), 0);
	send_to(3, 1);
	assert_int_equal(read_some(after, of), 4);
	assert_true(of[0] == 3 && of[1] == 1);
	beats_close(after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_that_waits_is_read),
		cmocka_unit_test(a_flooded_path_starves_no_other),
		cmocka_unit_test(a_path_that_was_taken_is_opened_later),
		cmocka_unit_test(adopted_sockets_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
