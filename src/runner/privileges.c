/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/privileges.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <syslog.h>
#include <unistd.h>

#include "common/log.h"
#include "runner/user.h"

static const unsigned kept[] = { CAP_SETUID, CAP_SETGID, CAP_KILL, CAP_NET_RAW };

static bool may_become;
static struct user self; /* of it uid, gid and groups, after privileges_settle */

static int fail(const char *what)
{
	log_at(LOG_ERR, "cannot %s: %s", what, strerror(errno));
	return -1;
}

static bool has(unsigned capability)
{
	return capng_have_capability(CAPNG_EFFECTIVE, capability);
}

/* As the user and group that this process is now. */
static bool has_ping_sockets(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMP);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Of what this process has. Nothing is left in the bounding set, so that no program gets any; where that cannot be cut,
 * without CAP_SETPCAP, no_new_privs makes up for it. */
static int apply(bool bounding)
{
	bool had[sizeof kept / sizeof *kept];

	for (unsigned i = 0; i < sizeof kept / sizeof *kept; i++)
		had[i] = has(kept[i]);
	capng_clear(CAPNG_SELECT_BOTH);
	for (unsigned i = 0; i < sizeof kept / sizeof *kept; i++) {
		if (had[i])
			capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, kept[i]);
	}
	return capng_apply(bounding ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS) < 0 ? fail("give up capabilities") : 0;
}

/* Capabilities stay permitted while the user changes; those that are kept become effective again. 0 or -errno. */
static int become(const struct user *user)
{
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || setgroups((size_t)user->n_groups, user->groups) < 0 ||
	    setresgid(user->gid, user->gid, user->gid) < 0 || setresuid(user->uid, user->uid, user->uid) < 0 ||
	    prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0 || capng_apply(CAPNG_SELECT_CAPS) < 0)
		return -errno;
	return 0;
}

/* In a user namespace that has no other users there is nobody to become: then programs can be root's alone, and only
 * where that is written. */
static int stay_root(int error)
{
	log_at(LOG_WARNING, "cannot become user %s: %s: only programs with 'user: root' can run", user_default(),
	       strerrordesc_np(error));
	may_become = false;
	capng_clear(CAPNG_SELECT_CAPS);
	return capng_apply(CAPNG_SELECT_CAPS) < 0 ? fail("give up capabilities") : 0;
}

static int leave_root(void)
{
	struct user *user;
	int r = user_find(user_default(), &user);

	if (r == 0) {
		r = become(user);
		user_free(user);
	}
	if (r == -EPERM || r == -EINVAL)
		return stay_root(-r);
	errno = -r;
	return r < 0 ? fail("become another user") : 0;
}

static int note_self(void)
{
	int room = getgroups(0, NULL);

	self.uid = geteuid();
	self.gid = getegid();
	self.groups = calloc((size_t)room + 1, sizeof *self.groups);
	self.n_groups = self.groups ? getgroups(room, self.groups) : -1;
	return self.n_groups < 0 ? fail("ask for this process's groups") : 0;
}

int privileges_settle(void)
{
	if (capng_get_caps_process() < 0)
		return fail("read this process's capabilities");
	may_become = has(CAP_SETUID) && has(CAP_SETGID);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail("set no_new_privs");
	if (apply(has(CAP_SETPCAP)) < 0 || (geteuid() == 0 && may_become && leave_root() < 0) || note_self() < 0)
		return -1;
	if (!has(CAP_NET_RAW) || !has_ping_sockets())
		return 0;
	capng_update(CAPNG_DROP, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_NET_RAW);
	return capng_apply(CAPNG_SELECT_CAPS) < 0 ? fail("give up capabilities") : 0;
}

/* By the kernel's calls: the C library's setgroups would change all threads. */
void privileges_look_as(const struct user *user)
{
	if (!user)
		user = &self;
	if (syscall(SYS_setgroups, user->n_groups, user->groups) < 0)
		log_at(LOG_ERR, "cannot set groups: %s", strerror(errno));
	syscall(SYS_setfsgid, user->gid);
	syscall(SYS_setfsuid, user->uid);
}

bool privileges_may_become(void)
{
	return may_become;
}
