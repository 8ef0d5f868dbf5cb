/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A unit of systemd's that is active. It is asked for once; then its changes come by themselves, and a run answers from
 * what is known. All units are watched through one connection to the system's bus, made anew by the next run after it
 * is lost. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "runner/probe_kind.h"

#define SYSTEMD "org.freedesktop.systemd1"
#define MANAGER "/org/freedesktop/systemd1"
#define OWNERS                                                                                                         \
	"type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"                                    \
	"interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" SYSTEMD "'"
#define BUS_LOCAL "org.freedesktop.DBus.Local"

enum { STATE_SIZE = 32 };

struct unit {
	struct probe probe;
	struct unit_hub *hub;
	struct unit *next, **link; /* in hub's list; link NULL: not in it */
	char *name;
	/* of the connection that is there */
	sd_bus_slot *watch, *question; /* its changes; what is asked now, which a run's end does not take back */
	bool known, stale;	       /* stale: within renew */
	char active[STATE_SIZE], sub[STATE_SIZE], load[STATE_SIZE];
};

struct unit_hub {
	sd_event *event;
	sd_bus *bus; /* NULL: none */
	struct unit *units;
};

static int ask(struct unit *unit);

/* ---- what is known ---- */

static bool is_active(const char *state)
{
	return strcmp(state, "active") == 0 || strcmp(state, "reloading") == 0 || strcmp(state, "refreshing") == 0;
}

static void tell(struct unit *unit)
{
	bool active = is_active(unit->active);

	if (!active && strcmp(unit->load, "not-found") == 0)
		probe_end(&unit->probe, false, "there is no unit %s", unit->name);
	else if (!active && strcmp(unit->load, "masked") == 0)
		probe_end(&unit->probe, false, "masked");
	else if (unit->sub[0] && strcmp(unit->sub, unit->active) != 0)
		probe_end(&unit->probe, active, "%s (%s)", unit->active, unit->sub);
	else
		probe_end(&unit->probe, active, "%s", unit->active);
}

static int read_text(sd_bus_message *message, char out[STATE_SIZE])
{
	const char *text;
	int r = sd_bus_message_read(message, "v", "s", &text);

	if (r >= 0)
		snprintf(out, STATE_SIZE, "%s", text);
	return r;
}

/* Takes those of a unit's properties that are wanted. 0 or -errno. */
static int read_properties(sd_bus_message *message, struct unit *unit)
{
	const char *name;
	int r = sd_bus_message_enter_container(message, 'a', "{sv}");

	while (r >= 0 && (r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
		r = sd_bus_message_read(message, "s", &name);
		if (r < 0)
			break;
		if (strcmp(name, "ActiveState") == 0)
			r = read_text(message, unit->active);
		else if (strcmp(name, "SubState") == 0)
			r = read_text(message, unit->sub);
		else if (strcmp(name, "LoadState") == 0)
			r = read_text(message, unit->load);
		else
			r = sd_bus_message_skip(message, "v");
		if (r >= 0)
			r = sd_bus_message_exit_container(message);
	}
	return r < 0 ? r : sd_bus_message_exit_container(message);
}

static int on_properties(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct unit *unit = userdata;
	char before[STATE_SIZE];

	(void)error;
	if (!unit->known)
		return 0; /* its answer is on the way */
	memcpy(before, unit->active, sizeof before);
	if (sd_bus_message_skip(message, "s") < 0 || read_properties(message, unit) < 0)
		unit->known = false;
	if (unit->known && strcmp(before, unit->active) == 0)
		return 0;
	unit->load[0] = '\0';
	probe_change(&unit->probe);
	return 0;
}

/* ---- asking ---- */

/* The question has ended, with an error if there is one. */
static void answered(struct unit *unit, const char *error)
{
	unit->question = sd_bus_slot_unref(unit->question);
	unit->known = !error;
	if (!unit->probe.running && unit->known)
		probe_change(&unit->probe); /* the run that asked had no time left */
	else if (unit->probe.running && error)
		probe_end(&unit->probe, false, "asking systemd: %s", error);
	else if (unit->probe.running)
		tell(unit);
}

static void unanswered(struct unit *unit, int error)
{
	char reason[PROBE_REASON_SIZE];

	answered(unit, probe_reason(-error, reason));
}

static const char *error_of(sd_bus_message *message)
{
	const sd_bus_error *error = sd_bus_message_get_error(message);

	return !error ? NULL : error->message && error->message[0] ? error->message : error->name;
}

static int on_state(sd_bus_message *message, void *userdata, sd_bus_error *unused)
{
	struct unit *unit = userdata;
	const char *error = error_of(message);
	int r = error ? 0 : read_properties(message, unit);

	(void)unused;
	if (r < 0)
		unanswered(unit, r);
	else
		answered(unit, error);
	return 0;
}

/* Its path is known: first its changes are asked for, then its state, so that none is missed between. */
static int ask_state(struct unit *unit, const char *path)
{
	sd_bus *bus = unit->hub->bus;
	int r;

	unit->watch = sd_bus_slot_unref(unit->watch);
	r = sd_bus_match_signal_async(bus, &unit->watch, SYSTEMD, path, "org.freedesktop.DBus.Properties",
				      "PropertiesChanged", on_properties, NULL, unit);
	if (r < 0)
		return r;
	unit->question = sd_bus_slot_unref(unit->question);
	return sd_bus_call_method_async(bus, &unit->question, SYSTEMD, path, "org.freedesktop.DBus.Properties",
					"GetAll", on_state, unit, "s", SYSTEMD ".Unit");
}

static int on_loaded(sd_bus_message *message, void *userdata, sd_bus_error *unused)
{
	struct unit *unit = userdata;
	const char *error = error_of(message), *path;
	int r = error ? 0 : sd_bus_message_read(message, "o", &path);

	(void)unused;
	if (!error && r >= 0)
		r = ask_state(unit, path);
	if (error)
		answered(unit, error);
	else if (r < 0)
		unanswered(unit, r);
	return 0;
}

/* By its name first: another name of the unit has another path, on which no changes come. 0 or -errno. */
static int ask(struct unit *unit)
{
	int r = sd_bus_call_method_async(unit->hub->bus, &unit->question, SYSTEMD, MANAGER, SYSTEMD ".Manager",
					 "LoadUnit", on_loaded, unit, "s", unit->name);

	return r < 0 ? r : 0;
}

/* ---- the connection ---- */

static struct unit *find_stale(struct unit_hub *hub)
{
	for (struct unit *unit = hub->units; unit; unit = unit->next) {
		if (unit->stale)
			return unit;
	}
	return NULL;
}

/* Nothing that was known holds any more. Any unit may be closed while others are told. */
static void renew(struct unit_hub *hub)
{
	struct unit *unit;

	for (unit = hub->units; unit; unit = unit->next) {
		unit->stale = true;
		unit->known = false;
		unit->question = sd_bus_slot_unref(unit->question);
		unit->watch = sd_bus_slot_unref(unit->watch);
	}
	while ((unit = find_stale(hub))) {
		unit->stale = false;
		if (!hub->bus && unit->probe.running) {
			probe_end(&unit->probe, false, "the connection to the system's bus is lost");
		} else if (hub->bus && unit->probe.running && !unit->question) {
			int r = ask(unit);

			if (r < 0)
				probe_fail(&unit->probe, -r);
		} else if (hub->bus && !unit->probe.running) {
			probe_change(&unit->probe);
		}
	}
}

static int on_disconnected(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct unit_hub *hub = userdata;

	(void)message;
	(void)error;
	hub->bus = sd_bus_close_unref(hub->bus);
	renew(hub);
	return 0;
}

/* A new manager does not know who listens. That the old one is gone says nothing of its units: it runs itself anew at
 * times. */
static int on_owner(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct unit_hub *hub = userdata;
	const char *name, *before, *owner;

	(void)error;
	if (sd_bus_message_read(message, "sss", &name, &before, &owner) < 0 || owner[0] == '\0')
		return 0;
	sd_bus_call_method_async(hub->bus, NULL, SYSTEMD, MANAGER, SYSTEMD ".Manager", "Subscribe", NULL, NULL, NULL);
	renew(hub);
	return 0;
}

/* Units may have other files, and names, after a reload. */
static int on_reloading(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	int begins;

	(void)error;
	if (sd_bus_message_read(message, "b", &begins) >= 0 && !begins)
		renew(userdata);
	return 0;
}

static int watch_manager(struct unit_hub *hub, sd_bus *bus)
{
	int r;

	/* What is local asks nobody, and so does not wait. */
	if ((r = sd_bus_match_signal(bus, NULL, BUS_LOCAL, NULL, BUS_LOCAL, "Disconnected", on_disconnected, hub)) <
		    0 ||
	    (r = sd_bus_add_match_async(bus, NULL, OWNERS, on_owner, NULL, hub)) < 0 ||
	    (r = sd_bus_match_signal_async(bus, NULL, SYSTEMD, MANAGER, SYSTEMD ".Manager", "Reloading", on_reloading,
					   NULL, hub)) < 0)
		return r;
	return sd_bus_call_method_async(bus, NULL, SYSTEMD, MANAGER, SYSTEMD ".Manager", "Subscribe", NULL, NULL, NULL);
}

/* 0 or -errno. The greeting goes on in the event loop, before what is asked now. */
static int connect_bus(struct unit_hub *hub)
{
	sd_bus *bus = NULL;
	int r = sd_bus_open_system(&bus);

	if (r < 0)
		return r;
	if ((r = sd_bus_set_exit_on_disconnect(bus, false)) < 0 || (r = sd_bus_attach_event(bus, hub->event, 0)) < 0 ||
	    (r = watch_manager(hub, bus)) < 0) {
		sd_bus_close_unref(bus);
		return r;
	}
	hub->bus = bus;
	return 0;
}

void unit_hub_free(struct unit_hub *hub)
{
	if (!hub)
		return;
	sd_bus_close_unref(hub->bus);
	free(hub);
}

/* ---- the probe ---- */

static int unit_open(struct probe *probe, const json_t *definition)
{
	struct unit *unit = (struct unit *)probe;
	struct probes *probes = probe->probes;

	if (!json_is_string(definition) || json_string_length(definition) == 0)
		return -EBADMSG;
	if (!probes->units) {
		probes->units = calloc(1, sizeof *probes->units);
		if (!probes->units)
			return -ENOMEM;
		probes->units->event = probes->event;
	}
	unit->name = strdup(json_string_value(definition));
	unit->hub = probes->units;
	unit->next = unit->hub->units;
	unit->link = &unit->hub->units;
	if (unit->next)
		unit->next->link = &unit->next;
	unit->hub->units = unit;
	return unit->name ? 0 : -ENOMEM;
}

static void unit_run(struct probe *probe)
{
	struct unit *unit = (struct unit *)probe;
	char reason[PROBE_REASON_SIZE];
	int r = unit->hub->bus ? 0 : connect_bus(unit->hub);

	if (r >= 0 && unit->known) {
		tell(unit);
		return;
	}
	if (r >= 0 && !unit->question)
		r = ask(unit);
	if (r < 0)
		probe_end(probe, false, "the system's bus: %s", probe_reason(-r, reason));
}

static void unit_stop(struct probe *probe)
{
	(void)probe; /* a question that is under way answers the next run */
}

static void unit_close(struct probe *probe)
{
	struct unit *unit = (struct unit *)probe;

	sd_bus_slot_unref(unit->question);
	sd_bus_slot_unref(unit->watch);
	if (unit->link) {
		*unit->link = unit->next;
		if (unit->next)
			unit->next->link = unit->link;
	}
	free(unit->name);
}

const struct probe_verbs probe_unit = {
	.size = sizeof(struct unit),
	.open = unit_open,
	.run = unit_run,
	.stop = unit_stop,
	.close = unit_close,
};
