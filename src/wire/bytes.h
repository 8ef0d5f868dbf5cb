/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers in network order within a packet; nothing needs to be aligned. */
#ifndef STANDBYD_WIRE_BYTES_H
#define STANDBYD_WIRE_BYTES_H

#include <stdint.h>

static inline uint16_t bytes_get16(const uint8_t *in)
{
	return (uint16_t)(in[0] << 8 | in[1]);
}

static inline void bytes_put16(uint8_t *out, uint16_t value)
{
	out[0] = (uint8_t)(value >> 8);
	out[1] = (uint8_t)value;
}

#endif
