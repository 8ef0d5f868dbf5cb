/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Probes through veth pairs to a bridge in another namespace, whose kernel is the neighbour that answers; those that begin
 * with test_port_ need what not every kernel has: vlans, a real bond and a real team. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "kernel/packet.h"
#include "kernel_lab.h"
#include "wire/arp.h"
#include "wire/nd.h"

enum { PA = 601, PB = 603, PA_FAR = 602, PB_FAR = 604, VLAN = 20, AGAIN_MS = 250, QUIET_MS = 100 };

/* The core's part: no claim is of interest here. */
uint64_t core_address_hash(const struct ip *ip)
{
	(void)ip;
	return 0;
}

bool core_wants_claim(const struct core *core, const struct ip *ip)
{
	(void)core;
	(void)ip;
	return false;
}

#define MAC_A_TEXT "02:a0:00:00:00:0a"
#define MAC_B_TEXT "02:b0:00:00:00:0b"
#define BOND_TEXT "02:c0:00:00:00:0c"

static struct packets *packets;
static bool have_vlans;
static char peer_path[64];
static const uint8_t mac_a[MAC_SIZE] = {0x02, 0xa0, 0, 0, 0, 0x0a}, mac_b[MAC_SIZE] = {0x02, 0xb0, 0, 0, 0, 0x0b};
static const uint8_t bond_mac[MAC_SIZE] = {0x02, 0xc0, 0, 0, 0, 0x0c};
static const struct ip target_4 = {.family = FAMILY_4, .bytes = {10, 9, 0, 2}};
static const struct ip target_6 = {.family = FAMILY_6, .bytes = {0xfd, 0, 0, 9, [15] = 2}};
static const struct ip tagged_4 = {.family = FAMILY_4, .bytes = {10, 20, 0, 2}};
static const struct ip tagged_6 = {.family = FAMILY_6, .bytes = {0xfd, 0, 0, 0x20, [15] = 2}};
static const struct ip own_4 = {.family = FAMILY_4, .bytes = {10, 9, 0, 1}};

/* ---- helpers ---------------------------------------------------------------------------------------------------- */

static void remove_links(void)
{
	lab_try("for l in bond7 team7 pa pb; do ip link del $l; done 2>/dev/null");
	lab_enter_peer();
	lab_try("ip link del lan 2>/dev/null");
	lab_leave_peer();
}

/* A driver that may be missing only where nobody said that it is there. */
static bool allowed(bool have)
{
	if (!have)
		assert_null(getenv("STANDBYD_NEED_BONDING"));
	return have;
}

/* pa and pb here, their other ends ports of the bridge `lan` at the peer, which has the targets' addresses; those of the
 * vlan on lan.20, if the kernel has vlans. */
static int set_up(void **state)
{
	(void)state;
	remove_links();
	lab_run_peer("ip link add lan type bridge mcast_snooping 0 && ip link set lan up && "
		     "ip addr add 10.9.0.2/24 dev lan && ip addr add fd00:9::2/64 dev lan nodad");
	lab_enter_peer();
	have_vlans = allowed(lab_try("ip link add link lan name lan.20 type vlan id 20 2>/dev/null"));
	lab_leave_peer();
	if (have_vlans)
		lab_run_peer("ip link set lan.20 up && ip addr add 10.20.0.2/24 dev lan.20 && "
			     "ip addr add fd00:20::2/64 dev lan.20 nodad");
	lab_run("ip link add pa index %d type veth peer name pax index %d", PA, PA_FAR);
	lab_run("ip link add pb index %d type veth peer name pbx index %d", PB, PB_FAR);
	lab_run("ip link set pax netns %s && ip link set pbx netns %s", peer_path, peer_path);
	lab_run_peer("ip link set pax master lan up && ip link set pbx master lan up");
	packets = packets_open();
	return packets ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	packets_close(packets);
	remove_links();
	return 0;
}

static void listen_for(int ifindex, const char *ifname, const uint8_t mac[MAC_SIZE])
{
	struct action_listen listen = {.ifindex = ifindex, .probes = true};
	int fd;

	strcpy(listen.ifname, ifname);
	memcpy(listen.mac, mac, MAC_SIZE);
	fd = packets_listen(&listen);
	if (fd < 0)
		fail_msg("listening: %s", strerror(-fd));
	assert_int_equal(packets_add(packets, &listen, fd), 0);
}

static void wait_carrier(const char *ifname)
{
	char command[128];

	snprintf(command, sizeof command, "ip link show dev %s | grep -q LOWER_UP", ifname);
	for (unsigned i = 0; !lab_try(command); i++) {
		assert_true(i < DEADLINE_MS / 10);
		usleep(10000);
	}
}

static struct action probe(int ifindex, const struct ip *target, const uint8_t mac[MAC_SIZE], uint16_t vlan)
{
	struct action action = {.type = ACT_PROBE};

	action.u.probe = (struct action_probe){.ifindex = ifindex,
					       .kind = target->family == FAMILY_6 ? PROBE_NS : PROBE_ARP,
					       .target = *target,
					       .vlan = vlan};
	memcpy(action.u.probe.mac, mac, MAC_SIZE);
	return action;
}

static bool wait_event(struct event *event, int ms)
{
	uint64_t end = lab_now() + (uint64_t)ms * NSEC_PER_MSEC;

	while (!packets_next(packets, NULL, event)) {
		struct pollfd fd = {.fd = packets_fd(packets), .events = POLLIN};
		uint64_t now = lab_now();

		if (now >= end)
			return false;
		poll(&fd, 1, (int)((end - now) / NSEC_PER_MSEC) + 1);
	}
	return true;
}

static void expect_silence(void)
{
	struct event event;

	if (wait_event(&event, QUIET_MS))
		fail_msg("event %d of interface %d", event.type, event.u.probe.ifindex);
}

/* Asks until it is answered: a bridge's port may not forward yet. The answer must be what was asked for. */
static void expect_answer(const struct action *action)
{
	uint64_t start = lab_now();
	struct event event;

	do {
		assert_true(lab_now() - start < DEADLINE_MS * NSEC_PER_MSEC);
		packets_send(packets, action);
		packets_flush(packets);
	} while (!wait_event(&event, AGAIN_MS));
	assert_int_equal(event.type, EV_PROBE);
	assert_int_equal(event.u.probe.ifindex, action->u.probe.ifindex);
	assert_true(ip_equal(&event.u.probe.target, &action->u.probe.target));
	assert_memory_equal(event.u.probe.to, action->u.probe.mac, MAC_SIZE);
	assert_int_equal(event.u.probe.vlan, action->u.probe.vlan);
	assert_true(event.seen_ns >= start && event.seen_ns <= lab_now());
	while (wait_event(&event, QUIET_MS)) /* to the questions before it */
		;
}

static void expect_no_answer(const struct action *action)
{
	packets_send(packets, action);
	packets_flush(packets);
	expect_silence();
}

static void answer_both(int ifindex, const uint8_t mac[MAC_SIZE])
{
	struct action four = probe(ifindex, &target_4, mac, 0), six = probe(ifindex, &target_6, mac, 0);

	expect_answer(&four);
	expect_answer(&six);
}

static void answer_both_tagged(int ifindex, const uint8_t mac[MAC_SIZE])
{
	struct action four = probe(ifindex, &tagged_4, mac, VLAN), six = probe(ifindex, &tagged_6, mac, VLAN);

	expect_answer(&four);
	expect_answer(&six);
}

static void use_pa(void)
{
	lab_run("ip link set pa up");
	wait_carrier("pa");
	listen_for(PA, "pa", mac_a);
}

/* ---- a plain NIC ------------------------------------------------------------------------------------------------ */

static void test_answers(void **state)
{
	(void)state;
	use_pa();
	answer_both(PA, mac_a);
}

/* Sender 0.0.0.0: what is not learned cannot be wrong (arp_process in net/ipv4/arp.c). */
static void test_arp_teaches_nothing(void **state)
{
	struct action action = probe(PA, &target_4, mac_a, 0);

	(void)state;
	use_pa();
	expect_answer(&action);
	lab_run_peer("! ip -4 neigh show nud all | grep -qi " MAC_A_TEXT);
	action.u.probe.source = own_4;
	expect_answer(&action);
	lab_run_peer("ip -4 neigh show nud all | grep -qi " MAC_A_TEXT); /* from an address it does learn */
}

static void test_port_vlan(void **state)
{
	struct action wrong = probe(PA, &tagged_4, mac_a, 0);

	(void)state;
	if (!have_vlans)
		skip();
	use_pa();
	answer_both_tagged(PA, mac_a);
	/* Else it answers for all its addresses everywhere. */
	lab_run_peer("echo 1 >/proc/sys/net/ipv4/conf/all/arp_ignore");
	expect_no_answer(&wrong);
	wrong = probe(PA, &target_4, mac_a, VLAN);
	expect_no_answer(&wrong);
	lab_run_peer("echo 0 >/proc/sys/net/ipv4/conf/all/arp_ignore");
}

/* A vlan device of our own takes the tag off for all who listen behind it. */
static void test_port_vlan_that_we_have(void **state)
{
	(void)state;
	if (!have_vlans)
		skip();
	use_pa();
	lab_run("ip link add link pa name pa.20 type vlan id %d && ip link set pa.20 up", VLAN);
	answer_both_tagged(PA, mac_a);
}

static void test_target_with_arp_ignore(void **state)
{
	struct action action = probe(PA, &target_4, mac_a, 0);

	(void)state;
	use_pa();
	for (unsigned value = 0; value <= 2; value++) {
		lab_run_peer("echo %u >/proc/sys/net/ipv4/conf/lan/arp_ignore", value);
		expect_answer(&action);
	}
}

/* A frame by the peer, as a neighbour that is no Linux may send it. */
static void send_from_peer(const uint8_t *frame, size_t length)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = PA_FAR, .sll_halen = MAC_SIZE};
	int fd;

	lab_enter_peer();
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	lab_leave_peer();
	assert_true(fd >= 0);
	assert_int_equal(sendto(fd, frame, length, 0, (struct sockaddr *)&to, sizeof to), length);
	close(fd);
}

static void test_advertisement_to_all_nodes(void **state)
{
	static const uint8_t all_nodes[MAC_SIZE] = {0x33, 0x33, 0, 0, 0, 1};
	uint8_t frame[ND_FRAME];
	struct event event;

	(void)state;
	use_pa();
	nd_announcement(frame, mac_b, &target_6, false);
	send_from_peer(frame, sizeof frame);
	assert_true(wait_event(&event, DEADLINE_MS));
	assert_int_equal(event.type, EV_PROBE);
	assert_true(ip_equal(&event.u.probe.target, &target_6));
	assert_memory_equal(event.u.probe.to, all_nodes, MAC_SIZE);
}

static void test_what_is_no_answer(void **state)
{
	struct action announce = {.type = ACT_ANNOUNCE};
	uint8_t frame[ND_SOLICITATION_MAX];
	uint64_t received;

	(void)state;
	use_pa();
	answer_both(PA, mac_a);
	lab_run("ip addr add 10.9.0.1/24 dev pa && ip neigh replace 10.9.0.2 lladdr %s dev pa", MAC_B_TEXT);
	received = packets_counters(packets)->received;
	announce.u.announce.ifindex = PA;
	announce.u.announce.ip = own_4;
	packets_send(packets, &announce); /* our own reply */
	packets_flush(packets);
	send_from_peer(frame, arp_request(frame, mac_b, &target_4, &own_4, 0));
	send_from_peer(frame, nd_solicitation(frame, mac_b, &target_6, &target_6, 0));
	lab_try("ping -c 3 -i 0.01 -W 1 10.9.0.2 >/dev/null");
	expect_silence();
	assert_int_equal(packets_counters(packets)->received, received); /* the filter let none through */
}

/* A reply with two tags, or with one that is no 802.1Q's, is not from where a probe went. */
static void test_foreign_tags(void **state)
{
	uint8_t frame[128] = {0}, plain[64];
	struct action action = probe(PA, &target_4, mac_a, 0);
	struct event event;

	(void)state;
	use_pa();
	expect_answer(&action);
	arp_announcement(plain, ARP_FORM_REPLY, mac_a, &target_4);
	memcpy(frame, plain, 12);
	memcpy(frame + 12, (uint8_t[]){0x88, 0xa8, 0, VLAN}, 4);
	memcpy(frame + 16, plain + 12, ARP_FRAME - 12);
	send_from_peer(frame, ARP_FRAME + 4);
	memcpy(frame + 12, (uint8_t[]){0x81, 0, 0, VLAN, 0x81, 0, 0, VLAN}, 8);
	memcpy(frame + 20, plain + 12, ARP_FRAME - 12);
	send_from_peer(frame, ARP_FRAME + 8);
	expect_silence();
	memcpy(frame + 12, (uint8_t[]){0x81, 0, 0x60, 0}, 4); /* a priority is no vlan */
	memcpy(frame + 16, plain + 12, ARP_FRAME - 12);
	send_from_peer(frame, ARP_FRAME + 4);
	assert_true(wait_event(&event, DEADLINE_MS));
	assert_int_equal(event.u.probe.vlan, 0);
}

/* What the NIC lets in, as the kernel lists it: the one command shows stations and groups, the other groups alone. */
static void test_filters_of_the_nic(void **state)
{
	(void)state;
	use_pa();
	lab_run("bridge fdb show dev pa | grep -q '^" MAC_A_TEXT " '");
	lab_run("! ip maddr show dev pa | grep -q " MAC_A_TEXT);
	lab_run("echo 1 >/proc/sys/net/ipv6/conf/pa/disable_ipv6"); /* which wants that group too */
	lab_run("ip maddr show dev pa | grep -q '33:33:00:00:00:01'");
	packets_remove(packets, PA, FAMILY_4); /* another's */
	lab_run("bridge fdb show dev pa | grep -q '^" MAC_A_TEXT " '");
	packets_remove(packets, PA, FAMILY_NONE);
	lab_run("! bridge fdb show dev pa | grep -q '^" MAC_A_TEXT " '");
	lab_run("! ip maddr show dev pa | grep -q '33:33:00:00:00:01'");
}

static void test_socket_is_replaced_and_removed(void **state)
{
	struct action action = probe(PA, &target_4, mac_b, 0);
	struct event event;

	(void)state;
	use_pa();
	listen_for(PA, "pa", mac_b);
	lab_run("! bridge fdb show dev pa | grep -q '^" MAC_A_TEXT " '");
	expect_answer(&action);
	packets_send(packets, &action);
	packets_flush(packets);
	assert_true(wait_event(&event, DEADLINE_MS));
	expect_silence(); /* once, by one socket */
	packets_remove(packets, PA, FAMILY_NONE);
	packets_remove(packets, PA, FAMILY_NONE);
	expect_no_answer(&action);
}

static void test_interface_down_up_and_gone(void **state)
{
	struct action action = probe(PA, &target_4, mac_a, 0);
	struct action_listen listen = {.ifindex = PA, .probes = true};

	(void)state;
	listen_for(PA, "pa", mac_a); /* while it is down */
	expect_no_answer(&action);
	assert_int_equal(packets_counters(packets)->last_errno, ENETDOWN);
	lab_run("ip link set pa up");
	wait_carrier("pa");
	expect_answer(&action);
	lab_run("ip link set pa down && ip link set pa up");
	wait_carrier("pa");
	expect_answer(&action);
	lab_run("ip link del pa");
	expect_no_answer(&action);
	assert_int_equal(packets_counters(packets)->last_errno, ENXIO);
	assert_int_equal(packets_listen(&listen), -ENODEV);
	lab_run("ip link set pb up");
	wait_carrier("pb");
	listen_for(PB, "pb", mac_b);
	action = probe(PB, &target_4, mac_b, 0);
	expect_answer(&action); /* by pb's socket alone: what was pa's hears nobody */
	packets_remove(packets, PA, FAMILY_NONE);
}

/* Probes leave in their order with what else there is, and more than are collected. */
static void test_many(void **state)
{
	enum { N = 300 };
	struct action action = probe(PA, &target_4, mac_a, 0);
	struct event event;
	unsigned heard = 0;

	(void)state;
	use_pa();
	expect_answer(&action);
	for (unsigned i = 0; i < N; i++) {
		packets_send(packets, &action);
		while (i % 50 == 49 && heard < i && wait_event(&event, AGAIN_MS))
			heard++;
	}
	packets_flush(packets);
	while (heard < N && wait_event(&event, DEADLINE_MS))
		heard++;
	assert_int_equal(heard, N);
}

/* ---- ports of a bond and of a team ------------------------------------------------------------------------------ */

static bool have(const char *driver)
{
	char command[128];

	snprintf(command, sizeof command, "ip link add kind7 type %s 2>/dev/null && ip link del kind7", driver);
	return allowed(lab_try(command));
}

/* Active and standby port, plain and tagged, each from its MAC; the bridge keeps the bond's MAC where it was. */
static void check_ports(const char *master)
{
	lab_run("ip link add link %s name %s.20 type vlan id %d && ip link set %s.20 up", master, master, VLAN, master);
	listen_for(PA, "pa", mac_a);
	listen_for(PB, "pb", mac_b);
	answer_both(PA, bond_mac); /* as the bond itself asks */
	lab_run_peer("bridge fdb show br lan | grep '^" BOND_TEXT "' | grep -q 'dev pax'");
	answer_both(PA, mac_a);
	answer_both_tagged(PA, mac_a);
	answer_both(PB, mac_b);
	answer_both_tagged(PB, mac_b);
	lab_run_peer("bridge fdb show br lan | grep '^" BOND_TEXT "' | grep -q 'dev pax'");
	lab_run_peer("bridge fdb show br lan | grep '^" MAC_B_TEXT "' | grep -q 'dev pbx'");
}

static void test_port_of_a_bond(void **state)
{
	(void)state;
	if (!have("bond"))
		skip();
	lab_run("ip link add bond7 address " BOND_TEXT " type bond mode active-backup miimon 100");
	lab_run("ip link set pa master bond7 && ip link set pb master bond7 && ip link set bond7 up");
	while (!lab_try("grep -q 'Currently Active Slave: pa' /proc/net/bonding/bond7 && "
			"grep -A1 'Interface: pb' /proc/net/bonding/bond7 | grep -q 'MII Status: up'"))
		usleep(10000);
	check_ports("bond7");
	lab_run("grep -q 'Currently Active Slave: pa' /proc/net/bonding/bond7");
}

static void test_port_of_a_team(void **state)
{
	(void)state;
	if (!have("team"))
		skip();
	lab_run("ip link add team7 address " BOND_TEXT " type team && teamnl team7 setoption mode activebackup");
	lab_run("ip link set pa master team7 && ip link set pb master team7 && ip link set pa up && ip link set pb up");
	lab_run("ip link set team7 up && teamnl team7 setoption activeport %d", PA);
	lab_run("teamnl -p pa team7 setoption enabled true && teamnl -p pb team7 setoption enabled false");
	wait_carrier("pa");
	wait_carrier("pb");
	check_ports("team7");
	lab_run("teamnl -p pb team7 getoption enabled | grep -q false");
}

/* For `ip`, which wants a name of the namespace. */
static int open_lab(void **state)
{
	int fd;

	lab_open(state);
	lab_enter_peer();
	fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	lab_leave_peer();
	snprintf(peer_path, sizeof peer_path, "/proc/%d/fd/%d", getpid(), fd);
	return fd < 0 ? -1 : 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(test_answers),
		TEST(test_arp_teaches_nothing),
		TEST(test_port_vlan),
		TEST(test_port_vlan_that_we_have),
		TEST(test_target_with_arp_ignore),
		TEST(test_advertisement_to_all_nodes),
		TEST(test_what_is_no_answer),
		TEST(test_foreign_tags),
		TEST(test_filters_of_the_nic),
		TEST(test_socket_is_replaced_and_removed),
		TEST(test_interface_down_up_and_gone),
		TEST(test_many),
		TEST(test_port_of_a_bond),
		TEST(test_port_of_a_team),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, open_lab, lab_close);
}
