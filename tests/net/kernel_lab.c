/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel_lab.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "kernel/clock.h"

static int here = -1, peer = -1;

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return written;
}

/* Without root: root in a user namespace of our own. */
static bool become_root(void)
{
	char uids[32], gids[32];

	if (geteuid() == 0)
		return true;
	snprintf(uids, sizeof uids, "0 %u 1", (unsigned)geteuid());
	snprintf(gids, sizeof gids, "0 %u 1", (unsigned)getegid());
	return unshare(CLONE_NEWUSER) == 0 && write_file("/proc/self/setgroups", "deny") &&
	       write_file("/proc/self/uid_map", uids) && write_file("/proc/self/gid_map", gids);
}

static int new_namespace(void)
{
	return unshare(CLONE_NEWNET) == 0 ? open("/proc/self/ns/net", O_RDONLY) : -1;
}

int lab_open(void **state)
{
	(void)state;
	peer = become_root() ? new_namespace() : -1;
	here = peer >= 0 ? new_namespace() : -1;
	if (here < 0) {
		fprintf(stderr, "this process may not make network namespaces: %s\n", strerror(errno));
		exit(77);
	}
	lab_run("ip link set lo up");
	return 0;
}

int lab_close(void **state)
{
	(void)state;
	lab_try("ip link del v0 2>/dev/null");
	close(here);
	close(peer);
	return 0;
}

/* The ends have different ifindexes: with equal ones their carrier events would be delayed as a plain NIC's are. */
int lab_pair(void **state)
{
	(void)state;
	lab_try("ip link del v0 2>/dev/null");
	lab_run("ip link add v0 index %d type veth peer name v1 index %d", V0, V1);
	lab_run("ip link set v1 netns /proc/%d/fd/%d", getpid(), peer);
	lab_run_peer("ip link set v1 up && ip addr add 10.9.0.2/24 dev v1");
	lab_run("ip link set v0 up && ip addr add 10.9.0.1/24 dev v0");
	for (unsigned i = 0; !lab_try("ip link show dev v0 | grep -q LOWER_UP"); i++) {
		assert_true(i < DEADLINE_MS / 10);
		usleep(10000);
	}
	return 0;
}

bool lab_try(const char *command)
{
	return system(command) == 0;
}

__attribute__((format(printf, 1, 0))) static void run(const char *format, va_list arguments)
{
	char command[512];

	vsnprintf(command, sizeof command, format, arguments);
	if (!lab_try(command))
		fail_msg("failed: %s", command);
}

void lab_run(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	run(format, arguments);
	va_end(arguments);
}

void lab_run_peer(const char *format, ...)
{
	va_list arguments;

	lab_enter_peer();
	va_start(arguments, format);
	run(format, arguments);
	va_end(arguments);
	lab_leave_peer();
}

void lab_enter_peer(void)
{
	assert_int_equal(setns(peer, CLONE_NEWNET), 0);
}

void lab_leave_peer(void)
{
	assert_int_equal(setns(here, CLONE_NEWNET), 0);
}

void lab_wait(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	if (poll(&p, 1, DEADLINE_MS) != 1)
		fail_msg("nothing came within %d ms", DEADLINE_MS);
}

static struct event next_result(struct applier *a, char *text)
{
	struct event event;
	const char *words;
	int fd;

	while (!applier_next(a, &event, &fd, &words))
		lab_wait(applier_fd(a));
	if (fd >= 0)
		close(fd);
	if (text)
		snprintf(text, 256, "%s", words);
	return event;
}

struct event lab_result(struct applier *a)
{
	return next_result(a, NULL);
}

struct event lab_do(struct applier *a, const struct action *action, char *text)
{
	struct event event;

	assert_int_equal(applier_submit(a, action), 0);
	applier_kick(a);
	event = next_result(a, text);
	if (event.type == EV_DONE || event.type == EV_FAILED)
		assert_memory_equal(&event.u.result.action, action, sizeof *action);
	return event;
}

void lab_must(struct applier *a, const struct action *action)
{
	char text[256];
	struct event event = lab_do(a, action, text);

	if (event.type != EV_DONE)
		fail_msg("action %d was refused: %s (%s)", action->type, strerror(event.u.result.error), text);
	assert_int_equal(event.u.result.error, 0);
	assert_string_equal(text, "");
}

const char *lab_refused(struct applier *a, const struct action *action, int error)
{
	static char text[256];
	struct event event = lab_do(a, action, text);

	assert_int_equal(event.type, EV_FAILED);
	assert_true(event.u.result.error > 0);
	if (error)
		assert_int_equal(event.u.result.error, error);
	return text;
}

struct ip lab_ip(unsigned n)
{
	return (struct ip){.family = FAMILY_4, .bytes = {10, 77, (uint8_t)(n / 250), (uint8_t)(n % 250 + 1)}};
}

struct action lab_address(enum action_type type, unsigned n)
{
	struct action action;

	memset(&action, 0, sizeof action); /* padding too: answers are compared as bytes */
	action.type = type;
	action.gen = n;
	action.u.address.ifindex = V0;
	strcpy(action.u.address.ifname, "v0");
	action.u.address.ip = lab_ip(n);
	action.u.address.prefix = 32;
	action.u.address.lifetime_s = 30;
	return action;
}

struct action lab_link(enum action_type type, int ifindex)
{
	struct action action;

	memset(&action, 0, sizeof action);
	action.type = type;
	action.u.link.ifindex = ifindex;
	return action;
}

uint64_t lab_now(void)
{
	return clock_ns(CLOCK_BOOTTIME);
}
