/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checks of systemd's units, asked over a bus that the test itself is, with the manager on it: it answers what a case
 * wants, and tells changes only to who has asked for them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <cmocka.h>

#include "probe_lab.h"

#define MANAGER	 "org.freedesktop.systemd1.Manager"
#define PATH	 "/org/freedesktop/systemd1/unit/web_2eservice"
#define UNIT	 "\"web.service\""
#define INACTIVE "inactive", "dead"
#define ACTIVE	 "active", "running"

enum { MATCHES = 16 };

/* What the bus says and has heard. One connection is there at most. */
static struct {
	int listener;
	sd_event_source *accepting;
	sd_bus *connection;
	unsigned connections, subscribed, loaded, asked;
	char matches[MATCHES][512];		   /* "": none */
	char loads[64];				   /* the last name */
	const char *active, *sub, *load, *refusal; /* refusal: LoadUnit's error */
	bool silent;				   /* keeps questions for a unit's state in held */
	sd_bus_message *held;
} bus;

static void answer_state(sd_bus_message *call)
{
	const char *const pairs[][2] = {
		{ "ActiveState", bus.active },
		{ "SubState", bus.sub },
		{ "LoadState", bus.load },
		{ "Id", "web.service" },
	};
	sd_bus_message *reply;

	assert_true(sd_bus_message_new_method_return(call, &reply) >= 0);
	assert_true(sd_bus_message_open_container(reply, 'a', "{sv}") >= 0);
	assert_true(sd_bus_message_append(reply, "{sv}", "Wants", "as", 2, "a.service", "b.service") >= 0);
	for (unsigned i = 0; i < sizeof pairs / sizeof *pairs; i++)
		assert_true(sd_bus_message_append(reply, "{sv}", pairs[i][0], "s", pairs[i][1]) >= 0);
	assert_true(sd_bus_message_close_container(reply) >= 0);
	assert_true(sd_bus_send(NULL, reply, NULL) >= 0);
	sd_bus_message_unref(reply);
}

static void note_match(sd_bus_message *call, bool adds)
{
	const char *rule;

	assert_true(sd_bus_message_read(call, "s", &rule) >= 0);
	for (unsigned i = 0; i < MATCHES; i++) {
		if (adds ? bus.matches[i][0] != '\0' : strcmp(bus.matches[i], rule) != 0)
			continue;
		snprintf(bus.matches[i], sizeof bus.matches[i], "%s", adds ? rule : "");
		return;
	}
	fail_msg("no place for %s", rule);
}

static bool matches(const char *a, const char *b)
{
	for (unsigned i = 0; i < MATCHES; i++) {
		if (strstr(bus.matches[i], a) && strstr(bus.matches[i], b))
			return true;
	}
	return false;
}

static int on_load(sd_bus_message *call)
{
	const char *name;

	assert_true(sd_bus_message_read(call, "s", &name) >= 0);
	snprintf(bus.loads, sizeof bus.loads, "%s", name);
	bus.loaded++;
	if (bus.refusal)
		return sd_bus_reply_method_errorf(call, SD_BUS_ERROR_INVALID_ARGS, "%s", bus.refusal);
	return sd_bus_reply_method_return(call, "o", PATH);
}

static int on_call(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	(void)userdata;
	(void)error;
	if (sd_bus_message_is_method_call(call, "org.freedesktop.DBus", "Hello"))
		return sd_bus_reply_method_return(call, "s", ":1.7");
	if (sd_bus_message_is_method_call(call, "org.freedesktop.DBus", "AddMatch"))
		note_match(call, true);
	else if (sd_bus_message_is_method_call(call, "org.freedesktop.DBus", "RemoveMatch"))
		note_match(call, false);
	else if (sd_bus_message_is_method_call(call, MANAGER, "LoadUnit"))
		return on_load(call);
	else if (sd_bus_message_is_method_call(call, MANAGER, "Subscribe"))
		bus.subscribed++;
	else if (!sd_bus_message_is_method_call(call, "org.freedesktop.DBus.Properties", "GetAll"))
		return 0;
	else if (bus.asked++, bus.silent) {
		assert_null(bus.held);
		bus.held = sd_bus_message_ref(call);
		return 1;
	} else {
		assert_string_equal(sd_bus_message_get_path(call), PATH);
		assert_true(matches("PropertiesChanged", "'" PATH "'")); /* before */
		answer_state(call);
		return 1;
	}
	return sd_bus_message_get_expect_reply(call) ? sd_bus_reply_method_return(call, "") : 1;
}

static void disconnect(void)
{
	bus.held = sd_bus_message_unref(bus.held);
	bus.connection = sd_bus_close_unref(bus.connection);
	memset(bus.matches, 0, sizeof bus.matches);
}

static int on_accept(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	const sd_id128_t id = { .qwords = { 1, 2 } };

	(void)source;
	(void)events;
	(void)userdata;
	disconnect();
	fd = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(fd >= 0);
	bus.connections++;
	assert_true(sd_bus_new(&bus.connection) >= 0 && sd_bus_set_fd(bus.connection, fd, fd) >= 0 &&
		    sd_bus_set_server(bus.connection, true, id) >= 0 &&
		    sd_bus_set_anonymous(bus.connection, true) >= 0 && sd_bus_set_trusted(bus.connection, true) >= 0 &&
		    sd_bus_start(bus.connection) >= 0 && sd_bus_attach_event(bus.connection, lab_event, 0) >= 0 &&
		    sd_bus_add_filter(bus.connection, NULL, on_call, NULL) >= 0);
	return 0;
}

static void open_bus(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };

	snprintf(name.sun_path, sizeof name.sun_path, "%s", lab_path("bus"));
	bus.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(bus.listener, (struct sockaddr *)&name, sizeof name), 0);
	assert_int_equal(listen(bus.listener, 4), 0);
	assert_true(sd_event_add_io(lab_event, &bus.accepting, bus.listener, EPOLLIN, on_accept, NULL) >= 0);
}

static void close_bus(void)
{
	bus.accepting = sd_event_source_disable_unref(bus.accepting);
	close(bus.listener);
	unlink(lab_path("bus"));
	disconnect();
}

static void be(const char *active, const char *sub, const char *load)
{
	bus.active = active;
	bus.sub = sub;
	bus.load = load;
}

static int begin(void **state)
{
	char address[256];

	lab_begin(state);
	memset(&bus, 0, sizeof bus);
	be(ACTIVE, "loaded");
	snprintf(address, sizeof address, "unix:path=%s", lab_path("bus"));
	setenv("DBUS_SYSTEM_BUS_ADDRESS", address, 1);
	open_bus();
	return 0;
}

static int end(void **state)
{
	close_bus();
	return lab_end(state);
}

/* Sent as from the manager, by its name on the bus. */
static void send_signal(sd_bus_message *signal, const char *sender)
{
	assert_true(sd_bus_message_set_sender(signal, sender) >= 0);
	assert_true(sd_bus_send(bus.connection, signal, NULL) >= 0);
	sd_bus_message_unref(signal);
}

/* The unit comes into that state, and the manager tells whom it must. */
static void become(const char *active, const char *sub)
{
	sd_bus_message *signal;

	be(active, sub, bus.load);
	if (!bus.subscribed || !matches("PropertiesChanged", "'" PATH "'"))
		return;
	assert_true(sd_bus_message_new_signal(bus.connection, &signal, PATH, "org.freedesktop.DBus.Properties",
					      "PropertiesChanged") >= 0);
	assert_true(sd_bus_message_append(signal, "sa{sv}as", "org.freedesktop.systemd1.Unit", 3, "Job", "(uo)", 0, "/",
					  "ActiveState", "s", active, "SubState", "s", sub, 1, "Conditions") >= 0);
	send_signal(signal, ":1.1");
}

static void reload(bool begins)
{
	sd_bus_message *signal;

	assert_true(matches("Reloading", MANAGER));
	assert_true(sd_bus_message_new_signal(bus.connection, &signal, "/org/freedesktop/systemd1", MANAGER,
					      "Reloading") >= 0);
	assert_true(sd_bus_message_append(signal, "b", begins) >= 0);
	send_signal(signal, ":1.1");
}

/* before, after: who is the manager; "": nobody. */
static void change_owner(const char *before, const char *after)
{
	sd_bus_message *signal;

	assert_true(matches("NameOwnerChanged", "arg0='org.freedesktop.systemd1'"));
	assert_true(sd_bus_message_new_signal(bus.connection, &signal, "/org/freedesktop/DBus", "org.freedesktop.DBus",
					      "NameOwnerChanged") >= 0);
	assert_true(sd_bus_message_append(signal, "sss", "org.freedesktop.systemd1", before, after) >= 0);
	send_signal(signal, "org.freedesktop.DBus");
}

static void test_states(void **state)
{
	static const struct {
		const char *active, *sub, *load;
		bool passed;
		const char *text;
	} cases[] = {
		{ "active", "running", "loaded", true, "active (running)" },
		{ "active", "exited", "loaded", true, "active (exited)" },
		{ "reloading", "reload", "loaded", true, "reloading (reload)" },
		{ "active", "active", "loaded", true, "active" },
		{ "inactive", "dead", "loaded", false, "inactive (dead)" },
		{ "failed", "failed", "loaded", false, "failed" },
		{ "activating", "start-pre", "loaded", false, "activating (start-pre)" },
		{ "deactivating", "stop", "loaded", false, "deactivating (stop)" },
		{ "inactive", "dead", "not-found", false, "there is no unit web.service" },
		{ "inactive", "dead", "masked", false, "masked" },
		{ "active", "running", "masked", true, "active (running)" },
	};
	struct run run;

	(void)state;
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		be(cases[i].active, cases[i].sub, cases[i].load);
		lab_open(&run, CHECK_UNIT, UNIT);
		lab_expect(&run, cases[i].passed, cases[i].text);
		assert_string_equal(bus.loads, "web.service");
		lab_close(&run);
	}
	assert_int_equal(bus.connections, 1);
	assert_int_equal(bus.subscribed, 1);
	lab_until(!matches("PropertiesChanged", "")); /* it is taken back */
}

/* Asked once; then by what comes. */
static void test_changes(void **state)
{
	struct run run, other;

	(void)state;
	lab_open(&run, CHECK_UNIT, UNIT);
	lab_open(&other, CHECK_UNIT, UNIT);
	lab_expect(&run, true, "active (running)");
	lab_expect(&other, true, "active (running)");
	become("deactivating", "stop");
	become("failed", "failed");
	lab_until(run.changed == 1 && other.changed == 1);
	lab_drain();
	assert_int_equal(run.changed, 1);
	lab_expect(&run, false, "failed");
	become("failed", "failed"); /* again: no change */
	become(ACTIVE);
	lab_until(run.changed == 2);
	lab_drain();
	lab_expect(&run, true, "active (running)");
	assert_int_equal(run.changed, 2);
	assert_int_equal(other.changed, 1); /* not run since */
	become("active", "reload");
	lab_drain();
	assert_int_equal(run.changed, 2); /* not what is asked for */
	lab_expect(&run, true, "active (reload)");
	assert_int_equal(bus.asked, 2);
	other.close = true;
	lab_run(&other);
	lab_until(!other.probe);
	run.again = 2;
	lab_run(&run);
	lab_until(run.again == 0);
	lab_close(&run);
	assert_int_equal(bus.asked, 2);
}

/* A file for a unit comes by a reload; a new manager is told anew. */
static void test_manager(void **state)
{
	struct run run;

	(void)state;
	be(INACTIVE, "not-found");
	lab_open(&run, CHECK_UNIT, UNIT);
	lab_expect(&run, false, "there is no unit web.service");
	reload(true);
	lab_drain();
	assert_int_equal(run.changed, 0);
	be(INACTIVE, "loaded");
	reload(false);
	lab_until(run.changed == 1);
	lab_expect(&run, false, "inactive (dead)");
	become(ACTIVE);
	lab_until(run.changed == 2);
	lab_expect(&run, true, "active (running)");

	be("failed", "failed", "loaded");
	change_owner(":1.1", "");
	lab_drain();
	lab_expect(&run, true, "active (running)"); /* as it was when there was a manager */
	assert_int_equal(run.changed, 2);
	change_owner("", ":1.9");
	lab_until(run.changed == 3);
	lab_expect(&run, false, "failed");
	assert_int_equal(bus.subscribed, 2);
	bus.silent = true; /* while it is asked */
	change_owner(":1.9", ":1.10");
	lab_until(run.changed == 4);
	lab_run(&run);
	lab_until(bus.held);
	bus.held = sd_bus_message_unref(bus.held);
	bus.silent = false;
	be(ACTIVE, "loaded");
	change_owner(":1.10", ":1.11");
	lab_until(run.ended == 6);
	assert_string_equal(run.text, "active (running)");
	lab_close(&run);
}

/* It is there by now, though no reload was told. */
static void test_found(void **state)
{
	struct run run;

	(void)state;
	be(INACTIVE, "not-found");
	lab_open(&run, CHECK_UNIT, UNIT);
	lab_expect(&run, false, "there is no unit web.service");
	become("failed", "failed");
	lab_until(run.changed == 1);
	lab_expect(&run, false, "failed");
	lab_close(&run);
}

static void test_refused(void **state)
{
	struct run run;

	(void)state;
	bus.refusal = "Unit name web.service is not valid.";
	lab_open(&run, CHECK_UNIT, UNIT);
	lab_expect(&run, false, "asking systemd: Unit name web.service is not valid.");
	bus.refusal = NULL;
	lab_expect(&run, true, "active (running)");
	lab_close(&run);
}

static void test_stopped(void **state)
{
	struct run run;

	(void)state;
	bus.silent = true;
	lab_open(&run, CHECK_UNIT, UNIT);
	lab_run(&run);
	lab_until(bus.held);
	probe_stop(run.probe);
	lab_drain();
	assert_int_equal(run.ended, 0);
	lab_run(&run); /* the same question */
	lab_drain();
	probe_stop(run.probe);
	answer_state(bus.held);
	bus.held = sd_bus_message_unref(bus.held);
	lab_until(run.changed == 1);
	assert_int_equal(run.ended, 0);
	lab_expect(&run, true, "active (running)");
	assert_int_equal(bus.asked, 1);
	lab_close(&run);

	lab_open(&run, CHECK_UNIT, UNIT);
	lab_run(&run);
	lab_until(bus.held);
	lab_close(&run);
	answer_state(bus.held);
	lab_drain();
	assert_int_equal(run.ended, 0);
}

/* No bus; then there is one; it goes, and comes again. */
static void test_bus(void **state)
{
	struct run run, other;

	(void)state;
	close_bus();
	lab_open(&run, CHECK_UNIT, UNIT);
	lab_open(&other, CHECK_UNIT, UNIT);
	lab_expect(&run, false, "the system's bus: no such file or directory");
	open_bus();
	lab_expect(&run, true, "active (running)");
	bus.silent = true;
	lab_run(&other);
	lab_until(bus.held);
	disconnect();
	lab_until(other.ended == 1);
	assert_false(other.passed);
	lab_drain();
	bus.silent = false;
	be(INACTIVE, "loaded");
	lab_expect(&run, false, "inactive (dead)");
	lab_expect(&other, false, "inactive (dead)");
	assert_int_equal(bus.connections, 2);
	assert_int_equal(bus.subscribed, 2);
	become(ACTIVE);
	lab_until(run.changed == 1 && other.changed == 1);
	lab_expect(&run, true, "active (running)");
	close_bus();
	lab_drain();
	lab_expect(&run, false, "the system's bus: no such file or directory");
	open_bus();
	lab_run(&run); /* while it is greeted */
	lab_close(&run);
	lab_close(&other);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(test_states),  TEST(test_changes), TEST(test_manager), TEST(test_found),
		TEST(test_refused), TEST(test_stopped), TEST(test_bus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
