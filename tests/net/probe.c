/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lab's measuring instrument.
 *
 *   probe ask ADDRESS PORT INTERVAL_US   one numbered datagram per interval to ADDRESS; remembers when each was sent, when it was
 *                                        answered, by whom, and whether in time
 *   probe answer NAME PORT               answers every datagram from the address it was sent to, with NAME, or where that
 *                                        address has gone meanwhile, that it came too late; remembers when addresses came and
 *                                        went in its network namespace
 *   probe guard                          ends the processes it was told of when its standard input ends
 *
 * Commands come as lines on standard input: "report FROM TO" (CLOCK_MONOTONIC nanoseconds; TO 0: now) is answered by
 * one line of JSON; guard knows "add PID" and "del PID". The end of standard input ends the program. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
	NAME_LENGTH = 16,     /* of an answering node, padded with NULs on the wire */
	NODES       = 8,      /* different names one asker can tell apart */
	RING        = 1 << 20, /* asks remembered: nine minutes at 0.5 ms */
	OUTAGES     = 32,     /* listed one by one in a report */
	CHANGES     = 1 << 16, /* remembered comings and goings of addresses */
	PRESENT     = 8192,   /* addresses in a namespace at one time */
	GUARDED     = 1024,
	LINE        = 256,
};

static const uint64_t second = 1000000000;

struct ask {
	uint64_t magic, seq;
};

struct answer {
	struct ask ask;
	char name[NAME_LENGTH];
	uint64_t late; /* 1: the node took the question in, but this program came to it when the address had gone */
};

struct sample {
	uint64_t sent, answered; /* 0: not yet */
	uint8_t node, answers;
	bool late;
};

static const uint64_t magic = 0x7374616e64627964;

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * second + (uint64_t)t.tv_nsec;
}

__attribute__((format(printf, 1, 2), noreturn)) static void die(const char *format, ...)
{
	int error = errno;
	va_list arguments;

	va_start(arguments, format);
	fputs("probe: ", stderr);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fprintf(stderr, ": %s\n", strerror(error));
	exit(1);
}

/* ---- commands on standard input -------------------------------------------------------------------------------------*/

static char input[4096];
static size_t input_length;

/* The next whole line, NUL-terminated, valid until the next call; NULL: none yet. Ends the program at the end of input. */
static char *command_next(bool readable)
{
	static char line[LINE];
	char *end;

	if (readable) {
		ssize_t n = read(STDIN_FILENO, input + input_length, sizeof input - input_length);
		if (n == 0)
			exit(0);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			die("reading commands");
		if (n > 0)
			input_length += (size_t)n;
	}
	end = memchr(input, '\n', input_length);
	if (!end)
		return NULL;
	*end = '\0';
	snprintf(line, sizeof line, "%.*s", LINE - 1, input);
	input_length -= (size_t)(end + 1 - input);
	memmove(input, end + 1, input_length);
	return line;
}

static bool command_report(const char *line, uint64_t *from, uint64_t *to)
{
	if (sscanf(line, "report %" SCNu64 " %" SCNu64, from, to) != 2)
		return false;
	if (!*to)
		*to = now();
	return true;
}

/* ---- asking ---------------------------------------------------------------------------------------------------------*/

static struct sample *ring;
static uint64_t next_seq;
static char nodes[NODES][NAME_LENGTH + 1];
static unsigned n_nodes;
static uint64_t send_errors;

static int node_index(const char *name)
{
	for (unsigned i = 0; i < n_nodes; i++)
		if (strncmp(nodes[i], name, NAME_LENGTH) == 0)
			return (int)i;
	if (n_nodes == NODES)
		return -1;
	memcpy(nodes[n_nodes], name, NAME_LENGTH);
	return (int)n_nodes++;
}

static void ask_send(int fd, const struct sockaddr *to, socklen_t length)
{
	struct ask ask = {.magic = magic, .seq = next_seq};

	ring[next_seq++ % RING] = (struct sample){.sent = now()};
	if (sendto(fd, &ask, sizeof ask, 0, to, length) < 0)
		send_errors++;
}

static void ask_receive(int fd)
{
	struct answer answer;

	while (recv(fd, &answer, sizeof answer, 0) == (ssize_t)sizeof answer) {
		uint64_t seq = answer.ask.seq;
		int node = node_index(answer.name);
		struct sample *s = &ring[seq % RING];

		if (answer.ask.magic != magic || seq >= next_seq || next_seq - seq > RING || node < 0)
			continue;
		if (answer.late) {
			s->late = true;
			continue;
		}
		if (s->answers < UINT8_MAX)
			s->answers++;
		if (!s->answered) {
			s->answered = now();
			s->node = (uint8_t)node;
		}
	}
}

struct summary {
	uint64_t sent, lost, late, doubled, silence, silence_from, outage, send_gap;
	uint64_t run_from, run_lost; /* the run of unanswered ones being walked through */
	unsigned n_outages;
};

static void outage_end(struct summary *sum, uint64_t at)
{
	if (!sum->run_lost)
		return;
	if (at - sum->run_from > sum->outage)
		sum->outage = at - sum->run_from;
	if (sum->n_outages < OUTAGES)
		printf("%s{\"from\":%" PRIu64 ",\"to\":%" PRIu64 ",\"lost\":%" PRIu64 "}", sum->n_outages ? "," : "",
		       sum->run_from, at, sum->run_lost);
	sum->n_outages++;
	sum->run_lost = 0;
}

static void silence_note(struct summary *sum, uint64_t from, uint64_t to)
{
	if (to <= from || to - from <= sum->silence)
		return;
	sum->silence = to - from;
	sum->silence_from = from;
}

static uint64_t ask_first(uint64_t from)
{
	uint64_t low = next_seq > RING ? next_seq - RING : 0, high = next_seq;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		if (ring[middle % RING].sent < from)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct summary ask_summary(uint64_t from, uint64_t to)
{
	struct summary sum = {0};
	uint64_t heard = from, sent = 0;

	printf("{\"outages\":[");
	for (uint64_t seq = ask_first(from); seq < next_seq && ring[seq % RING].sent < to; seq++) {
		const struct sample *s = &ring[seq % RING];

		sum.sent++;
		if (sent && s->sent - sent > sum.send_gap)
			sum.send_gap = s->sent - sent;
		sent = s->sent;
		if (!s->answered && s->late) {
			sum.late++;
			continue;
		}
		if (!s->answered) {
			if (!sum.run_lost++)
				sum.run_from = s->sent;
			sum.lost++;
			continue;
		}
		outage_end(&sum, s->sent);
		sum.doubled += s->answers > 1;
		silence_note(&sum, heard, s->answered);
		if (s->answered > heard)
			heard = s->answered;
	}
	outage_end(&sum, to);
	silence_note(&sum, heard, to);
	printf("]");
	return sum;
}

/* Who answered, in the order of asking: one entry for each run of answers of the same node. */
static void ask_report_by(uint64_t from, uint64_t to)
{
	uint64_t first = 0, last = 0, count = 0;
	int node = -1;
	bool comma = false;

	printf(",\"by\":[");
	for (uint64_t seq = ask_first(from); seq < next_seq && ring[seq % RING].sent < to; seq++) {
		const struct sample *s = &ring[seq % RING];

		if (!s->answered)
			continue;
		if (s->node != node && count) {
			printf("%s{\"node\":\"%s\",\"from\":%" PRIu64 ",\"to\":%" PRIu64 ",\"answers\":%" PRIu64 "}",
			       comma ? "," : "", nodes[node], first, last, count);
			comma = true;
			count = 0;
		}
		if (!count++)
			first = s->answered;
		node = s->node;
		last = s->answered;
	}
	if (count)
		printf("%s{\"node\":\"%s\",\"from\":%" PRIu64 ",\"to\":%" PRIu64 ",\"answers\":%" PRIu64 "}", comma ? "," : "",
		       nodes[node], first, last, count);
	printf("]");
}

static void ask_report(uint64_t from, uint64_t to)
{
	struct summary sum = ask_summary(from, to);

	ask_report_by(from, to);
	printf(",\"sent\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"late\":%" PRIu64 ",\"doubled\":%" PRIu64 ",\"silence_ns\":%" PRIu64
	       ",\"silence_from\":%" PRIu64 ",\"outage_ns\":%" PRIu64 ",\"n_outages\":%u,\"send_gap_ns\":%" PRIu64
	       ",\"send_errors\":%" PRIu64 "}\n",
	       sum.sent, sum.lost, sum.late, sum.doubled, sum.silence, sum.silence_from, sum.outage, sum.n_outages, sum.send_gap,
	       send_errors);
	fflush(stdout);
}

static socklen_t target_parse(const char *address, const char *port, struct sockaddr_storage *to)
{
	struct sockaddr_in *in = (struct sockaddr_in *)to;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)to;
	uint16_t number = htons((uint16_t)atoi(port));

	memset(to, 0, sizeof *to);
	if (inet_pton(AF_INET, address, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = number;
		return sizeof *in;
	}
	if (inet_pton(AF_INET6, address, &in6->sin6_addr) != 1) {
		errno = EINVAL;
		die("%s", address);
	}
	in6->sin6_family = AF_INET6;
	in6->sin6_port = number;
	return sizeof *in6;
}

static int ask_main(const char *address, const char *port, const char *interval_us)
{
	uint64_t interval = strtoull(interval_us, NULL, 10) * 1000, due;
	struct sockaddr_storage to;
	socklen_t length = target_parse(address, port, &to);
	int buffer = 4 << 20, fd = socket(to.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct pollfd fds[2] = {{.fd = fd, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};

	if (fd < 0 || !interval)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
	ring = calloc(RING, sizeof *ring);
	if (!ring)
		die("memory");
	for (due = now();;) {
		uint64_t from, until, t = now();
		struct timespec wait;
		char *line;

		if (t >= due) {
			ask_send(fd, (struct sockaddr *)&to, length);
			/* A late wake-up asks once, not for every interval it missed: a burst would measure nothing. */
			due = t - due < interval ? due + interval : t + interval;
			t = now();
		}
		wait.tv_sec = 0;
		wait.tv_nsec = due > t ? (long)(due - t) : 0;
		if (ppoll(fds, 2, &wait, NULL) < 0 && errno != EINTR)
			die("ppoll");
		if (fds[0].revents)
			ask_receive(fd);
		while ((line = command_next(fds[1].revents != 0))) {
			fds[1].revents = 0;
			if (command_report(line, &from, &until))
				ask_report(from, until);
		}
	}
}

/* ---- answering ------------------------------------------------------------------------------------------------------*/

struct place {
	int ifindex;
	uint8_t family, bytes[16];
};

struct change {
	uint64_t at;
	struct place place;
	bool added;
};

static struct change *changes;
static uint64_t n_changes;
static struct place *present;
static size_t n_present;

static void address_change(uint64_t at, const struct place *place, bool added)
{
	size_t i;

	for (i = 0; i < n_present; i++)
		if (memcmp(&present[i], place, sizeof *place) == 0)
			break;
	if (added == (i < n_present))
		return; /* a renewal, or a removal already told */
	if (!added)
		present[i] = present[--n_present];
	else if (n_present < PRESENT)
		present[n_present++] = *place;
	changes[n_changes++ % CHANGES] = (struct change){at, *place, added};
}

static void address_message(uint64_t at, struct nlmsghdr *header)
{
	struct ifaddrmsg *message = NLMSG_DATA(header);
	int length = (int)IFA_PAYLOAD(header);
	struct place place;
	struct rtattr *found = NULL;

	if (header->nlmsg_type != RTM_NEWADDR && header->nlmsg_type != RTM_DELADDR)
		return;
	for (struct rtattr *a = IFA_RTA(message); RTA_OK(a, length); a = RTA_NEXT(a, length))
		if (a->rta_type == IFA_LOCAL || (a->rta_type == IFA_ADDRESS && !found))
			found = a;
	if (!found || RTA_PAYLOAD(found) > sizeof place.bytes)
		return;
	memset(&place, 0, sizeof place); /* memcmp compares the padding too */
	place.ifindex = (int)message->ifa_index;
	place.family = message->ifa_family;
	memcpy(place.bytes, RTA_DATA(found), RTA_PAYLOAD(found));
	address_change(at, &place, header->nlmsg_type == RTM_NEWADDR);
}

static void address_receive(int fd)
{
	static _Alignas(8) char buffer[65536];
	ssize_t n;

	while ((n = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT)) > 0) {
		uint64_t at = now();
		unsigned length = (unsigned)n;

		for (struct nlmsghdr *h = (struct nlmsghdr *)buffer; NLMSG_OK(h, length); h = NLMSG_NEXT(h, length))
			address_message(at, h);
	}
	if (n < 0 && errno == ENOBUFS)
		die("address changes were lost");
}

static int address_open(void)
{
	struct sockaddr_nl local = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR};
	struct {
		struct nlmsghdr header;
		struct ifaddrmsg message;
	} dump = {.header = {.nlmsg_len = sizeof dump, .nlmsg_type = RTM_GETADDR, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP}};
	int buffer = 32 << 20, fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		die("netlink");
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
	if (bind(fd, (struct sockaddr *)&local, sizeof local) < 0 || send(fd, &dump, sizeof dump, 0) < 0)
		die("netlink");
	return fd;
}

static int answer_open(int family, const char *port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = in.sin_port};
	int on = 1, buffer = 4 << 20, fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return family == AF_INET6 ? -1 : (die("socket"), -1);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
	if (family == AF_INET) {
		setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
		if (bind(fd, (struct sockaddr *)&in, sizeof in) < 0)
			die("bind");
		return fd;
	}
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
	setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
	if (bind(fd, (struct sockaddr *)&in6, sizeof in6) < 0)
		die("bind");
	return fd;
}

/* The answer leaves from the address the question came to, by whatever way the routes say: no interface is forced. */
static void answer_source(struct msghdr *message)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo *info = (struct in_pktinfo *)CMSG_DATA(c);
			info->ipi_spec_dst = info->ipi_addr;
			info->ipi_ifindex = 0;
		}
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO)
			((struct in6_pktinfo *)CMSG_DATA(c))->ipi6_ifindex = 0;
	}
}

static uint64_t answer_receive(int fd, const char *name)
{
	struct answer answer;
	struct sockaddr_storage from;
	_Alignas(struct cmsghdr) char control[256];
	uint64_t count = 0;

	for (;;) {
		struct iovec data = {&answer, sizeof answer};
		struct msghdr message = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &data, .msg_iovlen = 1,
					 .msg_control = control, .msg_controllen = sizeof control};
		ssize_t n = recvmsg(fd, &message, 0);

		if (n < 0)
			return count;
		if (n != (ssize_t)sizeof answer.ask || answer.ask.magic != magic)
			continue;
		memset(answer.name, 0, sizeof answer.name);
		answer.late = 0;
		memcpy(answer.name, name, strnlen(name, sizeof answer.name));
		answer_source(&message);
		if (sendmsg(fd, &message, 0) == (ssize_t)sizeof answer) {
			count++;
			continue;
		}
		answer.late = 1; /* from any address: one that can say nothing is the asker's loss to count */
		message.msg_control = NULL;
		message.msg_controllen = 0;
		sendmsg(fd, &message, 0);
	}
}

static void place_print(const struct place *place)
{
	char text[INET6_ADDRSTRLEN] = "";

	inet_ntop(place->family, place->bytes, text, sizeof text);
	printf("\"ip\":\"%s\",\"ifindex\":%d", text, place->ifindex);
}

static void answer_report(const char *name, uint64_t answers, uint64_t from, uint64_t to)
{
	bool comma = false;

	printf("{\"name\":\"%s\",\"answers\":%" PRIu64 ",\"changes\":[", name, answers);
	for (uint64_t i = n_changes > CHANGES ? n_changes - CHANGES : 0; i < n_changes; i++) {
		const struct change *c = &changes[i % CHANGES];

		if (c->at < from || c->at >= to)
			continue;
		printf("%s{\"at\":%" PRIu64 ",\"added\":%s,", comma ? "," : "", c->at, c->added ? "true" : "false");
		place_print(&c->place);
		printf("}");
		comma = true;
	}
	printf("],\"present\":[");
	for (size_t i = 0; i < n_present; i++) {
		printf("%s{", i ? "," : "");
		place_print(&present[i]);
		printf("}");
	}
	printf("]}\n");
	fflush(stdout);
}

static int answer_main(const char *name, const char *port)
{
	struct pollfd fds[4] = {{.fd = answer_open(AF_INET, port), .events = POLLIN},
				{.fd = answer_open(AF_INET6, port), .events = POLLIN},
				{.fd = address_open(), .events = POLLIN},
				{.fd = STDIN_FILENO, .events = POLLIN}};
	uint64_t answers = 0, from, to;
	char *line;

	changes = calloc(CHANGES, sizeof *changes);
	present = calloc(PRESENT, sizeof *present);
	if (!changes || !present)
		die("memory");
	for (;;) {
		if (poll(fds, 4, -1) < 0 && errno != EINTR)
			die("poll");
		if (fds[2].revents)
			address_receive(fds[2].fd);
		for (unsigned i = 0; i < 2; i++)
			if (fds[i].revents)
				answers += answer_receive(fds[i].fd, name);
		while ((line = command_next(fds[3].revents != 0))) {
			fds[3].revents = 0;
			if (command_report(line, &from, &to))
				answer_report(name, answers, from, to);
		}
	}
}

/* ---- guarding -------------------------------------------------------------------------------------------------------*/

struct guarded {
	int pid, fd;
} guarded[GUARDED];

static void guard_end(void)
{
	for (unsigned i = 0; i < GUARDED; i++)
		/* The pidfd tells that the pid is still the one meant; then its children in its own session go too. */
		if (guarded[i].pid && syscall(SYS_pidfd_send_signal, guarded[i].fd, 0, NULL, 0) == 0 &&
		    kill(-guarded[i].pid, SIGKILL) < 0)
			syscall(SYS_pidfd_send_signal, guarded[i].fd, SIGKILL, NULL, 0);
}

static void guard_set(int from, int to)
{
	for (unsigned i = 0; i < GUARDED; i++) {
		if (guarded[i].pid != from)
			continue;
		if (!to)
			close(guarded[i].fd);
		else
			guarded[i].fd = (int)syscall(SYS_pidfd_open, to, 0);
		guarded[i].pid = to && guarded[i].fd >= 0 ? to : 0;
		return;
	}
}

static int guard_main(void)
{
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
	char *line;
	int pid;

	/* Whoever ends the test by the keyboard or by its process group must not end its guard too. */
	setsid();
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	atexit(guard_end);
	for (;;) {
		if (poll(&in, 1, -1) < 0 && errno != EINTR)
			die("poll");
		while ((line = command_next(in.revents != 0))) {
			in.revents = 0;
			if (sscanf(line, "add %d", &pid) == 1 && pid > 0)
				guard_set(0, pid);
			else if (sscanf(line, "del %d", &pid) == 1 && pid > 0)
				guard_set(pid, 0);
		}
	}
}

int main(int argc, char **argv)
{
	struct sched_param realtime = {.sched_priority = 1};

	fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
	prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
	if (argc == 2 && strcmp(argv[1], "guard") == 0)
		return guard_main();
	/* Not to measure the scheduler, unless there is one CPU only, which others need more. Where it is refused,
	 * send_gap_ns tells what that cost. */
	if (sysconf(_SC_NPROCESSORS_ONLN) > 1 && sched_setscheduler(0, SCHED_FIFO, &realtime) < 0 && errno != EPERM)
		die("scheduler");
	if (argc == 5 && strcmp(argv[1], "ask") == 0)
		return ask_main(argv[2], argv[3], argv[4]);
	if (argc == 4 && strcmp(argv[1], "answer") == 0)
		return answer_main(argv[2], argv[3]);
	fprintf(stderr, "usage: probe ask ADDRESS PORT INTERVAL_US | answer NAME PORT | guard\n");
	return 2;
}
