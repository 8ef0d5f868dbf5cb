/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/switch.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/sentence.h"
#include "config/suggest.h"

static void __attribute__((format(printf, 2, 3))) add(char text[SWITCH_TEXT_SIZE], const char *format, ...)
{
	size_t length = strlen(text);
	va_list list;

	va_start(list, format);
	vsnprintf(text + length, SWITCH_TEXT_SIZE - length, format, list);
	va_end(list);
}

/* Whether that one is configured: the core keeps a removed one while something is still to be let go. */
static bool get_bond(const struct engine *e, unsigned i, struct bond_view *bond)
{
	core_bond(e->core, i, bond);
	return !bond->removed;
}

static int find_bond(const struct engine *e, const char *name, struct bond_view *bond)
{
	for (unsigned i = 0; i < core_n_bonds(e->core); i++) {
		if (get_bond(e, i, bond) && strcmp(bond->name, name) == 0)
			return (int)i;
	}
	return -1;
}

/* Before the n-th of a list, counted from 0. */
static const char *comma(unsigned n)
{
	return n == 0 ? "" : ", ";
}

static void say_no_bond(const struct engine *e, const char *name, char text[SWITCH_TEXT_SIZE])
{
	struct suggestion suggestion = { .typed = name };
	struct bond_view bond;
	unsigned n = 0;

	for (unsigned i = 0; i < core_n_bonds(e->core); i++) {
		if (get_bond(e, i, &bond) && bond.driver != DRIVER_VLAN)
			suggest_try(&suggestion, bond.name);
	}
	add(text, "there is no bond '%s'", name);
	if (suggestion.word) {
		add(text, "; did you mean '%s'?", suggestion.word);
		return;
	}
	for (unsigned i = 0; i < core_n_bonds(e->core); i++) {
		if (!get_bond(e, i, &bond) || bond.driver == DRIVER_VLAN)
			continue;
		add(text, "%s%s", n == 0 ? "; there is " : comma(n), bond.name);
		n++;
	}
}

static bool is_called(const struct port_view *port, const char *name)
{
	return !port->hidden && (strcmp(port->name, name) == 0 || strcmp(port->spec, name) == 0);
}

static void say_no_port(const struct core *core, unsigned index, const struct bond_view *bond, const char *name,
			char text[SWITCH_TEXT_SIZE])
{
	unsigned n = 0;

	add(text, "%s has no port '%s'", bond->name, name);
	for (unsigned i = 0; i < bond->n_ports; i++) {
		struct port_view port;
		core_port(core, index, i, &port);
		if (port.hidden)
			continue;
		add(text, "%s%s", n == 0 ? "; it has " : comma(n), port.name);
		if (strcmp(port.name, port.spec) != 0)
			add(text, " (%s)", port.spec);
		n++;
	}
}

/* The port of that name that the core has chosen by hand, else the first of that name; -1: there is none. */
static int find_port(const struct core *core, unsigned index, const struct bond_view *bond, const char *name,
		     struct port_view *found)
{
	int first = -1;

	for (unsigned i = 0; i < bond->n_ports; i++) {
		struct port_view port;
		core_port(core, index, i, &port);
		if (!is_called(&port, name) || (first >= 0 && !port.manual))
			continue;
		*found = port;
		first = (int)i;
	}
	return first;
}

/* The core decides whether it takes the choice, and its views tell. */
static enum switch_result choose(struct engine *e, unsigned index, const struct bond_view *bond, const char *name,
				 char text[SWITCH_TEXT_SIZE])
{
	struct port_view port;
	char reason[SENTENCE_SIZE];

	if (find_port(e->core, index, bond, name, &port) < 0) {
		say_no_port(e->core, index, bond, name, text);
		return SWITCH_NO_PORT;
	}
	engine_switch(e, bond->name, name);
	find_port(e->core, index, bond, name, &port);
	if (port.manual) {
		add(text, "%s", port.name);
		return SWITCH_DONE;
	}
	add(text, "%s of %s cannot be used now: it is %s, %s", port.name, bond->name, port_state_name(port.state),
	    sentence_of_reason(&port.reason, reason));
	return SWITCH_UNUSABLE;
}

enum switch_result switch_port(struct engine *e, const char *name, const char *port, char text[SWITCH_TEXT_SIZE])
{
	struct bond_view bond;
	int index = find_bond(e, name, &bond);

	text[0] = '\0';
	if (index < 0) {
		say_no_bond(e, name, text);
		return SWITCH_NO_BOND;
	}
	if (bond.driver == DRIVER_VLAN) {
		add(text, "%s is a vlan and has no ports of its own; switch %s, which it is on", bond.name,
		    bond.link ? bond.link : "the bond");
		return SWITCH_VLAN;
	}
	if (port)
		return choose(e, (unsigned)index, &bond, port, text);
	engine_switch(e, bond.name, "");
	return SWITCH_DONE;
}
