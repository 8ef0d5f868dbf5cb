/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Neighbour discovery: advertisements and solicitations out, claims and answers in (RFC 4861 §4.3, §4.4, §7.2). */
#ifndef STANDBYD_WIRE_ND_H
#define STANDBYD_WIRE_ND_H

#include <stddef.h>

#include "core/types.h"
#include "wire/ethernet.h"

enum { ND_ADVERT = 32, ND_FRAME = 14 + 40 + 32, ND_SOLICITATION_MAX = ND_FRAME + ETHERNET_TAG };

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

/* The link-local address made of a MAC: fe80::/64 and its modified EUI-64 (RFC 4291 §2.5.6 and appendix A). */
struct ip nd_link_local(const uint8_t mac[MAC_SIZE]);

/* A solicitation for `target` (unicast), within `vlan` (0: untagged, 1…VLAN_MAX): from `mac` and `source` (with
 * FAMILY_NONE: nd_link_local of the MAC) to the target's solicited-node group, hop limit 255, with the source link-layer
 * address option, so that who answers need not ask who we are. Checksum filled in. Returns the length of the frame, at
 * most ND_SOLICITATION_MAX. */
size_t nd_solicitation(uint8_t out[ND_SOLICITATION_MAX], const uint8_t mac[MAC_SIZE], const struct ip *source,
		       const struct ip *target, uint16_t vlan);

/* From a whole Ethernet frame, tagged or not, with or without a trailer. False: no neighbour advertisement, or one that
 * RFC 4861 §7.1.2 drops: hop limit not 255, wrong checksum, code not 0, too short, target a group, solicited and yet sent
 * to a group, an option of length 0 or longer than what is left. One behind an extension header is none either: nobody
 * sends such, and RFC 6980 forbids the fragmented. */
bool nd_decode_answer(const uint8_t *frame, size_t length, struct answer *);

#endif
