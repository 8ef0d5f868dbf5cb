/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/ip.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip6.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "kernel/clock.h"
#include "kernel/packet_internal.h"
#include "wire/arp.h"
#include "wire/checksum.h"
#include "wire/ethernet.h"
#include "wire/nd.h"

enum {
	INTERNETWORK_CONTROL = 0xc0, /* type of service: class selector 6 */
	DONT_FRAGMENT = 0x4000, /* of the flags and the fragment offset (RFC 791 §3.1) */
	IPV6_VERSION = 6U << 28,
	ADVERT_MAX = sizeof(struct ip6_hdr) + VRRP_MESSAGE_MAX,
};

#define ROUTER_FOR NSEC_PER_SEC /* so long the answer is believed */

_Static_assert(CMSG_SPACE(sizeof(struct in6_pktinfo)) <= OUTBOX_CONTROL, "control data fits");

int outbox_open(struct outbox *box, int fd_or_error, size_t size)
{
	box->fd = fd_or_error < 0 ? -1 : fd_or_error;
	box->error = fd_or_error < 0 ? -fd_or_error : 0;
	box->size = size;
	box->bytes = malloc(size);
	return box->bytes ? 0 : -ENOMEM;
}

void outbox_close(struct outbox *box)
{
	if (box->fd >= 0)
		close(box->fd);
	free(box->bytes);
}

static void count_error(struct packets *p, int error)
{
	p->counters.send_errors++;
	p->counters.last_errno = error;
}

/* A packet that is refused is passed over: it belongs to one interface, those behind it to others. */
static void outbox_send(struct packets *p, struct outbox *box, unsigned end)
{
	while (box->sent < end) {
		int n = sendmmsg(box->fd, box->messages + box->sent, end - box->sent, MSG_DONTWAIT);

		if (n > 0) {
			p->counters.sent += (unsigned)n;
			box->sent += (unsigned)n;
		} else if (errno != EINTR) {
			count_error(p, errno);
			box->sent++;
		}
	}
}

static void outbox_flush(struct packets *p, struct outbox *box)
{
	outbox_send(p, box, box->n);
	box->n = box->sent = box->early = 0;
	box->used = 0;
}

/* A vip's first advert must not overtake the announcements of its addresses: the old holder lets go at the advert, and a client that
 * was not told yet would speak to nobody. So adverts that were put before any frame go first, then the frames, and then the
 * others: hundreds of vips that are taken over need three system calls, not two each. */
void packets_flush(struct packets *p)
{
	if (p->frames.n > 0) {
		outbox_send(p, &p->adverts_4, p->adverts_4.early);
		outbox_send(p, &p->adverts_6, p->adverts_6.early);
		outbox_flush(p, &p->frames);
	}
	outbox_flush(p, &p->adverts_4);
	outbox_flush(p, &p->adverts_6);
}

/* Room for one more packet of at most `size` bytes; NULL (counted): the socket could not be opened. */
static unsigned char *outbox_room(struct packets *p, struct outbox *box, size_t size)
{
	assert(size <= box->size);
	if (box->fd < 0) {
		count_error(p, box->error);
		return NULL;
	}
	if (box->n == OUTBOX_MAX || box->size - box->used < size)
		packets_flush(p);
	if (box == &p->frames && !box->n) {
		p->adverts_4.early = p->adverts_4.n;
		p->adverts_6.early = p->adverts_6.n;
	}
	return box->bytes + box->used;
}

/* Takes what was written into the room, to be sent to `to`; returns the message for more particulars. */
static struct msghdr *outbox_put(struct outbox *box, size_t length, const void *to, socklen_t to_length)
{
	unsigned i = box->n++;

	box->iov[i] = (struct iovec){.iov_base = box->bytes + box->used, .iov_len = length};
	box->used += length;
	memcpy(&box->to[i], to, to_length);
	box->messages[i].msg_hdr = (struct msghdr){
		.msg_name = &box->to[i], .msg_namelen = to_length, .msg_iov = &box->iov[i], .msg_iovlen = 1};
	return &box->messages[i].msg_hdr;
}

/* ---- adverts ---------------------------------------------------------------------------------------------------- */

/* Total length, identification and header checksum are the kernel's to fill in. */
static void put_header_4(unsigned char *out, const struct ip *source, const struct ip *to)
{
	struct iphdr header = {
		.version = 4, .ihl = 5, .tos = INTERNETWORK_CONTROL, .ttl = VRRP_TTL, .protocol = VRRP_PROTOCOL};

	memcpy(&header.saddr, source->bytes, sizeof header.saddr);
	memcpy(&header.daddr, to->bytes, sizeof header.daddr);
	memcpy(out, &header, sizeof header);
}

static void put_header_6(unsigned char *out, const struct ip *source, const struct ip *to, size_t length)
{
	struct ip6_hdr header = {0};

	header.ip6_flow = htonl(IPV6_VERSION | INTERNETWORK_CONTROL << 20);
	header.ip6_plen = htons((uint16_t)length);
	header.ip6_nxt = VRRP_PROTOCOL;
	header.ip6_hlim = VRRP_TTL;
	memcpy(&header.ip6_src, source->bytes, sizeof header.ip6_src);
	memcpy(&header.ip6_dst, to->bytes, sizeof header.ip6_dst);
	memcpy(out, &header, sizeof header);
}

/* Whatever the routes say, the packet leaves by the vip's interface: it goes with each packet. */
static void outbox_put_advert(struct outbox *box, size_t length, const void *to, socklen_t to_length, int level, int type,
			      const void *info, size_t info_length)
{
	struct cmsghdr *c = (struct cmsghdr *)box->control[box->n];
	struct msghdr *msg = outbox_put(box, length, to, to_length);

	*c = (struct cmsghdr){.cmsg_level = level, .cmsg_type = type, .cmsg_len = CMSG_LEN(info_length)};
	memcpy(CMSG_DATA(c), info, info_length);
	msg->msg_control = c;
	msg->msg_controllen = CMSG_SPACE(info_length);
}

static void outbox_put_4(struct outbox *box, size_t length, const struct ip *destination, int ifindex)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	struct in_pktinfo info = {.ipi_ifindex = ifindex};

	memcpy(&to.sin_addr, destination->bytes, sizeof to.sin_addr);
	outbox_put_advert(box, length, &to, sizeof to, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
}

/* The source is in the header, but where it is not named as well the kernel looks for one among all the interface's addresses, for
 * each advert anew: with hundreds of IPv6 vips that is most of what an active node does. */
static void outbox_put_6(struct outbox *box, size_t length, const struct ip *source, const struct ip *destination, int ifindex)
{
	struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_scope_id = (uint32_t)ifindex};
	struct in6_pktinfo info = {.ipi6_ifindex = (unsigned)ifindex};

	memcpy(&info.ipi6_addr, source->bytes, sizeof info.ipi6_addr);
	memcpy(&to.sin6_addr, destination->bytes, sizeof to.sin6_addr);
	outbox_put_advert(box, length, &to, sizeof to, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
}

static size_t put_message(unsigned char *out, const struct action_advert *a, const struct ip *to, const struct ip *addresses,
			  unsigned n)
{
	if (a->version == 2)
		return vrrp_encode_2(out, VRRP_MESSAGE_MAX, a->vrid, a->priority, a->interval_cs / 100U,
				     a->has_auth ? a->auth : NULL, addresses, n);
	return vrrp_encode(out, VRRP_MESSAGE_MAX, a->vrid, a->priority, a->interval_cs, &a->source, to, addresses, n, a->checksum);
}

static void send_advert_to(struct packets *p, const struct action_advert *a, const struct ip *to, const struct ip *addresses,
			   unsigned n)
{
	bool v6 = a->family == FAMILY_6;
	struct outbox *box = v6 ? &p->adverts_6 : &p->adverts_4;
	size_t header = v6 ? sizeof(struct ip6_hdr) : sizeof(struct iphdr), length;
	unsigned char *out = outbox_room(p, box, ADVERT_MAX);

	if (!out)
		return;
	length = put_message(out + header, a, to, addresses, n);
	if (!length) {
		count_error(p, EINVAL);
	} else if (v6) {
		put_header_6(out, &a->source, to, length);
		outbox_put_6(box, header + length, &a->source, to, a->ifindex);
	} else {
		put_header_4(out, &a->source, to);
		outbox_put_4(box, header + length, to, a->ifindex);
	}
}

/* A frame begins with its destination, which the link-layer address repeats. */
static void outbox_put_frame(struct outbox *box, size_t length, int ifindex, uint16_t protocol)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET, .sll_protocol = htons(protocol), .sll_ifindex = ifindex, .sll_halen = MAC_SIZE};

	memcpy(to.sll_addr, box->bytes + box->used, MAC_SIZE);
	outbox_put(box, length, &to, sizeof to);
}

/* What the kernel fills in otherwise. Not to be fragmented, so it needs no identification (RFC 6864 §4.1). */
static void finish_header_4(unsigned char *header, size_t length)
{
	uint16_t total = htons((uint16_t)length), whole = htons(DONT_FRAGMENT), sum;

	memcpy(header + offsetof(struct iphdr, frag_off), &whole, sizeof whole);
	memcpy(header + offsetof(struct iphdr, tot_len), &total, sizeof total);
	sum = htons(checksum_plain(header, sizeof(struct iphdr)));
	memcpy(header + offsetof(struct iphdr, check), &sum, sizeof sum);
}

/* To the group, from the virtual router's MAC address (RFC 9568 §7.2) or the interface's own: as a frame, behind the announcements in
 * the same box. Through the raw socket each would be routed on its way: two fifths more time in the kernel for the same frame.
 * The group's MAC address is made of its own (RFC 1112 §6.4, RFC 2464 §7). */
static void send_advert_frame(struct packets *p, const struct action_advert *a, const struct ip *addresses, unsigned n)
{
	static const struct ethernet to_4 = {.to = {0x01, 0x00, 0x5e, 0, 0, 18}, .type = ETHERNET_IPV4};
	static const struct ethernet to_6 = {.to = {0x33, 0x33, 0, 0, 0, 18}, .type = ETHERNET_IPV6};
	bool v6 = a->family == FAMILY_6;
	const struct ip *group = v6 ? &vrrp_group_6 : &vrrp_group_4;
	size_t header = v6 ? sizeof(struct ip6_hdr) : sizeof(struct iphdr), length;
	unsigned char *out = outbox_room(p, &p->frames, ETHERNET_HEADER + ADVERT_MAX);
	struct ethernet ethernet = v6 ? to_6 : to_4;

	if (!out)
		return;
	memcpy(ethernet.from, a->mac, MAC_SIZE);
	ethernet_put(out, &ethernet);
	out += ETHERNET_HEADER;
	length = put_message(out + header, a, group, addresses, n);
	if (!length) {
		count_error(p, EINVAL);
		return;
	}
	if (v6) {
		put_header_6(out, &a->source, group, length);
	} else {
		put_header_4(out, &a->source, group);
		finish_header_4(out, header + length);
	}
	outbox_put_frame(&p->frames, ETHERNET_HEADER + header + length, a->ifindex, ethernet.type);
}

static bool has_mac(const struct action_advert *a)
{
	static const uint8_t none[MAC_SIZE];

	return memcmp(a->mac, none, MAC_SIZE) != 0;
}

static void send_advert(struct packets *p, const struct action_advert *a)
{
	struct ip addresses[MAX_VIP_ADDRESSES];
	unsigned n = a->n_addresses < MAX_VIP_ADDRESSES ? a->n_addresses : MAX_VIP_ADDRESSES;

	for (unsigned i = 0; i < n; i++)
		addresses[i] = a->addresses[i].ip;
	if (has_mac(a)) {
		send_advert_frame(p, a, addresses, n);
		return;
	}
	for (unsigned i = 0; i < a->n_peers; i++)
		send_advert_to(p, a, &a->peers[i], addresses, n);
	if (!a->n_peers)
		send_advert_to(p, a, a->family == FAMILY_6 ? &vrrp_group_6 : &vrrp_group_4, addresses, n);
}

/* ---- announcements ---------------------------------------------------------------------------------------------- */

/* Addresses may be announced where no adverts are sent. */
static bool forwards(struct packets *p, int ifindex)
{
	uint64_t now_ns = clock_ns(CLOCK_BOOTTIME);
	char name[IF_NAMESIZE];

	for (const struct source *s = p->in.sources; s; s = s->next)
		if (s->kind == SOURCE_ADVERTS && s->ifindex == ifindex)
			return s->router;
	if (p->asked.ifindex != ifindex || now_ns - p->asked.at_ns >= ROUTER_FOR) {
		p->asked.router = if_indextoname((unsigned)ifindex, name) && packet_is_router(name);
		p->asked.ifindex = ifindex;
		p->asked.at_ns = now_ns;
	}
	return p->asked.router;
}

static void send_announcement(struct packets *p, const struct action_announce *a)
{
	struct outbox *box = &p->frames;
	unsigned char *out;

	if (a->ip.family == FAMILY_6) {
		out = outbox_room(p, box, ND_FRAME);
		if (!out)
			return;
		nd_announcement(out, a->mac, &a->ip, forwards(p, a->ifindex));
		outbox_put_frame(box, ND_FRAME, a->ifindex, ETH_P_IPV6);
		return;
	}
	for (enum arp_form form = ARP_FORM_REQUEST; form <= ARP_FORM_REPLY; form++) {
		out = outbox_room(p, box, ARP_FRAME);
		if (!out)
			return;
		arp_announcement(out, form, a->mac, &a->ip);
		outbox_put_frame(box, ARP_FRAME, a->ifindex, ETH_P_ARP);
	}
}

/* ---- probes ----------------------------------------------------------------------------------------------------- */

/* Straight to the port's own queue: its master, which would not let a standby send, is not asked. The tag is part of
 * the frame. */
static void send_probe(struct packets *p, const struct action_probe *a)
{
	struct outbox *box = &p->frames;
	unsigned char *out = outbox_room(p, box, ND_SOLICITATION_MAX);
	size_t length = 0;

	if (!out)
		return;
	switch (a->kind) {
	case PROBE_ARP:
		length = arp_request(out, a->mac, &a->source, &a->target, a->vlan);
		break;
	case PROBE_NS:
		length = nd_solicitation(out, a->mac, &a->source, &a->target, a->vlan);
		break;
	}
	outbox_put_frame(box, length, a->ifindex, a->vlan ? ETH_P_8021Q : a->kind == PROBE_NS ? ETH_P_IPV6 : ETH_P_ARP);
}

void packets_send(struct packets *p, const struct action *action)
{
	assert(action->type == ACT_ADVERT || action->type == ACT_ANNOUNCE || action->type == ACT_PROBE);
	if (action->type == ACT_ADVERT)
		send_advert(p, &action->u.advert);
	else if (action->type == ACT_PROBE)
		send_probe(p, &action->u.probe);
	else
		send_announcement(p, &action->u.announce);
}
