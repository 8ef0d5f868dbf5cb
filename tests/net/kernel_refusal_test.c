/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The core with the real applier and the real kernel, coupled as src/daemon/engine.c couples them, while a request of the kernel is
 * refused: once, whichever it is, and the bond is whole in the end; for ever, and what can work without it works, the reason is
 * told, and nothing turns idly. Driver move needs no driver; the bonding and team drivers by kernel_transaction.sh. */
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "config/load.h"
#include "kernel_lab.h"
#include "kernel_state.h"

enum { ACTIONS = 64, CAPACITY = 256, NOTES_MAX = 64, REQUESTS_MAX = 400, WATCH_MS = 700, TRIES_MAX = 6 };

/* ---- the shell ------------------------------------------------------------------------------------------------------ */

/* What is refused for ever: all actions of that type, of this port if one is named. */
struct refusal {
	enum action_type type;
	const char *ifname; /* NULL: any */
	int error;          /* 0: nothing is refused */
};

struct refused {
	enum action_type type;
	int error;
	bool told; /* NOTE_REFUSED said so */
};

static struct shell {
	struct core *core;
	struct config *config;
	struct applier *applier;
	struct netlink_events *live;
	struct refusal refusal;
	struct action failed[CAPACITY];
	unsigned n_failed;
	struct refused refused[NOTES_MAX];
	unsigned n_refused;
	unsigned attempts[ACT_TYPES];
	bool overrun, stopped;
} shell;

static void submit(const struct action *action)
{
	const struct refusal *r = &shell.refusal;

	shell.attempts[action->type]++;
	if (r->error && r->type == action->type && (!r->ifname || strcmp(r->ifname, action->u.link.ifname) == 0)) {
		assert_true(shell.n_failed < CAPACITY);
		shell.failed[shell.n_failed++] = *action;
		return;
	}
	assert_int_equal(applier_submit(shell.applier, action), 0);
}

static void take_note(const struct action *action)
{
	const struct note *note = &action->u.note;

	shell.overrun |= note->code == NOTE_OVERRUN;
	if (note->code != NOTE_REFUSED)
		return;
	assert_string_not_equal(core_object_name(shell.core, &action->object), "");
	for (unsigned i = 0; i < shell.n_refused; i++)
		if ((int64_t)shell.refused[i].type == note->reason.arg[1] && shell.refused[i].error == note->reason.arg[0])
			shell.refused[i].told = true;
}

static void execute(const struct action *action)
{
	if (action->type == ACT_NOTE)
		take_note(action);
	else if (action->type == ACT_STOPPED)
		shell.stopped = true;
	else if (action->type == ACT_SNAPSHOT)
		netlink_events_all_tables(shell.live, action->u.snapshot.all_tables);
	if (action->type > ACT_PROBE && action->type != ACT_NOTE && action->type != ACT_STOPPED)
		submit(action);
}

static void step(struct event *event)
{
	static struct action actions[ACTIONS];
	bool more = true;

	while (more) {
		size_t n;

		event->now_ns = lab_now();
		n = core_step(shell.core, event, actions, ACTIONS, &more);
		for (size_t i = 0; i < n; i++)
			execute(&actions[i]);
		*event = (struct event){.type = EV_CONTINUE};
	}
}

static void note_failure(const struct event *event)
{
	if (event->type == EV_FAILED && shell.n_refused < NOTES_MAX)
		shell.refused[shell.n_refused++] =
			(struct refused){.type = event->u.result.action.type, .error = event->u.result.error};
}

static void feed(struct event *event)
{
	note_failure(event);
	step(event);
	while (shell.n_failed) {
		struct event failed = {.type = EV_FAILED};

		failed.u.result.action = shell.failed[--shell.n_failed];
		failed.u.result.error = shell.refusal.error;
		note_failure(&failed);
		step(&failed);
	}
}

static void drain_live(void)
{
	struct event event = {0};
	int n;

	while ((n = netlink_events_next(shell.live, &event)) != 0) {
		if (n == -EAGAIN)
			continue;
		assert_true(n > 0 || n == -ENOBUFS);
		if (n < 0)
			event = (struct event){.type = EV_OVERRUN};
		feed(&event);
		event = (struct event){0};
	}
}

static void drain_applier(void)
{
	struct event event = {0};
	const char *text;
	int fd;

	while (applier_next(shell.applier, &event, &fd, &text)) {
		if (event.type == EV_SNAP_BEGIN || (event.type == EV_DONE && event.u.result.action.type == ACT_LOOK))
			drain_live();
		if (fd >= 0)
			close(fd);
		feed(&event);
		event = (struct event){0};
	}
}

static void turn(void)
{
	struct pollfd fds[] = {{.fd = netlink_events_fd(shell.live), .events = POLLIN}, {.fd = applier_fd(shell.applier), .events = POLLIN}};
	uint64_t now, due = core_deadline(shell.core);
	int wait = 20;

	applier_kick(shell.applier);
	now = lab_now();
	if (due < now + 20 * NSEC_PER_MSEC)
		wait = due > now ? (int)((due - now) / NSEC_PER_MSEC) + 1 : 0;
	poll(fds, 2, wait);
	if (core_deadline(shell.core) <= lab_now())
		feed(&(struct event){.type = EV_TIMER});
	drain_live();
	drain_applier();
	applier_kick(shell.applier);
}

static void start(const char *yaml)
{
	char path[] = "/tmp/standbyd-refusal-XXXXXX.yaml";
	int fd = mkstemps(path, 5);

	assert_true(fd >= 0 && write(fd, yaml, strlen(yaml)) == (ssize_t)strlen(yaml));
	close(fd);
	memset(&shell, 0, sizeof shell);
	shell.config = config_load(path, stderr);
	unlink(path);
	assert_non_null(shell.config);
	shell.applier = applier_new(CAPACITY);
	shell.live = netlink_events_open(1 << 20);
	shell.core = core_new(1);
	assert_true(shell.applier && shell.live && shell.core);
	assert_int_equal(core_configure(shell.core, shell.config, lab_now()), 0);
}

static void stop(void)
{
	if (shell.core)
		core_free(shell.core);
	applier_free(shell.applier);
	if (shell.live)
		netlink_events_close(shell.live);
	if (shell.config)
		config_free(shell.config);
	memset(&shell, 0, sizeof shell);
}

/* ---- the lab -------------------------------------------------------------------------------------------------------- */

#define COMMON \
	"    ports: [pa, pb]\n" \
	"    addresses: [10.1.0.1/24, 10.1.0.2/24, \"2001:db8:1::1/64\"]\n" \
	"    routes:\n" \
	"      - {to: default, via: 10.1.0.254}\n" \
	"      - {to: 10.5.0.0/16, via: 10.1.0.253, metric: 7}\n" \
	"      - {to: \"2001:db8:5::/48\", via: \"2001:db8:1::fe\"}\n" \
	"    probes:\n" \
	"      gateway: {kind: arp, targets: [10.1.0.254]}\n" \
	"    mtu: 1400\n" \
	"    hold: 50ms\n" \
	"    damping: false\n"

#define DEVICE_AND_VLAN \
	COMMON "    mac: 02:00:00:00:07:07\n" \
	"vlans:\n" \
	"  bond7.5: {link: bond7, id: 5, addresses: [10.50.0.1/24], routes: [{to: 10.51.0.0/16, via: 10.50.0.2}]}\n"

#define BOND(driver) "version: 1\nnode: n1\nbonds:\n  bond7:\n    driver: " driver "\n"

struct plan {
	const char *name, *yaml;
	bool device;
};

static const struct plan plans[] = {
	{"move", BOND("move") COMMON, false},
	{"kernel", BOND("kernel") DEVICE_AND_VLAN, true},
	{"team", BOND("team") DEVICE_AND_VLAN, true},
};

static void batch(const char *text, bool force)
{
	FILE *ip = popen(force ? "ip -force -batch - 2>/dev/null" : "ip -batch -", "w");
	int status;

	assert_non_null(ip);
	fputs(text, ip);
	status = pclose(ip);
	if (!force)
		assert_int_equal(status, 0);
}

/* The ports as they were before anybody took them, one of them with an address and a route of the machine's own. */
static void fresh_ports(const struct plan *plan)
{
	batch("link del bond7.5\nlink del bond7\nlink del pa\nlink del pb\n", true);
	batch("link add pa index 501 type veth peer name pax index 601\nlink add pb index 502 type veth peer name pbx index 602\n"
	      "link set pax up\nlink set pbx up\n", false);
	if (plan->device)
		batch("link set pa up\naddress add 10.9.0.1/24 dev pa\nroute add 10.10.0.0/16 via 10.9.0.2\n"
		      "address add 2001:db8:9::1/64 dev pa nodad\n", false);
}

static bool has_line(const char *text, const char *word, const char *device)
{
	char wanted[64];
	size_t n = strlen(word);

	snprintf(wanted, sizeof wanted, " dev %s ", device);
	for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
		const char *found = strstr(line, wanted);

		if (strncmp(line, "address dev ", 12) == 0 && found == line + 7 && strncmp(line + 12 + strlen(device) + 1, word, n) == 0)
			return true;
		if (strncmp(line, "route ", 6) == 0 && strncmp(line + 6, word, n) == 0 && found && found < strchr(line, '\n'))
			return true;
	}
	return false;
}

static int view_of(const char *name, struct bond_view *view)
{
	for (unsigned i = 0; i < core_n_bonds(shell.core); i++) {
		core_bond(shell.core, i, view);
		if (strcmp(view->name, name) == 0)
			return (int)i;
	}
	fail_msg("no bond %s", name);
	return -1;
}

static bool is_up(const char *name)
{
	struct bond_view view;

	view_of(name, &view);
	return view.state == BOND_UP;
}

static const char *missing; /* the first thing that is_whole did not find */

/* The bond is up with both ports, and the kernel has all that it is to have, where it is to be. */
static bool is_whole(const struct plan *plan)
{
	static const char *const always[] = {"10.1.0.1/24", "10.1.0.2/24", "2001:db8:1::1/64", "-/0", "10.5.0.0/16", "2001:db8:5::/48"};
	static const char *const followed[] = {"10.9.0.1/24", "2001:db8:9::1/64", "10.10.0.0/16"};
	static const char *const vlan[] = {"10.50.0.1/24", "10.51.0.0/16"};
	struct bond_view view;
	struct port_view port;
	struct state state;
	int bond = view_of("bond7", &view);

	missing = "the bond is not up";
	if (!is_up("bond7") || view.n_ports != 2 || (plan->device && !is_up("bond7.5")) || view.active_port < 0)
		return false;
	core_port(shell.core, (unsigned)bond, (unsigned)view.active_port, &port);
	state = state_read();
	missing = NULL;
	for (unsigned i = 0; !missing && i < 6; i++)
		missing = has_line(state.text, always[i], plan->device ? "bond7" : port.name) ? NULL : always[i];
	for (unsigned i = 0; !missing && plan->device && i < 3; i++)
		missing = has_line(state.text, followed[i], "bond7") ? NULL : followed[i];
	for (unsigned i = 0; !missing && plan->device && i < 2; i++)
		missing = has_line(state.text, vlan[i], "bond7.5") ? NULL : vlan[i];
	if (!missing && plan->device && (!strstr(state.text, "link bond7 ") || !strstr(state.text, "mtu 1400") || !strstr(state.text, "02000000070")))
		missing = "MTU or MAC";
	state_free(&state);
	return !missing;
}

/* False: not within the deadline. */
static bool wait_whole(const struct plan *plan)
{
	uint64_t end = lab_now() + DEADLINE_MS * NSEC_PER_MSEC;
	uint64_t look = 0;

	while (lab_now() < end) {
		turn();
		if (lab_now() < look || !is_up("bond7"))
			continue;
		if (is_whole(plan))
			return true;
		look = lab_now() + 5 * NSEC_PER_MSEC;
	}
	return false;
}

/* Of what was refused with that errno. What the kernel itself refuses of a device that is gone again is nobody's news. */
static bool all_told(const char *name, unsigned nth, int error)
{
	bool good = true;

	for (unsigned i = 0; i < shell.n_refused; i++) {
		const struct refused *r = &shell.refused[i];

		if (r->type == ACT_ADDRESS_DEL && strcmp(name, "vip") == 0) /* it went with its device in the same batch */
			continue;
		if (r->told || r->error != error || r->type == ACT_LOOK || r->type == ACT_RESOLVE) /* what cannot be asked is no news */
			continue;
		fprintf(stderr, "%s, request %u: %s, %s: no note\n", name, nth, action_type_name(r->type), strerror(r->error));
		good = false;
	}
	return good;
}

/* ---- refused once ---------------------------------------------------------------------------------------------------- */

/* Only what the test refuses is refused: anything else is a plan that the kernel cannot follow. */
static const char *what_was_refused(const char *plan, unsigned nth, int error)
{
	const char *what = shell.overrun ? "snapshot" : "a setting that nothing depends on";

	for (unsigned i = 0; i < shell.n_refused; i++) {
		const struct refused *r = &shell.refused[i];

		if (r->error == (error ? error : EIO))
			what = action_type_name(r->type);
		else
			fprintf(stderr, "%s, request %u: the kernel itself refuses %s: %s\n", plan, nth, action_type_name(r->type), strerror(r->error));
	}
	return what;
}

/* Builds it with the n-th request refused, for every n until all is built before. How many; 0: one did not end well. */
static unsigned refuse_each(const struct plan *plan, int error)
{
	bool good = true, fired = true;
	unsigned n;

	for (n = 1; good && fired; n++) {
		const char *what;

		assert_true(n < REQUESTS_MAX);
		fresh_ports(plan);
		start(plan->yaml);
		applier_inject(shell.applier, n, error);
		feed(&(struct event){.type = EV_CONTINUE});
		good = wait_whole(plan);
		fired = !applier_inject_waits(shell.applier);
		what = what_was_refused(plan->name, n, error);
		if (!good)
			fprintf(stderr, "%s, request %u (%s) refused with %s: never whole: %s\n", plan->name, n, what,
				error ? strerror(error) : "a broken socket", missing);
		if (fired && error == EPERM)
			print_message("  %3u  %s\n", n, what);
		good = all_told(plan->name, n, error ? error : EIO) && good;
		stop();
	}
	return good ? n - 2 : 0;
}

static bool have_drivers(void)
{
	if (lab_try("ip link add tprobe type bond 2>/dev/null && ip link del tprobe && ip link add tprobe type team 2>/dev/null && "
		    "ip link del tprobe"))
		return true;
	if (getenv("STANDBYD_NEED_DRIVERS"))
		fail_msg("no bonding or no team driver");
	return false;
}

static void once(const struct plan *plan, const int *errors, unsigned n_errors)
{
	unsigned bad = 0;

	for (unsigned i = 0; i < n_errors; i++) {
		unsigned n = refuse_each(plan, errors[i]);

		print_message("%s, %s: %u refusals\n", plan->name, errors[i] ? strerror(errors[i]) : "a broken socket", n);
		bad += !n;
	}
	assert_int_equal(bad, 0);
}

static void test_refusal_once_move(void **state)
{
	(void)state;
	once(&plans[0], (const int[]){EPERM, ENOMEM, 0}, 3);
}

static void test_refusal_once_kernel(void **state)
{
	(void)state;
	if (!have_drivers())
		skip();
	once(&plans[1], (const int[]){EPERM, 0}, 2);
}

static void test_refusal_once_team(void **state)
{
	(void)state;
	if (!have_drivers())
		skip();
	once(&plans[2], (const int[]){EPERM}, 1);
}

/* ---- a vip with a MAC address of its own ----------------------------------------------------------------------------- */

#define VIP \
	"version: 1\nnode: n1\nvips:\n" \
	"  web: {on: pa, vrid: 7, priority: 254, advert: 10ms, leave-timeout: 0s, mac: virtual, addresses: [10.1.0.100, " \
	"\"2001:db8:1::100\"]}\n"

static int arp_ignore(void)
{
	FILE *f = fopen("/proc/sys/net/ipv4/conf/pa/arp_ignore", "re");
	int value = -1;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%d", &value), 1);
	fclose(f);
	return value;
}

static bool is_held(void)
{
	const char *device = shell.config->vips[0].device;
	struct vip_view vip;
	struct state state;
	bool held;

	core_vip(shell.core, 0, &vip);
	if (vip.state != VIP_ACTIVE || !vip.holding || arp_ignore() != 1)
		return false;
	state = state_read();
	held = has_line(state.text, "10.1.0.100/32", device) && has_line(state.text, "2001:db8:1::100/128", device);
	state_free(&state);
	return held;
}

static bool is_let_go(void)
{
	return shell.stopped;
}

static bool wait_vip(bool (*condition)(void), const char *what, unsigned nth)
{
	uint64_t end = lab_now() + DEADLINE_MS * NSEC_PER_MSEC;

	while (!condition() && lab_now() < end)
		turn();
	if (!condition())
		fprintf(stderr, "request %u: never %s\n", nth, what);
	return condition();
}

/* With the n-th request refused, from the start to the stop: it is held in between, and nothing is left in the end. */
static unsigned refuse_each_of_vip(int error)
{
	bool good = true, fired = true;
	unsigned n;

	for (n = 1; good && fired; n++) {
		char device[IFNAME_SIZE];

		assert_true(n < REQUESTS_MAX);
		fresh_ports(&plans[0]);
		batch("link set pa up\naddress add 10.1.0.1/24 dev pa\n", false);
		start(VIP);
		strcpy(device, shell.config->vips[0].device);
		applier_inject(shell.applier, n, error);
		feed(&(struct event){.type = EV_CONTINUE});
		good = wait_vip(is_held, "held", n);
		feed(&(struct event){.type = EV_STOP});
		good = good && wait_vip(is_let_go, "stopped", n);
		fired = !applier_inject_waits(shell.applier);
		what_was_refused("vip", n, error);
		good = all_told("vip", n, error) && good;
		if (good && arp_ignore() != 0)
			good = !fprintf(stderr, "request %u: arp_ignore is not put back\n", n);
		if (good && if_nametoindex(device))
			good = !fprintf(stderr, "request %u: %s is left\n", n, device);
		stop();
	}
	return good ? n - 2 : 0;
}

static void test_refusal_once_vmac(void **state)
{
	static const int errors[] = {EPERM, ENOMEM};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		unsigned n = refuse_each_of_vip(errors[i]);

		print_message("vip, %s: %u refusals\n", strerror(errors[i]), n);
		assert_int_not_equal(n, 0);
	}
}

/* ---- a device of another kind ----------------------------------------------------------------------------------------- */

/* The core sees one device leave its name and another take it, and builds on what it has then. */
static void test_refusal_none_rebuild(void **state)
{
	static const struct {
		unsigned plan;
		const char *device;
	} cases[] = {
		{1, "link add bond7 index 507 type team\n"},
		{1, "link add bond7 index 507 type bond mode balance-rr miimon 100\n"},
		{2, "link add bond7 index 507 type bond mode active-backup miimon 100\n"},
		{2, "link add bond7 index 507 type team\n"},
	};

	(void)state;
	if (!have_drivers())
		skip();
	for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct plan *plan = &plans[cases[i].plan];

		fresh_ports(plan);
		batch("address flush dev pa\nlink set pa down\n", false);
		batch(cases[i].device, false);
		batch("link set bond7 mtu 1400\nlink set pa master bond7\nlink set pb master bond7\nlink set bond7 up\n"
		      "address add 10.9.0.1/24 dev bond7\nroute add 10.10.0.0/16 via 10.9.0.2\naddress add 2001:db8:9::1/64 dev bond7 nodad\n",
		      false);
		start(plan->yaml);
		feed(&(struct event){.type = EV_CONTINUE});
		if (!wait_whole(plan))
			fail_msg("%s instead of %s: never whole: %s", plan->name, cases[i].device, missing);
		what_was_refused(plan->name, 0, 0);
		assert_int_equal(shell.attempts[ACT_BOND_REBUILD], 1);
		stop();
	}
}

/* ---- refused for ever ------------------------------------------------------------------------------------------------ */

static void begin_refusing(const struct plan *plan, enum action_type type, const char *ifname, int error)
{
	fresh_ports(plan);
	start(plan->yaml);
	shell.refusal = (struct refusal){.type = type, .ifname = ifname, .error = error};
	feed(&(struct event){.type = EV_CONTINUE});
}

static void watch(unsigned ms)
{
	uint64_t end = lab_now() + ms * NSEC_PER_MSEC;

	while (lab_now() < end)
		turn();
}

/* Pauses of 10, 40, 160 and 640 ms: one object is tried no more than TRIES_MAX times in WATCH_MS. */
static void expect_no_storm(const char *name, enum action_type type, unsigned objects)
{
	print_message("  %s, every %s refused: %u tries in %d ms\n", name, action_type_name(type), shell.attempts[type], WATCH_MS);
	assert_in_range(shell.attempts[type], 2, TRIES_MAX * objects);
	assert_true(shell.attempts[ACT_SNAPSHOT] <= 20);
}

/* The kernel never makes the device, or never sets it up: fault with the reason, few attempts, and all is well when it does at last. */
static void test_refusal_for_ever_vmac(void **state)
{
	static const enum action_type types[] = {ACT_VMAC_CREATE, ACT_VMAC_SET, ACT_LINK_UP};

	(void)state;
	for (unsigned i = 0; i < sizeof types / sizeof types[0]; i++) {
		struct vip_view vip;

		fresh_ports(&plans[0]);
		batch("link set pa up\naddress add 10.1.0.1/24 dev pa\n", false);
		start(VIP);
		shell.refusal = (struct refusal){.type = types[i], .error = EPERM};
		feed(&(struct event){.type = EV_CONTINUE});
		watch(WATCH_MS);
		/* A vip that could not be set up stands again a second later. */
		if (types[i] != ACT_LINK_UP)
			expect_no_storm("vip", types[i], 1);
		assert_in_range(shell.attempts[types[i]], 1, TRIES_MAX);
		core_vip(shell.core, 0, &vip);
		assert_int_equal(vip.state, VIP_FAULT);
		assert_int_equal(vip.reason.code, REASON_VMAC_REFUSED);
		assert_int_equal(vip.reason.arg[0], EPERM);
		assert_string_equal(vip.reason.name, shell.config->vips[0].device);
		shell.refusal.error = 0;
		assert_true(wait_vip(is_held, "held", 0));
		stop();
	}
}

static void test_refusal_for_ever_create(void **state)
{
	(void)state;
	for (unsigned i = 1; i < 3; i++) { /* needs no driver: the request is never made */
		struct bond_view view;
		int error = i == 1 ? EPERM : EOPNOTSUPP;

		begin_refusing(&plans[i], ACT_BOND_CREATE, NULL, error);
		watch(WATCH_MS);
		expect_no_storm(plans[i].name, ACT_BOND_CREATE, 1);
		view_of("bond7", &view);
		assert_int_equal(view.state, BOND_DOWN);
		assert_int_equal(view.reason.code, REASON_BOND_REFUSED);
		assert_int_equal(view.reason.arg[0], error);
		assert_true(shell.refused[0].told); /* once: the others are the same */
		lab_run("ip address show dev pa | grep -q 10.9.0.1/24 && ip route show dev pa | grep -q '10.10.0.0/16'");
		stop();
	}
}

static void test_refusal_for_ever_port(void **state)
{
	(void)state;
	if (!have_drivers())
		skip();
	for (unsigned i = 1; i < 3; i++) {
		struct bond_view view;
		struct port_view port;
		uint64_t end = lab_now() + DEADLINE_MS * NSEC_PER_MSEC;
		int bond;

		begin_refusing(&plans[i], ACT_ENSLAVE, "pb", EPERM);
		do {
			turn();
			bond = view_of("bond7", &view);
			assert_true(lab_now() < end);
		} while (view.state != BOND_DEGRADED);
		watch(WATCH_MS);
		bond = view_of("bond7", &view);
		assert_int_equal(view.state, BOND_DEGRADED);
		assert_int_equal(view.reason.code, REASON_BOND_NO_STANDBY);
		core_port(shell.core, (unsigned)bond, 1, &port);
		assert_string_equal(port.name, "pb");
		assert_int_equal(port.reason.code, REASON_PORT_REFUSED);
		assert_int_equal(port.reason.arg[0], EPERM);
		assert_in_range(shell.attempts[ACT_ENSLAVE], 3, 1 + 2 * TRIES_MAX);
		/* And when it is taken at last: */
		shell.refusal.error = 0;
		assert_true(wait_whole(&plans[i]));
		stop();
	}
}

static void test_refusal_for_ever_others(void **state)
{
	static const struct {
		unsigned plan;
		enum action_type type;
		unsigned objects;
	} cases[] = {
		{0, ACT_ADDRESS_ADD, 3}, {0, ACT_ROUTE_ADD, 3}, {0, ACT_SYSCTL, 6}, {0, ACT_LINK_MTU, 2}, {0, ACT_LINK_UP, 2},
		{0, ACT_LISTEN, 2},	 {1, ACT_ADDRESS_ADD, 4}, {1, ACT_ROUTE_ADD, 4}, {1, ACT_LINK_UP, 2}, {1, ACT_VLAN_CREATE, 1},
		{1, ACT_LISTEN, 2},	 {2, ACT_SET_ACTIVE, 4},
	};
	bool drivers = have_drivers();

	(void)state;
	for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct plan *plan = &plans[cases[i].plan];
		bool told = false;

		if (plan->device && !drivers)
			continue;
		begin_refusing(plan, cases[i].type, NULL, EPERM);
		watch(WATCH_MS);
		expect_no_storm(plan->name, cases[i].type, cases[i].objects);
		for (unsigned j = 0; j < shell.n_refused; j++)
			told |= shell.refused[j].told;
		assert_true(told);
		stop();
	}
}

/* ---- */

static int open_lab(void **state)
{
	lab_open(state);
	/* Duplicate addresses are looked for by others. */
	lab_run("echo 0 >/proc/sys/net/ipv6/conf/default/dad_transmits; echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	stop();
	batch("link del bond7.5\nlink del bond7\nlink del pa\nlink del pb\n", true);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, NULL, tear_down)

/* An argument picks tests by a pattern. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(test_refusal_once_move),
		TEST(test_refusal_once_kernel),
		TEST(test_refusal_once_team),
		TEST(test_refusal_once_vmac),
		TEST(test_refusal_for_ever_vmac),
		TEST(test_refusal_none_rebuild),
		TEST(test_refusal_for_ever_create),
		TEST(test_refusal_for_ever_port),
		TEST(test_refusal_for_ever_others),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, open_lab, lab_close);
}
