/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/roles.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/sentence.h"
#include "config/suggest.h"

enum { NAMES_SHOWN = 8 };

static void __attribute__((format(printf, 2, 3))) add(char text[ROLES_TEXT_SIZE], const char *format, ...)
{
	size_t length = strlen(text);
	va_list list;

	va_start(list, format);
	vsnprintf(text + length, ROLES_TEXT_SIZE - length, format, list);
	va_end(list);
}

/* The configured one of that name: the core keeps a removed one while it leaves. */
static bool find_vip(const struct core *core, const char *name, struct vip_view *vip)
{
	for (unsigned i = 0; i < core_n_vips(core); i++) {
		core_vip(core, i, vip);
		if (!vip->removed && strcmp(vip->name, name) == 0)
			return true;
	}
	return false;
}

static void say_no_vip(const struct core *core, const char *name, char text[ROLES_TEXT_SIZE])
{
	struct suggestion suggestion = { .typed = name };
	struct vip_view vip;
	unsigned n = 0;

	add(text, "there is no vip '%.64s'", name);
	for (unsigned i = 0; i < core_n_vips(core); i++) {
		core_vip(core, i, &vip);
		if (!vip.removed)
			suggest_try(&suggestion, vip.name);
	}
	if (suggestion.word) {
		add(text, "; did you mean '%s'?", suggestion.word);
		return;
	}
	for (unsigned i = 0; i < core_n_vips(core) && n < NAMES_SHOWN; i++) {
		core_vip(core, i, &vip);
		if (!vip.removed)
			add(text, "%s%s", n++ ? ", " : "; there is ", vip.name);
	}
}

enum handover_result roles_hand_over(struct engine *e, const char *name, bool force, char text[ROLES_TEXT_SIZE])
{
	struct vip_view vip;
	char reason[SENTENCE_SIZE];

	text[0] = '\0';
	if (!find_vip(e->core, name, &vip)) {
		say_no_vip(e->core, name, text);
		return HANDOVER_NO_VIP;
	}
	if (vip.state == VIP_ACTIVE && vip.priority == 255) {
		add(text, "%s has priority 255: its addresses are this node's own and cannot be handed over", name);
		return HANDOVER_OWNED;
	}
	if (vip.state == VIP_ACTIVE && !vip.heard_ns && (!force || vip.protocol == PROTOCOL_HEARTBEAT)) {
		add(text,
		    vip.protocol == PROTOCOL_VRRP
			    ? "no other node was ever heard for %s; backups are silent in VRRP, so one may be there all the same: "
			      "--force tries it, and this node stays active if nobody takes over"
			    : "no other node lives that could hold %s",
		    name);
		return HANDOVER_NOBODY;
	}
	engine_role(e, ROLE_HANDOVER, name, force);
	find_vip(e->core, name, &vip);
	if (vip.given)
		return HANDOVER_BEGUN;
	add(text, "%s is not active on this node: it is %s, %s", name, vip_state_name(vip.state),
	    sentence_of_reason(&vip.reason, reason));
	return HANDOVER_NOT_ACTIVE;
}

void roles_drain(struct engine *e, bool drain)
{
	engine_role(e, drain ? ROLE_DRAIN : ROLE_UNDRAIN, "", false);
}
