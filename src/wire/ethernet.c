/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/ethernet.h"

#include <assert.h>

#include "wire/bytes.h"

enum {
	AT_TO = 0,
	AT_FROM = 6,
	AT_TYPE = 12,
	AT_VLAN = 14,
	AT_TAGGED_TYPE = 16,
	VLAN_MASK = 0xfff, /* above it: priority and drop eligibility */
};

size_t ethernet_put(uint8_t out[ETHERNET_HEADER + ETHERNET_TAG], const struct ethernet *header)
{
	assert(header->vlan <= VLAN_MAX);
	memcpy(out + AT_TO, header->to, MAC_SIZE);
	memcpy(out + AT_FROM, header->from, MAC_SIZE);
	if (!header->vlan) {
		bytes_put16(out + AT_TYPE, header->type);
		return ETHERNET_HEADER;
	}
	bytes_put16(out + AT_TYPE, ETHERNET_VLAN);
	bytes_put16(out + AT_VLAN, header->vlan);
	bytes_put16(out + AT_TAGGED_TYPE, header->type);
	return ETHERNET_HEADER + ETHERNET_TAG;
}

size_t ethernet_get(const uint8_t *frame, size_t length, struct ethernet *header)
{
	struct ethernet found = { .vlan = 0 };
	size_t size = ETHERNET_HEADER;

	if (length < size)
		return 0;
	memcpy(found.to, frame + AT_TO, MAC_SIZE);
	memcpy(found.from, frame + AT_FROM, MAC_SIZE);
	found.type = bytes_get16(frame + AT_TYPE);
	if (found.type == ETHERNET_VLAN) {
		size += ETHERNET_TAG;
		if (length < size)
			return 0;
		found.vlan = bytes_get16(frame + AT_VLAN) & VLAN_MASK;
		found.type = bytes_get16(frame + AT_TAGGED_TYPE);
	}
	if (found.vlan > VLAN_MAX)
		return 0;
	*header = found;
	return size;
}
