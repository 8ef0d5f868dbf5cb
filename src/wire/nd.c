/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/nd.h"

#include <assert.h>

#include "wire/bytes.h"
#include "wire/checksum.h"

enum {
	ETHER_HEADER = 14,
	ETHERTYPE_IPV6 = 0x86dd,
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
	TYPE_ADVERTISEMENT = 136,
	AT_TYPE = 0,
	AT_CODE = 1,
	AT_CHECKSUM = 2,
	AT_FLAGS = 4,
	AT_TARGET = 8,
	ADVERT_FIXED = 24, /* without options */
	FLAG_ROUTER = 0x80,
	FLAG_SOLICITED = 0x40,
	FLAG_OVERRIDE = 0x20,
	/* within an option; its length counts units of eight bytes */
	OPTION_TARGET_ADDRESS = 2,
	OPTION_UNIT = 8,
	AT_OPTION_LENGTH = 1,
	AT_OPTION_MAC = 2,
};

_Static_assert(ADVERT_FIXED + OPTION_UNIT == ND_ADVERT, "one option");
_Static_assert(ETHER_HEADER + IPV6_HEADER + ND_ADVERT == ND_FRAME, "the frame is two headers and the message");

static const uint8_t all_nodes_mac[MAC_SIZE] = { 0x33, 0x33, 0, 0, 0, 1 };
static const struct ip all_nodes = { .family = FAMILY_6, .bytes = { 0xff, 0x02, [15] = 1 } };

static void put_ipv6_header(uint8_t *out, const struct ip *source)
{
	memset(out, 0, IPV6_HEADER);
	out[AT_VERSION] = 6 << 4;
	bytes_put16(out + AT_PAYLOAD_LENGTH, ND_ADVERT);
	out[AT_NEXT_HEADER] = NEXT_HEADER_ICMPV6;
	out[AT_HOP_LIMIT] = HOP_LIMIT;
	memcpy(out + AT_SOURCE, source->bytes, IPV6_SIZE);
	memcpy(out + AT_DESTINATION, all_nodes.bytes, IPV6_SIZE);
}

static void put_advert(uint8_t *out, const uint8_t mac[MAC_SIZE], const struct ip *ip, bool router)
{
	uint8_t *option = out + ADVERT_FIXED;

	memset(out, 0, ADVERT_FIXED);
	out[AT_TYPE] = TYPE_ADVERTISEMENT;
	out[AT_FLAGS] = (router ? FLAG_ROUTER : 0) | FLAG_OVERRIDE;
	memcpy(out + AT_TARGET, ip->bytes, IPV6_SIZE);
	option[0] = OPTION_TARGET_ADDRESS;
	option[AT_OPTION_LENGTH] = 1;
	memcpy(option + AT_OPTION_MAC, mac, MAC_SIZE);
	bytes_put16(out + AT_CHECKSUM, checksum_pseudo(out, ND_ADVERT, ip, &all_nodes, NEXT_HEADER_ICMPV6));
}

void nd_announcement(uint8_t out[ND_FRAME], const uint8_t mac[MAC_SIZE], const struct ip *ip, bool router)
{
	assert(ip->family == FAMILY_6);
	memcpy(out, all_nodes_mac, MAC_SIZE);
	memcpy(out + MAC_SIZE, mac, MAC_SIZE);
	bytes_put16(out + 2 * MAC_SIZE, ETHERTYPE_IPV6);
	put_ipv6_header(out + ETHER_HEADER, ip);
	put_advert(out + ETHER_HEADER + IPV6_HEADER, mac, ip, router);
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

	return target[0] != 0xff && memcmp(target, unspecified, IPV6_SIZE) != 0;
}

bool nd_decode(const uint8_t *bytes, size_t length, int hop_limit, struct nd_claim *claim)
{
	struct nd_claim found = { .ip.family = FAMILY_6 };

	if (hop_limit != HOP_LIMIT || length < ADVERT_FIXED)
		return false;
	if (bytes[AT_TYPE] != TYPE_ADVERTISEMENT || bytes[AT_CODE] != 0 || !is_claimable(bytes + AT_TARGET))
		return false;
	if (!find_target_mac(bytes + ADVERT_FIXED, length - ADVERT_FIXED, found.mac))
		return false;

	memcpy(found.ip.bytes, bytes + AT_TARGET, IPV6_SIZE);
	found.announcement = !(bytes[AT_FLAGS] & FLAG_SOLICITED);
	*claim = found;
	return true;
}
