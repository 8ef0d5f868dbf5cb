# SPDX-License-Identifier: GPL-2.0-or-later
"""Bond driver `kernel`: the bonding driver itself, built, adopted, switched and repaired."""
import pytest

from conftest import INTERVAL_US, allowed, slack_ms, vip_config
from lab import SECOND, VIP, Standbyd, now, pass_time, wait_for

pytestmark = pytest.mark.bonding


def bond_config(node, vip=True, priority=200, advert="100ms", **keys):
    keys = {"hold": "500ms", "failback": "better", "prefer": "eno1", **keys}
    text = (f"version: 1\nnode: {node.name}\nbonds:\n  bond0:\n    driver: kernel\n    ports: [eno1, eno2]\n"
            f"    addresses: [192.0.2.{10 + node.number}/24, \"2001:db8::{10 + node.number}/64\"]\n"
            "    routes:\n      - {to: default, via: 192.0.2.200}\n")
    text += "".join(f"    {key}: {value}\n" for key, value in keys.items())
    return text + ("vips:\n" + vip_config(node, on="bond0", priority=priority, advert=advert) if vip else "")


def info(node, ifname="bond0"):
    """The kernel's own words about the bond: mode, miimon, primary, active_slave (a name)."""
    link = node.links().get(ifname)
    if not link or not link.get_attr("IFLA_LINKINFO"):
        return {}
    data = link.get_attr("IFLA_LINKINFO").get_attr("IFLA_INFO_DATA")
    words = {key: data.get_attr(f"IFLA_BOND_{key.upper()}") for key in ("mode", "miimon", "primary", "active_slave", "primary_reselect")}
    names = {link["index"]: name for name, link in node.links().items()}
    words["active_slave"] = names.get(words["active_slave"])
    return words


def enslaved(node):
    links = node.links()
    master = links["bond0"]["index"] if "bond0" in links else -1
    return sorted(name for name, link in links.items() if link.get_attr("IFLA_MASTER") == master)


class Bonded:
    def __init__(self, lab, prepare=lambda node: None, **keys):
        self.lab, self.node = lab, lab.lb1
        prepare(self.node)
        lab.answer()
        self.since = now()
        self.daemon = Standbyd(self.node, bond_config(self.node, **keys)).start().wait_state("active", 20)
        self.up()
        self.probe = lab.probe(interval_us=INTERVAL_US)
        self.probe.answered_by("lb1", 10)

    def up(self, deadline=10):
        wait_for(lambda: self.daemon.bond()["state"] == "up", deadline, "the bond is up")

    def on(self, ifname, deadline=5):
        wait_for(lambda: info(self.node).get("active_slave") == ifname, deadline, f"the kernel's active port is {ifname}")
        wait_for(lambda: self.daemon.bond()["active_port"] == ifname, deadline, f"standbyd's active port is {ifname}")


@pytest.fixture
def bonded(make_lab):
    return lambda **keys: Bonded(make_lab(), **keys)


def test_it_builds_the_bond(bonded):
    one = bonded()
    kernel = info(one.node)
    assert kernel["mode"] == 1 and kernel["miimon"] == 100 and not kernel["primary"], kernel
    assert enslaved(one.node) == ["eno1", "eno2"]
    one.on("eno1")
    assert {ip: where[0] for ip, where in one.node.addresses().items()} == {"192.0.2.11": "bond0", "2001:db8::11": "bond0", VIP: "bond0"}
    assert "dev bond0" in one.node.run("ip", "route", "show", "default").stdout


def test_cable_lost_and_back_at_netlinks_speed(bonded):
    """Faster than miimon 100 alone would notice, which loses 50 packets of a 1 kHz probe at a loss; none on the way back."""
    one = bonded(damping="false")
    lost, back = [], []
    for _ in range(5):
        since = one.node.pull("eno1")
        one.on("eno2")
        pass_time(0.3)
        lost.append(one.probe.window(since))
        since = one.node.plug("eno1")
        one.on("eno1", 10)
        pass_time(0.3)
        back.append(one.probe.window(since))
    packets = sorted(window.lost * INTERVAL_US / 1000 for window in lost)
    # The worst of five is left to the machine.
    assert packets[2] <= 2, [str(window) for window in lost]
    assert packets[-1] <= 50, [str(window) for window in lost]
    returned = sorted(window.lost for window in back)
    assert returned[2] == 0 and returned[-1] <= allowed(1), [str(window) for window in back]


def test_a_right_bond_is_adopted_untouched(bonded):
    def prepare(node):
        node.run("ip", "link", "add", "bond0", "type", "bond", "mode", "active-backup", "miimon", "100")
        for port in ("eno1", "eno2"):
            node.run("ip", "link", "set", port, "down")
            node.run("ip", "link", "set", port, "master", "bond0")
        node.run("ip", "link", "set", "bond0", "up")
        node.address("bond0", "192.0.2.11/24")
        prepare.index = node.index("bond0")
    one = bonded(prepare=prepare)
    assert one.node.index("bond0") == prepare.index and enslaved(one.node) == ["eno1", "eno2"]
    assert not one.node.changes("192.0.2.11", one.since), "its address was adopted, not made anew"
    failures = [link.get_attr("IFLA_LINKINFO").get_attr("IFLA_INFO_SLAVE_DATA").get_attr("IFLA_BOND_SLAVE_LINK_FAILURE_COUNT")
                for name, link in one.node.links().items() if name.startswith("eno")]
    assert failures == [0, 0], "no port was taken down for it"


def test_a_wrong_primary_and_miimon_are_mended(bonded):
    def prepare(node):
        node.run("ip", "link", "add", "bond0", "type", "bond", "mode", "active-backup", "miimon", "500")
        node.run("ip", "link", "set", "eno2", "down")
        node.run("ip", "link", "set", "eno2", "master", "bond0")
        node.run("ip", "link", "set", "bond0", "type", "bond", "primary", "eno2")
    one = bonded(prepare=prepare)
    kernel = info(one.node)
    assert kernel["miimon"] == 100 and not kernel["primary"] and kernel["primary_reselect"] == 2, kernel
    assert enslaved(one.node) == ["eno1", "eno2"]
    one.on("eno1")


def test_somebody_switches_the_active_port(bonded):
    """With failback to the preferred port, another's choice is undone; nothing flaps and nothing is lost beyond the switch."""
    one = bonded()
    since = now()
    one.node.run("ip", "link", "set", "bond0", "type", "bond", "active_slave", "eno2")
    one.on("eno1")
    assert one.probe.window(since).outage_ms <= slack_ms()


def test_a_port_taken_out_is_put_back(bonded):
    one = bonded()
    since = now()
    one.node.run("ip", "link", "set", "eno2", "nomaster")
    wait_for(lambda: enslaved(one.node) == ["eno1", "eno2"], 5, "eno2 is a port again")
    one.up()
    assert one.probe.window(since).lost <= allowed()


def test_a_deleted_bond_is_built_anew(bonded):
    one = bonded()
    one.node.run("ip", "link", "del", "bond0")
    wait_for(lambda: one.node.holds(VIP) == "bond0" and one.node.holds("192.0.2.11") == "bond0", 15, "all is back")
    wait_for(lambda: enslaved(one.node) == ["eno1", "eno2"], 10)
    one.up()
    one.probe.answered_by("lb1", 15)


def test_killed_and_restarted_loses_nothing(bonded):
    # The new process has three intervals, and a guest on a loaded machine takes a second and more to start one.
    one = bonded(advert="2s")
    index = one.node.index("bond0")
    since = one.daemon.kill9()
    one.daemon.start().wait_state("active", 20)
    one.up()
    pass_time(0.5)
    window = one.probe.window(since)
    assert window.lost <= allowed() and one.node.index("bond0") == index, window
    assert not one.node.changes("192.0.2.11", since) and not one.node.changes(VIP, since)


def test_a_stop_leaves_the_bond(bonded):
    one = bonded()
    one.daemon.stop()
    assert enslaved(one.node) == ["eno1", "eno2"] and set(one.node.addresses()) == {"192.0.2.11", "2001:db8::11"}


def test_both_cables_lost_and_the_peer_takes_over(make_lab):
    lab = make_lab()
    lab.answer()
    d1, d2 = (Standbyd(node, bond_config(node, priority=priority)) for node, priority in zip(lab.nodes, (200, 100)))
    d1.start(), d2.start()
    probe = lab.probe(interval_us=INTERVAL_US)
    probe.answered_by("lb1", 20)
    d1.wait_state("active"), d2.wait_state("backup")
    since = lab.lb1.pull("eno1")
    wait_for(lambda: d1.bond()["active_port"] == "eno2", 5)
    pass_time(0.5)
    window = probe.window(since)
    assert window.nodes == ["lb1"] and window.outage_ms <= slack_ms(), f"first cable: {window}"
    since = lab.lb1.pull("eno2")
    probe.answered_by("lb2", 8, since)
    window = probe.window(since)
    assert window.outage_ms <= 361 + slack_ms(), f"second cable: {window}"
    wait_for(lambda: not lab.lb1.holds(), 3)
    since = lab.lb1.plug()
    probe.answered_by("lb1", 15, since)
    assert now() - since < 20 * SECOND


def test_a_device_of_that_name_that_is_no_bond_is_refused(make_lab):
    lab = make_lab()
    node = lab.lb1.ready()
    node.run("ip", "link", "add", "bond0", "type", "bridge")
    daemon = Standbyd(node, bond_config(node)).start()
    wait_for(lambda: daemon.bond()["reason_code"] == "bond-kind", 5)
    assert daemon.bond()["state"] == "down" and "bond0" in node.links()
    assert enslaved(node) == []
