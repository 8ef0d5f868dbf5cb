/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "common/log.h"
#include "config/load.h"
#include "core/trace.h"
#include "daemon/clock.h"
#include "daemon/hooks.h"

enum {
	STEP_ACTIONS = 256,
	BATCH = 64,        /* events of one source before the others have their turn */
	BATCH_MIN = 8,     /* … even if something is due all the time */
	DRAIN_MAX = 65536, /* more than any socket buffer of ours holds: a flood must not keep us here for ever */
	ROUNDS = DRAIN_MAX / BATCH,
	RESERVE = 64,      /* of the applier: snapshots and sockets, beyond the changes counted one by one */
	PORT_CHANGES = 12, /* of one port at once: itself, its sysctls, its sockets, its driver's word */
};

#define LOST_AGAIN_NS (10 * NSEC_PER_SEC)


static void trace_line(struct engine *e, const char *line)
{
	fputs(line, e->trace);
	fputc('\n', e->trace);
}

static void trace_in(struct engine *e, const struct event *event)
{
	char line[TRACE_LINE_SIZE];

	trace_event(event, line, sizeof line);
	trace_line(e, line);
}

static void trace_out(struct engine *e, const struct action *action)
{
	char line[TRACE_LINE_SIZE];

	trace_action(action, line, sizeof line);
	fputs("  → ", e->trace);
	trace_line(e, line);
}

/* ---- actions --------------------------------------------------------------------------------------------------- */

/* The answer to a change that the applier does not get, once the step is over. */
static void answer_later(struct engine *e, const struct action *action, int error)
{
	struct event *answer;

	if (e->n_answers == e->answers_size) {
		unsigned size = e->answers_size ? e->answers_size * 2 : STEP_ACTIONS;
		struct event *answers = reallocarray(e->answers, size, sizeof *answers);
		if (!answers) {
			/* An unanswered change would never be tried again; a successor adopts what we hold. */
			log_at(LOG_ERR, "out of memory, exiting for a fresh start");
			log_stop(LOG_STOP_MS);
			_Exit(1);
		}
		e->answers = answers;
		e->answers_size = size;
	}
	answer = &e->answers[e->n_answers++];
	*answer = (struct event){ .type = error ? EV_FAILED : EV_DONE };
	answer->u.result.action = *action;
	answer->u.result.error = error;
}

/* A change that cannot even be queued is refused like one that the kernel refuses. */
static void submit(struct engine *e, const struct action *action)
{
	if (applier_submit(e->applier, action) < 0)
		answer_later(e, action, ENOBUFS);
}

static bool same_socket(const struct action_listen *a, const struct action_listen *b)
{
	return a->ifindex == b->ifindex && a->family == b->family && a->unicast == b->unicast && a->probes == b->probes &&
	       strcmp(a->ifname, b->ifname) == 0 && (!a->probes || memcmp(a->mac, b->mac, MAC_SIZE) == 0);
}

/* A socket that a predecessor in this process left is there already. */
static void submit_listen(struct engine *e, const struct action *action)
{
	for (unsigned i = 0; e->listening && i < e->handover->n_sockets; i++) {
		if (e->listening[i] && same_socket(&e->handover->sockets[i].listen, &action->u.listen)) {
			e->listening[i] = false;
			answer_later(e, action, 0);
			return;
		}
	}
	submit(e, action);
}

static void submit_snapshot(struct engine *e, const struct action *action)
{
	netlink_events_all_tables(e->netlink, action->u.snapshot.all_tables);
	e->snapshot = *action;
	e->snapshot_waits = applier_submit(e->applier, action) < 0;
}

static void remember(struct engine *e, const struct action *action)
{
	struct vip_view vip;

	if (action->object.type != OBJECT_VIP || action->object.index >= core_n_vips(e->core))
		return;
	core_vip(e->core, action->object.index, &vip);
	record_set(e->record, action->object.index, vip.state == VIP_ACTIVE, vip.last_sign_ns);
	record_set_checksum(e->record, action->object.index, vip.heard_checksum);
}

/* With `off` nothing is signed, whether there is a key file or not. */
static const struct keys *beat_keys(const struct engine *e)
{
	return e->config->heartbeat.auth == HEARTBEAT_AUTH_OFF ? NULL : e->keys;
}

static void execute(struct engine *e, const struct action *action, uint64_t now_ns)
{
	switch (action->type) {
	case ACT_ADVERT:
		packets_send(e->packets, action);
		remember(e, action);
		break;
	case ACT_HEARTBEAT:
		if (e->stood_in)
			break;
		beat_send(e->beats, beat_keys(e), &action->u.heartbeat);
		record_beat(e->record, now_ns);
		break;
	case ACT_PROBE:
		packets_send(e->packets, action);
		break;
	case ACT_ANNOUNCE:
		packets_send(e->packets, action);
		journal_announced(e->journal, e->core, &action->object, now_ns);
		break;
	case ACT_UNLISTEN:
		packets_remove(e->packets, action->u.listen.ifindex, action->u.listen.family);
		submit(e, action);
		break;
	case ACT_ADDRESS_ADD:
	case ACT_ADDRESS_RENEW:
	case ACT_ADDRESS_DEL:
	case ACT_ROUTE_ADD:
	case ACT_ROUTE_DEL:
	case ACT_RULE_ADD:
	case ACT_RULE_DEL:
	case ACT_LINK_UP:
	case ACT_LINK_DOWN:
	case ACT_BOND_CREATE:
	case ACT_BOND_SET:
	case ACT_BOND_REBUILD:
	case ACT_VLAN_CREATE:
	case ACT_ENSLAVE:
	case ACT_RELEASE:
	case ACT_LINK_MTU:
	case ACT_LINK_MAC:
	case ACT_SET_ACTIVE:
	case ACT_SYSCTL:
	case ACT_LOOK:
	case ACT_VMAC_CREATE:
	case ACT_VMAC_SET:
	case ACT_VMAC_DELETE:
	case ACT_RESOLVE:
		submit(e, action);
		break;
	case ACT_LISTEN:
		submit_listen(e, action);
		break;
	case ACT_SNAPSHOT:
		submit_snapshot(e, action);
		break;
	case ACT_NOTE:
		if (e->handover && action->u.note.code == NOTE_DRAINED) /* it goes on being so */
			break;
		journal_add(e->journal, e->core, action, now_ns);
		hooks_note(e->hooks, e->core, e->config, action);
		remember(e, action);
		break;
	case ACT_STOPPED:
		e->stopped = true;
		break;
	case ACT_TYPES:
		break;
	}
}

/* ---- events ---------------------------------------------------------------------------------------------------- */

/* One event and everything that the core wants done for it. */
static void step(struct engine *e, struct event *event)
{
	static struct action actions[STEP_ACTIONS]; /* of the one thread that has a core */
	bool more = true;

	while (more) {
		event->now_ns = clock_boot();
		if (event->seen_ns > event->now_ns)
			event->seen_ns = event->now_ns;
		if (e->trace)
			trace_in(e, event);
		size_t n = core_step(e->core, event, actions, STEP_ACTIONS, &more);
		for (size_t i = 0; i < n; i++) {
			if (e->trace)
				trace_out(e, &actions[i]);
			execute(e, &actions[i], event->now_ns);
		}
		*event = (struct event){ .type = EV_CONTINUE };
	}
}

/* Adds what else is known of a link. */
static void complete(struct engine *e, struct event *event)
{
	if (event->type == EV_LINK)
		devices_tell(e->devices, &event->u.link);
	else if (event->type == EV_LINK_GONE)
		devices_forget(e->devices, event->u.link.ifindex);
	else if (event->type == EV_OVERRUN)
		devices_forget_all(e->devices);
}

static void feed(struct engine *e, struct event *event)
{
	complete(e, event);
	step(e, event);
	while (e->n_answers > 0) {
		struct event answer = e->answers[--e->n_answers];
		step(e, &answer);
	}
}

static void feed_type(struct engine *e, enum event_type type)
{
	struct event event = { .type = type };

	feed(e, &event);
}

static bool is_due(const struct engine *e)
{
	return core_deadline(e->core) <= clock_boot();
}

/* Until packets_next says that nothing waits, or that it is enough for now: then true. *newest: the last one's
 * arrival. */
static bool drain_batch(struct engine *e, uint64_t *newest)
{
	uint64_t before = packets_counters(e->packets)->received;
	struct event event = { 0 };

	while (packets_next(e->packets, e->core, &event)) {
		if (event.seen_ns > *newest)
			*newest = event.seen_ns;
		feed(e, &event);
		event = (struct event){ 0 };
	}
	return packets_counters(e->packets)->received - before >= PACKETS_BUDGET;
}

/* If something is due by the clock, everything that had arrived when we woke, whatever its amount: an expired timer may
 * have its answer waiting here. Otherwise a batch. */
static bool drain_packets(struct engine *e)
{
	uint64_t woke_ns = clock_boot(), newest = 0;
	bool more = drain_batch(e, &newest);

	for (unsigned i = 0; more && i < DRAIN_MAX / PACKETS_BUDGET; i++) {
		if (newest > woke_ns || core_deadline(e->core) > woke_ns)
			break;
		more = drain_batch(e, &newest);
	}
	return more;
}

/* Adverts may be among what was lost: a person should know, but not by the thousand. */
static void tell_lost(struct engine *e)
{
	uint64_t lost = packets_counters(e->packets)->lost, now_ns;

	if (lost == e->lost_told)
		return;
	now_ns = clock_boot();
	if (e->lost_told && now_ns - e->lost_told_ns < LOST_AGAIN_NS)
		return;
	log_at(LOG_WARNING, "%" PRIu64 " packets were lost: they came faster than they could be read", lost - e->lost_told);
	e->lost_told = lost;
	e->lost_told_ns = now_ns;
}

/* What had arrived is known before anybody is taken for silent. */
static void drain_heartbeats(struct engine *e)
{
	const struct config *config = e->config;
	struct heartbeat message;
	struct event event;

	if (!config->n_nodes || e->stood_in)
		return;
	while (beat_next(e->beats, beat_keys(e), &config->paths[config->nodes[config->self].first_path], &message, &event))
		feed(e, &event);
}

/* A connection that ended after what was said before it. */
static void drain_lifelines(struct engine *e)
{
	struct event event = { .type = EV_LINE_ENDED };

	while (lifelines_next(e->lifelines, &event.u.line.path, &event.u.line.other)) {
		feed(e, &event);
		event = (struct event){ .type = EV_LINE_ENDED };
	}
}

void engine_lifelines(struct engine *e)
{
	drain_heartbeats(e);
	drain_lifelines(e);
}

bool engine_urgent(struct engine *e)
{
	bool more = drain_packets(e);

	drain_heartbeats(e);
	if (is_due(e))
		feed_type(e, EV_TIMER);
	packets_flush(e->packets);
	tell_lost(e);
	return more;
}

/* One message of the live socket: as netlink_events_next. */
static int netlink_one(struct engine *e)
{
	struct event event = { 0 };
	int r = netlink_events_next(e->netlink, &event);

	if (r > 0)
		feed(e, &event);
	return r;
}

/* A batch of the live socket; what is urgent goes before it: 1, 0: nothing waits any more, -errno. */
static int netlink_batch(struct engine *e)
{
	int r = 1;

	engine_urgent(e);
	for (unsigned i = 0; i < BATCH && r > 0; i++)
		r = netlink_one(e);
	return r == -EAGAIN ? 1 : r;
}

/* What is still queued after a loss is older than the loss: the core must have it before it asks for a snapshot, or it
 * would take old news for newer than the dump. */
static int overrun(struct engine *e)
{
	int r = 1;

	for (unsigned i = 0; i < ROUNDS && (r > 0 || r == -ENOBUFS); i++)
		r = netlink_batch(e);
	feed_type(e, EV_OVERRUN);
	return r < 0 && r != -ENOBUFS ? r : 0;
}

int engine_netlink(struct engine *e)
{
	/* What has left the socket's queue would not wake us again: it is always read to its end. */
	for (unsigned i = 0; netlink_events_buffered(e->netlink) || (i < BATCH && (i < BATCH_MIN || !is_due(e))); i++) {
		if (i > 0 && i % BATCH_MIN == 0) /* one buffer may hold hundreds: heartbeats do not wait for them */
			engine_urgent(e);
		int r = netlink_one(e);
		if (r == -ENOBUFS)
			return overrun(e);
		if (r <= 0)
			return r == -EAGAIN ? 0 : r;
	}
	return 0;
}

/* What the live socket has is older than the snapshot's items, and goes first. */
static void before_snapshot(struct engine *e)
{
	int r = 1;

	for (unsigned i = 0; i < ROUNDS && r > 0; i++)
		r = netlink_batch(e);
	if (r == -ENOBUFS)
		overrun(e);
}

static void layout(struct engine *e, const struct record_data *previous, uint64_t now_ns)
{
	int r = record_layout(e->record, e->core, previous, now_ns);

	if (r < 0)
		log_at(LOG_WARNING, "cannot write the state file: %s; a restart after a crash will lose the roles",
		       strerror(-r));
}

static void log_refusal(const struct event *event, const char *text)
{
	const struct action *action = &event->u.result.action;

	log_at(LOG_DEBUG, "%s: %s%s%s", action_type_name(action->type), strerror(event->u.result.error),
	       text[0] ? ": " : "", text);
}

/* ---- from one program to the next in this process ------------------------------------------------------------------ */

/* Until then, or until a heartbeat waits. */
static void sleep_until(struct engine *e, uint64_t boot_ns)
{
	struct pollfd beats = { .fd = beats_fd(e->beats), .events = POLLIN };
	uint64_t now_ns = clock_boot(), ns = boot_ns > now_ns ? boot_ns - now_ns : 0;
	struct timespec time = { .tv_sec = (time_t)(ns / NSEC_PER_SEC), .tv_nsec = (long)(ns % NSEC_PER_SEC) };

	ppoll(&beats, 1, &time, NULL);
}

/* A heartbeat, which has the claims of when the stand-in began; an advert of a vip that was active then and still is, and no goodbye: nothing is
 * begun or ended here. */
static bool is_routine(const struct engine *e, const struct action *action)
{
	struct vip_view vip;

	if (action->type == ACT_HEARTBEAT)
		return true;
	if (action->type != ACT_ADVERT || action->u.advert.priority == 0)
		return false;
	core_vip(e->core, action->object.index, &vip);
	return vip.state == VIP_ACTIVE && vip.counters->became_active == e->active[action->object.index];
}

static void stand_in_step(struct engine *e, struct event *event)
{
	static struct action actions[STEP_ACTIONS];
	bool more = true;

	while (more) {
		event->now_ns = clock_boot();
		if (event->seen_ns > event->now_ns)
			event->seen_ns = event->now_ns;
		size_t n = core_step(e->core, event, actions, STEP_ACTIONS, &more);
		for (size_t i = 0; i < n; i++) {
			if (!is_routine(e, &actions[i]))
				continue;
			if (actions[i].type == ACT_HEARTBEAT)
				beat_send(e->beats, beat_keys(e), &actions[i].u.heartbeat);
			else
				packets_send(e->packets, &actions[i]);
		}
		*event = (struct event){ .type = EV_CONTINUE };
	}
	packets_flush(e->packets);
}

/* The others are to know that they are heard. What is read here the next program does not get: they say it again all the time. */
static void stand_in_hear(struct engine *e, int heard)
{
	const struct config *config = e->config;
	struct heartbeat message;
	struct event event;

	if (!config->n_nodes)
		return;
	while (beat_next(e->beats, beat_keys(e), &config->paths[config->nodes[config->self].first_path], &message, &event))
		stand_in_step(e, &event);
	handover_write_heard(heard, e->core);
}

void engine_stand_in(struct engine *e, uint64_t until_ns, int heard)
{
	unsigned n = core_n_vips(e->core);
	struct vip_view vip;

	keys_lock(e->keys);
	core_stand_in(e->core);
	e->active = calloc(n + 1, sizeof *e->active);
	for (unsigned i = 0; e->active && i < n; i++) {
		core_vip(e->core, i, &vip);
		e->active[i] = vip.state == VIP_ACTIVE ? vip.counters->became_active : UINT64_MAX;
	}
	while (e->active && clock_boot() < until_ns) {
		uint64_t deadline = core_deadline(e->core);
		struct event timer = { .type = EV_TIMER };
		sleep_until(e, deadline < until_ns ? deadline : until_ns);
		if (clock_boot() >= until_ns)
			break;
		stand_in_hear(e, heard);
		stand_in_step(e, &timer);
	}
}

/* What the stand-in has heard counts, and this program hears from now on. */
static void speak(struct engine *e)
{
	if (!e->stood_in)
		return;
	e->stood_in = false;
	handover_read_heard(e->handover);
	for (unsigned i = 0; i < e->handover->n_nodes; i++) {
		struct event event = e->handover->nodes[i];
		if (event.type == EV_RESUME_PATH)
			feed(e, &event);
	}
}

/* One that came to its end by itself leaves the heartbeats to this program. */
static void bury_stand_in(struct engine *e)
{
	if (!e->stand_in || waitpid(e->stand_in, NULL, WNOHANG) == 0)
		return;
	e->stand_in = 0;
	speak(e);
}

/* It must not speak for what this program decides. Its end takes a while, as its packet sockets' does, and is not waited for. */
static void end_stand_in(struct engine *e)
{
	bury_stand_in(e);
	if (e->stand_in)
		kill(e->stand_in, SIGKILL);
	speak(e);
}

/* With the links known and before anything is decided: what the predecessor knew, and what its sockets have heard since. The first heartbeat is the one with what
 * is decided. */
static void take_over(struct engine *e)
{
	struct handover *h = e->handover;

	for (unsigned i = 0; i < h->n_bonds; i++)
		feed(e, &h->bonds[i]);
	e->listening = calloc(h->n_sockets + 1, sizeof *e->listening);
	for (unsigned i = 0; i < h->n_sockets; i++) {
		if (!e->listening)
			close(h->sockets[i].fd);
		else
			e->listening[i] = packets_add(e->packets, &h->sockets[i].listen, h->sockets[i].fd) == 0;
	}
	engine_urgent(e);
	end_stand_in(e);
	drain_heartbeats(e);
}

/* A socket that nobody asked for has no use in this configuration. */
static void taken_over(struct engine *e)
{
	for (unsigned i = 0; e->listening && i < e->handover->n_sockets; i++) {
		const struct action_listen *listen = &e->handover->sockets[i].listen;
		if (e->listening[i])
			packets_remove(e->packets, listen->ifindex, listen->probes ? FAMILY_NONE : listen->family);
	}
	free(e->listening);
	e->listening = NULL;
	e->handover = NULL;
}

static bool applier_one(struct engine *e)
{
	struct event event = { 0 };
	const char *text = "";
	int fd = -1;

	if (!applier_next(e->applier, &event, &fd, &text))
		return false;
	if (event.type == EV_FAILED)
		log_refusal(&event, text);
	/* The driver's word is newer than all that the kernel has told by now. */
	if (event.type == EV_SNAP_BEGIN || (event.type == EV_DONE && event.u.result.action.type == ACT_LOOK))
		before_snapshot(e);
	if (fd >= 0 && packets_add(e->packets, &event.u.result.action.u.listen, fd) < 0) {
		event.type = EV_FAILED;
		event.u.result.error = ENOMEM;
	}
	bool end = event.type == EV_SNAP_END;
	if (end && e->handover)
		take_over(e);
	journal_kernel_says(e->journal, event.type == EV_FAILED ? text : "");
	feed(e, &event);
	journal_kernel_says(e->journal, "");
	if (end && e->handover)
		taken_over(e);
	e->decided |= end;
	return true;
}

void engine_applier(struct engine *e)
{
	for (unsigned i = 0; i < BATCH && (i < BATCH_MIN || !is_due(e)); i++) {
		if (!applier_one(e))
			break;
	}
	if (e->snapshot_waits)
		e->snapshot_waits = applier_submit(e->applier, &e->snapshot) < 0;
}

void engine_devices(struct engine *e)
{
	for (unsigned i = 0; i < BATCH && (i < BATCH_MIN || !is_due(e)); i++) {
		struct event event = { 0 };

		if (!devices_next(e->devices, &event))
			break;
		feed(e, &event);
	}
}

/* Where addresses may be must be on record before one can be there: a port's device may just have been found. */
static void keep_record(struct engine *e)
{
	struct record_data current;

	if (!record_is_outdated(e->record, e->core) || record_copy(e->record, &current) < 0)
		return;
	layout(e, &current, clock_boot());
	record_data_free(&current);
}

/* Orders end by themselves too: a vip that was handed over is active again. */
static void keep_orders(struct engine *e)
{
	uint64_t serial = core_roles_serial(e->core);
	int r;

	if (serial == e->orders_serial)
		return;
	e->orders_serial = serial;
	r = orders_write(e->rundir, &e->world, e->core);
	if (r < 0)
		log_at(LOG_WARNING, "cannot write the file of orders: %s; a restart will not know of drain and handover",
		       strerror(-r));
}

/* The applier takes nothing up before it is kicked: what it is about to make or change is on record by then. */
static void keep_loans(struct engine *e)
{
	uint64_t serial = core_loans_serial(e->core);
	int r;

	if (serial == e->loans_serial)
		return;
	e->loans_serial = serial;
	r = loans_write(e->rundir, &e->world, e->core);
	if (r < 0)
		log_at(LOG_WARNING, "cannot write the file of loans: %s; after a crash, devices and sysctls may be left as they are",
		       strerror(-r));
}

void engine_settle(struct engine *e)
{
	keep_record(e);
	keep_loans(e);
	keep_orders(e);
	bury_stand_in(e);
	packets_flush(e->packets);
	applier_kick(e->applier);
	if (e->trace)
		fflush(e->trace);
}

/* ---- start, reload, stop --------------------------------------------------------------------------------------- */

/* What finds many devices may find as many as a bond can have. */
static unsigned most_ports(const struct config_bond *bond)
{
	for (unsigned i = 0; i < bond->n_ports; i++) {
		if (bond->ports[i].match == MATCH_GLOB || bond->ports[i].match == MATCH_DRIVER)
			return MAX_PORTS;
	}
	return bond->n_ports;
}

size_t engine_capacity(const struct config *config)
{
	size_t places = config->n_addresses + config->n_routes;
	size_t n = RESERVE + config->n_vips * 4; /* its sockets, the device of its MAC address, what is lent for that */

	/* Each object can have one change on its way; an address that moves has one on each port. */
	for (unsigned i = 0; i < config->n_bonds; i++) {
		unsigned ports = most_ports(&config->bonds[i]);
		n += 4 + ports * PORT_CHANGES;
		if (config->bonds[i].driver == DRIVER_MOVE && ports > 1)
			places += (config->n_addresses + config->bonds[i].n_routes) * (ports - 1);
	}
	return n + places;
}

/* The paths' sockets are this node's business, and no reason to refuse a configuration. */
static void open_paths(struct engine *e, const struct config *config)
{
	const struct config_node *self = config->n_nodes ? &config->nodes[config->self] : NULL;
	int error = beats_configure(e->beats, self ? &config->paths[self->first_path] : NULL, self ? self->n_paths : 0,
				    config->heartbeat.port);

	lifelines_configure(e->lifelines, config);
	if (error)
		log_at(LOG_ERR, "cannot open the socket of a path to other nodes: %s", strerror(error));
}

int engine_configure(struct engine *e, struct config *config, struct keys *keys, const struct record_data *previous)
{
	struct record_data current = { 0 };
	uint64_t now = clock_boot();
	int r;

	/* Removed objects still have changes to come. */
	if (applier_reserve(e->applier, engine_capacity(config) + (e->config ? engine_capacity(e->config) : 0)) < 0)
		return -ENOMEM;
	journal_flush(e->journal, e->core);
	if (!previous && record_copy(e->record, &current) < 0)
		return -ENOMEM;
	r = core_configure(e->core, config, now);
	if (r < 0) {
		record_data_free(&current);
		return r;
	}
	journal_reindex(e->journal);
	config_free(e->config);
	e->config = config;
	keys_free(e->keys);
	e->keys = keys;
	open_paths(e, config);
	devices_configure(e->devices, config);
	layout(e, previous ? previous : &current, now);
	record_data_free(&current);
	return 0;
}

/* The record has the vips in the order of a configuration, most often this one: the search begins at the same place. */
static bool find_recorded(const struct engine *e, const char *name, unsigned place, unsigned *index, struct vip_view *vip)
{
	unsigned n = core_n_vips(e->core);

	for (unsigned i = 0; i < n; i++) {
		*index = (place + i) % n;
		core_vip(e->core, *index, vip);
		if (strcmp(vip->name, name) == 0)
			return true;
	}
	return false;
}

/* What the record says of one vip. beat_ns: the last sign of those that are shared by claims. */
static void resume_vip(struct engine *e, const struct record_vip *record, unsigned place, uint64_t beat_ns)
{
	struct event event = { .type = EV_RESUME };
	struct vip_view vip;
	unsigned index;
	bool found = find_recorded(e, record->name, place, &index, &vip);

	memcpy(event.u.resume.vip, record->name, sizeof event.u.resume.vip);
	event.u.resume.active = record->active;
	event.u.resume.last_sign_ns = record->last_sign_ns;
	if (found && vip.protocol == PROTOCOL_HEARTBEAT && beat_ns > record->last_sign_ns)
		event.u.resume.last_sign_ns = beat_ns;
	event.u.resume.checksum = record->checksum;
	if (found && record->active)
		journal_held(e->journal, index, event.u.resume.last_sign_ns);
	if (!e->handover)
		feed(e, &event);
}

static void leftovers(struct engine *e, const struct record_data *data)
{
	for (unsigned i = 0; i < data->n_addresses; i++) {
		struct event event = { .type = EV_LEFTOVER };
		memcpy(event.u.leftover.ifname, data->addresses[i].ifname, sizeof event.u.leftover.ifname);
		event.u.leftover.ip = data->addresses[i].ip;
		event.u.leftover.prefix = data->addresses[i].prefix;
		memcpy(event.u.leftover.bond, data->addresses[i].bond, sizeof event.u.leftover.bond);
		feed(e, &event);
	}
	for (unsigned i = 0; i < data->n_routes; i++) {
		struct event event = { .type = EV_LEFTOVER_ROUTE };
		memcpy(event.u.leftover_route.ifname, data->routes[i].ifname, sizeof event.u.leftover_route.ifname);
		event.u.leftover_route.route = data->routes[i].route;
		feed(e, &event);
	}
	for (unsigned i = 0; i < data->n_rules; i++) {
		struct event event = { .type = EV_LEFTOVER_RULE };
		event.u.leftover_rule.rule = data->rules[i].rule;
		feed(e, &event);
	}
}

void engine_inherit(struct engine *e, struct handover *handover)
{
	e->handover = handover;
	e->stand_in = handover && handover->stand_in > 0 ? handover->stand_in : 0;
	e->stood_in = e->stand_in && handover->n_nodes;
	for (unsigned i = 0; handover && i < handover->n_nodes; i++) {
		struct event event = handover->nodes[i];
		feed(e, &event);
	}
	bury_stand_in(e);
}

void engine_resume(struct engine *e, const struct record_data *data)
{
	uint64_t beat_ns = record_last_beat(data);
	const struct handover *handover = e->handover;

	for (unsigned i = 0; handover && i < handover->n_vips; i++)
		feed(e, &handover->vips[i]);
	for (unsigned i = 0; i < data->n_vips; i++) {
		if (data->vips[i].name[0]) /* all heartbeats together have none */
			resume_vip(e, &data->vips[i], i, beat_ns);
	}
	leftovers(e, data);
}

void engine_plan(struct engine *e)
{
	feed_type(e, EV_CONTINUE);
}

void engine_switch(struct engine *e, const char *bond, const char *port)
{
	struct event event = { .type = EV_SWITCH };

	if (strlen(bond) >= sizeof event.u.select.bond || strlen(port) >= sizeof event.u.select.port)
		return;
	snprintf(event.u.select.bond, sizeof event.u.select.bond, "%s", bond);
	snprintf(event.u.select.port, sizeof event.u.select.port, "%s", port);
	feed(e, &event);
}

void engine_check(struct engine *e, const char *check, bool passed, const char *output)
{
	struct event event = { .type = EV_CHECK };

	if (strlen(check) >= sizeof event.u.check.check)
		return;
	strcpy(event.u.check.check, check);
	event.u.check.passed = passed;
	journal_check_says(e->journal, output);
	feed(e, &event);
	journal_check_says(e->journal, "");
}

void engine_hooks_done(struct engine *e, const char *vip)
{
	struct event event = { .type = EV_HOOKS };

	if (strlen(vip) >= sizeof event.u.hooks.vip)
		return;
	strcpy(event.u.hooks.vip, vip);
	feed(e, &event);
}

void engine_test_failed(struct engine *e, const char *vip, const char *check)
{
	struct event event = { .type = EV_CHECK };

	if (strlen(vip) >= sizeof event.u.check.vip || strlen(check) >= sizeof event.u.check.check)
		return;
	strcpy(event.u.check.vip, vip);
	strcpy(event.u.check.check, check);
	feed(e, &event);
}

void engine_role(struct engine *e, enum role_order order, const char *vip, bool force)
{
	struct event event = { .type = EV_ROLE };

	if (strlen(vip) >= sizeof event.u.role.vip)
		return;
	event.u.role.order = order;
	event.u.role.force = force;
	snprintf(event.u.role.vip, sizeof event.u.role.vip, "%s", vip);
	feed(e, &event);
	keep_orders(e);
}

void engine_obey(struct engine *e, const struct orders *orders)
{
	struct event drain = { .type = EV_ROLE };

	drain.u.role.order = ROLE_DRAIN;
	if (orders->drained)
		feed(e, &drain);
	for (unsigned i = 0; i < orders->n_given; i++) {
		struct event event = { .type = EV_ROLE };
		event.u.role.order = ROLE_GIVEN;
		memcpy(event.u.role.vip, orders->given[i], sizeof event.u.role.vip);
		feed(e, &event);
	}
}

void engine_lent(struct engine *e, const struct loans *loans)
{
	for (unsigned i = 0; i < loans->n; i++) {
		struct event event = { .type = EV_LOAN };
		event.u.loan = loans->items[i];
		feed(e, &event);
	}
}

void engine_stop(struct engine *e)
{
	end_stand_in(e);
	feed_type(e, EV_STOP);
	engine_settle(e);
}
