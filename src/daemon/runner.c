/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/runner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "common/log.h"
#include "daemon/clock.h"
#include "daemon/definition.h"
#include "daemon/hooks.h"
#include "daemon/launcher.h"
#include "runner/protocol.h"

enum {
	MESSAGES_A_TURN = 32,
	PAUSE_FIRST_MS = 100,
	PAUSE_MAX_MS = 10000,
	TROUBLE_SIZE = 160,
};

#define LIVES  NSEC_PER_SEC         /* so long after it was started it has not failed to */
#define PROVEN (10 * NSEC_PER_SEC) /* one that lived so long is started again at once */

/* A check as the runner is told of it. */
struct told {
	json_t *definition;
	uint64_t since; /* the first generation that has it so */
	char output[RUNNER_OUTPUT_MAX + 1];
};

struct runner {
	sd_event *event;
	struct engine *engine;
	const char *rundir;
	int launcher, fd;            /* fd -1: not connected */
	bool launched;               /* by the launcher, and no unit's */
	bool wanted, full;           /* full: its socket takes no more */
	sd_event_source *io, *timer;
	uint64_t generation;
	struct told *checks;         /* by name */
	unsigned n_checks;
	unsigned said;               /* so many of them were said; n_checks + 1: and that this is all */
	uint64_t connected_ns;
	unsigned failures;           /* in a row */
	char trouble[TROUBLE_SIZE];  /* "": none */
};

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *data);
static void connect_runner(struct runner *r);

/* ---- checks ------------------------------------------------------------------------------------------------------- */

static const char *name_of(const struct told *check)
{
	return json_string_value(json_object_get(check->definition, "name"));
}

static int by_name(const void *name, const void *check)
{
	return strcmp(name, name_of(check));
}

static struct told *find(const struct runner *r, const char *name)
{
	return r->n_checks ? bsearch(name, r->checks, r->n_checks, sizeof *r->checks, by_name) : NULL;
}

static void free_checks(struct told *checks, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		json_decref(checks[i].definition);
	free(checks);
}

static void hear_result(struct runner *r, const struct runner_answer *answer)
{
	struct told *check = find(r, answer->check);
	bool refused = answer->type == RUNNER_REFUSED;

	/* Of a former definition: it says nothing of this one. */
	if (!check || answer->generation < check->since || answer->generation > r->generation)
		return;
	strcpy(check->output, refused ? answer->reason : answer->output);
	if (!refused && answer->timed_out && !check->output[0])
		strcpy(check->output, "timed out");
	engine_check(r->engine, answer->check, !refused && answer->passed, check->output);
}

static void end_hook(struct runner *r, const struct runner_answer *answer)
{
	const char *vip = "", *check = "";

	switch (hooks_ended(r->engine->hooks, answer, &vip, &check)) {
	case HOOKS_NOTHING:
		break;
	case HOOKS_TEST_FAILED:
		engine_test_failed(r->engine, vip, check);
		break;
	case HOOKS_DONE:
		engine_hooks_done(r->engine, vip);
		break;
	}
}

static void hear(struct runner *r, const json_t *message)
{
	struct runner_answer answer;

	if (runner_answer_decode(message, &answer) < 0) {
		log_at(LOG_WARNING, "a message of standby-runner is not understood: are both of one version?");
		return;
	}
	if (answer.check[0])
		hear_result(r, &answer);
	else
		end_hook(r, &answer);
}

/* ---- the connection ----------------------------------------------------------------------------------------------- */

static int on_retry(sd_event_source *source, uint64_t usec, void *data)
{
	(void)source;
	(void)usec;
	connect_runner(data);
	return 0;
}

static void retry_later(struct runner *r)
{
	uint64_t ms = PAUSE_FIRST_MS;

	for (unsigned i = 1; i < r->failures && ms < PAUSE_MAX_MS; i++)
		ms *= 2;
	sd_event_source_set_time_relative(r->timer, (ms < PAUSE_MAX_MS ? ms : PAUSE_MAX_MS) * 1000);
	sd_event_source_set_enabled(r->timer, SD_EVENT_ONESHOT);
}

static void disconnect(struct runner *r)
{
	r->io = sd_event_source_disable_unref(r->io);
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
	r->said = 0;
}

static void __attribute__((format(printf, 2, 3))) complain(struct runner *r, const char *format, ...)
{
	char text[TROUBLE_SIZE];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof text, format, list);
	va_end(list);
	if (strcmp(text, r->trouble) != 0)
		log_at(LOG_WARNING, "%s; checks say what they said, hooks wait", text);
	strcpy(r->trouble, text);
}

static void lost(struct runner *r)
{
	int error = r->launched ? launcher_error(r->launcher) : 0;

	r->failures = clock_boot() - r->connected_ns >= PROVEN ? 1 : r->failures + 1;
	disconnect(r);
	hooks_lost(r->engine->hooks);
	if (error)
		complain(r, "standby-runner cannot be started: %s", strerror(error));
	else
		complain(r, "standby-runner has ended");
	retry_later(r);
}

/* A unit's socket; -1: there is none. */
static int open_unit(const struct runner *r)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, n = snprintf(address.sun_path, sizeof address.sun_path, "%s/runner.sock", r->rundir);

	if (n < 0 || (size_t)n >= sizeof address.sun_path)
		return -1;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* -errno: it cannot be done. */
static int launch(const struct runner *r)
{
	int ends[2], error;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
		return -errno;
	error = launcher_run(r->launcher, ends[1]);
	close(ends[1]);
	if (error == 0)
		return ends[0];
	close(ends[0]);
	return error;
}

/* The checks that were not said yet: 0 or -errno. */
static int say_checks(struct runner *r)
{
	int error = 0;

	while (r->said <= r->n_checks && error == 0) {
		struct told *check = r->said < r->n_checks ? &r->checks[r->said] : NULL;
		json_t *message = check ? json_pack("{s:s, s:I, s:O}", "type", "check", "generation", (json_int_t)r->generation,
						    "check", check->definition)
					: json_pack("{s:s, s:I}", "type", "apply", "generation", (json_int_t)r->generation);
		error = message ? runner_send(r->fd, message) : -ENOMEM;
		json_decref(message);
		if (error == -EMSGSIZE && check) {
			strcpy(check->output, "its definition is too long");
			engine_check(r->engine, name_of(check), false, check->output);
			error = 0;
		}
		r->said += error == 0;
	}
	return error;
}

/* The hooks that are due: 0 or -errno. Tests are of checks that were said. */
static int say_hooks(struct runner *r)
{
	struct hooks *hooks = r->engine->hooks;
	const json_t *message;
	int error = 0;

	while (error == 0 && (message = hooks_next(hooks)) != NULL) {
		struct runner_answer refused = { .type = RUNNER_REFUSED, .reason = "what is to be told is too long" };
		error = runner_send(r->fd, message);
		refused.id = (uint64_t)json_integer_value(json_object_get(message, "id"));
		if (error == 0 || error == -EMSGSIZE)
			hooks_said(hooks);
		if (error == -EMSGSIZE) {
			end_hook(r, &refused);
			error = 0;
		}
	}
	return error;
}

/* The rest of what is to be said, as far as it is taken. */
static void say(struct runner *r)
{
	int error = say_checks(r);

	if (error == 0)
		error = say_hooks(r);
	r->full = error == -EAGAIN;
	if (error && error != -EAGAIN && error != -ENOMEM) {
		lost(r);
		return;
	}
	sd_event_source_set_io_events(r->io, error == -EAGAIN ? EPOLLIN | EPOLLOUT : EPOLLIN);
	if (error == -ENOMEM) {
		disconnect(r); /* another time */
		hooks_lost(r->engine->hooks);
		retry_later(r);
	}
}

/* False: it is closed again. */
static bool use(struct runner *r, int fd)
{
	r->fd = fd;
	r->connected_ns = clock_boot();
	if (sd_event_add_io(r->event, &r->io, fd, EPOLLIN, on_io, r) < 0) {
		r->failures++;
		disconnect(r);
		retry_later(r);
		return false;
	}
	return true;
}

static void connect_runner(struct runner *r)
{
	int fd;

	if (r->fd >= 0 || !r->wanted)
		return;
	fd = open_unit(r);
	r->launched = fd < 0;
	if (fd < 0 && r->launcher >= 0)
		fd = launch(r);
	if (fd >= 0) {
		r->said = 0;
		r->full = false;
		if (use(r, fd))
			say(r);
		return;
	}
	r->failures++;
	if (r->launcher < 0)
		complain(r, "there is no standby-runner: nobody listens at %s/runner.sock, and this daemon may not start one", r->rundir);
	else
		complain(r, "standby-runner cannot be started: %s", strerror(-fd));
	retry_later(r);
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	struct runner *r = data;
	int got = 1;

	(void)source;
	if (revents & EPOLLOUT)
		say(r);
	for (unsigned i = 0; i < MESSAGES_A_TURN && got > 0 && r->fd == fd; i++) {
		json_t *message = NULL;
		got = runner_receive(fd, &message);
		if (got == -EBADMSG) {
			log_at(LOG_WARNING, "a message of standby-runner is not understood: are both of one version?");
			got = 1;
			continue;
		}
		if (got <= 0)
			break;
		r->trouble[0] = '\0'; /* it lives */
		hear(r, message);
		json_decref(message);
	}
	if (r->fd == fd && got <= 0 && got != -EAGAIN && got != -EINTR && got != -ENOMEM)
		lost(r);
	return 0;
}

/* ---- the configuration -------------------------------------------------------------------------------------------- */

/* What is defined as before goes on: its results count, and what it said last stays. */
static void carry(const struct runner *r, struct told *check)
{
	const struct told *before = find(r, name_of(check));

	if (!before)
		return;
	strcpy(check->output, before->output);
	if (json_equal(before->definition, check->definition))
		check->since = before->since;
}

void runner_configure(struct runner *r, const struct config *config)
{
	struct told *checks = calloc(config->n_checks + 1, sizeof *checks);

	r->generation++;
	for (unsigned i = 0; checks && i < config->n_checks; i++) {
		checks[i].definition = definition_of_check(config, &config->checks[i]);
		if (!checks[i].definition) {
			free_checks(checks, i);
			checks = NULL;
			break;
		}
		checks[i].since = r->generation;
		carry(r, &checks[i]);
	}
	if (!checks) {
		log_at(LOG_ERR, "out of memory: standby-runner is not told of the new configuration");
		return;
	}
	free_checks(r->checks, r->n_checks);
	r->checks = checks;
	r->n_checks = config->n_checks;
	r->said = 0;
	r->wanted = config->n_checks || config->n_hooks;
	if (!r->wanted) {
		disconnect(r); /* which is its end */
		r->trouble[0] = '\0';
		sd_event_source_set_enabled(r->timer, SD_EVENT_OFF);
	} else if (r->fd >= 0) {
		say(r);
	} else {
		connect_runner(r);
	}
}

void runner_turn(struct runner *r)
{
	if (r->fd >= 0 && !r->full && hooks_next(r->engine->hooks))
		say(r);
}

bool runner_busy(const struct runner *r)
{
	return r->fd >= 0 && hooks_left(r->engine->hooks) > 0;
}

const char *runner_output(const struct runner *r, unsigned check)
{
	return r && check < r->n_checks ? r->checks[check].output : "";
}

const char *runner_trouble(const struct runner *r)
{
	bool lives = r && r->fd >= 0 && clock_boot() - r->connected_ns >= LIVES;

	return r && r->wanted && r->trouble[0] && !lives ? r->trouble : NULL;
}

/* ---- begin and end ------------------------------------------------------------------------------------------------ */

/* What checks of the predecessor said last; the configuration follows, and takes it over by name. */
static void inherit(struct runner *r, const struct handover *h)
{
	r->generation = h->runner_generation;
	r->checks = calloc(h->n_outputs + 1, sizeof *r->checks);
	for (unsigned i = 0; r->checks && i < h->n_outputs; i++) {
		struct told *check = &r->checks[r->n_checks];
		check->definition = json_pack("{s:s}", "name", h->outputs[i].check);
		strcpy(check->output, h->outputs[i].text);
		r->n_checks += check->definition != NULL;
	}
	r->said = r->n_checks + 1;
	if (h->runner < 0)
		hooks_lost(r->engine->hooks);
	if (h->runner >= 0)
		use(r, h->runner);
}

struct runner *runner_new(sd_event *event, struct engine *engine, const char *rundir, int launcher, const struct handover *handover)
{
	struct runner *r = calloc(1, sizeof *r);

	if (!r)
		return NULL;
	*r = (struct runner){ .event = event, .engine = engine, .rundir = rundir, .launcher = launcher, .fd = -1 };
	if (sd_event_add_time(event, &r->timer, CLOCK_MONOTONIC, UINT64_MAX, 1000, on_retry, r) < 0 ||
	    sd_event_source_set_enabled(r->timer, SD_EVENT_OFF) < 0) {
		runner_free(r);
		return NULL;
	}
	if (handover)
		inherit(r, handover);
	return r;
}

void runner_free(struct runner *r)
{
	if (!r)
		return;
	disconnect(r);
	sd_event_source_disable_unref(r->timer);
	free_checks(r->checks, r->n_checks);
	if (r->launcher >= 0)
		close(r->launcher);
	free(r);
}

int runner_bequeath(const struct runner *r, struct handover_out *out)
{
	FILE *file = handover_file(out);
	int error = 0;

	if (r->launcher >= 0 && (error = handover_keep(out, r->launcher)) == 0)
		fprintf(file, "launcher %d\n", r->launcher);
	if (error == 0 && r->fd >= 0 && (error = handover_keep(out, r->fd)) == 0)
		fprintf(file, "runner %d %llu\n", r->fd, (unsigned long long)r->generation);
	for (unsigned i = 0; error == 0 && i < r->n_checks; i++)
		fprintf(file, "output %s %s\n", name_of(&r->checks[i]), r->checks[i].output);
	if (error == 0)
		hooks_bequeath(r->engine->hooks, file);
	return error;
}
