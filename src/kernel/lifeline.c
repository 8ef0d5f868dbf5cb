/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/lifeline.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "kernel/endpoint.h"

#ifndef IPV6_MINHOPCOUNT
#define IPV6_MINHOPCOUNT 73 /* Linux 2.6.35 */
#endif

enum {
	TTL = 255,
	BACKLOG = 16,
	TURNS = 64,         /* before others have theirs */
	ACCEPTS = 16,       /* of one listening socket at a time */
	TICKS_MAX = 32,     /* seconds between two attempts at most */
	IDLE_S = 5, AGAIN_S = 5, LOST = 3, /* the kernel's own questions: a node that lost its power does not close anything */
	KIND_LISTENER = 0, KIND_LINE = 1, KIND_TIMER = 2,
};

/* Where the others connect to. */
struct listener {
	struct ip address;
	bool routed;
	int fd;                /* -1: it could not be opened yet */
};

/* One connection, and who makes it: of two nodes the one whose name comes first. */
struct line {
	unsigned path;
	struct ip own, other;
	bool calls, routed;
	int fd;                /* -1: none */
	bool made;
	unsigned wait, ticks;  /* until the next attempt, and between the last two */
};

struct lifelines {
	int epoll, timer;
	uint16_t port;
	struct listener listeners[MAX_PATHS];
	unsigned n_listeners;
	struct line *lines;
	unsigned n_lines;
};

/* ---- sockets ------------------------------------------------------------------------------------------------------ */

/* As a heartbeat's: nobody beyond a router can end or make one. */
static bool near(int fd, const struct ip *address, bool routed)
{
	bool six = address->family == FAMILY_6;

	if (endpoint_set(fd, six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IPV6_UNICAST_HOPS : IP_TTL, TTL) < 0)
		return false;
	return routed || endpoint_set(fd, six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IPV6_MINHOPCOUNT : IP_MINTTL, TTL) == 0;
}

static int open_socket(const struct ip *address, bool routed)
{
	int fd = socket(address->family == FAMILY_6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	if (near(fd, address, routed) && (address->family != FAMILY_6 || endpoint_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) == 0))
		return fd;
	close(fd);
	return -1;
}

static uint64_t tag(unsigned kind, unsigned number)
{
	return (uint64_t)kind << 32 | number;
}

static bool watch(struct lifelines *l, int fd, uint32_t events, uint64_t word)
{
	struct epoll_event event = {.events = events, .data.u64 = word};

	return epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &event) == 0 || (errno == EEXIST && epoll_ctl(l->epoll, EPOLL_CTL_MOD, fd, &event) == 0);
}

static void listener_open(struct lifelines *l, unsigned i)
{
	struct listener *listener = &l->listeners[i];
	bool six = listener->address.family == FAMILY_6;
	struct sockaddr_storage address;
	socklen_t size = endpoint_of(&listener->address, l->port, &address);
	int fd = open_socket(&listener->address, listener->routed);

	if (fd < 0)
		return;
	if (endpoint_set(fd, SOL_SOCKET, SO_REUSEADDR, 1) < 0 || endpoint_set(fd, six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IPV6_FREEBIND : IP_FREEBIND, 1) < 0 ||
	    bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, BACKLOG) < 0 || !watch(l, fd, EPOLLIN, tag(KIND_LISTENER, i)))
		close(fd);
	else
		listener->fd = fd;
}

static void keep_asking(int fd)
{
	endpoint_set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	endpoint_set(fd, IPPROTO_TCP, TCP_KEEPIDLE, IDLE_S);
	endpoint_set(fd, IPPROTO_TCP, TCP_KEEPINTVL, AGAIN_S);
	endpoint_set(fd, IPPROTO_TCP, TCP_KEEPCNT, LOST);
}

static void line_drop(struct line *line)
{
	if (line->fd >= 0)
		close(line->fd);
	line->fd = -1;
	line->made = false;
}

static void line_call(struct lifelines *l, unsigned i)
{
	struct line *line = &l->lines[i];
	struct sockaddr_storage own, other;
	socklen_t own_size = endpoint_of(&line->own, 0, &own), other_size = endpoint_of(&line->other, l->port, &other);

	line->ticks = line->ticks ? line->ticks * 2 : 1;
	if (line->ticks > TICKS_MAX)
		line->ticks = TICKS_MAX;
	line->wait = line->ticks;
	line->fd = open_socket(&line->own, line->routed);
	if (line->fd < 0)
		return;
	if (!line->routed)
		endpoint_set(line->fd, SOL_SOCKET, SO_DONTROUTE, 1);
	keep_asking(line->fd);
	if (bind(line->fd, (struct sockaddr *)&own, own_size) < 0 ||
	    (connect(line->fd, (struct sockaddr *)&other, other_size) < 0 && errno != EINPROGRESS) ||
	    !watch(l, line->fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP, tag(KIND_LINE, i)))
		line_drop(line);
}

/* ---- who has which ------------------------------------------------------------------------------------------------ */

/* Once a second while anything is missing. */
static void set_timer(struct lifelines *l)
{
	struct itimerspec time = {.it_interval.tv_sec = 1, .it_value.tv_sec = 1}, none = {0}, now;
	bool missing = false;

	for (unsigned i = 0; i < l->n_listeners; i++)
		missing |= l->listeners[i].fd < 0;
	for (unsigned i = 0; i < l->n_lines; i++)
		missing |= l->lines[i].calls && l->lines[i].fd < 0;
	timerfd_gettime(l->timer, &now);
	if (missing != (now.it_interval.tv_sec != 0))
		timerfd_settime(l->timer, 0, missing ? &time : &none, NULL);
}

static void tick(struct lifelines *l)
{
	uint64_t times;

	if (read(l->timer, &times, sizeof times) != sizeof times)
		return;
	for (unsigned i = 0; i < l->n_listeners; i++) {
		if (l->listeners[i].fd < 0)
			listener_open(l, i);
	}
	for (unsigned i = 0; i < l->n_lines; i++) {
		struct line *line = &l->lines[i];

		if (line->calls && line->fd < 0 && (line->wait == 0 || --line->wait == 0))
			line_call(l, i);
	}
}

/* Whoever calls is one of the others, by the path that was called, and has the turn: a newer connection replaces the one before it,
 * of whose end its maker has known for longer. Anybody else's is closed. */
static bool admit(struct lifelines *l, const struct ip *own, const struct ip *other, int fd)
{
	for (unsigned i = 0; i < l->n_lines; i++) {
		struct line *line = &l->lines[i];

		if (line->calls || !ip_equal(&line->own, own) || !ip_equal(&line->other, other))
			continue;
		if (!watch(l, fd, EPOLLIN | EPOLLRDHUP, tag(KIND_LINE, i)))
			return false;
		line_drop(line);
		keep_asking(fd);
		line->fd = fd;
		line->made = true;
		return true;
	}
	return false;
}

static void take_calls(struct lifelines *l, const struct listener *listener)
{
	for (unsigned i = 0; i < ACCEPTS && listener->fd >= 0; i++) {
		struct sockaddr_storage from = {0};
		socklen_t size = sizeof from;
		int fd = accept4(listener->fd, (struct sockaddr *)&from, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
		struct ip other;

		if (fd < 0)
			return;
		other = endpoint_ip(&from);
		if (!admit(l, &listener->address, &other, fd))
			close(fd);
	}
}

/* Whether the other's end of one that was made is gone. What is silent for too long is no news, and nothing is ever said by one. */
static bool line_ended(struct line *line)
{
	char byte;
	ssize_t n = recv(line->fd, &byte, 1, MSG_DONTWAIT);
	int error = n < 0 ? errno : 0;
	bool gone = line->made && (n == 0 || error == ECONNRESET);

	if (error == EAGAIN || error == EINTR)
		return false;
	line_drop(line);
	return gone;
}

static bool line_turn(struct lifelines *l, unsigned i, uint32_t events)
{
	struct line *line = &l->lines[i];

	if (line->fd < 0)
		return false;
	if (!line->made && !(events & (EPOLLERR | EPOLLHUP)) && (events & EPOLLOUT)) {
		line->made = watch(l, line->fd, EPOLLIN | EPOLLRDHUP, tag(KIND_LINE, i));
		line->ticks = 0;
	}
	return events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP) ? line_ended(line) : false;
}

/* ---- from outside ------------------------------------------------------------------------------------------------- */

struct lifelines *lifelines_open(void)
{
	struct lifelines *l = calloc(1, sizeof *l);

	if (!l)
		return NULL;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (l->epoll >= 0 && l->timer >= 0 && watch(l, l->timer, EPOLLIN, tag(KIND_TIMER, 0)))
		return l;
	lifelines_close(l);
	return NULL;
}

void lifelines_close(struct lifelines *l)
{
	if (!l)
		return;
	lifelines_configure(l, NULL);
	if (l->epoll >= 0)
		close(l->epoll);
	if (l->timer >= 0)
		close(l->timer);
	free(l);
}

static void add_lines(struct lifelines *l, const struct config *config, const struct config_node *self, const struct config_node *node)
{
	for (unsigned i = 0; i < self->n_paths; i++) {
		const struct config_path *own = &config->paths[self->first_path + i];

		for (unsigned j = 0; j < node->n_paths; j++) {
			const struct config_path *other = &config->paths[node->first_path + j];

			if (strcmp(own->name, other->name) == 0)
				l->lines[l->n_lines++] = (struct line){.path = i, .own = own->address, .other = other->address, .routed = own->routed,
								       .calls = strcmp(self->name, node->name) < 0, .fd = -1};
		}
	}
}

/* Those that both have go on; the numbers may be others. */
static void keep_lines(struct lifelines *l, struct line *old, unsigned n_old)
{
	for (unsigned i = 0; i < l->n_lines; i++) {
		struct line *line = &l->lines[i];

		for (unsigned j = 0; j < n_old; j++) {
			if (old[j].fd < 0 || old[j].calls != line->calls || old[j].routed != line->routed || !ip_equal(&old[j].own, &line->own) ||
			    !ip_equal(&old[j].other, &line->other))
				continue;
			if (!watch(l, old[j].fd, EPOLLIN | EPOLLRDHUP | (old[j].made ? 0 : EPOLLOUT), tag(KIND_LINE, i)))
				continue;
			line->fd = old[j].fd;
			line->made = old[j].made;
			old[j].fd = -1;
		}
	}
	for (unsigned j = 0; j < n_old; j++)
		line_drop(&old[j]);
}

void lifelines_configure(struct lifelines *l, const struct config *config)
{
	const struct config_node *self = config && config->n_nodes ? &config->nodes[config->self] : NULL;
	struct line *old = l->lines;
	unsigned n_old = l->n_lines;

	for (unsigned i = 0; i < l->n_listeners; i++) {
		if (l->listeners[i].fd >= 0)
			close(l->listeners[i].fd);
	}
	l->n_listeners = l->n_lines = 0;
	l->lines = self ? calloc((size_t)self->n_paths * config->n_nodes, sizeof *l->lines) : NULL;
	for (unsigned i = 0; l->lines && i < config->n_nodes; i++) {
		if (&config->nodes[i] != self)
			add_lines(l, config, self, &config->nodes[i]);
	}
	l->port = config ? config->heartbeat.port : 0;
	keep_lines(l, old, n_old);
	free(old);
	for (unsigned i = 0; l->lines && i < self->n_paths; i++) {
		const struct config_path *path = &config->paths[self->first_path + i];

		l->listeners[l->n_listeners++] = (struct listener){.address = path->address, .routed = path->routed, .fd = -1};
		listener_open(l, i);
	}
	set_timer(l);
}

int lifelines_fd(const struct lifelines *l)
{
	return l->epoll;
}

bool lifelines_next(struct lifelines *l, unsigned *path, struct ip *other)
{
	struct epoll_event event;
	bool gone = false;

	for (unsigned turns = 0; !gone && turns < TURNS && epoll_wait(l->epoll, &event, 1, 0) == 1; turns++) {
		unsigned kind = (unsigned)(event.data.u64 >> 32), i = (unsigned)event.data.u64;

		if (kind == KIND_TIMER) {
			tick(l);
		} else if (kind == KIND_LISTENER && i < l->n_listeners) {
			take_calls(l, &l->listeners[i]);
		} else if (kind == KIND_LINE && i < l->n_lines && line_turn(l, i, event.events)) {
			*path = l->lines[i].path;
			*other = l->lines[i].other;
			gone = true;
		}
	}
	set_timer(l);
	return gone;
}
