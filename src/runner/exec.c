/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/exec.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "common/log.h"
#include "runner/children.h"
#include "runner/clock.h"
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
	char line[PROGRAM_TEXT_SIZE];

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

void command_status_text(int status, char out[PROGRAM_TEXT_SIZE])
{
	const char *name = status > 128 ? sigabbrev_np(status - 128) : NULL;

	if (status < 0)
		snprintf(out, PROGRAM_TEXT_SIZE, "it does not end though it was killed");
	else if (name)
		snprintf(out, PROGRAM_TEXT_SIZE, "killed by SIG%s", name);
	else
		snprintf(out, PROGRAM_TEXT_SIZE, "exit status %d", status);
}

/* ---- the start ---- */

/* What is running now. Takes the descriptor. 0 or -errno. */
static int keep(struct commands *commands, const struct started *started, size_t output_max,
		const struct command_watch *watch, struct command **out)
{
	struct command *command = calloc(1, sizeof *command);

	if (!command) {
		close(started->output);
		return -ENOMEM;
	}
	command->commands = commands;
	command->watch = *watch;
	command->pid = started->pid;
	command->mark = started->mark;
	command->output = started->output;
	tail_begin(&command->tail, output_max);
	command->next = commands->running;
	command->link = &commands->running;
	if (command->next)
		command->next->link = &command->next;
	commands->running = command;
	*out = command;

	int r = sd_event_add_io(commands->event, &command->source, started->output, EPOLLIN, on_output, command);
	if (r < 0)
		command_abandon(command);
	return r < 0 ? r : 0;
}

enum program_start command_start(struct commands *commands, struct program *program, char *const *environment,
				 const char *input, const struct command_watch *watch, struct command **command,
				 char reason[PROGRAM_TEXT_SIZE])
{
	struct started started = { .mark = ++commands->last_mark };
	enum program_start result = program_start(program, environment, input, &started, reason);

	if (result != PROGRAM_STARTED)
		return result;

	int r = keep(commands, &started, program->output_max, watch, command);
	if (r < 0) {
		kill(-started.pid, SIGKILL);
		snprintf(reason, PROGRAM_TEXT_SIZE, "cannot hear it: %s", strerrordesc_np(-r));
		return PROGRAM_FAILED;
	}
	return PROGRAM_STARTED;
}

/* ---- all of them ---- */

int commands_new(sd_event *event, struct commands **out)
{
	struct commands *commands = calloc(1, sizeof *commands);
	int r;

	if (!commands)
		return -ENOMEM;
	commands->event = sd_event_ref(event);
	if ((r = sd_event_add_signal(event, &commands->ended, SIGCHLD, on_child, commands)) >= 0)
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
	sd_event_unref(commands->event);
	free(commands);
}
