/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers to probes, as they come in by one port.
 *
 * The socket takes all protocols (ETH_P_ALL), and a filter keeps away from it what is no answer. One for ARP or IPv6
 * alone would hear a standby of a bond or team as well, as long as it is bound to that very device (RX_HANDLER_EXACT), but
 * it is served after vlans: a tagged frame comes without its tag and cannot be told from an untagged one
 * (__netif_receive_skb_core in net/core/dev.c). */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>

#include "kernel/packet_internal.h"
#include "wire/arp.h"
#include "wire/nd.h"

enum {
	RECEIVE_BUFFER = 256 * 1024, /* some 300 answers; a port has at most MAX_PROBES * MAX_TARGETS targets */
	IGNORE_OUTGOING = 23,        /* PACKET_IGNORE_OUTGOING, Linux 4.20 */
	VLAN_ID = 0xfff,             /* of a tag */
	/* within a frame without its tag, which the kernel has taken off */
	AT_TYPE = 12,
	AT_OPERATION = ETH_HLEN + 6,
	AT_NEXT_HEADER = ETH_HLEN + 6,
	AT_ICMP_TYPE = ETH_HLEN + 40,
	OPERATION_REPLY = 2,
	ADVERTISEMENT = 136,         /* ICMPv6 type (RFC 4861 §4.4) */
};

/* ARP replies and neighbour advertisements of others; decoders see to the rest. */
static int attach_filter(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 10, 0),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, AT_TYPE),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_ARP, 0, 2),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, AT_OPERATION),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OPERATION_REPLY, 5, 6),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IPV6, 0, 5),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, AT_NEXT_HEADER),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMPV6, 0, 3),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, AT_ICMP_TYPE),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ADVERTISEMENT, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

static int join(int fd, int ifindex, unsigned short type, const uint8_t mac[MAC_SIZE])
{
	struct packet_mreq wanted = {.mr_ifindex = ifindex, .mr_type = type, .mr_alen = MAC_SIZE};

	memcpy(wanted.mr_address, mac, MAC_SIZE);
	return setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &wanted, sizeof wanted);
}

/* What the NIC must let in: what is sent to the MAC that the port asks from, and advertisements to all nodes, of which
 * only the port in use would hear. Not the solicited-node group of the address that asks: whoever answers has our MAC from
 * the question. (Linux asks for that address some seconds later, unicast, is not answered, and answers all the same.) */
static int join_all(int fd, const struct action_listen *listen)
{
	static const uint8_t all_nodes[MAC_SIZE] = {0x33, 0x33, 0, 0, 0, 1}, none[MAC_SIZE];

	if (memcmp(listen->mac, none, MAC_SIZE) != 0 && join(fd, listen->ifindex, PACKET_MR_UNICAST, listen->mac) < 0)
		return -1;
	return join(fd, listen->ifindex, PACKET_MR_MULTICAST, all_nodes);
}

/* With protocol 0 until the filter is in place, so that nothing unfiltered is ever queued. Bound by ifindex: a rename does
 * not matter. When the device goes, so do the memberships, and the socket never hears another. */
int probe_listen(const struct action_listen *listen)
{
	struct sockaddr_ll at = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = listen->ifindex};
	int fd = packet_socket(AF_PACKET, SOCK_RAW, 0);

	if (fd < 0 || endpoint_set(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1) < 0 ||
	    endpoint_set(fd, SOL_PACKET, PACKET_AUXDATA, 1) < 0)
		return packet_close_failed(fd);
	endpoint_set(fd, SOL_PACKET, IGNORE_OUTGOING, 1); /* spares a look at each frame sent; the filter drops them too */
	packet_set_receive_buffer(fd, RECEIVE_BUFFER);
	if (attach_filter(fd) < 0 || join_all(fd, listen) < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0)
		return packet_close_failed(fd);
	return fd;
}

bool probe_take(const struct source *s, const struct packet *packet, struct event *event)
{
	struct answer answer;

	if (packet->truncated || (packet->tpid && packet->tpid != ETH_P_8021Q))
		return false;
	if (!arp_decode_answer(packet->bytes, packet->length, &answer) &&
	    !nd_decode_answer(packet->bytes, packet->length, &answer))
		return false;
	if (packet->tpid && answer.vlan) /* two tags: somebody else's */
		return false;
	*event = (struct event){.type = EV_PROBE, .seen_ns = packet->seen_ns};
	event->u.probe = (struct event_probe){
		.ifindex = s->ifindex,
		.target = answer.target,
		.vlan = packet->tpid ? packet->tci & VLAN_ID : answer.vlan,
	};
	memcpy(event->u.probe.to, answer.to, MAC_SIZE);
	return true;
}
