/* SPDX-License-Identifier: GPL-2.0-or-later */
/* standby-runner: runs checks and hooks for standbyd, which tells it all over a socket (protocol.h). It ends when the
 * other side is gone, and leaves nothing running. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <syslog.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "common/log.h"
#include "runner/errand.h"
#include "runner/privileges.h"
#include "runner/schedule.h"

enum { EXIT_USAGE = 2, MESSAGES_AT_ONCE = 64 };

struct runner {
	int fd;
	sd_event_source *reading;
	struct bench bench;
	struct jobs *jobs;
	struct outbox *outbox;
	struct schedule *schedule;
	struct errands *errands;
};

/* ---- messages ---- */

/* False: missing, or less than min. */
static bool take_number(const json_t *message, const char *key, json_int_t min, uint64_t *out)
{
	const json_t *value = json_object_get(message, key);

	if (!json_is_integer(value) || json_integer_value(value) < min)
		return false;
	*out = (uint64_t)json_integer_value(value);
	return true;
}

static bool hear_check(struct runner *runner, json_t *message)
{
	json_t *check = json_object_get(message, "check");
	uint64_t generation;

	if (!take_number(message, "generation", 0, &generation) || !json_is_object(check))
		return false;
	schedule_check(runner->schedule, generation, check);
	return true;
}

static bool hear_apply(struct runner *runner, json_t *message)
{
	uint64_t generation;

	if (!take_number(message, "generation", 0, &generation))
		return false;
	schedule_apply(runner->schedule, generation);
	return true;
}

static bool hear_run(struct runner *runner, json_t *message)
{
	uint64_t id;

	if (!take_number(message, "id", 1, &id))
		return false;
	errand_run(runner->errands, id, message);
	return true;
}

static bool hear_test(struct runner *runner, json_t *message)
{
	const char *name = json_string_value(json_object_get(message, "check"));
	uint64_t id;

	if (!take_number(message, "id", 1, &id) || !name)
		return false;
	errand_test(runner->errands, id, schedule_find(runner->schedule, name));
	return true;
}

static bool hear_cancel(struct runner *runner, json_t *message)
{
	uint64_t id;

	if (!take_number(message, "id", 1, &id))
		return false;
	errand_cancel(runner->errands, id);
	return true;
}

static void hear(struct runner *runner, json_t *message)
{
	static const struct {
		const char *type;
		bool (*hear)(struct runner *, json_t *message);
	} types[] = {
		{ "check", hear_check }, { "apply", hear_apply },   { "run", hear_run },
		{ "test", hear_test },	 { "cancel", hear_cancel },
	};
	const char *type = json_string_value(json_object_get(message, "type"));

	for (size_t i = 0; type && i < sizeof types / sizeof *types; i++) {
		if (strcmp(type, types[i].type) == 0 && types[i].hear(runner, message))
			return;
	}
	log_at(LOG_WARNING, "a message of type '%s' is not understood", type ? type : "");
}

static int on_message(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct runner *runner = userdata;
	json_t *message;
	int r = 1, enabled;

	(void)events;
	for (unsigned i = 0; i < MESSAGES_AT_ONCE && r > 0; i++) {
		if (sd_event_source_get_enabled(source, &enabled) < 0 || enabled == SD_EVENT_OFF)
			return 0;
		r = runner_receive(fd, &message);
		if (r > 0) {
			hear(runner, message);
			json_decref(message);
		} else if (r == -EBADMSG) {
			log_at(LOG_WARNING, "a message is not understood");
			r = 1;
		}
	}
	if (r > 0 || r == -EAGAIN || r == -EINTR)
		return 0;
	if (r < 0 && r != -ECONNRESET)
		log_at(LOG_ERR, "cannot hear the daemon: %s", strerrordesc_np(-r));
	return sd_event_exit(runner->bench.event, 0);
}

static void on_gone(void *userdata, int error)
{
	struct runner *runner = userdata;

	if (error != -EPIPE && error != -ECONNRESET)
		log_at(LOG_ERR, "cannot answer: %s", strerrordesc_np(-error));
	sd_event_exit(runner->bench.event, 0);
}

static void on_full(void *userdata, bool full)
{
	struct runner *runner = userdata;

	sd_event_source_set_enabled(runner->reading, full ? SD_EVENT_OFF : SD_EVENT_ON);
}

/* ---- begin and end ---- */

/* So that no descriptor of its own is one of them. */
static void open_standard(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

static int prepare_process(void)
{
	struct rlimit files;
	sigset_t signals;
	int fd;

	open_standard();
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
	    signal(SIGCHLD, SIG_DFL) == SIG_ERR || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) {
		log_at(LOG_ERR, "cannot prepare this process: %s", strerror(errno));
		return -1;
	}
	/* A daemon's child inherits that it is the last to be killed for memory; that is not for commands. */
	fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		if (write(fd, "0", 1) < 0)
			log_at(LOG_WARNING, "cannot set oom_score_adj: %s", strerror(errno));
		close(fd);
	}
	/* A thousand checks that connect are as many sockets. */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	return 0;
}

static int begin(struct runner *runner)
{
	const struct outbox_watch watch = { .gone = on_gone, .full = on_full, .userdata = runner };
	struct bench *bench = &runner->bench;
	int r;

	if ((r = sd_event_default(&bench->event)) < 0 ||
	    (r = sd_event_add_signal(bench->event, NULL, SIGTERM, NULL, NULL)) < 0 ||
	    (r = sd_event_add_signal(bench->event, NULL, SIGINT, NULL, NULL)) < 0 ||
	    (r = commands_new(bench->event, &bench->commands)) < 0 ||
	    (r = probes_new(bench->event, &bench->probes)) < 0 || (r = jobs_new(bench->event, &runner->jobs)) < 0 ||
	    (r = outbox_new(bench->event, runner->fd, &watch, &runner->outbox)) < 0 ||
	    (r = schedule_new(bench, runner->outbox, &runner->schedule)) < 0 ||
	    (r = errands_new(bench, runner->jobs, runner->outbox, &runner->errands)) < 0)
		return r;
	return sd_event_add_io(bench->event, &runner->reading, runner->fd, EPOLLIN, on_message, runner);
}

static void end(struct runner *runner)
{
	errands_free(runner->errands);
	schedule_free(runner->schedule);
	outbox_free(runner->outbox);
	jobs_free(runner->jobs);
	probes_free(runner->bench.probes);
	if (runner->bench.commands)
		commands_end(runner->bench.commands);
	commands_free(runner->bench.commands);
	sd_event_source_unref(runner->reading);
	sd_event_unref(runner->bench.event);
}

static int run(int fd)
{
	struct runner runner = { .fd = fd };
	int r = begin(&runner);

	if (r >= 0)
		r = sd_event_loop(runner.bench.event);
	if (r < 0)
		log_at(LOG_ERR, "cannot run: %s", strerrordesc_np(-r));
	end(&runner);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* ---- command line ---- */

/* False: it is no connected SOCK_SEQPACKET socket. */
static bool is_connection(int fd)
{
	struct sockaddr_storage address;
	socklen_t size = sizeof address, type_size = sizeof(int);
	int type = 0;

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) == 0 && type == SOCK_SEQPACKET &&
	       getpeername(fd, (struct sockaddr *)&address, &size) == 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

static int usage(FILE *to, int status)
{
	fputs("Usage: standby-runner [--fd N]\n"
	      "       standby-runner --version | --help\n\n"
	      "Runs checks and hooks for standbyd, which starts it; see standby-runner(8).\n",
	      to);
	return status;
}

/* *fd, or -1: this exit status is all. */
static int read_options(int argc, char **argv, int *fd)
{
	static const struct option options[] = {
		{ "fd", required_argument, NULL, 'f' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	char *end = NULL;
	int c;

	*fd = -1;
	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (c == 'V') {
			puts("standby-runner " STANDBYD_VERSION);
			return EXIT_SUCCESS;
		}
		if (c == 'h')
			return usage(stdout, EXIT_SUCCESS);
		if (c != 'f')
			return usage(stderr, EXIT_USAGE);
		*fd = (int)strtol(optarg, &end, 10);
	}
	if (optind < argc || (end && (*end || *fd <= STDERR_FILENO))) {
		*fd = -1;
		return usage(stderr, EXIT_USAGE);
	}
	if (!end && sd_listen_fds(1) == 1)
		*fd = SD_LISTEN_FDS_START;
	if (*fd >= 0 && is_connection(*fd))
		return EXIT_SUCCESS;
	*fd = -1;
	fputs("standby-runner: there is no connection to standbyd; standbyd or a socket unit starts this program\n",
	      stderr);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	int fd, status = read_options(argc, argv, &fd);

	if (fd < 0)
		return status;
	log_open("standby-runner", LOG_INFO);
	if (prepare_process() < 0 || privileges_settle() < 0)
		return EXIT_FAILURE;
	return run(fd);
}
