/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the packet module share. */
#ifndef STANDBYD_KERNEL_PACKET_INTERNAL_H
#define STANDBYD_KERNEL_PACKET_INTERNAL_H

#include <sys/epoll.h>
#include <sys/socket.h>

#include "kernel/packet.h"
#include "wire/vrrp.h"

/* ---- in: packet_in.c -------------------------------------------------------------------------------------------- */

enum { INBOX_BATCH = 16, INBOX_SIZE = 60 + VRRP_MESSAGE_MAX, INBOX_CONTROL = 256, INBOX_READY = 16 };

enum source_kind { SOURCE_ADVERTS, SOURCE_ARP, SOURCE_ND };

/* A socket that packets come from. */
struct source {
	struct source *next;
	enum source_kind kind;
	int fd;
	int ifindex;         /* SOURCE_ADVERTS */
	uint8_t family;      /* SOURCE_ADVERTS */
	bool router;         /* SOURCE_ADVERTS: the interface forwards IPv6 */
	uint64_t emptied_ns; /* when it was last known to be empty: what it holds came later; 0: unknown */
};

struct inbox {
	int epoll;
	struct source *sources;
	struct epoll_event ready[INBOX_READY]; /* data.ptr NULL: closed since */
	int n_ready, at_ready;
	unsigned budget;               /* packets that may still be read before packets_next says false */
	struct source *current;        /* of the batch */
	unsigned n, at;                /* packets in the batch, and the next to look at */
	uint64_t earliest_ns;          /* the batch cannot be older */
	uint64_t boottime, realtime;   /* when the batch was read */
	struct mmsghdr messages[INBOX_BATCH];
	struct iovec iov[INBOX_BATCH];
	struct sockaddr_storage from[INBOX_BATCH];
	_Alignas(8) unsigned char control[INBOX_BATCH][INBOX_CONTROL];
	_Alignas(8) unsigned char bytes[INBOX_BATCH][INBOX_SIZE];
};

int inbox_open(struct inbox *);                          /* 0 or -errno */
int inbox_add(struct inbox *, const struct source *);    /* copies it; 0 or -errno */
void inbox_remove(struct inbox *, struct source *);      /* closes its socket */
void inbox_close(struct inbox *);

/* ---- out: packet_out.c ------------------------------------------------------------------------------------------ */

enum { OUTBOX_MAX = 128, OUTBOX_CONTROL = 64 };

/* Packets that wait to leave by one socket in one system call. */
struct outbox {
	int fd; /* -1: this family cannot be sent here, for `error` */
	int error;
	unsigned n;
	size_t used, size;
	unsigned char *bytes;
	struct mmsghdr messages[OUTBOX_MAX];
	struct iovec iov[OUTBOX_MAX];
	struct sockaddr_storage to[OUTBOX_MAX];
	_Alignas(8) unsigned char control[OUTBOX_MAX][OUTBOX_CONTROL];
};

struct packets {
	struct inbox in;
	struct outbox adverts_4, adverts_6, announcements;
	struct packets_counters counters;
};

/* Takes the socket over, or an errno in its place. 0 or -ENOMEM. */
int outbox_open(struct outbox *, int fd_or_error, size_t size);
void outbox_close(struct outbox *);

#endif
