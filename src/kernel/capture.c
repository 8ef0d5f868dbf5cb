/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/capture.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/attribute.h"

enum { MESSAGE_SIZE = 4096 }; /* an address or route with all its metrics is a tenth of it; 100 next hops fit */

/* ---- what there is ---------------------------------------------------------------------------------------------- */

static void free_list(struct kept_list *list)
{
	while (list->first) {
		struct kept *next = list->first->next;

		free(list->first->h);
		free(list->first);
		list->first = next;
	}
	list->last = NULL;
}

void capture_free(struct capture *c)
{
	free_list(&c->addresses);
	free_list(&c->neighbours);
	free_list(&c->routes);
}

static void append(struct kept_list *list, struct kept_list *other)
{
	if (!other->first)
		return;
	other->first->previous = list->last;
	*(list->last ? &list->last->next : &list->first) = other->first;
	list->last = other->last;
}

static struct kept *keep(struct kept_list *list, const struct nlmsghdr *h, bool first)
{
	struct kept *kept = calloc(1, sizeof *kept);

	if (kept)
		kept->h = malloc(h->nlmsg_len);
	if (!kept || !kept->h) {
		free(kept);
		return NULL;
	}
	memcpy(kept->h, h, h->nlmsg_len);
	if (first) {
		kept->next = list->first;
		*(list->first ? &list->first->previous : &list->last) = kept;
		list->first = kept;
	} else {
		append(list, &(struct kept_list){kept, kept});
	}
	return kept;
}

static void begin(void *closure)
{
	struct capture *c = closure;

	capture_free(c);
}

static bool is_from_kernel(const struct rtmsg *rtm)
{
	return rtm->rtm_protocol == RTPROT_KERNEL || rtm->rtm_protocol == RTPROT_RA || rtm->rtm_protocol == RTPROT_REDIRECT;
}

static uint32_t address_flags(const struct nlmsghdr *h)
{
	const struct ifaddrmsg *ifa = NLMSG_DATA(h);
	struct nlattr *flags = nlmsg_find_attr((struct nlmsghdr *)h, sizeof *ifa, IFA_FLAGS);

	return flags ? nla_get_u32(flags) : ifa->ifa_flags;
}

/* The kernel tells IPv6 addresses the newest first, and takes the first that is fit for the source of what it sends. */
static int each_address(void *closure, const struct nlmsghdr *h)
{
	struct capture *c = closure;
	const struct ifaddrmsg *ifa = NLMSG_DATA(h);
	bool six = ifa->ifa_family == AF_INET6;

	if (h->nlmsg_type != RTM_NEWADDR || nlmsg_datalen(h) < (int)sizeof *ifa || (int)ifa->ifa_index != c->ifindex ||
	    (ifa->ifa_family != AF_INET && !six))
		return 0;
	/* The kernel makes them by itself wherever they are needed. */
	if (six && (ifa->ifa_scope == RT_SCOPE_LINK || address_flags(h) & IFA_F_TEMPORARY))
		return 0;
	if (address_flags(h) & IFA_F_NOPREFIXROUTE)
		c->bare[six] = true;
	return keep(&c->addresses, h, six) ? 0 : ENOMEM;
}

/* How many of a route's next hops go by this link, and how many by others. */
static void count_hops(const struct capture *c, struct nlattr *hops, unsigned *ours, unsigned *others)
{
	const struct rtnexthop *hop = nla_data(hops);
	int left = nla_len(hops);

	for (; left >= (int)sizeof *hop && RTNH_OK(hop, left); left -= RTNH_ALIGN(hop->rtnh_len), hop = RTNH_NEXT(hop))
		++*(hop->rtnh_ifindex == c->ifindex ? ours : others);
}

/* The route to link-local addresses is made with the link's own. */
static bool is_link_local(const struct rtmsg *rtm, struct nlattr *to)
{
	const uint8_t *bytes = to && rtm->rtm_family == AF_INET6 && nla_len(to) == 16 ? nla_data(to) : NULL;

	return bytes && bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
}

static int each_route(void *closure, const struct nlmsghdr *h)
{
	struct capture *c = closure;
	const struct rtmsg *rtm = NLMSG_DATA(h);
	struct nlattr *tb[RTA_MAX + 1];
	unsigned ours = 0, others = 0;
	struct kept *kept;
	uint32_t table;

	if (h->nlmsg_type != RTM_NEWROUTE || !attribute_parse(tb, RTA_MAX, h, sizeof *rtm, NULL))
		return 0;
	if (tb[RTA_MULTIPATH])
		count_hops(c, tb[RTA_MULTIPATH], &ours, &others);
	else
		ours = tb[RTA_OIF] && (int)nla_get_u32(tb[RTA_OIF]) == c->ifindex;
	table = tb[RTA_TABLE] ? nla_get_u32(tb[RTA_TABLE]) : rtm->rtm_table;
	if (!ours || rtm->rtm_type != RTN_UNICAST || table == RT_TABLE_LOCAL || rtm->rtm_flags & RTM_F_CLONED)
		return 0;
	if (is_from_kernel(rtm) && (rtm->rtm_protocol != RTPROT_KERNEL || !c->bare[rtm->rtm_family == AF_INET6] ||
				    is_link_local(rtm, tb[RTA_DST])))
		return 0;
	kept = keep(&c->routes, h, !tb[RTA_GATEWAY] && !tb[RTA_VIA] && !tb[RTA_MULTIPATH]);
	if (kept)
		kept->shared = others > 0;
	return kept ? 0 : ENOMEM;
}

static int each_neighbour(void *closure, const struct nlmsghdr *h)
{
	struct capture *c = closure;
	const struct ndmsg *ndm = NLMSG_DATA(h);

	if (h->nlmsg_type != RTM_NEWNEIGH || nlmsg_datalen(h) < (int)sizeof *ndm || ndm->ndm_ifindex != c->ifindex ||
	    !(ndm->ndm_state & NUD_PERMANENT))
		return 0;
	return keep(&c->neighbours, h, false) ? 0 : ENOMEM;
}

static const struct {
	uint16_t type;
	int (*each)(void *, const struct nlmsghdr *);
} dumps[] = {{RTM_GETADDR, each_address}, {RTM_GETNEIGH, each_neighbour}, {RTM_GETROUTE, each_route}};

/* Where the kernel checks strictly it leaves out routes that do not go by this link, which may be a million. */
static struct nl_msg *dump_message(uint16_t type, uint8_t family, int ifindex)
{
	struct nl_msg *message = nlmsg_alloc_size(MESSAGE_SIZE);
	union {
		struct ifaddrmsg address;
		struct rtmsg route;
		struct ndmsg neighbour;
	} header;
	size_t length = type == RTM_GETROUTE ? sizeof header.route : type == RTM_GETADDR ? sizeof header.address : sizeof header.neighbour;

	memset(&header, 0, sizeof header); /* all of it, whichever is meant: the kernel looks */
	header.address.ifa_family = family; /* each begins with it */
	if (!message || !nlmsg_put(message, 0, 0, type, 0, NLM_F_REQUEST | NLM_F_DUMP) ||
	    nlmsg_append(message, &header, length, NLMSG_ALIGNTO) < 0 ||
	    (type == RTM_GETROUTE && nla_put_u32(message, RTA_OIF, (uint32_t)ifindex) < 0)) {
		nlmsg_free(message);
		return NULL;
	}
	return message;
}

/* A try that was interrupted throws away what it collected, so each dump has a capture of its own. */
static int collect(struct capture *c, struct exchange *x, unsigned which, uint8_t family)
{
	struct capture found = {.ifindex = c->ifindex, .bare = {c->bare[0], c->bare[1]}};
	int error = exchange_dump(x, dump_message(dumps[which].type, family, c->ifindex), begin, dumps[which].each, &found);

	append(&c->addresses, &found.addresses);
	append(&c->neighbours, &found.neighbours);
	append(&c->routes, &found.routes);
	memcpy(c->bare, found.bare, sizeof c->bare);
	return error;
}

int capture_link(struct capture *c, struct exchange *x, int ifindex)
{
	int error = 0;

	*c = (struct capture){.ifindex = ifindex};
	for (unsigned i = 0; !error && i < sizeof dumps / sizeof dumps[0]; i++)
		error = collect(c, x, i, AF_INET);
	for (unsigned i = 0; !error && i < sizeof dumps / sizeof dumps[0]; i++) {
		error = collect(c, x, i, AF_INET6);
		if (error == EOPNOTSUPP || error == EAFNOSUPPORT)
			error = 0; /* a kernel without IPv6 */
	}
	if (error)
		capture_free(c);
	return error;
}

/* ---- and where it goes ------------------------------------------------------------------------------------------ */

/* What is behind the colon of a label, behind the name of the link that it comes to. One without is the kernel's to make. */
static bool put_label(struct nl_msg *out, const char *label, int ifindex)
{
	char name[IF_NAMESIZE], whole[2 * IF_NAMESIZE];
	const char *colon = strchr(label, ':');

	if (!colon || !if_indextoname((unsigned)ifindex, name))
		return true;
	snprintf(whole, sizeof whole, "%s%s", name, colon);
	return strlen(whole) >= IF_NAMESIZE || nla_put_string(out, IFA_LABEL, whole) == 0;
}

/* What is not to be probed for: an address that was in use. */
static uint32_t put_flags(const struct kept *kept)
{
	const struct ifaddrmsg *ifa = NLMSG_DATA(kept->h);
	uint32_t flags = address_flags(kept->h);
	bool doubtful = flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED) && !(flags & IFA_F_NODAD);

	return flags | (ifa->ifa_family == AF_INET6 && !doubtful ? IFA_F_NODAD : 0);
}

enum address_change { ADDRESS_ADD, ADDRESS_DEL, ADDRESS_FOREVER };

static bool put_address(struct nl_msg *out, const struct kept *kept, enum address_change change, int ifindex)
{
	struct ifa_cacheinfo forever = {.ifa_prefered = UINT32_MAX, .ifa_valid = UINT32_MAX};
	struct nlattr *attr;
	bool good = true;
	int left;

	nlmsg_for_each_attr(attr, kept->h, (int)sizeof(struct ifaddrmsg), left)
	{
		if (nla_type(attr) == IFA_LABEL)
			good = good && put_label(out, nla_get_string(attr), ifindex);
		else if (nla_type(attr) == IFA_FLAGS)
			good = good && nla_put_u32(out, IFA_FLAGS, put_flags(kept)) == 0;
		else if (nla_type(attr) == IFA_CACHEINFO && change == ADDRESS_FOREVER)
			good = good && nla_put(out, IFA_CACHEINFO, sizeof forever, &forever) == 0;
		else
			good = good && nla_put(out, nla_type(attr), nla_len(attr), nla_data(attr)) == 0;
	}
	return good;
}

/* The next hops with this link in the place of the one that they were found on, and without what the kernel says of them. */
static bool put_hops(struct nl_msg *out, struct nlattr *hops, int from, int ifindex)
{
	struct nlattr *copy = nla_reserve(out, RTA_MULTIPATH, nla_len(hops));
	struct rtnexthop *hop = copy ? nla_data(copy) : NULL;
	int left = nla_len(hops);

	if (!copy)
		return false;
	memcpy(hop, nla_data(hops), (size_t)left);
	for (; left >= (int)sizeof *hop && RTNH_OK(hop, left); left -= RTNH_ALIGN(hop->rtnh_len), hop = RTNH_NEXT(hop)) {
		hop->rtnh_flags &= RTNH_F_ONLINK;
		if (hop->rtnh_ifindex == from)
			hop->rtnh_ifindex = ifindex;
	}
	return true;
}

/* The kernel tells of when a route ends in another way than it is told of it. */
static bool put_expiry(struct nl_msg *out, struct nlattr *attr)
{
	const struct rta_cacheinfo *cache = nla_data(attr);
	long ticks = sysconf(_SC_CLK_TCK);

	if (nla_len(attr) < (int)sizeof *cache || !cache->rta_expires || ticks <= 0)
		return true;
	return nla_put_u32(out, RTA_EXPIRES, (uint32_t)(cache->rta_expires / ticks ? cache->rta_expires / ticks : 1)) == 0;
}

static bool put_route(struct nl_msg *out, const struct kept *kept, int from, int ifindex)
{
	struct nlattr *attr;
	bool good = true;
	int left;

	nlmsg_for_each_attr(attr, kept->h, (int)sizeof(struct rtmsg), left)
	{
		if (nla_type(attr) == RTA_CACHEINFO)
			good = good && put_expiry(out, attr);
		else if (nla_type(attr) == RTA_OIF)
			good = good && nla_put_u32(out, RTA_OIF, (uint32_t)ifindex) == 0;
		else if (nla_type(attr) == RTA_MULTIPATH)
			good = good && put_hops(out, attr, from, ifindex);
		else if (nla_type(attr) != RTA_NH_ID) /* the object is gone; it was told what it said */
			good = good && nla_put(out, nla_type(attr), nla_len(attr), nla_data(attr)) == 0;
	}
	return good;
}

static bool put_neighbour(struct nl_msg *out, const struct kept *kept)
{
	static const int types[] = {NDA_DST, NDA_LLADDR, NDA_PROTOCOL};
	bool good = true;

	for (unsigned i = 0; i < sizeof types / sizeof types[0]; i++) {
		struct nlattr *attr = nlmsg_find_attr(kept->h, sizeof(struct ndmsg), types[i]);

		good = good && (!attr || nla_put(out, types[i], nla_len(attr), nla_data(attr)) == 0);
	}
	return good;
}

static struct nl_msg *address_message(const struct kept *kept, enum address_change change, int ifindex)
{
	struct nl_msg *message = nlmsg_alloc_size(MESSAGE_SIZE);
	int type = change == ADDRESS_DEL ? RTM_DELADDR : RTM_NEWADDR;
	int flags = change == ADDRESS_DEL ? 0 : change == ADDRESS_ADD ? NLM_F_CREATE | NLM_F_EXCL : NLM_F_REPLACE;
	struct ifaddrmsg ifa;

	memcpy(&ifa, NLMSG_DATA(kept->h), sizeof ifa);
	ifa.ifa_index = (uint32_t)ifindex;
	ifa.ifa_flags = (uint8_t)put_flags(kept);
	if (message && nlmsg_put(message, 0, 0, type, 0, NLM_F_REQUEST | NLM_F_ACK | flags) &&
	    nlmsg_append(message, &ifa, sizeof ifa, NLMSG_ALIGNTO) == 0 && put_address(message, kept, change, ifindex))
		return message;
	nlmsg_free(message);
	return NULL;
}

/* Appended, since there may be several to one destination, and the same one is refused all the same. */
static struct nl_msg *route_message(const struct kept *kept, bool removing, int from, int ifindex)
{
	struct nl_msg *message = nlmsg_alloc_size(MESSAGE_SIZE);
	int type = removing ? RTM_DELROUTE : RTM_NEWROUTE;
	int flags = removing ? 0 : NLM_F_CREATE | (kept->shared ? NLM_F_REPLACE : NLM_F_APPEND);
	struct rtmsg rtm;

	memcpy(&rtm, NLMSG_DATA(kept->h), sizeof rtm);
	rtm.rtm_flags &= RTNH_F_ONLINK; /* the others are the kernel's to set */
	if (message && nlmsg_put(message, 0, 0, type, 0, NLM_F_REQUEST | NLM_F_ACK | flags) &&
	    nlmsg_append(message, &rtm, sizeof rtm, NLMSG_ALIGNTO) == 0 && put_route(message, kept, from, ifindex))
		return message;
	nlmsg_free(message);
	return NULL;
}

static struct nl_msg *neighbour_message(const struct kept *kept, bool removing, int ifindex)
{
	struct nl_msg *message = nlmsg_alloc_size(MESSAGE_SIZE);
	int type = removing ? RTM_DELNEIGH : RTM_NEWNEIGH, flags = removing ? 0 : NLM_F_CREATE | NLM_F_EXCL;
	struct ndmsg ndm;

	memcpy(&ndm, NLMSG_DATA(kept->h), sizeof ndm);
	ndm.ndm_ifindex = ifindex;
	if (message && nlmsg_put(message, 0, 0, type, 0, NLM_F_REQUEST | NLM_F_ACK | flags) &&
	    nlmsg_append(message, &ndm, sizeof ndm, NLMSG_ALIGNTO) == 0 && put_neighbour(message, kept))
		return message;
	nlmsg_free(message);
	return NULL;
}

static struct nl_msg *message_of(const struct capture *c, const struct kept *kept, bool removing, int ifindex)
{
	return kept->h->nlmsg_type == RTM_NEWADDR    ? address_message(kept, removing ? ADDRESS_DEL : ADDRESS_ADD, ifindex)
	       : kept->h->nlmsg_type == RTM_NEWROUTE ? route_message(kept, removing, c->ifindex, ifindex)
						     : neighbour_message(kept, removing, ifindex);
}

static int put_list(struct capture *c, struct kept_list *list, struct exchange *x, int ifindex)
{
	int first = 0;

	for (struct kept *kept = list->first; kept && (!first || x->undoing); kept = kept->next) {
		int error = exchange_request(x, message_of(c, kept, false, ifindex));

		/* What a broken socket said nothing about may have been made. */
		kept->put |= ifindex != c->ifindex && (!error || error == EIO);
		if (error && error != EEXIST && !first)
			first = error;
	}
	return first;
}

int capture_put_addresses(struct capture *c, struct exchange *x, int ifindex)
{
	return put_list(c, &c->addresses, x, ifindex);
}

int capture_put_rest(struct capture *c, struct exchange *x, int ifindex)
{
	int error = put_list(c, &c->neighbours, x, ifindex);

	return error && !x->undoing ? error : put_list(c, &c->routes, x, ifindex);
}

/* The network's route of an IPv6 address that expires stays until then, unless the address is for ever when it goes
 * (ipv6_del_addr). */
static bool is_route_left_behind(const struct kept *kept)
{
	const struct ifaddrmsg *ifa = NLMSG_DATA(kept->h);

	return kept->h->nlmsg_type == RTM_NEWADDR && ifa->ifa_family == AF_INET6 && !(address_flags(kept->h) & IFA_F_PERMANENT);
}

/* A route that goes by other links too is changed back by putting it where it was. */
static void take_off(const struct capture *c, const struct kept_list *list, struct exchange *x, int ifindex)
{
	for (const struct kept *kept = list->last; kept; kept = kept->previous) {
		if (!kept->put || kept->shared)
			continue;
		if (is_route_left_behind(kept))
			exchange_request(x, address_message(kept, ADDRESS_FOREVER, ifindex));
		exchange_request(x, message_of(c, kept, true, ifindex));
	}
}

void capture_take_off(struct capture *c, struct exchange *x, int ifindex)
{
	take_off(c, &c->routes, x, ifindex);
	take_off(c, &c->neighbours, x, ifindex);
	take_off(c, &c->addresses, x, ifindex);
}

int capture_remove_addresses(const struct capture *c, struct exchange *x)
{
	int error = 0;

	for (const struct kept *kept = c->addresses.last; kept && (!error || x->undoing); kept = kept->previous) {
		error = exchange_request(x, message_of(c, kept, true, c->ifindex));
		if (error == EADDRNOTAVAIL) /* IPv6 addresses went when the link was set down */
			error = 0;
	}
	return error;
}
