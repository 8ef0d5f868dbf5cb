# SPDX-License-Identifier: GPL-2.0-or-later
"""Bond driver `move`: no kernel device; addresses, routes and vips themselves move between the ports."""
import pytest

from conftest import INTERVAL_US, allowed, slack_ms, vip_config
from lab import MS, SECOND, VIP, Standbyd, now, pass_time, wait_for


def move_config(node, vip=True, priority=200, advert="100ms", **keys):
    """A bond over both ports, the node's address and a route through the client, and the vip on it."""
    keys = {"hold": "500ms", "failback": "better", "prefer": "eno1", **keys}
    text = (f"version: 1\nnode: {node.name}\nbonds:\n  bond0:\n    driver: move\n    ports: [eno1, eno2]\n"
            f"    addresses: [192.0.2.{10 + node.number}/24, \"2001:db8::{10 + node.number}/64\"]\n"
            "    routes:\n      - {to: default, via: 192.0.2.200}\n")
    text += "".join(f"    {key}: {value}\n" for key, value in keys.items() if value is not None)
    return text + ("vips:\n" + vip_config(node, on="bond0", priority=priority, advert=advert) if vip else "")


class Moving:
    """One node whose bond moves, with a vip on it (held alone), and the client that asks the vip."""

    def __init__(self, lab, **keys):
        self.lab, self.node = lab, lab.lb1
        lab.answer()
        self.sniffer = lab.sniff()
        self.daemon = Standbyd(self.node, move_config(self.node, **keys)).start().wait_state("active")
        wait_for(lambda: self.daemon.bond()["state"] == "up", 5, "the bond is up")
        self.probe = lab.probe(interval_us=INTERVAL_US)
        self.probe.answered_by("lb1", 10)

    def port(self):
        return self.daemon.bond()["active_port"]

    def ports(self):
        return {p["name"]: p["state"] for p in self.daemon.bond()["ports"]}

    def routes(self):
        return self.node.run("ip", "route", "show", "default").stdout

    def on(self, ifname, deadline=5):
        """Waits until everything is on that port and nothing on the other."""
        wait_for(lambda: self.port() == ifname, deadline, f"{ifname} active")
        wanted = {"192.0.2.11": ifname, "2001:db8::11": ifname, VIP: ifname}
        wait_for(lambda: {ip: where[0] for ip, where in self.node.addresses().items()} == wanted, deadline,
                 f"all addresses on {ifname}")
        wait_for(lambda: f"dev {ifname}" in self.routes(), deadline, f"the default route over {ifname}")
        assert self.routes().count("default") == 1, self.routes()


@pytest.fixture
def moving(make_lab):
    return lambda **keys: Moving(make_lab(), **keys)


def test_everything_is_on_the_preferred_port(moving):
    one = moving()
    one.on("eno1")
    assert one.ports() == {"eno1": "active", "eno2": "standby"}
    assert one.node.sysctl("ipv4/conf/eno1/arp_ignore") == "1" and one.node.sysctl("ipv4/conf/eno2/arp_announce") == "2"


@pytest.mark.parametrize("failback", ["better", "always"])
def test_cable_lost_moves_all_and_back_after_hold(moving, failback):
    one = moving(failback=failback)
    mac2 = one.node.mac("eno2")
    for _ in range(3):
        since = one.node.pull("eno1")
        one.on("eno2")
        pass_time(0.2)
        window = one.probe.window(since)
        assert window.outage_ms <= slack_ms(), window
        assert any(g["sha"] == mac2 for g in one.sniffer.garps(VIP, since)), "the new port's MAC was announced"
        assert one.ports()["eno1"] == "down"

        since = one.node.plug("eno1")
        wait_for(lambda: one.ports()["eno1"] in ("hold", "active"), 5)
        one.on("eno1", 10)
        returned = next(g["at"] for g in one.sniffer.garps(VIP, since) if g["sha"] == one.node.mac("eno1"))
        assert returned - since >= 500 * MS, "held for its time first"
        pass_time(0.2)
        window = one.probe.window(since)
        assert window.lost <= allowed(1), window


def test_failback_never_stays(moving):
    one = moving(failback="never")
    one.node.pull("eno1")
    one.on("eno2")
    one.node.plug("eno1")
    wait_for(lambda: one.ports()["eno1"] == "standby", 5)
    pass_time(0.7)
    one.on("eno2")
    since = one.node.pull("eno2")
    one.on("eno1")
    assert one.probe.window(since).outage_ms <= slack_ms()


def test_hold_never_delays_the_only_port(moving):
    one = moving(hold="30s")
    one.node.pull("eno2")
    one.node.pull("eno1")
    wait_for(lambda: one.daemon.bond()["state"] == "down", 5)
    one.daemon.wait_state("fault")
    since = one.node.plug("eno2")
    one.on("eno2")
    one.probe.answered_by("lb1", 10, since)


def test_both_cables_lost_and_the_peer_takes_over(make_lab):
    lab = make_lab()
    lab.answer()
    d1, d2 = (Standbyd(node, move_config(node, priority=priority)) for node, priority in zip(lab.nodes, (200, 100)))
    d1.start(), d2.start()
    probe = lab.probe(interval_us=INTERVAL_US)
    probe.answered_by("lb1", 10)
    d1.wait_state("active"), d2.wait_state("backup")

    since = lab.lb1.pull("eno1")
    wait_for(lambda: d1.bond()["active_port"] == "eno2", 5)
    pass_time(1)
    window = probe.window(since)
    assert window.nodes == ["lb1"] and window.outage_ms <= slack_ms(), f"first cable: {window}"

    since = lab.lb1.pull("eno2")
    probe.answered_by("lb2", 5, since)
    window = probe.window(since)
    assert window.outage_ms <= 300 + 61 + slack_ms(), f"second cable: {window}"
    wait_for(lambda: not lab.lb1.holds(), 3)

    since = lab.lb1.plug("eno1")
    probe.answered_by("lb1", 10, since)
    d2.wait_state("backup")
    window = probe.window(since)
    assert window.lost <= allowed(), f"cable back: {window}"


def test_killed_and_restarted_touches_nothing(moving):
    # The new process has three intervals: at 100 ms a loaded machine needs them for starting a program.
    one = moving(advert="1s")
    for port in ("eno1", "eno2"):
        since = one.daemon.kill9()
        one.daemon.start().wait_state("active")
        pass_time(0.5)
        window = one.probe.window(since)
        assert window.lost <= allowed() and window.nodes == ["lb1"], window
        assert not one.node.changes("192.0.2.11", since) and not one.node.changes(VIP, since), "adopted, not made anew"
        one.on(port)
        if port == "eno1":
            one.node.pull("eno1")
            one.on("eno2")


def test_a_cable_lost_while_the_daemon_was_dead(moving):
    one = moving()
    one.daemon.kill9()
    since = one.node.pull("eno1")
    one.daemon.start()
    one.on("eno2", 10)
    one.daemon.wait_state("active")
    one.probe.answered_by("lb1", 10, since)


def test_a_port_dropped_while_the_daemon_was_dead(moving):
    one = moving(failback=None, prefer=None)
    left = one.port()
    other = "eno2" if left == "eno1" else "eno1"
    one.daemon.kill9()
    one.daemon.write(one.daemon.config.replace("[eno1, eno2]", f"[{other}]"))
    one.daemon.start().wait_state("active")
    wait_for(lambda: not one.node.addresses(left), 10, f"nothing is left on {left}")
    assert {"192.0.2.11", "2001:db8::11", VIP} <= set(one.node.addresses(other))


def test_a_bond_removed_while_the_daemon_was_dead_keeps_its_addresses(moving):
    one = moving()
    one.daemon.kill9()
    since = now()
    one.daemon.write(f"version: 1\nnode: {one.node.name}\n")
    one.daemon.start()
    wait_for(lambda: not one.node.holds(VIP), 10, "what nobody is configured to hold goes")
    assert set(one.node.addresses()) == {"192.0.2.11", "2001:db8::11"}
    assert not one.node.changes("192.0.2.11", since)


def test_a_stop_leaves_the_bonds_addresses(moving):
    one = moving()
    one.daemon.stop()
    assert set(one.node.addresses()) == {"192.0.2.11", "2001:db8::11"}
    assert "dev eno1" in one.routes()
    since = now()
    one.daemon.start().wait_state("active")
    one.on("eno1")
    assert not one.node.changes("192.0.2.11", since), "adopted untouched"


def test_a_deleted_bond_address_and_route_come_back(moving):
    one = moving()
    since = now()
    one.node.run("ip", "address", "del", "192.0.2.11/24", "dev", "eno1")
    wait_for(lambda: len(one.node.changes("192.0.2.11", since)) >= 2, 3, "the address is back")
    one.on("eno1")
    one.node.run("ip", "route", "del", "default", check=False)
    one.on("eno1")
    assert one.daemon.status()["counters"]["repairs"] >= 2


def test_a_port_that_vanishes_and_returns(moving):
    one = moving()
    mac = one.node.mac("eno1")
    since = now()
    one.node.ip.link("del", index=one.node.index("eno1"))
    one.on("eno2")
    assert one.ports()["eno1"] == "absent"
    assert one.probe.window(since).outage_ms <= slack_ms()
    one.lab.plug_in(one.node, "eno1", "sw1", mac, index=71)
    one.on("eno1", 10)
    assert now() - since < 20 * SECOND
