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

static inline uint32_t bytes_get32(const uint8_t *in)
{
	return (uint32_t)bytes_get16(in) << 16 | bytes_get16(in + 2);
}

static inline void bytes_put32(uint8_t *out, uint32_t value)
{
	bytes_put16(out, (uint16_t)(value >> 16));
	bytes_put16(out + 2, (uint16_t)value);
}

static inline uint64_t bytes_get64(const uint8_t *in)
{
	return (uint64_t)bytes_get32(in) << 32 | bytes_get32(in + 4);
}

static inline void bytes_put64(uint8_t *out, uint64_t value)
{
	bytes_put32(out, (uint32_t)(value >> 32));
	bytes_put32(out + 4, (uint32_t)value);
}

#endif
