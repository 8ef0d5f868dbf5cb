/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libnl's attribute parser for const messages. */
#ifndef STANDBYD_KERNEL_ATTRIBUTE_H
#define STANDBYD_KERNEL_ATTRIBUTE_H

#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdbool.h>

enum { ATTR_IFA_PROTO = 11 }; /* IFA_PROTO, an enumerator that headers before Linux 5.18 lack */

/* Fills tb[0…max] with the attributes behind the fixed header. False: too short, or one is not what the policy says. */
static inline bool attribute_parse(struct nlattr **tb, int max, const struct nlmsghdr *h, size_t header,
				   const struct nla_policy *policy)
{
	return nlmsg_parse((struct nlmsghdr *)h, (int)header, tb, max, (struct nla_policy *)policy) == 0;
}

static inline bool attribute_parse_nested(struct nlattr **tb, int max, struct nlattr *nest,
					  const struct nla_policy *policy)
{
	return nla_parse_nested(tb, max, nest, (struct nla_policy *)policy) == 0;
}

#endif
