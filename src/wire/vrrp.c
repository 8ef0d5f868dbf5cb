/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/vrrp.h"

#include <assert.h>

#include "wire/bytes.h"
#include "wire/checksum.h"

enum {
	VERSION_2 = 2,
	VERSION_3 = 3,
	TYPE_ADVERTISEMENT = 1,
	AT_VERSION_TYPE = 0,
	AT_VRID = 1,
	AT_PRIORITY = 2,
	AT_COUNT = 3,
	AT_INTERVAL = 4,
	AT_2_AUTH_TYPE = 4,
	AT_2_INTERVAL = 5,
	CS_PER_SECOND = 100,
	AT_CHECKSUM = 6,
	INTERVAL_MASK = 0xfff, /* the upper four bits are reserved: sent zero, ignored on receipt */
};

const struct ip vrrp_group_4 = { .family = FAMILY_4, .bytes = { 224, 0, 0, 18 } };
const struct ip vrrp_group_6 = { .family = FAMILY_6, .bytes = { 0xff, 0x02, [15] = 0x12 } };

static bool is_link_local(const uint8_t address[16])
{
	return address[0] == 0xfe && (address[1] & 0xc0) == 0x80;
}

static bool is_multicast(const struct ip *ip)
{
	return ip->family == FAMILY_6 ? ip->bytes[0] == 0xff : (ip->bytes[0] & 0xf0) == 0xe0;
}

static const struct ip *group_of(uint8_t family)
{
	return family == FAMILY_6 ? &vrrp_group_6 : &vrrp_group_4;
}

static bool may_encode(const struct ip *source, const struct ip *destination, const struct ip *addresses, unsigned n)
{
	uint8_t family = source->family;

	if (family != FAMILY_4 && family != FAMILY_6)
		return false;
	if (destination->family != family || n == 0 || n > UINT8_MAX)
		return false;
	for (unsigned i = 0; i < n; i++) {
		if (addresses[i].family != family)
			return false;
	}
	return family == FAMILY_4 || is_link_local(addresses[0].bytes);
}

size_t vrrp_encode(uint8_t *out, size_t size, uint8_t vrid, uint8_t priority, uint16_t interval_cs,
		   const struct ip *source, const struct ip *destination, const struct ip *addresses, unsigned n,
		   enum vrrp_checksum form)
{
	size_t step, length;
	uint16_t sum;

	if (vrid == 0 || interval_cs == 0 || interval_cs > INTERVAL_MASK)
		return 0;
	if (!may_encode(source, destination, addresses, n))
		return 0;
	step = ip_size(source->family);
	length = VRRP_HEADER + n * step;
	if (length > size)
		return 0;

	out[AT_VERSION_TYPE] = VERSION_3 << 4 | TYPE_ADVERTISEMENT;
	out[AT_VRID] = vrid;
	out[AT_PRIORITY] = priority;
	out[AT_COUNT] = (uint8_t)n;
	bytes_put16(out + AT_INTERVAL, interval_cs);
	bytes_put16(out + AT_CHECKSUM, 0);
	for (unsigned i = 0; i < n; i++)
		memcpy(out + VRRP_HEADER + i * step, addresses[i].bytes, step);

	if (source->family == FAMILY_4 && form == VRRP_CHECKSUM_RFC9568)
		sum = checksum_plain(out, length);
	else
		sum = checksum_pseudo(out, length, source, form == VRRP_CHECKSUM_GROUP ? group_of(source->family) : destination,
				      VRRP_PROTOCOL);
	bytes_put16(out + AT_CHECKSUM, sum);
	return length;
}

size_t vrrp_encode_2(uint8_t *out, size_t size, uint8_t vrid, uint8_t priority, unsigned interval_s, const uint8_t *auth,
		     const struct ip *addresses, unsigned n)
{
	size_t length = VRRP_HEADER + n * (size_t)4 + AUTH_SIZE;

	if (vrid == 0 || interval_s == 0 || interval_s > UINT8_MAX || n == 0 || n > UINT8_MAX || length > size)
		return 0;
	out[AT_VERSION_TYPE] = VERSION_2 << 4 | TYPE_ADVERTISEMENT;
	out[AT_VRID] = vrid;
	out[AT_PRIORITY] = priority;
	out[AT_COUNT] = (uint8_t)n;
	out[AT_2_AUTH_TYPE] = auth ? VRRP_AUTH_PASSWORD : VRRP_AUTH_NONE;
	out[AT_2_INTERVAL] = (uint8_t)interval_s;
	bytes_put16(out + AT_CHECKSUM, 0);
	for (unsigned i = 0; i < n; i++) {
		if (addresses[i].family != FAMILY_4)
			return 0;
		memcpy(out + VRRP_HEADER + i * 4, addresses[i].bytes, 4);
	}
	if (auth)
		memcpy(out + length - AUTH_SIZE, auth, AUTH_SIZE);
	else
		memset(out + length - AUTH_SIZE, 0, AUTH_SIZE);
	bytes_put16(out + AT_CHECKSUM, checksum_plain(out, length));
	return length;
}

/* Whether the sum is right in either form, and in which. Both at once is possible, for a few pairs of source and
 * length: then the sender's kind is unknown, and what most routers speak is the better guess. */
static bool find_checksum(const uint8_t *bytes, size_t length, const struct vrrp_meta *meta, enum vrrp_checksum *form)
{
	*form = VRRP_CHECKSUM_RFC5798;
	if (checksum_pseudo(bytes, length, &meta->source, &meta->destination, VRRP_PROTOCOL) == 0)
		return true;
	*form = VRRP_CHECKSUM_RFC9568;
	if (meta->source.family == FAMILY_4 && checksum_plain(bytes, length) == 0)
		return true;
	*form = VRRP_CHECKSUM_GROUP;
	return !is_multicast(&meta->destination) &&
	       checksum_pseudo(bytes, length, &meta->source, group_of(meta->source.family), VRRP_PROTOCOL) == 0;
}

/* Version 2, from the length on (RFC 3768 §7.1). */
static enum drop_reason decode_2(const uint8_t *bytes, size_t length, struct vrrp_message *message)
{
	if (length < VRRP_HEADER || length != VRRP_HEADER + bytes[AT_COUNT] * (size_t)4 + AUTH_SIZE)
		return DROP_TRUNCATED;
	if ((bytes[AT_VERSION_TYPE] & 0xf) != TYPE_ADVERTISEMENT)
		return DROP_TYPE;
	if (checksum_plain(bytes, length) != 0)
		return DROP_CHECKSUM;
	if (bytes[AT_COUNT] == 0)
		return DROP_COUNT;
	if (bytes[AT_2_INTERVAL] == 0)
		return DROP_INTERVAL;
	*message = (struct vrrp_message){
		.version = VERSION_2,
		.vrid = bytes[AT_VRID],
		.priority = bytes[AT_PRIORITY],
		.interval_cs = bytes[AT_2_INTERVAL] * CS_PER_SECOND,
		.n_addresses = bytes[AT_COUNT],
		.addresses = bytes + VRRP_HEADER,
		.family = FAMILY_4,
		.checksum = VRRP_CHECKSUM_RFC5798,
		.auth_type = bytes[AT_2_AUTH_TYPE],
		.auth = bytes + length - AUTH_SIZE,
	};
	return DROP_NONE;
}

enum drop_reason vrrp_decode(const uint8_t *bytes, size_t length, const struct vrrp_meta *meta,
			     struct vrrp_message *message)
{
	uint8_t family = meta->source.family;
	enum vrrp_checksum form;
	uint16_t interval;

	if ((family != FAMILY_4 && family != FAMILY_6) || meta->destination.family != family)
		return DROP_DESTINATION;
	if (meta->ttl != VRRP_TTL)
		return DROP_TTL;
	if (length == 0)
		return DROP_TRUNCATED;
	if (bytes[AT_VERSION_TYPE] >> 4 == VERSION_2 && family == FAMILY_4)
		return decode_2(bytes, length, message);
	if (bytes[AT_VERSION_TYPE] >> 4 != VERSION_3)
		return DROP_VERSION;
	if (length < VRRP_HEADER || length != VRRP_HEADER + (size_t)bytes[AT_COUNT] * ip_size(family))
		return DROP_TRUNCATED;
	if ((bytes[AT_VERSION_TYPE] & 0xf) != TYPE_ADVERTISEMENT)
		return DROP_TYPE;
	if (!find_checksum(bytes, length, meta, &form))
		return DROP_CHECKSUM;
	if (bytes[AT_COUNT] == 0)
		return DROP_COUNT;
	interval = bytes_get16(bytes + AT_INTERVAL) & INTERVAL_MASK;
	if (interval == 0)
		return DROP_INTERVAL;
	if (family == FAMILY_6 && !is_link_local(bytes + VRRP_HEADER))
		return DROP_FIRST_ADDRESS;

	*message = (struct vrrp_message){
		.version = VERSION_3,
		.vrid = bytes[AT_VRID],
		.priority = bytes[AT_PRIORITY],
		.interval_cs = interval,
		.n_addresses = bytes[AT_COUNT],
		.addresses = bytes + VRRP_HEADER,
		.family = family,
		.checksum = form,
	};
	return DROP_NONE;
}

struct ip vrrp_address(const struct vrrp_message *message, unsigned n)
{
	struct ip ip = { .family = message->family };
	size_t step = ip_size(message->family);

	assert(n < message->n_addresses);
	memcpy(ip.bytes, message->addresses + n * step, step);
	return ip;
}
