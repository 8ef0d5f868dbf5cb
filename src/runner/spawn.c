/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between vfork and execve the child has this process's memory, which is why starting one is cheap however large this
 * process is. So the child calls the kernel alone, and writes to nothing but its own stack and `error`. The C library's
 * setresuid and its like would change other threads, or wait for them. */
#include "runner/spawn.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int limit(int resource, rlim_t soft, rlim_t hard)
{
	struct rlimit now, new;

	if (getrlimit(resource, &now) < 0)
		return -1;
	new.rlim_max = hard < now.rlim_max ? hard : now.rlim_max;
	new.rlim_cur = soft < new.rlim_max ? soft : new.rlim_max;
	return setrlimit(resource, &new);
}

static int limit_all(const struct spawn *spawn)
{
	return limit(RLIMIT_CORE, 0, 0) < 0 || limit(RLIMIT_AS, spawn->memory, spawn->memory) < 0 ||
			       limit(RLIMIT_NPROC, spawn->processes, spawn->processes) < 0 ||
			       limit(RLIMIT_NOFILE, spawn->files, RLIM_INFINITY) < 0 ||
			       limit(RLIMIT_LOCKS, spawn->mark, spawn->mark) < 0
		       ? -1
		       : 0;
}

static int become(const struct spawn *spawn)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { { 0 } };

	if (spawn->become) {
		const struct user *user = spawn->user;

		if (syscall(SYS_setgroups, user->n_groups, user->groups) < 0 ||
		    syscall(SYS_setresgid, user->gid, user->gid, user->gid) < 0 ||
		    syscall(SYS_setresuid, user->uid, user->uid, user->uid) < 0)
			return -1;
	}
	return (int)syscall(SYS_capset, &header, none);
}

static void reset_signals(void)
{
	struct sigaction standard = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int signal = 1; signal < NSIG; signal++)
		sigaction(signal, &standard, NULL); /* not those that cannot be caught */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int prepare(const struct spawn *spawn, pid_t parent)
{
	if (setsid() < 0 || dup2(spawn->input, STDIN_FILENO) < 0 || dup2(spawn->output, STDOUT_FILENO) < 0 ||
	    dup2(spawn->output, STDERR_FILENO) < 0 || close_range(STDERR_FILENO + 1, ~0U, 0) < 0 || chdir("/") < 0 ||
	    limit_all(spawn) < 0 || become(spawn) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -1;
	if (getppid() != parent) /* it died before that could be told */
		_exit(127);
	umask(022);
	reset_signals();
	return 0;
}

pid_t spawn_program(const struct spawn *spawn)
{
	volatile int error = 0;
	pid_t parent = getpid(), pid = vfork();

	if (pid == 0) {
		if (prepare(spawn, parent) == 0)
			execve(spawn->arguments[0], spawn->arguments, spawn->environment);
		error = errno;
		_exit(127);
	}
	if (pid < 0)
		return -errno;
	if (error == 0)
		return pid;
	waitpid(pid, NULL, 0);
	return -error;
}
