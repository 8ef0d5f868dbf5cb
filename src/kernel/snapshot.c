/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/snapshot.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "kernel/netlink.h"
#include "kernel/request.h"
#include "kernel/team.h"

enum { DUMP_SIZE = 64 * 1024 }; /* the kernel fills at most 32 KiB at once */

void snapshot_free(struct snapshot *s)
{
	while (s->first) {
		struct snapshot_chunk *next = s->first->next;

		free(s->first);
		s->first = next;
	}
	s->last = NULL;
}

static int snapshot_append(struct snapshot *s, const struct event *event)
{
	if (!s->last || s->last->n == sizeof s->last->items / sizeof s->last->items[0]) {
		struct snapshot_chunk *chunk = malloc(sizeof *chunk);

		if (!chunk)
			return -ENOMEM;
		chunk->n = 0;
		chunk->next = NULL;
		*(s->last ? &s->last->next : &s->first) = chunk;
		s->last = chunk;
	}
	s->last->items[s->last->n++] = *event;
	return 0;
}

int snapshot_teams(struct snapshot *s, struct teams *teams, uint32_t epoch)
{
	int error = 0;

	/* What is appended on the way is of another type. */
	for (struct snapshot_chunk *chunk = s->first; chunk; chunk = chunk->next)
		for (unsigned i = 0; i < chunk->n && !error; i++) {
			const struct event *link = &chunk->items[i];
			struct event team = {.type = EV_TEAM, .epoch = epoch};

			if (link->type != EV_LINK || link->u.link.kind != KIND_TEAM)
				continue;
			team_look(teams, link->u.link.ifindex, &team.u.team);
			error = snapshot_append(s, &team);
		}
	return error;
}

void snapshot_join(struct snapshot *to, struct snapshot *from)
{
	if (!from->first)
		return;
	*(to->last ? &to->last->next : &to->first) = from->first;
	to->last = from->last;
	*from = (struct snapshot){0};
}

static const struct {
	uint16_t type;
	uint8_t family;
} dumps[SNAPSHOT_DUMPS] = {
	{RTM_GETLINK, AF_UNSPEC},  {RTM_GETADDR, AF_INET},   {RTM_GETADDR, AF_INET6},
	{RTM_GETROUTE, AF_INET},   {RTM_GETROUTE, AF_INET6}, {RTM_GETRULE, AF_INET}, {RTM_GETRULE, AF_INET6},
};

bool snapshot_skips(const struct action *action, unsigned which)
{
	return (dumps[which].type == RTM_GETROUTE && !action->u.snapshot.routes) ||
	       (dumps[which].type == RTM_GETRULE && !action->u.snapshot.rules);
}

/* The dump request; every fixed header begins with the family. */
static struct nl_msg *dump_request(uint16_t type, uint8_t family, bool all_tables, uint32_t sequence)
{
	struct nl_msg *message = nlmsg_alloc_size(REQUEST_SIZE);
	union {
		struct ifinfomsg link;
		struct ifaddrmsg address;
		struct rtmsg route;
		struct fib_rule_hdr rule;
	} header = {0};
	size_t length = type == RTM_GETLINK    ? sizeof header.link
			: type == RTM_GETADDR ? sizeof header.address
			: type == RTM_GETRULE ? sizeof header.rule
					      : sizeof header.route;

	header.link.ifi_family = family;
	if (type == RTM_GETROUTE && !all_tables)
		header.route.rtm_table = RT_TABLE_MAIN; /* a filter where the kernel checks strictly, else ignored */
	if (!message || !nlmsg_put(message, 0, sequence, type, 0, NLM_F_REQUEST | NLM_F_DUMP) ||
	    nlmsg_append(message, &header, length, NLMSG_ALIGNTO) < 0 ||
	    (type == RTM_GETLINK && nla_put_u32(message, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS) < 0)) {
		nlmsg_free(message);
		return NULL;
	}
	return message;
}

/* How far a dump has come. */
struct dump {
	struct snapshot *items;
	uint32_t sequence, epoch;
	uint8_t family;
	bool finished, interrupted, rules;
	int error; /* the kernel's or ours; the dump is read to its end all the same */
};

static void dump_take(struct dump *d, const struct nlmsghdr *h)
{
	const struct rtgenmsg *any = NLMSG_DATA(h);
	struct event event;

	if (h->nlmsg_seq != d->sequence)
		return;
	if (h->nlmsg_flags & NLM_F_DUMP_INTR)
		d->interrupted = true;
	if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR) {
		int error = 0;

		if (nlmsg_datalen(h) >= (int)sizeof error)
			memcpy(&error, NLMSG_DATA(h), sizeof error);
		/* ENOENT: this namespace never had a route of that family. A kernel without rules has none. */
		if (error && error != -ENOENT && !(d->rules && (error == -EOPNOTSUPP || error == -EAFNOSUPPORT)))
			d->error = error;
		d->finished = true;
		return;
	}
	/* A kernel without IPv6 answers with all the families that it has. */
	if (nlmsg_datalen(h) < (int)sizeof *any || any->rtgen_family != d->family || !netlink_parse(h, &event))
		return;
	event.epoch = d->epoch;
	if (!d->error)
		d->error = snapshot_append(d->items, &event);
}

/* 0; or -errno: the socket is no longer in step and must be opened anew. */
static int dump_read(struct dump *d, int fd)
{
	_Alignas(8) unsigned char bytes[DUMP_SIZE];

	while (!d->finished) {
		struct sockaddr_nl from;
		struct iovec iov = {.iov_base = bytes, .iov_len = sizeof bytes};
		struct msghdr msg = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &iov, .msg_iovlen = 1};
		ssize_t n = recvmsg(fd, &msg, MSG_DONTWAIT);
		struct nlmsghdr *h = (struct nlmsghdr *)bytes;
		int left = (int)n;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		if (msg.msg_flags & MSG_TRUNC)
			return -EMSGSIZE;
		for (; from.nl_pid == 0 && nlmsg_ok(h, left); h = nlmsg_next(h, &left))
			dump_take(d, h);
	}
	return 0;
}

int snapshot_dump(struct snapshot *items, unsigned which, bool all_tables, int fd, uint32_t sequence, uint32_t epoch, bool *broken)
{
	struct dump d = {.items = items, .sequence = sequence, .epoch = epoch, .family = dumps[which].family,
			 .rules = dumps[which].type == RTM_GETRULE};
	struct nl_msg *message = dump_request(dumps[which].type, dumps[which].family, all_tables, sequence);
	int error;

	if (!message)
		return -ENOMEM;
	error = send(fd, nlmsg_hdr(message), nlmsg_hdr(message)->nlmsg_len, 0) < 0 ? -errno : 0;
	nlmsg_free(message);
	if (!error)
		error = dump_read(&d, fd);
	*broken = error != 0;
	if (error)
		return error == -EINTR ? -EIO : error;
	return d.error ? d.error : d.interrupted ? -EINTR : 0;
}
