/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

/* From the largest to the smallest; each is a multiple of the next. */
static const struct unit {
	const char *name;
	uint64_t ns;
} units[] = {
	{ "h", 3600 * NSEC_PER_SEC },
	{ "min", 60 * NSEC_PER_SEC },
	{ "s", NSEC_PER_SEC },
	{ "ms", NSEC_PER_MSEC },
	{ "us", 1000 },
	{ "ns", 1 },
};

enum { N_UNITS = sizeof units / sizeof units[0] };

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* ---- addresses ---- */

static int to_af(uint8_t family)
{
	return family == FAMILY_6 ? AF_INET6 : AF_INET;
}

int text_parse_ip(const char *text, struct ip *ip)
{
	struct ip parsed = { .family = strchr(text, ':') ? FAMILY_6 : FAMILY_4 };

	if (inet_pton(to_af(parsed.family), text, parsed.bytes) != 1)
		return -EINVAL;
	*ip = parsed;
	return 0;
}

/* Decimal, without sign or leading zeros. */
static int parse_prefix(const char *text, unsigned max, uint8_t *prefix)
{
	unsigned value = 0;

	if (!is_digit(text[0]) || (text[0] == '0' && text[1]))
		return -EINVAL;
	for (; is_digit(*text); text++) {
		value = value * 10 + (unsigned)(*text - '0');
		if (value > max)
			value = max + 1; /* stays too long, never overflows */
	}
	if (*text)
		return -EINVAL;
	if (value > max)
		return -ERANGE;
	*prefix = (uint8_t)value;
	return 0;
}

int text_parse_cidr(const char *text, struct ip *ip, uint8_t *prefix)
{
	const char *slash = strchr(text, '/');
	char address[TEXT_IP_SIZE];
	struct ip parsed;
	int error;

	if (!slash)
		return text_parse_ip(text, ip) ? -EINVAL : 1;
	if ((size_t)(slash - text) >= sizeof address)
		return -EINVAL;
	memcpy(address, text, (size_t)(slash - text));
	address[slash - text] = '\0';
	if (text_parse_ip(address, &parsed))
		return -EINVAL;
	error = parse_prefix(slash + 1, 8 * ip_size(parsed.family), prefix);
	if (!error)
		*ip = parsed;
	return error;
}

char *text_ip(const struct ip *ip, char out[TEXT_IP_SIZE])
{
	out[0] = '\0';
	if (ip->family != FAMILY_NONE)
		inet_ntop(to_af(ip->family), ip->bytes, out, TEXT_IP_SIZE);
	return out;
}

char *text_mac(const uint8_t mac[MAC_SIZE], char out[TEXT_MAC_SIZE])
{
	snprintf(out, TEXT_MAC_SIZE, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	return out;
}

/* ---- durations ---- */

/* The parts of "12.5ms"; a fraction has its length, 0 when there is none. */
struct number {
	const char *whole, *fraction, *unit;
	size_t whole_length, fraction_length;
};

static size_t count_digits(const char *text)
{
	size_t n = 0;

	while (is_digit(text[n]))
		n++;
	return n;
}

static int split_number(const char *text, struct number *number)
{
	*number = (struct number){ .whole = text, .whole_length = count_digits(text) };
	if (number->whole_length == 0)
		return -EINVAL;
	text += number->whole_length;
	if (*text == '.') {
		number->fraction = ++text;
		number->fraction_length = count_digits(text);
		if (number->fraction_length == 0)
			return -EINVAL;
		text += number->fraction_length;
	}
	number->unit = text;
	return 0;
}

static const struct unit *find_unit(const char *name)
{
	for (int i = 0; i < N_UNITS; i++) {
		if (strcmp(units[i].name, name) == 0)
			return &units[i];
	}
	return NULL;
}

static int add_digits(const struct number *number, uint64_t unit_ns, uint64_t *ns)
{
	uint64_t whole = 0, part = 0, step = unit_ns;
	size_t i;

	for (i = 0; i < number->whole_length; i++) {
		if (__builtin_mul_overflow(whole, 10, &whole) ||
		    __builtin_add_overflow(whole, (uint64_t)(number->whole[i] - '0'), &whole))
			return -ERANGE;
	}
	for (i = 0; i < number->fraction_length; i++) {
		uint64_t digit = (uint64_t)(number->fraction[i] - '0');

		if (digit && step % 10)
			return -ERANGE;
		step = step % 10 ? 1 : step / 10;
		part += digit * step; /* less than a unit in sum */
	}
	if (__builtin_mul_overflow(whole, unit_ns, &whole) || __builtin_add_overflow(whole, part, ns))
		return -ERANGE;
	return 0;
}

int text_parse_duration(const char *text, uint64_t *ns)
{
	const struct unit *unit;
	struct number number;
	uint64_t value;
	int error;

	if (split_number(text, &number))
		return -EINVAL;
	if (!*number.unit)
		return -ENODATA;
	unit = find_unit(number.unit);
	if (!unit)
		return -EINVAL;
	error = add_digits(&number, unit->ns, &value);
	if (!error)
		*ns = value;
	return error;
}

char *text_duration_exact(uint64_t ns, char out[TEXT_DURATION_SIZE])
{
	const struct unit *unit = &units[0];

	if (ns == 0)
		return strcpy(out, "0s");
	while (ns % unit->ns)
		unit++;
	snprintf(out, TEXT_DURATION_SIZE, "%" PRIu64 "%s", ns / unit->ns, unit->name);
	return out;
}

/* How long ones are said to people, from the smallest: rounded to `step`, up to but not including `limit`; what is left
 * of the unit as a second number (`rest`), or as decimals. */
static const struct style {
	const char *name, *rest;
	uint64_t unit, step, limit;
} styles[] = {
	{ "ns", NULL, 1, 1, 1000 },
	{ "us", NULL, 1000, 100, NSEC_PER_MSEC },
	{ "ms", NULL, NSEC_PER_MSEC, NSEC_PER_MSEC / 10, NSEC_PER_SEC },
	{ "s", NULL, NSEC_PER_SEC, NSEC_PER_MSEC, 60 * NSEC_PER_SEC },
	{ "min", "s", 60 * NSEC_PER_SEC, NSEC_PER_SEC, 3600 * NSEC_PER_SEC },
	{ "h", "min", 3600 * NSEC_PER_SEC, 60 * NSEC_PER_SEC, 86400 * NSEC_PER_SEC },
	{ "d", "h", 86400 * NSEC_PER_SEC, 3600 * NSEC_PER_SEC, NEVER },
};

static uint64_t round_to(uint64_t ns, uint64_t step)
{
	return ns / step + (ns % step >= step - step / 2);
}

/* The part after the point, of `scale` (10 or 1000) equal parts, without trailing zeros. */
static void print_decimals(char *out, size_t size, uint64_t part, uint64_t scale, const char *name)
{
	int digits = scale == 10 ? 1 : 3;

	for (; part % 10 == 0; digits--)
		part /= 10;
	snprintf(out, size, ".%0*" PRIu64 " %s", digits, part, name);
}

char *text_duration(uint64_t ns, char out[TEXT_DURATION_SIZE])
{
	const struct style *style = styles;
	uint64_t steps, per_unit, left;
	int length;

	if (ns == 0)
		return strcpy(out, "0 s");
	while (style->limit != NEVER && round_to(ns, style->step) >= style->limit / style->step)
		style++;
	steps = round_to(ns, style->step);
	per_unit = style->unit / style->step;
	left = steps % per_unit;

	length = snprintf(out, TEXT_DURATION_SIZE, "%" PRIu64, steps / per_unit);
	if (!left)
		snprintf(out + length, TEXT_DURATION_SIZE - (size_t)length, " %s", style->name);
	else if (style->rest)
		snprintf(out + length, TEXT_DURATION_SIZE - (size_t)length, " %s %" PRIu64 " %s", style->name, left,
			 style->rest);
	else
		print_decimals(out + length, TEXT_DURATION_SIZE - (size_t)length, left, per_unit, style->name);
	return out;
}

/* ---- times ---- */

char *text_time(uint64_t realtime_ns, char out[TEXT_TIME_SIZE])
{
	time_t seconds = (time_t)(realtime_ns / NSEC_PER_SEC);
	unsigned ms = (unsigned)(realtime_ns % NSEC_PER_SEC / NSEC_PER_MSEC);
	struct tm tm;
	char zone[sizeof "+hhmm"];
	size_t length;

	localtime_r(&seconds, &tm);
	length = strftime(out, TEXT_TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
	strftime(zone, sizeof zone, "%z", &tm);
	snprintf(out + length, TEXT_TIME_SIZE - length, ".%03u%.3s:%s", ms, zone, zone + 3);
	return out;
}
