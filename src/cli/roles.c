/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who shall hold what: handover, drain, undrain; each waits for what becomes of it. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"

enum {
	POLL_MS = 20,
	LEAVE_S = 180, /* more than four of the longest adverts: a vip has left by then, or is active again */
	HEAR_MS = 1000, /* a new holder's first advert follows its first answer at once */
};

static const char *string(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? text : "";
}

static bool is_state(const json_t *vip, const char *state)
{
	return strcmp(string(vip, "state"), state) == 0;
}

static const json_t *vip_of(const json_t *status, const char *name)
{
	const json_t *vip;
	size_t i;

	json_array_foreach(json_object_get(status, "vips"), i, vip)
	{
		if (strcmp(string(vip, "name"), name) == 0 && !json_is_true(json_object_get(vip, "removed")))
			return vip;
	}
	return NULL;
}

static json_t *ask_status(const struct cli *cli, int *status)
{
	return connection_ask(cli, VARLINK_INTERFACE ".Status", NULL, status);
}

static void sleep_ms(int ms)
{
	const struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&time, NULL);
}

/* ---- handover ---------------------------------------------------------------------------------------------------- */

/* Who else holds it, by name or, where adverts say it, by address; "": nobody that is known. */
static const char *holder(const json_t *vip)
{
	const char *name = is_state(vip, "active") ? "" : string(vip, "active_node");

	return name[0] ? name : string(vip, "active_source");
}

/* Whether it may still go either way: it leaves, or has left and another is not heard yet. */
static bool is_under_way(const json_t *vip)
{
	return is_state(vip, "leaving") || (is_state(vip, "backup") && !holder(vip)[0]);
}

static int say_handover(const json_t *vip, const char *name)
{
	if (is_state(vip, "backup") && holder(vip)[0]) {
		printf("%s: held by %s now; this node stays backup until that fails, or until 'standbyctl undrain'\n", name,
		       holder(vip));
		return EXIT_FINE;
	}
	if (strcmp(string(vip, "reason_code"), "not-taken") == 0)
		fprintf(stderr, "standbyctl: nobody took over %s, so this node holds it again\n", name);
	else
		fprintf(stderr, "standbyctl: %s was not handed over: it is %s here, %s\n", name,
			vip ? string(vip, "state") : "no longer configured", vip ? string(vip, "reason") : "");
	return EXIT_FAILED;
}

int command_handover(const struct cli *cli)
{
	const char *name = cli->arguments[0];
	int status, left = LEAVE_S * 1000 / POLL_MS;
	json_t *now = connection_ask(cli, VARLINK_INTERFACE ".Handover", json_pack("{s:s, s:b}", "vip", name, "force", cli->force),
				     &status);

	if (!now)
		return status;
	do {
		json_decref(now);
		now = ask_status(cli, &status);
		if (!now)
			return status;
		if (!is_under_way(vip_of(now, name)))
			break;
		sleep_ms(POLL_MS);
	} while (left-- > 0);
	status = say_handover(vip_of(now, name), name);
	json_decref(now);
	return status;
}

/* ---- drain, undrain ---------------------------------------------------------------------------------------------- */

static bool was_held(const json_t *vip)
{
	return is_state(vip, "active") || is_state(vip, "leaving");
}

static bool holds_any(const json_t *status)
{
	const json_t *vip;
	size_t i;

	json_array_foreach(json_object_get(status, "vips"), i, vip)
	{
		if (was_held(vip))
			return true;
	}
	return false;
}

/* Whether each vip that was held before is known to be held by another. */
static bool all_heard(const json_t *before, const json_t *now)
{
	const json_t *vip;
	size_t i;

	json_array_foreach(json_object_get(before, "vips"), i, vip)
	{
		const json_t *is = vip_of(now, string(vip, "name"));
		if (was_held(vip) && is && !holder(is)[0])
			return false;
	}
	return true;
}

static void say_drained(const json_t *before, const json_t *now)
{
	const json_t *vip;
	size_t i;

	json_array_foreach(json_object_get(before, "vips"), i, vip)
	{
		const char *name = string(vip, "name"), *source = holder(vip_of(now, name));
		if (!was_held(vip) || !vip_of(now, name))
			continue;
		fflush(stdout);
		if (source[0])
			printf("%s: held by %s now\n", name, source);
		else
			fprintf(stderr, "standbyctl: no other node was heard to take over %s\n", name);
	}
	printf("%s is drained: it holds no vip and takes none until 'standbyctl undrain'\n", string(now, "node"));
}

/* The status once everything is let go, and until its new holders are heard, or HEAR_MS more. */
static json_t *wait_drained(const struct cli *cli, const json_t *before, int *status)
{
	int left = LEAVE_S * 1000 / POLL_MS, more = HEAR_MS / POLL_MS;

	for (;;) {
		json_t *now = ask_status(cli, status);
		if (!now)
			return NULL;
		if (holds_any(now) ? left-- <= 0 : all_heard(before, now) || more-- <= 0)
			return now;
		json_decref(now);
		sleep_ms(POLL_MS);
	}
}

int command_drain(const struct cli *cli)
{
	int status;
	json_t *before = ask_status(cli, &status), *now = NULL;
	json_t *done = before ? connection_ask(cli, VARLINK_INTERFACE ".Drain", NULL, &status) : NULL;

	if (done)
		now = wait_drained(cli, before, &status);
	if (now && json_is_true(json_object_get(now, "drained"))) {
		say_drained(before, now);
	} else if (now) {
		fputs("standbyctl: the node was undrained meanwhile\n", stderr);
		status = EXIT_FAILED;
	}
	json_decref(before);
	json_decref(done);
	json_decref(now);
	return status;
}

int command_undrain(const struct cli *cli)
{
	int status;
	json_t *before = ask_status(cli, &status);
	json_t *done = before ? connection_ask(cli, VARLINK_INTERFACE ".Undrain", NULL, &status) : NULL;

	if (done)
		printf("%s %s: its vips stand by the usual rules\n", string(before, "node"),
		       json_is_true(json_object_get(before, "drained")) ? "is undrained" : "was not drained");
	json_decref(before);
	json_decref(done);
	return status;
}

int print_vips(const struct cli *cli)
{
	int status;
	json_t *now = ask_status(cli, &status);
	const json_t *vip;
	size_t i;

	json_array_foreach(json_object_get(now, "vips"), i, vip)
		printf("%s\n", string(vip, "name"));
	json_decref(now);
	return status;
}
