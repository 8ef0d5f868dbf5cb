/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sockets of heartbeats, over the loopback interface: who floods one path keeps nobody from reading the others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_that_waits_is_read),
		cmocka_unit_test(a_flooded_path_starves_no_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
