/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/executor.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/attribute.h"
#include "kernel/exchange.h"
#include "kernel/neighbour.h"
#include "kernel/netlink.h"
#include "kernel/packet.h"
#include "kernel/request.h"
#include "kernel/team.h"
#include "kernel/transaction.h"

enum {
	ACK_BUFFERS = 32,
	ACK_SIZE = 1024,           /* an acknowledgement without its request, with a sentence */
	DUMP_TRIES = 5,            /* of a dump that changes interrupt */
	RECEIVE_BUFFER = 1 << 20,  /* holds the acknowledgements of a whole batch many times over */
};

struct executor {
	struct nl_sock *sock; /* NULL: broken and not yet open again */
	uint32_t sequence;    /* the last one used */
	struct job *sent[EXECUTOR_BATCH]; /* by sequence − first; NULL: answered */
	uint32_t first;
	unsigned n_sent, n_unanswered;
	unsigned inject_nth;  /* for tests; 0: never */
	int inject_error;
	struct teams *teams;
	struct mmsghdr messages[ACK_BUFFERS];
	struct iovec iov[ACK_BUFFERS];
	struct sockaddr_nl from[ACK_BUFFERS];
	_Alignas(8) unsigned char acks[ACK_BUFFERS][ACK_SIZE];
	_Alignas(8) unsigned char batch[EXECUTOR_BATCH * REQUEST_SIZE];
};

/* ---- the request socket ----------------------------------------------------------------------------------------- */

static int socket_set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof value);
}

/* Extended acknowledgements, no copy of the request in them, and filters in dumps; an old kernel that lacks one of the
 * three only says less or more. */
static int executor_open(struct executor *x)
{
	int fd;

	errno = ENOMEM;
	x->sock = nl_socket_alloc();
	if (!x->sock || nl_connect(x->sock, NETLINK_ROUTE) < 0) {
		int error = errno;

		nl_socket_free(x->sock);
		x->sock = NULL;
		return -error;
	}
	fd = nl_socket_get_fd(x->sock);
	if (socket_set(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER) < 0)
		socket_set(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
	socket_set(fd, SOL_NETLINK, NETLINK_EXT_ACK, 1);
	socket_set(fd, SOL_NETLINK, NETLINK_CAP_ACK, 1);
	socket_set(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1);
	return 0;
}

static void executor_reopen(struct executor *x)
{
	nl_socket_free(x->sock);
	x->sock = NULL;
	executor_open(x);
}

static int ask_injected(void *executor);

struct executor *executor_new(void)
{
	struct executor *x = calloc(1, sizeof *x);
	int error;

	if (!x)
		return NULL;
	for (unsigned i = 0; i < ACK_BUFFERS; i++) {
		x->iov[i] = (struct iovec){.iov_base = x->acks[i], .iov_len = ACK_SIZE};
		x->messages[i].msg_hdr = (struct msghdr){.msg_iov = &x->iov[i], .msg_iovlen = 1, .msg_name = &x->from[i]};
	}
	x->teams = teams_new(ask_injected, x);
	error = x->teams ? executor_open(x) : -ENOMEM;
	if (error) {
		teams_free(x->teams);
		free(x);
		errno = -error;
		return NULL;
	}
	return x;
}

void executor_free(struct executor *x)
{
	if (!x)
		return;
	nl_socket_free(x->sock);
	teams_free(x->teams);
	free(x);
}

struct teams *executor_teams(struct executor *x)
{
	return x->teams;
}

void executor_inject(struct executor *x, unsigned nth, int error)
{
	x->inject_nth = nth;
	x->inject_error = error;
}

bool executor_inject_waits(const struct executor *x)
{
	return __atomic_load_n(&x->inject_nth, __ATOMIC_RELAXED) != 0;
}

/* Counts one kernel request; the errno that a test wants for it, 0, or EXCHANGE_BREAK. */
static int count_request(struct executor *x)
{
	if (!x->inject_nth || __atomic_sub_fetch(&x->inject_nth, 1, __ATOMIC_RELAXED))
		return 0;
	return x->inject_error ? x->inject_error : EXCHANGE_BREAK;
}

/* Breaks the request socket if that is wanted. */
static int injected(struct executor *x)
{
	int error = count_request(x), null;

	if (error != EXCHANGE_BREAK)
		return error;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0 && x->sock)
		dup3(null, nl_socket_get_fd(x->sock), O_CLOEXEC);
	if (null >= 0)
		close(null);
	return 0;
}

/* libteam's sockets are its own: that one breaks shows as an error. */
static int ask_injected(void *executor)
{
	int error = count_request(executor);

	return error == EXCHANGE_BREAK ? EIO : error;
}

static int ask_transaction(void *executor)
{
	return count_request(executor);
}

/* ---- changes ---------------------------------------------------------------------------------------------------- */

static void job_answer(struct executor *x, struct job *job, int error, char *text)
{
	bool done = !error || request_refusal_is_done(job->action.type, error);

	job->error = done ? 0 : error;
	if (done)
		free(text);
	else
		job->text = text;
	x->n_unanswered--;
}

/* The kernel's sentence of an acknowledgement, or NULL. */
static char *ack_text(const struct nlmsghdr *h)
{
	int header = (int)sizeof(struct nlmsgerr);
	struct nlattr *text;

	if (!(h->nlmsg_flags & NLM_F_ACK_TLVS) || !(h->nlmsg_flags & NLM_F_CAPPED))
		return NULL;
	text = nlmsg_find_attr((struct nlmsghdr *)h, header, NLMSGERR_ATTR_MSG);
	return text ? strndup(nla_data(text), (size_t)nla_len(text)) : NULL;
}

static void take_ack(struct executor *x, const struct nlmsghdr *h)
{
	uint32_t i = h->nlmsg_seq - x->first;
	const struct nlmsgerr *err = NLMSG_DATA(h);
	struct job *job;

	if (h->nlmsg_type != NLMSG_ERROR || nlmsg_datalen(h) < (int)sizeof *err || i >= x->n_sent || !x->sent[i])
		return;
	job = x->sent[i];
	x->sent[i] = NULL;
	job_answer(x, job, -err->error, err->error ? ack_text(h) : NULL);
}

/* rtnetlink executes within sendmsg, so all answers are there: nothing more to read means that one is lost. */
static int read_acks(struct executor *x)
{
	while (x->n_unanswered) {
		int n;

		for (unsigned i = 0; i < ACK_BUFFERS; i++)
			x->messages[i].msg_hdr.msg_namelen = sizeof x->from[i];
		n = recvmmsg(nl_socket_get_fd(x->sock), x->messages, ACK_BUFFERS, MSG_DONTWAIT, NULL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -(n ? errno : EIO);
		for (int i = 0; i < n; i++) {
			struct nlmsghdr *h = (struct nlmsghdr *)x->acks[i];
			int left = (int)x->messages[i].msg_len;

			for (; x->from[i].nl_pid == 0 && nlmsg_ok(h, left); h = nlmsg_next(h, &left))
				take_ack(x, h);
		}
	}
	return 0;
}

static int send_batch(struct executor *x, size_t length)
{
	ssize_t n;

	do
		n = send(nl_socket_get_fd(x->sock), x->batch, length, 0);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* Appends the job's message to the batch; 0 or an errno. */
static int append_request(struct executor *x, struct job *job, size_t *length)
{
	struct nl_msg *message = nlmsg_alloc_size(REQUEST_SIZE);
	int error = message ? -request_build(&job->action, message) : ENOMEM;

	if (!error) {
		struct nlmsghdr *h = nlmsg_hdr(message);

		h->nlmsg_seq = ++x->sequence;
		memcpy(x->batch + *length, h, h->nlmsg_len);
		*length += NLMSG_ALIGN(h->nlmsg_len);
		x->sent[x->n_sent++] = job;
		x->n_unanswered++;
	}
	nlmsg_free(message);
	return error;
}

static void fail_unanswered(struct executor *x, int error)
{
	for (unsigned i = 0; i < x->n_sent; i++) {
		if (!x->sent[i])
			continue;
		x->sent[i]->error = EIO;
		x->sent[i]->text = strdup(strerror(error));
	}
}

static void run_requests(struct executor *x, struct job *jobs, size_t n)
{
	size_t length = 0;
	int error = 0;

	x->first = x->sequence + 1;
	x->n_sent = x->n_unanswered = 0;
	if (!x->sock)
		error = executor_open(x);
	for (size_t i = 0; i < n; i++) {
		jobs[i].error = injected(x);
		if (!jobs[i].error)
			jobs[i].error = append_request(x, &jobs[i], &length);
	}
	if (!x->n_sent)
		return;
	if (!error)
		error = send_batch(x, length);
	if (!error)
		error = read_acks(x);
	if (error) {
		fail_unanswered(x, -error);
		executor_reopen(x);
	}
}

/* "all" and "default" are no interfaces, and a renamed one is not the one that was meant. */
static int check_interface(const char *ifname, int ifindex)
{
	if (!ifname[0] || strnlen(ifname, IFNAME_SIZE) == IFNAME_SIZE || strchr(ifname, '/') || strcmp(ifname, ".") == 0 ||
	    strcmp(ifname, "..") == 0)
		return EINVAL;
	return (int)if_nametoindex(ifname) == ifindex ? 0 : ENODEV;
}

static int open_sysctl(int version, const char *ifname, const char *key, int flags)
{
	char path[80];

	snprintf(path, sizeof path, "/proc/sys/net/ipv%d/conf/%s/%s", version, ifname, key);
	return open(path, flags | O_CLOEXEC);
}

static int write_number(int version, const char *ifname, const char *key, int number)
{
	char value[16];
	int length = snprintf(value, sizeof value, "%d\n", number), error = 0;
	int fd = open_sysctl(version, ifname, key, O_WRONLY);

	if (fd < 0)
		return errno;
	if (write(fd, value, (size_t)length) != length)
		error = errno;
	close(fd);
	return error;
}

static int read_number(const char *ifname, const char *key, int *number)
{
	char value[16] = "";
	int error = 0, fd = open_sysctl(4, ifname, key, O_RDONLY);

	if (fd < 0)
		return errno;
	if (read(fd, value, sizeof value - 1) < 0)
		error = errno;
	close(fd);
	*number = atoi(value);
	return error;
}

static int run_sysctl(struct action_sysctl *s)
{
	static const char *const keys[] = {[SYSCTL_ARP_IGNORE] = "arp_ignore", [SYSCTL_ARP_ANNOUNCE] = "arp_announce",
					  [SYSCTL_PROMOTE_SECONDARIES] = "promote_secondaries"};
	int error = check_interface(s->ifname, s->ifindex), now = 0;

	if (!error && s->read)
		return read_number(s->ifname, keys[s->key], &s->value);
	if (!error && s->put_back)
		error = read_number(s->ifname, keys[s->key], &now);
	if (error || (s->put_back && now != s->expected))
		return error;
	return write_number(4, s->ifname, keys[s->key], s->value);
}

/* It answers for its own addresses alone (arp_ignore) and asks in the name of no other (arp_announce); what comes in by it may be
 * answered by the interface below (a loose rp_filter); it makes itself no addresses and learns no routes. A kernel without IPv6
 * has none of the latter. */
static int settle_vmac(const struct action_link *link)
{
	static const struct {
		int version;
		const char *key;
		int value;
	} wanted[] = {
		{4, "arp_ignore", 1}, {4, "arp_announce", 2}, {4, "rp_filter", 2},      {4, "promote_secondaries", 1},
		{6, "accept_ra", 0},  {6, "autoconf", 0},     {6, "addr_gen_mode", 1},
	};
	int error = check_interface(link->ifname, link->ifindex);

	for (unsigned i = 0; !error && i < sizeof wanted / sizeof wanted[0]; i++) {
		error = write_number(wanted[i].version, link->ifname, wanted[i].key, wanted[i].value);
		if (error == ENOENT && wanted[i].version == 6)
			error = 0;
	}
	return error;
}

/* Its driver's word (ETHTOOL_GLINK). The name is asked for and looked at again, for ethtool knows no indexes: a device that was
 * renamed meanwhile is asked the next time. */
static int look_at(struct action_look *look)
{
	struct ethtool_value value = {.cmd = ETHTOOL_GLINK};
	struct ifreq request = {.ifr_data = (void *)&value};
	int fd, error = 0;

	if (!if_indextoname((unsigned)look->ifindex, request.ifr_name))
		return ENODEV;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno;
	if (ioctl(fd, SIOCETHTOOL, &request) < 0)
		error = errno;
	else if ((int)if_nametoindex(request.ifr_name) != look->ifindex)
		error = EAGAIN;
	close(fd);
	look->carrier = value.data != 0;
	return error;
}

/* ---- snapshots -------------------------------------------------------------------------------------------------- */

static int dump_once(struct executor *x, unsigned which, bool all_tables, uint32_t epoch, struct snapshot *items)
{
	bool broken = false;
	int error;

	if (!x->sock)
		return -EIO;
	error = snapshot_dump(items, which, all_tables, nl_socket_get_fd(x->sock), ++x->sequence, epoch, &broken);
	if (broken)
		executor_reopen(x);
	return error;
}

static int run_snapshot(struct executor *x, const struct action *a, struct snapshot *snapshot)
{
	uint32_t epoch = a->u.snapshot.epoch;
	int error = x->sock ? 0 : executor_open(x);

	for (unsigned i = 0; !error && i < SNAPSHOT_DUMPS; i++) {
		unsigned tries = 0;

		if (snapshot_skips(a, i))
			continue;
		do {
			struct snapshot items = {0};

			error = -injected(x);
			if (!error)
				error = dump_once(x, i, a->u.snapshot.all_tables, epoch, &items);
			if (!error && i == 0)
				error = snapshot_teams(&items, x->teams, epoch);
			if (!error)
				snapshot_join(snapshot, &items);
			snapshot_free(&items);
		} while (error == -EINTR && ++tries < DUMP_TRIES);
	}
	if (error)
		snapshot_free(snapshot);
	return -error;
}

/* ---- jobs ------------------------------------------------------------------------------------------------------- */

void job_clear(struct job *job)
{
	if (job->fd >= 0)
		close(job->fd);
	free(job->text);
	snapshot_free(&job->snapshot);
	*job = (struct job){.fd = -1};
}

static int listen_on(struct job *job)
{
	int fd = packets_listen(&job->action.u.listen);

	if (fd < 0)
		return -fd;
	job->fd = fd;
	return 0;
}

/* Whether the job is one message of a batch. */
static bool is_request(const struct job *job)
{
	return request_exists(job->action.type) && !team_makes(&job->action) && !transaction_makes(&job->action);
}

static void run_other(struct executor *x, struct job *job)
{
	enum action_type type = job->action.type;

	if (type == ACT_SNAPSHOT) {
		job->error = run_snapshot(x, &job->action, &job->snapshot);
		return;
	}
	if (team_makes(&job->action)) {
		job->error = team_execute(x->teams, &job->action);
		return;
	}
	if (transaction_makes(&job->action)) {
		job->error = transaction_run(&job->action, x->teams, ask_transaction, x, &job->text);
		return;
	}
	if (type == ACT_RESOLVE) {
		job->error = neighbours_ask_again(job->action.u.resolve.ifindex, ask_transaction, x);
		return;
	}
	if (type == ACT_UNLISTEN) /* closing is the loop's, which owns the socket */
		return;
	job->error = injected(x);
	if (job->error)
		return;
	assert(type == ACT_SYSCTL || type == ACT_VMAC_SET || type == ACT_LISTEN || type == ACT_LOOK);
	job->error = type == ACT_SYSCTL	    ? run_sysctl(&job->action.u.sysctl)
		     : type == ACT_VMAC_SET ? settle_vmac(&job->action.u.link)
		     : type == ACT_LOOK	    ? look_at(&job->action.u.look)
					    : listen_on(job);
}

void executor_run(struct executor *x, struct job *jobs, size_t n)
{
	size_t i = 0;

	assert(n <= EXECUTOR_BATCH);
	while (i < n) {
		size_t count = 0;

		while (i + count < n && is_request(&jobs[i + count]))
			count++;
		if (count)
			run_requests(x, jobs + i, count);
		else
			run_other(x, &jobs[i]);
		i += count ? count : 1;
	}
}
