/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VRRP advertisements: bytes ↔ struct (RFC 9568 §5; version 2: RFC 3768 §5). No sockets. */
#ifndef STANDBYD_WIRE_VRRP_H
#define STANDBYD_WIRE_VRRP_H

#include <stddef.h>

#include "core/types.h"

enum {
	VRRP_PROTOCOL = 112,
	VRRP_TTL = 255,
	VRRP_HEADER = 8,
	VRRP_AUTH_NONE = 0, /* version 2 (RFC 2338 §5.3.6, which RFC 3768 keeps for the sake of old nodes) */
	VRRP_AUTH_PASSWORD = 1,
	VRRP_MESSAGE_MAX = 8 + 255 * 16,
};

/* 224.0.0.18 and ff02::12. */
extern const struct ip vrrp_group_4, vrrp_group_6;

struct vrrp_message {
	uint8_t version, vrid, priority;
	uint16_t interval_cs;     /* 1…4095; version 2: 100…25500 */
	uint8_t n_addresses;
	const uint8_t *addresses; /* into the packet that was decoded: n × ip_size(family), network order */
	uint8_t family;
	enum vrrp_checksum checksum; /* the form that was found right (IPv6, version 2: rfc5798) */
	uint8_t auth_type;        /* version 2 */
	const uint8_t *auth;      /* version 2: AUTH_SIZE bytes in the packet; else NULL */
};

/* Where a packet came from, as the socket tells it. */
struct vrrp_meta {
	struct ip source, destination;
	int ttl; /* -1: unknown, which is refused */
};

/* Writes the VRRP message (no IP header) and returns its length, 0 if it does not fit or an argument is out of range
 * (vrid 0, count 0 or > 255, interval 0 or > 4095, families mixed, IPv6 list that does not begin with a link-local
 * address). */
size_t vrrp_encode(uint8_t *out, size_t size, uint8_t vrid, uint8_t priority, uint16_t interval_cs,
		   const struct ip *source, const struct ip *destination, const struct ip *addresses, unsigned n,
		   enum vrrp_checksum);

/* The same for version 2, IPv4 only: interval_s 1…255; auth: AUTH_SIZE bytes of password, NULL: none. */
size_t vrrp_encode_2(uint8_t *out, size_t size, uint8_t vrid, uint8_t priority, unsigned interval_s, const uint8_t *auth,
		     const struct ip *addresses, unsigned n);

/* DROP_NONE and *message filled in, or why the message must be dropped. The tests are those of RFC 9568 §7.1 and its
 * errata, in this order: TTL, version, length, type, checksum, count, interval, first IPv6 address. Version 2 over IPv6 is
 * DROP_VERSION; source and destination of different families, DROP_DESTINATION. Whether the version and the authentication
 * are those of the virtual router is for who knows it. 'message' points into 'bytes' and is untouched on a drop. */
enum drop_reason vrrp_decode(const uint8_t *bytes, size_t length, const struct vrrp_meta *, struct vrrp_message *message);

/* The n-th address of a decoded message, n < n_addresses. */
struct ip vrrp_address(const struct vrrp_message *, unsigned n);

#endif
