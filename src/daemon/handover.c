/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines: "standbyd handover FORMAT", then "WORD VALUE…" each, and "end". A word that is not known is passed over, and an event
 * that is not understood is not fed: two versions have in common what they have in common. */
#include "daemon/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "common/log.h"
#include "common/text.h"
#include "core/trace.h"
#include "daemon/clock.h"
#include "kernel/heartbeat.h"
#include "kernel/packet.h"

#define HANDOVER_VARIABLE "STANDBYD_HANDOVER"

struct handover_out {
	FILE *file;
	int *fds;
	unsigned n_fds, size;
};

/* ---- giving on ---------------------------------------------------------------------------------------------------- */

struct handover_out *handover_new(void)
{
	struct handover_out *out = calloc(1, sizeof *out);
	int fd = out ? memfd_create("standbyd-handover", MFD_CLOEXEC) : -1;

	if (out && fd >= 0 && (out->file = fdopen(fd, "w")) != NULL && handover_keep(out, fd) == 0) {
		fprintf(out->file, "standbyd handover %d\nversion %s\n", HANDOVER_FORMAT, STANDBYD_VERSION);
		return out;
	}
	if (out && !out->file && fd >= 0)
		close(fd);
	handover_free(out);
	return NULL;
}

FILE *handover_file(struct handover_out *out)
{
	return out->file;
}

static int set_inherited(int fd, bool inherited)
{
	return fcntl(fd, F_SETFD, inherited ? 0 : FD_CLOEXEC) < 0 ? -errno : 0;
}

int handover_keep(struct handover_out *out, int fd)
{
	int r;

	if (out->n_fds == out->size) {
		unsigned size = out->size ? out->size * 2 : 64;
		int *fds = reallocarray(out->fds, size, sizeof *fds);
		if (!fds)
			return -ENOMEM;
		out->fds = fds;
		out->size = size;
	}
	r = set_inherited(fd, true);
	if (r == 0)
		out->fds[out->n_fds++] = fd;
	return r;
}

static int write_sockets(struct handover_out *out, const struct packets *packets)
{
	struct action_listen listen;
	int fd, r = 0;

	for (unsigned i = 0; r == 0 && (fd = packets_socket(packets, i, &listen)) >= 0; i++) {
		const uint8_t *m = listen.mac;
		fprintf(out->file, "socket %d %d %u %d %d %02x:%02x:%02x:%02x:%02x:%02x %.15s\n", fd, listen.ifindex, listen.family,
			listen.unicast, listen.probes, m[0], m[1], m[2], m[3], m[4], m[5], listen.ifname);
		r = handover_keep(out, fd);
	}
	return r;
}

/* Bound as they are: the stand-in has them too, so that the program that comes could not bind others. */
static int write_paths(struct handover_out *out, const struct beats *beats)
{
	char text[TEXT_IP_SIZE];
	struct ip address;
	uint16_t port;
	int fd, r = 0;

	for (unsigned i = 0; r == 0 && (fd = beats_socket(beats, i, &address, &port)) >= 0; i++) {
		text_ip(&address, text);
		fprintf(out->file, "path %d %u %s\n", fd, port, text);
		r = handover_keep(out, fd);
	}
	return r;
}

int handover_write(struct handover_out *out, const struct core *core, const struct packets *packets, const struct beats *beats)
{
	char line[TRACE_LINE_SIZE];
	unsigned cursor = 0;
	struct event event;
	int r;

	while (core_succession(core, &cursor, &event)) {
		trace_event(&event, line, sizeof line);
		fprintf(out->file, "event %s\n", line);
	}
	r = write_sockets(out, packets);
	return r < 0 ? r : write_paths(out, beats);
}

int handover_open_heard(struct handover_out *out)
{
	int fd = memfd_create("standbyd-heard", MFD_CLOEXEC);

	if (fd < 0 || handover_keep(out, fd) < 0) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	fprintf(out->file, "heard %d\n", fd);
	return fd;
}

int handover_seal(struct handover_out *out)
{
	char text[16];

	fprintf(out->file, "at %" PRIu64 "\nend\n", clock_boot());
	if (fflush(out->file) != 0 || lseek(fileno(out->file), 0, SEEK_SET) < 0)
		return -errno;
	snprintf(text, sizeof text, "%d", fileno(out->file));
	return setenv(HANDOVER_VARIABLE, text, 1) < 0 ? -errno : 0;
}

void handover_free(struct handover_out *out)
{
	if (!out)
		return;
	for (unsigned i = 0; i < out->n_fds; i++)
		set_inherited(out->fds[i], false);
	unsetenv(HANDOVER_VARIABLE);
	if (out->file)
		fclose(out->file);
	free(out->fds);
	free(out);
}

/* ---- what a stand-in has heard -------------------------------------------------------------------------------------- */

/* The file has three numbers of 64 bits for each path; they never leave the machine. */
void handover_write_heard(int fd, const struct core *core)
{
	static struct path_heard heard[MAX_NODES * MAX_PATHS];
	unsigned n = 0;

	while (n < sizeof heard / sizeof heard[0] && core_path_heard(core, n, &heard[n]))
		n++;
	if (fd >= 0 && pwrite(fd, heard, n * sizeof heard[0], 0) < 0)
		return; /* what was said of it before counts */
}

void handover_read_heard(struct handover *h)
{
	struct path_heard heard;
	off_t at = 0;

	for (unsigned i = 0; h->heard >= 0 && i < h->n_nodes; i++) {
		struct event_resume_path *path = &h->nodes[i].u.resume_path;
		if (h->nodes[i].type != EV_RESUME_PATH)
			continue;
		if (pread(h->heard, &heard, sizeof heard, at) != sizeof heard)
			return;
		at += sizeof heard;
		path->sequence = heard.sequence;
		path->told_sequence = heard.told_sequence;
		path->heard_ns = heard.heard_ns;
	}
}

/* ---- taking over -------------------------------------------------------------------------------------------------- */

/* One more element at the end; NULL: no memory. *n is a power of two whenever there is no room. */
static void *grow(void **items, unsigned n, size_t size)
{
	void *larger = *items;

	if ((n & (n - 1)) == 0)
		larger = reallocarray(*items, n ? n * 2 : 1, size);
	if (!larger)
		return NULL;
	*items = larger;
	return memset((char *)larger + n * size, 0, size);
}

/* A number that is a descriptor of this process; it will not outlive another exec by itself. -1: it is none. */
static int take_fd(int fd)
{
	struct stat status;

	return fd > STDERR_FILENO && fstat(fd, &status) == 0 && set_inherited(fd, false) == 0 ? fd : -1;
}

/* Appends an item, whose descriptor is closed if there is no memory. */
static bool take_item(void **items, unsigned *n, const void *item, size_t size, int fd)
{
	void *place = grow(items, *n, size);

	if (!place) {
		close(fd);
		return false;
	}
	memcpy(place, item, size);
	++*n;
	return true;
}

static bool take_socket(struct handover *h, const char *values)
{
	struct handover_socket socket = { 0 };
	unsigned family, unicast, probes, m[MAC_SIZE];

	if (sscanf(values, "%d %d %u %u %u %x:%x:%x:%x:%x:%x %15s", &socket.fd, &socket.listen.ifindex, &family, &unicast, &probes,
		   &m[0], &m[1], &m[2], &m[3], &m[4], &m[5], socket.listen.ifname) != 12)
		return false;
	socket.listen.family = (uint8_t)family;
	socket.listen.unicast = unicast;
	socket.listen.probes = probes;
	for (unsigned i = 0; i < MAC_SIZE; i++)
		socket.listen.mac[i] = (uint8_t)m[i];
	if (take_fd(socket.fd) < 0)
		return false;
	return take_item((void **)&h->sockets, &h->n_sockets, &socket, sizeof socket, socket.fd);
}

static bool take_path(struct handover *h, const char *values)
{
	struct handover_path path = { 0 };
	char text[TEXT_IP_SIZE];

	if (sscanf(values, "%d %" SCNu16 " %45s", &path.fd, &path.port, text) != 3 || text_parse_ip(text, &path.address) < 0 ||
	    take_fd(path.fd) < 0)
		return false;
	return take_item((void **)&h->paths, &h->n_paths, &path, sizeof path, path.fd);
}

static bool take_client(struct handover *h, const char *values)
{
	struct handover_client client = { 0 };
	unsigned asked;

	if (sscanf(values, "%d %u %" SCNu64, &client.fd, &asked, &client.next_seq) != 3 || take_fd(client.fd) < 0)
		return false;
	client.asked = asked;
	return take_item((void **)&h->clients, &h->n_clients, &client, sizeof client, client.fd);
}

static bool take_output(struct handover *h, const char *values)
{
	struct handover_output *place = grow((void **)&h->outputs, h->n_outputs, sizeof *place);

	if (!place || sscanf(values, "%31s", place->check) != 1)
		return false;
	values += strcspn(values, " ");
	snprintf(place->text, sizeof place->text, "%s", values + (*values == ' '));
	h->n_outputs++;
	return true;
}

static bool take_hook(struct handover *h, const char *values)
{
	char **place = grow((void **)&h->hooks, h->n_hooks, sizeof *place), *line = strdup(values);

	if (!place || !line) {
		free(line);
		return false;
	}
	*place = line;
	h->n_hooks++;
	return true;
}

static bool take_event(struct handover *h, const char *line)
{
	struct event event, *place;
	size_t at;

	if (trace_parse_event(line, &event, &at) < 0)
		return false;
	if (event.type == EV_RESUME || event.type == EV_RESUME_CHECK) {
		place = grow((void **)&h->vips, h->n_vips, sizeof *place);
		h->n_vips += place != NULL;
	} else if (event.type == EV_RESUME_BOND || event.type == EV_RESUME_PORT || event.type == EV_RESUME_TARGET) {
		place = grow((void **)&h->bonds, h->n_bonds, sizeof *place);
		h->n_bonds += place != NULL;
	} else if (event.type == EV_RESUME_NODE || event.type == EV_RESUME_PEER || event.type == EV_RESUME_FORMER ||
		   event.type == EV_RESUME_PATH) {
		place = grow((void **)&h->nodes, h->n_nodes, sizeof *place);
		h->n_nodes += place != NULL;
	} else {
		return false;
	}
	if (place)
		*place = event;
	return place != NULL;
}

static bool take_line(struct handover *h, const char *line)
{
	const char *values = line + strcspn(line, " ");
	size_t length = (size_t)(values - line);
	int fd;

	values += *values == ' ';
	if (length == 5 && memcmp(line, "event", length) == 0)
		return take_event(h, values);
	if (length == 6 && memcmp(line, "socket", length) == 0)
		return take_socket(h, values);
	if (length == 4 && memcmp(line, "path", length) == 0)
		return take_path(h, values);
	if (length == 6 && memcmp(line, "client", length) == 0)
		return take_client(h, values);
	if (length == 4 && memcmp(line, "hook", length) == 0)
		return take_hook(h, values);
	if (length == 6 && memcmp(line, "output", length) == 0)
		return take_output(h, values);
	if (sscanf(line, "version %31s", h->version) == 1 || sscanf(line, "at %" SCNu64, &h->at_ns) == 1 ||
	    sscanf(line, "stand-in %d", &h->stand_in) == 1)
		return true;
	if (sscanf(line, "lock %d", &fd) == 1)
		return (h->lock = take_fd(fd)) >= 0;
	if (sscanf(line, "heard %d", &fd) == 1)
		return (h->heard = take_fd(fd)) >= 0;
	if (sscanf(line, "control %d", &fd) == 1)
		return (h->control = take_fd(fd)) >= 0;
	if (sscanf(line, "launcher %d", &fd) == 1)
		return (h->launcher = take_fd(fd)) >= 0;
	if (sscanf(line, "runner %d %" SCNu64, &fd, &h->runner_generation) == 2)
		return (h->runner = take_fd(fd)) >= 0;
	if (sscanf(line, "journal %d %" SCNu64, &fd, &h->journal_seq) == 2)
		return (h->journal = take_fd(fd)) >= 0;
	return false;
}

static void take_lines(struct handover *h, FILE *file)
{
	unsigned unknown = 0;
	char *line = NULL;
	size_t size = 0;
	ssize_t n;

	while ((n = getline(&line, &size, file)) > 0) {
		line[n - 1] = '\0';
		if (strcmp(line, "end") == 0)
			break;
		unknown += !take_line(h, line);
	}
	if (unknown)
		log_at(LOG_NOTICE, "%u lines of what the predecessor in this process gave on were not understood", unknown);
	free(line);
}

static bool is_known(FILE *file)
{
	char line[64], wanted[64];

	snprintf(wanted, sizeof wanted, "standbyd handover %d\n", HANDOVER_FORMAT);
	return fgets(line, sizeof line, file) && strcmp(line, wanted) == 0;
}

struct handover *handover_take(void)
{
	const char *text = getenv(HANDOVER_VARIABLE);
	int fd = text ? take_fd(atoi(text)) : -1;
	struct handover *h = NULL;
	FILE *file;

	unsetenv(HANDOVER_VARIABLE);
	if (fd < 0)
		return NULL;
	file = fdopen(fd, "r");
	if (file && is_known(file) && (h = calloc(1, sizeof *h)) != NULL) {
		h->heard = h->lock = h->control = h->journal = h->launcher = h->runner = -1;
		take_lines(h, file);
	} else {
		log_at(LOG_WARNING, "what the predecessor in this process gave on cannot be read, ignored");
	}
	if (file)
		fclose(file);
	else
		close(fd);
	return h;
}

void handover_done(struct handover *h)
{
	if (!h)
		return;
	if (h->heard >= 0)
		close(h->heard);
	free(h->sockets);
	free(h->paths);
	free(h->clients);
	free(h->nodes);
	free(h->vips);
	free(h->bonds);
	free(h->outputs);
	for (unsigned i = 0; i < h->n_hooks; i++)
		free(h->hooks[i]);
	free(h->hooks);
	free(h);
}
