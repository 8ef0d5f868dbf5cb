/* SPDX-License-Identifier: GPL-2.0-or-later */
/* systemd_bus PATH: a system bus at that socket with a manager of units on it, for one connection at a time. What
 * becomes of a job is the unit's name: "done", "failed" and other results of systemd's, each with a job that ends so;
 * "never": it does not end; "unknown" and "denied": the call is refused; "lost": the connection ends. Each call is a
 * line of standard output. Ends with standard input. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#define MANAGER	     "org.freedesktop.systemd1.Manager"
#define MANAGER_PATH "/org/freedesktop/systemd1"

static sd_bus *connection;
static bool subscribed, watched;
static uint32_t jobs;

static void check(int r, const char *what)
{
	if (r >= 0)
		return;
	fprintf(stderr, "systemd_bus: %s: %s\n", what, strerrordesc_np(-r));
	exit(1);
}

/* As from the manager, and only to who has asked for it. */
static void tell_removed(uint32_t id, const char *path, const char *unit, const char *result)
{
	sd_bus_message *signal;

	if (!subscribed || !watched)
		return;
	check(sd_bus_message_new_signal(connection, &signal, MANAGER_PATH, MANAGER, "JobRemoved"), "signal");
	check(sd_bus_message_append(signal, "uoss", id, path, unit, result), "append");
	check(sd_bus_message_set_sender(signal, ":1.1"), "sender");
	check(sd_bus_send(connection, signal, NULL), "send");
	sd_bus_message_unref(signal);
}

static int answer_job(sd_bus_message *call)
{
	const char *unit, *mode;
	char result[64], path[64];
	uint32_t id = ++jobs;

	check(sd_bus_message_read(call, "ss", &unit, &mode), "read");
	printf("%s %s %s\n", sd_bus_message_get_member(call), unit, mode);
	snprintf(result, sizeof result, "%.*s", (int)strcspn(unit, "."), unit);
	snprintf(path, sizeof path, MANAGER_PATH "/job/%u", id);
	if (strcmp(result, "unknown") == 0)
		return sd_bus_reply_method_errorf(call, "org.freedesktop.systemd1.NoSuchUnit", "Unit %s not found.",
						  unit);
	if (strcmp(result, "denied") == 0)
		return sd_bus_reply_method_errorf(call, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED,
						  "Interactive authentication required.");
	if (strcmp(result, "lost") == 0) {
		connection = sd_bus_close_unref(connection);
		return 1;
	}
	check(sd_bus_reply_method_return(call, "o", path), "reply");
	tell_removed(id + 1000, MANAGER_PATH "/job/another", "another.service", "failed");
	if (strcmp(result, "never") != 0)
		tell_removed(id, path, unit, result);
	return 1;
}

static int on_call(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	const char *rule;

	(void)userdata;
	(void)error;
	if (sd_bus_message_is_method_call(call, "org.freedesktop.DBus", "Hello"))
		return sd_bus_reply_method_return(call, "s", ":1.7");
	if (sd_bus_message_is_method_call(call, "org.freedesktop.DBus", "AddMatch")) {
		check(sd_bus_message_read(call, "s", &rule), "read");
		watched |= strstr(rule, "JobRemoved") != NULL;
	} else if (sd_bus_message_is_method_call(call, MANAGER, "Subscribe")) {
		subscribed = true;
	} else if (sd_bus_message_is_method_call(call, MANAGER, NULL)) {
		return answer_job(call);
	}
	return sd_bus_message_get_expect_reply(call) ? sd_bus_reply_method_return(call, "") : 1;
}

static int on_accept(sd_event_source *source, int listener, uint32_t events, void *userdata)
{
	const sd_id128_t id = { .qwords = { 1, 2 } };
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)events;
	(void)userdata;
	check(fd < 0 ? -errno : 0, "accept");
	connection = sd_bus_close_unref(connection);
	subscribed = watched = false;
	check(sd_bus_new(&connection), "bus");
	check(sd_bus_set_fd(connection, fd, fd), "descriptor");
	check(sd_bus_set_server(connection, true, id), "server");
	check(sd_bus_set_anonymous(connection, true), "anonymous");
	check(sd_bus_set_trusted(connection, true), "trusted");
	check(sd_bus_start(connection), "start");
	check(sd_bus_attach_event(connection, sd_event_source_get_event(source), 0), "event");
	check(sd_bus_add_filter(connection, NULL, on_call, NULL), "filter");
	return 0;
}

static int on_input(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	(void)fd;
	(void)events;
	(void)userdata;
	return sd_event_exit(sd_event_source_get_event(source), 0);
}

int main(int argc, char **argv)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	sd_event *event = NULL;

	if (argc != 2 || strlen(argv[1]) >= sizeof name.sun_path)
		return 2;
	setlinebuf(stdout);
	strcpy(name.sun_path, argv[1]);
	check(bind(listener, (struct sockaddr *)&name, sizeof name) < 0 ? -errno : 0, "bind");
	check(chmod(argv[1], 0666) < 0 ? -errno : 0, "mode");
	check(listen(listener, 4) < 0 ? -errno : 0, "listen");
	check(sd_event_new(&event), "loop");
	check(sd_event_add_io(event, NULL, listener, EPOLLIN, on_accept, NULL), "loop");
	check(sd_event_add_io(event, NULL, STDIN_FILENO, EPOLLIN, on_input, NULL), "loop");
	puts("ready");
	check(sd_event_loop(event), "loop");
	sd_bus_close_unref(connection);
	sd_event_unref(event);
	return 0;
}
