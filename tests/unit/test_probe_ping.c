/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checks by echo requests, in a network namespace of the test's own (77 where it may not make one): both kinds of
 * sockets, both protocols, who does not answer, and where nothing is permitted. */
#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "probe_lab.h"

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return written;
}

/* A new one in any case, as this may not be taken back: where one group is mapped, a range without it cannot be
 * written. */
static bool enter_network(void)
{
	struct ifreq loopback = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd;

	if (unshare(CLONE_NEWNET) < 0)
		return false;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool up = ioctl(fd, SIOCSIFFLAGS, &loopback) == 0;
	close(fd);
	return up;
}

/* Without root: root in a user namespace of our own. */
static bool become_root(void)
{
	char uids[32], gids[32];

	snprintf(uids, sizeof uids, "0 %u 1", (unsigned)geteuid());
	snprintf(gids, sizeof gids, "0 %u 1", (unsigned)getegid());
	return geteuid() == 0 || (unshare(CLONE_NEWUSER) == 0 && put("/proc/self/setgroups", "deny") &&
				  put("/proc/self/uid_map", uids) && put("/proc/self/gid_map", gids));
}

/* A network that has only the loopback, and lets nobody have ping sockets, or lets our group. */
static void make_network(bool ping_sockets)
{
	assert_true(enter_network());
	if (ping_sockets)
		assert_true(put("/proc/sys/net/ipv4/ping_group_range", "0 0"));
}

static void answer(bool answers)
{
	assert_true(put("/proc/sys/net/ipv4/icmp_echo_ignore_all", answers ? "0" : "1"));
}

/* Adds to the effective set, or takes from it, what the permitted one keeps. */
static void have_raw(bool have)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	assert_int_equal(syscall(SYS_capget, &header, data), 0);
	data[0].effective = have ? data[0].effective | 1U << CAP_NET_RAW : data[0].effective & ~(1U << CAP_NET_RAW);
	assert_int_equal(syscall(SYS_capset, &header, data), 0);
}

static void open_ping(struct run *run, const char *address, unsigned count)
{
	lab_open(run, CHECK_PING, "{\"address\": \"%s\", \"count\": %u}", address, count);
}

static void expect_answers(const char *address)
{
	struct run run, other;

	open_ping(&run, address, 1);
	open_ping(&other, address, 20);
	lab_expect(&run, true, "");
	run.again = 2;
	lab_run(&run); /* two at once, each hears its own */
	lab_run(&other);
	lab_until(run.ended == 4 && other.ended == 1);
	assert_true(run.passed && other.passed);
	run.close = true;
	lab_run(&run);
	lab_until(!run.probe);
	lab_close(&other);
}

static void test_answered(void **state)
{
	(void)state;
	for (unsigned ping_sockets = 0; ping_sockets < 2; ping_sockets++) {
		make_network(ping_sockets);
		have_raw(!ping_sockets);
		expect_answers("127.0.0.1");
		if (access("/proc/net/if_inet6", F_OK) == 0)
			expect_answers("::1");
		have_raw(true);
	}
}

/* A later request is answered; by a raw socket the answers to another's are heard too. */
static void test_answered_late(void **state)
{
	struct run run, other, third;

	(void)state;
	for (unsigned ping_sockets = 0; ping_sockets < 2; ping_sockets++) {
		make_network(ping_sockets);
		answer(false);
		open_ping(&run, "127.0.0.1", 1);
		open_ping(&other, "127.0.0.1", 20);
		lab_run(&run);
		lab_run(&other);
		lab_drain();
		assert_int_equal(run.ended + other.ended, 0);
		answer(true);
		lab_until(other.ended == 1);
		assert_true(other.passed);
		open_ping(&third, "127.0.0.1", 1); /* its request is a first one, too */
		lab_expect(&third, true, "");
		lab_close(&third);
		lab_drain();
		assert_int_equal(run.ended, 0); /* it has no request left */
		probe_stop(run.probe);
		lab_expect(&run, true, "");
		lab_close(&run);
		lab_run(&other);
		lab_close(&other);
		assert_int_equal(other.ended, 1);
	}
}

static void test_no_way(void **state)
{
	struct run run;

	(void)state;
	for (unsigned ping_sockets = 0; ping_sockets < 2; ping_sockets++) {
		make_network(ping_sockets);
		open_ping(&run, "192.0.2.1", 3);
		lab_expect(&run, false, "network is unreachable");
		lab_close(&run);
	}
	make_network(false);
	have_raw(false);
	open_ping(&run, "127.0.0.1", 1);
	lab_expect(&run, false,
		   "not permitted: the group is not in net.ipv4.ping_group_range, and CAP_NET_RAW is missing");
	have_raw(true);
	lab_expect(&run, true, "");
	lab_close(&run);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, lab_begin, lab_end)
	const struct CMUnitTest tests[] = { TEST(test_answered), TEST(test_answered_late), TEST(test_no_way) };

	if (!become_root() || !enter_network()) {
		perror("this process may not make a network namespace");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
