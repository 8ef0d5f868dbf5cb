/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What differs between two configurations, for people. */
#ifndef STANDBYD_CONFIG_DIFF_H
#define STANDBYD_CONFIG_DIFF_H

#include <stdio.h>

#include "core/config.h"

/* One line per fact: "+ vip 'mail'", "- bond 'b'", "~ bond 'bond0': hold 2s → 5s", "+ bond 'bond0': address 192.0.2.9/24".
 * Objects are the same by kind and name. Returns how many lines there are; nothing is written for what is equal. When memory
 * is short some may be missing and *out has its error flag set. */
unsigned config_diff(const struct config *old, const struct config *next, FILE *out);

#endif
