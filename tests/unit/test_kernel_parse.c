/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rtnetlink messages → events, and actions → messages, without a kernel. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <linux/if_addr.h>
#include <linux/fib_rules.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include "kernel/attribute.h"
#include "kernel/clock.h"
#include "kernel/netlink.h"
#include "kernel/release.h"
#include "kernel/request.h"

static const uint8_t mac[MAC_SIZE] = {0x02, 0, 0, 0, 0, 7};
static const uint8_t ip4[4] = {192, 0, 2, 100}, peer4[4] = {192, 0, 2, 101};
static const uint8_t ip6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};

static struct nl_msg *message(uint16_t type, const void *header, size_t length)
{
	struct nl_msg *m = nlmsg_alloc_size(4096);

	assert_non_null(nlmsg_put(m, 4711, 1, type, 0, 0));
	assert_int_equal(nlmsg_append(m, (void *)header, length, NLMSG_ALIGNTO), 0);
	return m;
}

/* Parses a copy that ends where memory ends. */
static bool parse_exactly(const void *bytes, size_t length, struct event *event)
{
	struct nlmsghdr *copy = malloc(length);
	bool result;

	assert_non_null(copy);
	memcpy(copy, bytes, length);
	memset(event, 0xa5, sizeof *event);
	result = netlink_parse(copy, event);
	free(copy);
	return result;
}

static bool parse(struct nl_msg *m, struct event *event)
{
	bool result = parse_exactly(nlmsg_hdr(m), nlmsg_hdr(m)->nlmsg_len, event);

	nlmsg_free(m);
	return result;
}

/* ---- links ------------------------------------------------------------------------------------------------------ */

static struct nl_msg *bond_message(void)
{
	struct ifinfomsg info = {.ifi_index = 7, .ifi_flags = IFF_UP | 1 << 16};
	struct nl_msg *m = message(RTM_NEWLINK, &info, sizeof info);
	struct nlattr *linkinfo, *data;

	nla_put_string(m, IFLA_IFNAME, "bond0");
	nla_put_u32(m, IFLA_MTU, 1500);
	nla_put_u32(m, IFLA_MASTER, 3);
	nla_put(m, IFLA_ADDRESS, sizeof mac, mac);
	linkinfo = nla_nest_start(m, IFLA_LINKINFO);
	nla_put_string(m, IFLA_INFO_KIND, "bond");
	data = nla_nest_start(m, IFLA_INFO_DATA);
	nla_put_u8(m, IFLA_BOND_MODE, 1);
	nla_put_u32(m, IFLA_BOND_MIIMON, 100);
	nla_put_u32(m, IFLA_BOND_ACTIVE_SLAVE, 11);
	nla_put_u32(m, IFLA_BOND_PRIMARY, 12);
	nla_put_u8(m, IFLA_BOND_PRIMARY_RESELECT, 2);
	nla_nest_end(m, data);
	nla_nest_end(m, linkinfo);
	return m;
}

static void test_bond(void **state)
{
	struct event event;

	(void)state;
	assert_true(parse(bond_message(), &event));
	assert_int_equal(event.type, EV_LINK);
	assert_int_equal(event.now_ns, 0);
	assert_int_equal(event.seen_ns, 0);
	assert_int_equal(event.epoch, 0);
	assert_int_equal(event.u.link.ifindex, 7);
	assert_string_equal(event.u.link.name, "bond0");
	assert_true(event.u.link.up);
	assert_true(event.u.link.carrier);
	assert_int_equal(event.u.link.master, 3);
	assert_int_equal(event.u.link.mtu, 1500);
	assert_memory_equal(event.u.link.mac, mac, sizeof mac);
	assert_int_equal(event.u.link.kind, KIND_BOND);
	assert_int_equal(event.u.link.bond.mode, 1);
	assert_int_equal(event.u.link.bond.miimon, 100);
	assert_int_equal(event.u.link.bond.active, 11);
	assert_int_equal(event.u.link.bond.primary, 12);
	assert_int_equal(event.u.link.bond.reselect, 2);
	assert_int_equal(event.u.link.cause, 4711);
}

static struct nl_msg *plain_link(uint16_t type, unsigned char family, unsigned flags, const char *name)
{
	struct ifinfomsg info = {.ifi_family = family, .ifi_index = 5, .ifi_flags = flags};
	struct nl_msg *m = message(type, &info, sizeof info);

	if (name)
		nla_put_string(m, IFLA_IFNAME, name);
	return m;
}

static void test_plain_links(void **state)
{
	struct event event;
	struct nl_msg *m;

	(void)state;
	assert_true(parse(plain_link(RTM_NEWLINK, AF_UNSPEC, IFF_UP, "eno1"), &event));
	assert_true(event.u.link.up);
	assert_false(event.u.link.carrier);
	assert_int_equal(event.u.link.kind, KIND_OTHER);
	assert_int_equal(event.u.link.bond.active, 0);
	assert_true(parse(plain_link(RTM_DELLINK, AF_UNSPEC, 0, "eno1"), &event));
	assert_int_equal(event.type, EV_LINK_GONE);
	assert_int_equal(event.u.link.ifindex, 5);
	assert_true(parse(plain_link(RTM_NEWLINK, AF_UNSPEC, 0, "fifteen-letters"), &event));
	assert_string_equal(event.u.link.name, "fifteen-letters");

	assert_false(parse(plain_link(RTM_NEWLINK, AF_BRIDGE, IFF_UP, "eno1"), &event));
	assert_false(parse(plain_link(RTM_DELLINK, AF_BRIDGE, IFF_UP, "eno1"), &event));
	assert_false(parse(plain_link(RTM_NEWLINK, AF_INET6, IFF_UP, "eno1"), &event));
	assert_false(parse(plain_link(RTM_NEWLINK, AF_UNSPEC, IFF_UP, NULL), &event));
	assert_false(parse(plain_link(RTM_NEWLINK, AF_UNSPEC, IFF_UP, "sixteen-letters!"), &event));
	m = plain_link(RTM_NEWLINK, AF_UNSPEC, IFF_UP, "wlan0");
	nla_put(m, IFLA_WIRELESS, 8, "scanning");
	assert_false(parse(m, &event));
	m = plain_link(RTM_NEWLINK, AF_UNSPEC, IFF_UP, NULL);
	nla_put(m, IFLA_IFNAME, 4, "eno1"); /* not terminated */
	assert_false(parse(m, &event));
}

static void test_kinds(void **state)
{
	static const struct {
		const char *name;
		enum link_kind kind;
	} kinds[] = {{"team", KIND_TEAM}, {"vlan", KIND_VLAN}, {"macvlan", KIND_MACVLAN}, {"bridge", KIND_BRIDGE},
		     {"veth", KIND_OTHER}, {"vxlan", KIND_VIRTUAL}, {"wireguard", KIND_VIRTUAL}, {"macvtap", KIND_VIRTUAL}};
	struct event event;

	(void)state;
	for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		struct nl_msg *m = plain_link(RTM_NEWLINK, AF_UNSPEC, IFF_UP, "x");
		struct nlattr *info = nla_nest_start(m, IFLA_LINKINFO);

		nla_put_string(m, IFLA_INFO_KIND, kinds[i].name);
		nla_nest_end(m, info);
		assert_true(parse(m, &event));
		assert_int_equal(event.u.link.kind, kinds[i].kind);
	}
}

/* The kernel tells the carrier of a device at once if what it is linked to has another number, wherever that is. */
static void test_prompt_links(void **state)
{
	struct event event;
	struct nl_msg *m;

	(void)state;
	assert_true(parse(plain_link(RTM_NEWLINK, AF_UNSPEC, IFF_UP, "eno1"), &event));
	assert_false(event.u.link.prompt);
	m = plain_link(RTM_NEWLINK, AF_UNSPEC, IFF_UP, "eno1");
	nla_put_u32(m, IFLA_LINK, 6);
	assert_true(parse(m, &event));
	assert_true(event.u.link.prompt);
	m = plain_link(RTM_NEWLINK, AF_UNSPEC, IFF_UP, "eno1");
	nla_put_u32(m, IFLA_LINK, 5); /* its own: the other one is in another namespace */
	assert_true(parse(m, &event));
	assert_false(event.u.link.prompt);
}

/* A port of a bond that keeps no permanent address of its own has the one that it had before. */
static void test_port_of_a_bond_has_its_own_address(void **state)
{
	static const uint8_t bond[MAC_SIZE] = {2, 0, 0, 0, 0, 9}, own[MAC_SIZE] = {2, 0, 0, 0, 0, 1}, perm[MAC_SIZE] = {2, 0, 0, 0, 0, 7};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct nl_msg *m = plain_link(RTM_NEWLINK, AF_UNSPEC, IFF_UP, "eno1");
		struct nlattr *info, *data;
		struct event event;

		nla_put(m, IFLA_ADDRESS, MAC_SIZE, bond);
		info = nla_nest_start(m, IFLA_LINKINFO);
		nla_put_string(m, IFLA_INFO_SLAVE_KIND, "bond");
		data = nla_nest_start(m, IFLA_INFO_SLAVE_DATA);
		nla_put(m, IFLA_BOND_SLAVE_PERM_HWADDR, MAC_SIZE, own);
		nla_nest_end(m, data);
		nla_nest_end(m, info);
		if (i)
			nla_put(m, IFLA_PERM_ADDRESS, MAC_SIZE, perm);
		assert_true(parse(m, &event));
		assert_memory_equal(event.u.link.mac, bond, MAC_SIZE);
		assert_memory_equal(event.u.link.perm_mac, i ? perm : own, MAC_SIZE);
		assert_int_equal(event.u.link.kind, KIND_OTHER);
	}
}

static void test_infiniband_address_is_no_mac(void **state)
{
	struct nl_msg *m = plain_link(RTM_NEWLINK, AF_UNSPEC, IFF_UP, "ib0");
	static const uint8_t none[MAC_SIZE];
	struct event event;

	(void)state;
	nla_put(m, IFLA_ADDRESS, 20, "01234567890123456789");
	assert_true(parse(m, &event));
	assert_memory_equal(event.u.link.mac, none, sizeof none);
}

/* ---- addresses -------------------------------------------------------------------------------------------------- */

static struct nl_msg *address_message(uint16_t type, unsigned char family, unsigned char prefix, uint32_t flags)
{
	struct ifaddrmsg ifa = {.ifa_family = family, .ifa_prefixlen = prefix, .ifa_index = 9, .ifa_flags = flags & 0xff};
	struct nl_msg *m = message(type, &ifa, sizeof ifa);

	nla_put_u32(m, IFA_FLAGS, flags);
	return m;
}

static void put_cacheinfo(struct nl_msg *m, uint32_t valid, uint32_t tstamp)
{
	struct ifa_cacheinfo cache = {.ifa_valid = valid, .ifa_prefered = valid, .tstamp = tstamp};

	nla_put(m, IFA_CACHEINFO, sizeof cache, &cache);
}

static uint64_t renewed_at(uint32_t stamp)
{
	struct nl_msg *m = address_message(RTM_NEWADDR, AF_INET, 32, 0);
	struct event event;

	nla_put(m, IFA_LOCAL, 4, ip4);
	put_cacheinfo(m, 3, stamp);
	assert_true(parse(m, &event));
	return event.u.address.renewed_ns;
}

static void test_address_4(void **state)
{
	struct nl_msg *m = address_message(RTM_NEWADDR, AF_INET, 32, IFA_F_SECONDARY);
	struct event event;

	(void)state;
	nla_put(m, IFA_ADDRESS, 4, peer4);
	nla_put(m, IFA_LOCAL, 4, ip4);
	nla_put_u8(m, ATTR_IFA_PROTO, STANDBY_PROTO);
	put_cacheinfo(m, 3, 0);
	assert_true(parse(m, &event));
	assert_int_equal(event.type, EV_ADDRESS);
	assert_int_equal(event.u.address.ifindex, 9);
	assert_int_equal(event.u.address.ip.family, FAMILY_4);
	assert_memory_equal(event.u.address.ip.bytes, ip4, 4);
	assert_int_equal(event.u.address.prefix, 32);
	assert_true(event.u.address.ours);
	assert_true(event.u.address.secondary);
	assert_false(event.u.address.permanent);
	assert_int_equal(event.u.address.valid_s, 3);
	assert_int_equal(event.u.address.cause, 4711);
}

static void test_address_stamp(void **state)
{
	uint32_t stamp = (uint32_t)(clock_ns(CLOCK_MONOTONIC) / (10 * NSEC_PER_MSEC)) - 1000;
	uint64_t now = clock_ns(CLOCK_BOOTTIME), at = renewed_at(stamp);

	(void)state;
	/* ten seconds ago; jiffies and the clock differ by less than two */
	assert_in_range(at, now - 12 * NSEC_PER_SEC, now - 8 * NSEC_PER_SEC);
	assert_in_range(renewed_at(stamp + 150) - at, 1450 * NSEC_PER_MSEC, 1550 * NSEC_PER_MSEC);
	/* ahead: rounding at worst, never the far past */
	now = clock_ns(CLOCK_BOOTTIME);
	assert_in_range(renewed_at(stamp + 2000), now, now + 10 * NSEC_PER_SEC);
	/* longer ago than this machine may be up */
	assert_in_range(renewed_at(stamp - (1U << 30)), 1, now);
}

static void test_address_6(void **state)
{
	struct nl_msg *m =
		address_message(RTM_DELADDR, AF_INET6, 128, IFA_F_TENTATIVE | IFA_F_DADFAILED | IFA_F_PERMANENT | IFA_F_TEMPORARY);
	struct event event;

	(void)state;
	nla_put(m, IFA_ADDRESS, 16, ip6);
	nla_put_u8(m, ATTR_IFA_PROTO, 2);
	assert_true(parse(m, &event));
	assert_int_equal(event.type, EV_ADDRESS_GONE);
	assert_int_equal(event.u.address.ip.family, FAMILY_6);
	assert_memory_equal(event.u.address.ip.bytes, ip6, 16);
	assert_int_equal(event.u.address.prefix, 128);
	assert_false(event.u.address.ours);
	assert_true(event.u.address.tentative);
	assert_true(event.u.address.dadfailed);
	assert_true(event.u.address.permanent);
	assert_false(event.u.address.secondary);
	assert_int_equal(event.u.address.valid_s, UINT32_MAX);
	assert_int_equal(event.u.address.renewed_ns, 0);
}

static void test_bad_addresses(void **state)
{
	struct event event;
	struct nl_msg *m = address_message(RTM_NEWADDR, AF_INET, 33, 0);

	(void)state;
	nla_put(m, IFA_LOCAL, 4, ip4);
	assert_false(parse(m, &event));
	m = address_message(RTM_NEWADDR, AF_INET, 24, 0);
	nla_put(m, IFA_LOCAL, 16, ip6);
	assert_false(parse(m, &event));
	m = address_message(RTM_NEWADDR, AF_PACKET, 24, 0);
	nla_put(m, IFA_LOCAL, 4, ip4);
	assert_false(parse(m, &event));
	assert_false(parse(address_message(RTM_NEWADDR, AF_INET, 24, 0), &event));
	m = address_message(RTM_NEWADDR, AF_INET, 24, 0);
	nla_put(m, IFA_LOCAL, 4, ip4);
	nla_put(m, IFA_CACHEINFO, 8, "too few.");
	assert_false(parse(m, &event));
}

/* ---- routes ----------------------------------------------------------------------------------------------------- */

static struct rtmsg route_header(void)
{
	return (struct rtmsg){.rtm_family = AF_INET,
			      .rtm_dst_len = 24,
			      .rtm_table = RT_TABLE_MAIN,
			      .rtm_protocol = STANDBY_PROTO,
			      .rtm_type = RTN_UNICAST};
}

static struct nl_msg *route_message(uint16_t type, const struct rtmsg *rtm)
{
	static const uint8_t net[4] = {198, 51, 100, 0};
	struct nl_msg *m = message(type, rtm, sizeof *rtm);

	nla_put_u32(m, RTA_OIF, 9);
	nla_put_u32(m, RTA_PRIORITY, 50);
	if (rtm->rtm_dst_len)
		nla_put(m, RTA_DST, 4, net);
	nla_put(m, RTA_GATEWAY, 4, ip4);
	return m;
}

static void test_route(void **state)
{
	struct rtmsg rtm = route_header();
	struct event event;

	(void)state;
	assert_true(parse(route_message(RTM_NEWROUTE, &rtm), &event));
	assert_int_equal(event.type, EV_ROUTE);
	assert_int_equal(event.u.route.ifindex, 9);
	assert_int_equal(event.u.route.route.to.family, FAMILY_4);
	assert_int_equal(event.u.route.route.to.bytes[0], 198);
	assert_int_equal(event.u.route.route.prefix, 24);
	assert_int_equal(event.u.route.route.metric, 50);
	assert_memory_equal(event.u.route.route.via.bytes, ip4, 4);
	assert_true(event.u.route.ours);
	rtm.rtm_dst_len = 0;
	rtm.rtm_protocol = RTPROT_STATIC;
	assert_true(parse(route_message(RTM_DELROUTE, &rtm), &event));
	assert_int_equal(event.type, EV_ROUTE_GONE);
	assert_int_equal(event.u.route.route.to.family, FAMILY_4);
	assert_int_equal(event.u.route.route.prefix, 0);
	assert_false(event.u.route.ours);
}

static void test_routes_that_are_not_ours_to_see(void **state)
{
	struct rtmsg plain = route_header(), rtm;
	struct event event;
	struct nl_msg *m;

	(void)state;
	rtm = plain, rtm.rtm_type = RTN_MULTICAST;
	assert_false(parse(route_message(RTM_NEWROUTE, &rtm), &event));
	rtm = plain, rtm.rtm_table = RT_TABLE_LOCAL;
	assert_false(parse(route_message(RTM_NEWROUTE, &rtm), &event));
	rtm = plain, rtm.rtm_flags = RTM_F_CLONED;
	assert_false(parse(route_message(RTM_NEWROUTE, &rtm), &event));
	rtm = plain, rtm.rtm_tos = 8;
	assert_false(parse(route_message(RTM_NEWROUTE, &rtm), &event));
	rtm = plain, rtm.rtm_dst_len = 33;
	assert_false(parse(route_message(RTM_NEWROUTE, &rtm), &event));
	m = route_message(RTM_NEWROUTE, &plain);
	nla_put_u32(m, RTA_TABLE, 1000); /* the attribute is the truth, the byte of the header is not */
	assert_true(parse(m, &event));
	assert_int_equal(event.u.route.route.table, 1000);
	rtm = plain, rtm.rtm_table = RT_TABLE_COMPAT;
	m = route_message(RTM_NEWROUTE, &rtm);
	nla_put_u32(m, RTA_TABLE, RT_TABLE_MAIN);
	assert_true(parse(m, &event));
	assert_int_equal(event.u.route.route.table, 0);
	m = route_message(RTM_NEWROUTE, &plain);
	nla_put_u32(m, RTA_TABLE, RT_TABLE_LOCAL);
	assert_false(parse(m, &event));
	m = route_message(RTM_NEWROUTE, &plain);
	nla_put(m, RTA_MULTIPATH, 8, "nexthops");
	assert_false(parse(m, &event));
	m = message(RTM_NEWROUTE, &plain, sizeof plain); /* no destination for its prefix */
	nla_put_u32(m, RTA_OIF, 9);
	assert_false(parse(m, &event));
	m = message(RTM_NEWNEIGH, &plain, sizeof plain);
	assert_false(parse(m, &event));
}

/* ---- rules ------------------------------------------------------------------------------------------------------ */

static struct config_rule rule_of(uint8_t family)
{
	struct config_rule rule = {.from = {.family = family, .bytes = {10, 1}},
				   .to = {.family = family, .bytes = {10, 2, 3}},
				   .from_prefix = 16,
				   .to_prefix = 24,
				   .family = family,
				   .tos = 16,
				   .table = 1000,
				   .priority = 70000,
				   .mark = 7};

	return rule;
}

static struct nl_msg *rule_message(struct config_rule rule, bool removing)
{
	struct action action = {.type = removing ? ACT_RULE_DEL : ACT_RULE_ADD, .u.rule.rule = rule};
	struct nl_msg *m = nlmsg_alloc_size(REQUEST_SIZE);

	assert_true(request_exists(action.type));
	assert_int_equal(request_build(&action, m), 0);
	return m;
}

/* What is asked for is what is read when the kernel tells of it. */
static void test_rule(void **state)
{
	static const uint8_t families[] = {FAMILY_4, FAMILY_6};
	struct event event;
	struct nl_msg *m;

	(void)state;
	for (unsigned i = 0; i < sizeof families; i++) {
		struct config_rule rule = rule_of(families[i]);

		m = rule_message(rule, false);
		assert_int_equal(nlmsg_hdr(m)->nlmsg_flags & (NLM_F_CREATE | NLM_F_EXCL), NLM_F_CREATE | NLM_F_EXCL);
		assert_true(parse(m, &event));
		assert_int_equal(event.type, EV_RULE);
		assert_true(event.u.rule.ours && rule_equal(&event.u.rule.rule, &rule));
		rule.from = (struct ip){0}, rule.from_prefix = 0, rule.mark = 0, rule.tos = 0, rule.table = 100;
		assert_true(parse(rule_message(rule, true), &event));
		assert_int_equal(event.type, EV_RULE_GONE);
		assert_true(rule_equal(&event.u.rule.rule, &rule));
	}
	m = rule_message(rule_of(FAMILY_4), false); /* says more than a configuration can */
	nla_put_string(m, FRA_IIFNAME, "eth0");
	assert_false(parse(m, &event));
	assert_true(request_refusal_is_done(ACT_RULE_DEL, ENOENT));
	assert_false(request_refusal_is_done(ACT_RULE_ADD, EEXIST));
}

static void test_rule_refusals(void **state)
{
	struct nl_msg *m = nlmsg_alloc_size(REQUEST_SIZE);
	struct action bad = {.type = ACT_RULE_ADD, .u.rule.rule = rule_of(FAMILY_4)};

	(void)state;
	bad.u.rule.rule.to.family = FAMILY_6;
	assert_int_equal(request_build(&bad, m), -EINVAL);
	bad.u.rule.rule = rule_of(FAMILY_4);
	bad.u.rule.rule.from_prefix = 33;
	assert_int_equal(request_build(&bad, m), -EINVAL);
	bad.u.rule.rule = rule_of(FAMILY_4);
	bad.u.rule.rule.table = 0;
	assert_int_equal(request_build(&bad, m), -EINVAL);
	nlmsg_free(m);
}

/* ---- malformed -------------------------------------------------------------------------------------------------- */

enum { SAMPLES = 4 };

static struct nl_msg *sample(unsigned which)
{
	struct rtmsg rtm = route_header();
	struct nl_msg *m;

	if (which == 0)
		return bond_message();
	if (which == 1)
		return route_message(RTM_NEWROUTE, &rtm);
	if (which == 2)
		return rule_message(rule_of(FAMILY_4), false);
	m = address_message(RTM_NEWADDR, AF_INET, 32, 0);
	nla_put(m, IFA_LOCAL, 4, ip4);
	put_cacheinfo(m, 3, 0);
	nla_put_u8(m, ATTR_IFA_PROTO, STANDBY_PROTO);
	return m;
}

/* What came out, if anything, must be whole. */
static void check(bool parsed, const struct event *event)
{
	if (!parsed)
		return;
	if (event->type == EV_LINK)
		assert_true(strnlen(event->u.link.name, IFNAME_SIZE) < IFNAME_SIZE);
	else if (event->type == EV_ADDRESS)
		assert_true(event->u.address.prefix <= 32);
	else if (event->type == EV_RULE)
		assert_true(event->u.rule.rule.family != FAMILY_NONE && event->u.rule.rule.from_prefix <= 128);
	else
		assert_int_equal(event->type, EV_ROUTE);
}

static void test_every_truncation(void **state)
{
	struct event event;

	(void)state;
	for (unsigned which = 0; which < SAMPLES; which++) {
		struct nl_msg *m = sample(which);
		struct nlmsghdr *h = nlmsg_hdr(m);
		uint32_t whole = h->nlmsg_len;

		for (uint32_t length = NLMSG_HDRLEN; length < whole; length++) {
			h->nlmsg_len = length;
			check(parse_exactly(h, length, &event), &event);
		}
		h->nlmsg_len = NLMSG_HDRLEN + 1;
		assert_false(parse_exactly(h, h->nlmsg_len, &event));
		nlmsg_free(m);
	}
}

/* Every attribute, those within others too, at every length that it could claim. */
static void test_every_attribute_length(void **state)
{
	struct event event;

	(void)state;
	for (unsigned which = 0; which < SAMPLES; which++) {
		struct nl_msg *m = sample(which);
		struct nlmsghdr *h = nlmsg_hdr(m);

		for (uint32_t at = NLMSG_HDRLEN; at + sizeof(struct nlattr) <= h->nlmsg_len; at += NLA_ALIGNTO) {
			struct nlattr *attr = (struct nlattr *)((char *)h + at);
			uint16_t before = attr->nla_len;

			for (unsigned length = 0; length < h->nlmsg_len + 8; length++) {
				attr->nla_len = (uint16_t)length;
				check(parse_exactly(h, h->nlmsg_len, &event), &event);
			}
			attr->nla_len = UINT16_MAX;
			check(parse_exactly(h, h->nlmsg_len, &event), &event);
			attr->nla_len = before;
		}
		nlmsg_free(m);
	}
}

static void test_random_bytes(void **state)
{
	uint64_t random = 88172645463325252ULL;
	struct event event;

	(void)state;
	for (unsigned round = 0; round < 60000; round++) {
		struct nl_msg *m = sample(round % SAMPLES);
		struct nlmsghdr *h = nlmsg_hdr(m);
		unsigned flips = 1 + round % 4;

		for (unsigned i = 0; i < flips; i++) {
			random ^= random << 13, random ^= random >> 7, random ^= random << 17;
			/* the length is the socket's to check, the type the dispatcher's */
			((unsigned char *)h)[6 + random % (h->nlmsg_len - 6)] = (unsigned char)(random >> 32);
		}
		check(parse_exactly(h, h->nlmsg_len, &event), &event);
		nlmsg_free(m);
	}
}

/* ---- requests --------------------------------------------------------------------------------------------------- */

static struct nl_msg *build(const struct action *action)
{
	struct nl_msg *m = nlmsg_alloc_size(REQUEST_SIZE);

	assert_true(request_exists(action->type));
	assert_int_equal(request_build(action, m), 0);
	assert_int_equal(nlmsg_hdr(m)->nlmsg_flags & (NLM_F_REQUEST | NLM_F_ACK), NLM_F_REQUEST | NLM_F_ACK);
	return m;
}

static struct action address_action(enum action_type type)
{
	struct action action = {.type = type};

	action.u.address = (struct action_address){.ifindex = 9, .ip = {.family = FAMILY_4}, .prefix = 32, .lifetime_s = 4};
	memcpy(action.u.address.ip.bytes, ip4, sizeof ip4);
	return action;
}

static struct nlattr *attribute(struct nl_msg *m, int header, int type)
{
	return nlmsg_find_attr(nlmsg_hdr(m), header, type);
}

static void test_request_address(void **state)
{
	struct action action = address_action(ACT_ADDRESS_ADD);
	static const uint8_t broadcast[4] = {192, 0, 2, 127};
	struct nl_msg *m = build(&action);
	struct ifa_cacheinfo *cache;
	struct event event;

	(void)state;
	assert_int_equal(nlmsg_hdr(m)->nlmsg_type, RTM_NEWADDR);
	assert_int_equal(nlmsg_hdr(m)->nlmsg_flags & 0xf00, NLM_F_CREATE | NLM_F_EXCL);
	cache = nla_data(attribute(m, sizeof(struct ifaddrmsg), IFA_CACHEINFO));
	assert_int_equal(cache->ifa_prefered, 4);
	assert_null(attribute(m, sizeof(struct ifaddrmsg), IFA_BROADCAST));
	assert_true(parse(m, &event)); /* what we ask for is what we would be told */
	assert_true(event.u.address.ours);
	assert_int_equal(event.u.address.valid_s, 4);
	assert_true(ip_equal(&event.u.address.ip, &action.u.address.ip));

	action.type = ACT_ADDRESS_RENEW;
	m = build(&action);
	assert_int_equal(nlmsg_hdr(m)->nlmsg_flags & 0xf00, NLM_F_REPLACE);
	nlmsg_free(m);
	action.type = ACT_ADDRESS_DEL;
	m = build(&action);
	assert_int_equal(nlmsg_hdr(m)->nlmsg_type, RTM_DELADDR);
	nlmsg_free(m);
	action.type = ACT_ADDRESS_ADD;
	action.u.address.prefix = 25;
	m = build(&action);
	assert_memory_equal(nla_data(attribute(m, sizeof(struct ifaddrmsg), IFA_BROADCAST)), broadcast, 4);
	nlmsg_free(m);
	action.u.address.prefix = 31;
	m = build(&action);
	assert_null(attribute(m, sizeof(struct ifaddrmsg), IFA_BROADCAST));
	nlmsg_free(m);
}

static void test_request_nodad(void **state)
{
	struct action action = {.type = ACT_ADDRESS_ADD};
	struct nl_msg *m;

	(void)state;
	action.u.address = (struct action_address){
		.ifindex = 9, .ip = {.family = FAMILY_6}, .prefix = 128, .nodad = true, .lifetime_s = UINT32_MAX};
	memcpy(action.u.address.ip.bytes, ip6, sizeof ip6);
	m = build(&action);
	assert_int_equal(nla_get_u32(attribute(m, sizeof(struct ifaddrmsg), IFA_FLAGS)), IFA_F_NODAD);
	nlmsg_free(m);
}

static void test_request_route(void **state)
{
	struct action action = {.type = ACT_ROUTE_ADD};
	struct event event;
	struct nl_msg *m;

	(void)state;
	action.u.route = (struct action_route){.ifindex = 9, .route = {.to = {.family = FAMILY_6}, .metric = 7}};
	action.u.route.route.via.family = FAMILY_6;
	memcpy(action.u.route.route.via.bytes, ip6, sizeof ip6);
	m = build(&action);
	assert_int_equal(nlmsg_hdr(m)->nlmsg_flags & 0xf00, NLM_F_CREATE | NLM_F_EXCL);
	assert_true(parse(m, &event));
	assert_true(event.u.route.ours);
	assert_memory_equal(&event.u.route.route, &action.u.route.route, sizeof event.u.route.route);
	action.u.route.replace = true;
	m = build(&action);
	assert_int_equal(nlmsg_hdr(m)->nlmsg_flags & 0xf00, NLM_F_CREATE | NLM_F_REPLACE);
	nlmsg_free(m);
}

static void test_request_bond(void **state)
{
	struct action action = {.type = ACT_BOND_CREATE, .u.link = {.ifname = "bond7"}};
	struct event event;
	struct nl_msg *m = build(&action);

	(void)state;
	((struct ifinfomsg *)nlmsg_data(nlmsg_hdr(m)))->ifi_index = 7; /* as the kernel would tell it */
	assert_int_equal(nlmsg_hdr(m)->nlmsg_flags & 0xf00, NLM_F_CREATE | NLM_F_EXCL);
	assert_true(parse(m, &event));
	assert_string_equal(event.u.link.name, "bond7");
	assert_int_equal(event.u.link.kind, KIND_BOND);
	assert_int_equal(event.u.link.bond.mode, BOND_MODE_ACTIVEBACKUP);
	assert_int_equal(event.u.link.bond.miimon, BOND_MIIMON_MS);
	assert_int_equal(event.u.link.bond.reselect, BOND_RESELECT_FAILURE);
}

/* What it makes is read back as ours, and as what the core asks for. */
static void test_request_vmac(void **state)
{
	static const uint8_t virtual[MAC_SIZE] = {0, 0, 0x5e, 0, 1, 51};
	struct action action = {.type = ACT_VMAC_CREATE, .u.link = {.ifname = "vrrp4-51-12345", .master = 3, .mtu = 1400}};
	struct event event;
	struct nl_msg *m;

	(void)state;
	memcpy(action.u.link.mac, virtual, MAC_SIZE);
	m = build(&action);
	((struct ifinfomsg *)nlmsg_data(nlmsg_hdr(m)))->ifi_index = 7; /* as the kernel would tell it */
	assert_int_equal(nlmsg_hdr(m)->nlmsg_type, RTM_NEWLINK);
	assert_int_equal(nlmsg_hdr(m)->nlmsg_flags & 0xf00, NLM_F_CREATE | NLM_F_EXCL);
	assert_int_equal(((struct ifinfomsg *)nlmsg_data(nlmsg_hdr(m)))->ifi_flags, 0);
	assert_true(parse(m, &event));
	assert_string_equal(event.u.link.name, "vrrp4-51-12345");
	assert_int_equal(event.u.link.kind, KIND_MACVLAN);
	assert_int_equal(event.u.link.vlan.link, 3);
	assert_int_equal(event.u.link.mtu, 1400);
	assert_memory_equal(event.u.link.mac, virtual, MAC_SIZE);
	assert_true(event.u.link.ours);

	action = (struct action){.type = ACT_VMAC_DELETE, .u.link = {.ifindex = 7}};
	m = build(&action);
	assert_int_equal(nlmsg_hdr(m)->nlmsg_type, RTM_DELLINK);
	assert_int_equal(((struct ifinfomsg *)nlmsg_data(nlmsg_hdr(m)))->ifi_index, 7);
	nlmsg_free(m);

	action = address_action(ACT_ADDRESS_RENEW);
	action.u.address.metric = 4096;
	m = build(&action);
	assert_int_equal(nla_get_u32(attribute(m, sizeof(struct ifaddrmsg), IFA_RT_PRIORITY)), 4096);
	nlmsg_free(m);
}

static void test_request_refusals(void **state)
{
	struct nl_msg *m = nlmsg_alloc_size(REQUEST_SIZE);
	struct action bad = address_action(ACT_ADDRESS_ADD);

	(void)state;
	bad.u.address.prefix = 33;
	assert_int_equal(request_build(&bad, m), -EINVAL);
	bad = address_action(ACT_ADDRESS_ADD);
	bad.u.address.ifindex = 0;
	assert_int_equal(request_build(&bad, m), -EINVAL);
	bad = address_action(ACT_ADDRESS_ADD);
	bad.u.address.lifetime_s = 0;
	assert_int_equal(request_build(&bad, m), -EINVAL);
	bad = (struct action){.type = ACT_SET_ACTIVE, .u.link = {.ifindex = 3}};
	assert_int_equal(request_build(&bad, m), -EINVAL);
	bad = (struct action){.type = ACT_BOND_CREATE};
	assert_int_equal(request_build(&bad, m), -EINVAL);
	bad = (struct action){.type = ACT_VMAC_CREATE, .u.link = {.ifname = "vrrp4-51-12345"}};
	assert_int_equal(request_build(&bad, m), -EINVAL);
	bad = (struct action){.type = ACT_VMAC_CREATE, .u.link = {.master = 3}};
	assert_int_equal(request_build(&bad, m), -EINVAL);
	bad = (struct action){.type = ACT_VMAC_DELETE};
	assert_int_equal(request_build(&bad, m), -EINVAL);
	nlmsg_free(m);
	assert_true(request_refusal_is_done(ACT_ADDRESS_DEL, EADDRNOTAVAIL));
	assert_true(request_refusal_is_done(ACT_ROUTE_DEL, ESRCH));
	assert_true(request_refusal_is_done(ACT_VMAC_DELETE, ENODEV));
	assert_false(request_refusal_is_done(ACT_ADDRESS_DEL, EPERM));
	assert_false(request_refusal_is_done(ACT_ADDRESS_ADD, EEXIST));
}

/* ---- the kernel's release ---------------------------------------------------------------------------------------- */

static void test_release(void **state)
{
	static const struct {
		const char *release;
		bool enough;
	} cases[] = {
		{"5.18", true},           {"5.18.0-rc1", true},  {"5.18.19-generic", true}, {"6.1.0-18-amd64", true},
		{"6.0", true},            {"10.0.1", true},      {"5.17.15", false},        {"5.9.1", false},
		{"5.4.0-150-gen", false}, {"4.19.0-26", false},  {"4.99", false},           {"2.6.78", false},
		{"", true},               {"custom", true},      {"6", true},               {"5.x", true},
		{"99999999999.1", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_int_equal(release_is_at_least(cases[i].release, 5, 18), cases[i].enough);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bond),
		cmocka_unit_test(test_plain_links),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_prompt_links),
		cmocka_unit_test(test_port_of_a_bond_has_its_own_address),
		cmocka_unit_test(test_infiniband_address_is_no_mac),
		cmocka_unit_test(test_address_4),
		cmocka_unit_test(test_address_stamp),
		cmocka_unit_test(test_address_6),
		cmocka_unit_test(test_bad_addresses),
		cmocka_unit_test(test_route),
		cmocka_unit_test(test_routes_that_are_not_ours_to_see),
		cmocka_unit_test(test_rule),
		cmocka_unit_test(test_rule_refusals),
		cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_every_attribute_length),
		cmocka_unit_test(test_random_bytes),
		cmocka_unit_test(test_request_address),
		cmocka_unit_test(test_request_nodad),
		cmocka_unit_test(test_request_route),
		cmocka_unit_test(test_request_bond),
		cmocka_unit_test(test_request_vmac),
		cmocka_unit_test(test_request_refusals),
		cmocka_unit_test(test_release),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
