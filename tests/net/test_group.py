# SPDX-License-Identifier: GPL-2.0-or-later
"""Vips that move together: two nodes, a member on each of their NICs; beside standbyd and beside keepalived's sync group."""
import pytest

from conftest import INTERVAL_US, allowed, bound_ms, slack_ms, vip_config
from lab import VIP, Keepalived, Standbyd, keepalived_instance, now, pass_time, wait_for

MAIL = "198.51.100.100"


class Edge:
    """web on eno1 and mail on eno2 of both nodes, a group; lb1 is better. `peer` runs on lb2."""

    def __init__(self, lab, peer="standbyd", advert_ms=100, priorities=(200, 100), **options):
        self.lab, self.advert_ms, self.options = lab, advert_ms, options
        self.n1, self.n2 = lab.nodes
        lab.client.address("cli0", "198.51.100.200/24")
        for node in lab.nodes:
            node.ready().sysctl("ipv4/conf/all/arp_ignore", 1)
            node.address("eno1", f"192.0.2.{10 + node.number}/24")
            node.address("eno2", f"198.51.100.{10 + node.number}/24")
        lab.answer()
        self.d1 = Standbyd(self.n1, self.config(self.n1, priorities[0]))
        if peer == "standbyd":
            self.d2 = Standbyd(self.n2, self.config(self.n2, priorities[1]))
        else:
            members = {"web": ("eno1", 51, VIP), "mail": ("eno2", 52, MAIL)}
            self.d2 = Keepalived(self.n2, "vrrp_sync_group edge {\n  group {\n    web\n    mail\n  }\n}\n" + "".join(
                keepalived_instance(name, interface, vrid, priorities[1], advert_ms / 1000, (ip,))
                for name, (interface, vrid, ip) in members.items()))

    def config(self, node, priority, more="", members="web, mail"):
        settings = {"priority": priority, "advert": f"{self.advert_ms}ms", **self.options}
        return (f"version: 1\nnode: {node.name}\nvips:\n" + vip_config(node, **settings)
                + vip_config(node, name="mail", vrid=52, on="eno2", addresses=[MAIL], **settings) + more
                + f"groups: {{edge: [{members}]}}\n")

    def start(self):
        self.d1.start()
        self.d2.start()
        self.web, self.mail = (self.lab.probe(ip, INTERVAL_US) for ip in (VIP, MAIL))
        self.answered_by("lb1", 15)
        return self

    def answered_by(self, node, deadline, since=None):
        self.web.answered_by(node, deadline, since)
        self.mail.answered_by(node, deadline, since)
        other = self.n2 if node == "lb1" else self.n1
        wait_for(lambda: not other.holds(VIP) and not other.holds(MAIL), 5, f"both have gone from {other.name}")


@pytest.fixture
def edge(make_lab):
    return lambda **options: Edge(make_lab(ports=2), **options).start()


@pytest.mark.parametrize("advert_ms", [100, 1000])
@pytest.mark.parametrize("peer", ["standbyd", "keepalived"])
def test_a_members_fault_takes_the_others_along(edge, peer, advert_ms):
    two = edge(peer=peer, advert_ms=advert_ms)
    since = two.n1.pull("eno2")
    two.answered_by("lb2", bound_ms(advert_ms, 100) / 1000 + 5, since)
    web, mail = two.web.window(since), two.mail.window(since)
    assert web.lost <= allowed() and web.nodes == ["lb1", "lb2"], f"web, which had link: {web}"
    assert mail.outage_ms <= bound_ms(advert_ms, 100) + slack_ms(), mail
    vips = {vip["name"]: vip for vip in two.d1.status()["vips"]}
    assert vips["mail"]["reason_code"] == "link-down" and vips["web"]["state"] == "fault", vips
    assert vips["web"]["reason_code"] == "group-member" and "mail" in vips["web"]["reason"] and vips["web"]["group"] == "edge"

    since = two.n1.plug("eno2")
    two.answered_by("lb1", bound_ms(advert_ms, 200) / 1000 + 10, since)
    for window in (two.web.window(since), two.mail.window(since)):
        assert window.nodes == ["lb2", "lb1"], window
        # keepalived's sync group drops the second member with the first, before we speak for it.
        assert window.lost <= allowed(1) if peer == "standbyd" else window.outage_ms <= slack_ms(), window


def test_handover_and_drain_move_the_whole_group(edge):
    two = edge()
    since = now()
    assert two.d1.ctl("handover", "mail", "--force").returncode == 0
    two.answered_by("lb2", 5, since)
    assert {vip["handed_over"] for vip in two.d1.status()["vips"]} == {True}
    assert two.d1.ctl("undrain").returncode == 0
    two.answered_by("lb1", 5)
    assert two.d1.ctl("drain").returncode == 0
    two.answered_by("lb2", 5)
    assert two.d1.ctl("undrain").returncode == 0
    two.answered_by("lb1", 5)
    for window in (two.web.window(since), two.mail.window(since)):
        assert window.lost <= allowed() and window.nodes == ["lb1", "lb2"] * 2 + ["lb1"], window


def test_a_new_member_does_not_demote_the_group(edge):
    two = edge()
    since = now()
    late = vip_config(two.n1, name="late", vrid=53, on="late0", priority=200, addresses=["203.0.113.100"], advert="100ms")
    two.d1.write(two.config(two.n1, 200, late, "late, web, mail"))
    assert two.d1.ctl("reload").returncode == 0
    assert two.d1.state("late") == "init" and two.d1.state() == "active"
    pass_time(2 * bound_ms(100, 100) / 1000)
    two.lab.plug_in(two.n1, "late0", "sw2", "02:00:00:00:01:09", index=19)
    two.n1.link_set("late0", state="up")
    two.n1.address("late0", "203.0.113.11/24")
    two.d1.wait_state("active", name="late")
    for window in (two.web.window(since), two.mail.window(since)):
        assert window.lost <= allowed() and window.nodes == ["lb1"], window
    since = two.n1.pull("eno2")
    two.answered_by("lb2", 5, since)
    wait_for(lambda: not two.n1.holds("203.0.113.100"), 5)
    assert two.d1.vip("late")["reason_code"] == "group-member"


def test_equal_priorities_with_addresses_in_opposite_order(make_lab):
    """Either node would win one member by its address: the first one of the list decides for both."""
    two = Edge(make_lab(ports=2), priorities=(100, 100))
    for node, host in ((two.n1, 21), (two.n2, 20)):
        node.address_del("eno2", f"198.51.100.{10 + node.number}", 24)
        node.address("eno2", f"198.51.100.{host}/24")
    two.d1.start()
    two.d2.start()
    # Started together they may both take over at the same moment; the larger address on web's link is lb2's.
    wait_for(lambda: {d.state() for d in (two.d1, two.d2)} == {"active", "backup"}
             and two.d1.state() == two.d1.state("mail") and two.d2.state() == two.d2.state("mail"), 10)
    holder = two.d1.state()
    pass_time(2 * bound_ms(100, 100) / 1000)
    assert two.d1.state() == two.d1.state("mail") == holder
    # Cut apart, both are active; joined again, only one is, and it has both.
    for cable in ("lb2-eno1", "lb2-eno2"):
        two.lab.switch.link_set(cable, master=0)
    wait_for(lambda: {d.state(n) for d in (two.d1, two.d2) for n in ("web", "mail")} == {"active"}, 10)
    for cable, switch in (("lb2-eno1", "sw1"), ("lb2-eno2", "sw2")):
        two.lab.switch.link_set(cable, master=two.lab.switch.index(switch))
    wait_for(lambda: {d.state(n) for d in (two.d2,) for n in ("web", "mail")} == {"active"}
             and {two.d1.state(n) for n in ("web", "mail")} == {"backup"}, 10, "lb2, which is larger on web's link, has both")


def test_status_shows_the_group(edge):
    two = edge()
    assert "group edge" in two.d1.ctl("status").stdout
    told = two.d1.ctl("check", "-v", two.d1.config_path).stdout
    assert "groups:\n  edge: [web, mail]\n" in told
