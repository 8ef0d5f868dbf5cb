/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "probe_lab.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { DEADLINE_SECONDS = 60, LEFT_SECONDS = 10 };

sd_event *lab_event;
struct probes *lab_probes;
char lab_directory[] = "/tmp/probe-XXXXXX";
static struct timespec deadline;
static unsigned descriptors;

static unsigned count_descriptors(void)
{
	DIR *all = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(all);
	while (readdir(all))
		n++;
	closedir(all);
	return n;
}

int lab_begin(void **state)
{
	(void)state;
	descriptors = count_descriptors();
	strcpy(lab_directory + strlen(lab_directory) - 6, "XXXXXX");
	assert_non_null(mkdtemp(lab_directory));
	assert_int_equal(sd_event_new(&lab_event), 0);
	assert_int_equal(probes_new(lab_event, &lab_probes), 0);
	return 0;
}

static int forget(const char *path, const struct stat *status, int type, struct FTW *where)
{
	(void)status;
	(void)type;
	(void)where;
	return remove(path);
}

int lab_end(void **state)
{
	(void)state;
	probes_free(lab_probes);
	lab_probes = NULL;
	lab_event = sd_event_unref(lab_event);
	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_sec += LEFT_SECONDS;
	/* A look-up of a name that nobody waits for any more ends in its own time. */
	for (unsigned n = count_descriptors(); n != descriptors; n = count_descriptors()) {
		struct timespec now;

		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec > deadline.tv_sec)
			fail_msg("%u descriptors were open, and %u are", descriptors, n);
		sched_yield();
	}
	nftw(lab_directory, forget, 8, FTW_DEPTH | FTW_PHYS);
	return 0;
}

void lab_arm(void)
{
	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_sec += DEADLINE_SECONDS;
}

void lab_turn(const char *condition, const char *file, int line)
{
	struct timespec now;

	assert_true(sd_event_run(lab_event, 1000 * 1000) >= 0);
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec > deadline.tv_sec)
		fail_msg("%s:%d: not within %d s: %s", file, line, DEADLINE_SECONDS, condition);
}

void lab_drain(void)
{
	int r;

	while ((r = sd_event_run(lab_event, 0)) > 0)
		;
	assert_int_equal(r, 0);
}

const char *lab_path(const char *name)
{
	static char paths[4][256];
	static unsigned turn;
	char *path = paths[turn++ % 4];

	snprintf(path, sizeof paths[0], "%s/%s", lab_directory, name);
	return path;
}

void lab_write(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* ---- probes ---- */

static void on_ended(void *userdata, bool passed, const char *text)
{
	struct run *run = userdata;

	run->ended++;
	run->passed = passed;
	snprintf(run->text, sizeof run->text, "%s", text);
	if (run->again) {
		run->again--;
		probe_run(run->probe);
	} else if (run->close) {
		lab_close(run);
	}
}

static void on_changed(void *userdata)
{
	struct run *run = userdata;

	assert_false(run->in_run);
	run->changed++;
}

static json_t *parse(const char *text)
{
	json_error_t error;
	json_t *definition = json_loads(text, JSON_DECODE_ANY, &error);

	if (!definition)
		fail_msg("%s: %s", text, error.text);
	return definition;
}

int lab_try(enum check_kind kind, const char *text)
{
	struct run run = { 0 };
	struct probe_watch watch = { on_ended, on_changed, &run };
	json_t *definition = parse(text);
	int r = probe_open(lab_probes, kind, definition, &watch, &run.probe);

	json_decref(definition);
	lab_close(&run);
	return r;
}

void lab_open_json(struct run *run, enum check_kind kind, const json_t *definition)
{
	struct probe_watch watch = { on_ended, on_changed, run };

	memset(run, 0, sizeof *run);
	assert_int_equal(probe_open(lab_probes, kind, definition, &watch, &run->probe), 0);
}

void lab_open(struct run *run, enum check_kind kind, const char *format, ...)
{
	char text[16384];
	va_list list;

	va_start(list, format);
	assert_in_range(vsnprintf(text, sizeof text, format, list), 1, sizeof text - 1);
	va_end(list);

	json_t *definition = parse(text);
	lab_open_json(run, kind, definition);
	json_decref(definition);
}

void lab_close(struct run *run)
{
	probe_close(run->probe);
	run->probe = NULL;
}

void lab_run(struct run *run)
{
	run->in_run = true;
	probe_run(run->probe);
	run->in_run = false;
}

void lab_expect(struct run *run, bool passed, const char *text)
{
	unsigned before = run->ended;

	lab_run(run);
	lab_until(run->ended > before);
	assert_int_equal(run->ended, before + 1);
	assert_string_equal(run->text, text);
	assert_int_equal(run->passed, passed);
}

/* ---- servers ---- */

static void hang_up(struct server *server)
{
	struct linger reset = { .l_onoff = 1 };

	server->talking = sd_event_source_disable_unref(server->talking);
	if (server->fd >= 0 && server->then == SERVER_RESET)
		setsockopt(server->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	if (server->fd >= 0)
		close(server->fd);
	server->fd = -1;
}

static void hear(struct server *server)
{
	char data[65536];
	ssize_t n = recv(server->fd, data, sizeof data, 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		server->left++;
		hang_up(server);
		return;
	}
	for (ssize_t i = 0; i < n; i++) {
		if (server->heard_length + 1 < sizeof server->heard)
			server->heard[server->heard_length] = data[i];
		server->heard_length++;
	}
	server->answers = server->answers || (server->until && strstr(server->heard, server->until));
}

static void say(struct server *server)
{
	size_t left = server->length - server->said;
	ssize_t n = send(server->fd, server->answer + server->said,
			 server->piece && server->piece < left ? server->piece : left, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN) {
		server->left++;
		hang_up(server);
	} else if (n > 0) {
		server->said += (size_t)n;
	}
}

static int on_talk(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct server *server = userdata;

	(void)source;
	(void)fd;
	if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		hear(server);
	if (server->fd >= 0 && server->answers && server->said < server->length)
		say(server);
	if (server->fd >= 0 && server->answers && server->said == server->length && server->then != SERVER_KEEP)
		hang_up(server);
	if (server->fd >= 0)
		sd_event_source_set_io_events(
			server->talking, (server->deaf ? 0 : EPOLLIN) |
						 (server->answers && server->said < server->length ? EPOLLOUT : 0));
	return 0;
}

static int on_accept(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct server *server = userdata;

	(void)source;
	(void)events;
	hang_up(server);
	server->fd = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (server->fd < 0)
		return 0; /* it went away before */
	server->accepted++;
	memset(server->heard, 0, sizeof server->heard);
	server->heard_length = server->said = 0;
	server->answers = !server->until;
	assert_true(sd_event_add_io(lab_event, &server->talking, server->fd,
				    (server->deaf ? 0 : EPOLLIN) | (server->answers ? EPOLLOUT : 0), on_talk,
				    server) >= 0);
	return 0;
}

static void bind_inet(struct server *server, const char *address)
{
	struct sockaddr_in ipv4 = { .sin_family = AF_INET };
	struct sockaddr_in6 ipv6 = { .sin6_family = AF_INET6 };
	bool is_ipv4 = inet_pton(AF_INET, address, &ipv4.sin_addr) == 1;
	struct sockaddr *name = is_ipv4 ? (struct sockaddr *)&ipv4 : (struct sockaddr *)&ipv6;
	socklen_t size = is_ipv4 ? sizeof ipv4 : sizeof ipv6;

	if (!is_ipv4)
		assert_int_equal(inet_pton(AF_INET6, address, &ipv6.sin6_addr), 1);
	server->listener = socket(name->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server->listener, name, size), 0);
	assert_int_equal(getsockname(server->listener, name, &size), 0);
	server->port = ntohs(is_ipv4 ? ipv4.sin_port : ipv6.sin6_port);
}

static void bind_path(struct server *server, const char *path)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };

	snprintf(server->path, sizeof server->path, "%s", path);
	memcpy(name.sun_path, server->path, sizeof name.sun_path);
	server->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server->listener, (struct sockaddr *)&name, sizeof name), 0);
}

void server_listen(struct server *server, const char *address)
{
	server->fd = -1;
	if (address[0] == '/')
		bind_path(server, address);
	else
		bind_inet(server, address);
	assert_int_equal(listen(server->listener, 16), 0);
	assert_true(sd_event_add_io(lab_event, &server->accepting, server->listener, EPOLLIN, on_accept, server) >= 0);
}

void server_close(struct server *server)
{
	hang_up(server);
	sd_event_source_disable_unref(server->accepting);
	close(server->listener);
	if (server->path[0])
		unlink(server->path);
}

void server_say(struct server *server, const char *answer)
{
	server->answer = answer;
	server->length = strlen(answer);
}
