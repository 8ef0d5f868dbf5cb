/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the packet module share. */
#ifndef STANDBYD_KERNEL_PACKET_INTERNAL_H
#define STANDBYD_KERNEL_PACKET_INTERNAL_H

#include <sys/epoll.h>
#include <sys/socket.h>

#include "kernel/endpoint.h"
#include "kernel/packet.h"
#include "wire/vrrp.h"

/* A socket, non-blocking and closed on exec, or -1 with errno. */
int packet_socket(int family, int type, int protocol);

/* Closes fd (-1: none) and returns -errno as it was before. */
int packet_close_failed(int fd);

void packet_set_receive_buffer(int fd, int size);

/* ---- in: packet_in.c -------------------------------------------------------------------------------------------- */

enum { INBOX_BATCH = 32, INBOX_SIZE = 60 + VRRP_MESSAGE_MAX, INBOX_CONTROL = 256, INBOX_READY = 16 };

enum source_kind { SOURCE_ADVERTS, SOURCE_ARP, SOURCE_ND, SOURCE_PROBES };

/* A socket that packets come from. */
struct source {
	struct source *next;
	enum source_kind kind;
	int fd;
	int ifindex;         /* SOURCE_ADVERTS, SOURCE_PROBES */
	uint8_t family;      /* SOURCE_ADVERTS; SOURCE_PROBES: FAMILY_NONE */
	struct action_listen listen; /* SOURCE_ADVERTS, SOURCE_PROBES: what it was opened for */
	bool router;         /* SOURCE_ADVERTS: the interface forwards IPv6 */
	uint64_t emptied_ns; /* when it was last known to be empty: what it holds came later; 0: unknown */
	uint32_t lost;       /* packets that its buffer had no room for, as the kernel counts them */
};

struct packet {
	const unsigned char *bytes;
	size_t length;
	const struct sockaddr_storage *from;
	bool truncated;
	int ifindex; /* 0: unknown */
	int hop_limit; /* IPv6; -1: unknown */
	struct ip destination;
	bool local;    /* the destination is a unicast address of ours */
	uint16_t tpid, tci; /* of the tag that the kernel took off a frame; tpid 0: it had none */
	uint32_t lost; /* of its socket, before it came */
	uint64_t seen_ns;
};

struct inbox {
	int epoll;
	struct source *sources;
	struct epoll_event ready[INBOX_READY]; /* data.ptr NULL: closed since */
	int n_ready, at_ready;
	bool emptied;                  /* every socket that was ready has been read to its end since */
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

/* ---- answers to probes: packet_probe.c -------------------------------------------------------------------------- */

int probe_listen(const struct action_listen *); /* an fd or -errno, as packets_listen */
bool probe_take(const struct source *, const struct packet *, struct event *);

/* ---- out: packet_out.c ------------------------------------------------------------------------------------------ */

enum { OUTBOX_MAX = 128, OUTBOX_CONTROL = 64 };

/* Packets that wait to leave by one socket in one system call. */
struct outbox {
	int fd; /* -1: this family cannot be sent here, for `error` */
	int error;
	unsigned n;
	unsigned sent;  /* of them, while it is being flushed */
	unsigned early; /* adverts: so many were put before the first of the frames that wait */
	size_t used, size;
	unsigned char *bytes;
	struct mmsghdr messages[OUTBOX_MAX];
	struct iovec iov[OUTBOX_MAX];
	struct sockaddr_storage to[OUTBOX_MAX];
	_Alignas(8) unsigned char control[OUTBOX_MAX][OUTBOX_CONTROL];
};

struct packets {
	struct inbox in;
	struct outbox adverts_4, adverts_6, frames; /* frames: announcements, probes, adverts to the group */
	struct packets_counters counters;
	struct {
		int ifindex; /* 0: none */
		bool router;
		uint64_t at_ns;
	} asked; /* the last interface without a socket that was asked whether it forwards IPv6 */
};

bool packet_is_router(const char *ifname);

/* Takes the socket over, or an errno in its place. 0 or -ENOMEM. */
int outbox_open(struct outbox *, int fd_or_error, size_t size);
void outbox_close(struct outbox *);

#endif
