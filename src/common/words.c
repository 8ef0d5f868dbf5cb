/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/words.h"

#include <stdarg.h>
#include <stdio.h>

void words_add(struct words *w, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	size_t room = SENTENCE_SIZE - w->length;
	int n = vsnprintf(w->out + w->length, room, format, list);
	va_end(list);
	if (n > 0)
		w->length += (size_t)n < room ? (size_t)n : room - 1;
}

const char *words_subject(const struct object *o, const struct ip *ip, char out[WORDS_SUBJECT_SIZE])
{
	char text[TEXT_IP_SIZE];

	if (ip->family == FAMILY_NONE && (o->type == OBJECT_BOND || o->type == OBJECT_PORT))
		return "the device";
	if (o->type == OBJECT_RULE) {
		snprintf(out, WORDS_SUBJECT_SIZE, "the rule for %s/%u", text_ip(ip, text), o->sub);
		return out;
	}
	if (o->type != OBJECT_ROUTE && o->type != OBJECT_VIP_ROUTE)
		return ip->family == FAMILY_NONE ? "an address" : text_ip(ip, out);
	if (ip->family == FAMILY_NONE)
		return "a route";
	if (o->sub == 0)
		return ip->family == FAMILY_6 ? "the IPv6 default route" : "the default route";
	snprintf(out, WORDS_SUBJECT_SIZE, "the route to %s/%u", text_ip(ip, text), o->sub);
	return out;
}

const char *words_bond_mode(int64_t mode)
{
	static const char *const names[] = { "balance-rr", "active-backup", "balance-xor", "broadcast",
					     "802.3ad",	   "balance-tlb",   "balance-alb" };
	return mode >= 0 && mode < (int64_t)(sizeof names / sizeof *names) ? names[mode] : "unknown";
}
