/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/checksum.h"

#include <assert.h>

#include "wire/bytes.h"

/* 64 bits hold the sum of any packet without a carry on the way. */
static uint64_t sum(const uint8_t *bytes, size_t length)
{
	uint64_t total = 0;
	size_t i;

	for (i = 0; i + 1 < length; i += 2)
		total += bytes_get16(bytes + i);
	if (i < length)
		total += (uint64_t)bytes[i] << 8;
	return total;
}

static uint16_t fold(uint64_t total)
{
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return (uint16_t)~total;
}

uint16_t checksum_plain(const uint8_t *bytes, size_t length)
{
	return fold(sum(bytes, length));
}

uint16_t checksum_pseudo(const uint8_t *bytes, size_t length, const struct ip *source, const struct ip *destination,
			 uint8_t protocol)
{
	unsigned size = ip_size(source->family);

	assert(source->family == destination->family);
	/* The two pseudo-headers differ in the widths of length and protocol only, which a sum does not see. */
	return fold(sum(bytes, length) + sum(source->bytes, size) + sum(destination->bytes, size) + length + protocol);
}
