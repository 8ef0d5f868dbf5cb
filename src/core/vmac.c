/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Virtual MAC addresses: a macvlan for each virtual router that has one (RFC 9568 §7.3).
 *
 * The device is there as long as a vip needs it, and up while that holds its addresses, which are on it: a backup neither answers
 * from the address nor lets a switch learn it here. In bridge mode, because a private one would swallow what the other node sends
 * from the same address to the group (drivers/net/macvlan.c, macvlan_handle_frame). Adverts and announcements do not pass through
 * it: they leave by the interface below as frames that have the address.
 *
 * The interface below must not answer for what the device has, nor tell its own address in requests for which an address of the
 * device is the source: two sysctls of it are lent, and put back when the last device on it is gone. Devices and loans are on
 * record in RUNDIR/loans before they are made, so that a successor of this process knows what is its own. */
#include "core/model.h"
#include "core/plan.h"

static const struct {
	enum sysctl_key key;
	int value;
} loans[] = { { SYSCTL_ARP_IGNORE, 1 }, { SYSCTL_ARP_ANNOUNCE, 2 } };

enum { N_LOANS = sizeof loans / sizeof loans[0], PUT_BACK_TRIES = 3 };

/* ---- tables ------------------------------------------------------------------------------------------------------- */

static struct vmac *add(struct core *core, int iface)
{
	struct vmac *vmac;

	if (core->n_vmacs == core->cap_vmacs)
		return NULL;
	vmac = &core->vmacs[core->n_vmacs];
	*vmac = (struct vmac){ .iface = iface, .parent = NONE, .vip = NONE };
	core->ifaces[iface].vmac = (int)core->n_vmacs++;
	return vmac;
}

void vmac_add(struct core *core, struct vip *vip)
{
	uint8_t mac[MAC_SIZE] = { 0x00, 0x00, 0x5e, 0x00, vip->cfg.family == FAMILY_6 ? 2 : 1, vip->cfg.vrid };
	struct vmac *vmac;
	int iface;

	vip->vmac = NONE;
	if (!vip->cfg.device[0])
		return;
	iface = configure_iface(core, vip->cfg.device);
	vmac = core->ifaces[iface].vmac == NONE ? add(core, iface) : &core->vmacs[core->ifaces[iface].vmac];
	if (!vmac)
		return;
	vip->vmac = core->ifaces[iface].vmac;
	memcpy(vmac->mac, mac, MAC_SIZE);
	if (vmac->parent != NONE && vip->removed)
		return; /* a successor has it already */
	vmac->vip = (int)(vip - core->vips);
	vmac->parent = vip->iface != NONE ? vip->iface : core->bonds[vip->cfg.bond].iface;
	for (unsigned i = 0; i < vip->cfg.n_addresses; i++)
		vmac->has_4 |= core->config.addresses[vip->cfg.first_address + i].ip.family == FAMILY_4;
}

/* What is known of the devices, and those that no vip has any more. Ifaces have been carried. */
void vmac_carry(struct core *core, const struct core *old)
{
	for (unsigned i = 0; i < old->n_vmacs; i++) {
		const struct vmac *from = &old->vmacs[i];
		const struct iface *was = &old->ifaces[from->iface];
		struct iface *iface = model_iface_by_name(core, was->name), *below;
		struct vmac *vmac;
		if (!iface || (iface->vmac == NONE && !was->ifindex && !from->change.gen))
			continue; /* carry_ifaces keeps what there is */
		vmac = iface->vmac == NONE ? add(core, (int)(iface - core->ifaces)) : &core->vmacs[iface->vmac];
		if (!vmac)
			continue;
		if (vmac->vip == NONE && from->parent != NONE && (below = model_iface_by_name(core, old->ifaces[from->parent].name)) != NULL)
			vmac->parent = (int)(below - core->ifaces);
		vmac->has_4 |= from->has_4;
		vmac->set = from->set;
		vmac->change = from->change;
	}
	core->loans_serial = old->loans_serial + 1;
}

/* ---- whose it is, and what it should be ---------------------------------------------------------------------------- */

/* The next vip that has it; start with i = 0, NULL at the end. Of several all but one were removed by a reload. */
static struct vip *next_user(const struct core *core, const struct vmac *vmac, unsigned *i)
{
	int self = (int)(vmac - core->vmacs);

	if (!core->has_removed) {
		bool first = (*i)++ == 0;
		return first && vmac->vip != NONE ? &core->vips[vmac->vip] : NULL;
	}
	while (*i < core->n_vips) {
		struct vip *vip = &core->vips[(*i)++];
		if (vip->vmac == self)
			return vip;
	}
	return NULL;
}

bool vmac_is_wanted(const struct core *core, const struct vmac *vmac)
{
	const struct vip *vip;
	unsigned i = 0;

	while ((vip = next_user(core, vmac, &i)) != NULL) {
		if (!vip->gone)
			return true;
	}
	return false;
}

static bool is_wanted_up(const struct core *core, const struct vmac *vmac)
{
	const struct vip *vip;
	unsigned i = 0;

	while ((vip = next_user(core, vmac, &i)) != NULL) {
		if (vip_wants_addresses(vip))
			return true;
	}
	return false;
}

static bool is_ours(const struct iface *iface)
{
	return iface->ifindex && iface->kind == KIND_MACVLAN && iface->marked;
}

bool vmac_is_there(const struct core *core, const struct vmac *vmac)
{
	const struct iface *iface = &core->ifaces[vmac->iface];

	return is_ours(iface) && vmac->parent != NONE && iface->vlan_link == core->ifaces[vmac->parent].ifindex;
}

/* Whether the last answer was that the device cannot be: one of a moment, or that its interface is just going, does not count. */
static bool is_refused(const struct core *core, const struct vmac *vmac)
{
	const struct change *change = &vmac->change;

	if (!change->error || change->error == ENODEV || (vmac_is_there(core, vmac) && vmac->set))
		return false;
	return !vip_is_transient(change->error) || change->failures > 3;
}

/* Made on another macvlan the kernel puts the device on what is below that one. */
struct reason vmac_trouble(const struct core *core, const struct vip *vip)
{
	const struct vmac *vmac = vip->vmac == NONE ? NULL : &core->vmacs[vip->vmac];
	struct reason reason = { .code = REASON_NONE };

	if (!vmac || vmac->parent == NONE || !core->ifaces[vmac->parent].ifindex)
		return reason;
	if (core->ifaces[vmac->parent].kind == KIND_MACVLAN)
		reason = (struct reason){ .code = REASON_VMAC_REFUSED, .arg = { EOPNOTSUPP } };
	else if (core->ifaces[vmac->iface].ifindex && !is_ours(&core->ifaces[vmac->iface]))
		reason.code = REASON_VMAC_KIND;
	else if (is_refused(core, vmac))
		reason = (struct reason){ .code = REASON_VMAC_REFUSED, .arg = { vmac->change.error } };
	if (reason.code)
		memcpy(reason.name, core->ifaces[vmac->iface].name, IFNAME_SIZE);
	return reason;
}

void vmac_tell(struct core *core, const struct vmac *vmac)
{
	struct vip *vip;
	unsigned i = 0;

	core_dirty_rest(core);
	if (vmac->parent != NONE)
		core_dirty_iface(core, &core->ifaces[vmac->parent]);
	while ((vip = next_user(core, vmac, &i)) != NULL) {
		core_dirty_vip(core, vip);
		vip_link(core, vip);
	}
}

/* ---- what somebody else did to it ---------------------------------------------------------------------------------- */

static struct object object_of(const struct vmac *vmac)
{
	return vmac->vip == NONE ? (struct object){ .type = OBJECT_NODE }
				 : (struct object){ .type = OBJECT_VIP, .index = (uint16_t)vmac->vip };
}

void vmac_link(struct core *core, const struct iface *iface, const struct iface *before, uint32_t cause)
{
	struct vmac *vmac = &core->vmacs[iface->vmac];
	struct action note = { .type = ACT_NOTE, .object = object_of(vmac) };
	bool mac = memcmp(before->mac, vmac->mac, MAC_SIZE) == 0 && memcmp(iface->mac, vmac->mac, MAC_SIZE) != 0;
	bool down = before->up && !iface->up && is_wanted_up(core, vmac);

	if (vmac->change.gen || !vmac_is_there(core, vmac) || !vmac_is_wanted(core, vmac) || (!mac && !down))
		return;
	note.u.note.code = NOTE_CHANGED;
	note.u.note.reason.arg[0] = cause;
	change_repair_as(core, &vmac->change, &note);
}

void vmac_deleted(struct core *core, const struct iface *iface, uint32_t cause)
{
	struct vmac *vmac = &core->vmacs[iface->vmac];
	bool busy = vmac->change.gen || vmac->change.await_ns > core->now;

	if ((busy && vmac->change.type == ACT_VMAC_DELETE) || !vmac_is_there(core, vmac) || !vmac_is_wanted(core, vmac))
		return;
	change_repair(core, &vmac->change, object_of(vmac), NULL, cause);
}

/* ---- the record of what was made and changed ------------------------------------------------------------------------ */

static struct iface *loan_iface(struct core *core, const char *name)
{
	struct iface *iface = model_iface_by_name(core, name);

	return iface ? iface : model_add_iface(core, name);
}

void vmac_loan(struct core *core, const struct event *event)
{
	const struct event_loan *loan = &event->u.loan;
	struct iface *iface = core->snap_known ? NULL : loan_iface(core, loan->ifname);

	if (!iface)
		return;
	if (loan->device && iface->vmac == NONE)
		add(core, (int)(iface - core->ifaces));
	if (!loan->device && loan->key < SYSCTL_KEYS)
		iface->loans[loan->key] = (struct loan){ .known = true, .changed = true, .was = loan->value };
	core->loans_serial++;
}

/* All devices first, then the changed sysctls, interface by interface. */
bool core_loan(const struct core *core, unsigned *cursor, struct event_loan *loan)
{
	*loan = (struct event_loan){ 0 };
	while (*cursor < core->n_vmacs) {
		const struct vmac *vmac = &core->vmacs[(*cursor)++];
		const struct iface *iface = &core->ifaces[vmac->iface];
		if (!iface->name[0] || (core->snap_known && !iface->ifindex && !vmac->change.gen && !vmac_is_wanted(core, vmac)))
			continue;
		*loan = (struct event_loan){ .device = true };
		memcpy(loan->ifname, iface->name, IFNAME_SIZE);
		return true;
	}
	while (*cursor < core->n_vmacs + core->n_ifaces * N_LOANS) {
		unsigned at = (*cursor)++ - core->n_vmacs;
		const struct iface *iface = &core->ifaces[at / N_LOANS];
		enum sysctl_key key = loans[at % N_LOANS].key;
		if (!iface->loans[key].changed || !iface->name[0])
			continue;
		*loan = (struct event_loan){ .key = (uint8_t)key, .value = iface->loans[key].was };
		memcpy(loan->ifname, iface->name, IFNAME_SIZE);
		return true;
	}
	return false;
}

uint64_t core_loans_serial(const struct core *core)
{
	return core->loans_serial;
}

void vmac_loan_answer(struct core *core, struct iface *iface, const struct action_sysctl *sysctl, int error)
{
	struct loan *loan = &iface->loans[sysctl->key];

	if (error && !(sysctl->put_back && (error == ENODEV || error == ENOENT)))
		return;
	if (sysctl->read) {
		*loan = (struct loan){ .known = true, .was = sysctl->value };
	} else if (sysctl->put_back) {
		*loan = (struct loan){ .known = false };
		iface->sysctl_done[sysctl->key] = false;
		core->loans_serial++;
	} else {
		iface->sysctl_done[sysctl->key] = true;
	}
}

/* ---- the plan ------------------------------------------------------------------------------------------------------- */

static void emit(struct core *core, struct out *out, struct vmac *vmac, enum action_type type, struct action_link link)
{
	const struct iface *iface = &core->ifaces[vmac->iface];
	struct action *action = plan_emit_change(core, out, &vmac->change, type, object_of(vmac));

	if (!action)
		return;
	vmac->change.target = type == ACT_LINK_MTU   ? (int)link.mtu
			      : type == ACT_LINK_MAC ? model_mac_target(link.mac)
						     : 0;
	action->u.link = link;
	action->u.link.ifindex = iface->ifindex;
	memcpy(action->u.link.ifname, iface->name, IFNAME_SIZE);
}

static void create(struct core *core, struct out *out, struct vmac *vmac)
{
	const struct iface *parent = &core->ifaces[vmac->parent];
	struct action_link link = { .master = parent->ifindex, .mtu = parent->mtu };

	if (!core->ifaces[vmac->iface].known || parent->kind == KIND_MACVLAN)
		return;
	memcpy(link.mac, vmac->mac, MAC_SIZE);
	emit(core, out, vmac, ACT_VMAC_CREATE, link);
}

/* One thing at a time, ending with setting it up. */
static void repair(struct core *core, struct out *out, struct vmac *vmac)
{
	const struct iface *iface = &core->ifaces[vmac->iface], *parent = &core->ifaces[vmac->parent];
	struct action_link link = { 0 };

	if (!vmac->set) {
		emit(core, out, vmac, ACT_VMAC_SET, link);
	} else if (memcmp(iface->mac, vmac->mac, MAC_SIZE) != 0) {
		memcpy(link.mac, vmac->mac, MAC_SIZE);
		emit(core, out, vmac, ACT_LINK_MAC, link);
	} else if (parent->mtu && iface->mtu != parent->mtu && vmac->mtu_refused != parent->mtu) {
		link.mtu = parent->mtu;
		emit(core, out, vmac, ACT_LINK_MTU, link);
	} else if (!iface->up && is_wanted_up(core, vmac)) {
		emit(core, out, vmac, ACT_LINK_UP, link);
	}
}

void plan_vmac(struct core *core, struct out *out, struct vmac *vmac)
{
	const struct iface *iface = &core->ifaces[vmac->iface];

	if (vmac->parent == NONE || !core->ifaces[vmac->parent].ifindex || !vmac_is_wanted(core, vmac) ||
	    !change_ready(core, &vmac->change))
		return;
	if (!iface->ifindex)
		create(core, out, vmac);
	else if (is_ours(iface) && !vmac_is_there(core, vmac))
		emit(core, out, vmac, ACT_VMAC_DELETE, (struct action_link){ 0 }); /* on another interface than it should be */
	else if (is_ours(iface))
		repair(core, out, vmac);
}

static bool has_addresses(const struct core *core, const struct vmac *vmac)
{
	for (unsigned i = 0; i < core->n_places; i++) {
		const struct place *place = &core->places[i];
		if (place->iface == vmac->iface && place->ours && place_is_there(place))
			return true;
	}
	return false;
}

/* When its last address is on its way off. */
void plan_vmac_rest(struct core *core, struct out *out, struct vmac *vmac)
{
	const struct iface *iface = &core->ifaces[vmac->iface];
	bool wanted = vmac_is_wanted(core, vmac);

	if (!is_ours(iface) || (wanted && (!iface->up || is_wanted_up(core, vmac))) || !change_ready(core, &vmac->change) ||
	    has_addresses(core, vmac))
		return;
	emit(core, out, vmac, wanted ? ACT_LINK_DOWN : ACT_VMAC_DELETE, (struct action_link){ 0 });
}

static bool lends(const struct core *core, const struct iface *iface)
{
	for (unsigned i = 0; i < core->n_vmacs; i++) {
		const struct vmac *vmac = &core->vmacs[i];
		if (vmac->parent == iface - core->ifaces && vmac->has_4 &&
		    (vmac_is_wanted(core, vmac) || is_ours(&core->ifaces[vmac->iface])))
			return true;
	}
	return false;
}

static void plan_loan(struct core *core, struct out *out, struct iface *iface, unsigned i, bool needed)
{
	enum sysctl_key key = loans[i].key;
	struct loan *loan = &iface->loans[key];
	struct action_sysctl sysctl = { .ifindex = iface->ifindex, .key = key, .value = loans[i].value };
	struct action *action;

	if (needed && loan->known && !loan->changed && loan->was >= loans[i].value)
		return;
	if (needed ? loan->changed && iface->sysctl_done[key] : !loan->changed) {
		loan->known &= needed;
		return;
	}
	if (!change_ready(core, &iface->sysctl[key]))
		return;
	action = plan_emit_change(core, out, &iface->sysctl[key], ACT_SYSCTL, (struct object){ .type = OBJECT_NODE });
	if (!action)
		return;
	if (!needed) {
		sysctl.put_back = true;
		sysctl.expected = loans[i].value;
		sysctl.value = loan->was;
	} else if (!loan->known) {
		sysctl.read = true;
	} else if (!loan->changed) {
		loan->changed = true;
		core->loans_serial++;
	}
	memcpy(sysctl.ifname, iface->name, IFNAME_SIZE);
	action->u.sysctl = sysctl;
}

void plan_vmac_loans(struct core *core, struct out *out, struct iface *iface)
{
	bool needed = iface->ifindex && lends(core, iface);

	for (unsigned i = 0; iface->ifindex && i < N_LOANS; i++)
		plan_loan(core, out, iface, i, needed);
}

/* One that cannot be put back is no reason to stay for long: it was said. */
static bool holds_loan(const struct iface *iface)
{
	for (unsigned i = 0; i < N_LOANS; i++) {
		if (iface->ifindex && iface->loans[loans[i].key].changed && iface->sysctl[loans[i].key].failures < PUT_BACK_TRIES)
			return true;
	}
	return false;
}

bool vmac_all_let_go(const struct core *core)
{
	for (unsigned i = 0; i < core->n_vmacs; i++) {
		const struct vmac *vmac = &core->vmacs[i];
		if (vmac->change.gen || is_ours(&core->ifaces[vmac->iface]))
			return false;
	}
	for (unsigned i = 0; i < core->n_ifaces; i++) {
		if (holds_loan(&core->ifaces[i]))
			return false;
	}
	return true;
}

uint64_t vmac_deadline(const struct core *core, const struct vmac *vmac)
{
	return change_deadline(core, &vmac->change);
}

uint64_t vmac_loans_deadline(const struct core *core, const struct iface *iface)
{
	uint64_t due = NEVER;

	for (unsigned i = 0; i < N_LOANS && core->n_vmacs; i++)
		due = min64(due, change_deadline(core, &iface->sysctl[loans[i].key]));
	return due;
}

/* ---- what became of a change ---------------------------------------------------------------------------------------- */

/* The kernel's answer is what is, until its own event says more. A device that was made comes with its event. */
static void done(struct core *core, struct vmac *vmac, const struct action *action, bool told)
{
	struct iface *iface = &core->ifaces[vmac->iface];

	vmac->change.await_ns = !told && action->type != ACT_VMAC_SET ? core->now + AWAIT_OWN : 0;
	if (action->type == ACT_VMAC_SET)
		vmac->set = true;
	if (told)
		return;
	if (action->type == ACT_LINK_UP)
		iface->up = true;
	else if (action->type == ACT_LINK_DOWN)
		iface->up = iface->carrier = false;
	else if (action->type == ACT_LINK_MTU)
		iface->mtu = action->u.link.mtu;
	else if (action->type == ACT_LINK_MAC)
		memcpy(iface->mac, action->u.link.mac, MAC_SIZE);
}

/* Not set up, no vip can be held: whoever was about to be says so, and tries again later. */
static void refused_up(struct core *core, struct vmac *vmac, int error)
{
	struct reason reason = { .code = REASON_VMAC_REFUSED, .arg = { error } };
	struct vip *vip;
	unsigned i = 0;

	if (error == ENODEV || (vip_is_transient(error) && vmac->change.failures <= 3))
		return;
	memcpy(reason.name, core->ifaces[vmac->iface].name, IFNAME_SIZE);
	while ((vip = next_user(core, vmac, &i)) != NULL)
		vip_fault(core, vip, reason);
}

static void refused(struct core *core, struct vmac *vmac, const struct action *action, int error)
{
	if (!vmac->change.failures)
		answer_refused(core, action, error);
	change_failed(core, &vmac->change, error);
	if (error == ENODEV || error == EEXIST)
		model_want_snapshot(core);
	if (action->type == ACT_LINK_MTU)
		vmac->mtu_refused = action->u.link.mtu;
	if (action->type == ACT_LINK_UP)
		refused_up(core, vmac, error);
}

void vmac_answer(struct core *core, struct vmac *vmac, const struct action *action, int error)
{
	const struct iface *iface = &core->ifaces[vmac->iface];
	bool told = vmac->change.told;

	if (action->type != ACT_VMAC_CREATE && iface->ifindex != action->u.link.ifindex) {
		vmac->change.gen = 0; /* it was asked of a device that is no more */
	} else if (error) {
		refused(core, vmac, action, error);
	} else {
		change_done(&vmac->change);
		done(core, vmac, action, told);
	}
	vmac_tell(core, vmac);
}
