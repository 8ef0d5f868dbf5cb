/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What must be true of a core between two steps. */
#ifndef STANDBYD_CORE_INVARIANT_H
#define STANDBYD_CORE_INVARIANT_H

#include "core/core.h"

/* NULL, or one sentence that says what is broken (static text). Linear in the size of the configuration. */
const char *core_broken(const struct core *);

#endif
