/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether the running kernel is new enough. */
#ifndef STANDBYD_KERNEL_RELEASE_H
#define STANDBYD_KERNEL_RELEASE_H

#include <stdbool.h>

/* The first with IFA_PROTO, by which our addresses are told from others'. */
enum { RELEASE_MAJOR = 5, RELEASE_MINOR = 18 };

/* Whether uname(2)'s release, such as "6.1.0-18-amd64", is that version or later. One that does not begin with two
 * numbers tells nothing and is taken as new enough. */
bool release_is_at_least(const char *release, unsigned major, unsigned minor);

#endif
