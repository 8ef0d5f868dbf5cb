/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The internet checksum (RFC 1071), alone or with a pseudo-header (IPv4: RFC 9293 §3.1, IPv6: RFC 8200 §8.1). */
#ifndef STANDBYD_WIRE_CHECKSUM_H
#define STANDBYD_WIRE_CHECKSUM_H

#include <stddef.h>

#include "core/types.h"

/* The number for the checksum field, to be stored in network order, when that field is zero in 'bytes'; 0 when the
 * field is there and right. An odd last byte is padded with zero. */
uint16_t checksum_plain(const uint8_t *bytes, size_t length);

/* The same with the pseudo-header of source, destination (both of one family, IPv4 or IPv6), protocol and length. */
uint16_t checksum_pseudo(const uint8_t *bytes, size_t length, const struct ip *source, const struct ip *destination,
			 uint8_t protocol);

#endif
