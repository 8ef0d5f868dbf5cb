/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/match.h"

static bool in_class(const char *class, const char *end, char c)
{
	bool negated = *class == '!' || *class == '^', found = false;

	for (class += negated; class < end; class++) {
		if (class + 2 < end && class[1] == '-') {
			found |= c >= class[0] && c <= class[2];
			class += 2;
		} else {
			found |= c == *class;
		}
	}
	return found != negated;
}

/* The end of the class that begins behind the bracket; NULL: it has none. A bracket that closes may be its first member. */
static const char *class_end(const char *class)
{
	const char *first = class + (*class == '!' || *class == '^');

	return *first ? strchr(first + 1, ']') : NULL;
}

/* One element of the pattern against one character: how long the element is, 0: it does not match. */
static unsigned match_one(const char *pattern, char c)
{
	const char *end;

	if (*pattern == '?')
		return 1;
	if (*pattern == '[' && (end = class_end(pattern + 1)) != NULL)
		return in_class(pattern + 1, end, c) ? (unsigned)(end - pattern) + 1 : 0;
	if (*pattern == '\\' && pattern[1])
		return pattern[1] == c ? 2 : 0;
	return *pattern == c ? 1 : 0;
}

bool match_glob(const char *pattern, const char *text)
{
	const char *star = NULL, *retry = NULL;

	while (*text) {
		unsigned n = *pattern && *pattern != '*' ? match_one(pattern, *text) : 0;
		if (n) {
			pattern += n;
			text++;
		} else if (*pattern == '*') {
			star = ++pattern;
			retry = text;
		} else if (star) { /* the last star takes one character more */
			pattern = star;
			text = ++retry;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

static bool can_be_port(const struct event_link *link)
{
	return !link->loopback && link->kind == KIND_OTHER;
}

/* A virtual NIC has no permanent address; the one that it has goes for it. */
static bool has_mac(const struct event_link *link, const uint8_t mac[MAC_SIZE])
{
	static const uint8_t none[MAC_SIZE];

	return memcmp(memcmp(link->perm_mac, none, MAC_SIZE) != 0 ? link->perm_mac : link->mac, mac, MAC_SIZE) == 0;
}

bool port_matches(const struct config_port *port, const struct event_link *link)
{
	switch (port->match) {
	case MATCH_NAME:
		return strcmp(port->spec, link->name) == 0;
	case MATCH_GLOB:
		return can_be_port(link) && match_glob(port->spec, link->name);
	case MATCH_MAC:
		return can_be_port(link) && has_mac(link, port->mac);
	case MATCH_PATH:
		return can_be_port(link) && link->path[0] && strcmp(config_port_text(port), link->path) == 0;
	case MATCH_DRIVER:
		return can_be_port(link) && link->driver[0] && strcmp(config_port_text(port), link->driver) == 0;
	}
	return false;
}
