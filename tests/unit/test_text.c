/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/text.h"

enum { UNTOUCHED = 77 };

/* ---- addresses ---- */

static void ip_good(void **state)
{
	static const struct {
		const char *text;
		struct ip ip;
	} cases[] = {
		{ "192.0.2.1", { FAMILY_4, { 192, 0, 2, 1 } } },
		{ "0.0.0.0", { FAMILY_4, { 0 } } },
		{ "255.255.255.255", { FAMILY_4, { 255, 255, 255, 255 } } },
		{ "::", { FAMILY_6, { 0 } } },
		{ "2001:db8::100", { FAMILY_6, { 0x20, 0x01, 0x0d, 0xb8, [14] = 1, 0 } } },
		{ "fe80::1", { FAMILY_6, { 0xfe, 0x80, [15] = 1 } } },
	};
	char out[TEXT_IP_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct ip ip;

		memset(&ip, 0x5a, sizeof ip);
		assert_int_equal(text_parse_ip(cases[i].text, &ip), 0);
		assert_true(ip_equal(&ip, &cases[i].ip));
		assert_string_equal(text_ip(&ip, out), cases[i].text);
	}
}

static const char *const wrong_ips[] = {
	"",	      " ",	"192.0.2",    "192.0.2.1.1", "192.0.2.256", "192.0.2.1 ",	 " 192.0.2.1",
	"192.0.2.01", "0x7f.1", "192.0.2.-1", "::1%eth0",    "2001:db8:::", "1:2:3:4:5:6:7",	 "[::1]",
	"::g",	      ":",	"lb1",	      "::1/64",	     "192.0.2.1/",  "1:2:3:4:5:6:7:8:9", "::ffff:1.2.3.4.5",
};

static void ip_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof wrong_ips / sizeof wrong_ips[0]; i++) {
		struct ip ip = { .family = UNTOUCHED };

		if (text_parse_ip(wrong_ips[i], &ip) != -EINVAL)
			fail_msg("'%s' was taken", wrong_ips[i]);
		assert_int_equal(ip.family, UNTOUCHED);
	}
}

static void cidr_cases(void **state)
{
	static const struct {
		const char *text;
		int result;
		uint8_t prefix;
	} cases[] = {
		{ "192.0.2.1/24", 0, 24 },
		{ "192.0.2.1/0", 0, 0 },
		{ "192.0.2.1/32", 0, 32 },
		{ "2001:db8::1/128", 0, 128 },
		{ "fe80::1/64", 0, 64 },
		{ "192.0.2.1", 1, UNTOUCHED },
		{ "2001:db8::1", 1, UNTOUCHED },
		{ "192.0.2.1/33", -ERANGE, UNTOUCHED },
		{ "2001:db8::1/129", -ERANGE, UNTOUCHED },
		{ "192.0.2.1/256", -ERANGE, UNTOUCHED },
		{ "192.0.2.1/280", -ERANGE, UNTOUCHED },
		{ "192.0.2.1/4294967320", -ERANGE, UNTOUCHED },
		{ "192.0.2.1/18446744073709551640", -ERANGE, UNTOUCHED },
		{ "192.0.2.1/", -EINVAL, UNTOUCHED },
		{ "192.0.2.1/024", -EINVAL, UNTOUCHED },
		{ "192.0.2.1/ 24", -EINVAL, UNTOUCHED },
		{ "192.0.2.1/+24", -EINVAL, UNTOUCHED },
		{ "192.0.2.1/-1", -EINVAL, UNTOUCHED },
		{ "192.0.2.1/24 ", -EINVAL, UNTOUCHED },
		{ "192.0.2.1/24/24", -EINVAL, UNTOUCHED },
		{ "192.0.2.1/255.255.255.0", -EINVAL, UNTOUCHED },
		{ "/24", -EINVAL, UNTOUCHED },
		{ "", -EINVAL, UNTOUCHED },
		{ "192.0.2/24", -EINVAL, UNTOUCHED },
		{ "fe80::1%eth0/64", -EINVAL, UNTOUCHED },
		{ "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa/64", -EINVAL, UNTOUCHED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct ip ip = { .family = UNTOUCHED };
		uint8_t prefix = UNTOUCHED;
		int result = text_parse_cidr(cases[i].text, &ip, &prefix);

		if (result != cases[i].result || prefix != cases[i].prefix)
			fail_msg("'%s' gave %d, prefix %u", cases[i].text, result, prefix);
		assert_int_equal(ip.family == UNTOUCHED, result < 0);
	}
}

static void mac_and_no_address(void **state)
{
	static const uint8_t mac[MAC_SIZE] = { 0x00, 0x00, 0x5e, 0x00, 0x01, 0xff };
	static const struct ip none = { .family = FAMILY_NONE };
	struct ip longest;
	char out[TEXT_IP_SIZE];

	(void)state;
	assert_string_equal(text_mac(mac, out), "00:00:5e:00:01:ff");
	assert_string_equal(text_ip(&none, out), "");
	memset(&longest, 0xff, sizeof longest);
	longest.family = FAMILY_6;
	assert_string_equal(text_ip(&longest, out), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
}

/* ---- durations ---- */

static void duration_good(void **state)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} cases[] = {
		{ "0s", 0 },
		{ "0.0ms", 0 },
		{ "1ns", 1 },
		{ "100us", 100000 },
		{ "10ms", 10 * NSEC_PER_MSEC },
		{ "1s", NSEC_PER_SEC },
		{ "1.5s", 1500 * NSEC_PER_MSEC },
		{ "1.000000001s", NSEC_PER_SEC + 1 },
		{ "40.95s", 40950 * NSEC_PER_MSEC },
		{ "2min", 120 * NSEC_PER_SEC },
		{ "0.5min", 30 * NSEC_PER_SEC },
		{ "0.0000000001min", 6 },
		{ "0.1h", 360 * NSEC_PER_SEC },
		{ "1h", 3600 * NSEC_PER_SEC },
		{ "1.50000000000000000000000000000s", 1500 * NSEC_PER_MSEC },
		{ "0000000000000000000000000000010ms", 10 * NSEC_PER_MSEC },
		{ "18446744073709551615ns", UINT64_MAX },
		{ "18446744073.709551615s", UINT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		uint64_t ns = UNTOUCHED;
		int result = text_parse_duration(cases[i].text, &ns);

		if (result || ns != cases[i].ns)
			fail_msg("'%s' gave %d, %llu", cases[i].text, result, (unsigned long long)ns);
	}
}

static void duration_wrong(void **state)
{
	static const struct {
		const char *text;
		int result;
	} cases[] = {
		{ "", -EINVAL },
		{ "s", -EINVAL },
		{ "ms", -EINVAL },
		{ " 1s", -EINVAL },
		{ "1 s", -EINVAL },
		{ "1s ", -EINVAL },
		{ "-1s", -EINVAL },
		{ "+1s", -EINVAL },
		{ ".5s", -EINVAL },
		{ "1.s", -EINVAL },
		{ "1.", -EINVAL },
		{ "1..5s", -EINVAL },
		{ "1.5.5s", -EINVAL },
		{ "1,5s", -EINVAL },
		{ "1e3s", -EINVAL },
		{ "0x10s", -EINVAL },
		{ "1m", -EINVAL },
		{ "1S", -EINVAL },
		{ "1sec", -EINVAL },
		{ "1minute", -EINVAL },
		{ "1d", -EINVAL },
		{ "1min30s", -EINVAL },
		{ "never", -EINVAL },
		{ "0", -ENODATA },
		{ "10", -ENODATA },
		{ "1.5", -ENODATA },
		{ "99999999999999999999999", -ENODATA },
		{ "18446744073709551616ns", -ERANGE },
		{ "18446744073709551620ns", -ERANGE },
		{ "99999999999999999999ns", -ERANGE },
		{ "18446744073.709551616s", -ERANGE },
		{ "18446744074s", -ERANGE },
		{ "5124096h", -ERANGE },
		{ "307445735min", -ERANGE },
		{ "18446744073709551615h", -ERANGE },
		{ "1.5ns", -ERANGE },
		{ "0.0000000001s", -ERANGE },
		{ "1.0000000001s", -ERANGE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		uint64_t ns = UNTOUCHED;
		int result = text_parse_duration(cases[i].text, &ns);

		if (result != cases[i].result || ns != UNTOUCHED)
			fail_msg("'%s' gave %d, %llu", cases[i].text, result, (unsigned long long)ns);
	}
}

static void duration_exact_is_the_largest_unit(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} cases[] = {
		{ 0, "0s" },
		{ 1, "1ns" },
		{ 1000, "1us" },
		{ 1001, "1001ns" },
		{ 100 * NSEC_PER_MSEC, "100ms" },
		{ NSEC_PER_SEC, "1s" },
		{ 1500 * NSEC_PER_MSEC, "1500ms" },
		{ 90 * NSEC_PER_SEC, "90s" },
		{ 120 * NSEC_PER_SEC, "2min" },
		{ 3600 * NSEC_PER_SEC, "1h" },
		{ 86400 * NSEC_PER_SEC, "24h" },
		{ UINT64_MAX, "18446744073709551615ns" },
	};
	char out[TEXT_DURATION_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_string_equal(text_duration_exact(cases[i].ns, out), cases[i].text);
}

static void duration_exact_is_read_back(void **state)
{
	uint64_t ns = 1, back;
	char out[TEXT_DURATION_SIZE];

	(void)state;
	for (int i = 0; i < 100000; i++) {
		/* numbers of every magnitude, many of them round */
		ns = ns * 6364136223846793005ULL + 1442695040888963407ULL;
		uint64_t value = ns >> (i % 64);

		if (i % 3)
			value = value / NSEC_PER_SEC * NSEC_PER_SEC;
		assert_int_equal(text_parse_duration(text_duration_exact(value, out), &back), 0);
		assert_true(back == value);
	}
}

static void duration_for_people(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} cases[] = {
		{ 0, "0 s" },
		{ 1, "1 ns" },
		{ 999, "999 ns" },
		{ 1000, "1 us" },
		{ 1250, "1.3 us" },
		{ 999949, "999.9 us" },
		{ 999950, "1 ms" },
		{ 12 * NSEC_PER_MSEC, "12 ms" },
		{ 12340000, "12.3 ms" },
		{ 611 * NSEC_PER_MSEC, "611 ms" },
		{ 999950000, "1 s" },
		{ NSEC_PER_SEC, "1 s" },
		{ 3600 * NSEC_PER_MSEC, "3.6 s" },
		{ 3544 * NSEC_PER_MSEC, "3.544 s" },
		{ 3004 * NSEC_PER_MSEC, "3.004 s" },
		{ 3609375000, "3.609 s" },
		{ 59999400000, "59.999 s" },
		{ 59999500000, "1 min" },
		{ 60 * NSEC_PER_SEC, "1 min" },
		{ 125 * NSEC_PER_SEC, "2 min 5 s" },
		{ 3599 * NSEC_PER_SEC, "59 min 59 s" },
		{ 3599500 * NSEC_PER_MSEC, "1 h" },
		{ 3661 * NSEC_PER_SEC, "1 h 1 min" },
		{ 86399 * NSEC_PER_SEC, "1 d" },
		{ 90000 * NSEC_PER_SEC, "1 d 1 h" },
		{ UINT64_MAX, "213504 d" },
	};
	char out[TEXT_DURATION_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_string_equal(text_duration(cases[i].ns, out), cases[i].text);
}

/* ---- times ---- */

static void assert_time(const char *zone, uint64_t ns, const char *expected)
{
	char out[TEXT_TIME_SIZE];

	setenv("TZ", zone, 1);
	tzset();
	assert_string_equal(text_time(ns, out), expected);
}

static void time_has_offset_and_milliseconds(void **state)
{
	const uint64_t ns = 1700000000 * NSEC_PER_SEC + 7999999;

	(void)state;
	assert_time("UTC0", 0, "1970-01-01T00:00:00.000+00:00");
	assert_time("UTC0", ns, "2023-11-14T22:13:20.007+00:00");
	assert_time("CET-1", ns, "2023-11-14T23:13:20.007+01:00");
	assert_time("NST3:30", ns, "2023-11-14T18:43:20.007-03:30");
	assert_time("NPT-5:45", ns, "2023-11-15T03:58:20.007+05:45");
	assert_time("UTC0", UINT64_MAX, "2554-07-21T23:34:33.709+00:00");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ip_good),
		cmocka_unit_test(ip_wrong),
		cmocka_unit_test(cidr_cases),
		cmocka_unit_test(mac_and_no_address),
		cmocka_unit_test(duration_good),
		cmocka_unit_test(duration_wrong),
		cmocka_unit_test(duration_exact_is_the_largest_unit),
		cmocka_unit_test(duration_exact_is_read_back),
		cmocka_unit_test(duration_for_people),
		cmocka_unit_test(time_has_offset_and_milliseconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
