/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a core hands on to the next one in the same process, and takes over from the one before.
 *
 * The kernel has most of it: devices, addresses, active ports. This is the rest: who is followed and until when, what people
 * chose, what ports are punished for, what their targets answered, what checks say, and since when all of it is so. It comes as events, so that a
 * core of another version takes what it understands. */
#include "core/internal.h"

/* ---- handing on --------------------------------------------------------------------------------------------------- */

static void tell_vip(const struct vip *vip, struct event *event)
{
	struct event_resume *resume = &event->u.resume;

	event->type = EV_RESUME;
	memcpy(resume->vip, vip->cfg.name, sizeof resume->vip);
	resume->active = vip->phase == PHASE_ACTIVE;
	resume->last_sign_ns = vip->phase == PHASE_ACTIVE ? vip->sent_ns : 0;
	resume->checksum = vip->checksum;
	resume->kept = true;
	resume->state = (uint8_t)vip_state_of(vip);
	resume->left = vip->left;
	resume->heard_priority = vip->heard_priority;
	resume->heard_source = vip->heard_source;
	resume->since_ns = vip->since_ns;
	resume->heard_ns = vip->heard_ns;
	resume->interval_ns = vip->interval_ns;
	resume->down_ns = vip->down_ns;
	resume->lower_ns = vip->lower_ns;
	resume->lower_floor_ns = vip->lower_floor_ns;
	memcpy(resume->failed_test, vip->failed_test, sizeof resume->failed_test);
}

static void tell_bond(const struct bond *bond, struct event *event)
{
	struct event_resume_bond *resume = &event->u.resume_bond;

	event->type = EV_RESUME_BOND;
	memcpy(resume->bond, bond->cfg.name, sizeof resume->bond);
	resume->state = (uint8_t)bond->state;
	resume->since_ns = bond->since_ns;
	resume->failovers = bond->failovers;
	resume->probing_ns = bond->probing_since;
	resume->asked_ns = bond->asked_ns;
}

static void tell_port(const struct core *core, const struct bond *bond, unsigned i, struct event *event)
{
	struct event_resume_port *resume = &event->u.resume_port;
	const struct port *port = &bond->ports[i];

	event->type = EV_RESUME_PORT;
	memcpy(resume->bond, bond->cfg.name, sizeof resume->bond);
	memcpy(resume->port, port_iface(core, port)->name, sizeof resume->port);
	resume->state = (uint8_t)port->state;
	resume->active = (bond->active == NONE ? bond->home : bond->active) == (int)i;
	resume->manual = bond->manual == (int)i;
	resume->was_healthy = port->was_healthy;
	resume->damped = port->damped;
	resume->verdict = port->probes;
	resume->penalty = port->penalty;
	resume->since_ns = port->since_ns;
	resume->penalty_ns = port->penalty_ns;
	resume->hold_ns = port->hold_until;
	resume->refused_ns = port->refused_until;
	resume->reached_ns = port->reached_ns;
}

static void tell_target(const struct core *core, const struct bond *bond, unsigned port, unsigned i, struct event *event)
{
	struct event_resume_target *resume = &event->u.resume_target;
	const struct target *target = probe_target(core, bond, &bond->ports[port], i);
	unsigned probe;

	event->type = EV_RESUME_TARGET;
	memcpy(resume->bond, bond->cfg.name, sizeof resume->bond);
	memcpy(resume->port, port_iface(core, &bond->ports[port])->name, sizeof resume->port);
	resume->number = i;
	resume->ip = probe_target_cfg(core, bond, i, &probe)->ip;
	resume->answered = bond->answered[i];
	resume->told = bond->told_silent[i];
	resume->lost = target->lost;
	resume->unanswered = target->unanswered;
	resume->sent_ns = target->sent_ns;
	resume->answered_ns = target->answered_ns;
	resume->silent_ns = target->silent_ns;
	resume->sent = target->sent;
}

static void tell_check(const struct check *check, struct event *event)
{
	struct event_resume_check *resume = &event->u.resume_check;

	event->type = EV_RESUME_CHECK;
	memcpy(resume->check, check->name, sizeof resume->check);
	resume->state = (uint8_t)check->state;
	resume->silent = check->silent;
	resume->in_a_row = check->in_a_row;
	resume->definition = check->definition;
	resume->since_ns = check->since_ns;
	resume->heard_ns = check->heard_ns;
}

/* The at-th event about the bond: itself, then each port with its targets. False: it has fewer; at is lowered by how many. */
static bool tell_of_bond(const struct core *core, const struct bond *bond, unsigned *at, struct event *event)
{
	unsigned each = 1 + bond->n_targets, n = bond->removed ? 0 : 1 + bond->n_ports * each, i;

	if (*at >= n) {
		*at -= n;
		return false;
	}
	if (*at == 0) {
		tell_bond(bond, event);
		return true;
	}
	i = *at - 1;
	if (i % each == 0)
		tell_port(core, bond, i / each, event);
	else
		tell_target(core, bond, i / each, i % each - 1, event);
	return true;
}

bool core_succession(const struct core *core, unsigned *cursor, struct event *event)
{
	unsigned at;

	*event = (struct event){ .type = EV_RESUME };
	while (*cursor < core->n_vips && core->vips[*cursor].removed)
		++*cursor;
	at = (*cursor)++;
	if (at < core->n_vips) {
		tell_vip(&core->vips[at], event);
		return true;
	}
	at -= core->n_vips;
	for (unsigned i = 0; i < core->n_bonds; i++) {
		if (tell_of_bond(core, &core->bonds[i], &at, event))
			return true;
	}
	if (at >= core->n_checks)
		return succession_tell_nodes(core, at - core->n_checks, event);
	tell_check(&core->checks[at], event);
	return true;
}

bool core_may_succeed(const struct core *core, struct object *what)
{
	*what = (struct object){ .type = OBJECT_NODE };
	if (!core->snap_known || core->snap_open || core->snap_wanted || core->stopping)
		return false;
	for (unsigned i = 0; i < core->n_vips; i++) {
		const struct vip *vip = &core->vips[i];
		*what = vip_object(core, vip);
		if (vip->phase == PHASE_LEAVING || vip->phase == PHASE_TAKING)
			return false;
		if (vip->vmac != NONE && core->vmacs[vip->vmac].change.gen)
			return false;
	}
	for (unsigned i = 0; i < core->n_bonds; i++) {
		*what = (struct object){ .type = OBJECT_BOND, .index = (uint16_t)i };
		if (core->bonds[i].change.gen || bond_is_rebuilding(core, &core->bonds[i]))
			return false;
	}
	return true;
}

/* ---- taking over: vips ------------------------------------------------------------------------------------------- */

/* They come in the order of a configuration, most often this one: the search begins at the same place. */
const struct event_resume *succession_find(const struct core *core, const struct vip *vip)
{
	unsigned place = unit_of_vip(core, vip);

	for (unsigned i = 0; i < core->n_resumes; i++) {
		const struct event_resume *resume = &core->resumes[(place + i) % core->n_resumes];
		if (strcmp(resume->vip, vip->cfg.name) == 0)
			return resume;
	}
	return NULL;
}

void succession_vip(const struct core *core, struct vip *vip)
{
	const struct event_resume *resume = succession_find(core, vip);

	if (!resume || !resume->kept)
		return;
	vip->kept = resume;
	vip->told = (enum vip_state)resume->state;
	memcpy(vip->failed_test, resume->failed_test, sizeof vip->failed_test);
	if (vip->heard_ns > resume->heard_ns) /* meanwhile */
		return;
	vip->heard_ns = resume->heard_ns;
	vip->heard_source = resume->heard_source;
	vip->heard_priority = resume->heard_priority;
	vip->left = resume->left;
}

/* When the one that is followed is taken for dead; 0: what is known makes no sense. */
static uint64_t followed_down(const struct core *core, const struct vip *vip)
{
	const struct event_resume *resume = vip->kept;

	if (vip->heard_ns > resume->heard_ns) /* meanwhile */
		return vip->heard_ns + (vip->left ? vip_skew_ns(vip) : vip_down_ns(vip));
	return resume->down_ns <= core->now + vip_down_ns(vip) ? resume->down_ns : 0;
}

void succession_follow(struct core *core, struct vip *vip)
{
	const struct event_resume *resume = vip->kept;
	uint64_t own = vip->interval_ns, down;

	if (!resume || vip_by_claims(vip) || resume->state != VIP_BACKUP || !resume->interval_ns || resume->interval_ns > 4095 * (NSEC_PER_SEC / 100))
		return;
	vip->interval_ns = resume->interval_ns;
	down = followed_down(core, vip);
	if (!down) {
		vip->interval_ns = own;
		return;
	}
	vip->down_ns = down;
	vip->lower_ns = resume->lower_ns;
	vip->lower_floor_ns = resume->lower_floor_ns;
	vip->told_interval = resume->interval_ns != own;
	if (vip->heard_ns && !vip->left)
		vip->reason = (struct reason){ .code = vip->given_ns ? REASON_HANDED_OVER : REASON_OTHER_ACTIVE,
					       .arg = { vip->heard_priority },
					       .ip = vip->heard_source };
}

/* A state that its predecessor had told is no news, and lasts since then. */
bool succession_settle(struct vip *vip)
{
	const struct event_resume *resume = vip->kept;
	enum vip_state state = vip_state_of(vip);

	if (state == VIP_INIT && resume->state != VIP_INIT && vip->reason.code == REASON_STARTING)
		return true; /* until its socket is there */
	vip->kept = NULL;
	if (state == (enum vip_state)resume->state) {
		vip->told_reason = vip->reason;
		if (resume->since_ns)
			vip->since_ns = min64(vip->since_ns, resume->since_ns);
	}
	return false;
}

/* ---- taking over: bonds ------------------------------------------------------------------------------------------ */

static struct bond *find_bond(struct core *core, const char *name)
{
	for (unsigned i = 0; i < core->n_bonds && !core->snap_known; i++) {
		if (!core->bonds[i].removed && strcmp(core->bonds[i].cfg.name, name) == 0)
			return &core->bonds[i];
	}
	return NULL;
}

static struct port *find_port(struct core *core, struct bond *bond, const char *device)
{
	for (unsigned i = 0; bond && i < bond->n_ports; i++) {
		const struct iface *iface = port_iface(core, &bond->ports[i]);
		if (iface->ifindex && strcmp(iface->name, device) == 0)
			return &bond->ports[i];
	}
	return NULL;
}

void succession_bond(struct core *core, const struct event_resume_bond *resume)
{
	struct bond *bond = find_bond(core, resume->bond);

	if (!bond || resume->state > BOND_UP)
		return;
	bond->kept = true;
	bond->state = bond->told = (enum bond_state)resume->state;
	bond->since_ns = resume->since_ns;
	bond->failovers = resume->failovers;
	bond->probing_since = resume->probing_ns;
	bond->asked_ns = resume->asked_ns;
}

void succession_port(struct core *core, const struct event_resume_port *resume)
{
	struct bond *bond = find_bond(core, resume->bond);
	struct port *port = find_port(core, bond, resume->port);

	if (!port || resume->state > PORT_ACTIVE)
		return;
	port->state = port->told = (enum port_state)resume->state;
	port->since_ns = resume->since_ns;
	port->was_healthy |= resume->was_healthy;
	port->damped = resume->damped;
	port->penalty = resume->penalty < PENALTY_MAX ? resume->penalty : PENALTY_MAX;
	port->penalty_ns = min64(resume->penalty_ns, core->now);
	if (resume->active)
		bond->home = (int)(port - bond->ports);
	if (!port->healthy)
		return;
	port->hold_until = resume->hold_ns;
	port->refused_until = resume->refused_ns;
	if (resume->active)
		bond->active = bond->wanted = bond->home;
	if (resume->manual)
		bond->manual = (int)(port - bond->ports);
	if (bond->n_targets && resume->verdict <= VERDICT_LOST) {
		port->probes = resume->verdict;
		port->reached_ns = resume->reached_ns;
	}
}

void succession_target(struct core *core, const struct event_resume_target *resume)
{
	struct bond *bond = find_bond(core, resume->bond);
	struct port *port = find_port(core, bond, resume->port);
	struct target *target;
	unsigned probe;

	if (!port || !port->healthy || resume->number >= bond->n_targets ||
	    !ip_equal(&probe_target_cfg(core, bond, resume->number, &probe)->ip, &resume->ip))
		return;
	bond->answered[resume->number] |= resume->answered;
	bond->told_silent[resume->number] |= resume->told;
	port->kept = true;
	target = probe_target(core, bond, port, resume->number);
	target->lost = resume->lost;
	target->unanswered = resume->unanswered;
	target->answered_ns = resume->answered_ns;
	target->silent_ns = resume->silent_ns;
	target->sent = resume->sent;
	/* An answer that is under way finds nobody who remembers what it was sent from. */
	target->sent_ns = resume->silent_ns ? resume->sent_ns : resume->answered_ns;
}
