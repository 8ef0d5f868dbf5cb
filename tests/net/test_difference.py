# SPDX-License-Identifier: GPL-2.0-or-later
"""A reload of bonds makes the difference and touches nothing else, and `standbyctl diff` tells it before."""
import json

import pytest

from conftest import Bonded, allowed, bond_text, bonds_config, slack_ms, vip_config
from lab import VIP, now, pass_time, wait_for

VIP_2 = "192.0.2.101"
BOTH = {"eno1": "active", "eno2": "standby"}
PROBES = "{gate: {kind: arp, targets: [192.0.2.200], interval: 50ms}}"
SECOND = bond_text("bond1", ports=["eno3"], addresses=["198.51.100.11/24"])


class Differing(Bonded):
    """A bond with a vip, both asked all the time, and a third port that is free."""

    def __init__(self, lab):
        self.vip = vip_config(lab.lb1, on="bond0", advert="100ms")
        lab.switch.link_set("lb1-eno3", master=lab.switch.index("sw1"))
        lab.lb1.ready()
        super().__init__(lab, bond_text(), vips=[self.vip])
        self.daemon.wait_state("active")
        self.wait_ports(BOTH).ask()
        self.vip_probe = lab.probe(VIP)
        self.vip_probe.answered_by("lb1", 10)

    def diff(self, *bonds, vips=None):
        """What `diff` says of a file beside the daemon's own, and of the daemon's own: the same, in words and as JSON."""
        text = bonds_config(self.node, *bonds, vips=[self.vip] if vips is None else vips)
        path = self.daemon.directory / "next.yaml"
        path.write_text(text)
        before, kept = self.daemon.status()["digest"], self.node.addresses()
        words, told = self.daemon.ctl("diff", path), self.daemon.ctl("diff", "--json", path)
        assert words.returncode == told.returncode == 0, (words, told)
        assert self.daemon.status()["digest"] == before and self.node.addresses() == kept, "a question changes nothing"
        told = json.loads(told.stdout)
        assert told["schema"] == 1
        for line in told["changes"] + told["actions"]:
            assert f"  {line}\n" in words.stdout, words.stdout
        self.daemon.write(text)
        own = json.loads(self.daemon.ctl("diff", "--json").stdout)
        assert own == told
        return told["changes"], told["actions"]

    def make(self):
        """Carries out what was asked about, and returns the time just before."""
        since = now()
        assert self.daemon.ctl("reload").returncode == 0
        return since

    def untouched(self, since, *ips):
        pass_time(0.1)
        for probe in (self.probe, self.vip_probe):
            window = probe.window(since)
            assert window.lost == 0, window
        for ip in ("192.0.2.11", VIP, *ips):
            assert not self.node.changes(ip, since), ip
        assert self.daemon.ctl("diff").stdout == "a reload would change nothing\n"


@pytest.fixture
def differing(make_lab):
    return lambda: Differing(make_lab(names=("lb1",), ports=3))


def test_additions_touch_nothing_else(differing):
    one = differing()
    steps = [
        (lambda: one.diff(bond_text(), SECOND), ["+ bond 'bond1'"],
         ["sets arp_ignore of eno3 to 1", "adds address 198.51.100.11/24 to eno3"], lambda: one.wait_on("eno3", "198.51.100.11")),
        (lambda: one.diff(bond_text()), ["- bond 'bond1'"], [], lambda: one.wait_on("eno3", "198.51.100.11")),
        (lambda: one.diff(bond_text(ports=["eno1", "eno2", "eno3"])), ["+ bond 'bond0': port eno3"], [],
         lambda: one.wait_ports({**BOTH, "eno3": "standby"})),
        (lambda: one.diff(bond_text(ports=["eno1", "eno2"])), ["- bond 'bond0': port eno3"],
         ["ends listening for VRRP on eno3"], lambda: one.wait_ports(BOTH)),
        (lambda: one.diff(bond_text(addresses=["192.0.2.11/24", "192.0.2.12/24"])), ["+ bond 'bond0': address 192.0.2.12/24"],
         ["adds address 192.0.2.12/24 to eno1"], lambda: one.wait_on("eno1", "192.0.2.12")),
        (lambda: one.diff(bond_text(routes="[{to: default, via: 192.0.2.200}]")),
         ["- bond 'bond0': address 192.0.2.12/24", "+ bond 'bond0': route"],
         ["removes address 192.0.2.12/24 from eno1", "adds the default route via 192.0.2.200 on bond0"],
         lambda: wait_for(lambda: "default" in one.node.run("ip", "route").stdout and not one.node.places("192.0.2.12"), 5)),
        (lambda: one.diff(bond_text(probes=PROBES)), ["- bond 'bond0': route", "+ bond 'bond0': probe gate"],
         ["removes the default route via 192.0.2.200"],
         lambda: wait_for(lambda: all(one.port(p)["probes"][0]["state"] == "answered" for p in BOTH) and
                          "default" not in one.node.run("ip", "route").stdout, 5)),
        (lambda: one.diff(bond_text(hold="1s"), vips=[one.vip, vip_config(one.node, on="bond0", name="mail", vrid=52,
                                                                         advert="100ms", addresses=[VIP_2])]),
         ["- bond 'bond0': probe gate", "~ bond 'bond0': hold 2s → 1s", "+ vip 'mail'"], [],
         lambda: one.daemon.wait_state("active", name="mail").node.holds(VIP_2) == "eno1"),
        (lambda: one.diff(bond_text()), ["- vip 'mail'"], ["vip mail says goodbye"],
         lambda: wait_for(lambda: not one.node.holds(VIP_2), 10)),
    ]
    for ask, changes, actions, done in steps:
        told_changes, told_actions = ask()
        for wanted, told in ((changes, told_changes), (actions, told_actions)):
            assert all(any(line.startswith(w) for line in told) for w in wanted), (wanted, told)
        since = one.make()
        done()
        one.untouched(since)


def test_the_active_port_is_taken_out_of_the_list(differing):
    one = differing()
    changes, actions = one.diff(bond_text(ports=["eno2", "eno3"]))
    assert "- bond 'bond0': port eno1" in changes
    assert actions.index("adds address 192.0.2.11/24 to eno2") < actions.index("removes address 192.0.2.11/24 from eno1")
    since = one.make()
    one.wait_on("eno2", "192.0.2.11", VIP)
    one.wait_ports({"eno2": "active", "eno3": "standby"})
    pass_time(0.1)
    for probe in (one.probe, one.vip_probe):
        window = probe.window(since)
        assert window.lost <= allowed(1), window
    assert one.daemon.state() == "active" and one.daemon.vip()["counters"]["became_active"] == 1


def test_another_driver_and_back(differing):
    """The kernel of the host may have no bonding driver: nobody loses the network for that."""
    one = differing()
    changes, _ = one.diff(bond_text(driver="kernel"))
    assert "~ bond 'bond0': driver move → kernel" in changes
    since = one.make()
    bond = wait_for(lambda: (b := one.daemon.bond())["state"] == "up" or b["reason_code"] == "bond-refused" and b, 10)
    assert len(one.daemon.status()["bonds"]) == 1
    if bond is True:
        wait_for(lambda: one.node.places("192.0.2.11") == ["bond0"], 5)
        one.lost_at_most(since, 2000 + slack_ms())
    else:
        assert "refused" in bond["reason"] and one.node.places("192.0.2.11") == ["eno1"]
        assert one.probe.window(since).lost == 0
    one.diff(bond_text())
    one.make()
    if bond is not True:
        one.wait_ports(BOTH).wait_on("eno1")
        one.daemon.wait_state("active")
        assert one.probe.window(since).lost == 0
