/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is known of a NIC beyond rtnetlink: udev's word (finished with it or not, driver, place) and sysfs's. No decisions.
 *
 * The loop's, between the event socket or a snapshot and the core: every EV_LINK passes devices_tell, whatever thread read
 * it, so what the core is told is never older than the question. Nothing here takes the RTNL lock: udev's database is a few
 * small files on a tmpfs, and of sysfs only links, one index and what libudev reads of `uevent` are used. They are read
 * once for a link that could be a port, and again when it is new, renamed, or udev has spoken: other events cost a look
 * into a table.
 *
 * udev speaks for this process only if it hears of this network namespace's devices. /run/udev is one for all namespaces
 * that share the files, and names a device by its ifindex, which another namespace has too. So all of this must hold:
 * its control socket is there; somebody in this namespace listens to the kernel's own uevents, as udevd does (or the service
 * manager for it); and process 1, where its namespace may be seen, is in this one. If in doubt it does not speak: then no
 * device is ever waited for, the driver is sysfs's, and the place is what rtnetlink says of PCI devices. */
#ifndef STANDBYD_KERNEL_DEVICE_H
#define STANDBYD_KERNEL_DEVICE_H

#include "core/core.h"

struct devices;

/* Where /run, /sys and /proc are. */
struct device_roots {
	const char *run, *sys, *proc;
};

/* Finds out whether udev speaks, for good: start after udevd. Best before privileges are dropped: process 1 may hide from
 * whoever has less. NULL with errno: memory is short. */
struct devices *devices_open(void);
struct devices *devices_new(const struct device_roots *); /* the same without udev; the roots are borrowed */
void devices_close(struct devices *);

/* Readable when udev has said something; -1: it does not speak. */
int devices_fd(const struct devices *);

/* Which links could be ports; borrowed until the next call. NULL: none. The rules of udev/ mark ports for other network
 * managers, and may have seen a port before the configuration named it: then they are asked to look at it again, once. */
void devices_configure(struct devices *, const struct config *);

/* Fills driver, path, vf and uninitialised, if the link could be a port; else leaves it as rtnetlink told it. */
void devices_tell(struct devices *, struct event_link *);

/* The link is gone; or nobody knows which are (after an overrun). */
void devices_forget(struct devices *, int ifindex);
void devices_forget_all(struct devices *);

/* The next news of udev: EV_DEVICE of a link that was told of otherwise before and that a port's entry means, or meant;
 * EV_OVERRUN: some were lost. False: nothing more, or enough for now, and the fd tells of the rest. */
bool devices_next(struct devices *, struct event *);

/* ---- what this rests on ---- */

bool device_udev_speaks(const struct device_roots *);

/* What sysfs says: vf, and the driver where rtnetlink told none. Nothing, if its device of that name has another ifindex. */
void device_read_sysfs(const struct device_roots *, struct event_link *);

#endif
