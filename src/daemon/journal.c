/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/journal.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "common/log.h"
#include "common/sentence.h"
#include "common/text.h"
#include "daemon/clock.h"

#define WAIT_OPEN (50 * NSEC_PER_MSEC) /* an entry waits at most so long for its figure; moving takes a few ms */

struct entry {
	uint64_t boot_ns, wall_ns;
	int64_t away_ns;       /* how long traffic was away, -1: not known or not its matter */
	struct object object;
	struct note note;
	char *name, *text;     /* one allocation, at name; NULL: not published yet */
	json_t *carried;       /* published by a predecessor in this process: this is all that is known of it; NULL: it was not */
	char *said;            /* what the kernel said to it until it is published, or a check's run; NULL: nothing */
};

struct journal {
	struct entry ring[JOURNAL_KEPT];
	uint64_t added, published;      /* sequence numbers: 1 is the first, these are the last */
	uint64_t lost_ns[MAX_BONDS];    /* when the bond's active port failed, 0: it did not */
	uint64_t open_seq[MAX_BONDS];   /* the entry that waits to know when traffic was back, 0: none */
	unsigned n_open;
	uint64_t held_ns[MAX_VIPS];     /* the last sign of life of a predecessor of this process, 0: it did not hold it */
	const char *kernel, *check;     /* what they say; borrowed, NULL: nothing */
	journal_subscriber *subscriber;
	void *subscriber_data;
	FILE *predecessor;              /* entries that are still to be read; NULL: none */
};

static struct entry *entry_of(const struct journal *journal, uint64_t seq)
{
	return (struct entry *)&journal->ring[seq % JOURNAL_KEPT];
}

struct journal *journal_new(void)
{
	return calloc(1, sizeof(struct journal));
}

static void entry_forget(struct entry *entry)
{
	free(entry->name);
	free(entry->said);
	json_decref(entry->carried);
	*entry = (struct entry){ 0 };
}

void journal_free(struct journal *journal)
{
	if (!journal)
		return;
	for (unsigned i = 0; i < JOURNAL_KEPT; i++)
		entry_forget(&journal->ring[i]);
	if (journal->predecessor)
		fclose(journal->predecessor);
	free(journal);
}

/* Whether the next entry may still learn how long traffic was away. */
static bool is_open(const struct journal *journal)
{
	uint64_t seq = journal->published + 1;
	const struct entry *entry = entry_of(journal, seq);

	return journal->n_open > 0 && entry->note.code == NOTE_ACTIVE_PORT &&
	       journal->open_seq[entry->object.index % MAX_BONDS] == seq && clock_boot() - entry->boot_ns < WAIT_OPEN;
}

bool journal_pending(const struct journal *journal)
{
	if (journal->predecessor)
		return true;
	return journal->published < journal->added && !is_open(journal);
}

void journal_subscribe(struct journal *journal, journal_subscriber *subscriber, void *data)
{
	journal->subscriber = subscriber;
	journal->subscriber_data = data;
}

static void port_lost(struct journal *journal, unsigned bond, uint64_t now_ns)
{
	if (bond < MAX_BONDS && journal->lost_ns[bond] == 0)
		journal->lost_ns[bond] = now_ns;
}

/* The bond has a port again. The bonding driver has moved the traffic by then; where addresses move, traffic is back
 * with the first announcement (journal_announced). Returns how long it was away, or -1. */
static int64_t port_found(struct journal *journal, const struct core *core, unsigned bond, uint64_t now_ns)
{
	struct bond_view view;
	uint64_t lost;

	if (bond >= MAX_BONDS || bond >= core_n_bonds(core) || journal->lost_ns[bond] == 0)
		return -1;
	core_bond(core, bond, &view);
	if (view.driver == DRIVER_MOVE) {
		journal->n_open += journal->open_seq[bond] == 0;
		journal->open_seq[bond] = journal->added;
		return -1;
	}
	lost = journal->lost_ns[bond];
	journal->lost_ns[bond] = 0;
	return (int64_t)(now_ns - lost);
}

static void close_entry(struct journal *journal, unsigned bond)
{
	if (journal->open_seq[bond] == 0)
		return;
	journal->open_seq[bond] = 0;
	journal->n_open--;
}

static bool bond_has(const struct core *core, unsigned bond, const struct object *object)
{
	struct bond_view view;
	struct vip_view vip;

	if (object->type == OBJECT_BOND)
		return object->index == bond;
	if (object->type != OBJECT_VIP || object->index >= core_n_vips(core) || bond >= core_n_bonds(core))
		return false;
	core_bond(core, bond, &view);
	core_vip(core, object->index, &vip);
	return strcmp(vip.on, view.name) == 0;
}

void journal_announced(struct journal *journal, const struct core *core, const struct object *object, uint64_t now_ns)
{
	for (unsigned bond = 0; journal->n_open > 0 && bond < MAX_BONDS; bond++) {
		if (journal->open_seq[bond] == 0 || !bond_has(core, bond, object))
			continue;
		entry_of(journal, journal->open_seq[bond])->away_ns = (int64_t)(now_ns - journal->lost_ns[bond]);
		journal->lost_ns[bond] = 0;
		close_entry(journal, bond);
	}
}

void journal_held(struct journal *journal, unsigned vip, uint64_t last_sign_ns)
{
	if (vip < MAX_VIPS)
		journal->held_ns[vip] = last_sign_ns;
}

/* For a vip that took over from silence it is the longest that it can have been: the active one may have answered for
 * some time after its last advert. Where nobody had held it there was no traffic to be away. */
static int64_t vip_away(const struct journal *journal, const struct core *core, const struct action *a, uint64_t now_ns)
{
	unsigned index = a->object.index;
	struct vip_view vip;

	if (index >= MAX_VIPS || index >= core_n_vips(core))
		return -1;
	core_vip(core, index, &vip);
	if (vip.counters->became_active > 1 || vip.counters->adverts_received > 0)
		return a->u.note.reason.arg[0];
	return journal->held_ns[index] ? (int64_t)(now_ns - journal->held_ns[index]) : -1;
}

/* How long traffic was away when this note ends an absence. */
static int64_t away(struct journal *journal, const struct core *core, const struct action *a, uint64_t now_ns)
{
	const struct note *n = &a->u.note;
	enum object_type type = a->object.type;

	if (n->code == NOTE_ACTIVE_PORT && n->reason.arg[1] >= 0)
		return port_found(journal, core, a->object.index, now_ns);
	if (n->code == NOTE_ACTIVE_PORT)
		port_lost(journal, a->object.index, now_ns);
	if (n->code != NOTE_STATE)
		return -1;
	if (type == OBJECT_PORT && n->previous == PORT_ACTIVE && (n->state == PORT_DOWN || n->state == PORT_ABSENT))
		port_lost(journal, a->object.index, now_ns);
	if (type == OBJECT_BOND && n->state == BOND_DOWN)
		port_lost(journal, a->object.index, now_ns);
	if (type == OBJECT_VIP && n->state == VIP_ACTIVE && n->reason.code == REASON_SILENCE)
		return vip_away(journal, core, a, now_ns);
	return -1;
}

void journal_kernel_says(struct journal *journal, const char *text)
{
	journal->kernel = text[0] ? text : NULL;
}

void journal_check_says(struct journal *journal, const char *text)
{
	journal->check = text[0] ? text : NULL;
}

static bool is_of_check(const struct entry *entry)
{
	return entry->object.type == OBJECT_CHECK && entry->note.code == NOTE_STATE;
}

static void publish(struct journal *journal, const struct core *core);

void journal_add(struct journal *journal, const struct core *core, const struct action *note, uint64_t now_ns)
{
	struct entry *entry;

	if (journal->added - journal->published >= JOURNAL_KEPT)
		publish(journal, core);
	entry = entry_of(journal, ++journal->added);
	entry_forget(entry);
	*entry = (struct entry){ .boot_ns = now_ns, .wall_ns = clock_wall(now_ns), .object = note->object,
				 .note = note->u.note, .away_ns = away(journal, core, note, now_ns) };
	if (journal->kernel && entry->note.code == NOTE_REFUSED)
		entry->said = strdup(journal->kernel); /* without memory the errno must do */
	if (journal->check && is_of_check(entry))
		entry->said = strdup(journal->check);
}

static int level_of_state(const struct entry *e)
{
	switch (e->object.type) {
	case OBJECT_VIP:
		return e->note.state == VIP_FAULT ? LOG_WARNING : LOG_NOTICE;
	case OBJECT_BOND:
		return e->note.state == BOND_UP ? LOG_NOTICE : LOG_WARNING;
	case OBJECT_PORT:
		return e->note.state <= PORT_DOWN ? LOG_WARNING : LOG_INFO;
	case OBJECT_PEER:
		return e->note.state == NODE_SILENT ? LOG_WARNING : LOG_NOTICE;
	case OBJECT_PATH:
		return e->note.state >= PATH_ONE_WAY ? LOG_WARNING : LOG_INFO;
	case OBJECT_CHECK:
		return e->note.state == CHECK_FAILED ? LOG_WARNING : LOG_NOTICE;
	case OBJECT_NONE:
	case OBJECT_NODE:
	case OBJECT_ADDRESS:
	case OBJECT_ROUTE:
	case OBJECT_VIP_ROUTE:
	case OBJECT_RULE:
		break;
	}
	return LOG_NOTICE;
}

static int level_of(const struct entry *e)
{
	switch (e->note.code) {
	case NOTE_STATE:
		return level_of_state(e);
	case NOTE_ADOPTED:
	case NOTE_CHECKSUM:
	case NOTE_ACTIVE_PORT:
	case NOTE_PROBE_BACK:
	case NOTE_MANUAL:
	case NOTE_REBUILT:
	case NOTE_UNDRAINED:
	case NOTE_REEXECUTED:
	case NOTE_CHECK_BACK:
	case NOTE_TAKING:
	case NOTE_PATH_PROMPT:
		return LOG_NOTICE;
	case NOTE_PROBE_LOST:
	case NOTE_TARGET_SILENT:
	case NOTE_RELEASED:
	case NOTE_CHANGED:
	case NOTE_REPAIRED:
	case NOTE_REPAIR_BACKOFF:
	case NOTE_REFUSED:
	case NOTE_CONFLICT:
	case NOTE_INTERVAL:
	case NOTE_ADDRESS_LIST:
	case NOTE_OWNER_CLASH:
	case NOTE_OVERRUN:
	case NOTE_LATE:
	case NOTE_DRAINED:
	case NOTE_DIGEST:
	case NOTE_NEWER:
	case NOTE_CHECK_SILENT:
	case NOTE_PATH_SLOW:
	case NOTE_DAEMON_GONE:
	case NOTE_CODES:
		break;
	}
	return LOG_WARNING;
}

/* A netlink port is most often the process id of who opened it: a daemon that removes our addresses can be named. 0:
 * the note has none. */
static int culprit_of(const struct note *note)
{
	int64_t port = 0;

	if (note->code == NOTE_REPAIRED || note->code == NOTE_CHANGED)
		port = note->reason.arg[0];
	if (note->code == NOTE_RELEASED)
		port = note->reason.arg[1];
	return port > 0 && port <= INT32_MAX ? (int)port : 0;
}

/* Words of others go into one line of the log: what does not print is replaced. */
static void add_words(char text[SENTENCE_SIZE], const char *before, const char *words)
{
	size_t at = strlen(text) + strlen(before);

	snprintf(text + strlen(text), SENTENCE_SIZE - strlen(text), "%s%s", before, words);
	for (; at < SENTENCE_SIZE && text[at]; at++) {
		if (text[at] < ' ' || text[at] > '~')
			text[at] = '?';
	}
}

static void add_culprit(const struct note *note, char text[SENTENCE_SIZE])
{
	char path[32], name[32];
	ssize_t n;
	int fd;

	if (culprit_of(note) == 0)
		return;
	snprintf(path, sizeof path, "/proc/%d/comm", culprit_of(note));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	n = read(fd, name, sizeof name - 1);
	close(fd);
	while (n > 0 && name[n - 1] == '\n')
		n--;
	if (n <= 0)
		return;
	name[n] = '\0';
	add_words(text, ", probably ", name);
}

static void publish(struct journal *journal, const struct core *core)
{
	uint64_t seq = journal->published + 1;
	struct entry *entry = entry_of(journal, seq);
	struct action action = { .type = ACT_NOTE, .object = entry->object, .u.note = entry->note };
	const char *name = core_object_name(core, &entry->object);
	char text[SENTENCE_SIZE];
	size_t name_size = strlen(name) + 1, text_size;

	journal->published = seq;
	if (entry->note.code == NOTE_ACTIVE_PORT && journal->open_seq[entry->object.index % MAX_BONDS] == seq)
		close_entry(journal, entry->object.index % MAX_BONDS);
	sentence_of_note(core, &action, text);
	add_culprit(&entry->note, text);
	if (entry->said)
		add_words(text, is_of_check(entry) ? ": " : "; it says: ", entry->said);
	if (!is_of_check(entry)) {
		free(entry->said);
		entry->said = NULL;
	}
	log_at(level_of(entry), "%s", text);
	text_size = strlen(text) + 1;
	entry->name = malloc(name_size + text_size);
	if (!entry->name)
		return;
	entry->text = entry->name + name_size;
	memcpy(entry->name, name, name_size);
	memcpy(entry->text, text, text_size);
	if (journal->subscriber)
		journal->subscriber(journal->subscriber_data);
}

/* ---- from one program to the next in the same process ------------------------------------------------------------- */

void journal_inherit(struct journal *journal, int fd, uint64_t last_seq)
{
	if (lseek(fd, 0, SEEK_SET) == 0)
		journal->predecessor = fdopen(fd, "r");
	if (!journal->predecessor)
		close(fd);
	journal->added = journal->published = last_seq;
}

/* Only where nothing newer has its place: numbers come from a file. */
static void take_entry(struct journal *journal, json_t *json)
{
	uint64_t seq = (uint64_t)json_integer_value(json_object_get(json, "seq"));
	struct entry *entry = entry_of(journal, seq);

	if (seq == 0 || seq > journal->published || seq + JOURNAL_KEPT <= journal->added || entry->name || entry->carried) {
		json_decref(json);
		return;
	}
	entry_forget(entry);
	entry->carried = json;
}

/* At most n of its entries; what this process publishes waits for the last. */
static void read_predecessor(struct journal *journal, unsigned n)
{
	char *line = NULL;
	size_t size = 0;

	for (; journal->predecessor && n > 0; n--) {
		json_t *json = NULL;
		if (getline(&line, &size, journal->predecessor) > 0)
			json = json_loads(line, 0, NULL);
		if (json) {
			take_entry(journal, json);
			continue;
		}
		fclose(journal->predecessor);
		journal->predecessor = NULL;
	}
	free(line);
}

bool journal_bequeath(const struct journal *journal, uint64_t *seq, FILE *out, unsigned n)
{
	for (; n > 0; n--, ++*seq) {
		json_t *json = journal_entry(journal, seq);
		if (!json)
			return true;
		json_dumpf(json, out, JSON_COMPACT | JSON_REAL_PRECISION(12));
		fputc('\n', out);
		json_decref(json);
	}
	return false;
}

uint64_t journal_last(const struct journal *journal)
{
	return journal->published;
}

void journal_publish(struct journal *journal, const struct core *core, unsigned n)
{
	if (journal->predecessor) {
		read_predecessor(journal, n);
		return;
	}
	while (n-- > 0 && journal_pending(journal))
		publish(journal, core);
}

void journal_flush(struct journal *journal, const struct core *core)
{
	read_predecessor(journal, UINT_MAX);
	while (journal->published < journal->added)
		publish(journal, core);
}

void journal_reindex(struct journal *journal)
{
	memset(journal->lost_ns, 0, sizeof journal->lost_ns);
	memset(journal->held_ns, 0, sizeof journal->held_ns);
}

static const char *object_type_name(enum object_type type)
{
	switch (type) {
	case OBJECT_NONE:
		return "none";
	case OBJECT_NODE:
		return "node";
	case OBJECT_BOND:
		return "bond";
	case OBJECT_PORT:
		return "port";
	case OBJECT_VIP:
		return "vip";
	case OBJECT_ADDRESS:
		return "address";
	case OBJECT_ROUTE:
	case OBJECT_VIP_ROUTE:
		return "route";
	case OBJECT_RULE:
		return "rule";
	case OBJECT_PEER:
		return "peer";
	case OBJECT_PATH:
		return "path";
	case OBJECT_CHECK:
		return "check";
	}
	return "none";
}

static json_t *state_json(const struct entry *e, uint8_t state)
{
	if (e->note.code != NOTE_STATE)
		return json_null();
	if (e->object.type == OBJECT_VIP)
		return json_string(vip_state_name(state));
	if (e->object.type == OBJECT_BOND)
		return json_string(bond_state_name(state));
	if (e->object.type == OBJECT_PORT)
		return json_string(port_state_name(state));
	if (e->object.type == OBJECT_PEER)
		return json_string(node_state_name(state));
	if (e->object.type == OBJECT_PATH)
		return json_string(path_state_name(state));
	if (e->object.type == OBJECT_CHECK)
		return json_string(check_state_name(state));
	return json_null();
}

static json_t *entry_json(const struct entry *e, uint64_t seq)
{
	char time[TEXT_TIME_SIZE], reason[SENTENCE_SIZE];
	json_t *json;

	json = json_pack("{s:I, s:s, s:s, s:s, s:s, s:o, s:o, s:s, s:s, s:s}", "seq", (json_int_t)seq, "time",
			 text_time(e->wall_ns, time), "object_type", object_type_name(e->object.type), "object",
			 e->name, "code", note_code_name(e->note.code), "previous",
			 state_json(e, e->note.previous), "state", state_json(e, e->note.state), "reason_code",
			 reason_code_name(e->note.reason.code), "reason",
			 sentence_of_reason(&e->note.reason, reason), "text", e->text);
	if (json && is_of_check(e))
		json_object_set_new(json, "output", json_string(e->said ? e->said : ""));
	if (json)
		json_object_set_new(json, "away_ms",
				    e->away_ns < 0 ? json_null() : json_real((double)e->away_ns / 1e6));
	return json;
}

json_t *journal_entry(const struct journal *journal, uint64_t *seq)
{
	uint64_t first = journal->added > JOURNAL_KEPT ? journal->added - JOURNAL_KEPT + 1 : 1;

	if (*seq < first)
		*seq = first;
	for (; *seq <= journal->published; ++*seq) {
		const struct entry *entry = entry_of(journal, *seq);
		json_t *json = entry->carried ? json_incref(entry->carried) : entry->name ? entry_json(entry, *seq) : NULL;
		if (json)
			return json;
	}
	return NULL;
}
