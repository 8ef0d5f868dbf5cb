/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The applier and the live netlink socket against the running kernel. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "kernel_lab.h"

enum { CAPACITY = 1200 };

static struct applier *applier;
static struct netlink_events *live;

static int set_up(void **state)
{
	lab_pair(state);
	applier = applier_new(CAPACITY);
	live = netlink_events_open(4 << 20);
	return applier && live ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	applier_free(applier);
	netlink_events_close(live);
	return 0;
}

/* The first live event of that type on the interface. */
static struct event wait_event(enum event_type type, int ifindex)
{
	struct event event;

	for (;;) {
		int n = netlink_events_next(live, &event);

		assert_true(n >= 0 || n == -EAGAIN);
		if (n <= 0)
			lab_wait(netlink_events_fd(live));
		else if (event.type == type && event.u.link.ifindex == ifindex) /* the first member of each */
			return event;
	}
}

static void forget_events(void)
{
	struct event event;

	while (netlink_events_next(live, &event) > 0)
		;
}

/* ---- links ------------------------------------------------------------------------------------------------------ */

static void test_link_up_down(void **state)
{
	struct action up = lab_link(ACT_LINK_UP, V0), down = lab_link(ACT_LINK_DOWN, V0);
	struct event event;

	(void)state;
	lab_must(applier, &down);
	do
		event = wait_event(EV_LINK, V0);
	while (event.u.link.up);
	assert_string_equal(event.u.link.name, "v0");
	assert_false(event.u.link.carrier);
	lab_must(applier, &up);
	do
		event = wait_event(EV_LINK, V0);
	while (!event.u.link.up || !event.u.link.carrier);
	assert_int_equal(event.u.link.mtu, 1500);
	assert_int_equal(event.u.link.kind, KIND_OTHER);
}

static void test_link_gone(void **state)
{
	struct action up = lab_link(ACT_LINK_UP, V0);

	(void)state;
	lab_run("ip link del v0");
	assert_string_equal(wait_event(EV_LINK_GONE, V0).u.link.name, "v0");
	lab_refused(applier, &up, ENODEV);
}

static void test_enslave_to_nothing(void **state)
{
	struct action action = lab_link(ACT_ENSLAVE, V0);

	(void)state;
	action.u.link.master = 9999;
	lab_refused(applier, &action, 0);
	action.u.link.master = 1; /* lo takes no ports */
	lab_refused(applier, &action, 0);
}

static void test_bridge_port(void **state)
{
	struct action action = lab_link(ACT_ENSLAVE, V0);
	struct event event;

	(void)state;
	if (!lab_try("ip link add br7 index 307 type bridge 2>/dev/null"))
		skip();
	assert_int_equal(wait_event(EV_LINK, 307).u.link.kind, KIND_BRIDGE);
	action.u.link.master = 307;
	lab_must(applier, &action);
	do
		event = wait_event(EV_LINK, V0);
	while (!event.u.link.master);
	assert_int_equal(event.u.link.master, 307);
	action = lab_link(ACT_RELEASE, V0);
	lab_must(applier, &action);
	do
		event = wait_event(EV_LINK, V0);
	while (event.u.link.master);
	lab_run("ip link del br7");
}

/* ---- addresses -------------------------------------------------------------------------------------------------- */

static void test_address(void **state)
{
	struct action add = lab_address(ACT_ADDRESS_ADD, 7), del = lab_address(ACT_ADDRESS_DEL, 7);
	uint64_t before = lab_now();
	struct event event;

	(void)state;
	lab_must(applier, &add);
	event = wait_event(EV_ADDRESS, V0);
	assert_true(ip_equal(&event.u.address.ip, &add.u.address.ip));
	assert_int_equal(event.u.address.prefix, 32);
	assert_true(event.u.address.ours);
	assert_false(event.u.address.permanent);
	assert_in_range(event.u.address.valid_s, 28, 30);
	/* 10 ms of the stamp, and a tick of the slowest kernel */
	assert_in_range(event.u.address.renewed_ns, before - 40 * NSEC_PER_MSEC, lab_now());
	assert_int_equal(lab_do(applier, &add, NULL).u.result.error, EEXIST);
	print_message("adding twice: %s\n", lab_refused(applier, &add, EEXIST));
	lab_must(applier, &del);
	event = wait_event(EV_ADDRESS_GONE, V0);
	assert_true(ip_equal(&event.u.address.ip, &add.u.address.ip));
	lab_must(applier, &del); /* of a missing one: what was wanted is so */
	del.u.address.ifindex = 9999;
	lab_must(applier, &del);
	add.u.address.ifindex = 9999;
	lab_refused(applier, &add, ENODEV);
}

static void test_address_renewed(void **state)
{
	struct action add = lab_address(ACT_ADDRESS_ADD, 7), renew = lab_address(ACT_ADDRESS_RENEW, 7);
	uint64_t first;
	struct event event;

	(void)state;
	lab_must(applier, &add);
	first = wait_event(EV_ADDRESS, V0).u.address.renewed_ns;
	renew.u.address.lifetime_s = 90;
	while (lab_now() < first + 60 * NSEC_PER_MSEC)
		usleep(1000);
	lab_must(applier, &renew);
	event = wait_event(EV_ADDRESS, V0);
	assert_in_range(event.u.address.valid_s, 88, 90);
	assert_true(event.u.address.renewed_ns > first);
	assert_true(event.u.address.ours);
}

static void test_bond_address(void **state)
{
	struct action add = lab_address(ACT_ADDRESS_ADD, 7);

	(void)state;
	add.u.address.prefix = 24;
	add.u.address.lifetime_s = UINT32_MAX;
	lab_must(applier, &add);
	assert_true(wait_event(EV_ADDRESS, V0).u.address.permanent);
	lab_run("ip -4 addr show dev v0 | grep -q 'inet 10.77.0.8/24 brd 10.77.0.255'");
}

static void test_address_6(void **state)
{
	struct action add = lab_address(ACT_ADDRESS_ADD, 0);
	struct event event;

	(void)state;
	add.u.address.ip = (struct ip){.family = FAMILY_6, .bytes = {0x20, 1, 0xd, 0xb8, [15] = 9}};
	add.u.address.prefix = 128;
	add.u.address.nodad = true;
	lab_must(applier, &add);
	do
		event = wait_event(EV_ADDRESS, V0);
	while (!ip_equal(&event.u.address.ip, &add.u.address.ip));
	assert_false(event.u.address.tentative);
	assert_true(event.u.address.ours);
	assert_int_equal(event.u.address.prefix, 128);
	assert_in_range(event.u.address.valid_s, 28, 30);
	lab_refused(applier, &add, EEXIST);
	add.type = ACT_ADDRESS_DEL;
	lab_must(applier, &add);
	lab_must(applier, &add);
}

static void test_foreign_address(void **state)
{
	struct event event;

	(void)state;
	forget_events();
	lab_run("ip addr add 10.55.0.1/24 dev v0");
	event = wait_event(EV_ADDRESS, V0);
	assert_false(event.u.address.ours);
	assert_true(event.u.address.permanent);
	assert_int_not_equal(event.u.address.cause, 0);
	assert_int_equal(event.u.address.valid_s, UINT32_MAX);
}

/* ---- routes ----------------------------------------------------------------------------------------------------- */

static struct action route(enum action_type type, uint8_t last, uint32_t metric)
{
	struct action action;

	memset(&action, 0, sizeof action);
	action.type = type;
	action.u.route.ifindex = V0;
	action.u.route.route.to = (struct ip){.family = FAMILY_4, .bytes = {10, 66, 0, 0}};
	action.u.route.route.prefix = 16;
	action.u.route.route.via = (struct ip){.family = FAMILY_4, .bytes = {10, 9, 0, last}};
	action.u.route.route.metric = metric;
	return action;
}

static void test_route(void **state)
{
	struct action add = route(ACT_ROUTE_ADD, 2, 50), other = route(ACT_ROUTE_ADD, 3, 50), del;
	struct event event;

	(void)state;
	forget_events();
	lab_must(applier, &add);
	event = wait_event(EV_ROUTE, V0);
	assert_memory_equal(&event.u.route.route, &add.u.route.route, sizeof event.u.route.route);
	assert_true(event.u.route.ours);
	lab_refused(applier, &add, EEXIST);
	other.u.route.replace = true;
	lab_must(applier, &other);
	event = wait_event(EV_ROUTE, V0);
	assert_true(ip_equal(&event.u.route.route.via, &other.u.route.route.via));
	del = route(ACT_ROUTE_DEL, 3, 50);
	lab_must(applier, &del);
	event = wait_event(EV_ROUTE_GONE, V0);
	assert_true(ip_equal(&event.u.route.route.via, &other.u.route.route.via));
	lab_must(applier, &del);
	lab_run("ip route add 10.66.0.0/16 via 10.9.0.3 dev v0 metric 50");
	lab_must(applier, &del); /* somebody else's is not ours to remove */
	lab_run("ip route show 10.66.0.0/16 | grep -q 10.9.0.3");
}

static void test_route_refused_with_words(void **state)
{
	struct action add = route(ACT_ROUTE_ADD, 2, 50);
	const char *words;

	(void)state;
	add.u.route.route.via = (struct ip){.family = FAMILY_4, .bytes = {172, 31, 0, 1}};
	words = lab_refused(applier, &add, ENETUNREACH);
	print_message("gateway out of reach: %s\n", words);
	assert_string_not_equal(words, "");
}

static void test_default_route_6(void **state)
{
	struct action add = route(ACT_ROUTE_ADD, 2, 0);
	struct event event;

	(void)state;
	forget_events();
	add.u.route.route = (struct config_route){.to = {.family = FAMILY_6}, .via = {.family = FAMILY_6}};
	memcpy(add.u.route.route.via.bytes, (uint8_t[16]){0xfe, 0x80, [15] = 1}, 16);
	lab_must(applier, &add);
	do
		event = wait_event(EV_ROUTE, V0);
	while (event.u.route.route.prefix || event.u.route.route.to.family != FAMILY_6);
	assert_true(event.u.route.ours);
	assert_true(ip_equal(&event.u.route.route.via, &add.u.route.route.via));
	assert_int_equal(event.u.route.route.metric, 1024); /* the kernel's default */
	add.type = ACT_ROUTE_DEL;
	lab_must(applier, &add);
	lab_must(applier, &add);
}

/* ---- sysctls ---------------------------------------------------------------------------------------------------- */

static struct action sysctl_of(const char *ifname, int ifindex)
{
	struct action action;

	memset(&action, 0, sizeof action);
	action.type = ACT_SYSCTL;
	action.u.sysctl.ifindex = ifindex;
	strcpy(action.u.sysctl.ifname, ifname);
	action.u.sysctl.key = SYSCTL_ARP_ANNOUNCE;
	action.u.sysctl.value = 2;
	return action;
}

static void test_sysctl(void **state)
{
	struct action action = sysctl_of("v0", V0);

	(void)state;
	lab_must(applier, &action);
	lab_run("grep -qx 2 /proc/sys/net/ipv4/conf/v0/arp_announce");
	action.u.sysctl.key = SYSCTL_ARP_IGNORE;
	action.u.sysctl.value = 1;
	lab_must(applier, &action);
	lab_run("grep -qx 1 /proc/sys/net/ipv4/conf/v0/arp_ignore");
	action = sysctl_of("all", V0);
	lab_refused(applier, &action, ENODEV);
	action = sysctl_of("v0", V0 + 1);
	lab_refused(applier, &action, ENODEV);
	action = sysctl_of("../conf/v0", V0);
	lab_refused(applier, &action, EINVAL);
	action = sysctl_of("..", V0);
	lab_refused(applier, &action, EINVAL);
}

/* ---- the queue -------------------------------------------------------------------------------------------------- */

static void submit_addresses(enum action_type type, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct action action = lab_address(type, i);

		assert_int_equal(applier_submit(applier, &action), 0);
	}
}

static void expect_done_in_order(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct event event = lab_result(applier);

		assert_int_equal(event.type, EV_DONE);
		assert_int_equal(event.u.result.action.gen, i);
	}
}

static void expect_nothing(void)
{
	struct event event;
	const char *text;
	int fd;

	assert_false(applier_next(applier, &event, &fd, &text));
	assert_int_equal(fd, -1);
	assert_string_equal(text, "");
}

static void test_many_in_order(void **state)
{
	(void)state;
	submit_addresses(ACT_ADDRESS_ADD, 1000);
	expect_nothing();
	applier_kick(applier);
	expect_done_in_order(1000);
	expect_nothing();
	for (unsigned i = 0; i < 1000; i++) {
		struct ip ip = lab_ip(i);
		struct event event = wait_event(EV_ADDRESS, V0);

		assert_true(ip_equal(&event.u.address.ip, &ip));
	}
	submit_addresses(ACT_ADDRESS_DEL, 1000);
	applier_kick(applier);
	expect_done_in_order(1000);
}

static void submit(enum action_type type, unsigned i)
{
	struct action action = lab_address(type, i);

	action.object.type = OBJECT_VIP;
	assert_int_equal(applier_submit(applier, &action), 0);
}

static void expect(enum action_type type, unsigned i)
{
	struct event event = lab_result(applier);

	assert_int_equal(event.type, EV_DONE);
	assert_int_equal(event.u.result.action.type, type);
	assert_int_equal(event.u.result.action.gen, i);
}

/* Whatever waits: thousands of IPv6 addresses take longer than the leases of what is there. Over and over, for the ring begins anew. */
static void test_hasty_go_first(void **state)
{
	enum { THERE = 100, NEW = 50, SLOW = 150 };

	(void)state;
	applier_free(applier);
	applier = applier_new(THERE + NEW + SLOW + 7);
	submit_addresses(ACT_ADDRESS_ADD, THERE);
	applier_kick(applier);
	expect_done_in_order(THERE);
	for (unsigned turn = 0; turn < 10; turn++) {
		for (unsigned i = 0; i < SLOW; i++) {
			submit(ACT_ADDRESS_DEL, THERE + NEW + i);
			if (i >= SLOW - THERE)
				submit(ACT_ADDRESS_RENEW, i - (SLOW - THERE));
		}
		for (unsigned i = 0; i < NEW; i++)
			submit(ACT_ADDRESS_ADD, THERE + i);
		applier_kick(applier);
		for (unsigned i = 0; i < THERE; i++)
			expect(ACT_ADDRESS_RENEW, i);
		for (unsigned i = 0; i < NEW; i++)
			expect(ACT_ADDRESS_ADD, THERE + i);
		for (unsigned i = 0; i < SLOW; i++)
			expect(ACT_ADDRESS_DEL, THERE + NEW + i);
		expect_nothing();
		for (unsigned i = 0; i < NEW; i++)
			submit(ACT_ADDRESS_DEL, THERE + i);
		applier_kick(applier);
		for (unsigned i = 0; i < NEW; i++)
			expect(ACT_ADDRESS_DEL, THERE + i);
	}
}

static void test_full_queue_and_reserve(void **state)
{
	struct action action = lab_address(ACT_ADDRESS_DEL, 0);

	(void)state;
	applier_free(applier);
	applier = applier_new(3);
	submit_addresses(ACT_ADDRESS_ADD, 3);
	assert_int_equal(applier_submit(applier, &action), -ENOBUFS);
	applier_kick(applier);
	lab_wait(applier_fd(applier));
	while (!lab_try("ip -4 -o addr show dev v0 | grep -q 10.77.0.3/32"))
		;
	assert_int_equal(applier_submit(applier, &action), -ENOBUFS); /* answers not taken hold their place */
	assert_int_equal(applier_reserve(applier, 4), 0);
	assert_int_equal(applier_reserve(applier, 2), 0);
	assert_int_equal(applier_submit(applier, &action), 0);
	assert_int_equal(applier_submit(applier, &action), -ENOBUFS);
	expect_done_in_order(3);
	applier_kick(applier);
	expect_done_in_order(1);
	expect_nothing();
}

/* The ring grows again and again while the thread works on it. */
static void test_reserve_while_busy(void **state)
{
	unsigned submitted = 0, answered = 0;

	(void)state;
	applier_free(applier);
	applier = applier_new(1);
	for (size_t capacity = 1; capacity <= 600; capacity++) {
		assert_int_equal(applier_reserve(applier, capacity), 0);
		for (struct action action = lab_address(ACT_ADDRESS_ADD, submitted); applier_submit(applier, &action) == 0;
		     action = lab_address(ACT_ADDRESS_ADD, submitted))
			submitted++;
		applier_kick(applier);
		if (capacity % 7 == 0)
			assert_int_equal(lab_result(applier).u.result.action.gen, answered++);
	}
	while (answered < submitted)
		assert_int_equal(lab_result(applier).u.result.action.gen, answered++);
	expect_nothing();
}

static void test_free_finishes(void **state)
{
	(void)state;
	submit_addresses(ACT_ADDRESS_ADD, 300);
	applier_free(applier);
	applier = NULL;
	lab_run("test $(ip -4 -o addr show dev v0 | grep -c 10.77) = 300");
}

/* A listening socket that nobody took is closed, not leaked. */
static void test_free_closes_sockets(void **state)
{
	struct action listen;

	(void)state;
	memset(&listen, 0, sizeof listen);
	listen.type = ACT_LISTEN;
	listen.u.listen = (struct action_listen){.ifindex = V0, .ifname = "v0", .family = FAMILY_4};
	assert_int_equal(applier_submit(applier, &listen), 0);
	applier_free(applier);
	applier = NULL;
	lab_run("! grep -q 00000000:0070 /proc/net/raw");
}

/* ---- snapshots -------------------------------------------------------------------------------------------------- */

static struct action snapshot_action(uint32_t epoch)
{
	struct action action;

	memset(&action, 0, sizeof action);
	action.type = ACT_SNAPSHOT;
	action.u.snapshot.epoch = epoch;
	action.u.snapshot.routes = true;
	return action;
}

static void test_snapshot(void **state)
{
	struct action snapshot = snapshot_action(77), add6 = lab_address(ACT_ADDRESS_ADD, 0);
	struct action add_route = route(ACT_ROUTE_ADD, 2, 50);
	unsigned links = 0, ours = 0, ours_6 = 0, foreign = 0, routes = 0;
	struct event event;

	(void)state;
	add6.u.address.ip = (struct ip){.family = FAMILY_6, .bytes = {0x20, 1, 0xd, 0xb8, [15] = 9}};
	add6.u.address.prefix = 128;
	add6.u.address.nodad = true;
	lab_run("ip route add 10.67.0.0/16 via 10.9.0.2 table 200"); /* not the main table */
	submit_addresses(ACT_ADDRESS_ADD, 500);
	applier_submit(applier, &add6);
	applier_submit(applier, &add_route);
	applier_submit(applier, &snapshot);
	applier_kick(applier);
	for (unsigned i = 0; i < 502; i++)
		assert_int_equal(lab_result(applier).type, EV_DONE);
	event = lab_result(applier);
	assert_int_equal(event.type, EV_SNAP_BEGIN);
	assert_int_equal(event.epoch, 77);
	while ((event = lab_result(applier)).type != EV_SNAP_END) {
		assert_int_equal(event.epoch, 77);
		if (event.type == EV_LINK) {
			links++;
			assert_int_equal(ours + foreign + routes, 0); /* links come first */
		} else if (event.type == EV_ADDRESS && event.u.address.ours) {
			ours++;
			ours_6 += event.u.address.ip.family == FAMILY_6;
		} else if (event.type == EV_ADDRESS) {
			foreign++;
		} else {
			assert_int_equal(event.type, EV_ROUTE);
			assert_int_not_equal(event.u.route.route.to.bytes[1], 67);
			routes += event.u.route.ours;
		}
	}
	assert_int_equal(event.epoch, 77);
	expect_nothing();
	assert_true(links >= 2);
	assert_int_equal(ours, 501);
	assert_int_equal(ours_6, 1);
	assert_true(foreign >= 1);
	assert_int_equal(routes, 1);
	lab_run("ip route flush table 200");
}

static void test_snapshot_without_routes(void **state)
{
	struct action snapshot = snapshot_action(78), add_route = route(ACT_ROUTE_ADD, 2, 50);
	unsigned links = 0, addresses = 0;
	struct event event;

	(void)state;
	lab_must(applier, &add_route);
	snapshot.u.snapshot.routes = false;
	/* The fourth request would be the first of routes. */
	applier_inject(applier, 4, ENOMEM);
	assert_int_equal(lab_do(applier, &snapshot, NULL).type, EV_SNAP_BEGIN);
	while ((event = lab_result(applier)).type != EV_SNAP_END) {
		assert_true(event.type == EV_LINK || event.type == EV_ADDRESS);
		links += event.type == EV_LINK;
		addresses += event.type == EV_ADDRESS;
	}
	assert_int_equal(event.epoch, 78);
	assert_true(links >= 2 && addresses >= 1);
	applier_inject(applier, 0, 0);
}

static void test_empty_snapshot(void **state)
{
	struct action snapshot = snapshot_action(1);

	(void)state;
	lab_run("ip link del v0");
	lab_run("ip link set lo down");
	assert_int_equal(lab_do(applier, &snapshot, NULL).type, EV_SNAP_BEGIN);
	assert_int_equal(lab_result(applier).type, EV_LINK);
	while (lab_result(applier).type != EV_SNAP_END)
		;
	expect_nothing();
}

/* While an even half of the addresses is taken away, a dump that did not notice would pass over some of the odd ones, which
 * stay. Whole or an overrun, never less. */
static void test_snapshot_of_a_moving_kernel(void **state)
{
	enum { N = 1000, ROUNDS = 30 };
	struct applier *other = applier_new(N);
	unsigned overruns = 0;

	(void)state;
	for (uint32_t epoch = 1; epoch <= ROUNDS; epoch++) {
		struct action snapshot = snapshot_action(epoch);
		unsigned stayed = 0;
		struct event event;

		submit_addresses(ACT_ADDRESS_ADD, N);
		applier_kick(applier);
		expect_done_in_order(N);
		for (unsigned i = 0; i < N; i += 2) {
			struct action action = lab_address(ACT_ADDRESS_DEL, i);

			assert_int_equal(applier_submit(other, &action), 0);
		}
		applier_kick(other);
		event = lab_do(applier, &snapshot, NULL);
		assert_int_equal(event.epoch, epoch);
		overruns += event.type == EV_OVERRUN;
		if (event.type == EV_SNAP_BEGIN) {
			while ((event = lab_result(applier)).type != EV_SNAP_END) {
				assert_int_equal(event.epoch, epoch);
				stayed += event.type == EV_ADDRESS && event.u.address.ours && event.u.address.ip.bytes[3] % 2 == 0;
			}
			assert_int_equal(stayed, N / 2);
		}
		for (unsigned i = 0; i < N / 2; i++)
			assert_int_equal(lab_result(other).type, EV_DONE);
		submit_addresses(ACT_ADDRESS_DEL, N);
		applier_kick(applier);
		expect_done_in_order(N);
	}
	applier_free(other);
	print_message("of %d snapshots under change %u given up after interruptions\n", ROUNDS, overruns);
}

/* ---- overrun ---------------------------------------------------------------------------------------------------- */

static void test_overrun(void **state)
{
	struct event event;
	unsigned told = 0;
	int n;

	(void)state;
	netlink_events_close(live);
	live = netlink_events_open(8192);
	for (unsigned round = 0; round < 3; round++) {
		submit_addresses(round & 1 ? ACT_ADDRESS_DEL : ACT_ADDRESS_ADD, 833);
		applier_kick(applier);
		expect_done_in_order(833);
	}
	while ((n = netlink_events_next(live, &event)) > 0)
		told++;
	assert_int_equal(n, -ENOBUFS);
	assert_true(told < 2499);
	assert_int_equal(netlink_events_next(live, &event), 0);
	/* What happens after it was told is not lost. */
	submit_addresses(ACT_ADDRESS_DEL, 3);
	applier_kick(applier);
	expect_done_in_order(3);
	assert_int_equal(wait_event(EV_ADDRESS_GONE, V0).u.address.ip.bytes[3], 1);
	assert_int_equal(wait_event(EV_ADDRESS_GONE, V0).u.address.ip.bytes[3], 2);
	assert_int_equal(wait_event(EV_ADDRESS_GONE, V0).u.address.ip.bytes[3], 3);
}

/* A flood of what is of no interest gives the caller its turn again and again. */
static void test_foreign_flood(void **state)
{
	enum { ROUTES = 3000 };
	struct event event;
	unsigned turns = 0, told = 0;
	int n;

	(void)state;
	forget_events();
	lab_run("for i in $(seq %d); do echo route add 10.$((i / 250 + 80)).$((i %% 250)).0/24 dev v0 table 200; done | ip -batch -",
		ROUTES);
	while ((n = netlink_events_next(live, &event)) > 0 || n == -EAGAIN) {
		turns += n == -EAGAIN;
		told += n > 0 && event.type == EV_ROUTE;
	}
	assert_int_equal(n, 0);
	assert_int_equal(told, 0);
	assert_in_range(turns, 5, ROUTES);
	/* Unless other tables are of interest. */
	netlink_events_all_tables(live, true);
	lab_run("ip route add 10.90.0.0/24 dev v0 table 201");
	assert_int_equal(wait_event(EV_ROUTE, V0).u.route.route.table, 201);
	netlink_events_all_tables(live, false);
	/* The next one of interest is not passed over. */
	lab_run("ip route flush table 200");
	lab_run("ip address add 10.9.0.77/32 dev v0");
	assert_int_equal(wait_event(EV_ADDRESS, V0).u.address.ip.bytes[3], 77);
}

/* ---- refused requests ------------------------------------------------------------------------------------------- */

static void test_inject_each(void **state)
{
	enum { N = 5 };

	(void)state;
	for (unsigned nth = 1; nth <= N; nth++) {
		applier_inject(applier, nth, EPERM);
		submit_addresses(ACT_ADDRESS_ADD, N);
		applier_kick(applier);
		for (unsigned i = 0; i < N; i++) {
			struct event event = lab_result(applier);

			assert_int_equal(event.type, i + 1 == nth ? EV_FAILED : EV_DONE);
			assert_int_equal(event.u.result.error, i + 1 == nth ? EPERM : 0);
			assert_int_equal(event.u.result.action.gen, i);
		}
		submit_addresses(ACT_ADDRESS_DEL, N); /* the one that was not made too */
		applier_kick(applier);
		expect_done_in_order(N);
	}
	expect_nothing();
}

static void test_broken_socket_each(void **state)
{
	enum { N = 3 };

	(void)state;
	for (unsigned nth = 1; nth <= N; nth++) {
		applier_inject(applier, nth, 0);
		submit_addresses(ACT_ADDRESS_ADD, N);
		applier_kick(applier);
		for (unsigned i = 0; i < N; i++) {
			struct event event = lab_result(applier);

			assert_int_equal(event.type, EV_FAILED);
			assert_int_equal(event.u.result.error, EIO);
		}
		submit_addresses(ACT_ADDRESS_ADD, N); /* on the new socket */
		submit_addresses(ACT_ADDRESS_DEL, N);
		applier_kick(applier);
		expect_done_in_order(N);
		expect_done_in_order(N);
	}
}

static void test_inject_snapshot_each(void **state)
{
	struct action snapshot = snapshot_action(5);

	(void)state;
	for (int error = 0; error <= ENOMEM; error += ENOMEM) {
		for (unsigned nth = 1; nth <= 5; nth++) {
			struct event event;

			applier_inject(applier, nth, error);
			event = lab_do(applier, &snapshot, NULL);
			assert_int_equal(event.type, EV_OVERRUN);
			assert_int_equal(event.epoch, 5);
			expect_nothing();
			assert_int_equal(lab_do(applier, &snapshot, NULL).type, EV_SNAP_BEGIN);
			while (lab_result(applier).type != EV_SNAP_END)
				;
		}
	}
	/* An interruption is worth another try: refused once, then whole. */
	applier_inject(applier, 3, EINTR);
	assert_int_equal(lab_do(applier, &snapshot, NULL).type, EV_SNAP_BEGIN);
	while (lab_result(applier).type != EV_SNAP_END)
		;
}

static void test_inject_others(void **state)
{
	struct action action = sysctl_of("v0", V0);

	(void)state;
	applier_inject(applier, 1, EACCES);
	lab_refused(applier, &action, EACCES);
	lab_must(applier, &action);
	memset(&action, 0, sizeof action);
	action.type = ACT_LISTEN;
	action.u.listen = (struct action_listen){.ifindex = V0, .ifname = "v0", .family = FAMILY_6};
	applier_inject(applier, 1, EMFILE);
	lab_refused(applier, &action, EMFILE);
	lab_must(applier, &action);
	action.u.listen.ifindex = V0 + 1;
	lab_refused(applier, &action, ENODEV);
	strcpy(action.u.listen.ifname, "none");
	lab_refused(applier, &action, ENODEV);
	action.type = ACT_UNLISTEN;
	lab_must(applier, &action);
}

/* ---- figures ---------------------------------------------------------------------------------------------------- */

static void test_time_of_200(void **state)
{
	uint64_t start, first = 0;

	(void)state;
	submit_addresses(ACT_ADDRESS_ADD, 200);
	start = lab_now();
	applier_kick(applier);
	for (unsigned i = 0; i < 200; i++) {
		assert_int_equal(lab_result(applier).type, EV_DONE);
		if (!first)
			first = lab_now();
	}
	print_message("200 addresses: the first answer after %.2f ms, the last after %.2f ms\n", (double)(first - start) / 1e6,
		      (double)(lab_now() - start) / 1e6);
}

/* ---- bonds (kernels that have the driver) ----------------------------------------------------------------------- */

enum { PORT_A = 401, PORT_B = 403 };

static int bond_index;

/* A skip only where nobody said that the driver is there. */
static bool have_bonding(void)
{
	if (lab_try("ip link add bondprobe type bond 2>/dev/null && ip link del bondprobe"))
		return true;
	assert_null(getenv("STANDBYD_NEED_BONDING"));
	return false;
}

static int bond_tear_down(void **state)
{
	lab_try("ip link del bond7 2>/dev/null; ip link del pa 2>/dev/null; ip link del pb 2>/dev/null");
	return tear_down(state);
}

static struct event_link wait_bond(int active)
{
	struct event event;

	do
		event = wait_event(EV_LINK, bond_index);
	while (event.u.link.bond.active != active);
	return event.u.link;
}

static struct action bond_action(enum action_type type)
{
	struct action action = lab_link(type, bond_index);

	strcpy(action.u.link.ifname, "bond7");
	return action;
}

/* bond7 with the ports pa and pb, up, pa active. */
static void build_bond(void)
{
	struct action action = bond_action(ACT_BOND_CREATE);
	struct event event;

	lab_run("ip link add pa index %d type veth peer name pax index 402 && ip link set pax up", PORT_A);
	lab_run("ip link add pb index %d type veth peer name pbx index 404 && ip link set pbx up", PORT_B);
	forget_events();
	action.u.link.ifindex = 0;
	lab_must(applier, &action);
	do {
		while (netlink_events_next(live, &event) == 0)
			lab_wait(netlink_events_fd(live));
	} while (event.type != EV_LINK || event.u.link.kind != KIND_BOND);
	bond_index = event.u.link.ifindex;
	lab_refused(applier, &action, EEXIST);
	assert_string_equal(event.u.link.name, "bond7");
	assert_int_equal(event.u.link.bond.mode, BOND_MODE_ACTIVEBACKUP);
	assert_int_equal(event.u.link.bond.miimon, BOND_MIIMON_MS);
	assert_int_equal(event.u.link.bond.reselect, BOND_RESELECT_FAILURE);
	assert_int_equal(event.u.link.bond.primary, 0);
	for (int port = PORT_A; port <= PORT_B; port += PORT_B - PORT_A) {
		action = lab_link(ACT_ENSLAVE, port);
		action.u.link.master = bond_index;
		lab_must(applier, &action);
	}
	action = bond_action(ACT_LINK_UP);
	lab_must(applier, &action);
	wait_bond(PORT_A);
}

static void test_bond(void **state)
{
	struct action action;
	struct event event;

	(void)state;
	if (!have_bonding())
		skip();
	build_bond();
	do
		event = wait_event(EV_LINK, bond_index);
	while (!event.u.link.carrier);
	/* Both ports are up by now: only then does the kernel take the other one. */
	while (!lab_try("grep -A1 'Interface: pb' /proc/net/bonding/bond7 | grep -q 'MII Status: up'"))
		usleep(10000);
	action = bond_action(ACT_SET_ACTIVE);
	action.u.link.port = PORT_B;
	lab_must(applier, &action);
	wait_bond(PORT_B);
	lab_run("grep -q 'Currently Active Slave: pb' /proc/net/bonding/bond7");

	action.u.link.port = V0; /* not a port of it */
	print_message("a foreign port: %s\n", lab_refused(applier, &action, 0));
	action = lab_link(ACT_RELEASE, PORT_A);
	lab_must(applier, &action);
	do
		event = wait_event(EV_LINK, PORT_A);
	while (event.u.link.master);
}

static void test_bond_port_that_is_up(void **state)
{
	struct action action;

	(void)state;
	if (!have_bonding())
		skip();
	build_bond();
	action = lab_link(ACT_ENSLAVE, V0);
	action.u.link.master = bond_index;
	lab_must(applier, &action); /* set down for it, and up again */
	lab_run("grep -q 'Slave Interface: v0' /proc/net/bonding/bond7");
	action = lab_link(ACT_RELEASE, V0);
	lab_must(applier, &action);
}

static struct event_link snapshot_bond(void)
{
	struct action snapshot = snapshot_action(1);
	struct event event = lab_do(applier, &snapshot, NULL);
	struct event_link link = {0};

	for (; event.type != EV_SNAP_END; event = lab_result(applier))
		if (event.type == EV_LINK && event.u.link.ifindex == bond_index)
			link = event.u.link;
	assert_int_equal(link.kind, KIND_BOND);
	return link;
}

static void test_bond_set(void **state)
{
	struct action action;
	struct event_link link;

	(void)state;
	if (!have_bonding())
		skip();
	lab_run("ip link add bond7 type bond mode balance-rr miimon 50");
	bond_index = 0;
	for (struct event event = {0}; !bond_index;) {
		if (netlink_events_next(live, &event) > 0 && event.type == EV_LINK && event.u.link.kind == KIND_BOND &&
		    strcmp(event.u.link.name, "bond7") == 0)
			bond_index = event.u.link.ifindex;
	}
	action = bond_action(ACT_BOND_SET);
	action.u.link.bond_set = BOND_SET_MODE | BOND_SET_MIIMON | BOND_SET_RESELECT;
	lab_must(applier, &action);
	link = snapshot_bond(); /* a change of a bond that is down is not told */
	assert_int_equal(link.bond.mode, BOND_MODE_ACTIVEBACKUP);
	assert_int_equal(link.bond.miimon, BOND_MIIMON_MS);
	assert_int_equal(link.bond.reselect, BOND_RESELECT_FAILURE);
	lab_run("ip link add pa index %d type veth peer name pax index 402 && ip link set pax up", PORT_A);
	lab_run("ip link set pa master bond7 && ip link set bond7 type bond primary pa && ip link set bond7 up");
	do
		link = wait_bond(PORT_A);
	while (link.bond.primary != PORT_A);
	action.u.link.bond_set = BOND_SET_NO_PRIMARY;
	lab_must(applier, &action);
	do
		link = wait_bond(PORT_A);
	while (link.bond.primary);
	action.u.link.bond_set = BOND_SET_MODE; /* with a port in it the mode is fixed */
	print_message("mode of a bond that is up: %s\n", lab_refused(applier, &action, 0));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST_BOND(name) cmocka_unit_test_setup_teardown(name, set_up, bond_tear_down)

/* An argument picks tests by a pattern. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(test_link_up_down),
		TEST(test_link_gone),
		TEST(test_enslave_to_nothing),
		TEST(test_bridge_port),
		TEST(test_address),
		TEST(test_address_renewed),
		TEST(test_bond_address),
		TEST(test_address_6),
		TEST(test_foreign_address),
		TEST(test_route),
		TEST(test_route_refused_with_words),
		TEST(test_default_route_6),
		TEST(test_sysctl),
		TEST(test_many_in_order),
		TEST(test_hasty_go_first),
		TEST(test_full_queue_and_reserve),
		TEST(test_reserve_while_busy),
		TEST(test_free_finishes),
		TEST(test_free_closes_sockets),
		TEST(test_snapshot),
		TEST(test_snapshot_without_routes),
		TEST(test_empty_snapshot),
		TEST(test_snapshot_of_a_moving_kernel),
		TEST(test_overrun),
		TEST(test_foreign_flood),
		TEST(test_inject_each),
		TEST(test_broken_socket_each),
		TEST(test_inject_snapshot_each),
		TEST(test_inject_others),
		TEST(test_time_of_200),
		TEST_BOND(test_bond),
		TEST_BOND(test_bond_port_that_is_up),
		TEST_BOND(test_bond_set),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, lab_open, lab_close);
}
