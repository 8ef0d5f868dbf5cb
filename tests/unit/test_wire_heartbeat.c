/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Heartbeats against bytes that were made from doc/HEARTBEAT.md by another program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wire/bytes.h"
#include "wire/heartbeat.h"

static const uint8_t golden[] = {
	0x53, 0x42, 0x48, 0x42, 0x01, 0x01, 0x00, 0x9a, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x86, 0xa0,
	0x03, 0x00, 0x00, 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x11, 0x12, 0x13, 0x14,
	0x15, 0x16, 0x17, 0x18, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, 0x31, 0x32, 0x33, 0x34,
	0x35, 0x36, 0x37, 0x38, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x03, 0x6c, 0x62, 0x31, 0x00,
	0x02, 0x00, 0x06, 0x64, 0x69, 0x72, 0x65, 0x63, 0x74, 0x00, 0x05, 0x00, 0x05, 0x30, 0x2e, 0x31,
	0x2e, 0x30, 0x00, 0x03, 0x00, 0x20, 0x12, 0x65, 0x8a, 0x19, 0x1d, 0xc1, 0x00, 0x00, 0x11, 0x22,
	0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x1e, 0xf2, 0xd3, 0x45, 0x70, 0xfd, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 0x00, 0x20, 0x00, 0x02, 0x00, 0x00, 0x97, 0xe0,
	0xa2, 0xfe, 0x83, 0x05, 0x61, 0xe5, 0x5e, 0xa0, 0xe1, 0x19, 0x48, 0x72, 0xd2, 0xff, 0xc8, 0x00,
	0x1f, 0x59, 0x64, 0xa2, 0xce, 0x98, 0x21, 0xcd, 0x64, 0x00,
};

static const struct heartbeat message = {
	.version = 1,
	.goodbye = true,
	.interval_us = 100000,
	.lost = 3,
	.incarnation = 0x0102030405060708,
	.to = 0x1112131415161718,
	.sequence = 0x2122232425262728,
	.digest = 0x3132333435363738,
	.node = "lb1",
	.path = "direct",
	.software = "0.1.0",
	.n_heard = 2,
	.n_vips = 2,
};

enum { NODE_AT = HEARTBEAT_HEADER, PATH_AT = NODE_AT + 4 + 3, SOFTWARE_AT = PATH_AT + 4 + 6, HEARD_AT = SOFTWARE_AT + 4 + 5,
       CLAIMS_AT = HEARD_AT + 4 + 32 };

static struct heartbeat whole(void)
{
	struct heartbeat m = message;

	m.heard[0] = (struct heartbeat_heard){ heartbeat_id("lan"), 0x1122334455667788 };
	m.heard[1] = (struct heartbeat_heard){ heartbeat_id("direct"), 0 };
	return m;
}

static const struct heartbeat_claim *claim(unsigned i)
{
	static struct heartbeat_claim claims[2] = {
		{ .state = VIP_ACTIVE, .verdict = LAN_GOOD, .able = true, .holding = true, .health = 255, .priority = 200 },
		{ .state = VIP_BACKUP, .verdict = LAN_DEAD, .health = 205, .priority = 100 },
	};

	claims[0].vip = heartbeat_id("web");
	claims[1].vip = heartbeat_id("mail");
	return &claims[i];
}

static size_t encode(uint8_t *out, size_t size, struct heartbeat m, unsigned *written)
{
	size_t length;

	m.claims_digest = heartbeat_claim_sum(claim(0)) + heartbeat_claim_sum(claim(1));
	length = heartbeat_begin(out, size, &m);
	*written = 0;
	while (length && *written < 2 && heartbeat_put_claim(out, size, &length, claim(*written)))
		(*written)++;
	return length ? heartbeat_finish(out, length) : 0;
}

/* From memory of exactly that length, so that a sanitizer sees one byte too far. */
static enum heartbeat_drop decode(const uint8_t *bytes, size_t length, struct heartbeat *m)
{
	uint8_t *copy = malloc(length ? length : 1);
	enum heartbeat_drop drop;

	if (length)
		memcpy(copy, bytes, length);
	drop = heartbeat_decode(copy, length, m);
	if (drop == HEARTBEAT_GOOD && m->claims)
		m->claims = bytes + (m->claims - copy);
	free(copy);
	return drop;
}

/* The golden datagram with `n` bytes changed at an offset. */
static enum heartbeat_drop spoilt(size_t at, const char *bytes, size_t n, struct heartbeat *m)
{
	static uint8_t copy[sizeof golden];

	memcpy(copy, golden, sizeof golden);
	memcpy(copy + at, bytes, n);
	return decode(copy, sizeof copy, m);
}

static void a_name_stands_as_six_bytes_of_its_hash(void **state)
{
	(void)state;
	assert_true(heartbeat_id("") == 0xcbf29ce48422);
	assert_true(heartbeat_id("web") == 0x5ea0e11948721ef1 >> 16);
	assert_true(heartbeat_claim_sum(claim(0)) == 0xcdebd8a322a3b0e8);
}

static void writes_what_the_page_says(void **state)
{
	uint8_t out[HEARTBEAT_MAX];
	unsigned written;

	(void)state;
	assert_int_equal(encode(out, sizeof out, whole(), &written), sizeof golden);
	assert_int_equal(written, 2);
	assert_memory_equal(out, golden, sizeof golden);
}

static void reads_what_the_page_says(void **state)
{
	struct heartbeat m;
	struct heartbeat_claim c;

	(void)state;
	assert_int_equal(decode(golden, sizeof golden, &m), HEARTBEAT_GOOD);
	assert_true(m.version == 1 && m.goodbye && m.key == 0 && m.interval_us == 100000 && m.lost == 3);
	assert_true(m.incarnation == message.incarnation && m.to == message.to && m.sequence == message.sequence);
	assert_true(m.digest == message.digest && m.n_vips == 2 && m.n_claims == 2 && m.n_heard == 2);
	assert_string_equal(m.node, "lb1");
	assert_string_equal(m.path, "direct");
	assert_string_equal(m.software, "0.1.0");
	assert_true(m.heard[0].path == heartbeat_id("lan") && m.heard[0].sequence == 0x1122334455667788);
	assert_true(m.heard[1].path == heartbeat_id("direct") && m.heard[1].sequence == 0);
	assert_true(m.claims_digest == heartbeat_claim_sum(claim(0)) + heartbeat_claim_sum(claim(1)));
	for (unsigned i = 0; i < 2; i++) {
		assert_true(heartbeat_claim_at(&m, i, &c));
		assert_true(c.vip == claim(i)->vip && c.state == claim(i)->state && c.verdict == claim(i)->verdict);
		assert_true(c.able == claim(i)->able && c.holding == claim(i)->holding);
		assert_true(c.health == claim(i)->health && c.priority == claim(i)->priority);
	}
}

static void leaves_room_for_the_tag(void **state)
{
	uint8_t out[HEARTBEAT_MAX], none[HEARTBEAT_TAG] = { 0 };
	struct heartbeat m = whole();
	unsigned written;
	size_t length;

	(void)state;
	m.key = 0xdeadbeef;
	memset(out, 0x55, sizeof out);
	length = encode(out, sizeof out, m, &written);
	assert_int_equal(length, sizeof golden + HEARTBEAT_TAG);
	assert_memory_equal(out + sizeof golden, none, sizeof none);
	assert_int_equal(decode(out, length, &m), HEARTBEAT_GOOD);
	assert_true(m.key == 0xdeadbeef && m.n_claims == 2);
}

/* What does not fit waits for its turn; what the datagram must have does not fit: it is not written. */
static void more_claims_than_fit_are_left_out(void **state)
{
	uint8_t out[HEARTBEAT_MAX + 1];
	struct heartbeat m = whole();
	size_t bare, length;
	unsigned n = 0;

	(void)state;
	m.key = 1;
	length = bare = heartbeat_begin(out, sizeof out, &m);
	assert_int_equal(bare, sizeof golden - 20);
	while (heartbeat_put_claim(out, sizeof out, &length, claim(0)))
		n++;
	assert_int_equal(n, (HEARTBEAT_MAX - HEARTBEAT_TAG - bare) / 10);
	length = heartbeat_finish(out, length);
	assert_true(length <= HEARTBEAT_MAX && length > HEARTBEAT_MAX - 10);
	assert_int_equal(decode(out, length, &m), HEARTBEAT_GOOD);
	assert_int_equal(m.n_claims, n);
	for (size_t size = 0; size < bare + HEARTBEAT_TAG; size++)
		assert_int_equal(heartbeat_begin(out, size, &m), 0);
	assert_int_equal(heartbeat_begin(out, bare + HEARTBEAT_TAG, &m), bare);
}

/* Whatever a configuration may call things, a datagram has room for so many claims. */
static void as_many_claims_fit_as_are_promised(void **state)
{
	uint8_t out[HEARTBEAT_MAX];
	struct heartbeat m = whole(), read;
	size_t length;
	unsigned n = 0;

	(void)state;
	m.key = UINT32_MAX;
	m.n_heard = HEARTBEAT_PATHS;
	memset(m.node, 'n', HEARTBEAT_NAME - 1);
	memset(m.path, 'p', HEARTBEAT_LABEL - 1);
	memset(m.software, 's', HEARTBEAT_LABEL - 1);
	length = heartbeat_begin(out, sizeof out, &m);
	while (n < HEARTBEAT_CLAIMS && heartbeat_put_claim(out, sizeof out, &length, claim(n % 2)))
		n++;
	assert_int_equal(n, HEARTBEAT_CLAIMS);
	length = heartbeat_finish(out, length);
	assert_true(length <= HEARTBEAT_MAX);
	assert_int_equal(decode(out, length, &read), HEARTBEAT_GOOD);
	assert_true(read.n_claims == HEARTBEAT_CLAIMS && read.n_heard == HEARTBEAT_PATHS);
	assert_string_equal(read.node, m.node);
	assert_string_equal(read.path, m.path);
	assert_string_equal(read.software, m.software);
}

/* The last byte of an entry: one bit is known, and it is part of no digest. */
static void the_bit_of_vrrp_and_those_beside_it(void **state)
{
	enum { MORE_AT = CLAIMS_AT + 4 + 12 + 9 };
	struct heartbeat_claim vrrp = *claim(0), plain = *claim(0), c;
	struct heartbeat m = whole();
	uint8_t out[HEARTBEAT_MAX];
	size_t length;

	(void)state;
	vrrp.vrrp = true;
	length = heartbeat_begin(out, sizeof out, &m);
	assert_true(heartbeat_put_claim(out, sizeof out, &length, &vrrp) && heartbeat_put_claim(out, sizeof out, &length, &plain));
	length = heartbeat_finish(out, length);
	assert_true(out[MORE_AT] == 0x01 && out[MORE_AT + 10] == 0x00);
	out[MORE_AT] = 0xff;
	out[MORE_AT + 10] = 0xfe;
	assert_int_equal(decode(out, length, &m), HEARTBEAT_GOOD);
	assert_true(heartbeat_claim_at(&m, 0, &c) && c.vrrp && c.vip == vrrp.vip && c.able && c.holding && c.health == 255 && c.priority == 200);
	assert_true(heartbeat_claim_at(&m, 1, &c) && !c.vrrp);
	assert_true(heartbeat_claim_sum(&vrrp) == heartbeat_claim_sum(&plain));
	/* of the header of the claims two bytes are reserved */
	out[CLAIMS_AT + 6] = out[CLAIMS_AT + 7] = 0xff;
	assert_int_equal(decode(out, length, &m), HEARTBEAT_GOOD);
	assert_true(m.n_vips == 2 && m.n_claims == 2);
}

static void refuses_to_write_what_is_out_of_range(void **state)
{
	uint8_t out[HEARTBEAT_MAX];
	struct heartbeat wrong[7];

	(void)state;
	for (unsigned i = 0; i < 7; i++)
		wrong[i] = whole();
	wrong[0].node[0] = '\0';
	wrong[1].path[0] = '\0';
	wrong[2].interval_us = HEARTBEAT_INTERVAL_MIN_US - 1;
	wrong[3].interval_us = HEARTBEAT_INTERVAL_MAX_US + 1;
	wrong[4].lost = 0;
	wrong[5].incarnation = 0;
	wrong[6].n_heard = HEARTBEAT_PATHS + 1;
	for (unsigned i = 0; i < 7; i++)
		assert_int_equal(heartbeat_begin(out, sizeof out, &wrong[i]), 0);
}

static void every_cut_is_seen(void **state)
{
	uint8_t copy[sizeof golden];
	struct heartbeat m;

	(void)state;
	for (size_t length = 0; length < sizeof golden; length++) {
		enum heartbeat_drop drop = decode(golden, length, &m);
		assert_int_equal(drop, length < HEARTBEAT_HEADER ? HEARTBEAT_FOREIGN : HEARTBEAT_TRUNCATED);
		if (length < HEARTBEAT_HEADER)
			continue;
		/* the same with a length that claims to be whole: only between items it may be */
		memcpy(copy, golden, sizeof golden);
		bytes_put16(copy + 6, (uint16_t)length);
		drop = decode(copy, length, &m);
		if (length == NODE_AT || length == PATH_AT)
			assert_int_equal(drop, HEARTBEAT_NAMELESS);
		else if (length == SOFTWARE_AT || length == HEARD_AT || length == CLAIMS_AT)
			assert_int_equal(drop, HEARTBEAT_GOOD);
		else
			assert_int_equal(drop, HEARTBEAT_TRUNCATED);
	}
}

static void drops_each_for_its_reason(void **state)
{
	struct heartbeat m;

	(void)state;
	assert_int_equal(spoilt(0, "T", 1, &m), HEARTBEAT_FOREIGN);
	assert_int_equal(spoilt(4, "\0", 1, &m), HEARTBEAT_RANGE);
	assert_int_equal(spoilt(6, "\xff\xff", 2, &m), HEARTBEAT_TRUNCATED);
	assert_int_equal(spoilt(12, "\0\0\x03\xe7", 4, &m), HEARTBEAT_RANGE);
	assert_int_equal(spoilt(12, "\x03\x93\x87\x01", 4, &m), HEARTBEAT_RANGE);
	assert_int_equal(spoilt(16, "\0", 1, &m), HEARTBEAT_RANGE);
	assert_int_equal(spoilt(20, "\0\0\0\0\0\0\0\0", 8, &m), HEARTBEAT_RANGE);
	assert_int_equal(spoilt(NODE_AT + 5, "\0", 1, &m), HEARTBEAT_NAMELESS);
	assert_int_equal(spoilt(PATH_AT, "\0\x63", 2, &m), HEARTBEAT_NAMELESS);
	assert_int_equal(spoilt(NODE_AT + 2, "\x7f", 1, &m), HEARTBEAT_TRUNCATED);
}

/* A later version is understood as far as this one goes. */
static void what_is_not_known_is_passed_over(void **state)
{
	struct heartbeat m;
	struct heartbeat_claim c;

	(void)state;
	assert_int_equal(spoilt(4, "\x09", 1, &m), HEARTBEAT_GOOD);
	assert_true(m.version == 9 && m.n_claims == 2);
	assert_int_equal(spoilt(5, "\xfe", 1, &m), HEARTBEAT_GOOD);
	assert_false(m.goodbye);
	assert_int_equal(spoilt(17, "\xff\xff\xff", 3, &m), HEARTBEAT_GOOD);
	assert_int_equal(spoilt(SOFTWARE_AT, "\x7f\xff", 2, &m), HEARTBEAT_GOOD);
	assert_string_equal(m.software, "");
	assert_int_equal(spoilt(SOFTWARE_AT, "\0\x01", 2, &m), HEARTBEAT_GOOD);
	assert_string_equal(m.node, "lb1"); /* the second of its kind says nothing */
	assert_int_equal(spoilt(CLAIMS_AT + 4 + 12 + 6, "\xd5", 1, &m), HEARTBEAT_GOOD);
	assert_false(heartbeat_claim_at(&m, 0, &c));
	assert_true(heartbeat_claim_at(&m, 1, &c));
	assert_int_equal(spoilt(CLAIMS_AT + 4 + 12 + 6, "\xf2", 1, &m), HEARTBEAT_GOOD);
	assert_false(heartbeat_claim_at(&m, 0, &c));
}

static void no_more_paths_than_two_nodes_share(void **state)
{
	uint8_t bytes[HEARTBEAT_MAX];
	struct heartbeat m = whole();
	unsigned written;
	size_t length;

	(void)state;
	m.n_heard = HEARTBEAT_PATHS;
	length = encode(bytes, sizeof bytes, m, &written);
	memmove(bytes + HEARD_AT + 4 + 32, bytes + HEARD_AT + 4, length - HEARD_AT - 4); /* two more before them */
	bytes_put16(bytes + HEARD_AT + 2, (HEARTBEAT_PATHS + 2) * 16);
	bytes_put16(bytes + 6, (uint16_t)(length + 32));
	assert_int_equal(decode(bytes, length + 32, &m), HEARTBEAT_GOOD);
	assert_true(m.n_heard == HEARTBEAT_PATHS && m.n_claims == 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_stands_as_six_bytes_of_its_hash),
		cmocka_unit_test(writes_what_the_page_says),
		cmocka_unit_test(reads_what_the_page_says),
		cmocka_unit_test(leaves_room_for_the_tag),
		cmocka_unit_test(more_claims_than_fit_are_left_out),
		cmocka_unit_test(as_many_claims_fit_as_are_promised),
		cmocka_unit_test(the_bit_of_vrrp_and_those_beside_it),
		cmocka_unit_test(refuses_to_write_what_is_out_of_range),
		cmocka_unit_test(every_cut_is_seen),
		cmocka_unit_test(drops_each_for_its_reason),
		cmocka_unit_test(what_is_not_known_is_passed_over),
		cmocka_unit_test(no_more_paths_than_two_nodes_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
