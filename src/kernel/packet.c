/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/icmpv6.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/pkt_sched.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "kernel/packet_internal.h"

enum {
	/* What every virtual router of an interface says until its silence would be noticed, four adverts and one to spare, in the
	 * 2,304 bytes that the kernel counts for one with many addresses (768 for one with few). The kernel doubles the number. */
	RECEIVE_BUFFER = 255 * 5 * 2304 / 2,
	ROOM = 64 * 1024,         /* for OUTBOX_MAX adverts of 500 bytes, more of usual ones; what is not used costs nothing */
	ND_ADVERTISEMENT = 136,   /* ICMPv6 type (RFC 4861 §4.4) */
	IP6_MULTICAST_ALL = 29,   /* IPV6_MULTICAST_ALL, which libc's headers may lack */
	IP6_FREEBIND = 78,        /* IPV6_FREEBIND, Linux 4.15 */
	IGNORE_OUTGOING = 23,     /* PACKET_IGNORE_OUTGOING, Linux 4.20 */
};

void packet_set_receive_buffer(int fd, int size)
{
	if (endpoint_set(fd, SOL_SOCKET, SO_RCVBUFFORCE, size) < 0)
		endpoint_set(fd, SOL_SOCKET, SO_RCVBUF, size);
}

int packet_socket(int family, int type, int protocol)
{
	return socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
}

int packet_close_failed(int fd)
{
	int error = errno;

	if (fd >= 0)
		close(fd);
	return -error;
}

/* ---- listening to adverts --------------------------------------------------------------------------------------- */

static int join_4(int fd, int ifindex, bool unicast)
{
	struct ip_mreqn group = {.imr_ifindex = ifindex};

	memcpy(&group.imr_multiaddr, vrrp_group_4.bytes, sizeof group.imr_multiaddr);
	if (endpoint_set(fd, IPPROTO_IP, IP_PKTINFO, 1) < 0 || endpoint_set(fd, IPPROTO_IP, IP_MULTICAST_LOOP, 0) < 0 ||
	    endpoint_set(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0) < 0)
		return -1;
	return unicast ? 0 : setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group);
}

static int join_6(int fd, int ifindex, bool unicast)
{
	struct ipv6_mreq group = {.ipv6mr_interface = (unsigned)ifindex};

	memcpy(&group.ipv6mr_multiaddr, vrrp_group_6.bytes, sizeof group.ipv6mr_multiaddr);
	if (endpoint_set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) < 0 ||
	    endpoint_set(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1) < 0 ||
	    endpoint_set(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0) < 0)
		return -1;
	endpoint_set(fd, IPPROTO_IPV6, IP6_MULTICAST_ALL, 0); /* Linux 4.20; the destination is looked at in any case */
	return unicast ? 0 : setsockopt(fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &group, sizeof group);
}

int packets_listen(const struct action_listen *listen)
{
	bool v6 = listen->family == FAMILY_6;
	int fd;

	if (listen->probes)
		return probe_listen(listen);
	fd = packet_socket(v6 ? AF_INET6 : AF_INET, SOCK_RAW, VRRP_PROTOCOL);

	if (fd < 0 || endpoint_set(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1) < 0 || endpoint_set(fd, SOL_SOCKET, SO_RXQ_OVFL, 1) < 0)
		return packet_close_failed(fd);
	/* By name; a rename in between must not bind us to another interface. */
	if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, listen->ifname, (socklen_t)strnlen(listen->ifname, IFNAME_SIZE)) < 0)
		return packet_close_failed(fd);
	if ((int)if_nametoindex(listen->ifname) != listen->ifindex) {
		errno = ENODEV;
		return packet_close_failed(fd);
	}
	packet_set_receive_buffer(fd, RECEIVE_BUFFER);
	if ((v6 ? join_6(fd, listen->ifindex, listen->unicast) : join_4(fd, listen->ifindex, listen->unicast)) < 0)
		return packet_close_failed(fd);
	return fd;
}

/* Whether the interface is a router's for IPv6 (NA's Router flag); a read of a few bytes that waits for nobody. */
bool packet_is_router(const char *ifname)
{
	char path[64], value = '0';
	int fd;

	snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/%.15s/forwarding", ifname);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (read(fd, &value, 1) != 1)
		value = '0';
	close(fd);
	return value != '0';
}

int packets_add(struct packets *p, const struct action_listen *listen, int fd)
{
	struct source source = {
		.kind = listen->probes ? SOURCE_PROBES : SOURCE_ADVERTS,
		.fd = fd,
		.listen = *listen,
		.ifindex = listen->ifindex,
		.family = listen->probes ? FAMILY_NONE : listen->family,
		.router = !listen->probes && packet_is_router(listen->ifname),
	};

	packets_remove(p, source.ifindex, source.family);
	return inbox_add(&p->in, &source);
}

void packets_remove(struct packets *p, int ifindex, uint8_t family)
{
	enum source_kind kind = family ? SOURCE_ADVERTS : SOURCE_PROBES;

	for (struct source *s = p->in.sources; s; s = s->next) {
		if (s->kind == kind && s->ifindex == ifindex && s->family == family) {
			inbox_remove(&p->in, s);
			return;
		}
	}
}

int packets_socket(const struct packets *p, unsigned i, struct action_listen *listen)
{
	for (const struct source *s = p->in.sources; s; s = s->next) {
		if ((s->kind == SOURCE_ADVERTS || s->kind == SOURCE_PROBES) && i-- == 0) {
			*listen = s->listen;
			return s->fd;
		}
	}
	return -1;
}

/* ---- listening to claims ---------------------------------------------------------------------------------------- */

/* ARP bodies that claim an address: replies, and requests whose sender asks for itself; never our own. */
static int filter_arp(int fd)
{
	enum { OPERATION = 6, SENDER = 14, TARGET = 24, REPLY = 2 };
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 7, 0),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, OPERATION),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, REPLY, 4, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SENDER),
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, TARGET),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_X, 0, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT16_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

/* With protocol 0 until the filter is in place, so that nothing unfiltered is ever queued. */
static int open_arp(void)
{
	struct sockaddr_ll any = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ARP)};
	int fd = packet_socket(AF_PACKET, SOCK_DGRAM, 0);

	if (fd < 0 || endpoint_set(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1) < 0 || filter_arp(fd) < 0)
		return packet_close_failed(fd);
	endpoint_set(fd, SOL_PACKET, IGNORE_OUTGOING, 1);
	packet_set_receive_buffer(fd, RECEIVE_BUFFER);
	if (bind(fd, (struct sockaddr *)&any, sizeof any) < 0)
		return packet_close_failed(fd);
	return fd;
}

static int open_nd(void)
{
	struct icmp6_filter filter;
	int fd = packet_socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);

	if (fd < 0)
		return -errno;
	memset(&filter, 0xff, sizeof filter); /* a set bit blocks */
	filter.data[ND_ADVERTISEMENT / 32] &= ~(1U << ND_ADVERTISEMENT % 32);
	if (setsockopt(fd, IPPROTO_ICMPV6, ICMPV6_FILTER, &filter, sizeof filter) < 0 ||
	    endpoint_set(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1) < 0 ||
	    endpoint_set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) < 0 ||
	    endpoint_set(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1) < 0)
		return packet_close_failed(fd);
	packet_set_receive_buffer(fd, RECEIVE_BUFFER);
	return fd;
}

static int open_claims(struct inbox *in)
{
	struct source arp = {.kind = SOURCE_ARP, .fd = open_arp()}, nd = {.kind = SOURCE_ND};

	if (arp.fd < 0)
		return arp.fd;
	if (inbox_add(in, &arp) < 0)
		return -ENOMEM;
	nd.fd = open_nd();
	if (nd.fd < 0) /* a kernel without IPv6 */
		return nd.fd == -EAFNOSUPPORT ? 0 : nd.fd;
	return inbox_add(in, &nd) < 0 ? -ENOMEM : 0;
}

/* ---- sending ---------------------------------------------------------------------------------------------------- */

/* IPPROTO_RAW: we write the IP header, nothing is received. Adverts go before what else the interface has to send. */
static int open_adverts(int family)
{
	int fd = packet_socket(family, SOCK_RAW, IPPROTO_RAW);
	bool v6 = family == AF_INET6;

	if (fd < 0)
		return -errno;
	if (endpoint_set(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_MULTICAST_LOOP : IP_MULTICAST_LOOP, 0) < 0)
		return packet_close_failed(fd);
	endpoint_set(fd, SOL_SOCKET, SO_PRIORITY, TC_PRIO_CONTROL);
	if (v6)
		endpoint_set(fd, IPPROTO_IPV6, IP6_FREEBIND, 1); /* the source that is named is the header's, and no check is made */
	return fd;
}

/* Frames, for announcements, probes, and adverts to the group: nothing is received. They share the adverts' priority, so that no queue lets
 * an advert overtake the announcements before it, and load does not make a probe late. */
static int open_frames(void)
{
	int fd = packet_socket(AF_PACKET, SOCK_RAW, 0);

	if (fd < 0)
		return -errno;
	endpoint_set(fd, SOL_SOCKET, SO_PRIORITY, TC_PRIO_CONTROL);
	return fd;
}

static int open_all(struct packets *p)
{
	int error = inbox_open(&p->in);

	if (!error)
		error = open_claims(&p->in);
	if (!error)
		error = outbox_open(&p->adverts_4, open_adverts(AF_INET), ROOM);
	if (!error)
		error = outbox_open(&p->adverts_6, open_adverts(AF_INET6), ROOM);
	if (!error)
		error = outbox_open(&p->frames, open_frames(), ROOM);
	if (!error && p->adverts_4.error)
		error = -p->adverts_4.error;
	if (!error && p->frames.error)
		error = -p->frames.error;
	return error;
}

struct packets *packets_open(void)
{
	struct packets *p = calloc(1, sizeof *p);
	int error;

	if (!p)
		return NULL;
	p->in.epoll = p->adverts_4.fd = p->adverts_6.fd = p->frames.fd = -1;
	error = open_all(p);
	if (!error)
		return p;
	packets_close(p);
	errno = -error;
	return NULL;
}

void packets_close(struct packets *p)
{
	if (!p)
		return;
	outbox_close(&p->adverts_4);
	outbox_close(&p->adverts_6);
	outbox_close(&p->frames);
	inbox_close(&p->in);
	free(p);
}

int packets_fd(const struct packets *p)
{
	return p->in.epoll;
}

const struct packets_counters *packets_counters(const struct packets *p)
{
	return &p->counters;
}
