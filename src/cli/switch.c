/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Chooses a bond's port by hand, and waits for what becomes of it. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"

enum { WAIT_MS = 2000, POLL_MS = 20 };

static const char *string(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? text : "";
}

static const json_t *find(const json_t *list, const char *name)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		if (strcmp(string(item, "name"), name) == 0)
			return item;
	}
	return NULL;
}

static const json_t *bond_of(const json_t *status, const char *name)
{
	return find(json_object_get(status, "bonds"), name);
}

static bool is_manual(const json_t *json)
{
	return json_is_true(json_object_get(json, "manual"));
}

/* Whether it is as it was asked for. */
static bool is_there(const json_t *bond, const char *port)
{
	return port[0] ? strcmp(string(bond, "active_port"), port) == 0 : !is_manual(bond);
}

/* Whether waiting has a sense: the choice stands as long as the port does not fail. */
static bool is_pending(const json_t *bond, const char *port)
{
	return bond && (!port[0] || is_manual(find(json_object_get(bond, "ports"), port)));
}

/* The daemon's status once the bond is as it was asked for, or does not get there within WAIT_MS. */
static json_t *wait_for(const struct cli *cli, const char *port, int *status)
{
	const struct timespec poll = { .tv_nsec = POLL_MS * 1000000 };

	for (int left = WAIT_MS / POLL_MS;; left--) {
		json_t *now = connection_ask(cli, VARLINK_INTERFACE ".Status", NULL, status);
		const json_t *bond = bond_of(now, cli->arguments[0]);
		if (!now || left <= 0 || is_there(bond, port) || !is_pending(bond, port))
			return now;
		json_decref(now);
		nanosleep(&poll, NULL);
	}
}

static int say_refused(const json_t *bond, const char *name, const char *port)
{
	const json_t *item = find(json_object_get(bond, "ports"), port);
	const char *active = string(bond, "active_port");

	fprintf(stderr, "standbyctl: %s was not switched%s%s; active port: %s\n", name, port[0] ? " to " : "", port,
		active[0] ? active : "none");
	if (item)
		fprintf(stderr, "%s is %s: %s\n", port, string(item, "state"), string(item, "reason"));
	fputs("'standbyctl events' tells what happened.\n", stderr);
	return EXIT_FAILED;
}

static int say_result(const json_t *bond, const char *name, const char *port, const char *before)
{
	const char *active = string(bond, "active_port");

	if (!is_there(bond, port))
		return say_refused(bond, name, port);
	if (!port[0])
		printf("%s: chooses its port by itself again; active port: %s\n", name, active[0] ? active : "none");
	else if (strcmp(before, port) == 0)
		printf("%s: %s carries the traffic as before, and keeps it until it fails\n", name, port);
	else
		printf("%s: %s → %s, which keeps the traffic until it fails\n", name, before[0] ? before : "no port",
		       port);
	return EXIT_FINE;
}

int command_switch(const struct cli *cli)
{
	const char *name = cli->arguments[0];
	bool automatic = strcmp(cli->arguments[1], "auto") == 0;
	int status;
	json_t *before = connection_ask(cli, VARLINK_INTERFACE ".Status", NULL, &status), *now = NULL;
	json_t *done =
		before ? connection_ask(cli, VARLINK_INTERFACE ".Switch",
			     json_pack("{s:s, s:s?}", "bond", name, "port", automatic ? NULL : cli->arguments[1]),
			     &status)
		       : NULL;

	if (done)
		now = wait_for(cli, string(done, "port"), &status);
	if (now)
		status = say_result(bond_of(now, name), name, string(done, "port"),
				    string(bond_of(before, name), "active_port"));
	json_decref(before);
	json_decref(done);
	json_decref(now);
	return status;
}

int print_ports(const struct cli *cli)
{
	int status;
	json_t *now = connection_ask(cli, VARLINK_INTERFACE ".Status", NULL, &status);
	const json_t *bond, *port;
	size_t i, j;

	json_array_foreach(json_object_get(now, "bonds"), i, bond)
	{
		json_array_foreach(json_object_get(bond, "ports"), j, port)
			printf("%s\t%s\n", string(bond, "name"), string(port, "name"));
	}
	json_decref(now);
	return status;
}
