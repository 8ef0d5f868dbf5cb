# SPDX-License-Identifier: GPL-2.0-or-later
"""VRRP over IPv6: link-local sources, ff02::12, neighbour advertisements; beside ourselves. What it is beside others is in test_interop.py."""
import socket
import struct

import pytest

from conftest import Pair, allowed, plain_config, slack_ms, vip_config
from lab import MS, SECOND, VIP, VIP6, Standbyd, link_local_of, now, pass_time, wait_for

GROUP6 = "ff02::12"


def link_local(node, port="eno1"):
    """The port's own link-local address."""
    index = node.index(port)
    return next(a.get_attr("IFA_ADDRESS") for a in node.ip.get_addr(family=socket.AF_INET6)
                if a["index"] == index and a.get_attr("IFA_ADDRESS").startswith("fe80:")
                and not a.get_attr("IFA_ADDRESS").startswith("fe80::200:5eff:"))


def holds_link_local(node, vrid=51):
    return any(a.get_attr("IFA_ADDRESS") == link_local_of(vrid) for a in node.ip.get_addr(family=socket.AF_INET6))


def sum6(source, destination, message):
    """What remains of the sum over pseudo-header and message: 0 when the checksum is right."""
    data = socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, destination) + \
        struct.pack("!II", len(message), 112) + message
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


@pytest.fixture
def pair6(pair):
    return lambda **options: pair(addresses=(VIP6,), **options)


# ---- what we send ----

def test_send_ipv6(pair6):
    """Hop limit 255, the interface's link-local address as source, the group, reserved bits 0, a link-local address first, the
    checksum over the pseudo-header, 1 to 254 as priority."""
    two = pair6()
    sniffer = two.lab.sniff()
    adverts = wait_for(lambda: sniffer.adverts(), 3)
    for advert in adverts:
        assert advert["ttl"] == 255 and advert["source"] == link_local(two.n1) and advert["destination"] == GROUP6
        assert advert["bytes"][0] == 0x31 and advert["bytes"][4] & 0xF0 == 0
        assert advert["addresses"] == [link_local_of(51), VIP6]
        assert advert["priority"] == 200 and advert["interval_cs"] == 10
        assert sum6(advert["source"], advert["destination"], advert["bytes"]) == 0


def test_the_link_local_address_of_the_vrid_is_held_and_shown(pair6):
    two = pair6()
    assert two.d1.vip()["addresses"] == [f"{link_local_of(51)}/128", f"{VIP6}/128"]
    assert two.d1.vip()["family"] == "ipv6" and two.d1.vip()["active_source"] == link_local(two.n1)
    assert holds_link_local(two.n1) and not holds_link_local(two.n2)
    assert two.d2.vip()["active_source"] == link_local(two.n1)


@pytest.mark.parametrize("forwarding", [0, 1])
def test_neighbour_advertisements(make_lab, forwarding):
    """Router as the node is, Solicited clear, Override set; to all nodes, hop limit 255; for each address."""
    two = Pair(make_lab(ports=1), addresses=(VIP6,))
    two.n1.sysctl("ipv6/conf/eno1/forwarding", forwarding)
    sniffer = two.lab.sniff()
    two.start()
    for address in (VIP6, link_local_of(51)):
        first = wait_for(lambda a=address: sniffer.announcements(a), 3, f"an announcement of {address}")[0]
        assert first["flags"] == 0x20 | forwarding << 7, hex(first["flags"])
        assert first["destination"] == "ff02::1" and first["ttl"] == 255 and first["tlla"] == two.n1.mac("eno1")


# ---- between ourselves ----

def test_killed_and_restarted_keeps_its_role(pair6):
    two = pair6(advert_ms=1000)
    since = two.d1.kill9()
    two.d1.start().wait_state("active")
    pass_time(two.down_ms() / 1000 + 0.5)
    window = two.probe.window(since)
    assert window.lost <= allowed() and window.nodes == ["lb1"], window
    assert two.d1.vip()["reason_code"] == "resumed"


def test_both_families_with_one_vrid_on_one_interface(make_lab):
    lab = make_lab(ports=1)
    for node in lab.nodes:
        node.ready().address("eno1", f"192.0.2.{10 + node.number}/24")
    lab.answer()
    sniffer = lab.sniff()

    def config(node, four, six):
        return plain_config(node, vip_config(node, priority=four, name="four"),
                            vip_config(node, priority=six, name="six", addresses=(VIP6,)))
    one, two = Standbyd(lab.nodes[0], config(lab.nodes[0], 200, 100)), Standbyd(lab.nodes[1], config(lab.nodes[1], 100, 200))
    one.start()
    two.start()
    one.wait_state("active", name="four").wait_state("backup", name="six")
    two.wait_state("active", name="six").wait_state("backup", name="four")
    wait_for(lambda: lab.nodes[0].holds(VIP) and lab.nodes[1].holds(VIP6), 5)
    assert not lab.nodes[0].holds(VIP6) and not lab.nodes[1].holds(VIP)
    since = now()
    wait_for(lambda: len({f["source"] for f in sniffer.adverts(since=since)}) == 2, 3)
    assert {f["source"] for f in sniffer.adverts(since=since)} == {"192.0.2.11", link_local(lab.nodes[1])}


def test_a_tentative_source_is_waited_for(make_lab):
    """Duplicate detection takes a second or more; until it is over the vip waits in init and says so."""
    lab = make_lab(ports=1)
    node = lab.nodes[0]
    node.sysctl("ipv6/conf/eno1/accept_dad", 1)
    node.sysctl("ipv6/conf/eno1/dad_transmits", 2)
    daemon = Standbyd(node, plain_config(node, addresses=(VIP6,)))
    daemon.start()
    daemon.wait_state("fault")
    node.ready()
    wait_for(lambda: daemon.vip()["reason_code"] == "no-source", 5)
    daemon.wait_state("active", 10)
    codes = [e["reason_code"] for e in daemon.events() if e["code"] == "state" and e["object"] == "web"]
    assert codes.index("no-source") < codes.index("listening"), codes


def test_moving_bond_sends_from_the_port_in_use(make_lab):
    lab = make_lab()
    node = lab.nodes[0]
    lab.answer()
    daemon = Standbyd(node, f"version: 1\nnode: {node.name}\nbonds:\n  lan:\n    driver: move\n    ports: [eno1, eno2]\n"
                            f"    addresses: [192.0.2.11/24, \"2001:db8::11/64\"]\nvips:\n" + vip_config(node, on="lan", addresses=(VIP6,)))
    daemon.start().wait_state("active")
    sniffer, probe = lab.sniff(), lab.probe(VIP6)
    first = link_local(node, "eno1")
    wait_for(lambda: sniffer.adverts(first), 3, "an advert from eno1's address")
    probe.answered_by(node.name, 5)
    since = node.pull("eno1")
    second = link_local(node, "eno2")
    wait_for(lambda: sniffer.adverts(second, since), 3, "an advert from eno2's address")
    probe.answered_by(node.name, 5, since)
    assert node.holds(VIP6) == "eno2" and daemon.state() == "active"
    assert daemon.vip()["active_source"] == second


def test_killed_for_good_loses_its_addresses(pair6):
    """The kernel takes them when the lease of at least 10 s ends."""
    two = pair6(advert_ms=1000)
    since = two.d1.kill9()
    wait_for(lambda: not two.n1.holds(VIP6), 15)
    went = two.n1.changes(VIP6, since=since)[-1][0]
    assert went - since <= 11.5 * SECOND + slack_ms() * MS
    two.probe.answered_by("lb2", 8)
