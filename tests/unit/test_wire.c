/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The wire formats against bytes that were not made by this code: scapy 2.5 from the RFCs' formats, and
 * keepalived 2.2.7 as captured (the same bytes for IPv4 with pseudo-header). The tests from send_ to receive_accepts_
 * are the election's checklist, as far as bytes can answer it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wire/arp.h"
#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/nd.h"
#include "wire/vrrp.h"

#define IP4(a, b, c, d) { .family = FAMILY_4, .bytes = { a, b, c, d } }

static const struct ip source_4 = IP4(192, 0, 2, 11);
static const struct ip list_4[] = { IP4(192, 0, 2, 100), IP4(192, 0, 2, 101) };
static const struct ip source_6 = { .family = FAMILY_6, .bytes = { 0xfe, 0x80, [15] = 1 } };
static const struct ip list_6[] = {
	{ .family = FAMILY_6, .bytes = { 0xfe, 0x80, [8] = 2, 0, 0x5e, 0xff, 0xfe, 0, 2, 0x33 } },
	{ .family = FAMILY_6, .bytes = { 0x20, 0x01, 0x0d, 0xb8, [14] = 1, 0 } },
};
static const uint8_t mac[MAC_SIZE] = { 2, 0, 0, 0, 0, 0x0b };

/* vrid 51, priority 200, 1 s */
static const uint8_t golden_4_rfc5798[] = {
	0x31, 0x33, 0xc8, 0x02, 0x00, 0x64, 0xde, 0xfc, 0xc0, 0x00, 0x02, 0x64, 0xc0, 0x00, 0x02, 0x65,
};
static const uint8_t golden_4_rfc9568[] = {
	0x31, 0x33, 0xc8, 0x02, 0x00, 0x64, 0x81, 0x9b, 0xc0, 0x00, 0x02, 0x64, 0xc0, 0x00, 0x02, 0x65,
};
static const uint8_t golden_6[] = {
	0x31, 0x33, 0xc8, 0x02, 0x00, 0x64, 0x79, 0xc9, 0xfe, 0x80, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x02, 0x00, 0x5e, 0xff, 0xfe, 0x00, 0x02, 0x33, 0x20, 0x01, 0x0d, 0xb8,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00,
};
/* version 2, one address, eight bytes of authentication data, its sum right */
static const uint8_t golden_version_2[] = {
	0x21, 0x33, 0xc8, 0x01, 0x00, 0x01, 0x54, 0x65, 0xc0, 0x00,
	0x02, 0x64, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
};

struct golden {
	const uint8_t *bytes;
	size_t length;
	struct vrrp_meta meta;
	const struct ip *list;
	enum vrrp_checksum form;
};

static const struct golden goldens[] = {
	{ golden_4_rfc5798,
	  sizeof golden_4_rfc5798,
	  { IP4(192, 0, 2, 11), IP4(224, 0, 0, 18), 255 },
	  list_4,
	  VRRP_CHECKSUM_RFC5798 },
	{ golden_4_rfc9568,
	  sizeof golden_4_rfc9568,
	  { IP4(192, 0, 2, 11), IP4(224, 0, 0, 18), 255 },
	  list_4,
	  VRRP_CHECKSUM_RFC9568 },
	{ golden_6,
	  sizeof golden_6,
	  { { FAMILY_6, { 0xfe, 0x80, [15] = 1 } }, { FAMILY_6, { 0xff, 0x02, [15] = 0x12 } }, 255 },
	  list_6,
	  VRRP_CHECKSUM_RFC5798 },
};

enum { N_GOLDENS = sizeof goldens / sizeof goldens[0] };

/* A copy that may be spoilt, in memory of exactly its length so that a sanitizer sees one byte too far. */
struct copy {
	uint8_t *bytes;
	size_t length;
	struct vrrp_meta meta;
	struct vrrp_message message;
};

static struct copy copy_of(const struct golden *golden)
{
	struct copy copy = { .bytes = malloc(golden->length), .length = golden->length, .meta = golden->meta };

	memcpy(copy.bytes, golden->bytes, golden->length);
	return copy;
}

/* Gives the spoilt copy a right sum again: what is dropped then is dropped for its content. */
static void seal(struct copy *copy)
{
	bytes_put16(copy->bytes + 6, 0);
	bytes_put16(copy->bytes + 6, checksum_pseudo(copy->bytes, copy->length, &copy->meta.source,
						     &copy->meta.destination, VRRP_PROTOCOL));
}

static enum drop_reason decode(struct copy *copy)
{
	return vrrp_decode(copy->bytes, copy->length, &copy->meta, &copy->message);
}

/* The drop reason of each golden packet with byte `at` set to `value` and the sum put right. */
static void assert_dropped_with(size_t at, uint8_t value, enum drop_reason reason)
{
	for (int i = 0; i < N_GOLDENS; i++) {
		struct copy copy = copy_of(&goldens[i]);

		copy.bytes[at] = value;
		seal(&copy);
		assert_int_equal(decode(&copy), reason);
		free(copy.bytes);
	}
}

/* ---- sums ---- */

static void checksum_of_the_rfc_example(void **state)
{
	/* RFC 1071 §3: the bytes 00 01 f2 03 f4 f5 f6 f7 add up to ddf2 */
	static const uint8_t example[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };
	static const uint8_t odd[] = { 0x12, 0x34, 0x56 };
	static const uint8_t carry_twice[] = { 0xff, 0xff, 0xff, 0xff, 0x00, 0x01 };

	(void)state;
	assert_int_equal(checksum_plain(example, sizeof example), (uint16_t)~0xddf2);
	assert_int_equal(checksum_plain(odd, sizeof odd), (uint16_t) ~(0x1234 + 0x5600));
	assert_int_equal(checksum_plain(odd, 0), 0xffff);
	assert_int_equal(checksum_plain(carry_twice, sizeof carry_twice), (uint16_t)~0x0001);
}

/* ---- checklist: send ---- */

static size_t encode(uint8_t *out, size_t size, const struct golden *golden)
{
	return vrrp_encode(out, size, 51, 200, 100, &golden->meta.source, &golden->meta.destination, golden->list, 2,
			   golden->form);
}

static void send_golden_bytes_and_sums(void **state)
{
	uint8_t out[VRRP_MESSAGE_MAX];

	(void)state;
	for (int i = 0; i < N_GOLDENS; i++) {
		memset(out, 0xa5, sizeof out);
		assert_int_equal(encode(out, sizeof out, &goldens[i]), goldens[i].length);
		assert_memory_equal(out, goldens[i].bytes, goldens[i].length);
		assert_int_equal(out[goldens[i].length], 0xa5);
	}
}

static void send_ipv6_sum_has_the_pseudo_header_in_either_form(void **state)
{
	uint8_t out[VRRP_MESSAGE_MAX];
	struct golden golden = goldens[2];

	(void)state;
	golden.form = VRRP_CHECKSUM_RFC9568;
	assert_int_equal(encode(out, sizeof out, &golden), golden.length);
	assert_memory_equal(out, golden.bytes, golden.length);
}

static void send_constants_ttl_protocol_group(void **state)
{
	static const struct ip group_4 = IP4(224, 0, 0, 18);
	static const struct ip group_6 = { FAMILY_6, { 0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x12 } };

	(void)state;
	assert_int_equal(VRRP_TTL, 255);
	assert_int_equal(VRRP_PROTOCOL, 112);
	assert_true(ip_equal(&vrrp_group_4, &group_4));
	assert_true(ip_equal(&vrrp_group_6, &group_6));
}

static void send_reserved_bits_are_zero(void **state)
{
	uint8_t out[VRRP_MESSAGE_MAX];

	(void)state;
	assert_int_equal(
		vrrp_encode(out, sizeof out, 1, 0, 4095, &source_4, &vrrp_group_4, list_4, 1, VRRP_CHECKSUM_RFC5798),
		12);
	assert_int_equal(out[4], 0x0f);
	assert_int_equal(out[5], 0xff);
}

static void send_interval_1_to_4095_cs(void **state)
{
	static const struct {
		uint16_t interval;
		size_t length;
	} cases[] = {
		{ 0, 0 }, { 1, 12 }, { 4095, 12 }, { 4096, 0 }, { UINT16_MAX, 0 },
	};
	uint8_t out[VRRP_MESSAGE_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_int_equal(vrrp_encode(out, sizeof out, 51, 100, cases[i].interval, &source_4, &vrrp_group_4,
					     list_4, 1, VRRP_CHECKSUM_RFC9568),
				 cases[i].length);
}

static void send_any_priority_and_no_vrid_0(void **state)
{
	uint8_t out[VRRP_MESSAGE_MAX];

	(void)state;
	for (unsigned priority = 0; priority <= 255; priority++) {
		assert_int_equal(vrrp_encode(out, sizeof out, 255, (uint8_t)priority, 100, &source_4, &vrrp_group_4,
					     list_4, 1, VRRP_CHECKSUM_RFC5798),
				 12);
		assert_int_equal(out[1], 255);
		assert_int_equal(out[2], priority);
	}
	assert_int_equal(
		vrrp_encode(out, sizeof out, 0, 100, 100, &source_4, &vrrp_group_4, list_4, 1, VRRP_CHECKSUM_RFC5798),
		0);
}

static void send_v6_list_starts_with_link_local(void **state)
{
	struct ip swapped[] = { list_6[1], list_6[0] };
	struct ip edge = { FAMILY_6, { 0xfe, 0xbf, [15] = 1 } }; /* the last of fe80::/10 */
	uint8_t out[VRRP_MESSAGE_MAX];

	(void)state;
	assert_int_equal(
		vrrp_encode(out, sizeof out, 51, 100, 100, &source_6, &vrrp_group_6, swapped, 2, VRRP_CHECKSUM_RFC5798),
		0);
	assert_int_equal(
		vrrp_encode(out, sizeof out, 51, 100, 100, &source_6, &vrrp_group_6, &edge, 1, VRRP_CHECKSUM_RFC5798),
		24);
}

static void send_refuses_mixed_families(void **state)
{
	struct ip none = { .family = FAMILY_NONE };
	struct ip mixed[] = { list_4[0], list_6[0] };
	uint8_t out[VRRP_MESSAGE_MAX];
	enum vrrp_checksum form = VRRP_CHECKSUM_RFC5798;

	(void)state;
	assert_int_equal(vrrp_encode(out, sizeof out, 51, 1, 1, &source_4, &vrrp_group_4, mixed, 2, form), 0);
	assert_int_equal(vrrp_encode(out, sizeof out, 51, 1, 1, &source_4, &vrrp_group_6, list_4, 2, form), 0);
	assert_int_equal(vrrp_encode(out, sizeof out, 51, 1, 1, &source_6, &vrrp_group_4, list_6, 2, form), 0);
	assert_int_equal(vrrp_encode(out, sizeof out, 51, 1, 1, &none, &none, &none, 1, form), 0);
}

static void send_count_1_to_255_if_it_fits(void **state)
{
	static struct ip many[256], many_4[256];
	uint8_t out[VRRP_MESSAGE_MAX];
	struct vrrp_meta meta = { source_6, vrrp_group_6, 255 };
	struct vrrp_message message;
	enum vrrp_checksum form = VRRP_CHECKSUM_RFC5798;

	(void)state;
	for (unsigned i = 0; i < 256; i++) {
		many[i] = list_6[0];
		many[i].bytes[15] = (uint8_t)i;
		many_4[i] = list_4[0];
	}
	assert_int_equal(vrrp_encode(out, sizeof out, 1, 1, 1, &source_6, &vrrp_group_6, many, 0, form), 0);
	assert_int_equal(vrrp_encode(out, sizeof out, 1, 1, 1, &source_6, &vrrp_group_6, many, 256, form), 0);
	assert_int_equal(vrrp_encode(out, sizeof out, 1, 1, 1, &source_4, &vrrp_group_4, many_4, 255, form), 1028);
	assert_int_equal(vrrp_encode(out, sizeof out, 1, 1, 1, &source_4, &vrrp_group_4, many_4, 256, form), 0);
	assert_int_equal(vrrp_encode(out, sizeof out - 1, 1, 1, 1, &source_6, &vrrp_group_6, many, 255, form), 0);
	assert_int_equal(vrrp_encode(out, sizeof out, 1, 1, 1, &source_6, &vrrp_group_6, many, 255, form), sizeof out);

	assert_int_equal(vrrp_decode(out, sizeof out, &meta, &message), DROP_NONE);
	assert_int_equal(message.n_addresses, 255);
	for (unsigned i = 0; i < 255; i++) {
		struct ip ip = vrrp_address(&message, i);

		assert_true(ip_equal(&ip, &many[i]));
	}
}

/* ---- checklist: receive ---- */

static void receive_golden_bytes_and_tell_the_sum(void **state)
{
	(void)state;
	for (int i = 0; i < N_GOLDENS; i++) {
		struct copy copy = copy_of(&goldens[i]);

		assert_int_equal(decode(&copy), DROP_NONE);
		assert_int_equal(copy.message.version, 3);
		assert_int_equal(copy.message.vrid, 51);
		assert_int_equal(copy.message.priority, 200);
		assert_int_equal(copy.message.interval_cs, 100);
		assert_int_equal(copy.message.family, goldens[i].meta.source.family);
		assert_int_equal(copy.message.checksum, goldens[i].form);
		assert_int_equal(copy.message.n_addresses, 2);
		assert_ptr_equal(copy.message.addresses, copy.bytes + 8);
		for (unsigned n = 0; n < 2; n++) {
			struct ip ip = vrrp_address(&copy.message, n);

			assert_true(ip_equal(&ip, &goldens[i].list[n]));
		}
		free(copy.bytes);
	}
}

static void receive_keepalived_ipv6_as_captured(void **state)
{
	static const uint8_t captured[] = {
		0x31, 0x34, 0x96, 0x02, 0x00, 0x32, 0x79, 0xb2, 0xfe, 0x80, 0x00, 0x00, 0x00, 0x00,
		0x00, 0x00, 0x02, 0x00, 0x5e, 0xff, 0xfe, 0x00, 0x02, 0x34, 0x20, 0x01, 0x0d, 0xb8,
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00,
	};
	struct vrrp_meta meta = { .source = { FAMILY_6,
					      { 0xfe, 0x80, [9] = 0x3a, 0xae, 0xff, 0xfe, 0x3c, 0x84, 0xd1 } },
				  .destination = vrrp_group_6,
				  .ttl = 255 };
	struct vrrp_message message;

	(void)state;
	assert_int_equal(vrrp_decode(captured, sizeof captured, &meta, &message), DROP_NONE);
	assert_int_equal(message.vrid, 52);
	assert_int_equal(message.priority, 150);
	assert_int_equal(message.interval_cs, 50);
}

static void receive_tells_rfc5798_where_both_sums_are_right(void **state)
{
	/* A pseudo-header that adds up to ffff: e000 + 0012 + 0070 + 000c (length) + 1f71 (source 0.0.31.113). */
	static const struct ip source = IP4(0, 0, 0x1f, 0x71);
	uint8_t out[VRRP_MESSAGE_MAX];
	struct vrrp_meta meta = { source, vrrp_group_4, 255 };
	struct vrrp_message message;

	(void)state;
	assert_int_equal(0xe000 + 0x0012 + 0x0070 + 0x000c + 0x1f71, 0xffff);
	assert_int_equal(
		vrrp_encode(out, sizeof out, 51, 1, 1, &source, &vrrp_group_4, list_4, 1, VRRP_CHECKSUM_RFC9568), 12);
	assert_int_equal(vrrp_decode(out, 12, &meta, &message), DROP_NONE);
	assert_int_equal(message.checksum, VRRP_CHECKSUM_RFC5798);
}

/* Old keepalived sums the group's address where a unicast packet has its destination. */
static void receive_tells_the_groups_sum_in_unicast_only(void **state)
{
	static const struct ip peer_4 = IP4(192, 0, 2, 12), other_group = IP4(224, 0, 0, 19);
	struct ip peer_6 = source_6;

	(void)state;
	peer_6.bytes[15] = 2;
	for (int i = 0; i < N_GOLDENS; i++) {
		struct copy copy = copy_of(&goldens[i]);
		bool six = copy.meta.source.family == FAMILY_6;
		uint8_t out[VRRP_MESSAGE_MAX];

		copy.meta.destination = six ? peer_6 : peer_4;
		assert_int_equal(decode(&copy), DROP_NONE);
		assert_int_equal(copy.message.checksum,
				 goldens[i].form == VRRP_CHECKSUM_RFC9568 ? VRRP_CHECKSUM_RFC9568 : VRRP_CHECKSUM_GROUP);
		assert_int_equal(vrrp_encode(out, sizeof out, 51, 200, 100, &copy.meta.source, &copy.meta.destination,
					     goldens[i].list, 2, copy.message.checksum),
				 copy.length);
		assert_memory_equal(out, goldens[i].bytes, copy.length);
		copy.meta.destination = other_group;
		if (goldens[i].form == VRRP_CHECKSUM_RFC5798 && !six)
			assert_int_equal(decode(&copy), DROP_CHECKSUM);
		free(copy.bytes);
	}
}

static void receive_drops_ttl_other_than_255(void **state)
{
	static const int ttls[] = { -1, 0, 1, 64, 254, 256 };

	(void)state;
	for (int i = 0; i < N_GOLDENS; i++) {
		for (size_t j = 0; j < sizeof ttls / sizeof ttls[0]; j++) {
			struct copy copy = copy_of(&goldens[i]);

			copy.meta.ttl = ttls[j];
			assert_int_equal(decode(&copy), DROP_TTL);
			free(copy.bytes);
		}
	}
}

static void receive_drops_version_other_than_2_and_3(void **state)
{
	struct copy six = copy_of(&goldens[2]);

	(void)state;
	for (unsigned version = 0; version < 16; version++) {
		if (version != 2 && version != 3)
			assert_dropped_with(0, (uint8_t)(version << 4 | 1), DROP_VERSION);
	}
	six.bytes[0] = 0x21; /* version 2 has no IPv6 */
	seal(&six);
	assert_int_equal(decode(&six), DROP_VERSION);
	free(six.bytes);
}

/* ---- checklist: version 2 (RFC 3768) ---- */

static const uint8_t password[AUTH_SIZE] = { 's', 'e', 'c', 'r', 'e', 't' };

/* Decodes the golden bytes with one of them changed and the sum put right. */
static enum drop_reason decode_2_with(size_t at, uint8_t value, size_t length, struct vrrp_message *message)
{
	static uint8_t bytes[sizeof golden_version_2 + 8];

	memset(bytes, 0, sizeof bytes);
	memcpy(bytes, golden_version_2, sizeof golden_version_2);
	bytes[at] = value;
	if (at != 6) {
		bytes_put16(bytes + 6, 0);
		bytes_put16(bytes + 6, checksum_plain(bytes, length));
	}
	return vrrp_decode(bytes, length, &goldens[0].meta, message);
}

static void send_version_2_golden_bytes(void **state)
{
	uint8_t out[VRRP_MESSAGE_MAX];

	(void)state;
	memset(out, 0xa5, sizeof out);
	assert_int_equal(vrrp_encode_2(out, sizeof out, 51, 200, 1, NULL, list_4, 1), sizeof golden_version_2);
	assert_memory_equal(out, golden_version_2, sizeof golden_version_2);
	assert_int_equal(out[sizeof golden_version_2], 0xa5);
}

static void send_version_2_password_is_under_the_sum(void **state)
{
	uint8_t out[VRRP_MESSAGE_MAX];

	(void)state;
	assert_int_equal(vrrp_encode_2(out, sizeof out, 51, 200, 1, password, list_4, 2), 24);
	assert_int_equal(out[4], 1);
	assert_memory_equal(out + 16, password, AUTH_SIZE);
	assert_int_equal(checksum_plain(out, 24), 0);
}

static void send_version_2_interval_1_to_255_s(void **state)
{
	uint8_t out[VRRP_MESSAGE_MAX];

	(void)state;
	assert_int_equal(vrrp_encode_2(out, sizeof out, 51, 1, 0, NULL, list_4, 1), 0);
	assert_int_equal(vrrp_encode_2(out, sizeof out, 51, 1, 255, NULL, list_4, 1), 20);
	assert_int_equal(out[5], 255);
	assert_int_equal(vrrp_encode_2(out, sizeof out, 51, 1, 256, NULL, list_4, 1), 0);
	assert_int_equal(vrrp_encode_2(out, sizeof out, 0, 1, 1, NULL, list_4, 1), 0);
	assert_int_equal(vrrp_encode_2(out, sizeof out, 51, 1, 1, NULL, list_6, 1), 0);
	assert_int_equal(vrrp_encode_2(out, sizeof out, 51, 1, 1, NULL, list_4, 0), 0);
	assert_int_equal(vrrp_encode_2(out, 19, 51, 1, 1, NULL, list_4, 1), 0);
}

static void receive_version_2_and_tell_what_it_says(void **state)
{
	struct vrrp_message message;
	uint8_t out[VRRP_MESSAGE_MAX];
	size_t length = vrrp_encode_2(out, sizeof out, 7, 0, 200, password, list_4, 2);

	(void)state;
	assert_int_equal(vrrp_decode(golden_version_2, sizeof golden_version_2, &goldens[0].meta, &message), DROP_NONE);
	assert_int_equal(message.version, 2);
	assert_int_equal(message.interval_cs, 100);
	assert_int_equal(message.auth_type, VRRP_AUTH_NONE);
	assert_int_equal(message.n_addresses, 1);
	assert_int_equal(vrrp_decode(out, length, &goldens[0].meta, &message), DROP_NONE);
	assert_int_equal(message.vrid, 7);
	assert_int_equal(message.priority, 0);
	assert_int_equal(message.interval_cs, 20000);
	assert_int_equal(message.auth_type, VRRP_AUTH_PASSWORD);
	assert_memory_equal(message.auth, password, AUTH_SIZE);
}

static void receive_version_2_drops(void **state)
{
	struct vrrp_message message;
	struct vrrp_meta far = goldens[0].meta;
	size_t whole = sizeof golden_version_2;

	(void)state;
	assert_int_equal(decode_2_with(0, 0x22, whole, &message), DROP_TYPE);
	assert_int_equal(decode_2_with(5, 0, whole, &message), DROP_INTERVAL);
	assert_int_equal(decode_2_with(6, 0x55, whole, &message), DROP_CHECKSUM);
	assert_int_equal(decode_2_with(3, 2, whole, &message), DROP_TRUNCATED);
	assert_int_equal(decode_2_with(3, 0, 16, &message), DROP_COUNT);
	for (size_t length = 1; length < whole + 8; length++)
		assert_int_equal(decode_2_with(8, 0xc0, length < 8 ? 7 : length, &message),
				 length == whole ? DROP_NONE : DROP_TRUNCATED);
	far.ttl = 254;
	assert_int_equal(vrrp_decode(golden_version_2, whole, &far, &message), DROP_TTL);
}

/* The pseudo-header was never part of version 2's sum. */
static void receive_version_2_drops_sum_with_pseudo_header(void **state)
{
	uint8_t bytes[sizeof golden_version_2];
	const struct vrrp_meta *meta = &goldens[0].meta;
	struct vrrp_message message;

	(void)state;
	memcpy(bytes, golden_version_2, sizeof bytes);
	bytes_put16(bytes + 6, 0);
	bytes_put16(bytes + 6, checksum_pseudo(bytes, sizeof bytes, &meta->source, &meta->destination, VRRP_PROTOCOL));
	assert_int_equal(vrrp_decode(bytes, sizeof bytes, meta, &message), DROP_CHECKSUM);
}

static void receive_drops_type_other_than_1(void **state)
{
	(void)state;
	for (uint8_t type = 0; type < 16; type++) {
		if (type != 1)
			assert_dropped_with(0, 3 << 4 | type, DROP_TYPE);
	}
}

static void receive_drops_truncated_and_trailer(void **state)
{
	(void)state;
	for (int i = 0; i < N_GOLDENS; i++) {
		const struct golden *golden = &goldens[i];

		for (size_t length = 0; length <= golden->length + 20; length++) {
			struct copy copy = { .bytes = calloc(1, length + !length),
					     .length = length,
					     .meta = golden->meta };

			memcpy(copy.bytes, golden->bytes, length < golden->length ? length : golden->length);
			if (length >= VRRP_HEADER)
				seal(&copy);
			assert_int_equal(decode(&copy), length == golden->length ? DROP_NONE : DROP_TRUNCATED);
			free(copy.bytes);
		}
	}
}

static void receive_drops_wrong_checksum(void **state)
{
	struct copy copy = copy_of(&goldens[0]);
	unsigned accepted = 0;

	(void)state;
	for (unsigned sum = 0; sum <= UINT16_MAX; sum++) {
		bytes_put16(copy.bytes + 6, (uint16_t)sum);
		if (decode(&copy) == DROP_NONE)
			accepted++;
		else
			assert_int_equal(decode(&copy), DROP_CHECKSUM);
	}
	assert_int_equal(accepted, 2); /* one of each form */
	free(copy.bytes);
}

static void receive_drops_ipv6_sum_without_pseudo_header(void **state)
{
	struct copy copy = copy_of(&goldens[2]);

	(void)state;
	bytes_put16(copy.bytes + 6, 0);
	bytes_put16(copy.bytes + 6, checksum_plain(copy.bytes, copy.length));
	assert_int_equal(decode(&copy), DROP_CHECKSUM);
	free(copy.bytes);
}

static void receive_sum_binds_both_addresses(void **state)
{
	(void)state;
	for (int i = 0; i < N_GOLDENS; i++) {
		struct copy copy = copy_of(&goldens[i]);
		bool bound = goldens[i].form == VRRP_CHECKSUM_RFC5798;

		copy.meta.source.bytes[3] ^= 1;
		assert_int_equal(decode(&copy), bound ? DROP_CHECKSUM : DROP_NONE);
		copy.meta = goldens[i].meta;
		copy.meta.destination.bytes[3] ^= 1;
		assert_int_equal(decode(&copy), bound ? DROP_CHECKSUM : DROP_NONE);
		free(copy.bytes);
	}
}

static void receive_drops_count_0(void **state)
{
	(void)state;
	for (int i = 0; i < N_GOLDENS; i++) {
		struct copy copy = copy_of(&goldens[i]);

		copy.length = VRRP_HEADER;
		copy.bytes[3] = 0;
		seal(&copy);
		assert_int_equal(decode(&copy), DROP_COUNT);
		free(copy.bytes);
	}
}

static void receive_drops_interval_0(void **state)
{
	(void)state;
	assert_dropped_with(5, 0, DROP_INTERVAL);
	for (int i = 0; i < N_GOLDENS; i++) {
		struct copy copy = copy_of(&goldens[i]);

		bytes_put16(copy.bytes + 4, 0xf000); /* reserved bits do not make an interval */
		seal(&copy);
		assert_int_equal(decode(&copy), DROP_INTERVAL);
		free(copy.bytes);
	}
}

static void receive_drops_v6_first_address_not_link_local(void **state)
{
	static const uint8_t firsts[][2] = { { 0x20, 0x01 }, { 0xfe, 0x7f }, { 0xfe, 0xc0 }, { 0xff, 0x80 }, { 0, 0 } };

	(void)state;
	for (size_t i = 0; i < sizeof firsts / sizeof firsts[0]; i++) {
		struct copy copy = copy_of(&goldens[2]);

		memcpy(copy.bytes + VRRP_HEADER, firsts[i], 2);
		seal(&copy);
		assert_int_equal(decode(&copy), DROP_FIRST_ADDRESS);
		free(copy.bytes);
	}
}

static void receive_drops_mixed_families(void **state)
{
	struct copy copy = copy_of(&goldens[0]);

	(void)state;
	copy.meta.destination = vrrp_group_6;
	assert_int_equal(decode(&copy), DROP_DESTINATION);
	copy.meta = (struct vrrp_meta){ .ttl = 255 };
	assert_int_equal(decode(&copy), DROP_DESTINATION);
	free(copy.bytes);
}

static void receive_leaves_the_message_alone_on_a_drop(void **state)
{
	struct copy copy = copy_of(&goldens[0]);
	struct vrrp_message before;

	(void)state;
	memset(&copy.message, 0x5a, sizeof copy.message);
	before = copy.message;
	copy.bytes[9] ^= 1;
	assert_int_equal(decode(&copy), DROP_CHECKSUM);
	assert_memory_equal(&copy.message, &before, sizeof before);
	free(copy.bytes);
}

static void receive_accepts_reserved_bits(void **state)
{
	(void)state;
	for (unsigned reserved = 0; reserved < 16; reserved++) {
		for (int i = 0; i < N_GOLDENS; i++) {
			struct copy copy = copy_of(&goldens[i]);

			copy.bytes[4] |= (uint8_t)(reserved << 4);
			seal(&copy);
			assert_int_equal(decode(&copy), DROP_NONE);
			assert_int_equal(copy.message.interval_cs, 100);
			free(copy.bytes);
		}
	}
}

static void receive_accepts_any_interval_and_tells_it(void **state)
{
	struct copy copy = copy_of(&goldens[0]);

	(void)state;
	for (uint16_t interval = 1; interval <= 4095; interval++) {
		bytes_put16(copy.bytes + 4, interval);
		seal(&copy);
		assert_int_equal(decode(&copy), DROP_NONE);
		assert_int_equal(copy.message.interval_cs, interval);
	}
	free(copy.bytes);
}

static void receive_accepts_any_address_list_and_tells_it(void **state)
{
	static const struct ip nonsense[] = { IP4(0, 0, 0, 0), IP4(255, 255, 255, 255), IP4(0, 0, 0, 0) };
	struct vrrp_message message;
	uint8_t out[VRRP_MESSAGE_MAX];

	(void)state;
	assert_int_equal(vrrp_encode(out, sizeof out, 51, 200, 100, &source_4, &vrrp_group_4, nonsense, 3,
				     VRRP_CHECKSUM_RFC9568),
			 20);
	assert_int_equal(vrrp_decode(out, 20, &goldens[0].meta, &message), DROP_NONE);
	for (unsigned i = 0; i < 3; i++) {
		struct ip ip = vrrp_address(&message, i);

		assert_true(ip_equal(&ip, &nonsense[i]));
	}
}

/* No byte of a valid advert can be changed into any other without a drop. With two forms of the sum accepted this holds
 * because the forms differ by more than one byte's worth here (5d61), as they do for nearly all sources. */
static void receive_drops_every_single_byte_change(void **state)
{
	(void)state;
	for (int i = 0; i < N_GOLDENS; i++) {
		struct copy copy = copy_of(&goldens[i]);

		for (size_t at = 0; at < copy.length; at++) {
			uint8_t original = copy.bytes[at];

			for (unsigned change = 1; change < 256; change++) {
				copy.bytes[at] = original ^ (uint8_t)change;
				assert_int_not_equal(decode(&copy), DROP_NONE);
			}
			copy.bytes[at] = original;
		}
		assert_int_equal(decode(&copy), DROP_NONE);
		free(copy.bytes);
	}
}

/* With the sum put right, a changed byte changes its own field and no other. */
static void receive_changed_byte_changes_only_its_field(void **state)
{
	(void)state;
	for (int i = 0; i < N_GOLDENS; i++) {
		struct copy copy = copy_of(&goldens[i]);

		for (size_t at = 1; at < copy.length; at++) {
			if (at == 3 || at == 6 || at == 7 || (i == 2 && (at == 8 || at == 9)))
				continue; /* count, sum, link-local prefix: a drop, tested above */
			memcpy(copy.bytes, goldens[i].bytes, copy.length);
			copy.bytes[at] ^= 1;
			seal(&copy);
			assert_int_equal(decode(&copy), DROP_NONE);
			assert_int_equal(copy.message.vrid, at == 1 ? 51 ^ 1 : 51);
			assert_int_equal(copy.message.priority, at == 2 ? 200 ^ 1 : 200);
			assert_int_equal(copy.message.interval_cs, at == 4 ? 100 ^ 256 : at == 5 ? 100 ^ 1 : 100);
			assert_int_equal(copy.message.n_addresses, 2);
			assert_int_equal(memcmp(copy.bytes + 8, goldens[i].bytes + 8, copy.length - 8) != 0, at >= 8);
		}
		free(copy.bytes);
	}
}

/* ---- ARP ---- */

static const uint8_t golden_garp_request[ARP_FRAME] = {
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0x00, 0x00, 0x00, 0x00, 0x0b, 0x08, 0x06,
	0x00, 0x01, 0x08, 0x00, 0x06, 0x04, 0x00, 0x01, 0x02, 0x00, 0x00, 0x00, 0x00, 0x0b,
	0xc0, 0x00, 0x02, 0x64, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xc0, 0x00, 0x02, 0x64,
};
static const uint8_t golden_garp_reply[ARP_FRAME] = {
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0x00, 0x00, 0x00, 0x00, 0x0b, 0x08, 0x06,
	0x00, 0x01, 0x08, 0x00, 0x06, 0x04, 0x00, 0x02, 0x02, 0x00, 0x00, 0x00, 0x00, 0x0b,
	0xc0, 0x00, 0x02, 0x64, 0x02, 0x00, 0x00, 0x00, 0x00, 0x0b, 0xc0, 0x00, 0x02, 0x64,
};

static void garp_request_has_sender_equal_target(void **state)
{
	uint8_t out[ARP_FRAME];

	(void)state;
	memset(out, 0xa5, sizeof out);
	arp_announcement(out, ARP_FORM_REQUEST, mac, &list_4[0]);
	assert_memory_equal(out, golden_garp_request, sizeof out);
}

static void garp_reply_has_target_mac_equal_sender_mac(void **state)
{
	uint8_t out[ARP_FRAME];

	(void)state;
	memset(out, 0xa5, sizeof out);
	arp_announcement(out, ARP_FORM_REPLY, mac, &list_4[0]);
	assert_memory_equal(out, golden_garp_reply, sizeof out);
}

static void arp_claims_are_read_from_either_form(void **state)
{
	static const uint8_t *const frames[] = { golden_garp_request, golden_garp_reply };
	uint8_t body[60 - 14];
	struct arp_claim claim;

	(void)state;
	for (int i = 0; i < 2; i++) {
		memset(body, 0, sizeof body); /* padded to the least frame */
		memcpy(body, frames[i] + 14, 28);
		assert_true(arp_decode(body, sizeof body, &claim));
		assert_true(ip_equal(&claim.ip, &list_4[0]));
		assert_memory_equal(claim.mac, mac, MAC_SIZE);
		assert_true(claim.announcement);

		body[27] ^= 1; /* asks for another, or answers another */
		assert_true(arp_decode(body, 28, &claim));
		assert_true(ip_equal(&claim.ip, &list_4[0]));
		assert_false(claim.announcement);
	}
}

static void arp_probe_claims_nothing(void **state)
{
	uint8_t body[28];
	struct arp_claim claim;

	(void)state;
	memcpy(body, golden_garp_request + 14, sizeof body);
	memset(body + 14, 0, 4);
	assert_false(arp_decode(body, sizeof body, &claim));
}

static void arp_of_another_kind_or_truncated_is_refused(void **state)
{
	struct arp_claim claim;

	(void)state;
	for (size_t length = 0; length < 28; length++) {
		uint8_t *body = malloc(length + !length);

		memcpy(body, golden_garp_request + 14, length);
		assert_false(arp_decode(body, length, &claim));
		free(body);
	}
	for (size_t at = 0; at < 8; at++) { /* hardware, protocol, sizes, operation */
		uint8_t body[28];

		memcpy(body, golden_garp_request + 14, sizeof body);
		body[at] ^= 0x10;
		assert_false(arp_decode(body, sizeof body, &claim));
	}
}

/* ---- neighbour discovery ---- */

static const uint8_t golden_na[ND_FRAME] = {
	0x33, 0x33, 0x00, 0x00, 0x00, 0x01, 0x02, 0x00, 0x00, 0x00, 0x00, 0x0b, 0x86, 0xdd, 0x60, 0x00, 0x00, 0x00,
	0x00, 0x20, 0x3a, 0xff, 0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x01, 0x00, 0xff, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01,
	0x88, 0x00, 0xf7, 0x22, 0x20, 0x00, 0x00, 0x00, 0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x02, 0x01, 0x02, 0x00, 0x00, 0x00, 0x00, 0x0b,
};

enum { NA_AT = 14 + 40, NA_FLAGS = NA_AT + 4, NA_SUM = NA_AT + 2 };

static void na_flags_router_as_given_solicited_clear_override_set(void **state)
{
	uint8_t out[ND_FRAME], expected[ND_FRAME];

	(void)state;
	memset(out, 0xa5, sizeof out);
	nd_announcement(out, mac, &list_6[1], false);
	assert_memory_equal(out, golden_na, sizeof out);

	memcpy(expected, golden_na, sizeof expected);
	expected[NA_FLAGS] = 0xa0;
	bytes_put16(expected + NA_SUM, 0x7722);
	nd_announcement(out, mac, &list_6[1], true);
	assert_memory_equal(out, expected, sizeof out);
}

/* The golden message with `extra` bytes of options behind it, decoded from memory of just its length. */
static bool decode_na(size_t length, const uint8_t *extra, size_t n_extra, int hop_limit, struct nd_claim *claim)
{
	uint8_t *bytes = malloc(length + n_extra + 1);
	bool good;

	memcpy(bytes + 1, golden_na + NA_AT, length);
	if (n_extra)
		memcpy(bytes + 1 + length, extra, n_extra);
	good = nd_decode(bytes + 1, length + n_extra, hop_limit, claim);
	free(bytes);
	return good;
}

static void na_claim_is_read(void **state)
{
	static const uint8_t solicited = 0x60;
	uint8_t bytes[ND_ADVERT];
	struct nd_claim claim;

	(void)state;
	assert_true(decode_na(ND_ADVERT, NULL, 0, 255, &claim));
	assert_true(ip_equal(&claim.ip, &list_6[1]));
	assert_memory_equal(claim.mac, mac, MAC_SIZE);
	assert_true(claim.announcement);

	memcpy(bytes, golden_na + NA_AT, sizeof bytes);
	bytes[4] = solicited;
	assert_true(nd_decode(bytes, sizeof bytes, 255, &claim));
	assert_false(claim.announcement);
}

static void na_without_the_option_has_no_mac(void **state)
{
	static const uint8_t zero[MAC_SIZE];
	struct nd_claim claim;

	(void)state;
	memset(&claim, 0x5a, sizeof claim);
	assert_true(decode_na(24, NULL, 0, 255, &claim));
	assert_memory_equal(claim.mac, zero, MAC_SIZE);
	assert_true(ip_equal(&claim.ip, &list_6[1]));
}

static void na_options_are_walked(void **state)
{
	static const uint8_t unknown_then_mac[] = { 14, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
						    0,	0, 0, 0, 2, 1, 9, 8, 7, 6, 5, 4 };
	static const uint8_t second_mac[] = { 2, 1, 9, 8, 7, 6, 5, 4 };
	static const uint8_t length_0[] = { 14, 0, 0, 0, 0, 0, 0, 0 };
	static const uint8_t beyond[] = { 14, 2, 0, 0, 0, 0, 0, 0 };
	static const uint8_t long_mac[] = { 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
	struct nd_claim claim;

	(void)state;
	assert_true(decode_na(24, unknown_then_mac, sizeof unknown_then_mac, 255, &claim));
	assert_memory_equal(claim.mac, second_mac + 2, MAC_SIZE);
	assert_true(decode_na(ND_ADVERT, second_mac, sizeof second_mac, 255, &claim));
	assert_memory_equal(claim.mac, mac, MAC_SIZE);
	assert_false(decode_na(ND_ADVERT, length_0, sizeof length_0, 255, &claim));
	assert_false(decode_na(ND_ADVERT, beyond, sizeof beyond, 255, &claim));
	assert_false(decode_na(24, long_mac, sizeof long_mac, 255, &claim));
	for (size_t cut = 1; cut < 8; cut++)
		assert_false(decode_na(ND_ADVERT - cut, NULL, 0, 255, &claim));
}

static void na_malformed_is_refused(void **state)
{
	static const int hop_limits[] = { -1, 0, 64, 254, 256 };
	static const struct {
		size_t at;
		uint8_t value;
	} cases[] = {
		{ 0, 135 }, /* a solicitation */
		{ 0, 134 },
		{ 1, 1 },    /* code */
		{ 8, 0xff }, /* the target is a group */
	};
	struct nd_claim claim;
	uint8_t bytes[ND_ADVERT];

	(void)state;
	for (size_t i = 0; i < sizeof hop_limits / sizeof hop_limits[0]; i++)
		assert_false(decode_na(ND_ADVERT, NULL, 0, hop_limits[i], &claim));
	for (size_t length = 0; length < 24; length++)
		assert_false(decode_na(length, NULL, 0, 255, &claim));
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		memcpy(bytes, golden_na + NA_AT, sizeof bytes);
		bytes[cases[i].at] = cases[i].value;
		assert_false(nd_decode(bytes, sizeof bytes, 255, &claim));
	}
	memset(bytes + 8, 0, 16);
	assert_false(nd_decode(bytes, sizeof bytes, 255, &claim));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checksum_of_the_rfc_example),
		cmocka_unit_test(send_golden_bytes_and_sums),
		cmocka_unit_test(send_ipv6_sum_has_the_pseudo_header_in_either_form),
		cmocka_unit_test(send_constants_ttl_protocol_group),
		cmocka_unit_test(send_reserved_bits_are_zero),
		cmocka_unit_test(send_interval_1_to_4095_cs),
		cmocka_unit_test(send_any_priority_and_no_vrid_0),
		cmocka_unit_test(send_v6_list_starts_with_link_local),
		cmocka_unit_test(send_refuses_mixed_families),
		cmocka_unit_test(send_count_1_to_255_if_it_fits),
		cmocka_unit_test(receive_golden_bytes_and_tell_the_sum),
		cmocka_unit_test(receive_keepalived_ipv6_as_captured),
		cmocka_unit_test(receive_tells_rfc5798_where_both_sums_are_right),
		cmocka_unit_test(receive_tells_the_groups_sum_in_unicast_only),
		cmocka_unit_test(receive_drops_ttl_other_than_255),
		cmocka_unit_test(receive_drops_version_other_than_2_and_3),
		cmocka_unit_test(send_version_2_golden_bytes),
		cmocka_unit_test(send_version_2_password_is_under_the_sum),
		cmocka_unit_test(send_version_2_interval_1_to_255_s),
		cmocka_unit_test(receive_version_2_and_tell_what_it_says),
		cmocka_unit_test(receive_version_2_drops),
		cmocka_unit_test(receive_version_2_drops_sum_with_pseudo_header),
		cmocka_unit_test(receive_drops_type_other_than_1),
		cmocka_unit_test(receive_drops_truncated_and_trailer),
		cmocka_unit_test(receive_drops_wrong_checksum),
		cmocka_unit_test(receive_drops_ipv6_sum_without_pseudo_header),
		cmocka_unit_test(receive_sum_binds_both_addresses),
		cmocka_unit_test(receive_drops_count_0),
		cmocka_unit_test(receive_drops_interval_0),
		cmocka_unit_test(receive_drops_v6_first_address_not_link_local),
		cmocka_unit_test(receive_drops_mixed_families),
		cmocka_unit_test(receive_leaves_the_message_alone_on_a_drop),
		cmocka_unit_test(receive_accepts_reserved_bits),
		cmocka_unit_test(receive_accepts_any_interval_and_tells_it),
		cmocka_unit_test(receive_accepts_any_address_list_and_tells_it),
		cmocka_unit_test(receive_drops_every_single_byte_change),
		cmocka_unit_test(receive_changed_byte_changes_only_its_field),
		cmocka_unit_test(garp_request_has_sender_equal_target),
		cmocka_unit_test(garp_reply_has_target_mac_equal_sender_mac),
		cmocka_unit_test(arp_claims_are_read_from_either_form),
		cmocka_unit_test(arp_probe_claims_nothing),
		cmocka_unit_test(arp_of_another_kind_or_truncated_is_refused),
		cmocka_unit_test(na_flags_router_as_given_solicited_clear_override_set),
		cmocka_unit_test(na_claim_is_read),
		cmocka_unit_test(na_without_the_option_has_no_mac),
		cmocka_unit_test(na_options_are_walked),
		cmocka_unit_test(na_malformed_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
