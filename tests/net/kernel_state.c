/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel_state.h"

#include <arpa/inet.h>
#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER = 64 * 1024, LINES = 512, LIFETIME_SLACK_S = 4, DUMP_TRIES = 10 };

struct names {
	struct { int ifindex; char name[16]; } link[64];
	unsigned n;
};

struct reading {
	struct state *state;
	struct names names;
	FILE *out;
	bool interrupted;
};

static void fail(const char *what)
{
	perror(what);
	abort();
}

static const char *name_of(const struct reading *r, int ifindex)
{
	static char number[16];

	for (unsigned i = 0; i < r->names.n; i++)
		if (r->names.link[i].ifindex == ifindex)
			return r->names.link[i].name;
	snprintf(number, sizeof number, "#%d", ifindex);
	return number;
}

static int32_t value_of(const struct rtattr *a)
{
	int32_t value = 0;

	memcpy(&value, RTA_DATA(a), RTA_PAYLOAD(a) < sizeof value ? RTA_PAYLOAD(a) : sizeof value);
	return value;
}

static const char *ip_text(int family, const struct rtattr *a)
{
	static char text[INET6_ADDRSTRLEN];

	return a ? inet_ntop(family, RTA_DATA(a), text, sizeof text) : "-";
}

static void put_raw(FILE *out, const struct rtattr *a)
{
	const unsigned char *bytes = RTA_DATA(a);

	fprintf(out, " %d=", a->rta_type & NLA_TYPE_MASK);
	for (unsigned i = 0; i < RTA_PAYLOAD(a); i++)
		fprintf(out, "%02x", bytes[i]);
}

static const struct rtattr *find(const struct rtattr *a, int left, int type)
{
	for (; RTA_OK(a, left); a = RTA_NEXT(a, left))
		if ((a->rta_type & NLA_TYPE_MASK) == type)
			return a;
	return NULL;
}

/* ---- links ------------------------------------------------------------------------------------------------------ */

static void each_name(struct reading *r, const struct nlmsghdr *h)
{
	const struct ifinfomsg *info = NLMSG_DATA(h);
	const struct rtattr *name = find(IFLA_RTA(info), (int)IFLA_PAYLOAD(h), IFLA_IFNAME);

	if (!name || r->names.n == sizeof r->names.link / sizeof r->names.link[0])
		return;
	r->names.link[r->names.n].ifindex = info->ifi_index;
	snprintf(r->names.link[r->names.n++].name, 16, "%s", (const char *)RTA_DATA(name));
}

/* What changes by itself: counters, and the port that a monitor chooses whose targets nobody answers for. */
static bool is_fleeting(const struct rtattr *data, const struct rtattr *a)
{
	const struct rtattr *monitor = find(RTA_DATA(data), (int)RTA_PAYLOAD(data), IFLA_BOND_ARP_INTERVAL);

	return a->rta_type == IFLA_BOND_AD_INFO || (a->rta_type == IFLA_BOND_ACTIVE_SLAVE && monitor && value_of(monitor));
}

static void put_kind(struct reading *r, const struct rtattr *info)
{
	const struct rtattr *kind = find(RTA_DATA(info), (int)RTA_PAYLOAD(info), IFLA_INFO_KIND);
	const struct rtattr *data = find(RTA_DATA(info), (int)RTA_PAYLOAD(info), IFLA_INFO_DATA), *a;
	int left = data ? (int)RTA_PAYLOAD(data) : 0;

	if (!kind)
		return;
	fprintf(r->out, " kind %s", (const char *)RTA_DATA(kind));
	for (a = data ? RTA_DATA(data) : NULL; left && RTA_OK(a, left); a = RTA_NEXT(a, left))
		if (strcmp(RTA_DATA(kind), "bond") != 0 || !is_fleeting(data, a))
			put_raw(r->out, a);
}

static void each_link(struct reading *r, const struct nlmsghdr *h)
{
	const struct ifinfomsg *info = NLMSG_DATA(h);
	const struct rtattr *a = IFLA_RTA(info);
	int left = (int)IFLA_PAYLOAD(h);

	fprintf(r->out, "link %s index %d %s", name_of(r, info->ifi_index), info->ifi_index, info->ifi_flags & IFF_UP ? "up" : "down");
	for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		switch (a->rta_type & NLA_TYPE_MASK) {
		case IFLA_MTU:
			fprintf(r->out, " mtu %d", value_of(a));
			break;
		case IFLA_ADDRESS:
			put_raw(r->out, a);
			break;
		case IFLA_MASTER:
			fprintf(r->out, " master %s", name_of(r, value_of(a)));
			break;
		case IFLA_LINKINFO:
			put_kind(r, a);
			break;
		}
	}
	fputc('\n', r->out);
}

/* ---- addresses -------------------------------------------------------------------------------------------------- */

static void put_lifetime(struct reading *r, const struct rtattr *a)
{
	const struct ifa_cacheinfo *cache = RTA_DATA(a);
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	for (unsigned i = 0; i < 2; i++) {
		uint32_t left = i ? cache->ifa_prefered : cache->ifa_valid;

		fprintf(r->out, " %s", left == UINT32_MAX ? "forever" : left ? "limited" : "deprecated");
		if (left && left != UINT32_MAX && r->state->n_expires < STATE_LIFETIMES)
			r->state->expires[r->state->n_expires++] = now.tv_sec + left;
	}
}

static void each_address(struct reading *r, const struct nlmsghdr *h)
{
	const struct ifaddrmsg *ifa = NLMSG_DATA(h);
	const struct rtattr *a = IFA_RTA(ifa);
	int left = (int)IFA_PAYLOAD(h);

	if (ifa->ifa_family == AF_INET6 && ifa->ifa_scope == RT_SCOPE_LINK)
		return;
	fprintf(r->out, "address dev %s %s/%d scope %d", name_of(r, (int)ifa->ifa_index), ip_text(ifa->ifa_family, find(a, left, IFA_ADDRESS)),
		ifa->ifa_prefixlen, ifa->ifa_scope);
	for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == IFA_CACHEINFO)
			put_lifetime(r, a);
		else if (a->rta_type == IFA_LABEL)
			fprintf(r->out, " label %s ", (const char *)RTA_DATA(a));
		else if (a->rta_type == IFA_FLAGS)
			fprintf(r->out, " flags %x", (unsigned)value_of(a) & ~(ifa->ifa_family == AF_INET6 ? IFA_F_NODAD : 0U));
		else if (a->rta_type != IFA_ADDRESS)
			put_raw(r->out, a);
	}
	fputc('\n', r->out);
}

/* ---- routes ----------------------------------------------------------------------------------------------------- */

static void put_hops(struct reading *r, int family, const struct rtattr *hops)
{
	const struct rtnexthop *hop = RTA_DATA(hops);
	int left = (int)RTA_PAYLOAD(hops);

	for (; left >= (int)sizeof *hop && RTNH_OK(hop, left); left -= RTNH_ALIGN(hop->rtnh_len), hop = RTNH_NEXT(hop))
		fprintf(r->out, " hop dev %s via %s weight %d flags %x", name_of(r, hop->rtnh_ifindex),
			ip_text(family, find(RTNH_DATA(hop), hop->rtnh_len - (int)sizeof *hop, RTA_GATEWAY)), hop->rtnh_hops,
			hop->rtnh_flags & ~RTNH_F_LINKDOWN);
}

static bool is_own(const struct rtmsg *rtm, const struct rtattr *to)
{
	const unsigned char *bytes = to ? RTA_DATA(to) : NULL;

	return rtm->rtm_table == RT_TABLE_LOCAL || rtm->rtm_flags & RTM_F_CLONED ||
	       (rtm->rtm_family == AF_INET6 && bytes && (bytes[0] == 0xff || (bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80)));
}

static void each_route(struct reading *r, const struct nlmsghdr *h)
{
	const struct rtmsg *rtm = NLMSG_DATA(h);
	const struct rtattr *a = RTM_RTA(rtm), *to = find(a, (int)RTM_PAYLOAD(h), RTA_DST), *cache;
	const struct rtattr *device = find(a, (int)RTM_PAYLOAD(h), RTA_OIF);
	int left = (int)RTM_PAYLOAD(h);

	if (is_own(rtm, to))
		return;
	cache = find(a, left, RTA_CACHEINFO);
	fprintf(r->out, "route %s/%d", ip_text(rtm->rtm_family, to), rtm->rtm_dst_len);
	fprintf(r->out, " dev %s proto %d scope %d type %d tos %d flags %x%s", device ? name_of(r, value_of(device)) : "-", rtm->rtm_protocol,
		rtm->rtm_scope, rtm->rtm_type, rtm->rtm_tos, rtm->rtm_flags & ~RTNH_F_LINKDOWN,
		cache && ((const struct rta_cacheinfo *)RTA_DATA(cache))->rta_expires ? " expires" : "");
	for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == RTA_MULTIPATH)
			put_hops(r, rtm->rtm_family, a);
		else if (a->rta_type == RTA_GATEWAY)
			fprintf(r->out, " via %s", ip_text(rtm->rtm_family, a));
		else if (a->rta_type != RTA_CACHEINFO && a->rta_type != RTA_OIF && a->rta_type != RTA_DST)
			put_raw(r->out, a);
	}
	fputc('\n', r->out);
}

/* ---- neighbours and rules --------------------------------------------------------------------------------------- */

static void each_neighbour(struct reading *r, const struct nlmsghdr *h)
{
	const struct ndmsg *ndm = NLMSG_DATA(h);
	const struct rtattr *a = (const void *)((const char *)ndm + NLMSG_ALIGN(sizeof *ndm));
	int left = (int)NLMSG_PAYLOAD(h, sizeof *ndm);
	const struct rtattr *mac = find(a, left, NDA_LLADDR);

	if (!(ndm->ndm_state & NUD_PERMANENT))
		return;
	fprintf(r->out, "neighbour %s dev %s flags %x", ip_text(ndm->ndm_family, find(a, left, NDA_DST)), name_of(r, ndm->ndm_ifindex),
		ndm->ndm_flags);
	if (mac)
		put_raw(r->out, mac);
	fputc('\n', r->out);
}

static void each_rule(struct reading *r, const struct nlmsghdr *h)
{
	const struct fib_rule_hdr *rule = NLMSG_DATA(h);
	const struct rtattr *a = (const void *)((const char *)rule + NLMSG_ALIGN(sizeof *rule));
	int left = (int)NLMSG_PAYLOAD(h, sizeof *rule);

	fprintf(r->out, "rule %d action %d flags %x", rule->family, rule->action, rule->flags);
	for (; RTA_OK(a, left); a = RTA_NEXT(a, left))
		put_raw(r->out, a);
	fputc('\n', r->out);
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static bool take(struct reading *r, const struct nlmsghdr *h, void (*each)(struct reading *, const struct nlmsghdr *))
{
	if (h->nlmsg_flags & NLM_F_DUMP_INTR)
		r->interrupted = true;
	if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR)
		return true;
	each(r, h);
	return false;
}

static void dump(struct reading *r, int type, int family, void (*each)(struct reading *, const struct nlmsghdr *))
{
	static _Alignas(8) char bytes[BUFFER];
	struct { struct nlmsghdr h; char header[sizeof(struct ifinfomsg)]; } request = {
		.h = {.nlmsg_len = sizeof request, .nlmsg_type = (uint16_t)type, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP}};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	bool finished = false;

	request.header[0] = (char)family;
	if (fd < 0 || send(fd, &request, sizeof request, 0) < 0)
		fail("dump");
	while (!finished) {
		ssize_t n = recv(fd, bytes, sizeof bytes, 0);
		struct nlmsghdr *h = (struct nlmsghdr *)bytes;

		if (n <= 0)
			fail("recv");
		for (; !finished && NLMSG_OK(h, (size_t)n); h = NLMSG_NEXT(h, n))
			finished = take(r, h, each);
	}
	close(fd);
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void put_sorted(FILE *out, char *text)
{
	char *lines[LINES];
	unsigned n = 0;

	for (char *line = strtok(text, "\n"); line && n < LINES; line = strtok(NULL, "\n"))
		lines[n++] = line;
	qsort(lines, n, sizeof lines[0], compare_lines);
	for (unsigned i = 0; i < n; i++)
		fprintf(out, "%s\n", lines[i]);
}

static void dump_sorted(struct reading *r, int type, void (*each)(struct reading *, const struct nlmsghdr *))
{
	FILE *out = r->out;
	char *text = NULL;
	size_t size;

	r->out = open_memstream(&text, &size);
	if (type == RTM_GETLINK) {
		dump(r, type, AF_UNSPEC, each);
	} else {
		dump(r, type, AF_INET, each);
		dump(r, type, AF_INET6, each);
	}
	fclose(r->out);
	r->out = out;
	put_sorted(out, text);
	free(text);
}

struct state state_read(void)
{
	for (unsigned try = 0; try < DUMP_TRIES; try++) {
		struct state state = {0};
		struct reading r = {.state = &state};
		size_t size;

		r.out = open_memstream(&state.text, &size);
		dump(&r, RTM_GETLINK, AF_UNSPEC, each_name);
		dump_sorted(&r, RTM_GETLINK, each_link);
		dump(&r, RTM_GETADDR, AF_INET, each_address);
		dump(&r, RTM_GETADDR, AF_INET6, each_address);
		dump_sorted(&r, RTM_GETROUTE, each_route);
		dump_sorted(&r, RTM_GETNEIGH, each_neighbour);
		dump_sorted(&r, RTM_GETRULE, each_rule);
		fclose(r.out);
		if (!r.interrupted)
			return state;
		state_free(&state);
	}
	fail("dumps are interrupted again and again");
	return (struct state){0};
}

void state_free(struct state *s)
{
	free(s->text);
	*s = (struct state){0};
}

bool state_equal(const struct state *a, const struct state *b)
{
	if (strcmp(a->text, b->text) != 0 || a->n_expires != b->n_expires)
		return false;
	for (unsigned i = 0; i < a->n_expires; i++)
		if (llabs(a->expires[i] - b->expires[i]) > LIFETIME_SLACK_S)
			return false;
	return true;
}

/* ---- comparing -------------------------------------------------------------------------------------------------- */

/* One line with every word `from`, be it before a colon, made `to`. */
static void put_renamed(FILE *out, const char *line, size_t length, const char *from, const char *to)
{
	size_t n = strlen(from);

	for (size_t i = 0; i < length;) {
		if (i && line[i - 1] == ' ' && strncmp(line + i, from, n) == 0 && strchr(" :\n", line[i + n])) {
			fputs(to, out);
			i += n;
		} else {
			fputc(line[i++], out);
		}
	}
	fputc('\n', out);
}

char *state_on(const struct state *s, const char *device, const char *as)
{
	char word[32], *renamed = NULL, *sorted = NULL;
	FILE *out;
	size_t size;

	snprintf(word, sizeof word, " dev %s ", device);
	out = open_memstream(&renamed, &size);
	for (const char *line = s->text; *line; line = strchr(line, '\n') + 1) {
		size_t length = (size_t)(strchr(line, '\n') - line);
		const char *found = strstr(line, word);

		if (found && found < line + length)
			put_renamed(out, line, length, device, as);
	}
	fclose(out);
	out = open_memstream(&sorted, &size);
	for (const char *line = renamed; *line; line = strchr(line, '\n') + 1) /* addresses keep their order */
		if (strncmp(line, "address", 7) == 0)
			fprintf(out, "%.*s\n", (int)(strchr(line, '\n') - line), line);
	for (char *line = renamed, *end; *line; line = end + 1) {
		end = strchr(line, '\n');
		if (strncmp(line, "address", 7) == 0)
			memset(line, '\n', (size_t)(end - line));
	}
	put_sorted(out, renamed);
	fclose(out);
	free(renamed);
	return sorted;
}

static void print_missing(const char *sign, const char *lines, const char *in)
{
	for (const char *line = lines; *line; line = strchr(line, '\n') + 1) {
		size_t length = (size_t)(strchr(line, '\n') - line) + 1;
		bool found = false;

		for (const char *other = in; !found && *other; other = strchr(other, '\n') + 1)
			found = strncmp(line, other, length) == 0;
		if (!found)
			fprintf(stderr, "%s %.*s", sign, (int)length, line);
	}
}

void state_print_difference(const char *before, const char *after)
{
	print_missing("-", before, after);
	print_missing("+", after, before);
	if (strcmp(before, after) == 0)
		fprintf(stderr, "(the same lines; lifetimes differ)\n");
}
