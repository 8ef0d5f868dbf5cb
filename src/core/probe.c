/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Does a port reach what it should: ARP requests and neighbour solicitations, through every port, used or not.
 *
 * A target counts only once it has answered some port of the bond: one that never did is a mistake in a file or a machine that
 * is off, and is told of. From then on a port through which it is silent is worse than one through which it answers; it is
 * never worse than no port: while no port reaches anything, carrier decides. */
#include "core/internal.h"

static struct config_probe *config_of(const struct core *core, const struct bond *bond, unsigned probe)
{
	return &core->config.probes[bond->cfg.first_probe + probe];
}

struct target *probe_target(const struct core *core, const struct bond *bond, const struct port *port, unsigned i)
{
	return &core->targets[bond->first_target + (unsigned)(port - bond->ports) * bond->n_targets + i];
}

const struct config_target *probe_target_cfg(const struct core *core, const struct bond *bond, unsigned i, unsigned *probe)
{
	const struct config_probe *cfg;

	for (*probe = 0;; (*probe)++) {
		cfg = config_of(core, bond, *probe);
		if (i < cfg->n_targets)
			return &cfg->targets[i];
		i -= cfg->n_targets;
	}
}

/* Where a probe's targets begin among the bond's. */
static unsigned first_of(const struct core *core, const struct bond *bond, unsigned probe)
{
	unsigned first = 0;

	for (unsigned i = 0; i < probe; i++)
		first += config_of(core, bond, i)->n_targets;
	return first;
}

/* The NIC's permanent address where the bond goes by another, else one made of the bond's: locally administered, one a port. */
void probe_own_mac(const struct core *core, const struct bond *bond, const struct port *port, uint8_t mac[MAC_SIZE])
{
	static const uint8_t none[MAC_SIZE];
	const struct iface *iface = port_iface(core, port);
	const uint8_t *device = bond->iface == NONE ? NULL : core->ifaces[bond->iface].mac;

	memcpy(mac, iface->mac, MAC_SIZE);
	if (!device)
		return;
	if (memcmp(iface->perm_mac, none, MAC_SIZE) != 0 && memcmp(iface->perm_mac, device, MAC_SIZE) != 0) {
		memcpy(mac, iface->perm_mac, MAC_SIZE);
		return;
	}
	memcpy(mac, device, MAC_SIZE);
	mac[0] = (uint8_t)((mac[0] | 2) & ~1);
	mac[5] ^= (uint8_t)(0x80 | ((port - bond->ports) + 1));
}

static bool is_probed(const struct core *core, const struct bond *bond, const struct port *port)
{
	return port->healthy && !bond->removed && port_iface(core, port)->probing == LISTEN_ON;
}

/* It is asked at once, and hurries no other. */
void probe_restart(struct core *core, struct bond *bond, struct port *port)
{
	bool first = true;

	for (unsigned i = 0; i < bond->n_targets; i++) {
		struct target *target = probe_target(core, bond, port, i);
		target->unanswered = 0;
		target->lost = false;
		target->due = is_probed(core, bond, port);
		target->sent_ns = target->answered_ns = target->silent_ns = 0;
	}
	for (unsigned i = 0; i < bond->n_ports; i++)
		first = first && (&bond->ports[i] == port || !is_probed(core, bond, &bond->ports[i]));
	if (first)
		bond->probing_since = core->now;
}

static struct note *note_target(struct core *core, const struct bond *bond, const struct port *port, enum note_code code, unsigned i)
{
	unsigned probe;
	const struct config_target *cfg = probe_target_cfg(core, bond, i, &probe);
	struct note *note = core_note(core, code,
				      (struct object){ .type = port ? OBJECT_PORT : OBJECT_BOND,
						       .index = (uint16_t)(bond - core->bonds),
						       .sub = (uint16_t)(port ? port - bond->ports : 0) });

	note->reason.ip = cfg->ip;
	note->reason.arg[1] = probe;
	return note;
}

/* ---- the verdict -------------------------------------------------------------------------------------------------- */

static enum verdict judge_probe(const struct core *core, const struct bond *bond, const struct port *port, unsigned probe)
{
	const struct config_probe *cfg = config_of(core, bond, probe);
	unsigned first = first_of(core, bond, probe), counted = 0, lost = 0, waiting = 0;

	for (unsigned i = first; i < first + cfg->n_targets; i++) {
		const struct target *target = probe_target(core, bond, port, i);
		if (!bond->answered[i])
			continue;
		counted++;
		lost += target->lost;
		waiting += !target->lost && (!target->answered_ns || target->silent_ns || !target->sent_ns);
	}
	if (!counted)
		return VERDICT_NONE;
	if (cfg->all)
		return lost ? VERDICT_LOST : waiting ? VERDICT_WAITING : VERDICT_ANSWERED;
	return lost == counted ? VERDICT_LOST : lost + waiting == counted ? VERDICT_WAITING : VERDICT_ANSWERED;
}

void probe_judge(struct core *core, struct bond *bond, struct port *port)
{
	enum verdict worst = VERDICT_NONE;

	for (unsigned i = 0; port->healthy && i < bond->cfg.n_probes; i++) {
		enum verdict verdict = judge_probe(core, bond, port, i);
		if (verdict > worst)
			worst = verdict;
	}
	if (worst == VERDICT_LOST && port->probes != VERDICT_LOST)
		damping_loss(core, port);
	if (port->healthy && worst != VERDICT_LOST && port->probes == VERDICT_LOST && bond->active != port - bond->ports &&
	    bond->cfg.hold_ns)
		port->hold_until = core->now + bond->cfg.hold_ns; /* it returns, as one whose link was lost */
	if (!port->healthy || worst != VERDICT_ANSWERED)
		port->reached_ns = 0;
	else if (!port->reached_ns)
		port->reached_ns = core->now;
	port->probes = (uint8_t)worst;
}

bool probe_lost_target(const struct core *core, const struct bond *bond, const struct port *port, struct ip *ip, uint64_t *since_ns)
{
	unsigned probe;

	for (unsigned i = 0; i < bond->n_targets; i++) {
		const struct target *target = probe_target(core, bond, port, i);
		if (!target->lost)
			continue;
		*ip = probe_target_cfg(core, bond, i, &probe)->ip;
		*since_ns = target->silent_ns;
		return true;
	}
	return false;
}

/* ---- in time ------------------------------------------------------------------------------------------------------ */

/* One that is about to be asked again: has it answered the last time? */
static void send_again(struct core *core, struct bond *bond, struct port *port, unsigned probe, unsigned i)
{
	struct target *target = probe_target(core, bond, port, i);
	const struct config_probe *cfg = config_of(core, bond, probe);

	if (target->sent_ns && core->now < target->sent_ns + cfg->interval_ns / 2)
		return; /* it has just come, and was asked outside the round */
	target->due = true;
	if (!target->sent_ns || target->answered_ns >= target->sent_ns) {
		target->unanswered = 0;
		return;
	}
	if (!target->silent_ns)
		target->silent_ns = target->sent_ns;
	if (target->unanswered < UINT8_MAX)
		target->unanswered++;
	if (target->unanswered < cfg->lost || target->lost)
		return;
	target->lost = true;
	if (bond->answered[i])
		note_target(core, bond, port, NOTE_PROBE_LOST, i)->reason.arg[0] = (int64_t)(core->now - target->silent_ns);
}

static void tell_silent(struct core *core, struct bond *bond)
{
	if (!bond->probing_since || core->now < bond->probing_since + SILENT_AFTER || bond->state == BOND_DOWN)
		return;
	for (unsigned i = 0; i < bond->n_targets; i++) {
		if (bond->answered[i] || bond->told_silent[i])
			continue;
		bond->told_silent[i] = true;
		note_target(core, bond, NULL, NOTE_TARGET_SILENT, i);
	}
}

void probe_timer(struct core *core, struct bond *bond)
{
	for (unsigned p = 0; p < bond->cfg.n_probes; p++) {
		const struct config_probe *cfg = config_of(core, bond, p);
		unsigned first = first_of(core, bond, p);
		if (bond->probe_ns[p] > core->now)
			continue;
		bond->probe_ns[p] = core->now + cfg->interval_ns;
		bond->asked_ns = core->now;
		if (!bond->probing_since) /* other probes since a reload */
			bond->probing_since = core->now;
		for (unsigned j = 0; j < bond->n_ports; j++) {
			for (unsigned i = first; i < first + cfg->n_targets && is_probed(core, bond, &bond->ports[j]); i++)
				send_again(core, bond, &bond->ports[j], p, i);
		}
	}
	tell_silent(core, bond);
}

uint64_t probe_deadline(const struct core *core, const struct bond *bond)
{
	uint64_t due = NEVER;
	bool any = false;

	for (unsigned i = 0; i < bond->n_ports && !any; i++)
		any = is_probed(core, bond, &bond->ports[i]);
	for (unsigned i = 0; i < bond->cfg.n_probes && any; i++)
		due = min64(due, max64(bond->probe_ns[i], core->now + 1));
	return due;
}

/* ---- answers ------------------------------------------------------------------------------------------------------ */

/* What is sent to another port's address came here by flooding, and what is sent to all may be the target's own announcement:
 * that a port hears does not show that it is heard. */
static bool is_for(const struct port *port, const uint8_t to[MAC_SIZE])
{
	return memcmp(port->probe_mac, to, MAC_SIZE) == 0;
}

static void answered(struct core *core, struct bond *bond, struct port *port, unsigned i)
{
	struct target *target = probe_target(core, bond, port, i);

	if (target->lost && bond->answered[i])
		note_target(core, bond, port, NOTE_PROBE_BACK, i)->reason.arg[0] = (int64_t)(core->now - target->silent_ns);
	bond->answered[i] = true;
	bond->told_silent[i] = false;
	target->answered_ns = core->seen;
	target->unanswered = 0;
	target->silent_ns = 0;
	target->lost = false;
}

void probe_answer(struct core *core, const struct event_probe *answer)
{
	struct iface *iface = model_iface_by_index(core, answer->ifindex);
	struct port *port = NULL;
	struct bond *bond = iface ? bond_of_port(core, iface, &port) : NULL;
	bool any = false;
	unsigned probe;

	if (!bond || !port->healthy || !is_for(port, answer->to))
		return;
	for (unsigned i = 0; i < bond->n_targets; i++) {
		const struct config_target *cfg = probe_target_cfg(core, bond, i, &probe);
		if (!ip_equal(&cfg->ip, &answer->target) || cfg->vlan != answer->vlan || !probe_target(core, bond, port, i)->sent)
			continue;
		/* The first answer, or the first after silence, may change the choice; the others are only news of life. */
		any |= !bond->answered[i] || !probe_target(core, bond, port, i)->answered_ns ||
		       probe_target(core, bond, port, i)->silent_ns;
		answered(core, bond, port, i);
	}
	if (any)
		bond_update(core, bond);
}
