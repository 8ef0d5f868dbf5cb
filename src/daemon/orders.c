/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines of text: "standbyd orders 1", the boot, the namespace, then "drained" and "handed-over NAME", and "end". */
#include "daemon/orders.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ORDERS_FILE "orders"
#define ORDERS_TEMP "orders.new"

enum {
	HEADER_SIZE = 160,
	ORDERS_MAX = HEADER_SIZE + MAX_VIPS * (NAME_SIZE + 16), /* a bound for what is read */
};

void orders_free(struct orders *orders)
{
	free(orders->given);
	*orders = (struct orders){ 0 };
}

static void print_header(char out[HEADER_SIZE], const struct record_world *world)
{
	char boot[2 * sizeof world->boot_id + 1];

	for (size_t i = 0; i < sizeof world->boot_id; i++)
		sprintf(boot + 2 * i, "%02x", world->boot_id[i]);
	snprintf(out, HEADER_SIZE, "standbyd orders 1\nboot %s\nnetns %" PRIu64 "\n", boot, world->netns);
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

/* The whole file as text, to be freed. */
static int slurp(int rundir, char **text)
{
	struct stat status;
	size_t have = 0;
	ssize_t n = 0;
	int fd = openat(rundir, ORDERS_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_size > ORDERS_MAX) {
		close(fd);
		return -EBADMSG;
	}
	*text = malloc((size_t)status.st_size + 1);
	while (*text && have < (size_t)status.st_size &&
	       (n = read(fd, *text + have, (size_t)status.st_size - have)) > 0)
		have += (size_t)n;
	close(fd);
	if (!*text)
		return -ENOMEM;
	(*text)[have] = '\0';
	return strlen(*text) == have ? 0 : -EBADMSG;
}

static bool take_line(struct orders *orders, const char *line)
{
	static const char given[] = "handed-over ";
	const char *name = line + strlen(given);

	if (strcmp(line, "drained") == 0) {
		orders->drained = true;
		return true;
	}
	if (strncmp(line, given, strlen(given)) != 0 || !*name || strlen(name) >= NAME_SIZE ||
	    orders->n_given == MAX_VIPS)
		return false;
	strcpy(orders->given[orders->n_given++], name);
	return true;
}

static int parse(char *text, const struct record_world *world, struct orders *orders)
{
	char header[HEADER_SIZE], *line;

	print_header(header, world);
	if (strncmp(text, header, strcspn(header, "\n") + 1) != 0)
		return -EBADMSG;
	if (strncmp(text, header, strlen(header)) != 0)
		return -ESTALE;
	orders->given = calloc(MAX_VIPS, sizeof *orders->given);
	if (!orders->given)
		return -ENOMEM;
	text += strlen(header);
	while ((line = strsep(&text, "\n")) && strcmp(line, "end") != 0) {
		if (!take_line(orders, line))
			return -EBADMSG;
	}
	return line && text && !*text ? 0 : -EBADMSG;
}

int orders_read(int rundir, const struct record_world *world, struct orders *orders)
{
	char *text = NULL;
	int r;

	*orders = (struct orders){ 0 };
	r = slurp(rundir, &text);
	if (r == 0)
		r = parse(text, world, orders);
	if (r < 0)
		orders_free(orders);
	free(text);
	return r;
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

static void print_orders(FILE *out, const struct record_world *world, const struct core *core)
{
	char header[HEADER_SIZE];
	struct vip_view vip;

	print_header(header, world);
	fputs(header, out);
	if (core_drained(core))
		fputs("drained\n", out);
	for (unsigned i = 0; i < core_n_vips(core); i++) {
		core_vip(core, i, &vip);
		if (vip.given && !vip.removed)
			fprintf(out, "handed-over %s\n", vip.name);
	}
	fputs("end\n", out);
}

static bool has_orders(const struct core *core)
{
	struct vip_view vip;

	for (unsigned i = 0; i < core_n_vips(core); i++) {
		core_vip(core, i, &vip);
		if (vip.given && !vip.removed)
			return true;
	}
	return core_drained(core);
}

static int write_file(int rundir, const struct record_world *world, const struct core *core)
{
	int fd = openat(rundir, ORDERS_TEMP, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600), r = 0;
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");

	if (!out) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	print_orders(out, world, core);
	if (fflush(out) != 0)
		r = -errno;
	if (fclose(out) != 0 && r == 0)
		r = -errno;
	return r;
}

int orders_write(int rundir, const struct record_world *world, const struct core *core)
{
	int r;

	if (!has_orders(core))
		return unlinkat(rundir, ORDERS_FILE, 0) < 0 && errno != ENOENT ? -errno : 0;
	if (unlinkat(rundir, ORDERS_TEMP, 0) < 0 && errno != ENOENT)
		return -errno;
	r = write_file(rundir, world, core);
	if (r == 0 && renameat(rundir, ORDERS_TEMP, rundir, ORDERS_FILE) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(rundir, ORDERS_TEMP, 0);
	return r;
}
