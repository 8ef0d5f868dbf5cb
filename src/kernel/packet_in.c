/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/ip.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#include "kernel/clock.h"
#include "kernel/packet_internal.h"
#include "wire/arp.h"
#include "wire/nd.h"

_Static_assert((int)PACKETS_BUDGET >= (int)INBOX_BATCH, "a batch fits into the budget");

/* ---- the sockets ------------------------------------------------------------------------------------------------ */

int inbox_open(struct inbox *in)
{
	for (unsigned i = 0; i < INBOX_BATCH; i++) {
		in->iov[i] = (struct iovec){.iov_base = in->bytes[i], .iov_len = INBOX_SIZE};
		in->messages[i].msg_hdr = (struct msghdr){
			.msg_iov = &in->iov[i], .msg_iovlen = 1, .msg_name = &in->from[i], .msg_control = in->control[i]};
	}
	in->budget = PACKETS_BUDGET;
	in->epoll = epoll_create1(EPOLL_CLOEXEC);
	return in->epoll < 0 ? -errno : 0;
}

int inbox_add(struct inbox *in, const struct source *source)
{
	struct source *s = malloc(sizeof *s);
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = s};

	if (s && epoll_ctl(in->epoll, EPOLL_CTL_ADD, source->fd, &event) < 0) {
		free(s);
		s = NULL;
	}
	if (!s) {
		close(source->fd);
		return -ENOMEM;
	}
	*s = *source;
	s->next = in->sources;
	in->sources = s;
	return 0;
}

void inbox_remove(struct inbox *in, struct source *s)
{
	struct source **at = &in->sources;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	for (int i = in->at_ready; i < in->n_ready; i++)
		if (in->ready[i].data.ptr == s)
			in->ready[i].data.ptr = NULL;
	if (in->current == s)
		in->n = in->at = 0;
	close(s->fd); /* which also takes it out of the epoll set */
	free(s);
}

void inbox_close(struct inbox *in)
{
	while (in->sources)
		inbox_remove(in, in->sources);
	if (in->epoll >= 0)
		close(in->epoll);
}

/* ---- batches ---------------------------------------------------------------------------------------------------- */

/* A raw IPv4 socket hands up the IP header: what is in it need not be copied once more. */
static bool has_header(const struct source *s)
{
	return s->kind == SOURCE_ADVERTS && s->family == FAMILY_4;
}

static bool inbox_read(struct inbox *in, struct source *s)
{
	uint64_t before = clock_ns(CLOCK_BOOTTIME);
	unsigned wanted = in->budget < INBOX_BATCH ? in->budget : INBOX_BATCH;
	int n;

	for (unsigned i = 0; i < wanted; i++) {
		in->messages[i].msg_hdr.msg_name = has_header(s) ? NULL : &in->from[i];
		in->messages[i].msg_hdr.msg_namelen = has_header(s) ? 0 : sizeof in->from[i];
		in->messages[i].msg_hdr.msg_controllen = INBOX_CONTROL;
	}
	n = recvmmsg(s->fd, in->messages, wanted, MSG_DONTWAIT, NULL);
	if (n <= 0) { /* nothing, or ENETDOWN and the like, which reading has cleared */
		in->budget--;
		if (n < 0 && errno == EAGAIN)
			s->emptied_ns = before;
		else
			in->emptied = false;
		return false;
	}
	/* In this order: interrupted in between, we take a packet for younger than it is, never for older than the question
	 * that it answers. */
	in->realtime = clock_ns(CLOCK_REALTIME);
	in->boottime = clock_ns(CLOCK_BOOTTIME);
	in->earliest_ns = s->emptied_ns;
	if ((unsigned)n < wanted)
		s->emptied_ns = before;
	else
		in->emptied = false;
	in->budget -= (unsigned)n;
	in->current = s;
	in->n = (unsigned)n;
	in->at = 0;
	return true;
}

/* The next batch off the sockets in turn; false: nothing waits, or the budget is used up. */
static bool inbox_refill(struct inbox *in)
{
	while (in->budget) {
		struct source *s;

		if (in->at_ready >= in->n_ready) {
			in->at_ready = in->n_ready = 0;
			if (in->emptied)
				break;
			in->n_ready = epoll_wait(in->epoll, in->ready, INBOX_READY, 0);
			if (in->n_ready <= 0)
				break;
			in->emptied = in->n_ready < INBOX_READY;
		}
		s = in->ready[in->at_ready++].data.ptr;
		if (s && inbox_read(in, s))
			return true;
	}
	in->emptied = false; /* the next call is a later moment */
	return false;
}

/* ---- one packet ------------------------------------------------------------------------------------------------- */

static struct ip ip_of(uint8_t family, const void *bytes)
{
	struct ip ip = {.family = family};

	memcpy(ip.bytes, bytes, ip_size(family));
	return ip;
}

/* The kernel takes a frame's tag off before any socket sees it, and hands it up beside the frame. */
static void read_tag(const struct tpacket_auxdata *auxdata, struct packet *packet)
{
	if (!(auxdata->tp_status & TP_STATUS_VLAN_VALID))
		return;
	packet->tci = auxdata->tp_vlan_tci;
	packet->tpid = auxdata->tp_status & TP_STATUS_VLAN_TPID_VALID ? auxdata->tp_vlan_tpid : ETH_P_8021Q;
}

static void read_control(const struct inbox *in, struct msghdr *msg, struct packet *packet)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		const void *data = CMSG_DATA(c);

		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
			packet->seen_ns = clock_seen_at(data, in->realtime, in->boottime, in->earliest_ns);
		} else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) { /* only where some were lost */
			memcpy(&packet->lost, data, sizeof packet->lost);
		} else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			const struct in_pktinfo *info = data;

			packet->ifindex = info->ipi_ifindex;
			packet->destination = ip_of(FAMILY_4, &info->ipi_addr);
			packet->local = info->ipi_addr.s_addr == info->ipi_spec_dst.s_addr;
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			const struct in6_pktinfo *info = data;

			packet->ifindex = (int)info->ipi6_ifindex;
			packet->destination = ip_of(FAMILY_6, &info->ipi6_addr);
			packet->local = !IN6_IS_ADDR_MULTICAST(&info->ipi6_addr);
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT) {
			memcpy(&packet->hop_limit, data, sizeof packet->hop_limit);
		} else if (c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA) {
			read_tag(data, packet);
		}
	}
}

static struct packet open_packet(struct inbox *in, unsigned i)
{
	struct msghdr *msg = &in->messages[i].msg_hdr;
	struct packet packet = {
		.bytes = in->bytes[i],
		.length = in->messages[i].msg_len,
		.from = &in->from[i],
		.truncated = msg->msg_flags & MSG_TRUNC,
		.hop_limit = -1,
		.lost = in->current->lost,
		.seen_ns = in->boottime,
	};

	read_control(in, msg, &packet);
	return packet;
}

/* Cuts off the IP header, which a raw IPv4 socket hands up, and says where the packet is from. */
static enum drop_reason read_header(const struct source *s, struct packet *packet, struct vrrp_meta *meta)
{
	struct iphdr header;

	*meta = (struct vrrp_meta){.destination = packet->destination, .ttl = packet->hop_limit};
	if (!has_header(s)) {
		meta->source = ip_of(FAMILY_6, &((const struct sockaddr_in6 *)packet->from)->sin6_addr);
		return packet->truncated ? DROP_TRUNCATED : DROP_NONE;
	}
	if (packet->length < sizeof header)
		return DROP_TRUNCATED;
	memcpy(&header, packet->bytes, sizeof header);
	meta->source = ip_of(FAMILY_4, &header.saddr);
	if (packet->truncated || header.ihl * 4U < sizeof header || header.ihl * 4U > packet->length)
		return DROP_TRUNCATED;
	meta->ttl = header.ttl;
	packet->bytes += header.ihl * 4U;
	packet->length -= header.ihl * 4U;
	return DROP_NONE;
}

static enum drop_reason decode_advert(const struct source *s, struct packet *packet, struct vrrp_meta *meta,
				      struct vrrp_message *message)
{
	const struct ip *group = s->family == FAMILY_6 ? &vrrp_group_6 : &vrrp_group_4;
	enum drop_reason reason = read_header(s, packet, meta);

	if (!reason)
		reason = vrrp_decode(packet->bytes, packet->length, meta, message);
	if (!reason && !packet->local && !ip_equal(&packet->destination, group))
		reason = DROP_DESTINATION;
	return reason;
}

static bool take_advert(const struct source *s, struct packet *packet, struct event *event)
{
	struct event_advert *advert = &event->u.advert;
	struct vrrp_message message;
	struct vrrp_meta meta;
	enum drop_reason reason;

	if (packet->ifindex != s->ifindex) /* queued before the socket was bound to its device */
		return false;
	reason = decode_advert(s, packet, &meta, &message);
	if (reason) {
		*event = (struct event){.type = EV_DROPPED, .seen_ns = packet->seen_ns};
		event->u.dropped.ifindex = s->ifindex;
		event->u.dropped.reason = reason;
		event->u.dropped.source = meta.source;
		return true;
	}
	*event = (struct event){.type = EV_ADVERT, .seen_ns = packet->seen_ns};
	*advert = (struct event_advert){
		.ifindex = s->ifindex,
		.family = s->family,
		.version = message.version,
		.vrid = message.vrid,
		.priority = message.priority,
		.interval_ns = message.interval_cs * 10 * NSEC_PER_MSEC,
		.source = meta.source,
		.n_addresses = message.n_addresses,
		.checksum = (uint8_t)message.checksum,
		.auth_type = message.auth_type,
	};
	if (message.auth)
		memcpy(advert->auth, message.auth, AUTH_SIZE);
	for (unsigned i = 0; i < message.n_addresses; i++) {
		struct ip ip = vrrp_address(&message, i);

		advert->address_hash += core_address_hash(&ip);
	}
	return true;
}

static bool take_claim(const struct source *s, const struct packet *packet, const struct core *core,
		       struct event *event)
{
	const struct sockaddr_ll *link = (const struct sockaddr_ll *)packet->from;
	struct event_claim claim;

	if (s->kind == SOURCE_ARP) {
		struct arp_claim arp;

		if (link->sll_pkttype == PACKET_OUTGOING || !arp_decode(packet->bytes, packet->length, &arp))
			return false;
		claim = (struct event_claim){.ifindex = link->sll_ifindex, .ip = arp.ip, .announcement = arp.announcement};
		memcpy(claim.mac, arp.mac, sizeof claim.mac);
	} else {
		struct nd_claim nd;

		if (packet->truncated || !nd_decode(packet->bytes, packet->length, packet->hop_limit, &nd))
			return false;
		claim = (struct event_claim){.ifindex = packet->ifindex, .ip = nd.ip, .announcement = nd.announcement};
		memcpy(claim.mac, nd.mac, sizeof claim.mac);
	}
	if (!core_wants_claim(core, &claim.ip))
		return false;
	*event = (struct event){.type = EV_CLAIM, .seen_ns = packet->seen_ns};
	event->u.claim = claim;
	return true;
}

static bool take(const struct source *s, struct packet *packet, const struct core *core, struct event *event)
{
	switch (s->kind) {
	case SOURCE_ADVERTS:
		return take_advert(s, packet, event);
	case SOURCE_ARP:
	case SOURCE_ND:
		return take_claim(s, packet, core, event);
	case SOURCE_PROBES:
		return probe_take(s, packet, event);
	}
	return false;
}

bool packets_next(struct packets *p, const struct core *core, struct event *event)
{
	struct inbox *in = &p->in;

	do {
		while (in->at < in->n) {
			struct packet packet = open_packet(in, in->at++);

			p->counters.received++;
			p->counters.lost += (uint32_t)(packet.lost - in->current->lost);
			in->current->lost = packet.lost;
			if (take(in->current, &packet, core, event))
				return true;
		}
	} while (inbox_refill(in));
	in->budget = PACKETS_BUDGET;
	return false;
}
