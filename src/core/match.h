/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which devices an entry of a bond's `ports` means. Pure: the core, and what runs for udev, ask the same question. */
#ifndef STANDBYD_CORE_MATCH_H
#define STANDBYD_CORE_MATCH_H

#include "core/core.h"

/* Whether the entry means that link. A name means whatever bears it; a glob, mac:, path: or driver: only what can be a port: no
 * loopback, and nothing that is made of other devices or carries packets in packets. mac: is the permanent address, for the ports
 * of a bond share the current one; of a virtual NIC, which has none, the current one. */
bool port_matches(const struct config_port *, const struct event_link *);

/* Whether the pattern matches all of the text: * any characters, ? one, [a-z] one of a class, [!a-z] one of no such, \ takes the
 * next as it is. A bracket without its end is an ordinary character. */
bool match_glob(const char *pattern, const char *text);

#endif
