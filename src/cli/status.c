/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tree that a person reads at a glance: what, in which state, since when, and why. */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "common/text.h"

enum { ADDRESSES_SHOWN = 4, INDENT = 4, VLAN_INDENT = 6, PROBE_INDENT = 8, LINE_WIDTH = 99 };

static const char *string(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? text : "";
}

/* A part at the end of a line, if there is something to say. */
static void tail(const char *before, const char *text)
{
	if (text[0])
		printf("%s%s", before, text);
}

/* Pads by hand: printf counts bytes, and the paint has some. */
static void print_state(const char *state, int width)
{
	printf("%s%s%s%*s", paint(paint_of_state(state)), state, paint(PAINT_PLAIN),
	       width > (int)strlen(state) ? width - (int)strlen(state) : 0, "");
}

/* "2 min 5 s" out of an RFC 3339 time; "" if it cannot be told. */
static const char *age(const char *since, char out[TEXT_DURATION_SIZE])
{
	struct tm tm = { 0 };
	const char *rest = strptime(since, "%Y-%m-%dT%H:%M:%S", &tm);
	time_t then, now = time(NULL);
	int hours, minutes;
	char sign;

	if (!rest)
		return "";
	rest += strcspn(rest, "+-Z");
	then = timegm(&tm);
	if (sscanf(rest, "%c%2d:%2d", &sign, &hours, &minutes) == 3)
		then -= (sign == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
	if (now < then)
		now = then;
	return text_duration((uint64_t)(now - then) * NSEC_PER_SEC, out);
}

/* " for 5 min", or nothing. */
static void print_age(const json_t *json)
{
	char text[TEXT_DURATION_SIZE];
	const char *since = age(string(json, "since"), text);

	if (since[0])
		printf(" %sfor %s%s", paint(PAINT_DIM), since, paint(PAINT_PLAIN));
}

static int width_of(const json_t *list, const char *key)
{
	const json_t *item;
	size_t i, width = 0;

	json_array_foreach(list, i, item) {
		if (strlen(string(item, key)) > width)
			width = strlen(string(item, key));
	}
	return (int)width;
}

/* ---- the line of an object's particulars, wrapped at words --------------------------------------------------------
 */

struct wrapped {
	int indent, column; /* column: of the next character */
	enum paint paint;
};

static struct wrapped begin_line(int indent)
{
	printf("%*s", indent, "");
	return (struct wrapped){ .indent = indent, .column = indent };
}

static int columns(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += (*text & 0xc0) != 0x80; /* UTF-8: not the following bytes */
	return n;
}

/* A word after `spaces`, or at the beginning of the next line. */
static void word(struct wrapped *w, int spaces, const char *text)
{
	if (w->column > w->indent && w->column + spaces + columns(text) > LINE_WIDTH) {
		printf("\n%*s", w->indent, "");
		w->column = w->indent;
	} else {
		spaces = w->column > w->indent ? spaces : 0;
		printf("%*s", spaces, "");
		w->column += spaces;
	}
	printf("%s%s%s", paint(w->paint), text, w->paint == PAINT_PLAIN ? "" : paint(PAINT_PLAIN));
	w->column += columns(text);
}

/* A phrase of words, the first of them after `spaces`. */
static void __attribute__((format(printf, 4, 5))) phrase(struct wrapped *w, int spaces, enum paint colour,
							 const char *format, ...)
{
	char text[512], *rest = text, *next;
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof text, format, list);
	va_end(list);
	w->paint = colour;
	for (; (next = strsep(&rest, " ")); spaces = 1)
		word(w, spaces, next);
}

/* A prefix that spans the whole address says nothing. */
static int address_length(const char *address)
{
	const char *slash = strchr(address, '/');
	const char *whole = strchr(address, ':') ? "/128" : "/32";

	return (int)(slash && strcmp(slash, whole) == 0 ? slash - address : (ptrdiff_t)strlen(address));
}

/* Where an address is that is not on its vip's own interface; "": it is. */
static const char *elsewhere(const json_t *places, const char *address)
{
	const json_t *place;
	size_t i;

	json_array_foreach(places, i, place) {
		if (strcmp(string(place, "address"), address) == 0)
			return string(place, "on");
	}
	return "";
}

static void print_addresses(struct wrapped *w, const json_t *addresses, const json_t *places)
{
	const json_t *address;
	size_t i;

	json_array_foreach(addresses, i, address) {
		const char *text = json_string_value(address) ? json_string_value(address) : "";
		if (i == ADDRESSES_SHOWN && json_array_size(addresses) > ADDRESSES_SHOWN + 1) {
			phrase(w, 1, PAINT_PLAIN, "and %zu more", json_array_size(addresses) - i);
			return;
		}
		phrase(w, 1, PAINT_PLAIN, "%.*s%s%s", address_length(text), text, elsewhere(places, text)[0] ? " on " : "",
		       elsewhere(places, text));
	}
}

/* ---- bonds and vlans --------------------------------------------------------------------------------------------- */

/* "192.0.2.1 answers", "192.0.2.1 has not answered for 3 s". */
static void print_probe(struct wrapped *w, const json_t *probe, int spaces, const char *after)
{
	const char *state = string(probe, "state"), *target = string(probe, "target");
	const json_t *last = json_object_get(probe, "last_answer_ms");
	char ago[TEXT_DURATION_SIZE] = "";

	if (strcmp(state, "answered") == 0)
		phrase(w, spaces, PAINT_DIM, "%s answers%s", target, after);
	else if (strcmp(state, "silent") == 0)
		phrase(w, spaces, PAINT_WARN, "%s never answered%s", target, after);
	else if (strcmp(state, "waiting") == 0)
		phrase(w, spaces, PAINT_DIM, "%s is asked%s", target, after);
	else {
		if (json_is_number(last))
			text_duration((uint64_t)(json_number_value(last) * 1e6), ago);
		phrase(w, spaces, PAINT_BAD, "%s %s%s%s", target, ago[0] ? "has not answered for " : "does not answer",
		       ago, after);
	}
}

/* One line: "probe gateway: 192.0.2.1 answers, 192.0.2.2 never answered; probe far: …". */
static void print_probes(const json_t *probes)
{
	const char *name = "";
	struct wrapped w;
	const json_t *probe;
	size_t i;

	if (json_array_size(probes) == 0)
		return;
	w = begin_line(PROBE_INDENT);
	json_array_foreach(probes, i, probe)
	{
		const char *next = string(json_array_get(probes, i + 1), "name");
		if (strcmp(name, string(probe, "name")) != 0)
			phrase(&w, 1, PAINT_DIM, "probe %s:", string(probe, "name"));
		name = string(probe, "name");
		print_probe(&w, probe, 1, !next[0] ? "" : strcmp(name, next) == 0 ? "," : ";");
	}
	putchar('\n');
}

/* Without a link nobody is asked through it. */
static bool is_dead(const json_t *port)
{
	const char *state = string(port, "state");

	return strcmp(state, "absent") == 0 ||
	       (strcmp(state, "down") == 0 && !json_is_true(json_object_get(port, "probes_lost")));
}

static void print_port(const json_t *port, const char *active, int width)
{
	const char *name = string(port, "name"), *spec = string(port, "spec");
	long long penalty = json_integer_value(json_object_get(port, "penalty"));
	bool carries = active[0] && strcmp(active, name) == 0;

	printf("  %s %-*s  ", carries ? "▶" : " ", width, name);
	print_state(string(port, "state"), 7);
	print_age(port);
	tail(": ", string(port, "reason"));
	if (penalty > 0 && strcmp(string(port, "reason_code"), "port-damped") != 0)
		printf(" %s(penalty %lld)%s", paint(PAINT_WARN), penalty, paint(PAINT_PLAIN));
	if (strcmp(name, spec) != 0)
		printf("  %s%s%s", paint(PAINT_DIM), spec, paint(PAINT_PLAIN));
	putchar('\n');
	if (!is_dead(port))
		print_probes(json_object_get(port, "probes"));
}

/* Addresses, then what `format` says, and the MTU where it is known. */
static void __attribute__((format(printf, 3, 4)))
print_device(const json_t *device, int indent, const char *format, ...)
{
	long long mtu = json_integer_value(json_object_get(device, "mtu"));
	struct wrapped w = begin_line(indent);
	char text[64];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof text, format, list);
	va_end(list);
	print_addresses(&w, json_object_get(device, "addresses"), NULL);
	phrase(&w, 2, PAINT_DIM, "%s%s", text, mtu ? "," : "");
	if (mtu)
		phrase(&w, 1, PAINT_DIM, "mtu %lld", mtu);
	putchar('\n');
}

static void print_vlan(const json_t *vlan)
{
	printf("  %svlan %s%s  ", paint(PAINT_BOLD), string(vlan, "name"), paint(PAINT_PLAIN));
	print_state(string(vlan, "state"), 0);
	print_age(vlan);
	tail(": ", string(vlan, "reason"));
	putchar('\n');
	print_device(vlan, VLAN_INDENT, "id %lld", (long long)json_integer_value(json_object_get(vlan, "id")));
}

static void print_bond(const json_t *bond, const json_t *vlans)
{
	const json_t *ports = json_object_get(bond, "ports"), *item;
	const char *active = string(bond, "active_port");
	int width = width_of(ports, "name");
	size_t i;

	printf("%sbond %s%s  ", paint(PAINT_BOLD), string(bond, "name"), paint(PAINT_PLAIN));
	print_state(string(bond, "state"), 0);
	tail(" on ", active);
	if (json_is_true(json_object_get(bond, "manual")))
		printf(" %sby hand%s", paint(PAINT_WARN), paint(PAINT_PLAIN));
	print_age(bond);
	tail(": ", string(bond, "reason"));
	putchar('\n');
	print_device(bond, INDENT, "driver %s", string(bond, "driver"));
	json_array_foreach(ports, i, item) print_port(item, active, width);
	json_array_foreach(vlans, i, item)
	{
		if (strcmp(string(item, "link"), string(bond, "name")) == 0)
			print_vlan(item);
	}
}

/* ---- vips -------------------------------------------------------------------------------------------------------- */

static void print_holder(struct wrapped *w, const json_t *vip, const char *node)
{
	const char *name = string(vip, "active_node"), *source = string(vip, "active_source");
	const char *state = string(vip, "state");
	bool holding = json_is_true(json_object_get(vip, "holding"));
	bool removed = json_is_true(json_object_get(vip, "removed"));

	if (strcmp(state, "active") == 0)
		phrase(w, 2, PAINT_PLAIN, "held here by %s", node);
	else if (strcmp(state, "leaving") == 0 && holding)
		phrase(w, 2, PAINT_PLAIN, "still answered here%s%s", source[0] ? ", taken over by " : "", source);
	else if (name[0] || source[0])
		phrase(w, 2, PAINT_PLAIN, "held by %s", name[0] ? name : source);
	else
		phrase(w, 2, PAINT_PLAIN, "nobody is known to hold it");
	if (strcmp(state, "active") == 0 && !holding)
		phrase(w, 2, PAINT_BAD, "addresses are missing");
	if (removed)
		phrase(w, 2, PAINT_PLAIN, "no longer configured");
}

static void print_count(struct wrapped *w, size_t n, const char *what)
{
	if (n)
		phrase(w, 2, PAINT_PLAIN, "%zu %s%s", n, what, n == 1 ? "" : "s");
}

/* What follows on a line of figures, separated by commas. */
static void print_figures(struct wrapped *w, const json_t *vip)
{
	long long priority = json_integer_value(json_object_get(vip, "priority"));
	long long effective = json_integer_value(json_object_get(vip, "effective_priority"));
	long long vrid = json_integer_value(json_object_get(vip, "vrid"));
	const char *group = string(vip, "group"), *mac = string(vip, "mac");

	phrase(w, 2, PAINT_DIM, "%s", string(vip, "protocol"));
	if (vrid)
		phrase(w, 1, PAINT_DIM, "vrid %lld,", vrid);
	phrase(w, 1, PAINT_DIM, "priority %lld%s", effective, (group[0] || mac[0]) && effective == priority ? "," : "");
	if (effective != priority)
		phrase(w, 1, PAINT_DIM, "of %lld%s", priority, group[0] || mac[0] ? "," : "");
	if (group[0])
		phrase(w, 1, PAINT_DIM, "group %s%s", group, mac[0] ? "," : "");
	if (mac[0])
		phrase(w, 1, PAINT_DIM, "mac %s on %s", mac, string(vip, "device"));
}

static void print_vip(const json_t *vip, const char *node)
{
	struct wrapped w;

	printf("%svip %s%s  ", paint(PAINT_BOLD), string(vip, "name"), paint(PAINT_PLAIN));
	print_state(string(vip, "state"), 0);
	printf(" on %s", string(vip, "on"));
	print_age(vip);
	tail(": ", string(vip, "reason"));
	putchar('\n');
	w = begin_line(INDENT);
	print_addresses(&w, json_object_get(vip, "addresses"), json_object_get(vip, "elsewhere"));
	print_count(&w, json_array_size(json_object_get(vip, "routes")), "route");
	print_count(&w, json_array_size(json_object_get(vip, "routing_policy")), "rule");
	print_holder(&w, vip, node);
	print_figures(&w, vip);
	putchar('\n');
}

static void print_warnings(const json_t *warnings)
{
	const json_t *warning;
	size_t i;

	json_array_foreach(warnings, i, warning)
		printf("%swarning:%s %s\n", paint(PAINT_WARN), paint(PAINT_PLAIN), json_string_value(warning));
}

/* "  direct  up  for 3 min  10.0.0.1 → 10.0.0.2 on eno3, round trip 60.2 ms" */
static void print_path(const json_t *path, int width)
{
	const char *state = string(path, "state");
	const json_t *trip = json_object_get(path, "round_trip_ms");

	printf("    %-*s  ", width, string(path, "name"));
	print_state(state, 7);
	print_age(path);
	if (strcmp(state, "up") != 0)
		tail(": ", string(path, "reason"));
	printf("  %s%s → %s on %s", paint(PAINT_DIM), string(path, "from"), string(path, "to"), string(path, "on"));
	if (json_is_number(trip))
		printf(", round trip %.1f ms", json_number_value(trip));
	printf("%s\n", paint(PAINT_PLAIN));
}

static void print_peer(const json_t *node)
{
	const json_t *paths = json_object_get(node, "paths"), *path;
	int width = width_of(paths, "name");
	size_t i;

	if (json_is_true(json_object_get(node, "self")))
		return;
	printf("%snode %s%s  ", paint(PAINT_BOLD), string(node, "name"), paint(PAINT_PLAIN));
	print_state(string(node, "state"), 0);
	print_age(node);
	tail(": ", string(node, "reason"));
	if (json_is_false(json_object_get(node, "digest_matches")))
		printf("  %sanother configuration%s", paint(PAINT_WARN), paint(PAINT_PLAIN));
	putchar('\n');
	json_array_foreach(paths, i, path) print_path(path, width);
}

/* "check haproxy  failed  for 3 s: connection refused" */
static void print_check(const json_t *check)
{
	printf("%scheck %s%s  ", paint(PAINT_BOLD), string(check, "name"), paint(PAINT_PLAIN));
	print_state(string(check, "state"), 0);
	print_age(check);
	tail(": ", string(check, "output")[0] ? string(check, "output") : string(check, "reason"));
	putchar('\n');
}

void print_status(const json_t *status)
{
	const json_t *bonds = json_object_get(status, "bonds"), *vips = json_object_get(status, "vips"), *item;
	const char *node = string(status, "node");
	size_t i;

	printf("%snode %s%s  %sconfiguration %s%s\n", paint(PAINT_BOLD), node, paint(PAINT_PLAIN), paint(PAINT_DIM),
	       string(status, "digest"), paint(PAINT_PLAIN));
	json_array_foreach(bonds, i, item) print_bond(item, json_object_get(status, "vlans"));
	json_array_foreach(vips, i, item)
		print_vip(item, node);
	json_array_foreach(json_object_get(status, "checks"), i, item) print_check(item);
	json_array_foreach(json_object_get(status, "nodes"), i, item) print_peer(item);
	if (json_array_size(bonds) + json_array_size(vips) + json_array_size(json_object_get(status, "nodes")) == 0)
		puts("nothing is configured");
	print_warnings(json_object_get(status, "warnings"));
}

int command_status(const struct cli *cli)
{
	struct connection c;
	int status = connection_call(&c, cli, VARLINK_INTERFACE ".Status", NULL, false);
	json_t *reply = status == EXIT_FINE ? connection_reply(&c) : NULL;

	if (status == EXIT_FINE)
		status = reply ? reply_check(reply) : EXIT_FAILED;
	if (status == EXIT_FINE && cli->json)
		status = print_json(json_object_get(reply, "parameters"), false);
	else if (status == EXIT_FINE)
		print_status(json_object_get(reply, "parameters"));
	json_decref(reply);
	connection_close(&c);
	return status;
}
