# SPDX-License-Identifier: GPL-2.0-or-later
"""What strangers put on the wire that is well formed: reserved bits, lower and better adverts, other lists, claims. What is
dropped is in test_drops.py."""
import pytest
from scapy.layers.inet6 import ICMPv6ND_NS, ICMPv6NDOptSrcLLAddr, IPv6
from scapy.layers.l2 import ARP, Ether

from conftest import FORMS
from frames import Wire, advert, advert6, frame, frame6
from lab import MS, VIP, VIP6, now, pass_time, wait_for


@pytest.mark.parametrize("form", ["v3", "ipv6"])
def test_reserved_bits_are_ignored(pair, form):
    two = pair(**FORMS[form])
    wire = Wire(two.lab)
    before = two.d1.vip()["counters"]["adverts_received"]
    reserved = 0xF << 12 | 10
    wire.send(frame6(advert6(priority=5, interval=reserved)) if form == "ipv6" else frame(advert(priority=5, interval=reserved)))
    wait_for(lambda: two.d1.vip()["counters"]["adverts_received"] == before + 1, 3)
    assert two.d1.state() == "active" and not two.d1.vip()["counters"]["interval_differs"]


@pytest.mark.parametrize("form", ["v3", "ipv6"])
def test_only_the_active_node_answers_for_the_address(pair, form):
    """A backup answers neither ARP nor neighbour solicitations: the one before it took over, and the other after it let go."""
    two = pair(**FORMS[form])
    wire, sniffer, mac = Wire(two.lab), two.lab.sniff(), two.lab.client.mac("cli0")
    if form == "ipv6":
        question = bytes(Ether(src=mac, dst="33:33:ff:00:01:00") / IPv6(src="2001:db8::200", dst="ff02::1:ff00:100", hlim=255) /
                         ICMPv6ND_NS(tgt=VIP6) / ICMPv6NDOptSrcLLAddr(lladdr=mac))
    else:
        question = bytes(Ether(src=mac, dst="ff:ff:ff:ff:ff:ff") / ARP(op=1, hwsrc=mac, psrc="192.0.2.200", pdst=VIP))

    def answers(since):
        return [f["tlla"] if f["kind"] == "na" else f["sha"] for f in sniffer.drain() if f["at"] >= since and
                (f["kind"] == "na" and f["target"] == VIP6 and f["flags"] & 0x40 or
                 f["kind"] == "arp" and f["op"] == 2 and f["spa"] == VIP and not f["gratuitous"])]

    def asked():
        since = now()
        for _ in range(5):
            wire.send(question)
        wait_for(lambda: len(answers(since)) >= 5, 3, "five answers")
        pass_time(0.1)
        return set(answers(since))
    assert asked() == {two.n1.mac("eno1")}
    two.d1.stop()
    two.probe.answered_by("lb2", 10)
    assert asked() == {two.n2.mac("eno1")}


def test_a_losers_advert_is_answered_at_once_but_not_endlessly(pair):
    two = pair(advert_ms=1000)
    wire, sniffer = Wire(two.lab), two.lab.sniff()
    # The advert with which it became active counts as an answer: the first one comes an interval later at the earliest.
    pass_time(1.2)
    start = now()
    since = wait_for(lambda: sniffer.adverts("192.0.2.11", start), 5, "its next advert in turn")[0]["at"] + MS
    for _ in range(50):
        wire.send(frame(advert(priority=5, interval=100)))
        pass_time(0.01)
    ours = [(f["at"] - since) / MS for f in sniffer.adverts("192.0.2.11", since)]
    assert len(ours) == 1 and ours[0] < 500, ours
    assert sniffer.garps(VIP, since)
    assert two.d1.state() == "active"


def test_a_valid_better_advert_is_obeyed_and_survived(pair):
    """There is no authentication in VRRPv3: a better one is believed, and when it falls silent we are back."""
    two = pair()
    wire = Wire(two.lab)
    wire.send(frame(advert(priority=250)))
    wait_for(lambda: two.d1.state() in ("leaving", "backup"), 3)
    wait_for(lambda: two.d1.state() == "active", 5)
    two.probe.answered_by("lb1", 5)
    reasons = [e["reason_code"] for e in two.d1.events()]
    assert "lost-election" in reasons, reasons


def test_another_address_list_is_counted_and_never_elected_on(pair):
    two = pair()
    wire = Wire(two.lab)
    since = now()
    before = two.d1.vip()["counters"]["address_list_differs"]
    wire.send(frame(advert(priority=5, addresses=("192.0.2.150", "192.0.2.151"))))
    wait_for(lambda: two.d1.vip()["counters"]["address_list_differs"] == before + 1, 3)
    window = two.probe.window(since)
    assert window.lost == 0 and two.d1.state() == "active", window


def test_a_strangers_claim_is_counted_and_answered(pair):
    """RFC 5227, passively: who claims our address is named with its MAC, and our own claim follows."""
    two = pair()
    wire, sniffer = Wire(two.lab), two.lab.sniff()
    since = now()
    wire.send(bytes(Ether(src="02:00:00:00:66:66", dst="ff:ff:ff:ff:ff:ff") /
                    ARP(op=1, hwsrc="02:00:00:00:66:66", psrc=VIP, hwdst="00:00:00:00:00:00", pdst=VIP)))
    wait_for(lambda: any(e["code"] == "conflict" for e in two.d1.events()), 3)
    assert "02:00:00:00:66:66" in next(e["text"] for e in two.d1.events() if e["code"] == "conflict")
    wait_for(lambda: [g for g in sniffer.garps(VIP, since) if g["sha"] == two.n1.mac("eno1")], 3, "our claim")
    two.probe.answered_by("lb1", 3)
    assert two.d1.vip()["counters"]["conflicts"] >= 1
