/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events and actions as one line of text each, and events back from text: golden traces, the simulator's log and
 * `standbyd --trace` all speak it. Words are "type key=value …", the same keys as the structs' members. */
#ifndef STANDBYD_CORE_TRACE_H
#define STANDBYD_CORE_TRACE_H

#include "core/core.h"

enum { TRACE_LINE_SIZE = 512 }; /* longer than any line, with the NUL */

/* Writes the line without a newline, always terminated; returns its length. Times are absolute, in ns. */
size_t trace_event(const struct event *, char *line, size_t size);
size_t trace_action(const struct action *, char *line, size_t size);

/* 0, or -EINVAL and *at is the offset of the word that was not understood. */
int trace_parse_event(const char *line, struct event *, size_t *at);

/* "192.0.2.1", "2001:db8::1" without the help of libc's resolver; size ≥ TRACE_IP_SIZE. */
enum { TRACE_IP_SIZE = 46 };
char *trace_ip(const struct ip *, char *text);
/* 0 or -EINVAL. */
int trace_parse_ip(const char *text, struct ip *);

#endif
