/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/capture.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/attribute.h"

enum { MESSAGE_SIZE = 4096 }; /* an address or route with all its metrics is a tenth of it */

/* ---- what there is ---------------------------------------------------------------------------------------------- */

struct collecting {
	struct capture *capture;
	int ifindex;
};

static void free_list(struct kept **list)
{
	while (*list) {
		struct kept *next = (*list)->next;

		free((*list)->h);
		free(*list);
		*list = next;
	}
}

void capture_free(struct capture *c)
{
	free_list(&c->addresses);
	free_list(&c->routes);
}

static int keep(struct kept **list, const struct nlmsghdr *h, bool first)
{
	struct kept *kept = calloc(1, sizeof *kept);

	if (kept)
		kept->h = malloc(h->nlmsg_len);
	if (!kept || !kept->h) {
		free(kept);
		return ENOMEM;
	}
	memcpy(kept->h, h, h->nlmsg_len);
	while (!first && *list)
		list = &(*list)->next;
	kept->next = *list;
	*list = kept;
	return 0;
}

static void begin_addresses(void *closure)
{
	free_list(&((struct collecting *)closure)->capture->addresses);
}

static int each_address(void *closure, const struct nlmsghdr *h)
{
	struct collecting *c = closure;
	const struct ifaddrmsg *ifa = NLMSG_DATA(h);
	struct nlattr *tb[IFA_MAX + 1];
	uint32_t flags;

	if (h->nlmsg_type != RTM_NEWADDR || !attribute_parse(tb, IFA_MAX, h, sizeof *ifa, NULL) ||
	    (int)ifa->ifa_index != c->ifindex || (ifa->ifa_family != AF_INET && ifa->ifa_family != AF_INET6))
		return 0;
	flags = tb[IFA_FLAGS] ? nla_get_u32(tb[IFA_FLAGS]) : ifa->ifa_flags;
	/* The kernel makes them by itself wherever they are needed. */
	if (ifa->ifa_family == AF_INET6 && (ifa->ifa_scope == RT_SCOPE_LINK || flags & IFA_F_TEMPORARY))
		return 0;
	return keep(&c->capture->addresses, h, false);
}

static void begin_routes(void *closure)
{
	free_list(&((struct collecting *)closure)->capture->routes);
}

static int each_route(void *closure, const struct nlmsghdr *h)
{
	struct collecting *c = closure;
	const struct rtmsg *rtm = NLMSG_DATA(h);
	struct nlattr *tb[RTA_MAX + 1];
	uint32_t table;

	if (h->nlmsg_type != RTM_NEWROUTE || !attribute_parse(tb, RTA_MAX, h, sizeof *rtm, NULL) || !tb[RTA_OIF] ||
	    (int)nla_get_u32(tb[RTA_OIF]) != c->ifindex)
		return 0;
	table = tb[RTA_TABLE] ? nla_get_u32(tb[RTA_TABLE]) : rtm->rtm_table;
	if (rtm->rtm_type != RTN_UNICAST || table == RT_TABLE_LOCAL || rtm->rtm_flags & RTM_F_CLONED ||
	    rtm->rtm_protocol == RTPROT_KERNEL || rtm->rtm_protocol == RTPROT_RA || rtm->rtm_protocol == RTPROT_REDIRECT)
		return 0;
	return keep(&c->capture->routes, h, !tb[RTA_GATEWAY] && !tb[RTA_VIA]);
}

static struct nl_msg *dump_message(int type, uint8_t family, int ifindex)
{
	struct nl_msg *message = nlmsg_alloc_size(MESSAGE_SIZE);
	struct ifaddrmsg ifa = {.ifa_family = family, .ifa_index = (uint32_t)ifindex};
	struct rtmsg rtm = {.rtm_family = family};
	bool route = type == RTM_GETROUTE;

	if (!message || !nlmsg_put(message, 0, 0, type, 0, NLM_F_REQUEST | NLM_F_DUMP) ||
	    nlmsg_append(message, route ? (void *)&rtm : &ifa, route ? sizeof rtm : sizeof ifa, NLMSG_ALIGNTO) < 0 ||
	    (route && nla_put_u32(message, RTA_OIF, (uint32_t)ifindex) < 0)) {
		nlmsg_free(message);
		return NULL;
	}
	return message;
}

/* One family after the other; a try that was interrupted throws away what it collected, so each has a list of its own. */
static int collect(struct capture *c, struct exchange *x, int type, uint8_t family, int ifindex)
{
	struct capture found = {0};
	struct collecting collecting = {.capture = &found, .ifindex = ifindex};
	bool route = type == RTM_GETROUTE;
	struct kept **to = route ? &c->routes : &c->addresses;
	int error = exchange_dump(x, dump_message(type, family, ifindex), route ? begin_routes : begin_addresses,
				  route ? each_route : each_address, &collecting);

	while (*to)
		to = &(*to)->next;
	*to = route ? found.routes : found.addresses;
	return error;
}

int capture_link(struct capture *c, struct exchange *x, int ifindex)
{
	static const uint8_t families[] = {AF_INET, AF_INET6};
	int error = 0;

	*c = (struct capture){0};
	for (unsigned i = 0; !error && i < 2; i++) {
		error = collect(c, x, RTM_GETADDR, families[i], ifindex);
		if (!error)
			error = collect(c, x, RTM_GETROUTE, families[i], ifindex);
		if (families[i] == AF_INET6 && (error == EOPNOTSUPP || error == EAFNOSUPPORT))
			error = 0; /* a kernel without IPv6 */
	}
	if (error)
		capture_free(c);
	return error;
}

/* ---- and where it goes ------------------------------------------------------------------------------------------ */

static bool copy_attributes(struct nl_msg *out, const struct nlmsghdr *h, size_t header, int from_ifindex, int ifindex)
{
	bool address = h->nlmsg_type == RTM_NEWADDR;
	struct nlattr *attr;
	int left;

	nlmsg_for_each_attr(attr, (struct nlmsghdr *)h, (int)header, left)
	{
		int type = nla_type(attr);

		/* A label has the name of the device in it; the kernel tells of a route's cache, and does not take it. */
		if ((address && type == IFA_LABEL && ifindex != from_ifindex) || (!address && type == RTA_CACHEINFO))
			continue;
		if (address && type == IFA_FLAGS) {
			if (nla_put_u32(out, type, nla_get_u32(attr) | IFA_F_NODAD) < 0)
				return false;
		} else if (!address && type == RTA_OIF) {
			if (nla_put_u32(out, type, (uint32_t)ifindex) < 0)
				return false;
		} else if (nla_put(out, type, nla_len(attr), nla_data(attr)) < 0) {
			return false;
		}
	}
	return true;
}

static struct nl_msg *address_message(const struct kept *kept, int type, int ifindex)
{
	struct nl_msg *message = nlmsg_alloc_size(MESSAGE_SIZE);
	struct ifaddrmsg ifa;
	int from, flags = type == RTM_NEWADDR ? NLM_F_CREATE | NLM_F_EXCL : 0;

	memcpy(&ifa, NLMSG_DATA(kept->h), sizeof ifa);
	from = (int)ifa.ifa_index;
	ifa.ifa_index = (uint32_t)ifindex;
	ifa.ifa_flags |= ifa.ifa_family == AF_INET6 ? IFA_F_NODAD : 0;
	if (!message || !nlmsg_put(message, 0, 0, type, 0, NLM_F_REQUEST | NLM_F_ACK | flags) ||
	    nlmsg_append(message, &ifa, sizeof ifa, NLMSG_ALIGNTO) < 0 ||
	    !copy_attributes(message, kept->h, sizeof ifa, from, ifindex)) {
		nlmsg_free(message);
		return NULL;
	}
	return message;
}

static struct nl_msg *route_message(const struct kept *kept, int ifindex)
{
	struct nl_msg *message = nlmsg_alloc_size(MESSAGE_SIZE);
	struct rtmsg rtm;

	memcpy(&rtm, NLMSG_DATA(kept->h), sizeof rtm);
	rtm.rtm_flags &= RTNH_F_ONLINK; /* the others are the kernel's to set */
	if (!message ||
	    !nlmsg_put(message, 0, 0, RTM_NEWROUTE, 0, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL) ||
	    nlmsg_append(message, &rtm, sizeof rtm, NLMSG_ALIGNTO) < 0 ||
	    !copy_attributes(message, kept->h, sizeof rtm, 0, ifindex)) {
		nlmsg_free(message);
		return NULL;
	}
	return message;
}

int capture_put_addresses(struct capture *c, struct exchange *x, int ifindex)
{
	int first = 0;

	for (struct kept *kept = c->addresses; kept; kept = kept->next) {
		int error = exchange_request(x, address_message(kept, RTM_NEWADDR, ifindex));

		kept->put = kept->put || !error;
		if (error && error != EEXIST && !first)
			first = error;
	}
	return first;
}

int capture_put_routes(struct capture *c, struct exchange *x, int ifindex)
{
	int first = 0;

	for (struct kept *kept = c->routes; kept; kept = kept->next) {
		int error = exchange_request(x, route_message(kept, ifindex));

		if (error && error != EEXIST && !first)
			first = error;
	}
	return first;
}

void capture_take_off(struct capture *c, struct exchange *x, int ifindex)
{
	for (struct kept *kept = c->addresses; kept; kept = kept->next)
		if (kept->put)
			exchange_request(x, address_message(kept, RTM_DELADDR, ifindex));
}

int capture_remove_addresses(const struct capture *c, struct exchange *x)
{
	int first = 0;

	for (struct kept *kept = c->addresses; kept; kept = kept->next) {
		const struct ifaddrmsg *ifa = NLMSG_DATA(kept->h);
		int error = exchange_request(x, address_message(kept, RTM_DELADDR, (int)ifa->ifa_index));

		/* IPv6 addresses went when the link was set down. */
		if (error && error != EADDRNOTAVAIL && !first)
			first = error;
	}
	return first;
}
