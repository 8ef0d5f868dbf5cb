/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/arp.h"

#include <assert.h>

#include "wire/bytes.h"

enum {
	HARDWARE_ETHERNET = 1,
	IPV4_SIZE = 4,
	OPERATION_REQUEST = 1,
	OPERATION_REPLY = 2,
	/* within the body */
	AT_HARDWARE = 0,
	AT_PROTOCOL = 2,
	AT_HARDWARE_SIZE = 4,
	AT_PROTOCOL_SIZE = 5,
	AT_OPERATION = 6,
	AT_SENDER_MAC = 8,
	AT_SENDER_IP = 14,
	AT_TARGET_MAC = 18,
	AT_TARGET_IP = 24,
	BODY = 28,
};

_Static_assert(ETHERNET_HEADER + BODY == ARP_FRAME, "the frame is header and body");
_Static_assert(ETHERNET_TAG + ARP_FRAME == ARP_REQUEST_MAX, "a request may be tagged");

static const struct ethernet broadcast = { .to = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, .type = ETHERNET_ARP };

/* All of the body but the addresses that are asked for. */
static void put_body(uint8_t *body, uint16_t operation, const uint8_t mac[MAC_SIZE], const struct ip *sender)
{
	memset(body, 0, BODY);
	bytes_put16(body + AT_HARDWARE, HARDWARE_ETHERNET);
	bytes_put16(body + AT_PROTOCOL, ETHERNET_IPV4);
	body[AT_HARDWARE_SIZE] = MAC_SIZE;
	body[AT_PROTOCOL_SIZE] = IPV4_SIZE;
	bytes_put16(body + AT_OPERATION, operation);
	memcpy(body + AT_SENDER_MAC, mac, MAC_SIZE);
	memcpy(body + AT_SENDER_IP, sender->bytes, IPV4_SIZE);
}

static size_t put_header(uint8_t *out, const uint8_t mac[MAC_SIZE], uint16_t vlan)
{
	struct ethernet header = broadcast;

	memcpy(header.from, mac, MAC_SIZE);
	header.vlan = vlan;
	return ethernet_put(out, &header);
}

void arp_announcement(uint8_t out[ARP_FRAME], enum arp_form form, const uint8_t mac[MAC_SIZE], const struct ip *ip)
{
	uint8_t *body = out + put_header(out, mac, 0);

	assert(ip->family == FAMILY_4);
	put_body(body, form == ARP_FORM_REQUEST ? OPERATION_REQUEST : OPERATION_REPLY, mac, ip);
	if (form == ARP_FORM_REPLY)
		memcpy(body + AT_TARGET_MAC, mac, MAC_SIZE);
	memcpy(body + AT_TARGET_IP, ip->bytes, IPV4_SIZE);
}

static bool is_ethernet_ipv4(const uint8_t *body)
{
	return bytes_get16(body + AT_HARDWARE) == HARDWARE_ETHERNET &&
	       bytes_get16(body + AT_PROTOCOL) == ETHERNET_IPV4 && body[AT_HARDWARE_SIZE] == MAC_SIZE &&
	       body[AT_PROTOCOL_SIZE] == IPV4_SIZE;
}

bool arp_decode(const uint8_t *bytes, size_t length, struct arp_claim *claim)
{
	static const uint8_t nobody[IPV4_SIZE];
	uint16_t operation;

	if (length < BODY || !is_ethernet_ipv4(bytes)) /* longer: padding of the frame */
		return false;
	operation = bytes_get16(bytes + AT_OPERATION);
	if (operation != OPERATION_REQUEST && operation != OPERATION_REPLY)
		return false;
	if (memcmp(bytes + AT_SENDER_IP, nobody, IPV4_SIZE) == 0)
		return false;

	*claim = (struct arp_claim){ .ip.family = FAMILY_4 };
	memcpy(claim->ip.bytes, bytes + AT_SENDER_IP, IPV4_SIZE);
	memcpy(claim->mac, bytes + AT_SENDER_MAC, MAC_SIZE);
	claim->announcement = memcmp(bytes + AT_SENDER_IP, bytes + AT_TARGET_IP, IPV4_SIZE) == 0;
	return true;
}

size_t arp_request(uint8_t out[ARP_REQUEST_MAX], const uint8_t mac[MAC_SIZE], const struct ip *source,
		   const struct ip *target, uint16_t vlan)
{
	static const struct ip nobody = { .family = FAMILY_4 };
	size_t header = put_header(out, mac, vlan);

	assert(target->family == FAMILY_4 && (source->family == FAMILY_4 || source->family == FAMILY_NONE));
	put_body(out + header, OPERATION_REQUEST, mac, source->family ? source : &nobody);
	memcpy(out + header + AT_TARGET_IP, target->bytes, IPV4_SIZE);
	return header + BODY;
}

bool arp_decode_answer(const uint8_t *frame, size_t length, struct answer *answer)
{
	struct ethernet header;
	struct arp_claim claim;
	size_t at = ethernet_get(frame, length, &header);

	if (!at || header.type != ETHERNET_ARP || !arp_decode(frame + at, length - at, &claim))
		return false;
	if (bytes_get16(frame + at + AT_OPERATION) != OPERATION_REPLY)
		return false;
	*answer = (struct answer){ .target = claim.ip, .vlan = header.vlan };
	memcpy(answer->to, header.to, MAC_SIZE);
	return true;
}
