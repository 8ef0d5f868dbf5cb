# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel tells the loss of a plain NIC's carrier up to a second late; a bond of driver `move` does not wait for that."""
import socket
import statistics
import struct

from conftest import bond_text, slack_ms
from lab import MS, now, pass_time, wait_for

ROUNDS = 5
LOWER_UP = 0x10000


class Listener:
    """Hears RTM_NEWLINK in a namespace, as any program would."""

    def __init__(self, namespace):
        with namespace.enter():
            self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
        self.socket.bind((0, 1))  # RTMGRP_LINK
        self.socket.settimeout(5)

    def lost(self, ifindex):
        """When the next message came in which that link has no carrier."""
        while True:
            message, at = self.socket.recv(1 << 16), now()
            _, kind, _, _, _, _, _, index, flags = struct.unpack("=IHHIIBxHiI", message[:28])
            if kind == 16 and index == ifindex and not flags & LOWER_UP:
                return at

    def forget(self):
        self.socket.setblocking(False)
        try:
            while True:
                self.socket.recv(1 << 16)
        except BlockingIOError:
            self.socket.settimeout(5)

    def close(self):
        self.socket.close()


def like_plain_nics(lab, node, first):
    """The same cables anew, but each with one ifindex at both ends."""
    for i, port in enumerate(node.ports):
        mac = node.mac(port)
        node.ip.link("del", index=node.index(port))
        lab.plug_in(node, port, f"sw{i + 1}", mac, index=first + i, plain=True)
    node.ready()


def test_a_lost_carrier_is_seen_before_it_is_told(bonded, make_lab):
    """lb2 runs no daemon and only listens. Asking a driver for its carrier may make the kernel tell of it, so what is not asked
    for is what shows the delay. Every change of any link makes later losses wait for up to a second: `noise` is one."""
    lab = make_lab()
    for node, first in ((lab.lb1, 301), (lab.lb2, 401)):
        like_plain_nics(lab, node, first)
    lab.switch.run("ip", "link", "add", "noise", "type", "veth", "peer", "name", "noise-end")
    lab.switch.link_set("noise-end", state="up")
    listener = Listener(lab.lb2)
    lab.closers.append(listener)
    one = bonded(bond_text(failback="always", hold="0s", damping="false"), lab=lab).wait_on("eno1").ask()
    told, moved, index = [], [], lab.lb2.index("eno1")
    for _ in range(ROUNDS):
        pass_time(1.1)
        lab.switch.link_set("noise", state="up")
        pass_time(0.05)
        listener.forget()
        since = lab.lb2.pull("eno1")
        one.node.pull("eno1")
        told.append((listener.lost(index) - since) / MS)
        one.wait_on("eno2")
        moved.append((next(at for at, added in one.node.changes("192.0.2.11", since) if added) - since) / MS)
        lab.switch.link_set("noise", state="down")
        one.node.plug("eno1"), lab.lb2.plug("eno1")
        one.wait_on("eno1")
        wait_for(lambda: lab.lb2.carrier("eno1"), 5)
    figures = f"told after {[round(t) for t in told]} ms, moved after {[round(m) for m in moved]} ms"
    print(figures)
    assert statistics.median(told) > 200, f"the kernel delays what this test is about: {figures}"
    assert statistics.median(moved) < statistics.median(told) / 2, figures
    assert max(moved) < 50 + slack_ms(), figures
