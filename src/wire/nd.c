/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/nd.h"

#include <assert.h>

#include "wire/bytes.h"
#include "wire/checksum.h"

enum {
	IPV6_HEADER = 40,
	IPV6_SIZE = 16,
	NEXT_HEADER_ICMPV6 = 58,
	HOP_LIMIT = 255,
	/* within the IPv6 header */
	AT_VERSION = 0,
	AT_PAYLOAD_LENGTH = 4,
	AT_NEXT_HEADER = 6,
	AT_HOP_LIMIT = 7,
	AT_SOURCE = 8,
	AT_DESTINATION = 24,
	/* within the ICMPv6 message */
	TYPE_SOLICITATION = 135,
	TYPE_ADVERTISEMENT = 136,
	AT_TYPE = 0,
	AT_CODE = 1,
	AT_CHECKSUM = 2,
	AT_FLAGS = 4,
	AT_TARGET = 8,
	MESSAGE_FIXED = 24, /* of a solicitation or an advertisement, without options */
	FLAG_ROUTER = 0x80,
	FLAG_SOLICITED = 0x40,
	FLAG_OVERRIDE = 0x20,
	/* within an option; its length counts units of eight bytes */
	OPTION_SOURCE_ADDRESS = 1,
	OPTION_TARGET_ADDRESS = 2,
	OPTION_UNIT = 8,
	AT_OPTION_LENGTH = 1,
	AT_OPTION_MAC = 2,
	MULTICAST = 0xff, /* the first byte of a group's address */
};

_Static_assert(MESSAGE_FIXED + OPTION_UNIT == ND_ADVERT, "one option");
_Static_assert(ETHERNET_HEADER + IPV6_HEADER + ND_ADVERT == ND_FRAME, "the frame is two headers and the message");

static const struct ip all_nodes = { .family = FAMILY_6, .bytes = { 0xff, 0x02, [15] = 1 } };

/* The headers of a message to a group, as long as an announcement; returns their length. */
static size_t put_headers(uint8_t *out, const uint8_t mac[MAC_SIZE], const struct ip *source, const struct ip *group,
			  uint16_t vlan)
{
	/* RFC 2464 §7: a group's MAC is 33:33 and the last four bytes of its address. */
	struct ethernet header = { .to = { 0x33, 0x33 }, .vlan = vlan, .type = ETHERNET_IPV6 };
	uint8_t *ipv6;
	size_t size;

	memcpy(header.to + 2, group->bytes + 12, 4);
	memcpy(header.from, mac, MAC_SIZE);
	size = ethernet_put(out, &header);
	ipv6 = out + size;
	memset(ipv6, 0, IPV6_HEADER);
	ipv6[AT_VERSION] = 6 << 4;
	bytes_put16(ipv6 + AT_PAYLOAD_LENGTH, ND_ADVERT);
	ipv6[AT_NEXT_HEADER] = NEXT_HEADER_ICMPV6;
	ipv6[AT_HOP_LIMIT] = HOP_LIMIT;
	memcpy(ipv6 + AT_SOURCE, source->bytes, IPV6_SIZE);
	memcpy(ipv6 + AT_DESTINATION, group->bytes, IPV6_SIZE);
	return size + IPV6_HEADER;
}

/* Target and one option, the same in both kinds of message; flags and checksum are left zero. */
static void put_message(uint8_t *out, uint8_t type, const struct ip *target, uint8_t option_type,
			const uint8_t mac[MAC_SIZE])
{
	uint8_t *option = out + MESSAGE_FIXED;

	memset(out, 0, MESSAGE_FIXED);
	out[AT_TYPE] = type;
	memcpy(out + AT_TARGET, target->bytes, IPV6_SIZE);
	option[0] = option_type;
	option[AT_OPTION_LENGTH] = 1;
	memcpy(option + AT_OPTION_MAC, mac, MAC_SIZE);
}

static void put_checksum(uint8_t *out, const struct ip *source, const struct ip *destination)
{
	bytes_put16(out + AT_CHECKSUM, checksum_pseudo(out, ND_ADVERT, source, destination, NEXT_HEADER_ICMPV6));
}

void nd_announcement(uint8_t out[ND_FRAME], const uint8_t mac[MAC_SIZE], const struct ip *ip, bool router)
{
	uint8_t *message = out + put_headers(out, mac, ip, &all_nodes, 0);

	assert(ip->family == FAMILY_6);
	put_message(message, TYPE_ADVERTISEMENT, ip, OPTION_TARGET_ADDRESS, mac);
	message[AT_FLAGS] = (router ? FLAG_ROUTER : 0) | FLAG_OVERRIDE;
	put_checksum(message, ip, &all_nodes);
}

struct ip nd_link_local(const uint8_t mac[MAC_SIZE])
{
	struct ip ip = { .family = FAMILY_6, .bytes = { 0xfe, 0x80, [11] = 0xff, [12] = 0xfe } };

	memcpy(ip.bytes + 8, mac, 3);
	memcpy(ip.bytes + 13, mac + 3, 3);
	ip.bytes[8] ^= 2; /* the universal bit, inverted */
	return ip;
}

/* ff02::1:ff00:0/104 and the last 24 bits (RFC 4291 §2.7.1). */
static struct ip solicited_node(const struct ip *ip)
{
	struct ip group = { .family = FAMILY_6, .bytes = { 0xff, 0x02, [11] = 1, [12] = 0xff } };

	memcpy(group.bytes + 13, ip->bytes + 13, 3);
	return group;
}

size_t nd_solicitation(uint8_t out[ND_SOLICITATION_MAX], const uint8_t mac[MAC_SIZE], const struct ip *source,
		       const struct ip *target, uint16_t vlan)
{
	struct ip from = source->family ? *source : nd_link_local(mac), group = solicited_node(target);
	size_t headers = put_headers(out, mac, &from, &group, vlan);

	assert(target->family == FAMILY_6 && from.family == FAMILY_6);
	put_message(out + headers, TYPE_SOLICITATION, target, OPTION_SOURCE_ADDRESS, mac);
	put_checksum(out + headers, &from, &group);
	return headers + ND_ADVERT;
}

/* Walks the options (RFC 4861 §4.6): an unknown one is skipped, one of length zero or beyond the end spoils the message
 * (§7.1.2), and so does a link-layer address that is not Ethernet's. Of several addresses the first counts. */
static bool find_target_mac(const uint8_t *options, size_t length, uint8_t mac[MAC_SIZE])
{
	bool found = false;

	while (length > 0) {
		size_t size = length < OPTION_UNIT ? 0 : (size_t)options[AT_OPTION_LENGTH] * OPTION_UNIT;

		if (size == 0 || size > length)
			return false;
		if (options[0] == OPTION_TARGET_ADDRESS && !found) {
			if (size != OPTION_UNIT)
				return false;
			memcpy(mac, options + AT_OPTION_MAC, MAC_SIZE);
			found = true;
		}
		options += size;
		length -= size;
	}
	return true;
}

static bool is_claimable(const uint8_t target[IPV6_SIZE])
{
	static const uint8_t unspecified[IPV6_SIZE];

	return target[0] != MULTICAST && memcmp(target, unspecified, IPV6_SIZE) != 0;
}

bool nd_decode(const uint8_t *bytes, size_t length, int hop_limit, struct nd_claim *claim)
{
	struct nd_claim found = { .ip.family = FAMILY_6 };

	if (hop_limit != HOP_LIMIT || length < MESSAGE_FIXED)
		return false;
	if (bytes[AT_TYPE] != TYPE_ADVERTISEMENT || bytes[AT_CODE] != 0 || !is_claimable(bytes + AT_TARGET))
		return false;
	if (!find_target_mac(bytes + MESSAGE_FIXED, length - MESSAGE_FIXED, found.mac))
		return false;

	memcpy(found.ip.bytes, bytes + AT_TARGET, IPV6_SIZE);
	found.announcement = !(bytes[AT_FLAGS] & FLAG_SOLICITED);
	*claim = found;
	return true;
}

/* Cuts the message out of an IPv6 packet; false: no ICMPv6, truncated, or its checksum is wrong. */
static bool find_message(const uint8_t *ipv6, size_t length, const uint8_t **message, size_t *size)
{
	struct ip source = { .family = FAMILY_6 }, destination = { .family = FAMILY_6 };

	if (length < IPV6_HEADER || ipv6[AT_VERSION] >> 4 != 6 || ipv6[AT_NEXT_HEADER] != NEXT_HEADER_ICMPV6)
		return false;
	*message = ipv6 + IPV6_HEADER;
	*size = bytes_get16(ipv6 + AT_PAYLOAD_LENGTH);
	if (*size > length - IPV6_HEADER) /* less: a trailer of the frame */
		return false;
	memcpy(source.bytes, ipv6 + AT_SOURCE, IPV6_SIZE);
	memcpy(destination.bytes, ipv6 + AT_DESTINATION, IPV6_SIZE);
	return checksum_pseudo(*message, *size, &source, &destination, NEXT_HEADER_ICMPV6) == 0;
}

bool nd_decode_answer(const uint8_t *frame, size_t length, struct answer *answer)
{
	struct ethernet header;
	struct nd_claim claim;
	const uint8_t *ipv6, *message;
	size_t size, at = ethernet_get(frame, length, &header);

	if (!at || header.type != ETHERNET_IPV6)
		return false;
	ipv6 = frame + at;
	if (!find_message(ipv6, length - at, &message, &size) || !nd_decode(message, size, ipv6[AT_HOP_LIMIT], &claim))
		return false;
	if (ipv6[AT_DESTINATION] == MULTICAST && !claim.announcement)
		return false;
	*answer = (struct answer){ .target = claim.ip, .vlan = header.vlan };
	memcpy(answer->to, header.to, MAC_SIZE);
	return true;
}
