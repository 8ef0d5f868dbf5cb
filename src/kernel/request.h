/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One change as one rtnetlink message. Pure: builds bytes, sends nothing. */
#ifndef STANDBYD_KERNEL_REQUEST_H
#define STANDBYD_KERNEL_REQUEST_H

#include <netlink/msg.h>

#include "core/core.h"

enum { REQUEST_SIZE = 512 }; /* longer than any request */

/* Whether the action is made by one rtnetlink message. */
bool request_exists(enum action_type);

/* Writes the message with NLM_F_REQUEST and NLM_F_ACK, its sequence and port 0. `out` is a fresh message of at least
 * REQUEST_SIZE. 0, -EINVAL (an argument is out of range), -EMSGSIZE. Only for actions for which request_exists. */
int request_build(const struct action *, struct nl_msg *out);

/* Whether a refusal means that what was wanted is already so: removing what is not there (EADDRNOTAVAIL, ESRCH), or what
 * was on an interface that is gone (ENODEV). */
bool request_refusal_is_done(enum action_type, int error);

#endif
