/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/request.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/fib_rules.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>

#include "kernel/attribute.h"
#include "kernel/netlink.h"

enum {
	BROADCAST_PREFIX_MAX = 30,  /* a /31 or /32 has no broadcast address (RFC 3021) */
	BOND_PEER_NOTIFICATIONS = 1, /* the kernel's default: one GARP/NA of its own after a failover */
	BOND_IGMP_REPORTS = 1,       /* likewise: one report of all groups, IGMP and MLD, through the new port */
};

bool request_exists(enum action_type type)
{
	switch (type) {
	case ACT_ADDRESS_ADD:
	case ACT_ADDRESS_RENEW:
	case ACT_ADDRESS_DEL:
	case ACT_ROUTE_ADD:
	case ACT_ROUTE_DEL:
	case ACT_RULE_ADD:
	case ACT_RULE_DEL:
	case ACT_LINK_UP:
	case ACT_LINK_DOWN:
	case ACT_BOND_CREATE:
	case ACT_BOND_SET:
	case ACT_ENSLAVE:
	case ACT_SET_ACTIVE:
	case ACT_VLAN_CREATE:
	case ACT_RELEASE:
	case ACT_LINK_MTU:
	case ACT_LINK_MAC:
	case ACT_VMAC_CREATE:
	case ACT_VMAC_DELETE:
		return true;
	case ACT_VMAC_SET:
	case ACT_BOND_REBUILD: /* see transaction.h, which makes ACT_ENSLAVE and ACT_RELEASE of more than this message too */
	case ACT_LOOK:
	case ACT_RESOLVE:
	case ACT_HEARTBEAT:
	case ACT_PROBE:
	case ACT_ADVERT:
	case ACT_ANNOUNCE:
	case ACT_SYSCTL:
	case ACT_LISTEN:
	case ACT_UNLISTEN:
	case ACT_SNAPSHOT:
	case ACT_NOTE:
	case ACT_STOPPED:
	case ACT_TYPES:
		return false;
	}
	return false;
}

static bool begin(struct nl_msg *out, uint16_t type, int flags, void *header, size_t length)
{
	return nlmsg_put(out, 0, 0, type, 0, NLM_F_REQUEST | NLM_F_ACK | flags) &&
	       nlmsg_append(out, header, length, NLMSG_ALIGNTO) == 0;
}

static bool put_ip(struct nl_msg *out, int type, const struct ip *ip)
{
	return nla_put(out, type, (int)ip_size(ip->family), ip->bytes) == 0;
}

static bool put_u8(struct nl_msg *out, int type, uint8_t value)
{
	return nla_put_u8(out, type, value) == 0;
}

static bool put_u32(struct nl_msg *out, int type, uint32_t value)
{
	return nla_put_u32(out, type, value) == 0;
}

static int af_of(const struct ip *ip)
{
	return ip->family == FAMILY_6 ? AF_INET6 : AF_INET;
}

static bool prefix_fits(const struct ip *ip, uint8_t prefix)
{
	return (ip->family == FAMILY_4 || ip->family == FAMILY_6) && prefix <= 8 * ip_size(ip->family);
}

/* ---- addresses -------------------------------------------------------------------------------------------------- */

static bool put_broadcast(struct nl_msg *out, const struct action_address *a)
{
	struct ip broadcast = a->ip;
	uint32_t word;

	if (a->ip.family != FAMILY_4 || a->prefix > BROADCAST_PREFIX_MAX)
		return true;
	memcpy(&word, a->ip.bytes, sizeof word);
	word |= htonl(UINT32_MAX >> a->prefix);
	memcpy(broadcast.bytes, &word, sizeof word);
	return put_ip(out, IFA_BROADCAST, &broadcast);
}

static bool put_address_options(struct nl_msg *out, const struct action_address *a)
{
	struct ifa_cacheinfo cache = {.ifa_valid = a->lifetime_s, .ifa_prefered = a->lifetime_s};

	return nla_put(out, IFA_CACHEINFO, sizeof cache, &cache) == 0 && put_u8(out, ATTR_IFA_PROTO, STANDBY_PROTO) &&
	       put_u32(out, IFA_FLAGS, a->nodad && a->ip.family == FAMILY_6 ? IFA_F_NODAD : 0) &&
	       (!a->metric || put_u32(out, IFA_RT_PRIORITY, a->metric)) && put_broadcast(out, a);
}

/* IFA_ADDRESS equal to IFA_LOCAL says that there is no peer: a removal or renewal then finds only the same prefix. */
static int build_address(enum action_type type, const struct action_address *a, struct nl_msg *out)
{
	bool removing = type == ACT_ADDRESS_DEL;
	int flags = type == ACT_ADDRESS_ADD ? NLM_F_CREATE | NLM_F_EXCL : removing ? 0 : NLM_F_REPLACE;
	struct ifaddrmsg ifa = {
		.ifa_family = (uint8_t)af_of(&a->ip), .ifa_prefixlen = a->prefix, .ifa_index = (uint32_t)a->ifindex};

	if (a->ifindex <= 0 || !prefix_fits(&a->ip, a->prefix) || (!removing && !a->lifetime_s))
		return -EINVAL;
	if (!begin(out, removing ? RTM_DELADDR : RTM_NEWADDR, flags, &ifa, sizeof ifa) ||
	    !put_ip(out, IFA_LOCAL, &a->ip) || !put_ip(out, IFA_ADDRESS, &a->ip))
		return -EMSGSIZE;
	return removing || put_address_options(out, a) ? 0 : -EMSGSIZE;
}

/* ---- routes ----------------------------------------------------------------------------------------------------- */

static uint8_t route_scope(const struct config_route *r, bool removing)
{
	if (removing)
		return RT_SCOPE_NOWHERE; /* any */
	return r->to.family == FAMILY_4 && r->via.family == FAMILY_NONE ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
}

/* What is not part of a route's identity. */
static bool put_route_options(struct nl_msg *out, const struct config_route *r)
{
	struct nlattr *metrics;

	if (r->from.family && !put_ip(out, RTA_PREFSRC, &r->from))
		return false;
	if (!r->mtu)
		return true;
	metrics = nla_nest_start(out, RTA_METRICS);
	if (!metrics || !put_u32(out, RTAX_MTU, r->mtu))
		return false;
	nla_nest_end(out, metrics);
	return true;
}

/* The protocol is in a removal too, so that it finds only what is marked as ours. */
static int build_route(bool removing, const struct action_route *a, struct nl_msg *out)
{
	const struct config_route *r = &a->route;
	int flags = removing ? 0 : NLM_F_CREATE | (a->replace ? NLM_F_REPLACE : NLM_F_EXCL);
	uint32_t table = r->table ? r->table : RT_TABLE_MAIN;
	struct rtmsg rtm = {
		.rtm_family = (uint8_t)af_of(&r->to),
		.rtm_dst_len = r->prefix,
		.rtm_table = table <= UINT8_MAX ? (uint8_t)table : RT_TABLE_UNSPEC,
		.rtm_protocol = STANDBY_PROTO,
		.rtm_scope = route_scope(r, removing),
		.rtm_type = RTN_UNICAST,
		.rtm_flags = r->on_link && !removing ? RTNH_F_ONLINK : 0,
	};

	if (a->ifindex <= 0 || !prefix_fits(&r->to, r->prefix) ||
	    (r->via.family != FAMILY_NONE && r->via.family != r->to.family))
		return -EINVAL;
	if (!begin(out, removing ? RTM_DELROUTE : RTM_NEWROUTE, flags, &rtm, sizeof rtm) ||
	    !put_u32(out, RTA_OIF, (uint32_t)a->ifindex) || (r->prefix && !put_ip(out, RTA_DST, &r->to)) ||
	    (r->via.family && !put_ip(out, RTA_GATEWAY, &r->via)) || (r->metric && !put_u32(out, RTA_PRIORITY, r->metric)) ||
	    !put_u32(out, RTA_TABLE, table))
		return -EMSGSIZE;
	return removing || put_route_options(out, r) ? 0 : -EMSGSIZE;
}

/* ---- rules ------------------------------------------------------------------------------------------------------ */

/* The protocol is in a removal too, so that it finds only what is marked as ours. */
static int build_rule(bool removing, const struct config_rule *r, struct nl_msg *out)
{
	struct fib_rule_hdr header = {
		.family = r->family == FAMILY_6 ? AF_INET6 : AF_INET,
		.src_len = r->from.family ? r->from_prefix : 0,
		.dst_len = r->to.family ? r->to_prefix : 0,
		.tos = r->tos,
		.table = r->table <= UINT8_MAX ? (uint8_t)r->table : RT_TABLE_UNSPEC,
		.action = FR_ACT_TO_TBL,
	};

	if ((r->from.family && (r->from.family != r->family || !prefix_fits(&r->from, r->from_prefix))) ||
	    (r->to.family && (r->to.family != r->family || !prefix_fits(&r->to, r->to_prefix))) || !r->table)
		return -EINVAL;
	if (!begin(out, removing ? RTM_DELRULE : RTM_NEWRULE, removing ? 0 : NLM_F_CREATE | NLM_F_EXCL, &header, sizeof header) ||
	    !put_u32(out, FRA_PRIORITY, r->priority) || !put_u32(out, FRA_TABLE, r->table) ||
	    !put_u8(out, FRA_PROTOCOL, STANDBY_PROTO) || (header.src_len && !put_ip(out, FRA_SRC, &r->from)) ||
	    (header.dst_len && !put_ip(out, FRA_DST, &r->to)) ||
	    (r->mark && (!put_u32(out, FRA_FWMARK, r->mark) || !put_u32(out, FRA_FWMASK, UINT32_MAX))))
		return -EMSGSIZE;
	return 0;
}

/* ---- links ------------------------------------------------------------------------------------------------------ */

static int build_up(bool up, const struct action_link *a, struct nl_msg *out)
{
	struct ifinfomsg info = {.ifi_index = a->ifindex, .ifi_change = IFF_UP, .ifi_flags = up ? IFF_UP : 0};

	if (a->ifindex <= 0)
		return -EINVAL;
	return begin(out, RTM_NEWLINK, 0, &info, sizeof info) ? 0 : -EMSGSIZE;
}

static int build_enslave(const struct action_link *a, struct nl_msg *out)
{
	struct ifinfomsg info = {.ifi_index = a->ifindex};

	if (a->ifindex <= 0 || a->master < 0)
		return -EINVAL;
	return begin(out, RTM_NEWLINK, 0, &info, sizeof info) && put_u32(out, IFLA_MASTER, (uint32_t)a->master) ? 0
														: -EMSGSIZE;
}

static bool put_link_options(struct nl_msg *out, const struct action_link *a)
{
	static const uint8_t none[MAC_SIZE];

	return (!a->mtu || put_u32(out, IFLA_MTU, a->mtu)) &&
	       (memcmp(a->mac, none, MAC_SIZE) == 0 || nla_put(out, IFLA_ADDRESS, MAC_SIZE, a->mac) == 0);
}

/* A bond's attributes; those of `set`, and the active port if > 0. The kernel takes them in an order of its own. */
static bool put_bond(struct nl_msg *out, unsigned set, int active, uint8_t fail_over_mac, bool create)
{
	struct nlattr *info = nla_nest_start(out, IFLA_LINKINFO), *data;

	if (!info || nla_put_string(out, IFLA_INFO_KIND, "bond") < 0 || !(data = nla_nest_start(out, IFLA_INFO_DATA)))
		return false;
	if ((set & BOND_SET_MODE && !put_u8(out, IFLA_BOND_MODE, BOND_MODE_ACTIVEBACKUP)) ||
	    (set & BOND_SET_MIIMON && !put_u32(out, IFLA_BOND_MIIMON, BOND_MIIMON_MS)) ||
	    (set & BOND_SET_NO_PRIMARY && !put_u32(out, IFLA_BOND_PRIMARY, 0)) ||
	    (set & BOND_SET_RESELECT && !put_u8(out, IFLA_BOND_PRIMARY_RESELECT, BOND_RESELECT_FAILURE)) ||
	    (active > 0 && !put_u32(out, IFLA_BOND_ACTIVE_SLAVE, (uint32_t)active)))
		return false;
	if ((create || set & BOND_SET_FAIL_OVER_MAC) && !put_u8(out, IFLA_BOND_FAIL_OVER_MAC, fail_over_mac))
		return false;
	if (create && (!put_u8(out, IFLA_BOND_NUM_PEER_NOTIF, BOND_PEER_NOTIFICATIONS) ||
		       !put_u32(out, IFLA_BOND_RESEND_IGMP, BOND_IGMP_REPORTS)))
		return false;
	nla_nest_end(out, data);
	nla_nest_end(out, info);
	return true;
}

static int build_bond_create(const struct action_link *a, struct nl_msg *out)
{
	struct ifinfomsg info = {0};

	if (!a->ifname[0] || strnlen(a->ifname, IFNAME_SIZE) == IFNAME_SIZE)
		return -EINVAL;
	return begin(out, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &info, sizeof info) &&
			       nla_put_string(out, IFLA_IFNAME, a->ifname) == 0 && put_link_options(out, a) &&
			       put_bond(out, BOND_SET_MODE | BOND_SET_MIIMON | BOND_SET_RESELECT, 0, a->fail_over_mac, true)
		       ? 0
		       : -EMSGSIZE;
}

static int build_vlan_create(const struct action_link *a, struct nl_msg *out)
{
	struct ifinfomsg ifi = {0};
	struct nlattr *info, *data;

	if (!a->ifname[0] || strnlen(a->ifname, IFNAME_SIZE) == IFNAME_SIZE || a->master <= 0 || !a->vlan_id)
		return -EINVAL;
	if (!begin(out, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &ifi, sizeof ifi) ||
	    nla_put_string(out, IFLA_IFNAME, a->ifname) < 0 || !put_u32(out, IFLA_LINK, (uint32_t)a->master) ||
	    !put_link_options(out, a) || !(info = nla_nest_start(out, IFLA_LINKINFO)) ||
	    nla_put_string(out, IFLA_INFO_KIND, "vlan") < 0 || !(data = nla_nest_start(out, IFLA_INFO_DATA)) ||
	    nla_put_u16(out, IFLA_VLAN_ID, a->vlan_id) < 0)
		return -EMSGSIZE;
	nla_nest_end(out, data);
	nla_nest_end(out, info);
	return 0;
}

/* In bridge mode: a private one keeps to itself what comes to the group from its own address (macvlan_handle_frame), and the
 * other node's adverts come from it. */
static int build_vmac_create(const struct action_link *a, struct nl_msg *out)
{
	struct ifinfomsg ifi = {0};
	struct nlattr *info, *data;

	if (!a->ifname[0] || strnlen(a->ifname, IFNAME_SIZE) == IFNAME_SIZE || a->master <= 0)
		return -EINVAL;
	if (!begin(out, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &ifi, sizeof ifi) ||
	    nla_put_string(out, IFLA_IFNAME, a->ifname) < 0 || !put_u32(out, IFLA_LINK, (uint32_t)a->master) ||
	    !put_u32(out, IFLA_GROUP, STANDBY_GROUP) || !put_link_options(out, a) || !(info = nla_nest_start(out, IFLA_LINKINFO)) ||
	    nla_put_string(out, IFLA_INFO_KIND, "macvlan") < 0 || !(data = nla_nest_start(out, IFLA_INFO_DATA)) ||
	    !put_u32(out, IFLA_MACVLAN_MODE, MACVLAN_MODE_BRIDGE))
		return -EMSGSIZE;
	nla_nest_end(out, data);
	nla_nest_end(out, info);
	return 0;
}

static int build_delete(const struct action_link *a, struct nl_msg *out)
{
	struct ifinfomsg info = {.ifi_index = a->ifindex};

	return a->ifindex <= 0 ? -EINVAL : begin(out, RTM_DELLINK, 0, &info, sizeof info) ? 0 : -EMSGSIZE;
}

static int build_options(const struct action_link *a, struct nl_msg *out)
{
	struct ifinfomsg info = {.ifi_index = a->ifindex};

	return a->ifindex <= 0 ? -EINVAL : begin(out, RTM_NEWLINK, 0, &info, sizeof info) && put_link_options(out, a) ? 0 : -EMSGSIZE;
}

static int build_bond(unsigned set, int active, const struct action_link *a, struct nl_msg *out)
{
	struct ifinfomsg info = {.ifi_index = a->ifindex};

	if (a->ifindex <= 0 || (!set && active <= 0))
		return -EINVAL;
	return begin(out, RTM_NEWLINK, 0, &info, sizeof info) && put_bond(out, set, active, a->fail_over_mac, false) ? 0 : -EMSGSIZE;
}

int request_build(const struct action *a, struct nl_msg *out)
{
	switch (a->type) {
	case ACT_ADDRESS_ADD:
	case ACT_ADDRESS_RENEW:
	case ACT_ADDRESS_DEL:
		return build_address(a->type, &a->u.address, out);
	case ACT_ROUTE_ADD:
	case ACT_ROUTE_DEL:
		return build_route(a->type == ACT_ROUTE_DEL, &a->u.route, out);
	case ACT_RULE_ADD:
	case ACT_RULE_DEL:
		return build_rule(a->type == ACT_RULE_DEL, &a->u.rule.rule, out);
	case ACT_LINK_UP:
	case ACT_LINK_DOWN:
		return build_up(a->type == ACT_LINK_UP, &a->u.link, out);
	case ACT_ENSLAVE:
		return build_enslave(&a->u.link, out);
	case ACT_BOND_CREATE:
		return build_bond_create(&a->u.link, out);
	case ACT_BOND_SET:
		return build_bond(a->u.link.bond_set, 0, &a->u.link, out);
	case ACT_SET_ACTIVE:
		return build_bond(0, a->u.link.port, &a->u.link, out);
	case ACT_VLAN_CREATE:
		return build_vlan_create(&a->u.link, out);
	case ACT_VMAC_CREATE:
		return build_vmac_create(&a->u.link, out);
	case ACT_VMAC_DELETE:
		return build_delete(&a->u.link, out);
	case ACT_RELEASE: {
		struct action_link link = {.ifindex = a->u.link.ifindex};

		return build_enslave(&link, out);
	}
	case ACT_LINK_MTU:
	case ACT_LINK_MAC:
		return build_options(&a->u.link, out);
	case ACT_VMAC_SET:
	case ACT_BOND_REBUILD:
	case ACT_LOOK:
	case ACT_RESOLVE:
	case ACT_HEARTBEAT:
	case ACT_PROBE:
	case ACT_ADVERT:
	case ACT_ANNOUNCE:
	case ACT_SYSCTL:
	case ACT_LISTEN:
	case ACT_UNLISTEN:
	case ACT_SNAPSHOT:
	case ACT_NOTE:
	case ACT_STOPPED:
	case ACT_TYPES:
		break;
	}
	assert(!"an action without a message");
	return -EINVAL;
}

bool request_refusal_is_done(enum action_type type, int error)
{
	return (type == ACT_ADDRESS_DEL && (error == EADDRNOTAVAIL || error == ENODEV)) ||
	       (type == ACT_VMAC_DELETE && error == ENODEV) || (type == ACT_RULE_DEL && error == ENOENT) ||
	       (type == ACT_ROUTE_DEL && (error == ESRCH || error == ENODEV));
}
