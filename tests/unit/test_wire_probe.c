/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Probes and their answers against bytes that were not made by this code: scapy 2.5 from the RFCs' formats. */
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

enum { VLAN = 20, IPV6_AT = 14, NA_AT = 14 + 40, NA_SIZE = 32, ROOM = 256 };

static const uint8_t mac[MAC_SIZE] = { 2, 0, 0, 0, 0, 0x0b };
static const struct ip nobody;
static const struct ip target_4 = { .family = FAMILY_4, .bytes = { 192, 0, 2, 1 } };
static const struct ip source_4 = { .family = FAMILY_4, .bytes = { 192, 0, 2, 11 } };
static const struct ip target_6 = { .family = FAMILY_6,
				    .bytes = { 0x20, 0x01, 0x0d, 0xb8, [11] = 1, 0x01, 0x23, 0x45, 0x67 } };
static const struct ip source_6 = { .family = FAMILY_6, .bytes = { 0x20, 0x01, 0x0d, 0xb8, [15] = 0x0b } };

static const uint8_t golden_arp[] = {
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0x00, 0x00, 0x00, 0x00, 0x0b, 0x08, 0x06, 0x00, 0x01, 0x08, 0x00,
	0x06, 0x04, 0x00, 0x01, 0x02, 0x00, 0x00, 0x00, 0x00, 0x0b, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0xc0, 0x00, 0x02, 0x01,
};
static const uint8_t golden_arp_vlan[] = {
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0x00, 0x00, 0x00, 0x00, 0x0b, 0x81, 0x00, 0x00, 0x14, 0x08, 0x06,
	0x00, 0x01, 0x08, 0x00, 0x06, 0x04, 0x00, 0x01, 0x02, 0x00, 0x00, 0x00, 0x00, 0x0b, 0xc0, 0x00, 0x02, 0x0b,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xc0, 0x00, 0x02, 0x01,
};
static const uint8_t golden_ns[] = {
	0x33, 0x33, 0xff, 0x23, 0x45, 0x67, 0x02, 0x00, 0x00, 0x00, 0x00, 0x0b, 0x86, 0xdd, 0x60, 0x00, 0x00, 0x00,
	0x00, 0x20, 0x3a, 0xff, 0xfe, 0x80, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xfe, 0x00,
	0x00, 0x0b, 0xff, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0xff, 0x23, 0x45, 0x67,
	0x87, 0x00, 0xc0, 0x39, 0x00, 0x00, 0x00, 0x00, 0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x01, 0x01, 0x23, 0x45, 0x67, 0x01, 0x01, 0x02, 0x00, 0x00, 0x00, 0x00, 0x0b,
};
static const uint8_t golden_ns_vlan[] = {
	0x33, 0x33, 0xff, 0x23, 0x45, 0x67, 0x02, 0x00, 0x00, 0x00, 0x00, 0x0b, 0x81, 0x00, 0x00, 0x14, 0x86, 0xdd,
	0x60, 0x00, 0x00, 0x00, 0x00, 0x20, 0x3a, 0xff, 0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x0b, 0xff, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01,
	0xff, 0x23, 0x45, 0x67, 0x87, 0x00, 0x90, 0x01, 0x00, 0x00, 0x00, 0x00, 0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x01, 0x23, 0x45, 0x67, 0x01, 0x01, 0x02, 0x00, 0x00, 0x00, 0x00, 0x0b,
};
static const uint8_t golden_reply[] = {
	0x02, 0x00, 0x00, 0x00, 0x00, 0x0b, 0x02, 0x00, 0x00, 0x00, 0x00, 0xfe, 0x08, 0x06, 0x00, 0x01, 0x08, 0x00,
	0x06, 0x04, 0x00, 0x02, 0x02, 0x00, 0x00, 0x00, 0x00, 0xfe, 0xc0, 0x00, 0x02, 0x01, 0x02, 0x00, 0x00, 0x00,
	0x00, 0x0b, 0x00, 0x00, 0x00, 0x00,
};
static const uint8_t golden_na[] = {
	0x02, 0x00, 0x00, 0x00, 0x00, 0x0b, 0x02, 0x00, 0x00, 0x00, 0x00, 0xfe, 0x86, 0xdd, 0x60, 0x00, 0x00, 0x00,
	0x00, 0x20, 0x3a, 0xff, 0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x01, 0x23,
	0x45, 0x67, 0xfe, 0x80, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xfe, 0x00, 0x00, 0x0b,
	0x88, 0x00, 0xac, 0x90, 0xe0, 0x00, 0x00, 0x00, 0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x01, 0x01, 0x23, 0x45, 0x67, 0x02, 0x01, 0x02, 0x00, 0x00, 0x00, 0x00, 0xfe,
};

/* ---- questions ---- */

static void arp_probe_has_no_sender(void **state)
{
	uint8_t out[ARP_REQUEST_MAX];

	(void)state;
	memset(out, 0xa5, sizeof out);
	assert_int_equal(arp_request(out, mac, &nobody, &target_4, 0), sizeof golden_arp);
	assert_memory_equal(out, golden_arp, sizeof golden_arp);
	assert_int_equal(out[sizeof golden_arp], 0xa5);
}

static void arp_request_with_sender_and_tag(void **state)
{
	uint8_t out[ARP_REQUEST_MAX];

	(void)state;
	memset(out, 0xa5, sizeof out);
	assert_int_equal(arp_request(out, mac, &source_4, &target_4, VLAN), sizeof golden_arp_vlan);
	assert_memory_equal(out, golden_arp_vlan, sizeof golden_arp_vlan);
}

static void ns_is_from_the_link_local_of_the_mac(void **state)
{
	uint8_t out[ND_SOLICITATION_MAX];

	(void)state;
	memset(out, 0xa5, sizeof out);
	assert_int_equal(nd_solicitation(out, mac, &nobody, &target_6, 0), sizeof golden_ns);
	assert_memory_equal(out, golden_ns, sizeof golden_ns);
	assert_int_equal(out[sizeof golden_ns], 0xa5);
}

static void ns_with_source_and_tag(void **state)
{
	uint8_t out[ND_SOLICITATION_MAX];

	(void)state;
	memset(out, 0xa5, sizeof out);
	assert_int_equal(nd_solicitation(out, mac, &source_6, &target_6, VLAN), sizeof golden_ns_vlan);
	assert_memory_equal(out, golden_ns_vlan, sizeof golden_ns_vlan);
}

/* The example of RFC 2464 §4, 34-56-78-9A-BC-DE, and a MAC that is locally administered. */
static void link_local_has_the_universal_bit_inverted(void **state)
{
	static const uint8_t universal[MAC_SIZE] = { 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde };
	static const uint8_t expected[16] = { 0xfe, 0x80, [8] = 0x36, 0x56, 0x78, 0xff, 0xfe, 0x9a, 0xbc, 0xde };
	struct ip ip = nd_link_local(universal);

	(void)state;
	assert_int_equal(ip.family, FAMILY_6);
	assert_memory_equal(ip.bytes, expected, sizeof expected);
	assert_int_equal(nd_link_local(mac).bytes[8], 0);
}

/* ---- answers ---- */

struct frame {
	uint8_t bytes[ROOM];
	size_t length;
};

static struct frame frame_of(const uint8_t *bytes, size_t length)
{
	struct frame frame = { .length = length };

	memcpy(frame.bytes, bytes, length);
	return frame;
}

/* The same frame behind a tag. */
static struct frame tagged(const struct frame *plain, uint16_t tci)
{
	struct frame frame = { .length = plain->length + ETHERNET_TAG };

	memcpy(frame.bytes, plain->bytes, 12);
	bytes_put16(frame.bytes + 12, ETHERNET_VLAN);
	bytes_put16(frame.bytes + 14, tci);
	memcpy(frame.bytes + 16, plain->bytes + 12, plain->length - 12);
	return frame;
}

static void seal(struct frame *frame)
{
	struct ip source = { .family = FAMILY_6 }, destination = { .family = FAMILY_6 };
	uint8_t *ipv6 = frame->bytes + IPV6_AT;
	size_t length = bytes_get16(ipv6 + 4);

	memcpy(source.bytes, ipv6 + 8, 16);
	memcpy(destination.bytes, ipv6 + 24, 16);
	bytes_put16(ipv6 + 42, 0);
	bytes_put16(ipv6 + 42, checksum_pseudo(ipv6 + 40, length, &source, &destination, 58));
}

/* From memory of exactly its length, so that a sanitizer sees one byte too far. At most one decoder takes it. */
static bool decode(const struct frame *frame, struct answer *answer)
{
	uint8_t *bytes = malloc(frame->length + 1);
	struct answer other;
	bool arp, nd;

	memset(answer, 0x5a, sizeof *answer);
	memcpy(bytes + 1, frame->bytes, frame->length);
	arp = arp_decode_answer(bytes + 1, frame->length, answer);
	nd = nd_decode_answer(bytes + 1, frame->length, arp ? &other : answer);
	free(bytes);
	assert_false(arp && nd);
	return arp || nd;
}

static void expect_answer(const struct frame *frame, const struct ip *target, uint16_t vlan)
{
	struct answer answer;

	assert_true(decode(frame, &answer));
	assert_true(ip_equal(&answer.target, target));
	assert_memory_equal(answer.to, frame->bytes, MAC_SIZE);
	assert_int_equal(answer.vlan, vlan);
}

static void expect_none(const struct frame *frame)
{
	struct answer answer, before;

	memset(&before, 0x5a, sizeof before);
	assert_false(decode(frame, &answer));
	assert_memory_equal(&answer, &before, sizeof answer);
}

static void answers_are_read_with_tag_and_padding(void **state)
{
	struct frame frames[] = { frame_of(golden_reply, sizeof golden_reply), frame_of(golden_na, sizeof golden_na) };
	const struct ip *targets[] = { &target_4, &target_6 };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct frame tag = tagged(&frames[i], VLAN), priority = tagged(&frames[i], 7 << 13);

		expect_answer(&frames[i], targets[i], 0);
		expect_answer(&tag, targets[i], VLAN);
		expect_answer(&priority, targets[i], 0);
		bytes_put16(tag.bytes + 14, 0xf000 | VLAN_MAX);
		expect_answer(&tag, targets[i], VLAN_MAX);
		bytes_put16(tag.bytes + 14, VLAN_MAX + 1);
		expect_none(&tag);
		tag = tagged(&priority, VLAN); /* two tags */
		expect_none(&tag);
		frames[i].length += 18;
		expect_answer(&frames[i], targets[i], 0);
	}
}

/* Whatever the question says of itself, it is no answer. */
static void questions_and_announcements_are_no_answers(void **state)
{
	struct frame frame = { .length = ARP_FRAME };

	(void)state;
	frame.length = arp_request(frame.bytes, mac, &source_4, &target_4, VLAN);
	expect_none(&frame);
	frame.length = nd_solicitation(frame.bytes, mac, &nobody, &target_6, 0);
	expect_none(&frame);
	arp_announcement(frame.bytes, ARP_FORM_REQUEST, mac, &target_4);
	frame.length = ARP_FRAME;
	expect_none(&frame);
}

/* To everybody: the reader may judge by `to`. */
static void replies_to_a_group_are_told_with_it(void **state)
{
	struct frame frame = { .length = ND_FRAME };

	(void)state;
	nd_announcement(frame.bytes, mac, &target_6, true);
	expect_answer(&frame, &target_6, 0);
	arp_announcement(frame.bytes, ARP_FORM_REPLY, mac, &target_4);
	frame.length = ARP_FRAME;
	expect_answer(&frame, &target_4, 0);
}

static void truncated_answers_are_refused(void **state)
{
	struct frame reply = frame_of(golden_reply, sizeof golden_reply), na = frame_of(golden_na, sizeof golden_na);
	struct frame tag = tagged(&na, VLAN);

	(void)state;
	while (reply.length--)
		expect_none(&reply);
	while (na.length--)
		expect_none(&na);
	while (tag.length--)
		expect_none(&tag);
}

/* RFC 4861 §7.1.2, rule by rule. Where the sum covers what is changed it is made right, so that only the rule counts. */
static void na_is_validated(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
		bool sealed;
	} cases[] = {
		{ IPV6_AT + 7, 254, false }, /* hop limit */
		{ IPV6_AT + 7, 0, false },
		{ NA_AT + 2, 0, false },     /* checksum */
		{ NA_AT + 1, 1, true },      /* code */
		{ NA_AT + 8, 0xff, true },   /* target a group */
		{ IPV6_AT + 24, 0xff, true }, /* solicited, to a group */
		{ NA_AT + 25, 0, true },     /* option length */
		{ NA_AT + 25, 2, true },
		{ NA_AT, 135, true },        /* type */
		{ IPV6_AT + 6, 0, false },   /* a hop-by-hop header */
		{ IPV6_AT, 0x40, false },    /* version */
		{ IPV6_AT + 5, NA_SIZE + 1, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct frame frame = frame_of(golden_na, sizeof golden_na);

		frame.bytes[cases[i].at] = cases[i].value;
		if (cases[i].sealed)
			seal(&frame);
		expect_none(&frame);
	}
}

/* Without its option, with one behind it, or with a reserved bit: an answer still. The payload's length counts, not the
 * frame's. */
static void na_may_have_other_options(void **state)
{
	static const uint8_t nonce[8] = { 14, 1, 1, 2, 3, 4, 5, 6 };
	struct frame frame = frame_of(golden_na, sizeof golden_na);

	(void)state;
	memcpy(frame.bytes + frame.length, nonce, sizeof nonce);
	frame.length += sizeof nonce;
	bytes_put16(frame.bytes + IPV6_AT + 4, NA_SIZE + sizeof nonce);
	expect_none(&frame); /* the sum is another */
	seal(&frame);
	expect_answer(&frame, &target_6, 0);
	bytes_put16(frame.bytes + IPV6_AT + 4, 24);
	seal(&frame);
	expect_answer(&frame, &target_6, 0);
	frame.bytes[NA_AT + 7] = 1;
	seal(&frame);
	expect_answer(&frame, &target_6, 0);
	bytes_put16(frame.bytes + IPV6_AT + 4, 23);
	seal(&frame);
	expect_none(&frame);
}

/* No bit of what the sum covers can turn without a drop. */
static void na_with_any_bit_turned_is_refused(void **state)
{
	struct frame frame = frame_of(golden_na, sizeof golden_na);

	(void)state;
	for (size_t bit = (IPV6_AT + 8) * 8; bit < frame.length * 8; bit++) {
		frame.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		expect_none(&frame);
		frame.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	expect_answer(&frame, &target_6, 0);
}

static void reply_of_another_kind_is_refused(void **state)
{
	static const uint8_t fixed[] = { 12, 13, 14, 15, 16, 17, 18, 19, 20, 21 };
	struct frame frame = frame_of(golden_reply, sizeof golden_reply);

	(void)state;
	for (size_t i = 0; i < sizeof fixed; i++) {
		frame.bytes[fixed[i]] ^= 0x10;
		expect_none(&frame);
		frame.bytes[fixed[i]] ^= 0x10;
	}
	memset(frame.bytes + 14 + 14, 0, 4);
	expect_none(&frame);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arp_probe_has_no_sender),
		cmocka_unit_test(arp_request_with_sender_and_tag),
		cmocka_unit_test(ns_is_from_the_link_local_of_the_mac),
		cmocka_unit_test(ns_with_source_and_tag),
		cmocka_unit_test(link_local_has_the_universal_bit_inverted),
		cmocka_unit_test(answers_are_read_with_tag_and_padding),
		cmocka_unit_test(questions_and_announcements_are_no_answers),
		cmocka_unit_test(replies_to_a_group_are_told_with_it),
		cmocka_unit_test(truncated_answers_are_refused),
		cmocka_unit_test(na_is_validated),
		cmocka_unit_test(na_may_have_other_options),
		cmocka_unit_test(na_with_any_bit_turned_is_refused),
		cmocka_unit_test(reply_of_another_kind_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
