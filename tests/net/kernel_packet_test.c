/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Adverts, announcements and claims over a veth pair: what one end sends is what the other end makes of it. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
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
#include "wire/vrrp.h"

/* The core's part of it: what it wants to hear of, and a sum that tells lists apart. */
static bool want_claims;

uint64_t core_address_hash(const struct ip *ip)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < sizeof ip->bytes; i++)
		sum += (uint64_t)ip->bytes[i] * (i + 1);
	return sum;
}

bool core_wants_claim(const struct core *core, const struct ip *ip)
{
	(void)core;
	(void)ip;
	return want_claims;
}

static struct packets *here, *peer;
static const uint8_t none[MAC_SIZE], mac[MAC_SIZE] = {0x02, 1, 2, 3, 4, 5}, virtual[MAC_SIZE] = {0, 0, 0x5e, 0, 1, 51};
static const struct ip source_4 = {.family = FAMILY_4, .bytes = {10, 9, 0, 1}};
static const struct ip source_6 = {.family = FAMILY_6, .bytes = {0xfe, 0x80, [15] = 1}};
static const struct config_address vips_4[] = {
	{.ip = {.family = FAMILY_4, .bytes = {10, 77, 0, 1}}, .prefix = 32},
	{.ip = {.family = FAMILY_4, .bytes = {10, 77, 0, 2}}, .prefix = 32},
};
static const struct config_address vips_6[] = {
	{.ip = {.family = FAMILY_6, .bytes = {0xfe, 0x80, [15] = 9}}, .prefix = 128},
	{.ip = {.family = FAMILY_6, .bytes = {0x20, 1, 0xd, 0xb8, [15] = 9}}, .prefix = 128},
};

static void listen_on(struct packets *p, const char *ifname, int ifindex, uint8_t family)
{
	struct action_listen listen = {.ifindex = ifindex, .family = family};
	int fd;

	strcpy(listen.ifname, ifname);
	fd = packets_listen(&listen);
	assert_true(fd >= 0);
	assert_int_equal(packets_add(p, &listen, fd), 0);
}

static int set_up(void **state)
{
	lab_pair(state);
	lab_run("ip -6 addr add fe80::1/64 dev v0 nodad");
	want_claims = true;
	here = packets_open();
	assert_non_null(here);
	lab_enter_peer();
	peer = packets_open();
	assert_non_null(peer);
	listen_on(peer, "v1", V1, FAMILY_4);
	listen_on(peer, "v1", V1, FAMILY_6);
	lab_leave_peer();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	packets_close(here);
	packets_close(peer);
	return 0;
}

static struct event next_event(struct packets *p)
{
	struct event event;

	while (!packets_next(p, NULL, &event))
		lab_wait(packets_fd(p));
	assert_true(event.seen_ns > 0 && event.seen_ns <= lab_now());
	return event;
}

/* Claims that the kernel itself makes while the lab comes up are of no interest. */
static struct event next_of(struct packets *p, enum event_type type)
{
	struct event event;

	do
		event = next_event(p);
	while (event.type != type);
	return event;
}

static void expect_silence(struct packets *p)
{
	struct pollfd fd = {.fd = packets_fd(p), .events = POLLIN};
	struct event event;

	poll(&fd, 1, 50);
	if (packets_next(p, NULL, &event))
		fail_msg("event %d of interface %d", event.type, event.u.claim.ifindex);
}

static struct action advert(uint8_t family)
{
	struct action action = {.type = ACT_ADVERT};

	action.u.advert = (struct action_advert){
		.ifindex = V0,
		.family = family,
		.version = 3,
		.vrid = 51,
		.priority = 200,
		.interval_cs = 7,
		.checksum = VRRP_CHECKSUM_RFC5798,
		.source = family == FAMILY_6 ? source_6 : source_4,
		.addresses = family == FAMILY_6 ? vips_6 : vips_4,
		.n_addresses = 2,
	};
	return action;
}

static struct action announcement(uint8_t family)
{
	struct action action = {.type = ACT_ANNOUNCE};

	action.u.announce.ifindex = V0;
	action.u.announce.ip = family == FAMILY_6 ? vips_6[1].ip : vips_4[0].ip;
	memcpy(action.u.announce.mac, mac, sizeof mac);
	return action;
}

/* ---- adverts ---------------------------------------------------------------------------------------------------- */

static void check_advert(uint8_t family)
{
	struct action action = advert(family);
	const struct config_address *vips = action.u.advert.addresses;
	uint64_t before = lab_now();
	struct event event;

	packets_send(here, &action);
	expect_silence(peer); /* it waits for the flush */
	packets_flush(here);
	event = next_of(peer, EV_ADVERT);
	assert_int_equal(event.now_ns, 0);
	assert_true(event.seen_ns >= before);
	assert_int_equal(event.u.advert.ifindex, V1);
	assert_int_equal(event.u.advert.family, family);
	assert_int_equal(event.u.advert.version, 3);
	assert_int_equal(event.u.advert.vrid, 51);
	assert_int_equal(event.u.advert.priority, 200);
	assert_int_equal(event.u.advert.interval_ns, 70 * NSEC_PER_MSEC);
	assert_true(ip_equal(&event.u.advert.source, &action.u.advert.source));
	assert_int_equal(event.u.advert.n_addresses, 2);
	assert_int_equal(event.u.advert.address_hash, core_address_hash(&vips[0].ip) + core_address_hash(&vips[1].ip));
	assert_int_equal(event.u.advert.checksum, VRRP_CHECKSUM_RFC5798);
	assert_int_equal(packets_counters(here)->sent, 1);
	assert_int_equal(packets_counters(here)->send_errors, 0);
	expect_silence(peer);
}

/* From a MAC address that is named, the interface's or the virtual router's: what leaves is a frame, and the peer's kernel takes it for
 * as good as any. */
static void check_advert_from(uint8_t family, const uint8_t from[MAC_SIZE])
{
	struct action action = advert(family), said = announcement(family);
	uint64_t sent = packets_counters(here)->sent;
	struct event event;

	memcpy(action.u.advert.mac, from, MAC_SIZE);
	memcpy(said.u.announce.mac, from, MAC_SIZE);
	packets_send(here, &said);
	packets_send(here, &action);
	packets_flush(here);
	event = next_of(peer, EV_ADVERT);
	assert_int_equal(event.u.advert.ifindex, V1);
	assert_int_equal(event.u.advert.vrid, 51);
	assert_int_equal(event.u.advert.priority, 200);
	assert_true(ip_equal(&event.u.advert.source, &action.u.advert.source));
	assert_int_equal(event.u.advert.n_addresses, 2);
	assert_int_equal(event.u.advert.checksum, VRRP_CHECKSUM_RFC5798);
	assert_int_equal(packets_counters(here)->sent - sent, family == FAMILY_6 ? 2 : 3);
	assert_int_equal(packets_counters(here)->send_errors, 0);
}

static void test_advert_from_4(void **state)
{
	(void)state;
	check_advert_from(FAMILY_4, virtual);
	check_advert_from(FAMILY_4, mac);
}

static void test_advert_from_6(void **state)
{
	(void)state;
	check_advert_from(FAMILY_6, virtual);
	check_advert_from(FAMILY_6, mac);
}

static void test_advert_4(void **state)
{
	(void)state;
	check_advert(FAMILY_4);
}

static void test_advert_plain_sum(void **state)
{
	struct action action = advert(FAMILY_4);
	struct event event;

	(void)state;
	action.u.advert.checksum = VRRP_CHECKSUM_RFC9568;
	packets_send(here, &action);
	packets_flush(here);
	event = next_of(peer, EV_ADVERT);
	assert_int_equal(event.u.advert.checksum, VRRP_CHECKSUM_RFC9568);
}

static void test_advert_version_2(void **state)
{
	struct action action = advert(FAMILY_4);
	struct event event;

	(void)state;
	action.u.advert.version = 2;
	action.u.advert.interval_cs = 300;
	action.u.advert.has_auth = true;
	memcpy(action.u.advert.auth, "secret", 6);
	packets_send(here, &action);
	packets_flush(here);
	event = next_of(peer, EV_ADVERT);
	assert_int_equal(event.u.advert.version, 2);
	assert_int_equal(event.u.advert.interval_ns, 3 * NSEC_PER_SEC);
	assert_int_equal(event.u.advert.n_addresses, 2);
	assert_int_equal(event.u.advert.auth_type, 1);
	assert_memory_equal(event.u.advert.auth, action.u.advert.auth, AUTH_SIZE);
	action.u.advert.has_auth = false;
	packets_send(here, &action);
	packets_flush(here);
	event = next_of(peer, EV_ADVERT);
	assert_int_equal(event.u.advert.auth_type, 0);
}

/* One packet for each peer, also one that no route leads to; both families. */
static void test_advert_unicast(void **state)
{
	static const struct ip peers_4[] = {{.family = FAMILY_4, .bytes = {10, 9, 0, 77}}, {.family = FAMILY_4, .bytes = {10, 9, 0, 2}}};
	struct action action = advert(FAMILY_4);
	struct event event;

	(void)state;
	action.u.advert.peers = peers_4;
	action.u.advert.n_peers = 2;
	packets_send(here, &action);
	packets_flush(here);
	event = next_of(peer, EV_ADVERT);
	assert_true(ip_equal(&event.u.advert.source, &source_4));
	assert_int_equal(event.u.advert.checksum, VRRP_CHECKSUM_RFC5798);
	assert_int_equal(packets_counters(here)->sent, 2);
	assert_int_equal(packets_counters(here)->send_errors, 0);
	expect_silence(peer);
}

static void test_advert_6(void **state)
{
	(void)state;
	check_advert(FAMILY_6);
}

/* The frame itself, as a sniffer at the peer sees it. */
static int open_sniffer(uint16_t protocol)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(protocol), .sll_ifindex = V1};
	int fd;

	lab_enter_peer();
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(protocol));
	lab_leave_peer();
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	return fd;
}

/* The next frame whose byte at `at` has that value. */
static size_t sniff(int fd, unsigned char *frame, size_t size, unsigned at, uint8_t value)
{
	for (;;) {
		ssize_t n;

		lab_wait(fd);
		n = recv(fd, frame, size, 0);
		assert_true(n > (ssize_t)at);
		if (frame[at] == value)
			return (size_t)n;
	}
}

/* The same frame, whether the kernel routes the packet (zero) or it is made here. */
static void check_frame_4(const uint8_t from[MAC_SIZE])
{
	static const uint8_t group_mac[6] = {0x01, 0, 0x5e, 0, 0, 0x12}, group[4] = {224, 0, 0, 18};
	struct action action = advert(FAMILY_4);
	int fd = open_sniffer(ETH_P_IP);
	unsigned char frame[2048];
	uint32_t sum = 0;

	memcpy(action.u.advert.mac, from, MAC_SIZE);
	packets_send(here, &action);
	packets_flush(here);
	assert_int_equal(sniff(fd, frame, sizeof frame, 14 + 9, VRRP_PROTOCOL), 14 + 20 + 16);
	assert_memory_equal(frame, group_mac, 6);
	if (from != none)
		assert_memory_equal(frame + 6, from, MAC_SIZE);
	assert_int_equal(frame[14], 0x45);
	assert_int_equal(frame[15], 0xc0);
	assert_int_equal(frame[14 + 8], 255);
	assert_memory_equal(frame + 14 + 12, source_4.bytes, 4);
	assert_memory_equal(frame + 14 + 16, group, 4);
	for (unsigned i = 14; i < 34; i += 2)
		sum += (uint32_t)frame[i] << 8 | frame[i + 1];
	assert_int_equal((sum & 0xffff) + (sum >> 16), 0xffff);
	close(fd);
}

static void test_advert_frame_4(void **state)
{
	(void)state;
	check_frame_4(none);
	check_frame_4(mac);
}

static void check_frame_6(const uint8_t from[MAC_SIZE])
{
	static const uint8_t group_mac[6] = {0x33, 0x33, 0, 0, 0, 0x12};
	struct action action = advert(FAMILY_6);
	int fd = open_sniffer(ETH_P_IPV6);
	unsigned char frame[2048];

	memcpy(action.u.advert.mac, from, MAC_SIZE);
	packets_send(here, &action);
	packets_flush(here);
	assert_int_equal(sniff(fd, frame, sizeof frame, 14 + 6, VRRP_PROTOCOL), 14 + 40 + 40);
	assert_memory_equal(frame, group_mac, 6);
	if (from != none)
		assert_memory_equal(frame + 6, from, MAC_SIZE);
	assert_int_equal(frame[14], 0x6c);
	assert_int_equal(frame[15] & 0xf0, 0);
	assert_int_equal(frame[14 + 7], 255);
	assert_memory_equal(frame + 14 + 8, source_6.bytes, 16);
	assert_memory_equal(frame + 14 + 24, vrrp_group_6.bytes, 16);
	close(fd);
}

static void test_advert_frame_6(void **state)
{
	(void)state;
	check_frame_6(none);
	check_frame_6(mac);
}

static void test_own_adverts_are_not_heard(void **state)
{
	struct action four = advert(FAMILY_4), six = advert(FAMILY_6);

	(void)state;
	listen_on(here, "v0", V0, FAMILY_4);
	listen_on(here, "v0", V0, FAMILY_6);
	packets_send(here, &four);
	packets_send(here, &six);
	packets_flush(here);
	next_of(peer, EV_ADVERT);
	next_of(peer, EV_ADVERT);
	expect_silence(here);
}

/* The core emits what is late first and a vip's first advert last: here nothing overtakes. */
/* No advert goes before an announcement that was there before it; all that can go together do. */
static void test_order_is_kept(void **state)
{
	struct action action = advert(FAMILY_4), announce = announcement(FAMILY_4);
	static const bool expected_arp[] = { false, true, true, true, true, false, true };
	int fd = open_sniffer(ETH_P_ALL);
	unsigned char frame[2048];

	(void)state;
	packets_send(here, &action);
	packets_send(here, &announce); /* request and reply */
	packets_send(here, &action);   /* goes with what waits, so together with the next one's announcement */
	packets_send(here, &announce);
	packets_flush(here);
	for (unsigned i = 0; i < 200; i++)
		packets_send(here, &announce); /* more than are collected */
	for (unsigned i = 0; i < sizeof expected_arp / sizeof *expected_arp; i++) {
		do
			sniff(fd, frame, sizeof frame, 12, 0x08); /* IPv4 or ARP */
		while (frame[13] == 0 && frame[14 + 9] != VRRP_PROTOCOL);
		assert_int_equal(frame[13] != 0, expected_arp[i]);
	}
	close(fd);
}

static void test_refused_source_is_counted(void **state)
{
	struct action action = advert(FAMILY_4), good = advert(FAMILY_4);

	(void)state;
	action.u.advert.ifindex = 9999;
	packets_send(here, &action);
	packets_send(here, &good); /* the one behind it leaves all the same */
	action.u.advert.n_addresses = 0;
	packets_send(here, &action);
	packets_flush(here);
	next_of(peer, EV_ADVERT);
	assert_int_equal(packets_counters(here)->sent, 1);
	assert_int_equal(packets_counters(here)->send_errors, 2);
	assert_int_not_equal(packets_counters(here)->last_errno, 0);
}

/* ---- what must be dropped --------------------------------------------------------------------------------------- */

/* A VRRP message by an ordinary raw socket, so that everything can be wrong with it. */
static void send_raw(const void *bytes, size_t length, int ttl, const char *destination)
{
	struct ip_mreqn on = {.imr_ifindex = V0};
	struct sockaddr_in to = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, VRRP_PROTOCOL), one = 1;

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &one, sizeof one), 0);
	assert_int_equal(inet_pton(AF_INET, destination, &to.sin_addr), 1);
	assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &on, sizeof on), 0);
	assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &ttl, sizeof ttl), 0);
	assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl), 0);
	assert_int_equal(sendto(fd, bytes, length, 0, (struct sockaddr *)&to, sizeof to), length);
	close(fd);
}

static size_t message_to(const struct ip *destination, uint8_t *out, size_t size)
{
	size_t length = vrrp_encode(out, size, 51, 100, 100, &source_4, destination, &vips_4[0].ip, 1, VRRP_CHECKSUM_RFC5798);

	assert_true(length > 0);
	return length;
}

static void expect_dropped(enum drop_reason reason)
{
	struct event event = next_of(peer, EV_DROPPED);

	assert_int_equal(event.u.dropped.reason, reason);
	assert_int_equal(event.u.dropped.ifindex, V1);
	assert_true(ip_equal(&event.u.dropped.source, &source_4));
}

static void test_dropped(void **state)
{
	static const uint8_t long_message[VRRP_MESSAGE_MAX + 100] = {0x31, 51, 100, 255};
	uint8_t message[64];
	size_t length = message_to(&vrrp_group_4, message, sizeof message);

	(void)state;
	send_raw(message, length, 255, "224.0.0.18");
	assert_int_equal(next_of(peer, EV_ADVERT).u.advert.priority, 100);
	send_raw(message, length, 254, "224.0.0.18");
	expect_dropped(DROP_TTL);
	send_raw(message, length - 4, 255, "224.0.0.18");
	expect_dropped(DROP_TRUNCATED);
	send_raw(message, 1, 255, "224.0.0.18");
	expect_dropped(DROP_TRUNCATED);
	send_raw(message, 0, 255, "224.0.0.18");
	expect_dropped(DROP_TRUNCATED);
	lab_run("ip link set v0 mtu 9000"); /* in one piece */
	lab_run_peer("ip link set v1 mtu 9000");
	send_raw(long_message, sizeof long_message, 255, "224.0.0.18");
	expect_dropped(DROP_TRUNCATED);
	message[2]++;
	send_raw(message, length, 255, "224.0.0.18");
	expect_dropped(DROP_CHECKSUM);
	message[0] = 0x41;
	send_raw(message, length, 255, "224.0.0.18");
	expect_dropped(DROP_VERSION);
}

static void test_destinations(void **state)
{
	static const struct ip unicast = {.family = FAMILY_4, .bytes = {10, 9, 0, 2}};
	static const struct ip broadcast = {.family = FAMILY_4, .bytes = {10, 9, 0, 255}};
	uint8_t message[64];
	size_t length = message_to(&unicast, message, sizeof message);

	(void)state;
	send_raw(message, length, 255, "10.9.0.2");
	assert_int_equal(next_of(peer, EV_ADVERT).u.advert.priority, 100);
	length = message_to(&broadcast, message, sizeof message);
	send_raw(message, length, 255, "10.9.0.255");
	expect_dropped(DROP_DESTINATION);
}

/* ---- claims ----------------------------------------------------------------------------------------------------- */

static void test_claims_4(void **state)
{
	struct action action = announcement(FAMILY_4);

	(void)state;
	packets_send(here, &action);
	packets_flush(here);
	assert_int_equal(packets_counters(here)->sent, 2);
	for (unsigned i = 0; i < 2; i++) {
		struct event event;

		do
			event = next_of(peer, EV_CLAIM);
		while (!ip_equal(&event.u.claim.ip, &vips_4[0].ip));
		assert_int_equal(event.u.claim.ifindex, V1);
		assert_memory_equal(event.u.claim.mac, mac, sizeof mac);
		assert_true(event.u.claim.announcement);
	}
	expect_silence(here); /* our own frames are no claims */
}

static void test_claim_forms(void **state)
{
	struct action action = announcement(FAMILY_4);
	int fd = open_sniffer(ETH_P_ARP);
	static const uint8_t broadcast[6] = {255, 255, 255, 255, 255, 255};
	unsigned char frame[256];

	(void)state;
	packets_send(here, &action);
	packets_flush(here);
	sniff(fd, frame, sizeof frame, 14 + 7, 1); /* the request first */
	assert_memory_equal(frame, broadcast, 6);
	assert_memory_equal(frame + 6, mac, 6);
	sniff(fd, frame, sizeof frame, 14 + 7, 2);
	assert_memory_equal(frame + 14 + 14, frame + 14 + 24, 4);
	close(fd);
}

static void test_ordinary_arp_is_no_claim(void **state)
{
	(void)state;
	while (poll(&(struct pollfd){.fd = packets_fd(peer), .events = POLLIN}, 1, 50) > 0)
		packets_next(peer, NULL, &(struct event){0});
	assert_false(lab_try("ping -c 1 -W 1 10.9.0.3 >/dev/null 2>&1")); /* asks for somebody absent */
	expect_silence(peer);
}

static void test_answers_are_claims(void **state)
{
	struct event event;
	const struct ip theirs = {.family = FAMILY_4, .bytes = {10, 9, 0, 2}};

	(void)state;
	lab_run("ping -c 1 -W 2 10.9.0.2 >/dev/null");
	do
		event = next_of(here, EV_CLAIM);
	while (!ip_equal(&event.u.claim.ip, &theirs));
	assert_int_equal(event.u.claim.ifindex, V0);
	assert_false(event.u.claim.announcement);
}

static void test_claims_6(void **state)
{
	struct action action = announcement(FAMILY_6);
	struct event event;

	(void)state;
	packets_send(here, &action);
	packets_flush(here);
	assert_int_equal(packets_counters(here)->sent, 1);
	do
		event = next_of(peer, EV_CLAIM);
	while (!ip_equal(&event.u.claim.ip, &vips_6[1].ip));
	assert_int_equal(event.u.claim.ifindex, V1);
	assert_memory_equal(event.u.claim.mac, mac, sizeof mac);
	assert_true(event.u.claim.announcement);
}

/* Bit 7 of the flags, the fourth byte of the message's second word. */
static void check_router_flag(const char *forwarding, uint8_t expected)
{
	struct action action = announcement(FAMILY_6);
	int fd = open_sniffer(ETH_P_IPV6);
	unsigned char frame[256];

	lab_run("echo %s >/proc/sys/net/ipv6/conf/v0/forwarding", forwarding);
	listen_on(here, "v0", V0, FAMILY_4);
	packets_send(here, &action);
	packets_flush(here);
	do
		sniff(fd, frame, sizeof frame, 14 + 40, 136);
	while (memcmp(frame + 14 + 40 + 8, vips_6[1].ip.bytes, 16) != 0);
	assert_int_equal(frame[14 + 40 + 4], expected);
	close(fd);
}

static void test_router_flag(void **state)
{
	(void)state;
	check_router_flag("0", 0x20);
	check_router_flag("1", 0xa0);
}

static void test_unwanted_claims(void **state)
{
	struct action action = announcement(FAMILY_4), end = advert(FAMILY_4);
	struct event event;

	(void)state;
	want_claims = false;
	packets_send(here, &action);
	packets_flush(here);
	packets_send(here, &end);
	packets_flush(here);
	event = next_event(peer);
	assert_int_equal(event.type, EV_ADVERT);
	expect_silence(peer);
}

/* ---- the set of sockets ----------------------------------------------------------------------------------------- */

static void test_remove(void **state)
{
	struct action action = advert(FAMILY_4);

	(void)state;
	for (unsigned i = 0; i < 40; i++)
		packets_send(here, &action);
	packets_flush(here);
	next_of(peer, EV_ADVERT); /* more of that socket are read already, and waiting */
	packets_remove(peer, V1, FAMILY_6);
	packets_remove(peer, V1, FAMILY_4);
	packets_remove(peer, V1, FAMILY_4);
	want_claims = false;
	expect_silence(peer);
	lab_enter_peer();
	listen_on(peer, "v1", V1, FAMILY_4);
	listen_on(peer, "v1", V1, FAMILY_4); /* takes the other's place */
	lab_leave_peer();
	packets_send(here, &action);
	packets_flush(here);
	next_of(peer, EV_ADVERT);
	expect_silence(peer);
}

static void test_budget(void **state)
{
	enum { N = 600 };
	struct action action = advert(FAMILY_4);
	unsigned chain = 0, heard = 0;
	struct event event;

	(void)state;
	want_claims = false;
	for (unsigned i = 0; i < N; i++)
		packets_send(here, &action); /* leaves by itself where enough wait */
	packets_flush(here);
	while (heard < N) {
		for (chain = 0; packets_next(peer, NULL, &event); chain++)
			assert_int_equal(event.type, EV_ADVERT);
		assert_true(chain <= PACKETS_BUDGET);
		heard += chain;
		if (heard < N)
			lab_wait(packets_fd(peer));
	}
	assert_int_equal(heard, N);
	assert_int_equal(packets_counters(here)->sent, N);
}

static unsigned hear_all(void)
{
	struct event event;
	unsigned heard = 0;

	while (packets_next(peer, NULL, &event))
		heard += event.type == EV_ADVERT;
	return heard;
}

/* Some adverts of every virtual router that an interface can have wait for us; what no longer fits is counted, once it is known:
 * with the next packet. */
static void test_lost(void **state)
{
	enum { FIT = 5 * 255, N = 40 * 255 };
	struct action action = advert(FAMILY_4);
	unsigned heard = 0, more;

	(void)state;
	want_claims = false;
	for (unsigned i = 0; i < N; i++)
		packets_send(here, &action);
	packets_flush(here);
	while ((more = hear_all()) > 0)
		heard += more;
	assert_in_range(heard, FIT, N - 1);
	packets_send(here, &action);
	packets_flush(here);
	lab_wait(packets_fd(peer));
	assert_int_equal(hear_all(), 1);
	assert_int_equal(packets_counters(peer)->lost, N - heard);
}

static void test_interface_goes(void **state)
{
	struct action action = advert(FAMILY_4), six = announcement(FAMILY_6);
	struct event event;

	(void)state;
	listen_on(here, "v0", V0, FAMILY_4);
	lab_run("ip link set v0 down");
	packets_send(here, &action);
	packets_send(here, &six);
	packets_flush(here);
	assert_int_equal(packets_counters(here)->send_errors, 2);
	lab_run("ip link del v0");
	while (packets_next(here, NULL, &event))
		;
	packets_remove(here, V0, FAMILY_4);
	expect_silence(here);
}

static void test_time_of_200(void **state)
{
	struct applier *applier = applier_new(400);
	unsigned heard = 0;
	uint64_t start, end;

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		struct action action = lab_address(ACT_ADDRESS_ADD, i);

		assert_int_equal(applier_submit(applier, &action), 0);
	}
	start = lab_now();
	applier_kick(applier);
	for (unsigned i = 0; i < 200;) {
		struct event event;
		const char *text;
		int fd;

		while (applier_next(applier, &event, &fd, &text)) {
			struct action action = announcement(FAMILY_4);

			assert_int_equal(event.type, EV_DONE);
			action.u.announce.ip = event.u.result.action.u.address.ip;
			packets_send(here, &action);
			i++;
		}
		packets_flush(here);
		if (i < 200)
			lab_wait(applier_fd(applier));
	}
	end = lab_now();
	assert_int_equal(packets_counters(here)->sent, 400);
	while (heard < 400) {
		struct event event = next_of(peer, EV_CLAIM);

		if (event.u.claim.ip.bytes[1] == 77) {
			end = event.seen_ns;
			heard++;
		}
	}
	print_message("200 addresses and announcements: the last at the other end after %.2f ms\n", (double)(end - start) / 1e6);
	applier_free(applier);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(test_advert_4),
		TEST(test_advert_from_4),
		TEST(test_advert_from_6),
		TEST(test_advert_plain_sum),
		TEST(test_advert_version_2),
		TEST(test_advert_unicast),
		TEST(test_advert_6),
		TEST(test_advert_frame_4),
		TEST(test_advert_frame_6),
		TEST(test_own_adverts_are_not_heard),
		TEST(test_order_is_kept),
		TEST(test_refused_source_is_counted),
		TEST(test_dropped),
		TEST(test_destinations),
		TEST(test_claims_4),
		TEST(test_claim_forms),
		TEST(test_ordinary_arp_is_no_claim),
		TEST(test_answers_are_claims),
		TEST(test_claims_6),
		TEST(test_router_flag),
		TEST(test_unwanted_claims),
		TEST(test_remove),
		TEST(test_budget),
		TEST(test_lost),
		TEST(test_interface_goes),
		TEST(test_time_of_200),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, lab_open, lab_close);
}
