/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ARP over Ethernet: announcements and requests out, claims and answers in (RFC 826, RFC 5227). */
#ifndef STANDBYD_WIRE_ARP_H
#define STANDBYD_WIRE_ARP_H

#include <stddef.h>

#include "core/types.h"
#include "wire/ethernet.h"

enum { ARP_FRAME = 42, ARP_REQUEST_MAX = 46 }; /* Ethernet header, tag of a request, and ARP body; the kernel pads */

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

/* A request for `target`, broadcast from `mac`, within `vlan` (0: untagged, 1…VLAN_MAX). With `source` of FAMILY_NONE
 * the sender address is 0.0.0.0, as RFC 5227 §1.1 has it for a probe: nobody learns from it. Returns the length of the
 * frame, at most ARP_REQUEST_MAX. */
size_t arp_request(uint8_t out[ARP_REQUEST_MAX], const uint8_t mac[MAC_SIZE], const struct ip *source,
		   const struct ip *target, uint16_t vlan);

/* From a whole Ethernet frame, tagged or not, padded or not. False: no Ethernet/IPv4 ARP reply, truncated, or a reply in
 * the name of 0.0.0.0. Whom the reply names as its target does not matter: the frame's destination tells whose it is. */
bool arp_decode_answer(const uint8_t *frame, size_t length, struct answer *);

#endif
