/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/privileges.h"

#include <cap-ng.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <syslog.h>
#include <unistd.h>

#include "common/log.h"

int privileges_check(void)
{
	if (capng_get_caps_process() < 0) {
		log_at(LOG_ERR, "cannot read this process's capabilities");
		return -1;
	}
	if (capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN) &&
	    capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_RAW))
		return 0;
	log_at(LOG_ERR, "standbyd needs the capabilities CAP_NET_ADMIN and CAP_NET_RAW: start it as root");
	return -1;
}

int privileges_drop(void)
{
	/* Without CAP_SETPCAP the bounding set cannot be cut, which no_new_privs makes up for: what is executed has no more
	 * than this process. */
	bool bounding = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);

	capng_clear(CAPNG_SELECT_BOTH);
	capng_updatev(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET, CAP_NET_ADMIN, CAP_NET_RAW, -1);
	if (capng_apply(bounding ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS) < 0) {
		log_at(LOG_ERR, "cannot give up capabilities: %s", strerror(errno));
		return -1;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		log_at(LOG_ERR, "cannot set no_new_privs: %s", strerror(errno));
		return -1;
	}
	return 0;
}

/* NET_RAW: for echo requests where there are no sockets for them; SETPCAP: to empty the bounding set. */
static const unsigned runners[] = { CAP_SETUID, CAP_SETGID, CAP_KILL, CAP_NET_RAW, CAP_SETPCAP };
enum { RUNNERS_NEEDED = 3 };

bool privileges_for_runner(void)
{
	for (unsigned i = 0; i < RUNNERS_NEEDED; i++) {
		if (!capng_have_capability(CAPNG_EFFECTIVE, runners[i]))
			return false;
	}
	return true;
}

int privileges_keep_runners(void)
{
	bool had[sizeof runners / sizeof *runners], bounding = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);

	for (unsigned i = 0; i < sizeof runners / sizeof *runners; i++)
		had[i] = capng_have_capability(CAPNG_EFFECTIVE, runners[i]);
	capng_clear(CAPNG_SELECT_BOTH);
	for (unsigned i = 0; i < sizeof runners / sizeof *runners; i++) {
		if (had[i])
			capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET, runners[i]);
	}
	return capng_apply(bounding ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS) < 0 ? -1 : 0;
}

/* A program that is executed has what is ambient, root's besides what its files and the bounding set give (capabilities(7)). */
int privileges_inherit(bool inherit)
{
	static const unsigned kept[] = { CAP_NET_ADMIN, CAP_NET_RAW };
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 }; /* this thread */
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data) < 0)
		return -errno;
	for (unsigned i = 0; i < sizeof kept / sizeof *kept; i++) {
		if (inherit)
			data[0].inheritable |= 1U << kept[i];
		else
			data[0].inheritable &= ~(1U << kept[i]); /* the ambient one goes with it */
	}
	if (syscall(SYS_capset, &header, data) < 0)
		return -errno;
	for (unsigned i = 0; inherit && i < sizeof kept / sizeof *kept; i++) {
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, kept[i], 0, 0) < 0)
			return -errno;
	}
	return 0;
}
