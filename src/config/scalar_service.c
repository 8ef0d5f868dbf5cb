/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The scalars of checks and hooks: texts, units, users, where to connect, URLs, sizes. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "config/scalar_parts.h"
#include "config/suggest.h"

#define DIGITS	"0123456789"
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

/* ---- texts and names ---- */

static bool parse_text(struct reader *reader, const struct field *field, const char *text, struct value *value)
{
	size_t length = strlen(text);
	if (length < field->key->min)
		return REFUSE("%s is empty", NAME);
	if (length > field->key->max)
		return REFUSE("%s is too long: %zu bytes; at most %" PRIu64 " are possible%s", NAME, length,
			      field->key->max, scalar_reason(reader, field->key));
	return true;
}

static bool parse_name(struct reader *reader, const struct field *field, const char *text, struct value *value)
{
	return read_is_name(text, NAME_SIZE) ||
	       REFUSE("%s must be a name of 1 to %d of the characters A-Z a-z 0-9 . _ -, not '" SHOWN "'", NAME,
		      NAME_SIZE - 1, SHOW(text));
}

/* What systemd takes without a complaint, and useradd with --badname (User and Group Name Syntax of systemd). */
static bool parse_user(struct reader *reader, const struct field *field, const char *text, struct value *value)
{
	size_t length = strlen(text);
	if (length && length < 32 && !strchr(DIGITS "-.", text[0]) && strspn(text, LETTERS DIGITS "_.-") == length)
		return true;
	return REFUSE("%s must be the name of a user, not '" SHOWN "'", NAME, SHOW(text));
}

static const char *const unit_suffixes[] = { "service", "socket", "target", "timer", "mount", "automount",
					     "swap",	"path",	  "slice",  "scope", "device" };

/* NULL: none is near. */
static const char *nearest_suffix(const char *suffix)
{
	struct suggestion near = { .typed = suffix };
	for (unsigned i = 0; i < sizeof unit_suffixes / sizeof unit_suffixes[0]; i++) {
		if (strcmp(suffix, unit_suffixes[i]) == 0)
			return unit_suffixes[i];
		suggest_try(&near, unit_suffixes[i]);
	}
	return near.word;
}

/* systemd.unit(5): at most 255 characters of this set, a dot, and one of these suffixes. */
static bool parse_unit(struct reader *reader, const struct field *field, const char *text, struct value *value)
{
	size_t length = strlen(text);
	const char *dot = strrchr(text, '.'), *at = strchr(text, '@');
	if (length == 0 || length > 240 || text[0] == '.' || text[0] == '@' ||
	    strspn(text, LETTERS DIGITS ":_.\\@-") != length)
		return REFUSE("%s must be the name of a systemd unit such as haproxy.service, not '" SHOWN "'", NAME,
			      SHOW(text));
	const char *suffix = dot ? nearest_suffix(dot + 1) : NULL;
	if (!suffix || strcmp(suffix, dot + 1) != 0)
		return REFUSE("%s: '" SHOWN "' has no suffix that systemd knows; did you mean '%.*s.%s'?", NAME,
			      SHOW(text), suffix ? (int)(dot - text) : (int)length, text, suffix ? suffix : "service");
	if (at && at + 1 == dot)
		return REFUSE("%s: '" SHOWN "' is a template; name an instance of it, such as '%.*s1%s'", NAME,
			      SHOW(text), (int)(dot - text), text, dot);
	return true;
}

/* ---- where to connect ---- */

static bool check_host(struct reader *reader, const struct field *field, const char *text, struct value *value)
{
	const struct ip *ip = &value->address.ip;
	static const struct ip loopback = { .family = FAMILY_6, .bytes = { [15] = 1 } };
	const char *wrong = scalar_not_unicast(ip);
	if ((ip->family == FAMILY_4 && ip->bytes[0] == 127) || ip_equal(ip, &loopback))
		return true;
	if (ip->family == FAMILY_6 && ip->bytes[0] == 0xfe && (ip->bytes[1] & 0xc0) == 0x80)
		wrong = "a link-local address, which says nothing about where it is";
	return wrong ? REFUSE("%s: '" SHOWN "' is %s", NAME, SHOW(text), wrong) : true;
}

static bool parse_host(struct reader *reader, const struct field *field, const char *text, struct value *value)
{
	if (text_parse_ip(text, &value->address.ip) != 0)
		return REFUSE("%s must be an IPv4 or IPv6 address, not '" SHOWN "'; a name would need DNS to be well",
			      NAME, SHOW(text));
	return check_host(reader, field, text, value);
}

/* 0: it is none. */
static unsigned parse_port(const char *text)
{
	size_t length = strspn(text, DIGITS);
	unsigned long port = length && length < 6 && !text[length] && text[0] != '0' ? strtoul(text, NULL, 10) : 0;
	return port <= UINT16_MAX ? (unsigned)port : 0;
}

/* The host of HOST or HOST:PORT or [HOST]:PORT, and its port with the colon or "". NULL: it is none of them. */
static const char *split_port(struct reader *reader, const char *text, const char **port)
{
	const char *end = text[0] == '[' ? strchr(text, ']') : strrchr(text, ':');
	if (text[0] == '[' && end) {
		*port = end + 1;
		return **port == ':' || !**port ? arena_text(reader->arena, text + 1, (size_t)(end - text - 1)) : NULL;
	}
	*port = end ? end : text + strlen(text);
	return text[0] == '[' ? NULL : arena_text(reader->arena, text, (size_t)(*port - text));
}

static bool parse_endpoint(struct reader *reader, const struct field *field, const char *text, struct value *value)
{
	const char *port = "", *host = split_port(reader, text, &port);
	struct ip *ip = &value->address.ip;
	if (text[0] != '[' && text_parse_ip(text, ip) == 0 && ip->family == FAMILY_6)
		return REFUSE("%s: an IPv6 address goes into brackets: '[%s]:443'", NAME, text);
	if (!host || text_parse_ip(host, ip) != 0 || (ip->family == FAMILY_6) != (text[0] == '['))
		return REFUSE("%s must be ADDRESS:PORT, such as 127.0.0.1:443 or [::1]:443, not '" SHOWN "'%s", NAME,
			      SHOW(text),
			      host && strspn(host, LETTERS DIGITS ".-") == strlen(host) && strpbrk(host, LETTERS)
				      ? "; a name would need DNS to be well"
				      : "");
	if (!*port)
		return REFUSE("%s: '" SHOWN "' has no port; write %s:443", NAME, SHOW(text), text);
	value->number = parse_port(port + 1);
	if (!value->number)
		return REFUSE("%s: '%.20s' is no port; it is a number from 1 to 65535", NAME, port + 1);
	return check_host(reader, field, text, value);
}

static bool is_host_name(const char *text)
{
	size_t length = strlen(text);
	return length && length < 254 && strspn(text, LETTERS DIGITS "._-") == length && !strchr(".-", text[0]) &&
	       !strstr(text, "..");
}

static bool parse_host_name(struct reader *reader, const struct field *field, const char *text, struct value *value)
{
	return is_host_name(text) ||
	       REFUSE("%s must be a name such as www.example.com, not '" SHOWN "'", NAME, SHOW(text));
}

/* What looks like an address must be one. */
static bool is_url_host(const char *text, bool brackets)
{
	struct ip ip;
	if (brackets)
		return text_parse_ip(text, &ip) == 0 && ip.family == FAMILY_6;
	if (strspn(text, DIGITS ".") == strlen(text))
		return text_parse_ip(text, &ip) == 0;
	return is_host_name(text);
}

static bool check_authority(struct reader *reader, const struct field *field, const char *authority,
			    struct value *value)
{
	const char *port = "", *host = split_port(reader, authority, &port);
	if (strchr(authority, '@'))
		return REFUSE("%s: a URL with a user or password cannot be used", NAME);
	if (!host || !is_url_host(host, authority[0] == '['))
		return REFUSE("%s: '" SHOWN "' is no host; it is a name, an IPv4 address or an IPv6 one in brackets",
			      NAME, SHOW(authority));
	if (*port && !parse_port(port + 1))
		return REFUSE("%s: '%.20s' is no port; it is a number from 1 to 65535", NAME, port + 1);
	return true;
}

static bool parse_url(struct reader *reader, const struct field *field, const char *text, struct value *value)
{
	size_t scheme = strncmp(text, "http://", 7) == 0 ? 7 : strncmp(text, "https://", 8) == 0 ? 8 : 0;
	if (!scheme)
		return REFUSE("%s must be a URL such as http://127.0.0.1/health, with http:// or https://, not '" SHOWN
			      "'",
			      NAME, SHOW(text));
	if (strlen(text) > field->key->max)
		return REFUSE("%s is too long: at most %" PRIu64 " bytes", NAME, field->key->max);
	for (const char *p = text; *p; p++)
		if (*p <= ' ' || *p > '~')
			return REFUSE("%s has a character that a URL cannot have; write it as %%%02X", NAME,
				      (unsigned char)*p);
	if (strchr(text, '#'))
		return REFUSE("%s has a '#', which is not sent; leave it out with what follows", NAME);
	return check_authority(reader, field, arena_text(reader->arena, text + scheme, strcspn(text + scheme, "/?")),
			       value);
}

/* ---- numbers ---- */

static bool parse_status(struct reader *reader, const struct field *field, const char *text, struct value *value)
{
	size_t length = strlen(text);
	bool range = length == 7 && text[3] == '-' && strspn(text + 4, DIGITS) == 3;
	unsigned long first = strspn(text, DIGITS) == 3 ? strtoul(text, NULL, 10) : 0;
	unsigned long last = range ? strtoul(text + 4, NULL, 10) : first;
	if ((length != 3 && !range) || first < 100 || last > 599 || last < first)
		return REFUSE("%s must be a status of HTTP, 100 to 599, or two of them such as 200-399, not '" SHOWN
			      "'",
			      NAME, SHOW(text));
	value->number = first * 1000 + last;
	return true;
}

static const struct size_unit {
	const char *name;
	uint64_t bytes;
} size_units[] = { { "GiB", 1 << 30 }, { "MiB", 1 << 20 }, { "KiB", 1 << 10 }, { "B", 1 } };

const char *scalar_size(uint64_t bytes, char out[SCALAR_SIZE])
{
	const struct size_unit *unit = size_units;
	while (bytes % unit->bytes)
		unit++;
	snprintf(out, SCALAR_SIZE, "%" PRIu64 "%s", bytes / unit->bytes, unit->name);
	return out;
}

static bool parse_size(struct reader *reader, const struct field *field, const char *text, struct value *value)
{
	size_t length = strspn(text, DIGITS);
	char min[SCALAR_SIZE], max[SCALAR_SIZE];
	if (length && length < 13 && !text[length])
		return REFUSE("%s needs a unit: write %sB, %sKiB or %sMiB", NAME, text, text, text);
	for (unsigned i = 0; length && length < 13 && i < sizeof size_units / sizeof size_units[0]; i++) {
		if (strcmp(text + length, size_units[i].name) != 0)
			continue;
		value->number = strtoull(text, NULL, 10);
		if (value->number > field->key->max / size_units[i].bytes ||
		    value->number * size_units[i].bytes < field->key->min)
			return REFUSE("%s must be %s to %s, not '" SHOWN "'", NAME, scalar_size(field->key->min, min),
				      scalar_size(field->key->max, max), SHOW(text));
		value->number *= size_units[i].bytes;
		return true;
	}
	return REFUSE("%s must be a size such as 512B, 4KiB, 64MiB or 1GiB, not '" SHOWN "'", NAME, SHOW(text));
}

enum { MICRO = 1000000, MICRO_DIGITS = 6, WHOLE_DIGITS = 12 };

const char *scalar_decimal(int64_t micro, char out[SCALAR_SIZE])
{
	uint64_t size = micro < 0 ? -(uint64_t)micro : (uint64_t)micro;
	int length = snprintf(out, SCALAR_SIZE, "%s%" PRIu64 ".%06" PRIu64, micro < 0 ? "-" : "", size / MICRO,
			      size % MICRO);
	while (out[length - 1] == '0')
		out[--length] = '\0';
	if (out[length - 1] == '.')
		out[--length] = '\0';
	return out;
}

static bool parse_decimal(struct reader *reader, const struct field *field, const char *text, struct value *value)
{
	const char *whole = text + (text[0] == '-');
	size_t length = strspn(whole, DIGITS), fraction = whole[length] == '.' ? strspn(whole + length + 1, DIGITS) : 0;
	const char *end = whole + length + (whole[length] == '.') + fraction;
	uint64_t number = 0;
	if (!length || *end || (whole[length] == '.' && !fraction))
		return REFUSE("%s must be a number such as 10, -5 or 0.75, not '" SHOWN "'", NAME, SHOW(text));
	if (length > WHOLE_DIGITS || fraction > MICRO_DIGITS)
		return REFUSE("%s has too many digits: at most %d, and %d behind the point", NAME, WHOLE_DIGITS,
			      MICRO_DIGITS);
	for (size_t i = 0; i < length + MICRO_DIGITS; i++) {
		const char *digit = i < length ? whole + i : whole + i + 1;
		number = number * 10 + (i < length + fraction ? (uint64_t)(*digit - '0') : 0);
	}
	value->number = text[0] == '-' ? -number : number;
	return true;
}

/* What it names is seen when all objects are there. */
static bool parse_condition(struct reader *reader, const struct field *field, const char *text, struct value *value)
{
	return *text || REFUSE("%s is empty", NAME);
}

bool scalar_parse_service(struct reader *reader, const struct field *field, const char *text, struct value *value)
{
	static bool (*const parsers[])(struct reader *, const struct field *, const char *, struct value *) = {
		[SCHEMA_TEXT] = parse_text,	      [SCHEMA_NAME] = parse_name,
		[SCHEMA_USER] = parse_user,	      [SCHEMA_UNIT] = parse_unit,
		[SCHEMA_HOST] = parse_host,	      [SCHEMA_ENDPOINT] = parse_endpoint,
		[SCHEMA_HOST_NAME] = parse_host_name, [SCHEMA_URL] = parse_url,
		[SCHEMA_STATUS] = parse_status,	      [SCHEMA_SIZE] = parse_size,
		[SCHEMA_DECIMAL] = parse_decimal,     [SCHEMA_CONDITION] = parse_condition,
	};
	return parsers[field->key->type](reader, field, text, value);
}
