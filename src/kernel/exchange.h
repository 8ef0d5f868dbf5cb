/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One rtnetlink request after the other, each with its answer, for what is several requests and must be whole. A socket of its
 * own, in the namespace of the thread. For one thread. */
#ifndef STANDBYD_KERNEL_EXCHANGE_H
#define STANDBYD_KERNEL_EXCHANGE_H

#include <netlink/msg.h>
#include <stdbool.h>
#include <stdint.h>

struct exchange {
	int fd;
	uint32_t sequence;
	/* Before each request that is not an undoing, for tests of error paths: an errno refuses it, EXCHANGE_BREAK lets it be
	 * made and its answer be lost with the socket. */
	int (*ask)(void *closure);
	void *closure;
	bool undoing;
	char *text; /* the kernel's words on the last request that it refused and that was no undoing, or NULL; the caller may take it */
};

enum { EXCHANGE_BREAK = -1 };

/* 0 or an errno. */
int exchange_open(struct exchange *, int (*ask)(void *closure), void *closure);
void exchange_close(struct exchange *);

/* Sends the message, which is freed, and waits for its answer: 0 or an errno. NULL: ENOMEM. EIO: the answer was lost, so it may
 * have been made or not; the socket has been opened anew. */
int exchange_request(struct exchange *, struct nl_msg *);

/* Dumps: calls each with every message of the kernel until it returns an errno; interrupted dumps are made again, so each must
 * bear to see an object twice: `begin` is called before every try. 0 or an errno. The message is freed. */
int exchange_dump(struct exchange *, struct nl_msg *, void (*begin)(void *), int (*each)(void *, const struct nlmsghdr *),
		  void *closure);

#endif
