/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One team device through libteam 1.31, without its traps: never ends the process, never closes a descriptor that is not
 * its own, never waits for ever, never shows an option that the kernel has not told. For one thread. */
#ifndef STANDBYD_KERNEL_LIBTEAM_H
#define STANDBYD_KERNEL_LIBTEAM_H

#include <stdbool.h>
#include <stdint.h>

struct libteam {
	struct team_handle *handle; /* NULL: not open */
	int ifindex;
	bool stale;         /* what libteam knows may be old: it must ask the kernel */
	uint64_t overruns;  /* how often events were lost; each is repaired by asking anew */
};

/* A handle of an existing team device, in a closed or zeroed struct, which must stay where it is while it is open. 0;
 * ENODEV: no device has that index; EINVAL or ENOENT: it is no team; EMFILE: no room for its descriptors; other errno. */
int libteam_open(struct libteam *, int ifindex);

/* Makes a team device that must not exist yet (EEXIST), without mode and ports, down, and opens it. When opening fails the
 * device is removed again. 0 or an errno. */
int libteam_create(struct libteam *, const char *name);

/* Removes the device from the kernel; close it all the same. 0 or an errno. */
int libteam_destroy(struct libteam *);

/* Whether its device is gone, which is not told: nothing becomes readable. */
bool libteam_gone(const struct libteam *);

/* A closed one stays closed. The count of overruns is kept. */
void libteam_close(struct libteam *);

/* The device's MAC address. 0 or an errno. */
int libteam_set_mac(struct libteam *, const uint8_t *mac, unsigned size);

/* Readable when libteam_catch_up has something to do. */
int libteam_fd(const struct libteam *);

/* Takes what the kernel has told meanwhile, and asks it where that was not all. Never waits for events. 0; ENODEV: the
 * device is gone; other errno: the handle is of no more use. After an error close it. */
int libteam_catch_up(struct libteam *);

/* What is so, as far as libteam_catch_up has come. */
bool libteam_has_port(const struct libteam *, int port);
bool libteam_port_enabled(const struct libteam *, int port);
unsigned libteam_ports(const struct libteam *, int *out, unsigned cap); /* how many were written */
int libteam_active(const struct libteam *); /* the option `activeport`; 0: none, or the mode has none */
bool libteam_is_activebackup(const struct libteam *);
bool libteam_number(const struct libteam *, const char *option, uint32_t *out); /* of the team; false: not known */
bool libteam_word(const struct libteam *, const char *option, char *out, unsigned size);

/* An option of the team, or of one of its ports. */
struct libteam_option {
	const char *name;
	int port;         /* 0: of the team */
	enum { LIBTEAM_NUMBER, LIBTEAM_FLAG, LIBTEAM_WORD } type;
	uint32_t number;  /* LIBTEAM_FLAG: 0 or 1 */
	const char *word;
};

/* Sets an option unless it is so already. Before each request `ask` is asked, which may refuse it with an errno. An option
 * that is not there yet is waited for, at most 15 ms. 0; ENOENT: there is no such option or port; EBUSY: the mode of a team
 * that has ports; other errno of the kernel. */
int libteam_set(struct libteam *, const struct libteam_option *, int (*ask)(void *), void *closure);

#endif
