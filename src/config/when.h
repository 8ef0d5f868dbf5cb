/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words of hooks' conditions. */
#ifndef STANDBYD_CONFIG_WHEN_H
#define STANDBYD_CONFIG_WHEN_H

#include "core/config.h"

/* "vip" */
const char *when_kind(enum hook_object);

/* "active", of the bit of config_when.states; NULL: no more. */
const char *when_state(enum hook_object, unsigned bit);

#endif
