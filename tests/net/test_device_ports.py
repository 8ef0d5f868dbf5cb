# SPDX-License-Identifier: GPL-2.0-or-later
"""Ports of bonds that are devices: they come late, go, come back under another name, and are taken out by somebody."""
import pytest

from bonds import DRIVERS, Bonded, enslaved
from conftest import allowed, slack_ms
from lab import VIP, now, wait_for

pytestmark = pytest.mark.bonding


@pytest.fixture(params=DRIVERS)
def driver(request):
    return request.param


def plug_in(lab, ifname, index):
    """A NIC appears, with a cable into sw2."""
    lab.plug_in(lab.lb1, ifname, "sw2", f"02:00:00:00:01:{index:02x}", index=index)


def test_ports_come_late_and_go(make_lab, driver):
    lab = make_lab(names=("lb1",), ports=2)
    node = lab.lb1
    for port in ("eno1", "eno2"):
        node.run("ip", "link", "del", port)
    one = Bonded(lab, driver, ask=None, up=False, vip=False, ports='["eno*"]', prefer=None)
    wait_for(lambda: "bond0" in node.links() and one.daemon.bond()["reason_code"] == "bond-no-port", 10, "a bond without ports")
    plug_in(lab, "eno5", 51)
    wait_for(lambda: enslaved(node) == ["eno5"] and one.daemon.bond()["state"] == "degraded", 10, "one port")
    probe = lab.probe("192.0.2.11", interval_us=1000)
    probe.answered_by("lb1", 10)
    since = now()
    plug_in(lab, "eno6", 52)
    one.up()
    assert enslaved(node) == ["eno5", "eno6"] and probe.window(since).outage_ms <= slack_ms()

    # A standby is renamed in the bond (which is not allowed while it is up): it is the same port, and nothing is lost.
    one.on("eno5")
    since = now()
    for words in (("eno6", "down"), ("eno6", "name", "eno7"), ("eno7", "up")):
        node.run("ip", "link", "set", *words)
    one.up()
    assert one.port("eno7")["state"] == "standby" and enslaved(node) == ["eno5", "eno7"]
    assert probe.window(since).lost <= allowed() and one.daemon.bond()["failovers"] == 0

    # It is unplugged, and comes back.
    since = now()
    node.run("ip", "link", "del", "eno5")
    one.on("eno7")
    window = probe.window(since)
    assert window.outage_ms <= slack_ms() and one.daemon.bond()["state"] == "degraded", window
    plug_in(lab, "eno8", 53)
    one.up()
    assert enslaved(node) == ["eno7", "eno8"]


def test_an_unplugged_active_port_costs_no_role(make_lab, driver):
    one = Bonded(make_lab(names=("lb1",)), driver)
    one.on("eno1")
    since = now()
    one.node.run("ip", "link", "del", "eno1")
    one.on("eno2")
    window = one.probe.window(since)
    assert window.outage_ms <= slack_ms() and one.daemon.state() == "active", window
    assert not one.node.changes(VIP, since), "the vip stays where it is"


def test_taken_out_again_and_again(make_lab, driver):
    one = Bonded(make_lab(names=("lb1",)), driver)
    since = now()
    for _ in range(5):
        wait_for(lambda: enslaved(one.node) == ["eno1", "eno2"], 5, "eno2 is a port")
        one.node.run("ip", "link", "set", "eno2", "nomaster")
    one.said(r"bond0/eno2: .* 5 times in a row, the next repair waits 1 s", deadline=5)
    one.said("bond0/eno2: was released by another program")
    one.up(10)
    assert enslaved(one.node) == ["eno1", "eno2"] and one.probe.window(since).outage_ms <= slack_ms()
