# SPDX-License-Identifier: GPL-2.0-or-later
"""A device that is there but wrong: another mode, the other kind. `standbyctl diff` says so before, and a rebuild keeps what it
carries."""
import pytest

from bonds import DRIVERS, OWN, Bonded, create, enslaved, is_right, kind, routes
from lab import wait_for

pytestmark = pytest.mark.bonding
OTHER = {"kernel": "team", "team": "kernel"}
FOREIGN = "192.0.2.77"
EMPTY = "version: 1\nnode: {}\n"


def carry(node):
    """What the machine had on the device besides: addresses and routes that the configuration does not know."""
    node.address("bond0", f"{FOREIGN}/24")
    node.address("bond0", "2001:db8::77/64")
    node.run("ip", "route", "add", "203.0.113.0/24", "via", "192.0.2.201", "dev", "bond0", "metric", "77")
    node.run("ip", "-6", "route", "add", "2001:db8:77::/48", "via", "2001:db8::201", "dev", "bond0")
    node.run("ip", "route", "add", "198.51.100.0/24", "via", "192.0.2.201", "dev", "bond0", "table", "77")


def carried(node):
    held = node.addresses("bond0")
    return {FOREIGN, "2001:db8::77", OWN} <= set(held) and \
        "via 192.0.2.201 dev bond0 metric 77" in routes(node, "route", "show", "203.0.113.0/24").replace(" proto boot", "") and \
        "dev bond0" in routes(node, "-6", "route", "show", "2001:db8:77::/48") and \
        "dev bond0" in routes(node, "route", "show", "table", "77") and "dev bond0" in routes(node, "route", "show", "default")


def rebuilt(one, driver):
    wait_for(lambda: is_right(one.node, driver), 10, "the device is right")
    wait_for(lambda: enslaved(one.node) == ["eno1", "eno2"], 10)
    one.up()
    one.on("eno1")
    wait_for(lambda: carried(one.node), 5, "all that it carried is on it")
    one.said("bond0: was rebuilt")


@pytest.mark.parametrize("driver", DRIVERS)
def test_another_mode(make_lab, driver):
    """First told by a daemon that does not know the bond, then done at its reload."""
    lab = make_lab()

    def prepare(node):
        index = create(node, driver, "balance-rr" if driver == "kernel" else "roundrobin")
        carry(node)
        return index
    one = Bonded(lab, driver, prepare, ask=None, config=EMPTY.format("lb1"), up=False, vip=False)
    said = one.diff(one.config())
    assert "rebuilds bond0" in said and "balance-rr" in said or "another mode" in said, said
    assert "addresses and routes" in said and not is_right(one.node, driver)
    probe = lab.probe(OWN, interval_us=1000)
    probe.answered_by("lb1", 10)
    since = one.reload()
    rebuilt(one, driver)
    assert one.node.index("bond0") == one.prepared, "the same device, with its address there all along"
    assert not one.node.changes(FOREIGN, since) and not one.node.changes(OWN, since), one.node.changes(FOREIGN, since)
    probe.answered_by("lb1", 10)
    window = probe.window(since)
    assert window.outage_ms < 2000, window


@pytest.mark.parametrize("driver", DRIVERS)
def test_the_other_kind(make_lab, driver):
    lab = make_lab()

    def prepare(node):
        index = create(node, OTHER[driver])
        carry(node)
        return index
    one = Bonded(lab, driver, prepare, ask=None, config=EMPTY.format("lb1"), up=False, vip=False)
    mac = one.node.mac("bond0")
    said = one.diff(one.config())
    assert "rebuilds bond0" in said and "addresses and routes" in said, said
    assert {"kernel": "a team", "team": "a bond"}[driver] in said, said
    probe = lab.probe(OWN, interval_us=1000)
    probe.answered_by("lb1", 10)
    since = one.reload()
    rebuilt(one, driver)
    assert kind(one.node) == {"kernel": "bond", "team": "team"}[driver]
    assert one.node.mac("bond0") == mac, "neighbours know it by its MAC address"
    probe.answered_by("lb1", 10)
    window = probe.window(since)
    assert window.outage_ms < 3000, window
