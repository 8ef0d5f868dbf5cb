/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The driver team through the applier, and src/kernel/team itself, against the running kernel. What is so is read by teamnl,
 * another process. Without a team driver or without the rights to it the tests are skipped. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <team.h>
#include <unistd.h>
#include <cmocka.h>

#include "kernel/team.h"
#include "kernel_lab.h"

#define SMALL_BUFFER "16384" /* bytes, for libteam: what it asks for still fits */

enum { PORT_A = 501, PORT_B = 502, TEAM = 507, MANY = 64 };

static struct applier *applier;
static struct event_team told; /* the last EV_TEAM that was no snapshot's */
static unsigned times_told;
static bool root;

/* ---- helpers ---------------------------------------------------------------------------------------------------- */

static bool have_team(void)
{
	if (root && lab_try("ip link add teamprobe type team 2>/dev/null && ip link del teamprobe"))
		return true;
	if (getenv("STANDBYD_NEED_TEAM"))
		fail_msg("no team driver");
	return false;
}

static void remove_links(void)
{
	lab_try("for l in team7 pa pb; do ip link del $l; done 2>/dev/null");
}

static int set_up(void **state)
{
	(void)state;
	remove_links();
	told = (struct event_team){0};
	times_told = 0;
	applier = applier_new(64);
	return applier ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	applier_free(applier);
	applier = NULL;
	remove_links();
	return 0;
}

/* The next event that is not EV_TEAM; such are remembered. */
static struct event next_answer(void)
{
	struct event event;

	while ((event = lab_result(applier)).type == EV_TEAM && event.epoch == 0) {
		told = event.u.team;
		times_told++;
	}
	return event;
}

static int execute(const struct action *action)
{
	struct event event;

	assert_int_equal(applier_submit(applier, action), 0);
	applier_kick(applier);
	event = next_answer();
	assert_memory_equal(&event.u.result.action, action, sizeof *action);
	assert_true(event.type == EV_DONE || (event.type == EV_FAILED && event.u.result.error > 0));
	return event.u.result.error;
}

static void must(struct action action)
{
	int error = execute(&action);

	if (error)
		fail_msg("action %d was refused: %s", action.type, strerror(error));
}

static void wait_told(int ifindex, bool activebackup, int active)
{
	while (told.ifindex != ifindex || told.activebackup != activebackup || told.active != active) {
		struct event event;
		const char *text;
		int fd;

		while (!applier_next(applier, &event, &fd, &text))
			lab_wait(applier_fd(applier));
		assert_int_equal(event.type, EV_TEAM);
		told = event.u.team;
		times_told++;
	}
}

static struct action team_action(enum action_type type, int ifindex)
{
	struct action action = lab_link(type, ifindex);

	action.u.link.driver = DRIVER_TEAM;
	return action;
}

static struct action create_action(const char *name)
{
	struct action action = team_action(ACT_BOND_CREATE, 0);

	snprintf(action.u.link.ifname, IFNAME_SIZE, "%s", name);
	return action;
}

static struct action active_action(int team, int port)
{
	struct action action = team_action(ACT_SET_ACTIVE, team);

	action.u.link.port = port;
	return action;
}

static struct action mode_action(int team)
{
	struct action action = team_action(ACT_BOND_SET, team);

	action.u.link.bond_set = BOND_SET_MODE;
	return action;
}

static struct action enslave_action(int team, int port)
{
	struct action action = team_action(ACT_ENSLAVE, port);

	action.u.link.master = team;
	return action;
}

static void expect_option(const char *name, const char *value)
{
	lab_run("test \"$(teamnl team7 getoption %s)\" = %s", name, value);
}

static void expect_active(int port)
{
	lab_run("test \"$(teamnl team7 getoption activeport)\" = %d", port);
}

static bool port_enabled(int port)
{
	return lab_try(port == PORT_A ? "test $(teamnl -p pa team7 getoption enabled) = true"
				      : "test $(teamnl -p pb team7 getoption enabled) = true");
}

static void add_ports(void)
{
	lab_run("ip link add pa index %d type veth peer name pax index 601 && ip link set pax up", PORT_A);
	lab_run("ip link add pb index %d type veth peer name pbx index 602 && ip link set pbx up", PORT_B);
}

/* team7 with the ports pa and pb, up, pa active. */
static int build_team(void)
{
	int team;

	must(create_action("team7"));
	team = (int)if_nametoindex("team7");
	add_ports();
	must(enslave_action(team, PORT_A));
	must(enslave_action(team, PORT_B));
	must(team_action(ACT_LINK_UP, team));
	must(active_action(team, PORT_A));
	assert_int_equal(told.ifindex, team);
	assert_int_equal(told.active, PORT_A);
	return team;
}

static unsigned descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(directory);
	while (readdir(directory))
		n++;
	closedir(directory);
	return n;
}

/* ---- create and mode -------------------------------------------------------------------------------------------- */

static void test_create(void **state)
{
	struct action action = create_action("team7");
	int team;

	(void)state;
	if (!have_team())
		skip();
	memcpy(action.u.link.mac, (uint8_t[]){2, 0, 0, 7, 7, 7}, MAC_SIZE);
	action.u.link.mtu = 1400;
	must(action);
	team = (int)if_nametoindex("team7");
	assert_true(team > 0);
	assert_int_equal(times_told, 1); /* before the answer */
	wait_told(team, true, 0);
	expect_option("mode", "activebackup");
	lab_run("test $(teamnl team7 getoption notify_peers_count) -ge 2");
	lab_run("test $(teamnl team7 getoption mcast_rejoin_count) -ge 2");
	lab_run("ip link show team7 | grep -q 'mtu 1400.*state DOWN' && ip link show team7 | grep -q 02:00:00:07:07:07");
	assert_int_equal(execute(&action), EEXIST); /* and it is not made anew */
	assert_int_equal(if_nametoindex("team7"), team);
	action = create_action("");
	assert_int_equal(execute(&action), EINVAL);
}

static void test_mode(void **state)
{
	struct action action = mode_action(TEAM);

	(void)state;
	if (!have_team())
		skip();
	lab_run("ip link add team7 index %d type team && teamnl team7 setoption mode roundrobin", TEAM);
	must(action);
	expect_option("mode", "activebackup");
	expect_option("notify_peers_count", "2");
	wait_told(TEAM, true, 0);
	must(action); /* it is so already */
	lab_run("ip link del team7");
	assert_int_equal(execute(&action), ENODEV);
	lab_run("ip link add team7 index %d type team && teamnl team7 setoption mode roundrobin", TEAM);
	add_ports();
	lab_run("ip link set pa master team7");
	assert_int_equal(execute(&action), EBUSY);
	wait_told(TEAM, false, 0);
	expect_option("mode", "roundrobin");
	action.u.link.bond_set = BOND_SET_MIIMON;
	assert_int_equal(execute(&action), EINVAL);
}

/* ---- the active port -------------------------------------------------------------------------------------------- */

/* Sees ARP of the team's own on an interface. */
static int listen_arp(const char *interface)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ARP)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	address.sll_ifindex = (int)if_nametoindex(interface);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

/* The kernel's gratuitous ARP, of the enabling, all of it through the new port. */
static void expect_arp(int fd, unsigned n)
{
	while (n--) {
		unsigned char frame[128];

		lab_wait(fd);
		assert_true(recv(fd, frame, sizeof frame, 0) >= 42);
	}
}

static void test_active_back_and_forth(void **state)
{
	uint64_t before, took = 0;
	int team, fd;

	(void)state;
	if (!have_team())
		skip();
	team = build_team();
	expect_active(PORT_A);
	assert_true(port_enabled(PORT_A));
	assert_false(port_enabled(PORT_B));
	lab_run("ip addr add 10.88.0.1/24 dev team7");
	for (int i = 0; i < 4; i++) {
		int port = i % 2 ? PORT_A : PORT_B, other = i % 2 ? PORT_B : PORT_A;

		fd = listen_arp(i % 2 ? "pax" : "pbx");
		before = lab_now();
		must(active_action(team, port));
		took = lab_now() - before > took ? lab_now() - before : took;
		assert_int_equal(told.active, port); /* told before the answer */
		expect_active(port);
		assert_true(port_enabled(port));
		assert_false(port_enabled(other));
		expect_arp(fd, 2);
		close(fd);
	}
	print_message("a switch took at most %.2f ms\n", (double)took / (double)NSEC_PER_MSEC);
	times_told = 0;
	must(active_action(team, PORT_A));
	assert_int_equal(times_told, 0);
}

/* Nobody takes what is told: the newest is enough. */
static void test_told_once(void **state)
{
	int team;

	(void)state;
	if (!have_team())
		skip();
	team = build_team();
	lab_run("teamnl -p pb team7 setoption enabled true");
	for (unsigned i = 0; i < 7; i++)
		lab_run("teamnl team7 setoption activeport %d", i % 2 ? PORT_A : PORT_B);
	times_told = 0;
	must(team_action(ACT_LINK_UP, team));
	assert_int_equal(times_told, 1);
	assert_int_equal(told.active, PORT_B);
}

/* A port that somebody enabled already must tell the neighbours all the same. */
static void test_active_enabled_before(void **state)
{
	int team, fd;

	(void)state;
	if (!have_team())
		skip();
	team = build_team();
	lab_run("ip addr add 10.88.0.1/24 dev team7 && teamnl -p pb team7 setoption enabled true");
	fd = listen_arp("pbx");
	must(active_action(team, PORT_B));
	expect_arp(fd, 2);
	close(fd);
	assert_true(port_enabled(PORT_B));
	assert_false(port_enabled(PORT_A));
}

static void test_active_refused(void **state)
{
	struct action action;
	int team;

	(void)state;
	if (!have_team())
		skip();
	team = build_team();
	action = active_action(team, 1); /* lo is no port of it */
	assert_int_equal(execute(&action), ENOENT);
	expect_active(PORT_A);
}

static void test_changed_by_others(void **state)
{
	int team;

	(void)state;
	if (!have_team())
		skip();
	team = build_team();
	lab_run("teamnl team7 setoption activeport %d", PORT_B);
	wait_told(team, true, 0); /* it is disabled, so it receives nothing */
	lab_run("teamnl -p pb team7 setoption enabled true");
	wait_told(team, true, PORT_B);
	lab_run("ip link set pb nomaster");
	wait_told(team, true, 0);
	expect_active(0);
	must(active_action(team, PORT_A));
	wait_told(team, true, PORT_A);
	/* Away and back at once: it is no longer active. */
	lab_run("ip link set pa nomaster && ip link set pa down && ip link set pa master team7");
	wait_told(team, true, 0);
	must(active_action(team, PORT_A));
	wait_told(team, true, PORT_A);
	lab_run("ip link del pa");
	wait_told(team, true, 0);
}

static void test_deleted_underneath(void **state)
{
	struct action action;
	int team;

	(void)state;
	if (!have_team())
		skip();
	team = build_team();
	lab_run("ip link del team7");
	action = active_action(team, PORT_B);
	assert_int_equal(execute(&action), ENODEV);
	action = mode_action(team);
	assert_int_equal(execute(&action), ENODEV);
	lab_run("ip link del pa; ip link del pb");
	build_team(); /* the same name anew */
}

/* ---- refusals --------------------------------------------------------------------------------------------------- */

/* Refuses the n-th request of an action, for n = 1, 2, …, and looks at what is left, until none is refused any more. */
static unsigned inject_each(const struct action *action, void (*before)(void), void (*refused)(void))
{
	for (unsigned nth = 1;; nth++) {
		int error;

		before();
		applier_inject(applier, nth, EPERM);
		error = execute(action);
		applier_inject(applier, 0, 0);
		if (!error)
			return nth - 1;
		assert_int_equal(error, EPERM);
		refused();
	}
}

static void nothing(void)
{
}

static void expect_no_team(void)
{
	assert_int_equal(if_nametoindex("team7"), 0);
}

static void test_create_refused_each(void **state)
{
	struct action action = create_action("team7");

	(void)state;
	if (!have_team())
		skip();
	action.u.link.mac[0] = 2;
	action.u.link.mtu = 1400;
	/* creation, two counts and intervals, mode, MAC, MTU */
	assert_int_equal(inject_each(&action, nothing, expect_no_team), 8);
	expect_option("mode", "activebackup");
}

static void make_roundrobin(void)
{
	lab_try("ip link del team7 2>/dev/null");
	lab_run("ip link add team7 index %d type team && teamnl team7 setoption mode roundrobin", TEAM);
}

static void expect_roundrobin(void)
{
	expect_option("mode", "roundrobin");
}

static void test_mode_refused_each(void **state)
{
	struct action action = mode_action(TEAM);

	(void)state;
	if (!have_team())
		skip();
	assert_int_equal(inject_each(&action, make_roundrobin, expect_roundrobin), 5);
	expect_option("mode", "activebackup");
}

static int the_team;

static void activate_a(void)
{
	must(active_action(the_team, PORT_A));
	lab_run("teamnl -p pb team7 setoption enabled true");
}

static void expect_a(void)
{
	expect_active(PORT_A);
	assert_true(port_enabled(PORT_A));
	assert_int_equal(told.active, PORT_A);
}

/* Disabling B (which somebody enabled), activeport, enabling B: refused, A is active. Disabling A: done all the same. */
static void test_active_refused_each(void **state)
{
	struct action action;

	(void)state;
	if (!have_team())
		skip();
	the_team = build_team();
	action = active_action(the_team, PORT_B);
	assert_int_equal(inject_each(&action, activate_a, expect_a), 3);
	expect_active(PORT_B);
	assert_true(port_enabled(PORT_A)); /* what was refused */
	must(active_action(the_team, PORT_B));
	assert_false(port_enabled(PORT_A)); /* is caught up on */
}

static void test_first_active_refused_each(void **state)
{
	int team;

	(void)state;
	if (!have_team())
		skip();
	must(create_action("team7"));
	team = (int)if_nametoindex("team7");
	add_ports();
	must(enslave_action(team, PORT_A));
	for (unsigned nth = 1; nth <= 2; nth++) {
		struct action action = active_action(team, PORT_A);

		applier_inject(applier, nth, EPERM);
		assert_int_equal(execute(&action), EPERM);
		assert_int_equal(told.active, 0); /* also when activeport is set: it is not enabled */
	}
	must(active_action(team, PORT_A));
	assert_int_equal(told.active, PORT_A);
}

/* That a new port cannot be disabled does not fail the enslaving. */
static void test_enslave_refused_each(void **state)
{
	struct action action;
	int team;
	unsigned n;

	(void)state;
	if (!have_team())
		skip();
	must(create_action("team7"));
	team = (int)if_nametoindex("team7");
	add_ports();
	action = enslave_action(team, PORT_A);
	for (n = 1;; n++) {
		applier_inject(applier, n, EPERM);
		if (execute(&action) == 0)
			break;
		applier_inject(applier, 0, 0);
		lab_run("! ip link show pa | grep -q 'master team7'");
	}
	lab_run("ip link show pa | grep -q 'master team7'");
	assert_true(port_enabled(PORT_A));
	must(enslave_action(team, PORT_B));
	assert_false(port_enabled(PORT_A)); /* caught up on */
	assert_false(port_enabled(PORT_B));
}

/* The kernel says ENOENT while a new port's options are not there yet, and ENOBUFS (here ENOMEM) of an option that it has
 * set when a listener's buffer is full. Neither is the end of it. */
static void test_option_not_there_yet(void **state)
{
	static const int errors[] = {ENOENT, ENOMEM};
	int team;

	(void)state;
	if (!have_team())
		skip();
	team = build_team();
	for (unsigned i = 0; i < 2; i++) {
		for (unsigned nth = 1; nth <= 3; nth++) {
			applier_inject(applier, nth, errors[i]);
			must(active_action(team, PORT_B));
			expect_active(PORT_B);
			assert_true(port_enabled(PORT_B));
			assert_false(port_enabled(PORT_A));
			must(active_action(team, PORT_A));
		}
	}
}

/* ---- snapshots -------------------------------------------------------------------------------------------------- */

/* What libteam tells of a change comes after the snapshot that was taken before the change. */
static void test_snapshot(void **state)
{
	struct action snapshot = {.type = ACT_SNAPSHOT, .u.snapshot = {.epoch = 9, .routes = false}}, action;
	unsigned links = 0, teams = 0, others = 0;
	struct event event;
	int team;

	(void)state;
	if (!have_team())
		skip();
	team = build_team();
	lab_run("ip link add team8 type team"); /* a foreign one, of no mode */
	action = active_action(team, PORT_B);
	assert_int_equal(applier_submit(applier, &snapshot), 0);
	assert_int_equal(applier_submit(applier, &action), 0);
	applier_kick(applier);
	assert_int_equal(next_answer().type, EV_SNAP_BEGIN);
	while ((event = lab_result(applier)).type != EV_SNAP_END) {
		assert_int_equal(event.epoch, 9);
		if (event.type == EV_LINK) {
			assert_int_equal(teams + others, 0);
			links++;
		} else if (event.type == EV_TEAM) {
			assert_int_equal(others, 0);
			teams++;
			assert_int_equal(event.u.team.activebackup, event.u.team.ifindex == team);
			assert_int_equal(event.u.team.active, event.u.team.ifindex == team ? PORT_A : 0);
		} else {
			others++;
		}
	}
	assert_int_equal(teams, 2);
	assert_true(links >= 7 && others > 0);
	times_told = 0;
	assert_int_equal(next_answer().type, EV_DONE);
	assert_int_equal(times_told, 1);
	assert_int_equal(told.active, PORT_B);
	/* The foreign one is watched from now on. */
	lab_run("teamnl team8 setoption mode activebackup");
	wait_told((int)if_nametoindex("team8"), true, 0);
	lab_run("ip link del team8");
}

/* ---- src/kernel/team itself ------------------------------------------------------------------------------------- */

static int go_ahead(void *closure)
{
	(void)closure;
	return 0;
}

static struct event_team next_told(struct teams *teams)
{
	struct event event;
	uint64_t end = lab_now() + DEADLINE_MS * NSEC_PER_MSEC;

	while (!teams_next(teams, &event)) {
		if (lab_now() > end)
			fail_msg("nothing is told");
		teams_run(teams);
		usleep(1000);
	}
	assert_int_equal(event.type, EV_TEAM);
	return event.u.team;
}

/* Events are lost, with them that a port left. */
static void test_overrun(void **state)
{
	struct team_handle *other;
	struct event_team look;
	struct event event;
	struct teams *teams;
	int team;

	(void)state;
	if (!have_team())
		skip();
	team = build_team();
	other = team_alloc();
	setenv("TEAM_EVENT_BUFSIZE", SMALL_BUFFER, 1);
	teams = teams_new(go_ahead, NULL);
	team_look(teams, team, &look);
	unsetenv("TEAM_EVENT_BUFSIZE");
	assert_int_equal(look.active, PORT_A);
	assert_int_equal(team_init(other, (uint32_t)team), 0);
	for (uint32_t i = 1; i <= 1000; i++)
		team_set_mcast_rejoin_interval(other, i);
	team_free(other);
	lab_run("ip link set pa nomaster");
	look = next_told(teams);
	assert_int_equal(look.ifindex, team);
	assert_int_equal(look.active, 0);
	assert_true(teams_overruns(teams) > 0);
	assert_int_equal(teams_open(teams), 1);
	/* It goes on as before. */
	lab_run("teamnl team7 setoption activeport %d && teamnl -p pb team7 setoption enabled true", PORT_B);
	do
		look = next_told(teams);
	while (look.active != PORT_B);
	assert_false(teams_next(teams, &event));
	teams_free(teams);
}

/* The n-th of what an epoll descriptor watches; -1: there are not so many. */
static int watched(int epoll, unsigned n)
{
	char path[48], line[128];
	FILE *file;
	int fd = -1;

	snprintf(path, sizeof path, "/proc/self/fdinfo/%d", epoll);
	file = fopen(path, "r");
	assert_non_null(file);
	while (fd < 0 && fgets(line, sizeof line, file))
		if (sscanf(line, "tfd: %d", &fd) == 1 && n--)
			fd = -1;
	fclose(file);
	return fd;
}

/* The first part of a message whose end never comes, as after an overrun: nobody waits for it. */
static void test_message_without_end(void **state)
{
	struct nlmsghdr part = {.nlmsg_len = sizeof part, .nlmsg_type = NLMSG_NOOP, .nlmsg_flags = NLM_F_MULTI};
	int team, to, from = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	struct event_team look;
	struct teams *teams;
	struct pollfd p[TEAMS_MAX];
	unsigned sent = 0;

	(void)state;
	if (!have_team())
		skip();
	team = build_team();
	teams = teams_new(go_ahead, NULL);
	team_look(teams, team, &look);
	assert_int_equal(teams_poll(teams, p), 1);
	for (unsigned n = 0; (to = watched(p[0].fd, n)) >= 0; n++) {
		struct sockaddr_nl address;
		socklen_t size = sizeof address;

		assert_int_equal(getsockname(to, (struct sockaddr *)&address, &size), 0);
		address.nl_groups = 0;
		sent += sendto(from, &part, sizeof part, 0, (struct sockaddr *)&address, size) == sizeof part;
	}
	assert_int_equal(sent, 1); /* the other one is not of generic netlink */
	alarm(DEADLINE_MS / 1000);
	teams_run(teams);
	alarm(0);
	lab_run("ip link add pc type veth peer name pcx && ip link del pc"); /* nor does a foreign link wake anybody */
	assert_int_equal(poll(p, 1, 0), 0);
	lab_run("ip link set pa nomaster");
	assert_int_equal(next_told(teams).active, 0);
	teams_free(teams);
	close(from);
}

/* While our own buffer is full the kernel answers ENOBUFS to a setting that it makes. */
static void test_set_during_overrun(void **state)
{
	struct team_handle *other;
	struct event_team look;
	struct teams *teams;
	struct action action;
	int team;

	(void)state;
	if (!have_team())
		skip();
	team = build_team();
	other = team_alloc();
	teams = teams_new(go_ahead, NULL);
	setenv("TEAM_EVENT_BUFSIZE", SMALL_BUFFER, 1);
	team_look(teams, team, &look);
	assert_int_equal(team_init(other, (uint32_t)team), 0); /* this one is never read */
	unsetenv("TEAM_EVENT_BUFSIZE");
	for (uint32_t i = 1; i <= 1000; i++)
		team_set_mcast_rejoin_interval(other, i);
	action = active_action(team, PORT_B);
	assert_int_equal(team_execute(teams, &action), 0);
	expect_active(PORT_B);
	assert_true(port_enabled(PORT_B));
	team_free(other);
	teams_free(teams);
}

static void test_many(void **state)
{
	unsigned before = descriptors(), with;
	struct event_team look;
	struct teams *teams;
	struct event event;

	(void)state;
	if (!have_team())
		skip();
	teams = teams_new(go_ahead, NULL);
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < MANY; i++) {
			struct action action = create_action("");

			snprintf(action.u.link.ifname, IFNAME_SIZE, "many%u", i);
			assert_int_equal(team_execute(teams, &action), 0);
		}
		assert_int_equal(teams_open(teams), MANY);
		with = descriptors();
		for (unsigned i = 0; i < MANY; i++) {
			char name[IFNAME_SIZE];

			snprintf(name, sizeof name, "many%u", i);
			team_look(teams, (int)if_nametoindex(name), &look);
			assert_true(look.activebackup);
		}
		assert_int_equal(descriptors(), with);
		lab_run("i=0; while [ $i -lt %d ]; do echo link del many$i; i=$((i + 1)); done | ip -batch -", MANY);
		team_look(teams, 9999, &look); /* where one would be opened, those of devices that are gone are closed */
		assert_int_equal(teams_open(teams), 0);
		assert_false(teams_next(teams, &event));
		assert_int_equal(descriptors(), before);
	}
	teams_free(teams);
}

/* Needs no driver. */
static void test_no_team(void **state)
{
	struct action action = active_action(1, PORT_A);
	unsigned before = descriptors();
	struct teams *teams = teams_new(go_ahead, NULL);
	struct event_team look;
	struct event event;

	(void)state;
	assert_int_not_equal(team_execute(teams, &action), 0);
	action = active_action(9999, PORT_A);
	assert_int_equal(team_execute(teams, &action), ENODEV);
	action = mode_action(9999);
	assert_int_equal(team_execute(teams, &action), ENODEV);
	team_enslaved(teams, 1);
	team_look(teams, 1, &look);
	assert_int_equal(look.ifindex, 1);
	assert_false(look.activebackup);
	assert_int_equal(look.active, 0);
	assert_int_equal(teams_open(teams), 0);
	assert_false(teams_next(teams, &event));
	teams_free(teams);
	assert_int_equal(descriptors(), before); /* of which 0 is one: unfinished handles left it alone */
	assert_true(fcntl(0, F_GETFD) >= 0);
}

/* Without descriptors libteam would end the process. */
static void test_no_descriptors(void **state)
{
	struct action action = create_action("team7");
	struct teams *teams = teams_new(go_ahead, NULL);
	struct rlimit few, limit;
	struct event_team look;

	(void)state;
	getrlimit(RLIMIT_NOFILE, &limit);
	few = (struct rlimit){.rlim_cur = descriptors(), .rlim_max = limit.rlim_max};
	setrlimit(RLIMIT_NOFILE, &few);
	assert_int_equal(team_execute(teams, &action), EMFILE);
	team_look(teams, 1, &look);
	assert_false(look.activebackup);
	setrlimit(RLIMIT_NOFILE, &limit);
	expect_no_team();
	teams_free(teams);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* An argument picks tests by a pattern. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(test_create),
		TEST(test_mode),
		TEST(test_active_back_and_forth),
		TEST(test_told_once),
		TEST(test_active_enabled_before),
		TEST(test_active_refused),
		TEST(test_changed_by_others),
		TEST(test_deleted_underneath),
		TEST(test_create_refused_each),
		TEST(test_mode_refused_each),
		TEST(test_active_refused_each),
		TEST(test_first_active_refused_each),
		TEST(test_enslave_refused_each),
		TEST(test_option_not_there_yet),
		TEST(test_snapshot),
		TEST(test_overrun),
		TEST(test_message_without_end),
		TEST(test_set_during_overrun),
		TEST(test_many),
		TEST(test_no_team),
		TEST(test_no_descriptors),
	};

	root = geteuid() == 0;
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, lab_open, lab_close);
}
