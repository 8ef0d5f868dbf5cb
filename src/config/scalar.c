/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/scalar_parts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "config/suggest.h"

const char *field_name(struct reader *reader, const struct field *field)
{
	return arena_format(reader->arena, "'%s'%s%s", field->key->name, *field->title ? " of " : "", field->title);
}

const char *scalar_reason(struct reader *reader, const struct schema_key *key)
{
	return key->why ? arena_format(reader->arena, " (%s)", key->why) : "";
}

/* ---- numbers, booleans, durations, choices ---- */

static bool parse_number(struct reader *reader, const struct field *field, const char *text, struct value *value)
{
	size_t length = strspn(text, "0123456789");
	if (length == 0 || text[length] || (text[0] == '0' && length > 1))
		return REFUSE("%s must be a whole number, not '" SHOWN "'", NAME, SHOW(text));
	uint64_t number = 0;
	for (size_t i = 0; i < length && number <= UINT32_MAX; i++)
		number = number * 10 + (unsigned)(text[i] - '0');
	if (field->key->min == field->key->max && number != field->key->min)
		return REFUSE("%s must be %" PRIu64 ", not " SHOWN "%s", NAME, field->key->min, SHOW(text),
			      scalar_reason(reader, field->key));
	if (number < field->key->min || number > field->key->max)
		return REFUSE("%s must be %" PRIu64 " to %" PRIu64 ", not " SHOWN "%s", NAME, field->key->min,
			      field->key->max, SHOW(text), scalar_reason(reader, field->key));
	value->number = number;
	return true;
}

/* What it names is seen when all bonds are there. */
static bool parse_track(struct reader *reader, const struct field *field, const char *text, struct value *value)
{
	if (!*text || strlen(text) >= TRACK_NAME_SIZE || strpbrk(text, " \t"))
		return REFUSE("%s must be names of 1 to %d bytes without white space, not '" SHOWN "'", NAME, TRACK_NAME_SIZE - 1,
			      SHOW(text));
	value->text = text;
	return true;
}

static bool parse_boolean(struct reader *reader, const struct field *field, const char *text, struct value *value)
{
	value->number = strcmp(text, "true") == 0;
	if (value->number || strcmp(text, "false") == 0)
		return true;
	return REFUSE("%s must be true or false, not '" SHOWN "'", NAME, SHOW(text));
}

static bool check_duration(struct reader *reader, const struct field *field, const char *text, struct value *value)
{
	char min[TEXT_DURATION_SIZE], max[TEXT_DURATION_SIZE], step[TEXT_DURATION_SIZE];
	if (value->number < field->key->min || value->number > field->key->max)
		return REFUSE("%s must be %s to %s, not " SHOWN "%s", NAME, text_duration_exact(field->key->min, min),
			      text_duration_exact(field->key->max, max), SHOW(text), scalar_reason(reader, field->key));
	if (field->key->step && value->number % field->key->step)
		return REFUSE("%s must be a multiple of %s, not " SHOWN, NAME,
			      text_duration_exact(field->key->step, step), SHOW(text));
	return true;
}

static bool parse_duration(struct reader *reader, const struct field *field, const char *text, struct value *value)
{
	char max[TEXT_DURATION_SIZE];
	switch (text_parse_duration(text, &value->number)) {
	case 0:
		return check_duration(reader, field, text, value);
	case -ENODATA:
		return REFUSE("%s needs a unit: write %.20ss, %.20sms or %.20smin", NAME, text, text, text);
	case -ERANGE:
		return REFUSE("%s is too large or too fine: '" SHOWN "'; at most %s", NAME, SHOW(text),
			      text_duration_exact(field->key->max, max));
	default:
		return REFUSE("%s must be a duration such as 100ms, 2s, 1.5s or 2min, not '" SHOWN "'", NAME,
			      SHOW(text));
	}
}

static bool refuse_word(struct reader *reader, const struct field *field, const char *text, struct value *value)
{
	struct suggestion near = { .typed = text };
	const char *words = "";
	for (const struct schema_choice *choice = field->key->choices; choice->word; choice++) {
		suggest_try(&near, choice->word);
		words = arena_format(reader->arena, "%s%s%s", words, *words ? ", " : "", choice->word);
	}
	if (near.word)
		return REFUSE("%s cannot be '" SHOWN "'; did you mean '%s'?", NAME, SHOW(text), near.word);
	return REFUSE("%s must be one of: %s; not '" SHOWN "'", NAME, words, SHOW(text));
}

static bool parse_choice(struct reader *reader, const struct field *field, const char *text, struct value *value)
{
	for (const struct schema_choice *choice = field->key->choices; choice->word; choice++) {
		if (strcmp(choice->word, text) != 0)
			continue;
		value->number = (uint64_t)choice->value;
		return true;
	}
	return refuse_word(reader, field, text, value);
}

/* ---- names ---- */

bool read_is_name(const char *text, unsigned size)
{
	size_t length = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
	return length && !text[length] && length < size;
}

bool read_is_interface_name(const char *text)
{
	size_t length = strlen(text);
	if (length == 0 || length >= IFNAME_SIZE || strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
		return false;
	/* the kernel refuses the first two because of its sysctl trees, the third because of a file in /sys/class/net
	 */
	if (strcmp(text, "all") == 0 || strcmp(text, "default") == 0 || strcmp(text, "bonding_masters") == 0)
		return false;
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == '/' || *p == ':' || *p == 0x7f || (unsigned char)*p == 0xa0)
			return false;
	return true;
}

static bool parse_interface(struct reader *reader, const struct field *field, const char *text, struct value *value)
{
	if (strlen(text) >= IFNAME_SIZE)
		return REFUSE("%s: '" SHOWN "' is too long for an interface: at most %d bytes", NAME, SHOW(text),
			      IFNAME_SIZE - 1);
	if (!read_is_interface_name(text))
		return REFUSE("%s: '" SHOWN "' cannot be the name of an interface", NAME, SHOW(text));
	return true;
}

/* ---- ports and MAC addresses ---- */

/* Six pairs of hexadecimal digits with colons. */
static bool text_is_mac(const char *text, uint8_t mac[MAC_SIZE])
{
	for (unsigned i = 0; i < MAC_SIZE; i++, text += 3) {
		char *end;
		if (strspn(text, "0123456789abcdefABCDEF") != 2 || text[2] != (i + 1 < MAC_SIZE ? ':' : '\0'))
			return false;
		mac[i] = (uint8_t)strtoul(text, &end, 16);
	}
	return true;
}

static const char *not_a_mac(const uint8_t mac[MAC_SIZE])
{
	static const uint8_t zero[MAC_SIZE];
	if (memcmp(mac, zero, MAC_SIZE) == 0)
		return "no address";
	return mac[0] & 1 ? "a multicast address" : NULL;
}

static bool parse_mac_bytes(struct reader *reader, const struct field *field, const char *text, struct value *value)
{
	if (!text_is_mac(text, value->mac))
		return REFUSE("%s: '" SHOWN "' is not a MAC address such as 02:00:5e:10:00:01", NAME, SHOW(text));
	const char *kind = not_a_mac(value->mac);
	return kind ? REFUSE("%s: %s is %s", NAME, text, kind) : true;
}

static bool parse_mac(struct reader *reader, const struct field *field, const char *text, struct value *value)
{
	if (strcmp(text, "stable") == 0 || strcmp(text, "port") == 0) {
		value->number = strcmp(text, "port") == 0 ? MAC_PORT : MAC_STABLE;
		return true;
	}
	value->number = MAC_FIXED;
	if (!strchr(text, ':'))
		return REFUSE("%s must be stable, port or a MAC address such as 02:00:5e:10:00:01, not '" SHOWN "'", NAME,
			      SHOW(text));
	return parse_mac_bytes(reader, field, text, value);
}

/* What stands before the colon; 0: nothing that is known. */
static size_t selector(const char *text, enum port_match *match)
{
	static const struct {
		const char *prefix;
		enum port_match match;
	} selectors[] = { { "mac:", MATCH_MAC }, { "path:", MATCH_PATH }, { "driver:", MATCH_DRIVER } };
	for (unsigned i = 0; i < sizeof selectors / sizeof selectors[0]; i++) {
		size_t length = strlen(selectors[i].prefix);
		if (strncmp(text, selectors[i].prefix, length) == 0) {
			*match = selectors[i].match;
			return length;
		}
	}
	return 0;
}

static bool refuse_selector(struct reader *reader, const struct field *field, const char *text, struct value *value)
{
	const char *kind = arena_format(reader->arena, "%.*s", (int)strcspn(text, ":"), text);
	struct suggestion near = { .typed = kind };
	suggest_try(&near, "mac");
	suggest_try(&near, "path");
	suggest_try(&near, "driver");
	return REFUSE("%s: '%.60s:' is no kind of port%s%s%s; a port is a name, a glob, mac:, path: or driver:", NAME, kind,
		      near.word ? "; did you mean '" : "", near.word ? near.word : "", near.word ? ":'?" : "");
}

static bool parse_glob(struct reader *reader, const struct field *field, const char *text, struct value *value)
{
	value->number = MATCH_GLOB;
	if (strlen(text) >= PORT_SPEC_SIZE)
		return REFUSE("%s: '" SHOWN "' is too long for a glob", NAME, SHOW(text));
	if (strpbrk(text, "/ \t"))
		return REFUSE("%s: '" SHOWN "' cannot match the name of an interface", NAME, SHOW(text));
	const char *open = strchr(text, '[');
	if (open && !strchr(open + 1, ']'))
		return REFUSE("%s: '" SHOWN "' has a [ without its ]", NAME, SHOW(text));
	return true;
}

static bool parse_port(struct reader *reader, const struct field *field, const char *text, struct value *value)
{
	enum port_match match = MATCH_NAME;
	size_t length = selector(text, &match);
	value->number = match;
	if (!length && strchr(text, ':'))
		return refuse_selector(reader, field, text, value);
	if (!length && strpbrk(text, "*?["))
		return parse_glob(reader, field, text, value);
	if (!length)
		return parse_interface(reader, field, text, value);
	if (match == MATCH_MAC)
		return parse_mac_bytes(reader, field, text + length, value);
	if (!text[length])
		return REFUSE("%s: '%s' says nothing behind its colon", NAME, text);
	if (match == MATCH_DRIVER && strlen(text + length) >= 32)
		return REFUSE("%s: '" SHOWN "' is too long for a driver", NAME, SHOW(text));
	if (strlen(text) >= PORT_SPEC_SIZE)
		return REFUSE("%s: '" SHOWN "' is too long: at most %d bytes", NAME, SHOW(text), PORT_SPEC_SIZE - 1);
	return true;
}

static bool parse_node(struct reader *reader, const struct field *field, const char *text, struct value *value)
{
	if (read_is_name(text, NODE_SIZE))
		return true;
	return REFUSE("%s must be 1 to %d of the characters A-Z a-z 0-9 . _ -, not '" SHOWN "'", NAME, NODE_SIZE - 1,
		      SHOW(text));
}

/* ---- addresses ---- */

static bool is_zero(const uint8_t *bytes, unsigned from_bit, unsigned to_bit)
{
	for (unsigned bit = from_bit; bit < to_bit; bit++)
		if (bytes[bit / 8] & (0x80 >> bit % 8))
			return false;
	return true;
}

static bool is_ones(const uint8_t *bytes, unsigned from_bit, unsigned to_bit)
{
	for (unsigned bit = from_bit; bit < to_bit; bit++)
		if (!(bytes[bit / 8] & (0x80 >> bit % 8)))
			return false;
	return true;
}

const char *scalar_not_unicast(const struct ip *ip)
{
	unsigned bits = ip_size(ip->family) * 8;
	if (is_zero(ip->bytes, 0, bits))
		return "the unspecified address";
	if (ip->family == FAMILY_4) {
		if (ip->bytes[0] == 0)
			return "an address of 0.0.0.0/8, which no host has";
		if (ip->bytes[0] == 127)
			return "a loopback address";
		if (ip->bytes[0] >= 224 && ip->bytes[0] <= 239)
			return "a multicast address";
		return is_ones(ip->bytes, 0, bits) ? "the broadcast address" : NULL;
	}
	if (is_zero(ip->bytes, 0, 127))
		return "the loopback address";
	if (ip->bytes[0] == 0xff)
		return "a multicast address";
	if (is_zero(ip->bytes, 0, 80) && is_ones(ip->bytes, 80, 96))
		return "an IPv4 address in IPv6 clothes; write it as IPv4";
	return NULL;
}

static bool parse_ip(struct reader *reader, const struct field *field, const char *text, struct value *value)
{
	struct ip *ip = &value->address.ip;
	if (text_parse_ip(text, ip) != 0) {
		if (strchr(text, '/'))
			return REFUSE("%s must be an address without a prefix, not '" SHOWN "'", NAME, SHOW(text));
		return REFUSE("%s must be an IPv4 or IPv6 address, not '" SHOWN "'", NAME, SHOW(text));
	}
	value->address.prefix = (uint8_t)(ip_size(ip->family) * 8);
	const char *kind = scalar_not_unicast(ip);
	return kind ? REFUSE("%s: %s is %s", NAME, text, kind) : true;
}

/* ip/prefix; a missing prefix is that of a single host when host_prefix, else an error. */
static bool parse_cidr(struct reader *reader, bool host_prefix, const struct field *field, const char *text,
		       struct value *value)
{
	struct config_address *address = &value->address;
	int result = text_parse_cidr(text, &address->ip, &address->prefix);
	if (result == -EINVAL)
		return REFUSE("%s: '" SHOWN "' is not an IPv4 or IPv6 address", NAME, SHOW(text));
	if (result == -ERANGE)
		return REFUSE("%s: the prefix of '" SHOWN "' is longer than /%d", NAME, SHOW(text),
			      strchr(text, ':') ? 128 : 32);
	unsigned bits = ip_size(address->ip.family) * 8;
	if (result == 1 && !host_prefix)
		return REFUSE("%s: '%s' needs its prefix, such as %s/%u", NAME, text, text,
			      address->ip.family == FAMILY_6 ? 64u : 24u);
	if (result == 1)
		address->prefix = (uint8_t)bits;
	return true;
}

static bool parse_address(struct reader *reader, bool host_prefix, const struct field *field, const char *text,
			  struct value *value)
{
	if (!parse_cidr(reader, host_prefix, field, text, value))
		return false;
	const struct config_address *address = &value->address;
	unsigned bits = ip_size(address->ip.family) * 8;
	const char *kind = scalar_not_unicast(&address->ip);
	if (kind)
		return REFUSE("%s: %s is %s", NAME, text, kind);
	if (address->prefix == 0)
		return REFUSE("%s: the prefix of %s must be 1 to %u", NAME, text, bits);
	if (address->ip.family == FAMILY_6 || address->prefix > 30)
		return true;
	if (is_ones(address->ip.bytes, address->prefix, bits))
		return REFUSE("%s: %s is the broadcast address of its network", NAME, text);
	if (is_zero(address->ip.bytes, address->prefix, bits))
		return REFUSE("%s: %s is the address of the network itself, not of a host in it", NAME, text);
	return true;
}

static bool parse_network(struct reader *reader, const struct field *field, const char *text, struct value *value)
{
	struct config_address *network = &value->address;
	char shown[TEXT_IP_SIZE];
	if (strcmp(text, "default") == 0) {
		*network = (struct config_address){ 0 };
		return true;
	}
	if (text_parse_ip(text, &network->ip) == 0)
		return REFUSE("%s: '%s' needs its prefix (%s/%u for this one host), or write default", NAME, text, text,
			      ip_size(network->ip.family) * 8);
	if (!parse_cidr(reader, false, field, text, value))
		return false;
	unsigned bits = ip_size(network->ip.family) * 8;
	if (!is_zero(network->ip.bytes, network->prefix, bits)) {
		struct ip base = network->ip;
		for (unsigned bit = network->prefix; bit < bits; bit++)
			base.bytes[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
		return REFUSE("%s: %s has bits set behind its prefix; did you mean '%s/%u'?", NAME, text,
			      text_ip(&base, shown), network->prefix);
	}
	if (network->prefix == bits && scalar_not_unicast(&network->ip))
		return REFUSE("%s: %s is %s", NAME, text, scalar_not_unicast(&network->ip));
	return true;
}

static bool parse_prefix(struct reader *reader, const struct field *field, const char *text, struct value *value)
{
	if (strcmp(text, "default") == 0)
		return REFUSE("%s must be an address or a network; what is left out is any", NAME);
	return strchr(text, '/') ? parse_network(reader, field, text, value) : parse_ip(reader, field, text, value);
}

/* It is not repeated in what is said. */
static bool parse_password(struct reader *reader, const struct field *field, const char *text, struct value *value)
{
	size_t length = strlen(text);
	for (size_t i = 0; i < length; i++)
		if (text[i] < ' ' || text[i] > '~')
			return REFUSE("%s must be printable ASCII", NAME);
	if (length < field->key->min || length > field->key->max)
		return REFUSE("%s must be %" PRIu64 " to %" PRIu64 " characters, not %zu", NAME, field->key->min, field->key->max,
			      length);
	return true;
}

static bool parse_file(struct reader *reader, const struct field *field, const char *text, struct value *value)
{
	size_t length = strlen(text);
	if (text[0] != '/' || text[length - 1] == '/')
		return REFUSE("%s must be the absolute path of a file such as /etc/standbyd/cluster.key, not '" SHOWN "'", NAME,
			      SHOW(text));
	if (length >= field->key->max)
		return REFUSE("%s is too long: at most %" PRIu64 " bytes", NAME, field->key->max - 1);
	return true;
}

bool scalar_parse(struct reader *reader, const struct field *field, const char *text, struct value *value)
{
	value->text = text;
	switch (field->key->type) {
	case SCHEMA_NUMBER:
		return parse_number(reader, field, text, value);
	case SCHEMA_BOOLEAN:
		return parse_boolean(reader, field, text, value);
	case SCHEMA_DURATION:
		return parse_duration(reader, field, text, value);
	case SCHEMA_CHOICE:
		return parse_choice(reader, field, text, value);
	case SCHEMA_NODE:
		return parse_node(reader, field, text, value);
	case SCHEMA_INTERFACE:
		return parse_interface(reader, field, text, value);
	case SCHEMA_PORT:
		return parse_port(reader, field, text, value);
	case SCHEMA_MAC:
		return parse_mac(reader, field, text, value);
	case SCHEMA_IP:
		return parse_ip(reader, field, text, value);
	case SCHEMA_ADDRESS:
	case SCHEMA_PLACE:
		return parse_address(reader, true, field, text, value);
	case SCHEMA_CIDR:
		return parse_address(reader, false, field, text, value);
	case SCHEMA_NETWORK:
		return parse_network(reader, field, text, value);
	case SCHEMA_FILE:
		return parse_file(reader, field, text, value);
	case SCHEMA_PREFIX:
		return parse_prefix(reader, field, text, value);
	case SCHEMA_PASSWORD:
		return parse_password(reader, field, text, value);
	case SCHEMA_LOWER:
		return parse_number(reader, field, text, value);
	case SCHEMA_TRACK:
		return parse_track(reader, field, text, value);
	case SCHEMA_TEXT:
	case SCHEMA_NAME:
	case SCHEMA_USER:
	case SCHEMA_UNIT:
	case SCHEMA_HOST:
	case SCHEMA_ENDPOINT:
	case SCHEMA_HOST_NAME:
	case SCHEMA_URL:
	case SCHEMA_STATUS:
	case SCHEMA_SIZE:
	case SCHEMA_DECIMAL:
	case SCHEMA_CONDITION:
		return scalar_parse_service(reader, field, text, value);
	case SCHEMA_BRIEF:
	case SCHEMA_UNREAD:
	case SCHEMA_OBJECT:
	case SCHEMA_NAMED:
	case SCHEMA_MEMBERS:
		break;
	}
	return REFUSE("%s must be a map", NAME);
}
