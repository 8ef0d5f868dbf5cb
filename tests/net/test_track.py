# SPDX-License-Identifier: GPL-2.0-or-later
"""A vip that rests on more than its own link: bonds, interfaces, routes; required, or lowering its priority."""
import pytest

from conftest import INTERVAL_US, allowed, bound_ms, plain_config, slack_ms, vip_config
from lab import MS, VIP, Keepalived, Standbyd, keepalived_instance, now, pass_time, wait_for


class Uplink:
    """web on eno1 of both nodes; lb1 has priority 200 and an uplink eno2 with a route, lb2 has 100."""

    def __init__(self, lab, peer="standbyd", advert_ms=100, bonds="", peer_priority=100, **options):
        self.lab, self.advert_ms, self.options, self.bonds, self.peer = lab, advert_ms, options, bonds, peer
        self.n1, self.n2 = lab.nodes
        for node in lab.nodes:
            node.ready().sysctl("ipv4/conf/all/arp_ignore", 1)
            node.address("eno1", f"192.0.2.{10 + node.number}/24")
        self.n1.address("eno2", "198.51.100.11/24")
        self.route()
        lab.answer()
        self.d1 = Standbyd(self.n1, self.config(200))
        if peer == "standbyd":
            preempt = {"preempt": options["preempt"]} if "preempt" in options else {}
            self.d2 = Standbyd(self.n2, plain_config(self.n2, priority=peer_priority, advert=f"{advert_ms}ms", **preempt))
        else:
            extra = "  nopreempt\n" if options.get("preempt") == "false" else ""
            self.d2 = Keepalived(self.n2, keepalived_instance(priority=peer_priority, advert=advert_ms / 1000, extra=extra))

    def config(self, priority):
        return (f"version: 1\nnode: {self.n1.name}\n{self.bonds}vips:\n"
                + vip_config(self.n1, priority=priority, advert=f"{self.advert_ms}ms", **self.options))

    def route(self, verb="add"):
        self.n1.run("ip", "route", verb, "203.0.113.0/24", "via", "198.51.100.1")

    def start(self):
        self.d1.start()
        self.d1.wait_state("active")
        self.d2.start()
        self.probe = self.lab.probe(interval_us=INTERVAL_US)
        self.probe.answered_by("lb1", 15)
        if self.peer == "standbyd":
            self.d2.wait_state("backup")
        else:
            pass_time(2 * bound_ms(self.advert_ms, 100) / 1000)
        return self

    def moved(self, node, since, lost=0, deadline=10):
        self.probe.answered_by(node, deadline, since)
        window = self.probe.window(since)
        assert window.lost <= allowed(lost), window
        return window


@pytest.fixture
def uplink(make_lab):
    return lambda **options: Uplink(make_lab(ports=2), **options).start()


BREAK = {
    "interface": ("interface:eno2", "link-down", lambda two: two.n1.pull("eno2"), lambda two: two.n1.plug("eno2")),
    "route": ("route:203.0.113.0/24", "route-absent", lambda two: two.route("del"), Uplink.route),
    "flushed": ("route:203.0.113.0/24", "route-absent", lambda two: two.n1.link_set("eno2", state="down"),
                lambda two: (two.n1.link_set("eno2", state="up"), two.route())),
    "bond": ("bond1", "bond-down", lambda two: two.n1.pull("eno2"), lambda two: two.n1.plug("eno2")),
}
BOND = "bonds:\n  bond1: {driver: move, ports: [eno2], hold: 0s, damping: false}\n"


@pytest.mark.parametrize("what,advert_ms", [*((what, 100) for what in BREAK), ("interface", 1000)])
@pytest.mark.parametrize("peer", ["standbyd", "keepalived"])
def test_what_is_required_is_missed(uplink, peer, advert_ms, what):
    name, why, cut, mend = BREAK[what]
    two = uplink(peer=peer, advert_ms=advert_ms, bonds=BOND if what == "bond" else "", require=f'["{name}"]')
    assert two.d1.vip()["tracks"] == [{"name": name, "required": True, "lower": 0, "there": True, "reason_code": "none", "reason": ""}]
    since = now()
    cut(two)
    two.moved("lb2", since)
    wait_for(lambda: two.d1.state() == "fault", 10)
    vip = two.d1.vip()
    assert vip["reason_code"] == "required" and f"requires {name}, but " in vip["reason"], vip
    assert vip["tracks"][0]["reason_code"] == why and not vip["tracks"][0]["there"] and not two.n1.holds()
    since = now()
    mend(two)
    # keepalived drops the address at our first advert: a packet that was on its way to it then is answered by nobody.
    two.moved("lb1", since, lost=peer == "keepalived", deadline=15)


@pytest.mark.parametrize("peer", ["standbyd", "keepalived"])
def test_a_lowered_priority_is_told_at_once(uplink, peer):
    two = uplink(peer=peer, advert_ms=1000, lower='{"interface:eno2": 150}')
    sniffer = two.lab.sniff()
    since = two.n1.pull("eno2")
    wait_for(lambda: [a for a in sniffer.adverts("192.0.2.11", since) if a["priority"] == 50], 2)
    first = next(a["at"] for a in sniffer.adverts("192.0.2.11", since) if a["priority"] == 50)
    assert first - since <= slack_ms() * MS, (first - since) / MS
    assert two.d1.vip()["effective_priority"] == 50 and two.d1.vip()["priority"] == 200
    assert any("its priority is 50 and not 200" in warning for warning in two.d1.status()["warnings"])
    assert "priority 50 of 200" in two.d1.ctl("status").stdout
    two.moved("lb2", since)
    wait_for(lambda: two.d1.state() == "backup", 10)
    since = two.n1.plug("eno2")
    two.moved("lb1", since, lost=peer == "keepalived")
    assert two.d1.vip()["effective_priority"] == 200


@pytest.mark.parametrize("peer", ["standbyd", "keepalived"])
def test_preempt_off_keeps_no_sick_node_active(uplink, peer):
    """The priorities are far apart: what decides is their difference in 256ths of an advert, 387 ms of 1 s here. Of 100 ms it
    is what a busy machine may keep a process waiting."""
    advert_ms = 1000
    two = uplink(peer=peer, advert_ms=advert_ms, preempt="false", lower='{"interface:eno2": 199}')
    since = two.n1.pull("eno2")
    two.moved("lb2", since)
    wait_for(lambda: two.d1.state() == "backup", 10)
    since = two.n1.plug("eno2")
    wait_for(lambda: two.d1.vip()["effective_priority"] == 200, 5)
    pass_time(2 * bound_ms(advert_ms, 100) / 1000)
    window = two.probe.window(since)
    assert window.lost == 0 and window.nodes == ["lb2"], f"healthy again, and preempt is off: {window}"


@pytest.mark.parametrize("peer", ["standbyd", "keepalived"])
def test_a_sick_node_that_is_still_the_best_goes_on(uplink, peer):
    two = uplink(peer=peer, preempt="false", lower='{"interface:eno2": 20}')
    since = two.n1.pull("eno2")
    wait_for(lambda: two.d1.vip()["reason_code"] == "reelected", 5)
    pass_time(2 * bound_ms(100, 100) / 1000)
    assert two.d1.state() == "active" and two.d1.vip()["effective_priority"] == 180
    window = two.probe.window(since)
    assert window.lost <= allowed() and window.nodes[0] == "lb1" and window.nodes[-1] == "lb1", window


def test_a_reload_that_requires_what_is_there_demotes_nobody(uplink):
    two = uplink()
    since = now()
    two.options = {"require": '["route:203.0.113.0/24", "interface:eno2"]', "lower": '{"interface:wg0": 10}'}
    two.d1.write(two.config(200))
    assert two.d1.ctl("reload").returncode == 0
    wait_for(lambda: two.d1.vip()["effective_priority"] == 190, 5)
    pass_time(1)
    window = two.probe.window(since)
    assert window.lost == 0 and window.nodes == ["lb1"] and two.d1.state() == "active", window
    assert VIP in two.n1.addresses()
