/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/netlink.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/times.h>

#include "kernel/attribute.h"
#include "kernel/clock.h"

enum { LOWER_UP = 1 << 16 }; /* IFF_LOWER_UP, which <net/if.h> does not have and <linux/if.h> cannot add to it */

_Static_assert(IFNAME_SIZE == IFNAMSIZ, "names of interfaces");

static uint8_t family_of(int af)
{
	return af == AF_INET ? FAMILY_4 : af == AF_INET6 ? FAMILY_6 : FAMILY_NONE;
}

/* False when the attribute is absent or not an address of that family. */
static bool parse_ip(const struct nlattr *attr, uint8_t family, struct ip *ip)
{
	if (!attr || nla_len(attr) != (int)ip_size(family))
		return false;
	*ip = (struct ip){.family = family};
	memcpy(ip->bytes, nla_data(attr), ip_size(family));
	return true;
}

/* ---- links ------------------------------------------------------------------------------------------------------ */

static bool has_mac(const uint8_t mac[MAC_SIZE])
{
	static const uint8_t none[MAC_SIZE];

	return memcmp(mac, none, MAC_SIZE) != 0;
}

/* What the kernel calls no kind is a NIC. So is a virtual device that stands for one, with its own address on a wire; what is
 * made of another device, or carries packets in packets, is none. */
static enum link_kind parse_kind(const char *kind)
{
	static const struct {
		const char *name;
		enum link_kind kind;
	} kinds[] = {
		{"bond", KIND_BOND},       {"team", KIND_TEAM},     {"vlan", KIND_VLAN},
		{"macvlan", KIND_MACVLAN}, {"bridge", KIND_BRIDGE}, {"veth", KIND_OTHER},
		{"dsa", KIND_OTHER},       {"netkit", KIND_OTHER},  {"netdevsim", KIND_OTHER},
	};

	for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (strcmp(kind, kinds[i].name) == 0)
			return kinds[i].kind;
	return KIND_VIRTUAL;
}

static bool parse_bond(struct nlattr *data, struct event_link *link)
{
	static const struct nla_policy policy[IFLA_BOND_MAX + 1] = {
		[IFLA_BOND_MODE] = {.type = NLA_U8},          [IFLA_BOND_MIIMON] = {.type = NLA_U32},
		[IFLA_BOND_ACTIVE_SLAVE] = {.type = NLA_U32}, [IFLA_BOND_PRIMARY] = {.type = NLA_U32},
		[IFLA_BOND_PRIMARY_RESELECT] = {.type = NLA_U8}, [IFLA_BOND_FAIL_OVER_MAC] = {.type = NLA_U8},
	};
	struct nlattr *tb[IFLA_BOND_MAX + 1];

	if (!attribute_parse_nested(tb, IFLA_BOND_MAX, data, policy))
		return false;
	link->bond.mode = tb[IFLA_BOND_MODE] ? nla_get_u8(tb[IFLA_BOND_MODE]) : 0;
	link->bond.miimon = tb[IFLA_BOND_MIIMON] ? nla_get_u32(tb[IFLA_BOND_MIIMON]) : 0;
	link->bond.reselect = tb[IFLA_BOND_PRIMARY_RESELECT] ? nla_get_u8(tb[IFLA_BOND_PRIMARY_RESELECT]) : 0;
	link->bond.fail_over_mac = tb[IFLA_BOND_FAIL_OVER_MAC] ? nla_get_u8(tb[IFLA_BOND_FAIL_OVER_MAC]) : 0;
	link->bond.active = tb[IFLA_BOND_ACTIVE_SLAVE] ? (int)nla_get_u32(tb[IFLA_BOND_ACTIVE_SLAVE]) : 0;
	link->bond.primary = tb[IFLA_BOND_PRIMARY] ? (int)nla_get_u32(tb[IFLA_BOND_PRIMARY]) : 0;
	return true;
}

static bool parse_vlan(struct nlattr *data, struct event_link *link)
{
	static const struct nla_policy policy[IFLA_VLAN_MAX + 1] = {[IFLA_VLAN_ID] = {.type = NLA_U16}};
	struct nlattr *tb[IFLA_VLAN_MAX + 1];

	if (!attribute_parse_nested(tb, IFLA_VLAN_MAX, data, policy))
		return false;
	link->vlan.id = tb[IFLA_VLAN_ID] ? nla_get_u16(tb[IFLA_VLAN_ID]) : 0;
	return true;
}

/* A port of a bond has the bond's address. Where the device keeps no permanent one, the bonding driver knows what it had. */
static bool parse_bond_port(struct nlattr *data, struct event_link *link)
{
	struct nlattr *tb[IFLA_BOND_SLAVE_MAX + 1];

	if (!attribute_parse_nested(tb, IFLA_BOND_SLAVE_MAX, data, NULL))
		return false;
	if (tb[IFLA_BOND_SLAVE_PERM_HWADDR] && nla_len(tb[IFLA_BOND_SLAVE_PERM_HWADDR]) == MAC_SIZE && !has_mac(link->perm_mac))
		memcpy(link->perm_mac, nla_data(tb[IFLA_BOND_SLAVE_PERM_HWADDR]), MAC_SIZE);
	return true;
}

static bool parse_linkinfo(struct nlattr *info, struct event_link *link)
{
	static const struct nla_policy policy[IFLA_INFO_MAX + 1] = {
		[IFLA_INFO_KIND] = {.type = NLA_STRING},
		[IFLA_INFO_DATA] = {.type = NLA_NESTED},
		[IFLA_INFO_SLAVE_KIND] = {.type = NLA_STRING},
		[IFLA_INFO_SLAVE_DATA] = {.type = NLA_NESTED},
	};
	struct nlattr *tb[IFLA_INFO_MAX + 1];

	if (!attribute_parse_nested(tb, IFLA_INFO_MAX, info, policy))
		return false;
	if (tb[IFLA_INFO_KIND]) {
		link->kind = parse_kind(nla_get_string(tb[IFLA_INFO_KIND]));
		strncpy(link->driver, nla_get_string(tb[IFLA_INFO_KIND]), sizeof link->driver - 1);
	}
	if (tb[IFLA_INFO_SLAVE_KIND] && tb[IFLA_INFO_SLAVE_DATA] && strcmp(nla_get_string(tb[IFLA_INFO_SLAVE_KIND]), "bond") == 0 &&
	    !parse_bond_port(tb[IFLA_INFO_SLAVE_DATA], link))
		return false;
	if (link->kind == KIND_VLAN && tb[IFLA_INFO_DATA])
		return parse_vlan(tb[IFLA_INFO_DATA], link);
	if (link->kind == KIND_BOND && tb[IFLA_INFO_DATA])
		return parse_bond(tb[IFLA_INFO_DATA], link);
	return true;
}

/* The place of a PCI device as udev names it (ID_PATH): the only bus whose name there is sure. */
static void parse_place(struct nlattr **tb, struct event_link *link)
{
	if (tb[IFLA_PARENT_DEV_BUS_NAME] && tb[IFLA_PARENT_DEV_NAME] &&
	    strcmp(nla_get_string(tb[IFLA_PARENT_DEV_BUS_NAME]), "pci") == 0)
		snprintf(link->path, sizeof link->path, "pci-%s", nla_get_string(tb[IFLA_PARENT_DEV_NAME]));
}

static bool parse_link(const struct nlmsghdr *h, struct event *event)
{
	static const struct nla_policy policy[IFLA_MAX + 1] = {
		[IFLA_IFNAME] = {.type = NLA_STRING, .maxlen = IFNAMSIZ}, [IFLA_MTU] = {.type = NLA_U32},
		[IFLA_MASTER] = {.type = NLA_U32},                        [IFLA_LINKINFO] = {.type = NLA_NESTED},
		[IFLA_LINK] = {.type = NLA_U32},                          [IFLA_MAX_MTU] = {.type = NLA_U32},
		[IFLA_GROUP] = {.type = NLA_U32},
		[IFLA_PARENT_DEV_NAME] = {.type = NLA_STRING},            [IFLA_PARENT_DEV_BUS_NAME] = {.type = NLA_STRING},
	};
	struct event_link *link = &event->u.link;
	struct nlattr *tb[IFLA_MAX + 1];
	const struct ifinfomsg *info = NLMSG_DATA(h);

	/* AF_BRIDGE and AF_INET6 have copies of their own; one with IFLA_WIRELESS tells of a scan and lacks the rest. */
	if (!attribute_parse(tb, IFLA_MAX, h, sizeof *info, policy) || info->ifi_family != AF_UNSPEC ||
	    info->ifi_index <= 0 || tb[IFLA_WIRELESS] || !tb[IFLA_IFNAME])
		return false;
	*event = (struct event){.type = h->nlmsg_type == RTM_NEWLINK ? EV_LINK : EV_LINK_GONE};
	link->ifindex = info->ifi_index;
	link->up = info->ifi_flags & IFF_UP;
	link->carrier = info->ifi_flags & LOWER_UP;
	link->loopback = info->ifi_flags & IFF_LOOPBACK;
	link->cause = h->nlmsg_pid;
	strncpy(link->name, nla_get_string(tb[IFLA_IFNAME]), sizeof link->name - 1);
	if (tb[IFLA_MTU])
		link->mtu = nla_get_u32(tb[IFLA_MTU]);
	if (tb[IFLA_MAX_MTU])
		link->max_mtu = nla_get_u32(tb[IFLA_MAX_MTU]);
	/* By the bare number: it may be told of, and the same, where the other one is in another namespace
	 * (net/core/link_watch.c, linkwatch_urgent_event). */
	link->prompt = tb[IFLA_LINK] && (int)nla_get_u32(tb[IFLA_LINK]) != info->ifi_index;
	if (tb[IFLA_LINK])
		link->vlan.link = (int)nla_get_u32(tb[IFLA_LINK]);
	link->ours = tb[IFLA_GROUP] && nla_get_u32(tb[IFLA_GROUP]) == STANDBY_GROUP;
	if (tb[IFLA_PERM_ADDRESS] && nla_len(tb[IFLA_PERM_ADDRESS]) == MAC_SIZE)
		memcpy(link->perm_mac, nla_data(tb[IFLA_PERM_ADDRESS]), MAC_SIZE);
	parse_place(tb, link);
	if (tb[IFLA_MASTER])
		link->master = (int)nla_get_u32(tb[IFLA_MASTER]);
	if (tb[IFLA_ADDRESS] && nla_len(tb[IFLA_ADDRESS]) == MAC_SIZE)
		memcpy(link->mac, nla_data(tb[IFLA_ADDRESS]), MAC_SIZE);
	return !tb[IFLA_LINKINFO] || parse_linkinfo(tb[IFLA_LINKINFO], link);
}

/* ---- addresses -------------------------------------------------------------------------------------------------- */

#define STAMP_NS (10 * NSEC_PER_MSEC)

enum { STAMPS_APART = 6000 }; /* one minute */

/* Now as the kernel stamps addresses: jiffies since boot in 1/100 s. Jiffies begin later than CLOCK_MONOTONIC (by 250 ms on
 * one machine), so that clock will not do; times(2) counts the same jiffies, from INITIAL_JIFFIES (five minutes before
 * they overflow 32 bits) and by ticks, whose length the coarse clock tells. */
static uint32_t stamp_now(void)
{
	uint32_t monotonic = (uint32_t)(clock_ns(CLOCK_MONOTONIC) / STAMP_NS), stamp;
	struct timespec resolution;
	uint64_t tick, hz, jiffies;

	if (clock_getres(CLOCK_MONOTONIC_COARSE, &resolution) < 0 || resolution.tv_nsec <= 0)
		return monotonic;
	tick = (uint64_t)resolution.tv_nsec;
	hz = (NSEC_PER_SEC + tick / 2) / tick;
	jiffies = (uint64_t)times(NULL) * STAMP_NS / tick - (uint32_t)(0 - 300 * hz);
	stamp = (uint32_t)(jiffies * 100 / hz);
	/* Far apart: a kernel that counts otherwise. */
	return monotonic - stamp + STAMPS_APART < 2 * STAMPS_APART ? stamp : monotonic;
}

/* Suspended time is not in a stamp, and it wraps after 497 days, so its distance from now is taken modulo 2^32; a stamp in
 * the future is rounding and means now. */
static uint64_t boottime_of_stamp(uint32_t stamp)
{
	uint64_t now = clock_ns(CLOCK_BOOTTIME);
	uint32_t age = stamp_now() - stamp;
	uint64_t age_ns = age > UINT32_MAX / 2 ? 0 : age * STAMP_NS;

	return age_ns < now ? now - age_ns : 1;
}

static bool parse_address(const struct nlmsghdr *h, struct event *event)
{
	static const struct nla_policy policy[ATTR_IFA_PROTO + 1] = {
		[IFA_FLAGS] = {.type = NLA_U32},
		[IFA_CACHEINFO] = {.minlen = sizeof(struct ifa_cacheinfo)},
		[ATTR_IFA_PROTO] = {.type = NLA_U8},
	};
	struct event_address *address = &event->u.address;
	struct nlattr *tb[ATTR_IFA_PROTO + 1];
	const struct ifaddrmsg *ifa = NLMSG_DATA(h);
	struct ifa_cacheinfo cache = {.ifa_valid = UINT32_MAX};
	uint8_t family;
	uint32_t flags;

	if (!attribute_parse(tb, ATTR_IFA_PROTO, h, sizeof *ifa, policy))
		return false;
	family = family_of(ifa->ifa_family);
	if (!family || ifa->ifa_prefixlen > 8 * ip_size(family) || !ifa->ifa_index)
		return false;
	*event = (struct event){.type = h->nlmsg_type == RTM_NEWADDR ? EV_ADDRESS : EV_ADDRESS_GONE};
	/* With a peer IFA_ADDRESS is the peer's; without one IPv6 has no IFA_LOCAL. */
	if (!parse_ip(tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS], family, &address->ip))
		return false;
	if (tb[IFA_CACHEINFO]) {
		memcpy(&cache, nla_data(tb[IFA_CACHEINFO]), sizeof cache);
		address->renewed_ns = boottime_of_stamp(cache.tstamp);
	}
	flags = tb[IFA_FLAGS] ? nla_get_u32(tb[IFA_FLAGS]) : ifa->ifa_flags;
	address->ifindex = (int)ifa->ifa_index;
	address->prefix = ifa->ifa_prefixlen;
	address->ours = tb[ATTR_IFA_PROTO] && nla_get_u8(tb[ATTR_IFA_PROTO]) == STANDBY_PROTO;
	address->tentative = flags & IFA_F_TENTATIVE;
	address->dadfailed = flags & IFA_F_DADFAILED;
	address->secondary = family == FAMILY_4 && flags & IFA_F_SECONDARY; /* for IPv6 the bit means 'temporary' */
	address->permanent = flags & IFA_F_PERMANENT;
	address->valid_s = cache.ifa_valid;
	address->cause = h->nlmsg_pid;
	return true;
}

/* ---- routes ----------------------------------------------------------------------------------------------------- */

/* Unicast, one next hop, no source prefix, no type of service: what a configuration can say. */
static bool route_is_plain(const struct rtmsg *rtm, struct nlattr **tb, uint32_t table)
{
	return table != RT_TABLE_LOCAL && rtm->rtm_type == RTN_UNICAST && !(rtm->rtm_flags & RTM_F_CLONED) &&
	       !rtm->rtm_src_len && !rtm->rtm_tos && !tb[RTA_MULTIPATH] && !tb[RTA_VIA] && tb[RTA_OIF];
}

static bool parse_route(const struct nlmsghdr *h, struct event *event)
{
	static const struct nla_policy policy[RTA_MAX + 1] = {
		[RTA_TABLE] = {.type = NLA_U32},
		[RTA_OIF] = {.type = NLA_U32},
		[RTA_PRIORITY] = {.type = NLA_U32},
	};
	struct event_route *route = &event->u.route;
	struct nlattr *tb[RTA_MAX + 1];
	const struct rtmsg *rtm = NLMSG_DATA(h);
	uint32_t table;
	uint8_t family;

	if (!attribute_parse(tb, RTA_MAX, h, sizeof *rtm, policy))
		return false;
	family = family_of(rtm->rtm_family);
	table = tb[RTA_TABLE] ? nla_get_u32(tb[RTA_TABLE]) : rtm->rtm_table;
	if (!family || rtm->rtm_dst_len > 8 * ip_size(family) || !route_is_plain(rtm, tb, table))
		return false;
	*event = (struct event){.type = h->nlmsg_type == RTM_NEWROUTE ? EV_ROUTE : EV_ROUTE_GONE};
	route->route.to.family = family;
	if (tb[RTA_DST] ? !parse_ip(tb[RTA_DST], family, &route->route.to) : rtm->rtm_dst_len != 0)
		return false;
	if (tb[RTA_GATEWAY] && !parse_ip(tb[RTA_GATEWAY], family, &route->route.via))
		return false;
	route->ifindex = (int)nla_get_u32(tb[RTA_OIF]);
	route->route.prefix = rtm->rtm_dst_len;
	route->route.table = table == RT_TABLE_MAIN ? 0 : table;
	route->route.metric = tb[RTA_PRIORITY] ? nla_get_u32(tb[RTA_PRIORITY]) : 0;
	route->ours = rtm->rtm_protocol == STANDBY_PROTO;
	route->cause = h->nlmsg_pid;
	return true;
}

/* ---- rules ------------------------------------------------------------------------------------------------------ */

/* Selectors that a configuration cannot say: such a rule is somebody else's. */
static bool rule_is_plain(const struct fib_rule_hdr *header, struct nlattr **tb)
{
	static const int others[] = {FRA_IIFNAME, FRA_OIFNAME, FRA_GOTO, FRA_FLOW, FRA_TUN_ID, FRA_L3MDEV, FRA_UID_RANGE,
				     FRA_IP_PROTO, FRA_SPORT_RANGE, FRA_DPORT_RANGE};
	bool plain = header->action == FR_ACT_TO_TBL && !(header->flags & FIB_RULE_INVERT);

	for (unsigned i = 0; i < sizeof others / sizeof others[0]; i++) /* the kernel tells some as nothing */
		plain = plain && (!tb[others[i]] || others[i] == FRA_TUN_ID || others[i] == FRA_FLOW || others[i] == FRA_L3MDEV);
	return plain && (!tb[FRA_FWMASK] || !tb[FRA_FWMARK] || !nla_get_u32(tb[FRA_FWMARK]) ||
			 nla_get_u32(tb[FRA_FWMASK]) == UINT32_MAX);
}

static bool parse_rule(const struct nlmsghdr *h, struct event *event)
{
	static const struct nla_policy policy[FRA_MAX + 1] = {
		[FRA_TABLE] = {.type = NLA_U32},  [FRA_PRIORITY] = {.type = NLA_U32}, [FRA_FWMARK] = {.type = NLA_U32},
		[FRA_FWMASK] = {.type = NLA_U32}, [FRA_PROTOCOL] = {.type = NLA_U8},
	};
	struct config_rule *rule = &event->u.rule.rule;
	const struct fib_rule_hdr *header = NLMSG_DATA(h);
	struct nlattr *tb[FRA_MAX + 1];
	uint8_t family;

	if (!attribute_parse(tb, FRA_MAX, h, sizeof *header, policy))
		return false;
	family = family_of(header->family);
	if (!family || header->src_len > 8 * ip_size(family) || header->dst_len > 8 * ip_size(family) ||
	    !rule_is_plain(header, tb))
		return false;
	*event = (struct event){.type = h->nlmsg_type == RTM_NEWRULE ? EV_RULE : EV_RULE_GONE};
	if ((header->src_len && !parse_ip(tb[FRA_SRC], family, &rule->from)) ||
	    (header->dst_len && !parse_ip(tb[FRA_DST], family, &rule->to)))
		return false;
	rule->from_prefix = header->src_len;
	rule->to_prefix = header->dst_len;
	rule->family = family;
	rule->tos = header->tos;
	rule->table = tb[FRA_TABLE] ? nla_get_u32(tb[FRA_TABLE]) : header->table;
	rule->priority = tb[FRA_PRIORITY] ? nla_get_u32(tb[FRA_PRIORITY]) : 0;
	rule->mark = tb[FRA_FWMARK] ? nla_get_u32(tb[FRA_FWMARK]) : 0;
	event->u.rule.ours = tb[FRA_PROTOCOL] && nla_get_u8(tb[FRA_PROTOCOL]) == STANDBY_PROTO;
	event->u.rule.cause = h->nlmsg_pid;
	return true;
}

bool netlink_parse(const struct nlmsghdr *h, struct event *event)
{
	switch (h->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return parse_link(h, event);
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return parse_address(h, event);
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return parse_route(h, event);
	case RTM_NEWRULE:
	case RTM_DELRULE:
		return parse_rule(h, event);
	default: /* not an enum: every other message of the family */
		return false;
	}
}

/* ---- the live socket -------------------------------------------------------------------------------------------- */

/* A notification carries one object, at most some 3 KB (a link with all its statistics). */
enum { BUFFERS = 16, BUFFER_SIZE = 8192, REFILLS = 16, DRAIN_ROUNDS = 64 };

struct netlink_events {
	struct nl_sock *sock;
	unsigned n, at;        /* datagrams read, and the one being walked */
	struct nlmsghdr *next; /* within it; NULL: not begun */
	int left;
	bool draining;         /* lost events; whatever still waits is thrown away first */
	bool all_tables;
	struct mmsghdr messages[BUFFERS];
	struct iovec iov[BUFFERS];
	struct sockaddr_nl from[BUFFERS];
	_Alignas(8) unsigned char buffers[BUFFERS][BUFFER_SIZE];
};

static int join_groups(struct nl_sock *sock)
{
	return nl_socket_add_memberships(sock, RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
					 RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE, 0);
}

struct netlink_events *netlink_events_open(size_t buffer_bytes)
{
	struct netlink_events *e = calloc(1, sizeof *e);
	int size = buffer_bytes > INT32_MAX / 2 ? INT32_MAX / 2 : (int)buffer_bytes, error;

	if (!e)
		return NULL;
	for (unsigned i = 0; i < BUFFERS; i++) {
		e->iov[i] = (struct iovec){.iov_base = e->buffers[i], .iov_len = BUFFER_SIZE};
		e->messages[i].msg_hdr = (struct msghdr){.msg_iov = &e->iov[i], .msg_iovlen = 1, .msg_name = &e->from[i]};
	}
	errno = ENOMEM;
	e->sock = nl_socket_alloc();
	if (!e->sock || nl_connect(e->sock, NETLINK_ROUTE) < 0)
		goto failed;
	if (setsockopt(nl_socket_get_fd(e->sock), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0 &&
	    setsockopt(nl_socket_get_fd(e->sock), SOL_SOCKET, SO_RCVBUF, &size, sizeof size) < 0)
		goto failed;
	if (nl_socket_set_nonblocking(e->sock) < 0 || join_groups(e->sock) < 0)
		goto failed;
	return e;
failed:
	error = errno;
	netlink_events_close(e);
	errno = error;
	return NULL;
}

void netlink_events_close(struct netlink_events *e)
{
	if (!e)
		return;
	nl_socket_free(e->sock);
	free(e);
}

int netlink_events_fd(const struct netlink_events *e)
{
	return nl_socket_get_fd(e->sock);
}

/* Refills the buffers; > 0: datagrams, 0: nothing waits, -errno. */
static int events_receive(struct netlink_events *e)
{
	int n;

	e->n = e->at = 0;
	e->next = NULL;
	for (unsigned i = 0; i < BUFFERS; i++)
		e->messages[i].msg_hdr.msg_namelen = sizeof e->from[i];
	do
		n = recvmmsg(nl_socket_get_fd(e->sock), e->messages, BUFFERS, MSG_DONTWAIT, NULL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	e->n = (unsigned)n;
	return n;
}

/* After an overrun the kernel drops everything, silently, until the queue was found empty: a snapshot that began before
 * would miss what changes meanwhile. So the queue is emptied, then the loss is reported. */
static int events_drain(struct netlink_events *e)
{
	e->draining = true;
	for (unsigned i = 0; i < DRAIN_ROUNDS; i++) {
		int n = events_receive(e);

		if (n < 0 && n != -ENOBUFS)
			return n;
		if (n == 0) {
			e->draining = false;
			return -ENOBUFS;
		}
	}
	e->n = e->at = 0;
	return -EAGAIN;
}

void netlink_events_all_tables(struct netlink_events *e, bool all)
{
	e->all_tables = all;
}

static bool is_of_interest(const struct netlink_events *e, const struct event *event)
{
	return e->all_tables || (event->type != EV_ROUTE && event->type != EV_ROUTE_GONE) || !event->u.route.route.table;
}

/* The next event of the datagrams that were read; false: used up. *lost: one did not fit into its buffer. */
static bool events_walk(struct netlink_events *e, struct event *event, bool *lost)
{
	for (; e->at < e->n; e->at++, e->next = NULL) {
		if (e->messages[e->at].msg_hdr.msg_flags & MSG_TRUNC) {
			*lost = true;
			return false;
		}
		if (e->from[e->at].nl_pid != 0)
			continue;
		if (!e->next) {
			e->next = (struct nlmsghdr *)e->buffers[e->at];
			e->left = (int)e->messages[e->at].msg_len;
		}
		while (nlmsg_ok(e->next, e->left)) {
			const struct nlmsghdr *h = e->next;

			e->next = nlmsg_next(e->next, &e->left);
			if (netlink_parse(h, event) && is_of_interest(e, event))
				return true;
		}
	}
	return false;
}

bool netlink_events_buffered(const struct netlink_events *e)
{
	return e->at < e->n;
}

int netlink_events_next(struct netlink_events *e, struct event *event)
{
	bool lost = false;

	if (e->draining)
		return events_drain(e);
	for (unsigned refills = 0;; refills++) {
		int n;

		if (events_walk(e, event, &lost))
			return 1;
		if (!lost && refills == REFILLS) /* somebody else's routes by the thousand are not to hold the caller */
			return -EAGAIN;
		n = lost ? -ENOBUFS : events_receive(e);
		if (n <= 0)
			return n == -ENOBUFS ? events_drain(e) : n;
	}
}
