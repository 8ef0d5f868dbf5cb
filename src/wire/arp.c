/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/arp.h"

#include <assert.h>

#include "wire/bytes.h"

enum {
	ETHER_HEADER = 14,
	ETHERTYPE_ARP = 0x0806,
	ETHERTYPE_IPV4 = 0x0800,
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

_Static_assert(ETHER_HEADER + BODY == ARP_FRAME, "the frame is header and body");

void arp_announcement(uint8_t out[ARP_FRAME], enum arp_form form, const uint8_t mac[MAC_SIZE], const struct ip *ip)
{
	uint8_t *body = out + ETHER_HEADER;

	assert(ip->family == FAMILY_4);
	memset(out, 0xff, MAC_SIZE);
	memcpy(out + MAC_SIZE, mac, MAC_SIZE);
	bytes_put16(out + 2 * MAC_SIZE, ETHERTYPE_ARP);

	bytes_put16(body + AT_HARDWARE, HARDWARE_ETHERNET);
	bytes_put16(body + AT_PROTOCOL, ETHERTYPE_IPV4);
	body[AT_HARDWARE_SIZE] = MAC_SIZE;
	body[AT_PROTOCOL_SIZE] = IPV4_SIZE;
	bytes_put16(body + AT_OPERATION, form == ARP_FORM_REQUEST ? OPERATION_REQUEST : OPERATION_REPLY);
	memcpy(body + AT_SENDER_MAC, mac, MAC_SIZE);
	memcpy(body + AT_SENDER_IP, ip->bytes, IPV4_SIZE);
	if (form == ARP_FORM_REQUEST)
		memset(body + AT_TARGET_MAC, 0, MAC_SIZE);
	else
		memcpy(body + AT_TARGET_MAC, mac, MAC_SIZE);
	memcpy(body + AT_TARGET_IP, ip->bytes, IPV4_SIZE);
}

static bool is_ethernet_ipv4(const uint8_t *body)
{
	return bytes_get16(body + AT_HARDWARE) == HARDWARE_ETHERNET &&
	       bytes_get16(body + AT_PROTOCOL) == ETHERTYPE_IPV4 && body[AT_HARDWARE_SIZE] == MAC_SIZE &&
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
