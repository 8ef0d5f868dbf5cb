/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/reexec.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/types.h"
#include "daemon/clock.h"
#include "daemon/options.h"
#include "daemon/privileges.h"

enum {
	SAID_MAX = 16 * 1024,
	CHECK_SECONDS = 20, /* a configuration of thousands of vips takes a fraction of one */
};

extern char **environ;

static char path[4096];
static char **arguments; /* ends with NULL */
static int n_arguments;
static char check_option[] = "--check", reexec_option[] = "--reexec";

static bool is_file(const char *name)
{
	return name && name[0] == '/' && strncmp(name, "/proc/", 6) != 0 && strncmp(name, "/dev/fd/", 8) != 0;
}

/* AT_EXECFN is the path that execve was given. A relative one, or one of a descriptor, is looked up once: the program that is
 * there now, before an upgrade can have put another in its place. */
void reexec_remember(int argc, char **argv)
{
	const char *name = (const char *)getauxval(AT_EXECFN);
	ssize_t n;

	arguments = calloc((size_t)argc + 3, sizeof *arguments);
	for (int i = 0; arguments && i < argc; i++)
		arguments[i] = argv[i];
	n_arguments = arguments ? argc : 0;
	if (is_file(name) && strlen(name) < sizeof path) {
		strcpy(path, name);
		return;
	}
	n = readlink("/proc/self/exe", path, sizeof path - 1);
	path[n > 0 ? n : 0] = '\0';
}

const char *reexec_path(void)
{
	return path;
}

/* ---- can it do the work? ------------------------------------------------------------------------------------------- */

struct reexec_check {
	pthread_t thread;
	int fd;
	int stop; /* an eventfd, readable: the program is killed */
	bool fine, bad_configuration;
	char said[SAID_MAX];
	size_t length;
};

static void __attribute__((format(printf, 2, 3))) say(struct reexec_check *check, const char *format, ...)
{
	va_list list;
	int n;

	va_start(list, format);
	n = vsnprintf(check->said + check->length, sizeof check->said - check->length, format, list);
	va_end(list);
	check->length += n > 0 ? (size_t)n : 0;
	if (check->length >= sizeof check->said)
		check->length = sizeof check->said - 1;
}

static int start_program(int output, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none;
	int error;

	arguments[n_arguments] = check_option; /* the loop's thread has no use for them meanwhile */
	arguments[n_arguments + 1] = reexec_option;
	arguments[n_arguments + 2] = NULL;
	sigemptyset(&none);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	error = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (!error)
		error = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	if (!error)
		error = posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
	if (!error)
		error = posix_spawn(pid, path, &actions, &attributes, arguments, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return error;
}

/* Until it closes its output. False: not in time, or nobody wants to know any more. What it says beyond the buffer is read and forgotten. */
static bool read_output(struct reexec_check *check, int output)
{
	uint64_t end_ns = clock_ns(CLOCK_MONOTONIC) + CHECK_SECONDS * NSEC_PER_SEC;
	char text[1024];

	for (;;) {
		struct pollfd fds[] = { { .fd = output, .events = POLLIN }, { .fd = check->stop, .events = POLLIN } };
		uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
		ssize_t n = 0;
		if (now_ns >= end_ns || poll(fds, 2, (int)((end_ns - now_ns) / NSEC_PER_MSEC) + 1) == 0 || fds[1].revents)
			return false;
		n = read(output, text, sizeof text);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return true;
		say(check, "%.*s", (int)n, text);
	}
}

static void judge(struct reexec_check *check, int status)
{
	check->fine = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FINE;
	check->bad_configuration = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_CONFIG;
	if (WIFSIGNALED(status))
		say(check, "%s was killed by signal %d while it checked the configuration\n", path, WTERMSIG(status));
	else if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_USAGE)
		say(check, "%s cannot take over a running daemon: it is another version\n", path);
	else if (!check->fine && !check->length)
		say(check, "%s --check ended with status %d\n", path, WEXITSTATUS(status));
}

static void *run_check(void *data)
{
	struct reexec_check *check = data;
	int output[2], status, error;
	pid_t pid;

	privileges_inherit(true); /* this thread's: of what it starts */
	if (pipe2(output, O_CLOEXEC) < 0) {
		say(check, "cannot check %s: %s\n", path, strerror(errno));
		eventfd_write(check->fd, 1);
		return NULL;
	}
	error = start_program(output[1], &pid);
	close(output[1]);
	if (error) {
		say(check, "cannot execute %s: %s\n", path, strerror(error));
	} else {
		if (!read_output(check, output[0])) {
			say(check, "%s did not finish its check within %d s\n", path, CHECK_SECONDS);
			kill(pid, SIGKILL);
		}
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		judge(check, status);
	}
	close(output[0]);
	eventfd_write(check->fd, 1);
	return NULL;
}

static void destroy(struct reexec_check *check)
{
	if (check->fd >= 0)
		close(check->fd);
	if (check->stop >= 0)
		close(check->stop);
	free(check);
}

struct reexec_check *reexec_check_start(void)
{
	struct reexec_check *check = calloc(1, sizeof *check);
	int r;

	if (!check)
		return NULL;
	if (!path[0] || !arguments) {
		free(check);
		errno = ENOENT;
		return NULL;
	}
	check->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	check->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = check->fd < 0 || check->stop < 0 ? errno : pthread_create(&check->thread, NULL, run_check, check);
	if (r == 0)
		return check;
	destroy(check);
	errno = r;
	return NULL;
}

int reexec_check_fd(const struct reexec_check *check)
{
	return check->fd;
}

bool reexec_check_finish(struct reexec_check *check, char **said, bool *bad_configuration)
{
	bool fine;

	eventfd_write(check->stop, 1);
	pthread_join(check->thread, NULL);
	fine = check->fine;
	*bad_configuration = check->bad_configuration;
	*said = strdup(check->said);
	destroy(check);
	return fine;
}

/* ---- becoming it --------------------------------------------------------------------------------------------------- */

int reexec_run(void)
{
	int error;

	arguments[n_arguments] = NULL;
	privileges_inherit(true);
	execve(path, arguments, environ);
	error = errno;
	privileges_inherit(false);
	return -error;
}
