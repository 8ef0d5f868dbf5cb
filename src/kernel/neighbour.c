/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/neighbour.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/exchange.h"

enum {
	UNANSWERED_MAX = 256, /* of a link at once; the others are asked for by the kernel, a second later */
	MESSAGE_SIZE = 256,
};

struct unanswered {
	int ifindex;
	unsigned n;
	struct {
		uint8_t family, length, to[16];
	} list[UNANSWERED_MAX];
};

static void begin(void *unanswered)
{
	((struct unanswered *)unanswered)->n = 0;
}

static int each(void *unanswered, const struct nlmsghdr *h)
{
	struct unanswered *u = unanswered;
	const struct ndmsg *ndm = NLMSG_DATA(h);
	struct nlattr *to;

	if (h->nlmsg_type != RTM_NEWNEIGH || nlmsg_datalen(h) < (int)sizeof *ndm || ndm->ndm_ifindex != u->ifindex ||
	    ndm->ndm_state != NUD_INCOMPLETE || u->n == UNANSWERED_MAX)
		return 0;
	to = nlmsg_find_attr((struct nlmsghdr *)h, sizeof *ndm, NDA_DST);
	if (!to || nla_len(to) > (int)sizeof u->list[0].to)
		return 0;
	u->list[u->n].family = ndm->ndm_family;
	u->list[u->n].length = (uint8_t)nla_len(to);
	memcpy(u->list[u->n].to, nla_data(to), (size_t)nla_len(to));
	u->n++;
	return 0;
}

/* With an attribute of the address, or of the link whose neighbours are to be dumped. */
static struct nl_msg *message(int type, int flags, const struct ndmsg *ndm, int attr, const void *value, int length)
{
	struct nl_msg *made = nlmsg_alloc_size(MESSAGE_SIZE);

	if (made && nlmsg_put(made, 0, 0, type, 0, NLM_F_REQUEST | flags) &&
	    nlmsg_append(made, (void *)ndm, sizeof *ndm, NLMSG_ALIGNTO) == 0 && nla_put(made, attr, length, value) == 0)
		return made;
	nlmsg_free(made);
	return NULL;
}

static int forget(struct exchange *x, const struct unanswered *u)
{
	int error = 0;

	for (unsigned i = 0; i < u->n; i++) {
		struct ndmsg ndm = {.ndm_family = u->list[i].family, .ndm_ifindex = u->ifindex};
		int failed = exchange_request(x, message(RTM_DELNEIGH, NLM_F_ACK, &ndm, NDA_DST, u->list[i].to, u->list[i].length));

		if (failed && failed != ENOENT)
			error = failed;
	}
	return error;
}

static int ask_again(struct exchange *x, int ifindex, uint8_t family)
{
	struct unanswered u = {.ifindex = ifindex};
	struct ndmsg ndm = {.ndm_family = family};
	int error = exchange_dump(x, message(RTM_GETNEIGH, NLM_F_DUMP, &ndm, NDA_IFINDEX, &ifindex, sizeof ifindex), begin, each, &u);

	return error ? error : forget(x, &u);
}

int neighbours_ask_again(int ifindex, int (*ask)(void *), void *closure)
{
	struct exchange x;
	int error = exchange_open(&x, ask, closure);

	if (error)
		return error;
	error = ask_again(&x, ifindex, AF_INET);
	if (!error)
		error = ask_again(&x, ifindex, AF_INET6);
	exchange_close(&x);
	return error == EOPNOTSUPP || error == EAFNOSUPPORT ? 0 : error; /* a kernel without IPv6 */
}
