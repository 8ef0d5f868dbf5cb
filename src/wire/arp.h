/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ARP over Ethernet: announcements out, claims in (RFC 826, RFC 5227). */
#ifndef STANDBYD_WIRE_ARP_H
#define STANDBYD_WIRE_ARP_H

#include <stddef.h>

#include "core/types.h"

enum { ARP_FRAME = 42 }; /* Ethernet header and ARP body; the kernel pads */

enum arp_form { ARP_FORM_REQUEST, ARP_FORM_REPLY };

/* The gratuitous forms of design/vrrp.md: request with sender = target = ip and target hardware address zero; reply with
 * target hardware address = sender's. Broadcast. Writes ARP_FRAME bytes. */
void arp_announcement(uint8_t out[ARP_FRAME], enum arp_form, const uint8_t mac[MAC_SIZE], const struct ip *);

struct arp_claim {
	struct ip ip;            /* the sender's protocol address */
	uint8_t mac[MAC_SIZE];   /* the sender's hardware address */
	bool announcement;       /* sender = target: gratuitous, either form */
};

/* From an ARP body (no Ethernet header). False: not Ethernet/IPv4 ARP, truncated, or claims nothing (sender 0.0.0.0,
 * which a probe has). */
bool arp_decode(const uint8_t *bytes, size_t length, struct arp_claim *);

#endif
