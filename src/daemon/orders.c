/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines of text: "drained" and "handed-over NAME". */
#include "daemon/orders.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/textfile.h"

enum { ORDERS_MAX = MAX_VIPS * (NAME_SIZE + 16) }; /* a bound for what is read */

static struct textfile orders_file(int rundir, const struct record_world *world)
{
	return (struct textfile){ .rundir = rundir, .name = "orders", .world = world };
}

void orders_free(struct orders *orders)
{
	free(orders->given);
	*orders = (struct orders){ 0 };
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

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

static int parse(char *text, struct orders *orders)
{
	char *line;

	orders->given = calloc(MAX_VIPS, sizeof *orders->given);
	if (!orders->given)
		return -ENOMEM;
	while ((line = strsep(&text, "\n")) && text) {
		if (!take_line(orders, line))
			return -EBADMSG;
	}
	return 0;
}

int orders_read(int rundir, const struct record_world *world, struct orders *orders)
{
	struct textfile file = orders_file(rundir, world);
	char *text;
	int r;

	*orders = (struct orders){ 0 };
	r = textfile_read(&file, ORDERS_MAX, &text);
	if (r == 0)
		r = parse(text, orders);
	if (r < 0)
		orders_free(orders);
	free(text);
	return r;
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

static void print_orders(FILE *out, const struct core *core)
{
	struct vip_view vip;

	if (core_drained(core))
		fputs("drained\n", out);
	for (unsigned i = 0; i < core_n_vips(core); i++) {
		core_vip(core, i, &vip);
		if (vip.given && !vip.removed)
			fprintf(out, "handed-over %s\n", vip.name);
	}
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

int orders_write(int rundir, const struct record_world *world, const struct core *core)
{
	struct textfile file = orders_file(rundir, world);

	return has_orders(core) ? textfile_write(&file, print_orders, core) : textfile_remove(&file);
}
