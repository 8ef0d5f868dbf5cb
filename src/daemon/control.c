/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/control.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "common/log.h"
#include "daemon/client.h"

static int open_socket(const char *rundir, int rundir_fd)
{
	struct sockaddr_un address;
	mode_t mask;
	int fd, r;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	varlink_address(rundir, rundir_fd, &address);
	unlinkat(rundir_fd, VARLINK_SOCKET, 0); /* of a predecessor: the lock says that nobody serves it */
	mask = umask(0117);
	r = bind(fd, (struct sockaddr *)&address, sizeof address);
	umask(mask);
	if (r < 0 || listen(fd, CLIENTS_MAX) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

static void give_to_group(int rundir_fd)
{
	const struct group *group = getgrnam("standbyd");

	if (group && fchownat(rundir_fd, VARLINK_SOCKET, (uid_t)-1, group->gr_gid, AT_SYMLINK_NOFOLLOW) < 0)
		log_at(LOG_INFO, "cannot give the control socket to the group standbyd: %s", strerror(errno));
}

struct control *control_open(const char *rundir, int rundir_fd, int listening)
{
	struct control *control = calloc(1, sizeof *control);

	if (!control) {
		log_at(LOG_ERR, "out of memory");
		return NULL;
	}
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		control->clients[i].fd = -1;
	control->rundir_fd = rundir_fd;
	control->fd = listening >= 0 ? listening : open_socket(rundir, rundir_fd);
	if (control->fd < 0) {
		log_at(LOG_ERR, "cannot open the control socket in %s: %s", rundir, strerror(-control->fd));
		free(control);
		return NULL;
	}
	if (listening < 0)
		give_to_group(rundir_fd);
	return control;
}

/* ---- one client ------------------------------------------------------------------------------------------------ */

static void client_close(struct client *c)
{
	if (c->fd < 0)
		return;
	sd_event_source_disable_unref(c->source);
	close(c->fd);
	varlink_buffer_free(&c->in);
	varlink_buffer_free(&c->out);
	json_decref(c->held);
	json_decref(c->diff_text);
	if (c->control->differs == c)
		c->control->differs = NULL;
	*c = (struct client){ .control = c->control, .fd = -1 };
}

/* Whether it may be asked for the next request: only once everything before is answered and sent. */
static bool client_idle(const struct client *c)
{
	return c->out.length == 0 && !c->events && c->ticket == 0 && !c->diffs && !c->reexecs;
}

static void client_want(struct client *c)
{
	uint32_t events = 0;

	if (client_idle(c) && !c->eof)
		events |= EPOLLIN;
	if (c->out.length > 0 || (client_idle(c) && c->again) || (c->events && c->behind))
		events |= EPOLLOUT;
	sd_event_source_set_io_events(c->source, events);
}

/* At most one request a turn, so that one client cannot keep the loop. 0 or -errno. */
static int client_serve(struct client *c)
{
	json_t *request;
	int r;

	if (!client_idle(c) || !c->again)
		return 0;
	r = varlink_take(&c->in, &request);
	c->again = r > 0;
	if (r <= 0)
		return r;
	r = method_call(c, request);
	json_decref(request);
	return r;
}

static int client_read(struct client *c)
{
	int r = varlink_read(&c->in, c->fd);

	if (r == 0)
		c->eof = true;
	if (r > 0)
		c->again = true;
	return r == -EAGAIN ? 0 : r < 0 ? r : 0;
}

/* 0: goes on, 1: everything is said, -errno. */
static int client_turn(struct client *c, uint32_t revents)
{
	int r = 0;

	if ((revents & EPOLLIN) && client_idle(c))
		r = client_read(c);
	if (r == 0)
		r = client_serve(c);
	if (r == 0)
		r = method_events(c);
	if (r == 0)
		r = varlink_write(&c->out, c->fd);
	if (r < 0 && r != -EAGAIN)
		return r;
	if (revents & (EPOLLHUP | EPOLLERR) && !(revents & EPOLLIN))
		return 1;
	return c->eof && client_idle(c) && !c->again;
}

static void client_say_why(const struct client *c, int error)
{
	if (error == -EBADMSG)
		log_at(LOG_WARNING, "control: a client (uid %u) sent what is no Varlink call, cut off", c->uid);
	else if (error == -EMSGSIZE)
		log_at(LOG_WARNING, "control: a client (uid %u) exceeded a limit, cut off", c->uid);
	else if (error < 0 && error != -EPIPE && error != -ECONNRESET)
		log_at(LOG_WARNING, "control: a client (uid %u) was cut off: %s", c->uid, strerror(-error));
}

static void diff_next(struct control *control);

static int on_client(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	struct client *c = data;
	int r = client_turn(c, revents);

	(void)source;
	(void)fd;
	if (r == 0) {
		client_want(c);
		diff_next(c->control);
		return 0;
	}
	client_say_why(c, r);
	client_close(c);
	return 0;
}

/* ---- what a reload would change ---------------------------------------------------------------------------------- */

static void diff_answer(struct client *c, const json_t *result, const char *diagnostics)
{
	c->diffs = false;
	json_decref(c->diff_text);
	c->diff_text = NULL;
	if (method_diffed(c, result, diagnostics) < 0)
		client_close(c);
	else
		client_want(c);
}

/* One at a time, so that clients do not make a thread each. */
static void diff_next(struct control *control)
{
	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		struct client *c = &control->clients[i];
		int r;
		if (c->fd < 0 || !c->diffs || c == control->differs)
			continue;
		r = differ_start(control->differ, json_string_value(c->diff_text));
		if (r == -EBUSY)
			return;
		if (r == 0) {
			control->differs = c;
			return;
		}
		diff_answer(c, NULL, "");
	}
}

static void on_diffed(void *data, const json_t *result, const char *diagnostics)
{
	struct control *control = data;
	struct client *c = control->differs;

	control->differs = NULL;
	if (c)
		diff_answer(c, result, diagnostics);
	diff_next(control);
}

/* ---- everybody ------------------------------------------------------------------------------------------------- */

static struct client *free_client(struct control *control)
{
	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		if (control->clients[i].fd < 0)
			return &control->clients[i];
	}
	return NULL;
}

static int client_start(struct client *c, struct control *control, int fd)
{
	struct ucred peer;
	socklen_t size = sizeof peer;
	int r;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return -errno;
	*c = (struct client){ .control = control,
			      .fd = -1,
			      .uid = peer.uid,
			      .in.limit = peer.uid == 0 ? REQUEST_MAX_ROOT : REQUEST_MAX };
	r = sd_event_add_io(control->event, &c->source, fd, EPOLLIN, on_client, c);
	if (r < 0)
		return r;
	c->fd = fd;
	return 0;
}

static int on_connect(sd_event_source *source, int listening, uint32_t revents, void *data)
{
	struct control *control = data;
	struct client *c;
	int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)source;
	(void)revents;
	if (fd < 0)
		return 0;
	c = free_client(control);
	if (!c) {
		log_at(LOG_WARNING, "control: more than %d clients, the newest is refused", CLIENTS_MAX);
		close(fd);
	} else if (client_start(c, control, fd) < 0) {
		close(fd);
	}
	return 0;
}

/* A new entry for those who follow: their own turn fetches it. */
static void on_entry(void *data)
{
	struct control *control = data;

	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		struct client *c = &control->clients[i];
		if (c->fd >= 0 && c->events && c->follow)
			sd_event_source_set_io_events(c->source, EPOLLOUT);
	}
}

int control_attach(struct control *control, sd_event *event, struct engine *engine, const char *config_path,
		   control_reload *reload, control_reexec *reexec, void *data)
{
	control->differ = differ_new(event, engine, config_path, on_diffed, control);
	if (!control->differ)
		return -ENOMEM;
	control->event = event;
	control->engine = engine;
	control->reload = reload;
	control->reexec = reexec;
	control->data = data;
	journal_subscribe(engine->journal, on_entry, control);
	return sd_event_add_io(event, &control->source, control->fd, EPOLLIN, on_connect, control);
}

void control_reloaded(struct control *control, uint64_t ticket, enum reload_result result, const char *diagnostics)
{
	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		struct client *c = &control->clients[i];
		if (c->fd < 0 || c->ticket == 0 || c->ticket > ticket)
			continue;
		c->ticket = 0;
		if (method_reloaded(c, result, diagnostics) < 0)
			client_close(c);
		else
			client_want(c);
	}
}

void control_reexecuted(struct control *control, enum reexec_result result, const char *text)
{
	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		struct client *c = &control->clients[i];
		if (c->fd < 0 || !c->reexecs)
			continue;
		c->reexecs = false;
		if (method_reexecuted(c, result, text) < 0)
			client_close(c);
		else
			client_want(c);
	}
}

/* ---- from one program to the next in the same process ------------------------------------------------------------ */

/* One that follows and has had all so far goes on with the next entry. */
static bool goes_on(const struct client *c)
{
	return c->fd >= 0 && c->out.length == 0 && (c->reexecs || (c->events && c->follow && !c->behind));
}

int control_bequeath(struct control *control, struct handover_out *out)
{
	int r = handover_keep(out, control->fd);

	fprintf(handover_file(out), "control %d\n", control->fd);
	for (unsigned i = 0; r == 0 && i < CLIENTS_MAX; i++) {
		const struct client *c = &control->clients[i];
		if (!goes_on(c))
			continue;
		fprintf(handover_file(out), "client %d %d %llu\n", c->fd, c->reexecs, (unsigned long long)c->next_seq);
		r = handover_keep(out, c->fd);
	}
	return r;
}

void control_adopt(struct control *control, const struct handover_client *client)
{
	struct client *c = free_client(control);

	if (!c || client_start(c, control, client->fd) < 0) {
		close(client->fd);
		return;
	}
	c->reexecs = client->asked;
	c->events = c->follow = !client->asked;
	c->next_seq = client->next_seq;
	client_want(c);
}

void control_close(struct control *control)
{
	if (!control)
		return;
	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		struct client *c = &control->clients[i];
		if (c->fd >= 0 && method_events(c) == 0)
			varlink_write(&c->out, c->fd);
		client_close(c);
	}
	differ_free(control->differ);
	sd_event_source_disable_unref(control->source);
	close(control->fd);
	unlinkat(control->rundir_fd, VARLINK_SOCKET, 0);
	free(control);
}
