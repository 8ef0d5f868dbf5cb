/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/types.h"
#include "runner/path.h"
#include "runner/privileges.h"
#include "runner/spawn.h"

/* ---- definitions ---- */

static bool take_size(const json_t *definition, const char *key, json_int_t min, json_int_t max, uint64_t *out)
{
	const json_t *value = json_object_get(definition, key);

	if (!json_is_integer(value) || json_integer_value(value) < min || json_integer_value(value) > max)
		return false;
	*out = (uint64_t)json_integer_value(value);
	return true;
}

static int take_arguments(const json_t *list, struct program *program)
{
	size_t n = json_array_size(list), i;
	const json_t *value;

	if (n == 0 || n > MAX_ARGS)
		return -EBADMSG;
	program->arguments = calloc(n + 1, sizeof *program->arguments);
	if (!program->arguments)
		return -ENOMEM;
	json_array_foreach(list, i, value)
	{
		if (!json_is_string(value))
			return -EBADMSG;
		program->arguments[i] = strdup(json_string_value(value));
		if (!program->arguments[i])
			return -ENOMEM;
	}
	return program->arguments[0][0] == '/' ? 0 : -EBADMSG;
}

int program_read(const json_t *definition, const char *key, struct program *program)
{
	const json_t *user = json_object_get(definition, "user");
	uint64_t output_max;
	int r;

	memset(program, 0, sizeof *program);
	if (!take_size(definition, "output_max", 1, 1 << 20, &output_max) ||
	    !take_size(definition, "memory_max", 1 << 20, (json_int_t)1 << 40, &program->memory_max) ||
	    !take_size(definition, "processes_max", 1, UINT16_MAX, &program->processes_max) ||
	    (user && !json_is_string(user)))
		return -EBADMSG;
	program->output_max = output_max;
	r = take_arguments(json_object_get(definition, key), program);
	if (r == 0 && user && !(program->user_name = strdup(json_string_value(user))))
		r = -ENOMEM;
	if (r < 0)
		program_free(program);
	return r;
}

void program_free_texts(char **list)
{
	for (char **text = list; text && *text; text++)
		free(*text);
	free(list);
}

void program_free(struct program *program)
{
	program_free_texts(program->arguments);
	free(program->user_name);
	user_free(program->user);
	memset(program, 0, sizeof *program);
}

/* ---- the start ---- */

/* A file in memory: the program reads it at any pace, or not at all. NULL: nothing. The descriptor or -errno. */
static int open_input(const char *text)
{
	int fd = text ? memfd_create("input", MFD_CLOEXEC) : open("/dev/null", O_RDONLY | O_CLOEXEC);
	size_t length = text ? strlen(text) : 0, done = 0;

	if (fd < 0)
		return -errno;
	while (done < length) {
		ssize_t n = write(fd, text + done, length - done);

		if (n < 0) {
			int r = -errno;

			close(fd);
			return r;
		}
		done += (size_t)n;
	}
	if (text)
		lseek(fd, 0, SEEK_SET);
	return fd;
}

static char *entry_of(const char *name, const char *text)
{
	char *entry;

	return asprintf(&entry, "%s=%s", name, text) < 0 ? NULL : entry;
}

/* The usual, then `more`. NULL: no memory. */
static char **make_environment(const struct user *user, char *const *more)
{
	const char *const usual[][2] = {
		{ "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" },
		{ "HOME", user->home },
		{ "USER", user->name },
		{ "LOGNAME", user->name },
		{ "SHELL", "/bin/sh" },
		{ "LANG", "C.UTF-8" },
	};
	size_t n = 0, n_more = 0;

	while (more && more[n_more])
		n_more++;
	char **environment = calloc(sizeof usual / sizeof *usual + n_more + 1, sizeof *environment);
	if (!environment)
		return NULL;
	for (; n < sizeof usual / sizeof *usual; n++)
		environment[n] = entry_of(usual[n][0], usual[n][1]);
	for (size_t i = 0; i < n_more; i++, n++)
		environment[n] = strdup(more[i]);
	for (size_t i = 0; i < n; i++) {
		if (environment[i])
			continue;
		while (n-- > 0)
			free(environment[n]);
		free(environment);
		return NULL;
	}
	return environment;
}

/* 0, and the user is known and may be become; or -errno and a sentence. */
static int settle_user(struct program *program, char reason[PROGRAM_TEXT_SIZE])
{
	int r = program->user ? 0 : user_find(program->user_name, &program->user);

	if (r == -ENOENT)
		snprintf(reason, PROGRAM_TEXT_SIZE, "there is no user %.100s",
			 program->user_name ? program->user_name : user_default());
	else if (r < 0)
		snprintf(reason, PROGRAM_TEXT_SIZE, "cannot ask for user %.100s: %s",
			 program->user_name ? program->user_name : "", strerrordesc_np(-r));
	if (r < 0)
		return r;
	if (program->user->uid == geteuid() || privileges_may_become())
		return 0;
	snprintf(reason, PROGRAM_TEXT_SIZE,
		 "may not run it as user %.60s: the runner was started without the capabilities for that",
		 program->user->name);
	return -EPERM;
}

/* Who may not enter a directory finds nothing below it, so its user looks. */
static int check_program(const struct program *program, char reason[PROGRAM_TEXT_SIZE])
{
	bool other = program->user->uid != geteuid();
	int r;

	if (other)
		privileges_look_as(program->user);
	r = path_check(program->arguments[0], program->user->uid, reason);
	if (other)
		privileges_look_as(NULL);
	return r;
}

/* Without CAP_SETUID the user is this process's; with it, and the same user, its groups are the user's all the same. */
static pid_t start(const struct program *program, char *const *environment, int input, int output, uint64_t mark)
{
	const struct spawn spawn = {
		.arguments = program->arguments,
		.environment = environment,
		.user = program->user,
		.become = privileges_may_become(),
		.input = input,
		.output = output,
		.memory = program->memory_max,
		.processes = program->processes_max,
		.files = 1024,
		.mark = mark,
	};

	return spawn_program(&spawn);
}

static bool is_shortage(int error)
{
	return error == EAGAIN || error == ENOMEM || error == EMFILE || error == ENFILE;
}

static enum program_start explain(const struct program *program, int error, char reason[PROGRAM_TEXT_SIZE])
{
	if (error == EAGAIN)
		snprintf(reason, PROGRAM_TEXT_SIZE, "cannot start %.100s: user %.40s has too many processes",
			 program->arguments[0], program->user->name);
	else
		snprintf(reason, PROGRAM_TEXT_SIZE, "cannot start %.100s: %s", program->arguments[0],
			 strerrordesc_np(error));
	return is_shortage(error) ? PROGRAM_FAILED : PROGRAM_REFUSED;
}

/* Its output's pipe, read end first, which does not wait. 0 or -errno. */
static int open_output(int pipe_fds[2])
{
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -errno;
	fcntl(pipe_fds[0], F_SETFL, O_NONBLOCK);
	return 0;
}

/* With everything it needs open. 0, and what has started, or -errno. */
static int open_and_start(const struct program *program, char *const *environment, const char *text,
			  struct started *started)
{
	int fds[2], input = open_input(text), r = input < 0 ? input : open_output(fds);

	if (r == 0) {
		r = start(program, environment, input, fds[1], started->mark);
		close(fds[1]);
		if (r < 0)
			close(fds[0]);
		started->pid = r;
		started->output = fds[0];
	}
	if (input >= 0)
		close(input);
	return r < 0 ? r : 0;
}

enum program_start program_start(struct program *program, char *const *more, const char *input, struct started *started,
				 char reason[PROGRAM_TEXT_SIZE])
{
	if (settle_user(program, reason) < 0 || check_program(program, reason) < 0)
		return PROGRAM_REFUSED;

	char **environment = make_environment(program->user, more);
	int r = environment ? open_and_start(program, environment, input, started) : -ENOMEM;

	program_free_texts(environment);
	return r < 0 ? explain(program, -r, reason) : PROGRAM_STARTED;
}
