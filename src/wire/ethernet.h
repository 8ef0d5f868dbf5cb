/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ethernet frames and their 802.1Q tags (IEEE 802.3 clause 3, 802.1Q clause 9); what an answer to a probe says. */
#ifndef STANDBYD_WIRE_ETHERNET_H
#define STANDBYD_WIRE_ETHERNET_H

#include <stddef.h>

#include "core/types.h"

enum { ETHERNET_HEADER = 14, ETHERNET_TAG = 4, VLAN_MAX = 4094 };

enum ethernet_type { ETHERNET_ARP = 0x0806, ETHERNET_VLAN = 0x8100, ETHERNET_IPV6 = 0x86dd, ETHERNET_IPV4 = 0x0800 };

struct ethernet {
	uint8_t to[MAC_SIZE], from[MAC_SIZE];
	uint16_t vlan; /* 0: untagged, or tagged with a priority only; else 1…VLAN_MAX */
	uint16_t type; /* what is in the payload */
};

/* Writes the header, with a tag where there is a vlan (0…VLAN_MAX; priority 0), and returns its length: ETHERNET_HEADER,
 * and ETHERNET_TAG more with a tag. */
size_t ethernet_put(uint8_t out[ETHERNET_HEADER + ETHERNET_TAG], const struct ethernet *);

/* Reads the header and one tag; returns its length, 0: truncated, or a reserved vlan. A second tag is a type like any
 * other. */
size_t ethernet_get(const uint8_t *frame, size_t length, struct ethernet *);

/* An answer to a probe: an ARP reply, or a neighbour advertisement. */
struct answer {
	struct ip target;     /* who answers: the address that was asked for */
	uint8_t to[MAC_SIZE]; /* the frame's destination; may be a group's or everybody's */
	uint16_t vlan;        /* 0: none */
};

#endif
