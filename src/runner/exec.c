/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"
#include "runner/children.h"
#include "runner/privileges.h"
#include "runner/program.h"
#include "runner/spawn.h"
#include "runner/tail.h"

enum {
	SWEEP_GAP_US = 100 * 1000, /* at least, between two looks for what programs left behind */
	SWEEP_SHARE = 20,	   /* and so many times what such a look takes: all processes may be looked through */
	END_MS = 5000,
	DRAIN_READS = 16,
};

struct commands {
	sd_event *event;
	sd_event_source *ended, *sweep;
	struct command *running;
	int nothing; /* /dev/null */
	uint64_t last_mark;
	uint64_t swept_us; /* when the last sweep began */
	uint64_t sweep_us; /* what it took */
};

struct command {
	struct commands *commands;
	struct command *next, **link;
	struct command_watch watch; /* ended is NULL: abandoned */
	pid_t pid;
	uint64_t mark;
	int output;
	sd_event_source *source, *timer;
	struct tail tail;
	bool killed;
};

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* ---- what programs leave behind ----
 * Who has no parent any more becomes this process's child, from whatever session. It is killed unless it came from
 * a program that still runs, which its mark tells. What it started itself comes next, when it is gone. */

static struct command *find(struct commands *commands, pid_t pid)
{
	struct command *command = commands->running;

	while (command && command->pid != pid)
		command = command->next;
	return command;
}

static bool is_marked(const struct commands *commands, uint64_t mark)
{
	for (const struct command *command = commands->running; command; command = command->next) {
		if (command->mark == mark)
			return true;
	}
	return false;
}

static void kill_stray(void *userdata, pid_t pid)
{
	struct commands *commands = userdata;

	if (!find(commands, pid) && !is_marked(commands, children_mark(pid)))
		kill(pid, SIGKILL);
}

static int on_sweep(sd_event_source *source, uint64_t due, void *userdata)
{
	struct commands *commands = userdata;

	(void)source;
	(void)due;
	commands->swept_us = now_us();
	children_each(kill_stray, commands);
	commands->sweep_us = now_us() - commands->swept_us;
	return 0;
}

static void plan_sweep(struct commands *commands)
{
	uint64_t share = commands->sweep_us * SWEEP_SHARE;
	uint64_t gap = share > SWEEP_GAP_US ? share : SWEEP_GAP_US;
	int enabled;

	if (sd_event_source_get_enabled(commands->sweep, &enabled) > 0 && enabled != SD_EVENT_OFF)
		return;
	sd_event_source_set_time(commands->sweep, commands->swept_us + gap);
	sd_event_source_set_enabled(commands->sweep, SD_EVENT_ONESHOT);
}

/* ---- output ---- */

static void stop_hearing(struct command *command)
{
	command->source = sd_event_source_disable_unref(command->source);
	if (command->output >= 0)
		close(command->output);
	command->output = -1;
}

/* False: there is nothing more at the moment. */
static bool hear(struct command *command)
{
	static char data[64 * 1024];
	ssize_t n = read(command->output, data, sizeof data);

	if (n > 0)
		tail_add(&command->tail, data, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		stop_hearing(command);
	return n > 0;
}

static int on_output(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	(void)source;
	(void)fd;
	(void)events;
	hear(userdata);
	return 0;
}

/* ---- the end ---- */

static void forget(struct command *command)
{
	*command->link = command->next;
	if (command->next)
		command->next->link = command->link;
	stop_hearing(command);
	sd_event_source_disable_unref(command->timer);
	tail_free(&command->tail);
	free(command);
}

/* The command is gone after this, and whatever its watch gives up. */
static void end(struct command *command, int status)
{
	struct command_watch watch = command->watch;
	char line[EXEC_TEXT_SIZE];

	for (unsigned i = 0; i < DRAIN_READS && command->output >= 0 && hear(command); i++)
		;
	runner_last_line(command->tail.text, command->tail.length, line);
	forget(command);
	if (watch.ended)
		watch.ended(watch.userdata, status, line);
}

static int status_of(const siginfo_t *info)
{
	return info->si_code == CLD_EXITED ? info->si_status : 128 + info->si_status;
}

/* The group goes before its leader is waited for: until then no other can have its number. */
static int on_child(sd_event_source *source, const struct signalfd_siginfo *signal, void *userdata)
{
	struct commands *commands = userdata;
	siginfo_t info;

	(void)source;
	(void)signal;
	for (;;) {
		info.si_pid = 0;
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0)
			return 0;

		struct command *command = find(commands, info.si_pid);
		if (command)
			kill(-info.si_pid, SIGKILL);
		waitpid(info.si_pid, NULL, 0);
		if (command)
			end(command, status_of(&info));
		plan_sweep(commands);
	}
}

static int on_timer(sd_event_source *source, uint64_t due, void *userdata)
{
	struct command *command = userdata;

	(void)due;
	if (command->killed) {
		log_at(LOG_WARNING, "process %d does not end though it was killed", command->pid);
		end(command, -1); /* once it does, it is nobody's */
		return 0;
	}
	command->killed = true;
	kill(-command->pid, SIGKILL);
	sd_event_source_set_time(source, now_us() + EXEC_LOST_US);
	sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	return 0;
}

void command_stop(struct command *command)
{
	if (command->timer)
		return;
	/* A stopped one hears SIGTERM once it goes on. */
	kill(-command->pid, SIGTERM);
	kill(-command->pid, SIGCONT);
	if (sd_event_add_time_relative(command->commands->event, &command->timer, CLOCK_MONOTONIC, EXEC_GRACE_US, 1000,
				       on_timer, command) < 0)
		kill(-command->pid, SIGKILL);
}

void command_abandon(struct command *command)
{
	command->watch.ended = NULL;
	command_stop(command);
}

void command_status_text(int status, char out[EXEC_TEXT_SIZE])
{
	const char *name = status > 128 ? sigabbrev_np(status - 128) : NULL;

	if (status < 0)
		snprintf(out, EXEC_TEXT_SIZE, "it does not end though it was killed");
	else if (name)
		snprintf(out, EXEC_TEXT_SIZE, "killed by SIG%s", name);
	else
		snprintf(out, EXEC_TEXT_SIZE, "exit status %d", status);
}

/* ---- the start ---- */

/* A file in memory: the program reads it at any pace, or not at all. The descriptor or -errno. */
static int open_input(const char *text)
{
	int fd = memfd_create("input", MFD_CLOEXEC);
	size_t length = strlen(text), done = 0;

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
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static void free_environment(char **environment)
{
	for (char **entry = environment; entry && *entry; entry++)
		free(*entry);
	free(environment);
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
static int settle_user(struct program *program, char reason[EXEC_TEXT_SIZE])
{
	int r = program->user ? 0 : user_find(program->user_name, &program->user);

	if (r == -ENOENT)
		snprintf(reason, EXEC_TEXT_SIZE, "there is no user %.100s",
			 program->user_name ? program->user_name : user_default());
	else if (r < 0)
		snprintf(reason, EXEC_TEXT_SIZE, "cannot ask for user %.100s: %s",
			 program->user_name ? program->user_name : "", strerrordesc_np(-r));
	if (r < 0)
		return r;
	if (program->user->uid == geteuid() || privileges_may_become())
		return 0;
	snprintf(reason, EXEC_TEXT_SIZE,
		 "may not run it as user %.60s: the runner was started without the capabilities for that",
		 program->user->name);
	return -EPERM;
}

/* Who may not enter a directory finds nothing below it, so its user looks. */
static int check_program(const struct program *program, char reason[EXEC_TEXT_SIZE])
{
	bool other = program->user->uid != geteuid();
	int r;

	if (other)
		privileges_look_as(program->user);
	r = program_check(program->arguments[0], program->user->uid, reason);
	if (other)
		privileges_look_as(NULL);
	return r;
}

/* Without CAP_SETUID the user is this process's; with it, and the same user, its groups are the user's all the same. */
static pid_t start(struct commands *commands, const struct program *program, char *const *environment, int input,
		   int output, uint64_t mark)
{
	const struct spawn spawn = {
		.arguments = program->arguments,
		.environment = environment,
		.user = program->user,
		.become = privileges_may_become(),
		.input = input < 0 ? commands->nothing : input,
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

static enum command_start explain(const struct program *program, int error, char reason[EXEC_TEXT_SIZE])
{
	if (error == EAGAIN)
		snprintf(reason, EXEC_TEXT_SIZE, "cannot start %.100s: user %.40s has too many processes",
			 program->arguments[0], program->user->name);
	else
		snprintf(reason, EXEC_TEXT_SIZE, "cannot start %.100s: %s", program->arguments[0],
			 strerrordesc_np(error));
	return is_shortage(error) ? COMMAND_FAILED : COMMAND_REFUSED;
}

/* Its output's pipe, read end first, which does not wait. 0 or -errno. */
static int open_output(int pipe_fds[2])
{
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -errno;
	fcntl(pipe_fds[0], F_SETFL, O_NONBLOCK);
	return 0;
}

/* What is running now. Takes the descriptor. 0 or -errno. */
static int keep(struct commands *commands, pid_t pid, uint64_t mark, int output, const struct program *program,
		const struct command_watch *watch, struct command **out)
{
	struct command *command = calloc(1, sizeof *command);

	if (!command) {
		close(output);
		return -ENOMEM;
	}
	command->commands = commands;
	command->watch = *watch;
	command->pid = pid;
	command->mark = mark;
	command->output = output;
	tail_begin(&command->tail, program->output_max);
	command->next = commands->running;
	command->link = &commands->running;
	if (command->next)
		command->next->link = &command->next;
	commands->running = command;
	*out = command;

	int r = sd_event_add_io(commands->event, &command->source, output, EPOLLIN, on_output, command);
	if (r < 0)
		command_abandon(command);
	return r < 0 ? r : 0;
}

/* -errno, or the process; output: to be read. */
static int open_and_start(struct commands *commands, const struct program *program, char *const *more, const char *text,
			  uint64_t mark, int *output)
{
	int fds[2], input = text ? open_input(text) : -1, r = text && input < 0 ? input : 0;
	char **environment = make_environment(program->user, more);

	if (!environment)
		r = -ENOMEM;
	if (r == 0)
		r = open_output(fds);
	if (r == 0) {
		r = start(commands, program, environment, input, fds[1], mark);
		close(fds[1]);
		if (r < 0)
			close(fds[0]);
		else
			*output = fds[0];
	}
	if (input >= 0)
		close(input);
	free_environment(environment);
	return r;
}

enum command_start command_start(struct commands *commands, struct program *program, char *const *environment,
				 const char *input, const struct command_watch *watch, struct command **command,
				 char reason[EXEC_TEXT_SIZE])
{
	uint64_t mark = ++commands->last_mark;
	int output = -1;

	if (settle_user(program, reason) < 0 || check_program(program, reason) < 0)
		return COMMAND_REFUSED;

	int r = open_and_start(commands, program, environment, input, mark, &output);
	if (r < 0)
		return explain(program, -r, reason);
	pid_t pid = r;
	r = keep(commands, pid, mark, output, program, watch, command);
	if (r < 0) {
		kill(-pid, SIGKILL);
		return explain(program, -r, reason);
	}
	return COMMAND_STARTED;
}

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

void program_free(struct program *program)
{
	for (char **argument = program->arguments; argument && *argument; argument++)
		free(*argument);
	free(program->arguments);
	free(program->user_name);
	user_free(program->user);
	memset(program, 0, sizeof *program);
}

/* ---- all of them ---- */

int commands_new(sd_event *event, struct commands **out)
{
	struct commands *commands = calloc(1, sizeof *commands);
	int r;

	if (!commands)
		return -ENOMEM;
	commands->event = sd_event_ref(event);
	commands->nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (commands->nothing < 0)
		r = -errno;
	else if ((r = sd_event_add_signal(event, &commands->ended, SIGCHLD, on_child, commands)) >= 0)
		r = sd_event_add_time(event, &commands->sweep, CLOCK_MONOTONIC, 0, 10 * 1000, on_sweep, commands);
	if (r < 0) {
		commands_free(commands);
		return r;
	}
	sd_event_source_set_enabled(commands->sweep, SD_EVENT_OFF);
	*out = commands;
	return 0;
}

static void kill_child(void *userdata, pid_t pid)
{
	(void)userdata;
	kill(pid, SIGKILL);
}

/* Each round kills what the round before left to this process. */
void commands_end(struct commands *commands)
{
	const struct timespec wait = { .tv_nsec = 10 * 1000 * 1000 };
	uint64_t last = now_us() + END_MS * 1000;
	sigset_t child;
	int pid = 1;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	for (struct command *command = commands->running; command; command = command->next)
		kill(-command->pid, SIGKILL);
	while (now_us() < last) {
		children_each(kill_child, NULL);
		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			;
		if (pid < 0)
			return;
		sigtimedwait(&child, NULL, &wait);
	}
	log_at(LOG_WARNING, "processes do not end though they were killed");
}

void commands_free(struct commands *commands)
{
	if (!commands)
		return;
	while (commands->running)
		forget(commands->running);
	sd_event_source_disable_unref(commands->ended);
	sd_event_source_disable_unref(commands->sweep);
	if (commands->nothing >= 0)
		close(commands->nothing);
	sd_event_unref(commands->event);
	free(commands);
}
