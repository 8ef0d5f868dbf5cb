/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/sentence.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/text.h"

struct words {
	char *out;
	size_t length;
};

static void __attribute__((format(printf, 2, 3))) say(struct words *w, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	size_t room = SENTENCE_SIZE - w->length;
	int n = vsnprintf(w->out + w->length, room, format, list);
	va_end(list);
	if (n > 0)
		w->length += (size_t)n < room ? (size_t)n : room - 1;
}

/* The figures of a sentence as text, made when they are needed: one buffer for each that one sentence can have. */
struct figures {
	char a[TEXT_DURATION_SIZE], b[TEXT_DURATION_SIZE], ip[TEXT_IP_SIZE], mac[TEXT_MAC_SIZE], error[64];
	char route[sizeof "the route to " + TEXT_CIDR_SIZE];
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

/* The route or address that the note is about. */
static const char *subject(const struct object *o, const struct ip *ip, struct figures *f)
{
	if (o->type != OBJECT_ROUTE)
		return address(ip, "an address", f);
	if (ip->family == FAMILY_NONE)
		return "a route";
	if (o->sub == 0)
		return ip->family == FAMILY_6 ? "the IPv6 default route" : "the default route";
	snprintf(f->route, sizeof f->route, "the route to %s/%u", text_ip(ip, f->ip), o->sub);
	return f->route;
}

static const char *bond_mode(int64_t mode)
{
	static const char *const names[] = { "balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad",
					     "balance-tlb", "balance-alb" };
	return mode >= 0 && mode < (int64_t)(sizeof names / sizeof *names) ? names[mode] : "unknown";
}

static void say_reason(struct words *w, const struct reason *r)
{
	struct figures f;
	long long a = r->arg[0], b = r->arg[1];

	switch (r->code) {
	case REASON_NONE:
		break;
	case REASON_STARTING:
		say(w, "starting: looks at the kernel and opens its sockets");
		break;
	case REASON_INTERFACE_ABSENT:
		say(w, "the interface does not exist");
		break;
	case REASON_NO_SOURCE:
		say(w, "the interface has no address of the vip's family to send from");
		break;
	case REASON_OWNER_ADDRESS:
		say(w, "priority is 255 (owner), but the address is not on the interface");
		break;
	case REASON_LISTENING:
		say(w, "listens first whether another node is active, for %s (Down)", duration(a, f.a));
		if (b > 0)
			say(w, "; its predecessor's last sign of life was %s old, too old to go on", duration(b, f.b));
		break;
	case REASON_OTHER_ACTIVE:
		say(w, "hears %s with priority %lld", address(&r->ip, "another node", &f), a);
		break;
	case REASON_LOST_ELECTION:
		if (a == b)
			say(w, "%s has the same priority %lld and the larger address",
			    address(&r->ip, "another node", &f), a);
		else
			say(w, "%s is better: priority %lld, ours is %lld", address(&r->ip, "another node", &f), a, b);
		break;
	case REASON_TAKING:
		say(w, "takes over: %lld %s still to be added", a, a == 1 ? "address is" : "addresses are");
		break;
	case REASON_LATE_BACKUP:
		say(w, "woke up %s late, so listens again", duration(a, f.a));
		break;
	case REASON_LATE_LOST:
		say(w, "was active but woke up %s late, so stands again", duration(a, f.a));
		break;
	case REASON_ADDRESS_REFUSED:
		say(w, "the kernel refused address %s: %s", address(&r->ip, "(unknown)", &f), error_text(a, &f));
		break;
	case REASON_SILENCE:
		say(w, "heard nobody for %s (Down is %s)", duration(a, f.a), duration(b, f.b));
		break;
	case REASON_PREDECESSOR_LEFT:
		say(w, "%s said goodbye", address(&r->ip, "the active node", &f));
		break;
	case REASON_RESUMED:
		say(w, "went on after a restart of the daemon: the last sign of life was %s old", duration(a, f.a));
		break;
	case REASON_OWNER:
		say(w, "owns the address (priority 255)");
		break;
	case REASON_PREEMPTED:
		say(w, "is better than %s: its priority is %lld, ours %lld", address(&r->ip, "the active node", &f),
		    a, b);
		break;
	case REASON_STOPPING:
		say(w, "the daemon stops");
		break;
	case REASON_REMOVED:
		say(w, "was removed from the configuration");
		break;
	case REASON_LINK_DOWN:
		say(w, "the interface has no carrier");
		break;
	case REASON_INTERFACE_DOWN:
		say(w, "the interface is administratively down");
		break;
	case REASON_INTERFACE_GONE:
		say(w, "the interface was deleted");
		break;
	case REASON_BOND_DOWN:
		say(w, "the bond has no active port");
		break;
	case REASON_CANNOT_LISTEN:
		say(w, "cannot listen for VRRP on the interface: %s", error_text(a, &f));
		break;
	case REASON_PORT_CHOSEN:
		say(w, "carries the traffic");
		break;
	case REASON_PORT_ONLY:
		say(w, "carries the traffic, the only healthy port");
		break;
	case REASON_PORT_READY:
		say(w, "healthy, ready to take over");
		break;
	case REASON_PORT_HOLD:
		say(w, "healthy, but must stay so for another %s (hold is %s)", duration(a, f.a), duration(b, f.b));
		break;
	case REASON_PORT_FOREIGN:
		say(w, "belongs to another master (interface index %lld)", a);
		break;
	case REASON_PORT_REFUSED:
		say(w, "the kernel refused to take it into the bond: %s", error_text(a, &f));
		break;
	case REASON_PORT_JOINING:
		say(w, "is being taken into the bond");
		break;
	case REASON_BOND_OK:
		say(w, "has an active port and a healthy standby");
		break;
	case REASON_BOND_NO_STANDBY:
		say(w, "has an active port, but no healthy one behind it");
		break;
	case REASON_BOND_NO_PORT:
		say(w, "no port has link");
		break;
	case REASON_BOND_BUILDING:
		say(w, "is being built");
		break;
	case REASON_BOND_REFUSED:
		say(w, "the kernel refused to build it: %s", error_text(a, &f));
		break;
	case REASON_BOND_KIND:
		say(w, "a device of that name exists and is no bond");
		break;
	case REASON_BOND_MODE:
		say(w, "exists in mode %s (%lld) and has ports, so the mode cannot be changed", bond_mode(a), a);
		break;
	case REASON_PORT_MANUAL:
		say(w, "chosen by hand, until it fails");
		break;
	case REASON_PORT_PROBES_LOST:
		say(w, "has link, but %s has not answered for %s", address(&r->ip, "the probe's target", &f), duration(a, f.a));
		break;
	case REASON_PORT_DAMPED:
		say(w, "flapped too often (penalty %lld), is left alone for %s", a, duration(b, f.b));
		break;
	case REASON_PORT_UNINITIALISED:
		say(w, "udev has not finished with it");
		break;
	case REASON_PORT_VF_MAC:
		say(w, "an SR-IOV virtual function cannot take the bond's fixed MAC address");
		break;
	case REASON_PORT_MTU:
		say(w, "carries an MTU of at most %lld, the bond's is %lld", a, b);
		break;
	case REASON_BOND_PROBES_LOST:
		say(w, "no port reaches %s any more; the ports with link are used all the same",
		    address(&r->ip, "the probes' targets", &f));
		break;
	case REASON_VLAN_LINK:
		say(w, "what it is on has no link");
		break;
	case REASON_VLAN_KIND:
		say(w, "a device of that name exists and is not this vlan");
		break;
	case REASON_COUNT:
		say(w, "unknown reason");
		break;
	}
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
	case OBJECT_NONE:
	case OBJECT_NODE:
	case OBJECT_ADDRESS:
	case OBJECT_ROUTE:
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
	case ACT_SYSCTL:
		return "set a sysctl";
	case ACT_LISTEN:
		return "open the VRRP socket";
	case ACT_UNLISTEN:
		return "close the VRRP socket";
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

static const char *port_name(const struct core *core, const struct object *bond, int64_t port)
{
	if (port < 0 || port >= MAX_PORTS)
		return "none";
	struct object object = { .type = OBJECT_PORT, .index = bond->index, .sub = (uint16_t)port };
	return core_object_name(core, &object);
}

static void say_subject(struct words *w, const struct core *core, const struct object *o)
{
	const char *name = core_object_name(core, o);
	if (o->type == OBJECT_PORT) {
		struct object bond = { .type = OBJECT_BOND, .index = o->index };
		say(w, "%s/%s: ", core_object_name(core, &bond), name);
	} else if (name[0]) {
		say(w, "%s: ", name);
	}
}

static void say_active_port(struct words *w, const struct core *core, const struct action *a)
{
	const struct reason *r = &a->u.note.reason;
	if (r->arg[1] < 0)
		say(w, "no active port, it was %s", port_name(core, &a->object, r->arg[0]));
	else if (r->arg[0] < 0)
		say(w, "active port is %s", port_name(core, &a->object, r->arg[1]));
	else
		say(w, "active port %s → %s", port_name(core, &a->object, r->arg[0]),
		    port_name(core, &a->object, r->arg[1]));
	if (r->code != REASON_NONE) {
		say(w, ": ");
		say_reason(w, r);
	}
}

static void say_refused(struct words *w, const struct action *note, struct figures *f)
{
	const struct reason *r = &note->u.note.reason;

	say(w, "the kernel refused to ");
	if (note->object.type == OBJECT_ROUTE && (r->arg[1] == ACT_ROUTE_ADD || r->arg[1] == ACT_ROUTE_DEL))
		say(w, "%s %s", r->arg[1] == ACT_ROUTE_ADD ? "add" : "remove", subject(&note->object, &r->ip, f));
	else
		say(w, "%s%s%s", action_words(r->arg[1]), r->ip.family ? " " : "", address(&r->ip, "", f));
	say(w, ": %s", error_text(r->arg[0], f));
}

static void say_note(struct words *w, const struct core *core, const struct action *action)
{
	const struct note *n = &action->u.note;
	const struct reason *r = &n->reason;
	enum object_type type = action->object.type;
	long long a = r->arg[0], b = r->arg[1];
	struct figures f;

	switch (n->code) {
	case NOTE_STATE:
		if (n->previous != n->state)
			say(w, "%s → ", state_name(type, n->previous));
		say(w, "%s", state_name(type, n->state));
		if (r->code != REASON_NONE) {
			say(w, ": ");
			say_reason(w, r);
		}
		break;
	case NOTE_REPAIRED:
		say(w, "%s was gone and is put back; ", subject(&action->object, &r->ip, &f));
		if (a)
			say(w, "removed by another program (netlink port %lld)", a);
		else
			say(w, "removed by the kernel itself");
		break;
	case NOTE_REPAIR_BACKOFF:
		say(w, "%s was removed %lld times in a row, the next repair waits %s",
		    subject(&action->object, &r->ip, &f), b, duration(a, f.a));
		break;
	case NOTE_PROBE_LOST:
		say(w, "%s no longer answers through it, for %s", address(&r->ip, "the target", &f), duration(a, f.a));
		break;
	case NOTE_PROBE_BACK:
		say(w, "%s answers through it again, after %s", address(&r->ip, "the target", &f), duration(a, f.a));
		break;
	case NOTE_TARGET_SILENT:
		say(w, "%s has never answered a probe: it decides nothing", address(&r->ip, "the target", &f));
		break;
	case NOTE_MANUAL:
		if (a < 0)
			say(w, "chooses its port by itself again");
		else
			say(w, "switched to %s by hand, until that port fails", port_name(core, &action->object, a));
		break;
	case NOTE_RELEASED:
		say(w, a ? "was taken by another master" : "was released");
		if (b)
			say(w, " by another program (netlink port %lld)", b);
		break;
	case NOTE_REBUILT:
		say(w, "was rebuilt; it had been in mode %s (%lld)", bond_mode(a), a);
		break;
	case NOTE_REFUSED:
		say_refused(w, action, &f);
		break;
	case NOTE_CONFLICT:
		say(w, "%s is claimed by another machine with MAC %s", address(&r->ip, "its address", &f),
		    text_mac(n->mac, f.mac));
		break;
	case NOTE_INTERVAL:
		say(w, "%s announces an advert interval of %s, ours is %s", address(&r->ip, "the active node", &f),
		    duration(a, f.a), duration(b, f.b));
		break;
	case NOTE_ADDRESS_LIST:
		say(w, "%s announces other addresses than ours", address(&r->ip, "another node", &f));
		break;
	case NOTE_OWNER_CLASH:
		say(w, "priority is 255 (owner), but %s sends adverts too", address(&r->ip, "another node", &f));
		break;
	case NOTE_OVERRUN:
		say(w, "events of the kernel were lost, a snapshot repairs it");
		break;
	case NOTE_LATE:
		say(w, "woke up %s late", duration(a, f.a));
		break;
	case NOTE_ADOPTED:
		if (r->ip.family == FAMILY_NONE)
			say(w, "was found as it should be, adopted untouched");
		else
			say(w, "%s was found in place, adopted untouched", subject(&action->object, &r->ip, &f));
		break;
	case NOTE_ACTIVE_PORT:
		say_active_port(w, core, action);
		break;
	case NOTE_CODES:
		say(w, "unknown note");
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
