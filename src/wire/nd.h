/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Neighbour discovery: unsolicited advertisements out, claims in (RFC 4861 §4.4, §7.2.6). */
#ifndef STANDBYD_WIRE_ND_H
#define STANDBYD_WIRE_ND_H

#include <stddef.h>

#include "core/types.h"

enum { ND_ADVERT = 32, ND_FRAME = 14 + 40 + 32 };

/* A whole Ethernet frame: unsolicited NA to ff02::1 (33:33:00:00:00:01), source = the announced address, hop limit 255,
 * Router as given, Solicited clear, Override set, target link-layer address option. Checksum filled in. */
void nd_announcement(uint8_t out[ND_FRAME], const uint8_t mac[MAC_SIZE], const struct ip *, bool router);

struct nd_claim {
	struct ip ip;          /* the target */
	uint8_t mac[MAC_SIZE]; /* zero when the option is absent */
	bool announcement;     /* Solicited clear */
};

/* From an ICMPv6 message (no IPv6 header). False: not a neighbour advertisement, hop limit not 255, malformed (RFC 4861
 * §7.1.2). The checksum is not looked at: that needs the IPv6 header, and an ICMPv6 socket has it checked. */
bool nd_decode(const uint8_t *bytes, size_t length, int hop_limit, struct nd_claim *);

#endif
