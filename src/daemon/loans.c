/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines of text: "device NAME" and "sysctl NAME KEY VALUE", where the value is what it was. */
#include "daemon/loans.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/textfile.h"

enum {
	LINE_MAX_SIZE = IFNAME_SIZE + 48,
	LOANS_MAX = 2 * MAX_VIPS, /* a bound for what is read: far more devices than a machine has */
};

static const char *const keys[SYSCTL_KEYS] = {
	[SYSCTL_ARP_IGNORE] = "arp_ignore",
	[SYSCTL_ARP_ANNOUNCE] = "arp_announce",
	[SYSCTL_PROMOTE_SECONDARIES] = "promote_secondaries",
};

static struct textfile loans_file(int rundir, const struct record_world *world)
{
	return (struct textfile){ .rundir = rundir, .name = "loans", .world = world };
}

void loans_free(struct loans *loans)
{
	free(loans->items);
	*loans = (struct loans){ 0 };
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

static bool take_name(struct event_loan *loan, const char *name)
{
	if (!name || !*name || strlen(name) >= IFNAME_SIZE || strchr(name, '/'))
		return false;
	strcpy(loan->ifname, name);
	return true;
}

static bool take_sysctl(struct event_loan *loan, const char *key, const char *value)
{
	char *end;
	long number = value ? strtol(value, &end, 10) : 0;

	for (uint8_t i = 0; key && i < SYSCTL_KEYS; i++) {
		if (strcmp(key, keys[i]) != 0)
			continue;
		loan->key = i;
		loan->value = (int)number;
		return value && *value && !*end && number >= -1 && number <= 1000;
	}
	return false;
}

static bool take_line(struct loans *loans, char *line)
{
	struct event_loan *loan = &loans->items[loans->n];
	char *word = strsep(&line, " "), *name = strsep(&line, " ");

	if (loans->n == LOANS_MAX || !take_name(loan, name))
		return false;
	loan->device = strcmp(word, "device") == 0;
	if (!loan->device) {
		char *key = strsep(&line, " ");
		if (strcmp(word, "sysctl") != 0 || !take_sysctl(loan, key, strsep(&line, " ")))
			return false;
	}
	loans->n++;
	return !line;
}

static int parse(char *text, struct loans *loans)
{
	char *line;

	loans->items = calloc(LOANS_MAX, sizeof *loans->items);
	if (!loans->items)
		return -ENOMEM;
	while ((line = strsep(&text, "\n")) && text) {
		if (!take_line(loans, line))
			return -EBADMSG;
	}
	return 0;
}

int loans_read(int rundir, const struct record_world *world, struct loans *loans)
{
	struct textfile file = loans_file(rundir, world);
	char *text;
	int r;

	*loans = (struct loans){ 0 };
	r = textfile_read(&file, LOANS_MAX * LINE_MAX_SIZE, &text);
	if (r == 0)
		r = parse(text, loans);
	if (r < 0)
		loans_free(loans);
	free(text);
	return r;
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

static void print_loans(FILE *out, const struct core *core)
{
	struct event_loan loan;
	unsigned cursor = 0;

	while (core_loan(core, &cursor, &loan)) {
		if (loan.device)
			fprintf(out, "device %s\n", loan.ifname);
		else
			fprintf(out, "sysctl %s %s %d\n", loan.ifname, keys[loan.key], loan.value);
	}
}

int loans_write(int rundir, const struct record_world *world, const struct core *core)
{
	struct textfile file = loans_file(rundir, world);
	struct event_loan loan;
	unsigned cursor = 0;

	return core_loan(core, &cursor, &loan) ? textfile_write(&file, print_loans, core) : textfile_remove(&file);
}
