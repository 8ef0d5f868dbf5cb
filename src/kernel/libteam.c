/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/libteam.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <team.h>
#include <unistd.h>

enum {
	DESCRIPTORS = 8,  /* more than a handle opens */
	SOCKETS = 2,      /* of them bring events */
	EVENTS_MAX = 256, /* taken at once; the descriptor tells of more */
	TRIES = 4,        /* waits of 1, 2, 4 and 8 ms for an option */
};

/* ---- opening and closing ---------------------------------------------------------------------------------------- */

static void log_nothing(struct team_handle *handle, int priority, const char *file, int line, const char *function,
			const char *format, va_list arguments)
{
	(void)handle, (void)priority, (void)file, (void)line, (void)function, (void)format, (void)arguments;
}

/* `activeport` is cleared when its port leaves, which not every kernel tells. */
static int on_port_change(struct team_handle *handle, void *closure, team_change_type_mask_t mask)
{
	struct libteam *lt = closure;
	struct team_port *port;

	(void)mask;
	team_for_each_port(port, handle)
		lt->stale |= team_is_port_removed(port);
	return 0;
}

static const struct team_change_handler port_handler = {.func = on_port_change, .type_mask = TEAM_PORT_CHANGE};

/* team_alloc uses libnl's helpers for command line tools, which exit when they cannot open a socket. */
static bool descriptors_left(void)
{
	int fds[DESCRIPTORS], n = 0;

	while (n < DESCRIPTORS && (fds[n] = open("/", O_PATH | O_CLOEXEC)) >= 0)
		n++;
	for (int i = 0; i < n; i++)
		close(fds[i]);
	return n == DESCRIPTORS;
}

static void forget(struct libteam *lt)
{
	*lt = (struct libteam){.overruns = lt->overruns};
}

static int handle_alloc(struct libteam *lt)
{
	forget(lt);
	if (!descriptors_left())
		return EMFILE;
	lt->handle = team_alloc();
	if (!lt->handle)
		return ENOMEM;
	team_set_log_fn(lt->handle, log_nothing);
	return 0;
}

/* team_free of a handle that team_init has not finished closes descriptor 0. */
static void handle_free_unfinished(struct libteam *lt)
{
	int flags = fcntl(0, F_GETFD), kept = fcntl(0, F_DUPFD_CLOEXEC, 3);

	team_free(lt->handle);
	forget(lt);
	if (kept < 0)
		return;
	if (fcntl(kept, F_DUPFD, 0) == 0) /* the lowest that is free: another thread may have been faster */
		fcntl(0, F_SETFD, flags);
	close(kept);
}

/* The socket that brings a team's events blocks, and a message in parts whose end is lost would be waited for. The one that
 * brings links would make libteam ask the kernel about every change of any link, once per handle, under the lock that a
 * failover waits for; nothing here needs that. */
static bool tame_socket(int fd)
{
	int protocol = 0, group = RTNLGRP_LINK;
	socklen_t size = sizeof protocol;

	if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) < 0 ||
	    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
		return false;
	return protocol != NETLINK_ROUTE || setsockopt(fd, SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, &group, sizeof group) == 0;
}

/* Nothing but the epoll descriptor tells which sockets it watches. */
static int tame_sockets(int epoll)
{
	char path[48], line[128];
	int fd, n = 0;
	FILE *file;

	snprintf(path, sizeof path, "/proc/self/fdinfo/%d", epoll);
	file = fopen(path, "re");
	if (!file)
		return errno;
	while (fgets(line, sizeof line, file))
		if (sscanf(line, "tfd: %d", &fd) == 1 && tame_socket(fd))
			n++;
	fclose(file);
	return n == SOCKETS ? 0 : EIO;
}

/* After team_init. */
static int handle_finish(struct libteam *lt, int ifindex)
{
	int error;

	lt->ifindex = ifindex;
	fcntl(libteam_fd(lt), F_SETFD, FD_CLOEXEC);
	error = tame_sockets(libteam_fd(lt));
	if (!error)
		error = -team_change_handler_register(lt->handle, &port_handler, lt);
	return error;
}

static bool exists(int ifindex)
{
	char name[IF_NAMESIZE];

	return if_indextoname((unsigned)ifindex, name) || errno != ENXIO;
}

int libteam_open(struct libteam *lt, int ifindex)
{
	int error = handle_alloc(lt);

	if (error)
		return error;
	error = -team_init(lt->handle, (uint32_t)ifindex);
	if (error)
		handle_free_unfinished(lt);
	else if ((error = handle_finish(lt, ifindex)) != 0)
		libteam_close(lt);
	return error && !exists(ifindex) ? ENODEV : error;
}

int libteam_create(struct libteam *lt, const char *name)
{
	int error = handle_alloc(lt), ifindex;

	if (error)
		return error;
	error = -team_create(lt->handle, name);
	if (error) {
		handle_free_unfinished(lt);
		return error;
	}
	ifindex = (int)team_ifname2ifindex(lt->handle, name);
	error = ifindex ? -team_init(lt->handle, (uint32_t)ifindex) : ENODEV;
	if (error) {
		libteam_destroy(lt); /* knows its ifindex by then, and destroys nothing else */
		handle_free_unfinished(lt);
		return error;
	}
	error = handle_finish(lt, ifindex);
	if (error) {
		libteam_destroy(lt);
		libteam_close(lt);
	}
	return error;
}

bool libteam_gone(const struct libteam *lt)
{
	return !exists(lt->ifindex);
}

int libteam_destroy(struct libteam *lt)
{
	return -team_destroy(lt->handle);
}

void libteam_close(struct libteam *lt)
{
	if (!lt->handle)
		return;
	team_change_handler_unregister(lt->handle, &port_handler, lt);
	team_free(lt->handle);
	forget(lt);
}

int libteam_set_mac(struct libteam *lt, const uint8_t *mac, unsigned size)
{
	return -team_hwaddr_set(lt->handle, (uint32_t)lt->ifindex, (const char *)mac, size);
}

int libteam_fd(const struct libteam *lt)
{
	return team_get_event_fd(lt->handle);
}

/* ---- what is so ------------------------------------------------------------------------------------------------- */

/* NULL: not told (yet). libteam's own getters read through NULL after a refused setting. */
static struct team_option *find_option(const struct libteam *lt, const char *name, int port)
{
	struct team_option *option = port ? team_get_option(lt->handle, "np", name, (uint32_t)port)
					  : team_get_option(lt->handle, "n", name);

	return option && team_is_option_initialized(option) ? option : NULL;
}

unsigned libteam_ports(const struct libteam *lt, int *out, unsigned cap)
{
	struct team_port *port;
	unsigned n = 0;

	team_for_each_port(port, lt->handle)
		if (n < cap && !team_is_port_removed(port))
			out[n++] = (int)team_get_port_ifindex(port);
	return n;
}

bool libteam_has_port(const struct libteam *lt, int index)
{
	struct team_port *port;

	team_for_each_port(port, lt->handle)
		if ((int)team_get_port_ifindex(port) == index && !team_is_port_removed(port))
			return true;
	return false;
}

bool libteam_port_enabled(const struct libteam *lt, int port)
{
	struct team_option *option = find_option(lt, "enabled", port);

	return option && team_get_option_type(option) == TEAM_OPTION_TYPE_BOOL && team_get_option_value_bool(option);
}

bool libteam_is_activebackup(const struct libteam *lt)
{
	struct team_option *option = find_option(lt, "mode", 0);

	return option && team_get_option_type(option) == TEAM_OPTION_TYPE_STRING &&
	       strcmp(team_get_option_value_string(option), "activebackup") == 0;
}

int libteam_active(const struct libteam *lt)
{
	struct team_option *option = libteam_is_activebackup(lt) ? find_option(lt, "activeport", 0) : NULL;

	return option && team_get_option_type(option) == TEAM_OPTION_TYPE_U32 ? (int)team_get_option_value_u32(option) : 0;
}

bool libteam_number(const struct libteam *lt, const char *name, uint32_t *out)
{
	struct team_option *option = find_option(lt, name, 0);

	if (!option || team_get_option_type(option) != TEAM_OPTION_TYPE_U32)
		return false;
	*out = team_get_option_value_u32(option);
	return true;
}

bool libteam_word(const struct libteam *lt, const char *name, char *out, unsigned size)
{
	struct team_option *option = find_option(lt, name, 0);

	if (!option || team_get_option_type(option) != TEAM_OPTION_TYPE_STRING)
		return false;
	snprintf(out, size, "%s", team_get_option_value_string(option));
	return true;
}

/* ---- keeping up ------------------------------------------------------------------------------------------------- */

static bool readable(const struct libteam *lt, int wait_ms)
{
	struct pollfd p = {.fd = libteam_fd(lt), .events = POLLIN};

	return poll(&p, 1, wait_ms) > 0;
}

/* libnl says NOMEM for ENOBUFS, and libteam leaves it at that. */
static int take_events(struct libteam *lt)
{
	for (unsigned n = 0; n < EVENTS_MAX && readable(lt, 0); n++) {
		int error = -team_handle_events(lt->handle);

		if (error == ENOMEM) {
			lt->overruns++;
			lt->stale = true;
		} else if (error && error != EAGAIN && error != EINTR) {
			return error;
		}
	}
	return 0;
}

int libteam_catch_up(struct libteam *lt)
{
	int error = take_events(lt);

	if (!error && lt->stale) {
		error = -team_refresh(lt->handle);
		lt->stale = error != 0;
	}
	return exists(lt->ifindex) ? error : ENODEV;
}

/* ---- changes ---------------------------------------------------------------------------------------------------- */

static bool is_so(struct team_option *have, const struct libteam_option *want)
{
	switch (want->type) {
	case LIBTEAM_NUMBER:
		return team_get_option_type(have) == TEAM_OPTION_TYPE_U32 && team_get_option_value_u32(have) == want->number;
	case LIBTEAM_FLAG:
		return team_get_option_type(have) == TEAM_OPTION_TYPE_BOOL &&
		       team_get_option_value_bool(have) == (want->number != 0);
	case LIBTEAM_WORD:
		return team_get_option_type(have) == TEAM_OPTION_TYPE_STRING &&
		       strcmp(team_get_option_value_string(have), want->word) == 0;
	}
	return false;
}

static int write_option(struct libteam *lt, struct team_option *option, const struct libteam_option *want)
{
	switch (want->type) {
	case LIBTEAM_NUMBER:
		return -team_set_option_value_u32(lt->handle, option, want->number);
	case LIBTEAM_FLAG:
		return -team_set_option_value_bool(lt->handle, option, want->number != 0);
	case LIBTEAM_WORD:
		return -team_set_option_value_string(lt->handle, option, want->word);
	}
	return EINVAL;
}

/* Whether a refusal may come of not knowing enough: a new port's options can be missing for a moment; a mode that is set
 * already is refused with EINVAL; and an overrun of our own event socket makes the kernel say ENOBUFS (libnl: NOMEM) of an
 * option that it did set. */
static bool worth_another_look(int error)
{
	return error == ENOENT || error == EINVAL || error == ENOMEM;
}

int libteam_set(struct libteam *lt, const struct libteam_option *want, int (*ask)(void *), void *closure)
{
	for (unsigned try = 0;; try++) {
		struct team_option *option = find_option(lt, want->name, want->port);
		int error = option ? 0 : ENOENT;

		if (option && is_so(option, want))
			return 0;
		if (!error)
			error = ask(closure);
		if (!error)
			error = write_option(lt, option, want);
		if (!error || !worth_another_look(error) || try == TRIES)
			return error;
		readable(lt, 1 << try);
		lt->stale = true;
		if (libteam_catch_up(lt) != 0)
			return exists(lt->ifindex) ? error : ENODEV;
		if (want->port && !libteam_has_port(lt, want->port))
			return error;
	}
}
