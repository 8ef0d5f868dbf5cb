/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/release.h"

#include <stdio.h>

bool release_is_at_least(const char *release, unsigned major, unsigned minor)
{
	unsigned a, b;

	if (sscanf(release, "%9u.%9u", &a, &b) != 2)
		return true;
	return a > major || (a == major && b >= minor);
}
