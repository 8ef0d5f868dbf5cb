/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values as people write them: addresses, durations, times. */
#ifndef STANDBYD_COMMON_TEXT_H
#define STANDBYD_COMMON_TEXT_H

#include <stddef.h>

#include "core/types.h"

enum { TEXT_IP_SIZE = 46, TEXT_CIDR_SIZE = 50, TEXT_DURATION_SIZE = 32, TEXT_TIME_SIZE = 40, TEXT_MAC_SIZE = 18 };

/* 0 or -EINVAL. No prefix, no scope. */
int text_parse_ip(const char *, struct ip *);
/* "192.0.2.1/24"; without a slash *prefix is left as it is and 1 is returned, with one 0; -EINVAL; -ERANGE: prefix too long. */
int text_parse_cidr(const char *, struct ip *, uint8_t *prefix);
/* "10ms", "1.5s", "2min", "100us", "1h"; units ns, us, ms, s, min, h; the unit is required, spaces are not allowed. 0,
 * -EINVAL (no number or unknown unit), -ENODATA (a bare number), -ERANGE (does not fit, or finer than a nanosecond). */
int text_parse_duration(const char *, uint64_t *ns);

char *text_ip(const struct ip *, char out[TEXT_IP_SIZE]);
char *text_mac(const uint8_t mac[MAC_SIZE], char out[TEXT_MAC_SIZE]);
/* For people, rounded: "3.544 s", "12 ms", "2 min 5 s". */
char *text_duration(uint64_t ns, char out[TEXT_DURATION_SIZE]);
/* As a configuration has it: "100ms", "1s", "2min": exact, in the largest unit that needs no fraction. */
char *text_duration_exact(uint64_t ns, char out[TEXT_DURATION_SIZE]);
/* RFC 3339 local time with offset and milliseconds, of a CLOCK_REALTIME time. */
char *text_time(uint64_t realtime_ns, char out[TEXT_TIME_SIZE]);

#endif
