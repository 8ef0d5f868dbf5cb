/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/sentence.h"

#include <stdio.h>

#include "common/text.h"
#include "common/words.h"

/* The figures of a sentence as text, made when they are needed. */
struct figures {
	char time[TEXT_DURATION_SIZE], ip[TEXT_IP_SIZE], mac[TEXT_MAC_SIZE], error[64], subject[WORDS_SUBJECT_SIZE];
};

static const char *duration(int64_t ns, char out[TEXT_DURATION_SIZE])
{
	return text_duration(ns > 0 ? (uint64_t)ns : 0, out);
}

static const char *address(const struct ip *ip, const char *otherwise, struct figures *f)
{
	return ip->family == FAMILY_NONE ? otherwise : text_ip(ip, f->ip);
}

static const char *error_text(int64_t error, struct figures *f)
{
	const char *text = error > 0 && error < 4096 ? strerrordesc_np((int)error) : NULL;
	const char *name = text ? strerrorname_np((int)error) : NULL;
	if (text && name)
		snprintf(f->error, sizeof f->error, "%s (%s)", text, name);
	else
		snprintf(f->error, sizeof f->error, "error %lld", (long long)error);
	return f->error;
}

static const char *port_name(const struct core *core, const struct object *bond, int64_t port)
{
	if (port < 0 || port >= MAX_PORTS)
		return "none";
	struct object object = { .type = OBJECT_PORT, .index = bond->index, .sub = (uint16_t)port };
	return core_object_name(core, &object);
}

/* ---- patterns: most sentences are a text with places for the figures ----------------------------------------------
 *
 * {a} {b}              the arguments as numbers
 * {a time} {b time}    as durations
 * {a error} {a mode}   as an errno, as the mode of a bond
 * {a port}             as a port of the bond that the note is about
 * {ip|another node}    the address, or these words where there is none
 * {name}               the name that the reason has
 * {subject}            the address or route that the note is about
 * {mac} */

struct material {
	const struct core *core; /* this and the following: notes only */
	const struct object *object;
	const uint8_t *mac;
	const struct reason *reason;
};

static bool is_place(const char *place, size_t length, const char *name)
{
	return strlen(name) == length && strncmp(place, name, length) == 0;
}

/* By what one node goes before another. */
static const char *advantage(int64_t by)
{
	static const char *const words[CLAIM_ADVANTAGES] = {
		[BY_NOTHING] = "nothing",
		[BY_ABLE] = "being able to hold it",
		[BY_LAST_WORD] = "holding it, and hearing of no other claim",
		[BY_LAN] = "what is known of its LAN",
		[BY_HEALTH] = "its health",
		[BY_HOLDING] = "holding it",
		[BY_PRIORITY] = "its priority",
		[BY_ADDRESS] = "its address",
	};

	return by >= 0 && by < CLAIM_ADVANTAGES ? words[by] : "something";
}

static void say_place(struct words *w, const struct material *m, const char *place, size_t length)
{
	const struct reason *r = m->reason;
	int64_t value = r->arg[place[0] == 'b'];
	struct figures f;
	char otherwise[48];

	if (is_place(place, length, "a") || is_place(place, length, "b"))
		words_add(w, "%lld", (long long)value);
	else if (is_place(place, length, "a time") || is_place(place, length, "b time"))
		words_add(w, "%s", duration(value, f.time));
	else if (is_place(place, length, "a error"))
		words_add(w, "%s", error_text(value, &f));
	else if (is_place(place, length, "a mode"))
		words_add(w, "%s", words_bond_mode(value));
	else if (is_place(place, length, "a checksum"))
		words_add(w, "%s", value == VRRP_CHECKSUM_RFC9568 ? "RFC 9568" : "RFC 5798");
	else if (is_place(place, length, "a by"))
		words_add(w, "%s", advantage(value));
	else if (is_place(place, length, "a port"))
		words_add(w, "%s", port_name(m->core, m->object, value));
	else if (is_place(place, length, "subject"))
		words_add(w, "%s", words_subject(m->object, &r->ip, f.subject));
	else if (is_place(place, length, "name"))
		words_add(w, "%s", r->name[0] ? r->name : "(unknown)");
	else if (is_place(place, length, "mac"))
		words_add(w, "%s", text_mac(m->mac, f.mac));
	else if (strncmp(place, "ip|", 3) == 0) {
		snprintf(otherwise, sizeof otherwise, "%.*s", (int)(length - 3), place + 3);
		words_add(w, "%s", address(&r->ip, otherwise, &f));
	}
}

static void say_pattern(struct words *w, const char *pattern, const struct material *m)
{
	while (*pattern) {
		size_t plain = strcspn(pattern, "{"), length;
		words_add(w, "%.*s", (int)plain, pattern);
		pattern += plain;
		if (!*pattern)
			return;
		length = strcspn(++pattern, "}");
		say_place(w, m, pattern, length);
		pattern += length + 1;
	}
}

/* ---- reasons ---------------------------------------------------------------------------------------------------- */

/* One for every code but REASON_NONE: tests/unit/test_sentence.c sees to it. */
static const char *const reason_patterns[REASON_COUNT] = {
	/* vips */
	[REASON_STARTING] = "starting: looks at the kernel and opens its sockets",
	[REASON_INTERFACE_ABSENT] = "the interface does not exist",
	[REASON_NO_SOURCE] = "the interface has no address of the vip's family to send from",
	[REASON_DRAINED] = "this node is drained: holds nothing until 'standbyctl undrain'",
	[REASON_OWNER_ADDRESS] = "priority is 255 (owner), but the address is not on the interface",
	[REASON_LISTENING] = "listens first whether another node is active, for {a time} (Down)",
	[REASON_OTHER_ACTIVE] = "hears {ip|another node} with priority {a}",
	[REASON_LOST_ELECTION] = "{ip|another node} is better: priority {a}, ours is {b}",
	[REASON_TAKING] = "takes over: {a} addresses are still to be added",
	[REASON_HANDED_OVER] = "was handed over by hand to {ip|another node} with priority {a}, and stays backup until that fails or 'standbyctl undrain'",
	[REASON_PREEMPT_DELAY] = "is better than {ip|the active node}, whose priority is {a}, and preempts it in {b time} (preempt-delay)",
	[REASON_GROUP_WAITS] = "would take over, but {name} of its group cannot yet",
	[REASON_GROUP_LEFT] = "{name} of its group left this node",
	[REASON_REQUIRED] = "requires {name}",
	[REASON_ROUTE_ABSENT] = "the routing table has no such route",
	[REASON_REELECTED] = "its priority was lowered to {a} of {b}, and nobody has a higher one",
	[REASON_HEALTH] = "its priority was lowered to {a} from {b}: asks who has a higher one",
	[REASON_GROUP_MEMBER] = "{name} of its group cannot be held here",
	[REASON_LATE_BACKUP] = "woke up {a time} late, so listens again",
	[REASON_LATE_LOST] = "was active but woke up {a time} late, so stands again",
	[REASON_ADDRESS_REFUSED] = "the kernel refused address {ip|(unknown)}: {a error}",
	[REASON_SILENCE] = "heard nobody for {a time} (Down is {b time})",
	[REASON_PREDECESSOR_LEFT] = "{ip|the active node} said goodbye",
	[REASON_RESUMED] = "went on after a restart of the daemon: the last sign of life was {a time} old",
	[REASON_OWNER] = "owns the address (priority 255)",
	[REASON_PREEMPTED] = "is better than {ip|the active node}: its priority is {a}, ours {b}",
	[REASON_NOT_TAKEN] = "was handed over, but nobody took it within {a time}",
	[REASON_STOPPING] = "the daemon stops",
	[REASON_REMOVED] = "was removed from the configuration",
	[REASON_BOND_DOWN] = "the bond has no active port",
	[REASON_CANNOT_LISTEN] = "cannot listen for VRRP on the interface: {a error}",
	/* whatever is on an interface */
	[REASON_LINK_DOWN] = "the interface has no carrier",
	[REASON_INTERFACE_DOWN] = "the interface is administratively down",
	[REASON_INTERFACE_GONE] = "the interface was deleted",
	/* ports */
	[REASON_PORT_CHOSEN] = "carries the traffic",
	[REASON_PORT_ONLY] = "carries the traffic, the only healthy port",
	[REASON_PORT_READY] = "healthy, ready to take over",
	[REASON_PORT_HOLD] = "healthy, but must stay so for another {a time} (hold is {b time})",
	[REASON_PORT_FOREIGN] = "belongs to another master (interface index {a})",
	[REASON_PORT_REFUSED] = "the kernel refused to take it into the bond: {a error}",
	[REASON_PORT_JOINING] = "is being taken into the bond",
	[REASON_PORT_MANUAL] = "carries the traffic, chosen by hand until it fails",
	[REASON_PORT_MEDDLED] = "changed by another program",
	[REASON_PORT_PROBES_LOST] = "has link, but {ip|the probe's target} has not answered for {a time}",
	[REASON_PORT_DAMPED] = "lost its link too often (penalty {a}), is left alone for another {b time}",
	[REASON_PORT_UNINITIALISED] = "waits until udev has finished with it",
	[REASON_PORT_VF_MAC] = "is an SR-IOV virtual function, which cannot take the bond's fixed MAC address",
	[REASON_PORT_MTU] = "carries an MTU of at most {a}, and the bond's is {b}",
	/* bonds and vlans */
	[REASON_BOND_OK] = "has an active port and a healthy standby",
	[REASON_BOND_NO_STANDBY] = "has an active port, but no healthy one behind it",
	[REASON_BOND_NO_PORT] = "no port has link",
	[REASON_BOND_BUILDING] = "is being built",
	[REASON_BOND_REFUSED] = "the kernel refused to build it: {a error}",
	[REASON_BOND_KIND] = "a device of that name exists and is no bond",
	[REASON_BOND_MODE] = "exists in mode {a mode} ({a}) and is being rebuilt",
	[REASON_BOND_DRIVER] = "exists as a bonding device and is being rebuilt as a team",
	[REASON_BOND_PROBES_LOST] =
		"no port reaches {ip|the probes' targets} any more; those with link are used all the same",
	[REASON_VLAN_LINK] = "what it is on has no link or does not exist",
	[REASON_ROUTE_REFUSED] = "the kernel refused the route: {a error}",
	[REASON_RULE_REFUSED] = "the kernel refused the rule: {a error}",
	[REASON_VLAN_KIND] = "a device of that name exists and is not this vlan",
	[REASON_VMAC_REFUSED] = "the kernel refused device {name} for its MAC address: {a error}",
	[REASON_VMAC_KIND] = "device {name} for its MAC address exists and is not ours",
	/* nodes, and the paths to them */
	[REASON_NODE_WAITING] = "has not been heard since the start",
	[REASON_NODE_HEARD] = "is heard",
	[REASON_NODE_LEFT] = "said goodbye",
	[REASON_NODE_DAEMON] = "its daemon is gone, the node's kernel lives; not heard for {a time} ({b time} are allowed)",
	[REASON_NODE_SILENT] = "has not been heard for {a time}, by any path ({b time} are allowed)",
	[REASON_PATH_WAITING] = "nothing came by it since the start",
	[REASON_PATH_OK] = "both nodes hear each other",
	[REASON_PATH_ONE_WAY] = "the other node has not heard this one by it for {a time}",
	[REASON_PATH_SILENT] = "nothing came by it for {a time}",
	[REASON_PATH_LINK] = "what it is on has no link",
	/* vips by claims */
	[REASON_FOLLOWS] = "{name} holds it, and goes before this node by {a by}",
	[REASON_CLAIM_WORSE] = "{name} is to take it, and goes before this node by {a by}",
	[REASON_CLAIM_AWAITED] = "{name} lives, and has not said yet what it claims",
	[REASON_CLAIM_DELAY] = "goes before {name}, which holds it, by {a by}, and takes it in {b time}",
	[REASON_BETTER_CLAIM] = "{name} held it, and this node goes before by {a by}",
	[REASON_BEST_CLAIM] = "no other node holds it, and none goes before this one",
	[REASON_NODE_DIED] = "{name}, which held it, is silent",
	[REASON_DAEMON_DIED] = "the daemon of {name}, which held it, died; its addresses may answer there until its lease ends",
	[REASON_NODE_LET_GO] = "{name} lets go of it",
	[REASON_CLAIM_LOST] = "{name} holds it now, and goes before this node by {a by}",
	[REASON_ISOLATED] = "no other node is heard by any path, and the LAN is dead",
	[REASON_CHECK_FAILED] = "the check fails",
	[REASON_CHECK_WAITING] = "no run of the check has ended yet",
	[REASON_TEST_FAILED] = "the test after taking over failed, and the check has not passed since",
	[REASON_HOOKS] = "takes over: waits for its hooks",
	[REASON_CHECK_PASSED] = "the check passes",
};

static void say_reason(struct words *w, const struct reason *r)
{
	struct material material = { .reason = r };
	const char *pattern = r->code < REASON_COUNT ? reason_patterns[r->code] : NULL;
	char old[TEXT_DURATION_SIZE];

	if (r->code == REASON_LOST_ELECTION && r->arg[0] == r->arg[1])
		pattern = "{ip|another node} has the same priority {a} and the larger address";
	if (r->code == REASON_HANDED_OVER && r->ip.family == FAMILY_NONE)
		pattern = "is handed over by hand to whoever takes it, and then stays backup until that fails or 'standbyctl undrain'";
	if (r->code == REASON_TAKING && r->arg[0] == 1)
		pattern = "takes over: 1 address is still to be added";
	if (r->code == REASON_PATH_ONE_WAY && !r->arg[0])
		pattern = "the other node does not hear this one by it";
	if (r->code == REASON_BOND_MODE && r->arg[0] < 0)
		pattern = "exists as a team in another mode and is being rebuilt";
	if (r->code == REASON_BOND_DRIVER && r->arg[0] == DRIVER_TEAM)
		pattern = "exists as a team and is being rebuilt as a bonding device";
	if (pattern)
		say_pattern(w, pattern, &material);
	else if (r->code != REASON_NONE)
		words_add(w, "unknown reason");
	if (r->code == REASON_REQUIRED && r->arg[0] > 0 && r->arg[0] < REASON_COUNT && reason_patterns[r->arg[0]]) {
		words_add(w, ", but ");
		say_pattern(w, reason_patterns[r->arg[0]], &material);
	}
	if (r->code == REASON_LISTENING && r->arg[1] > 0)
		words_add(w, "; its predecessor's last sign of life was %s old, too old to go on",
			  duration(r->arg[1], old));
}

char *sentence_of_reason(const struct reason *r, char out[SENTENCE_SIZE])
{
	struct words w = { .out = out };
	out[0] = '\0';
	say_reason(&w, r);
	return out;
}

static const char *state_name(enum object_type type, uint8_t state)
{
	switch (type) {
	case OBJECT_VIP:
		return vip_state_name(state);
	case OBJECT_BOND:
		return bond_state_name(state);
	case OBJECT_PORT:
		return port_state_name(state);
	case OBJECT_PEER:
		return node_state_name(state);
	case OBJECT_PATH:
		return path_state_name(state);
	case OBJECT_CHECK:
		return check_state_name(state);
	case OBJECT_NONE:
	case OBJECT_NODE:
	case OBJECT_ADDRESS:
	case OBJECT_ROUTE:
	case OBJECT_VIP_ROUTE:
	case OBJECT_RULE:
		break;
	}
	return "unknown";
}

/* What was being tried, for "the kernel refused to …". */
static const char *action_words(int64_t type)
{
	if (type < 0 || type >= ACT_TYPES)
		return "make a change";
	switch ((enum action_type)type) {
	case ACT_ADDRESS_ADD:
		return "add address";
	case ACT_ADDRESS_RENEW:
		return "renew address";
	case ACT_ADDRESS_DEL:
		return "remove address";
	case ACT_ROUTE_ADD:
		return "add a route";
	case ACT_RULE_ADD:
		return "add rule";
	case ACT_RULE_DEL:
		return "remove rule";
	case ACT_ROUTE_DEL:
		return "remove a route";
	case ACT_LINK_UP:
		return "set the interface up";
	case ACT_LINK_DOWN:
		return "set the interface down";
	case ACT_BOND_CREATE:
		return "create the bond";
	case ACT_BOND_SET:
		return "set the bond's options";
	case ACT_ENSLAVE:
		return "take the port into the bond";
	case ACT_SET_ACTIVE:
		return "make the port active";
	case ACT_BOND_REBUILD:
		return "rebuild the bond";
	case ACT_VLAN_CREATE:
		return "create the vlan";
	case ACT_RELEASE:
		return "release the port";
	case ACT_LINK_MTU:
		return "set the MTU";
	case ACT_LINK_MAC:
		return "set the MAC address";
	case ACT_LOOK:
		return "ask for the carrier";
	case ACT_RESOLVE:
		return "ask for the neighbours again";
	case ACT_SYSCTL:
		return "set a sysctl";
	case ACT_LISTEN:
		return "open the VRRP socket";
	case ACT_UNLISTEN:
		return "close the VRRP socket";
	case ACT_VMAC_CREATE:
		return "create the device for the MAC address";
	case ACT_VMAC_SET:
		return "set the sysctls of the device for the MAC address";
	case ACT_VMAC_DELETE:
		return "delete the device for the MAC address";
	case ACT_HEARTBEAT:
	case ACT_PROBE:
	case ACT_ADVERT:
	case ACT_ANNOUNCE:
	case ACT_SNAPSHOT:
	case ACT_NOTE:
	case ACT_STOPPED:
	case ACT_TYPES:
		break;
	}
	return "make a change";
}

/* ---- notes ------------------------------------------------------------------------------------------------------ */

static void say_subject(struct words *w, const struct core *core, const struct object *o)
{
	const char *name = core_object_name(core, o);
	if (o->type == OBJECT_PORT) {
		struct object bond = { .type = OBJECT_BOND, .index = o->index };
		words_add(w, "%s/%s: ", core_object_name(core, &bond), name);
	} else if (o->type == OBJECT_PEER) {
		words_add(w, "node %s: ", name);
	} else if (o->type == OBJECT_CHECK) {
		words_add(w, "check %s: ", name);
	} else if (o->type == OBJECT_PATH && o->index < core_n_nodes(core)) {
		struct path_view path;
		core_node_path(core, o->index, o->sub, &path);
		words_add(w, "node %s, path %s: ", name, path.name);
	} else if (name[0]) {
		words_add(w, "%s: ", name);
	}
}

static void say_why(struct words *w, const struct reason *r)
{
	if (r->code == REASON_NONE)
		return;
	words_add(w, ": ");
	say_reason(w, r);
}

static void say_active_port(struct words *w, const struct core *core, const struct action *a)
{
	const struct reason *r = &a->u.note.reason;
	if (r->arg[1] < 0)
		words_add(w, "no active port, it was %s", port_name(core, &a->object, r->arg[0]));
	else if (r->arg[0] < 0)
		words_add(w, "active port is %s", port_name(core, &a->object, r->arg[1]));
	else
		words_add(w, "active port %s → %s", port_name(core, &a->object, r->arg[0]),
			  port_name(core, &a->object, r->arg[1]));
	say_why(w, r);
}

static void say_refused(struct words *w, const struct action *note)
{
	const struct reason *r = &note->u.note.reason;
	struct figures f;

	words_add(w, "the kernel refused to ");
	if ((note->object.type == OBJECT_ROUTE || note->object.type == OBJECT_VIP_ROUTE) && (r->arg[1] == ACT_ROUTE_ADD || r->arg[1] == ACT_ROUTE_DEL))
		words_add(w, "%s %s", r->arg[1] == ACT_ROUTE_ADD ? "add" : "remove",
			  words_subject(&note->object, &r->ip, f.subject));
	else if (note->object.type == OBJECT_RULE)
		words_add(w, "%s %s", r->arg[1] == ACT_RULE_ADD ? "add" : "remove", words_subject(&note->object, &r->ip, f.subject));
	else
		words_add(w, "%s%s%s", action_words(r->arg[1]), r->ip.family ? " " : "", address(&r->ip, "", &f));
	words_add(w, ": %s", error_text(r->arg[0], &f));
}

/* One for every code that has no function of its own. */
static const char *const note_patterns[NOTE_CODES] = {
	[NOTE_REPAIR_BACKOFF] = "{subject} was removed or changed {b} times in a row, the next repair waits {a time}",
	[NOTE_CONFLICT] = "{ip|its address} is claimed by another machine with MAC {mac}",
	[NOTE_INTERVAL] = "{ip|the active node} announces an advert interval of {a time}, ours is {b time}",
	[NOTE_ADDRESS_LIST] = "{ip|another node} announces other addresses than ours",
	[NOTE_OWNER_CLASH] = "priority is 255 (owner), but {ip|another node} sends adverts too",
	[NOTE_OVERRUN] = "events of the kernel were lost, a snapshot repairs it",
	[NOTE_LATE] = "woke up {a time} late",
	[NOTE_PROBE_LOST] = "{ip|the target} has not answered its probes for {a time}",
	[NOTE_PROBE_BACK] = "{ip|the target} answers its probes again, after {a time}",
	[NOTE_TARGET_SILENT] = "{ip|the target} has never answered a probe through any port, so it decides nothing",
	[NOTE_CHECKSUM] = "{ip|another node} sends adverts with the {a checksum} checksum, so do we from now on",
	[NOTE_DRAINED] = "is drained by hand: leaves every vip and takes none until 'standbyctl undrain'",
	[NOTE_CHECK_SILENT] = "has had no result for {a time}; what it was before is held on to",
	[NOTE_CHECK_BACK] = "has results again, after {a time} without",
	[NOTE_TAKING] = "takes over once its hooks are done",
	[NOTE_PATH_SLOW] = "interval × lost of {b time} is less than the round trip of {a time}: raise heartbeat interval or lost",
	[NOTE_DAEMON_GONE] = "its daemon is gone, the node's kernel lives",
	[NOTE_PATH_PROMPT] = "the round trip of {a time} is again within interval × lost of {b time}",
	[NOTE_UNDRAINED] = "is undrained: its vips stand again",
};

static void say_state(struct words *w, enum object_type type, const struct note *n)
{
	if (n->previous != n->state)
		words_add(w, "%s → ", state_name(type, n->previous));
	words_add(w, "%s", state_name(type, n->state));
	if (type != OBJECT_CHECK) /* its state says it all */
		say_why(w, &n->reason);
}

/* told: whether the kernel's message would have named the program. */
static void say_culprit(struct words *w, int64_t port, bool told)
{
	if (port)
		words_add(w, "by another program (netlink port %lld)", (long long)port);
	else
		words_add(w, told ? "by the kernel itself" : "by another program or the kernel itself");
}

/* Messages about IPv6 addresses never name a program (net/ipv6/addrconf.c, inet6_ifa_notify), and those about devices only
 * since Linux 6.2. */
static void say_repaired(struct words *w, const struct material *material, const struct object *object)
{
	const struct reason *r = material->reason;

	if (object->type == OBJECT_VIP && r->ip.family == FAMILY_NONE)
		words_add(w, "the device for its MAC address was gone and is made again; removed ");
	else
		say_pattern(w, "{subject} was gone and is put back; removed ", material);
	say_culprit(w, r->arg[0], object->type == OBJECT_ROUTE || object->type == OBJECT_VIP_ROUTE ||
				       object->type == OBJECT_RULE || r->ip.family == FAMILY_4);
}

static void say_manual(struct words *w, const struct core *core, const struct action *a)
{
	int64_t port = a->u.note.reason.arg[0];

	if (port < 0)
		words_add(w, "chooses its port by itself again");
	else
		words_add(w, "switched to %s by hand, until that port fails", port_name(core, &a->object, port));
}

static void say_adopted(struct words *w, const struct action *a)
{
	const struct ip *ip = &a->u.note.reason.ip;
	struct figures f;

	if (ip->family == FAMILY_NONE)
		words_add(w, "was found as it should be, adopted untouched");
	else
		words_add(w, "%s was found in place, adopted untouched", words_subject(&a->object, ip, f.subject));
}

static const char *former_device(const struct reason *r)
{
	if (r->arg[1])
		return r->arg[0] < 0 ? "a team" : "a bonding device";
	return r->arg[0] < 0 ? "in another mode" : "in mode {a mode} ({a})";
}

static void say_note(struct words *w, const struct core *core, const struct action *action)
{
	const struct note *n = &action->u.note;
	const struct reason *r = &n->reason;
	struct material material = { .core = core, .object = &action->object, .mac = n->mac, .reason = r };

	switch (n->code) {
	case NOTE_STATE:
		say_state(w, action->object.type, n);
		break;
	case NOTE_REPAIRED:
		say_repaired(w, &material, &action->object);
		break;
	case NOTE_CHANGED:
		words_add(w, action->object.type == OBJECT_VIP ? "the device for its MAC address was changed and is set right; changed "
							       : "its options were changed and are set right; changed ");
		say_culprit(w, r->arg[0], false);
		break;
	case NOTE_RELEASED:
		say_pattern(w, r->arg[0] ? "was given to another master (interface index {a}) " : "was released ",
			    &material);
		say_culprit(w, r->arg[1], false); /* hardly any message about a link does */
		break;
	case NOTE_MANUAL:
		say_manual(w, core, action);
		break;
	case NOTE_REFUSED:
		say_refused(w, action);
		break;
	case NOTE_ADOPTED:
		say_adopted(w, action);
		break;
	case NOTE_ACTIVE_PORT:
		say_active_port(w, core, action);
		break;
	case NOTE_REPAIR_BACKOFF:
	case NOTE_CONFLICT:
	case NOTE_INTERVAL:
	case NOTE_ADDRESS_LIST:
	case NOTE_OWNER_CLASH:
	case NOTE_OVERRUN:
	case NOTE_LATE:
	case NOTE_PROBE_LOST:
	case NOTE_PROBE_BACK:
	case NOTE_TARGET_SILENT:
	case NOTE_CHECKSUM:
	case NOTE_DRAINED:
	case NOTE_UNDRAINED:
	case NOTE_CHECK_SILENT:
	case NOTE_CHECK_BACK:
	case NOTE_TAKING:
	case NOTE_PATH_SLOW:
	case NOTE_PATH_PROMPT:
	case NOTE_DAEMON_GONE:
		say_pattern(w, note_patterns[n->code], &material);
		break;
	case NOTE_REBUILT:
		words_add(w, "was rebuilt, with its addresses and routes; it had been ");
		say_pattern(w, former_device(r), &material);
		break;
	case NOTE_REEXECUTED:
		words_add(w, "re-executed%s%s", r->name[0] ? ", version " : "", r->name);
		break;
	case NOTE_DIGEST:
		words_add(w, r->arg[0] ? "runs another configuration than this node" : "runs the same configuration again");
		break;
	case NOTE_NEWER:
		say_pattern(w, "speaks version {a} of the heartbeat, which this version understands in part", &material);
		break;
	case NOTE_CODES:
		words_add(w, "unknown note");
		break;
	}
}

char *sentence_of_note(const struct core *core, const struct action *note, char out[SENTENCE_SIZE])
{
	struct words w = { .out = out };
	out[0] = '\0';
	say_subject(&w, core, &note->object);
	say_note(&w, core, note);
	return out;
}
