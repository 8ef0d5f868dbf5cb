/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/exchange.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER_SIZE = 64 * 1024, DUMP_TRIES = 5 };

static int open_socket(struct exchange *x)
{
	int one = 1;

	x->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (x->fd < 0)
		return errno;
	/* An old kernel that lacks one of these only says less or more. */
	setsockopt(x->fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof one);
	setsockopt(x->fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof one);
	setsockopt(x->fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &one, sizeof one);
	return 0;
}

int exchange_open(struct exchange *x, int (*ask)(void *), void *closure)
{
	*x = (struct exchange){.ask = ask, .closure = closure};
	return open_socket(x);
}

void exchange_close(struct exchange *x)
{
	if (x->fd >= 0)
		close(x->fd);
	free(x->text);
	x->fd = -1;
	x->text = NULL;
}

static void keep_text(struct exchange *x, const struct nlmsghdr *h)
{
	struct nlattr *text;

	if (x->undoing || x->text || !(h->nlmsg_flags & NLM_F_ACK_TLVS) || !(h->nlmsg_flags & NLM_F_CAPPED))
		return;
	text = nlmsg_find_attr((struct nlmsghdr *)h, sizeof(struct nlmsgerr), NLMSGERR_ATTR_MSG);
	x->text = text ? strndup(nla_data(text), (size_t)nla_len(text)) : NULL;
}

/* The number of an ACK, an error or the end of a dump. */
static int error_of(struct exchange *x, const struct nlmsghdr *h)
{
	int error = 0;

	if (nlmsg_datalen(h) >= (int)sizeof error)
		memcpy(&error, NLMSG_DATA(h), sizeof error);
	if (error && h->nlmsg_type == NLMSG_ERROR)
		keep_text(x, h);
	return -error;
}

static int exchange_send(struct exchange *x, struct nl_msg *message)
{
	struct nlmsghdr *h = nlmsg_hdr(message);
	ssize_t n;

	h->nlmsg_seq = ++x->sequence;
	do
		n = send(x->fd, h, h->nlmsg_len, 0);
	while (n < 0 && errno == EINTR);
	return n < 0 ? errno : 0;
}

static void break_socket(struct exchange *x)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0)
		dup3(null, x->fd, O_CLOEXEC);
	if (null >= 0)
		close(null);
}

/* What may still come on the old socket is of no use. */
static void reopen(struct exchange *x)
{
	close(x->fd);
	open_socket(x); /* if it fails, so does all that follows */
}

/* Whether the request may be made: 0, an errno, EXCHANGE_BREAK. */
static int ask_for(struct exchange *x, const struct nl_msg *message)
{
	if (!message)
		return ENOMEM;
	if (x->undoing)
		return 0;
	free(x->text);
	x->text = NULL;
	return x->ask(x->closure);
}

/* What is read of one answer: until its ACK or its end. */
struct reading {
	int (*each)(void *, const struct nlmsghdr *);
	void *closure;
	bool finished, interrupted;
	int error;
};

static void take(struct exchange *x, struct reading *r, const struct nlmsghdr *h)
{
	if (h->nlmsg_seq != x->sequence)
		return;
	if (h->nlmsg_flags & NLM_F_DUMP_INTR)
		r->interrupted = true;
	if (h->nlmsg_type == NLMSG_ERROR || h->nlmsg_type == NLMSG_DONE) {
		int error = error_of(x, h);

		if (error && error != ENOENT) /* of a dump: this namespace never had any of that family */
			r->error = error;
		else if (error && h->nlmsg_type == NLMSG_ERROR)
			r->error = error;
		r->finished = true;
		return;
	}
	if (r->each && !r->error)
		r->error = r->each(r->closure, h);
}

static int exchange_read(struct exchange *x, struct reading *r)
{
	_Alignas(8) unsigned char bytes[ANSWER_SIZE];

	while (!r->finished) {
		struct sockaddr_nl from;
		struct iovec iov = {.iov_base = bytes, .iov_len = sizeof bytes};
		struct msghdr msg = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &iov, .msg_iovlen = 1};
		ssize_t n = recvmsg(x->fd, &msg, MSG_DONTWAIT); /* rtnetlink has answered within sendmsg */
		struct nlmsghdr *h = (struct nlmsghdr *)bytes;
		int left = (int)n;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || msg.msg_flags & MSG_TRUNC) {
			reopen(x);
			return EIO;
		}
		for (; from.nl_pid == 0 && nlmsg_ok(h, left); h = nlmsg_next(h, &left))
			take(x, r, h);
	}
	return r->error;
}

static int exchange_once(struct exchange *x, struct nl_msg *message, bool break_it, struct reading *r)
{
	int error = exchange_send(x, message);

	if (error) {
		reopen(x);
		return EIO;
	}
	if (break_it)
		break_socket(x);
	return exchange_read(x, r);
}

int exchange_request(struct exchange *x, struct nl_msg *message)
{
	struct reading reading = {0};
	int error = ask_for(x, message);

	if (error <= 0)
		error = exchange_once(x, message, error == EXCHANGE_BREAK, &reading);
	nlmsg_free(message);
	return error;
}

int exchange_dump(struct exchange *x, struct nl_msg *message, void (*begin)(void *),
		  int (*each)(void *, const struct nlmsghdr *), void *closure)
{
	int error = ask_for(x, message);
	bool break_it = error == EXCHANGE_BREAK;

	if (break_it)
		error = 0;
	for (unsigned tries = 0; !error && tries < DUMP_TRIES; tries++) {
		struct reading reading = {.each = each, .closure = closure};

		begin(closure);
		error = exchange_once(x, message, break_it, &reading);
		if (error || !reading.interrupted)
			break;
		error = tries + 1 < DUMP_TRIES ? 0 : EAGAIN;
	}
	nlmsg_free(message);
	return error;
}
