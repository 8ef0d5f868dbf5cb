/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#include "common/log.h"
#include "daemon/privileges.h"

enum { RUNNER_FD = 3 }; /* SD_LISTEN_FDS_START */

union control {
	struct cmsghdr header;
	char room[CMSG_SPACE(sizeof(int))];
};

/* ---- the process -------------------------------------------------------------------------------------------------- */

/* A socket that somebody sent; -1: they are gone. */
static int next_socket(int fd)
{
	union control control;
	char byte;
	struct iovec data = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
	ssize_t n;
	int socket;

	do
		n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n != 1 || !CMSG_FIRSTHDR(&message) || CMSG_FIRSTHDR(&message)->cmsg_type != SCM_RIGHTS)
		return -1;
	memcpy(&socket, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof socket);
	return socket;
}

static void tell_error(int fd, int error)
{
	send(fd, &error, sizeof error, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* fd is not RUNNER_FD. */
static void become_runner(const char *program, int fd, int socket)
{
	char pid[16];
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGCHLD, SIG_DFL);
	snprintf(pid, sizeof pid, "%d", (int)getpid());
	if ((socket == RUNNER_FD ? fcntl(socket, F_SETFD, 0) : dup2(socket, RUNNER_FD)) >= 0 &&
	    setenv("LISTEN_PID", pid, 1) == 0 && setenv("LISTEN_FDS", "1", 1) == 0)
		execl(program, program, (char *)NULL);
	tell_error(fd, errno);
	_exit(127);
}

/* Nothing of the daemon's is kept but where errors are said. */
static int settle(int fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), kept = RUNNER_FD + 1;

	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
	    (fcntl(STDERR_FILENO, F_GETFD) < 0 && dup2(null, STDERR_FILENO) < 0))
		return -1;
	if (fd != kept && dup3(fd, kept, O_CLOEXEC) < 0)
		return -1;
	if (close_range((unsigned)kept + 1, ~0U, 0) < 0)
		return -1;
	close(RUNNER_FD);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	unsetenv("LISTEN_FDNAMES");
	return kept;
}

static void serve(const char *program, int fd)
{
	int socket;

	prctl(PR_SET_NAME, "standby-launch");
	signal(SIGCHLD, SIG_IGN); /* nobody asks how a runner ended: its socket tells */
	fd = settle(fd);
	if (fd < 0 || privileges_keep_runners() < 0)
		_exit(1);
	while ((socket = next_socket(fd)) >= 0) {
		pid_t pid = fork();

		if (pid < 0)
			tell_error(fd, errno);
		else if (pid == 0)
			become_runner(program, fd, socket);
		close(socket);
	}
	_exit(0);
}

/* ---- the daemon's side -------------------------------------------------------------------------------------------- */

int launcher_start(const char *program)
{
	int ends[2];
	pid_t pid;

	if (!privileges_for_runner())
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
		log_at(LOG_WARNING, "cannot make a socket for what starts standby-runner: %s", strerror(errno));
		return -1;
	}
	pid = fork();
	if (pid == 0)
		serve(program, ends[1]);
	if (pid < 0)
		log_at(LOG_WARNING, "cannot fork what starts standby-runner: %s", strerror(errno));
	close(ends[1]);
	if (pid > 0)
		return ends[0];
	close(ends[0]);
	return -1;
}

int launcher_run(int launcher, int socket)
{
	union control control = { .header = { .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int)) } };
	char byte = 0;
	struct iovec data = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };

	launcher_error(launcher); /* of an earlier one */
	memcpy(CMSG_DATA(&control.header), &socket, sizeof socket);
	return sendmsg(launcher, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int launcher_error(int launcher)
{
	int error = 0, last = 0;

	while (recv(launcher, &error, sizeof error, MSG_DONTWAIT) == (ssize_t)sizeof error)
		last = error;
	return last;
}
